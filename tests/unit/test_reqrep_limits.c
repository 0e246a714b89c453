//  Bounds: every queue has one, and who meets it is told by name, at either end.

#include "support/setting.h"

#include <stdio.h>
#include <string.h>

#include "data/pack.h"

enum { BOUND_MS = 20000 };

static zloom_code_t s_start (setting_t *self, outcome_t *outcome, const char *method)
{
    return zloom_client_start (self->client, NULL, NULL, outcome_take, outcome, method, "i", 1);
}

static zloom_client_stats_t s_stats (const setting_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    return stats;
}

// ---- The client's queues ----------------------------------------------------------

static void test_calls_beyond_the_most_outstanding_are_refused_here (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (uint32_t most = 1; most <= 3; most += 2) {
        zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
        options.max_outstanding = most;
        setting_serve (self, NULL);
        self->client = setting_client (self->endpoint, &options);
        outcome_t outcome = {0};
        for (uint32_t i = 0; i < most; i++)
            assert_ok (self->client, s_start (self, &outcome, "later"));
        char text[80];
        snprintf (text, sizeof text, "%u calls are outstanding already, the most that may be",
                  most);
        assert_int_equal (s_start (self, &outcome, "echo"), ZLOOM_RESOURCE_EXHAUSTED);
        assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_QUEUE_FULL, ZLOOM_HERE,
                      text);
        while (service_count (&self->service, SERVICE_DEFERRED) < most)
            assert_ok (self->client, zloom_client_process (self->client, 1));
        assert_int_equal (zloom_client_call (self->client, "echo", ""), ZLOOM_RESOURCE_EXHAUSTED);
        assert_int_equal (s_stats (self).calls, most);
        //  When one has ended there is room for one.
        setting_answer (self, 1);
        outcome_await (&outcome, self->client, 1);
        assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
        setting_answer (self, most);
        outcome_await (&outcome, self->client, most);
        zloom_client_destroy (&self->client);
        service_destroy (&self->service);
    }
}

//  A call that has ended and was not fetched takes its place until it is.
static void test_a_call_that_is_not_fetched_takes_its_place (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.max_outstanding = 1;
    setting_serve (self, NULL);
    setting_connect (self, &options);
    zloom_call_id_t id;
    assert_ok (self->client, zloom_client_start (self->client, &id, NULL, NULL, NULL, "echo", ""));
    assert_ok (self->client, zloom_client_drain (self->client, BOUND_MS));
    assert_int_equal (s_stats (self).outstanding, 0);
    assert_int_equal (zloom_client_call (self->client, "echo", ""), ZLOOM_RESOURCE_EXHAUSTED);
    assert_ok (self->client, zloom_client_wait (self->client, id));
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void test_bytes_that_wait_for_a_connection_are_bounded (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    static char kilobyte[1024];
    memset (kilobyte, 'k', sizeof kilobyte - 1);
    options.max_unsent_bytes = 10000;
    options.connect_timeout_ms = BOUND_MS;
    options.timeout_ms = BOUND_MS;
    self->client = setting_client (self->endpoint, &options);
    outcome_t outcome = {0};
    unsigned begun = 0;
    while (
        zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome, "echo", "s", kilobyte)
        == ZLOOM_OK)
        begun++;
    assert_int_equal (begun, 9);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_QUEUE_FULL, ZLOOM_HERE,
                  "9279 bytes wait for a connection already, at most 10000 may");
    assert_int_equal (s_stats (self).unsent, 9);
    assert_int_equal (s_stats (self).calls, 9);
    //  When they have left there is room again.
    setting_serve (self, NULL);
    outcome_await (&outcome, self->client, 9);
    assert_int_equal (outcome.ok, 9);
    assert_int_equal (s_stats (self).unsent, 0);
}

//  More calls than a connection takes wait for it and go when it takes more.
static void test_calls_beyond_what_a_connection_takes_wait_their_turn (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 3000 };
    setting_open (self);
    outcome_t held = {0}, outcome = {0};
    static char payload[4000];
    memset (payload, 'p', sizeof payload - 1);
    assert_ok (self->client, s_start (self, &held, "hold"));
    service_await (&self->service, SERVICE_HELD, 1);
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "echo", "s", payload));
    assert_true (s_stats (self).unsent > 0);
    //  They cannot be more than the queues and the kernel's buffers take.
    assert_int_equal (zloom_client_drain (self->client, 20), ZLOOM_DEADLINE_EXCEEDED);
    service_open_gate (&self->service);
    outcome_await (&outcome, self->client, CALLS);
    if (outcome.ok < CALLS)
        fail_msg ("%u of %d: %s", outcome.ok, CALLS, outcome.error.text);
    assert_int_equal (s_stats (self).disconnects, 0);
}

