#include "exec.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/memory.h"
#include "child.h"
#include "data/json.h"
#include "data/pack.h"
#include "report.h"
#include "split.h"

//  A method.
typedef struct command_method {
    SLIST_ENTRY (command_method) next;
    exec_t *exec;
    char **words;  //  Owned
} method_t;

//  A request: waiting, or with a child.
typedef struct job {
    TAILQ_ENTRY (job) next;
    const method_t *method;
    zloom_call_t *call;  //  NULL: nobody waits any more
    zloom_time_t until;  //  When its time is over
    bool is_late;        //  It was
    child_t child;
} job_t;

TAILQ_HEAD (job_queue, job);

struct exec {
    const exec_options_t *options;
    zloom_server_t *server;
    SLIST_HEAD (method_list, command_method) methods;
    struct job_queue waiting;
    struct job_queue running;
    size_t count;  //  Running
};

exec_t *exec_new (const exec_options_t *options, zloom_server_t *server)
{
    exec_t *self = (exec_t *) zloom_alloc (sizeof *self);
    if (!self)
        report_no_memory ();
    self->options = options;
    self->server = server;
    SLIST_INIT (&self->methods);
    TAILQ_INIT (&self->waiting);
    TAILQ_INIT (&self->running);
    return self;
}

static void s_free_job (job_t *job)
{
    child_close (&job->child);
    zloom_free (job);
}

//  A call that is not answered would come back to a job that is gone.
static void s_abandon (job_t *job)
{
    if (job->call)
        zloom_call_fail (job->call, ZLOOM_UNAVAILABLE, "the service ended before its command");
    s_free_job (job);
}

void exec_destroy (exec_t **self_p)
{
    exec_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    job_t *job;
    while ((job = TAILQ_FIRST (&self->running))) {
        TAILQ_REMOVE (&self->running, job, next);
        child_kill (&job->child);
        s_abandon (job);
    }
    while ((job = TAILQ_FIRST (&self->waiting))) {
        TAILQ_REMOVE (&self->waiting, job, next);
        s_abandon (job);
    }
    method_t *method;
    while ((method = SLIST_FIRST (&self->methods))) {
        SLIST_REMOVE_HEAD (&self->methods, next);
        zloom_free (method->words);
        zloom_free (method);
    }
    zloom_free (self);
}

//  Answers.

//  Values may be as large as what a command may print, which is --max-size.
static zloom_limits_t s_limits (const job_t *job)
{
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    limits.max_size = (uint32_t) job->method->exec->options->max_output;
    return limits;
}

//  What the command printed: JSON if it is that, else text without the newline
//  that ends it, or bytes if it is no text.
static void s_reply_output (job_t *job)
{
    zloom_bytes_t output = zloom_buffer_bytes (&job->child.output);
    zloom_buffer_t value = {0};
    zloom_limits_t limits = s_limits (job);
    if (output.size && zloom_json_to_msgpack (output, &limits, &value, NULL) == ZLOOM_OK) {
        zloom_call_reply_bytes (job->call, zloom_buffer_bytes (&value));
        zloom_buffer_clear (&value);
        return;
    }
    if (output.size && output.data[output.size - 1] == '\n')
        output.size--;
    zloom_pack_str (&value, output);
    zloom_call_reply_bytes (job->call, zloom_buffer_bytes (&value));
    zloom_buffer_clear (&value);
}

//  The end of what was said, in one line; the library escapes the rest.
static void s_one_line (zloom_bytes_t said, char text[160])
{
    const size_t most = 120;  //  Each newline takes two places
    while (said.size && said.data[said.size - 1] == '\n')
        said.size--;
    if (said.size > most)
        said = zloom_bytes (said.data + said.size - most, most);
    size_t at = 0;
    for (size_t i = 0; i < said.size && at < 158; i++) {
        bool ends = said.data[i] == '\n';
        text[at++] = ends ? ';' : (char) said.data[i];
        if (ends)
            text[at++] = ' ';
    }
    text[at] = 0;
}

