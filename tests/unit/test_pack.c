#include "data/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/check.h"
#include "data/pack_internal.h"
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

//  Pack, and expect these bytes.
#define EXPECT_PACKED(self, bytes, ...)                                                         \
    do {                                                                                        \
        zloom_bytes_t expected_ = (bytes);                                                      \
        zloom_buffer_reset (&(self)->buffer);                                                   \
        assert_int_equal (zloom_pack (&(self)->buffer, &(self)->error, __VA_ARGS__), ZLOOM_OK); \
        assert_int_equal ((self)->buffer.size, expected_.size);                                 \
        assert_memory_equal ((self)->buffer.data, expected_.data, expected_.size);              \
    } while (0)

//  Pack, and expect an error and a buffer that is as it was.
#define EXPECT_UNPACKABLE(self, reason, text, ...)                                   \
    do {                                                                             \
        zloom_buffer_reset (&(self)->buffer);                                        \
        zloom_buffer_append (&(self)->buffer, "before", 6);                          \
        assert_int_equal (zloom_pack (&(self)->buffer, &(self)->error, __VA_ARGS__), \
                          zloom_reason_code (reason));                               \
        expect_error (&(self)->error, reason, text);                                 \
        assert_int_equal (zloom_pack (&(self)->buffer, NULL, __VA_ARGS__),           \
                          zloom_reason_code (reason));                               \
        assert_int_equal ((self)->buffer.size, 6);                                   \
        assert_memory_equal ((self)->buffer.data, "before", 6);                      \
        assert_false ((self)->buffer.failed);                                        \
    } while (0)

//  -------------------------------------------------------------------------
//  Packing

static void test_pack_has_a_letter_for_each_type (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    EXPECT_PACKED (self, BYTES (0xff), "i", -1);
    EXPECT_PACKED (self, BYTES (0xd2, 0x80, 0, 0, 0), "i", INT32_MIN);
    EXPECT_PACKED (self, BYTES (0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0), "I", INT64_MIN);
    EXPECT_PACKED (self, BYTES (0xce, 0xff, 0xff, 0xff, 0xff), "u", UINT32_MAX);
    EXPECT_PACKED (self, BYTES (0xcf, 255, 255, 255, 255, 255, 255, 255, 255), "U", UINT64_MAX);
    EXPECT_PACKED (self, BYTES (0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0), "f", 0.5);
    EXPECT_PACKED (self, BYTES (0xa2, 'h', 'i'), "s", "hi");
    EXPECT_PACKED (self, BYTES (0xa0), "s", "");
    EXPECT_PACKED (self, BYTES (0xc0), "s", (char *) NULL);
    EXPECT_PACKED (self, BYTES (0xc4, 2, 0, 1), "b", "\0\1", (size_t) 2);
    EXPECT_PACKED (self, BYTES (0xc4, 0), "b", (void *) NULL, (size_t) 0);
    EXPECT_PACKED (self, BYTES (0xc3), "?", 17);
    EXPECT_PACKED (self, BYTES (0xc2), "?", false);
    EXPECT_PACKED (self, BYTES (0xc0), "n");
    EXPECT_PACKED (self, BYTES (0x92, 1, 2), "v", BYTES (0x92, 1, 2));
    EXPECT_PACKED (self, BYTES (0x90), "[]");
    EXPECT_PACKED (self, BYTES (0x80), "{}");
}

static void test_pack_nests (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    EXPECT_PACKED (self, BYTES (0x93, 1, 0x92, 2, 0x90, 0xa1, 'x'), "[i[i[]]s]", 1, 2, "x");
    EXPECT_PACKED (self, BYTES (0x82, 0xa1, 'a', 0x91, 1, 0xa1, 'b', 0x81, 0xa1, 'c', 0xc0),
                   "{s:[i], s:{s:n}}", "a", 1, "b", "c");
    EXPECT_PACKED (self, BYTES (1, 2), "ii", 1, 2);
    EXPECT_PACKED (self, BYTES (0x91, 0x82, 0xa1, 'k', 1, 0xa1, 'v', 0x92, 2, 3), "[{si sv}]", "k",
                   1, "v", BYTES (0x92, 2, 3));
}

