#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/heap.h"
#include "support/port.h"
#include "support/raw.h"

//  What channels open, carry, drop and leave behind.

enum { A_WHILE_MS = 300, PATIENCE_MS = 20000 };

typedef struct {
    zloom_engine_t engine;
    port_t server, client;
    raw_t peer;
    char endpoint[64];
    char folder[32];  //  Private; "" until one is needed
} fixture_t;

static bool s_is_direct (const fixture_t *self)
{
    return self->engine != ZLOOM_ENGINE_LIBZMQ;
}

static int s_setup (void **state)
{
    static fixture_t fixture;
    fixture = (fixture_t){.engine = port_engine (state)};
    port_free_endpoint (fixture.endpoint);
    port_new (&fixture.server, fixture.engine, NULL, 0);
    port_new (&fixture.client, fixture.engine, NULL, 0);
    *state = &fixture;
    return 0;
}

static int s_teardown (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_destroy (&self->client);
    port_destroy (&self->server);
    raw_destroy (&self->peer);
    //  Fails where something was left behind.
    return self->folder[0] ? rmdir (self->folder) : 0;
}

static const char *s_ipc_endpoint (fixture_t *self)
{
    snprintf (self->folder, sizeof self->folder, "/tmp/zloom-test-XXXXXX");
    assert_non_null (mkdtemp (self->folder));
    snprintf (self->endpoint, sizeof self->endpoint, "ipc://%s/s", self->folder);
    return self->endpoint;
}

static void s_connect_raw (fixture_t *self, int type)
{
    raw_new (&self->peer, type, NULL);
    raw_connect (&self->peer, self->endpoint);
}

static void s_say (raw_t *peer, const char *text, bool more)
{
    raw_send_frame (peer, zloom_bytes_str (text), more);
}

//  ---- Opening ----------------------------------------------------------------

static zloom_reason_t s_open (port_t *port, zloom__role_t role, const char *endpoint,
                              zloom_error_t *ret_error)
{
    zloom__channel_options_t options = port_options (role, endpoint);
    zloom__channel_t channel;
    zloom_error_clear (ret_error);
    zloom_code_t code = port->port->ops->open (port->port, &options, &channel, ret_error);
    assert_int_equal (code, ret_error->code);
    return ret_error->reason;
}

static zloom_reason_t s_bind (fixture_t *self, const char *endpoint)
{
    zloom_error_t error;
    return s_open (&self->server, ZLOOM__ROLE_SERVER, endpoint, &error);
}

static void test_channel_says_where_it_is_bound (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__port_t *port = self->server.port;
    zloom__channel_t channel = port_bind (&self->server, self->endpoint);
    assert_string_equal (port->ops->endpoint (port, channel), self->endpoint);
    channel = port_bind (&self->server, "tcp://127.0.0.1:*");
    unsigned number = 0;
    assert_int_equal (sscanf (port->ops->endpoint (port, channel), "tcp://127.0.0.1:%u", &number),
                      1);
    assert_true (number > 0);
    channel = port_bind (&self->server, "inproc://here");
    assert_string_equal (port->ops->endpoint (port, channel), "inproc://here");
    channel = port_connect (&self->client, self->endpoint);
    assert_string_equal (self->client.port->ops->endpoint (self->client.port, channel),
                         self->endpoint);
}

static void test_channel_that_cannot_be_opened_says_why (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    assert_int_equal (s_bind (self, "tcp://127.0.0.1"), ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_bind (self, ""), ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_bind (self, "tcp://*:25555"), ZLOOM_REASON_INSECURE_BIND);
    assert_int_equal (s_bind (self, "ipc:///nowhere/at/all"), ZLOOM_REASON_ADDRESS);
    //  libzmq asks the network devices alone; the direct engine knows this name.
    assert_int_equal (s_open (&self->server, ZLOOM__ROLE_SERVER, "tcp://localhost:*", &error),
                      s_is_direct (self) ? ZLOOM_REASON_NONE : ZLOOM_REASON_ADDRESS);
    if (!s_is_direct (self))
        assert_non_null (strstr (error.text, "takes an address of this machine, as 127.0.0.1"));
    assert_int_equal (s_open (&self->client, ZLOOM__ROLE_CLIENT, "tcp://127.0.0.1:*", &error),
                      ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_bind (self, self->endpoint), ZLOOM_REASON_NONE);
    assert_int_equal (s_open (&self->client, ZLOOM__ROLE_SERVER, self->endpoint, &error),
                      ZLOOM_REASON_ADDRESS_IN_USE);
    assert_non_null (strstr (error.text, self->endpoint));
    assert_int_equal (s_bind (self, "inproc://once"), ZLOOM_REASON_NONE);
    assert_int_equal (s_bind (self, "inproc://once"), ZLOOM_REASON_ADDRESS_IN_USE);
}

