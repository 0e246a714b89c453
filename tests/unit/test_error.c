#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static const zloom_code_t s_codes[] = {
#define X(name, number, text) ZLOOM_##name,
    ZLOOM_CODE_MAP (X)
#undef X
};

static const size_t s_code_count = sizeof s_codes / sizeof s_codes[0];

static void test_error_codes_are_grpcs_numbers (void **state)
{
    (void) state;
    assert_int_equal (s_code_count, 17);
    for (size_t i = 0; i < s_code_count; i++)
        assert_int_equal (s_codes[i], i);
    assert_int_equal (ZLOOM_DEADLINE_EXCEEDED, 4);
    assert_int_equal (ZLOOM_UNAVAILABLE, 14);
    assert_int_equal (ZLOOM_UNAUTHENTICATED, 16);
}

static void test_error_each_code_has_a_name_and_a_sentence (void **state)
{
    (void) state;
    for (size_t i = 0; i < s_code_count; i++) {
        assert_true (strlen (zloom_code_name (s_codes[i])) > 0);
        assert_true (strlen (zloom_code_text (s_codes[i])) > 0);
    }
    assert_string_equal (zloom_code_name (ZLOOM_OK), "OK");
    assert_string_equal (zloom_code_name (ZLOOM_NOT_FOUND), "NOT_FOUND");
}

static void test_error_a_number_that_is_no_code_reads_as_unknown (void **state)
{
    (void) state;
    assert_int_equal (zloom_code_from (0), ZLOOM_OK);
    assert_int_equal (zloom_code_from (16), ZLOOM_UNAUTHENTICATED);
    assert_int_equal (zloom_code_from (17), ZLOOM_UNKNOWN);
    assert_int_equal (zloom_code_from (-1), ZLOOM_UNKNOWN);
    assert_int_equal (zloom_code_from (INT64_MAX), ZLOOM_UNKNOWN);
    assert_int_equal (zloom_code_from (INT64_MIN), ZLOOM_UNKNOWN);
    assert_int_equal (zloom_code_from (INT64_C (1) << 32), ZLOOM_UNKNOWN);
    assert_string_equal (zloom_code_name ((zloom_code_t) 17), "UNKNOWN");
    assert_string_equal (zloom_code_name ((zloom_code_t) -1), "UNKNOWN");
}

static void test_error_each_reason_is_found_by_its_name_and_has_no_twin (void **state)
{
    (void) state;
    for (int i = 0; i < ZLOOM_REASON_COUNT; i++) {
        zloom_reason_t reason = (zloom_reason_t) i;
        zloom_bytes_t name = zloom_bytes_str (zloom_reason_name (reason));
        assert_true (name.size > 0);
        assert_true (strlen (zloom_reason_text (reason)) > 0);
        assert_int_equal (zloom_reason_from (name), reason);
    }
}

static void test_error_a_name_that_is_no_reason_reads_as_none (void **state)
{
    (void) state;
    const char *strangers[] = {"", "no-pee", "no-peer ", "NO-PEER", "no_peer"};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        assert_int_equal (zloom_reason_from (zloom_bytes_str (strangers[i])), ZLOOM_REASON_NONE);
    assert_int_equal (zloom_reason_from (zloom_bytes ("no-peer\0", 8)), ZLOOM_REASON_NONE);
    assert_int_equal (zloom_reason_from (zloom_bytes (NULL, 0)), ZLOOM_REASON_NONE);
    assert_string_equal (zloom_reason_name (ZLOOM_REASON_COUNT), "none");
    assert_string_equal (zloom_reason_name ((zloom_reason_t) -1), "none");
}

static void test_error_only_no_reason_is_ok (void **state)
{
    (void) state;
    for (int i = 0; i < ZLOOM_REASON_COUNT; i++) {
        zloom_reason_t reason = (zloom_reason_t) i;
        bool none = reason == ZLOOM_REASON_NONE;
        assert_int_equal (zloom_reason_code (reason) == ZLOOM_OK, none);
        assert_int_equal (zloom_reason_exit_code (reason) == 0, none);
        assert_true (zloom_reason_exit_code (reason) <= 12);
    }
}

