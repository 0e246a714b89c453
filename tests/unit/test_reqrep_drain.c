//  The end of a server: what it has begun is finished, what is new is refused
//  by name, and all of that within a bounded time.

#include "support/setting.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { BOUND_MS = 20000 };

static zloom_server_options_t s_options (uint32_t workers, uint32_t drain_ms)
{
    zloom_server_options_t options = service_usual;
    options.workers = workers;
    options.drain_ms = drain_ms;
    return options;
}

static void s_open (setting_t *self, uint32_t workers, uint32_t drain_ms)
{
    zloom_server_options_t options = s_options (workers, drain_ms);
    setting_serve (self, &options);
    setting_connect (self, NULL);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void s_start (setting_t *self, outcome_t *outcome, const char *method, int value)
{
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take, outcome,
                                                 method, "i", value));
}

static zloom_server_stats_t s_stats (const setting_t *self)
{
    zloom_server_stats_t stats;
    zloom_server_stats (self->service.server, &stats);
    return stats;
}

// ---- What is pending ----------------------------------------------------------------

//  Both ends in the test's thread, which is the program that answers later.
static void s_process_until (setting_t *self, const outcome_t *outcome, unsigned ends)
{
    zloom_time_t until = zloom_time_now () + BOUND_MS * ZLOOM_MSEC;
    while (outcome->ends < ends && zloom_time_now () < until) {
        assert_int_equal (zloom_server_process (self->service.server, 1), ZLOOM_OK);
        assert_ok (self->client, zloom_client_process (self->client, 1));
    }
    assert_int_equal (outcome->ends, ends);
}

static void test_deferred_calls_end_while_new_ones_are_refused (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t deferred = {0}, refused = {0}, health = {0};
    service_new (&self->service, self->endpoint, NULL);
    self->client = setting_client (self->endpoint, NULL);
    for (int i = 1; i <= 3; i++)
        s_start (self, &deferred, "later", i);
    while (self->service.deferred_count < 3) {
        assert_int_equal (zloom_server_process (self->service.server, 1), ZLOOM_OK);
        assert_ok (self->client, zloom_client_process (self->client, 1));
    }
    char endpoint[96];
    const char *bound = service_endpoint (&self->service);
    snprintf (endpoint, sizeof endpoint, "%s", bound);

    zloom_server_drain (self->service.server);
    //  Told before the refusal comes, after which the client keeps away.
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take, &health,
                                                 "zloom.health", ""));
    s_start (self, &refused, "note", 1);
    s_process_until (self, &refused, 1);
    assert_error (&refused.error, ZLOOM_REASON_DRAINING, ZLOOM_REMOTE,
                  "the server is shutting down");
    assert_int_equal (health.ok, 1);
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 0);
    assert_int_equal (s_stats (self).pending, 3);
    assert_int_equal (s_stats (self).refused, 1);

    service_answer (&self->service, 3);
    s_process_until (self, &deferred, 3);
    assert_int_equal (deferred.ok, 3);
    assert_int_equal (s_stats (self).pending, 0);
    assert_string_equal (bound, endpoint);
    assert_string_equal (service_endpoint (&self->service), endpoint);
}

//  Calls at work in threads, and those in line for one.
static void test_calls_in_threads_end_before_run_returns (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 10 };
    outcome_t outcome = {0};
    s_open (self, 2, BOUND_MS);
    for (int i = 0; i < CALLS; i++)
        s_start (self, &outcome, "hold", i);
    assert_ok (self->client, zloom_client_call (self->client, "zloom.ping", ""));
    service_await (&self->service, SERVICE_HELD, 2);
    zloom_server_stop (self->service.server);
    service_open_gate (&self->service);
    outcome_await (&outcome, self->client, CALLS);
    assert_int_equal (outcome.ok, CALLS);
    assert_int_equal (service_stop (&self->service), ZLOOM_OK);
}

//  Requests that had arrived behind a blocked handler when the end began are
//  refused, not forgotten.
static void test_every_request_that_arrived_is_answered_or_refused (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 50 };
    outcome_t held = {0}, outcome = {0};
    s_open (self, 0, BOUND_MS);
    s_start (self, &held, "hold", 1);
    service_await (&self->service, SERVICE_HELD, 1);
    for (int i = 0; i < CALLS; i++)
        s_start (self, &outcome, "note", i);
    zloom_server_stop (self->service.server);
    service_open_gate (&self->service);
    outcome_await (&held, self->client, 1);
    assert_int_equal (held.ok, 1);
    assert_int_equal (service_stop (&self->service), ZLOOM_OK);
    outcome_await (&outcome, self->client, CALLS);
    assert_int_equal (outcome.ok, service_count (&self->service, SERVICE_NOTED));
    if (outcome.ok < CALLS)
        assert_int_equal (outcome.error.code, ZLOOM_UNAVAILABLE);
}