static void test_channel_is_bound_in_public_when_that_is_said_by_name (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_SERVER, "tcp://0.0.0.0:*");
    zloom__channel_t channel;
    options.insecure_public = true;
    assert_int_equal (self->server.port->ops->open (self->server.port, &options, &channel, NULL),
                      ZLOOM_OK);
    zloom_error_t error = {0};
    options.endpoint = "tcp://no-device:*";
    self->server.port->ops->open (self->server.port, &options, &channel, &error);
    assert_int_equal (error.reason, ZLOOM_REASON_ADDRESS);
    assert_non_null (strstr (error.text, "takes an address of this machine, as 127.0.0.1"));
}

static void test_channel_claims_its_ipc_path (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    s_ipc_endpoint (self);
    assert_int_equal (s_bind (self, self->endpoint), ZLOOM_REASON_NONE);
    assert_int_equal (s_open (&self->client, ZLOOM__ROLE_SERVER, self->endpoint, &error),
                      ZLOOM_REASON_ADDRESS_IN_USE);
    port_marry (&self->client, port_connect (&self->client, self->endpoint), &self->server);
}

//  When destroy returns, whoever wants the address may have it, though the
//  context goes on and does its work in its own time.
static void test_channel_that_is_closed_has_given_its_address_back (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    char ipc[64], tcp[64];
    snprintf (tcp, sizeof tcp, "%s", self->endpoint);
    snprintf (ipc, sizeof ipc, "%s", s_ipc_endpoint (self));
    const char *const endpoints[] = {tcp, ipc, "inproc://again"};
    for (int round = 0; round < 100; round++)
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal (s_bind (self, endpoints[i]), ZLOOM_REASON_NONE);
            port_destroy (&self->server);
            port_new (&self->server, self->engine, NULL, 0);
        }
}

