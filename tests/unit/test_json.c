#include "data/json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "data/codec_internal.h"
#include "support/value.h"

//  -------------------------------------------------------------------------
//  Support

//  What a test writes to; cleared by its teardown.
typedef struct {
    zloom_buffer_t value;
    zloom_buffer_t text;
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
    zloom_buffer_clear (&self->value);
    zloom_buffer_clear (&self->text);
    *self = (fixture_t){.error = {0}};
    return 0;
}

//  Bytes given as hex digits, in a buffer that the next call reuses.
static zloom_bytes_t s_hex (const char *digits)
{
    static uint8_t bytes[256];
    size_t size = 0;
    for (; digits[0]; digits += digits[2] == ' ' ? 3 : 2)
        bytes[size++] = (uint8_t) strtoul ((const char[]){digits[0], digits[1], 0}, NULL, 16);
    return zloom_bytes (bytes, size);
}

static void s_expect_value (fixture_t *self, const char *text, const char *hex)
{
    zloom_buffer_reset (&self->value);
    if (zloom_json_to_msgpack (zloom_bytes_str (text), NULL, &self->value, &self->error))
        fail_msg ("%s: %s", text, self->error.text);
    zloom_bytes_t expected = s_hex (hex);
    if (!zloom_bytes_equal (zloom_buffer_bytes (&self->value), expected))
        fail_msg ("%s is not %s", text, hex);
}

static void s_expect_text (fixture_t *self, const char *hex, int flags, const char *text)
{
    zloom_buffer_reset (&self->text);
    if (zloom_json_from_msgpack (s_hex (hex), flags, NULL, &self->text, &self->error))
        fail_msg ("%s: %s", hex, self->error.text);
    zloom_buffer_append (&self->text, "", 1);
    assert_string_equal ((const char *) self->text.data, text);
}

//  -------------------------------------------------------------------------
//  Both ways

//  What JSON can say is the same whichever way it goes.
static void test_json_and_msgpack_say_the_same (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"null", "c0"},
        {"true", "c3"},
        {"false", "c2"},
        {"0", "00"},
        {"127", "7f"},
        {"128", "cc 80"},
        {"-1", "ff"},
        {"-33", "d0 df"},
        {"65536", "ce 00 01 00 00"},
        {"9223372036854775807", "cf 7f ff ff ff ff ff ff ff"},
        {"-9223372036854775808", "d3 80 00 00 00 00 00 00 00"},
        {"0.5", "cb 3f e0 00 00 00 00 00 00"},
        {"1.0", "cb 3f f0 00 00 00 00 00 00"},
        {"-0.0", "cb 80 00 00 00 00 00 00 00"},
        {"1e+300", "cb 7e 37 e4 3c 88 00 75 9c"},
        {"\"\"", "a0"},
        {"\"hi\"", "a2 68 69"},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "a9 c3 a9 e2 82 ac f0 9f 98 80"},
        {"\"\\\"\\\\/\\b\\f\\n\\r\\t\"", "a8 22 5c 2f 08 0c 0a 0d 09"},
        {"\"a\\u0000b\\u001f\\u007f\\u0085\"", "a7 61 00 62 1f 7f c2 85"},
        {"[]", "90"},
        {"{}", "80"},
        {"[1,[2,[]],{}]", "93 01 92 02 90 80"},
        {"{\"b\":1,\"a\":[true],\"\":null}", "83 a1 62 01 a1 61 91 c3 a0 c0"},
        {"{\"$bin\":\"AA==\",\"x\":1}", "82 a4 24 62 69 6e a4 41 41 3d 3d a1 78 01"},
        {"{\"$set\":1}", "81 a4 24 73 65 74 01"},
        {"{\"$map\":[[1,2]]}", "81 01 02"},
        {"{\"$map\":[[\"a\",1],[\"a\",2]]}", "82 a1 61 01 a1 61 02"},
        {"{\"$map\":[[\"a\\u0000\",1]]}", "81 a2 61 00 01"},
        {"{\"$map\":[[\"$bin\",\"AA==\"]]}", "81 a4 24 62 69 6e a4 41 41 3d 3d"},
        {"{\"$map\":[[[],{\"$map\":[[null,{}]]}]]}", "81 90 81 c0 80"},
        {"{\"$map\":[[{\"$str\":\"/w==\"},1]]}", "81 a1 ff 01"},
        {"{\"$str\":\"wyg=\"}", "a2 c3 28"},
        {"{\"$ext\":[5,\"\"]}", "c7 00 05"},
        {"{\"$ext\":[-128,\"/w==\"]}", "d4 80 ff"},
        {"{\"$ext\":[127,\"AQID\"]}", "c7 03 7f 01 02 03"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        s_expect_value (self, rows[row].text, rows[row].hex);
        s_expect_text (self, rows[row].hex, 0, rows[row].text);
        s_expect_text (self, rows[row].hex, ZLOOM_JSON_EXACT, rows[row].text);
    }
}

