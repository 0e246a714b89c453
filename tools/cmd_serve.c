#include "commands.h"

#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine.h"
#include "exec.h"
#include "output.h"
#include "report.h"
#include "stop.h"

static const char *const s_input_names[] = {"json", "raw", NULL};

static struct {
    option_list_t execs;
    exec_options_t exec;
    bool echo;
    bool verbose;
    bool insecure_public;
    uint64_t max_pending;
    size_t max_size;
    zloom_time_t drain;
    const char *name;
} s_given;

static const option_row_t s_options[] = {
    {.name = "exec",
     .letter = 'e',
     .kind = OPTION_LIST,
     .metavar = "NAME=COMMAND",
     .help = "a method that runs a command; may be repeated",
     .into.list = &s_given.execs},
    {.name = "echo",
     .kind = OPTION_FLAG,
     .help = "a method 'echo' that returns its params",
     .into.flag = &s_given.echo},
    {.name = "in",
     .kind = OPTION_CHOICE,
     .metavar = "FORM",
     .fallback = "json",
     .help = "what a command reads: its params, or the one string that they are",
     .choices = s_input_names,
     .into.choice = &s_given.exec.input},
    {.name = "shell",
     .kind = OPTION_FLAG,
     .help = "run commands through /bin/sh",
     .into.flag = &s_given.exec.shell},
    {.name = "jobs",
     .letter = 'j',
     .kind = OPTION_COUNT,
     .metavar = "N",
     .fallback = "8",
     .help = "commands that run at a time",
     .into.count = &s_given.exec.jobs},
    {.name = "limit",
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .fallback = "1m",
     .help = "how long a command may run",
     .into.duration = &s_given.exec.limit},
    {.name = "max-pending",
     .kind = OPTION_COUNT,
     .metavar = "N",
     .fallback = "1000",
     .help = "requests that may wait; more are refused by name",
     .into.count = &s_given.max_pending},
    {.name = "max-size",
     .kind = OPTION_SIZE,
     .metavar = "SIZE",
     .fallback = "1MiB",
     .help = "largest message to send or take",
     .into.size = &s_given.max_size},
    {.name = "drain",
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .fallback = "5s",
     .help = "how long Ctrl-C lets requests end",
     .into.duration = &s_given.drain},
    {.name = "name",
     .kind = OPTION_TEXT,
     .metavar = "TEXT",
     .fallback = "zloom",
     .help = "what the service calls itself",
     .into.text = &s_given.name},
    ENGINE_OPTIONS,
    {.name = "insecure-public",
     .kind = OPTION_FLAG,
     .help = "bind where others can reach it, without keys",
     .into.flag = &s_given.insecure_public},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .help = "tell of what the library logs",
     .into.flag = &s_given.verbose},
    OPTION_END};

enum { JOBS_MOST = 1024 };

static zloom_code_t s_echo (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_reply_bytes (call, zloom_call_params (call));
}

static void s_log (zloom_log_level_t level, const char *id, const char *text, void *context)
{
    (void) level;
    (void) context;
    report_note ("%s %s", id, text);
}

static zloom_server_t *s_open (const char *addresses, int *ret_status)
{
    const size_t most = INT32_MAX / 2;
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    *ret_status = engine_take (&options.engine, &options.busy_poll_us);
    if (*ret_status)
        return NULL;
    options.name = s_given.name;
    options.max_pending =
        (uint32_t) (s_given.max_pending < UINT32_MAX ? s_given.max_pending : UINT32_MAX);
    options.insecure_public = s_given.insecure_public;
    options.limits.max_size = (uint32_t) (s_given.max_size < most ? s_given.max_size : most);
    zloom_error_t error;
    zloom_server_t *server = zloom_server_new (addresses, &options, &error);
    if (!server)
        *ret_status = report_error (&error);
    return server;
}

//  Several addresses are one list for the library.
static char *s_join (int count, char **addresses)
{
    size_t size = 1;
    for (int i = 0; i < count; i++)
        size += strlen (addresses[i]) + 1;
    char *joined = (char *) zloom_alloc (size);
    if (!joined)
        report_no_memory ();
    char *to = joined;
    for (int i = 0; i < count; i++)
        to = stpcpy (stpcpy (to, addresses[i]), ",");
    return joined;
}

static int s_add_methods (zloom_server_t *server, exec_t *exec)
{
    if (s_given.echo
        && zloom_server_handle (server, "echo", "(args: any...) -> list", "Return the params.",
                                s_echo, NULL))
        return report_error (zloom_server_last_error (server));
    int status = EXIT_OK;
    for (size_t i = 0; i < s_given.execs.count && !status; i++)
        status = exec_add (exec, s_given.execs.items[i]);
    return status;
}

static void s_announce (const zloom_server_t *server)
{
    for (size_t i = 0; zloom_server_endpoint (server, i); i++)
        report_note ("listens at %s", zloom_server_endpoint (server, i));
}

