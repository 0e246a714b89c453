//  zloom__zmtp with peers that mean well: greeting, handshake, commands.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/expect.h"
#include "support/heap.h"
#include "support/talk.h"

enum { MAX_SIZE = 1 << 20, GREETING = 64, FIRST = 11 };

static talk_t s_talk;
static zloom_buffer_t s_peer;  //  What the peer says

static int s_tidy (void **state)
{
    (void) state;
    talk_end (&s_talk);
    zloom_buffer_clear (&s_peer);
    return 0;
}

//  What was said from `from` on.
static void s_assert_said (size_t from, zloom_bytes_t bytes)
{
    assert_int_equal (s_talk.out.size, from + bytes.size);
    assert_memory_equal (s_talk.out.data + from, bytes.data, bytes.size);
}

static void s_hear_peer (void)
{
    talk_hear (&s_talk, zloom_buffer_bytes (&s_peer));
    zloom_buffer_reset (&s_peer);
}

//  A DEALER whose handshake with a ROUTER is done.
static void s_open (void)
{
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_open (&s_peer, "ROUTER");
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
    talk_forget (&s_talk);
}

//  ---- Greeting and handshake -------------------------------------------------

static void test_zmtp_greets_at_once_as_far_as_its_version (void **state)
{
    (void) state;
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    s_assert_said (0, BYTES (0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3));
    assert_int_equal (s_talk.zmtp.state, ZLOOM__ZMTP_IN_GREETING);
    talk_hear (&s_talk, zloom_bytes (NULL, 0));
    assert_string_equal (talk_heard (&s_talk), "");
    assert_int_equal (s_talk.wanted, FIRST);
}

//  Not before: libzmq hangs up on our mechanism before it has sent its own.
static void test_zmtp_says_its_mechanism_when_the_peer_has_shown_its_version (void **state)
{
    (void) state;
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_greet (&s_peer, "NULL");
    talk_hear (&s_talk, zloom_bytes (s_peer.data, FIRST - 1));
    assert_int_equal (s_talk.out.size, FIRST);
    assert_int_equal (s_talk.wanted, 1);
    talk_hear (&s_talk, zloom_bytes (s_peer.data + FIRST - 1, 1));
    assert_int_equal (s_talk.zmtp.state, ZLOOM__ZMTP_IN_MECHANISM);
    assert_int_equal (s_talk.wanted, GREETING - FIRST);
    //  Ours is then as the peer's will be.
    s_assert_said (0, zloom_buffer_bytes (&s_peer));
}

static void test_zmtp_says_ready_when_the_peers_greeting_is_complete (void **state)
{
    (void) state;
    static const char dealer[] = "\4\111\5READY\13Socket-Type\0\0\0\6DEALER"
                                 "\10Identity\0\0\0\0\7X-zloom\0\0\0\0011"
                                 "\10X-engine\0\0\0\6direct";
    static const char router[] = "\4\111\5READY\13Socket-Type\0\0\0\6ROUTER"
                                 "\10Identity\0\0\0\0\7X-zloom\0\0\0\0011"
                                 "\10X-engine\0\0\0\6direct";
    for (int i = 0; i < 2; i++) {
        talk_begin (&s_talk, i ? ZLOOM__ZMTP_ROUTER : ZLOOM__ZMTP_DEALER, MAX_SIZE);
        talk_greet (&s_peer, "NULL");
        talk_hear (&s_talk, zloom_bytes (s_peer.data, GREETING - 1));
        assert_int_equal (s_talk.out.size, GREETING);
        talk_hear (&s_talk, zloom_bytes (s_peer.data + GREETING - 1, 1));
        s_assert_said (GREETING, zloom_bytes (i ? router : dealer, sizeof dealer - 1));
        assert_int_equal (s_talk.zmtp.state, ZLOOM__ZMTP_IN_HANDSHAKE);
        assert_int_equal (s_talk.wanted, 2);
        assert_string_equal (talk_heard (&s_talk), "");
        s_tidy (state);
    }
}

