#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data/pack.h"
#include "reqrep/signature_internal.h"

//  ---- Reading ----------------------------------------------------------------

static zloom__signature_t s_read (const char *text)
{
    zloom__signature_t signature;
    zloom_error_t error;
    if (zloom__signature_read (&signature, text, &error))
        fail_msg ("%s", error.text);
    return signature;
}

static void test_signature_may_be_missing (void **state)
{
    (void) state;
    zloom__signature_t signature = s_read (NULL);
    assert_true (signature.is_open);
}

static void test_signature_reads_the_examples_of_the_protocol (void **state)
{
    (void) state;
    zloom__signature_t signature = s_read ("(a: int, b: str?, rest: any...) -> float");
    assert_false (signature.is_open);
    assert_true (signature.is_variadic);
    assert_int_equal (signature.count, 3);
    assert_int_equal (signature.required, 1);
    assert_memory_equal (signature.params[0].name.data, "a", 1);
    assert_memory_equal (signature.params[2].name.data, "rest", 4);
    assert_memory_equal (signature.params[1].type.data, "str", 3);

    signature = s_read ("() -> map");
    assert_int_equal (signature.count, 0);
    signature = s_read ("(path: str) -> stream bytes");
    assert_int_equal (signature.required, 1);
}

static void test_signature_takes_blanks_anywhere_and_nowhere (void **state)
{
    (void) state;
    static const char *const same[] = {
        "(a:int,b:str?,c_9:any...)->stream float",
        "  (  a  :  int  ,  b  :  str  ?  ,  c_9  :  any  ...  )  ->  stream   float  ",
    };
    for (size_t i = 0; i < 2; i++) {
        zloom__signature_t signature = s_read (same[i]);
        assert_int_equal (signature.count, 3);
        assert_int_equal (signature.required, 1);
        assert_true (signature.is_variadic);
    }
}

//  What must be there: all up to the last that is not optional.
static void test_signature_counts_what_must_be_given (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int count, required;
    } cases[] = {
        {"()", 0, 0},
        {"(a: int)", 1, 1},
        {"(a: int?)", 1, 0},
        {"(a: int?, b: int)", 2, 2},
        {"(a: int, b: int?, c: int?)", 3, 1},
        {"(a: int...)", 1, 0},
        {"(a: int?, b: int...)", 2, 0},
        {"(a: int, b: int?...)", 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zloom__signature_t signature = s_read (cases[i].text);
        assert_int_equal (signature.count, cases[i].count);
        assert_int_equal (signature.required, cases[i].required);
    }
}

static void test_signature_has_at_most_sixteen_params (void **state)
{
    (void) state;
    char text[400] = "(";
    for (int i = 1; i <= 17; i++) {
        char param[16];
        snprintf (param, sizeof param, "%sp%d: int", i > 1 ? ", " : "", i);
        strcat (text, param);
        char whole[420];
        snprintf (whole, sizeof whole, "%s)", text);
        zloom__signature_t signature;
        zloom_error_t error;
        zloom_code_t code = zloom__signature_read (&signature, whole, &error);
        assert_int_equal (code, i <= 16 ? ZLOOM_OK : ZLOOM_INVALID_ARGUMENT);
        if (i > 16)
            assert_non_null (strstr (error.text, "at most 16 parameters"));
    }
}

static void test_signature_says_where_it_is_wrong (void **state)
{
    (void) state;
#define TYPES "a type: int uint float number str bytes bool list map any nil"
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "column 1: expected '('"},
        {"int", "column 1: expected '('"},
        {"  x", "column 3: expected '('"},
        {"(", "column 2: expected a parameter's name"},
        {"(a", "column 3: expected ':'"},
        {"(a int)", "column 4: expected ':'"},
        {"(a:)", "column 4: expected " TYPES},
        {"(a: foo)", "column 5: expected " TYPES},
        {"(a: Int)", "column 5: expected " TYPES},
        {"(a: integer)", "column 5: expected " TYPES},
        {"(a: int", "column 8: expected ',' or ')'"},
        {"(a: int b: int)", "column 9: expected ',' or ')'"},
        {"(a: int,)", "column 9: expected a parameter's name"},
        {"(, a: int)", "column 2: expected a parameter's name"},
        {"(a: int..., b: int)", "column 13: expected ')': nothing follows a '...'"},
        {"(a: int...?)", "column 11: expected ',' or ')'"},
        {"(a-b: int)", "column 3: expected ':'"},
        {"(a: int) int", "column 10: expected the end"},
        {"(a: int) -> ", "column 13: expected " TYPES},
        {"(a: int) -> streamint", "column 13: expected " TYPES},
        {"(a: int) -> stream", "column 13: expected " TYPES},
        {"(a: int) -> int?", "column 16: expected the end"},
        {"(a: int) -> int, int", "column 16: expected the end"},
        {"()\t", "column 3: expected the end"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        zloom__signature_t signature;
        zloom_error_t error;
        assert_int_equal (zloom__signature_read (&signature, bad[i].text, &error),
                          ZLOOM_INVALID_ARGUMENT);
        assert_int_equal (error.reason, ZLOOM_REASON_BAD_ARGUMENT);
        char expected[256];
        snprintf (expected, sizeof expected, "signature \"%s\", %s", bad[i].text, bad[i].error);
        assert_string_equal (error.text, expected);
    }
}

