#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 10000000, PAYLOAD_MAX = 1 << 20 };

static const char *s_name = "program";  //  Set once, before there are threads

void program_fail (const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (line, sizeof line, format, arguments);
    va_end (arguments);

    fprintf (stderr, "%s: %s\n", s_name, line);
    //  No exit handlers: the libraries' threads are still at work.
    _exit (1);
}

//  What follows prefix in text; NULL where text begins with something else.
static const char *s_after (const char *text, const char *prefix)
{
    size_t size = strlen (prefix);
    return strncmp (text, prefix, size) == 0 && text[size] ? text + size : NULL;
}

const char *program_tcp_address (const char *endpoint)
{
    const char *port = s_after (endpoint, "tcp://127.0.0.1:");
    if (!port || port[strspn (port, "0123456789")] || strtoul (port, NULL, 10) > UINT16_MAX)
        return NULL;
    return s_after (endpoint, "tcp://");
}

const char *program_ipc_path (const char *endpoint)
{
    return s_after (endpoint, "ipc:///") ? s_after (endpoint, "ipc://") : NULL;
}

//  A number that fills the whole of text, but for the end of its line.
static unsigned long s_number (const char *text, unsigned long most)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul (text, &end, 10);
    if (*end == '\n')
        end++;
    if (errno || end == text || *end || number < 1 || number > most)
        program_fail ("'%.*s' is not a number from 1 to %lu", (int) strcspn (text, "\n"), text,
                      most);
    return number;
}

//  Server.

static int s_serve (const program_t *program, const char *endpoint)
{
    void *server = program->server_new (endpoint);
    puts ("ready");
    if (fflush (stdout))
        program_fail ("stdout: %s", strerror (errno));
    while (getchar () != EOF)
        continue;
    program->server_destroy (server);
    return 0;
}

//  Client.

static int64_t s_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C (1000000000) + now.tv_nsec;
}

//  A call, timed; the answer is looked at when the clock has stopped.
static int64_t s_time_call (const program_t *program, void *client, zloom_bytes_t payload)
{
    int64_t start = s_now ();
    zloom_bytes_t answer = program->call (client);
    int64_t end = s_now ();
    if (!zloom_bytes_equal (answer, payload))
        program_fail ("the answer is not what was sent");
    return end - start;
}

//  Nothing is written before the last call: whoever reads must not wake meanwhile.
static void s_round (const program_t *program, void *client, zloom_bytes_t payload, size_t calls)
{
    int64_t *latencies = (int64_t *) malloc (calls * sizeof *latencies);
    if (!latencies)
        program_fail ("no memory");
    for (size_t call = 0; call < calls; call++)
        latencies[call] = s_time_call (program, client, payload);
    if (fwrite (latencies, sizeof *latencies, calls, stdout) != calls || fflush (stdout))
        program_fail ("stdout: %s", strerror (errno));
    free (latencies);
}

static int s_call (const program_t *program, const char *endpoint, size_t payload_bytes)
{
    uint8_t *data = (uint8_t *) malloc (payload_bytes);
    if (!data)
        program_fail ("no memory");
    memset (data, 'z', payload_bytes);
    zloom_bytes_t payload = zloom_bytes (data, payload_bytes);

    void *client = program->client_new (endpoint, payload);
    char line[32];
    while (fgets (line, sizeof line, stdin))
        s_round (program, client, payload, s_number (line, CALLS_MAX));
    program->client_destroy (client);
    free (data);
    return 0;
}

int program_main (const program_t *program, int argc, char **argv)
{
    s_name = program->name;
    signal (SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp (argv[1], "server") == 0)
        return s_serve (program, argv[2]);
    if (argc == 4 && strcmp (argv[1], "client") == 0)
        return s_call (program, argv[2], s_number (argv[3], PAYLOAD_MAX));
    fprintf (stderr,
             "Usage: %s server ENDPOINT\n"
             "       %s client ENDPOINT PAYLOAD_BYTES\n",
             argv[0], argv[0]);
    return 2;
}
