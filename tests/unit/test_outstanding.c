#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "session/outstanding_internal.h"
#include "support/heap.h"

static void test_outstanding_counts_its_ids_from_one (void **state)
{
    (void) state;
    zloom__outstanding_t table;
    zloom__entry_t entries[10] = {{0}};
    assert_true (zloom__outstanding_init (&table));
    for (uint64_t i = 0; i < 10; i++) {
        assert_true (zloom__outstanding_add (&table, &entries[i]));
        assert_int_equal (entries[i].id, i + 1);
        assert_ptr_equal (zloom__outstanding_get (&table, i + 1), &entries[i]);
    }
    assert_int_equal (table.count, 10);
    zloom__outstanding_clear (&table);
}

static void test_outstanding_never_gives_an_id_again (void **state)
{
    (void) state;
    zloom__outstanding_t table;
    zloom__entry_t entry = {0};
    assert_true (zloom__outstanding_init (&table));
    for (uint64_t i = 1; i < 1000; i++) {
        assert_true (zloom__outstanding_add (&table, &entry));
        assert_int_equal (entry.id, i);
        zloom__outstanding_remove (&table, &entry);
        assert_int_equal (entry.id, 0);
        assert_null (zloom__outstanding_get (&table, i));
    }
    assert_int_equal (table.count, 0);
    zloom__outstanding_clear (&table);
}

//  An answer to an older call of the same slot finds nobody.
static void test_outstanding_compares_whole_ids (void **state)
{
    (void) state;
    zloom__outstanding_t table;
    zloom__entry_t entry = {0};
    assert_true (zloom__outstanding_init (&table));
    assert_true (zloom__outstanding_add (&table, &entry));
    assert_ptr_equal (zloom__outstanding_get (&table, 1), &entry);
    assert_null (zloom__outstanding_get (&table, 1 + table.capacity));
    assert_null (zloom__outstanding_get (&table, 1 + (UINT64_C (1) << 32)));
    assert_null (zloom__outstanding_get (&table, 0));
    zloom__outstanding_clear (&table);
}

static void test_outstanding_skips_slots_that_are_taken (void **state)
{
    (void) state;
    zloom__outstanding_t table;
    zloom__entry_t old[2] = {{0}}, entry = {0};
    assert_true (zloom__outstanding_init (&table));
    assert_true (zloom__outstanding_add (&table, &old[0]));
    assert_true (zloom__outstanding_add (&table, &old[1]));
    size_t capacity = table.capacity;
    for (uint64_t id = 3; id <= capacity; id++) {
        assert_true (zloom__outstanding_add (&table, &entry));
        zloom__outstanding_remove (&table, &entry);
    }
    //  capacity + 1 and + 2 would lie where 1 and 2 do.
    assert_true (zloom__outstanding_add (&table, &entry));
    assert_int_equal (entry.id, capacity + 3);
    assert_ptr_equal (zloom__outstanding_get (&table, 1), &old[0]);
    assert_ptr_equal (zloom__outstanding_get (&table, 2), &old[1]);
    assert_int_equal (table.capacity, capacity);
    zloom__outstanding_clear (&table);
}

static void test_outstanding_grows_and_keeps_what_it_has (void **state)
{
    (void) state;
    enum { MANY = 100000 };
    zloom__outstanding_t table;
    zloom__entry_t *entries = (zloom__entry_t *) calloc (MANY, sizeof *entries);
    assert_non_null (entries);
    assert_true (zloom__outstanding_init (&table));
    for (int i = 0; i < MANY; i++) {
        assert_true (zloom__outstanding_add (&table, &entries[i]));
        assert_true (2 * table.count <= table.capacity);
    }
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal (zloom__outstanding_get (&table, entries[i].id), &entries[i]);
    zloom__outstanding_clear (&table);
    free (entries);
}

//  It takes an age to count that far, but not to begin there.
static void test_outstanding_ids_wrap_and_zero_is_left_out (void **state)
{
    (void) state;
    zloom__outstanding_t table;
    zloom__entry_t entries[4] = {{0}};
    assert_true (zloom__outstanding_init (&table));
    table.last_id = UINT64_MAX - 2;
    for (int i = 0; i < 4; i++)
        assert_true (zloom__outstanding_add (&table, &entries[i]));
    assert_int_equal (entries[0].id, UINT64_MAX - 1);
    assert_int_equal (entries[1].id, UINT64_MAX);
    assert_int_equal (entries[2].id, 1);
    assert_int_equal (entries[3].id, 2);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal (zloom__outstanding_get (&table, entries[i].id), &entries[i]);
    zloom__outstanding_clear (&table);
}