//  ---- Checking ---------------------------------------------------------------

//  Values of every type, packed.
static const struct {
    const char *name;
    uint8_t bytes[12];
    uint8_t size;
} s_values[] = {
    {"nil", {0xc0}, 1},
    {"bool", {0xc3}, 1},
    {"int", {0x07}, 1},
    {"big", {0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
    {"negative", {0xd0, 0x80}, 2},
    {"float", {0xca, 0x3f, 0x80, 0, 0}, 5},
    {"double", {0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}, 9},
    {"string", {0xa1, 'x'}, 2},
    {"bytes", {0xc4, 1, 0}, 3},
    {"array", {0x92, 0x01, 0x91, 0x02}, 4},
    {"map", {0x81, 0xa1, 'k', 0x90}, 4},
    {"extension", {0xd4, 5, 0}, 3},
};
enum { VALUES = sizeof s_values / sizeof s_values[0] };

//  Whether one value fits "(a: TYPE)".
static bool s_fits (const char *type, size_t value)
{
    char text[64];
    snprintf (text, sizeof text, "(a: %s)", type);
    zloom__signature_t signature = s_read (text);
    uint8_t params[16] = {0x91};
    memcpy (params + 1, s_values[value].bytes, s_values[value].size);
    zloom_error_t error;
    zloom_code_t code = zloom__signature_check (
        &signature, zloom_bytes (params, s_values[value].size + 1u), &error);
    assert_true (code == ZLOOM_OK || error.reason == ZLOOM_REASON_BAD_PARAMS);
    return code == ZLOOM_OK;
}

//  The table of docs/PROTOCOL.md, section 13.
static void test_signature_types_accept_what_they_say (void **state)
{
    (void) state;
    static const struct {
        const char *type, *accepts;
    } types[] = {
        {"int", " int big negative "},
        {"uint", " int big "},
        {"float", " int big negative float double "},
        {"number", " int big negative float double "},
        {"str", " string "},
        {"bytes", " string bytes "},
        {"bool", " bool "},
        {"list", " array "},
        {"map", " map "},
        {"nil", " nil "},
        {"any", " nil bool int big negative float double string bytes array map extension "},
        {"int?", " nil int big negative "},
        {"str?", " nil string "},
        {"int...", " int big negative "},
        {"map?...", " nil map "},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (size_t value = 0; value < VALUES; value++) {
            char name[32];
            snprintf (name, sizeof name, " %s ", s_values[value].name);
            bool expected = strstr (types[i].accepts, name) != NULL;
            if (s_fits (types[i].type, value) != expected)
                fail_msg ("%s %s %s", types[i].type, expected ? "refuses" : "accepts",
                          s_values[value].name);
        }
}

//  What a check says to params packed from a picture; "" where they fit.
static const char *s_complaint (const char *text, const char *picture, ...)
{
    static zloom_error_t error;
    zloom_error_clear (&error);
    zloom__signature_t signature = s_read (text);
    zloom_buffer_t params = {0};
    va_list arguments;
    va_start (arguments, picture);
    assert_int_equal (zloom_vpack (&params, &error, picture, arguments), ZLOOM_OK);
    va_end (arguments);
    zloom_error_clear (&error);
    zloom_code_t code = zloom__signature_check (&signature, zloom_buffer_bytes (&params), &error);
    zloom_buffer_clear (&params);
    assert_int_equal (code, error.code);
    if (code == ZLOOM_OK)
        return "";
    assert_int_equal (error.reason, ZLOOM_REASON_BAD_PARAMS);
    return error.text;
}

static void test_signature_open_takes_any_array_and_nothing_else (void **state)
{
    (void) state;
    assert_string_equal (s_complaint (NULL, "[]"), "");
    assert_string_equal (s_complaint (NULL, "[is[i]]", 1, "x", 2), "");
    assert_string_equal (s_complaint (NULL, "{}"), "params are an array, this is a map");
    assert_string_equal (s_complaint (NULL, "s", "x"), "params are an array, this is a string");
}

static void test_signature_counts_arguments (void **state)
{
    (void) state;
    assert_string_equal (s_complaint ("()", "[]"), "");
    assert_string_equal (s_complaint ("()", "[i]", 1), "it takes no arguments, 1 was given");
    assert_string_equal (s_complaint ("()", "[ii]", 1, 2), "it takes no arguments, 2 were given");
    assert_string_equal (s_complaint ("(a: int)", "[]"), "it takes 1 argument, none was given");
    assert_string_equal (s_complaint ("(a: int, b: int)", "[i]", 1),
                         "it takes 2 arguments, 1 was given");
    assert_string_equal (s_complaint ("(a: int, b: int)", "[iii]", 1, 2, 3),
                         "it takes 2 arguments, 3 were given");
    assert_string_equal (s_complaint ("(a: int, b: int?)", "[]"),
                         "it takes 1 to 2 arguments, none was given");
    assert_string_equal (s_complaint ("(a: int?)", "[ii]", 1, 2),
                         "it takes 0 to 1 arguments, 2 were given");
    assert_string_equal (s_complaint ("(a: int, b: int...)", "[]"),
                         "it takes 1 or more arguments, none was given");
}

static void test_signature_optional_may_be_left_away_or_nil (void **state)
{
    (void) state;
    const char *text = "(a: int, b: str?, c: bool?)";
    assert_string_equal (s_complaint (text, "[i]", 1), "");
    assert_string_equal (s_complaint (text, "[is]", 1, "x"), "");
    assert_string_equal (s_complaint (text, "[is?]", 1, (char *) NULL, true), "");
    assert_string_equal (s_complaint (text, "[ii]", 1, 2),
                         "argument 2 (b): expected str, found int");
    assert_string_equal (s_complaint (text, "[sis]", (char *) NULL, 1, (char *) NULL),
                         "argument 1 (a): expected int, found nil");
}

static void test_signature_variadic_takes_any_number_of_its_type (void **state)
{
    (void) state;
    const char *text = "(a: str, rest: int...)";
    assert_string_equal (s_complaint (text, "[s]", "x"), "");
    assert_string_equal (s_complaint (text, "[si]", "x", 1), "");
    assert_string_equal (s_complaint (text, "[siiiiiiiiiiiiiiiiiiii]", "x", 1, 2, 3, 4, 5, 6, 7, 8,
                                      9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20),
                         "");
    assert_string_equal (s_complaint (text, "[siis]", "x", 1, 2, "y"),
                         "argument 4 (rest): expected int, found string");
}

//  Arguments are passed over whole, however deep they are.
static void test_signature_looks_at_the_outermost_type_only (void **state)
{
    (void) state;
    assert_string_equal (
        s_complaint ("(a: list, b: map, c: int)", "[[i[ss]]{s{si}}i]", 1, "x", "y", "k", "l", 2, 3),
        "");
    assert_string_equal (s_complaint ("(a: list, b: int)", "[[ii]s]", 1, 2, "x"),
                         "argument 2 (b): expected int, found string");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_signature_may_be_missing),
        cmocka_unit_test (test_signature_reads_the_examples_of_the_protocol),
        cmocka_unit_test (test_signature_takes_blanks_anywhere_and_nowhere),
        cmocka_unit_test (test_signature_counts_what_must_be_given),
        cmocka_unit_test (test_signature_has_at_most_sixteen_params),
        cmocka_unit_test (test_signature_says_where_it_is_wrong),
        cmocka_unit_test (test_signature_types_accept_what_they_say),
        cmocka_unit_test (test_signature_open_takes_any_array_and_nothing_else),
        cmocka_unit_test (test_signature_counts_arguments),
        cmocka_unit_test (test_signature_optional_may_be_left_away_or_nil),
        cmocka_unit_test (test_signature_variadic_takes_any_number_of_its_type),
        cmocka_unit_test (test_signature_looks_at_the_outermost_type_only),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
