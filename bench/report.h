//  report - the results, as a table for people and as JSON for programs
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_REPORT_H
#define ZLOOM_BENCH_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "environment.h"
#include "section.h"

//  What is measured, where, and how to read the tables.
void report_head (FILE *file, const char *title, const fact_t *facts);

//  The table of one section.
void report_section (FILE *file, const section_t *section);

//  Everything, with the result of each round, as one JSON object.
void report_json (FILE *file, const char *title, const fact_t *facts, const section_t *sections,
                  size_t count);

#endif
