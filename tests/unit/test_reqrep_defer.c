//  Deferred calls: answered later, in any order, or by nobody any more; and
//  answers that wait until their caller takes them.

#include "support/setting.h"

#include <string.h>

#include "base/memory.h"

//  The service is processed in the test's thread, so that the test can act as
//  the program that owns the server does, between two turns.
static void s_serve_here (setting_t *self, const zloom_server_options_t *options)
{
    service_new (&self->service, self->endpoint, options);
}

static void s_process_until (setting_t *self, service_event_t event, unsigned count)
{
    while (service_count (&self->service, event) < count)
        assert_int_equal (zloom_server_process (self->service.server, 1000), ZLOOM_OK);
}

static zloom_server_stats_t s_stats (const setting_t *self)
{
    zloom_server_stats_t stats;
    zloom_server_stats (self->service.server, &stats);
    return stats;
}

static void s_connect_raw (setting_t *self)
{
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
}

// ---- Later ------------------------------------------------------------------------

static void test_deferred_calls_are_answered_each_with_its_own (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    enum { CALLS = SERVICE_DEFERRED_MAX };
    zloom_call_id_t ids[CALLS];
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client,
                   zloom_client_start (self->client, &ids[i], NULL, NULL, NULL, "later", "i", i));
    service_await (&self->service, SERVICE_DEFERRED, CALLS);
    setting_answer (self, CALLS);
    for (int i = CALLS - 1; i >= 0; i--) {
        int value;
        assert_ok (self->client, zloom_client_wait (self->client, ids[i]));
        assert_ok (self->client, zloom_client_result (self->client, "i", &value));
        assert_int_equal (value, i);
    }
}

//  Params large and small stay where they are until the call ends.
static void test_params_of_a_deferred_call_stay (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_here (self, NULL);
    s_connect_raw (self);
    static char large[5000];
    memset (large, 'x', sizeof large - 1);
    raw_send (&self->raw, "[uus[s]]", 0u, 1u, "later", "small");
    raw_send (&self->raw, "[uus[s]]", 0u, 2u, "later", large);
    for (unsigned i = 3; i < 13; i++)
        raw_send (&self->raw, "[uus[u]]", 0u, i, "later", i);
    s_process_until (self, SERVICE_DEFERRED, 12);
    service_answer (&self->service, 12);
    for (unsigned i = 1; i < 13; i++) {
        zloom__message_t reply = raw_expect (&self->raw, ZLOOM__RESPONSE);
        const char *text;
        unsigned number;
        assert_int_equal (reply.id, i);
        if (i >= 3) {
            assert_true (raw_read (&self->raw, reply.value, "u", &number));
            assert_int_equal (number, i);
        } else {
            assert_true (raw_read (&self->raw, reply.value, "s", &text));
            assert_string_equal (text, i == 1 ? "small" : large);
        }
    }
    assert_int_equal (s_stats (self).pending, 0);
    assert_int_equal (s_stats (self).max_pending_seen, 12);
}

//  What handlers of this file do with a call that they defer.
static zloom_code_t s_defer_and_answer (zloom_call_t *call, void *context)
{
    (void) context;
    zloom_code_t code = zloom_call_defer (call, NULL, NULL);
    return code ? code : zloom_call_reply (call, "s", "at once");
}

static zloom_code_t s_defer_and_fail (zloom_call_t *call, void *context)
{
    (void) context;
    zloom_code_t code = zloom_call_defer (call, NULL, NULL);
    return code ? code : ZLOOM_ABORTED;
}

static zloom_code_t s_answer_and_defer (zloom_call_t *call, void *context)
{
    zloom_call_reply (call, "s", "before");
    *(zloom_code_t *) context = zloom_call_defer (call, NULL, NULL);
    return ZLOOM_OK;
}

static zloom_code_t s_defer_twice (zloom_call_t *call, void *context)
{
    zloom_call_t **kept = (zloom_call_t **) context;
    for (int i = 0; i < 2; i++)
        if (zloom_call_defer (call, NULL, NULL))
            return ZLOOM_INTERNAL;
    *kept = call;
    return ZLOOM_OK;
}

static void s_handle (setting_t *self, const char *method, zloom_handler_fn *handler, void *context)
{
    assert_int_equal (
        zloom_server_handle (self->service.server, method, NULL, NULL, handler, context), ZLOOM_OK);
}

