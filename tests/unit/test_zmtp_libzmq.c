//  zloom__zmtp and sockets of libzmq, over tcp.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dial_internal.h"
#include "support/expect.h"
#include "support/free_port.h"
#include "support/raw.h"
#include "zmtp/zmtp_internal.h"

enum { MAX_SIZE = 1 << 20, LARGE_BODY = 300000 };

//  Our end of a connection.
typedef struct {
    zloom__zmtp_options_t options;
    zloom__zmtp_t zmtp;
    zloom_buffer_t in, out;
    zloom__zmtp_event_t event;
    zloom_error_t error;
    size_t taken;  //  Of `in`
    int fd;
} end_t;

static raw_t s_raw;
static end_t s_end;

static int s_tidy (void **state)
{
    (void) state;
    if (s_end.options.max_size)
        close (s_end.fd);
    zloom_buffer_clear (&s_end.in);
    zloom_buffer_clear (&s_end.out);
    s_end = (end_t){.fd = -1};
    raw_destroy (&s_raw);
    s_raw = (raw_t){.count = 0};
    return 0;
}

static zloom_time_t s_deadline (void)
{
    return zloom_time_now () + 20 * ZLOOM_SEC;
}

static void s_bind (int type)
{
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", free_port ());
    raw_new (&s_raw, type, NULL);
    raw_bind (&s_raw, endpoint);
}

static void s_dial (zloom__zmtp_type_t type)
{
    s_end.options = (zloom__zmtp_options_t){.type = type, .max_size = MAX_SIZE};
    assert_int_equal (zloom__dial (s_raw.endpoint, s_deadline (), &s_end.fd, &s_end.error),
                      ZLOOM_OK);
    zloom__zmtp_begin (&s_end.zmtp, &s_end.options, &s_end.out);
}

static void s_flush (void)
{
    size_t sent = 0;
    while (sent < s_end.out.size) {
        ssize_t got = send (s_end.fd, s_end.out.data + sent, s_end.out.size - sent, MSG_NOSIGNAL);
        if (got > 0)
            sent += (size_t) got;
        else if (!zloom__dial_wait (s_end.fd, POLLOUT, s_deadline ()))
            fail_msg ("libzmq does not read");
        else if (got == 0)
            break;
    }
    zloom_buffer_reset (&s_end.out);
}

//  Read what there is, at least a byte; false at the end.
static bool s_read (void)
{
    zloom_buffer_reserve (&s_end.in, 5000);
    s_end.in.size -= s_end.taken;
    memmove (s_end.in.data, s_end.in.data + s_end.taken, s_end.in.size);
    s_end.taken = 0;
    if (!zloom__dial_wait (s_end.fd, POLLIN, s_deadline ()))
        fail_msg ("libzmq says nothing");
    ssize_t got = recv (s_end.fd, s_end.in.data + s_end.in.size, 5000, 0);
    s_end.in.size += got > 0 ? (size_t) got : 0;
    return got > 0;
}

//  The next event other than NOTHING; NOTHING where the peer hangs up.
static zloom__zmtp_event_kind_t s_next (void)
{
    for (;;) {
        zloom_bytes_t input =
            zloom_bytes (s_end.in.data + s_end.taken, s_end.in.size - s_end.taken);
        zloom__zmtp_event_kind_t kind =
            zloom__zmtp_take (&s_end.zmtp, &input, &s_end.out, &s_end.event, &s_end.error);
        s_end.taken = s_end.in.size - input.size;
        s_flush ();
        if (kind != ZLOOM__ZMTP_NOTHING || !s_read ())
            return kind;
    }
}

static void s_open (int type, zloom__zmtp_type_t ours)
{
    s_bind (type);
    s_dial (ours);
    if (s_next () != ZLOOM__ZMTP_OPENED)
        fail_msg ("not opened: %s", s_end.error.text);
}

static void s_say (zloom_bytes_t body, bool more)
{
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    zloom_buffer_append (&s_end.out, head, zloom__zmtp_head (head, body.size, more));
    zloom_buffer_append (&s_end.out, body.data, body.size);
    s_flush ();
}

static void s_assert_frame (const char *text, bool more)
{
    assert_int_equal (s_next (), ZLOOM__ZMTP_FRAME);
    assert_true (zloom_bytes_equal (s_end.event.body, zloom_bytes_str (text)));
    assert_int_equal (s_end.event.more, more);
}

