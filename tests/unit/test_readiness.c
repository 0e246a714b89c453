#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/readiness_internal.h"

static bool s_is_readable (const zloom__readiness_t *self, int timeout_ms)
{
    struct pollfd poll_it = {self->epoll, POLLIN, 0};
    return poll (&poll_it, 1, timeout_ms) == 1;
}

static int s_setup (void **state)
{
    static zloom__readiness_t readiness;
    *state = &readiness;
    return zloom__readiness_open (&readiness) ? 0 : -1;
}

static int s_teardown (void **state)
{
    zloom__readiness_close ((zloom__readiness_t *) *state);
    return 0;
}

static void test_readiness_is_quiet_at_first (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    assert_false (s_is_readable (self, 0));
    assert_true (fcntl (self->epoll, F_GETFD) & FD_CLOEXEC);
}

//  Level-triggered: readable until somebody settles it otherwise.
static void test_readiness_stays_readable_while_something_is_pending (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    zloom__readiness_settle (self, true, ZLOOM_NEVER);
    for (int i = 0; i < 3; i++)
        assert_true (s_is_readable (self, 0));
    zloom__readiness_settle (self, true, ZLOOM_NEVER);
    assert_true (s_is_readable (self, 0));
    zloom__readiness_settle (self, false, ZLOOM_NEVER);
    assert_false (s_is_readable (self, 0));
    zloom__readiness_settle (self, false, ZLOOM_NEVER);
    assert_false (s_is_readable (self, 0));
}

static void test_readiness_time_that_has_passed_is_readable_at_once (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    const zloom_time_t past[] = {zloom_time_now (), zloom_time_now () - ZLOOM_SEC, 1, 0, -5,
                                 INT64_MIN};
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        zloom__readiness_settle (self, false, past[i]);
        assert_true (s_is_readable (self, 1000));
        assert_true (s_is_readable (self, 0));
        zloom__readiness_settle (self, false, ZLOOM_NEVER);
        assert_false (s_is_readable (self, 0));
    }
}

static void test_readiness_wakes_at_the_time_and_not_before (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    zloom_time_t at = zloom_time_now () + 30 * ZLOOM_MSEC;
    zloom__readiness_settle (self, false, at);
    assert_true (s_is_readable (self, 20000));
    assert_true (zloom_time_now () >= at);
    //  Moved, before it has come.
    zloom__readiness_settle (self, false, zloom_time_now () + 10 * ZLOOM_MSEC);
    zloom__readiness_settle (self, false, zloom_time_now () + 3600 * ZLOOM_SEC);
    assert_false (s_is_readable (self, 20));
    zloom__readiness_settle (self, false, ZLOOM_NEVER - 1);
    assert_false (s_is_readable (self, 0));
}

static void test_readiness_watches_descriptors (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    int fd = eventfd (0, EFD_CLOEXEC);
    assert_true (fd >= 0);
    zloom__readiness_watch (self, fd);
    zloom__readiness_watch (self, -1);
    assert_false (s_is_readable (self, 0));
    assert_int_equal (eventfd_write (fd, 1), 0);
    assert_true (s_is_readable (self, 0));
    assert_true (s_is_readable (self, 0));
    close (fd);
    assert_false (s_is_readable (self, 0));
}

static void test_readiness_forgets_a_descriptor_that_is_not_watched_any_more (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    int fd = eventfd (1, EFD_CLOEXEC);
    assert_true (fd >= 0);
    zloom__readiness_watch (self, fd);
    assert_true (s_is_readable (self, 0));
    zloom__readiness_unwatch (self, fd);
    zloom__readiness_unwatch (self, fd);
    zloom__readiness_unwatch (self, -1);
    assert_false (s_is_readable (self, 0));
    close (fd);
}

//  Wait for descriptors; those of its own are not told.
static int s_wait (zloom__readiness_t *self, zloom_time_t timeout, zloom__ready_t *ret_ready)
{
    zloom_time_t now = zloom_time_now ();
    return zloom__readiness_wait (self, now, now + timeout, ret_ready, 8);
}

static void test_readiness_wait_tells_which_descriptors_are_readable (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    int fds[3];
    zloom__ready_t found[8];
    for (int i = 0; i < 3; i++) {
        fds[i] = eventfd (0, EFD_CLOEXEC);
        zloom__readiness_watch (self, fds[i]);
    }
    assert_int_equal (s_wait (self, 0, found), 0);
    eventfd_write (fds[1], 1);
    for (int again = 0; again < 2; again++) {
        assert_int_equal (s_wait (self, 20 * ZLOOM_SEC, found), 1);
        assert_int_equal (found[0].token, fds[1]);
    }
    eventfd_write (fds[0], 1);
    eventfd_write (fds[2], 1);
    zloom__readiness_settle (self, true, 1);
    assert_int_equal (s_wait (self, 0, found), 3);
    assert_int_equal (zloom__readiness_wait (self, 0, 0, found, 2), 2);
    for (int i = 0; i < 3; i++)
        close (fds[i]);
}