//  On inproc a queue that is exactly full looks like a peer that has left.
static void test_a_full_queue_is_not_taken_for_a_lost_connection (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t server_options = service_usual;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    //  Large messages make short queues: 16 at each end.
    server_options.limits.max_size = options.limits.max_size = 16777216;
    for (unsigned calls = 26; calls <= 38; calls++) {
        setting_serve (self, &server_options);
        setting_connect (self, &options);
        outcome_t held = {0}, first = {0}, outcome = {0};
        assert_ok (self->client, s_start (self, &first, "later"));
        service_await (&self->service, SERVICE_DEFERRED, 1);
        assert_ok (self->client, s_start (self, &held, "hold"));
        service_await (&self->service, SERVICE_HELD, 1);
        for (unsigned i = 0; i < calls; i++)
            assert_ok (self->client, s_start (self, &outcome, "echo"));
        //  Whatever stirs, the client looks at its connection then.
        for (int turns = 0; turns < 5; turns++)
            assert_ok (self->client, zloom_client_process (self->client, 1));
        assert_int_equal (outcome.ends, 0);
        assert_int_equal (s_stats (self).disconnects, 0);
        service_open_gate (&self->service);
        outcome_await (&outcome, self->client, calls);
        assert_int_equal (outcome.ok, calls);
        setting_answer (self, 1);
        outcome_await (&first, self->client, 1);
        zloom_client_destroy (&self->client);
        service_destroy (&self->service);
        setting_endpoint (self, self->endpoint);
    }
}

static void test_notifications_that_find_no_room_are_refused (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t server_options = service_usual;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    server_options.limits.max_size = options.limits.max_size = 16777216;
    setting_serve (self, &server_options);
    setting_connect (self, &options);
    outcome_t held = {0};
    assert_ok (self->client, s_start (self, &held, "hold"));
    service_await (&self->service, SERVICE_HELD, 1);
    zloom_code_t code = ZLOOM_OK;
    unsigned sent = 0;
    while (!code && sent < 1000) {
        code = zloom_client_notify (self->client, "note", "i", 1);
        sent += code == ZLOOM_OK;
    }
    assert_int_equal (code, ZLOOM_RESOURCE_EXHAUSTED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_QUEUE_FULL, ZLOOM_HERE,
                  "the connection has no room for a notification now");
    assert_int_equal (zloom_client_notify (self->client, "note", "i", 1), ZLOOM_RESOURCE_EXHAUSTED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_QUEUE_FULL, ZLOOM_HERE,
                  "no connection has room for a notification now");
    service_open_gate (&self->service);
    outcome_await (&held, self->client, 1);
    service_await (&self->service, SERVICE_NOTED, sent);
    //  And there is room again.
    while (zloom_client_notify (self->client, "note", "i", 1))
        assert_ok (self->client, zloom_client_process (self->client, 100));
}

// ---- The server's queues ----------------------------------------------------------

static void s_check_pending (setting_t *self, uint32_t workers, const char *method,
                             service_event_t begun)
{
    zloom_server_options_t options = service_usual;
    options.workers = workers;
    options.max_pending = 3;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    outcome_t pending = {0};
    for (int i = 0; i < 3; i++)
        assert_ok (self->client, s_start (self, &pending, method));
    service_await (&self->service, begun, workers ? 1 : 3);
    assert_int_equal (zloom_client_call (self->client, "note", "i", 1), ZLOOM_RESOURCE_EXHAUSTED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_QUEUE_FULL, ZLOOM_REMOTE,
                  "3 calls are pending already; try again later");
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 0);
    //  What is built in is never refused.
    uint64_t refused;
    assert_ok (self->client, zloom_client_call (self->client, "zloom.stats", ""));
    assert_ok (self->client, zloom_client_result (self->client, "{sU}", "refused", &refused));
    assert_int_equal (refused, 1);
    service_open_gate (&self->service);
    assert_int_equal (pending.ends, workers ? pending.ok : 0);
    if (workers)
        outcome_await (&pending, self->client, 3);
    else
        zloom_client_destroy (&self->client);
}

static void test_deferred_calls_beyond_the_bound_are_refused_by_name (void **state)
{
    s_check_pending ((setting_t *) *state, 0, "later", SERVICE_DEFERRED);
}

static void test_calls_for_threads_beyond_the_bound_are_refused_by_name (void **state)
{
    s_check_pending ((setting_t *) *state, 1, "hold", SERVICE_HELD);
}