//  Where a person's text and an exact one differ, only the exact one comes back.
static void test_json_shows_or_says_exactly_what_it_lacks (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const struct {
        const char *hex, *shown, *exact;
    } rows[] = {
        {"c4 00", "\"\"", "{\"$bin\":\"\"}"},
        {"c4 01 ff", "\"/w==\"", "{\"$bin\":\"/w==\"}"},
        {"c4 02 fb f0", "\"+/A=\"", "{\"$bin\":\"+/A=\"}"},
        {"c4 03 01 02 03", "\"AQID\"", "{\"$bin\":\"AQID\"}"},
        {"cf 80 00 00 00 00 00 00 00", "\"9223372036854775808\"",
         "{\"$uint\":\"9223372036854775808\"}"},
        {"cf ff ff ff ff ff ff ff ff", "\"18446744073709551615\"",
         "{\"$uint\":\"18446744073709551615\"}"},
        {"cb 7f f8 00 00 00 00 00 00", "\"NaN\"", "{\"$float\":\"NaN\"}"},
        {"cb 7f f0 00 00 00 00 00 00", "\"Infinity\"", "{\"$float\":\"Infinity\"}"},
        {"cb ff f0 00 00 00 00 00 00", "\"-Infinity\"", "{\"$float\":\"-Infinity\"}"},
        {"d6 ff 00 00 00 01", "\"1970-01-01T00:00:01Z\"", "{\"$ext\":[-1,\"AAAAAQ==\"]}"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        s_expect_text (self, rows[row].hex, 0, rows[row].shown);
        s_expect_text (self, rows[row].hex, ZLOOM_JSON_EXACT, rows[row].exact);
        s_expect_value (self, rows[row].exact, rows[row].hex);
    }
}

static void test_json_reads_what_it_would_write_otherwise (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_expect_value (self, " [ 1 ,\t2\r\n] ", "92 01 02");
    s_expect_value (self, "\"\\u00e9\\ud83d\\ude00\\/\"", "a7 c3 a9 f0 9f 98 80 2f");
    s_expect_value (self, "-0", "00");
    s_expect_value (self, "1E2", "cb 40 59 00 00 00 00 00 00");
    s_expect_value (self, "1e-999", "cb 00 00 00 00 00 00 00 00");
    s_expect_value (self, "{\"$map\":[]}", "80");
    s_expect_value (self, "{\"$map\":[[\"plain\",1]]}", "81 a5 70 6c 61 69 6e 01");
    s_expect_value (self, "{\"$str\":\"aGk=\"}", "a2 68 69");
    s_expect_value (self, "{\"$uint\":\"007\"}", "07");
    s_expect_value (self, "{\"\\u0024bin\":\"\"}", "c4 00");
}

static void test_json_is_indented_when_asked (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_expect_text (self, "83 a1 61 92 01 90 a1 62 80 a1 63 81 a1 64 c0", ZLOOM_JSON_INDENT,
                   "{\n"
                   "  \"a\": [\n"
                   "    1,\n"
                   "    []\n"
                   "  ],\n"
                   "  \"b\": {},\n"
                   "  \"c\": {\n"
                   "    \"d\": null\n"
                   "  }\n"
                   "}");
    s_expect_text (self, "82 01 91 02 03 c4 01 ff", ZLOOM_JSON_INDENT | ZLOOM_JSON_EXACT,
                   "{\"$map\": [\n"
                   "  [1, [\n"
                   "    2\n"
                   "  ]],\n"
                   "  [3, {\"$bin\": \"/w==\"}]\n"
                   "]}");
    s_expect_text (self, "d4 07 ff", ZLOOM_JSON_INDENT, "{\"$ext\": [7, \"/w==\"]}");
}

static void test_json_appends_to_its_buffers (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_bytes_t one = zloom_bytes_str ("1");
    assert_int_equal (zloom_json_to_msgpack (one, NULL, &self->value, NULL), ZLOOM_OK);
    assert_int_equal (zloom_json_to_msgpack (one, NULL, &self->value, NULL), ZLOOM_OK);
    assert_memory_equal (self->value.data, "\1\1", 2);
    zloom_bytes_t packed = zloom_bytes ("\x91\xc3", 2);
    assert_int_equal (zloom_json_from_msgpack (packed, 0, NULL, &self->text, NULL), ZLOOM_OK);
    assert_int_equal (zloom_json_from_msgpack (packed, 0, NULL, &self->text, NULL), ZLOOM_OK);
    assert_int_equal (self->text.size, 12);
    assert_memory_equal (self->text.data, "[true][true]", 12);
}

//  -------------------------------------------------------------------------
//  Numbers

static double s_float_there_and_back (fixture_t *self, double number)
{
    uint8_t packed[ZLOOM__HEAD_MAX];
    const uint8_t *end = zloom__write_float (packed, number);
    zloom_buffer_reset (&self->text);
    zloom_buffer_reset (&self->value);
    zloom_bytes_t value = zloom_bytes (packed, (size_t) (end - packed));
    assert_int_equal (zloom_json_from_msgpack (value, 0, NULL, &self->text, NULL), ZLOOM_OK);
    assert_int_equal (
        zloom_json_to_msgpack (zloom_buffer_bytes (&self->text), NULL, &self->value, NULL),
        ZLOOM_OK);
    zloom__token_t token = {0};
    zloom__read_checked (self->value.data, self->value.data + self->value.size, &token);
    assert_int_equal (token.type, ZLOOM__FLOAT);
    return token.value.f;
}

static void test_json_floats_come_back_as_they_were (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const double edges[] = {0.0,
                                   -0.0,
                                   1.0,
                                   0.1,
                                   1.0 / 3,
                                   DBL_MAX,
                                   DBL_MIN,
                                   5e-324,
                                   1e15,
                                   1e16,
                                   123456789012345680.0,
                                   9007199254740993.0,
                                   -1e-7,
                                   2.5e22};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        double back = s_float_there_and_back (self, edges[i]);
        assert_memory_equal (&back, &edges[i], sizeof back);
    }
    zloom_random_t random;
    zloom_random_seed (&random, 1);
    for (int round = 0; round < 20000; round++) {
        uint64_t bits = zloom_random_next (&random);
        double number;
        memcpy (&number, &bits, sizeof number);
        if (!isfinite (number))
            continue;
        double back = s_float_there_and_back (self, number);
        assert_memory_equal (&back, &number, sizeof back);
    }
}

