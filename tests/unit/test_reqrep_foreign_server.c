//  A client, served by programs that know nothing of zloom, and by one that
//  shows what it is in each of the ways there are.

#include "support/setting.h"

#include <stdio.h>
#include <string.h>

//  In libzmq of Debian 12 though not in its header.
enum { OPTION_METADATA = 95, BOUND_MS = 20000 };

static void s_serve (setting_t *self, int type)
{
    raw_new (&self->raw, type, NULL);
    raw_bind (&self->raw, self->endpoint);
}

//  A server whose handshake says that it is one of zloom's. libzmq tells a client
//  of that with the first message that comes; the direct engine knows it before.
static void s_serve_as_zloom (setting_t *self)
{
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    assert_int_equal (zmq_setsockopt (self->raw.socket, OPTION_METADATA, "X-zloom:1", 9), 0);
    raw_bind (&self->raw, self->endpoint);
}

static bool s_knows_at_once (const setting_t *self)
{
    return engines_client_is_direct (self->endpoint);
}

static void s_start (setting_t *self, outcome_t *outcome, const zloom_call_options_t *options)
{
    assert_ok (self->client, zloom_client_start (self->client, NULL, options, outcome_take, outcome,
                                                 "method", "i", 1));
}

//  The next message to the server, while the client turns.
static zloom__message_t s_take (setting_t *self, zloom__kind_t kind)
{
    zmq_pollitem_t item = {self->raw.socket, 0, ZMQ_POLLIN, 0};
    zloom_time_t until = zloom_time_now () + BOUND_MS * ZLOOM_MSEC;
    while (zmq_poll (&item, 1, 0) == 0 && zloom_time_now () < until)
        assert_ok (self->client, zloom_client_process (self->client, 5));
    return raw_expect (&self->raw, kind);
}

static void s_answer (setting_t *self, uint64_t id, int value)
{
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, id, value);
}

//  Take the request that must come next, plain or not, and answer it.
static void s_serve_one (setting_t *self, outcome_t *outcome, bool is_extended)
{
    zloom__message_t request = s_take (self, ZLOOM__REQUEST);
    assert_true (zloom_bytes_equal (request.method, zloom_bytes_str ("method")));
    assert_int_equal (request.is_extended, is_extended);
    unsigned ends = outcome->ends;
    s_answer (self, request.id, 7);
    outcome_await (outcome, self->client, ends + 1);
    assert_int_equal (outcome->ok, ends + 1);
    assert_int_equal (outcome->value, 7);
}

// ---- What a server is ---------------------------------------------------------------

static void test_a_plain_server_gets_plain_requests (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const int types[] = {ZMQ_ROUTER, ZMQ_DEALER};
    for (int i = 0; i < 2; i++) {
        outcome_t outcome = {0};
        s_serve (self, types[i]);
        self->client = setting_client (self->endpoint, NULL);
        for (int calls = 0; calls < 3; calls++) {
            s_start (self, &outcome, NULL);
            s_serve_one (self, &outcome, false);
        }
        zloom_client_destroy (&self->client);
        raw_destroy (&self->raw);
        setting_endpoint (self, self->endpoint);
    }
}

static void test_a_server_that_shows_what_it_is_gets_headers_from_then_on (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    s_serve_as_zloom (self);
    self->client = setting_client (self->endpoint, NULL);
    s_start (self, &outcome, NULL);
    s_serve_one (self, &outcome, s_knows_at_once (self));
    for (int calls = 0; calls < 3; calls++) {
        s_start (self, &outcome, NULL);
        s_serve_one (self, &outcome, true);
    }
    //  The time that remains is among them.
    const zloom_call_options_t options = {.timeout_ms = 700};
    s_start (self, &outcome, &options);
    zloom__message_t request = s_take (self, ZLOOM__REQUEST);
    assert_true (request.headers.remaining > 0);
    assert_true (request.headers.remaining <= 700 * ZLOOM_MSEC);
    assert_int_equal (request.headers.credit, 0);
    s_answer (self, request.id, 1);
    outcome_await (&outcome, self->client, 5);
}

