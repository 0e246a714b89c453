#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/time.h"

static void test_time_add_adds (void **state)
{
    (void) state;
    assert_int_equal (zloom_time_add (5, 7), 12);
    assert_int_equal (zloom_time_add (5, -7), -2);
    assert_int_equal (zloom_time_add (0, 0), 0);
}

static void test_time_add_ends_in_never_instead_of_overflowing (void **state)
{
    (void) state;
    assert_int_equal (zloom_time_add (ZLOOM_NEVER, 1), ZLOOM_NEVER);
    assert_int_equal (zloom_time_add (1, ZLOOM_NEVER), ZLOOM_NEVER);
    assert_int_equal (zloom_time_add (ZLOOM_NEVER, ZLOOM_NEVER), ZLOOM_NEVER);
    assert_int_equal (zloom_time_add (ZLOOM_NEVER - 1, 1), ZLOOM_NEVER);
    assert_int_equal (zloom_time_add (ZLOOM_NEVER - 2, 1), ZLOOM_NEVER - 1);
    assert_int_equal (zloom_time_add (-1, ZLOOM_NEVER), ZLOOM_NEVER - 1);
}

static void test_time_min_is_the_earlier (void **state)
{
    (void) state;
    assert_int_equal (zloom_time_min (1, 2), 1);
    assert_int_equal (zloom_time_min (ZLOOM_NEVER, -1), -1);
}

static void test_time_now_never_goes_back (void **state)
{
    (void) state;
    zloom_time_t last = zloom_time_now ();
    assert_true (last > 0);
    for (int i = 0; i < 10000; i++) {
        zloom_time_t now = zloom_time_now ();
        assert_true (now >= last);
        last = now;
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_time_add_adds),
        cmocka_unit_test (test_time_add_ends_in_never_instead_of_overflowing),
        cmocka_unit_test (test_time_min_is_the_earlier),
        cmocka_unit_test (test_time_now_never_goes_back),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
