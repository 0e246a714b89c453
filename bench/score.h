//  score - what the rounds of a contender come to
//
//  The first contender of a section is what the others are compared with,
//  pair by pair: each round with the baseline's round just before it. So a
//  slow minute of the machine is on both sides of a ratio.
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_SCORE_H
#define ZLOOM_BENCH_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "section.h"
#include "spread.h"

//  With fewer rounds there is a number, but no verdict.
enum { SCORE_ROUNDS_NEEDED = 9 };

typedef struct score {
    spread_t p50;        //  Of the rounds' medians, in nanoseconds
    spread_t p99;        //  Of their 99th percentiles
    spread_t p50_ratio;  //  To the baseline's, pair by pair
    spread_t p99_ratio;
    uint64_t outside;     //  Calls longer than could be measured; they count as such in p99
    const char *verdict;  //  On the p50 ratio; never NULL
} score_t;

//  Boil down the rounds of one contender.
score_t score_of (const section_t *section, size_t contender);

#endif
