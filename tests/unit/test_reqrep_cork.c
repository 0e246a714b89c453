//  Corks: what is held back, until when, and what a cork may not hold back.

#include "support/setting.h"

enum { CALLS = 10, A_WHILE_MS = 50 };

static void s_serve_raw (setting_t *self)
{
    raw_new (&self->raw, ZMQ_ROUTER, NULL);
    raw_bind (&self->raw, self->endpoint);
    setting_connect (self, NULL);
}

static void s_start (setting_t *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_ok (self->client,
                   zloom_client_start (self->client, NULL, NULL, NULL, NULL, "method", "u", i));
}

//  libzmq sends when it likes to.
static void s_assert_held_back (setting_t *self)
{
    if (engines_client_is_direct (self->endpoint))
        assert_false (raw_receive_within (&self->raw, A_WHILE_MS));
}

static void s_expect (setting_t *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned number;
        zloom__message_t request = raw_expect (&self->raw, ZLOOM__REQUEST);
        assert_true (raw_read (&self->raw, request.params, "[u]", &number));
        assert_int_equal (number, i);
    }
    assert_false (raw_receive_within (&self->raw, 0));
}

static void test_what_is_started_leaves_at_once_without_a_cork (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_raw (self);
    s_start (self, 1);
    s_expect (self, 1);
}

static void test_what_is_corked_leaves_with_the_last_uncork (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_raw (self);
    assert_ok (self->client, zloom_client_cork (self->client));
    assert_ok (self->client, zloom_client_cork (self->client));
    s_start (self, CALLS);
    s_assert_held_back (self);
    assert_ok (self->client, zloom_client_uncork (self->client));
    s_assert_held_back (self);
    assert_ok (self->client, zloom_client_uncork (self->client));
    s_expect (self, CALLS);
    //  And after it nothing is held back.
    s_start (self, 1);
    s_expect (self, 1);
}

static void test_notifications_are_held_back_too (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_raw (self);
    assert_ok (self->client, zloom_client_cork (self->client));
    for (int i = 0; i < CALLS; i++)
        assert_ok (self->client, zloom_client_notify (self->client, "note", "i", i));
    s_assert_held_back (self);
    assert_ok (self->client, zloom_client_uncork (self->client));
    for (int i = 0; i < CALLS; i++)
        raw_expect (&self->raw, ZLOOM__NOTIFICATION);
}

static void test_much_that_has_gathered_leaves_in_spite_of_a_cork (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t payload[200000];
    s_serve_raw (self);
    assert_ok (self->client, zloom_client_cork (self->client));
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, NULL, NULL, "method",
                                                 "b", payload, sizeof payload));
    raw_expect (&self->raw, ZLOOM__REQUEST);
    assert_ok (self->client, zloom_client_uncork (self->client));
}

//  Nothing would ever come back otherwise.
static void test_a_cork_does_not_hold_up_who_waits (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_call_id_t id;
    int sum;
    assert_ok (self->client, zloom_client_cork (self->client));
    assert_ok (self->client, zloom_client_call (self->client, "add", "ii", 1, 2));
    assert_ok (self->client,
               zloom_client_start (self->client, &id, NULL, NULL, NULL, "add", "ii", 3, 4));
    assert_ok (self->client, zloom_client_wait (self->client, id));
    assert_ok (self->client, zloom_client_result (self->client, "i", &sum));
    assert_int_equal (sum, 7);
    outcome_t outcome = {0};
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome,
                                                 "add", "ii", 5, 6));
    assert_ok (self->client, zloom_client_drain (self->client, 20000));
    assert_int_equal (outcome.value, 11);
    assert_ok (self->client, zloom_client_uncork (self->client));
}

static void test_an_uncork_without_a_cork_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    self->client = setting_client (self->endpoint, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (zloom_client_uncork (self->client), ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (zloom_client_last_error (self->client)->reason, ZLOOM_REASON_BAD_STATE);
        assert_ok (self->client, zloom_client_cork (self->client));
        assert_ok (self->client, zloom_client_uncork (self->client));
    }
}

static void test_a_client_can_be_destroyed_while_it_is_corked (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_raw (self);
    assert_ok (self->client, zloom_client_cork (self->client));
    assert_ok (self->client, zloom_client_notify (self->client, "note", "i", 1));
    zloom_client_destroy (&self->client);
    raw_expect (&self->raw, ZLOOM__NOTIFICATION);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_what_is_started_leaves_at_once_without_a_cork, "tcp"),
        SETTING_TEST (test_what_is_started_leaves_at_once_without_a_cork, "ipc"),
        SETTING_TEST (test_what_is_corked_leaves_with_the_last_uncork, "tcp"),
        SETTING_TEST (test_what_is_corked_leaves_with_the_last_uncork, "ipc"),
        SETTING_TEST (test_notifications_are_held_back_too, "tcp"),
        SETTING_TEST (test_much_that_has_gathered_leaves_in_spite_of_a_cork, "tcp"),
        SETTING_TEST (test_much_that_has_gathered_leaves_in_spite_of_a_cork, "ipc"),
        SETTING_TEST_EVERYWHERE (test_a_cork_does_not_hold_up_who_waits),
        SETTING_TEST (test_an_uncork_without_a_cork_is_told, "tcp"),
        SETTING_TEST (test_a_client_can_be_destroyed_while_it_is_corked, "ipc"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
