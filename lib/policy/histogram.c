#include "policy/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

//  Design notes. With digits = 3 a cell must not be wider than 1/1000 of its
//  lowest value, so each doubling is divided into half = 1024 cells, the next
//  power of two. Values below 2 * half have a cell each; above, the width
//  doubles as the value does:
//
//      value           0 … 2047    2048 … 4095    4096 … 8191    …
//      cell            0 … 2047    2048 … 3071    3072 … 4095    …
//      values a cell   1           2              4              …
//
//  A value of b bits is shifted right until `bits` = 11 of them are left; each
//  shift moves it half cells on.

struct zloom_histogram {
    zloom_histogram_options_t options;
    int bits;          //  Leading bits of a value that tell its cell
    size_t half;       //  Cells for each doubling, 2^(bits - 1)
    size_t size;       //  Cells in all
    uint64_t count;    //  Values in the range, the sum of the cells
    uint64_t outside;  //  Values outside
    int64_t min;       //  Exact; above any value while count is 0
    int64_t max;       //  Exact; 0 while count is 0
    uint64_t cells[];  //  How many values fell in each
};

//  Values and cells.

static int s_shift (const zloom_histogram_t *self, int64_t value)
{
    uint64_t at_least = (uint64_t) value | (2 * self->half - 1);
    return 64 - __builtin_clzll (at_least) - self->bits;
}

static size_t s_cell (const zloom_histogram_t *self, int64_t value)
{
    int shift = s_shift (self, value);
    return (size_t) shift * self->half + (size_t) (value >> shift);
}

//  The shift that leads to a cell.
static int s_cell_shift (const zloom_histogram_t *self, size_t cell)
{
    return cell < 2 * self->half ? 0 : (int) (cell / self->half) - 1;
}

static int64_t s_cell_least (const zloom_histogram_t *self, size_t cell)
{
    int shift = s_cell_shift (self, cell);
    return (int64_t) (cell - (size_t) shift * self->half) << shift;
}

static int64_t s_cell_most (const zloom_histogram_t *self, size_t cell)
{
    return s_cell_least (self, cell) + (INT64_C (1) << s_cell_shift (self, cell)) - 1;
}

static double s_cell_middle (const zloom_histogram_t *self, size_t cell)
{
    double width = (double) (INT64_C (1) << s_cell_shift (self, cell));
    return (double) s_cell_least (self, cell) + (width - 1) / 2;
}

static bool s_in_range (const zloom_histogram_t *self, int64_t value)
{
    return value >= 0 && value <= self->options.highest;
}

//  Life.

static zloom_code_t s_check (const zloom_histogram_options_t *options, zloom_error_t *reterr)
{
    if (options->highest < 1 || options->highest > ZLOOM_HISTOGRAM_HIGHEST_LIMIT)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT,
                                "histogram: highest must be from 1 to 2^62, not %lld",
                                (long long) options->highest);
    if (options->digits < 1 || options->digits > 5)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT,
                                "histogram: digits must be from 1 to 5, not %d", options->digits);
    return ZLOOM_OK;
}

//  Fill in what decides where a value's cell is.
static void s_lay_out (zloom_histogram_t *self, const zloom_histogram_options_t *options)
{
    size_t steps = 1;
    for (int digit = 0; digit < options->digits; digit++)
        steps *= 10;

    self->options = *options;
    self->half = 1;
    self->bits = 1;
    while (self->half < steps) {
        self->half *= 2;
        self->bits++;
    }
    self->size = s_cell (self, options->highest) + 1;
}

zloom_histogram_t *zloom_histogram_new (const zloom_histogram_options_t *options,
                                        zloom_error_t *reterr)
{
    static const zloom_histogram_options_t defaults = ZLOOM_HISTOGRAM_OPTIONS_DEFAULT;
    if (!options)
        options = &defaults;
    if (s_check (options, reterr))
        return NULL;

    zloom_histogram_t layout;
    s_lay_out (&layout, options);
    size_t size = sizeof layout + layout.size * sizeof layout.cells[0];
    zloom_histogram_t *self = (zloom_histogram_t *) zloom_alloc (size);
    if (!self) {
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "no memory for a histogram of %zu bytes",
                         size);
        return NULL;
    }
    *self = layout;
    zloom_histogram_reset (self);
    return self;
}

void zloom_histogram_destroy (zloom_histogram_t **self_p)
{
    zloom_free (*self_p);
    *self_p = NULL;
}

void zloom_histogram_reset (zloom_histogram_t *self)
{
    memset (self->cells, 0, self->size * sizeof self->cells[0]);
    self->count = 0;
    self->outside = 0;
    self->min = INT64_MAX;
    self->max = 0;
}

//  Recording.

//  Count `times` values from least to most, all of one cell or all outside.
static bool s_count (zloom_histogram_t *self, int64_t least, int64_t most, uint64_t times)
{
    if (!s_in_range (self, most)) {
        self->outside += times;
        return false;
    }
    if (times == 0)
        return true;
    self->cells[s_cell (self, most)] += times;
    self->count += times;
    if (self->min > least)
        self->min = least;
    if (self->max < most)
        self->max = most;
    return true;
}

bool zloom_histogram_record (zloom_histogram_t *self, int64_t value)
{
    return s_count (self, value, value, 1);
}

