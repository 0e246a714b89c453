//  Nobody there, somebody who does not fit, somebody who does not answer: each
//  is told by name, in bounded time.

#include "support/setting.h"

#include <stdio.h>
#include <string.h>

#include "support/listener.h"

//  How long a client looks for somebody, and a call's deadline far beyond it.
enum { PATIENCE_MS = 150, DEADLINE_MS = 60000, BOUND_MS = 10000 };

static void s_look_for (setting_t *self, const char *endpoints, uint32_t connect_timeout_ms)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.timeout_ms = DEADLINE_MS;
    options.connect_timeout_ms = connect_timeout_ms;
    options.reconnect_min_ms = 10;
    options.reconnect_max_ms = 40;
    self->client = setting_client (endpoints, &options);
}

//  A call that must fail between two times.
static const zloom_error_t *s_call_in_vain (setting_t *self, int64_t least_ms, int64_t most_ms)
{
    zloom_time_t began = zloom_time_now ();
    assert_int_not_equal (zloom_client_call (self->client, "echo", ""), ZLOOM_OK);
    int64_t elapsed = (zloom_time_now () - began) / ZLOOM_MSEC;
    if (elapsed < least_ms || elapsed > most_ms)
        fail_msg ("it took %d ms", (int) elapsed);
    return zloom_client_last_error (self->client);
}

static void s_assert_no_peer (setting_t *self, const zloom_error_t *error, const char *why)
{
    char text[256];
    snprintf (text, sizeof text, "no peer at %s: %s", self->endpoint, why);
    assert_error (error, ZLOOM_REASON_NO_PEER, ZLOOM_HERE, text);
    assert_int_equal (error->code, ZLOOM_UNAVAILABLE);
}

// ---- Nobody -----------------------------------------------------------------------

static void test_nobody_there_is_no_peer (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, PATIENCE_MS);
    const zloom_error_t *error = s_call_in_vain (self, PATIENCE_MS, BOUND_MS);
    s_assert_no_peer (self, error, "nothing listens there");
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.failed, 1);
    assert_int_equal (stats.deadlines, 0);
    assert_int_equal (stats.present, 0);
    assert_int_equal (stats.unsent, 0);
    assert_int_equal (stats.connects, 0);
}

static void test_nobody_there_until_a_short_deadline_is_no_peer_too (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, BOUND_MS);
    const zloom_call_options_t options = {.timeout_ms = 50};
    assert_int_equal (zloom_client_call_with (self->client, &options, "echo", ""),
                      ZLOOM_UNAVAILABLE);
    s_assert_no_peer (self, zloom_client_last_error (self->client), "nothing listens there");
}

//  Where a connection does not show whether anybody is there, silence does.
static void test_an_inproc_name_that_nobody_has_bound_is_no_peer (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, BOUND_MS);
    const zloom_call_options_t options = {.timeout_ms = PATIENCE_MS};
    assert_int_equal (zloom_client_call_with (self->client, &options, "echo", ""),
                      ZLOOM_UNAVAILABLE);
    s_assert_no_peer (self, zloom_client_last_error (self->client),
                      "nothing has ever answered there");
    assert_int_equal (zloom_client_wait_ready (self->client, PATIENCE_MS), ZLOOM_UNAVAILABLE);
    s_assert_no_peer (self, zloom_client_last_error (self->client),
                      "nothing has ever answered there");
}

//  Whoever binds the name later is asked what it is, however late that is.
static void test_an_inproc_server_that_comes_late_is_known_for_what_it_is (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, BOUND_MS);
    const zloom_call_options_t in_vain = {.timeout_ms = 1200};
    assert_int_equal (zloom_client_call_with (self->client, &in_vain, "echo", ""),
                      ZLOOM_UNAVAILABLE);
    setting_serve (self, NULL);
    assert_ok (self->client, zloom_client_wait_ready (self->client, BOUND_MS));
    const zloom_call_options_t stream = {.stream = true};
    outcome_t outcome = {0};
    assert_ok (self->client, zloom_client_start (self->client, NULL, &stream, outcome_take,
                                                 &outcome, "count", "i", 10));
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.ok, 1);
    assert_int_equal (outcome.items, 10);
}

