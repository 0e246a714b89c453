//  What the JSON bridge refuses, and what it does without memory.

#include "data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/expect.h"
#include "support/heap.h"

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

static void s_expect_error (fixture_t *self, const char *text, const zloom_limits_t *limits,
                            zloom_reason_t reason, const char *message)
{
    zloom_buffer_reset (&self->value);
    zloom_buffer_append (&self->value, "before", 6);
    zloom_code_t code =
        zloom_json_to_msgpack (zloom_bytes_str (text), limits, &self->value, &self->error);
    if (!code)
        fail_msg ("%s was accepted", text);
    expect_error (&self->error, reason, message);
    assert_int_equal (code, self->error.code);
    assert_int_equal (self->value.size, 6);
    assert_int_equal (zloom_json_to_msgpack (zloom_bytes_str (text), limits, &self->value, NULL),
                      code);
}

//  -------------------------------------------------------------------------
//  Errors

static void test_json_errors_name_line_and_column (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "line 1, column 1: unexpected token near end of file"},
        {"  ", "line 1, column 2: unexpected token near end of file"},
        {"{\"a\":1 \"b\":2}", "line 1, column 10: '}' expected near '\"b\"'"},
        {"[1,2,]", "line 1, column 6: unexpected token near ']'"},
        {"[1,\n 2,\n x]", "line 3, column 2: invalid token near 'x'"},
        {"[1,2", "line 1, column 4: ']' expected near end of file"},
        {"1 2", "line 1, column 3: end of file expected near '2'"},
        {"\"a", "line 1, column 2: premature end of input near '\"a'"},
        {"\"\xc3\xa9\" x", "line 1, column 5: end of file expected near 'x'"},
        {"\"\\ud800\"", "line 1, column 8: invalid Unicode '\\x5cuD800' near '\"\\x5cud800\"'"},
        {"\"\xff\"", "line 1, column 1: unable to decode byte 0xff near '\"'"},
        {"[\"a\x1b\"]", "line 1, column 3: control character 0x1b near '\"a'"},
        {"01", "line 1, column 1: invalid token near '0'"},
        {"NaN", "line 1, column 3: invalid token near 'NaN'"},
        {"[\n9223372036854775808]",
         "line 2, column 19: too big integer near '9223372036854775808'"},
        {"-9223372036854775809",
         "line 1, column 20: too big negative integer near '-9223372036854775809'"},
        {"1e999", "line 1, column 5: real number overflow near '1e999'"},
        {"{\"a\":1,\n\"a\":2}", "line 2, column 3: duplicate object key near '\"a\"'"},
        {"{\"\\u0000\":1}",
         "line 1, column 9: NUL byte in object key not supported near '\"\\x5cu0000\"'"},
        {"[\n {\"$bin\":\"AB==\"}]", "line 2, column 2: {\"$bin\"} takes a string in base64"},
        {"{\"$bin\":\"A\"}", "line 1, column 1: {\"$bin\"} takes a string in base64"},
        {"{\"$bin\":\"A===\"}", "line 1, column 1: {\"$bin\"} takes a string in base64"},
        {"{\"$bin\":\"AA=A\"}", "line 1, column 1: {\"$bin\"} takes a string in base64"},
        {"{\"$bin\":\"AA-_\"}", "line 1, column 1: {\"$bin\"} takes a string in base64"},
        {"{\"$bin\":\"AAAA=\"}", "line 1, column 1: {\"$bin\"} takes a string in base64"},
        {"{\"$bin\":1}", "line 1, column 1: {\"$bin\"} takes a string in base64"},
        {"[{},\"[{\\\"[{\", {\"$str\":[]}]",
         "line 1, column 15: {\"$str\"} takes a string in base64"},
        {"{\"$ext\":5}",
         "line 1, column 1: {\"$ext\"} takes [type, base64] with a type from -128 to 127"},
        {"{\"$ext\":[128,\"\"]}",
         "line 1, column 1: {\"$ext\"} takes [type, base64] with a type from -128 to 127"},
        {"{\"$ext\":[-129,\"\"]}",
         "line 1, column 1: {\"$ext\"} takes [type, base64] with a type from -128 to 127"},
        {"{\"$ext\":[1,\"*\"]}",
         "line 1, column 1: {\"$ext\"} takes [type, base64] with a type from -128 to 127"},
        {"{\"$ext\":[1,\"\",2]}",
         "line 1, column 1: {\"$ext\"} takes [type, base64] with a type from -128 to 127"},
        {"{\"$map\":{}}", "line 1, column 1: {\"$map\"} takes [[key, value], ...]"},
        {"{\"$map\":[[1]]}", "line 1, column 9: {\"$map\"} takes [[key, value], ...]"},
        {"{\"$map\":[[{\"$bin\":1},2]]}", "line 1, column 11: {\"$bin\"} takes a string in base64"},
        {"{\"$map\":[[[1],2],[[],{\"$map\":1}]]}",
         "line 1, column 22: {\"$map\"} takes [[key, value], ...]"},
        {"{\"$uint\":\"\"}",
         "line 1, column 1: {\"$uint\"} takes a string of digits, up to 2^64-1"},
        {"{\"$uint\":\"18446744073709551616\"}",
         "line 1, column 1: {\"$uint\"} takes a string of digits, up to 2^64-1"},
        {"{\"$uint\":\"-1\"}",
         "line 1, column 1: {\"$uint\"} takes a string of digits, up to 2^64-1"},
        {"{\"$uint\":5}", "line 1, column 1: {\"$uint\"} takes a string of digits, up to 2^64-1"},
        {"[{\"$ext\":[1,\"\"]},{\"$float\":\"nan\"}]",
         "line 1, column 18: {\"$float\"} takes \"NaN\", \"Infinity\" or \"-Infinity\""},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++)
        s_expect_error (self, rows[row].text, NULL, ZLOOM_REASON_BAD_JSON, rows[row].message);
}

