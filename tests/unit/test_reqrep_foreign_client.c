//  A server, called by programs that know nothing of zloom: DEALERs and REQs of
//  plain libzmq, behind proxies or not.

#include "support/setting.h"

#include <stdio.h>
#include <string.h>

static void s_connect (setting_t *self, int type)
{
    raw_new (&self->raw, type, NULL);
    raw_connect (&self->raw, self->endpoint);
}

static void s_open (setting_t *self, int type)
{
    setting_serve (self, NULL);
    s_connect (self, type);
}

static zloom_server_stats_t s_stop (setting_t *self)
{
    zloom_server_stats_t stats;
    service_stop (&self->service);
    zloom_server_stats (self->service.server, &stats);
    return stats;
}

static void s_expect_sum (raw_t *raw, uint64_t id, int sum)
{
    int value;
    zloom__message_t reply = raw_expect (raw, ZLOOM__RESPONSE);
    assert_int_equal (reply.id, id);
    assert_int_equal (reply.error.size, 0);
    assert_true (raw_read (raw, reply.value, "i", &value));
    assert_int_equal (value, sum);
}

static void s_expect_error (raw_t *raw, uint64_t id, zloom_reason_t reason)
{
    zloom_error_t error;
    zloom__message_t reply = raw_expect (raw, ZLOOM__RESPONSE);
    assert_int_equal (reply.id, id);
    zloom__wire_read_error (reply.error, &error, NULL);
    if (error.reason != reason)
        fail_msg ("%s: %s", zloom_reason_name (error.reason), error.text);
}

// ---- Sockets ----------------------------------------------------------------------

static void test_a_dealer_calls_with_any_id (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const uint64_t ids[] = {0, 1, 127, 128, 65536, UINT32_MAX, UINT64_MAX};
    s_open (self, ZMQ_DEALER);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        raw_send (&self->raw, "[uUs[ii]]", 0u, ids[i], "add", 1, (int) i);
        s_expect_sum (&self->raw, ids[i], 1 + (int) i);
        assert_int_equal (self->raw.count, 1);
    }
}

static void test_a_req_gets_its_delimiter_back (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, ZMQ_REQ);
    for (unsigned i = 0; i < 5; i++) {
        raw_send (&self->raw, "[uus[ii]]", 0u, i, "add", 20, (int) i);
        s_expect_sum (&self->raw, i, 20 + (int) i);
    }
    //  A REQ never gets a message out of turn, whatever its call ends with.
    raw_send (&self->raw, "[uus[]]", 0u, 9u, "nowhere");
    s_expect_error (&self->raw, 9, ZLOOM_REASON_UNKNOWN_METHOD);
    raw_send (&self->raw, "[uus[]]", 0u, 10u, "later");
    service_await (&self->service, SERVICE_DEFERRED, 1);
    setting_answer (self, 1);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 10);
}

static void test_a_req_that_correlates_gets_its_request_id_back (void **state)
{
    setting_t *self = (setting_t *) *state;
    int on = 1;
    setting_serve (self, NULL);
    raw_new (&self->raw, ZMQ_REQ, NULL);
    zmq_setsockopt (self->raw.socket, ZMQ_REQ_CORRELATE, &on, sizeof on);
    raw_connect (&self->raw, self->endpoint);
    for (unsigned i = 0; i < 3; i++) {
        raw_send (&self->raw, "[uus[ii]]", 0u, i, "add", 20, (int) i);
        s_expect_sum (&self->raw, i, 20 + (int) i);
    }
}

//  As a chain of proxies would have it: the frames come back as they were.
static void test_an_envelope_of_many_hops_comes_back_whole (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const char *const hops[] = {"hop one", "\1\2\3", "", "three"};
    s_open (self, ZMQ_DEALER);
    static const char *const methods[] = {"add", "echo"};
    for (int i = 0; i < 2; i++) {
        for (int hop = 0; hop < 4; hop++)
            raw_send_frame (&self->raw, zloom_bytes_str (hops[hop]), true);
        raw_send (&self->raw, "[uus[ii]]", 0u, 5u, methods[i], 1, 2);
        assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 5);
        assert_int_equal (self->raw.count, 5);
        for (unsigned hop = 0; hop < 4; hop++)
            assert_true (
                zloom_bytes_equal (raw_frame (&self->raw, hop), zloom_bytes_str (hops[hop])));
    }
}

