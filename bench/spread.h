//  spread - the middle of repeated measurements, and how far they scatter
//
//  Pure.
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_SPREAD_H
#define ZLOOM_BENCH_SPREAD_H

#include <stddef.h>

typedef struct spread {
    double least;
    double lower;  //  First quartile
    double median;
    double upper;  //  Third quartile
    double most;
} spread_t;

//  Of `count` values, at least one; sorts them.
spread_t spread_of (double *values, size_t count);

#endif