static void test_json_refuses_messagepack_that_is_none (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_buffer_append (&self->text, "before", 6);
    assert_int_equal (zloom_json_from_msgpack (zloom_bytes ("\xdd\xff\xff\xff\xff", 5), 0, NULL,
                                               &self->text, &self->error),
                      ZLOOM_INVALID_ARGUMENT);
    assert_string_equal (self->error.text, "byte 0: not MessagePack, or cut off");
    assert_int_equal (self->error.reason, ZLOOM_REASON_MALFORMED);
    assert_int_equal (zloom_json_from_msgpack (zloom_bytes (NULL, 0), 0, NULL, &self->text, NULL),
                      ZLOOM_INVALID_ARGUMENT);
    assert_int_equal (self->text.size, 6);
}

//  -------------------------------------------------------------------------
//  Limits

//  `times` times one text, then another.
static char *s_repeat (const char *head, const char *unit, size_t times, const char *tail)
{
    size_t size = strlen (head) + times * strlen (unit) + strlen (tail) + 1;
    char *text = (char *) malloc (size), *p = stpcpy (text, head);
    while (times--)
        p = stpcpy (p, unit);
    strcpy (p, tail);
    return text;
}

static char *s_nested (size_t depth, const char *open, const char *inner, const char *close)
{
    char *opened = s_repeat ("", open, depth, inner);
    char *text = s_repeat (opened, close, depth, "");
    free (opened);
    return text;
}

