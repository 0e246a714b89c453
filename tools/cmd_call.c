#include "commands.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "data/pack.h"
#include "input.h"
#include "output.h"
#include "params.h"
#include "report.h"
#include "service.h"
#include "stop.h"

static struct {
    option_list_t strings;
    option_list_t headers;
    const char *params;
    const char *key;
    const char *trace;
    uint64_t window;
    bool lines;
    bool unordered;
    bool stream;
    bool notify;
} s_given;

static const option_row_t s_options[] = {
    {.name = "string",
     .letter = 's',
     .kind = OPTION_WORD,
     .metavar = "TEXT",
     .help = "an argument that is a string, whatever it looks like",
     .into.list = &s_given.strings},
    {.name = "params",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .metavar = "JSON",
     .help = "all arguments as one JSON array",
     .into.text = &s_given.params},
    {.name = "lines",
     .letter = 'l',
     .kind = OPTION_FLAG,
     .help = "a call for each line of stdin: its last argument, or a JSON array of them",
     .into.flag = &s_given.lines},
    {.name = "async",
     .kind = OPTION_COUNT,
     .metavar = "N",
     .fallback = "1",
     .help = "calls under way at a time, with -l",
     .into.count = &s_given.window},
    {.name = "unordered",
     .kind = OPTION_FLAG,
     .help = "results as they come, each with the number of its line",
     .into.flag = &s_given.unordered},
    {.name = "stream",
     .kind = OPTION_FLAG,
     .help = "take a reply of many items, each a line",
     .into.flag = &s_given.stream},
    {.name = "notify",
     .kind = OPTION_FLAG,
     .help = "send without waiting for a reply",
     .into.flag = &s_given.notify},
    {.name = "header",
     .letter = 'H',
     .kind = OPTION_LIST,
     .metavar = "NAME=VALUE",
     .help = "a header for the handler; may be repeated",
     .into.list = &s_given.headers},
    {.name = "key",
     .kind = OPTION_TEXT,
     .metavar = "TEXT",
     .help = "idempotency key, at most 64 bytes",
     .into.text = &s_given.key},
    {.name = "trace",
     .kind = OPTION_TEXT,
     .metavar = "TEXT",
     .help = "W3C traceparent",
     .into.text = &s_given.trace},
    SERVICE_OPTIONS,
    OUTPUT_OPTIONS,
    OPTION_END};

//  What all calls of this run have in common.
typedef struct {
    zloom_buffer_t fixed;  //  Arguments of the command line, packed one after the other
    size_t fixed_count;
    zloom_buffer_t headers;
    zloom_buffer_t params;  //  Of the call being begun
    input_t input;          //  Lines
    bool has_input;
    bool is_fed;     //  No more calls are to be begun
    bool is_lively;  //  A reply came in the last turn, or a call was begun
    caller_t caller;
} run_t;

//  Arguments.

static bool s_is_forced_string (const char *word)
{
    for (size_t i = 0; i < s_given.strings.count; i++)
        if (s_given.strings.items[i] == word)
            return true;
    return false;
}

//  A word of the command line; "-" is all of stdin.
static int s_add_word (run_t *self, const char *word, size_t number)
{
    zloom_buffer_t text = {0};
    int status = EXIT_OK;
    zloom_error_t error;
    bool is_stdin = strcmp (word, "-") == 0 && !s_is_forced_string (word);
    if (is_stdin)
        status = input_argument ("@-", service_given.max_size, &text);
    else
        zloom_buffer_append (&text, word, strlen (word));
    if (!status && s_is_forced_string (word))
        params_string (zloom_buffer_bytes (&text), &self->fixed);
    else if (!status && params_word (zloom_buffer_bytes (&text), &self->fixed, &error)) {
        zloom_error_wrap (&error, is_stdin ? "stdin" : "argument %zu", number);
        status = report_error (&error);
    }
    self->fixed_count++;
    zloom_buffer_clear (&text);
    return status;
}

static int s_add_words (run_t *self, int count, char **words)
{
    if (s_given.params && count)
        return report_usage ("--params is all arguments; '%s' is one more", words[0]);
    int status = EXIT_OK;
    for (int i = 0; i < count && !status; i++)
        status = s_add_word (self, words[i], (size_t) i + 1);
    return status;
}

static int s_add_headers (run_t *self)
{
    const option_list_t *list = &s_given.headers;
    if (list->count == 0)
        return EXIT_OK;
    zloom_pack_map_head (&self->headers, (uint32_t) list->count);
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr (list->items[i], '=');
        if (!equals)
            return report_usage ("--header NAME=VALUE: '%s' has no '='", list->items[i]);
        zloom_pack_str (&self->headers,
                        zloom_bytes (list->items[i], (size_t) (equals - list->items[i])));
        zloom_pack_str (&self->headers, zloom_bytes_str (equals + 1));
    }
    return EXIT_OK;
}

static void s_fill_options (run_t *self)
{
    zloom_call_options_t *options = &self->caller.options;
    options->stream = s_given.stream;
    options->trace = s_given.trace;
    options->key = zloom_bytes_str (s_given.key);
    options->headers = zloom_buffer_bytes (&self->headers);
}

//  Calls.

