//  score - what the rounds of a contender come to
//
//  The first contender of a section is what the others are compared with,
//  pair by pair: each round with the baseline's of the same number. So a slow
//  minute of the machine is on both sides of a ratio.
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_SCORE_H
#define ZLOOM_BENCH_SCORE_H

#include <stddef.h>

#include "section.h"
#include "spread.h"

//  With fewer rounds there is a number, but no verdict.
enum { SCORE_ROUNDS_NEEDED = 9 };

//  Of one measure.
typedef struct score {
    spread_t value;
    spread_t compared;  //  To the baseline's, as the measure says; zeroes where it says not
} score_t;

//  Boil down the rounds of one contender.
score_t score_of (const section_t *section, size_t contender, size_t measure);

//  Whether it is faster or slower than the baseline, by the measure that
//  decides; "" where none does. Never NULL.
const char *score_verdict (const section_t *section, size_t contender);

#endif
