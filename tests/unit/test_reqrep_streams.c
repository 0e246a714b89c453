//  Streams: items in order, and never more under way than the caller allows.

#include "support/setting.h"

static const zloom_call_options_t s_stream = {.stream = true};

//  Who sends the items; each kind has its own way to wait for credit.
static const struct {
    const char *method;
    uint32_t workers;
} s_kinds[] = {{"count", 0}, {"count_later", 0}, {"count", 2}};

enum { KINDS = sizeof s_kinds / sizeof s_kinds[0] };

static void s_serve_kind (setting_t *self, int kind)
{
    zloom_server_options_t options = service_usual;
    options.workers = s_kinds[kind].workers;
    setting_serve (self, &options);
}

static void s_connect_with_credit (setting_t *self, uint32_t credit)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.stream_credit = credit;
    setting_connect (self, &options);
}

static void s_close (setting_t *self)
{
    zloom_client_destroy (&self->client);
    service_destroy (&self->service);
    setting_endpoint (self, self->endpoint);
}

// ---- Both ends ------------------------------------------------------------------

static void test_items_come_in_order_to_a_callback (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const uint32_t credits[] = {1, 2, 3, 64, 5000};
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < sizeof credits / sizeof credits[0]; i++) {
            s_serve_kind (self, kind);
            s_connect_with_credit (self, credits[i]);
            outcome_t outcome = {0};
            assert_ok (self->client,
                       zloom_client_start (self->client, NULL, &s_stream, outcome_take, &outcome,
                                           s_kinds[kind].method, "i", 1000));
            outcome_await (&outcome, self->client, 1);
            if (!outcome.ok)
                fail_msg ("%s: %s", s_kinds[kind].method, outcome.error.text);
            assert_int_equal (outcome.items, 1000);
            assert_int_equal (outcome.disorder, 0);
            assert_int_equal (outcome.value, 1000);
            s_close (self);
        }
}

static void test_next_gives_item_after_item_and_then_the_end (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        s_connect_with_credit (self, 4);
        zloom_call_id_t id;
        bool more = true;
        int64_t value;
        assert_ok (self->client, zloom_client_start (self->client, &id, &s_stream, NULL, NULL,
                                                     s_kinds[kind].method, "i", 100));
        for (int64_t i = 1; i <= 100; i++) {
            assert_ok (self->client, zloom_client_next (self->client, id, &more));
            assert_true (more);
            assert_ok (self->client, zloom_client_result (self->client, "I", &value));
            assert_int_equal (value, i);
        }
        assert_ok (self->client, zloom_client_next (self->client, id, &more));
        assert_false (more);
        assert_ok (self->client, zloom_client_result (self->client, "I", &value));
        assert_int_equal (value, 100);
        assert_int_equal (zloom_client_next (self->client, id, &more), ZLOOM_FAILED_PRECONDITION);
        s_close (self);
    }
}

static void test_call_passes_over_the_items (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        s_connect_with_credit (self, 3);
        int value;
        assert_ok (self->client, zloom_client_call_with (self->client, &s_stream,
                                                         s_kinds[kind].method, "i", 100));
        assert_ok (self->client, zloom_client_result (self->client, "i", &value));
        assert_int_equal (value, 100);
        s_close (self);
    }
}

//  Items that nobody has fetched used up the credit before anybody waited.
static void test_wait_passes_over_items_that_came_before (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        s_connect_with_credit (self, 3);
        zloom_call_id_t id;
        bool more;
        int value;
        assert_ok (self->client, zloom_client_start (self->client, &id, &s_stream, NULL, NULL,
                                                     s_kinds[kind].method, "i", 100));
        assert_ok (self->client, zloom_client_next (self->client, id, &more));
        service_await (&self->service, SERVICE_ITEM, 3);
        assert_ok (self->client, zloom_client_process (self->client, 100));
        assert_ok (self->client, zloom_client_wait (self->client, id));
        assert_ok (self->client, zloom_client_result (self->client, "i", &value));
        assert_int_equal (value, 100);
        s_close (self);
    }
}

