//  Deadlines: a call ends by its own, and work that nobody waits for is not begun.

#include "support/setting.h"

static zloom_time_t s_elapsed_ms (zloom_time_t since)
{
    return (zloom_time_now () - since) / ZLOOM_MSEC;
}

//  A call that is answered too late or never, by whoever is there.
static void s_call_in_vain (setting_t *self, const char *method, uint32_t timeout_ms)
{
    const zloom_call_options_t options = {.timeout_ms = timeout_ms};
    zloom_time_t began = zloom_time_now ();
    assert_int_equal (zloom_client_call_with (self->client, &options, method, ""),
                      ZLOOM_DEADLINE_EXCEEDED);
    assert_true (s_elapsed_ms (began) >= timeout_ms);
    assert_true (s_elapsed_ms (began) < timeout_ms + 5000);
}

//  A client that knows its server, which is told the time that remains.
static void s_open (setting_t *self, const zloom_server_options_t *options)
{
    setting_serve (self, options);
    setting_connect (self, NULL);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

// ---- At the client ----------------------------------------------------------------

static void test_a_call_ends_by_its_deadline (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, NULL);
    s_call_in_vain (self, "later", 100);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_DEADLINE, ZLOOM_HERE,
                  "no reply before the deadline");
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.deadlines, 1);
    assert_int_equal (stats.failed, 1);
    assert_int_equal (stats.outstanding, 0);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void test_the_clients_own_deadline_is_the_usual_one (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.timeout_ms = 80;
    setting_connect (self, &options);
    zloom_time_t began = zloom_time_now ();
    assert_int_equal (zloom_client_call (self->client, "later", ""), ZLOOM_DEADLINE_EXCEEDED);
    assert_true (s_elapsed_ms (began) >= 80);
}

static void test_each_of_many_calls_has_its_own_deadline (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 40 };
    outcome_t outcomes[CALLS] = {{0}};
    s_open (self, NULL);
    zloom_time_t began = zloom_time_now ();
    for (unsigned i = 0; i < CALLS; i++) {
        const zloom_call_options_t options = {.timeout_ms = 20 + 5 * ((i * 7) % CALLS)};
        assert_ok (self->client, zloom_client_start (self->client, NULL, &options, outcome_take,
                                                     &outcomes[i], "later", ""));
    }
    //  They end in the order of their deadlines, none before its time.
    unsigned ended = 0;
    while (ended < CALLS) {
        assert_ok (self->client, zloom_client_process (self->client, 1000));
        zloom_time_t elapsed = s_elapsed_ms (began);
        ended = 0;
        for (unsigned i = 0; i < CALLS; i++) {
            ended += outcomes[i].ends;
            if (outcomes[i].ends)
                assert_true (elapsed >= 20 + 5 * ((i * 7) % CALLS));
        }
    }
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal (outcomes[i].ends, 1);
        assert_int_equal (outcomes[i].error.reason, ZLOOM_REASON_DEADLINE);
    }
}

//  A server made by hand answers the first call when it has ended.
static void test_a_late_reply_is_counted_and_never_delivered (void **state)
{
    setting_t *self = (setting_t *) *state;
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    setting_connect (self, NULL);
    s_call_in_vain (self, "later", 50);
    uint64_t late = raw_expect (&self->raw, ZLOOM__REQUEST).id;

    zloom_call_id_t id;
    int value;
    assert_ok (self->client, zloom_client_start (self->client, &id, NULL, NULL, NULL, "now", ""));
    zloom__message_t request = raw_expect (&self->raw, ZLOOM__REQUEST);
    assert_int_not_equal (request.id, late);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, late, 111);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, request.id, 222);
    //  One that was never sent, and one twice.
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, request.id + 1000, 333);
    assert_ok (self->client, zloom_client_wait (self->client, id));
    assert_ok (self->client, zloom_client_result (self->client, "i", &value));
    assert_int_equal (value, 222);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUni]", 1u, request.id, 444);

    zloom_client_stats_t stats = {0};
    while (stats.late_replies < 3) {
        assert_ok (self->client, zloom_client_process (self->client, 1000));
        zloom_client_stats (self->client, &stats);
    }
    assert_int_equal (stats.ok, 1);
    assert_int_equal (stats.malformed, 0);
}