static void test_wait_ready_says_that_nobody_is_there (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, BOUND_MS);
    zloom_time_t began = zloom_time_now ();
    assert_int_equal (zloom_client_wait_ready (self->client, PATIENCE_MS), ZLOOM_UNAVAILABLE);
    assert_true (zloom_time_now () - began >= PATIENCE_MS * ZLOOM_MSEC);
    s_assert_no_peer (self, zloom_client_last_error (self->client), "nothing listens there");
    //  And then somebody is.
    setting_serve (self, NULL);
    assert_ok (self->client, zloom_client_wait_ready (self->client, BOUND_MS));
    assert_ok (self->client, zloom_client_wait_ready (self->client, 0));
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void test_a_notification_to_nobody_says_so (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, BOUND_MS);
    assert_int_equal (zloom_client_notify (self->client, "note", "i", 1), ZLOOM_UNAVAILABLE);
    s_assert_no_peer (self, zloom_client_last_error (self->client), "nothing listens there");
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.notifications, 0);
}

static void test_a_call_waits_for_a_server_that_comes_in_time (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_look_for (self, self->endpoint, BOUND_MS);
    outcome_t outcome = {0};
    for (int i = 0; i < 10; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "add", "ii", i, i));
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.unsent, 10);
    assert_int_equal (zloom_client_drain (self->client, 30), ZLOOM_DEADLINE_EXCEEDED);
    setting_serve (self, NULL);
    outcome_await (&outcome, self->client, 10);
    assert_int_equal (outcome.ok, 10);
    assert_int_equal (outcome.value, 18);
}

// ---- Somebody who does not answer ---------------------------------------------------

static void test_a_server_that_does_not_answer_is_a_deadline (void **state)
{
    setting_t *self = (setting_t *) *state;
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    s_look_for (self, self->endpoint, BOUND_MS);
    assert_ok (self->client, zloom_client_wait_ready (self->client, BOUND_MS));
    const zloom_call_options_t options = {.timeout_ms = PATIENCE_MS};
    assert_int_equal (zloom_client_call_with (self->client, &options, "echo", ""),
                      ZLOOM_DEADLINE_EXCEEDED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_DEADLINE, ZLOOM_HERE,
                  "no reply before the deadline");
}

// ---- Somebody who does not fit ------------------------------------------------------

//  A ZeroMQ socket that cannot talk to a client: told at once, without waiting
//  for the time that a client may look for somebody.
static void test_a_socket_of_a_wrong_type_is_told_at_once (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const int types[] = {ZMQ_PUB,  ZMQ_SUB,  ZMQ_XPUB, ZMQ_XSUB,
                                ZMQ_PUSH, ZMQ_PULL, ZMQ_REQ,  ZMQ_PAIR};
    char text[256];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        setting_endpoint (self, self->endpoint);
        raw_new (&self->raw, types[i], NULL);
        raw_bind (&self->raw, self->endpoint);
        s_look_for (self, self->endpoint, DEADLINE_MS);
        const zloom_error_t *error = s_call_in_vain (self, 0, BOUND_MS);
        snprintf (text, sizeof text,
                  "no peer at %s: its ZeroMQ socket type does not fit a client (it must be ROUTER, "
                  "REP or DEALER)",
                  self->endpoint);
        assert_error (error, ZLOOM_REASON_WRONG_PEER, ZLOOM_HERE, text);
        assert_int_equal (error->code, ZLOOM_UNAVAILABLE);
        assert_int_equal (zloom_client_wait_ready (self->client, BOUND_MS), ZLOOM_UNAVAILABLE);
        assert_int_equal (zloom_client_last_error (self->client)->reason, ZLOOM_REASON_WRONG_PEER);
        zloom_client_destroy (&self->client);
        raw_destroy (&self->raw);
    }
}