//  The end of stderr for a person; all of it that was kept, as data.
static void s_fail_output (job_t *job, const char *how)
{
    const zloom_buffer_t *errors = &job->child.errors;
    char text[160];
    s_one_line (zloom_buffer_bytes (errors), text);
    zloom_buffer_t data = {0};
    zloom_pack (&data, NULL, "{s:i s:b}", "exit", job->child.was_killed ? -1 : job->child.status,
                "stderr", errors->data, errors->size);
    zloom_call_fail_data (job->call, ZLOOM_UNKNOWN, zloom_buffer_bytes (&data), "'%s' %s%s%s",
                          job->method->words[0], how, text[0] ? ": " : "", text);
    zloom_buffer_clear (&data);
}

static void s_answer (job_t *job)
{
    const child_t *child = &job->child;
    char how[64];
    if (job->is_late)
        zloom_call_fail (job->call, ZLOOM_DEADLINE_EXCEEDED, "'%s' took too long and was ended",
                         job->method->words[0]);
    else if (child->is_too_long)
        zloom_call_fail (job->call, ZLOOM_RESOURCE_EXHAUSTED,
                         "'%s' printed more than %zu bytes and was ended", job->method->words[0],
                         child->most);
    else if (child->was_killed) {
        snprintf (how, sizeof how, "was ended by signal %d", child->status);
        s_fail_output (job, how);
    } else if (child->status != 0) {
        snprintf (how, sizeof how, "exited with %d", child->status);
        s_fail_output (job, how);
    } else
        s_reply_output (job);
}

//  Requests.

//  What the command reads.
static zloom_code_t s_make_input (const job_t *job, zloom_buffer_t *ret_input,
                                  zloom_error_t *reterr)
{
    zloom_bytes_t params = zloom_call_params (job->call);
    const exec_options_t *options = job->method->exec->options;
    if (options->input == EXEC_JSON) {
        zloom_limits_t limits = s_limits (job);
        zloom_code_t code = zloom_json_from_msgpack (params, 0, &limits, ret_input, reterr);
        zloom_buffer_append (ret_input, "\n", 1);
        return code;
    }
    const void *data;
    size_t size;
    zloom_buffer_t scratch = {0};
    zloom_code_t code = zloom_unpack (params, &scratch, reterr, "[b]", &data, &size);
    if (!code)
        zloom_buffer_append (ret_input, data, size);
    zloom_buffer_clear (&scratch);
    return code;
}

//  Start the command of a job, or answer why it cannot be.
static bool s_start (exec_t *self, job_t *job)
{
    zloom_buffer_t input = {0};
    zloom_error_t error;
    zloom_code_t code = s_make_input (job, &input, &error);
    if (!code) {
        code = child_start (&job->child, job->method->words, &input, self->options->max_output,
                            &error);
        job->until = zloom_time_add (zloom_time_now (), self->options->limit);
    }
    zloom_buffer_clear (&input);
    if (code)
        zloom_call_fail (job->call, code, "%s", error.text);
    return code == ZLOOM_OK;
}

//  Nobody waits any more. A job that has no child yet is gone with its call.
static void s_watch (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    job_t *job = (job_t *) context;
    exec_t *self = job->method->exec;
    if (event == ZLOOM_CALL_CREDIT)
        return;
    job->call = NULL;
    if (job->child.group)
        child_kill (&job->child);
    else {
        TAILQ_REMOVE (&self->waiting, job, next);
        zloom_free (job);
    }
    if (event == ZLOOM_CALL_CANCELLED)
        zloom_call_fail (call, ZLOOM_CANCELLED, "%s", "cancelled");
}

static zloom_code_t s_handle (zloom_call_t *call, void *context)
{
    const method_t *method = (const method_t *) context;
    job_t *job = (job_t *) zloom_alloc (sizeof *job);
    if (!job || zloom_call_defer (call, s_watch, job)) {
        zloom_free (job);
        return ZLOOM_RESOURCE_EXHAUSTED;
    }
    job->method = method;
    job->call = call;
    job->child = (child_t){.process = -1, .in = -1, .out = -1, .err = -1};
    TAILQ_INSERT_TAIL (&method->exec->waiting, job, next);
    return ZLOOM_OK;
}