static void test_channel_takes_any_pause_between_tries (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->endpoint);
    zloom__channel_t channel;
    options.reconnect_min_ms = options.reconnect_max_ms = UINT32_MAX;
    assert_int_equal (self->client.port->ops->open (self->client.port, &options, &channel, NULL),
                      ZLOOM_OK);
    options = port_options (ZLOOM__ROLE_SERVER, self->endpoint);
    options.dials = true;
    options.reconnect_min_ms = options.reconnect_max_ms = UINT32_MAX;
    assert_int_equal (self->server.port->ops->open (self->server.port, &options, &channel, NULL),
                      ZLOOM_OK);
    assert_int_equal (port_next (&self->client, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
}

//  Where ::1 is the first address of localhost, libzmq with IPv6 asks nobody
//  else, and the direct engine asks there first; the server is at 127.0.0.1.
static void test_channel_finds_a_server_of_ipv4_by_name (void **state)
{
#ifdef __SANITIZE_THREAD__
    skip ();  //  It knows nothing of the thread in which the C library looks up names
#endif
    fixture_t *self = (fixture_t *) *state;
    char by_name[64];
    port_bind (&self->server, self->endpoint);
    snprintf (by_name, sizeof by_name, "tcp://localhost%s", strrchr (self->endpoint, ':'));
    port_marry (&self->client, port_connect (&self->client, by_name), &self->server);
}

static void test_channel_speaks_ipv6_in_brackets (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    zloom_reason_t reason = s_open (&self->server, ZLOOM__ROLE_SERVER, "tcp://[::1]:*", &error);
    if (reason == ZLOOM_REASON_ADDRESS)
        skip ();
    assert_int_equal (reason, ZLOOM_REASON_NONE);
    const char *bound = self->server.port->ops->endpoint (self->server.port, 0);
    port_marry (&self->client, port_connect (&self->client, bound), &self->server);
}

static void test_port_has_a_bounded_number_of_channels (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    unsigned opened = 0;
    char name[32];
    do
        snprintf (name, sizeof name, "inproc://%u", opened);
    while (s_open (&self->client, ZLOOM__ROLE_CLIENT, name, &error) == ZLOOM_REASON_NONE
           && ++opened < 1000);
    assert_int_equal (opened, 64);
    assert_int_equal (error.reason, ZLOOM_REASON_BAD_ARGUMENT);
    assert_string_equal (error.text, "more than 64 endpoints");
}

static void test_port_without_memory_is_an_error (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    (void) self;
    heap_t heap;
    size_t fail_at = 0;
    for (zloom__port_t *port = NULL; !port;) {
        const zloom__port_options_t options = {.workers = 1};
        zloom_error_t error;
        heap_install (&heap, ++fail_at);
        port = zloom__port_new (&options, &error);
        if (!port)
            assert_int_equal (error.reason, ZLOOM_REASON_NO_MEMORY);
        else
            port->ops->destroy (port, 0);
        assert_int_equal (heap.out, 0);
        heap_remove ();
    }
    assert_true (fail_at > 1);
}

//  The table as full as can be, and then with a little more room each time: an
//  error with its name until it works, and nothing kept.
static void test_port_in_a_full_descriptor_table_says_so (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    struct rlimit before, few;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    few = before;
    char endpoint[64];
    port_free_endpoint (endpoint);
    int lowest = dup (STDERR_FILENO), refused = 0;
    close (lowest);
    for (bool opened = false; !opened; refused++) {
        zloom_error_t error = {.reason = ZLOOM_REASON_NONE};
        few.rlim_cur = (rlim_t) (lowest + refused);
        assert_int_equal (setrlimit (RLIMIT_NOFILE, &few), 0);
        const zloom__port_options_t options = {.engine = self->engine, .is_woken = true};
        port_t port = {.port = zloom__port_new (&options, &error)};
        if (port.port)
            opened = s_open (&port, ZLOOM__ROLE_SERVER, endpoint, &error) == ZLOOM_REASON_NONE;
        if (!opened)
            assert_int_equal (error.reason, ZLOOM_REASON_DESCRIPTORS);
        port_destroy (&port);
        assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    }
    assert_true (refused > (s_is_direct (self) ? 3 : 8));
}

//  ---- A server and its peers -------------------------------------------------

static void test_server_answers_by_the_way_that_a_message_came (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    s_say (&self->peer, "first hop", true);
    s_say (&self->peer, "second hop", true);
    s_say (&self->peer, "", true);
    s_say (&self->peer, "body", false);
    const zloom__event_t *event = port_expect_body (&self->server, "body");
    //  libzmq puts its name for the peer in front.
    assert_int_equal (event->envelope.size, (s_is_direct (self) ? 0 : 1 + 5) + 1 + 9 + 1 + 10 + 1);
    assert_int_equal (port_answer (&self->server, "answer"), ZLOOM_OK);
    raw_receive (&self->peer);
    assert_int_equal (self->peer.count, 4);
    assert_true (zloom_bytes_equal (raw_frame (&self->peer, 1), zloom_bytes_str ("second hop")));
    assert_int_equal (raw_frame (&self->peer, 2).size, 0);
    assert_true (zloom_bytes_equal (raw_body (&self->peer), zloom_bytes_str ("answer")));
}

static void test_server_answers_a_req_socket (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_REQ);
    for (int i = 0; i < 3; i++) {
        s_say (&self->peer, "question", false);
        port_expect_body (&self->server, "question");
        assert_int_equal (port_answer (&self->server, "answer"), ZLOOM_OK);
        raw_receive (&self->peer);
        assert_int_equal (self->peer.count, 1);
    }
}

