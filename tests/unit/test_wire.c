#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/pack.h"
#include "data/wire_internal.h"
#include "support/guarded.h"
#include "support/heap.h"

static const zloom_limits_t s_limits = ZLOOM_LIMITS_DEFAULT;

//  The body at hand, from a picture or from bytes.
static zloom_buffer_t s_body;

static int s_clear_body (void **state)
{
    (void) state;
    zloom_buffer_clear (&s_body);
    return 0;
}

static zloom_bytes_t s_pack (const char *picture, ...)
{
    zloom_error_t error;
    zloom_buffer_reset (&s_body);
    va_list arguments;
    va_start (arguments, picture);
    if (zloom_vpack (&s_body, &error, picture, arguments))
        fail_msg ("%s", error.text);
    va_end (arguments);
    return zloom_buffer_bytes (&s_body);
}

static zloom__message_t s_read (zloom_bytes_t body)
{
    zloom__message_t message;
    zloom_error_t error;
    if (zloom__wire_read (body, &s_limits, &message, &error))
        fail_msg ("%s", error.text);
    return message;
}

//  What is wrong with a body; NONE where nothing is.
static zloom_reason_t s_flaw (zloom_bytes_t body)
{
    zloom__message_t message;
    zloom_error_t error = {.reason = ZLOOM_REASON_NONE};
    zloom_code_t code = zloom__wire_read (body, &s_limits, &message, &error);
    assert_int_equal (code, zloom_reason_code (error.reason));
    return error.reason;
}

static void s_assert_text (zloom_bytes_t bytes, const char *text)
{
    assert_int_equal (bytes.size, strlen (text));
    if (bytes.size)
        assert_memory_equal (bytes.data, text, bytes.size);
}

static void s_assert_bytes (zloom_buffer_t *buffer, const char *hex)
{
    char written[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < buffer->size && at < sizeof written - 4; i++)
        at += (size_t) sprintf (written + at, i ? " %02x" : "%02x", buffer->data[i]);
    assert_string_equal (written, hex);
    zloom_buffer_clear (buffer);
}

//  ---- Writing ----------------------------------------------------------------

static void test_wire_writes_what_the_protocol_shows (void **state)
{
    (void) state;
    zloom_buffer_t buffer = {0};
    zloom_bytes_t method = zloom_bytes_str ("m");
    zloom__wire_begin_request (&buffer, 7, method, false);
    s_assert_bytes (&buffer, "94 00 07 a1 6d");
    zloom__wire_begin_request (&buffer, 300, method, true);
    s_assert_bytes (&buffer, "95 00 cd 01 2c a1 6d");
    zloom__wire_begin_notification (&buffer, method, false);
    s_assert_bytes (&buffer, "93 02 a1 6d");
    zloom__wire_begin_notification (&buffer, method, true);
    s_assert_bytes (&buffer, "94 02 a1 6d");
    zloom__wire_begin_response (&buffer, UINT64_MAX);
    s_assert_bytes (&buffer, "94 01 cf ff ff ff ff ff ff ff ff c0");
    zloom__wire_begin_item (&buffer, 7, 1);
    s_assert_bytes (&buffer, "94 06 07 01");
    zloom__wire_cancel (&buffer, 7);
    s_assert_bytes (&buffer, "92 05 07");
    zloom__wire_credit (&buffer, 7, 128);
    s_assert_bytes (&buffer, "93 07 07 cc 80");
    zloom__wire_beat (&buffer, ZLOOM__BEAT, 3);
    s_assert_bytes (&buffer, "92 08 03");
    zloom__wire_beat (&buffer, ZLOOM__BEAT_ANSWER, 3);
    s_assert_bytes (&buffer, "92 09 03");
}

static void test_wire_writes_only_headers_that_say_something (void **state)
{
    (void) state;
    zloom_buffer_t buffer = {0};
    zloom__headers_t headers = ZLOOM__HEADERS_NONE;
    zloom__wire_headers (&buffer, &headers);
    s_assert_bytes (&buffer, "80");
    headers.remaining = 2500 * ZLOOM_USEC + 999;
    zloom__wire_headers (&buffer, &headers);
    s_assert_bytes (&buffer, "81 a3 74 74 6c cd 09 c4");
    headers.remaining = -ZLOOM_SEC;
    zloom__wire_headers (&buffer, &headers);
    s_assert_bytes (&buffer, "81 a3 74 74 6c 00");
}

