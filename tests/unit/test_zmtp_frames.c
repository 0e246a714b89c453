//  zloom__zmtp once it is open: frames of every size, and limits.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/expect.h"
#include "support/talk.h"

enum { LARGE = ZLOOM__ZMTP_LARGE, FRAMES_MAX = ZLOOM__ZMTP_FRAMES_MAX };
enum { MORE = ZLOOM__ZMTP_FLAG_MORE, LONG = ZLOOM__ZMTP_FLAG_LONG };

static talk_t s_talk;
static zloom_buffer_t s_peer;  //  What the peer says
static uint8_t s_bytes[1 << 17];

static int s_tidy (void **state)
{
    (void) state;
    talk_end (&s_talk);
    zloom_buffer_clear (&s_peer);
    return 0;
}

static void s_hear_peer (void)
{
    talk_hear (&s_talk, zloom_buffer_bytes (&s_peer));
    zloom_buffer_reset (&s_peer);
}

//  A DEALER whose handshake with a ROUTER is done.
static void s_open (uint64_t max_size)
{
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, max_size);
    talk_open (&s_peer, "ROUTER");
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
    talk_forget (&s_talk);
}

//  What a call says of this input, which it uses up as far as it can.
static zloom__zmtp_event_t s_take (zloom_bytes_t *input)
{
    zloom__zmtp_event_t event;
    zloom_error_t error = {.text = ""};
    zloom__zmtp_event_kind_t kind =
        zloom__zmtp_take (&s_talk.zmtp, input, &s_talk.out, &event, &error);
    assert_int_equal (kind, event.kind);
    assert_string_equal (error.text, "");
    return event;
}

//  ---- Frames -----------------------------------------------------------------

static void test_zmtp_takes_frames_one_by_one (void **state)
{
    (void) state;
    s_open (UINT64_MAX);
    talk_frame (&s_peer, 0, zloom_bytes_str ("one"));
    talk_frame (&s_peer, MORE, zloom_bytes_str ("two"));
    talk_frame (&s_peer, 0, zloom_bytes (NULL, 0));
    talk_frame (&s_peer, 0, zloom_bytes_str ("four"));
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "LAST one\nMORE two\nLAST \nLAST four\n");
}

