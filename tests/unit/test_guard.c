#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/guard_internal.h"

//  What entering says in another thread, which leaves again if it was let in.
static void *s_visit (void *guard)
{
    zloom_reason_t reason = zloom__guard_enter ((zloom__guard_t *) guard);
    if (reason == ZLOOM_REASON_NONE)
        zloom__guard_leave ((zloom__guard_t *) guard);
    return (void *) (uintptr_t) reason;
}

static zloom_reason_t s_visit_in_thread (zloom__guard_t *guard)
{
    pthread_t thread;
    void *reason;
    assert_int_equal (pthread_create (&thread, NULL, s_visit, guard), 0);
    assert_int_equal (pthread_join (thread, &reason), 0);
    return (zloom_reason_t) (uintptr_t) reason;
}

//  The same in a child process.
static zloom_reason_t s_visit_in_child (zloom__guard_t *guard)
{
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child == 0)
        _exit ((int) (uintptr_t) s_visit (guard));
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status));
    return (zloom_reason_t) WEXITSTATUS (status);
}

static void test_guard_lets_one_thread_in_as_often_as_it_likes (void **state)
{
    (void) state;
    zloom__guard_t guard;
    zloom__guard_init (&guard);
    for (int i = 0; i < 3; i++)
        assert_int_equal (zloom__guard_enter (&guard), ZLOOM_REASON_NONE);
    for (int i = 0; i < 3; i++)
        zloom__guard_leave (&guard);
    assert_int_equal (zloom__guard_enter (&guard), ZLOOM_REASON_NONE);
    zloom__guard_leave (&guard);
}

static void test_guard_tells_a_second_thread_while_one_is_inside (void **state)
{
    (void) state;
    zloom__guard_t guard;
    zloom__guard_init (&guard);
    zloom__guard_enter (&guard);
    zloom__guard_enter (&guard);
    assert_int_equal (s_visit_in_thread (&guard), ZLOOM_REASON_SECOND_THREAD);
    zloom__guard_leave (&guard);
    assert_int_equal (s_visit_in_thread (&guard), ZLOOM_REASON_SECOND_THREAD);
    zloom__guard_leave (&guard);
}

static void test_guard_lets_an_object_move_between_threads (void **state)
{
    (void) state;
    zloom__guard_t guard;
    zloom__guard_init (&guard);
    assert_int_equal (s_visit_in_thread (&guard), ZLOOM_REASON_NONE);
    assert_int_equal (zloom__guard_enter (&guard), ZLOOM_REASON_NONE);
    zloom__guard_leave (&guard);
    assert_int_equal (s_visit_in_thread (&guard), ZLOOM_REASON_NONE);
}

static void test_guard_tells_a_forked_child_and_not_its_parent (void **state)
{
    (void) state;
    zloom__guard_t guard;
    zloom__guard_init (&guard);
    assert_int_equal (s_visit_in_child (&guard), ZLOOM_REASON_FORKED);
    assert_false (zloom__guard_is_forked (&guard));
    assert_int_equal (zloom__guard_enter (&guard), ZLOOM_REASON_NONE);
    assert_int_equal (s_visit_in_child (&guard), ZLOOM_REASON_FORKED);
    zloom__guard_leave (&guard);
}

static void test_guard_made_in_the_child_is_the_childs (void **state)
{
    (void) state;
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child == 0) {
        zloom__guard_t guard;
        zloom__guard_init (&guard);
        _exit ((int) (uintptr_t) s_visit (&guard));
    }
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_int_equal (WEXITSTATUS (status), ZLOOM_REASON_NONE);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_guard_lets_one_thread_in_as_often_as_it_likes),
        cmocka_unit_test (test_guard_tells_a_second_thread_while_one_is_inside),
        cmocka_unit_test (test_guard_lets_an_object_move_between_threads),
        cmocka_unit_test (test_guard_tells_a_forked_child_and_not_its_parent),
        cmocka_unit_test (test_guard_made_in_the_child_is_the_childs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
