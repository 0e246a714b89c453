//  zloom_histogram - counts values so that any percentile can be read later
//
//  An HDR histogram after Gil Tene's published design: cells whose width
//  doubles with the value, each doubling divided evenly, so that every value
//  from 0 to the highest is kept to the same number of decimal digits. A cell
//  is found with a shift: recording costs the same whatever was recorded, and
//  allocates nothing. A value outside the range is counted apart and ranks
//  above every other, so that no percentile looks better than it was.
//  Pure: reads no clock; memory is taken by zloom_histogram_new alone.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_POLICY_HISTOGRAM_H
#define ZLOOM_POLICY_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  What to tell apart. Start from ZLOOM_HISTOGRAM_OPTIONS_DEFAULT; that line is
//  the only place where the defaults are written.
typedef struct zloom_histogram_options {
    int64_t highest;  //  Largest value in the range, 1 to ZLOOM_HISTOGRAM_HIGHEST_LIMIT
    int digits;       //  Decimal digits kept of each value, 1 to 5
} zloom_histogram_options_t;

//  An hour in nanoseconds to three digits; 264 KiB.
#define ZLOOM_HISTOGRAM_OPTIONS_DEFAULT                 \
    {                                                   \
        .highest = INT64_C (3600000000000), .digits = 3 \
    }

#define ZLOOM_HISTOGRAM_HIGHEST_LIMIT (INT64_C (1) << 62)

//  The answer where a percentile falls among the values outside the range: of
//  those nothing is known but their number.
#define ZLOOM_HISTOGRAM_OUTSIDE INT64_MAX

typedef struct zloom_histogram zloom_histogram_t;

//  Create an empty histogram. Copies options; NULL = the defaults.
//  Returns NULL on failure; reterr (optional) has BAD_ARGUMENT (an option is
//  out of range, the text says which) or NO_MEMORY. The caller owns the result
//  and destroys it with zloom_histogram_destroy.
ZLOOM_EXPORT zloom_histogram_t *zloom_histogram_new (const zloom_histogram_options_t *options,
                                                     zloom_error_t *reterr);

//  Destroy it and set the caller's pointer to NULL. NULL is allowed.
ZLOOM_EXPORT void zloom_histogram_destroy (zloom_histogram_t **self_p);

//  Forget all values; the options stay.
ZLOOM_EXPORT void zloom_histogram_reset (zloom_histogram_t *self);

//  Count a value. False: it is negative or above the highest, and was counted
//  as outside.
ZLOOM_EXPORT bool zloom_histogram_record (zloom_histogram_t *self, int64_t value);

//  Count a value `times` times.
ZLOOM_EXPORT bool zloom_histogram_record_n (zloom_histogram_t *self, int64_t value, uint64_t times);

//  Count a value, and those that a loop which should have measured once every
//  `interval` missed while it waited for this one: value - interval,
//  value - 2 * interval, and so on down to interval. Without this the slowest
//  moments have the fewest samples (coordinated omission). An interval of 0 or
//  less corrects nothing. Costs a step for each cell, not for each value.
ZLOOM_EXPORT bool zloom_histogram_record_corrected (zloom_histogram_t *self, int64_t value,
                                                    int64_t interval);

//  Add all that `other` counted. BAD_ARGUMENT, and nothing added, unless both
//  were made with the same options.
ZLOOM_EXPORT zloom_code_t zloom_histogram_add (zloom_histogram_t *self,
                                               const zloom_histogram_t *other,
                                               zloom_error_t *reterr);

//  How many values lay in the range.
ZLOOM_EXPORT uint64_t zloom_histogram_count (const zloom_histogram_t *self);

//  How many lay outside. They are part of percentiles only; whoever shows
//  another statistic shows this number too.
ZLOOM_EXPORT uint64_t zloom_histogram_outside (const zloom_histogram_t *self);

//  The smallest and the largest value in the range, exactly; 0 for none.
ZLOOM_EXPORT int64_t zloom_histogram_min (const zloom_histogram_t *self);
ZLOOM_EXPORT int64_t zloom_histogram_max (const zloom_histogram_t *self);

//  Mean and standard deviation (of the whole, not of a sample) of the values in
//  the range, each taken as the middle of its cell; 0 for none.
ZLOOM_EXPORT double zloom_histogram_mean (const zloom_histogram_t *self);
ZLOOM_EXPORT double zloom_histogram_stddev (const zloom_histogram_t *self);

//  The value that `percentile` (0 to 100) of all values do not exceed: the
//  nearest rank, never less than the exact answer, and more by at most one part
//  in 10^digits. ZLOOM_HISTOGRAM_OUTSIDE where the rank falls there; 0 for an
//  empty histogram.
ZLOOM_EXPORT int64_t zloom_histogram_value_at_percentile (const zloom_histogram_t *self,
                                                          double percentile);

//  One line of a percentile spectrum, and where the walk along it stands.
typedef struct zloom_histogram_walk {
    uint32_t ticks;     //  Set before the first step: lines for each halving of the
                        //  distance to 100 %; 0 counts as 1
    double percentile;  //  Of this line, 0 to 100
    int64_t value;      //  As zloom_histogram_value_at_percentile
    uint64_t count;     //  How many values are not above it
    uint64_t line;      //  Lines so far
    bool done;          //  This line was the last, that of 100 %
} zloom_histogram_walk_t;

//  Step along the spectrum, as the lines of an .hgrm file do: more lines the
//  nearer to 100 %, which is the last. False after that, and at once for an
//  empty histogram. Begin with `zloom_histogram_walk_t walk = {.ticks = 5};`;
//  record nothing on the way.
ZLOOM_EXPORT bool zloom_histogram_next (const zloom_histogram_t *self,
                                        zloom_histogram_walk_t *walk);

#ifdef __cplusplus
}
#endif

#endif
