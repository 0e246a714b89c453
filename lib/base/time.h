//  zloom_time - one type for time: nanoseconds of the monotonic clock
//
//  Deadlines, intervals and stamps are all zloom_time_t, so no unit is ever
//  guessed; options that people write are in milliseconds and say so by name.
//  The wall clock is never asked: setting it changes no deadline.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_TIME_H
#define ZLOOM_BASE_TIME_H

#include <stdint.h>

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t zloom_time_t;

#define ZLOOM_USEC  INT64_C (1000)
#define ZLOOM_MSEC  INT64_C (1000000)
#define ZLOOM_SEC   INT64_C (1000000000)
#define ZLOOM_NEVER INT64_MAX  //  Later than everything

//  Now, by CLOCK_MONOTONIC.
ZLOOM_EXPORT zloom_time_t zloom_time_now (void);

//  `time` + `by`, and NEVER where that would overflow.
static inline zloom_time_t zloom_time_add (zloom_time_t time, zloom_time_t by)
{
    return by > 0 && time > ZLOOM_NEVER - by ? ZLOOM_NEVER : time + by;
}

static inline zloom_time_t zloom_time_min (zloom_time_t a, zloom_time_t b)
{
    return a < b ? a : b;
}

#ifdef __cplusplus
}
#endif

#endif