static void test_run_says_what_was_left_when_the_time_is_over (void **state)
{
    setting_t *self = (setting_t *) *state;
    static outcome_t outcome;  //  The client ends them after the test
    s_open (self, 0, 30);
    s_start (self, &outcome, "later", 1);
    s_start (self, &outcome, "later", 2);
    service_await (&self->service, SERVICE_DEFERRED, 2);
    zloom_time_t began = zloom_time_now ();
    assert_int_equal (service_stop (&self->service), ZLOOM_DEADLINE_EXCEEDED);
    assert_true (zloom_time_now () - began >= 30 * ZLOOM_MSEC);
    assert_error (zloom_server_last_error (self->service.server), ZLOOM_REASON_DEADLINE, ZLOOM_HERE,
                  "2 calls were still pending after 30 ms");
}

//  A handler inside a stream that nobody takes sees the end of the server's
//  patience too.
static void test_a_stream_that_stalls_does_not_hold_up_the_end (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        zloom_call_id_t id;
        bool more;
        const zloom_call_options_t stream = {.stream = true, .timeout_ms = 60000};
        zloom_server_options_t options = s_options (workers, 30);
        setting_serve (self, &options);
        setting_connect (self, NULL);
        assert_ok (self->client,
                   zloom_client_start (self->client, &id, &stream, NULL, NULL, "count", "i", 1000));
        assert_ok (self->client, zloom_client_next (self->client, id, &more));
        service_await (&self->service, SERVICE_ITEM, 64);
        zloom_time_t began = zloom_time_now ();
        //  One in a thread goes on beside `run`, until the server is destroyed.
        assert_int_equal (service_stop (&self->service),
                          workers ? ZLOOM_DEADLINE_EXCEEDED : ZLOOM_OK);
        service_destroy (&self->service);
        assert_true (zloom_time_now () - began < BOUND_MS * ZLOOM_MSEC);
        while (zloom_client_next (self->client, id, &more) == ZLOOM_OK)
            assert_true (more);
        if (!workers)
            assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_CLOSED, ZLOOM_REMOTE,
                          "the server is shutting down");
        zloom_client_destroy (&self->client);
        setting_endpoint (self, self->endpoint);
    }
}

// ---- Nothing pending ----------------------------------------------------------------

static void test_run_returns_at_once_when_nothing_is_pending (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const uint32_t drains[] = {0, BOUND_MS};
    for (int i = 0; i < 2; i++) {
        s_open (self, 0, drains[i]);
        zloom_time_t began = zloom_time_now ();
        assert_int_equal (service_stop (&self->service), ZLOOM_OK);
        assert_true (zloom_time_now () - began < BOUND_MS / 2 * ZLOOM_MSEC);
        zloom_client_destroy (&self->client);
        service_destroy (&self->service);
        setting_endpoint (self, self->endpoint);
    }
}

static void test_a_stop_before_run_is_not_lost (void **state)
{
    setting_t *self = (setting_t *) *state;
    service_new (&self->service, self->endpoint, NULL);
    zloom_server_stop (self->service.server);
    assert_int_equal (zloom_server_run (self->service.server), ZLOOM_OK);
    assert_int_equal (zloom_server_run (self->service.server), ZLOOM_OK);
}

static zloom_server_t *s_stopped_by_signal;

static void s_take_signal (int signal_number)
{
    (void) signal_number;
    zloom_server_stop (s_stopped_by_signal);
}

static void test_a_signal_handler_may_stop_the_server (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    struct sigaction action = {.sa_handler = s_take_signal}, before;
    s_stopped_by_signal = self->service.server;
    assert_int_equal (sigaction (SIGUSR1, &action, &before), 0);
    assert_int_equal (pthread_kill (self->service.thread, SIGUSR1), 0);
    pthread_join (self->service.thread, NULL);
    self->service.is_running = false;
    sigaction (SIGUSR1, &before, NULL);
    assert_int_equal (self->service.shared.run_code, ZLOOM_OK);
}

//  A signal that is not for the server does not end its waiting, nor a client's.
static void s_ignore_signal (int signal_number)
{
    (void) signal_number;
}

static void test_a_signal_does_not_end_a_wait (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    struct sigaction action = {.sa_handler = s_ignore_signal}, before;
    assert_int_equal (sigaction (SIGUSR1, &action, &before), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal (pthread_kill (self->service.thread, SIGUSR1), 0);
        assert_ok (self->client, zloom_client_call (self->client, "add", "ii", i, i));
    }
    sigaction (SIGUSR1, &before, NULL);
    assert_int_equal (service_stop (&self->service), ZLOOM_OK);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_deferred_calls_end_while_new_ones_are_refused),
        SETTING_TEST_EVERYWHERE (test_calls_in_threads_end_before_run_returns),
        SETTING_TEST_EVERYWHERE (test_every_request_that_arrived_is_answered_or_refused),
        SETTING_TEST (test_run_says_what_was_left_when_the_time_is_over, "tcp"),
        SETTING_TEST (test_a_stream_that_stalls_does_not_hold_up_the_end, "tcp"),
        SETTING_TEST_EVERYWHERE (test_run_returns_at_once_when_nothing_is_pending),
        SETTING_TEST (test_a_stop_before_run_is_not_lost, "ipc"),
        SETTING_TEST (test_a_signal_handler_may_stop_the_server, "tcp"),
        SETTING_TEST (test_a_signal_does_not_end_a_wait, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