//  Call a method and process until its answer is there.
static zloom__message_t s_ask (setting_t *self, unsigned id, const char *method)
{
    zmq_pollitem_t item = {self->raw.socket, 0, ZMQ_POLLIN, 0};
    raw_send (&self->raw, "[uus[]]", 0u, id, method);
    while (zmq_poll (&item, 1, 0) == 0)
        assert_int_equal (zloom_server_process (self->service.server, 10), ZLOOM_OK);
    zloom__message_t reply = raw_expect (&self->raw, ZLOOM__RESPONSE);
    assert_int_equal (reply.id, id);
    return reply;
}

static void test_a_handler_may_defer_and_answer_in_one (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_code_t deferred = ZLOOM_OK;
    zloom_call_t *kept = NULL;
    zloom_error_t error;
    const char *text;
    s_serve_here (self, NULL);
    s_handle (self, "answer-at-once", s_defer_and_answer, NULL);
    s_handle (self, "fail-at-once", s_defer_and_fail, NULL);
    s_handle (self, "too-late", s_answer_and_defer, &deferred);
    s_handle (self, "defer-twice", s_defer_twice, &kept);
    s_connect_raw (self);

    assert_true (raw_read (&self->raw, s_ask (self, 1, "answer-at-once").value, "s", &text));
    assert_string_equal (text, "at once");
    zloom__wire_read_error (s_ask (self, 2, "fail-at-once").error, &error, NULL);
    assert_int_equal (error.code, ZLOOM_ABORTED);
    assert_true (raw_read (&self->raw, s_ask (self, 3, "too-late").value, "s", &text));
    assert_string_equal (text, "before");
    assert_int_equal (deferred, ZLOOM_FAILED_PRECONDITION);
    raw_send (&self->raw, "[uus[]]", 0u, 4u, "defer-twice");
    while (!kept)
        assert_int_equal (zloom_server_process (self->service.server, 1000), ZLOOM_OK);
    assert_int_equal (zloom_call_reply (kept, "i", 4), ZLOOM_OK);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 4);
    assert_int_equal (s_stats (self).pending, 0);
}

static void test_a_call_in_a_worker_thread_cannot_be_deferred (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t options = service_usual;
    options.workers = 1;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    assert_int_equal (zloom_client_call (self->client, "later", ""), ZLOOM_FAILED_PRECONDITION);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_BAD_STATE, ZLOOM_REMOTE,
                  "a call in a worker thread, or that has ended, cannot be deferred");
}

// ---- Nobody waits any more --------------------------------------------------------

static void test_an_answer_to_a_caller_that_has_left_is_dropped_and_counted (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_here (self, NULL);
    s_connect_raw (self);
    for (unsigned id = 1; id <= 3; id++)
        raw_send (&self->raw, "[uus[u]]", 0u, id, "later", id);
    s_process_until (self, SERVICE_DEFERRED, 3);
    raw_destroy (&self->raw);
    //  A ROUTER learns at a send that a peer is gone, once libzmq itself knows:
    //  another connection that is closed after it shows that.
    while (s_stats (self).undeliverable < 3) {
        service_answer (&self->service, 1);
        if (self->service.deferred_count == 0)
            break;
        assert_int_equal (zloom_server_process (self->service.server, 50), ZLOOM_OK);
    }
    assert_true (s_stats (self).undeliverable >= 1);
    assert_int_equal (s_stats (self).pending, 0);
}

static void test_watchers_learn_that_the_server_is_destroyed (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    outcome_t outcome = {0};
    for (int i = 0; i < 5; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "later", ""));
    service_await (&self->service, SERVICE_DEFERRED, 5);
    assert_int_equal (service_stop (&self->service), ZLOOM_DEADLINE_EXCEEDED);
    zloom_server_destroy (&self->service.server);
    assert_int_equal (service_count (&self->service, SERVICE_CLOSED), 5);
    outcome_await (&outcome, self->client, 5);
    assert_error (&outcome.error, ZLOOM_REASON_CONNECTION_LOST, ZLOOM_HERE,
                  "the connection was lost; whether the call was worked on is not known");
}

