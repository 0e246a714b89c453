#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/free_port.h"
#include "support/port.h"
#include "support/raw.h"

//  How long to look on to be sure that nothing comes.
enum { A_WHILE_MS = 300, LONG_PAUSE_MS = 2000, PATIENCE_MS = 20000 };

typedef struct {
    zloom_engine_t engine;
    port_t client;
    raw_t peer;
    char endpoint[64];
    zloom__channel_t channel;
    zloom__link_t link;
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
    port_new (&fixture.client, fixture.engine, NULL, 0);
    *state = &fixture;
    return 0;
}

static int s_teardown (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_destroy (&self->client);
    raw_destroy (&self->peer);
    return 0;
}

static void s_serve (fixture_t *self, int type)
{
    raw_new (&self->peer, type, NULL);
    raw_bind (&self->peer, self->endpoint);
}

static void s_connect (fixture_t *self)
{
    self->channel = port_connect (&self->client, self->endpoint);
}

//  A ROUTER, and a client that is connected with it.
static void s_marry (fixture_t *self)
{
    s_serve (self, ZMQ_ROUTER);
    s_connect (self);
    self->link = port_expect_up (&self->client, self->channel);
}

static void s_assert_trouble (fixture_t *self, zloom_reason_t reason, const char *text)
{
    const char *why;
    assert_int_equal (port_trouble (&self->client, self->channel, &why), reason);
    assert_string_equal (why, text);
}

//  Answer the message at hand of a ROUTER with this body.
static void s_reply (raw_t *peer, const char *text)
{
    raw_send_envelope (peer);
    raw_send_frame (peer, zloom_bytes_str (text), false);
}

//  Let things happen until the trouble of the channel has this text; nothing
//  may be told meanwhile.
static void s_await_trouble (fixture_t *self, const char *text)
{
    const char *why = "";
    for (int i = 0; i < PATIENCE_MS / 10 && strcmp (why, text) != 0; i++) {
        assert_int_equal (port_next (&self->client, 10), ZLOOM__EVENT_TIMEOUT);
        port_trouble (&self->client, self->channel, &why);
    }
    assert_string_equal (why, text);
}

//  ---- Listeners that are no ZeroMQ sockets -----------------------------------

//  Accepts whoever comes, says a line, and hangs up at once or never.
typedef struct {
    int listener;
    const char *line;
    bool hangs_up;
    atomic_uint accepted;
    pthread_t thread;
} stranger_t;

static void *s_accept (void *argument)
{
    stranger_t *self = (stranger_t *) argument;
    int fd;
    while ((fd = accept (self->listener, NULL, NULL)) != -1) {
        (void) send (fd, self->line, strlen (self->line), MSG_NOSIGNAL);
        if (self->hangs_up)
            close (fd);
        atomic_fetch_add (&self->accepted, 1);
    }
    return NULL;
}

