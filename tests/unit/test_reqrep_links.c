//  Connections that come, go and come back: lists of endpoints, restarts,
//  servers that die or fall silent.

#include "support/setting.h"

#include <signal.h>
#include <stdio.h>

enum { LONG_MS = 60000, BOUND_MS = 20000 };

//  A second service beside that of the setting.
typedef struct {
    service_t service;
    char endpoint[96];
    char both[256];  //  The list of its endpoint and the setting's, that first
} second_t;

static void s_serve_second (setting_t *self, second_t *second)
{
    setting_endpoint (self, second->endpoint);
    service_new (&second->service, second->endpoint, NULL);
    service_start (&second->service);
    snprintf (second->both, sizeof second->both, "%s, %s", self->endpoint, second->endpoint);
}

static zloom_client_options_t s_quick (void)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.timeout_ms = LONG_MS;
    options.connect_timeout_ms = LONG_MS;
    options.reconnect_min_ms = 5;
    options.reconnect_max_ms = 20;
    return options;
}

static zloom_client_stats_t s_stats (const setting_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    return stats;
}

static void s_await_present (setting_t *self, unsigned present)
{
    while (s_stats (self).present != present)
        assert_ok (self->client, zloom_client_process (self->client, 1000));
}

static void s_assert_lost (const zloom_error_t *error)
{
    assert_error (error, ZLOOM_REASON_CONNECTION_LOST, ZLOOM_HERE,
                  "the connection was lost; whether the call was worked on is not known");
    assert_int_equal (error->code, ZLOOM_UNAVAILABLE);
}

// ---- Lists ------------------------------------------------------------------------

static void test_a_list_needs_only_one_that_is_there (void **state)
{
    setting_t *self = (setting_t *) *state;
    second_t second;
    zloom_client_options_t options = s_quick ();
    s_serve_second (self, &second);
    self->client = setting_client (second.both, &options);
    for (int i = 0; i < 20; i++)
        assert_ok (self->client, zloom_client_call (self->client, "add", "ii", i, i));
    zloom_client_destroy (&self->client);
    service_destroy (&second.service);
}

static unsigned s_deferred (setting_t *self, second_t *second)
{
    return service_count (&self->service, SERVICE_DEFERRED)
           + service_count (&second->service, SERVICE_DEFERRED);
}

//  Both are used; what one does not answer does not stop the other.
static void test_calls_go_where_there_are_fewest (void **state)
{
    setting_t *self = (setting_t *) *state;
    second_t second;
    zloom_client_options_t options = s_quick ();
    setting_serve (self, NULL);
    s_serve_second (self, &second);
    self->client = setting_client (second.both, &options);
    s_await_present (self, 2);
    outcome_t outcome = {0};
    for (int i = 0; i < 10; i++) {
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "later", "i", i));
        while (s_deferred (self, &second) <= (unsigned) i && outcome.ends == 0)
            assert_ok (self->client, zloom_client_process (self->client, 1));
    }
    assert_int_equal (outcome.ends, 0);
    assert_int_equal (service_count (&self->service, SERVICE_DEFERRED), 5);
    assert_int_equal (service_count (&second.service, SERVICE_DEFERRED), 5);
    zloom_client_destroy (&self->client);
    service_destroy (&second.service);
    assert_int_equal (outcome.ends, 10);
}

static void test_calls_fail_over_when_a_server_is_destroyed (void **state)
{
    setting_t *self = (setting_t *) *state;
    second_t second;
    zloom_client_options_t options = s_quick ();
    setting_serve (self, NULL);
    s_serve_second (self, &second);
    self->client = setting_client (second.both, &options);
    assert_ok (self->client, zloom_client_wait_ready (self->client, BOUND_MS));
    s_await_present (self, 2);
    for (int i = 0; i < 100; i++) {
        if (i == 50)
            service_destroy (&self->service);
        //  What was under way at that moment may be lost, nothing after it.
        zloom_code_t code = zloom_client_call (self->client, "add", "ii", i, i);
        if (code && i == 50)
            s_assert_lost (zloom_client_last_error (self->client));
        else
            assert_ok (self->client, code);
    }
    zloom_client_destroy (&self->client);
    service_destroy (&second.service);
}

