//  section - contenders compared in rounds, in a process of their own
//
//  A section starts with nothing that another left behind: whatever it does
//  happens in a process that is forked for it, and that dies if it hangs. What
//  comes out is a table of numbers: for each round and each contender a value
//  of every measure. The rounds go A B A B, so that whatever else the machine
//  does meets every contender alike.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_SECTION_H
#define ZLOOM_BENCH_SECTION_H

#include <stdbool.h>
#include <stddef.h>

//  How a contender's value is put beside that of the first one, the baseline.
typedef enum compare { COMPARE_NOT, COMPARE_RATIO, COMPARE_DIFFERENCE } compare_t;

//  A number that every round gives.
typedef struct measure {
    const char *name;  //  In tables: "p50 us"
    const char *key;   //  In JSON: "p50_ns"
    double unit;       //  Tables divide by it
    int digits;        //  Behind the point, in tables
    compare_t compare;
    bool more_is_better;
    bool decides;  //  The verdict is on this one
} measure_t;

//  At most.
enum { SECTION_CONTENDERS = 16, SECTION_MEASURES = 8 };

typedef struct section section_t;

struct section {
    char name[48];                          //  "sync, tcp, one core": the same in every run
    char detail[128];                       //  "2000 calls a round, 32 bytes"
    unsigned rounds;                        //  That count
    const char *names[SECTION_CONTENDERS];  //  Borrowed; they must outlive self
    size_t contenders;
    const measure_t *measures;  //  Borrowed; they must outlive self
    size_t measure_count;
    void (*live) (section_t *self);  //  Fill in all values; runs in the section's process
    const void *plan;                //  Borrowed while it runs; for live
    double *results;                 //  Owned; see section_values
};

//  Run a section and wait for its end. Returns 0, or the exit code that this
//  process should end with: 1 when it failed (and said why), 128 and more when
//  a signal stopped it. SIGINT and SIGTERM are blocked from here on, so that
//  the caller always gets to tidy up.
int section_run (section_t *self);

//  The values of one contender in one round, from 0.
double *section_values (const section_t *self, size_t contender, unsigned round);

//  Give the results back.
void section_clear (section_t *self);

#endif
