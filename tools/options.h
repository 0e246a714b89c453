//  options - one table for each command drives parsing, --help and the man page
//
//  A row says how an option is written, what its value is, where it goes, its
//  default as a person would type it, and a line of help. Flags may stand
//  anywhere on the line, "--" ends them, and a word such as -5 or -0.5 is an
//  argument. What goes wrong is reported here, with the nearest name.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_OPTIONS_H
#define ZLOOM_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

//  Values of an option that may be given several times; borrowed from argv.
typedef struct option_list {
    const char **items;
    size_t count;
} option_list_t;

typedef enum option_kind {
    OPTION_FLAG,      //  bool; no value
    OPTION_TEXT,      //  const char *
    OPTION_LIST,      //  option_list_t; may be given several times
    OPTION_WORD,      //  The same, and each value also stands among the arguments
    OPTION_COUNT,     //  uint64_t
    OPTION_SIZE,      //  size_t, such as 64k
    OPTION_DURATION,  //  zloom_time_t, such as 250ms
    OPTION_CHOICE     //  int: which of `choices`
} option_kind_t;

//  A row. The member of `into` that fits the kind is where the value goes, so
//  the compiler sees to the type.
typedef struct option_row {
    const char *name;  //  "timeout"
    char letter;       //  't', or 0
    option_kind_t kind;
    const char *metavar;         //  "D"; NULL for a flag
    const char *fallback;        //  "5s"; NULL = nothing is set
    const char *help;            //  A line for people
    const char *const *choices;  //  OPTION_CHOICE: the words, then NULL
    union {
        bool *flag;
        const char **text;
        option_list_t *list;
        uint64_t *count;
        size_t *size;
        zloom_time_t *duration;
        int *choice;
    } into;
} option_row_t;

//  The end of a table.
#define OPTION_END   \
    {                \
        .name = NULL \
    }

//  A command: all that the dispatcher, the parser and the help need to know.
typedef struct command {
    const char *name;
    const char *summary;                 //  A line for people
    const char *arguments;               //  "ADDR METHOD [ARG...]"
    int least, most;                     //  How many of these; most < 0: any number
    const char *about;                   //  More about it, lines of at most 78 characters
    const char *examples;                //  Command lines, one on each line
    const option_row_t *options;         //  Ends with OPTION_END
    int (*run) (int argc, char **argv);  //  Gets the arguments alone; returns the exit code
} command_t;

enum { OPTIONS_BAD = -1, OPTIONS_HELP = -2 };

//  Set the defaults, read the options, and leave the other words, in order, in
//  ret_argv (room for argc, and a NULL). Returns how many these are, or
//  OPTIONS_BAD (reported; exit with 2), or OPTIONS_HELP (--help was there).
int options_parse (const command_t *command, int argc, char **argv, char **ret_argv);

#endif
