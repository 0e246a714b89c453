//  In somebody else's loop: poll(2) on one level-triggered descriptor, and
//  `process` that never waits. Nothing may be missed: a loop that turns only
//  when the descriptor says so completes everything, and on time.

#include "support/setting.h"

#include <poll.h>
#include <stdio.h>

enum { BOUND_MS = 20000, MANY = 10000 };

//  Wait until it is readable. Fails the test when it never is.
static void s_await_readable (int fd)
{
    struct pollfd item = {fd, POLLIN, 0};
    assert_int_equal (poll (&item, 1, BOUND_MS), 1);
}

static bool s_is_readable (int fd)
{
    struct pollfd item = {fd, POLLIN, 0};
    return poll (&item, 1, 0) == 1;
}

//  Process when, and only when, the descriptor is readable.
static void s_turn_client (setting_t *self)
{
    s_await_readable (zloom_client_descriptor (self->client));
    assert_ok (self->client, zloom_client_process (self->client, 0));
}

static void s_turn_until (setting_t *self, const outcome_t *outcome, unsigned ends)
{
    while (outcome->ends < ends)
        s_turn_client (self);
}

//  Turn as often as it asks for, until it asks no more: it does not spin.
static void s_come_to_rest (setting_t *self)
{
    unsigned turns = 0;
    while (s_is_readable (zloom_client_descriptor (self->client))) {
        assert_ok (self->client, zloom_client_process (self->client, 0));
        assert_true (++turns < 1000);
    }
}

//  A send of libzmq takes note of what has come only when it has not done so
//  for about a millisecond.
static void s_let_libzmq_look (void)
{
    zloom_time_t until = zloom_time_now () + 3 * ZLOOM_MSEC;
    while (zloom_time_now () < until)
        ;
}

// ---- A client in a loop -------------------------------------------------------------

static zloom_client_options_t s_quiet (void)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.beat_ms = 0;
    return options;
}

static void test_ten_thousand_calls_need_no_other_wake_up (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    zloom_client_options_t options = s_quiet ();
    self->client = setting_client (self->endpoint, &options);
    assert_int_not_equal (zloom_client_descriptor (self->client), -1);
    outcome_t outcome = {0};
    for (int i = 0; i < MANY; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "add", "ii", i, 1));
    s_turn_until (self, &outcome, MANY);
    assert_int_equal (outcome.ok, MANY);
    s_come_to_rest (self);
}

//  One after the other: each reply wakes the loop by itself.
static void test_each_reply_wakes_the_loop (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    zloom_client_options_t options = s_quiet ();
    self->client = setting_client (self->endpoint, &options);
    zloom_client_descriptor (self->client);
    outcome_t outcome = {0};
    for (int i = 0; i < 3000; i++) {
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "add", "ii", i, 1));
        s_turn_until (self, &outcome, (unsigned) i + 1);
    }
    assert_int_equal (outcome.ok, 3000);
}

//  Sends of all kinds between the turns read what libzmq signals; a reply that
//  came meanwhile must still be told.
static void test_sends_between_turns_swallow_no_wake_up (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    zloom_client_options_t options = s_quiet ();
    self->client = setting_client (self->endpoint, &options);
    zloom_client_descriptor (self->client);
    outcome_t first = {0}, outcome = {0};
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &first, "echo", ""));
    s_turn_until (self, &first, 1);
    for (unsigned i = 1; i <= 50; i++) {
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "note", "i", (int) i));
        //  Its reply is on its way, or here, when this is sent.
        service_await (&self->service, SERVICE_NOTED, 2 * i - 1);
        s_let_libzmq_look ();
        assert_ok (self->client, zloom_client_notify (self->client, "note", "i", 1));
        service_await (&self->service, SERVICE_NOTED, 2 * i);
        s_turn_until (self, &outcome, i);
    }
}

