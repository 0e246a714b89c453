#include "data/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/expect.h"
#include "support/guarded.h"
#include "support/heap.h"
#include "support/value.h"

//  -------------------------------------------------------------------------
//  Support

//  What the check must say of some bytes: a reason (NONE = fine) and its text.
static void s_expect (zloom_bytes_t bytes, const zloom_limits_t *limits, zloom_reason_t reason,
                      const char *text)
{
    zloom_error_t error = {0};
    zloom_code_t code = zloom_check (bytes, limits, &error);
    assert_int_equal (code, zloom_reason_code (reason));
    assert_int_equal (error.code, code);
    assert_int_equal (error.reason, reason);
    assert_string_equal (error.text, text);
    assert_int_equal (zloom_check (bytes, limits, NULL), code);
}

static void s_expect_sound (zloom_bytes_t bytes, const zloom_limits_t *limits)
{
    s_expect (bytes, limits, ZLOOM_REASON_NONE, "");
}

//  -------------------------------------------------------------------------
//  Structure

static void test_check_takes_one_value_of_any_type (void **state)
{
    (void) state;
    s_expect_sound (BYTES (0xc0), NULL);
    s_expect_sound (BYTES (0x80), NULL);
    s_expect_sound (BYTES (0x90), NULL);
    s_expect_sound (BYTES (0xa1, 'x'), NULL);
    s_expect_sound (BYTES (0xd4, 0xff, 0), NULL);
    s_expect_sound (BYTES (0x82, 0xa1, 'a', 0x92, 1, 2, 0xc0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0), NULL);
}

static void test_check_names_the_byte_that_is_wrong (void **state)
{
    (void) state;
    s_expect (zloom_bytes (NULL, 0), NULL, ZLOOM_REASON_MALFORMED,
              "no bytes, where a value should be");
    s_expect (BYTES (0xc1), NULL, ZLOOM_REASON_MALFORMED, "byte 0: not MessagePack, or cut off");
    s_expect (BYTES (0x92, 1, 0xc1), NULL, ZLOOM_REASON_MALFORMED,
              "byte 2: not MessagePack, or cut off");
    s_expect (BYTES (0x92, 1, 0xcd, 0), NULL, ZLOOM_REASON_MALFORMED,
              "byte 2: not MessagePack, or cut off");
    s_expect (BYTES (0x92, 0xa1, 'x'), NULL, ZLOOM_REASON_MALFORMED,
              "byte 3: not MessagePack, or cut off");
    s_expect (BYTES (1, 2, 3), NULL, ZLOOM_REASON_MALFORMED,
              "2 bytes trail behind the value, from byte 1");
}

static void test_check_refuses_every_way_to_cut_a_value_off (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 11);
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    limits.max_depth = 32;
    guarded_t memory = guarded_new (2048);
    for (int round = 0; round < 300; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init (&packed);
        value_pack_random (&packed, &random, 4);
        for (size_t size = 0; size < packed.size && size <= 2048; size++) {
            zloom_bytes_t cut = guarded_put (&memory, zloom_bytes (packed.data, size));
            assert_int_equal (zloom_check (cut, &limits, NULL), ZLOOM_INVALID_ARGUMENT);
        }
        if (packed.size <= 2048)
            s_expect_sound (guarded_put (&memory, zloom_bytes (packed.data, packed.size)), &limits);
        msgpack_sbuffer_destroy (&packed);
    }
    guarded_clear (&memory);
}

//  -------------------------------------------------------------------------
//  Limits

static void test_check_holds_the_size (void **state)
{
    (void) state;
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    limits.max_size = 4;
    s_expect_sound (BYTES (0xa3, 'a', 'b', 'c'), &limits);
    s_expect (BYTES (0xa4, 'a', 'b', 'c', 'd'), &limits, ZLOOM_REASON_OVERSIZE,
              "5 bytes, where at most 4 are allowed");
}

static void test_check_holds_the_number_of_elements (void **state)
{
    (void) state;
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    limits.max_elements = 2;
    s_expect_sound (BYTES (0x92, 1, 2), &limits);
    s_expect_sound (BYTES (0x82, 1, 2, 3, 4), &limits);
    s_expect_sound (BYTES (0xa3, 'a', 'b', 'c'), &limits);
    s_expect (BYTES (0x91, 0x93, 1, 2, 3), &limits, ZLOOM_REASON_OVERSIZE,
              "byte 1: more than 2 elements in one array or map");
    s_expect (BYTES (0x83, 1, 1, 2, 2, 3, 3), &limits, ZLOOM_REASON_OVERSIZE,
              "byte 0: more than 2 elements in one array or map");
}

