#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "net/zloom_czmq.h"
#include "reqrep/client.h"
#include "reqrep/server.h"

ZLOOM_CZMQ_ADAPT (zloom_client);
ZLOOM_CZMQ_ADAPT (zloom_server);

//  How long anything may take.
#define PATIENCE_MS 10000

typedef struct {
    zloom_server_t *server;
    zloom_client_t *client;
    zloop_t *loop;
    int replies;
    int wanted;
} party_t;

static zloom_code_t s_double (zloom_call_t *call, void *context)
{
    (void) context;
    int64_t n;
    if (zloom_call_args (call, "I", &n))
        return ZLOOM_INVALID_ARGUMENT;
    return zloom_call_reply (call, "I", 2 * n);
}

static zloom_code_t s_never_answer (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_defer (call, NULL, NULL);
}

static int s_setup (void **state)
{
    static party_t party;
    party = (party_t){.server = zloom_server_new ("inproc://party", NULL, NULL),
                      .client = zloom_client_new ("inproc://party", NULL, NULL),
                      .loop = zloop_new ()};
    *state = &party;
    return !party.server || !party.client || !party.loop
           || zloom_server_handle (party.server, "double", NULL, NULL, s_double, NULL)
           || zloom_server_handle (party.server, "silence", NULL, NULL, s_never_answer, NULL);
}

static int s_teardown (void **state)
{
    party_t *party = (party_t *) *state;
    zloop_destroy (&party->loop);
    zloom_client_destroy (&party->client);
    zloom_server_destroy (&party->server);
    return 0;
}

static void s_take (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    party_t *party = (party_t *) context;
    int64_t n;
    //  On a busy machine some are under way when the test is over.
    if (zloom_reply_error (reply)->reason == ZLOOM_REASON_CLOSED)
        return;
    if (zloom_reply_code (reply))
        fail_msg ("%s", zloom_reply_error (reply)->text);
    assert_int_equal (zloom_reply_read (reply, "I", &n), ZLOOM_OK);
    assert_int_equal (n, 42);
    party->replies++;
}

static void s_start_call (party_t *party)
{
    assert_int_equal (
        zloom_client_start (party->client, NULL, NULL, s_take, party, "double", "I", (int64_t) 21),
        ZLOOM_OK);
}

//  Every millisecond: begin another call, until all have been answered.
static int s_tick (zloop_t *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    party_t *party = (party_t *) context;
    if (party->replies >= party->wanted)
        return -1;
    s_start_call (party);
    return 0;
}

static int s_look_for_a_deadline (zloop_t *loop, int timer, void *client)
{
    (void) loop;
    (void) timer;
    zloom_client_stats_t stats;
    zloom_client_stats ((zloom_client_t *) client, &stats);
    return stats.deadlines ? -1 : 0;
}

static int s_lose_patience (zloop_t *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    (void) context;
    return -1;
}

static void test_adapter_runs_a_client_and_a_server_on_one_zloop (void **state)
{
    party_t *party = (party_t *) *state;
    party->wanted = 20;
    assert_int_equal (zloom_server_join_zloop (party->server, party->loop), 0);
    assert_int_equal (zloom_client_join_zloop (party->client, party->loop), 0);
    zloop_timer (party->loop, 1, 0, s_tick, party);
    zloop_timer (party->loop, PATIENCE_MS, 1, s_lose_patience, NULL);
    zloop_start (party->loop);
    assert_true (party->replies >= party->wanted);
}

static void test_adapter_ends_a_call_by_its_deadline_on_a_zloop (void **state)
{
    party_t *party = (party_t *) *state;
    zloom_call_id_t id;
    zloom_call_options_t options = {.timeout_ms = 50};
    assert_int_equal (zloom_client_start (party->client, &id, &options, NULL, NULL, "silence", ""),
                      ZLOOM_OK);
    assert_int_equal (zloom_server_join_zloop (party->server, party->loop), 0);
    assert_int_equal (zloom_client_join_zloop (party->client, party->loop), 0);
    zloop_timer (party->loop, 1, 0, s_look_for_a_deadline, party->client);
    zloop_timer (party->loop, PATIENCE_MS, 1, s_lose_patience, NULL);
    zloop_start (party->loop);
    zloom_client_stats_t stats;
    zloom_client_stats (party->client, &stats);
    assert_int_equal (stats.deadlines, 1);
    assert_int_equal (zloom_client_wait (party->client, id), ZLOOM_DEADLINE_EXCEEDED);
}