//  A call with headers asks first, and waits for the answer.
static void s_check_greeting (setting_t *self, const char *answer, bool is_zloom)
{
    outcome_t outcome = {0};
    const zloom_call_options_t options = {.attempt = 2, .trace = "a trace", .stream = true};
    s_serve (self, ZMQ_ROUTER);
    self->client = setting_client (self->endpoint, NULL);
    s_start (self, &outcome, &options);
    zloom__message_t greeting = s_take (self, ZLOOM__REQUEST);
    assert_true (zloom_bytes_equal (greeting.method, zloom_bytes_str ("zloom.ping")));
    assert_false (greeting.is_extended);
    raw_send_envelope (&self->raw);
    if (is_zloom)
        raw_send (&self->raw, "[uUn{su}]", 1u, greeting.id, "zloom", 1u);
    else
        raw_send (&self->raw, "[uUsn]", 1u, greeting.id, answer);
    zloom__message_t request = s_take (self, ZLOOM__REQUEST);
    assert_int_equal (request.is_extended, is_zloom);
    assert_int_equal (request.headers.attempt, is_zloom ? 2 : 0);
    assert_int_equal (request.headers.trace.size, is_zloom ? 7 : 0);
    assert_int_equal (request.headers.credit, is_zloom ? 64 : 0);
    s_answer (self, request.id, 7);
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.ok, 1);
    //  It is asked once, not for each call.
    s_start (self, &outcome, &options);
    s_serve_one (self, &outcome, is_zloom);
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.calls, 2);
    assert_int_equal (stats.ok, 2);
    assert_int_equal (stats.failed, 0);
}

static void test_a_call_with_headers_asks_first_what_the_server_is (void **state)
{
    s_check_greeting ((setting_t *) *state, NULL, true);
}

static void test_a_server_that_knows_no_greeting_gets_the_call_without_headers (void **state)
{
    s_check_greeting ((setting_t *) *state, "no such method", false);
}

static void test_a_server_that_leaves_the_greeting_unanswered_is_a_plain_one (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    const zloom_call_options_t options = {.attempt = 2};
    s_serve (self, ZMQ_ROUTER);
    self->client = setting_client (self->endpoint, NULL);
    s_start (self, &outcome, &options);
    uint64_t greeting = s_take (self, ZLOOM__REQUEST).id;
    s_serve_one (self, &outcome, false);
    //  An answer that comes after all is late, and no more.
    s_answer (self, greeting, 0);
    s_start (self, &outcome, NULL);
    s_serve_one (self, &outcome, false);
}

//  Known anew for each connection: the next server there may be another one.
static void test_what_a_server_is_is_forgotten_with_its_connection (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.reconnect_min_ms = 5;
    options.reconnect_max_ms = 20;
    s_serve_as_zloom (self);
    self->client = setting_client (self->endpoint, &options);
    for (int calls = 0; calls < 2; calls++) {
        s_start (self, &outcome, NULL);
        s_serve_one (self, &outcome, calls > 0 || s_knows_at_once (self));
    }
    raw_destroy (&self->raw);
    zloom_client_stats_t stats = {0};
    while (stats.disconnects == 0) {
        assert_ok (self->client, zloom_client_process (self->client, 100));
        zloom_client_stats (self->client, &stats);
    }
    s_serve (self, ZMQ_ROUTER);
    for (int calls = 0; calls < 2; calls++) {
        s_start (self, &outcome, NULL);
        s_serve_one (self, &outcome, false);
    }
}

//  On inproc there is no handshake to tell, so the client asks at once.
static void s_check_inproc (setting_t *self, bool answers)
{
    void *context = zmq_ctx_new ();
    zloom_runtime_t *runtime = zloom_runtime_wrap (context, NULL);
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    outcome_t outcome = {0};
    options.runtime = runtime;
    raw_new (&self->raw, ZMQ_ROUTER, context);
    raw_bind (&self->raw, self->endpoint);
    self->client = setting_client (self->endpoint, &options);
    s_start (self, &outcome, NULL);
    zloom__message_t greeting = s_take (self, ZLOOM__REQUEST);
    assert_true (zloom_bytes_equal (greeting.method, zloom_bytes_str ("zloom.ping")));
    if (answers) {
        raw_send_envelope (&self->raw);
        raw_send (&self->raw, "[uUsn]", 1u, greeting.id, "never heard of it");
    }
    s_serve_one (self, &outcome, false);
    zloom_client_destroy (&self->client);
    raw_destroy (&self->raw);
    zloom_runtime_destroy (&runtime);
    zmq_ctx_term (context);
}

