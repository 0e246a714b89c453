//  What zloom__zmtp refuses, why, and in which words.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/expect.h"
#include "support/talk.h"

enum { MAX_SIZE = 1000, GREETING = 64 };

static talk_t s_talk;
static zloom_buffer_t s_peer;  //  What the peer says

static int s_tidy (void **state)
{
    (void) state;
    talk_end (&s_talk);
    zloom_buffer_clear (&s_peer);
    return 0;
}

//  Bytes with NULs, from a string literal.
#define TEXT(literal) zloom_bytes (literal, sizeof (literal) - 1)

//  What follows `s_peer`, which is understood, is refused when its last byte is
//  there and not before. Leaves all as it was in the beginning.
static void s_assert_refused_as (zloom__zmtp_type_t type, zloom_bytes_t bytes,
                                 zloom_reason_t reason, const char *text)
{
    talk_begin (&s_talk, type, MAX_SIZE);
    talk_hear (&s_talk, zloom_buffer_bytes (&s_peer));
    talk_hear (&s_talk, zloom_bytes (bytes.data, bytes.size - 1));
    assert_string_equal (s_talk.error.text, "");
    size_t said = s_talk.out.size;
    talk_hear (&s_talk, zloom_bytes (bytes.data + bytes.size - 1, 1));
    expect_error (&s_talk.error, reason, text);
    //  Only a socket type is worth an ERROR.
    if (reason != ZLOOM_REASON_WRONG_PEER)
        assert_int_equal (s_talk.out.size, said);

    //  Whatever comes now, it stays refused, and nothing more is said.
    said = s_talk.out.size;
    zloom_bytes_t more = TEXT ("\0\5hello\4\7\4PING\0\0");
    zloom__zmtp_event_t event;
    zloom_error_t error = {.text = ""};
    for (int again = 0; again < 2; again++) {
        assert_int_equal (zloom__zmtp_take (&s_talk.zmtp, &more, &s_talk.out, &event, &error),
                          ZLOOM__ZMTP_REFUSED);
        assert_int_equal (event.kind, ZLOOM__ZMTP_REFUSED);
        expect_error (&error, reason, "the connection was refused before");
    }
    assert_int_equal (s_talk.out.size, said);
    s_tidy (NULL);
}

static void s_assert_refused (zloom_bytes_t bytes, zloom_reason_t reason, const char *text)
{
    s_assert_refused_as (ZLOOM__ZMTP_DEALER, bytes, reason, text);
}

//  ---- Greeting ---------------------------------------------------------------

static void s_assert_wrong (zloom_bytes_t bytes, const char *text)
{
    s_assert_refused (bytes, ZLOOM_REASON_WRONG_PEER, text);
}

//  By its first byte, and nothing is said to it but what was said already.
static void test_zmtp_refuses_a_stranger_at_its_first_byte (void **state)
{
    (void) state;
    for (unsigned byte = 0; byte < 0xff; byte++) {
        talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
        talk_hear (&s_talk, BYTES ((uint8_t) byte));
        assert_int_equal (s_talk.error.reason, ZLOOM_REASON_WRONG_PEER);
        assert_int_equal (s_talk.out.size, 11);
        talk_end (&s_talk);
    }
    s_assert_wrong (TEXT ("H"), "it does not speak ZMTP; it says 'H'");
    s_assert_wrong (TEXT ("\x15"), "it does not speak ZMTP; it says '\\x15'");
    s_assert_wrong (TEXT ("\xfe"), "it does not speak ZMTP; it says '\\xfe'");
    s_assert_wrong (TEXT ("\n"), "it does not speak ZMTP; it says ''");
    s_assert_wrong (TEXT ("\0"), "it does not speak ZMTP; it says '\\x00'");
}

static void s_assert_shown (zloom_bytes_t bytes, const char *text)
{
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_hear (&s_talk, bytes);
    expect_error (&s_talk.error, ZLOOM_REASON_WRONG_PEER, text);
    talk_end (&s_talk);
}

