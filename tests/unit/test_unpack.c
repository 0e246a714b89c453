#include "data/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/expect.h"
#include "support/heap.h"
#include "support/value.h"

//  -------------------------------------------------------------------------
//  Support

//  Both buffers of a test; cleared by its teardown.
typedef struct {
    zloom_buffer_t buffer;
    zloom_buffer_t scratch;
    zloom_error_t error;
} fixture_t;

static int s_set_up (void **state)
{
    static fixture_t fixture;
    *state = &fixture;
    return 0;
}

static int s_tear_down (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_buffer_clear (&self->buffer);
    zloom_buffer_clear (&self->scratch);
    *self = (fixture_t){.error = {0}};
    return 0;
}

//  Read, and expect that it works.
#define EXPECT_READ(self, bytes, ...)                                                             \
    do {                                                                                          \
        zloom_code_t code_ = zloom_unpack (bytes, &(self)->scratch, &(self)->error, __VA_ARGS__); \
        if (code_)                                                                                \
            fail_msg ("%s", (self)->error.text);                                                  \
    } while (0)

//  Read, and expect an error.
#define EXPECT_UNREADABLE(self, reason, text, bytes, ...)                                      \
    do {                                                                                       \
        assert_int_equal (zloom_unpack (bytes, &(self)->scratch, &(self)->error, __VA_ARGS__), \
                          zloom_reason_code (reason));                                         \
        expect_error (&(self)->error, reason, text);                                           \
        assert_int_equal (zloom_unpack (bytes, &(self)->scratch, NULL, __VA_ARGS__),           \
                          zloom_reason_code (reason));                                         \
    } while (0)

//  -------------------------------------------------------------------------
//  Types and places

static void test_unpack_has_a_letter_for_each_type (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int i;
    int64_t big_i;
    unsigned u;
    uint64_t big_u;
    double f;
    const char *s;
    const void *b;
    size_t size;
    bool yes;
    zloom_bytes_t v;
    EXPECT_READ (self, BYTES (0xd2, 0x80, 0, 0, 0), "i", &i);
    assert_int_equal (i, INT32_MIN);
    EXPECT_READ (self, BYTES (0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0), "I", &big_i);
    assert_true (big_i == INT64_MIN);
    EXPECT_READ (self, BYTES (0xce, 255, 255, 255, 255), "u", &u);
    assert_true (u == UINT32_MAX);
    EXPECT_READ (self, BYTES (0xcf, 255, 255, 255, 255, 255, 255, 255, 255), "U", &big_u);
    assert_true (big_u == UINT64_MAX);
    EXPECT_READ (self, BYTES (0xca, 0x3f, 0, 0, 0), "f", &f);
    assert_true (f == 0.5);
    EXPECT_READ (self, BYTES (7), "f", &f);
    assert_true (f == 7.0);
    EXPECT_READ (self, BYTES (0xff), "f", &f);
    assert_true (f == -1.0);
    EXPECT_READ (self, BYTES (0xa2, 'h', 'i'), "s", &s);
    assert_string_equal (s, "hi");
    EXPECT_READ (self, BYTES (0xa0), "s", &s);
    assert_string_equal (s, "");
    EXPECT_READ (self, BYTES (0xc0), "s", &s);
    assert_null (s);
    EXPECT_READ (self, BYTES (0xc4, 2, 0, 1), "b", &b, &size);
    assert_int_equal (size, 2);
    assert_memory_equal (b, "\0\1", 2);
    EXPECT_READ (self, BYTES (0xa2, 0, 1), "b", &b, &size);
    assert_memory_equal (b, "\0\1", 2);
    EXPECT_READ (self, BYTES (0xc3), "?", &yes);
    assert_true (yes);
    EXPECT_READ (self, BYTES (0xc2), "?", &yes);
    assert_false (yes);
    EXPECT_READ (self, BYTES (0xc0), "n");
    zloom_bytes_t value = BYTES (0x92, 1, 0x91, 2);
    EXPECT_READ (self, value, "v", &v);
    assert_ptr_equal (v.data, value.data);
    assert_int_equal (v.size, value.size);
}