static void test_json_floats_have_as_few_digits_as_will_do (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_expect_text (self, "cb 3f b9 99 99 99 99 99 9a", 0, "0.1");
    s_expect_text (self, "cb 3f d3 33 33 33 33 33 34", 0, "0.30000000000000004");
    s_expect_text (self, "cb 43 0c 6b f5 26 34 00 00", 0, "1e+15");
    s_expect_text (self, "cb 40 5e dd 2f 1a 9f be 77", 0, "123.456");
    s_expect_text (self, "ca 3f 80 00 00", 0, "1.0");
}

//  -------------------------------------------------------------------------
//  Timestamps

static void s_expect_time (fixture_t *self, int64_t seconds, uint32_t nanos, const char *text)
{
    uint8_t packed[16];
    uint8_t *p = zloom__write_ext_head (packed, -1, 12);
    p = zloom__store (zloom__store (p, nanos, 4), (uint64_t) seconds, 8);
    zloom_buffer_reset (&self->text);
    zloom_bytes_t value = zloom_bytes (packed, (size_t) (p - packed));
    assert_int_equal (zloom_json_from_msgpack (value, 0, NULL, &self->text, NULL), ZLOOM_OK);
    zloom_buffer_append (&self->text, "", 1);
    assert_string_equal ((const char *) self->text.data, text);
}

static void test_json_timestamps_are_dates_with_the_digits_they_need (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_expect_time (self, 0, 0, "\"1970-01-01T00:00:00Z\"");
    s_expect_time (self, 981173106, 789000000, "\"2001-02-03T04:05:06.789Z\"");
    s_expect_time (self, 981173106, 1000, "\"2001-02-03T04:05:06.000001Z\"");
    s_expect_time (self, 981173106, 1, "\"2001-02-03T04:05:06.000000001Z\"");
    s_expect_time (self, 981173106, 999999999, "\"2001-02-03T04:05:06.999999999Z\"");
    s_expect_time (self, 981173106, 500000000, "\"2001-02-03T04:05:06.500Z\"");
    s_expect_time (self, -1, 0, "\"1969-12-31T23:59:59Z\"");
    s_expect_time (self, INT64_C (-62167219200), 0, "\"0000-01-01T00:00:00Z\"");
    s_expect_time (self, INT64_C (253402300799), 999999999, "\"9999-12-31T23:59:59.999999999Z\"");
    s_expect_text (self, "d6 ff ff ff ff ff", 0, "\"2106-02-07T06:28:15Z\"");
    s_expect_text (self, "d7 ff ee 6b 27 fc 00 00 00 01", 0, "\"1970-01-01T00:00:01.999999999Z\"");
    s_expect_text (self, "d7 ff 00 00 00 03 ff ff ff ff", 0, "\"2514-05-30T01:53:03Z\"");
}