//  It may come back before the time, but not again and again.
static void test_readiness_wait_ends_at_its_time (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    int fd = eventfd (1, EFD_CLOEXEC);
    zloom__ready_t found[8];
    zloom__readiness_watch (self, fd);
    //  Leaves a timer behind that stands at an earlier time than the next wait's.
    assert_int_equal (s_wait (self, 10 * ZLOOM_MSEC, found), 1);
    zloom__readiness_unwatch (self, fd);
    close (fd);
    zloom_time_t until = zloom_time_now () + 60 * ZLOOM_MSEC;
    int returns = 0;
    for (zloom_time_t now; (now = zloom_time_now ()) < until; returns++)
        assert_int_equal (zloom__readiness_wait (self, now, until, found, 8), 0);
    assert_true (returns <= 3);
}

static void test_readiness_wait_for_a_time_that_has_passed_only_looks (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    zloom__ready_t found[8];
    zloom_time_t from = zloom_time_now ();
    for (int i = 0; i < 100; i++) {
        assert_int_equal (s_wait (self, 0, found), 0);
        assert_int_equal (s_wait (self, -ZLOOM_SEC, found), 0);
    }
    assert_true (zloom_time_now () - from < 10 * ZLOOM_SEC);
}

//  Between the two ways to use it, waiting and a foreign loop.
static void test_readiness_is_settled_anew_after_a_wait (void **state)
{
    zloom__readiness_t *self = (zloom__readiness_t *) *state;
    zloom__ready_t found[8];
    zloom_time_t past = zloom_time_now ();
    for (int i = 0; i < 3; i++) {
        zloom__readiness_settle (self, true, past);
        assert_true (s_is_readable (self, 1000));
        s_wait (self, 0, found);
        zloom__readiness_settle (self, false, ZLOOM_NEVER);
        assert_false (s_is_readable (self, 0));
        zloom__readiness_settle (self, false, past);
        assert_true (s_is_readable (self, 1000));
        s_wait (self, 0, found);
        zloom__readiness_settle (self, false, past);
        assert_true (s_is_readable (self, 1000));
    }
}

//  The lowest free descriptor; the same as before if nothing was left open.
static int s_lowest_free (void)
{
    int fd = dup (STDERR_FILENO);
    close (fd);
    return fd;
}

static void test_readiness_leaves_no_descriptor_behind (void **state)
{
    (void) state;
    int before = s_lowest_free ();
    zloom__readiness_t self = ZLOOM__READINESS_NONE;
    zloom__readiness_close (&self);
    for (int i = 0; i < 3; i++) {
        assert_true (zloom__readiness_open (&self));
        zloom__readiness_close (&self);
        zloom__readiness_close (&self);
        assert_int_equal (self.epoll, -1);
    }
    assert_int_equal (s_lowest_free (), before);
}

//  Whatever is the first of the three that cannot be had.
static void test_readiness_needs_three_descriptors_or_takes_none (void **state)
{
    (void) state;
    int first = s_lowest_free ();
    struct rlimit before, few;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    few = before;
    for (int left = 0; left < 3; left++) {
        zloom__readiness_t self = ZLOOM__READINESS_NONE;
        few.rlim_cur = (rlim_t) (first + left);
        assert_int_equal (setrlimit (RLIMIT_NOFILE, &few), 0);
        bool opened = zloom__readiness_open (&self);
        assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
        assert_false (opened);
        assert_int_equal (self.epoll, -1);
        assert_int_equal (s_lowest_free (), first);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_readiness_is_quiet_at_first, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_stays_readable_while_something_is_pending,
                                         s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_time_that_has_passed_is_readable_at_once,
                                         s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_wakes_at_the_time_and_not_before, s_setup,
                                         s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_watches_descriptors, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (
            test_readiness_forgets_a_descriptor_that_is_not_watched_any_more, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_wait_tells_which_descriptors_are_readable,
                                         s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_wait_ends_at_its_time, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_wait_for_a_time_that_has_passed_only_looks,
                                         s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_readiness_is_settled_anew_after_a_wait, s_setup,
                                         s_teardown),
        cmocka_unit_test (test_readiness_leaves_no_descriptor_behind),
        cmocka_unit_test (test_readiness_needs_three_descriptors_or_takes_none),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