// ---- At the server ----------------------------------------------------------------

static void test_the_handler_sees_the_time_that_remains (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, NULL);
    const zloom_call_options_t options = {.timeout_ms = 10000};
    int64_t remaining;
    assert_ok (self->client, zloom_client_call_with (self->client, &options, "about", ""));
    assert_ok (self->client, zloom_client_result (self->client, "{sI}", "remaining", &remaining));
    assert_true (remaining > 0);
    assert_true (remaining <= 10 * ZLOOM_SEC);
}

static void test_a_plain_callers_call_has_no_deadline (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    raw_send (&self->raw, "[uus[]]", 0u, 1u, "about");
    int64_t remaining;
    zloom__message_t reply = raw_expect (&self->raw, ZLOOM__RESPONSE);
    assert_true (raw_read (&self->raw, reply.value, "{sI}", "remaining", &remaining));
    assert_int_equal (remaining, ZLOOM_NEVER);
}

//  Calls that wait behind a handler which blocks the server; their deadlines
//  pass there.
static void s_check_expired_in_line (setting_t *self, uint32_t workers)
{
    enum { CALLS = 20 };
    outcome_t held = {0}, outcome = {0};
    zloom_server_options_t options = service_usual;
    options.workers = workers;
    s_open (self, &options);
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &held, "hold", ""));
    service_await (&self->service, SERVICE_HELD, 1);
    const zloom_call_options_t short_time = {.timeout_ms = 50};
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, &short_time, outcome_take,
                                                     &outcome, "note", "i", i));
    outcome_await (&outcome, self->client, CALLS);
    assert_int_equal (outcome.error.reason, ZLOOM_REASON_DEADLINE);
    //  When the deadline of this one has passed, all that was said of the
    //  others before is at the server. Itself, it may yet be begun.
    s_call_in_vain (self, "echo", 100);
    service_open_gate (&self->service);
    outcome_await (&held, self->client, 1);
    assert_int_equal (held.ok, 1);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 0);

    service_stop (&self->service);
    zloom_server_stats_t served;
    zloom_server_stats (self->service.server, &served);
    assert_in_range (served.expired + served.cancelled, CALLS, CALLS + 1);
    assert_int_equal (served.pending, 0);
}

static void test_calls_that_expire_behind_a_blocked_handler_are_not_begun (void **state)
{
    s_check_expired_in_line ((setting_t *) *state, 0);
}

static void test_calls_that_expire_in_line_for_a_thread_are_not_begun (void **state)
{
    s_check_expired_in_line ((setting_t *) *state, 1);
}

static void test_a_request_that_comes_with_no_time_left_is_dropped (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    raw_send (&self->raw, "[uus[u]{su}]", 0u, 1u, "note", 5u, "ttl", 0u);
    raw_send (&self->raw, "[us[u]{su}]", 2u, "note", 6u, "ttl", 0u);
    raw_send (&self->raw, "[uus[u]{su}]", 0u, 2u, "note", 7u, "ttl", 10000000u);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 2);
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 1);
    assert_int_equal (service_noted (&self->service), 7);
    service_stop (&self->service);
    zloom_server_stats_t served;
    zloom_server_stats (self->service.server, &served);
    assert_int_equal (served.expired, 2);
    assert_int_equal (served.requests, 2);
    assert_int_equal (served.notifications, 1);
    assert_int_equal (served.ok, 1);
}

static void test_the_watcher_of_a_deferred_call_learns_that_it_expired (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    raw_send (&self->raw, "[uus[]{su}]", 0u, 1u, "later", "ttl", 30000u);
    service_await (&self->service, SERVICE_CANCELLED, 1);
    //  An answer now is dropped; the next message is that to another call.
    raw_send (&self->raw, "[uus[u]]", 0u, 2u, "answer", 1u);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 2);
    service_stop (&self->service);
    zloom_server_stats_t served;
    zloom_server_stats (self->service.server, &served);
    assert_int_equal (served.expired, 1);
    assert_int_equal (served.undeliverable, 1);
    assert_int_equal (served.pending, 0);
}