static void test_deadlines_wake_the_loop (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    zloom_client_options_t options = s_quiet ();
    self->client = setting_client (self->endpoint, &options);
    zloom_client_descriptor (self->client);
    outcome_t outcome = {0};
    for (unsigned i = 0; i < 20; i++) {
        const zloom_call_options_t short_time = {.timeout_ms = 20 + 5 * i};
        assert_ok (self->client, zloom_client_start (self->client, NULL, &short_time, outcome_take,
                                                     &outcome, "later", ""));
    }
    zloom_time_t began = zloom_time_now ();
    unsigned turns = 0;
    for (; outcome.ends < 20; turns++)
        s_turn_client (self);
    int64_t elapsed = (zloom_time_now () - began) / ZLOOM_MSEC;
    assert_int_equal (outcome.error.reason, ZLOOM_REASON_DEADLINE);
    assert_true (elapsed >= 110 && elapsed < 10000);
    //  It slept in between.
    assert_true (turns < 200);
    s_come_to_rest (self);
}

static void test_connections_that_come_and_go_wake_the_loop (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quiet ();
    options.reconnect_min_ms = 5;
    options.reconnect_max_ms = 20;
    self->client = setting_client (self->endpoint, &options);
    zloom_client_descriptor (self->client);
    for (unsigned i = 1; i <= 3; i++) {
        outcome_t lost = {0}, outcome = {0};
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "add", "ii", 1, 2));
        setting_serve (self, NULL);
        s_turn_until (self, &outcome, 1);
        assert_int_equal (outcome.ok, 1);
        assert_ok (self->client,
                   zloom_client_start (self->client, NULL, NULL, outcome_take, &lost, "later", ""));
        service_await (&self->service, SERVICE_DEFERRED, 1);
        service_destroy (&self->service);
        s_turn_until (self, &lost, 1);
        assert_int_equal (lost.error.reason, ZLOOM_REASON_CONNECTION_LOST);
    }
}

static void test_a_client_at_rest_is_not_readable (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quiet ();
    setting_serve (self, NULL);
    setting_connect (self, &options);
    int fd = zloom_client_descriptor (self->client);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    assert_int_equal (zloom_client_descriptor (self->client), fd);
    s_come_to_rest (self);
    assert_false (s_is_readable (fd));
}

//  Level-triggered: who does not process is told again.
static void test_the_descriptor_stays_readable_until_it_is_processed (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_client_options_t options = s_quiet ();
    setting_serve (self, NULL);
    setting_connect (self, &options);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    int fd = zloom_client_descriptor (self->client);
    s_come_to_rest (self);
    outcome_t outcome = {0};
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome,
                                                 "add", "ii", 1, 2));
    s_await_readable (fd);
    for (int i = 0; i < 10; i++)
        assert_true (s_is_readable (fd));
    s_turn_until (self, &outcome, 1);
    s_come_to_rest (self);
}

// ---- A server in a loop -------------------------------------------------------------

//  The client has a thread of its own here.
typedef struct {
    const char *endpoint;
    int calls;
    bool uses_deferred;
    unsigned failed;
} caller_t;

static void *s_call_often (void *argument)
{
    caller_t *self = (caller_t *) argument;
    zloom_client_t *client = engines_client_new (self->endpoint, NULL, NULL);
    for (int i = 0; i < self->calls; i++) {
        int value = -1, wanted = self->uses_deferred ? i : i + 1;
        zloom_code_t code = self->uses_deferred ? zloom_client_call (client, "later", "i", i)
                                                : zloom_client_call (client, "add", "ii", i, 1);
        if (code || zloom_client_result (client, "i", &value) || value != wanted)
            self->failed++;
    }
    zloom_client_notify (client, "note", "i", 0);
    zloom_client_destroy (&client);
    return NULL;
}

static void s_turn_server (service_t *service)
{
    s_await_readable (zloom_server_descriptor (service->server));
    assert_int_equal (zloom_server_process (service->server, 0), ZLOOM_OK);
}

static void s_check_server (setting_t *self, uint32_t workers, bool uses_deferred)
{
    zloom_server_options_t options = service_usual;
    options.workers = workers;
    service_new (&self->service, self->endpoint, &options);
    zloom_server_descriptor (self->service.server);
    caller_t caller = {self->endpoint, 500, uses_deferred, 0};
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_call_often, &caller), 0);
    while (service_count (&self->service, SERVICE_NOTED) == 0) {
        s_turn_server (&self->service);
        //  As a program does that answers from its own loop.
        service_answer (&self->service, 1);
    }
    pthread_join (thread, NULL);
    assert_int_equal (caller.failed, 0);
}