static bool s_is_idle (const zloom_server_t *server)
{
    zloom_server_stats_t stats;
    zloom_server_stats (server, &stats);
    return stats.pending == 0;
}

static int s_poll_timeout (zloom_time_t until)
{
    if (until == ZLOOM_NEVER)
        return -1;
    zloom_time_t left = until - zloom_time_now ();
    zloom_time_t ms = (left + ZLOOM_MSEC - 1) / ZLOOM_MSEC;
    return (int) (ms < 0 ? 0 : ms > 60000 ? 60000 : ms);
}

//  How many requests and the like have come.
static uint64_t s_came (const zloom_server_t *server)
{
    zloom_server_stats_t stats;
    zloom_server_stats (server, &stats);
    return stats.requests + stats.notifications;
}

//  One turn: wait until something stirs, and deal with it. While requests come
//  and no command runs, the wait for the next one is the library's: it looks
//  again for a while before it sleeps.
static zloom_code_t s_turn (zloom_server_t *server, exec_t *exec, struct pollfd *polls,
                            zloom_time_t until, bool *is_lively)
{
    polls[1] = (struct pollfd){zloom_server_descriptor (server), POLLIN, 0};
    size_t count = exec_polls (exec, polls + 2);
    uint32_t look_ms = engine_look_ms (*is_lively && count == 0);
    uint64_t came = s_came (server);
    poll (polls, 2 + count,
          look_ms ? 0 : s_poll_timeout (zloom_time_min (exec_next_due (exec), until)));
    exec_turn (exec, polls + 2);
    zloom_code_t code = zloom_server_process (server, look_ms);
    exec_start (exec);
    *is_lively = s_came (server) != came;
    return code;
}

//  Serve until Ctrl-C, then until what is pending has ended.
static int s_serve (zloom_server_t *server, exec_t *exec, int stop, struct pollfd *polls)
{
    zloom_time_t give_up = ZLOOM_NEVER;
    bool is_lively = false;
    polls[0] = (struct pollfd){stop, POLLIN, 0};
    for (;;) {
        if (s_turn (server, exec, polls, give_up, &is_lively))
            return report_error (zloom_server_last_error (server));
        stop_wish_t wish = stop_wish ();
        if (wish != STOP_NO && give_up == ZLOOM_NEVER) {
            zloom_server_drain (server);
            give_up = zloom_time_add (zloom_time_now (), s_given.drain);
        }
        if (wish == STOP_QUIT || (wish == STOP_DRAIN && s_is_idle (server)))
            return EXIT_OK;
        if (zloom_time_now () >= give_up)
            return report (EXIT_UNDELIVERED, NULL, "requests were still at work after --drain");
    }
}

static int s_open_and_serve (const char *addresses, int stop)
{
    int status = EXIT_OK;
    zloom_server_t *server = s_open (addresses, &status);
    if (!server)
        return status;
    exec_t *exec = exec_new (&s_given.exec, server);
    struct pollfd *polls =
        (struct pollfd *) zloom_alloc ((2 + exec_polls_most (exec)) * sizeof *polls);
    if (!polls)
        report_no_memory ();
    status = s_add_methods (server, exec);
    if (!status) {
        s_announce (server);
        status = s_serve (server, exec, stop, polls);
    }
    exec_destroy (&exec);
    zloom_server_destroy (&server);
    zloom_free (polls);
    return status;
}

static int s_run (int argc, char **argv)
{
    if (s_given.exec.jobs == 0 || s_given.exec.jobs > JOBS_MOST)
        return report_usage ("--jobs N: N is 1 to %d", JOBS_MOST);
    if (!s_given.echo && s_given.execs.count == 0)
        return report_usage ("there is nothing to serve: --echo, or --exec NAME=COMMAND");
    s_given.exec.max_output = s_given.max_size;
    if (s_given.verbose)
        zloom_log_set (s_log, NULL, ZLOOM_LOG_DEBUG);
    int stop = stop_open ();
    if (stop < 0)
        return EXIT_IO;
    char *addresses = s_join (argc, argv);
    int status = s_open_and_serve (addresses, stop);
    zloom_free (addresses);
    return output_end (stop_exit_code (status));
}

const command_t command_serve = {
    .name = "serve",
    .summary = "Make a service out of commands",
    .arguments = "ADDRESS...",
    .least = 1,
    .most = -1,
    .about = "Each request runs its command, with the params as a JSON array on stdin. What\n"
             "the command prints is the result: JSON if it is JSON, else a string. An exit code\n"
             "other than 0 is an error, with the end of stderr as its text. Params never reach\n"
             "a shell. Ctrl-C lets requests end; a second one does not.",
    .examples = "  zloom serve tcp://127.0.0.1:5555 --echo --exec wc='wc -w'\n"
                "  zloom serve ipc:///run/user/1000/up.sock --in raw --exec up='tr a-z A-Z'\n"
                "  zloom serve tcp://127.0.0.1:5556 --shell --exec top='ps aux | head -3'",
    .options = s_options,
    .run = s_run};
