#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "nearest.h"
#include "report.h"
#include "units.h"

//  What getopt_long returns for row number i; above every letter.
enum { ROW_BASE = 256, ROWS_MOST = 64 };

//  The table in the form that getopt_long wants.
typedef struct {
    const option_row_t *rows;
    size_t count;
    struct option names[ROWS_MOST + 2];  //  And --help, and the end
    char letters[3 * ROWS_MOST + 32];
} getopt_form_t;

static bool s_takes_value (const option_row_t *row)
{
    return row->kind != OPTION_FLAG;
}

//  A leading '-' makes getopt hand out arguments in their place among the
//  options, ':' makes it tell a missing value from an unknown option. Digits
//  are "letters" with anything behind them, so that -5 and -0.5 come whole.
static void s_fill_form (getopt_form_t *form, const option_row_t *rows)
{
    memset (form, 0, sizeof *form);
    form->rows = rows;
    char *letter = form->letters + sprintf (form->letters, "-:h");
    for (const option_row_t *row = rows; row->name; row++) {
        zloom_assert (form->count < ROWS_MOST);
        struct option *name = &form->names[form->count];
        name->name = row->name;
        name->has_arg = s_takes_value (row) ? required_argument : no_argument;
        name->val = (int) (ROW_BASE + form->count);
        form->count++;
        if (row->letter)
            letter += sprintf (letter, s_takes_value (row) ? "%c:" : "%c", row->letter);
    }
    for (char digit = '0'; digit <= '9'; digit++)
        letter += sprintf (letter, "%c::", digit);
    form->names[form->count] = (struct option){"help", no_argument, NULL, 'h'};
}

//  The row for what getopt_long returned, or NULL.
static const option_row_t *s_row (const getopt_form_t *form, int got)
{
    if (got >= ROW_BASE && (size_t) (got - ROW_BASE) < form->count)
        return &form->rows[got - ROW_BASE];
    for (size_t i = 0; i < form->count; i++)
        if (got != 0 && form->rows[i].letter == got)
            return &form->rows[i];
    return NULL;
}

static bool s_append (option_list_t *list, const char *value)
{
    size_t size = (list->count + 1) * sizeof *list->items;
    list->items = (const char **) zloom_realloc (list->items, size);
    if (!list->items)
        report_no_memory ();
    list->items[list->count++] = value;
    return true;
}

static bool s_choose (const option_row_t *row, const char *value)
{
    for (int i = 0; row->choices[i]; i++)
        if (strcmp (value, row->choices[i]) == 0) {
            *row->into.choice = i;
            return true;
        }
    return false;
}

//  Put a value where it belongs. False where it is not of the row's kind.
static bool s_set (const option_row_t *row, const char *value)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *row->into.flag = true;
        return true;
    case OPTION_TEXT:
        *row->into.text = value;
        return true;
    case OPTION_LIST:
    case OPTION_WORD:
        return s_append (row->into.list, value);
    case OPTION_COUNT:
        return units_count (value, row->into.count);
    case OPTION_SIZE:
        return units_size (value, row->into.size);
    case OPTION_DURATION:
        return units_duration (value, row->into.duration);
    case OPTION_CHOICE:
        return s_choose (row, value);
    }
    return false;
}

static void s_set_defaults (const option_row_t *rows)
{
    for (const option_row_t *row = rows; row->name; row++)
        if (row->fallback) {
            bool fits = s_set (row, row->fallback);
            zloom_assert (fits);
        }
}

//  What a value of this kind looks like.
static const char *s_wanted (const option_row_t *row, char text[256])
{
    size_t at = 0;
    switch (row->kind) {
    case OPTION_COUNT:
        return "a whole number";
    case OPTION_SIZE:
        return "a size such as 512, 64k or 1MiB";
    case OPTION_DURATION:
        return "a duration such as 250ms, 3s or 1m";
    case OPTION_CHOICE:
        for (int i = 0; row->choices[i] && at < 256; i++)
            at += (size_t) snprintf (text + at, 256 - at, "%s%s", i ? ", " : "one of ",
                                     row->choices[i]);
        return text;
    case OPTION_FLAG:
    case OPTION_TEXT:
    case OPTION_LIST:
    case OPTION_WORD:
        break;
    }
    return "something else";
}

static int s_bad_value (const option_row_t *row, const char *value)
{
    char text[256];
    report_usage ("--%s %s: '%s' is not %s", row->name, row->metavar, value, s_wanted (row, text));
    return OPTIONS_BAD;
}

//  getopt_long said '?': unknown, ambiguous, or a flag that was given a value.
static int s_bad_option (const getopt_form_t *form, const char *word)
{
    const option_row_t *row = s_row (form, optopt);
    if (row) {
        report_usage ("--%s takes no value", row->name);
        return OPTIONS_BAD;
    }
    if (optopt) {
        report_usage ("no option '-%c'", optopt);
        return OPTIONS_BAD;
    }
    char typed[64];
    snprintf (typed, sizeof typed, "%.*s", (int) strcspn (word + 2, "="), word + 2);
    nearest_t nearest = {.word = typed};
    for (size_t i = 0; i <= form->count; i++)
        nearest_offer (&nearest, form->names[i].name);
    if (nearest.match)
        report_usage ("no option '--%s'; did you mean '--%s'?", typed, nearest.match);
    else
        report_usage ("no option '--%s'", typed);
    return OPTIONS_BAD;
}

static int s_missing_value (const getopt_form_t *form)
{
    const option_row_t *row = s_row (form, optopt);
    if (row)
        report_usage ("--%s needs a value: --%s %s", row->name, row->name, row->metavar);
    return OPTIONS_BAD;
}

static int s_check_count (const command_t *command, int count, char **words)
{
    if (count < command->least)
        report_usage ("%s; it is: zloom %s %s",
                      count == 0 ? "arguments are missing" : "an argument is missing",
                      command->name, command->arguments);
    else if (command->most >= 0 && count > command->most)
        report_usage ("'%s' is one argument too many; it is: zloom %s %s", words[command->most],
                      command->name, command->arguments);
    else
        return count;
    return OPTIONS_BAD;
}

//  What was parsed as the "letter" of a number: the word that it came from.
static char *s_number_word (char **argv)
{
    return optarg ? optarg - 2 : argv[optind - 1];
}

int options_parse (const command_t *command, int argc, char **argv, char **ret_argv)
{
    getopt_form_t form;
    s_fill_form (&form, command->options);
    s_set_defaults (command->options);

    int count = 0, got;
    opterr = 0;
    optind = 1;
    while ((got = getopt_long (argc, argv, form.letters, form.names, NULL)) != -1) {
        const option_row_t *row = s_row (&form, got);
        if (got == 1)
            ret_argv[count++] = optarg;
        else if (got == 'h')
            return OPTIONS_HELP;
        else if (got == ':')
            return s_missing_value (&form);
        else if (got == '?')
            return s_bad_option (&form, argv[optind - 1]);
        else if (isdigit (got))
            ret_argv[count++] = s_number_word (argv);
        else if (!s_set (row, optarg))
            return s_bad_value (row, optarg);
        else if (row->kind == OPTION_WORD)
            ret_argv[count++] = optarg;
    }
    for (; optind < argc; optind++)
        ret_argv[count++] = argv[optind];
    ret_argv[count] = NULL;
    return s_check_count (command, count, ret_argv);
}
