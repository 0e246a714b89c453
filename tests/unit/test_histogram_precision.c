//  Holds the histogram against sorting: the same values, of several
//  distributions, from seeds.

#include "policy/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

//  Distributions.

static int64_t s_uniform (zloom_random_t *random)
{
    return (int64_t) zloom_random_below (random, 1000000);
}

static int64_t s_exponential (zloom_random_t *random)
{
    double share = ((double) (zloom_random_next (random) >> 11) + 1) / (double) (1LL << 53);
    return (int64_t) (-log (share) * 80000);
}

//  Two modes, as a round trip has them: on one core, and across two.
static int64_t s_bimodal (zloom_random_t *random)
{
    return zloom_random_below (random, 10) ? 14000 + s_uniform (random) / 1000
                                           : 70000 + s_uniform (random) / 100;
}

//  As many values between 2^k and 2^(k+1) for each k.
static int64_t s_heavy_tail (zloom_random_t *random)
{
    return (int64_t) (zloom_random_next (random) >> (23 + zloom_random_below (random, 41)));
}

static int64_t s_few (zloom_random_t *random)
{
    return (int64_t) zloom_random_below (random, 3) * 123456789;
}

static int64_t s_constant (zloom_random_t *random)
{
    (void) random;
    return 87654321;
}

//  What sorting says.

static int s_compare (const void *a_p, const void *b_p)
{
    int64_t a = *(const int64_t *) a_p, b = *(const int64_t *) b_p;
    return (a > b) - (a < b);
}

static void s_assert_near (double value, double exact, double tolerance)
{
    if (fabs (value - exact) > tolerance)
        fail_msg ("%.17g is not within %.3g of %.17g", value, tolerance, exact);
}

static void s_assert_percentiles (const zloom_histogram_t *histogram, const int64_t *sorted,
                                  size_t size, double precision)
{
    static const size_t permyriads[] = {0,    1,    10,   100,  1000, 2500, 5000,
                                        7500, 9000, 9500, 9900, 9990, 9999, 10000};
    for (size_t i = 0; i < sizeof permyriads / sizeof permyriads[0]; i++) {
        size_t rank = (permyriads[i] * size + 9999) / 10000;
        double percentile = (double) permyriads[i] / 100;
        int64_t exact = sorted[rank ? rank - 1 : 0];
        int64_t value = zloom_histogram_value_at_percentile (histogram, percentile);
        if (value < exact || (double) (value - exact) > (double) exact * precision)
            fail_msg ("%g %% of %zu values: %lld, exactly %lld", percentile, size,
                      (long long) value, (long long) exact);
    }
}

static void s_assert_moments (const zloom_histogram_t *histogram, const int64_t *sorted,
                              size_t size, double precision)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < size; i++)
        sum += (double) sorted[i];
    double mean = sum / (double) size;
    for (size_t i = 0; i < size; i++)
        squares += ((double) sorted[i] - mean) * ((double) sorted[i] - mean);
    //  Each value moves by at most half a cell, so neither moves by more than the largest cell.
    double largest_cell = (double) sorted[size - 1] * precision;
    s_assert_near (zloom_histogram_mean (histogram), mean, mean * precision + 1e-6);
    s_assert_near (zloom_histogram_stddev (histogram), sqrt (squares / (double) size),
                   largest_cell + 1e-6);
}

static void s_assert_agrees (const zloom_histogram_t *histogram, const int64_t *sorted, size_t size,
                             double precision)
{
    assert_int_equal (zloom_histogram_count (histogram), size);
    assert_int_equal (zloom_histogram_min (histogram), sorted[0]);
    assert_int_equal (zloom_histogram_max (histogram), sorted[size - 1]);
    s_assert_percentiles (histogram, sorted, size, precision);
    s_assert_moments (histogram, sorted, size, precision);
}

static void test_histogram_agrees_with_sorting (void **state)
{
    (void) state;
    static int64_t (*const draw[]) (zloom_random_t *) = {s_uniform,    s_exponential, s_bimodal,
                                                         s_heavy_tail, s_few,         s_constant};
    static const size_t sizes[] = {1, 2, 10, 999, 20000};
    static int64_t values[20000];
    double precision = 1;
    for (int digits = 1; digits <= 5; digits++) {
        precision /= 10;
        zloom_histogram_options_t options = {.highest = INT64_C (1) << 41, .digits = digits};
        zloom_histogram_t *histogram = zloom_histogram_new (&options, NULL);
        assert_non_null (histogram);
        for (size_t run = 0; run < sizeof draw / sizeof draw[0] * 5; run++) {
            zloom_random_t random;
            zloom_random_seed (&random, 1000 * (uint64_t) digits + run);
            size_t size = sizes[run % 5];
            for (size_t i = 0; i < size; i++) {
                values[i] = draw[run / 5](&random);
                assert_true (zloom_histogram_record (histogram, values[i]));
            }
            qsort (values, size, sizeof values[0], s_compare);
            s_assert_agrees (histogram, values, size, precision);
            zloom_histogram_reset (histogram);
        }
        zloom_histogram_destroy (&histogram);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test (test_histogram_agrees_with_sorting)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
