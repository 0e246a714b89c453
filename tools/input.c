#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

enum { READ_SIZE = 65536, LENGTH_SIZE = 4 };

void input_open (input_t *self, int fd, input_framing_t framing, size_t most)
{
    *self = (input_t){.fd = fd, .framing = framing, .most = most};
}

void input_close (input_t *self)
{
    zloom_buffer_clear (&self->buffer);
}

static bool s_read (int fd, zloom_buffer_t *buffer, bool *ret_at_end)
{
    if (!zloom_buffer_reserve (buffer, READ_SIZE))
        report_no_memory ();
    ssize_t got = read (fd, buffer->data + buffer->size, READ_SIZE);
    if (got > 0)
        buffer->size += (size_t) got;
    *ret_at_end = got == 0;
    return got >= 0 || errno == EAGAIN || errno == EINTR;
}

bool input_fill (input_t *self)
{
    if (self->taken) {
        self->buffer.size -= self->taken;
        memmove (self->buffer.data, self->buffer.data + self->taken, self->buffer.size);
        self->taken = 0;
    }
    if (s_read (self->fd, &self->buffer, &self->at_end))
        return true;
    self->status = report (EXIT_IO, NULL, "cannot read the input: %s", strerror (errno));
    return false;
}

static input_state_t s_too_long (input_t *self)
{
    self->status =
        report (EXIT_MALFORMED, "a larger --max-size", "input, record %llu: longer than %zu bytes",
                (unsigned long long) self->records + 1, self->most);
    return INPUT_BAD;
}

//  Hand out `size` bytes that begin `head` bytes on, and pass over `tail` more.
static input_state_t s_hand_out (input_t *self, size_t head, size_t size, size_t tail,
                                 zloom_bytes_t *ret_record)
{
    if (size > self->most)
        return s_too_long (self);
    *ret_record = zloom_bytes (self->buffer.data + self->taken + head, size);
    self->taken += head + size + tail;
    self->scanned = 0;
    self->records++;
    return INPUT_RECORD;
}

//  Records that end in a byte; the last one may lack it.
static input_state_t s_next_ended (input_t *self, int end, zloom_bytes_t *ret_record)
{
    const uint8_t *start = self->buffer.data + self->taken;
    size_t have = self->buffer.size - self->taken;
    const uint8_t *found =
        have > self->scanned ? memchr (start + self->scanned, end, have - self->scanned) : NULL;
    if (found)
        return s_hand_out (self, 0, (size_t) (found - start), 1, ret_record);
    if (self->at_end)
        return have ? s_hand_out (self, 0, have, 0, ret_record) : INPUT_END;
    self->scanned = have;
    return have > self->most ? s_too_long (self) : INPUT_MORE;
}

static input_state_t s_next_len32 (input_t *self, zloom_bytes_t *ret_record)
{
    const uint8_t *start = self->buffer.data + self->taken;
    size_t have = self->buffer.size - self->taken;
    if (have >= LENGTH_SIZE) {
        size_t size =
            (size_t) start[0] << 24 | (size_t) start[1] << 16 | (size_t) start[2] << 8 | start[3];
        if (size > self->most)
            return s_too_long (self);
        if (have - LENGTH_SIZE >= size)
            return s_hand_out (self, LENGTH_SIZE, size, 0, ret_record);
    }
    if (!self->at_end)
        return INPUT_MORE;
    if (have == 0)
        return INPUT_END;
    self->status = report (EXIT_MALFORMED, NULL, "input, record %llu: cut off at its end",
                           (unsigned long long) self->records + 1);
    return INPUT_BAD;
}

static input_state_t s_next_whole (input_t *self, zloom_bytes_t *ret_record)
{
    size_t have = self->buffer.size - self->taken;
    if (have > self->most)
        return s_too_long (self);
    if (!self->at_end)
        return INPUT_MORE;
    return self->records ? INPUT_END : s_hand_out (self, 0, have, 0, ret_record);
}

input_state_t input_next (input_t *self, zloom_bytes_t *ret_record)
{
    switch (self->framing) {
    case INPUT_LINE:
        return s_next_ended (self, '\n', ret_record);
    case INPUT_NUL:
        return s_next_ended (self, 0, ret_record);
    case INPUT_LEN32:
        return s_next_len32 (self, ret_record);
    case INPUT_WHOLE:
        return s_next_whole (self, ret_record);
    }
    return INPUT_END;
}

//  Read all of a file, at most `most` bytes of it.
static int s_read_file (int fd, const char *name, size_t most, zloom_buffer_t *ret_bytes)
{
    size_t before = ret_bytes->size;
    bool at_end = false;
    while (!at_end) {
        if (!s_read (fd, ret_bytes, &at_end))
            return report (EXIT_IO, NULL, "cannot read '%s': %s", name, strerror (errno));
        if (ret_bytes->size - before > most)
            return report (EXIT_MALFORMED, "a larger --max-size", "'%s' is longer than %zu bytes",
                           name, most);
    }
    return EXIT_OK;
}

int input_argument (const char *argument, size_t most, zloom_buffer_t *ret_bytes)
{
    if (argument[0] != '@' || argument[1] == '@') {
        const char *text = argument[0] == '@' ? argument + 1 : argument;
        if (!zloom_buffer_append (ret_bytes, text, strlen (text)))
            report_no_memory ();
        return EXIT_OK;
    }
    const char *name = argument + 1;
    if (strcmp (name, "-") == 0)
        return s_read_file (STDIN_FILENO, "-", most, ret_bytes);
    int fd = open (name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return report (EXIT_IO, NULL, "cannot open '%s': %s", name, strerror (errno));
    int status = s_read_file (fd, name, most, ret_bytes);
    close (fd);
    return status;
}
