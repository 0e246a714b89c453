#include "policy/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "support/heap.h"

//  Support.

static zloom_histogram_t *s_histogram (int64_t highest, int digits)
{
    zloom_histogram_options_t options = {.highest = highest, .digits = digits};
    zloom_error_t error = {0};
    zloom_histogram_t *histogram = zloom_histogram_new (&options, &error);
    if (!histogram)
        fail_msg ("no histogram: %s", error.text);
    return histogram;
}

static void s_assert_same (const zloom_histogram_t *a, const zloom_histogram_t *b)
{
    assert_int_equal (zloom_histogram_count (a), zloom_histogram_count (b));
    assert_int_equal (zloom_histogram_outside (a), zloom_histogram_outside (b));
    assert_int_equal (zloom_histogram_min (a), zloom_histogram_min (b));
    assert_int_equal (zloom_histogram_max (a), zloom_histogram_max (b));
    assert_true (zloom_histogram_mean (a) == zloom_histogram_mean (b));
    assert_true (zloom_histogram_stddev (a) == zloom_histogram_stddev (b));
    for (int quarter = 0; quarter <= 400; quarter++)
        assert_int_equal (zloom_histogram_value_at_percentile (a, quarter / 4.0),
                          zloom_histogram_value_at_percentile (b, quarter / 4.0));
}

//  Life and limits.

static void test_histogram_is_empty_when_new (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = zloom_histogram_new (NULL, NULL);
    assert_non_null (histogram);
    assert_int_equal (zloom_histogram_count (histogram), 0);
    assert_int_equal (zloom_histogram_outside (histogram), 0);
    assert_int_equal (zloom_histogram_min (histogram), 0);
    assert_int_equal (zloom_histogram_max (histogram), 0);
    assert_true (zloom_histogram_mean (histogram) == 0);
    assert_true (zloom_histogram_stddev (histogram) == 0);
    assert_int_equal (zloom_histogram_value_at_percentile (histogram, 99), 0);
    zloom_histogram_walk_t walk = {.ticks = 5};
    assert_false (zloom_histogram_next (histogram, &walk));

    zloom_histogram_destroy (&histogram);
    assert_null (histogram);
    zloom_histogram_destroy (&histogram);
}

static void test_histogram_refuses_options_by_name (void **state)
{
    (void) state;
    static const struct {
        zloom_histogram_options_t options;
        const char *text;
    } rows[] = {
        {{.highest = 0, .digits = 3}, "histogram: highest must be from 1 to 2^62, not 0"},
        {{.highest = -1, .digits = 3}, "histogram: highest must be from 1 to 2^62, not -1"},
        {{.highest = ZLOOM_HISTOGRAM_HIGHEST_LIMIT + 1, .digits = 3},
         "histogram: highest must be from 1 to 2^62, not 4611686018427387905"},
        {{.highest = 1000, .digits = 0}, "histogram: digits must be from 1 to 5, not 0"},
        {{.highest = 1000, .digits = 6}, "histogram: digits must be from 1 to 5, not 6"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        zloom_error_t error = {0};
        assert_null (zloom_histogram_new (&rows[row].options, &error));
        assert_int_equal (error.code, ZLOOM_INVALID_ARGUMENT);
        assert_int_equal (error.reason, ZLOOM_REASON_BAD_ARGUMENT);
        assert_string_equal (error.text, rows[row].text);
        assert_null (zloom_histogram_new (&rows[row].options, NULL));
    }
}

static void test_histogram_takes_the_extreme_options (void **state)
{
    (void) state;
    for (int digits = 1; digits <= 5; digits += 4) {
        zloom_histogram_t *least = s_histogram (1, digits);
        assert_true (zloom_histogram_record (least, 1));
        assert_false (zloom_histogram_record (least, 2));
        assert_int_equal (zloom_histogram_value_at_percentile (least, 50), 1);
        zloom_histogram_destroy (&least);

        zloom_histogram_t *most = s_histogram (ZLOOM_HISTOGRAM_HIGHEST_LIMIT, digits);
        assert_true (zloom_histogram_record (most, ZLOOM_HISTOGRAM_HIGHEST_LIMIT));
        assert_false (zloom_histogram_record (most, ZLOOM_HISTOGRAM_HIGHEST_LIMIT + 1));
        assert_int_equal (zloom_histogram_value_at_percentile (most, 50),
                          ZLOOM_HISTOGRAM_HIGHEST_LIMIT);
        zloom_histogram_destroy (&most);
    }
}

static void test_histogram_without_memory_is_a_named_error (void **state)
{
    (void) state;
    heap_t heap;
    zloom_error_t error = {0};
    heap_install (&heap, 1);
    zloom_histogram_t *histogram = zloom_histogram_new (NULL, &error);
    heap_remove ();

    assert_null (histogram);
    assert_int_equal (heap.asked, 1);
    assert_int_equal (error.code, ZLOOM_RESOURCE_EXHAUSTED);
    assert_int_equal (error.reason, ZLOOM_REASON_NO_MEMORY);
    assert_non_null (strstr (error.text, "no memory for a histogram of "));
}

static void test_histogram_allocates_nothing_after_new (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 0);
    zloom_histogram_t *a = s_histogram (1000000, 3);
    zloom_histogram_t *b = s_histogram (1000000, 3);
    for (int64_t value = 0; value < 2000000; value += 7)
        zloom_histogram_record_corrected (a, value, 100000);
    zloom_histogram_add (b, a, NULL);
    zloom_histogram_walk_t walk = {.ticks = 5};
    while (zloom_histogram_next (b, &walk))
        ;
    zloom_histogram_reset (b);
    assert_int_equal (heap.asked, 2);

    zloom_histogram_destroy (&a);
    zloom_histogram_destroy (&b);
    assert_int_equal (heap.out, 0);
    heap_remove ();
}