static void test_zmtp_shows_the_first_line_of_a_stranger (void **state)
{
    (void) state;
    s_assert_shown (TEXT ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"),
                    "it does not speak ZMTP; it says 'HTTP/1.1 400 Bad Request'");
    s_assert_shown (TEXT ("SSH-2.0-OpenSSH_9.2\n"),
                    "it does not speak ZMTP; it says 'SSH-2.0-OpenSSH_9.2'");
    s_assert_shown (TEXT ("220 mail\x1b[2J\xc3("),
                    "it does not speak ZMTP; it says '220 mail\\x1b[2J\\xc3('");
    s_assert_shown (TEXT ("\x15\3\1\0\2\2\x46"),
                    "it does not speak ZMTP; it says '\\x15\\x03\\x01\\x00\\x02\\x02F'");
    s_assert_shown (TEXT ("\0\0"), "it does not speak ZMTP; it says '\\x00\\x00'");
    char line[1000];
    memset (line, 'x', sizeof line);
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_hear (&s_talk, zloom_bytes (line, sizeof line));
    assert_non_null (strstr (s_talk.error.text, "xxx...'"));
}

static void test_zmtp_refuses_version_1_by_name (void **state)
{
    (void) state;
    static const char text[] = "it speaks ZMTP 1.0, where 3.0 or later is needed";
    s_assert_wrong (TEXT ("\1"), text);
    s_assert_shown (TEXT ("\1\0"), text);
    s_assert_shown (TEXT ("\5\0name"), text);
    s_assert_shown (TEXT ("\x41\0"), text);
    //  A routing id with a long size, or one of libzmq 3.0 with a signature.
    s_assert_wrong (TEXT ("\xff\0\0\0\0\0\0\1\1\0"), text);
    s_assert_wrong (TEXT ("\xff\0\0\0\0\0\0\0\1\x7f\0"), text);
}

static void test_zmtp_refuses_version_2_by_name (void **state)
{
    (void) state;
    static const char text[] = "it speaks ZMTP 2.0, where 3.0 or later is needed";
    s_assert_wrong (TEXT ("\xff\0\0\0\0\0\0\0\1\x7f\1"), text);
    s_assert_wrong (TEXT ("\xff\0\0\0\0\0\0\0\1\x7f\2"), text);
}

//  It begins with FF as ZMTP does: a telnet server that negotiates.
static void test_zmtp_refuses_a_signature_that_does_not_end_as_one (void **state)
{
    (void) state;
    s_assert_wrong (TEXT ("\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff"),
                    "it does not speak ZMTP; it says '\\xff\\xfd\\x18\\xff\\xfd \\xff\\xfd#\\xff'");
    s_assert_wrong (TEXT ("\xff\0\0\0\0\0\0\0\0\x7d"),
                    "it does not speak ZMTP; it says "
                    "'\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00}'");
    s_assert_wrong (TEXT ("\xff\0\0\0\0\0\0\0\0\x7e"),
                    "it speaks ZMTP 1.0, where 3.0 or later is needed");
}

//  Our whole greeting is said, so that the peer can tell what was wrong too.
static void s_assert_mechanism (const char *mechanism, const char *text)
{
    talk_greet (&s_peer, mechanism);
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_hear (&s_talk, zloom_bytes (s_peer.data, 31));
    assert_string_equal (s_talk.error.text, "");
    talk_hear (&s_talk, zloom_bytes (s_peer.data + 31, 1));
    expect_error (&s_talk.error, ZLOOM_REASON_AUTHENTICATION, text);
    assert_int_equal (s_talk.out.size, GREETING);
    s_tidy (NULL);
}

