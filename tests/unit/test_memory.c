#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

//  An allocator that counts what is out, and hands out memory full of rubbish.
typedef struct {
    int out;
    bool empty;
} heap_t;

static void *s_alloc (size_t size, void *context)
{
    heap_t *heap = (heap_t *) context;
    if (heap->empty)
        return NULL;
    void *memory = malloc (size);
    memset (memory, 0xa5, size);
    heap->out++;
    return memory;
}

static void *s_realloc (void *memory, size_t size, void *context)
{
    heap_t *heap = (heap_t *) context;
    if (heap->empty)
        return NULL;
    heap->out += !memory;
    return realloc (memory, size);
}

static void s_free (void *memory, void *context)
{
    assert_non_null (memory);
    ((heap_t *) context)->out--;
    free (memory);
}

static int s_use_heap (void **state)
{
    static heap_t heap;
    heap = (heap_t){0};
    zloom_memory_set (&(zloom_memory_t){s_alloc, s_realloc, s_free, &heap});
    *state = &heap;
    return 0;
}

static int s_use_libc (void **state)
{
    (void) state;
    zloom_memory_set (NULL);
    return 0;
}

static void test_memory_is_zeroed (void **state)
{
    (void) state;
    uint8_t *memory = (uint8_t *) zloom_alloc (1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal (memory[i], 0);
    zloom_free (memory);
}

static void test_memory_all_passes_through_the_table (void **state)
{
    heap_t *heap = (heap_t *) *state;
    void *a = zloom_alloc (10);
    void *b = zloom_realloc (NULL, 10);
    char *c = zloom_strdup ("hello");
    assert_int_equal (heap->out, 3);
    b = zloom_realloc (b, 10000);
    assert_int_equal (heap->out, 3);
    assert_string_equal (c, "hello");
    zloom_free (a);
    zloom_free (b);
    zloom_free (c);
    assert_int_equal (heap->out, 0);
}

static void test_memory_free_of_nothing_does_nothing (void **state)
{
    heap_t *heap = (heap_t *) *state;
    zloom_free (NULL);
    assert_int_equal (heap->out, 0);
}

static void test_memory_that_is_used_up_is_null_and_loses_nothing (void **state)
{
    heap_t *heap = (heap_t *) *state;
    char *kept = zloom_strdup ("kept");
    heap->empty = true;
    assert_null (zloom_alloc (1));
    assert_null (zloom_strdup ("x"));
    assert_null (zloom_realloc (kept, 100));
    assert_string_equal (kept, "kept");
    zloom_free (kept);
}

static void test_memory_null_table_is_libc_again (void **state)
{
    heap_t *heap = (heap_t *) *state;
    heap->empty = true;
    zloom_memory_set (NULL);
    void *memory = zloom_alloc (1);
    assert_non_null (memory);
    zloom_free (memory);
    assert_int_equal (heap->out, 0);
}

#define WITH_HEAP(test) cmocka_unit_test_setup_teardown (test, s_use_heap, s_use_libc)

int main (void)
{
    const struct CMUnitTest tests[] = {
        WITH_HEAP (test_memory_is_zeroed),
        WITH_HEAP (test_memory_all_passes_through_the_table),
        WITH_HEAP (test_memory_free_of_nothing_does_nothing),
        WITH_HEAP (test_memory_that_is_used_up_is_null_and_loses_nothing),
        WITH_HEAP (test_memory_null_table_is_libc_again),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
