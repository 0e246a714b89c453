//  Giving up: a cancel ends the call here at once, and reaches whoever works on it there.

#include "support/setting.h"

#include <stdio.h>

//  A client that knows its server: only that is told of a cancel.
static void s_open (setting_t *self, uint32_t workers)
{
    zloom_server_options_t options = service_usual;
    options.workers = workers;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static zloom_call_id_t s_start (setting_t *self, outcome_t *outcome, const char *method)
{
    zloom_call_id_t id;
    assert_ok (self->client,
               zloom_client_start (self->client, &id, NULL, outcome ? outcome_take : NULL, outcome,
                                   method, ""));
    return id;
}

static void s_cancel (setting_t *self, zloom_call_id_t id)
{
    assert_ok (self->client, zloom_client_cancel (self->client, id));
}

static void s_assert_cancelled (const outcome_t *outcome)
{
    assert_int_equal (outcome->ends, 1);
    assert_error (&outcome->error, ZLOOM_REASON_CALL_CANCELLED, ZLOOM_HERE,
                  zloom_reason_text (ZLOOM_REASON_CALL_CANCELLED));
}

// ---- At the server ----------------------------------------------------------------

static void test_cancel_reaches_a_deferred_call (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    s_open (self, 0);
    zloom_call_id_t id = s_start (self, &outcome, "later");
    service_await (&self->service, SERVICE_DEFERRED, 1);
    s_cancel (self, id);
    s_assert_cancelled (&outcome);
    service_await (&self->service, SERVICE_CANCELLED, 1);

    //  It is answered all the same; nobody gets that.
    assert_ok (self->client, zloom_client_call (self->client, "answer", "u", 1u));
    service_stop (&self->service);
    zloom_server_stats_t served;
    zloom_server_stats (self->service.server, &served);
    assert_int_equal (served.cancelled, 1);
    assert_int_equal (served.undeliverable, 1);
    assert_int_equal (served.pending, 0);
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.late_replies, 0);
    assert_int_equal (stats.failed, 1);
    assert_int_equal (outcome.ends, 1);
}

static void test_cancel_reaches_a_handler_in_a_thread (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    s_open (self, 2);
    zloom_call_id_t id = s_start (self, &outcome, "endure");
    service_await (&self->service, SERVICE_HELD, 1);
    s_cancel (self, id);
    s_assert_cancelled (&outcome);
    service_await (&self->service, SERVICE_GIVEN_UP, 1);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

//  Behind a handler that blocks the server, or in line for a thread.
static void s_check_queued (setting_t *self, uint32_t workers)
{
    enum { QUEUED = 20 };
    outcome_t held = {0}, outcomes[QUEUED] = {{0}}, last = {0};
    zloom_call_id_t ids[QUEUED];
    s_open (self, workers);
    s_start (self, &held, "hold");
    service_await (&self->service, SERVICE_HELD, 1);
    for (int64_t i = 0; i < QUEUED; i++)
        assert_ok (self->client, zloom_client_start (self->client, &ids[i], NULL, outcome_take,
                                                     &outcomes[i], "note", "I", i));
    for (int i = 0; i < QUEUED - 1; i++) {
        s_cancel (self, ids[i]);
        s_assert_cancelled (&outcomes[i]);
    }
    //  A call with a deadline of its own: when that has passed, what was sent
    //  before is at the server.
    const zloom_call_options_t short_time = {.timeout_ms = 100};
    assert_int_equal (zloom_client_call_with (self->client, &short_time, "later", ""),
                      ZLOOM_DEADLINE_EXCEEDED);
    service_open_gate (&self->service);
    outcome_await (&outcomes[QUEUED - 1], self->client, 1);
    s_start (self, &last, "echo");
    outcome_await (&last, self->client, 1);
    assert_int_equal (held.ok, 1);
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 1);
    assert_int_equal (service_noted (&self->service), QUEUED - 1);
}

static void test_calls_cancelled_behind_a_blocked_handler_are_not_begun (void **state)
{
    s_check_queued ((setting_t *) *state, 0);
}

static void test_calls_cancelled_in_line_for_a_thread_are_not_begun (void **state)
{
    s_check_queued ((setting_t *) *state, 1);
}

