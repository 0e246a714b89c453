//  Calls: waited for, with a callback, many at once, notifications.

#include "support/setting.h"

#include <string.h>

enum { MANY = 10000 };

// ---- Synchronous ----------------------------------------------------------------

static void test_call_waits_for_its_result (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    int64_t sum;
    for (int64_t i = 0; i < 1000; i++) {
        assert_ok (self->client, zloom_client_call (self->client, "add", "II", i, (int64_t) 7));
        assert_ok (self->client, zloom_client_result (self->client, "I", &sum));
        assert_int_equal (sum, i + 7);
    }
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.calls, 1000);
    assert_int_equal (stats.ok, 1000);
    assert_int_equal (stats.failed, 0);
    assert_int_equal (stats.outstanding, 0);
    assert_int_equal (stats.present, 1);
    assert_int_equal (stats.connects, 1);
    assert_int_equal (stats.disconnects, 0);
}

static void test_values_of_every_size_come_back_whole (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    static uint8_t sent[1000000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t) (i * 7 + i / 251);
    static const size_t sizes[] = {0,  1,   15,  20,   21,   22,    23,    24,    25, 26,
                                   27, 28,  29,  30,   31,   32,    33,    34,    35, 36,
                                   64, 255, 256, 8191, 8192, 65535, 65536, 999999};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const void *data;
        size_t size;
        assert_ok (self->client, zloom_client_call (self->client, "echo", "b", sent, sizes[i]));
        assert_ok (self->client, zloom_client_result (self->client, "[b]", &data, &size));
        assert_int_equal (size, sizes[i]);
        assert_memory_equal (data, sent, size);
    }
}

static void test_params_and_results_can_be_packed_already (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    static const uint8_t params[] = {0x93, 0x01, 0xa1, 'x', 0x81, 0xa1, 'k', 0xc0};
    assert_ok (self->client, zloom_client_call_bytes (self->client, NULL, "echo",
                                                      zloom_bytes (params, sizeof params)));
    zloom_bytes_t result = zloom_client_result_bytes (self->client);
    assert_int_equal (result.size, sizeof params);
    assert_memory_equal (result.data, params, sizeof params);
}

static void test_strings_of_a_result_end_in_nul (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    const char *a, *b, *none;
    assert_ok (self->client, zloom_client_call (self->client, "echo", "sss", "ab", "", NULL));
    assert_ok (self->client, zloom_client_result (self->client, "[sss]", &a, &b, &none));
    assert_string_equal (a, "ab");
    assert_string_equal (b, "");
    assert_null (none);
}

static void test_result_that_does_not_fit_the_picture_says_where (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    int64_t number;
    assert_ok (self->client, zloom_client_call (self->client, "echo", "s", "text"));
    assert_int_equal (zloom_client_result (self->client, "[I]", &number), ZLOOM_INVALID_ARGUMENT);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_BAD_PICTURE, ZLOOM_HERE,
                  "expected int, found string");
    //  It can be read again.
    const char *text;
    assert_ok (self->client, zloom_client_result (self->client, "[s]", &text));
    assert_string_equal (text, "text");
}

static void test_a_failed_call_leaves_no_result (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    assert_ok (self->client, zloom_client_call (self->client, "echo", "I", (int64_t) 1));
    assert_int_equal (zloom_client_call (self->client, "fail", "is", ZLOOM_NOT_FOUND, "gone"),
                      ZLOOM_NOT_FOUND);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE,
                  "gone");
    assert_int_equal (zloom_client_result_bytes (self->client).size, 0);
    int64_t number;
    assert_int_equal (zloom_client_result (self->client, "I", &number), ZLOOM_FAILED_PRECONDITION);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_BAD_STATE, ZLOOM_HERE,
                  "there is no result");
}

//  The bytes of a result lie where the next message will; whoever asks for
//  them after another function of the client is told, not given rubbish.
static void test_a_result_is_gone_when_the_client_went_on (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_call_id_t waited, other;
    outcome_t outcome = {0};
    assert_ok (self->client, zloom_client_start (self->client, &waited, NULL, NULL, NULL, "echo",
                                                 "s", "a result to be forgotten"));
    assert_ok (self->client, zloom_client_wait (self->client, waited));
    assert_ok (self->client, zloom_client_start (self->client, &other, NULL, outcome_take, &outcome,
                                                 "add", "ii", 1, 2));
    assert_int_equal (zloom_client_result_bytes (self->client).size, 0);
    assert_ok (self->client, zloom_client_call (self->client, "echo", "s", "another one"));
    outcome_await (&outcome, self->client, 1);
    assert_ok (self->client, zloom_client_process (self->client, 0));
    assert_int_equal (zloom_client_result_bytes (self->client).size, 0);
}