//  The client goes on trying: what listens there may be mended.
static void test_a_wrong_peer_can_be_replaced_by_the_right_one (void **state)
{
    setting_t *self = (setting_t *) *state;
    raw_new (&self->raw, ZMQ_PUB, NULL);
    raw_bind (&self->raw, self->endpoint);
    s_look_for (self, self->endpoint, BOUND_MS);
    assert_int_equal (s_call_in_vain (self, 0, BOUND_MS)->reason, ZLOOM_REASON_WRONG_PEER);
    raw_destroy (&self->raw);
    setting_serve (self, NULL);
    assert_ok (self->client, zloom_client_wait_ready (self->client, BOUND_MS));
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void test_a_listener_that_says_nothing_is_no_peer (void **state)
{
    setting_t *self = (setting_t *) *state;
    listener_t listener;
    listener_new (&listener, NULL);
    snprintf (self->endpoint, sizeof self->endpoint, "%s", listener.endpoint);
    s_look_for (self, self->endpoint, PATIENCE_MS);
    const zloom_error_t *error = s_call_in_vain (self, PATIENCE_MS, BOUND_MS);
    s_assert_no_peer (self, error, "it accepts connections but does not speak ZMTP");
    zloom_client_destroy (&self->client);
    listener_destroy (&listener);
}

static void test_a_listener_that_speaks_something_else_is_a_wrong_peer (void **state)
{
    setting_t *self = (setting_t *) *state;
    listener_t listener;
    listener_new (&listener, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    s_look_for (self, listener.endpoint, PATIENCE_MS);
    const zloom_error_t *error = s_call_in_vain (self, 0, BOUND_MS);
    //  Who reads it himself can say what it says.
    assert_error_like (error, ZLOOM_REASON_WRONG_PEER, ZLOOM_HERE,
                       engines_client_is_direct (listener.endpoint)
                           ? "it does not speak ZMTP; it says 'HTTP/1.1 "
                           : "it accepts connections but does not speak ZMTP");
    zloom_client_destroy (&self->client);
    listener_destroy (&listener);
}

// ---- Several ------------------------------------------------------------------------

static void test_each_endpoint_of_a_list_is_explained (void **state)
{
    setting_t *self = (setting_t *) *state;
    char other[96], both[256], text[512];
    setting_endpoint (self, other);
    raw_new (&self->raw, ZMQ_PUB, NULL);
    raw_bind (&self->raw, other);
    snprintf (both, sizeof both, "%s, %s", self->endpoint, other);
    s_look_for (self, both, PATIENCE_MS);
    const zloom_error_t *error = s_call_in_vain (self, PATIENCE_MS, BOUND_MS);
    //  Depending on who hangs up first, the second one's type is known or not.
    snprintf (text, sizeof text, "no peer at %s: nothing listens there; %s: it", self->endpoint,
              other);
    assert_error_like (error, ZLOOM_REASON_WRONG_PEER, ZLOOM_HERE, text);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_nobody_there_is_no_peer, "tcp"),
        SETTING_TEST (test_nobody_there_is_no_peer, "ipc"),
        SETTING_TEST (test_nobody_there_until_a_short_deadline_is_no_peer_too, "tcp"),
        SETTING_TEST (test_an_inproc_name_that_nobody_has_bound_is_no_peer, "inproc"),
        SETTING_TEST (test_an_inproc_server_that_comes_late_is_known_for_what_it_is, "inproc"),
        SETTING_TEST (test_wait_ready_says_that_nobody_is_there, "tcp"),
        SETTING_TEST (test_wait_ready_says_that_nobody_is_there, "ipc"),
        SETTING_TEST (test_a_notification_to_nobody_says_so, "tcp"),
        SETTING_TEST_EVERYWHERE (test_a_call_waits_for_a_server_that_comes_in_time),
        SETTING_TEST (test_a_server_that_does_not_answer_is_a_deadline, "tcp"),
        SETTING_TEST (test_a_server_that_does_not_answer_is_a_deadline, "ipc"),
        SETTING_TEST (test_a_socket_of_a_wrong_type_is_told_at_once, "tcp"),
        SETTING_TEST (test_a_socket_of_a_wrong_type_is_told_at_once, "ipc"),
        SETTING_TEST (test_a_wrong_peer_can_be_replaced_by_the_right_one, "tcp"),
        SETTING_TEST (test_a_wrong_peer_can_be_replaced_by_the_right_one, "ipc"),
        SETTING_TEST (test_a_listener_that_says_nothing_is_no_peer, "tcp"),
        SETTING_TEST (test_a_listener_that_speaks_something_else_is_a_wrong_peer, "tcp"),
        SETTING_TEST (test_each_endpoint_of_a_list_is_explained, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