//  Answers its own call, or all others too, when it is told.
typedef struct {
    zloom_call_t *calls[3];
    unsigned count, told;
    bool answers_all;
} last_will_t;

static void s_execute (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    last_will_t *self = (last_will_t *) context;
    self->told += event == ZLOOM_CALL_CLOSED;
    for (unsigned i = 0; i < self->count; i++)
        if (self->calls[i] && (self->answers_all || self->calls[i] == call)) {
            zloom_call_t *answered = self->calls[i];
            self->calls[i] = NULL;
            zloom_call_reply (answered, "s", "a last word");
        }
}

static zloom_code_t s_entrust (zloom_call_t *call, void *context)
{
    last_will_t *self = (last_will_t *) context;
    self->calls[self->count++] = call;
    return zloom_call_defer (call, s_execute, self);
}

static void test_a_watcher_may_answer_when_the_server_is_destroyed (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int all = 0; all <= 1; all++) {
        last_will_t will = {.answers_all = all};
        s_serve_here (self, NULL);
        s_handle (self, "entrust", s_entrust, &will);
        s_connect_raw (self);
        for (unsigned id = 1; id <= 3; id++)
            raw_send (&self->raw, "[uus[]]", 0u, id, "entrust");
        while (will.count < 3)
            assert_int_equal (zloom_server_process (self->service.server, 1000), ZLOOM_OK);
        service_destroy (&self->service);
        assert_int_equal (will.told, all ? 1 : 3);
        for (int replies = 0; replies < 3; replies++)
            raw_expect (&self->raw, ZLOOM__RESPONSE);
        raw_destroy (&self->raw);
    }
}

// ---- A caller that does not take its answers --------------------------------------

//  More than the 4 MiB that the direct engine has room for, and the system's own.
enum { LARGE = 65536, FLOOD = 128 };

//  A raw caller whose queue takes one message, and a service whose queue for it
//  is as short as can be.
static void s_open_narrow (setting_t *self, uint32_t max_pending_bytes)
{
    zloom_server_options_t options = service_usual;
    //  libzmq's engine counts messages, the fewer the larger they may be; the direct
    //  one counts bytes, the more the larger messages may be.
    options.limits.max_size = engines_server_is_direct (self->endpoint) ? 1048576 : 16777216;
    options.max_pending_bytes = max_pending_bytes;
    s_serve_here (self, &options);
    int one = 1;
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    zmq_setsockopt (self->raw.socket, ZMQ_RCVHWM, &one, sizeof one);
    raw_connect (&self->raw, self->endpoint);
}

//  Send requests whose answers are large, and have them worked on.
static void s_flood (setting_t *self, const char *method, unsigned count)
{
    static uint8_t payload[LARGE];
    uint64_t target = s_stats (self).requests + count;
    for (unsigned id = 1; id <= count; id++)
        raw_send (&self->raw, "[uus[b]]", 0u, id, method, payload, sizeof payload);
    while (s_stats (self).requests < target)
        assert_int_equal (zloom_server_process (self->service.server, 1000), ZLOOM_OK);
}

//  Take so many messages, which are all that come; returns how many are large.
static unsigned s_take (setting_t *self, unsigned messages)
{
    unsigned large = 0;
    zloom_time_t until = zloom_time_now () + 20 * ZLOOM_SEC;
    while (messages && zloom_time_now () < until) {
        assert_int_equal (zloom_server_process (self->service.server, 1), ZLOOM_OK);
        while (messages && raw_receive_within (&self->raw, 0)) {
            messages--;
            large += raw_body (&self->raw).size >= LARGE;
        }
    }
    assert_int_equal (messages, 0);
    assert_int_equal (zloom_server_process (self->service.server, 0), ZLOOM_OK);
    assert_false (raw_receive_within (&self->raw, 0));
    return large;
}

//  All answers arrive once the caller takes them, whoever made them.
static void s_check_unsent (setting_t *self, const char *method)
{
    s_open_narrow (self, 67108864);
    s_flood (self, method, FLOOD);
    service_answer (&self->service, FLOOD);
    assert_int_equal (zloom_server_process (self->service.server, 0), ZLOOM_OK);
    assert_int_equal (s_stats (self).undeliverable, 0);
    assert_int_equal (s_take (self, FLOOD), FLOOD);
    assert_int_equal (s_stats (self).ok, FLOOD);
    assert_int_equal (s_stats (self).undeliverable, 0);
    assert_int_equal (s_stats (self).pending, 0);
}