//  The promise of the command, code by code.
static void test_error_exit_codes_are_as_documented (void **state)
{
    (void) state;
    const struct {
        zloom_reason_t reason;
        int exit_code;
    } rows[] = {
        {ZLOOM_REASON_BUG, 1},
        {ZLOOM_REASON_NO_MEMORY, 1},
        {ZLOOM_REASON_BAD_ARGUMENT, 2},
        {ZLOOM_REASON_BAD_ENDPOINT, 2},
        {ZLOOM_REASON_BAD_JSON, 2},
        {ZLOOM_REASON_INSECURE_BIND, 2},
        {ZLOOM_REASON_DEADLINE, 3},
        {ZLOOM_REASON_EXPIRED, 3},
        {ZLOOM_REASON_NO_PEER, 4},
        {ZLOOM_REASON_WRONG_PEER, 4},
        {ZLOOM_REASON_DRAINING, 4},
        {ZLOOM_REASON_CONNECTION_LOST, 4},
        {ZLOOM_REASON_AUTHENTICATION, 5},
        {ZLOOM_REASON_HANDLER, 6},
        {ZLOOM_REASON_UNKNOWN_METHOD, 6},
        {ZLOOM_REASON_SYSTEM, 7},
        {ZLOOM_REASON_ADDRESS_IN_USE, 7},
        {ZLOOM_REASON_DESCRIPTORS, 7},
        {ZLOOM_REASON_OVERSIZE, 10},
        {ZLOOM_REASON_MALFORMED, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal (zloom_reason_exit_code (rows[i].reason), rows[i].exit_code);
}

static void test_error_what_a_peer_worked_on_is_not_retryable (void **state)
{
    (void) state;
    assert_true (zloom_reason_retryable (ZLOOM_REASON_NO_PEER));
    assert_true (zloom_reason_retryable (ZLOOM_REASON_QUEUE_FULL));
    assert_true (zloom_reason_retryable (ZLOOM_REASON_EXPIRED));
    assert_false (zloom_reason_retryable (ZLOOM_REASON_DEADLINE));
    assert_false (zloom_reason_retryable (ZLOOM_REASON_CONNECTION_LOST));
    assert_false (zloom_reason_retryable (ZLOOM_REASON_HANDLER));
    assert_false (zloom_reason_retryable (ZLOOM_REASON_BAD_ARGUMENT));
}

static void test_error_whatever_the_remote_raised_ends_with_6 (void **state)
{
    (void) state;
    for (int i = ZLOOM_REASON_NONE; i < ZLOOM_REASON_COUNT; i++) {
        zloom_error_t error = {
            .code = ZLOOM_NOT_FOUND, .reason = (zloom_reason_t) i, .origin = ZLOOM_REMOTE};
        assert_int_equal (zloom_error_exit_code (&error), 6);
    }
}

static void test_error_no_error_ends_with_0_and_a_nameless_one_with_1 (void **state)
{
    (void) state;
    zloom_error_t error = {0};
    assert_int_equal (zloom_error_exit_code (&error), 0);
    error.origin = ZLOOM_REMOTE;
    assert_int_equal (zloom_error_exit_code (&error), 0);
    error = (zloom_error_t){.code = ZLOOM_ABORTED};
    assert_int_equal (zloom_error_exit_code (&error), 1);
}

static void test_error_set_fills_everything_and_returns_the_code (void **state)
{
    (void) state;
    zloom_error_t error;
    memset (&error, 0xff, sizeof error);
    zloom_code_t code = zloom_error_set (&error, ZLOOM_REASON_NO_PEER, "nobody at '%s'", "x");
    assert_int_equal (code, ZLOOM_UNAVAILABLE);
    assert_int_equal (error.code, ZLOOM_UNAVAILABLE);
    assert_int_equal (error.reason, ZLOOM_REASON_NO_PEER);
    assert_int_equal (error.origin, ZLOOM_HERE);
    assert_string_equal (error.text, "nobody at 'x'");
}

static void test_error_nobody_need_listen (void **state)
{
    (void) state;
    assert_int_equal (zloom_error_set (NULL, ZLOOM_REASON_OVERSIZE, "%d", 1),
                      ZLOOM_RESOURCE_EXHAUSTED);
    zloom_error_wrap (NULL, "%d", 1);
    zloom_error_clear (NULL);
}

static void test_error_a_long_text_is_cut_at_the_end (void **state)
{
    (void) state;
    char text[600];
    memset (text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    zloom_error_t error;
    zloom_error_set (&error, ZLOOM_REASON_BUG, "%s", text);
    assert_int_equal (strlen (error.text), sizeof error.text - 1);
    assert_memory_equal (error.text, text, sizeof error.text - 1);
}

//  Every way in which the end can fall into a character of 2, 3 or 4 bytes.
static void test_error_a_long_text_is_cut_between_characters (void **state)
{
    (void) state;
    const char *characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\xa6\x8a"};
    for (size_t which = 0; which < 3; which++) {
        size_t length = strlen (characters[which]);
        for (size_t shift = 0; shift < length; shift++) {
            char text[400] = "....";
            for (size_t at = shift; at < 300; at += length)
                memcpy (text + at, characters[which], length + 1);

            zloom_error_t error;
            zloom_error_set (&error, ZLOOM_REASON_BUG, "%s", text);
            size_t kept = strlen (error.text);
            assert_memory_equal (error.text, text, kept);
            assert_int_equal ((kept - shift) % length, 0);
            assert_true (kept + length > sizeof error.text - 1);
        }
    }
}

static void test_error_wrap_puts_what_was_done_before_what_happened (void **state)
{
    (void) state;
    zloom_error_t error;
    zloom_error_set (&error, ZLOOM_REASON_SYSTEM, "connection refused");
    zloom_error_wrap (&error, "connecting to '%s'", "tcp://x:1");
    zloom_error_wrap (&error, "starting");
    assert_string_equal (error.text, "starting: connecting to 'tcp://x:1': connection refused");
    assert_int_equal (error.code, ZLOOM_INTERNAL);
    assert_int_equal (error.reason, ZLOOM_REASON_SYSTEM);
}

static void test_error_wrap_of_an_empty_text_has_no_colon (void **state)
{
    (void) state;
    zloom_error_t error = {.code = ZLOOM_INTERNAL};
    zloom_error_wrap (&error, "starting");
    assert_string_equal (error.text, "starting");
}

//  Around the point where the prefix, the colon and the rest no longer fit.
static void test_error_wrap_keeps_its_prefix_whole_and_cuts_the_rest (void **state)
{
    (void) state;
    char prefix[300];
    for (size_t length = 245; length < 299; length++) {
        memset (prefix, 'p', length);
        prefix[length] = 0;
        zloom_error_t error;
        zloom_error_set (&error, ZLOOM_REASON_BUG, "refused");
        zloom_error_wrap (&error, "%s", prefix);

        char whole[400];
        snprintf (whole, sizeof whole, "%s: refused", prefix);
        size_t kept = strlen (whole) < 255 ? strlen (whole) : 255;
        assert_int_equal (strlen (error.text), kept);
        assert_memory_equal (error.text, whole, kept);
    }
}

static void test_error_clear_makes_it_no_error (void **state)
{
    (void) state;
    zloom_error_t error;
    zloom_error_set (&error, ZLOOM_REASON_BUG, "x");
    error.origin = ZLOOM_REMOTE;
    zloom_error_clear (&error);
    assert_int_equal (error.code, ZLOOM_OK);
    assert_int_equal (error.reason, ZLOOM_REASON_NONE);
    assert_int_equal (error.origin, ZLOOM_HERE);
    assert_string_equal (error.text, "");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_error_codes_are_grpcs_numbers),
        cmocka_unit_test (test_error_each_code_has_a_name_and_a_sentence),
        cmocka_unit_test (test_error_a_number_that_is_no_code_reads_as_unknown),
        cmocka_unit_test (test_error_each_reason_is_found_by_its_name_and_has_no_twin),
        cmocka_unit_test (test_error_a_name_that_is_no_reason_reads_as_none),
        cmocka_unit_test (test_error_only_no_reason_is_ok),
        cmocka_unit_test (test_error_exit_codes_are_as_documented),
        cmocka_unit_test (test_error_what_a_peer_worked_on_is_not_retryable),
        cmocka_unit_test (test_error_whatever_the_remote_raised_ends_with_6),
        cmocka_unit_test (test_error_no_error_ends_with_0_and_a_nameless_one_with_1),
        cmocka_unit_test (test_error_set_fills_everything_and_returns_the_code),
        cmocka_unit_test (test_error_nobody_need_listen),
        cmocka_unit_test (test_error_a_long_text_is_cut_at_the_end),
        cmocka_unit_test (test_error_a_long_text_is_cut_between_characters),
        cmocka_unit_test (test_error_wrap_puts_what_was_done_before_what_happened),
        cmocka_unit_test (test_error_wrap_of_an_empty_text_has_no_colon),
        cmocka_unit_test (test_error_wrap_keeps_its_prefix_whole_and_cuts_the_rest),
        cmocka_unit_test (test_error_clear_makes_it_no_error),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
