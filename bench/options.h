//  options - the command line of a benchmark, as a table
//
//  A wrong one ends the process with 2, and --help with 0.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_OPTIONS_H
#define ZLOOM_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

//  One option. What its argument goes to is the one pointer that is set.
typedef struct option_row {
    const char *name;
    const char *argument;  //  What help calls it; NULL = takes none
    const char *help;      //  One line
    bool *flag;
    unsigned *number;  //  1 to most
    unsigned most;
    const char **text;
    bool (*take) (void *context, const char *value);  //  False: the value is wrong
    void *context;
} option_row_t;

//  Read the command line. `about` is what help begins with.
void options_parse (int argc, char **argv, const char *about, const option_row_t *rows,
                    size_t count);

#endif