static void test_a_consumer_that_does_not_fetch_stalls_the_producer (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        s_connect_with_credit (self, 5);
        zloom_call_id_t id;
        bool more;
        assert_ok (self->client, zloom_client_start (self->client, &id, &s_stream, NULL, NULL,
                                                     s_kinds[kind].method, "i", 100));
        //  Two fetched give no news: half of the credit is not used up.
        for (unsigned fetched = 0; fetched <= 2; fetched++) {
            if (fetched)
                assert_ok (self->client, zloom_client_next (self->client, id, &more));
            while (service_count (&self->service, SERVICE_ITEM) < 5)
                assert_ok (self->client, zloom_client_process (self->client, 1));
            for (int turns = 0; turns < 20; turns++)
                assert_ok (self->client, zloom_client_process (self->client, 1));
            assert_int_equal (service_count (&self->service, SERVICE_ITEM), 5);
        }
        //  The third does.
        assert_ok (self->client, zloom_client_next (self->client, id, &more));
        service_await (&self->service, SERVICE_ITEM, 8);
        assert_ok (self->client, zloom_client_cancel (self->client, id));
        service_await (&self->service, kind == 1 ? SERVICE_CANCELLED : SERVICE_REFUSED, 1);
        if (kind != 1)
            assert_int_equal (service_item_code (&self->service), ZLOOM_CANCELLED);
        s_close (self);
    }
}

static void test_an_empty_stream_has_only_an_end (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        s_connect_with_credit (self, 3);
        outcome_t outcome = {0};
        assert_ok (self->client, zloom_client_start (self->client, NULL, &s_stream, outcome_take,
                                                     &outcome, s_kinds[kind].method, "i", 0));
        outcome_await (&outcome, self->client, 1);
        assert_int_equal (outcome.ok, 1);
        assert_int_equal (outcome.items, 0);
        s_close (self);
    }
}

static void test_many_streams_run_side_by_side (void **state)
{
    setting_t *self = (setting_t *) *state;
    enum { STREAMS = 50, LENGTH = 40 };
    static outcome_t outcomes[STREAMS];
    for (int kind = 1; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        s_connect_with_credit (self, 4);
        for (int i = 0; i < STREAMS; i++) {
            outcomes[i] = (outcome_t){0};
            assert_ok (self->client,
                       zloom_client_start (self->client, NULL, &s_stream, outcome_take,
                                           &outcomes[i], s_kinds[kind].method, "i", LENGTH));
        }
        assert_ok (self->client, zloom_client_drain (self->client, 20000));
        for (int i = 0; i < STREAMS; i++) {
            assert_int_equal (outcomes[i].ok, 1);
            assert_int_equal (outcomes[i].items, LENGTH);
            assert_int_equal (outcomes[i].disorder, 0);
        }
        s_close (self);
    }
}

static void test_a_handler_with_a_stream_refuses_a_caller_that_takes_none (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        setting_connect (self, NULL);
        if (kind == 1) {
            //  It went on after the refusal, and answered.
            assert_ok (self->client, zloom_client_call (self->client, "count_later", "i", 3));
        } else {
            assert_int_equal (zloom_client_call (self->client, "count", "i", 3),
                              ZLOOM_FAILED_PRECONDITION);
            assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_BAD_STATE,
                          ZLOOM_REMOTE,
                          "method 'count' answers with a stream; this caller takes none");
        }
        assert_int_equal (service_item_code (&self->service), ZLOOM_FAILED_PRECONDITION);
        s_close (self);
    }
}

static void test_a_stream_can_be_asked_for_where_there_is_none (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_call_id_t id;
    bool more = true;
    int sum;
    assert_ok (self->client,
               zloom_client_start (self->client, &id, &s_stream, NULL, NULL, "add", "ii", 1, 2));
    assert_ok (self->client, zloom_client_next (self->client, id, &more));
    assert_false (more);
    assert_ok (self->client, zloom_client_result (self->client, "i", &sum));
    assert_int_equal (sum, 3);
}