static void test_zmtp_opens_with_the_peers_ready (void **state)
{
    (void) state;
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_open (&s_peer, "ROUTER");
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
    assert_int_equal (s_talk.zmtp.state, ZLOOM__ZMTP_IS_OPEN);
    assert_int_equal (s_talk.zmtp.peer_type, ZLOOM__ZMTP_ROUTER);
    assert_int_equal (s_talk.zmtp.peer_minor, 1);
    assert_false (s_talk.zmtp.is_zloom);
}

static void test_zmtp_knows_which_socket_types_fit (void **state)
{
    static const struct {
        zloom__zmtp_type_t type;
        const char *fitting[3];
    } rows[] = {{ZLOOM__ZMTP_DEALER, {"ROUTER", "REP", "DEALER"}},
                {ZLOOM__ZMTP_ROUTER, {"REQ", "DEALER", "ROUTER"}}};
    static const char *const types[] = {"REQ",  "REP",  "DEALER", "ROUTER",  "PUB",  "XPUB",
                                        "SUB",  "XSUB", "PUSH",   "PULL",    "PAIR", "CLIENT",
                                        "PEER", "",     "dealer", "ROUTERS", "DEALE"};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            bool fits = false;
            for (int f = 0; f < 3; f++)
                fits = fits || strcmp (types[t], rows[r].fitting[f]) == 0;
            talk_begin (&s_talk, rows[r].type, MAX_SIZE);
            talk_open (&s_peer, types[t]);
            s_hear_peer ();
            assert_int_equal (s_talk.zmtp.state == ZLOOM__ZMTP_IS_OPEN, fits);
            if (fits)
                assert_string_equal (zloom__zmtp_type_name (s_talk.zmtp.peer_type), types[t]);
            s_tidy (state);
        }
}

//  What a ROUTER of libzmq 4.3.4 says, byte for byte; the second has a routing
//  id and our property, set by options.
static void test_zmtp_opens_with_what_libzmq_says (void **state)
{
    (void) state;
    static const char plain[] = "\377\0\0\0\0\0\0\0\1\177\3\1NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\4\51\5READY\13Socket-Type\0\0\0\6ROUTER\10Identity\0\0\0\0";
    static const char named[] = "\377\0\0\0\0\0\0\0\4\177\3\1NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\4\71\5READY\13Socket-Type\0\0\0\6ROUTER\10Identity\0\0\0\3abc"
                                "\7X-zloom\0\0\0\0011";
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_hear (&s_talk, zloom_bytes (plain, sizeof plain - 1));
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
    assert_false (s_talk.zmtp.is_zloom);
    s_tidy (state);

    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_hear (&s_talk, zloom_bytes (named, sizeof named - 1));
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
    assert_true (s_talk.zmtp.is_zloom);
}

