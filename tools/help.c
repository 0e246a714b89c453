#include "help.h"

#include <stdio.h>
#include <string.h>

#include "report.h"

//  Where the column of explanations begins.
enum { COLUMN = 28 };

//  What every command has besides its table.
static const option_row_t s_help_row = {
    .name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "print this"};

void help_overview (const command_t *const *commands)
{
    puts ("Usage: zloom VERB ADDRESS... [OPTION...]\n\n"
          "Brokerless messaging over ZeroMQ: call services, serve them, watch and debug.\n\n"
          "Verbs:");
    for (; *commands; commands++)
        printf ("  %-10s %s\n", (*commands)->name, (*commands)->summary);
    puts ("\nMore:\n"
          "  zloom help VERB    its arguments, options and examples\n"
          "  zloom help exit    what the exit codes mean\n"
          "  zloom --version    the version of zloom and of the libraries below");
}

//  "-t, --timeout D" in its column, and on a line of its own where it is longer.
static void s_print_option (const option_row_t *row)
{
    char how[96];
    int length = row->letter ? snprintf (how, sizeof how, "-%c, --%s", row->letter, row->name)
                             : snprintf (how, sizeof how, "    --%s", row->name);
    if (row->metavar && length > 0 && (size_t) length < sizeof how)
        snprintf (how + length, sizeof how - (size_t) length, " %s", row->metavar);
    printf ("  %-*s", COLUMN, how);
    if (strlen (how) >= COLUMN)
        printf ("\n  %*s", COLUMN, "");
    fputs (row->help, stdout);
    for (int i = 0; row->kind == OPTION_CHOICE && row->choices[i]; i++)
        printf ("%s%s", i ? ", " : ": ", row->choices[i]);
    if (row->fallback)
        printf (" (default %s)", row->fallback);
    putchar ('\n');
}

void help_command (const command_t *command)
{
    printf ("Usage: zloom %s %s [OPTION...]\n\n%s.\n", command->name, command->arguments,
            command->summary);
    if (command->about)
        printf ("\n%s\n", command->about);
    puts ("\nOptions:");
    for (const option_row_t *row = command->options; row->name; row++)
        s_print_option (row);
    s_print_option (&s_help_row);
    if (command->examples)
        printf ("\nExamples:\n%s\n", command->examples);
}

//  The names of the reasons that end in this exit code, each after a comma.
static void s_print_reasons (int exit_code)
{
    const char *before = "         ";
    for (int reason = ZLOOM_REASON_NONE + 1; reason < ZLOOM_REASON_COUNT; reason++)
        if (zloom_reason_exit_code ((zloom_reason_t) reason) == exit_code) {
            printf ("%s%s", before, zloom_reason_name ((zloom_reason_t) reason));
            before = ", ";
        }
    if (before[0] == ',')
        putchar ('\n');
}

void help_exit_codes (void)
{
    puts ("Exit codes of zloom, and the reasons that lead to them:\n");
#define X(code, text)                   \
    printf ("  %5d  %s\n", code, text); \
    s_print_reasons (code);
    EXIT_CODE_MAP (X)
#undef X
}

static const char *s_or_empty (const char *text)
{
    return text ? text : "";
}

static void s_print_row (const command_t *command, const option_row_t *row)
{
    char letter[2] = {row->letter, 0};
    printf ("option\t%s\t--%s\t%s\t%s\t%s\t%s", command->name, row->name, letter,
            s_or_empty (row->metavar), s_or_empty (row->fallback), row->help);
    for (int i = 0; row->kind == OPTION_CHOICE && row->choices[i]; i++)
        printf ("%c%s", i ? ' ' : '\t', row->choices[i]);
    putchar ('\n');
}

void help_tables (const command_t *const *commands)
{
    for (; *commands; commands++) {
        const command_t *command = *commands;
        printf ("command\t%s\t%s\t%s\n", command->name, command->arguments, command->summary);
        for (const option_row_t *row = command->options; row->name; row++)
            s_print_row (command, row);
        s_print_row (command, &s_help_row);
    }
#define X(code, text) printf ("exit\t%d\t%s\n", code, text);
    EXIT_CODE_MAP (X)
#undef X
}