static void test_json_holds_the_depth_of_the_value (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const struct {
        const char *open, *inner, *close;
        const char *message;  //  One level too deep
    } rows[] = {
        {"[", "1", "]", "line 1, column 17: nested deeper than 16 arrays and maps"},
        {"{\"a\":", "1", "}", "line 1, column 81: nested deeper than 16 arrays and maps"},
        {"{\"$map\":[[1,", "1", "]]}", "line 1, column 201: nested deeper than 16 arrays and maps"},
        {"[", "{\"$ext\":[1,\"\"]}", "]",
         "line 1, column 17: nested deeper than 16 arrays and maps"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        char *text = s_nested (16, rows[row].open, rows[row].inner, rows[row].close);
        zloom_buffer_reset (&self->value);
        if (zloom_json_to_msgpack (zloom_bytes_str (text), NULL, &self->value, &self->error))
            fail_msg ("%s: %s", text, self->error.text);
        zloom_buffer_reset (&self->text);
        assert_int_equal (
            zloom_json_from_msgpack (zloom_buffer_bytes (&self->value), 0, NULL, &self->text, NULL),
            ZLOOM_OK);
        assert_int_equal (self->text.size, strlen (text));
        assert_memory_equal (self->text.data, text, self->text.size);
        free (text);

        text = s_nested (17, rows[row].open, rows[row].inner, rows[row].close);
        s_expect_error (self, text, NULL, ZLOOM_REASON_OVERSIZE, rows[row].message);
        free (text);
    }
}

//  Before it is parsed, so that no stack has to be deep enough for it.
static void test_json_refuses_a_text_nested_too_deep_before_parsing (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    char *text = s_nested (1000000, "[", "", "");
    s_expect_error (self, text, NULL, ZLOOM_REASON_OVERSIZE, "line 1, column 52: nested too deep");
    free (text);
    text = s_nested (1000000, "]", "x", "[");
    s_expect_error (self, text, NULL, ZLOOM_REASON_OVERSIZE,
                    "line 1, column 1000053: nested too deep");
    free (text);
}

//  No byte of it is looked at, so there need not be any.
static void test_json_refuses_a_text_of_more_than_4_gib (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (zloom_json_to_msgpack (zloom_bytes ("", (size_t) UINT32_MAX + 1), NULL,
                                             &self->value, &self->error),
                      ZLOOM_RESOURCE_EXHAUSTED);
    assert_string_equal (self->error.text,
                         "4294967296 bytes of JSON, where at most 4294967295 are allowed");
    assert_int_equal (self->error.reason, ZLOOM_REASON_OVERSIZE);
}

static void test_json_holds_the_other_limits (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_limits_t limits = {.max_size = 100, .max_elements = 2, .max_depth = 255};
    s_expect_error (self, "[1,\n[1,2,3]]", &limits, ZLOOM_REASON_OVERSIZE,
                    "line 2, column 1: more than 2 elements in one array or map");
    s_expect_error (self, "{\"a\":1,\"b\":2,\"c\":3}", &limits, ZLOOM_REASON_OVERSIZE,
                    "line 1, column 1: more than 2 elements in one array or map");
    s_expect_error (self, "{\"$map\":[[1,1],[2,2],[3,3]]}", &limits, ZLOOM_REASON_OVERSIZE,
                    "line 1, column 9: more than 2 elements in one array or map");
    limits.max_size = 3;
    s_expect_error (self, "\"abc\"", &limits, ZLOOM_REASON_OVERSIZE,
                    "4 bytes, where at most 3 are allowed");
    limits.max_size = 10;
    s_expect_error (self, "[[],[],[],[],[],[],[],[],[],[],[],[]]", &limits, ZLOOM_REASON_OVERSIZE,
                    "line 1, column 22: too many elements");

    limits = (zloom_limits_t){.max_size = 100, .max_elements = 2, .max_depth = 16, .utf8 = true};
    s_expect_error (self, "{\"$str\":\"/w==\"}", &limits, ZLOOM_REASON_MALFORMED,
                    "byte 0: a string is not valid UTF-8");
    limits.string_keys = true;
    s_expect_error (self, "{\"$map\":[[1,2]]}", &limits, ZLOOM_REASON_MALFORMED,
                    "byte 1: a key of a map is not a string");
}

//  -------------------------------------------------------------------------
//  Memory

//  What jansson has out, and the most that it ever had; its allocation number
//  `fail_at` fails. Sizes are what malloc makes of them.
static struct {
    size_t out, most, asked, fail_at;
} s_jansson;

static void *s_jansson_malloc (size_t size)
{
    if (++s_jansson.asked == s_jansson.fail_at)
        return NULL;
    size_t rounded = (size + 8 + 15) / 16 * 16;
    size_t *block = (size_t *) malloc (rounded + 16);
    block[0] = rounded;
    s_jansson.out += rounded;
    if (s_jansson.out > s_jansson.most)
        s_jansson.most = s_jansson.out;
    return block + 2;
}

static void s_jansson_free (void *memory)
{
    if (!memory)
        return;
    size_t *block = (size_t *) memory - 2;
    s_jansson.out -= block[0];
    free (block);
}

static void s_watch_jansson (size_t fail_at)
{
    s_jansson.out = s_jansson.most = s_jansson.asked = 0;
    s_jansson.fail_at = fail_at;
    json_set_alloc_funcs (s_jansson_malloc, s_jansson_free);
}

static void s_leave_jansson (void)
{
    json_set_alloc_funcs (malloc, free);
}

//  Texts that take the most memory for each byte, all within the limits or
//  refused by them.
static void test_json_holds_its_tree_to_what_it_promises (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const struct {
        const char *unit;
        bool is_key;
    } rows[] = {{"{},", false},
                {"[],", false},
                {"1,", false},
                {"\"\",", false},
                {"[1],", false},
                {"1.5,", false},
                {"{\"\":{\"\":1}},", false},
                {"[[[{}]]],", false}};
    zloom_limits_t limits = {.max_size = 65536, .max_elements = UINT32_MAX, .max_depth = 16};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (size_t times = 1000; times <= 128000; times *= 2) {
            char *text = s_repeat ("[", rows[row].unit, times, "1]");
            s_watch_jansson (0);
            zloom_buffer_reset (&self->value);
            zloom_json_to_msgpack (zloom_bytes_str (text), &limits, &self->value, NULL);
            s_leave_jansson ();
            assert_int_equal (s_jansson.out, 0);
            if (s_jansson.most > 256 * (size_t) limits.max_size)
                fail_msg ("%zu times %s took %zu bytes", times, rows[row].unit, s_jansson.most);
            free (text);
        }
    }
}

