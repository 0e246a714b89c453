//  Worker threads: handlers side by side, that block, stream, and are given up.

#include "support/setting.h"

enum { WORKERS = 4 };

static void s_open (setting_t *self, uint32_t workers)
{
    zloom_server_options_t options = service_usual;
    options.workers = workers;
    setting_serve (self, &options);
    setting_connect (self, NULL);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void s_start (setting_t *self, outcome_t *outcome, const char *method, int value)
{
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take, outcome,
                                                 method, "i", value));
}

//  No handler leaves before all of them have entered.
static void test_as_many_handlers_run_at_once_as_there_are_workers (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    s_open (self, WORKERS);
    for (int i = 0; i < 3 * WORKERS; i++)
        s_start (self, &outcome, "hold", i);
    service_await (&self->service, SERVICE_HELD, WORKERS);
    //  The owner's thread is free meanwhile.
    assert_ok (self->client, zloom_client_call (self->client, "zloom.ping", ""));
    unsigned pending;
    assert_ok (self->client, zloom_client_call (self->client, "zloom.stats", ""));
    assert_ok (self->client, zloom_client_result (self->client, "{su}", "pending", &pending));
    assert_int_equal (pending, 3 * WORKERS);
    assert_int_equal (service_count (&self->service, SERVICE_HELD), WORKERS);
    assert_int_equal (outcome.ends, 0);
    service_open_gate (&self->service);
    outcome_await (&outcome, self->client, 3 * WORKERS);
    assert_int_equal (outcome.ok, 3 * WORKERS);
}

static void test_every_call_gets_its_own_answer (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { CALLS = 2000 };
    static zloom_call_id_t ids[CALLS];
    s_open (self, WORKERS);
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client, zloom_client_start (self->client, &ids[i], NULL, NULL, NULL, "add",
                                                     "ii", i, 1000000));
    for (int i = 0; i < CALLS; i++) {
        int sum;
        assert_ok (self->client, zloom_client_wait (self->client, ids[i]));
        assert_ok (self->client, zloom_client_result (self->client, "i", &sum));
        assert_int_equal (sum, i + 1000000);
    }
}

static void test_handlers_in_threads_fail_as_others_do (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_open (self, 1);
    assert_int_equal (zloom_client_call (self->client, "fail", "is", ZLOOM_ABORTED, "no"),
                      ZLOOM_ABORTED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE, "no");
    assert_int_equal (zloom_client_call (self->client, "mute", ""), ZLOOM_INTERNAL);
    assert_int_equal (zloom_client_last_error (self->client)->reason, ZLOOM_REASON_NO_ANSWER);
    assert_int_equal (zloom_client_call (self->client, "code", "i", ZLOOM_DATA_LOSS),
                      ZLOOM_DATA_LOSS);
    assert_ok (self->client, zloom_client_notify (self->client, "note", "i", 5));
    service_await (&self->service, SERVICE_NOTED, 1);
}

static void test_arguments_reach_a_thread_whole (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t sent[100000];
    s_open (self, 2);
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t) (i * 31);
    for (size_t size = 1; size < sizeof sent; size = size * 3 + 1) {
        const void *data;
        size_t got;
        assert_ok (self->client, zloom_client_call (self->client, "echo", "b", sent, size));
        assert_ok (self->client, zloom_client_result (self->client, "[b]", &data, &got));
        assert_int_equal (got, size);
        assert_memory_equal (data, sent, size);
    }
}

static void test_streams_from_threads_run_side_by_side (void **state)
{
    setting_t *self = (setting_t *) *state;
    const zloom_call_options_t stream = {.stream = true};
    outcome_t outcomes[WORKERS] = {{0}};
    s_open (self, WORKERS);
    for (int i = 0; i < WORKERS; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, &stream, outcome_take,
                                                     &outcomes[i], "count", "i", 500));
    assert_ok (self->client, zloom_client_drain (self->client, 20000));
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal (outcomes[i].ok, 1);
        assert_int_equal (outcomes[i].items, 500);
        assert_int_equal (outcomes[i].disorder, 0);
    }
}

static void test_a_stream_in_a_thread_stops_when_it_is_cancelled (void **state)
{
    setting_t *self = (setting_t *) *state;
    const zloom_call_options_t stream = {.stream = true};
    zloom_call_id_t id;
    bool more;
    s_open (self, 1);
    assert_ok (self->client,
               zloom_client_start (self->client, &id, &stream, NULL, NULL, "count", "i", 1000000));
    assert_ok (self->client, zloom_client_next (self->client, id, &more));
    assert_ok (self->client, zloom_client_cancel (self->client, id));
    service_await (&self->service, SERVICE_REFUSED, 1);
    assert_int_equal (service_item_code (&self->service), ZLOOM_CANCELLED);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

//  The handlers are told, and waited for.
static void test_a_server_is_destroyed_while_its_workers_are_busy (void **state)
{
    setting_t *self = (setting_t *) *state;
    static outcome_t outcome;
    outcome = (outcome_t){0};
    s_open (self, 2);
    const zloom_call_options_t stream = {.stream = true, .timeout_ms = 60000};
    s_start (self, &outcome, "later", 0);
    outcome_await (&outcome, self->client, 1);
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome, "endure", ""));
    zloom_call_id_t id;
    assert_ok (self->client,
               zloom_client_start (self->client, &id, &stream, NULL, NULL, "count", "i", 1000));
    for (int i = 0; i < 10; i++)
        s_start (self, &outcome, "note", i);
    service_await (&self->service, SERVICE_HELD, 1);
    service_await (&self->service, SERVICE_ITEM, 1);
    //  `run` gives up after its time; they are at work still.
    assert_int_equal (service_stop (&self->service), ZLOOM_DEADLINE_EXCEEDED);
    assert_int_equal (service_count (&self->service, SERVICE_LET_GO), 0);
    zloom_server_destroy (&self->service.server);
    assert_int_equal (service_count (&self->service, SERVICE_GIVEN_UP), 1);
    assert_int_equal (service_count (&self->service, SERVICE_LET_GO), 1);
    assert_int_equal (service_count (&self->service, SERVICE_REFUSED), 1);
    assert_int_equal (service_count (&self->service, SERVICE_NOTED), 0);
}

static void test_too_many_workers_are_refused (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t options = service_usual;
    options.workers = 1025;
    zloom_error_t error;
    assert_null (engines_server_new (self->endpoint, &options, &error));
    assert_error (&error, ZLOOM_REASON_BAD_ARGUMENT, ZLOOM_HERE,
                  "server option workers is at most 1024");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_as_many_handlers_run_at_once_as_there_are_workers),
        SETTING_TEST_EVERYWHERE (test_every_call_gets_its_own_answer),
        SETTING_TEST (test_handlers_in_threads_fail_as_others_do, "tcp"),
        SETTING_TEST (test_arguments_reach_a_thread_whole, "ipc"),
        SETTING_TEST_EVERYWHERE (test_streams_from_threads_run_side_by_side),
        SETTING_TEST_EVERYWHERE (test_a_stream_in_a_thread_stops_when_it_is_cancelled),
        SETTING_TEST_EVERYWHERE (test_a_server_is_destroyed_while_its_workers_are_busy),
        SETTING_TEST (test_too_many_workers_are_refused, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