//  Begin the call of a line, or the only one (line NULL).
static void s_begin (run_t *self, const zloom_bytes_t *line)
{
    zloom_bytes_t whole = zloom_bytes_str (s_given.params);
    zloom_error_t error;
    uint64_t number = self->input.records;
    self->is_lively = true;
    if (params_build (zloom_buffer_bytes (&self->fixed), self->fixed_count,
                      s_given.params ? &whole : line, &self->params, &error)) {
        if (s_given.params)
            zloom_error_wrap (&error, "--params");
        caller_fail (&self->caller, number, &error);
    } else if (s_given.notify)
        caller_notify (&self->caller, number, zloom_buffer_bytes (&self->params));
    else
        caller_start (&self->caller, number, zloom_buffer_bytes (&self->params));
}

static bool s_has_room (const run_t *self)
{
    return !self->is_fed && self->caller.under_way < s_given.window;
}

//  Begin what can be begun. True: stdin is to be read for more.
static bool s_feed_some (run_t *self)
{
    if (!self->has_input && !self->is_fed) {
        s_begin (self, NULL);
        self->is_fed = true;
    }
    while (s_has_room (self)) {
        zloom_bytes_t line;
        input_state_t state = input_next (&self->input, &line);
        if (state == INPUT_MORE)
            return true;
        if (state == INPUT_RECORD)
            s_begin (self, &line);
        self->is_fed = state == INPUT_END || state == INPUT_BAD || self->caller.nobody;
        if (state == INPUT_BAD && !self->caller.status)
            self->caller.status = self->input.status;
    }
    return false;
}

//  The same; what is begun together leaves together.
static bool s_feed (run_t *self)
{
    zloom_client_cork (self->caller.client);
    bool wants_line = s_feed_some (self);
    zloom_client_uncork (self->caller.client);
    return wants_line;
}

//  Wait for a reply, a line, or Ctrl-C. False: it is time to give up.
static bool s_turn (run_t *self, int stop, bool wants_line)
{
    struct pollfd polls[] = {{stop, POLLIN, 0},
                             {zloom_client_descriptor (self->caller.client), POLLIN, 0},
                             {wants_line ? STDIN_FILENO : -1, POLLIN, 0}};
    uint32_t look_ms = engine_look_ms (self->is_lively);
    size_t under_way = self->caller.under_way;
    output_idle ();
    poll (polls, 3, look_ms ? 0 : -1);
    if (polls[2].revents && !input_fill (&self->input)) {
        self->caller.status = self->input.status;
        return false;
    }
    zloom_client_process (self->caller.client, look_ms);
    self->is_lively = self->caller.under_way != under_way;
    return stop_wish () == STOP_NO && !output_failed ();
}

static int s_call_all (run_t *self, int stop)
{
    bool goes_on = true;
    while (goes_on) {
        bool wants_line = s_feed (self);
        if (self->is_fed && self->caller.under_way == 0)
            break;
        goes_on = s_turn (self, stop, wants_line) && !self->caller.nobody;
    }
    caller_cancel (&self->caller);
    return stop_exit_code (self->caller.status);
}

//  Notifications go to a connection that is up; the first waits for one.
static bool s_make_ready (run_t *self)
{
    if (!s_given.notify
        || zloom_client_wait_ready (self->caller.client,
                                    (uint32_t) (service_given.connect_timeout / ZLOOM_MSEC))
               == ZLOOM_OK)
        return true;
    caller_fail (&self->caller, 0, zloom_client_last_error (self->caller.client));
    return false;
}

static int s_open_and_call (run_t *self, const char *address)
{
    int status = EXIT_OK, stop = stop_open ();
    if (stop < 0)
        return EXIT_IO;
    self->caller.client = service_open (address, &status);
    if (!self->caller.client)
        return status;
    s_fill_options (self);
    if (s_make_ready (self))
        s_call_all (self, stop);
    zloom_client_destroy (&self->caller.client);
    return stop_exit_code (self->caller.status);
}

static int s_run (int argc, char **argv)
{
    if (s_given.window == 0)
        return report_usage ("--async N: N is at least 1");
    if (s_given.lines && s_given.params)
        return report_usage ("--lines and --params exclude each other");
    run_t run = {.has_input = s_given.lines,
                 .caller = {.address = argv[0],
                            .method = argv[1],
                            .numbers = s_given.lines,
                            .unordered = s_given.unordered}};
    STAILQ_INIT (&run.caller.queue);
    input_open (&run.input, STDIN_FILENO, INPUT_LINE, service_given.max_size);
    int status = s_add_words (&run, argc - 2, argv + 2);
    if (!status)
        status = s_add_headers (&run);
    if (!status)
        status = s_open_and_call (&run, argv[0]);
    input_close (&run.input);
    zloom_buffer_clear (&run.fixed);
    zloom_buffer_clear (&run.headers);
    zloom_buffer_clear (&run.params);
    return output_end (status);
}

const command_t command_call = {
    .name = "call",
    .summary = "Call a method of a service",
    .arguments = "ADDRESS METHOD [ARG...]",
    .least = 2,
    .most = -1,
    .about = "An ARG that starts with {, [ or \" is JSON; a number, true, false or null is\n"
             "that; - is all of stdin; anything else is a string. The result goes to stdout.\n"
             "The service may be zloom's, or any that speaks MessagePack-RPC on a ROUTER.",
    .examples = "  zloom call tcp://127.0.0.1:5555 add 1 2\n"
                "  zloom call tcp://127.0.0.1:5555 wc \"some text\"\n"
                "  zloom call tcp://127.0.0.1:5555 echo '{\"a\": [1, 2]}' -s 42\n"
                "  seq 1000 | zloom call tcp://127.0.0.1:5555 square -l --async 100",
    .options = s_options,
    .run = s_run};