static void test_a_server_serves_from_a_loop (void **state)
{
    s_check_server ((setting_t *) *state, 0, false);
}

static void test_a_server_with_workers_serves_from_a_loop (void **state)
{
    s_check_server ((setting_t *) *state, 2, false);
}

static void test_a_server_answers_deferred_calls_from_a_loop (void **state)
{
    s_check_server ((setting_t *) *state, 0, true);
}

//  Process when the descriptor says so, until the caller has something.
static zloom__message_t s_serve_until_reply (setting_t *self)
{
    int fd = zloom_server_descriptor (self->service.server);
    zmq_pollitem_t items[] = {{self->raw.socket, 0, ZMQ_POLLIN, 0}, {NULL, fd, ZMQ_POLLIN, 0}};
    while (!items[0].revents) {
        assert_true (zmq_poll (items, 2, BOUND_MS) > 0);
        if (items[1].revents)
            assert_int_equal (zloom_server_process (self->service.server, 0), ZLOOM_OK);
    }
    return raw_expect (&self->raw, ZLOOM__RESPONSE);
}

//  An answer that is sent between turns reads what libzmq signals; a request
//  that came meanwhile must still be told.
static void test_answers_between_turns_swallow_no_wake_up (void **state)
{
    setting_t *self = (setting_t *) *state;
    service_new (&self->service, self->endpoint, NULL);
    int fd = zloom_server_descriptor (self->service.server);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    for (unsigned i = 0; i < 50; i++) {
        raw_send (&self->raw, "[uus[u]]", 0u, 2 * i, "later", i);
        while (self->service.deferred_count == 0)
            s_turn_server (&self->service);
        while (s_is_readable (fd))
            zloom_server_process (self->service.server, 0);
        //  The next request has arrived when the answer to the first is given.
        raw_send (&self->raw, "[uus[u]]", 0u, 2 * i + 1, "echo", i);
        s_await_readable (fd);
        s_let_libzmq_look ();
        service_answer (&self->service, 1);
        assert_true (s_is_readable (fd));
        assert_int_equal (raw_expect (&self->raw, ZLOOM__RESPONSE).id, 2 * i);
        assert_int_equal (s_serve_until_reply (self).id, 2 * i + 1);
    }
}

static void test_stop_and_deadlines_wake_a_servers_loop (void **state)
{
    setting_t *self = (setting_t *) *state;
    service_new (&self->service, self->endpoint, NULL);
    int fd = zloom_server_descriptor (self->service.server);
    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    raw_send (&self->raw, "[uus[]{su}]", 0u, 1u, "later", "ttl", 30000u);
    while (service_count (&self->service, SERVICE_CANCELLED) == 0)
        s_turn_server (&self->service);
    assert_int_equal (service_count (&self->service, SERVICE_DEFERRED), 1);
    service_answer (&self->service, 1);
    while (s_is_readable (fd))
        zloom_server_process (self->service.server, 0);
    zloom_server_stop (self->service.server);
    s_await_readable (fd);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_ten_thousand_calls_need_no_other_wake_up),
        SETTING_TEST_EVERYWHERE (test_each_reply_wakes_the_loop),
        SETTING_TEST_EVERYWHERE (test_sends_between_turns_swallow_no_wake_up),
        SETTING_TEST_EVERYWHERE (test_deadlines_wake_the_loop),
        SETTING_TEST_EVERYWHERE (test_connections_that_come_and_go_wake_the_loop),
        SETTING_TEST_EVERYWHERE (test_a_client_at_rest_is_not_readable),
        SETTING_TEST (test_the_descriptor_stays_readable_until_it_is_processed, "tcp"),
        SETTING_TEST_EVERYWHERE (test_a_server_serves_from_a_loop),
        SETTING_TEST_EVERYWHERE (test_a_server_with_workers_serves_from_a_loop),
        SETTING_TEST_EVERYWHERE (test_a_server_answers_deferred_calls_from_a_loop),
        SETTING_TEST (test_answers_between_turns_swallow_no_wake_up, "tcp"),
        SETTING_TEST (test_answers_between_turns_swallow_no_wake_up, "ipc"),
        SETTING_TEST (test_stop_and_deadlines_wake_a_servers_loop, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