static void test_zmtp_refuses_other_mechanisms_by_name (void **state)
{
    (void) state;
    s_assert_mechanism ("CURVE", "its security mechanism is 'CURVE', where NULL is needed");
    s_assert_mechanism ("PLAIN", "its security mechanism is 'PLAIN', where NULL is needed");
    s_assert_mechanism ("NULLX", "its security mechanism is 'NULLX', where NULL is needed");
    s_assert_mechanism ("null", "its security mechanism is 'null', where NULL is needed");
    s_assert_mechanism ("NUL", "its security mechanism is 'NUL', where NULL is needed");
    s_assert_mechanism ("", "its security mechanism is '', where NULL is needed");
    s_assert_mechanism ("A_NAME_OF_20_LETTERS",
                        "its security mechanism is 'A_NAME_OF_20_LETTERS', where NULL is needed");
    s_assert_mechanism ("\x1b]0;\n\xff",
                        "its security mechanism is '\\x1b]0;\\x0a\\xff', where NULL is needed");
    //  Nothing is cut off of the longest.
    s_assert_mechanism ("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
                        "its security mechanism is "
                        "'\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01"
                        "\\x01\\x01\\x01\\x01\\x01\\x01', where NULL is needed");
}

//  ---- Handshake --------------------------------------------------------------

//  What comes where READY belongs.
static void s_assert_handshake (zloom_bytes_t bytes, zloom_reason_t reason, const char *text)
{
    talk_greet (&s_peer, "NULL");
    s_assert_refused (bytes, reason, text);
}