//  As above, where each key is another.
static void test_json_holds_a_tree_of_many_keys (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_limits_t limits = {.max_size = 65536, .max_elements = UINT32_MAX, .max_depth = 16};
    for (unsigned times = 1000; times <= 64000; times *= 2) {
        char *text = (char *) malloc (times * 16 + 16), *p = text;
        for (unsigned i = 0; i < times; i++)
            p += sprintf (p, "%c\"%u\":1", i ? ',' : '{', i);
        strcpy (p, "}");
        s_watch_jansson (0);
        zloom_buffer_reset (&self->value);
        zloom_json_to_msgpack (zloom_bytes_str (text), &limits, &self->value, NULL);
        s_leave_jansson ();
        assert_in_range (s_jansson.most, 1, 256 * (size_t) limits.max_size + 2 * strlen (text));
        free (text);
    }
}

static const char s_much[] =
    "{\"a\":[1,2.5,\"sixty-four characters and more, so that buffers grow for it. And more.\"],"
    "\"b\":{\"$bin\":\"AQID\"},\"c\":{\"$map\":[[1,{\"$ext\":[1,\"AA==\"]}]]}}";

static void test_json_survives_each_lack_of_memory_of_ours (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    heap_t heap;
    size_t failed = 0;
    zloom_code_t code;
    do {
        heap_install (&heap, failed + 1);
        code = zloom_json_to_msgpack (zloom_bytes_str (s_much), NULL, &self->value, &self->error);
        if (!code)
            code = zloom_json_from_msgpack (zloom_buffer_bytes (&self->value), 0, NULL, &self->text,
                                            &self->error);
        if (code) {
            failed++;
            assert_int_equal (code, ZLOOM_RESOURCE_EXHAUSTED);
            assert_int_equal (self->error.reason, ZLOOM_REASON_NO_MEMORY);
            assert_non_null (strstr (self->error.text, "out of memory for "));
            assert_int_equal (self->text.size, 0);
            assert_false (self->value.failed || self->text.failed);
        }
        zloom_buffer_clear (&self->value);
        zloom_buffer_clear (&self->text);
        assert_int_equal (heap.out, 0);
        heap_remove ();
    } while (code);
    assert_in_range (failed, 4, 8);
}

//  jansson's lexer does not notice when its own buffer cannot grow, so what
//  comes out may be wrong (json.h says so), but nothing leaks or breaks.
static void test_json_survives_each_lack_of_memory_of_jansson (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    unsigned without_memory = 0;
    s_jansson.fail_at = 0;
    do {
        s_watch_jansson (s_jansson.fail_at + 1);
        zloom_buffer_reset (&self->value);
        zloom_code_t code =
            zloom_json_to_msgpack (zloom_bytes_str (s_much), NULL, &self->value, &self->error);
        s_leave_jansson ();
        assert_int_equal (s_jansson.out, 0);
        if (code)
            assert_int_equal (self->value.size, 0);
        without_memory += code && self->error.reason == ZLOOM_REASON_NO_MEMORY;
    } while (s_jansson.asked >= s_jansson.fail_at);
    assert_true (without_memory > 20);
}

#define TEST(function) cmocka_unit_test_setup_teardown (function, s_set_up, s_tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (test_json_errors_name_line_and_column),
        TEST (test_json_refuses_messagepack_that_is_none),
        TEST (test_json_holds_the_depth_of_the_value),
        TEST (test_json_refuses_a_text_nested_too_deep_before_parsing),
        TEST (test_json_refuses_a_text_of_more_than_4_gib),
        TEST (test_json_holds_the_other_limits),
        TEST (test_json_holds_its_tree_to_what_it_promises),
        TEST (test_json_holds_a_tree_of_many_keys),
        TEST (test_json_survives_each_lack_of_memory_of_ours),
        TEST (test_json_survives_each_lack_of_memory_of_jansson),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