//  Whatever is sent at a server with narrow bounds, every call ends, and none
//  of them twice.
static void test_under_a_flood_every_call_is_answered_or_refused (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 5000 };
    zloom_server_options_t options = service_usual;
    options.workers = 2;
    options.max_pending = 10;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    outcome_t outcome = {0};
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client, s_start (self, &outcome, "note"));
    outcome_await (&outcome, self->client, CALLS);
    assert_int_equal (outcome.ends, CALLS);
    assert_int_equal (s_stats (self).disconnects, 0);
    assert_int_equal (outcome.ok, service_count (&self->service, SERVICE_NOTED));
    uint64_t refused, begun;
    unsigned most;
    assert_ok (self->client, zloom_client_call (self->client, "zloom.stats", ""));
    assert_ok (self->client,
               zloom_client_result (self->client, "{sUsus{s{sU}}}", "refused", &refused,
                                    "max_pending_seen", &most, "methods", "note", "calls", &begun));
    assert_int_equal (begun, outcome.ok);
    assert_int_equal (refused + outcome.ok, CALLS);
    assert_true (most <= 10);
}

static void test_bytes_that_pending_calls_hold_are_bounded (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t options = service_usual;
    options.max_pending_bytes = 100000;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    static uint8_t payload[40000];
    outcome_t outcomes[4] = {{0}};
    for (int i = 0; i < 4; i++)
        assert_ok (self->client,
                   zloom_client_start (self->client, NULL, NULL, outcome_take, &outcomes[i],
                                       "later", "b", payload, sizeof payload));
    outcome_await (&outcomes[2], self->client, 1);
    outcome_await (&outcomes[3], self->client, 1);
    assert_error (&outcomes[3].error, ZLOOM_REASON_QUEUE_FULL, ZLOOM_REMOTE,
                  "2 calls are pending already; try again later");
    setting_answer (self, 2);
    outcome_await (&outcomes[1], self->client, 1);
    assert_int_equal (outcomes[0].ok + outcomes[1].ok, 2);
}

// ---- Sizes ------------------------------------------------------------------------

enum { SMALL = 4096 };

static void test_params_that_are_too_large_are_refused_here (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t payload[SMALL];
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.limits.max_size = SMALL;
    setting_serve (self, NULL);
    setting_connect (self, &options);
    assert_int_equal (zloom_client_call (self->client, "note", "b", payload, sizeof payload),
                      ZLOOM_RESOURCE_EXHAUSTED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_OVERSIZE, ZLOOM_HERE,
                  "the params have 4100 bytes; a message may have 4096 in all");
    assert_int_equal (zloom_client_notify (self->client, "note", "b", payload, sizeof payload),
                      ZLOOM_RESOURCE_EXHAUSTED);
    assert_int_equal (zloom_client_last_error (self->client)->reason, ZLOOM_REASON_OVERSIZE);
    assert_int_equal (s_stats (self).calls, 0);
    //  What fits goes, in every size up to the bound.
    for (size_t size = SMALL - 200; size <= SMALL; size++) {
        zloom_code_t code = zloom_client_call (self->client, "about", "b", payload, size);
        if (code)
            assert_int_equal (zloom_client_last_error (self->client)->origin, ZLOOM_HERE);
    }
}

//  Headers count too: what the other end would refuse is not sent.
static void test_headers_count_towards_the_size (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t payload[SMALL], value[1500];
    zloom_server_options_t server_options = service_usual;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    server_options.limits.max_size = options.limits.max_size = SMALL;
    setting_serve (self, &server_options);
    setting_connect (self, &options);
    zloom_buffer_t headers = {0};
    assert_int_equal (zloom_pack (&headers, NULL, "{sb}", "large", value, sizeof value), ZLOOM_OK);
    const zloom_call_options_t call = {.headers = zloom_buffer_bytes (&headers)};
    for (size_t size = 2300; size <= 2700; size += 10) {
        zloom_code_t code =
            zloom_client_call_with (self->client, &call, "about", "b", payload, size);
        const zloom_error_t *error = zloom_client_last_error (self->client);
        if (code && (error->reason != ZLOOM_REASON_OVERSIZE || error->origin != ZLOOM_HERE))
            fail_msg ("%zu bytes: %s", size, error->text);
        assert_true (code || size < 2600);
    }
    zloom_buffer_clear (&headers);
}