// ---- The server, seen from the wire -----------------------------------------------

//  Nothing but the answer to this beat comes: no item is on its way.
static void s_expect_no_item (raw_t *raw, unsigned number)
{
    raw_send (raw, "[uu]", 8u, number);
    assert_int_equal (raw_expect (raw, ZLOOM__BEAT_ANSWER).id, number);
}

static void s_expect_items (raw_t *raw, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++) {
        unsigned value;
        zloom__message_t item = raw_expect (raw, ZLOOM__ITEM);
        assert_int_equal (item.id, 77);
        assert_int_equal (item.count, i);
        assert_true (raw_read (raw, item.value, "u", &value));
        assert_int_equal (value, i);
    }
}

static void test_the_server_sends_no_item_beyond_its_credit (void **state)
{
    setting_t *self = (setting_t *) *state;
    raw_t *raw = &self->raw;
    for (int kind = 0; kind < KINDS; kind++) {
        s_serve_kind (self, kind);
        raw_new (raw, ZMQ_DEALER, NULL);
        raw_connect (raw, self->endpoint);
        raw_send (raw, "[uus[u]{su}]", 0u, 77u, s_kinds[kind].method, 10u, "credit", 3u);
        s_expect_items (raw, 1, 3);
        s_expect_no_item (raw, 1);
        //  Credit is absolute: what is repeated or older changes nothing.
        raw_send (raw, "[uuu]", 7u, 77u, 3u);
        raw_send (raw, "[uuu]", 7u, 77u, 1u);
        //  Nor does it when it is for another call.
        raw_send (raw, "[uuu]", 7u, 78u, 100u);
        s_expect_no_item (raw, 2);
        raw_send (raw, "[uuu]", 7u, 77u, 4u);
        s_expect_items (raw, 4, 4);
        s_expect_no_item (raw, 3);
        raw_send (raw, "[uuu]", 7u, 77u, 1000u);
        s_expect_items (raw, 5, 10);
        zloom__message_t end = raw_expect (raw, ZLOOM__RESPONSE);
        assert_int_equal (end.id, 77);
        assert_int_equal (end.error.size, 0);
        raw_destroy (raw);
        s_close (self);
    }
}

// ---- The client, seen from the wire -----------------------------------------------

//  The next message to a server made by hand, while the client turns.
static zloom__message_t s_serve_next (setting_t *self, zloom__kind_t kind)
{
    zmq_pollitem_t item = {self->raw.socket, 0, ZMQ_POLLIN, 0};
    while (zmq_poll (&item, 1, 0) == 0)
        assert_ok (self->client, zloom_client_process (self->client, 10));
    return raw_expect (&self->raw, kind);
}

//  Serve by hand, as a zloom server does: answer the greeting, take the
//  request for a stream, and return its id. Without an outcome the call has
//  no callback.
static zloom_call_id_t s_begin_by_hand (setting_t *self, outcome_t *outcome)
{
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    s_connect_with_credit (self, 4);
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, &s_stream, outcome ? outcome_take : NULL,
                                   outcome, "stream", ""));
    zloom__message_t greeting = s_serve_next (self, ZLOOM__REQUEST);
    assert_true (zloom_bytes_equal (greeting.method, zloom_bytes_str ("zloom.ping")));
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUn{su}]", 1u, greeting.id, "zloom", 1u);
    zloom__message_t request = s_serve_next (self, ZLOOM__REQUEST);
    assert_true (zloom_bytes_equal (request.method, zloom_bytes_str ("stream")));
    assert_int_equal (request.headers.credit, 4);
    return request.id;
}

static void s_send_item (raw_t *raw, zloom_call_id_t id, unsigned seq)
{
    raw_send_envelope (raw);
    raw_send (raw, "[uUuu]", 6u, id, seq, seq);
}

