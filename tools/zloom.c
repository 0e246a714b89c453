//  zloom - the command: finds the verb, reads its options, runs it
//
//  A verb is a command_t of its own in cmd_VERB.c; the table here is the order
//  in which help shows them.
//
//  SPDX-License-Identifier: MPL-2.0

#include "zloom.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/memory.h"
#include "commands.h"
#include "help.h"
#include "nearest.h"
#include "options.h"
#include "output.h"
#include "report.h"

static int s_run_help (int argc, char **argv);

static bool s_tables_wanted;

static const option_row_t s_help_options[] = {{.name = "options",
                                               .kind = OPTION_FLAG,
                                               .help = "print every table, for programs",
                                               .into.flag = &s_tables_wanted},
                                              OPTION_END};

static const command_t s_command_help = {.name = "help",
                                         .summary = "Explain a verb, or the exit codes",
                                         .arguments = "[VERB|exit]",
                                         .most = 1,
                                         .options = s_help_options,
                                         .run = s_run_help};

static const command_t *const s_commands[] = {&command_serve, &command_call,   &command_describe,
                                              &command_ping,  &command_stats,  &command_cat,
                                              &command_probe, &s_command_help, NULL};

static const command_t *s_find (const char *verb)
{
    for (size_t i = 0; s_commands[i]; i++)
        if (strcmp (verb, s_commands[i]->name) == 0)
            return s_commands[i];
    return NULL;
}

static int s_no_verb (const char *verb)
{
    nearest_t nearest = {.word = verb};
    for (size_t i = 0; s_commands[i]; i++)
        nearest_offer (&nearest, s_commands[i]->name);
    if (nearest.match)
        return report_usage ("no verb '%s'; did you mean '%s'?", verb, nearest.match);
    return report_usage ("no verb '%s'", verb);
}

static int s_run_help (int argc, char **argv)
{
    const command_t *command = argc ? s_find (argv[0]) : NULL;
    report_begin (NULL);
    if (s_tables_wanted)
        help_tables (s_commands);
    else if (argc == 0)
        help_overview (s_commands);
    else if (command)
        help_command (command);
    else if (strcmp (argv[0], "exit") == 0)
        help_exit_codes ();
    else
        return s_no_verb (argv[0]);
    return output_end (EXIT_OK);
}

static int s_print_version (void)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    printf ("zloom %d.%d.%d (libzmq %d.%d.%d)\n", ZLOOM_VERSION_MAJOR, ZLOOM_VERSION_MINOR,
            ZLOOM_VERSION_PATCH, major, minor, patch);
    return output_end (EXIT_OK);
}

static int s_run (const command_t *command, int argc, char **argv)
{
    char **words = (char **) zloom_alloc (((size_t) argc + 1) * sizeof *words);
    if (!words)
        report_no_memory ();
    report_begin (command->name);
    int status, count = options_parse (command, argc, argv, words);
    if (count == OPTIONS_HELP) {
        help_command (command);
        status = output_end (EXIT_OK);
    } else
        status = count < 0 ? EXIT_USAGE : command->run (count, words);
    zloom_free (words);
    return status;
}

//  A standard descriptor that is closed would be given to the next socket. In
//  its place goes one that reads as empty and refuses to be written to.
static void s_fill_standard_descriptors (void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl (fd, F_GETFD) < 0)
            (void) open ("/dev/null", O_RDONLY);
}

int main (int argc, char **argv)
{
    s_fill_standard_descriptors ();
    //  A closed stdout is an error of write, which output.c makes a quiet end.
    signal (SIGPIPE, SIG_IGN);
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp (verb, "--version") == 0 || strcmp (verb, "-V") == 0)
        return s_print_version ();
    if (strcmp (verb, "--help") == 0 || strcmp (verb, "-h") == 0)
        return s_run_help (0, NULL);
    if (argc < 2)
        return report_usage ("a verb is missing");

    const command_t *command = s_find (verb);
    return command ? s_run (command, argc - 1, argv + 1) : s_no_verb (verb);
}