//  Callers behind a proxy share its connection, and may use the same ids: the
//  envelope tells them apart, also when one of them gives up.
static void test_callers_behind_a_proxy_are_told_apart (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const char *const callers[] = {"alice", "bob", "carol"};
    s_open (self, ZMQ_DEALER);
    for (int i = 0; i < 3; i++) {
        raw_send_frame (&self->raw, zloom_bytes_str (callers[i]), true);
        raw_send (&self->raw, "[uus[s]{}]", 0u, 1u, "later", callers[i]);
    }
    service_await (&self->service, SERVICE_DEFERRED, 3);
    raw_send_frame (&self->raw, zloom_bytes_str ("bob"), true);
    raw_send (&self->raw, "[uu]", 5u, 1u);
    service_await (&self->service, SERVICE_CANCELLED, 1);
    setting_answer (self, 3);
    for (int i = 0; i < 3; i += 2) {
        const char *value;
        zloom__message_t reply = raw_expect (&self->raw, ZLOOM__RESPONSE);
        assert_true (zloom_bytes_equal (raw_frame (&self->raw, 0), zloom_bytes_str (callers[i])));
        assert_true (raw_read (&self->raw, reply.value, "s", &value));
        assert_string_equal (value, callers[i]);
    }
    assert_int_equal (s_stop (self).undeliverable, 1);
}

static void test_the_same_id_of_two_connections_is_two_calls (void **state)
{
    setting_t *self = (setting_t *) *state;
    raw_t other;
    s_open (self, ZMQ_DEALER);
    raw_new (&other, ZMQ_DEALER, NULL);
    raw_connect (&other, self->endpoint);
    raw_send (&self->raw, "[uus[u]]", 0u, 1u, "later", 10u);
    service_await (&self->service, SERVICE_DEFERRED, 1);
    raw_send (&other, "[uus[u]]", 0u, 1u, "later", 20u);
    service_await (&self->service, SERVICE_DEFERRED, 2);
    //  A cancel by the one is none of the other's.
    raw_send (&other, "[uu]", 5u, 1u);
    service_await (&self->service, SERVICE_CANCELLED, 1);
    setting_answer (self, 2);
    s_expect_sum (&self->raw, 1, 10);
    raw_destroy (&other);
}

static void test_a_client_that_chose_its_routing_id_is_served_too (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    zmq_setsockopt (self->raw.socket, ZMQ_ROUTING_ID, "a name of my own", 16);
    raw_connect (&self->raw, self->endpoint);
    raw_send (&self->raw, "[uus[ii]]", 0u, 1u, "add", 1, 2);
    s_expect_sum (&self->raw, 1, 3);
    raw_send (&self->raw, "[uus[]]", 0u, 2u, "later");
    service_await (&self->service, SERVICE_DEFERRED, 1);
    raw_send (&self->raw, "[uu]", 5u, 2u);
    service_await (&self->service, SERVICE_CANCELLED, 1);
}

//  At the back of a proxy a server connects, and the other end binds.
static void test_a_server_can_connect_to_who_calls_it (void **state)
{
    setting_t *self = (setting_t *) *state;
    char dial[128];
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_bind (&self->raw, self->endpoint);
    snprintf (dial, sizeof dial, ">%s", self->endpoint);
    service_new (&self->service, dial, NULL);
    service_start (&self->service);
    for (unsigned i = 0; i < 10; i++) {
        raw_send (&self->raw, "[uus[ii]]", 0u, i, "add", 1, (int) i);
        s_expect_sum (&self->raw, i, 1 + (int) i);
    }
}

// ---- What is sent to whom ----------------------------------------------------------

//  Nothing but answers, in particular nothing of zloom's own.
static void test_a_plain_client_gets_nothing_but_answers (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, ZMQ_DEALER);
    raw_send (&self->raw, "[uus[]]", 0u, 1u, "later");
    raw_send (&self->raw, "[uus[u]]", 0u, 2u, "count", 3u);
    raw_send (&self->raw, "[us[u]]", 2u, "note", 4u);
    raw_send (&self->raw, "[us[]]", 2u, "nowhere");
    raw_send (&self->raw, "[us[]]", 2u, "mute");
    service_await (&self->service, SERVICE_NOTED, 1);
    s_expect_error (&self->raw, 2, ZLOOM_REASON_BAD_STATE);
    setting_answer (self, 1);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 1);
    raw_send (&self->raw, "[uus[]]", 0u, 3u, "echo");
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 3);
}

static void test_a_beat_is_answered_whatever_handlers_do (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, ZMQ_DEALER);
    //  A stream without credit keeps the handler inside.
    raw_send (&self->raw, "[uus[u]{su}]", 0u, 1u, "count", 3u, "credit", 1u);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__ITEM).count, 1);
    raw_send (&self->raw, "[uU]", 8u, UINT64_MAX);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__BEAT_ANSWER).id, UINT64_MAX);
    raw_send (&self->raw, "[uu]", 5u, 1u);
    service_await (&self->service, SERVICE_REFUSED, 1);
}

