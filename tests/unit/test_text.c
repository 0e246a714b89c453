#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

//  A literal with its length, so that it may have NULs in it.
#define BYTES(literal) zloom_bytes (literal, sizeof (literal) - 1)

//  The character that a code point is, by the definition of UTF-8.
static size_t s_encode (uint32_t point, uint8_t ret[4])
{
    if (point < 0x80) {
        ret[0] = (uint8_t) point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, point >>= 6)
        ret[i] = (uint8_t) (0x80 | (point & 0x3f));
    ret[0] = (uint8_t) ((0xf00 >> length) | point);
    return length;
}

static void test_utf8_knows_every_character_and_no_surrogate (void **state)
{
    (void) state;
    for (uint32_t point = 0; point < 0x120000; point++) {
        uint8_t bytes[4];
        size_t length = s_encode (point, bytes);
        bool valid = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
        if (zloom_text_utf8 (zloom_bytes (bytes, length)) != (valid ? length : 0))
            fail_msg ("U+%04X", point);
    }
}

static void test_utf8_wants_the_whole_character (void **state)
{
    (void) state;
    const uint32_t points[] = {0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        uint8_t bytes[4];
        size_t length = s_encode (points[i], bytes);
        for (size_t cut = 0; cut < length; cut++) {
            //  Memory of exactly that size: a read too far is seen.
            uint8_t *exact = (uint8_t *) malloc (cut ? cut : 1);
            memcpy (exact, bytes, cut);
            assert_int_equal (zloom_text_utf8 (zloom_bytes (exact, cut)), 0);
            free (exact);
        }
    }
}

static void test_utf8_refuses_what_is_none (void **state)
{
    (void) state;
    const zloom_bytes_t wrong[] = {
        BYTES ("\x80"),              //  A continuation alone
        BYTES ("\xc0\x80"),          //  Overlong NUL
        BYTES ("\xc1\xbf"),          //  Overlong, two bytes
        BYTES ("\xe0\x9f\xbf"),      //  Overlong, three bytes
        BYTES ("\xf0\x8f\xbf\xbf"),  //  Overlong, four bytes
        BYTES ("\xed\xa0\x80"),      //  A surrogate
        BYTES ("\xf4\x90\x80\x80"),  //  Above U+10FFFF
        BYTES ("\xf5\x80\x80\x80"),  //  No such first byte
        BYTES ("\xff"),
        BYTES ("\xc3("),
        BYTES ("\xe2\x82("),
        BYTES ("\xf0\x9f\xa6("),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal (zloom_text_utf8 (wrong[i]), 0);
}

static void test_utf8_of_many_bytes_is_that_of_each_character (void **state)
{
    (void) state;
    assert_true (zloom_text_is_utf8 (zloom_bytes (NULL, 0)));
    assert_true (zloom_text_is_utf8 (BYTES ("h\xc3\xa9llo\0 \xe2\x82\xac\xf0\x9f\xa6\x8a")));
    assert_false (zloom_text_is_utf8 (BYTES ("hello\xff")));
    assert_false (zloom_text_is_utf8 (BYTES ("hello\xe2\x82")));
    assert_false (zloom_text_is_utf8 (BYTES ("\x82\xac hello")));
}

static void s_escapes_to (zloom_bytes_t bytes, const char *expected)
{
    char text[100];
    assert_ptr_equal (zloom_text_escape (text, sizeof text, bytes), text);
    assert_string_equal (text, expected);
}

static void test_escape_leaves_text_alone (void **state)
{
    (void) state;
    s_escapes_to (BYTES (""), "");
    s_escapes_to (zloom_bytes (NULL, 0), "");
    s_escapes_to (BYTES ("hello, 'world' \"~\""), "hello, 'world' \"~\"");
    s_escapes_to (BYTES ("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\xa6\x8a"),
                  "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\xa6\x8a");
}

static void test_escape_shows_what_a_terminal_would_act_on (void **state)
{
    (void) state;
    s_escapes_to (BYTES ("\033[31m"), "\\x1b[31m");
    s_escapes_to (BYTES ("a\nb\r\t\a"), "a\\x0ab\\x0d\\x09\\x07");
    s_escapes_to (BYTES ("\0\x7f"), "\\x00\\x7f");
    s_escapes_to (BYTES ("\xc2\x80\xc2\x9b\xc2\x9f"), "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
    s_escapes_to (BYTES ("\xc2\xa0"), "\xc2\xa0");
}

//  Else what is shown could not be told from what was escaped.
static void test_escape_shows_a_backslash_as_one (void **state)
{
    (void) state;
    s_escapes_to (BYTES ("\\x41"), "\\x5cx41");
}

static void test_escape_shows_bytes_that_are_not_utf8 (void **state)
{
    (void) state;
    s_escapes_to (BYTES ("a\xff\xfez"), "a\\xff\\xfez");
    s_escapes_to (BYTES ("\xe2\x82"), "\\xe2\\x82");
    s_escapes_to (BYTES ("\xe2\x82z"), "\\xe2\\x82z");
}

static void s_cuts_to (size_t size, zloom_bytes_t bytes, const char *expected)
{
    char text[100];
    memset (text, '#', sizeof text);
    zloom_text_escape (text, size, bytes);
    assert_string_equal (text, expected);
    for (size_t i = size; i < sizeof text; i++)
        assert_int_equal (text[i], '#');
}

static void test_escape_cuts_what_does_not_fit (void **state)
{
    (void) state;
    s_cuts_to (8, BYTES ("1234567"), "1234567");
    s_cuts_to (8, BYTES ("12345678"), "1234...");
    s_cuts_to (8, BYTES ("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), "\xe2\x82\xac...");
    s_cuts_to (8,
               BYTES ("12\xe2\x82\xac"
                      "56789"),
               "12...");
    s_cuts_to (8, BYTES ("1\n\n"), "1...");
    s_cuts_to (8, BYTES ("\xc2\x9b"), "...");
    s_cuts_to (9, BYTES ("\xc2\x9b"), "\\xc2\\x9b");
}

static void test_escape_of_much_into_little (void **state)
{
    (void) state;
    s_cuts_to (4, BYTES ("12345"), "...");
    s_cuts_to (3, BYTES ("12345"), "..");
    s_cuts_to (2, BYTES ("12345"), ".");
    s_cuts_to (1, BYTES ("12345"), "");
    char untouched = '#';
    zloom_text_escape (&untouched, 0, BYTES ("12345"));
    assert_int_equal (untouched, '#');
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_utf8_knows_every_character_and_no_surrogate),
        cmocka_unit_test (test_utf8_wants_the_whole_character),
        cmocka_unit_test (test_utf8_refuses_what_is_none),
        cmocka_unit_test (test_utf8_of_many_bytes_is_that_of_each_character),
        cmocka_unit_test (test_escape_leaves_text_alone),
        cmocka_unit_test (test_escape_shows_what_a_terminal_would_act_on),
        cmocka_unit_test (test_escape_shows_a_backslash_as_one),
        cmocka_unit_test (test_escape_shows_bytes_that_are_not_utf8),
        cmocka_unit_test (test_escape_cuts_what_does_not_fit),
        cmocka_unit_test (test_escape_of_much_into_little),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