static void test_a_server_that_drains_gets_no_more_calls (void **state)
{
    setting_t *self = (setting_t *) *state;
    second_t second;
    zloom_client_options_t options = s_quick ();
    zloom_server_options_t patient = service_usual;
    patient.drain_ms = 2000;
    setting_serve (self, &patient);
    s_serve_second (self, &second);
    self->client = setting_client (second.both, &options);
    s_await_present (self, 2);
    //  The first has one that holds it up; it goes on with that.
    outcome_t held = {0};
    zloom_call_id_t held_id;
    assert_ok (self->client, zloom_client_start (self->client, &held_id, NULL, outcome_take, &held,
                                                 "later", "i", 1));
    service_await (&self->service, SERVICE_DEFERRED, 1);
    zloom_server_stop (self->service.server);
    unsigned refused = 0;
    for (int i = 0; i < 50; i++) {
        //  Two at once, so that both servers would have one.
        zloom_call_id_t ids[2];
        for (int k = 0; k < 2; k++)
            assert_ok (self->client, zloom_client_start (self->client, &ids[k], NULL, NULL, NULL,
                                                         "add", "ii", i, k));
        for (int k = 0; k < 2; k++)
            if (zloom_client_wait (self->client, ids[k])) {
                assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_DRAINING,
                              ZLOOM_REMOTE, "the server is shutting down");
                refused++;
            }
    }
    assert_true (refused <= 1);
    assert_int_equal (held.ends, 0);
    assert_ok (self->client, zloom_client_cancel (self->client, held_id));
    zloom_client_destroy (&self->client);
    service_destroy (&second.service);
}

// ---- Coming back ------------------------------------------------------------------

static void test_a_client_connects_again_when_its_server_restarts (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quick ();
    setting_serve (self, NULL);
    setting_connect (self, &options);
    for (unsigned restarts = 1; restarts <= 3; restarts++) {
        assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
        service_destroy (&self->service);
        while (s_stats (self).disconnects < restarts)
            assert_ok (self->client, zloom_client_process (self->client, 1000));
        setting_serve (self, NULL);
        assert_ok (self->client, zloom_client_wait_ready (self->client, BOUND_MS));
        assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    }
    assert_int_equal (s_stats (self).ok, 6);
}

//  Nobody told the client of the restart when it calls.
static void test_a_call_right_after_a_restart_reaches_the_new_server (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quick ();
    setting_serve (self, NULL);
    setting_connect (self, &options);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    service_destroy (&self->service);
    setting_serve (self, NULL);
    //  That the old one is gone shows at once or after the call was sent.
    if (zloom_client_call (self->client, "echo", ""))
        s_assert_lost (zloom_client_last_error (self->client));
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    assert_true (s_stats (self).disconnects >= 1);
}

//  What is known of a server is known of a connection: it is asked anew.
static void test_a_stream_works_after_a_restart (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quick ();
    const zloom_call_options_t stream = {.stream = true};
    for (unsigned restarts = 0; restarts < 3; restarts++) {
        setting_serve (self, NULL);
        if (!self->client)
            setting_connect (self, &options);
        while (s_stats (self).disconnects < restarts)
            assert_ok (self->client, zloom_client_process (self->client, 1000));
        outcome_t outcome = {0};
        assert_ok (self->client, zloom_client_start (self->client, NULL, &stream, outcome_take,
                                                     &outcome, "count", "i", 100));
        outcome_await (&outcome, self->client, 1);
        assert_int_equal (outcome.items, 100);
        service_destroy (&self->service);
    }
}

// ---- Dying ------------------------------------------------------------------------

static void test_calls_end_at_once_when_their_server_is_killed (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 50 };
    zloom_client_options_t options = s_quick ();
    outcome_t outcome = {0};
    setting_fork_server (self);
    setting_connect (self, &options);
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "later", ""));
    zloom_call_id_t waited;
    assert_ok (self->client,
               zloom_client_start (self->client, &waited, NULL, NULL, NULL, "later", ""));
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    setting_signal_server (self, SIGKILL);
    zloom_time_t began = zloom_time_now ();
    assert_int_equal (zloom_client_wait (self->client, waited), ZLOOM_UNAVAILABLE);
    s_assert_lost (zloom_client_last_error (self->client));
    outcome_await (&outcome, self->client, CALLS);
    s_assert_lost (&outcome.error);
    assert_true (zloom_time_now () - began < BOUND_MS * ZLOOM_MSEC);
    assert_int_equal (s_stats (self).lost, CALLS + 1);
    assert_int_equal (s_stats (self).present, 0);
    assert_int_equal (outcome.ok, 0);
}

static void test_a_stream_ends_when_its_server_is_killed (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quick ();
    options.stream_credit = 5;
    const zloom_call_options_t stream = {.stream = true};
    zloom_call_id_t id;
    bool more;
    setting_fork_server (self);
    setting_connect (self, &options);
    assert_ok (self->client, zloom_client_start (self->client, &id, &stream, NULL, NULL,
                                                 "count_later", "i", 1000));
    assert_ok (self->client, zloom_client_next (self->client, id, &more));
    setting_signal_server (self, SIGKILL);
    //  What had come is still given, and then the end.
    zloom_code_t code = ZLOOM_OK;
    unsigned items = 1;
    while ((code = zloom_client_next (self->client, id, &more)) == ZLOOM_OK) {
        assert_true (more);
        items++;
    }
    assert_int_equal (code, ZLOOM_UNAVAILABLE);
    s_assert_lost (zloom_client_last_error (self->client));
    assert_true (items <= 1000);
}