static void test_a_stream_beyond_its_credit_ends_the_call (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_call_id_t id = s_begin_by_hand (self, NULL);
    for (unsigned seq = 1; seq <= 5; seq++)
        s_send_item (&self->raw, id, seq);
    assert_int_equal (s_serve_next (self, ZLOOM__CANCEL).id, id);
    bool more;
    for (unsigned seq = 1; seq <= 4; seq++) {
        assert_ok (self->client, zloom_client_next (self->client, id, &more));
        assert_true (more);
    }
    assert_int_equal (zloom_client_next (self->client, id, &more), ZLOOM_INVALID_ARGUMENT);
    assert_false (more);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_MALFORMED, ZLOOM_HERE,
                  zloom_reason_text (ZLOOM_REASON_MALFORMED));
    zloom_client_stats_t stats;
    zloom_client_stats (self->client, &stats);
    assert_int_equal (stats.malformed, 1);
}

static void test_a_gap_in_a_stream_ends_the_call (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    zloom_call_id_t id = s_begin_by_hand (self, &outcome);
    s_send_item (&self->raw, id, 1);
    s_send_item (&self->raw, id, 3);
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.items, 1);
    assert_int_equal (outcome.error.reason, ZLOOM_REASON_MALFORMED);
    assert_int_equal (raw_expect (&self->raw, ZLOOM__CANCEL).id, id);
}

static void test_an_item_for_a_call_that_takes_none_ends_it (void **state)
{
    setting_t *self = (setting_t *) *state;
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    setting_connect (self, NULL);
    outcome_t outcome = {0};
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome, "plain", ""));
    s_send_item (&self->raw, raw_expect (&self->raw, ZLOOM__REQUEST).id, 1);
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.items, 0);
    assert_int_equal (outcome.error.reason, ZLOOM_REASON_MALFORMED);
}

//  More is granted when half of what was granted is taken.
static void test_credit_is_granted_as_items_are_taken (void **state)
{
    setting_t *self = (setting_t *) *state;
    outcome_t outcome = {0};
    zloom_call_id_t id = s_begin_by_hand (self, &outcome);
    for (unsigned seq = 1; seq <= 2; seq++)
        s_send_item (&self->raw, id, seq);
    zloom__message_t credit = s_serve_next (self, ZLOOM__CREDIT);
    assert_int_equal (outcome.items, 2);
    assert_int_equal (credit.id, id);
    assert_int_equal (credit.count, 6);
    raw_send_envelope (&self->raw);
    raw_send (&self->raw, "[uUnu]", 1u, id, 2u);
    outcome_await (&outcome, self->client, 1);
    assert_int_equal (outcome.ok, 1);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_items_come_in_order_to_a_callback),
        SETTING_TEST_EVERYWHERE (test_next_gives_item_after_item_and_then_the_end),
        SETTING_TEST (test_call_passes_over_the_items, "tcp"),
        SETTING_TEST (test_wait_passes_over_items_that_came_before, "ipc"),
        SETTING_TEST_EVERYWHERE (test_a_consumer_that_does_not_fetch_stalls_the_producer),
        SETTING_TEST (test_an_empty_stream_has_only_an_end, "inproc"),
        SETTING_TEST_EVERYWHERE (test_many_streams_run_side_by_side),
        SETTING_TEST (test_a_handler_with_a_stream_refuses_a_caller_that_takes_none, "tcp"),
        SETTING_TEST_EVERYWHERE (test_a_stream_can_be_asked_for_where_there_is_none),
        SETTING_TEST (test_the_server_sends_no_item_beyond_its_credit, "tcp"),
        SETTING_TEST (test_a_stream_beyond_its_credit_ends_the_call, "tcp"),
        SETTING_TEST (test_a_gap_in_a_stream_ends_the_call, "tcp"),
        SETTING_TEST (test_an_item_for_a_call_that_takes_none_ends_it, "ipc"),
        SETTING_TEST (test_credit_is_granted_as_items_are_taken, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