static void s_listen (stranger_t *self, char endpoint[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    int one = 1;
    self->listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt (self->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    unsigned port = free_port ();
    address.sin_port = htons ((uint16_t) port);
    assert_int_equal (bind (self->listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal (listen (self->listener, 100), 0);
    snprintf (endpoint, 64, "tcp://127.0.0.1:%u", port);
    assert_int_equal (pthread_create (&self->thread, NULL, s_accept, self), 0);
}

static void s_leave (stranger_t *self)
{
    shutdown (self->listener, SHUT_RDWR);
    pthread_join (self->thread, NULL);
    close (self->listener);
}

//  ---- Nobody, and nobody that fits -------------------------------------------

static void test_link_does_not_come_up_where_nobody_listens (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_connect (self);
    assert_int_equal (port_next (&self->client, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
    s_assert_trouble (self, ZLOOM_REASON_NO_PEER, "nothing listens there");
    assert_int_equal (port_send (&self->client, self->channel, 0, "x"), ZLOOM_UNAVAILABLE);
    assert_int_equal (port_send (&self->client, self->channel, 1, "x"), ZLOOM_UNAVAILABLE);
}

static void test_link_comes_up_when_somebody_does (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_connect (self);
    assert_int_equal (port_next (&self->client, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
    s_serve (self, ZMQ_ROUTER);
    port_expect_up (&self->client, self->channel);
    assert_false (self->client.event.hides_peer);
}

//  Who reads what it says himself can tell; a try that another one won't mend is
//  told then.
static void test_link_does_not_come_up_with_a_listener_that_speaks_no_zmtp (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const char *const lines[] = {"", "HTTP/1.1 400 Bad Request\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        stranger_t stranger = {.line = lines[i]};
        s_listen (&stranger, self->endpoint);
        s_connect (self);
        if (s_is_direct (self) && i == 1) {
            const zloom__event_t *event = port_expect (&self->client, ZLOOM__EVENT_DOWN);
            assert_int_equal (event->link, 0);
            assert_int_equal (event->reason, ZLOOM_REASON_WRONG_PEER);
            const char *why;
            assert_int_equal (port_trouble (&self->client, self->channel, &why),
                              ZLOOM_REASON_WRONG_PEER);
            assert_non_null (strstr (why, "it does not speak ZMTP; it says 'HTTP/1.1 "));
        } else {
            s_await_trouble (self, "it accepts connections but does not speak ZMTP");
            assert_int_equal (port_next (&self->client, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
        }
        port_destroy (&self->client);
        port_new (&self->client, self->engine, NULL, 0);
        s_leave (&stranger);
    }
}

static void test_link_is_given_up_when_no_handshake_comes_in_time (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    stranger_t stranger = {.line = ""};
    s_listen (&stranger, self->endpoint);
    s_connect (self);
    while (atomic_load (&stranger.accepted) < 2)
        assert_int_equal (port_next (&self->client, 10), ZLOOM__EVENT_TIMEOUT);
    s_await_trouble (self, "it accepts connections but does not speak ZMTP");
    s_leave (&stranger);
}

static void test_link_is_tried_again_with_one_that_hangs_up (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    stranger_t stranger = {.line = "", .hangs_up = true};
    s_listen (&stranger, self->endpoint);
    s_connect (self);
    while (atomic_load (&stranger.accepted) < 3)
        assert_int_equal (port_next (&self->client, 10), ZLOOM__EVENT_TIMEOUT);
    s_await_trouble (self, "it accepts connections but does not speak ZMTP, or wants keys (CURVE)");
    s_leave (&stranger);
}

static void test_link_is_refused_by_sockets_of_types_that_do_not_fit (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const int types[] = {ZMQ_PUB, ZMQ_SUB, ZMQ_REQ, ZMQ_PULL, ZMQ_PUSH, ZMQ_PAIR};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        port_free_endpoint (self->endpoint);
        s_serve (self, types[i]);
        s_connect (self);
        const zloom__event_t *event = port_expect (&self->client, ZLOOM__EVENT_DOWN);
        assert_int_equal (event->channel, self->channel);
        assert_int_equal (event->link, 0);
        assert_int_equal (event->reason, ZLOOM_REASON_WRONG_PEER);
        s_assert_trouble (
            self, ZLOOM_REASON_WRONG_PEER,
            "its ZeroMQ socket type does not fit a client (it must be ROUTER, REP or DEALER)");
        port_destroy (&self->client);
        port_new (&self->client, self->engine, NULL, 0);
        raw_destroy (&self->peer);
    }
}

static void test_link_comes_up_with_types_that_fit (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const int types[] = {ZMQ_ROUTER, ZMQ_DEALER, ZMQ_REP};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        port_free_endpoint (self->endpoint);
        s_serve (self, types[i]);
        s_connect (self);
        port_expect_up (&self->client, self->channel);
        port_destroy (&self->client);
        port_new (&self->client, self->engine, NULL, 0);
        raw_destroy (&self->peer);
    }
}

//  Make a socket of libzmq a CURVE server; any client that has keys may come.
static void s_want_keys (raw_t *peer)
{
    char public_key[41], secret_key[41];
    int yes = 1;
    assert_int_equal (zmq_curve_keypair (public_key, secret_key), 0);
    assert_int_equal (zmq_setsockopt (peer->socket, ZMQ_CURVE_SERVER, &yes, sizeof yes), 0);
    assert_int_equal (zmq_setsockopt (peer->socket, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
}

static void test_link_is_refused_by_a_server_that_wants_keys (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    if (!zmq_has ("curve"))
        skip ();
    raw_new (&self->peer, ZMQ_ROUTER, NULL);
    s_want_keys (&self->peer);
    raw_bind (&self->peer, self->endpoint);
    s_connect (self);
    const zloom__event_t *event = port_expect (&self->client, ZLOOM__EVENT_DOWN);
    assert_int_equal (event->link, 0);
    assert_int_equal (event->reason, ZLOOM_REASON_AUTHENTICATION);
    s_assert_trouble (
        self, ZLOOM_REASON_AUTHENTICATION,
        s_is_direct (self)
            ? "its security mechanism is 'CURVE', where NULL is needed"
            : "the handshake was refused; it may want keys (CURVE) that were not given");
}

//  Whoever was wrong may be replaced by one that fits.
static void test_link_comes_up_when_the_wrong_peer_makes_room (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_serve (self, ZMQ_PUB);
    s_connect (self);
    port_expect (&self->client, ZLOOM__EVENT_DOWN);
    raw_destroy (&self->peer);
    s_serve (self, ZMQ_ROUTER);
    while (port_next (&self->client, PATIENCE_MS) == ZLOOM__EVENT_DOWN)
        assert_int_equal (self->client.event.link, 0);
    assert_int_equal (self->client.event.kind, ZLOOM__EVENT_UP);
    port_send (&self->client, self->channel, self->client.event.link, "hello");
    raw_receive (&self->peer);
}

//  ---- Up, down, and up again -------------------------------------------------

static void test_link_carries_messages_both_ways_in_order (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf (text, sizeof text, "message %d", i);
        assert_int_equal (port_send (&self->client, self->channel, self->link, text), ZLOOM_OK);
    }
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf (text, sizeof text, "message %d", i);
        raw_receive (&self->peer);
        assert_int_equal (self->peer.count, 2);
        assert_true (zloom_bytes_equal (raw_body (&self->peer), zloom_bytes_str (text)));
        s_reply (&self->peer, text);
    }
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf (text, sizeof text, "message %d", i);
        const zloom__event_t *event = port_expect_body (&self->client, text);
        assert_int_equal (event->link, self->link);
        assert_int_equal (event->envelope.size, 0);
        assert_false (event->is_zloom);
    }
}

static void test_link_joins_the_parts_of_a_body (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    const zloom_bytes_t parts[] = {zloom_bytes_str ("one "), zloom_bytes (NULL, 0),
                                   zloom_bytes_str ("two")};
    zloom__port_t *port = self->client.port;
    assert_int_equal (
        port->ops->send (port, self->channel, self->link, zloom_bytes (NULL, 0), parts, 3),
        ZLOOM_OK);
    zloom__port_flush (port);
    raw_receive (&self->peer);
    assert_true (zloom_bytes_equal (raw_body (&self->peer), zloom_bytes_str ("one two")));
    assert_int_equal (
        port->ops->send (port, self->channel, self->link, zloom_bytes (NULL, 0), parts, 0),
        ZLOOM_OK);
    zloom__port_flush (port);
    raw_receive (&self->peer);
    assert_int_equal (raw_body (&self->peer).size, 0);
}

static void test_link_goes_down_with_its_peer_and_a_new_one_comes (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    for (int i = 0; i < 5; i++) {
        raw_destroy (&self->peer);
        const zloom__event_t *event = port_expect (&self->client, ZLOOM__EVENT_DOWN);
        assert_int_equal (event->channel, self->channel);
        assert_int_equal (event->link, self->link);
        assert_int_equal (event->reason, ZLOOM_REASON_CONNECTION_LOST);
        s_assert_trouble (self, ZLOOM_REASON_NO_PEER, "the connection was lost");
        assert_int_equal (port_send (&self->client, self->channel, self->link, "x"),
                          ZLOOM_UNAVAILABLE);
        s_serve (self, ZMQ_ROUTER);
        zloom__link_t link = port_expect_up (&self->client, self->channel);
        assert_int_not_equal (link, self->link);
        self->link = link;
    }
}

//  What was received before the end is handed out before the end is told.
static void test_link_gives_what_came_before_it_went_down (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    port_send (&self->client, self->channel, self->link, "hello");
    raw_receive (&self->peer);
    int linger = PATIENCE_MS;
    zmq_setsockopt (self->peer.socket, ZMQ_LINGER, &linger, sizeof linger);
    for (int i = 0; i < 50; i++)
        s_reply (&self->peer, "last words");
    raw_destroy (&self->peer);
    for (int i = 0; i < 50; i++)
        assert_int_equal (port_expect_body (&self->client, "last words")->link, self->link);
    assert_int_equal (port_expect (&self->client, ZLOOM__EVENT_DOWN)->link, self->link);
}

//  A program that was elsewhere while its server went and came is told both,
//  and nothing that it sends by the old link reaches the new peer.
static void test_link_that_was_replaced_unseen_is_another_one (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    raw_destroy (&self->peer);
    s_serve (self, ZMQ_ROUTER);
    //  Time in which libzmq, left alone, would connect anew.
    assert_false (raw_receive_within (&self->peer, A_WHILE_MS));
    port_send (&self->client, self->channel, self->link, "to the old one");
    assert_int_equal (port_expect (&self->client, ZLOOM__EVENT_DOWN)->link, self->link);
    zloom__link_t link = port_expect_up (&self->client, self->channel);
    assert_int_equal (port_send (&self->client, self->channel, link, "to the new one"), ZLOOM_OK);
    raw_receive (&self->peer);
    assert_true (zloom_bytes_equal (raw_body (&self->peer), zloom_bytes_str ("to the new one")));
}

static void test_link_is_made_again_soon_after_it_was_lost (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->endpoint);
    options.reconnect_min_ms = options.reconnect_max_ms = LONG_PAUSE_MS;
    s_serve (self, ZMQ_ROUTER);
    assert_int_equal (
        self->client.port->ops->open (self->client.port, &options, &self->channel, NULL), ZLOOM_OK);
    port_expect_up (&self->client, self->channel);
    //  Beyond the least pause, so that this was no link that comes and goes.
    assert_int_equal (port_next (&self->client, LONG_PAUSE_MS), ZLOOM__EVENT_TIMEOUT);
    raw_destroy (&self->peer);
    s_serve (self, ZMQ_ROUTER);
    port_expect (&self->client, ZLOOM__EVENT_DOWN);
    zloom_time_t from = zloom_time_now ();
    port_expect_up (&self->client, self->channel);
    assert_true (zloom_time_now () - from < LONG_PAUSE_MS / 2 * ZLOOM_MSEC);
}

//  ---- Full links -------------------------------------------------------------

//  Send until there is no room and none comes by itself, since libzmq and the
//  kernel take some more; return how many messages that took.
static unsigned s_fill (fixture_t *self)
{
    static char text[4096];
    memset (text, 'x', sizeof text - 1);
    unsigned sent = 0;
    for (bool has_room = true; has_room;) {
        while (port_send (&self->client, self->channel, self->link, text) == ZLOOM_OK)
            assert_true (++sent < 1000000);
        has_room = port_next (&self->client, A_WHILE_MS) == ZLOOM__EVENT_ROOM;
        if (!has_room && port_send (&self->client, self->channel, self->link, text) == ZLOOM_OK) {
            has_room = true;
            sent++;
        }
    }
    assert_int_equal (self->client.event.kind, ZLOOM__EVENT_TIMEOUT);
    return sent;
}

static void s_drain (fixture_t *self, unsigned count)
{
    while (count--)
        raw_receive (&self->peer);
}

//  Take what the peer was sent, while the client turns: what waits in the direct
//  engine is sent in its turns. Then there is room, and that is told once.
static void s_drain_and_expect_room (fixture_t *self, unsigned count)
{
    bool has_room = false;
    while (count) {
        if (raw_receive_within (&self->peer, 0)) {
            count--;
            continue;
        }
        zloom__event_kind_t kind = port_next (&self->client, 10);
        assert_true (kind == ZLOOM__EVENT_TIMEOUT || (kind == ZLOOM__EVENT_ROOM && !has_room));
        has_room = has_room || kind == ZLOOM__EVENT_ROOM;
        if (has_room)
            assert_int_equal (self->client.event.link, kind == ZLOOM__EVENT_ROOM ? self->link : 0);
    }
    if (!has_room) {
        const zloom__event_t *event = port_expect (&self->client, ZLOOM__EVENT_ROOM);
        assert_int_equal (event->channel, self->channel);
        assert_int_equal (event->link, self->link);
    }
}

static void test_link_that_is_full_tells_when_there_is_room (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    s_drain_and_expect_room (self, s_fill (self));
    assert_int_equal (port_send (&self->client, self->channel, self->link, "more"), ZLOOM_OK);
    assert_int_equal (port_next (&self->client, 50), ZLOOM__EVENT_TIMEOUT);
}

//  The peer has taken everything while the program was elsewhere: no
//  descriptor will tell of it any more.
static void test_link_tells_of_room_that_came_unseen (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    for (int i = 0; i < 3; i++) {
        s_drain_and_expect_room (self, s_fill (self));
        assert_false (raw_receive_within (&self->peer, 50));
    }
}

static void test_link_that_is_full_goes_down_too (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_marry (self);
    s_fill (self);
    raw_destroy (&self->peer);
    assert_int_equal (port_expect (&self->client, ZLOOM__EVENT_DOWN)->link, self->link);
    s_serve (self, ZMQ_ROUTER);
    self->link = port_expect_up (&self->client, self->channel);
    assert_int_equal (port_send (&self->client, self->channel, self->link, "x"), ZLOOM_OK);
}

//  ---- inproc -----------------------------------------------------------------

typedef struct {
    zloom_runtime_t *runtime;
    fixture_t in;
} inproc_t;

static int s_setup_inproc (void **state)
{
    static inproc_t fixture;
    fixture = (inproc_t){.runtime = zloom_runtime_new (NULL)};
    if (!fixture.runtime)
        return -1;
    snprintf (fixture.in.endpoint, sizeof fixture.in.endpoint, "inproc://peer");
    port_new (&fixture.in.client, ZLOOM_ENGINE_LIBZMQ, fixture.runtime, 0);
    *state = &fixture;
    return 0;
}

static int s_teardown_inproc (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    port_destroy (&self->in.client);
    raw_destroy (&self->in.peer);
    zloom_runtime_destroy (&self->runtime);
    return 0;
}

static void s_serve_inproc (inproc_t *self)
{
    raw_new (&self->in.peer, ZMQ_ROUTER, zloom_runtime_context (self->runtime));
    raw_bind (&self->in.peer, self->in.endpoint);
}

static void test_link_of_inproc_hides_whether_anybody_is_there (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    s_connect (&self->in);
    self->in.link = port_expect_up (&self->in.client, self->in.channel);
    assert_true (self->in.client.event.hides_peer);
    //  What was sent meanwhile is there for whoever comes.
    assert_int_equal (port_send (&self->in.client, self->in.channel, self->in.link, "early"),
                      ZLOOM_OK);
    s_serve_inproc (self);
    raw_receive (&self->in.peer);
    s_reply (&self->in.peer, "late");
    assert_int_equal (port_expect_body (&self->in.client, "late")->link, self->in.link);
}

static void test_link_of_inproc_goes_down_with_its_peer (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    s_serve_inproc (self);
    s_connect (&self->in);
    for (int i = 0; i < 5; i++) {
        zloom__link_t link = port_expect_up (&self->in.client, self->in.channel);
        assert_int_not_equal (link, self->in.link);
        self->in.link = link;
        port_send (&self->in.client, self->in.channel, link, "hello");
        raw_receive (&self->in.peer);
        s_reply (&self->in.peer, "last words");
        raw_destroy (&self->in.peer);
        port_expect_body (&self->in.client, "last words");
        assert_int_equal (port_expect (&self->in.client, ZLOOM__EVENT_DOWN)->link, link);
        s_serve_inproc (self);
    }
}

//  A queue that is just full, or was full before its peer left: both look the
//  same to POLLOUT.
static void test_link_of_inproc_tells_a_full_queue_from_a_peer_that_left (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    s_serve_inproc (self);
    s_connect (&self->in);
    self->in.link = port_expect_up (&self->in.client, self->in.channel);
    for (int i = 0; i < 3; i++) {
        unsigned sent = 0;
        while (port_send (&self->in.client, self->in.channel, self->in.link, "x") == ZLOOM_OK) {
            assert_true (++sent < 100000);
            assert_int_equal (port_next (&self->in.client, 0), ZLOOM__EVENT_TIMEOUT);
        }
        assert_int_equal (port_next (&self->in.client, 0), ZLOOM__EVENT_TIMEOUT);
        s_drain (&self->in, sent);
        assert_int_equal (port_expect (&self->in.client, ZLOOM__EVENT_ROOM)->link, self->in.link);
    }
    while (port_send (&self->in.client, self->in.channel, self->in.link, "x") == ZLOOM_OK)
        ;
    raw_destroy (&self->in.peer);
    assert_int_equal (port_expect (&self->in.client, ZLOOM__EVENT_DOWN)->link, self->in.link);
    s_serve_inproc (self);
    self->in.link = port_expect_up (&self->in.client, self->in.channel);
    assert_int_equal (port_send (&self->in.client, self->in.channel, self->in.link, "y"), ZLOOM_OK);
    raw_receive (&self->in.peer);
    assert_int_equal (self->in.peer.count, 2);
}

//  Its peer takes what was sent with it, and leaves: no sign of life is needed.
static void test_link_of_inproc_goes_down_though_something_was_just_sent (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    s_serve_inproc (self);
    s_connect (&self->in);
    self->in.link = port_expect_up (&self->in.client, self->in.channel);
    port_send (&self->in.client, self->in.channel, self->in.link, "x");
    raw_destroy (&self->in.peer);
    port_send (&self->in.client, self->in.channel, self->in.link, "y");
    assert_int_equal (port_expect (&self->in.client, ZLOOM__EVENT_DOWN)->link, self->in.link);
}

static void test_link_of_inproc_speaks_with_every_type_that_fits (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    static const int types[] = {ZMQ_DEALER, ZMQ_REP};
    for (int i = 0; i < 2; i++) {
        snprintf (self->in.endpoint, sizeof self->in.endpoint, "inproc://type-%d", types[i]);
        raw_new (&self->in.peer, types[i], zloom_runtime_context (self->runtime));
        raw_bind (&self->in.peer, self->in.endpoint);
        zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->in.endpoint);
        options.rep_peer = types[i] == ZMQ_REP;
        zloom__port_t *port = self->in.client.port;
        assert_int_equal (port->ops->open (port, &options, &self->in.channel, NULL), ZLOOM_OK);
        self->in.link = port_expect_up (&self->in.client, self->in.channel);
        assert_int_equal (port_send (&self->in.client, self->in.channel, self->in.link, "question"),
                          ZLOOM_OK);
        raw_receive (&self->in.peer);
        assert_int_equal (self->in.peer.count, 1);
        raw_send_frame (&self->in.peer, zloom_bytes_str ("answer"), false);
        port_expect_body (&self->in.client, "answer");
        raw_destroy (&self->in.peer);
        port_expect (&self->in.client, ZLOOM__EVENT_DOWN);
        port_expect_up (&self->in.client, self->in.channel);
    }
}

//  Answers each message of a socket until it gets an empty one.
static void *s_echo (void *argument)
{
    raw_t *peer = (raw_t *) argument;
    do {
        raw_receive (peer);
        raw_send_envelope (peer);
        raw_send_frame (peer, raw_body (peer), false);
    } while (raw_body (peer).size);
    return NULL;
}

//  However a reply and the next look meet, none is left lying.
static void test_link_of_inproc_never_leaves_a_message_behind (void **state)
{
    inproc_t *self = (inproc_t *) *state;
    s_serve_inproc (self);
    s_connect (&self->in);
    self->in.link = port_expect_up (&self->in.client, self->in.channel);
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_echo, &self->in.peer), 0);
    for (int i = 0; i < 20000; i++) {
        assert_int_equal (port_send (&self->in.client, self->in.channel, self->in.link, "x"),
                          ZLOOM_OK);
        port_expect_body (&self->in.client, "x");
    }
    port_send (&self->in.client, self->in.channel, self->in.link, "");
    pthread_join (thread, NULL);
}

//  ---- What it costs ----------------------------------------------------------

static unsigned s_open_descriptors (void)
{
    unsigned count = 0;
    DIR *folder = opendir ("/proc/self/fd");
    assert_non_null (folder);
    while (readdir (folder))
        count++;
    closedir (folder);
    return count;
}

//  Trying again and again keeps nothing.
static void test_link_tries_leave_no_descriptors_behind (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    stranger_t stranger = {.line = "nonsense that is no ZMTP\r\n", .hangs_up = true};
    s_listen (&stranger, self->endpoint);
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->endpoint);
    options.reconnect_min_ms = options.reconnect_max_ms = 1;
    assert_int_equal (
        self->client.port->ops->open (self->client.port, &options, &self->channel, NULL), ZLOOM_OK);
    unsigned most = 0;
    for (unsigned tries = 0; tries < 200; tries = atomic_load (&stranger.accepted)) {
        port_next (&self->client, 1);
        if (tries < 20)
            most = s_open_descriptors () + 16;
    }
    assert_true (s_open_descriptors () <= most);
    s_leave (&stranger);
}

//  A client that does nothing for a while, beside a peer that comes and goes,
//  must not hold up libzmq's own thread: others live by it, and so does the
//  client's end.
static void test_link_that_nobody_looks_at_does_not_stop_the_others (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    stranger_t stranger = {.line = "", .hangs_up = true};
    char nonsense[64];
    s_listen (&stranger, nonsense);
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, nonsense);
    options.reconnect_min_ms = options.reconnect_max_ms = 1;
    zloom__channel_t channel;
    port_t idle;
    port_new (&idle, self->engine, NULL, 0);
    assert_int_equal (idle.port->ops->open (idle.port, &options, &channel, NULL), ZLOOM_OK);
    s_marry (self);
    zloom_time_t until = zloom_time_now () + 2 * ZLOOM_SEC;
    while (zloom_time_now () < until) {
        assert_int_equal (port_send (&self->client, self->channel, self->link, "x"), ZLOOM_OK);
        raw_receive (&self->peer);
        s_reply (&self->peer, "y");
        port_expect_body (&self->client, "y");
    }
    port_destroy (&idle);
    s_leave (&stranger);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST_BOTH (test_link_does_not_come_up_where_nobody_listens),
        PORT_TEST_BOTH (test_link_comes_up_when_somebody_does),
        PORT_TEST_BOTH (test_link_does_not_come_up_with_a_listener_that_speaks_no_zmtp),
        PORT_TEST_BOTH (test_link_is_given_up_when_no_handshake_comes_in_time),
        PORT_TEST_BOTH (test_link_is_tried_again_with_one_that_hangs_up),
        PORT_TEST_BOTH (test_link_is_refused_by_sockets_of_types_that_do_not_fit),
        PORT_TEST_BOTH (test_link_comes_up_with_types_that_fit),
        PORT_TEST_BOTH (test_link_is_refused_by_a_server_that_wants_keys),
        PORT_TEST_BOTH (test_link_comes_up_when_the_wrong_peer_makes_room),
        PORT_TEST_BOTH (test_link_carries_messages_both_ways_in_order),
        PORT_TEST_BOTH (test_link_joins_the_parts_of_a_body),
        PORT_TEST_BOTH (test_link_goes_down_with_its_peer_and_a_new_one_comes),
        PORT_TEST_BOTH (test_link_gives_what_came_before_it_went_down),
        PORT_TEST_BOTH (test_link_that_was_replaced_unseen_is_another_one),
        PORT_TEST_BOTH (test_link_is_made_again_soon_after_it_was_lost),
        PORT_TEST_BOTH (test_link_that_is_full_tells_when_there_is_room),
        PORT_TEST_BOTH (test_link_tells_of_room_that_came_unseen),
        PORT_TEST_BOTH (test_link_that_is_full_goes_down_too),
        cmocka_unit_test_setup_teardown (test_link_of_inproc_hides_whether_anybody_is_there,
                                         s_setup_inproc, s_teardown_inproc),
        cmocka_unit_test_setup_teardown (test_link_of_inproc_goes_down_with_its_peer,
                                         s_setup_inproc, s_teardown_inproc),
        cmocka_unit_test_setup_teardown (
            test_link_of_inproc_tells_a_full_queue_from_a_peer_that_left, s_setup_inproc,
            s_teardown_inproc),
        cmocka_unit_test_setup_teardown (
            test_link_of_inproc_goes_down_though_something_was_just_sent, s_setup_inproc,
            s_teardown_inproc),
        cmocka_unit_test_setup_teardown (test_link_of_inproc_speaks_with_every_type_that_fits,
                                         s_setup_inproc, s_teardown_inproc),
        cmocka_unit_test_setup_teardown (test_link_of_inproc_never_leaves_a_message_behind,
                                         s_setup_inproc, s_teardown_inproc),
        PORT_TEST_BOTH (test_link_tries_leave_no_descriptors_behind),
        PORT_TEST_BOTH (test_link_that_nobody_looks_at_does_not_stop_the_others),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
