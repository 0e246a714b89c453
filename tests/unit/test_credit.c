#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "policy/credit_internal.h"

static void test_credit_is_used_up_by_sending (void **state)
{
    (void) state;
    zloom__credit_t credit = {.total = 2};
    assert_true (zloom__credit_may_send (&credit));
    credit.sent = 2;
    assert_false (zloom__credit_may_send (&credit));
    assert_true (zloom__credit_grant (&credit, 3));
    assert_true (zloom__credit_may_send (&credit));
}

//  Grants are totals, so one that is repeated or overtaken says nothing new.
static void test_credit_never_shrinks (void **state)
{
    (void) state;
    zloom__credit_t credit = {.total = 10, .sent = 10};
    assert_false (zloom__credit_grant (&credit, 10));
    assert_false (zloom__credit_grant (&credit, 4));
    assert_false (zloom__credit_grant (&credit, 0));
    assert_false (zloom__credit_may_send (&credit));
    assert_true (zloom__credit_grant (&credit, UINT64_MAX));
    assert_int_equal (credit.total, UINT64_MAX);
}

static void test_credit_taker_tells_when_half_is_used (void **state)
{
    (void) state;
    zloom__credit_taker_t taker = {.window = 10, .told = 10};
    for (int i = 1; i < 5; i++)
        assert_false (zloom__credit_take (&taker));
    assert_true (zloom__credit_take (&taker));
    assert_int_equal (taker.told, 15);
    for (int i = 1; i < 5; i++)
        assert_false (zloom__credit_take (&taker));
    assert_true (zloom__credit_take (&taker));
    assert_int_equal (taker.told, 20);
}

static void test_credit_window_of_one_tells_each_time (void **state)
{
    (void) state;
    zloom__credit_taker_t taker = {.window = 1, .told = 1};
    for (uint64_t i = 1; i < 10; i++) {
        assert_true (zloom__credit_take (&taker));
        assert_int_equal (taker.told, i + 1);
    }
}

//  Whatever the window, and however late a grant arrives: the stream never
//  stops for good, and never is more under way than the window allows.
static void test_credit_keeps_a_stream_going_within_its_window (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 1);
    for (uint64_t window = 1; window < 40; window++) {
        zloom__credit_t sender = {.total = window};
        zloom__credit_taker_t taker = {.window = window, .told = window};
        uint64_t granted = window, idle = 0;
        while (taker.taken < 1000) {
            assert_true (sender.sent - taker.taken <= window);
            uint64_t dice = zloom_random_below (&random, 3);
            idle++;
            if (dice == 0 && zloom__credit_may_send (&sender)) {
                sender.sent++;
                idle = 0;
            } else if (dice == 1 && taker.taken < sender.sent) {
                if (zloom__credit_take (&taker))
                    granted = taker.told;
                idle = 0;
            } else if (dice == 2 && zloom__credit_grant (&sender, granted))
                idle = 0;
            assert_true (idle < 200);
        }
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_credit_is_used_up_by_sending),
        cmocka_unit_test (test_credit_never_shrinks),
        cmocka_unit_test (test_credit_taker_tells_when_half_is_used),
        cmocka_unit_test (test_credit_window_of_one_tells_each_time),
        cmocka_unit_test (test_credit_keeps_a_stream_going_within_its_window),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