//  The largest of everything fits the room that is reserved for it.
static void test_wire_writes_and_reads_the_largest_headers (void **state)
{
    (void) state;
    uint8_t key[ZLOOM__KEY_MAX], trace[ZLOOM__TRACE_MAX];
    memset (key, 0xff, sizeof key);
    memset (trace, 't', sizeof trace);
    zloom_bytes_t method = zloom_bytes (trace, ZLOOM__METHOD_MAX);
    zloom_bytes_t user = s_pack ("{s{si}s[]}", "a", "b", 1, "c");
    zloom__headers_t headers = {.remaining = ZLOOM_NEVER - ZLOOM_USEC,
                                .credit = UINT64_MAX,
                                .attempt = UINT32_MAX,
                                .key = zloom_bytes (key, sizeof key),
                                .trace = zloom_bytes (trace, sizeof trace),
                                .user = user};
    zloom_buffer_t buffer = {0};
    zloom__wire_begin_request (&buffer, UINT64_MAX, method, true);
    zloom_buffer_append (&buffer, "\x90", 1);
    zloom__wire_headers (&buffer, &headers);
    assert_false (buffer.failed);

    zloom__message_t message = s_read (zloom_buffer_bytes (&buffer));
    assert_true (message.is_extended);
    assert_int_equal (message.kind, ZLOOM__REQUEST);
    assert_int_equal (message.id, UINT64_MAX);
    assert_true (zloom_bytes_equal (message.method, method));
    assert_int_equal (message.headers.remaining / ZLOOM_USEC, headers.remaining / ZLOOM_USEC);
    assert_int_equal (message.headers.credit, UINT64_MAX);
    assert_int_equal (message.headers.attempt, UINT32_MAX);
    assert_true (zloom_bytes_equal (message.headers.key, headers.key));
    assert_true (zloom_bytes_equal (message.headers.trace, headers.trace));
    assert_true (zloom_bytes_equal (message.headers.user, user));
    zloom_buffer_clear (&buffer);
}

static void test_wire_writes_nothing_without_memory (void **state)
{
    (void) state;
    static const zloom__headers_t headers = ZLOOM__HEADERS_NONE;
    static const zloom_error_t error = {.code = ZLOOM_INTERNAL};
    heap_t heap;
    heap_install (&heap, 1);
    zloom_buffer_t buffer = {0};
    zloom__wire_begin_request (&buffer, 1, zloom_bytes_str ("m"), true);
    zloom__wire_headers (&buffer, &headers);
    zloom__wire_begin_notification (&buffer, zloom_bytes_str ("m"), true);
    zloom__wire_begin_response (&buffer, 1);
    zloom__wire_error_response (&buffer, 1, &error, zloom_bytes (NULL, 0));
    zloom__wire_begin_item (&buffer, 1, 1);
    zloom__wire_cancel (&buffer, 1);
    zloom__wire_credit (&buffer, 1, 1);
    zloom__wire_beat (&buffer, ZLOOM__BEAT, 1);
    assert_true (buffer.failed);
    assert_int_equal (buffer.size, 0);
    heap_remove ();
}

//  ---- Reading ----------------------------------------------------------------

static void test_wire_reads_every_kind (void **state)
{
    (void) state;
    zloom__message_t message = s_read (s_pack ("[iIs[ii]]", 0, INT64_C (7), "add", 1, 2));
    assert_int_equal (message.kind, ZLOOM__REQUEST);
    assert_false (message.is_extended);
    assert_int_equal (message.id, 7);
    s_assert_text (message.method, "add");
    s_assert_text (message.params, "\x92\x01\x02");
    assert_int_equal (message.headers.remaining, ZLOOM_NEVER);
    assert_int_equal (message.headers.credit, 0);

    message = s_read (s_pack ("[iis[]{}]", 0, 7, "add"));
    assert_true (message.is_extended);

    message = s_read (s_pack ("[iins]", 1, 8, "result"));
    assert_int_equal (message.kind, ZLOOM__RESPONSE);
    assert_int_equal (message.id, 8);
    assert_int_equal (message.error.size, 0);
    s_assert_text (message.value, "\xa6result");

    message = s_read (s_pack ("[iisn]", 1, 8, "why"));
    s_assert_text (message.error, "\xa3why");

    message = s_read (s_pack ("[is[s]]", 2, "log", "x"));
    assert_int_equal (message.kind, ZLOOM__NOTIFICATION);
    assert_false (message.is_extended);
    message = s_read (s_pack ("[is[]{si}]", 2, "log", "attempt", 3));
    assert_true (message.is_extended);
    assert_int_equal (message.headers.attempt, 3);

    message = s_read (s_pack ("[ii]", 5, 9));
    assert_int_equal (message.kind, ZLOOM__CANCEL);
    assert_int_equal (message.id, 9);
    message = s_read (s_pack ("[iiis]", 6, 9, 2, "two"));
    assert_int_equal (message.kind, ZLOOM__ITEM);
    assert_int_equal (message.count, 2);
    s_assert_text (message.value, "\xa3two");
    message = s_read (s_pack ("[iii]", 7, 9, 64));
    assert_int_equal (message.kind, ZLOOM__CREDIT);
    assert_int_equal (message.count, 64);
    message = s_read (s_pack ("[ii]", 8, 10));
    assert_int_equal (message.kind, ZLOOM__BEAT);
    assert_int_equal (message.id, 10);
    message = s_read (s_pack ("[ii]", 9, 10));
    assert_int_equal (message.kind, ZLOOM__BEAT_ANSWER);
}