//  Recording.

static void test_histogram_tells_small_values_apart (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = s_histogram (1000000, 3);
    for (int64_t value = 0; value < 2000; value++)
        assert_true (zloom_histogram_record (histogram, value));
    for (int64_t value = 0; value < 2000; value++)
        assert_int_equal (
            zloom_histogram_value_at_percentile (histogram, (double) (value + 1) / 20), value);
    zloom_histogram_destroy (&histogram);
}

//  Around each power of two, where cells change their width.
static void test_histogram_keeps_digits_at_every_size (void **state)
{
    (void) state;
    int64_t parts = 1;
    for (int digits = 1; digits <= 5; digits++) {
        parts *= 10;
        zloom_histogram_t *histogram = s_histogram (ZLOOM_HISTOGRAM_HIGHEST_LIMIT, digits);
        for (int power = 0; power < 62; power++)
            for (int64_t off = -2; off <= 2; off++) {
                int64_t value = (INT64_C (1) << power) + off;
                if (value < 0)
                    continue;
                zloom_histogram_record_n (histogram, value, 2);
                zloom_histogram_record (histogram, ZLOOM_HISTOGRAM_HIGHEST_LIMIT);
                int64_t shown = zloom_histogram_value_at_percentile (histogram, 50);
                assert_in_range (shown - value, 0, value / parts);
                assert_int_equal (zloom_histogram_min (histogram), value);
                zloom_histogram_reset (histogram);
            }
        zloom_histogram_destroy (&histogram);
    }
}

static void test_histogram_counts_what_is_outside (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = s_histogram (1000, 2);
    assert_true (zloom_histogram_record_n (histogram, 1000, 97));
    assert_false (zloom_histogram_record (histogram, 1001));
    assert_false (zloom_histogram_record (histogram, -1));
    assert_false (zloom_histogram_record (histogram, INT64_MIN));

    assert_int_equal (zloom_histogram_count (histogram), 97);
    assert_int_equal (zloom_histogram_outside (histogram), 3);
    assert_int_equal (zloom_histogram_min (histogram), 1000);
    assert_int_equal (zloom_histogram_max (histogram), 1000);
    assert_int_equal (zloom_histogram_value_at_percentile (histogram, 97), 1000);
    assert_int_equal (zloom_histogram_value_at_percentile (histogram, 97.1),
                      ZLOOM_HISTOGRAM_OUTSIDE);
    assert_int_equal (zloom_histogram_value_at_percentile (histogram, 100),
                      ZLOOM_HISTOGRAM_OUTSIDE);
    zloom_histogram_destroy (&histogram);
}

static void test_histogram_record_n_is_n_times_record (void **state)
{
    (void) state;
    zloom_histogram_t *once = s_histogram (1000000, 3);
    zloom_histogram_t *often = s_histogram (1000000, 3);
    for (int64_t value = 1; value < 2000000; value *= 3) {
        zloom_histogram_record_n (once, value, (uint64_t) value % 50);
        for (int64_t time = 0; time < value % 50; time++)
            zloom_histogram_record (often, value);
    }
    zloom_histogram_record_n (once, 999999, 0);
    s_assert_same (once, often);
    zloom_histogram_destroy (&once);
    zloom_histogram_destroy (&often);
}