static void test_a_plain_inproc_server_is_asked_and_then_called (void **state)
{
    s_check_inproc ((setting_t *) *state, true);
}

static void test_an_inproc_server_that_was_asked_in_vain_is_called_all_the_same (void **state)
{
    s_check_inproc ((setting_t *) *state, false);
}

static void test_a_rep_socket_can_serve (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    outcome_t outcome = {0};
    options.rep_peer = true;
    s_serve (self, ZMQ_REP);
    self->client = setting_client (self->endpoint, &options);
    for (int calls = 0; calls < 5; calls++) {
        s_start (self, &outcome, NULL);
        s_serve_one (self, &outcome, false);
        assert_int_equal (self->raw.count, 1);
    }
    //  Two at once: a REP takes them one after the other.
    s_start (self, &outcome, NULL);
    s_start (self, &outcome, NULL);
    s_serve_one (self, &outcome, false);
    s_serve_one (self, &outcome, false);
}

// ---- Answers ------------------------------------------------------------------------

//  Begin a call and take its request.
static uint64_t s_begin (setting_t *self, outcome_t *outcome)
{
    *outcome = (outcome_t){0};
    s_start (self, outcome, NULL);
    uint64_t id = s_take (self, ZLOOM__REQUEST).id;
    raw_send_envelope (&self->raw);
    return id;
}

static void s_expect_failure (setting_t *self, const outcome_t *outcome, zloom_code_t code,
                              const char *text)
{
    outcome_await (outcome, self->client, 1);
    assert_int_equal (outcome->error.code, code);
    assert_int_equal (outcome->error.origin, ZLOOM_REMOTE);
    assert_string_equal (outcome->error.text, text);
}

static void test_errors_of_other_servers_are_shown_as_well_as_can_be (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome;
    s_serve (self, ZMQ_ROUTER);
    self->client = setting_client (self->endpoint, NULL);
    raw_send (&self->raw, "[uUsn]", 1u, s_begin (self, &outcome), "it \x1b broke");
    s_expect_failure (self, &outcome, ZLOOM_UNKNOWN, "it \\x1b broke");
    raw_send (&self->raw, "[uUun]", 1u, s_begin (self, &outcome), 42u);
    s_expect_failure (self, &outcome, ZLOOM_UNKNOWN, "the server answered with an error (int)");
    raw_send (&self->raw, "[uU[us]n]", 1u, s_begin (self, &outcome), 42u, "x");
    s_expect_failure (self, &outcome, ZLOOM_UNKNOWN, "the server answered with an error (array)");
    raw_send (&self->raw, "[uU{ss}n]", 1u, s_begin (self, &outcome), "message", "only a text");
    s_expect_failure (self, &outcome, ZLOOM_UNKNOWN, "only a text");
    raw_send (&self->raw, "[uU{su ss ss}n]", 1u, s_begin (self, &outcome), "code", 5u, "other",
              "key", "message", "and a code");
    s_expect_failure (self, &outcome, ZLOOM_NOT_FOUND, "and a code");
    raw_send (&self->raw, "[uU{su ss}n]", 1u, s_begin (self, &outcome), "code", 4711u, "message",
              "no code of ours");
    s_expect_failure (self, &outcome, ZLOOM_UNKNOWN, "no code of ours");
    //  Both an error and a result: an error.
    raw_send (&self->raw, "[uUss]", 1u, s_begin (self, &outcome), "both", "result");
    s_expect_failure (self, &outcome, ZLOOM_UNKNOWN, "both");
}