static void test_zmtp_speaks_with_later_versions_as_with_its_own (void **state)
{
    static const struct {
        uint8_t major, minor, found;
    } rows[] = {{3, 0, 0}, {3, 1, 1}, {3, 255, 255}, {4, 0, 1}, {255, 255, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
        talk_open (&s_peer, "ROUTER");
        s_peer.data[10] = rows[i].major;
        s_peer.data[11] = rows[i].minor;
        s_hear_peer ();
        assert_string_equal (talk_heard (&s_talk), "OPENED\n");
        assert_int_equal (s_talk.zmtp.peer_minor, rows[i].found);
        s_tidy (state);
    }
}

//  The padding, as-server and the filler.
static void test_zmtp_passes_over_what_says_nothing_in_a_greeting (void **state)
{
    (void) state;
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_open (&s_peer, "ROUTER");
    memset (s_peer.data + 1, 0xee, 8);
    memset (s_peer.data + 32, 0xee, 32);
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
}

static void test_zmtp_reads_properties_in_any_case_and_order (void **state)
{
    (void) state;
    zloom_buffer_t properties = {0};
    talk_property (&properties, "X-other", zloom_bytes_str ("REP"));
    talk_property (&properties, "x-ZLOOM", zloom_bytes (NULL, 0));
    talk_property (&properties, "Identity", zloom_bytes_str ("Socket-Type"));
    talk_property (&properties, "sOCKET-tYPE", zloom_bytes_str ("DEALER"));
    talk_property (&properties, "Socket-Typ", zloom_bytes_str ("PUB"));
    talk_property (&properties, "Socket_Type", zloom_bytes_str ("PUB"));
    talk_begin (&s_talk, ZLOOM__ZMTP_ROUTER, MAX_SIZE);
    talk_greet (&s_peer, "NULL");
    talk_command (&s_peer, "\5READY", zloom_buffer_bytes (&properties));
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
    assert_true (s_talk.zmtp.is_zloom);
    assert_int_equal (s_talk.zmtp.peer_type, ZLOOM__ZMTP_DEALER);
    zloom_buffer_clear (&properties);
}

static void test_zmtp_opens_with_a_ready_of_the_largest_size (void **state)
{
    (void) state;
    uint8_t command[ZLOOM__ZMTP_COMMAND_MAX] = "\5READY\13Socket-Type\0\0\0\6ROUTER\1X";
    size_t at = 6 + 12 + 4 + 6 + 2, left = sizeof command - at - 4;
    command[at + 2] = (uint8_t) (left >> 8);
    command[at + 3] = (uint8_t) left;
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_greet (&s_peer, "NULL");
    talk_frame (&s_peer, ZLOOM__ZMTP_FLAG_COMMAND | ZLOOM__ZMTP_FLAG_LONG,
                zloom_bytes (command, sizeof command));
    talk_hear (&s_talk, zloom_bytes (s_peer.data, s_peer.size - 1));
    assert_string_equal (talk_heard (&s_talk), "");
    //  The most that is ever left over.
    assert_int_equal (s_talk.rest.size, ZLOOM__ZMTP_REST_MAX - 1);
    talk_hear (&s_talk, zloom_bytes (s_peer.data + s_peer.size - 1, 1));
    assert_string_equal (talk_heard (&s_talk), "OPENED\n");
}

//  ---- Commands ---------------------------------------------------------------

static void test_zmtp_answers_ping_with_its_context (void **state)
{
    (void) state;
    s_open ();
    for (uint8_t size = 0; size <= 16; size++) {
        uint8_t data[2 + 16] = "\1\2context of ping";
        uint8_t pong[2 + 5 + 16] = {4, (uint8_t) (5 + size), 4, 'P', 'O', 'N', 'G'};
        memcpy (pong + 7, data + 2, size);
        talk_command (&s_peer, "\4PING", zloom_bytes (data, 2u + size));
        s_hear_peer ();
        s_assert_said (0, zloom_bytes (pong, 7u + size));
        zloom_buffer_reset (&s_talk.out);
    }
    assert_string_equal (talk_heard (&s_talk), "");
}

//  libzmq sends one whenever its timer says so.
static void test_zmtp_answers_ping_within_a_message (void **state)
{
    (void) state;
    s_open ();
    talk_frame (&s_peer, 1, zloom_bytes_str ("one"));
    talk_command (&s_peer, "\4PING", BYTES (0, 0, 'x'));
    talk_frame (&s_peer, 0, zloom_bytes_str ("two"));
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "MORE one\nLAST two\n");
    s_assert_said (0, BYTES (4, 6, 4, 'P', 'O', 'N', 'G', 'x'));
}