static void test_adapter_leaves_a_zloop (void **state)
{
    party_t *party = (party_t *) *state;
    assert_int_equal (zloom_client_join_zloop (party->client, party->loop), 0);
    assert_int_equal (zloom_server_join_zloop (party->server, party->loop), 0);
    zloom_server_leave_zloop (party->server, party->loop);
    s_start_call (party);
    zloop_timer (party->loop, 100, 1, s_lose_patience, NULL);
    zloop_start (party->loop);
    assert_int_equal (party->replies, 0);
    //  Nobody may run the callback into a party that is gone.
    while (party->replies == 0) {
        assert_int_equal (zloom_server_process (party->server, 1), ZLOOM_OK);
        assert_int_equal (zloom_client_process (party->client, 1), ZLOOM_OK);
    }
}

static void test_adapter_joins_a_zpoller (void **state)
{
    party_t *party = (party_t *) *state;
    zloom_czmq_reader_t server, client;
    zpoller_t *poller = zpoller_new (NULL, NULL);
    assert_non_null (poller);
    assert_int_equal (zloom_server_join_zpoller (party->server, poller, &server), 0);
    assert_int_equal (zloom_client_join_zpoller (party->client, poller, &client), 0);
    s_start_call (party);
    while (party->replies == 0) {
        void *which = zpoller_wait (poller, PATIENCE_MS);
        assert_true (which == &server || which == &client);
        if (which == &server)
            assert_int_equal (zloom_server_process (party->server, 0), ZLOOM_OK);
        else
            assert_int_equal (zloom_client_process (party->client, 0), ZLOOM_OK);
    }
    assert_int_equal (zpoller_remove (poller, &server), 0);
    assert_int_equal (zpoller_remove (poller, &client), 0);
    zpoller_destroy (&poller);
}

static void test_adapter_packs_a_message_and_takes_it_back (void **state)
{
    (void) state;
    const size_t counts[] = {0, 1, 15, 16, 70000};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        zmsg_t *msg = zmsg_new ();
        for (size_t i = 0; i < counts[c]; i++)
            zmsg_addmem (msg, &i, i % (sizeof i + 1));
        zloom_buffer_t buffer = {0};
        assert_int_equal (zloom_czmq_pack_msg (&buffer, msg, NULL), ZLOOM_OK);
        zmsg_t *back = zloom_czmq_msg (zloom_buffer_bytes (&buffer));
        assert_true (zmsg_eq (msg, back));
        zmsg_destroy (&back);
        zmsg_destroy (&msg);
        zloom_buffer_clear (&buffer);
    }
}

static void s_check_frame (const char *packed, const char *expected)
{
    zframe_t *frame = zloom_czmq_frame (zloom_bytes_str (packed));
    assert_true (zframe_streq (frame, expected));
    zframe_destroy (&frame);
}

static void test_adapter_makes_frames_of_strings_bytes_and_other_values (void **state)
{
    (void) state;
    s_check_frame ("\xa4text", "text");
    s_check_frame ("\xc4\x05"
                   "bytes",
                   "bytes");
    s_check_frame ("\x07", "\x07");
    s_check_frame ("\x92\x01\x02", "\x92\x01\x02");
}

static void test_adapter_makes_a_message_of_any_value (void **state)
{
    (void) state;
    zmsg_t *msg = zloom_czmq_msg (zloom_bytes_str ("\x93\xa3one\x02\x81\x03\x04"));
    assert_int_equal (zmsg_size (msg), 3);
    assert_true (zframe_streq (zmsg_first (msg), "one"));
    assert_true (zframe_streq (zmsg_next (msg), "\x02"));
    assert_true (zframe_streq (zmsg_next (msg), "\x81\x03\x04"));
    zmsg_destroy (&msg);

    msg = zloom_czmq_msg (zloom_bytes_str ("\xa5"
                                           "alone"));
    assert_int_equal (zmsg_size (msg), 1);
    assert_true (zframe_streq (zmsg_first (msg), "alone"));
    zmsg_destroy (&msg);
}

#define WITH_A_PARTY(test) cmocka_unit_test_setup_teardown (test, s_setup, s_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_PARTY (test_adapter_runs_a_client_and_a_server_on_one_zloop),
        WITH_A_PARTY (test_adapter_ends_a_call_by_its_deadline_on_a_zloop),
        WITH_A_PARTY (test_adapter_leaves_a_zloop),
        WITH_A_PARTY (test_adapter_joins_a_zpoller),
        cmocka_unit_test (test_adapter_packs_a_message_and_takes_it_back),
        cmocka_unit_test (test_adapter_makes_frames_of_strings_bytes_and_other_values),
        cmocka_unit_test (test_adapter_makes_a_message_of_any_value),
    };
    zsys_handler_set (NULL);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
