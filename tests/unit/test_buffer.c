#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"
#include "support/heap.h"

static int s_remove_heap (void **state)
{
    (void) state;
    heap_remove ();
    return 0;
}

static void test_buffer_starts_empty_and_without_memory (void **state)
{
    (void) state;
    zloom_buffer_t buffer = {0};
    assert_int_equal (zloom_buffer_bytes (&buffer).size, 0);
    assert_true (zloom_buffer_append (&buffer, NULL, 0));
    assert_null (buffer.data);
    zloom_buffer_clear (&buffer);
}

//  Random appends and resets against a plain array that does the same.
static void test_buffer_has_what_was_appended (void **state)
{
    (void) state;
    static uint8_t twin[1 << 20];
    size_t size = 0;
    zloom_buffer_t buffer = {0};
    zloom_random_t random;
    zloom_random_seed (&random, 1);

    for (int i = 0; i < 5000; i++) {
        uint8_t piece[512];
        size_t length = zloom_random_below (&random, sizeof piece);
        memset (piece, (int) zloom_random_below (&random, 256), sizeof piece);
        if (size + length > sizeof twin || zloom_random_below (&random, 500) == 0) {
            zloom_buffer_reset (&buffer);
            size = 0;
        }
        assert_true (zloom_buffer_append (&buffer, piece, length));
        memcpy (twin + size, piece, length);
        size += length;
        assert_true (zloom_bytes_equal (zloom_buffer_bytes (&buffer), zloom_bytes (twin, size)));
    }
    zloom_buffer_clear (&buffer);
    assert_null (buffer.data);
    assert_int_equal (buffer.capacity, 0);
}

static void test_buffer_reserve_makes_room_for_exactly_that_much (void **state)
{
    (void) state;
    for (size_t more = 0; more < 300; more++) {
        zloom_buffer_t buffer = {0};
        zloom_buffer_append (&buffer, "abc", 3);
        assert_true (zloom_buffer_reserve (&buffer, more));
        assert_true (buffer.capacity - buffer.size >= more);
        assert_int_equal (buffer.size, 3);
        assert_memory_equal (buffer.data, "abc", 3);
        memset (buffer.data + 3, 0, more);
        zloom_buffer_clear (&buffer);
    }
}

static void test_buffer_keeps_its_memory_across_reset (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 0);
    zloom_buffer_t buffer = {0};
    uint8_t message[1000] = {0};
    for (int i = 0; i < 100; i++) {
        zloom_buffer_reset (&buffer);
        assert_true (zloom_buffer_append (&buffer, message, sizeof message));
    }
    assert_int_equal (heap.asked, 1);
    zloom_buffer_clear (&buffer);
}

static void test_buffer_grows_in_few_steps (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 0);
    zloom_buffer_t buffer = {0};
    for (int i = 0; i < 1 << 20; i++)
        zloom_buffer_append (&buffer, "x", 1);
    assert_int_equal (buffer.size, 1 << 20);
    assert_true (heap.asked < 20);
    zloom_buffer_clear (&buffer);
}

static void test_buffer_without_memory_fails_and_keeps_what_is_there (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 2);
    zloom_buffer_t buffer = {0};
    uint8_t large[4096] = {0};
    assert_true (zloom_buffer_append (&buffer, "abc", 3));
    assert_false (zloom_buffer_append (&buffer, large, sizeof large));
    assert_true (buffer.failed);
    assert_int_equal (buffer.size, 3);
    assert_memory_equal (buffer.data, "abc", 3);
    zloom_buffer_clear (&buffer);
}

static void test_buffer_once_failed_takes_nothing_until_reset (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 2);
    zloom_buffer_t buffer = {0};
    uint8_t large[4096] = {0};
    zloom_buffer_append (&buffer, "abc", 3);
    zloom_buffer_append (&buffer, large, sizeof large);
    assert_false (zloom_buffer_append (&buffer, "d", 1));
    assert_false (zloom_buffer_append (&buffer, NULL, 0));
    assert_false (zloom_buffer_grow (&buffer, 1));
    assert_int_equal (buffer.size, 3);

    zloom_buffer_reset (&buffer);
    assert_true (zloom_buffer_append (&buffer, large, sizeof large));
    zloom_buffer_clear (&buffer);
}

static void test_buffer_refuses_sizes_that_would_overflow (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 2);
    zloom_buffer_t buffer = {0};
    zloom_buffer_append (&buffer, "abc", 3);
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 2, SIZE_MAX - 3, SIZE_MAX / 2 - 2};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buffer.failed = false;
        assert_false (zloom_buffer_reserve (&buffer, sizes[i]));
        assert_true (buffer.failed);
        assert_int_equal (buffer.size, 3);
    }
    assert_int_equal (heap.asked, 1);
    zloom_buffer_clear (&buffer);
}

static void test_bytes_are_equal_by_content (void **state)
{
    (void) state;
    assert_true (zloom_bytes_equal (zloom_bytes (NULL, 0), zloom_bytes_str ("")));
    assert_true (zloom_bytes_equal (zloom_bytes_str (NULL), zloom_bytes_str ("")));
    assert_true (zloom_bytes_equal (zloom_bytes_str ("ab"), zloom_bytes ("abc", 2)));
    assert_false (zloom_bytes_equal (zloom_bytes_str ("ab"), zloom_bytes_str ("abc")));
    assert_false (zloom_bytes_equal (zloom_bytes ("a\0b", 3), zloom_bytes ("a\0c", 3)));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_buffer_starts_empty_and_without_memory),
        cmocka_unit_test (test_buffer_has_what_was_appended),
        cmocka_unit_test (test_buffer_reserve_makes_room_for_exactly_that_much),
        cmocka_unit_test_teardown (test_buffer_keeps_its_memory_across_reset, s_remove_heap),
        cmocka_unit_test_teardown (test_buffer_grows_in_few_steps, s_remove_heap),
        cmocka_unit_test_teardown (test_buffer_without_memory_fails_and_keeps_what_is_there,
                                   s_remove_heap),
        cmocka_unit_test_teardown (test_buffer_once_failed_takes_nothing_until_reset,
                                   s_remove_heap),
        cmocka_unit_test_teardown (test_buffer_refuses_sizes_that_would_overflow, s_remove_heap),
        cmocka_unit_test (test_bytes_are_equal_by_content),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