static void test_histogram_correction_adds_what_was_missed (void **state)
{
    (void) state;
    zloom_histogram_t *quick = s_histogram (1000000, 2);
    zloom_histogram_t *plain = s_histogram (1000000, 2);
    zloom_random_t random;
    zloom_random_seed (&random, 7);
    for (int round = 0; round < 500; round++) {
        int64_t value = (int64_t) (zloom_random_next (&random) >> (43 + round % 21));
        int64_t interval = (int64_t) zloom_random_below (&random, 3000);
        zloom_histogram_record_corrected (quick, value, interval);

        zloom_histogram_record (plain, value);
        for (int64_t missed = value - interval; interval && missed >= interval; missed -= interval)
            zloom_histogram_record (plain, missed);
    }
    assert_true (zloom_histogram_outside (plain) > 0);
    s_assert_same (quick, plain);
    zloom_histogram_destroy (&quick);
    zloom_histogram_destroy (&plain);
}

static void test_histogram_correction_is_quick_however_long_the_gap (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = zloom_histogram_new (NULL, NULL);
    const int64_t highest = INT64_C (3600000000000);
    assert_false (zloom_histogram_record_corrected (histogram, INT64_MAX, 1));
    assert_int_equal (zloom_histogram_count (histogram), highest);
    assert_int_equal (zloom_histogram_outside (histogram), INT64_MAX - highest);
    assert_int_equal (zloom_histogram_min (histogram), 1);
    assert_int_equal (zloom_histogram_max (histogram), highest);

    zloom_histogram_reset (histogram);
    assert_true (zloom_histogram_record_corrected (histogram, 5, 0));
    assert_true (zloom_histogram_record_corrected (histogram, 5, -1));
    assert_true (zloom_histogram_record_corrected (histogram, 5, INT64_MAX));
    assert_false (zloom_histogram_record_corrected (histogram, INT64_MIN, 1));
    assert_int_equal (zloom_histogram_count (histogram), 3);
    assert_int_equal (zloom_histogram_outside (histogram), 1);
    zloom_histogram_destroy (&histogram);

    //  1050, and 950 to 150: none of them below the interval.
    histogram = s_histogram (10, 1);
    assert_false (zloom_histogram_record_corrected (histogram, 1050, 100));
    assert_int_equal (zloom_histogram_outside (histogram), 10);
    zloom_histogram_destroy (&histogram);
}

static void test_histogram_add_is_recording_both (void **state)
{
    (void) state;
    zloom_histogram_t *parts[2] = {s_histogram (100000, 3), s_histogram (100000, 3)};
    zloom_histogram_t *whole = s_histogram (100000, 3);
    zloom_random_t random;
    zloom_random_seed (&random, 11);
    for (int i = 0; i < 5000; i++) {
        int64_t value = (int64_t) zloom_random_below (&random, 110000);
        zloom_histogram_record (parts[i % 3 == 0], value);
        zloom_histogram_record (whole, value);
    }
    assert_int_equal (zloom_histogram_add (parts[0], parts[1], NULL), ZLOOM_OK);
    s_assert_same (parts[0], whole);

    zloom_histogram_reset (parts[1]);
    assert_int_equal (zloom_histogram_add (parts[0], parts[1], NULL), ZLOOM_OK);
    s_assert_same (parts[0], whole);
    assert_int_equal (zloom_histogram_add (parts[1], parts[0], NULL), ZLOOM_OK);
    s_assert_same (parts[1], whole);

    zloom_histogram_destroy (&parts[0]);
    zloom_histogram_destroy (&parts[1]);
    zloom_histogram_destroy (&whole);
}

static void test_histogram_add_refuses_other_options (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = s_histogram (1000, 3);
    zloom_histogram_t *others[] = {s_histogram (1000, 2), s_histogram (1001, 3)};
    for (size_t i = 0; i < 2; i++) {
        zloom_error_t error = {0};
        zloom_histogram_record (others[i], 1);
        assert_int_equal (zloom_histogram_add (histogram, others[i], &error),
                          ZLOOM_INVALID_ARGUMENT);
        assert_string_equal (error.text, "histograms of different options cannot be added");
        assert_int_equal (zloom_histogram_count (histogram), 0);
        zloom_histogram_destroy (&others[i]);
    }
    zloom_histogram_destroy (&histogram);
}

static void test_histogram_reset_forgets_everything (void **state)
{
    (void) state;
    zloom_histogram_t *used = s_histogram (1000, 3);
    zloom_histogram_t *fresh = s_histogram (1000, 3);
    for (int64_t value = -5; value < 1005; value++)
        zloom_histogram_record (used, value);
    zloom_histogram_reset (used);
    s_assert_same (used, fresh);
    zloom_histogram_record (used, 17);
    zloom_histogram_record (fresh, 17);
    s_assert_same (used, fresh);
    zloom_histogram_destroy (&used);
    zloom_histogram_destroy (&fresh);
}

