#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "policy/spin_internal.h"

static const zloom_time_t s_longest = 50 * ZLOOM_USEC;

static zloom__spin_t s_new (void)
{
    zloom__spin_t spin;
    zloom__spin_init (&spin, s_longest);
    return spin;
}

//  A spin from `now` on that finds nothing; returns when it was over.
static zloom_time_t s_spin_in_vain (zloom__spin_t *spin, zloom_time_t now)
{
    while (zloom__spin_goes_on (spin, now += ZLOOM_USEC))
        ;
    zloom__spin_end (spin, false);
    return now;
}

//  Spin in vain, each time a second later, until there is no more of it.
static int s_disappoint (zloom__spin_t *spin, zloom_time_t *now)
{
    int spins = 0;
    while (spins < 100 && zloom__spin_begin (spin, *now += ZLOOM_SEC)) {
        *now = s_spin_in_vain (spin, *now);
        spins++;
    }
    return spins;
}

static void test_spin_of_no_length_is_none (void **state)
{
    (void) state;
    zloom__spin_t spin;
    zloom__spin_init (&spin, 0);
    assert_false (zloom__spin_begin (&spin, ZLOOM_SEC));
}

static void test_spin_ends_after_its_length (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    assert_true (zloom__spin_begin (&spin, ZLOOM_SEC));
    assert_true (zloom__spin_goes_on (&spin, ZLOOM_SEC + s_longest - 1));
    assert_false (zloom__spin_goes_on (&spin, ZLOOM_SEC + s_longest));
}

static void test_spin_on_an_idle_link_soon_stops (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    zloom_time_t now = 0;
    assert_in_range (s_disappoint (&spin, &now), 1, 8);
    assert_false (zloom__spin_begin (&spin, now));
}

static void test_spin_that_found_much_bears_some_disappointment (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    zloom_time_t now = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true (zloom__spin_begin (&spin, now += ZLOOM_USEC));
        zloom__spin_end (&spin, true);
    }
    assert_in_range (s_disappoint (&spin, &now), 4, 16);
}

//  As a link that was idle becomes busy: sleeps grow short, and the spin is back.
static void test_spin_comes_back_after_a_short_sleep (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    zloom_time_t now = 0;
    s_disappoint (&spin, &now);
    assert_false (zloom__spin_begin (&spin, now));
    zloom__spin_note_wake (&spin, now + 2 * s_longest);
    assert_true (zloom__spin_begin (&spin, now));
}

static void test_spin_stays_away_after_a_long_sleep (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    zloom_time_t now = 0;
    s_disappoint (&spin, &now);
    assert_false (zloom__spin_begin (&spin, now));
    zloom__spin_note_wake (&spin, now + 2 * s_longest + 1);
    assert_false (zloom__spin_begin (&spin, now));
}

//  The sleep after a spin says nothing: that wait was longer than a spin.
static void test_spin_learns_nothing_from_the_sleep_after_it (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    zloom_time_t now = 0;
    int spins = 0;
    while (spins < 100 && zloom__spin_begin (&spin, now)) {
        now = s_spin_in_vain (&spin, now) + ZLOOM_USEC;
        zloom__spin_note_wake (&spin, now);
        spins++;
    }
    assert_in_range (spins, 1, 8);
}

static void test_spin_rests_when_the_processor_comes_back_late (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    assert_true (zloom__spin_begin (&spin, ZLOOM_SEC));
    zloom_time_t late = ZLOOM_SEC + 3 * ZLOOM_MSEC;
    assert_false (zloom__spin_goes_on (&spin, late));
    zloom__spin_end (&spin, true);
    assert_false (zloom__spin_begin (&spin, late));
    assert_true (zloom__spin_begin (&spin, late + ZLOOM_MSEC));
}

//  How much of a second goes to spins while every yield takes 3 ms.
static void test_spin_on_a_loaded_machine_rests_ever_longer (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    const zloom_time_t most = 10 * ZLOOM_SEC;
    zloom_time_t lost = 0;
    for (zloom_time_t now = 0; now < most; now += 100 * ZLOOM_USEC)
        if (zloom__spin_begin (&spin, now)) {
            lost += 3 * ZLOOM_MSEC;
            now += 3 * ZLOOM_MSEC;
            assert_false (zloom__spin_goes_on (&spin, now));
            zloom__spin_end (&spin, true);
        }
    assert_in_range (lost, 1, most / 100);
}

//  One late yield now and then is chance.
static void test_spin_does_not_rest_long_for_a_rare_late_yield (void **state)
{
    (void) state;
    zloom__spin_t spin = s_new ();
    for (zloom_time_t now = ZLOOM_SEC; now < 10 * ZLOOM_SEC; now += 50 * ZLOOM_MSEC) {
        assert_true (zloom__spin_begin (&spin, now));
        assert_false (zloom__spin_goes_on (&spin, now + ZLOOM_MSEC));
        zloom__spin_end (&spin, true);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_spin_of_no_length_is_none),
        cmocka_unit_test (test_spin_ends_after_its_length),
        cmocka_unit_test (test_spin_on_an_idle_link_soon_stops),
        cmocka_unit_test (test_spin_that_found_much_bears_some_disappointment),
        cmocka_unit_test (test_spin_comes_back_after_a_short_sleep),
        cmocka_unit_test (test_spin_stays_away_after_a_long_sleep),
        cmocka_unit_test (test_spin_learns_nothing_from_the_sleep_after_it),
        cmocka_unit_test (test_spin_rests_when_the_processor_comes_back_late),
        cmocka_unit_test (test_spin_on_a_loaded_machine_rests_ever_longer),
        cmocka_unit_test (test_spin_does_not_rest_long_for_a_rare_late_yield),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