static void test_zmtp_talks_to_a_router_of_libzmq (void **state)
{
    (void) state;
    s_open (ZMQ_ROUTER, ZLOOM__ZMTP_DEALER);
    assert_int_equal (s_end.zmtp.peer_type, ZLOOM__ZMTP_ROUTER);
    assert_int_equal (s_end.zmtp.peer_minor, 1);
    assert_false (s_end.zmtp.is_zloom);
    s_say (zloom_bytes_str ("one"), true);
    s_say (zloom_bytes_str ("two"), false);
    raw_receive (&s_raw);
    assert_int_equal (s_raw.count, 3);
    assert_true (zloom_bytes_equal (raw_frame (&s_raw, 1), zloom_bytes_str ("one")));
    assert_true (zloom_bytes_equal (raw_frame (&s_raw, 2), zloom_bytes_str ("two")));
    //  It knows us for what we are.
    assert_string_equal (zmq_msg_gets (&s_raw.frames[2], "X-zloom"), "1");
    assert_string_equal (zmq_msg_gets (&s_raw.frames[2], "X-engine"), "direct");
    assert_string_equal (zmq_msg_gets (&s_raw.frames[2], "Socket-Type"), "DEALER");

    raw_send_frame (&s_raw, raw_frame (&s_raw, 0), true);
    raw_send_frame (&s_raw, zloom_bytes_str ("three"), true);
    raw_send_frame (&s_raw, zloom_bytes (NULL, 0), false);
    s_assert_frame ("three", true);
    s_assert_frame ("", false);
}

static void test_zmtp_talks_to_a_req_of_libzmq (void **state)
{
    (void) state;
    s_open (ZMQ_REQ, ZLOOM__ZMTP_ROUTER);
    assert_int_equal (s_end.zmtp.peer_type, ZLOOM__ZMTP_REQ);
    raw_send_frame (&s_raw, zloom_bytes_str ("question"), false);
    s_assert_frame ("", true);
    s_assert_frame ("question", false);
    s_say (zloom_bytes (NULL, 0), true);
    s_say (zloom_bytes_str ("answer"), false);
    raw_receive (&s_raw);
    assert_true (zloom_bytes_equal (raw_body (&s_raw), zloom_bytes_str ("answer")));
}

static void test_zmtp_carries_large_messages_from_and_to_libzmq (void **state)
{
    (void) state;
    static uint8_t bytes[LARGE_BODY];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * 7 + i / 256);
    s_open (ZMQ_DEALER, ZLOOM__ZMTP_DEALER);
    raw_send_frame (&s_raw, zloom_bytes (bytes, sizeof bytes), false);
    assert_int_equal (s_next (), ZLOOM__ZMTP_BEGUN);
    assert_int_equal (s_end.event.size, sizeof bytes);
    size_t have = s_end.event.body.size;
    assert_memory_equal (s_end.event.body.data, bytes, have);
    while (have < sizeof bytes && s_read ()) {
        assert_memory_equal (s_end.in.data, bytes + have, s_end.in.size);
        have += s_end.taken = s_end.in.size;
    }
    assert_int_equal (have, sizeof bytes);
    s_say (zloom_bytes (bytes, sizeof bytes), false);
    raw_receive (&s_raw);
    assert_true (zloom_bytes_equal (raw_body (&s_raw), zloom_bytes (bytes, sizeof bytes)));
}

//  It hangs up on the mechanism NULL, but not before it has named its own.
static void test_zmtp_names_the_mechanism_of_a_libzmq_that_wants_keys (void **state)
{
    (void) state;
    static const int yes = 1;
    char public_key[41], secret_key[41];
    if (zmq_curve_keypair (public_key, secret_key))
        skip ();
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", free_port ());
    raw_new (&s_raw, ZMQ_ROUTER, NULL);
    zmq_setsockopt (s_raw.socket, ZMQ_CURVE_SERVER, &yes, sizeof yes);
    zmq_setsockopt (s_raw.socket, ZMQ_CURVE_SECRETKEY, secret_key, sizeof secret_key);
    raw_bind (&s_raw, endpoint);
    s_dial (ZLOOM__ZMTP_DEALER);
    assert_int_equal (s_next (), ZLOOM__ZMTP_REFUSED);
    expect_error (&s_end.error, ZLOOM_REASON_AUTHENTICATION,
                  "its security mechanism is 'CURVE', where NULL is needed");
}

//  It hangs up on our READY, mostly before it has sent its own; then how far it
//  came is what tells.
static void test_zmtp_tells_a_socket_of_libzmq_that_does_not_fit (void **state)
{
    (void) state;
    s_bind (ZMQ_PUB);
    s_dial (ZLOOM__ZMTP_DEALER);
    if (s_next () == ZLOOM__ZMTP_REFUSED)
        expect_error (
            &s_end.error, ZLOOM_REASON_WRONG_PEER,
            "its socket type is 'PUB', which does not fit DEALER (ROUTER, REP or DEALER would)");
    else
        assert_int_equal (s_end.zmtp.state, ZLOOM__ZMTP_IN_HANDSHAKE);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (test_zmtp_talks_to_a_router_of_libzmq, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_talks_to_a_req_of_libzmq, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_carries_large_messages_from_and_to_libzmq, s_tidy),
        cmocka_unit_test_teardown (test_zmtp_names_the_mechanism_of_a_libzmq_that_wants_keys,
                                   s_tidy),
        cmocka_unit_test_teardown (test_zmtp_tells_a_socket_of_libzmq_that_does_not_fit, s_tidy),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
