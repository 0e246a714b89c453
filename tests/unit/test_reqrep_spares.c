#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reqrep/client_internal.h"
#include "reqrep/server_internal.h"
#include "support/engines.h"
#include "support/free_port.h"

//  Calls that have ended are kept, to be used again without an allocation;
//  what lies in them must not add up.

enum { CALLS = 50, LARGE = 100000, BOUND = 1000000 };

typedef struct {
    zloom_server_t *server;
    zloom_client_t *client;
    zloom_call_t *deferred[CALLS];
    int count;
    unsigned ended;
    char endpoint[64];
    uint8_t large[LARGE + 5];  //  Packed bytes
} fixture_t;

//  Answered when all have come.
static zloom_code_t s_defer (zloom_call_t *call, void *context)
{
    fixture_t *self = (fixture_t *) context;
    self->deferred[self->count++] = call;
    return zloom_call_defer (call, NULL, NULL);
}

//  The same for very many.
static zloom_code_t s_join (zloom_call_t *call, void *context)
{
    static size_t count;
    ((zloom_call_t **) context)[count++] = call;
    return zloom_call_defer (call, NULL, NULL);
}

static void s_take (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    assert_int_equal (zloom_reply_code (reply), ZLOOM_OK);
    ((fixture_t *) context)->ended++;
}

static void s_serve_within (fixture_t *self, uint32_t pending_bytes)
{
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.max_pending_bytes = pending_bytes;
    zloom_error_t error;
    self->server = engines_server_new (self->endpoint, &options, &error);
    if (!self->server)
        fail_msg ("%s", error.text);
    zloom_server_handle (self->server, "defer", NULL, NULL, s_defer, self);
}

static void s_serve (fixture_t *self)
{
    s_serve_within (self, BOUND);
}

static int s_setup (void **state)
{
    static fixture_t fixture;
    fixture = (fixture_t){.large = {0xc6, 0, LARGE >> 16, LARGE >> 8 & 255, LARGE & 255}};
    snprintf (fixture.endpoint, sizeof fixture.endpoint, "tcp://127.0.0.1:%u", free_port ());
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.timeout_ms = options.connect_timeout_ms = 20000;
    fixture.client = engines_client_new (fixture.endpoint, &options, NULL);
    *state = &fixture;
    return fixture.client ? 0 : -1;
}

static int s_teardown (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_client_destroy (&self->client);
    zloom_server_destroy (&self->server);
    return 0;
}

static void s_process (fixture_t *self)
{
    if (self->server)
        assert_int_equal (zloom_server_process (self->server, 1), ZLOOM_OK);
    assert_int_equal (zloom_client_process (self->client, 1), ZLOOM_OK);
}

static void s_answer_all (fixture_t *self)
{
    while (self->count < CALLS)
        s_process (self);
    zloom_bytes_t large = zloom_bytes (self->large, sizeof self->large);
    while (self->count)
        assert_int_equal (zloom_call_reply_bytes (self->deferred[--self->count], large), ZLOOM_OK);
}

static void test_server_bounds_what_it_keeps_for_later (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_serve (self);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal (zloom_client_start (self->client, NULL, NULL, s_take, self, "defer", ""),
                          ZLOOM_OK);
    while (self->count < CALLS)
        s_process (self);
    //  Packed into the call itself, then put into a message.
    static char text[LARGE];
    memset (text, 'x', LARGE - 1);
    while (self->count)
        assert_int_equal (zloom_call_reply (self->deferred[--self->count], "s", text), ZLOOM_OK);
    while (self->ended < CALLS)
        s_process (self);
    size_t kept = 0;
    zloom_call_t *call;
    TAILQ_FOREACH (call, &self->server->spare, queue)
    kept += call->out.capacity + call->strings.capacity;
    assert_true (kept > 0);
    assert_true (kept <= BOUND);
}

//  A crowd of calls at once does not cost memory for ever.
static void test_server_keeps_no_crowd_of_calls_for_later (void **state)
{
    enum { CROWD = 10000, KEPT_MOST = CROWD / 2 };
    static zloom_call_t *crowd[CROWD];
    fixture_t *self = (fixture_t *) *state;
    s_serve_within (self, 100 * BOUND);
    zloom_server_handle (self->server, "join", NULL, NULL, s_join, crowd);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal (zloom_client_start (self->client, NULL, NULL, s_take, self, "join", ""),
                          ZLOOM_OK);
    while (!crowd[CROWD - 1])
        s_process (self);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal (zloom_call_reply (crowd[i], ""), ZLOOM_OK);
    while (self->ended < CROWD)
        s_process (self);
    unsigned kept = 0;
    zloom_call_t *call;
    TAILQ_FOREACH (call, &self->server->spare, queue)
    kept++;
    assert_in_range (kept, 1, KEPT_MOST);
}

//  Results that have been fetched are kept until the next one is.
static void test_client_keeps_one_fetched_result_at_most (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_call_id_t ids[CALLS];
    s_serve (self);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal (zloom_client_start (self->client, &ids[i], NULL, NULL, NULL, "defer", ""),
                          ZLOOM_OK);
    s_answer_all (self);
    for (int i = 0; i < CALLS; i++) {
        //  All have arrived before the first is fetched, and the server's work is done.
        while (self->client->stats.ok < CALLS)
            s_process (self);
        assert_int_equal (zloom_client_wait (self->client, ids[i]), ZLOOM_OK);
        assert_int_equal (zloom_client_result_bytes (self->client).size, sizeof self->large);
        unsigned kept = 0;
        zloom__outgoing_t *call;
        TAILQ_FOREACH (call, &self->client->spare, queue)
        kept += call->response.release != NULL;
        assert_true (kept <= 1);
    }
}

//  Requests that had to wait for a connection.
static void test_client_bounds_what_it_keeps_for_later (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    self->client->options.max_unsent_bytes = 2 * BOUND;
    static const uint8_t head[] = {0x91};
    zloom_buffer_t params = {0};
    zloom_buffer_append (&params, head, sizeof head);
    zloom_buffer_append (&params, self->large, sizeof self->large);
    for (int round = 0; round < CALLS / 10; round++) {
        //  Ten at a time are within the bound; those of all rounds would not be.
        zloom_call_id_t ids[CALLS];
        for (int i = 0; i < 10 * (round + 1); i++) {
            zloom_bytes_t bytes =
                i < 10 * round ? zloom_bytes ("\x90", 1) : zloom_buffer_bytes (&params);
            assert_int_equal (
                zloom_client_start_bytes (self->client, &ids[i], NULL, NULL, NULL, "defer", bytes),
                ZLOOM_OK);
        }
        for (int i = 0; i < 10 * (round + 1); i++)
            zloom_client_cancel (self->client, ids[i]);
    }
    zloom_buffer_clear (&params);
    size_t kept = 0;
    zloom__outgoing_t *call;
    TAILQ_FOREACH (call, &self->client->spare, queue)
    kept += call->saved.capacity;
    assert_true (kept > 0);
    assert_true (kept <= 2 * BOUND);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_server_bounds_what_it_keeps_for_later, s_setup,
                                         s_teardown),
        cmocka_unit_test_setup_teardown (test_server_keeps_no_crowd_of_calls_for_later, s_setup,
                                         s_teardown),
        cmocka_unit_test_setup_teardown (test_client_keeps_one_fetched_result_at_most, s_setup,
                                         s_teardown),
        cmocka_unit_test_setup_teardown (test_client_bounds_what_it_keeps_for_later, s_setup,
                                         s_teardown),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