static void test_pack_appends (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (zloom_pack (&self->buffer, NULL, "i", 1), ZLOOM_OK);
    assert_int_equal (zloom_pack (&self->buffer, NULL, ""), ZLOOM_OK);
    assert_int_equal (zloom_pack (&self->buffer, NULL, "i", 2), ZLOOM_OK);
    assert_int_equal (self->buffer.size, 2);
    assert_memory_equal (self->buffer.data, "\1\2", 2);
}

static void test_pack_makes_long_containers (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    EXPECT_PACKED (self,
                   BYTES (0xdc, 0, 16, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
                          0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0),
                   "[nnnn nnnn nnnn nnnn]");
    char text[301];
    memset (text, 'x', sizeof text - 1);
    text[300] = 0;
    zloom_buffer_reset (&self->buffer);
    assert_int_equal (zloom_pack (&self->buffer, NULL, "s", text), ZLOOM_OK);
    assert_memory_equal (self->buffer.data, "\xda\x01\x2cxxx", 6);
    assert_int_equal (self->buffer.size, 303);
}

static void test_pack_refuses_pictures_that_are_none (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"ix\", letter 2: no such type "
                       "(there are i I u U f s b ? n v [ ] { })",
                       "ix", 1);
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"[i\", letter 3: a bracket is never closed", "[i", 1);
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"i]\", letter 2: a bracket that closes nothing", "i]", 1);
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"[i}\", letter 3: a bracket that closes nothing", "[i}", 1);
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"{ssi}\", letter 1: a map needs a value for each key", "{ssi}",
                       "a", "b", 1);
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"{ss is}\", letter 5: the keys of a map are 's'", "{ss is}", "a",
                       "b", 1, "c");
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_BAD_PICTURE,
                       "picture \"{[]s}\", letter 2: the keys of a map are 's'", "{[]s}", "a");
}

static void test_pack_refuses_pictures_nested_too_deep (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    char picture[2 * ZLOOM_DEPTH_MAX + 3] = "";
    memset (picture, '[', ZLOOM_DEPTH_MAX);
    memset (picture + ZLOOM_DEPTH_MAX, ']', ZLOOM_DEPTH_MAX);
    assert_int_equal (zloom_pack (&self->buffer, &self->error, picture), ZLOOM_OK);
    assert_int_equal (self->buffer.size, ZLOOM_DEPTH_MAX);

    memset (picture, '[', ZLOOM_DEPTH_MAX + 1);
    memset (picture + ZLOOM_DEPTH_MAX + 1, ']', ZLOOM_DEPTH_MAX + 1);
    assert_int_equal (zloom_pack (&self->buffer, &self->error, picture), ZLOOM_INVALID_ARGUMENT);
    assert_non_null (strstr (self->error.text, ", letter 33: nested too deep"));
    assert_int_equal (self->buffer.size, ZLOOM_DEPTH_MAX);
}

static void test_pack_refuses_values_that_are_none (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_MALFORMED,
                       "picture \"[iv]\", letter 3: byte 0: not MessagePack, or cut off", "[iv]", 1,
                       BYTES (0xc1));
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_MALFORMED,
                       "picture \"v\", letter 1: no bytes, where a value should be", "v",
                       zloom_bytes (NULL, 0));
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_MALFORMED,
                       "picture \"v\", letter 1: 1 bytes trail behind the value, from byte 1", "v",
                       BYTES (1, 2));
}

//  No byte of it is touched, so there need not be any.
static void test_pack_refuses_more_bytes_than_messagepack_can_say (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_OVERSIZE,
                       "picture \"[b]\", letter 2: 4294967296 bytes, where MessagePack ends at "
                       "4294967295",
                       "[b]", "", (size_t) UINT32_MAX + 1);
    EXPECT_UNPACKABLE (self, ZLOOM_REASON_OVERSIZE,
                       "picture \"b\", letter 1: 18446744073709551615 bytes, where MessagePack "
                       "ends at 4294967295",
                       "b", "", SIZE_MAX);
}

//  -------------------------------------------------------------------------
//  Params and results of a call

static zloom_code_t s_pack_params (fixture_t *self, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom__vpack_array (&self->buffer, &self->error, picture, arguments);
    va_end (arguments);
    return code;
}