static void test_client_of_a_rep_socket_sends_an_empty_frame_first (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    raw_new (&self->peer, ZMQ_REP, NULL);
    raw_bind (&self->peer, self->endpoint);
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->endpoint);
    zloom__channel_t channel;
    options.rep_peer = true;
    assert_int_equal (self->client.port->ops->open (self->client.port, &options, &channel, NULL),
                      ZLOOM_OK);
    zloom__link_t link = port_expect_up (&self->client, channel);
    assert_int_equal (port_send (&self->client, channel, link, "question"), ZLOOM_OK);
    raw_receive (&self->peer);
    assert_int_equal (self->peer.count, 1);
    s_say (&self->peer, "answer", false);
    const zloom__event_t *event = port_expect_body (&self->client, "answer");
    assert_int_equal (event->link, link);
    assert_int_equal (event->envelope.size, 1);
}

static void s_set_routing_id (raw_t *peer, const char *id)
{
    assert_int_equal (zmq_setsockopt (peer->socket, ZMQ_ROUTING_ID, id, strlen (id)), 0);
}

//  Peers may choose names for themselves; they are told apart by these, and
//  are never taken for one that libzmq has named.
static void test_server_tells_its_peers_apart (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { PEERS = 6 };
    raw_t peers[PEERS];
    zloom__link_t links[PEERS];
    port_bind (&self->server, self->endpoint);
    for (int i = 0; i < PEERS; i++) {
        raw_new (&peers[i], ZMQ_DEALER, NULL);
        if (i % 2) {
            char id[8];
            snprintf (id, sizeof id, "peer%d", i);
            s_set_routing_id (&peers[i], id);
        }
        raw_connect (&peers[i], self->endpoint);
        for (int again = 0; again < 2; again++) {
            s_say (&peers[i], "x", false);
            zloom__link_t link = port_expect_body (&self->server, "x")->link;
            assert_true (link != 0 && (again == 0 || link == links[i]));
            links[i] = link;
        }
        for (int other = 0; other < i; other++)
            assert_int_not_equal (links[i], links[other]);
    }
    for (int i = 0; i < PEERS; i++)
        raw_destroy (&peers[i]);
}

//  libzmq tells who sends; the direct engine whoever looks.
static void test_server_is_told_when_a_peer_is_gone (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    s_say (&self->peer, "x", false);
    port_expect_body (&self->server, "x");
    raw_destroy (&self->peer);
    const zloom__event_t received = self->server.event;
    if (s_is_direct (self)) {
        const zloom__event_t *down = port_expect (&self->server, ZLOOM__EVENT_DOWN);
        assert_int_equal (down->channel, received.channel);
        assert_int_equal (down->link, received.link);
        assert_int_equal (down->reason, ZLOOM_REASON_CONNECTION_LOST);
        self->server.event = received;
        assert_int_equal (port_answer (&self->server, "y"), ZLOOM_UNAVAILABLE);
        assert_int_equal (port_next (&self->server, 0), ZLOOM__EVENT_TIMEOUT);
        return;
    }
    int answers = 0;
    while (port_answer (&self->server, "y") == ZLOOM_OK) {
        assert_true (++answers < PATIENCE_MS / 10);
        assert_int_equal (port_next (&self->server, 10), ZLOOM__EVENT_TIMEOUT);
        self->server.event = received;
    }
    //  Others who wait for answers by this link hear of it too.
    const zloom__event_t *event = port_expect (&self->server, ZLOOM__EVENT_DOWN);
    assert_int_equal (event->channel, received.channel);
    assert_int_equal (event->link, received.link);
    assert_int_equal (event->reason, ZLOOM_REASON_CONNECTION_LOST);
    assert_int_equal (port_next (&self->server, 0), ZLOOM__EVENT_TIMEOUT);
}

static void test_server_is_told_when_a_peer_takes_no_more (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static char text[65536];
    memset (text, 'x', sizeof text - 1);
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    s_say (&self->peer, "x", false);
    port_expect_body (&self->server, "x");
    zloom_code_t code = ZLOOM_OK;
    for (int i = 0; i < 100000 && code == ZLOOM_OK; i++)
        code = port_answer (&self->server, text);
    assert_int_equal (code, ZLOOM_RESOURCE_EXHAUSTED);
    //  Who takes does not suffer from who does not.
    raw_t other;
    raw_new (&other, ZMQ_DEALER, NULL);
    raw_connect (&other, self->endpoint);
    s_say (&other, "y", false);
    while (port_next (&self->server, PATIENCE_MS) == ZLOOM__EVENT_ROOM)
        ;
    assert_int_equal (self->server.event.kind, ZLOOM__EVENT_FRAME);
    assert_int_equal (port_answer (&self->server, "z"), ZLOOM_OK);
    raw_receive (&other);
    raw_destroy (&other);
}