//  So many arrays around a nil, or maps.
static zloom_bytes_t s_nested (uint8_t *bytes, unsigned depth, bool as_maps)
{
    uint8_t *p = bytes;
    for (unsigned i = 0; i < depth; i++) {
        *p++ = as_maps ? 0x81 : 0x91;
        if (as_maps)
            *p++ = 0xc0;
    }
    *p++ = 0xc0;
    return zloom_bytes (bytes, (size_t) (p - bytes));
}

static void test_check_holds_the_depth (void **state)
{
    (void) state;
    uint8_t bytes[1024];
    s_expect_sound (s_nested (bytes, 16, false), NULL);
    s_expect_sound (s_nested (bytes, 16, true), NULL);
    s_expect (s_nested (bytes, 17, false), NULL, ZLOOM_REASON_OVERSIZE,
              "byte 16: nested deeper than 16 arrays and maps");
    s_expect (s_nested (bytes, 17, true), NULL, ZLOOM_REASON_OVERSIZE,
              "byte 32: nested deeper than 16 arrays and maps");

    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    limits.max_depth = 0;
    s_expect_sound (BYTES (1), &limits);
    s_expect (BYTES (0x90), &limits, ZLOOM_REASON_OVERSIZE,
              "byte 0: nested deeper than 0 arrays and maps");
}

static void test_check_never_goes_deeper_than_the_greatest_depth (void **state)
{
    (void) state;
    uint8_t bytes[1024];
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    limits.max_depth = 255;
    s_expect_sound (s_nested (bytes, ZLOOM_DEPTH_MAX, false), &limits);
    s_expect (s_nested (bytes, ZLOOM_DEPTH_MAX + 1, false), &limits, ZLOOM_REASON_OVERSIZE,
              "byte 32: nested deeper than 32 arrays and maps");
    s_expect (s_nested (bytes, 400, true), &limits, ZLOOM_REASON_OVERSIZE,
              "byte 64: nested deeper than 32 arrays and maps");
}

static void test_check_wants_utf8_only_when_told (void **state)
{
    (void) state;
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    s_expect_sound (BYTES (0x91, 0xa2, 0xff, 'x'), &limits);
    limits.utf8 = true;
    s_expect_sound (BYTES (0x91, 0xa2, 0xc3, 0xa9), &limits);
    s_expect_sound (BYTES (0xc4, 1, 0xff), &limits);
    s_expect (BYTES (0x91, 0xa2, 0xff, 'x'), &limits, ZLOOM_REASON_MALFORMED,
              "byte 1: a string is not valid UTF-8");
    s_expect (BYTES (0x91, 0xa1, 0xc3), &limits, ZLOOM_REASON_MALFORMED,
              "byte 1: a string is not valid UTF-8");
}

static void test_check_wants_string_keys_only_when_told (void **state)
{
    (void) state;
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    s_expect_sound (BYTES (0x82, 1, 2, 0x90, 3), &limits);
    limits.string_keys = true;
    s_expect_sound (BYTES (0x82, 0xa1, 'a', 2, 0xa1, 'b', 0x91, 3), &limits);
    s_expect (BYTES (0x82, 0xa1, 'a', 2, 7, 3), &limits, ZLOOM_REASON_MALFORMED,
              "byte 4: a key of a map is not a string");
    s_expect (BYTES (0x81, 0x90, 3), &limits, ZLOOM_REASON_MALFORMED,
              "byte 1: a key of a map is not a string");
}

//  -------------------------------------------------------------------------
//  Hostile bytes