static void test_calls_go_on_elsewhere_when_a_server_is_killed (void **state)
{
    setting_t *self = (setting_t *) *state;
    second_t second;
    zloom_client_options_t options = s_quick ();
    setting_fork_server (self);
    s_serve_second (self, &second);
    self->client = setting_client (second.both, &options);
    s_await_present (self, 2);
    setting_signal_server (self, SIGKILL);
    s_await_present (self, 1);
    for (int i = 0; i < 20; i++)
        assert_ok (self->client, zloom_client_call (self->client, "add", "ii", i, i));
    zloom_client_destroy (&self->client);
    service_destroy (&second.service);
}

// ---- Silence ----------------------------------------------------------------------

static void test_a_silent_server_gets_no_new_calls_and_loses_none (void **state)
{
    setting_t *self = (setting_t *) *state;
    second_t second;
    zloom_client_options_t options = s_quick ();
    options.beat_ms = 10;
    setting_fork_server (self);
    s_serve_second (self, &second);
    self->client = setting_client (second.both, &options);
    s_await_present (self, 2);
    //  The first one has a call when it stops: the client knows it by then.
    outcome_t held = {0};
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &held, "later", "i", 7));
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &held, "later", "i", 7));
    service_await (&second.service, SERVICE_DEFERRED, 1);
    setting_signal_server (self, SIGSTOP);
    //  Calls that it still gets wait for it; those after some beats do not.
    unsigned noted = service_count (&second.service, SERVICE_NOTED);
    outcome_t outcome = {0};
    unsigned started = 0, in_a_row = 0;
    while (in_a_row < 20) {
        unsigned before = outcome.ends;
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "note", "i", 1));
        started++;
        for (int turns = 0; turns < 10 && outcome.ends == before; turns++)
            assert_ok (self->client, zloom_client_process (self->client, 10));
        in_a_row = outcome.ends > before ? in_a_row + 1 : 0;
    }
    assert_true (service_count (&second.service, SERVICE_NOTED) - noted >= 20);
    assert_int_equal (held.ends, 0);
    //  When it is heard of again, what it has is answered.
    setting_signal_server (self, SIGCONT);
    outcome_await (&outcome, self->client, started);
    assert_int_equal (outcome.ok, started);
    assert_int_equal (s_stats (self).disconnects, 0);
    zloom_client_destroy (&self->client);
    service_destroy (&second.service);
    assert_int_equal (held.ends, 2);
    assert_int_equal (held.error.reason, ZLOOM_REASON_CLOSED);
}

static void test_a_deadline_at_a_silent_server_says_that_it_is_silent (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quick ();
    options.beat_ms = 10;
    setting_fork_server (self);
    setting_connect (self, &options);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    setting_signal_server (self, SIGSTOP);
    const zloom_call_options_t short_time = {.timeout_ms = 300};
    assert_int_equal (zloom_client_call_with (self->client, &short_time, "echo", ""),
                      ZLOOM_DEADLINE_EXCEEDED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_DEADLINE, ZLOOM_HERE,
                  "no reply before the deadline; the server is silent");
    setting_signal_server (self, SIGCONT);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_a_list_needs_only_one_that_is_there),
        SETTING_TEST_EVERYWHERE (test_calls_go_where_there_are_fewest),
        SETTING_TEST_EVERYWHERE (test_calls_fail_over_when_a_server_is_destroyed),
        SETTING_TEST (test_a_server_that_drains_gets_no_more_calls, "tcp"),
        SETTING_TEST (test_a_server_that_drains_gets_no_more_calls, "ipc"),
        SETTING_TEST_EVERYWHERE (test_a_client_connects_again_when_its_server_restarts),
        SETTING_TEST_EVERYWHERE (test_a_call_right_after_a_restart_reaches_the_new_server),
        SETTING_TEST_EVERYWHERE (test_a_stream_works_after_a_restart),
        SETTING_TEST (test_calls_end_at_once_when_their_server_is_killed, "tcp"),
        SETTING_TEST (test_calls_end_at_once_when_their_server_is_killed, "ipc"),
        SETTING_TEST (test_a_stream_ends_when_its_server_is_killed, "tcp"),
        SETTING_TEST (test_calls_go_on_elsewhere_when_a_server_is_killed, "tcp"),
        SETTING_TEST (test_calls_go_on_elsewhere_when_a_server_is_killed, "ipc"),
        SETTING_TEST (test_a_silent_server_gets_no_new_calls_and_loses_none, "tcp"),
        SETTING_TEST (test_a_deadline_at_a_silent_server_says_that_it_is_silent, "tcp"),
        SETTING_TEST (test_a_deadline_at_a_silent_server_says_that_it_is_silent, "ipc"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