//  Turn the server until its connection is up, and the peer has whom to send to.
static void s_await_taker (fixture_t *self)
{
    zmq_pollitem_t item = {self->peer.socket, 0, ZMQ_POLLOUT, 0};
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    while (zmq_poll (&item, 1, 0) == 0 && zloom_time_now () < until)
        assert_int_equal (port_next (&self->server, 5), ZLOOM__EVENT_TIMEOUT);
}

static void test_server_that_dials_serves_behind_a_proxy (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    raw_new (&self->peer, ZMQ_DEALER, NULL);
    raw_bind (&self->peer, self->endpoint);
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_SERVER, self->endpoint);
    zloom__channel_t channel;
    options.dials = true;
    assert_int_equal (self->server.port->ops->open (self->server.port, &options, &channel, NULL),
                      ZLOOM_OK);
    s_await_taker (self);
    s_say (&self->peer, "id of a client", true);
    s_say (&self->peer, "question", false);
    port_expect_body (&self->server, "question");
    assert_int_equal (port_answer (&self->server, "answer"), ZLOOM_OK);
    raw_receive (&self->peer);
    assert_true (
        zloom_bytes_equal (raw_frame (&self->peer, 0), zloom_bytes_str ("id of a client")));
}

//  ---- Bounds -----------------------------------------------------------------

//  Send so many frames of so many bytes before a body.
static void s_send_hops (raw_t *peer, unsigned count, size_t size)
{
    static uint8_t hop[300];
    for (unsigned i = 0; i < count; i++)
        raw_send_frame (peer, zloom_bytes (hop, size), true);
    s_say (peer, "body", false);
}

//  Wait until so many messages were dropped; it may be told, and nothing else is.
static void s_await_dropped (port_t *port, uint64_t dropped)
{
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    while (port->port->ops->dropped (port->port) < dropped && zloom_time_now () < until)
        if (port_next (port, 10) != ZLOOM__EVENT_WOKEN)
            assert_int_equal (port->event.kind, ZLOOM__EVENT_TIMEOUT);
    assert_int_equal (port->port->ops->dropped (port->port), dropped);
}

//  The routing id that libzmq gives is one frame of five bytes, which are not
//  there for others.
static void test_server_drops_envelopes_that_are_beyond_the_bounds (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const struct {
        unsigned count;
        size_t size;
        bool fits_libzmq, fits_direct;
    } envelopes[] = {
        {15, 1, true, true},    {16, 1, false, false},  {60, 0, false, false},
        {1, 249, true, true},   {1, 250, false, true},  {1, 255, false, true},
        {1, 256, false, false}, {1, 300, false, false}, {15, 15, true, true},
        {15, 16, false, true},  {15, 17, false, false},
    };
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    uint64_t dropped = 0;
    for (size_t i = 0; i < sizeof envelopes / sizeof envelopes[0]; i++) {
        s_send_hops (&self->peer, envelopes[i].count, envelopes[i].size);
        if (s_is_direct (self) ? envelopes[i].fits_direct : envelopes[i].fits_libzmq) {
            port_expect_body (&self->server, "body");
            assert_int_equal (port_answer (&self->server, "answer"), ZLOOM_OK);
            raw_receive (&self->peer);
            assert_int_equal (self->peer.count, envelopes[i].count + 1);
        } else
            s_await_dropped (&self->server, ++dropped);
    }
}

//  Frames without end are dropped by libzmq, and end the direct engine's patience.
static void test_server_survives_a_message_of_many_frames (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    s_say (&self->peer, "first", false);
    zloom__link_t link = port_expect_body (&self->server, "first")->link;
    s_send_hops (&self->peer, 300, 0);
    if (s_is_direct (self))
        assert_int_equal (port_expect (&self->server, ZLOOM__EVENT_DOWN)->link, link);
    else
        s_await_dropped (&self->server, 1);
    raw_t other;
    raw_new (&other, ZMQ_DEALER, NULL);
    raw_connect (&other, self->endpoint);
    s_say (&other, "last", false);
    port_expect_body (&self->server, "last");
    raw_destroy (&other);
}

