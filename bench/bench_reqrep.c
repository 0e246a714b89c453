//  bench_reqrep - a zloom call against a raw libzmq echo, on equal terms
//
//  SPDX-License-Identifier: MPL-2.0

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contender.h"
#include "environment.h"
#include "fail.h"
#include "folder.h"
#include "report.h"
#include "section.h"

#define TITLE "request/reply, one call at a time (sync)"

static const contender_t *const s_contenders[] = {&contender_raw_zmq, &contender_zloom_call};

enum { CONTENDERS = sizeof s_contenders / sizeof s_contenders[0] };

typedef struct options {
    unsigned rounds;
    unsigned calls;
    size_t payload_bytes;
    bool transports[TRANSPORTS];  //  None = all
    bool pinned;                  //  Neither = both
    bool unpinned;
    const char *json;  //  Optional
} options_t;

#define OPTIONS_DEFAULT                                  \
    {                                                    \
        .rounds = 21, .calls = 2000, .payload_bytes = 32 \
    }

//  The command line.

static const char s_help[] =
    "Usage: bench_reqrep [OPTION]...\n"
    "Compare a zloom call with a raw libzmq DEALER/ROUTER echo, in turn.\n\n"
    "  --rounds N       rounds of each contender (21; a verdict needs 9)\n"
    "  --calls N        calls measured in each round (2000)\n"
    "  --payload BYTES  what goes there and back (32)\n"
    "  --transport T    tcp, ipc or inproc; may be repeated (all)\n"
    "  --pin            only with every thread on one core\n"
    "  --no-pin         only with threads where the kernel puts them\n"
    "  --json FILE      write every round's result there as well\n"
    "  --help           this text\n";

__attribute__ ((noreturn)) static void s_misused (const char *text)
{
    fprintf (stderr, "bench: '%s' is not possible here; try --help\n", text);
    exit (2);
}

static unsigned s_number (const char *option, const char *value, unsigned long most)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul (value, &end, 10);
    if (errno || end == value || *end || number < 1 || number > most) {
        fprintf (stderr, "bench: --%s: '%s' is not a number from 1 to %lu\n", option, value, most);
        exit (2);
    }
    return (unsigned) number;
}

static transport_t s_transport (const char *value)
{
    for (int transport = 0; transport < TRANSPORTS; transport++)
        if (strcmp (value, transport_name ((transport_t) transport)) == 0)
            return (transport_t) transport;
    s_misused (value);
}

static options_t s_parse (int argc, char **argv)
{
    enum { ROUNDS, CALLS, PAYLOAD, TRANSPORT, PIN, NO_PIN, JSON, HELP };
    static const struct option rows[] = {{"rounds", required_argument, NULL, ROUNDS},
                                         {"calls", required_argument, NULL, CALLS},
                                         {"payload", required_argument, NULL, PAYLOAD},
                                         {"transport", required_argument, NULL, TRANSPORT},
                                         {"pin", no_argument, NULL, PIN},
                                         {"no-pin", no_argument, NULL, NO_PIN},
                                         {"json", required_argument, NULL, JSON},
                                         {"help", no_argument, NULL, HELP},
                                         {0}};
    options_t options = OPTIONS_DEFAULT;
    for (int option; (option = getopt_long (argc, argv, "", rows, NULL)) != -1;) {
        switch (option) {
        case ROUNDS:
            options.rounds = s_number ("rounds", optarg, 10000);
            break;
        case CALLS:
            options.calls = s_number ("calls", optarg, 10000000);
            break;
        case PAYLOAD:
            options.payload_bytes = s_number ("payload", optarg, 1 << 20);
            break;
        case TRANSPORT:
            options.transports[s_transport (optarg)] = true;
            break;
        case PIN:
            options.pinned = true;
            break;
        case NO_PIN:
            options.unpinned = true;
            break;
        case JSON:
            options.json = optarg;
            break;
        case HELP:
            fputs (s_help, stdout);
            exit (0);
        default:
            exit (2);
        }
    }
    if (optind < argc)
        s_misused (argv[optind]);
    return options;
}

//  The run.

//  All sections that the options ask for; returns how many.
static size_t s_plan (const options_t *options, const char *folder, section_t *sections)
{
    bool all = true;
    for (int transport = 0; transport < TRANSPORTS; transport++)
        all = all && !options->transports[transport];

    size_t count = 0;
    for (int pinned = 0; pinned < 2; pinned++) {
        if (pinned ? options->unpinned && !options->pinned : options->pinned && !options->unpinned)
            continue;
        for (int transport = 0; transport < TRANSPORTS; transport++)
            if (all || options->transports[transport])
                sections[count++] = (section_t){.transport = (transport_t) transport,
                                                .pinned = pinned,
                                                .rounds = options->rounds,
                                                .calls = options->calls,
                                                .payload_bytes = options->payload_bytes,
                                                .folder = folder,
                                                .contenders = s_contenders,
                                                .contender_count = CONTENDERS};
    }
    return count;
}

static int s_run (section_t *sections, size_t count, const fact_t *facts)
{
    report_head (stdout, TITLE, facts, &sections[0]);
    for (size_t i = 0; i < count; i++) {
        fflush (stdout);
        int exit_code = section_run (&sections[i]);
        if (exit_code)
            return exit_code;
        report_section (stdout, &sections[i]);
    }
    return 0;
}

static FILE *s_open_json (const char *path)
{
    FILE *file = path ? fopen (path, "w") : NULL;
    if (path && !file)
        fail_errno (path);
    return file;
}

int main (int argc, char **argv)
{
    options_t options = s_parse (argc, argv);
    const char *refusal = environment_refusal ();
    if (refusal)
        fail ("%s; its numbers would mislead", refusal);
    FILE *json = s_open_json (options.json);
    fact_t facts[ENVIRONMENT_FACTS];
    environment_look (facts);

    char folder[FOLDER_PATH_SIZE];
    folder_make (folder);
    section_t sections[2 * TRANSPORTS];
    size_t count = s_plan (&options, folder, sections);
    int exit_code = s_run (sections, count, facts);
    folder_remove (folder);

    if (json && exit_code == 0)
        report_json (json, TITLE, facts, sections, count);
    if (json && fclose (json))
        fail_errno (options.json);
    for (size_t i = 0; i < count; i++)
        section_clear (&sections[i]);
    return exit_code;
}