//  Adding.

static char **s_shell_words (const char *command)
{
    static const char *const shell[] = {"/bin/sh", "-c"};
    size_t size = strlen (command) + 1;
    char **words = (char **) zloom_alloc (4 * sizeof *words + 16 + size);
    if (!words)
        report_no_memory ();
    char *to = (char *) (words + 4);
    for (int i = 0; i < 3; i++) {
        words[i] = to;
        to = stpcpy (to, i < 2 ? shell[i] : command) + 1;
    }
    return words;
}

int exec_add (exec_t *self, const char *spec)
{
    const char *equals = strchr (spec, '='), *flaw = "it is NAME=COMMAND";
    char name[160];
    size_t length = equals ? (size_t) (equals - spec) : 0;
    if (!equals || length == 0 || length >= sizeof name)
        return report_usage ("--exec %s: %s", spec, flaw);
    memcpy (name, spec, length);
    name[length] = 0;

    method_t *method = (method_t *) zloom_alloc (sizeof *method);
    if (!method)
        report_no_memory ();
    method->exec = self;
    method->words =
        self->options->shell ? s_shell_words (equals + 1) : split_words (equals + 1, &flaw);
    SLIST_INSERT_HEAD (&self->methods, method, next);
    if (!method->words)
        return report_usage ("--exec %s: %s", spec, flaw);
    char doc[256];
    snprintf (doc, sizeof doc, "Runs: %.200s", equals + 1);
    if (zloom_server_handle (self->server, name,
                             self->options->input == EXEC_RAW ? "(input: bytes) -> any"
                                                              : "(args: any...) -> any",
                             doc, s_handle, method))
        return report_usage ("--exec %s: %s", spec, zloom_server_last_error (self->server)->text);
    return EXIT_OK;
}

//  Turning.

size_t exec_polls_most (const exec_t *self)
{
    return self->options->jobs * CHILD_POLLS;
}

size_t exec_polls (exec_t *self, struct pollfd *ret_polls)
{
    size_t count = 0;
    job_t *job;
    TAILQ_FOREACH (job, &self->running, next)
    {
        child_polls (&job->child, ret_polls + count);
        count += CHILD_POLLS;
    }
    return count;
}

zloom_time_t exec_next_due (const exec_t *self)
{
    zloom_time_t due = ZLOOM_NEVER;
    const job_t *job;
    TAILQ_FOREACH (job, &self->running, next)
    due = zloom_time_min (due, job->until);
    return due;
}

//  End what has taken too long; it is answered when it has gone.
static void s_check_time (job_t *job, zloom_time_t now)
{
    if (job->until > now)
        return;
    job->is_late = true;
    job->until = ZLOOM_NEVER;
    child_kill (&job->child);
}

void exec_turn (exec_t *self, const struct pollfd *polls)
{
    zloom_time_t now = zloom_time_now ();
    job_t *job = TAILQ_FIRST (&self->running);
    while (job) {
        job_t *next = TAILQ_NEXT (job, next);
        child_move (&job->child, polls);
        polls += CHILD_POLLS;
        s_check_time (job, now);
        if (child_is_done (&job->child)) {
            TAILQ_REMOVE (&self->running, job, next);
            self->count--;
            if (job->call)
                s_answer (job);
            s_free_job (job);
        }
        job = next;
    }
}

void exec_start (exec_t *self)
{
    job_t *job;
    while (self->count < self->options->jobs && (job = TAILQ_FIRST (&self->waiting))) {
        TAILQ_REMOVE (&self->waiting, job, next);
        if (s_start (self, job)) {
            TAILQ_INSERT_TAIL (&self->running, job, next);
            self->count++;
        } else
            s_free_job (job);
    }
}