static void s_expect_same_date_as_libc (fixture_t *self, int64_t seconds)
{
    struct tm tm;
    time_t time = (time_t) seconds;
    assert_non_null (gmtime_r (&time, &tm));
    char expected[64];
    snprintf (expected, sizeof expected, "\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", tm.tm_year + 1900,
              tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    s_expect_time (self, seconds, 0, expected);
}

//  Each day of the 400 years after which the calendar repeats itself, and some
//  of all ten thousand.
static void test_json_timestamps_know_the_calendar (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    const int64_t first = INT64_C (-62167219200), last = INT64_C (253402300799), day = 86400;
    for (int64_t i = 0; i < 146097; i++)
        s_expect_same_date_as_libc (self, first + i * day + i % day);
    for (int64_t seconds = first; seconds <= last; seconds += 97 * day + 4321)
        s_expect_same_date_as_libc (self, seconds);
}

static void test_json_timestamps_that_are_none_are_extensions (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_expect_time (self, INT64_C (253402300800), 0, "{\"$ext\":[-1,\"AAAAAAAAADr/9EGA\"]}");
    s_expect_time (self, INT64_C (-62167219201), 0, "{\"$ext\":[-1,\"AAAAAP////GGi4P/\"]}");
    s_expect_time (self, INT64_MIN, 0, "{\"$ext\":[-1,\"AAAAAIAAAAAAAAAA\"]}");
    s_expect_time (self, 0, 1000000000, "{\"$ext\":[-1,\"O5rKAAAAAAAAAAAA\"]}");
    s_expect_text (self, "d7 ff ff ff ff fc 00 00 00 00", 0, "{\"$ext\":[-1,\"/////AAAAAA=\"]}");
    s_expect_text (self, "d4 ff 00", 0, "{\"$ext\":[-1,\"AA==\"]}");
    s_expect_text (self, "c7 00 ff", 0, "{\"$ext\":[-1,\"\"]}");
}

//  -------------------------------------------------------------------------
//  Properties

//  Text that any JSON parser takes, and a terminal too.
static void s_assert_fair (const zloom_buffer_t *text, size_t value_size)
{
    for (size_t i = 0; i < text->size; i++)
        assert_true (text->data[i] >= 0x20 && text->data[i] != 0x7f);
    json_t *tree = json_loadb ((const char *) text->data, text->size,
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null (tree);
    json_decref (tree);
    assert_in_range (text->size, 1, 10 * value_size + 8);
}

static void test_json_brings_any_value_back_exactly (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_random_t random;
    zloom_random_seed (&random, 31415926);
    for (int round = 0; round < 3000; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init (&packed);
        value_pack_random (&packed, &random, 5);
        zloom_bytes_t value = zloom_bytes (packed.data, packed.size);

        zloom_buffer_reset (&self->text);
        assert_int_equal (zloom_json_from_msgpack (value, 0, NULL, &self->text, NULL), ZLOOM_OK);
        s_assert_fair (&self->text, value.size);

        zloom_buffer_reset (&self->text);
        zloom_buffer_reset (&self->value);
        int flags = ZLOOM_JSON_EXACT | (round % 2 ? ZLOOM_JSON_INDENT : 0);
        assert_int_equal (zloom_json_from_msgpack (value, flags, NULL, &self->text, NULL),
                          ZLOOM_OK);
        if (zloom_json_to_msgpack (zloom_buffer_bytes (&self->text), NULL, &self->value,
                                   &self->error))
            fail_msg ("round %d: %s", round, self->error.text);

        msgpack_unpacked unpacked;
        msgpack_unpacked_init (&unpacked);
        assert_int_equal (msgpack_unpack_next (&unpacked, packed.data, packed.size, NULL),
                          MSGPACK_UNPACK_SUCCESS);
        const uint8_t *end = self->value.data + self->value.size;
        if (value_compare (self->value.data, end, &unpacked.data) != end)
            fail_msg ("round %d: %.*s", round, (int) self->text.size, self->text.data);
        msgpack_unpacked_destroy (&unpacked);
        msgpack_sbuffer_destroy (&packed);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown (function, s_set_up, s_tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (test_json_and_msgpack_say_the_same),
        TEST (test_json_shows_or_says_exactly_what_it_lacks),
        TEST (test_json_reads_what_it_would_write_otherwise),
        TEST (test_json_is_indented_when_asked),
        TEST (test_json_appends_to_its_buffers),
        TEST (test_json_floats_come_back_as_they_were),
        TEST (test_json_floats_have_as_few_digits_as_will_do),
        TEST (test_json_timestamps_are_dates_with_the_digits_they_need),
        TEST (test_json_timestamps_know_the_calendar),
        TEST (test_json_timestamps_that_are_none_are_extensions),
        TEST (test_json_brings_any_value_back_exactly),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