static void test_client_drops_envelopes_that_are_beyond_the_bounds (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    raw_new (&self->peer, ZMQ_DEALER, NULL);
    raw_bind (&self->peer, self->endpoint);
    port_connect (&self->client, self->endpoint);
    port_expect (&self->client, ZLOOM__EVENT_UP);
    s_send_hops (&self->peer, 16, 15);
    port_expect_body (&self->client, "body");
    s_send_hops (&self->peer, 17, 0);
    s_await_dropped (&self->client, 1);
    s_say (&self->peer, "good", false);
    port_expect_body (&self->client, "good");
    assert_int_equal (self->client.port->ops->dropped (self->client.port), 1);
}

//  A body a little above the limit is for the protocol to refuse; far above, the
//  connection is cut before there is memory for it, which only the direct engine
//  tells.
static void test_server_cuts_off_who_sends_far_too_much (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static uint8_t bytes[2 * 1048576];
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    raw_send_frame (&self->peer, zloom_bytes (bytes, 1048576 + 1000), false);
    assert_int_equal (port_expect (&self->server, ZLOOM__EVENT_FRAME)->body.size, 1048576 + 1000);
    raw_send_frame (&self->peer, zloom_bytes (bytes, sizeof bytes), false);
    if (s_is_direct (self))
        port_expect (&self->server, ZLOOM__EVENT_DOWN);
    assert_int_equal (port_next (&self->server, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
    s_say (&self->peer, "later", false);
    port_expect_body (&self->server, "later");
}

//  ---- Bodies -----------------------------------------------------------------

static void test_port_keeps_a_body_beyond_its_turn (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const size_t sizes[] = {0, 1, 30, 33, 34, 1000, 100000};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    static zloom__frame_t frames[COUNT];
    static uint8_t bytes[100000];
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    for (size_t i = 0; i < COUNT; i++) {
        memset (bytes, 'a' + (int) i, sizes[i]);
        raw_send_frame (&self->peer, zloom_bytes (bytes, sizes[i]), false);
        port_expect (&self->server, ZLOOM__EVENT_FRAME);
        assert_int_equal (self->server.port->ops->keep (self->server.port, &frames[i]), ZLOOM_OK);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal (frames[i].bytes.size, sizes[i]);
        for (size_t n = 0; n < sizes[i]; n++)
            assert_int_equal (frames[i].bytes.data[n], 'a' + (int) i);
        zloom__frame_clear (&frames[i]);
        zloom__frame_clear (&frames[i]);
        assert_null (frames[i].release);
    }
}

static void test_port_shows_and_sees_a_zloom_peer_in_the_handshake (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    zloom__channel_t channel = port_connect (&self->client, self->endpoint);
    zloom__link_t link = port_marry (&self->client, channel, &self->server);
    //  The direct engine knows it with the handshake.
    assert_int_equal (self->client.event.is_zloom, s_is_direct (self));
    port_send (&self->client, channel, link, "x");
    port_expect_body (&self->server, "x");
    assert_true (self->server.port->ops->is_from_zloom (self->server.port));
    port_answer (&self->server, "y");
    assert_true (port_expect_body (&self->client, "y")->is_zloom);
    s_connect_raw (self, ZMQ_DEALER);
    s_say (&self->peer, "z", false);
    port_expect_body (&self->server, "z");
    assert_false (self->server.port->ops->is_from_zloom (self->server.port));
}

//  ---- The end ----------------------------------------------------------------

static void test_port_sends_what_it_has_taken_before_it_ends (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    s_connect_raw (self, ZMQ_DEALER);
    for (int i = 0; i < 100; i++)
        s_say (&self->peer, "question", false);
    for (int i = 0; i < 100; i++) {
        port_expect_body (&self->server, "question");
        assert_int_equal (port_answer (&self->server, "answer"), ZLOOM_OK);
    }
    port_destroy (&self->server);
    for (int i = 0; i < 100; i++)
        raw_receive (&self->peer);
}

//  A host that ends its context: with a link, and between two tries to get one.
static void *s_end_context (void *context)
{
    zmq_ctx_term (context);
    return NULL;
}

static void s_assert_broken_by_its_context (fixture_t *self, int peer_type)
{
    void *context = zmq_ctx_new ();
    zloom_runtime_t *runtime = zloom_runtime_wrap (context, NULL);
    assert_non_null (runtime);
    port_t port;
    port_new (&port, self->engine, runtime, 0);
    raw_new (&self->peer, peer_type, NULL);
    raw_bind (&self->peer, self->endpoint);
    port_connect (&port, self->endpoint);
    port_expect (&port, peer_type == ZMQ_ROUTER ? ZLOOM__EVENT_UP : ZLOOM__EVENT_DOWN);
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_end_context, context), 0);
    while (port_next (&port, PATIENCE_MS) == ZLOOM__EVENT_DOWN)
        ;
    assert_int_equal (port.event.kind, ZLOOM__EVENT_BROKEN);
    assert_int_equal (port.event.reason, ZLOOM_REASON_CONTEXT_GONE);
    assert_int_equal (port_next (&port, 0), ZLOOM__EVENT_BROKEN);
    assert_int_equal (port_send (&port, 0, (UINT64_C (1) << 32) + 1, "x"), ZLOOM_UNAVAILABLE);
    port_destroy (&port);
    pthread_join (thread, NULL);
    zloom_runtime_destroy (&runtime);
    raw_destroy (&self->peer);
}