//  Integers may be written with more bytes than they need, and with a sign.
static void test_wire_reads_every_encoding_of_an_integer (void **state)
{
    (void) state;
    static const uint8_t body[] = {0xdc, 0, 4, 0xcc, 0, 0xd2, 0, 0, 0, 7, 0xd9, 1, 'm', 0x90};
    zloom__message_t message = s_read (zloom_bytes (body, sizeof body));
    assert_int_equal (message.kind, ZLOOM__REQUEST);
    assert_int_equal (message.id, 7);
    s_assert_text (message.method, "m");
}

static void test_wire_refuses_what_is_no_message (void **state)
{
    (void) state;
    assert_int_equal (s_flaw (zloom_bytes (NULL, 0)), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("{}")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("i", 1)), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[]")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[s]", "0")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[iis[]]", -1, 1, "m")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[Uis[]]", UINT64_MAX, 1, "m")), ZLOOM_REASON_MALFORMED);
    //  Ids, counts and methods of another type.
    assert_int_equal (s_flaw (s_pack ("[iis[]]", 0, -1, "m")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[ifs[]]", 0, 1.0, "m")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[iii[]]", 0, 1, 2)), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[iib[]]", 0, 1, "m", (size_t) 1)), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[iisn]", 6, 1, "2")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[iii]", 7, 1, -2)), ZLOOM_REASON_MALFORMED);
    //  Headers that are none.
    assert_int_equal (s_flaw (s_pack ("[iis[]n]", 0, 1, "m")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[iis[][]]", 0, 1, "m")), ZLOOM_REASON_MALFORMED);
}

//  Kinds that are none, and those that are reserved.
static void test_wire_refuses_unknown_kinds (void **state)
{
    (void) state;
    static const unsigned unknown[] = {3, 4, 10, 127, 255, 256, 1u << 31};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        for (int count = 0; count < 4; count++) {
            static const char *const pictures[] = {"[u]", "[uu]", "[uuu]", "[uuuu]"};
            zloom_bytes_t body = s_pack (pictures[count], unknown[i], 1u, 1u, 1u);
            assert_int_equal (s_flaw (body), ZLOOM_REASON_MALFORMED);
        }
}

//  Every kind with every number of elements, all of the right types.
static void test_wire_holds_the_number_of_elements (void **state)
{
    (void) state;
    static const struct {
        int kind;
        const char *pictures[7];  //  By number of elements; NULL = must be refused
    } kinds[] = {
        {0, {"[]", "[i]", "[ii]", "[iis]", NULL, NULL, "[iis[]{}i]"}},
        {1, {"[]", "[i]", "[ii]", "[iin]", NULL, "[iinsi]", "[iinsii]"}},
        {5, {"[]", "[i]", NULL, "[iii]", "[iiii]", "[iiiii]", "[iiiiii]"}},
        {6, {"[]", "[i]", "[ii]", "[iii]", NULL, "[iiiii]", "[iiiiii]"}},
        {7, {"[]", "[i]", "[ii]", NULL, "[iiii]", "[iiiii]", "[iiiiii]"}},
        {8, {"[]", "[i]", NULL, "[iii]", "[iiii]", "[iiiii]", "[iiiiii]"}},
        {9, {"[]", "[i]", NULL, "[iii]", "[iiii]", "[iiiii]", "[iiiiii]"}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int count = 0; count < 7; count++) {
            const char *picture = kinds[i].pictures[count];
            if (!picture)
                continue;
            bool has_method = kinds[i].kind < 2;
            zloom_bytes_t body = has_method ? s_pack (picture, kinds[i].kind, 1, "m", 1, 1)
                                            : s_pack (picture, kinds[i].kind, 1, 1, 1, 1, 1);
            assert_int_equal (s_flaw (body), ZLOOM_REASON_MALFORMED);
        }
    assert_int_equal (s_flaw (s_pack ("[is]", 2, "m")), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[is[]{}i]", 2, "m", 1)), ZLOOM_REASON_MALFORMED);
}

//  Cut off anywhere: refused, and no byte behind the cut is looked at.
static void test_wire_refuses_every_prefix_and_every_suffix (void **state)
{
    (void) state;
    zloom_bytes_t body = s_pack ("[iis[s{si}]{sisbs{ss}}]", 0, 70000, "method", "x", "k", 1000,
                                 "ttl", 5000000, "key", "abc", (size_t) 3, "user", "a", "b");
    assert_int_equal (s_flaw (body), ZLOOM_REASON_NONE);
    guarded_t guarded = guarded_new (body.size + 1);
    for (size_t size = 0; size < body.size; size++) {
        zloom_bytes_t cut = guarded_put (&guarded, zloom_bytes (body.data, size));
        assert_int_equal (s_flaw (cut), ZLOOM_REASON_MALFORMED);
    }
    zloom_buffer_append (&s_body, "\xc0", 1);
    assert_int_equal (s_flaw (zloom_buffer_bytes (&s_body)), ZLOOM_REASON_MALFORMED);
    guarded_clear (&guarded);
}

//  ---- Headers ----------------------------------------------------------------

//  What is wrong with a request that has these headers.
static zloom_reason_t s_header_flaw (const char *picture, ...)
{
    zloom_buffer_t headers = {0};
    zloom_error_t error;
    va_list arguments;
    va_start (arguments, picture);
    if (zloom_vpack (&headers, &error, picture, arguments))
        fail_msg ("%s", error.text);
    va_end (arguments);
    zloom_reason_t flaw = s_flaw (s_pack ("[iis[]v]", 0, 1, "m", zloom_buffer_bytes (&headers)));
    zloom_buffer_clear (&headers);
    return flaw;
}

static void test_wire_passes_over_headers_it_does_not_know (void **state)
{
    (void) state;
    zloom__message_t message = s_read (s_pack ("[iis[]{s[i{ss}]sisns?}]", 0, 1, "m", "later", 1,
                                               "a", "b", "ttl", 5, "TTL", "", true));
    assert_int_equal (message.headers.remaining, 5 * ZLOOM_USEC);
}

static void test_wire_refuses_a_header_that_stands_twice (void **state)
{
    (void) state;
    assert_int_equal (s_header_flaw ("{sisi}", "ttl", 1, "ttl", 1), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_header_flaw ("{sisisi}", "x", 1, "ttl", 1, "x", 2), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_header_flaw ("{s{sisi}}", "user", "k", 1, "k", 1), ZLOOM_REASON_MALFORMED);
    //  Deeper down it is the application's own.
    assert_int_equal (s_header_flaw ("{s{s{sisi}}}", "user", "k", "d", 1, "d", 1),
                      ZLOOM_REASON_NONE);
}

static void test_wire_holds_the_types_of_known_headers (void **state)
{
    (void) state;
    static const char *const names[] = {"ttl", "credit", "attempt", "key", "trace", "user"};
    static const struct {
        const char *picture;
        const char *fits;  //  The names that take it
    } values[] = {
        {"{si}", "ttl credit attempt"},
        {"{sb}", "key"},
        {"{ss}", "trace"},
        {"{s{}}", "user"},
        {"{sn}", ""},
        {"{s[]}", ""},
        {"{s?}", ""},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
            const char *picture = values[i].picture;
            zloom_reason_t flaw = picture[2] == 'b'
                                      ? s_header_flaw (picture, names[n], "x", (size_t) 1)
                                  : picture[2] == 's' ? s_header_flaw (picture, names[n], "x")
                                                      : s_header_flaw (picture, names[n], 1);
            bool fits = strstr (values[i].fits, names[n]) != NULL;
            assert_int_equal (flaw, fits ? ZLOOM_REASON_NONE : ZLOOM_REASON_MALFORMED);
        }
    assert_int_equal (s_header_flaw ("{si}", "ttl", -1), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_header_flaw ("{sf}", "ttl", 1.0), ZLOOM_REASON_MALFORMED);
}

//  Header names are strings; pictures can write no others.
static void test_wire_refuses_header_names_that_are_no_strings (void **state)
{
    (void) state;
    static const uint8_t maps[][4] = {{0x81, 0x01, 0x01}, {0x81, 0xc0, 0x01}, {0x81, 0x90, 0x01}};
    for (size_t i = 0; i < 3; i++) {
        zloom_bytes_t map = zloom_bytes (maps[i], 3);
        assert_int_equal (s_flaw (s_pack ("[iis[]v]", 0, 1, "m", map)), ZLOOM_REASON_MALFORMED);
        assert_int_equal (s_flaw (s_pack ("[iis[]{sv}]", 0, 1, "m", "user", map)),
                          ZLOOM_REASON_MALFORMED);
        assert_false (zloom__wire_is_header_map (map));
    }
}

static void test_wire_reads_large_numbers_in_headers (void **state)
{
    (void) state;
    zloom__message_t message = s_read (s_pack ("[iis[]{sUsUsU}]", 0, 1, "m", "ttl", UINT64_MAX,
                                               "attempt", UINT64_MAX, "credit", UINT64_MAX));
    assert_int_equal (message.headers.remaining, ZLOOM_NEVER);
    assert_int_equal (message.headers.attempt, UINT32_MAX);
    assert_int_equal (message.headers.credit, UINT64_MAX);
    message = s_read (s_pack ("[iis[]{sU}]", 0, 1, "m", "ttl", (uint64_t) INT64_MAX / 1000 - 1));
    assert_true (message.headers.remaining < ZLOOM_NEVER && message.headers.remaining > 0);
    message = s_read (s_pack ("[iis[]{si}]", 0, 1, "m", "ttl", 0));
    assert_int_equal (message.headers.remaining, 0);
}

static void test_wire_bounds_the_length_of_headers (void **state)
{
    (void) state;
    char text[200];
    memset (text, 'x', sizeof text);
    assert_int_equal (s_header_flaw ("{sb}", "key", text, (size_t) 64), ZLOOM_REASON_NONE);
    assert_int_equal (s_header_flaw ("{sb}", "key", text, (size_t) 65), ZLOOM_REASON_MALFORMED);
    text[128] = 0;
    assert_int_equal (s_header_flaw ("{ss}", "trace", text), ZLOOM_REASON_NONE);
    assert_int_equal (s_header_flaw ("{si}", text, 1), ZLOOM_REASON_NONE);
    text[128] = 'x';
    text[129] = 0;
    assert_int_equal (s_header_flaw ("{ss}", "trace", text), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_header_flaw ("{si}", text, 1), ZLOOM_REASON_MALFORMED);
}

//  A map of `pairs` different keys.
static zloom_bytes_t s_map_of (zloom_buffer_t *buffer, uint32_t pairs)
{
    zloom_buffer_reset (buffer);
    zloom_pack_map_head (buffer, pairs);
    for (uint32_t i = 0; i < pairs; i++) {
        char key[8];
        snprintf (key, sizeof key, "k%u", (unsigned) i);
        assert_int_equal (zloom_pack (buffer, NULL, "si", key, 1), ZLOOM_OK);
    }
    return zloom_buffer_bytes (buffer);
}

static void test_wire_bounds_the_number_of_headers (void **state)
{
    (void) state;
    zloom_buffer_t map = {0};
    for (uint32_t pairs = 15; pairs <= 18; pairs++) {
        zloom_bytes_t bytes = s_map_of (&map, pairs);
        zloom_reason_t expected = pairs <= 16 ? ZLOOM_REASON_NONE : ZLOOM_REASON_MALFORMED;
        assert_int_equal (s_flaw (s_pack ("[iis[]v]", 0, 1, "m", bytes)), expected);
        assert_int_equal (s_flaw (s_pack ("[iis[]{sv}]", 0, 1, "m", "user", bytes)), expected);
        assert_int_equal (zloom__wire_is_header_map (bytes), pairs <= 16);
    }
    zloom_buffer_clear (&map);
}

static void test_wire_knows_a_header_map (void **state)
{
    (void) state;
    assert_true (zloom__wire_is_header_map (s_pack ("{}")));
    assert_true (zloom__wire_is_header_map (s_pack ("{s[i]}", "a", 1)));
    assert_false (zloom__wire_is_header_map (s_pack ("[]")));
    assert_false (zloom__wire_is_header_map (s_pack ("{sisi}", "a", 1, "a", 2)));
    assert_false (zloom__wire_is_header_map (s_pack ("{}{}")));
    assert_false (zloom__wire_is_header_map (zloom_bytes ("\x81", 1)));
    assert_false (zloom__wire_is_header_map (zloom_bytes (NULL, 0)));
}

//  ---- Limits -----------------------------------------------------------------

static void test_wire_bounds_the_length_of_a_method (void **state)
{
    (void) state;
    char name[ZLOOM__METHOD_MAX + 2];
    memset (name, 'm', sizeof name);
    name[ZLOOM__METHOD_MAX] = 0;
    assert_int_equal (s_flaw (s_pack ("[iis[]]", 0, 1, name)), ZLOOM_REASON_NONE);
    assert_int_equal (s_flaw (s_pack ("[is[]]", 2, name)), ZLOOM_REASON_NONE);
    name[ZLOOM__METHOD_MAX] = 'm';
    name[ZLOOM__METHOD_MAX + 1] = 0;
    assert_int_equal (s_flaw (s_pack ("[iis[]]", 0, 1, name)), ZLOOM_REASON_MALFORMED);
    assert_int_equal (s_flaw (s_pack ("[is[]]", 2, name)), ZLOOM_REASON_MALFORMED);
}

static void test_wire_bounds_size_depth_and_elements (void **state)
{
    (void) state;
    zloom__message_t message;
    zloom_error_t error;
    zloom_limits_t limits = {.max_size = 300, .max_elements = 4, .max_depth = 2};
    zloom_bytes_t body = s_pack ("[iis[iii[i]]]", 0, 1, "m", 1, 2, 3, 4);
    limits.max_size = (uint32_t) body.size;
    assert_int_equal (zloom__wire_read (body, &limits, &message, &error), ZLOOM_OK);
    limits.max_size--;
    assert_int_equal (zloom__wire_read (body, &limits, &message, &error), ZLOOM_RESOURCE_EXHAUSTED);
    assert_int_equal (error.reason, ZLOOM_REASON_OVERSIZE);
    limits.max_size = 300;
    limits.max_depth = 1;
    assert_int_equal (zloom__wire_read (body, &limits, &message, &error), ZLOOM_RESOURCE_EXHAUSTED);
    limits.max_depth = 2;
    limits.max_elements = 3;
    assert_int_equal (zloom__wire_read (body, &limits, &message, &error), ZLOOM_RESOURCE_EXHAUSTED);
    assert_int_equal (error.reason, ZLOOM_REASON_OVERSIZE);
}

static void test_wire_holds_the_options_for_strings_and_keys (void **state)
{
    (void) state;
    zloom__message_t message;
    zloom_limits_t limits = s_limits;
    zloom_bytes_t odd = zloom_bytes ("\x81\x01\x02", 3);
    limits.string_keys = true;
    assert_int_equal (s_flaw (s_pack ("[iis[v]]", 0, 1, "m", odd)), ZLOOM_REASON_NONE);
    assert_int_equal (zloom__wire_read (zloom_buffer_bytes (&s_body), &limits, &message, NULL),
                      ZLOOM_INVALID_ARGUMENT);
    limits = s_limits;
    limits.utf8 = true;
    assert_int_equal (s_flaw (s_pack ("[iis[s]]", 0, 1, "m", "\xff")), ZLOOM_REASON_NONE);
    assert_int_equal (zloom__wire_read (zloom_buffer_bytes (&s_body), &limits, &message, NULL),
                      ZLOOM_INVALID_ARGUMENT);
}

//  ---- Peeking ----------------------------------------------------------------

static void test_wire_peek_finds_the_call_of_a_broken_message (void **state)
{
    (void) state;
    uint64_t id = 0;
    static const uint8_t cut[] = {0x94, 0x00, 0x4d, 0xa5, 'm'};
    assert_true (zloom__wire_peek (zloom_bytes (cut, sizeof cut), ZLOOM__REQUEST, &id));
    assert_int_equal (id, 77);
    assert_false (zloom__wire_peek (zloom_bytes (cut, sizeof cut), ZLOOM__RESPONSE, &id));
    //  Other numbers of elements.
    assert_true (zloom__wire_peek (s_pack ("[ii]", 1, 5), ZLOOM__RESPONSE, &id));
    assert_int_equal (id, 5);
    assert_true (
        zloom__wire_peek (s_pack ("[iiiiiiii]", 1, 6, 1, 1, 1, 1, 1, 1), ZLOOM__RESPONSE, &id));
    assert_int_equal (id, 6);
}

static void test_wire_peek_guesses_nothing (void **state)
{
    (void) state;
    uint64_t id = 123;
    assert_false (zloom__wire_peek (zloom_bytes (NULL, 0), ZLOOM__REQUEST, &id));
    assert_false (zloom__wire_peek (s_pack ("[i]", 0), ZLOOM__REQUEST, &id));
    assert_false (zloom__wire_peek (s_pack ("{si}", "a", 1), ZLOOM__REQUEST, &id));
    assert_false (zloom__wire_peek (s_pack ("[is]", 0, "1"), ZLOOM__REQUEST, &id));
    assert_false (zloom__wire_peek (s_pack ("[ii]", 0, -1), ZLOOM__REQUEST, &id));
    assert_false (zloom__wire_peek (s_pack ("[fi]", 0.0, 1), ZLOOM__REQUEST, &id));
    assert_int_equal (id, 123);
}

//  ---- Errors -----------------------------------------------------------------

static zloom_error_t s_read_error (const char *picture, ...)
{
    zloom_error_t error;
    zloom_buffer_reset (&s_body);
    va_list arguments;
    va_start (arguments, picture);
    assert_int_equal (zloom_vpack (&s_body, &error, picture, arguments), ZLOOM_OK);
    va_end (arguments);
    zloom__wire_read_error (zloom_buffer_bytes (&s_body), &error, NULL);
    assert_int_equal (error.origin, ZLOOM_REMOTE);
    return error;
}

//  Every reason that there is goes over the wire and comes back.
static void test_wire_error_comes_back_as_it_went (void **state)
{
    (void) state;
    for (int reason = 1; reason < ZLOOM_REASON_COUNT; reason++) {
        zloom_error_t sent, got;
        zloom_error_set (&sent, (zloom_reason_t) reason, "what %s", "happened");
        zloom_buffer_t buffer = {0};
        zloom__wire_error_response (&buffer, 9, &sent, zloom_bytes ("\x93\1\2\3", 4));
        zloom__message_t message = s_read (zloom_buffer_bytes (&buffer));
        assert_int_equal (message.kind, ZLOOM__RESPONSE);
        assert_int_equal (message.id, 9);
        s_assert_text (message.value, "\xc0");
        zloom_bytes_t data = {0};
        zloom__wire_read_error (message.error, &got, &data);
        assert_int_equal (got.code, sent.code);
        assert_int_equal (got.reason, sent.reason);
        assert_int_equal (got.origin, ZLOOM_REMOTE);
        assert_string_equal (got.text, "what happened");
        s_assert_text (data, "\x93\1\2\3");
        zloom_buffer_clear (&buffer);
    }
}

static void test_wire_error_of_full_length_fits (void **state)
{
    (void) state;
    zloom_error_t sent = {.code = ZLOOM_UNAUTHENTICATED, .reason = ZLOOM_REASON_AUTHENTICATION},
                  got;
    memset (sent.text, 'e', sizeof sent.text - 1);
    uint8_t data[300] = {0xc5, 1, 0};
    zloom_buffer_t buffer = {0};
    zloom__wire_error_response (&buffer, UINT64_MAX, &sent, zloom_bytes (data, 3 + 256));
    zloom__message_t message = s_read (zloom_buffer_bytes (&buffer));
    zloom__wire_read_error (message.error, &got, NULL);
    assert_string_equal (got.text, sent.text);
    zloom_buffer_clear (&buffer);
}

static void test_wire_error_may_be_of_any_type (void **state)
{
    (void) state;
    zloom_error_t error = s_read_error ("s", "it broke");
    assert_int_equal (error.code, ZLOOM_UNKNOWN);
    assert_int_equal (error.reason, ZLOOM_REASON_HANDLER);
    assert_string_equal (error.text, "it broke");
    error = s_read_error ("i", 404);
    assert_string_equal (error.text, "the server answered with an error (int)");
    error = s_read_error ("[is]", 1, "x");
    assert_string_equal (error.text, "the server answered with an error (array)");
    error = s_read_error ("?", false);
    assert_string_equal (error.text, "the server answered with an error (bool)");
    error = s_read_error ("{}");
    assert_int_equal (error.code, ZLOOM_UNKNOWN);
    assert_string_equal (error.text, "the server answered with an error (map)");
}

static void test_wire_error_codes_that_are_none_are_unknown (void **state)
{
    (void) state;
    static const int64_t none[] = {0, 17, 99, 100, 1000, INT64_MAX, -1, -13};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal (s_read_error ("{sI}", "code", none[i]).code, ZLOOM_UNKNOWN);
    for (int code = 1; code <= 16; code++)
        assert_int_equal (s_read_error ("{si}", "code", code).code, code);
    assert_int_equal (s_read_error ("{ss}", "code", "13").code, ZLOOM_UNKNOWN);
}

static void test_wire_error_takes_its_keys_in_any_order_and_passes_over_others (void **state)
{
    (void) state;
    zloom_error_t error =
        s_read_error ("{s{sis[ii]}sssssssi}", "later", "code", 1, "message", 2, 3, "reason",
                      "queue-full", "message", "no room", "Code", "x", "code", 8);
    assert_int_equal (error.code, ZLOOM_RESOURCE_EXHAUSTED);
    assert_int_equal (error.reason, ZLOOM_REASON_QUEUE_FULL);
    assert_string_equal (error.text, "no room");
    //  Keys that are no strings, a container among them.
    static const uint8_t odd[] = {0x83, 0x01, 0xa1, 'a', 0x92, 0xa1, 'x', 0x02,
                                  0x03, 0xa4, 'c',  'o', 'd',  'e',  0x05};
    zloom__wire_read_error (zloom_bytes (odd, sizeof odd), &error, NULL);
    assert_int_equal (error.code, ZLOOM_NOT_FOUND);
}

static void test_wire_error_of_unknown_reason_is_the_handlers (void **state)
{
    (void) state;
    zloom_error_t error =
        s_read_error ("{sissss}", "code", 5, "reason", "gremlins", "message", "m");
    assert_int_equal (error.reason, ZLOOM_REASON_HANDLER);
    assert_int_equal (error.code, ZLOOM_NOT_FOUND);
    error = s_read_error ("{sisi}", "code", 5, "reason", 7);
    assert_int_equal (error.reason, ZLOOM_REASON_HANDLER);
}

//  A peer's text reaches a terminal: no control characters, one line, bounded.
static void test_wire_error_text_is_made_safe (void **state)
{
    (void) state;
    assert_string_equal (s_read_error ("s", "a\x1b[2Jb\n").text, "a\\x1b[2Jb\\x0a");
    assert_string_equal (s_read_error ("{ss}", "message", "\xff\x7f").text, "\\xff\\x7f");
    char *text = (char *) calloc (1, 100001);
    assert_non_null (text);
    memset (text, 'x', 100000);
    zloom_error_t error = s_read_error ("{ss}", "message", text);
    assert_int_equal (strlen (error.text), sizeof error.text - 1);
    assert_string_equal (error.text + sizeof error.text - 4, "...");
    free (text);
    error = s_read_error ("{si}", "message", 5);
    assert_string_equal (error.text, "the server answered with an error (map)");
}

static void test_wire_error_data_is_handed_out_packed (void **state)
{
    (void) state;
    zloom_error_t error;
    zloom_bytes_t data = {0};
    zloom__wire_read_error (s_pack ("{sis{s[i]}}", "code", 1, "data", "k", 2), &error, &data);
    s_assert_text (data, "\x81\xa1k\x91\x02");
    data = zloom_bytes (NULL, 0);
    zloom__wire_read_error (s_pack ("{si}", "code", 1), &error, &data);
    assert_int_equal (data.size, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_wire_writes_what_the_protocol_shows),
        cmocka_unit_test (test_wire_writes_only_headers_that_say_something),
        cmocka_unit_test (test_wire_writes_and_reads_the_largest_headers),
        cmocka_unit_test (test_wire_writes_nothing_without_memory),
        cmocka_unit_test (test_wire_reads_every_kind),
        cmocka_unit_test (test_wire_reads_every_encoding_of_an_integer),
        cmocka_unit_test (test_wire_refuses_what_is_no_message),
        cmocka_unit_test (test_wire_refuses_unknown_kinds),
        cmocka_unit_test (test_wire_holds_the_number_of_elements),
        cmocka_unit_test (test_wire_refuses_every_prefix_and_every_suffix),
        cmocka_unit_test (test_wire_passes_over_headers_it_does_not_know),
        cmocka_unit_test (test_wire_refuses_a_header_that_stands_twice),
        cmocka_unit_test (test_wire_holds_the_types_of_known_headers),
        cmocka_unit_test (test_wire_refuses_header_names_that_are_no_strings),
        cmocka_unit_test (test_wire_reads_large_numbers_in_headers),
        cmocka_unit_test (test_wire_bounds_the_length_of_headers),
        cmocka_unit_test (test_wire_bounds_the_number_of_headers),
        cmocka_unit_test (test_wire_knows_a_header_map),
        cmocka_unit_test (test_wire_bounds_the_length_of_a_method),
        cmocka_unit_test (test_wire_bounds_size_depth_and_elements),
        cmocka_unit_test (test_wire_holds_the_options_for_strings_and_keys),
        cmocka_unit_test (test_wire_peek_finds_the_call_of_a_broken_message),
        cmocka_unit_test (test_wire_peek_guesses_nothing),
        cmocka_unit_test (test_wire_error_comes_back_as_it_went),
        cmocka_unit_test (test_wire_error_of_full_length_fits),
        cmocka_unit_test (test_wire_error_may_be_of_any_type),
        cmocka_unit_test (test_wire_error_codes_that_are_none_are_unknown),
        cmocka_unit_test (test_wire_error_takes_its_keys_in_any_order_and_passes_over_others),
        cmocka_unit_test (test_wire_error_of_unknown_reason_is_the_handlers),
        cmocka_unit_test (test_wire_error_text_is_made_safe),
        cmocka_unit_test (test_wire_error_data_is_handed_out_packed),
    };
    return cmocka_run_group_tests (tests, NULL, s_clear_body);
}