static void test_outstanding_walk_meets_each_once_and_allows_removal (void **state)
{
    (void) state;
    enum { MANY = 300 };
    zloom__outstanding_t table;
    zloom__entry_t entries[MANY] = {{0}};
    bool seen[MANY] = {false};
    assert_true (zloom__outstanding_init (&table));
    for (int i = 0; i < MANY; i++)
        assert_true (zloom__outstanding_add (&table, &entries[i]));
    size_t at = 0, met = 0;
    zloom__entry_t *entry;
    while ((entry = zloom__outstanding_walk (&table, &at))) {
        assert_false (seen[entry - entries]);
        seen[entry - entries] = true;
        met++;
        zloom__outstanding_remove (&table, entry);
        //  A neighbour that goes too is not met any more.
        zloom__entry_t *next = zloom__outstanding_get (&table, (uint64_t) (entry - entries) + 2);
        if (next && met % 3 == 0) {
            seen[next - entries] = true;
            zloom__outstanding_remove (&table, next);
        }
    }
    for (int i = 0; i < MANY; i++)
        assert_true (seen[i]);
    assert_int_equal (table.count, 0);
    zloom__outstanding_clear (&table);
}

//  Against a list that is searched from its beginning.
static void test_outstanding_does_what_a_naive_list_does (void **state)
{
    (void) state;
    enum { MANY = 500 };
    zloom_random_t random;
    zloom_random_seed (&random, 8);
    zloom__outstanding_t table;
    zloom__entry_t entries[MANY] = {{0}};
    uint64_t ids[MANY] = {0};
    assert_true (zloom__outstanding_init (&table));
    for (int i = 0; i < 100000; i++) {
        size_t at = (size_t) zloom_random_below (&random, MANY);
        if (!ids[at]) {
            assert_true (zloom__outstanding_add (&table, &entries[at]));
            ids[at] = entries[at].id;
        } else if (zloom_random_below (&random, 2) == 0) {
            zloom__outstanding_remove (&table, &entries[at]);
            assert_null (zloom__outstanding_get (&table, ids[at]));
            ids[at] = 0;
        }
        size_t other = (size_t) zloom_random_below (&random, MANY);
        if (ids[other])
            assert_ptr_equal (zloom__outstanding_get (&table, ids[other]), &entries[other]);
    }
    zloom__outstanding_clear (&table);
}

static void test_outstanding_survives_a_lack_of_memory (void **state)
{
    (void) state;
    heap_t heap;
    zloom__outstanding_t table;
    zloom__entry_t entries[64] = {{0}}, more = {0};
    heap_install (&heap, 1);
    assert_false (zloom__outstanding_init (&table));
    heap_remove ();

    heap_install (&heap, 2);
    assert_true (zloom__outstanding_init (&table));
    size_t count = 0;
    while (count < 64 && zloom__outstanding_add (&table, &entries[count]))
        count++;
    assert_true (count < 64);
    assert_int_equal (table.count, count);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal (zloom__outstanding_get (&table, entries[i].id), &entries[i]);
    assert_true (zloom__outstanding_add (&table, &more));
    zloom__outstanding_clear (&table);
    assert_int_equal (heap.out, 0);
    heap_remove ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_outstanding_counts_its_ids_from_one),
        cmocka_unit_test (test_outstanding_never_gives_an_id_again),
        cmocka_unit_test (test_outstanding_compares_whole_ids),
        cmocka_unit_test (test_outstanding_skips_slots_that_are_taken),
        cmocka_unit_test (test_outstanding_grows_and_keeps_what_it_has),
        cmocka_unit_test (test_outstanding_ids_wrap_and_zero_is_left_out),
        cmocka_unit_test (test_outstanding_walk_meets_each_once_and_allows_removal),
        cmocka_unit_test (test_outstanding_does_what_a_naive_list_does),
        cmocka_unit_test (test_outstanding_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
