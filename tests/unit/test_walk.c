#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "data/pack.h"
#include "data/walk.h"

//  Begin a walk over what a picture packs; the buffer is the caller's.
#define BEGIN(walk, buffer, ...)                                          \
    (assert_int_equal (zloom_pack (buffer, NULL, __VA_ARGS__), ZLOOM_OK), \
     zloom_walk_begin (walk, zloom_buffer_bytes (buffer)))

static int64_t s_integer (zloom_bytes_t element)
{
    int64_t number = 0;
    zloom_buffer_t scratch = {0};
    assert_int_equal (zloom_unpack (element, &scratch, NULL, "I", &number), ZLOOM_OK);
    zloom_buffer_clear (&scratch);
    return number;
}

static void test_walk_gives_the_elements_of_an_array_in_order (void **state)
{
    (void) state;
    zloom_buffer_t buffer = {0};
    zloom_walk_t walk;
    zloom_bytes_t element;
    assert_true (BEGIN (&walk, &buffer, "[iii]", 1, 2000, -3));
    assert_false (walk.is_map);
    assert_int_equal (walk.left, 3);
    const int64_t expected[] = {1, 2000, -3};
    for (int i = 0; i < 3; i++) {
        assert_true (zloom_walk_next (&walk, &element));
        assert_int_equal (s_integer (element), expected[i]);
    }
    assert_false (zloom_walk_next (&walk, &element));
    assert_false (zloom_walk_next (&walk, &element));
    zloom_buffer_clear (&buffer);
}

static void test_walk_gives_each_key_before_its_value (void **state)
{
    (void) state;
    zloom_buffer_t buffer = {0};
    zloom_walk_t walk;
    zloom_bytes_t element;
    assert_true (BEGIN (&walk, &buffer, "{siss}", "one", 1, "two", "z"));
    assert_true (walk.is_map);
    assert_int_equal (walk.left, 4);
    const char *const expected[] = {"\xa3one", "\x01", "\xa3two", "\xa1z"};
    for (int i = 0; i < 4; i++) {
        assert_true (zloom_walk_next (&walk, &element));
        assert_true (zloom_bytes_equal (element, zloom_bytes_str (expected[i])));
    }
    assert_false (zloom_walk_next (&walk, &element));
    zloom_buffer_clear (&buffer);
}

static void test_walk_takes_nested_values_as_one_element (void **state)
{
    (void) state;
    zloom_buffer_t buffer = {0};
    zloom_walk_t walk;
    zloom_bytes_t element;
    assert_true (BEGIN (&walk, &buffer, "[[i[ss]]i]", 1, "deep", "er", 7));
    assert_true (zloom_walk_next (&walk, &element));
    zloom_walk_t inner;
    assert_true (zloom_walk_begin (&inner, element));
    assert_int_equal (inner.left, 2);
    assert_true (zloom_walk_next (&walk, &element));
    assert_int_equal (s_integer (element), 7);
    assert_false (zloom_walk_next (&walk, &element));
    zloom_buffer_clear (&buffer);
}

static void test_walk_has_nothing_where_there_is_no_array_or_map (void **state)
{
    (void) state;
    zloom_walk_t walk;
    zloom_bytes_t element;
    const char *const values[] = {"\xa4text", "\x07", "\xc0"};
    for (size_t i = 0; i < 3; i++) {
        assert_false (zloom_walk_begin (&walk, zloom_bytes_str (values[i])));
        assert_false (zloom_walk_next (&walk, &element));
    }
    assert_false (zloom_walk_begin (&walk, zloom_bytes (NULL, 0)));
    assert_false (zloom_walk_next (&walk, &element));
    assert_true (zloom_walk_begin (&walk, zloom_bytes_str ("\x90")));
    assert_false (zloom_walk_next (&walk, &element));
}

static void test_walk_ends_at_bytes_that_are_no_messagepack (void **state)
{
    (void) state;
    zloom_walk_t walk;
    zloom_bytes_t element;
    assert_true (zloom_walk_begin (&walk, zloom_bytes_str ("\x93\x01\xc1\x02")));
    assert_true (zloom_walk_next (&walk, &element));
    assert_false (zloom_walk_next (&walk, &element));
    assert_false (zloom_walk_next (&walk, &element));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_walk_gives_the_elements_of_an_array_in_order),
        cmocka_unit_test (test_walk_gives_each_key_before_its_value),
        cmocka_unit_test (test_walk_takes_nested_values_as_one_element),
        cmocka_unit_test (test_walk_has_nothing_where_there_is_no_array_or_map),
        cmocka_unit_test (test_walk_ends_at_bytes_that_are_no_messagepack),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