//  Reading.

static void test_histogram_percentile_is_the_nearest_rank (void **state)
{
    (void) state;
    static const struct {
        int64_t values;  //  1, 2, 3, … so that a value is its own rank
        double percentile;
        int64_t rank;
    } rows[] = {
        {1, 0, 1},        {1, 50, 1},        {1, 100, 1},       {2, 50, 1},          {2, 50.1, 2},
        {4, 25, 1},       {4, 50, 2},        {4, 75, 3},        {4, 75.5, 4},        {100, 99, 99},
        {100, 99.5, 100}, {1000, 99.9, 999}, {1000, 55.5, 555}, {2000, 99.95, 1999}, {1000, 0.1, 1},
        {1000, -1, 1},    {1000, 101, 1000}, {1000, NAN, 1},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        zloom_histogram_t *histogram = s_histogram (2000, 3);
        for (int64_t value = 1; value <= rows[row].values; value++)
            zloom_histogram_record (histogram, value);
        assert_int_equal (zloom_histogram_value_at_percentile (histogram, rows[row].percentile),
                          rows[row].rank);
        zloom_histogram_destroy (&histogram);
    }
}

static void test_histogram_walk_halves_the_distance_to_the_end (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = s_histogram (1000, 3);
    for (int64_t value = 1; value <= 100; value++)
        zloom_histogram_record (histogram, value);

    static const struct {
        double percentile;
        int64_t value;
    } lines[] = {{0, 1},       {25, 25},       {50, 50},      {62.5, 63},      {75, 75},
                 {81.25, 82},  {87.5, 88},     {90.625, 91},  {93.75, 94},     {95.3125, 96},
                 {96.875, 97}, {97.65625, 98}, {98.4375, 99}, {98.828125, 99}, {100, 100}};
    zloom_histogram_walk_t walk = {.ticks = 2};
    for (size_t line = 0; line < sizeof lines / sizeof lines[0]; line++) {
        assert_true (zloom_histogram_next (histogram, &walk));
        assert_true (walk.percentile == lines[line].percentile);
        assert_int_equal (walk.value, lines[line].value);
        assert_int_equal (walk.count, lines[line].value);
        assert_int_equal (walk.line, line + 1);
    }
    assert_true (walk.done);
    assert_false (zloom_histogram_next (histogram, &walk));
    zloom_histogram_destroy (&histogram);
}

static void test_histogram_walk_always_ends_at_100_percent (void **state)
{
    (void) state;
    zloom_histogram_t *histogram = s_histogram (1000, 1);
    zloom_histogram_record_n (histogram, 1, UINT64_C (1) << 62);
    zloom_histogram_record (histogram, 5);
    zloom_histogram_record (histogram, 5000);
    for (uint32_t ticks = 0; ticks < 100; ticks++) {
        zloom_histogram_walk_t walk = {.ticks = ticks};
        double before = -1;
        while (zloom_histogram_next (histogram, &walk)) {
            assert_true (walk.percentile >= before);
            before = walk.percentile;
        }
        assert_true (walk.done);
        assert_true (before == 100);
        assert_int_equal (walk.value, ZLOOM_HISTOGRAM_OUTSIDE);
        assert_int_equal (walk.count, (UINT64_C (1) << 62) + 2);
        assert_in_range (walk.line, 2, 64 * (ticks + 1));
    }
    zloom_histogram_destroy (&histogram);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_histogram_is_empty_when_new),
        cmocka_unit_test (test_histogram_refuses_options_by_name),
        cmocka_unit_test (test_histogram_takes_the_extreme_options),
        cmocka_unit_test (test_histogram_without_memory_is_a_named_error),
        cmocka_unit_test (test_histogram_allocates_nothing_after_new),
        cmocka_unit_test (test_histogram_tells_small_values_apart),
        cmocka_unit_test (test_histogram_keeps_digits_at_every_size),
        cmocka_unit_test (test_histogram_counts_what_is_outside),
        cmocka_unit_test (test_histogram_record_n_is_n_times_record),
        cmocka_unit_test (test_histogram_correction_adds_what_was_missed),
        cmocka_unit_test (test_histogram_correction_is_quick_however_long_the_gap),
        cmocka_unit_test (test_histogram_add_is_recording_both),
        cmocka_unit_test (test_histogram_add_refuses_other_options),
        cmocka_unit_test (test_histogram_reset_forgets_everything),
        cmocka_unit_test (test_histogram_percentile_is_the_nearest_rank),
        cmocka_unit_test (test_histogram_walk_halves_the_distance_to_the_end),
        cmocka_unit_test (test_histogram_walk_always_ends_at_100_percent),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