// ---- What is no message -------------------------------------------------------------

static void s_send_bytes (raw_t *raw, const void *bytes, size_t size)
{
    raw_send_frame (raw, zloom_bytes (bytes, size), false);
}

static void test_what_is_no_message_is_counted_and_harms_nobody (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, ZMQ_DEALER);
    s_send_bytes (&self->raw, "", 0);
    s_send_bytes (&self->raw, "\xc1", 1);
    s_send_bytes (&self->raw, "\xdd\xff\xff\xff\xff", 5);
    s_send_bytes (&self->raw, "hello", 5);
    raw_send (&self->raw, "[]");
    raw_send (&self->raw, "[u]", 0u);
    raw_send (&self->raw, "[us[]]", 3u, "event");
    raw_send (&self->raw, "[uunn]", 1u, 1u);
    raw_send (&self->raw, "[uuun]", 6u, 1u, 1u);
    raw_send (&self->raw, "[uu]", 9u, 1u);
    //  Those that begin as a request are told.
    raw_send (&self->raw, "[uu]", 0u, 7u);
    s_expect_error (&self->raw, 7, ZLOOM_REASON_MALFORMED);
    raw_send (&self->raw, "[uusn]", 0u, 8u, "add");
    s_expect_error (&self->raw, 8, ZLOOM_REASON_BAD_PARAMS);
    raw_send (&self->raw, "[uuu[]]", 0u, 9u, 5u);
    s_expect_error (&self->raw, 9, ZLOOM_REASON_MALFORMED);
    raw_send (&self->raw, "[uus[]{ss}]", 0u, 10u, "echo", "ttl", "soon");
    s_expect_error (&self->raw, 10, ZLOOM_REASON_MALFORMED);
    //  Cancel and credit for what is not there are no error.
    raw_send (&self->raw, "[uu]", 5u, 99u);
    raw_send (&self->raw, "[uuu]", 7u, 99u, 5u);
    raw_send (&self->raw, "[uus[ii]]", 0u, 11u, "add", 1, 2);
    s_expect_sum (&self->raw, 11, 3);
    assert_int_equal (s_stop (self).malformed, 13);
}

static void test_an_envelope_beyond_the_bounds_is_dropped_and_counted (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t large[300];
    s_open (self, ZMQ_DEALER);
    for (int frame = 0; frame < 16; frame++)
        raw_send_frame (&self->raw, zloom_bytes ("x", 1), true);
    raw_send (&self->raw, "[uus[]]", 0u, 1u, "echo");
    raw_send_frame (&self->raw, zloom_bytes (large, 256), true);
    raw_send (&self->raw, "[uus[]]", 0u, 2u, "echo");
    raw_send_frame (&self->raw, zloom_bytes (large, 200), true);
    raw_send_frame (&self->raw, zloom_bytes (large, 100), true);
    raw_send (&self->raw, "[uus[]]", 0u, 3u, "echo");
    //  Just within them.
    for (int frame = 0; frame < 14; frame++)
        raw_send_frame (&self->raw, zloom_bytes ("x", 1), true);
    raw_send (&self->raw, "[uus[]]", 0u, 4u, "echo");
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 4);
    assert_int_equal (self->raw.count, 15);
    assert_int_equal (s_stop (self).malformed, 3);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_a_dealer_calls_with_any_id, "tcp"),
        SETTING_TEST (test_a_dealer_calls_with_any_id, "ipc"),
        SETTING_TEST (test_a_req_gets_its_delimiter_back, "tcp"),
        SETTING_TEST (test_a_req_that_correlates_gets_its_request_id_back, "tcp"),
        SETTING_TEST (test_an_envelope_of_many_hops_comes_back_whole, "tcp"),
        SETTING_TEST (test_callers_behind_a_proxy_are_told_apart, "tcp"),
        SETTING_TEST (test_the_same_id_of_two_connections_is_two_calls, "ipc"),
        SETTING_TEST (test_a_client_that_chose_its_routing_id_is_served_too, "tcp"),
        SETTING_TEST (test_a_server_can_connect_to_who_calls_it, "tcp"),
        SETTING_TEST (test_a_server_can_connect_to_who_calls_it, "ipc"),
        SETTING_TEST (test_a_plain_client_gets_nothing_but_answers, "tcp"),
        SETTING_TEST (test_a_beat_is_answered_whatever_handlers_do, "tcp"),
        SETTING_TEST (test_what_is_no_message_is_counted_and_harms_nobody, "tcp"),
        SETTING_TEST (test_an_envelope_beyond_the_bounds_is_dropped_and_counted, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
