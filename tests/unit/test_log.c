#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

//  What the hook was given last, and how often.
typedef struct {
    int lines;
    zloom_log_level_t level;
    char id[32];
    char text[512];
} seen_t;

static void s_hook (zloom_log_level_t level, const char *id, const char *text, void *context)
{
    seen_t *seen = (seen_t *) context;
    seen->lines++;
    seen->level = level;
    snprintf (seen->id, sizeof seen->id, "%s", id);
    snprintf (seen->text, sizeof seen->text, "%s", text);
}

static int s_unhook (void **state)
{
    (void) state;
    zloom_log_set (NULL, NULL, ZLOOM_LOG_OFF);
    return 0;
}

static void test_log_is_off_until_somebody_listens (void **state)
{
    (void) state;
    for (int level = ZLOOM_LOG_OFF; level <= ZLOOM_LOG_DEBUG; level++)
        assert_false (zloom_log_wants ((zloom_log_level_t) level));
    zloom_log (ZLOOM_LOG_ERROR, "ZL-TEST", "nobody");
    zloom_log_write (ZLOOM_LOG_ERROR, "ZL-TEST", "nobody");
}

static void test_log_wants_lines_up_to_its_level (void **state)
{
    (void) state;
    seen_t seen = {0};
    for (int up_to = ZLOOM_LOG_OFF; up_to <= ZLOOM_LOG_DEBUG; up_to++) {
        zloom_log_set (s_hook, &seen, (zloom_log_level_t) up_to);
        for (int level = ZLOOM_LOG_OFF; level <= ZLOOM_LOG_DEBUG; level++)
            assert_int_equal (zloom_log_wants ((zloom_log_level_t) level),
                              level != ZLOOM_LOG_OFF && level <= up_to);
    }
}

static void test_log_hook_receives_the_line (void **state)
{
    (void) state;
    seen_t seen = {0};
    zloom_log_set (s_hook, &seen, ZLOOM_LOG_WARNING);
    zloom_log (ZLOOM_LOG_WARNING, "ZL-TEST", "%d of %s", 3, "them");
    assert_int_equal (seen.lines, 1);
    assert_int_equal (seen.level, ZLOOM_LOG_WARNING);
    assert_string_equal (seen.id, "ZL-TEST");
    assert_string_equal (seen.text, "3 of them");
}

static int s_count (int *counter)
{
    return ++*counter;
}

static void test_log_does_not_evaluate_what_nobody_wants (void **state)
{
    (void) state;
    seen_t seen = {0};
    int evaluated = 0;
    zloom_log_set (s_hook, &seen, ZLOOM_LOG_INFO);
    zloom_log (ZLOOM_LOG_DEBUG, "ZL-TEST", "%d", s_count (&evaluated));
    assert_int_equal (evaluated, 0);
    zloom_log (ZLOOM_LOG_INFO, "ZL-TEST", "%d", s_count (&evaluated));
    assert_int_equal (evaluated, 1);
    assert_int_equal (seen.lines, 1);
}

static void test_log_cuts_a_long_line_between_characters (void **state)
{
    (void) state;
    char text[400] = ".";
    for (size_t at = 1; at < 300; at += 3)
        memcpy (text + at, "\xe2\x82\xac", 4);
    seen_t seen = {0};
    zloom_log_set (s_hook, &seen, ZLOOM_LOG_DEBUG);
    zloom_log (ZLOOM_LOG_DEBUG, "ZL-TEST", "%s", text);
    assert_int_equal (strlen (seen.text), 253);
    assert_memory_equal (seen.text, text, 253);
}

static void test_log_without_a_hook_is_off_again (void **state)
{
    (void) state;
    seen_t seen = {0};
    zloom_log_set (s_hook, &seen, ZLOOM_LOG_DEBUG);
    zloom_log_set (NULL, NULL, ZLOOM_LOG_DEBUG);
    assert_false (zloom_log_wants (ZLOOM_LOG_ERROR));
    zloom_log (ZLOOM_LOG_ERROR, "ZL-TEST", "nobody");
    assert_int_equal (seen.lines, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_log_is_off_until_somebody_listens),
        cmocka_unit_test_teardown (test_log_wants_lines_up_to_its_level, s_unhook),
        cmocka_unit_test_teardown (test_log_hook_receives_the_line, s_unhook),
        cmocka_unit_test_teardown (test_log_does_not_evaluate_what_nobody_wants, s_unhook),
        cmocka_unit_test_teardown (test_log_cuts_a_long_line_between_characters, s_unhook),
        cmocka_unit_test_teardown (test_log_without_a_hook_is_off_again, s_unhook),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