static void test_a_plain_server_is_not_told_of_a_cancel (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    setting_connect (self, NULL);
    zloom_call_id_t id = s_start (self, &outcome, "first");
    uint64_t first = raw_expect (&self->raw, ZLOOM__REQUEST).id;
    s_cancel (self, id);
    s_assert_cancelled (&outcome);
    outcome_t second = {0};
    s_start (self, &second, "second");
    zloom__message_t request = raw_expect (&self->raw, ZLOOM__REQUEST);
    assert_true (zloom_bytes_equal (request.method, zloom_bytes_str ("second")));

    //  The reply to the first is late, and is not taken for that to the second.
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, first, 1);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, request.id, 2);
    outcome_await (&second, self->client, 1);
    assert_int_equal (second.value, 2);
    assert_int_equal (outcome.ends, 1);
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.late_replies, 1);
}

// ---- At the client ----------------------------------------------------------------

static void test_cancel_of_a_call_that_was_not_sent_yet (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    self->client = setting_client (self->endpoint, NULL);
    zloom_call_id_t id = s_start (self, &outcome, "echo");
    zloom_call_id_t other = s_start (self, NULL, "echo");
    s_cancel (self, id);
    s_assert_cancelled (&outcome);
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.unsent, 1);
    //  The other is not touched.
    setting_serve (self, NULL);
    assert_ok (self->client, zloom_client_wait (self->client, other));
}

static void test_cancel_of_a_call_that_nobody_has_fetched_forgets_it (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 0);
    zloom_call_id_t id = s_start (self, NULL, "echo"), other = s_start (self, NULL, "later");
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    s_cancel (self, id);
    s_cancel (self, other);
    assert_int_equal (zloom_client_wait (self->client, id), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_wait (self->client, other), ZLOOM_FAILED_PRECONDITION);
}

static void test_cancel_of_an_unknown_call_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 0);
    outcome_t outcome = {0};
    zloom_call_id_t id = s_start (self, &outcome, "echo");
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (zloom_client_cancel (self->client, id), ZLOOM_FAILED_PRECONDITION);
    char text[64];
    snprintf (text, sizeof text, "there is no call %llu, or no longer", (unsigned long long) id);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_BAD_STATE, ZLOOM_HERE, text);
    assert_int_equal (zloom_client_cancel (self->client, 0), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_cancel (self->client, UINT64_MAX), ZLOOM_FAILED_PRECONDITION);
}

//  Cancels another call when its own ends.
typedef struct {
    zloom_call_id_t victim;
    zloom_code_t code;
    bool restarts;  //  ... and starts a call, which takes the free place
    outcome_t other;
} assassin_t;

static void s_strike (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    assassin_t *self = (assassin_t *) context;
    (void) reply;
    self->code = zloom_client_cancel (client, self->victim);
    for (int i = 0; self->restarts && i < 3; i++)
        zloom_client_start (client, NULL, NULL, outcome_take, &self->other, "add", "ii", 1, 2);
}

static void test_a_callback_may_cancel_another_call (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 0);
    outcome_t victim = {0};
    assassin_t assassin = {.victim = s_start (self, &victim, "later")};
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, s_strike, &assassin, "echo", ""));
    outcome_await (&victim, self->client, 1);
    s_assert_cancelled (&victim);
    assert_int_equal (assassin.code, ZLOOM_OK);
}

//  Either way of waiting, with the victim's place taken by another call at
//  once or left free.
static void test_a_callback_may_cancel_the_call_that_is_waited_for (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 0);
    for (int way = 0; way < 4; way++) {
        zloom_call_id_t id = s_start (self, NULL, "later");
        assassin_t assassin = {.victim = id, .restarts = way & 1};
        assert_ok (self->client,
                   zloom_client_start (self->client, NULL, NULL, s_strike, &assassin, "echo", ""));
        bool more = true;
        zloom_code_t code = way & 2 ? zloom_client_next (self->client, id, &more)
                                    : zloom_client_wait (self->client, id);
        assert_int_equal (code, ZLOOM_CANCELLED);
        assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_CALL_CANCELLED,
                      ZLOOM_HERE, zloom_reason_text (ZLOOM_REASON_CALL_CANCELLED));
        assert_int_equal (assassin.code, ZLOOM_OK);
        assert_int_equal (zloom_client_wait (self->client, id), ZLOOM_FAILED_PRECONDITION);
        if (assassin.restarts)
            outcome_await (&assassin.other, self->client, 3);
        assert_ok (self->client, zloom_client_call (self->client, "answer", "u", 1u));
    }
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.outstanding, 0);
}