static void test_unpack_follows_nested_pictures (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int a, b;
    const char *x, *y;
    zloom_bytes_t v;
    EXPECT_READ (self, BYTES (0x94, 1, 0x92, 0xa1, 'x', 0x81, 1, 2, 0x80, 0xa2, 'y', 'z'),
                 "[i, [s v], {}, s]", &a, &x, &v, &y);
    assert_int_equal (a, 1);
    assert_string_equal (x, "x");
    assert_string_equal (y, "yz");
    assert_int_equal (v.size, 3);

    //  In another order than they are packed, and passing over what is not named.
    EXPECT_READ (
        self, BYTES (0x84, 0xa1, 'a', 1, 9, 9, 0xa1, 'm', 0x81, 0xa1, 'x', 0xa1, 'X', 0xa1, 'b', 2),
        "{s:i s:{s:s} s:i}", "b", &b, "m", "x", &x, "a", &a);
    assert_int_equal (a, 1);
    assert_int_equal (b, 2);
    assert_string_equal (x, "X");
}

static void test_unpack_converts_integers_only_where_they_fit (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int i;
    int64_t big_i;
    unsigned u;
    uint64_t big_u;
    const char *range = "the integer is out of range";
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, range, BYTES (0xce, 0x80, 0, 0, 0), "i", &i);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, range,
                       BYTES (0xd3, 255, 255, 255, 255, 0x7f, 255, 255, 255), "i", &i);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, range,
                       BYTES (0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0), "I", &big_i);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, range, BYTES (0xff), "u", &u);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, range, BYTES (0xcf, 0, 0, 0, 1, 0, 0, 0, 0),
                       "u", &u);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, range, BYTES (0xe0), "U", &big_u);

    //  However wide they were packed.
    EXPECT_READ (self, BYTES (0xcf, 0, 0, 0, 0, 0x7f, 255, 255, 255), "i", &i);
    assert_int_equal (i, INT32_MAX);
    EXPECT_READ (self, BYTES (0xd3, 0, 0, 0, 0, 0, 0, 0, 5), "u", &u);
    assert_int_equal (u, 5);
}

static void test_unpack_says_what_it_expected_and_found (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int i;
    double f;
    const char *s;
    const void *b;
    size_t size;
    bool yes;
    const zloom_reason_t reason = ZLOOM_REASON_BAD_PICTURE;
    EXPECT_UNREADABLE (self, reason, "expected int, found float", BYTES (0xca, 0, 0, 0, 0), "i",
                       &i);
    EXPECT_UNREADABLE (self, reason, "expected number, found string", BYTES (0xa0), "f", &f);
    EXPECT_UNREADABLE (self, reason, "expected string, found bytes", BYTES (0xc4, 0), "s", &s);
    EXPECT_UNREADABLE (self, reason, "expected bytes, found nil", BYTES (0xc0), "b", &b, &size);
    EXPECT_UNREADABLE (self, reason, "expected bool, found int", BYTES (1), "?", &yes);
    EXPECT_UNREADABLE (self, reason, "expected nil, found bool", BYTES (0xc2), "n");
    EXPECT_UNREADABLE (self, reason, "expected array, found map", BYTES (0x80), "[]");
    EXPECT_UNREADABLE (self, reason, "expected map, found array", BYTES (0x90), "{}");
    EXPECT_UNREADABLE (self, reason, "expected int, found extension", BYTES (0xd4, 1, 2), "i", &i);
    EXPECT_UNREADABLE (self, reason, "the string has a NUL in it; read it with 'b'",
                       BYTES (0xa3, 'a', 0, 'b'), "s", &s);
}

static void test_unpack_says_where_the_picture_does_not_fit (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int i, j;
    const zloom_reason_t reason = ZLOOM_REASON_BAD_PICTURE;
    zloom_bytes_t list = BYTES (0x92, 1, 2), map = BYTES (0x81, 0xa1, 'a', 1);
    EXPECT_UNREADABLE (self, reason, "the array is longer than the picture", list, "[i]", &i);
    EXPECT_UNREADABLE (self, reason, "the array is shorter than the picture", list, "[iii]", &i, &j,
                       &j);
    EXPECT_UNREADABLE (self, reason, "the picture lacks a ']'", list, "[ii", &i, &j);
    EXPECT_UNREADABLE (self, reason, "the picture lacks a ']'", list, "[i", &i);
    EXPECT_UNREADABLE (self, reason, "the picture lacks a '}'", map, "{si", "a", &i);
    EXPECT_UNREADABLE (self, reason, "key 'b': the map has no such key", map, "{si}", "b", &i);
    EXPECT_UNREADABLE (self, reason, "the keys of a map in a picture are 's'", map, "{ii}", &i, &j);
    EXPECT_UNREADABLE (self, reason, "picture \"ii\" has more than one value", BYTES (1), "ii", &i,
                       &j);
    EXPECT_UNREADABLE (self, reason, "the picture has a letter that is no type", BYTES (1), "x");
    EXPECT_UNREADABLE (self, reason, "the picture ends too early, or is nested too deep", BYTES (1),
                       "");
    EXPECT_UNREADABLE (self, reason, "key 'a': the picture ends too early, or is nested too deep",
                       map, "{s", "a");
    EXPECT_UNREADABLE (self, reason, "key 'a': expected array, found int", map, "{s[]}", "a");
    EXPECT_UNREADABLE (self, reason, "expected nil, found int", BYTES (0x91, 0x91, 1), "[[n]]");
}

