#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"

//  Fail an assertion in a child; returns its wait status, and what it printed.
static int s_fail_in_child (char *ret_text, size_t size)
{
    int ends[2];
    assert_int_equal (pipe (ends), 0);
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child == 0) {
        signal (SIGABRT, SIG_DFL);
        dup2 (ends[1], STDERR_FILENO);
        zloom_assert (1 + 1 == 3);
        _exit (0);
    }
    close (ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read (ends[0], ret_text + length, size - 1 - length)) > 0)
        length += (size_t) got;
    ret_text[length] = 0;
    close (ends[0]);
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    return status;
}

static void test_assert_that_holds_does_nothing_and_evaluates_once (void **state)
{
    (void) state;
    int evaluated = 0;
    zloom_assert (++evaluated == 1);
    assert_int_equal (evaluated, 1);
}

static void test_assert_that_fails_says_so_and_aborts (void **state)
{
    (void) state;
    char text[1000];
    int status = s_fail_in_child (text, sizeof text);
    assert_true (WIFSIGNALED (status));
    assert_int_equal (WTERMSIG (status), SIGABRT);
    assert_non_null (strstr (text, "test_assert.c:"));
    assert_non_null (strstr (text, "'1 + 1 == 3' does not hold"));
    assert_non_null (strstr (text, "bug in zloom"));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_assert_that_holds_does_nothing_and_evaluates_once),
        cmocka_unit_test (test_assert_that_fails_says_so_and_aborts),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