//  With a short head, with a long one, and as the first of a message.
static void test_zmtp_takes_frames_of_every_size (void **state)
{
    static const size_t sizes[] = {0,   1,    2,         254,   255,       256,
                                   257, 4000, LARGE - 1, LARGE, LARGE + 1, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (uint8_t flags = 0; flags <= (MORE | LONG); flags++) {
            if (sizes[i] > UINT8_MAX && !(flags & LONG))
                continue;
            zloom_bytes_t body = zloom_bytes (s_bytes, sizes[i]);
            s_open (sizes[i]);
            talk_frame (&s_peer, flags, body);
            zloom_bytes_t input = zloom_buffer_bytes (&s_peer);
            zloom__zmtp_event_t event = s_take (&input);
            assert_int_equal (event.kind, ZLOOM__ZMTP_FRAME);
            assert_int_equal (event.size, sizes[i]);
            assert_int_equal (event.more, flags & MORE);
            assert_ptr_equal (event.body.data, s_peer.data + s_peer.size - sizes[i]);
            assert_int_equal (event.body.size, sizes[i]);
            assert_int_equal (input.size, 0);
            s_tidy (state);
        }
}

static void test_zmtp_says_how_much_is_missing_of_a_frame (void **state)
{
    (void) state;
    static const struct {
        uint8_t bytes[10];
        size_t size;
        uint64_t wanted;
    } rows[] = {{{0}, 0, 2},
                {{0}, 1, 1},
                {{0, 5}, 2, 5},
                {{0, 5, 'x'}, 3, 4},
                {{MORE, 255}, 2, 255},
                {{LONG}, 1, 8},
                {{LONG, 0, 0}, 3, 6},
                {{LONG, 0, 0, 0, 0, 0, 0, 0x0f, 0xff}, 9, LARGE - 1},
                {{LONG, 0, 0, 0, 0, 0, 0, 0, 1}, 9, 1},
                {{4}, 1, 1},
                {{4, 5}, 2, 5},
                {{6, 0, 0, 0, 0, 0, 0, 0x10, 0}, 9, ZLOOM__ZMTP_COMMAND_MAX}};
    s_open (UINT64_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        zloom_bytes_t input = zloom_bytes (rows[i].bytes, rows[i].size);
        zloom__zmtp_event_t event = s_take (&input);
        assert_int_equal (event.kind, ZLOOM__ZMTP_NOTHING);
        assert_int_equal (event.wanted, rows[i].wanted);
        assert_ptr_equal (input.data, rows[i].bytes);
        assert_int_equal (input.size, rows[i].size);
    }
}

//  From its head on, so that whoever asked can make room and read into it.
static void test_zmtp_begins_a_large_frame_when_its_head_is_there (void **state)
{
    (void) state;
    for (size_t there = 0; there <= LARGE; there++) {
        s_open (UINT64_MAX);
        talk_frame (&s_peer, LONG | MORE, zloom_bytes (s_bytes, LARGE));
        zloom_bytes_t input = zloom_bytes (s_peer.data, ZLOOM__ZMTP_HEAD_MAX + there);
        zloom__zmtp_event_t event = s_take (&input);
        assert_int_equal (event.kind, there < LARGE ? ZLOOM__ZMTP_BEGUN : ZLOOM__ZMTP_FRAME);
        assert_int_equal (event.size, LARGE);
        assert_true (event.more);
        assert_ptr_equal (event.body.data, s_peer.data + ZLOOM__ZMTP_HEAD_MAX);
        assert_int_equal (event.body.size, there);
        assert_int_equal (input.size, 0);

        //  The rest of the body is none of its business.
        static const uint8_t next[] = {0, 1, 'x'};
        input = zloom_bytes (next, sizeof next);
        event = s_take (&input);
        assert_int_equal (event.kind, ZLOOM__ZMTP_FRAME);
        assert_int_equal (event.body.data[0], 'x');
        s_tidy (state);
    }
}

static void test_zmtp_begins_the_largest_frame_that_there_can_be (void **state)
{
    (void) state;
    static const uint8_t head[] = {LONG, 255, 255, 255, 255, 255, 255, 255, 255};
    s_open (UINT64_MAX);
    zloom_bytes_t input = zloom_bytes (head, sizeof head);
    zloom__zmtp_event_t event = s_take (&input);
    assert_int_equal (event.kind, ZLOOM__ZMTP_BEGUN);
    assert_true (event.size == UINT64_MAX);
    assert_int_equal (event.body.size, 0);
}

static void test_zmtp_writes_heads (void **state)
{
    (void) state;
    static const struct {
        uint64_t size;
        size_t length;
        uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    } rows[] = {
        {0, 2, {0, 0}},
        {255, 2, {0, 255}},
        {256, 9, {LONG, 0, 0, 0, 0, 0, 0, 1, 0}},
        {UINT64_C (0x0102030405060708), 9, {LONG, 1, 2, 3, 4, 5, 6, 7, 8}},
        {UINT64_MAX, 9, {LONG, 255, 255, 255, 255, 255, 255, 255, 255}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint8_t more = 0; more <= 1; more++) {
            uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
            assert_int_equal (zloom__zmtp_head (head, rows[i].size, more), rows[i].length);
            assert_int_equal (head[0], rows[i].head[0] | more);
            assert_memory_equal (head + 1, rows[i].head + 1, rows[i].length - 1);
        }
}

//  ---- Limits -----------------------------------------------------------------

static void s_refused (const char *text)
{
    expect_error (&s_talk.error, ZLOOM_REASON_OVERSIZE, text);
}

static void s_assert_limit (size_t limit, bool is_whole)
{
    s_open (limit);
    for (int twice = 0; twice < 2; twice++) {
        if (limit <= UINT8_MAX)
            talk_frame (&s_peer, 0, zloom_bytes (s_bytes, limit));
        talk_frame (&s_peer, LONG, zloom_bytes (s_bytes, limit));
    }
    s_hear_peer ();
    assert_string_equal (s_talk.error.text, "");
    assert_int_equal (s_talk.heard.size, (6 + limit) * (limit <= UINT8_MAX ? 4 : 2));

    bool is_short = limit < UINT8_MAX;
    talk_frame (&s_peer, is_short ? 0 : LONG, zloom_bytes (s_bytes, limit + 1));
    if (!is_whole)
        s_peer.size = is_short ? 2 : ZLOOM__ZMTP_HEAD_MAX;
    s_hear_peer ();
    char text[128];
    snprintf (text, sizeof text, "a message of %zu bytes or more, where at most %zu are allowed",
              limit + 1, limit);
    s_refused (text);
}

//  Refused by its head alone, before anybody makes room for it.
static void test_zmtp_holds_the_size_of_a_message_to_the_byte (void **state)
{
    static const size_t limits[] = {0, 1, 254, 255, 256, 1000, LARGE - 1, LARGE, LARGE + 1, 100000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        for (int is_whole = 0; is_whole <= 1; is_whole++) {
            s_assert_limit (limits[i], is_whole);
            s_tidy (state);
        }
}

static void test_zmtp_holds_the_size_of_all_frames_together (void **state)
{
    for (int over = 0; over <= 1; over++)
        for (size_t large = 0; large <= 1; large++) {
            size_t first = large ? LARGE : 300;
            s_open (first + 500);
            talk_frame (&s_peer, MORE | LONG, zloom_bytes (s_bytes, first));
            talk_frame (&s_peer, MORE, zloom_bytes (s_bytes, 200));
            talk_frame (&s_peer, MORE, zloom_bytes (s_bytes, 100));
            talk_frame (&s_peer, 0, zloom_bytes (s_bytes, over ? 201 : 200));
            //  The next one counts from zero again.
            talk_frame (&s_peer, LONG, zloom_bytes (s_bytes, first + 500));
            s_hear_peer ();
            if (!over)
                assert_string_equal (s_talk.error.text, "");
            else
                s_refused (large ? "a message of 4597 bytes or more, where at most 4596 are allowed"
                                 : "a message of 801 bytes or more, where at most 800 are allowed");
            s_tidy (state);
        }
}

static void test_zmtp_counts_a_large_frame_that_has_only_begun (void **state)
{
    (void) state;
    s_open (LARGE + 1);
    talk_frame (&s_peer, MORE | LONG, zloom_bytes (s_bytes, LARGE));
    talk_frame (&s_peer, 0, zloom_bytes (s_bytes, 2));
    talk_hear_in_pieces (&s_talk, zloom_buffer_bytes (&s_peer), 1);
    s_refused ("a message of 4098 bytes or more, where at most 4097 are allowed");
}

static void test_zmtp_names_a_size_that_is_beyond_counting (void **state)
{
    (void) state;
    static const uint8_t head[] = {LONG, 255, 255, 255, 255, 255, 255, 255, 255};
    s_open (1000);
    talk_frame (&s_peer, MORE, zloom_bytes (s_bytes, 1));
    zloom_buffer_append (&s_peer, head, sizeof head);
    s_hear_peer ();
    s_refused ("a message of 18446744073709551615 bytes or more, where at most 1000 are allowed");
}

static void test_zmtp_holds_the_number_of_frames (void **state)
{
    for (int frames = FRAMES_MAX; frames <= FRAMES_MAX + 1; frames++) {
        s_open (UINT64_MAX);
        for (int twice = 0; twice < 2; twice++)
            for (int i = 1; i <= frames; i++)
                talk_frame (&s_peer, i < frames ? MORE : 0, zloom_bytes (NULL, 0));
        s_hear_peer ();
        if (frames == FRAMES_MAX) {
            assert_string_equal (s_talk.error.text, "");
            assert_int_equal (s_talk.heard.size, 2 * FRAMES_MAX * 6);
        } else {
            s_refused ("a message of more than 64 frames");
            assert_int_equal (s_talk.heard.size - FRAMES_MAX * 6,
                              strlen ("REFUSED oversize: a message of more than 64 frames\n"));
        }
        s_tidy (state);
    }
}

//  What costs no call: a message of one small frame, between messages.
static void test_zmtp_is_quick_only_where_nothing_else_needs_a_look (void **state)
{
    static const uint64_t limits[] = {0, 1, 254, 255, 256, UINT64_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        unsigned below = limits[i] < 255 ? (unsigned) limits[i] + 1 : 256;
        s_open (limits[i]);
        assert_int_equal (s_talk.zmtp.quick_below, below);
        talk_frame (&s_peer, MORE, zloom_bytes (NULL, 0));
        s_hear_peer ();
        assert_int_equal (s_talk.zmtp.quick_below, 0);
        talk_frame (&s_peer, 0, zloom_bytes (NULL, 0));
        s_hear_peer ();
        assert_int_equal (s_talk.zmtp.quick_below, below);
        talk_frame (&s_peer, ZLOOM__ZMTP_FLAG_COMMAND, zloom_bytes (NULL, 0));
        s_hear_peer ();
        assert_int_equal (s_talk.error.reason, ZLOOM_REASON_MALFORMED);
        assert_int_equal (s_talk.zmtp.quick_below, 0);
        s_tidy (state);
    }
}

//  ---- All sizes at random ----------------------------------------------------

//  What is heard is what was said, whatever the sizes and the pieces.
static void test_zmtp_hears_every_stream_of_frames_as_it_was_said (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 37);
    for (size_t i = 0; i < sizeof s_bytes; i++)
        s_bytes[i] = (uint8_t) zloom_random_next (&random);
    for (int round = 0; round < 100; round++) {
        s_open (UINT64_MAX);
        zloom_buffer_t lines = {0};
        for (int i = 0; i < 100; i++) {
            size_t most = (size_t) 1 << zloom_random_below (&random, 15);
            size_t size = (size_t) zloom_random_below (&random, most);
            uint8_t flags = i % 16 < 15 ? (uint8_t) zloom_random_below (&random, 4) : 0;
            flags |= size > UINT8_MAX ? LONG : 0;
            talk_frame (&s_peer, flags, zloom_bytes (s_bytes + i, size));
            zloom_buffer_append (&lines, flags & MORE ? "MORE " : "LAST ", 5);
            zloom_buffer_append (&lines, s_bytes + i, size);
            zloom_buffer_append (&lines, "\n", 1);
        }
        talk_hear_at_random (&s_talk, zloom_buffer_bytes (&s_peer), 1u << (round % 16), &random);
        assert_int_equal (s_talk.heard.size, lines.size);
        assert_memory_equal (s_talk.heard.data, lines.data, lines.size);
        zloom_buffer_clear (&lines);
        s_tidy (state);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (test_zmtp_takes_frames_one_by_one, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_takes_frames_of_every_size, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_says_how_much_is_missing_of_a_frame, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_begins_a_large_frame_when_its_head_is_there, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_begins_the_largest_frame_that_there_can_be, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_writes_heads, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_holds_the_size_of_a_message_to_the_byte, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_holds_the_size_of_all_frames_together, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_counts_a_large_frame_that_has_only_begun, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_names_a_size_that_is_beyond_counting, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_holds_the_number_of_frames, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_is_quick_only_where_nothing_else_needs_a_look, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_hears_every_stream_of_frames_as_it_was_said, s_tidy),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