//  An ERROR is said to the peer, with a reason that is one printable word.
static void test_zmtp_refuses_socket_types_that_do_not_fit_by_name (void **state)
{
    (void) state;
    static const struct {
        zloom__zmtp_type_t ours;
        const char *theirs, *text, *said;
    } rows[] = {
        {ZLOOM__ZMTP_DEALER, "PUB",
         "its socket type is 'PUB', which does not fit DEALER (ROUTER, REP or DEALER would)",
         "\4\50\5ERROR\41DEALER-needs-ROUTER,REP-or-DEALER"},
        {ZLOOM__ZMTP_DEALER, "REQ",
         "its socket type is 'REQ', which does not fit DEALER (ROUTER, REP or DEALER would)",
         "\4\50\5ERROR\41DEALER-needs-ROUTER,REP-or-DEALER"},
        {ZLOOM__ZMTP_ROUTER, "REP",
         "its socket type is 'REP', which does not fit ROUTER (REQ, DEALER or ROUTER would)",
         "\4\50\5ERROR\41ROUTER-needs-REQ,DEALER-or-ROUTER"},
        {ZLOOM__ZMTP_ROUTER, "\n",
         "its socket type is '\\x0a', which does not fit ROUTER (REQ, DEALER or ROUTER would)",
         "\4\50\5ERROR\41ROUTER-needs-REQ,DEALER-or-ROUTER"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        talk_begin (&s_talk, rows[i].ours, MAX_SIZE);
        talk_open (&s_peer, rows[i].theirs);
        talk_hear (&s_talk, zloom_bytes (s_peer.data, s_peer.size - 1));
        assert_string_equal (s_talk.error.text, "");
        size_t said = s_talk.out.size;
        talk_hear (&s_talk, zloom_bytes (s_peer.data + s_peer.size - 1, 1));
        expect_error (&s_talk.error, ZLOOM_REASON_WRONG_PEER, rows[i].text);
        assert_int_equal (s_talk.out.size - said, strlen (rows[i].said));
        assert_memory_equal (s_talk.out.data + said, rows[i].said, strlen (rows[i].said));
        for (size_t at = said + 9; at < s_talk.out.size; at++)
            assert_true (s_talk.out.data[at] > ' ' && s_talk.out.data[at] < 0x7f);
        s_tidy (state);
    }
}

//  What one of ours says to a peer that does not fit is understood by the next.
static void test_zmtp_takes_the_error_that_it_says_itself (void **state)
{
    (void) state;
    talk_t router = {.wanted = 0};
    talk_begin (&router, ZLOOM__ZMTP_ROUTER, MAX_SIZE);
    talk_open (&s_peer, "REP");
    talk_hear (&router, zloom_buffer_bytes (&s_peer));
    talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
    talk_hear (&s_talk, zloom_buffer_bytes (&router.out));
    expect_error (&s_talk.error, ZLOOM_REASON_AUTHENTICATION,
                  "it refused us: 'ROUTER-needs-REQ,DEALER-or-ROUTER'");
    talk_end (&router);
}

static void test_zmtp_takes_error_as_a_refusal (void **state)
{
    (void) state;
    static const zloom_reason_t reason = ZLOOM_REASON_AUTHENTICATION;
    s_assert_handshake (TEXT ("\4\12\5ERROR\3"
                              "400"),
                        reason, "it refused us: '400'");
    s_assert_handshake (TEXT ("\4\15\5ERROR\6a\33\n\xff\\b"), reason,
                        "it refused us: 'a\\x1b\\x0a\\xff\\x5cb'");
    s_assert_handshake (TEXT ("\4\7\5ERROR\0"), reason, "it refused us and did not say why");
    s_assert_handshake (TEXT ("\4\6\5ERROR"), reason, "it refused us and did not say why");
    s_assert_handshake (TEXT ("\4\10\5ERROR\2x"), reason, "it refused us and did not say why");
    //  And once it is open.
    talk_open (&s_peer, "ROUTER");
    s_assert_refused (TEXT ("\4\12\5ERROR\3"
                            "400"),
                      reason, "it refused us: '400'");
}

static void s_assert_malformed (zloom_bytes_t bytes, const char *text)
{
    s_assert_handshake (bytes, ZLOOM_REASON_MALFORMED, text);
}

static void test_zmtp_refuses_whatever_comes_instead_of_ready (void **state)
{
    (void) state;
    s_assert_malformed (TEXT ("\0"), "a message where READY belongs");
    s_assert_malformed (TEXT ("\1"), "a message where READY belongs");
    s_assert_malformed (TEXT ("\2"), "a message where READY belongs");
    s_assert_malformed (TEXT ("\4\7\4PING\0\0"), "'PING' where READY belongs");
    s_assert_malformed (TEXT ("\4\6\5Ready"), "'Ready' where READY belongs");
    s_assert_malformed (TEXT ("\4\3\2\n\xff"), "'\\x0a\\xff' where READY belongs");
    s_assert_malformed (TEXT ("\4\0"), "a command has no name");
    s_assert_malformed (TEXT ("\4\1\0"), "a command has no name");
    s_assert_malformed (TEXT ("\4\5\5READ"), "a command has no name");
    s_assert_handshake (TEXT ("\6\0\0\0\0\0\0\x10\1"), ZLOOM_REASON_OVERSIZE,
                        "a command of 4097 bytes, where at most 4096 are allowed");
}

static void test_zmtp_refuses_properties_that_are_none (void **state)
{
    (void) state;
    static const char cut[] = "a property of READY is longer than the command";
    s_assert_malformed (TEXT ("\4\6\5READY"), "READY has no socket type");
    s_assert_malformed (TEXT ("\4\15\5READY\1X\0\0\0\1y"), "READY has no socket type");
    s_assert_malformed (TEXT ("\4\7\5READY\13"), cut);
    s_assert_malformed (TEXT ("\4\x11\5READY\13Socket-Typ"), cut);
    s_assert_malformed (TEXT ("\4\x12\5READY\13Socket-Type"), cut);
    s_assert_malformed (TEXT ("\4\x15\5READY\13Socket-Type\0\0\0"), cut);
    s_assert_malformed (TEXT ("\4\x19\5READY\13Socket-Type\0\0\0\4REP"), cut);
    s_assert_malformed (TEXT ("\4\x19\5READY\13Socket-Type\xff\xff\xff\xffREP"), cut);
    s_assert_malformed (TEXT ("\4\x1a\5READY\13Socket-Type\0\0\0\3REP\0"), cut);
    s_assert_malformed (TEXT ("\4\x1e\5READY\13Socket-Type\0\0\0\3REP\0\0\0\0\0"),
                        "a property of READY has no name");
    s_assert_malformed (TEXT ("\4\x2c\5READY\13Socket-Type\0\0\0\3REP\13socket-type\0\0\0\3REP"),
                        "READY has two socket types");
}

//  ---- Open -------------------------------------------------------------------

static void s_assert_open (zloom_bytes_t bytes, zloom_reason_t reason, const char *text)
{
    talk_open (&s_peer, "ROUTER");
    s_assert_refused (bytes, reason, text);
}

static void test_zmtp_refuses_flags_that_no_frame_has (void **state)
{
    (void) state;
    for (unsigned flags = 0; flags <= 0xff; flags++) {
        bool is_good = flags <= 4 || flags == 6;
        talk_begin (&s_talk, ZLOOM__ZMTP_DEALER, MAX_SIZE);
        talk_open (&s_peer, "ROUTER");
        talk_hear (&s_talk, zloom_buffer_bytes (&s_peer));
        talk_hear (&s_talk, BYTES ((uint8_t) flags));
        assert_int_equal (s_talk.error.reason,
                          is_good ? ZLOOM_REASON_NONE : ZLOOM_REASON_MALFORMED);
        s_tidy (state);
    }
    s_assert_open (TEXT ("\5"), ZLOOM_REASON_MALFORMED, "no frame of ZMTP has the flags 0x05");
    s_assert_open (TEXT ("\x80"), ZLOOM_REASON_MALFORMED, "no frame of ZMTP has the flags 0x80");
    s_assert_malformed (TEXT ("\x0c"), "no frame of ZMTP has the flags 0x0c");
}

static void test_zmtp_refuses_commands_that_are_none (void **state)
{
    (void) state;
    s_assert_open (TEXT ("\4\0"), ZLOOM_REASON_MALFORMED, "a command has no name");
    s_assert_open (TEXT ("\4\2\0X"), ZLOOM_REASON_MALFORMED, "a command has no name");
    s_assert_open (TEXT ("\4\2\2X"), ZLOOM_REASON_MALFORMED, "a command has no name");
    s_assert_open (TEXT ("\4\5\4PING"), ZLOOM_REASON_MALFORMED, "PING has no ttl");
    s_assert_open (TEXT ("\4\6\4PING\0"), ZLOOM_REASON_MALFORMED, "PING has no ttl");
    s_assert_open (TEXT ("\4\x18\4PING\0\0seventeen bytes !"), ZLOOM_REASON_MALFORMED,
                   "PING has a context of more than 16 bytes");
    s_assert_open (TEXT ("\6\0\0\0\0\0\0\x10\1"), ZLOOM_REASON_OVERSIZE,
                   "a command of 4097 bytes, where at most 4096 are allowed");
    s_assert_open (TEXT ("\6\xff\xff\xff\xff\xff\xff\xff\xff"), ZLOOM_REASON_OVERSIZE,
                   "a command of 18446744073709551615 bytes, where at most 4096 are allowed");
}

static void test_zmtp_refuses_messages_beyond_its_limits (void **state)
{
    (void) state;
    s_assert_open (TEXT ("\2\0\0\0\0\0\0\3\xe9"), ZLOOM_REASON_OVERSIZE,
                   "a message of 1001 bytes or more, where at most 1000 are allowed");
    uint8_t frames[2 * (ZLOOM__ZMTP_FRAMES_MAX + 1)];
    for (size_t i = 0; i < sizeof frames; i += 2) {
        frames[i] = ZLOOM__ZMTP_FLAG_MORE;
        frames[i + 1] = 0;
    }
    s_assert_open (zloom_bytes (frames, sizeof frames), ZLOOM_REASON_OVERSIZE,
                   "a message of more than 64 frames");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (test_zmtp_refuses_a_stranger_at_its_first_byte, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_shows_the_first_line_of_a_stranger, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_version_1_by_name, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_version_2_by_name, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_a_signature_that_does_not_end_as_one, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_other_mechanisms_by_name, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_socket_types_that_do_not_fit_by_name, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_takes_the_error_that_it_says_itself, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_takes_error_as_a_refusal, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_whatever_comes_instead_of_ready, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_properties_that_are_none, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_flags_that_no_frame_has, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_commands_that_are_none, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_refuses_messages_beyond_its_limits, s_tidy),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
