#include "feed.h"

#include "base/buffer.h"
#include "message.h"
#include "report.h"

const char *const feed_form_names[] = {[FEED_LINE] = "line",
                                       [FEED_NUL] = "nul",
                                       [FEED_LEN32] = "len32",
                                       [FEED_WHOLE] = "whole",
                                       [FEED_JSON] = "json",
                                       [FEED_HEX] = "hex",
                                       NULL};

static input_framing_t s_framing (feed_form_t form)
{
    switch (form) {
    case FEED_NUL:
        return INPUT_NUL;
    case FEED_LEN32:
        return INPUT_LEN32;
    case FEED_WHOLE:
        return INPUT_WHOLE;
    case FEED_LINE:
    case FEED_JSON:
    case FEED_HEX:
        break;
    }
    return INPUT_LINE;
}

//  A line of JSON or hex is longer than the message in it: every byte may be
//  an escape of six characters, and there are brackets.
static size_t s_longest_record (feed_form_t form, size_t max_size)
{
    bool written_out = form == FEED_JSON || form == FEED_HEX;
    return written_out ? 6 * max_size + 4096 : max_size;
}

static int s_check_size (const feed_t *self, zmsg_t *message)
{
    size_t size = zmsg_content_size (message);
    if (size <= self->max_size)
        return EXIT_OK;
    return report (EXIT_MALFORMED, "a larger --max-size",
                   "message %llu: %zu bytes, and %zu are allowed",
                   (unsigned long long) self->given + 1, size, self->max_size);
}

//  Append an argument as a frame.
static int s_add_argument (feed_t *self, zmsg_t *message, const char *argument)
{
    zloom_buffer_t bytes = {0};
    int status = input_argument (argument, self->max_size, &bytes);
    if (status == EXIT_OK) {
        zmsg_addmem (message, bytes.data, bytes.size);
        status = s_check_size (self, message);
    }
    zloom_buffer_clear (&bytes);
    return status;
}

static void s_destroy_message (void **item)
{
    zmsg_destroy ((zmsg_t **) item);
}

static zmsg_t *s_add_message (feed_t *self)
{
    zmsg_t *message = zmsg_new ();
    zlistx_add_end (self->fixed, message);
    return message;
}

//  Keep the messages of the command line. They are read now, so that a file
//  that is missing is told before anything is sent.
static int s_fix (feed_t *self, const feed_options_t *options)
{
    int status = EXIT_OK;
    self->fixed = zlistx_new ();
    zlistx_set_destructor (self->fixed, s_destroy_message);
    for (size_t i = 0; status == EXIT_OK && i < options->data.count; i++)
        status = s_add_argument (self, s_add_message (self), options->data.items[i]);
    zmsg_t *together = options->frames.count ? s_add_message (self) : NULL;
    for (size_t i = 0; status == EXIT_OK && i < options->frames.count; i++)
        status = s_add_argument (self, together, options->frames.items[i]);
    return status;
}

int feed_open (feed_t *self, const feed_options_t *options, uint64_t most)
{
    *self =
        (feed_t){.form = (feed_form_t) options->form, .max_size = options->max_size, .most = most};
    input_open (&self->input, STDIN_FILENO, s_framing (self->form),
                s_longest_record (self->form, self->max_size));
    if (options->data.count == 0 && options->frames.count == 0)
        return EXIT_OK;
    int status = s_fix (self, options);
    if (most == FEED_ALL)
        self->most = zlistx_size (self->fixed);
    return status;
}

void feed_close (feed_t *self)
{
    zlistx_destroy (&self->fixed);
    input_close (&self->input);
}

//  Make a message of a record.
static input_state_t s_parse (feed_t *self, zloom_bytes_t record, zmsg_t **ret_message)
{
    zloom_error_t error;
    zloom_code_t code = ZLOOM_OK;
    zmsg_t *message = zmsg_new ();
    if (self->form == FEED_JSON)
        code = message_read_json (message, record, &error);
    else if (self->form == FEED_HEX)
        code = message_read_hex (message, record, &error);
    else
        zmsg_addmem (message, record.data, record.size);
    if (code) {
        zloom_error_wrap (&error, "input, line %llu", (unsigned long long) self->input.records);
        self->status = report_error (&error);
    } else
        self->status = s_check_size (self, message);
    if (self->status != EXIT_OK) {
        zmsg_destroy (&message);
        return INPUT_BAD;
    }
    *ret_message = message;
    return INPUT_RECORD;
}

input_state_t feed_next (feed_t *self, zmsg_t **ret_message)
{
    zloom_bytes_t record;
    input_state_t state = INPUT_RECORD;
    if (self->given == self->most)
        return INPUT_END;
    if (self->fixed) {
        zmsg_t *next = (zmsg_t *) zlistx_next (self->fixed);
        *ret_message = zmsg_dup (next ? next : (zmsg_t *) zlistx_first (self->fixed));
    } else {
        state = input_next (&self->input, &record);
        self->status = self->input.status;
        if (state == INPUT_RECORD)
            state = s_parse (self, record, ret_message);
    }
    if (state == INPUT_RECORD)
        self->given++;
    return state;
}

int feed_descriptor (const feed_t *self)
{
    return self->fixed ? -1 : self->input.fd;
}

bool feed_fill (feed_t *self)
{
    bool read = input_fill (&self->input);
    self->status = self->input.status;
    return read;
}