static zloom_code_t s_pack_result (fixture_t *self, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom__vpack_one (&self->buffer, &self->error, picture, arguments);
    va_end (arguments);
    return code;
}

static zloom_code_t s_read_params (fixture_t *self, zloom_bytes_t array, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code =
        zloom__vunpack_array (array, &self->scratch, &self->error, picture, arguments);
    va_end (arguments);
    return code;
}

static void test_params_are_packed_as_one_array (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (s_pack_params (self, "i [s] {}", 1, "x"), ZLOOM_OK);
    assert_int_equal (s_pack_params (self, ""), ZLOOM_OK);
    assert_int_equal (self->buffer.size, 7);
    assert_memory_equal (self->buffer.data, "\x93\x01\x91\xa1x\x80\x90", 7);
    assert_int_equal (s_pack_params (self, "i]", 1), ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE,
                  "picture \"i]\", letter 2: a bracket that closes nothing");
    assert_int_equal (self->buffer.size, 7);
}

static void test_result_is_one_value_or_nil (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (s_pack_result (self, "i", 5), ZLOOM_OK);
    assert_int_equal (s_pack_result (self, "", 5), ZLOOM_OK);
    assert_int_equal (self->buffer.size, 2);
    assert_memory_equal (self->buffer.data, "\x05\xc0", 2);
    assert_int_equal (s_pack_result (self, "ii", 1, 2), ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE,
                  "picture \"ii\" has 2 values where one belongs; [...] makes an array of them");
}

static void test_params_are_read_one_by_one (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    int a, b, c;
    zloom_bytes_t two = BYTES (0x92, 1, 2);
    assert_int_equal (s_read_params (self, two, "i i", &a, &b), ZLOOM_OK);
    assert_int_equal (a, 1);
    assert_int_equal (b, 2);
    assert_int_equal (s_read_params (self, BYTES (0x90), ""), ZLOOM_OK);

    assert_int_equal (s_read_params (self, two, "iii", &a, &b, &c), ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE, "only 2 arguments were given");
    assert_int_equal (s_read_params (self, two, "i", &a), ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE, "2 arguments were given where 1 belong");
    const char *s;
    assert_int_equal (s_read_params (self, two, "is", &a, &s), ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE, "argument 2: expected string, found int");
    zloom_bytes_t nested = BYTES (0x92, 1, 0x81, 0xa1, 'k', 2);
    assert_int_equal (s_read_params (self, nested, "i{ss}", &a, "k", &s), ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE,
                  "argument 2: key 'k': expected string, found int");
}

//  Where a bracket is missing, nothing behind the picture is looked at.
static void test_params_end_where_the_picture_ends (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const char picture[] = "[i";
    int a;
    char *exact = (char *) malloc (sizeof picture);
    memcpy (exact, picture, sizeof picture);
    assert_int_equal (s_read_params (self, BYTES (0x91, 0x91, 1), exact, &a),
                      ZLOOM_INVALID_ARGUMENT);
    expect_error (&self->error, ZLOOM_REASON_BAD_PICTURE, "argument 1: the picture lacks a ']'");
    free (exact);
}

//  -------------------------------------------------------------------------
//  Memory

//  A message with a bit of everything, so made that its buffer must grow at a
//  number, at a string, at bytes and at a value.
static zloom_code_t s_pack_much (fixture_t *self)
{
    static const char text[] = "sixty-four characters and more, so that buffers must grow for it.";
    uint8_t value[600] = {0xda, 0x02, 0x55};
    return zloom_pack (&self->buffer, &self->error, "[UUUUUUUU sb{sv}s]", UINT64_MAX, UINT64_MAX,
                       UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, text,
                       value, (size_t) 200, "k", zloom_bytes (value, sizeof value), text);
}