//  Who reads none of the answers shall not fill the memory with them.
static void test_zmtp_answers_no_ping_while_much_is_to_be_said (void **state)
{
    (void) state;
    enum { ENOUGH = ZLOOM__ZMTP_PONGS_MOST / 20 };
    s_open ();
    for (int i = 0; i < ENOUGH; i++) {
        talk_command (&s_peer, "\4PING", zloom_bytes_str ("ttcontext of ping."));
        s_hear_peer ();
    }
    assert_in_range (s_talk.out.size, ZLOOM__ZMTP_PONGS_MOST, ZLOOM__ZMTP_PONGS_MOST + 30);
    zloom_buffer_reset (&s_talk.out);
    talk_command (&s_peer, "\4PING", zloom_bytes_str ("ttx"));
    s_hear_peer ();
    s_assert_said (0, BYTES (4, 6, 4, 'P', 'O', 'N', 'G', 'x'));
    assert_string_equal (talk_heard (&s_talk), "");
}

static void test_zmtp_passes_over_commands_that_are_not_for_it (void **state)
{
    (void) state;
    s_open ();
    talk_command (&s_peer, "\4PONG", zloom_bytes_str ("that nobody has asked for"));
    talk_command (&s_peer, "\11SUBSCRIBE", zloom_bytes_str ("topic"));
    talk_command (&s_peer, "\5LATER", zloom_bytes (NULL, 0));
    talk_command (&s_peer, "\5READY", zloom_bytes_str ("no property"));
    talk_command (&s_peer, "\4ping", zloom_bytes (NULL, 0));
    talk_frame (&s_peer, 6, BYTES (1, 'X', 0));
    talk_frame (&s_peer, 0, zloom_bytes_str ("message"));
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "LAST message\n");
    assert_int_equal (s_talk.out.size, 0);
    assert_int_equal (s_talk.zmtp.peer_type, ZLOOM__ZMTP_ROUTER);
}

static void test_zmtp_takes_a_command_of_the_largest_size (void **state)
{
    (void) state;
    s_open ();
    uint8_t command[ZLOOM__ZMTP_COMMAND_MAX] = {1, 'X'};
    talk_frame (&s_peer, 6, zloom_bytes (command, sizeof command));
    talk_frame (&s_peer, 0, zloom_bytes_str ("message"));
    s_hear_peer ();
    assert_string_equal (talk_heard (&s_talk), "LAST message\n");
}

//  ---- Both ends ours ---------------------------------------------------------

//  Hand what one has said and the other has not heard, a random piece of it.
static void s_carry (const talk_t *from, size_t *heard, talk_t *to, zloom_random_t *random)
{
    size_t size = (size_t) zloom_random_below (random, from->out.size - *heard + 1);
    talk_hear (to, zloom_bytes (from->out.data + *heard, size));
    *heard += size;
}

//  The line that the other end must have heard.
static void s_expect (zloom_buffer_t *lines, zloom_bytes_t body, bool more)
{
    zloom_buffer_append (lines, more ? "MORE " : "LAST ", 5);
    zloom_buffer_append (lines, body.data, body.size);
    zloom_buffer_append (lines, "\n", 1);
}

static void test_zmtp_two_of_ours_talk_to_each_other (void **state)
{
    (void) state;
    static uint8_t bytes[1 << 13];
    zloom_random_t random;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) i;
    for (uint64_t seed = 0; seed < 50; seed++) {
        zloom_random_seed (&random, seed);
        talk_t ends[2] = {{.wanted = 0}, {.wanted = 0}};
        size_t heard[2] = {0, 0};  //  Of what each has said
        zloom_buffer_t lines = {0};
        talk_begin (&ends[0], ZLOOM__ZMTP_DEALER, MAX_SIZE);
        talk_begin (&ends[1], ZLOOM__ZMTP_ROUTER, MAX_SIZE);
        zloom_buffer_append (&lines, "OPENED\n", 7);
        for (int i = 0; i < 200; i++) {
            size_t most = (size_t) 1 << zloom_random_below (&random, 14);
            zloom_bytes_t body = zloom_bytes (bytes, (size_t) zloom_random_below (&random, most));
            if (ends[0].zmtp.state == ZLOOM__ZMTP_IS_OPEN) {
                talk_send (&ends[0], body, i % 3 == 0);
                s_expect (&lines, body, i % 3 == 0);
            }
            s_carry (&ends[i % 2], &heard[i % 2], &ends[1 - i % 2], &random);
        }
        talk_hear (&ends[1],
                   zloom_bytes (ends[0].out.data + heard[0], ends[0].out.size - heard[0]));
        assert_true (
            zloom_bytes_equal (zloom_buffer_bytes (&ends[1].heard), zloom_buffer_bytes (&lines)));
        for (int end = 0; end < 2; end++) {
            assert_int_equal (ends[end].zmtp.peer_type, ends[1 - end].options.type);
            assert_int_equal (ends[end].zmtp.peer_minor, 1);
            assert_true (ends[end].zmtp.is_zloom);
        }
        talk_end (&ends[0]);
        talk_end (&ends[1]);
        zloom_buffer_clear (&lines);
    }
}