//  Cancels its own stream at an item.
static void s_take_three (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    outcome_t *outcome = (outcome_t *) context;
    outcome_take (client, reply, outcome);
    if (outcome->items == 3 && !outcome->ends)
        zloom_client_cancel (client, zloom_reply_id (reply));
}

static void test_a_callback_may_cancel_its_own_stream (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 0);
    outcome_t outcome = {0};
    const zloom_call_options_t stream = {.stream = true};
    assert_ok (self->client, zloom_client_start (self->client, NULL, &stream, s_take_three,
                                                 &outcome, "count_later", "i", 1000));
    outcome_await (&outcome, self->client, 1);
    s_assert_cancelled (&outcome);
    assert_int_equal (outcome.items, 3);
    service_await (&self->service, SERVICE_CANCELLED, 1);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    assert_int_equal (outcome.items, 3);
}

// ---- The end of a client ----------------------------------------------------------

//  Tries what cannot be done while its client is destroyed.
typedef struct {
    outcome_t outcome;
    zloom_code_t start, call, wait;
    zloom_reason_t start_reason;
} last_words_t;

static void s_speak (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    last_words_t *self = (last_words_t *) context;
    outcome_take (client, reply, &self->outcome);
    self->start = zloom_client_start (client, NULL, NULL, s_speak, self, "echo", "");
    self->start_reason = zloom_client_last_error (client)->reason;
    self->call = zloom_client_call (client, "echo", "");
    self->wait = zloom_client_process (client, 0);
}

static void test_destroy_ends_every_call_and_begins_none (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 0);
    last_words_t words = {.wait = ZLOOM_OK};
    for (int i = 0; i < 5; i++)
        assert_ok (self->client,
                   zloom_client_start (self->client, NULL, NULL, s_speak, &words, "later", ""));
    s_start (self, NULL, "later");
    zloom_client_destroy (&self->client);
    assert_null (self->client);
    assert_int_equal (words.outcome.ends, 5);
    assert_error (&words.outcome.error, ZLOOM_REASON_CLOSED, ZLOOM_HERE,
                  zloom_reason_text (ZLOOM_REASON_CLOSED));
    assert_int_equal (words.start, ZLOOM_CANCELLED);
    assert_int_equal (words.start_reason, ZLOOM_REASON_CLOSED);
    assert_int_equal (words.call, ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (words.wait, ZLOOM_FAILED_PRECONDITION);
    zloom_client_destroy (&self->client);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_cancel_reaches_a_deferred_call),
        SETTING_TEST_EVERYWHERE (test_cancel_reaches_a_handler_in_a_thread),
        SETTING_TEST_EVERYWHERE (test_calls_cancelled_behind_a_blocked_handler_are_not_begun),
        SETTING_TEST_EVERYWHERE (test_calls_cancelled_in_line_for_a_thread_are_not_begun),
        SETTING_TEST (test_a_plain_server_is_not_told_of_a_cancel, "tcp"),
        SETTING_TEST (test_cancel_of_a_call_that_was_not_sent_yet, "tcp"),
        SETTING_TEST (test_cancel_of_a_call_that_nobody_has_fetched_forgets_it, "ipc"),
        SETTING_TEST (test_cancel_of_an_unknown_call_is_told, "inproc"),
        SETTING_TEST (test_a_callback_may_cancel_another_call, "tcp"),
        SETTING_TEST (test_a_callback_may_cancel_the_call_that_is_waited_for, "tcp"),
        SETTING_TEST (test_a_callback_may_cancel_its_own_stream, "ipc"),
        SETTING_TEST (test_destroy_ends_every_call_and_begins_none, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
