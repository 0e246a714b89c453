//  bench - what every benchmark does around its sections
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_BENCH_H
#define ZLOOM_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "environment.h"
#include "folder.h"
#include "options.h"
#include "place.h"
#include "section.h"

//  Options that they share.
typedef struct bench_options {
    unsigned rounds;              //  0 = not said
    bool quick;                   //  Everything shorter
    bool transports[TRANSPORTS];  //  None = not said
    bool cores[CORES];            //  None = not said
    const char *json;             //  Optional
} bench_options_t;

//  Their rows in a table of options, for those that a benchmark has.
option_row_t bench_option_rounds (bench_options_t *options);
option_row_t bench_option_quick (bench_options_t *options);
option_row_t bench_option_transport (bench_options_t *options);
option_row_t bench_option_cores (bench_options_t *options);
option_row_t bench_option_json (bench_options_t *options);

//  The parts that a benchmark has, and those that were asked for; none = all.
enum { BENCH_PARTS = 4 };

typedef struct bench_parts {
    const char *const *names;  //  Borrowed
    size_t count;
    bool said[BENCH_PARTS];
} bench_parts_t;

option_row_t bench_option_only (bench_parts_t *parts);
bool bench_wants_part (const bench_parts_t *parts, size_t part);

//  What was said, or else the one of two that fits.
unsigned bench_choose (const bench_options_t *options, unsigned said, unsigned usual,
                       unsigned quick);

//  Whether one was asked for; `usual` where nothing was said. Two cores are
//  never wanted where there is but one.
bool bench_wants_transport (const bench_options_t *options, transport_t transport, bool usual);
bool bench_wants_cores (const bench_options_t *options, cores_t cores, bool usual);

typedef struct bench {
    const char *title;  //  Borrowed
    const char *json_path;
    FILE *json;
    fact_t facts[ENVIRONMENT_FACTS];
    char folder[FOLDER_PATH_SIZE];  //  For ipc sockets
    section_t *sections;            //  Those that were run
    size_t count;
    int exit_code;
} bench_t;

//  Refuse a build whose numbers would mislead, look at the machine, and print
//  the head.
void bench_open (bench_t *self, const char *title, const bench_options_t *options);

//  Run a section, print its table and keep it. After one that failed nothing
//  is run any more. Takes what the section owns. Returns it with its results,
//  or NULL; borrowed until the next.
const section_t *bench_run (bench_t *self, const section_t *section);

//  Write the JSON and tidy up. Returns the exit code.
int bench_close (bench_t *self);

#endif