bool zloom_histogram_record_n (zloom_histogram_t *self, int64_t value, uint64_t times)
{
    return s_count (self, value, value, times);
}

//  The least value that is counted in the same place.
static int64_t s_least_alike (const zloom_histogram_t *self, int64_t value)
{
    return s_in_range (self, value) ? s_cell_least (self, s_cell (self, value))
                                    : self->options.highest + 1;
}

bool zloom_histogram_record_corrected (zloom_histogram_t *self, int64_t value, int64_t interval)
{
    bool in_range = zloom_histogram_record (self, value);
    if (interval <= 0 || value < interval)
        return in_range;

    int64_t missed = value - interval;
    while (missed >= interval) {
        int64_t least = s_least_alike (self, missed);
        if (least < interval)
            least = interval;
        int64_t more = (missed - least) / interval;
        s_count (self, missed - more * interval, missed, (uint64_t) more + 1);
        missed -= (more + 1) * interval;
    }
    return in_range;
}

zloom_code_t zloom_histogram_add (zloom_histogram_t *self, const zloom_histogram_t *other,
                                  zloom_error_t *reterr)
{
    if (self->options.digits != other->options.digits
        || self->options.highest != other->options.highest)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT,
                                "histograms of different options cannot be added");

    for (size_t cell = 0; cell < self->size; cell++)
        self->cells[cell] += other->cells[cell];
    self->count += other->count;
    self->outside += other->outside;
    if (self->min > other->min)
        self->min = other->min;
    if (self->max < other->max)
        self->max = other->max;
    return ZLOOM_OK;
}

//  Reading.

//  Where to look for values. Of an empty histogram the first lies behind the
//  last, as min lies above max.
static size_t s_first (const zloom_histogram_t *self)
{
    return s_cell (self, self->min);
}

static size_t s_last (const zloom_histogram_t *self)
{
    return s_cell (self, self->max);
}

uint64_t zloom_histogram_count (const zloom_histogram_t *self)
{
    return self->count;
}

uint64_t zloom_histogram_outside (const zloom_histogram_t *self)
{
    return self->outside;
}

int64_t zloom_histogram_min (const zloom_histogram_t *self)
{
    return self->count ? self->min : 0;
}

int64_t zloom_histogram_max (const zloom_histogram_t *self)
{
    return self->max;
}

double zloom_histogram_mean (const zloom_histogram_t *self)
{
    double sum = 0;
    for (size_t cell = s_first (self), last = s_last (self); cell <= last; cell++)
        sum += (double) self->cells[cell] * s_cell_middle (self, cell);
    return self->count ? sum / (double) self->count : 0;
}

double zloom_histogram_stddev (const zloom_histogram_t *self)
{
    double mean = zloom_histogram_mean (self);
    double squares = 0;
    for (size_t cell = s_first (self), last = s_last (self); cell <= last; cell++) {
        double off = s_cell_middle (self, cell) - mean;
        squares += (double) self->cells[cell] * off * off;
    }
    return self->count ? sqrt (squares / (double) self->count) : 0;
}

//  The place in sorted order, from 1, that a percentile means. Rounds up, but
//  not for what the product itself was rounded by.
static uint64_t s_rank (uint64_t total, double percentile)
{
    if (!(percentile > 0))
        return 1;
    if (percentile >= 100)
        return total;
    double exact = percentile * (double) total / 100;
    uint64_t rank = (uint64_t) exact;
    if (exact - (double) rank > exact * 4 * DBL_EPSILON)
        rank++;
    return rank;
}

//  Find the value of a rank, and how many values are not above it.
static int64_t s_find (const zloom_histogram_t *self, uint64_t rank, uint64_t *ret_count)
{
    uint64_t count = 0;
    for (size_t cell = s_first (self), last = s_last (self); cell <= last; cell++) {
        count += self->cells[cell];
        if (count >= rank) {
            *ret_count = count;
            int64_t most = s_cell_most (self, cell);
            return most < self->max ? most : self->max;
        }
    }
    *ret_count = self->count + self->outside;
    return ZLOOM_HISTOGRAM_OUTSIDE;
}

int64_t zloom_histogram_value_at_percentile (const zloom_histogram_t *self, double percentile)
{
    uint64_t total = self->count + self->outside;
    uint64_t count;
    return total ? s_find (self, s_rank (total, percentile), &count) : 0;
}

//  The percentile of a line: `ticks` lines from 0 to 50 %, as many from 50 to
//  75 %, and so on, each time half of what is left. After 53 halvings a double
//  says 100, where the walk ends.
static double s_line_percentile (uint64_t line, uint64_t ticks)
{
    double left = 100 / (double) (UINT64_C (1) << line / ticks);
    return 100 - left * (1 - (double) (line % ticks) / (double) (2 * ticks));
}

bool zloom_histogram_next (const zloom_histogram_t *self, zloom_histogram_walk_t *walk)
{
    uint64_t total = self->count + self->outside;
    if (walk->done || total == 0)
        return false;

    walk->percentile = s_line_percentile (walk->line, walk->ticks ? walk->ticks : 1);
    walk->value = s_find (self, s_rank (total, walk->percentile), &walk->count);
    walk->line++;
    if (walk->count == total) {
        walk->percentile = 100;
        walk->done = true;
    }
    return true;
}