static void test_pack_survives_each_lack_of_memory (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    heap_t heap;
    size_t failed = 0;
    zloom_code_t code;
    do {
        heap_install (&heap, failed + 1);
        code = s_pack_much (self);
        if (code) {
            failed++;
            expect_error (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory for a message");
            assert_int_equal (self->buffer.size, 0);
            assert_false (self->buffer.failed);
        }
        zloom_buffer_clear (&self->buffer);
        assert_int_equal (heap.out, 0);
        heap_remove ();
    } while (code);
    assert_int_equal (failed, 5);
}

static void test_pack_leaves_a_failed_buffer_failed (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_buffer_append (&self->buffer, "x", 1);
    self->buffer.failed = true;
    assert_int_equal (zloom_pack (&self->buffer, &self->error, "i", 1), ZLOOM_RESOURCE_EXHAUSTED);
    assert_true (self->buffer.failed);
    assert_int_equal (self->buffer.size, 1);
}

static void test_pack_and_unpack_allocate_nothing_once_warm (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    const char *s, *t;
    uint64_t u;
    const void *b;
    size_t size;
    zloom_bytes_t v;
    heap_t heap;
    heap_install (&heap, 0);
    size_t asked = 0;
    for (int round = 0; round < 10; round++) {
        zloom_buffer_reset (&self->buffer);
        assert_int_equal (s_pack_much (self), ZLOOM_OK);
        assert_int_equal (zloom_unpack (zloom_buffer_bytes (&self->buffer), &self->scratch, NULL,
                                        "[UUUUUUUU sb{sv}s]", &u, &u, &u, &u, &u, &u, &u, &u, &s,
                                        &b, &size, "k", &v, &t),
                          ZLOOM_OK);
        if (round == 0)
            asked = heap.asked;
    }
    assert_int_equal (heap.asked, asked);
    zloom_buffer_clear (&self->buffer);
    zloom_buffer_clear (&self->scratch);
    heap_remove ();
}

//  -------------------------------------------------------------------------
//  Against msgpack-c

static void test_pack_is_read_by_msgpack_c (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_random_t random;
    zloom_random_seed (&random, 99);
    for (int round = 0; round < 2000; round++) {
        int64_t number =
            (int64_t) (zloom_random_next (&random) >> zloom_random_below (&random, 64));
        double real = (double) number / 3;
        char text[300];
        size_t length = zloom_random_below (&random, sizeof text);
        memset (text, 'a', sizeof text);
        text[length] = 0;
        zloom_buffer_reset (&self->buffer);
        assert_int_equal (zloom_pack (&self->buffer, &self->error, "[I{s:f, s:U} s b ? n]", -number,
                                      "f", real, "u", (uint64_t) number, text, text, length, 1),
                          ZLOOM_OK);

        msgpack_unpacked unpacked;
        msgpack_unpacked_init (&unpacked);
        size_t used = 0;
        assert_int_equal (msgpack_unpack_next (&unpacked, (const char *) self->buffer.data,
                                               self->buffer.size, &used),
                          MSGPACK_UNPACK_SUCCESS);
        assert_int_equal (used, self->buffer.size);
        const msgpack_object *list = unpacked.data.via.array.ptr;
        assert_int_equal (unpacked.data.via.array.size, 6);
        assert_true (list[0].via.i64 == -number);
        assert_true (list[1].via.map.ptr[0].val.via.f64 == real);
        assert_true (list[1].via.map.ptr[1].val.via.u64 == (uint64_t) number);
        assert_int_equal (list[2].via.str.size, length);
        assert_int_equal (list[3].type, MSGPACK_OBJECT_BIN);
        assert_int_equal (list[3].via.bin.size, length);
        assert_true (list[4].via.boolean);
        assert_int_equal (list[5].type, MSGPACK_OBJECT_NIL);
        msgpack_unpacked_destroy (&unpacked);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown (function, s_set_up, s_tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (test_pack_has_a_letter_for_each_type),
        TEST (test_pack_nests),
        TEST (test_pack_appends),
        TEST (test_pack_makes_long_containers),
        TEST (test_pack_refuses_pictures_that_are_none),
        TEST (test_pack_refuses_pictures_nested_too_deep),
        TEST (test_pack_refuses_values_that_are_none),
        TEST (test_pack_refuses_more_bytes_than_messagepack_can_say),
        TEST (test_params_are_packed_as_one_array),
        TEST (test_result_is_one_value_or_nil),
        TEST (test_params_are_read_one_by_one),
        TEST (test_params_end_where_the_picture_ends),
        TEST (test_pack_survives_each_lack_of_memory),
        TEST (test_pack_leaves_a_failed_buffer_failed),
        TEST (test_pack_and_unpack_allocate_nothing_once_warm),
        TEST (test_pack_is_read_by_msgpack_c),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