static void test_unpack_refuses_bytes_that_are_no_value (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int i;
    EXPECT_UNREADABLE (self, ZLOOM_REASON_MALFORMED, "byte 0: not MessagePack, or cut off",
                       BYTES (0xdd, 255, 255, 255, 255), "i", &i);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_MALFORMED, "no bytes, where a value should be",
                       zloom_bytes (NULL, 0), "i", &i);
    uint8_t deep[40];
    memset (deep, 0x91, sizeof deep);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_OVERSIZE,
                       "byte 32: nested deeper than 32 arrays and maps",
                       zloom_bytes (deep, sizeof deep), "i", &i);
}

//  A picture that names a key twice reads its string twice, and there is room
//  for each string of the value once.
static void test_unpack_never_writes_more_strings_than_there_is_room_for (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    const char *s[6];
    uint8_t packed[103] = {0x81, 0xa1, 'k', 0xd9, 98};
    memset (packed + 5, 'x', 98);
    EXPECT_UNREADABLE (self, ZLOOM_REASON_BAD_PICTURE, "key 'k': the picture reads a string twice",
                       zloom_bytes (packed, sizeof packed), "{ss ss ss ss ss ss}", "k", &s[0], "k",
                       &s[1], "k", &s[2], "k", &s[3], "k", &s[4], "k", &s[5]);
}

static void test_unpack_keeps_strings_until_the_next_time (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    const char *s[8];
    EXPECT_READ (self,
                 BYTES (0x98, 0xa0, 0xa1, 'a', 0xa0, 0xa2, 'b', 'c', 0xa0, 0xa0, 0xc0, 0xa1, 'd'),
                 "[ssssssss]", &s[0], &s[1], &s[2], &s[3], &s[4], &s[5], &s[6], &s[7]);
    assert_string_equal (s[0], "");
    assert_string_equal (s[1], "a");
    assert_string_equal (s[2], "");
    assert_string_equal (s[3], "bc");
    assert_string_equal (s[5], "");
    assert_null (s[6]);
    assert_string_equal (s[7], "d");
}

//  -------------------------------------------------------------------------
//  Memory and msgpack-c

static void test_unpack_survives_a_lack_of_memory (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_bytes_t v, value = BYTES (0x92, 0xa1, 'x', 0x90);
    heap_t heap;
    heap_install (&heap, 1);
    assert_int_equal (zloom_unpack (value, &self->scratch, &self->error, "v", &v),
                      ZLOOM_RESOURCE_EXHAUSTED);
    expect_error (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory for strings");
    EXPECT_READ (self, value, "v", &v);
    zloom_buffer_clear (&self->scratch);
    heap_remove ();
    assert_int_equal (heap.out, 0);
}

//  Whatever msgpack-c packs is passed through by 'v', alone and inside.
static void test_unpack_reads_what_msgpack_c_packs (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_random_t random;
    zloom_random_seed (&random, 5);
    for (int round = 0; round < 1000; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init (&packed);
        value_pack_random (&packed, &random, 4);
        zloom_bytes_t value = zloom_bytes (packed.data, packed.size), found;
        zloom_buffer_reset (&self->buffer);
        assert_int_equal (
            zloom_pack (&self->buffer, &self->error, "{s:v s:[v]}", "a", value, "b", value),
            ZLOOM_OK);
        EXPECT_READ (self, zloom_buffer_bytes (&self->buffer), "{s[v]}", "b", &found);
        assert_true (zloom_bytes_equal (found, value));
        msgpack_sbuffer_destroy (&packed);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown (function, s_set_up, s_tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (test_unpack_has_a_letter_for_each_type),
        TEST (test_unpack_follows_nested_pictures),
        TEST (test_unpack_converts_integers_only_where_they_fit),
        TEST (test_unpack_says_what_it_expected_and_found),
        TEST (test_unpack_says_where_the_picture_does_not_fit),
        TEST (test_unpack_refuses_bytes_that_are_no_value),
        TEST (test_unpack_never_writes_more_strings_than_there_is_room_for),
        TEST (test_unpack_keeps_strings_until_the_next_time),
        TEST (test_unpack_survives_a_lack_of_memory),
        TEST (test_unpack_reads_what_msgpack_c_packs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