static void test_port_says_that_its_context_is_gone (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_assert_broken_by_its_context (self, ZMQ_ROUTER);
    port_free_endpoint (self->endpoint);
    s_assert_broken_by_its_context (self, ZMQ_PUB);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST_BOTH (test_channel_says_where_it_is_bound),
        PORT_TEST_BOTH (test_channel_that_cannot_be_opened_says_why),
        PORT_TEST_BOTH (test_channel_is_bound_in_public_when_that_is_said_by_name),
        PORT_TEST_BOTH (test_channel_claims_its_ipc_path),
        PORT_TEST_BOTH (test_channel_that_is_closed_has_given_its_address_back),
        PORT_TEST_BOTH (test_channel_takes_any_pause_between_tries),
        PORT_TEST_BOTH (test_channel_finds_a_server_of_ipv4_by_name),
        PORT_TEST_BOTH (test_channel_speaks_ipv6_in_brackets),
        PORT_TEST_BOTH (test_port_has_a_bounded_number_of_channels),
        PORT_TEST_BOTH (test_port_without_memory_is_an_error),
        PORT_TEST_BOTH (test_port_in_a_full_descriptor_table_says_so),
        PORT_TEST_BOTH (test_server_answers_by_the_way_that_a_message_came),
        PORT_TEST_BOTH (test_server_answers_a_req_socket),
        PORT_TEST_BOTH (test_client_of_a_rep_socket_sends_an_empty_frame_first),
        PORT_TEST_BOTH (test_server_tells_its_peers_apart),
        PORT_TEST_BOTH (test_server_is_told_when_a_peer_is_gone),
        PORT_TEST_BOTH (test_server_is_told_when_a_peer_takes_no_more),
        PORT_TEST_BOTH (test_server_that_dials_serves_behind_a_proxy),
        PORT_TEST_BOTH (test_server_drops_envelopes_that_are_beyond_the_bounds),
        PORT_TEST_BOTH (test_server_survives_a_message_of_many_frames),
        PORT_TEST_BOTH (test_client_drops_envelopes_that_are_beyond_the_bounds),
        PORT_TEST_BOTH (test_server_cuts_off_who_sends_far_too_much),
        PORT_TEST_BOTH (test_port_keeps_a_body_beyond_its_turn),
        PORT_TEST_BOTH (test_port_shows_and_sees_a_zloom_peer_in_the_handshake),
        PORT_TEST_BOTH (test_port_sends_what_it_has_taken_before_it_ends),
        PORT_TEST (test_port_says_that_its_context_is_gone, "libzmq"),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