// ---- Asynchronous ---------------------------------------------------------------

static void test_start_returns_and_the_callback_gets_the_reply (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    outcome_t outcome = {0};
    zloom_call_id_t id = 0;
    assert_ok (self->client, zloom_client_start (self->client, &id, NULL, outcome_take, &outcome,
                                                 "add", "ii", 3, 4));
    assert_int_equal (outcome.ends, 0);
    assert_int_not_equal (id, 0);
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.ok, 1);
    assert_int_equal (outcome.id, id);
    assert_int_equal (outcome.value, 7);
}

static void test_wait_fetches_calls_in_any_order (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_call_id_t ids[100];
    for (int i = 0; i < 100; i++)
        assert_ok (self->client, zloom_client_start (self->client, &ids[i], NULL, NULL, NULL, "add",
                                                     "ii", i, 1000));
    for (int i = 99; i >= 0; i--) {
        int sum;
        assert_ok (self->client, zloom_client_wait (self->client, ids[i]));
        assert_ok (self->client, zloom_client_result (self->client, "i", &sum));
        assert_int_equal (sum, i + 1000);
    }
    assert_int_equal (zloom_client_wait (self->client, ids[0]), ZLOOM_FAILED_PRECONDITION);
}

static void test_next_of_a_call_without_a_stream_gives_its_end (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_call_id_t id;
    bool more = true;
    int sum;
    assert_ok (self->client,
               zloom_client_start (self->client, &id, NULL, NULL, NULL, "add", "ii", 1, 2));
    assert_ok (self->client, zloom_client_next (self->client, id, &more));
    assert_false (more);
    assert_ok (self->client, zloom_client_result (self->client, "i", &sum));
    assert_int_equal (sum, 3);
}

//  Starts calls in its callback, up to a number.
typedef struct {
    int left;
    outcome_t outcome;
} chain_t;

static void s_start_another (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    chain_t *self = (chain_t *) context;
    outcome_take (client, reply, &self->outcome);
    if (self->left-- > 0
        && zloom_client_start (client, NULL, NULL, s_start_another, self, "add", "ii", self->left,
                               0))
        self->outcome.disorder++;
}

static void test_a_callback_may_start_calls (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    chain_t chain = {.left = 100};
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, s_start_another, &chain,
                                                 "add", "ii", 0, 0));
    assert_ok (self->client, zloom_client_drain (self->client, 20000));
    assert_int_equal (chain.outcome.ok, 101);
    assert_int_equal (chain.outcome.disorder, 0);
}

//  A call first takes note of what came while the program was elsewhere; the
//  callbacks that run then have their own params.
static void test_a_callback_within_a_call_leaves_its_params_alone (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    for (int i = 0; i < 20; i++) {
        chain_t chain = {.left = 1};
        const char *text;
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, s_start_another,
                                                     &chain, "later", "i", 1));
        service_await (&self->service, SERVICE_DEFERRED, (unsigned) i + 1);
        setting_answer (self, 1);
        assert_ok (self->client, zloom_client_call (self->client, "echo", "s", "mine"));
        assert_ok (self->client, zloom_client_result (self->client, "[s]", &text));
        assert_string_equal (text, "mine");
        assert_ok (self->client, zloom_client_drain (self->client, 20000));
        assert_int_equal (chain.outcome.ok, 2);
    }
}

static void s_sum_up (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    int64_t value;
    (void) client;
    if (zloom_reply_read (reply, "I", &value) == ZLOOM_OK)
        *(int64_t *) context += value;
}

static void test_ten_thousand_calls_can_be_outstanding (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    //  All of them wait for this one.
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                 &(outcome_t){0}, "hold", "I", (int64_t) 0));
    service_await (&self->service, SERVICE_HELD, 1);
    int64_t total = 0;
    for (int64_t i = 0; i < MANY; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, s_sum_up, &total,
                                                     "add", "II", i, (int64_t) 1));
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.outstanding, MANY + 1);
    service_open_gate (&self->service);
    assert_ok (self->client, zloom_client_drain (self->client, 20000));
    assert_int_equal (total, (int64_t) MANY * (MANY + 1) / 2);
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.ok, MANY + 1);
    assert_int_equal (stats.outstanding, 0);
    assert_int_equal (stats.unsent, 0);
}