static void test_what_is_no_answer_ends_the_call_it_names_and_no_other (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome;
    s_serve (self, ZMQ_ROUTER);
    self->client = setting_client (self->endpoint, NULL);
    //  It begins as an answer to the call, and ends as none.
    raw_send (&self->raw, "[uUn]", 1u, s_begin (self, &outcome));
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.error.reason, ZLOOM_REASON_MALFORMED);
    assert_int_equal (outcome.error.origin, ZLOOM_HERE);
    //  Rubbish, and messages that a client has no use for; then the answer.
    uint64_t id = s_begin (self, &outcome);
    raw_send_frame (&self->raw, zloom_bytes ("rubbish", 7), false);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUs[]]", 0u, id, "request");
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uU]", 5u, id);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUn]", 1u, id + 1000);
    s_answer (self, id, 7);
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.ok, 1);
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.malformed, 5);
}

// ---- To zloom servers alone -----------------------------------------------------------

static void test_a_deadline_tells_a_zloom_server_that_nobody_waits (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    const zloom_call_options_t short_time = {.timeout_ms = 50};
    s_serve_as_zloom (self);
    self->client = setting_client (self->endpoint, NULL);
    s_start (self, &outcome, NULL);
    s_serve_one (self, &outcome, s_knows_at_once (self));
    s_start (self, &outcome, &short_time);
    uint64_t id = s_take (self, ZLOOM__REQUEST).id;
    assert_int_equal (s_take (self, ZLOOM__CANCEL).id, id);
    outcome_await (&outcome, self->client, 2);
    assert_int_equal (outcome.error.reason, ZLOOM_REASON_DEADLINE);
}

static void test_a_silent_zloom_server_gets_beats_and_a_plain_one_none (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.beat_ms = 10;
    for (int is_zloom = 1; is_zloom >= 0; is_zloom--) {
        outcome_t outcome = {0};
        if (is_zloom)
            s_serve_as_zloom (self);
        else
            s_serve (self, ZMQ_ROUTER);
        self->client = setting_client (self->endpoint, &options);
        s_start (self, &outcome, NULL);
        s_serve_one (self, &outcome, is_zloom && s_knows_at_once (self));
        if (is_zloom) {
            uint64_t first = s_take (self, ZLOOM__BEAT).id;
            assert_true (s_take (self, ZLOOM__BEAT).id > first);
        } else {
            //  Longer than several beats.
            const zloom_call_options_t short_time = {.timeout_ms = 100};
            s_start (self, &outcome, &short_time);
            outcome_await (&outcome, self->client, 2);
            s_take (self, ZLOOM__REQUEST);
            assert_false (raw_receive_within (&self->raw, 0));
        }
        zloom_client_destroy (&self->client);
        raw_destroy (&self->raw);
        setting_endpoint (self, self->endpoint);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_a_plain_server_gets_plain_requests, "tcp"),
        SETTING_TEST (test_a_plain_server_gets_plain_requests, "ipc"),
        SETTING_TEST (test_a_server_that_shows_what_it_is_gets_headers_from_then_on, "tcp"),
        SETTING_TEST (test_a_server_that_shows_what_it_is_gets_headers_from_then_on, "ipc"),
        SETTING_TEST (test_a_call_with_headers_asks_first_what_the_server_is, "tcp"),
        SETTING_TEST (test_a_server_that_knows_no_greeting_gets_the_call_without_headers, "tcp"),
        SETTING_TEST (test_a_server_that_leaves_the_greeting_unanswered_is_a_plain_one, "tcp"),
        SETTING_TEST (test_what_a_server_is_is_forgotten_with_its_connection, "tcp"),
        SETTING_TEST (test_a_plain_inproc_server_is_asked_and_then_called, "inproc"),
        SETTING_TEST (test_an_inproc_server_that_was_asked_in_vain_is_called_all_the_same,
                      "inproc"),
        SETTING_TEST (test_a_rep_socket_can_serve, "tcp"),
        SETTING_TEST (test_errors_of_other_servers_are_shown_as_well_as_can_be, "tcp"),
        SETTING_TEST (test_what_is_no_answer_ends_the_call_it_names_and_no_other, "tcp"),
        SETTING_TEST (test_a_deadline_tells_a_zloom_server_that_nobody_waits, "tcp"),
        SETTING_TEST (test_a_silent_zloom_server_gets_beats_and_a_plain_one_none, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
