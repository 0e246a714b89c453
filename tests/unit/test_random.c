#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static void test_random_same_seed_gives_the_same_sequence (void **state)
{
    (void) state;
    zloom_random_t a, b;
    zloom_random_seed (&a, 42);
    zloom_random_seed (&b, 42);
    for (int i = 0; i < 1000; i++)
        assert_int_equal (zloom_random_next (&a), zloom_random_next (&b));
}

//  A seed that is printed today must replay the same run for ever. The words
//  were computed apart, from the published definitions.
static void test_random_sequence_never_changes (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 0);
    assert_int_equal (random.state[0], UINT64_C (0xe220a8397b1dcdaf));
    assert_int_equal (random.state[1], UINT64_C (0x6e789e6aa1b965f4));
    assert_int_equal (zloom_random_next (&random), UINT64_C (0x99ec5f36cb75f2b4));
    assert_int_equal (zloom_random_next (&random), UINT64_C (0xbf6e1f784956452a));
}

static void test_random_other_seeds_give_other_sequences (void **state)
{
    (void) state;
    zloom_random_t a, b;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        zloom_random_seed (&a, seed);
        zloom_random_seed (&b, seed + 1);
        assert_int_not_equal (zloom_random_next (&a), zloom_random_next (&b));
    }
}

static void test_random_fresh_seeds_differ (void **state)
{
    (void) state;
    zloom_random_t a, b;
    zloom_random_seed_fresh (&a);
    zloom_random_seed_fresh (&b);
    assert_int_not_equal (zloom_random_next (&a), zloom_random_next (&b));
}

static void test_random_below_stays_below (void **state)
{
    (void) state;
    const uint64_t bounds[] = {1, 2, 3, 10, 1000, UINT32_MAX, (UINT64_C (1) << 63) + 1, UINT64_MAX};
    zloom_random_t random;
    zloom_random_seed (&random, 7);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        for (int n = 0; n < 1000; n++)
            assert_true (zloom_random_below (&random, bounds[i]) < bounds[i]);
}

static void test_random_below_zero_is_zero_and_draws_nothing (void **state)
{
    (void) state;
    zloom_random_t random, untouched;
    zloom_random_seed (&random, 7);
    zloom_random_seed (&untouched, 7);
    assert_int_equal (zloom_random_below (&random, 0), 0);
    assert_int_equal (zloom_random_next (&random), zloom_random_next (&untouched));
}

//  60,000 throws of a die: each face 10,000 times, give or take six sigma (550).
static void test_random_below_is_fair (void **state)
{
    (void) state;
    int faces[6] = {0};
    zloom_random_t random;
    zloom_random_seed (&random, 1);
    for (int i = 0; i < 60000; i++)
        faces[zloom_random_below (&random, 6)]++;
    for (int face = 0; face < 6; face++)
        assert_in_range (faces[face], 9450, 10550);
}

//  What is drawn is folded into the range: where the range is three quarters of
//  all numbers, the lowest third of it would come half the time.
static void test_random_below_does_not_favour_low_numbers (void **state)
{
    (void) state;
    const uint64_t third = UINT64_C (1) << 62;
    int low = 0;
    zloom_random_t random;
    zloom_random_seed (&random, 1);
    for (int i = 0; i < 30000; i++)
        low += zloom_random_below (&random, 3 * third) < third;
    assert_in_range (low, 9500, 10500);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_random_same_seed_gives_the_same_sequence),
        cmocka_unit_test (test_random_sequence_never_changes),
        cmocka_unit_test (test_random_other_seeds_give_other_sequences),
        cmocka_unit_test (test_random_fresh_seeds_differ),
        cmocka_unit_test (test_random_below_stays_below),
        cmocka_unit_test (test_random_below_zero_is_zero_and_draws_nothing),
        cmocka_unit_test (test_random_below_is_fair),
        cmocka_unit_test (test_random_below_does_not_favour_low_numbers),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
