#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__ ((noreturn)) static void s_help (const char *about, const option_row_t *rows,
                                               size_t count)
{
    printf ("%s\n", about);
    for (size_t i = 0; i < count; i++) {
        char usage[64];
        const char *argument = rows[i].argument;
        snprintf (usage, sizeof usage, "--%s%s%s", rows[i].name, argument ? " " : "",
                  argument ? argument : "");
        printf ("  %-*s %s\n", 20, usage, rows[i].help);
    }
    printf ("  %-*s this text\n", 20, "--help");
    exit (0);
}

__attribute__ ((noreturn)) static void s_misused (const char *text)
{
    fprintf (stderr, "bench: '%s' is not possible here; try --help\n", text);
    exit (2);
}

static unsigned s_number (const option_row_t *row, const char *value)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul (value, &end, 10);
    if (errno || end == value || *end || number < 1 || number > row->most) {
        fprintf (stderr, "bench: --%s: '%s' is not a number from 1 to %u\n", row->name, value,
                 row->most);
        exit (2);
    }
    return (unsigned) number;
}

static void s_take (const option_row_t *row, const char *value)
{
    if (row->flag)
        *row->flag = true;
    if (!value)
        return;
    if (row->number)
        *row->number = s_number (row, value);
    if (row->text)
        *row->text = value;
    if (row->take && !row->take (row->context, value))
        s_misused (value);
}

static const option_row_t *s_find (const option_row_t *rows, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp (word, "--", 2) == 0 && strcmp (word + 2, rows[i].name) == 0)
            return &rows[i];
    s_misused (word);
}

void options_parse (int argc, char **argv, const char *about, const option_row_t *rows,
                    size_t count)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp (argv[i], "--help") == 0)
            s_help (about, rows, count);
        const option_row_t *row = s_find (rows, count, argv[i]);
        if (row->argument && i + 1 == argc)
            s_misused (argv[i]);
        s_take (row, row->argument ? argv[++i] : NULL);
    }
}