//  ---- Memory -----------------------------------------------------------------

//  Whatever was to be said and found no room: the connection is over.
static void test_zmtp_refuses_when_there_is_no_memory_for_what_it_says (void **state)
{
    (void) state;
    static const zloom__zmtp_options_t options = {.type = ZLOOM__ZMTP_DEALER, .max_size = MAX_SIZE};
    talk_open (&s_peer, "ROUTER");
    for (int i = 0; i < 20; i++)
        talk_command (&s_peer, "\4PING", zloom_bytes_str ("ttcontext of ping."));
    for (size_t fail_at = 1;; fail_at++) {
        heap_t heap;
        heap_install (&heap, fail_at);
        zloom_buffer_t out = {0};
        zloom__zmtp_t zmtp;
        zloom__zmtp_event_t event;
        zloom_error_t error;
        zloom_bytes_t input = zloom_buffer_bytes (&s_peer);
        zloom__zmtp_begin (&zmtp, &options, &out);
        while (zloom__zmtp_take (&zmtp, &input, &out, &event, &error) == ZLOOM__ZMTP_OPENED) {
        }
        bool failed = out.failed;
        if (failed) {
            assert_int_equal (event.kind, ZLOOM__ZMTP_REFUSED);
            expect_error (&error, ZLOOM_REASON_NO_MEMORY,
                          "no memory for what is to be said to the peer");
            //  And again, though there is memory now.
            zloom_buffer_reset (&out);
            assert_int_equal (zloom__zmtp_take (&zmtp, &input, &out, &event, &error),
                              ZLOOM__ZMTP_REFUSED);
            expect_error (&error, ZLOOM_REASON_NO_MEMORY, "the connection was refused before");
        }
        zloom_buffer_clear (&out);
        assert_int_equal (heap.out, 0);
        heap_remove ();
        if (!failed) {
            assert_int_equal (event.kind, ZLOOM__ZMTP_NOTHING);
            assert_true (fail_at > 3);
            break;
        }
    }
}

static void test_zmtp_is_small (void **state)
{
    (void) state;
    assert_true (sizeof (zloom__zmtp_t) <= 32);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (test_zmtp_greets_at_once_as_far_as_its_version, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_says_its_mechanism_when_the_peer_has_shown_its_version,
                                   s_tidy),
        cmocka_unit_test_teardown (test_zmtp_says_ready_when_the_peers_greeting_is_complete,
                                   s_tidy),
        cmocka_unit_test_teardown (test_zmtp_opens_with_the_peers_ready, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_knows_which_socket_types_fit, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_opens_with_what_libzmq_says, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_speaks_with_later_versions_as_with_its_own, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_passes_over_what_says_nothing_in_a_greeting, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_reads_properties_in_any_case_and_order, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_opens_with_a_ready_of_the_largest_size, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_answers_ping_with_its_context, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_answers_ping_within_a_message, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_answers_no_ping_while_much_is_to_be_said, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_passes_over_commands_that_are_not_for_it, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_takes_a_command_of_the_largest_size, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_two_of_ours_talk_to_each_other, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_when_there_is_no_memory_for_what_it_says,
                                   s_tidy),
        cmocka_unit_test (test_zmtp_is_small),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