static void test_calls_without_a_callback_are_kept_until_fetched (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    enum { KEPT = 2000 };
    static zloom_call_id_t ids[KEPT];
    for (int i = 0; i < KEPT; i++)
        assert_ok (self->client,
                   zloom_client_start (self->client, &ids[i], NULL, NULL, NULL, "add", "ii", i, 1));
    assert_ok (self->client, zloom_client_drain (self->client, 20000));
    for (int i = 0; i < KEPT; i++) {
        int sum;
        assert_ok (self->client, zloom_client_wait (self->client, ids[i]));
        assert_ok (self->client, zloom_client_result (self->client, "i", &sum));
        assert_int_equal (sum, i + 1);
    }
}

static void test_drain_that_is_not_done_in_time_says_how_many_are_left (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    outcome_t outcome = {0};
    for (int i = 0; i < 3; i++)
        assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take,
                                                     &outcome, "later", ""));
    assert_int_equal (zloom_client_drain (self->client, 50), ZLOOM_DEADLINE_EXCEEDED);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_DEADLINE, ZLOOM_HERE,
                  "3 calls are outstanding still");
    service_await (&self->service, SERVICE_DEFERRED, 3);
    setting_answer (self, 3);
    assert_ok (self->client, zloom_client_drain (self->client, 20000));
    assert_int_equal (outcome.ok, 3);
}

static void test_a_call_overtakes_one_that_is_deferred (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_call_id_t slow;
    int value;
    assert_ok (self->client,
               zloom_client_start (self->client, &slow, NULL, NULL, NULL, "later", "i", 5));
    for (int i = 0; i < 10; i++)
        assert_ok (self->client, zloom_client_call (self->client, "add", "ii", i, i));
    assert_ok (self->client, zloom_client_call (self->client, "answer", "u", 1u));
    assert_ok (self->client, zloom_client_wait (self->client, slow));
    assert_ok (self->client, zloom_client_result (self->client, "i", &value));
    assert_int_equal (value, 5);
}

// ---- Notifications --------------------------------------------------------------

static void test_a_notification_arrives_and_nobody_answers (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    assert_ok (self->client, zloom_client_notify (self->client, "note", "I", (int64_t) 42));
    service_await (&self->service, SERVICE_NOTED, 1);
    assert_int_equal (service_noted (&self->service), 42);
    static const uint8_t params[] = {0x91, 0x2b};
    assert_ok (self->client, zloom_client_notify_bytes (self->client, "note",
                                                        zloom_bytes (params, sizeof params)));
    service_await (&self->service, SERVICE_NOTED, 2);
    assert_int_equal (service_noted (&self->service), 43);
    //  Nor when it is wrong in any way.
    assert_ok (self->client, zloom_client_notify (self->client, "nowhere", ""));
    assert_ok (self->client, zloom_client_notify (self->client, "note", "s", "no number"));
    assert_ok (self->client, zloom_client_notify (self->client, "mute", ""));
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));

    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.notifications, 5);
    assert_int_equal (stats.late_replies, 0);
    assert_int_equal (stats.malformed, 0);
    service_stop (&self->service);
    zloom_server_stats_t served;
    zloom_server_stats (self->service.server, &served);
    assert_int_equal (served.notifications, 5);
    assert_int_equal (served.undeliverable, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_call_waits_for_its_result),
        SETTING_TEST_EVERYWHERE (test_values_of_every_size_come_back_whole),
        SETTING_TEST (test_params_and_results_can_be_packed_already, "inproc"),
        SETTING_TEST (test_strings_of_a_result_end_in_nul, "inproc"),
        SETTING_TEST (test_result_that_does_not_fit_the_picture_says_where, "inproc"),
        SETTING_TEST (test_a_failed_call_leaves_no_result, "inproc"),
        SETTING_TEST_EVERYWHERE (test_a_result_is_gone_when_the_client_went_on),
        SETTING_TEST_EVERYWHERE (test_start_returns_and_the_callback_gets_the_reply),
        SETTING_TEST_EVERYWHERE (test_wait_fetches_calls_in_any_order),
        SETTING_TEST (test_next_of_a_call_without_a_stream_gives_its_end, "ipc"),
        SETTING_TEST (test_a_callback_may_start_calls, "tcp"),
        SETTING_TEST (test_a_callback_within_a_call_leaves_its_params_alone, "inproc"),
        SETTING_TEST_EVERYWHERE (test_ten_thousand_calls_can_be_outstanding),
        SETTING_TEST_EVERYWHERE (test_calls_without_a_callback_are_kept_until_fetched),
        SETTING_TEST (test_drain_that_is_not_done_in_time_says_how_many_are_left, "tcp"),
        SETTING_TEST_EVERYWHERE (test_a_call_overtakes_one_that_is_deferred),
        SETTING_TEST_EVERYWHERE (test_a_notification_arrives_and_nobody_answers),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