static void test_the_server_bounds_the_time_for_a_call_and_says_so (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t options = service_usual;
    options.max_timeout_ms = 40;
    setting_serve (self, &options);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    //  A caller without a deadline, and one with a later one.
    raw_send (&self->raw, "[uus[]]", 0u, 1u, "later");
    raw_send (&self->raw, "[uus[]{su}]", 0u, 2u, "later", "ttl", 60000000u);
    for (int replies = 0; replies < 2; replies++) {
        zloom__message_t reply = raw_expect (&self->raw, ZLOOM__RESPONSE);
        zloom_error_t error;
        zloom__wire_read_error (reply.error, &error, NULL);
        assert_error (&error, ZLOOM_REASON_DEADLINE, ZLOOM_REMOTE,
                      "the server works on a call for 40 ms");
    }
    service_await (&self->service, SERVICE_CANCELLED, 2);
}

//  Who was not begun may try again, and is told so.
static void test_a_call_that_was_never_begun_in_that_time_is_told_so (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t options = service_usual;
    options.max_timeout_ms = 40;
    options.workers = 1;
    setting_serve (self, &options);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    raw_send (&self->raw, "[us[]]", 2u, "hold");
    service_await (&self->service, SERVICE_HELD, 1);
    raw_send (&self->raw, "[uus[u]]", 0u, 2u, "note", 5u);
    zloom_error_t error;
    zloom__wire_read_error (raw_expect (&self->raw, ZLOOM__RESPONSE).error, &error, NULL);
    assert_int_equal (error.code, ZLOOM_DEADLINE_EXCEEDED);
    service_open_gate (&self->service);
    raw_send (&self->raw, "[uus[]]", 0u, 3u, "echo");
    assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 3);
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 0);
}

static void test_an_item_after_the_deadline_is_refused (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        zloom_server_options_t options = service_usual;
        options.workers = workers;
        setting_serve (self, &options);
        raw_new (&self->raw, ZMQ_DEALER, NULL);
        raw_connect (&self->raw, self->endpoint);
        //  There is credit for one; the handler waits for more until the end.
        raw_send (&self->raw, "[uus[u]{susu}]", 0u, 1u, "count", 5u, "ttl", 50000u, "credit", 1u);
        assert_int_equal (raw_expect (&self->raw, ZLOOM__ITEM).count, 1);
        service_await (&self->service, SERVICE_REFUSED, 1);
        assert_int_equal (service_item_code (&self->service), ZLOOM_DEADLINE_EXCEEDED);
        raw_destroy (&self->raw);
        service_destroy (&self->service);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_a_call_ends_by_its_deadline),
        SETTING_TEST (test_the_clients_own_deadline_is_the_usual_one, "tcp"),
        SETTING_TEST (test_each_of_many_calls_has_its_own_deadline, "ipc"),
        SETTING_TEST (test_a_late_reply_is_counted_and_never_delivered, "tcp"),
        SETTING_TEST_EVERYWHERE (test_the_handler_sees_the_time_that_remains),
        SETTING_TEST (test_a_plain_callers_call_has_no_deadline, "tcp"),
        SETTING_TEST_EVERYWHERE (test_calls_that_expire_behind_a_blocked_handler_are_not_begun),
        SETTING_TEST_EVERYWHERE (test_calls_that_expire_in_line_for_a_thread_are_not_begun),
        SETTING_TEST (test_a_request_that_comes_with_no_time_left_is_dropped, "tcp"),
        SETTING_TEST (test_the_watcher_of_a_deferred_call_learns_that_it_expired, "ipc"),
        SETTING_TEST (test_the_server_bounds_the_time_for_a_call_and_says_so, "tcp"),
        SETTING_TEST (test_a_call_that_was_never_begun_in_that_time_is_told_so, "tcp"),
        SETTING_TEST (test_an_item_after_the_deadline_is_refused, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