//  A count that a trusting reader would multiply by the size of an element,
//  once, and 31 times within one another.
static void test_check_refuses_bombs_without_an_allocation (void **state)
{
    (void) state;
    heap_t heap;
    heap_install (&heap, 0);
    s_expect (BYTES (0xdd, 0xff, 0xff, 0xff, 0xff), NULL, ZLOOM_REASON_MALFORMED,
              "byte 0: not MessagePack, or cut off");
    s_expect (BYTES (0xdd, 0x0f, 0xff, 0xff, 0xff, 0xc0), NULL, ZLOOM_REASON_MALFORMED,
              "byte 0: not MessagePack, or cut off");
    s_expect (BYTES (0xdf, 0xff, 0xff, 0xff, 0xff, 0xc0), NULL, ZLOOM_REASON_MALFORMED,
              "byte 0: not MessagePack, or cut off");
    s_expect (BYTES (0xc6, 0xff, 0xff, 0xff, 0xff), NULL, ZLOOM_REASON_MALFORMED,
              "byte 0: not MessagePack, or cut off");

    uint8_t nested[31 * 5];
    for (size_t i = 0; i < sizeof nested; i += 5)
        memcpy (nested + i, "\xdd\x07\xff\xff\xff", 5);
    s_expect (zloom_bytes (nested, sizeof nested), NULL, ZLOOM_REASON_MALFORMED,
              "byte 0: not MessagePack, or cut off");

    //  Each level says as many elements as there are bytes behind it.
    for (size_t i = 0; i < sizeof nested; i += 5)
        memcpy (nested + i, (uint8_t[]){0xdd, 0, 0, 0, (uint8_t) (sizeof nested - i - 5)}, 5);
    zloom_limits_t limits = {.max_size = UINT32_MAX, .max_elements = UINT32_MAX, .max_depth = 32};
    s_expect (zloom_bytes (nested, sizeof nested), &limits, ZLOOM_REASON_MALFORMED,
              "byte 155: not MessagePack, or cut off");
    heap_remove ();
    assert_int_equal (heap.asked, 0);
}

//  msgpack-c's answer, for bytes that do not make it ask for too much memory.
static bool s_msgpack_c_takes (zloom_bytes_t bytes)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    size_t used = 0;
    msgpack_unpack_return answer =
        msgpack_unpack_next (&unpacked, (const char *) bytes.data, bytes.size, &used);
    msgpack_unpacked_destroy (&unpacked);
    return answer == MSGPACK_UNPACK_SUCCESS && used == bytes.size;
}

static bool s_has_long_count (zloom_bytes_t bytes)
{
    return memchr (bytes.data, 0xdd, bytes.size) || memchr (bytes.data, 0xdf, bytes.size);
}

//  Flip bytes of sound values. What msgpack-c takes and ours refuses is nested
//  too deep, and what ours takes msgpack-c takes.
static void test_check_agrees_with_msgpack_c_on_damaged_values (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 4711);
    zloom_limits_t limits = {.max_size = UINT32_MAX, .max_elements = UINT32_MAX, .max_depth = 32};
    unsigned sound = 0, refused = 0;
    for (int round = 0; round < 20000; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init (&packed);
        value_pack_random (&packed, &random, 3);
        uint8_t *data = (uint8_t *) packed.data;
        for (uint64_t flips = zloom_random_below (&random, 4); flips; flips--)
            data[zloom_random_below (&random, packed.size)] =
                (uint8_t) zloom_random_below (&random, 256);

        zloom_bytes_t bytes = zloom_bytes (data, packed.size);
        bool is_sound = zloom_check (bytes, &limits, NULL) == ZLOOM_OK;
        if (is_sound || !s_has_long_count (bytes))
            assert_int_equal (s_msgpack_c_takes (bytes), is_sound);
        is_sound ? sound++ : refused++;
        msgpack_sbuffer_destroy (&packed);
    }
    assert_true (sound > 1000 && refused > 1000);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_check_takes_one_value_of_any_type),
        cmocka_unit_test (test_check_names_the_byte_that_is_wrong),
        cmocka_unit_test (test_check_refuses_every_way_to_cut_a_value_off),
        cmocka_unit_test (test_check_holds_the_size),
        cmocka_unit_test (test_check_holds_the_number_of_elements),
        cmocka_unit_test (test_check_holds_the_depth),
        cmocka_unit_test (test_check_never_goes_deeper_than_the_greatest_depth),
        cmocka_unit_test (test_check_wants_utf8_only_when_told),
        cmocka_unit_test (test_check_wants_string_keys_only_when_told),
        cmocka_unit_test (test_check_refuses_bombs_without_an_allocation),
        cmocka_unit_test (test_check_agrees_with_msgpack_c_on_damaged_values),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