static void test_a_request_that_is_too_large_is_refused_by_name_there (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t payload[SMALL];
    zloom_server_options_t options = service_usual;
    options.limits.max_size = SMALL;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    assert_int_equal (zloom_client_call (self->client, "echo", "b", payload, sizeof payload),
                      ZLOOM_RESOURCE_EXHAUSTED);
    assert_error_like (zloom_client_last_error (self->client), ZLOOM_REASON_OVERSIZE, ZLOOM_REMOTE,
                       "bytes, where at most 4096 are allowed");
    assert_int_equal (s_stats (self).disconnects, 0);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void test_a_result_that_is_too_large_is_told_to_both (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t payload[SMALL - 100];
    zloom_server_options_t options = service_usual;
    options.limits.max_size = SMALL;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        options.workers = workers;
        setting_serve (self, &options);
        setting_connect (self, NULL);
        assert_ok (self->client,
                   zloom_client_call (self->client, "twice", "b", payload, (size_t) 1000));
        assert_int_equal (zloom_client_call (self->client, "twice", "b", payload, sizeof payload),
                          ZLOOM_RESOURCE_EXHAUSTED);
        assert_error_like (zloom_client_last_error (self->client), ZLOOM_REASON_OVERSIZE,
                           ZLOOM_REMOTE, "bytes; a message may have 4096");
        zloom_client_destroy (&self->client);
        service_destroy (&self->service);
        setting_endpoint (self, self->endpoint);
    }
}

//  A reply above the client's own limit ends its call, and no more.
static void test_a_reply_above_the_clients_limit_ends_the_call (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t payload[SMALL];
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.limits.max_size = SMALL;
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    setting_connect (self, &options);
    zloom_call_id_t id;
    assert_ok (self->client, zloom_client_start (self->client, &id, NULL, NULL, NULL, "large", ""));
    uint64_t wire_id = raw_expect (&self->raw, ZLOOM__REQUEST).id;
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUnb]", 1u, wire_id, payload, sizeof payload);
    assert_int_equal (zloom_client_wait (self->client, id), ZLOOM_RESOURCE_EXHAUSTED);
    assert_error_like (zloom_client_last_error (self->client), ZLOOM_REASON_OVERSIZE, ZLOOM_HERE,
                       zloom_reason_text (ZLOOM_REASON_OVERSIZE));
    assert_int_equal (s_stats (self).malformed, 1);
    assert_int_equal (s_stats (self).disconnects, 0);
}

static void test_params_that_are_too_deep_are_refused_here (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    //  Arrays in arrays: 16 are allowed, the one of the params among them.
    uint8_t nested[18];
    memset (nested, 0x91, sizeof nested);
    nested[15] = 0xc0;
    assert_ok (self->client,
               zloom_client_call_bytes (self->client, NULL, "echo", zloom_bytes (nested, 16)));
    nested[15] = 0x91;
    nested[17] = 0xc0;
    assert_int_equal (
        zloom_client_call_bytes (self->client, NULL, "echo", zloom_bytes (nested, 18)),
        ZLOOM_RESOURCE_EXHAUSTED);
    assert_error_like (zloom_client_last_error (self->client), ZLOOM_REASON_OVERSIZE, ZLOOM_HERE,
                       "params: ");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_calls_beyond_the_most_outstanding_are_refused_here),
        SETTING_TEST (test_a_call_that_is_not_fetched_takes_its_place, "tcp"),
        SETTING_TEST (test_bytes_that_wait_for_a_connection_are_bounded, "tcp"),
        SETTING_TEST_EVERYWHERE (test_calls_beyond_what_a_connection_takes_wait_their_turn),
        SETTING_TEST_EVERYWHERE (test_a_full_queue_is_not_taken_for_a_lost_connection),
        SETTING_TEST (test_notifications_that_find_no_room_are_refused, "inproc"),
        SETTING_TEST_EVERYWHERE (test_deferred_calls_beyond_the_bound_are_refused_by_name),
        SETTING_TEST (test_calls_for_threads_beyond_the_bound_are_refused_by_name, "tcp"),
        SETTING_TEST_EVERYWHERE (test_under_a_flood_every_call_is_answered_or_refused),
        SETTING_TEST (test_bytes_that_pending_calls_hold_are_bounded, "tcp"),
        SETTING_TEST (test_params_that_are_too_large_are_refused_here, "tcp"),
        SETTING_TEST (test_headers_count_towards_the_size, "tcp"),
        SETTING_TEST (test_a_request_that_is_too_large_is_refused_by_name_there, "tcp"),
        SETTING_TEST (test_a_result_that_is_too_large_is_told_to_both, "ipc"),
        SETTING_TEST (test_a_reply_above_the_clients_limit_ends_the_call, "tcp"),
        SETTING_TEST (test_params_that_are_too_deep_are_refused_here, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
