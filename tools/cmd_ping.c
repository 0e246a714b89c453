#include "commands.h"

#include <poll.h>
#include <stdio.h>

#include "base/text.h"
#include "data/pack.h"
#include "output.h"
#include "report.h"
#include "service.h"
#include "stop.h"

static struct {
    uint64_t count;
    zloom_time_t interval;
} s_given;

static const option_row_t s_options[] = {{.name = "count",
                                          .letter = 'n',
                                          .kind = OPTION_COUNT,
                                          .metavar = "N",
                                          .fallback = "1",
                                          .help = "how many times",
                                          .into.count = &s_given.count},
                                         {.name = "interval",
                                          .letter = 'i',
                                          .kind = OPTION_DURATION,
                                          .metavar = "TIME",
                                          .fallback = "1s",
                                          .help = "pause between them",
                                          .into.duration = &s_given.interval},
                                         SERVICE_OPTIONS,
                                         OUTPUT_OPTIONS,
                                         OPTION_END};

//  What the server said of itself; a plain one says nothing.
typedef struct {
    uint64_t protocol;  //  0 = a plain MessagePack-RPC server
    const char *name;
} pong_t;

static void s_print (const char *address, const pong_t *pong, double microseconds)
{
    if (output_format () == OUTPUT_TEXT) {
        char line[160];
        snprintf (line, sizeof line, "%.0f us  ", microseconds);
        output_string (line);
        output_escaped (zloom_bytes_str (address));
        output_string (pong->protocol ? "  zloom " : "  answers, but is no zloom server");
        if (pong->protocol)
            output_escaped (zloom_bytes_str (pong->name));
        output_char ('\n');
        output_record_end ();
        return;
    }
    zloom_buffer_t value = {0};
    zloom_pack (&value, NULL, "{s:s s:s s:U s:f}", "address", address, "name", pong->name, "zloom",
                pong->protocol, "us", microseconds);
    output_value (zloom_buffer_bytes (&value));
    zloom_buffer_clear (&value);
}

//  A server that knows no zloom.ping says so, and that is an answer too.
static bool s_is_answer (zloom_client_t *client, zloom_code_t code)
{
    return code == ZLOOM_OK || zloom_client_last_error (client)->origin == ZLOOM_REMOTE;
}

static int s_ping (zloom_client_t *client, const char *address)
{
    zloom_time_t begun = zloom_time_now ();
    zloom_code_t code = zloom_client_call (client, "zloom.ping", "");
    double took = (double) (zloom_time_now () - begun) / 1e3;
    if (!s_is_answer (client, code))
        return service_report (address, zloom_client_last_error (client));
    pong_t pong = {0, NULL};
    if (code
        || zloom_client_result (client, "{s:U s:s}", "zloom", &pong.protocol, "name", &pong.name))
        pong = (pong_t){0, NULL};
    s_print (address, &pong, took);
    return EXIT_OK;
}

//  Wait for the next turn, or for Ctrl-C. False: it came.
static bool s_pause (int stop)
{
    struct pollfd polls = {stop, POLLIN, 0};
    output_idle ();
    poll (&polls, 1, (int) (s_given.interval / ZLOOM_MSEC));
    return stop_wish () == STOP_NO;
}

static int s_run (int argc, char **argv)
{
    (void) argc;
    int stop = stop_open ();
    if (stop < 0)
        return EXIT_IO;
    int status = EXIT_OK;
    zloom_client_t *client = service_open (argv[0], &status);
    for (uint64_t i = 0; client && i < s_given.count && !status && !output_failed (); i++)
        if (i == 0 || s_pause (stop))
            status = s_ping (client, argv[0]);
        else
            break;
    zloom_client_destroy (&client);
    return output_end (stop_exit_code (status));
}

const command_t command_ping = {
    .name = "ping",
    .summary = "See whether a service answers, and how fast",
    .arguments = "ADDRESS",
    .least = 1,
    .most = 1,
    .about = "Calls zloom.ping. A plain MessagePack-RPC server that does not know the method\n"
             "says so, which is an answer as well.",
    .examples = "  zloom ping tcp://127.0.0.1:5555\n"
                "  zloom ping ipc:///run/service/socket -n 10 -i 100ms",
    .options = s_options,
    .run = s_run};