static void test_answers_wait_for_room_and_none_is_lost (void **state)
{
    s_check_unsent ((setting_t *) *state, "echo");
}

static void test_deferred_answers_wait_for_room_and_none_is_lost (void **state)
{
    s_check_unsent ((setting_t *) *state, "later");
}

//  Requests that meet the bound are refused, answers that meet it are dropped
//  and counted: every request has one of the two, or its answer.
static void test_what_is_beyond_the_bound_is_refused_or_counted (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const char *const methods[] = {"echo", "twice"};
    for (int i = 0; i < 2; i++) {
        s_open_narrow (self, 5 * LARGE + LARGE / 2);
        s_flood (self, methods[i], FLOOD);
        zloom_server_stats_t stats = s_stats (self);
        assert_true (stats.refused + stats.undeliverable > 0);
        assert_int_equal (stats.ok + stats.refused, FLOOD);
        assert_true (s_take (self, FLOOD - (unsigned) stats.undeliverable) <= stats.ok);
        //  And there is room again.
        s_flood (self, "echo", 1);
        assert_int_equal (s_take (self, 1), 1);
        assert_int_equal (s_stats (self).undeliverable, stats.undeliverable);
        service_destroy (&self->service);
        raw_destroy (&self->raw);
    }
}

static void test_a_server_can_be_destroyed_with_answers_that_wait (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const char *const methods[] = {"echo", "later"};
    for (int i = 0; i < 2; i++) {
        s_open_narrow (self, 67108864);
        s_flood (self, methods[i], FLOOD);
        service_answer (&self->service, FLOOD);
        service_destroy (&self->service);
        raw_destroy (&self->raw);
    }
}

//  Items that find a full link leave the call thirsty; it may be answered in
//  that state.
static zloom_code_t s_spout (zloom_call_t *call, void *context)
{
    static uint8_t payload[LARGE];
    zloom_code_t code = zloom_call_defer (call, NULL, NULL);
    unsigned *items = (unsigned *) context;
    while (code == ZLOOM_OK) {
        code = zloom_call_item (call, "b", payload, sizeof payload);
        *items += code == ZLOOM_OK;
    }
    return zloom_call_reply (call, "i", (int) code);
}

static void test_a_stream_that_found_no_room_can_be_ended (void **state)
{
    setting_t *self = (setting_t *) *state;
    unsigned items = 0;
    s_open_narrow (self, 67108864);
    s_handle (self, "spout", s_spout, &items);
    for (unsigned id = 1; id <= 3; id++)
        raw_send (&self->raw, "[uus[]{su}]", 0u, id, "spout", "credit", 1000000u);
    while (s_stats (self).requests < 3)
        assert_int_equal (zloom_server_process (self->service.server, 1000), ZLOOM_OK);
    assert_true (items > 0 && items < 1000);
    assert_int_equal (s_take (self, items + 3), items);
    assert_int_equal (s_stats (self).pending, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_deferred_calls_are_answered_each_with_its_own),
        SETTING_TEST (test_params_of_a_deferred_call_stay, "tcp"),
        SETTING_TEST (test_a_handler_may_defer_and_answer_in_one, "tcp"),
        SETTING_TEST (test_a_call_in_a_worker_thread_cannot_be_deferred, "inproc"),
        SETTING_TEST (test_an_answer_to_a_caller_that_has_left_is_dropped_and_counted, "ipc"),
        SETTING_TEST_EVERYWHERE (test_watchers_learn_that_the_server_is_destroyed),
        SETTING_TEST (test_a_watcher_may_answer_when_the_server_is_destroyed, "tcp"),
        SETTING_TEST (test_answers_wait_for_room_and_none_is_lost, "ipc"),
        SETTING_TEST (test_deferred_answers_wait_for_room_and_none_is_lost, "ipc"),
        SETTING_TEST (test_what_is_beyond_the_bound_is_refused_or_counted, "ipc"),
        SETTING_TEST (test_a_server_can_be_destroyed_with_answers_that_wait, "ipc"),
        SETTING_TEST (test_a_stream_that_found_no_room_can_be_ended, "ipc"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
