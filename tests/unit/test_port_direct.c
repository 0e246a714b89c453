//  What the direct engine alone promises of connections: how they are made,
//  by which address, how long they may take, and what a fork does to them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/free_port.h"
#include "support/plain.h"
#include "support/port.h"
#include "support/raw.h"
#include "support/talk.h"

enum { A_WHILE_MS = 100, PATIENCE_MS = 20000, PEERS = 8, CANNOT = 77 };

typedef struct {
    zloom_engine_t engine;
    port_t server, client;
    char endpoint[64];
    int listener;  //  By hand; -1 = none
    int peers[PEERS];
    raw_t raws[2];
} fixture_t;

static int s_setup (void **state)
{
    static fixture_t fixture;
    fixture = (fixture_t){.engine = port_engine (state), .listener = -1};
    for (int i = 0; i < PEERS; i++)
        fixture.peers[i] = -1;
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
    for (int i = 0; i < 2; i++)
        raw_destroy (&self->raws[i]);
    for (int i = 0; i < PEERS; i++)
        if (self->peers[i] != -1)
            close (self->peers[i]);
    if (self->listener != -1)
        close (self->listener);
    return 0;
}

static zloom_reason_t s_open (port_t *port, zloom__role_t role, const char *endpoint,
                              bool insecure_public)
{
    zloom__channel_options_t options = port_options (role, endpoint);
    zloom__channel_t channel;
    zloom_error_t error = {.reason = ZLOOM_REASON_NONE};
    options.insecure_public = insecure_public;
    port->port->ops->open (port->port, &options, &channel, &error);
    return error.reason;
}

//  A message there and back, between a client and a server that are connected.
static void s_converse (fixture_t *self, zloom__channel_t channel, zloom__link_t link)
{
    assert_int_equal (port_send (&self->client, channel, link, "question"), ZLOOM_OK);
    port_expect_body (&self->server, "question");
    assert_int_equal (port_answer (&self->server, "answer"), ZLOOM_OK);
    port_expect_body (&self->client, "answer");
}

//  ---- Addresses --------------------------------------------------------------

static void test_a_direct_port_has_no_inproc (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_t port;
    port_new (&port, ZLOOM_ENGINE_DIRECT, NULL, 0);
    assert_int_equal (s_open (&port, ZLOOM__ROLE_SERVER, "inproc://x", false),
                      ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_open (&port, ZLOOM__ROLE_CLIENT, "inproc://x", false),
                      ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_open (&port, ZLOOM__ROLE_SERVER, self->endpoint, false), ZLOOM_REASON_NONE);
    port_destroy (&port);
}

//  A name with several addresses, in a file system of a child's own. The server
//  has the last one.
static int s_reach_by_name (fixture_t *self)
{
    char hosts[] = "/tmp/zloom-test-XXXXXX", at[64], by_name[64];
    static const char lines[] =
        "127.0.0.9 zloom-many\n127.0.0.8 zloom-many\n127.0.0.1 zloom-many\n";
    unsigned port = free_port ();
    snprintf (at, sizeof at, "tcp://127.0.0.1:%u", port);
    snprintf (by_name, sizeof by_name, "tcp://zloom-many:%u", port);
    int file = mkstemp (hosts);
    bool is_done = file != -1 && write (file, lines, sizeof lines - 1) == sizeof lines - 1
                   && unshare (CLONE_NEWUSER | CLONE_NEWNS) == 0
                   && mount (hosts, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
    close (file);
    unlink (hosts);
    if (!is_done)
        return CANNOT;
    port_bind (&self->server, at);
    zloom__channel_t channel = port_connect (&self->client, by_name);
    s_converse (self, channel, port_marry (&self->client, channel, &self->server));
    return 0;
}

static int s_status_of (pid_t child)
{
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

//  In a child process, which may find that it cannot be done here. A failed
//  assertion ends it with another status.
static void s_run_in_child (int (*run) (fixture_t *), fixture_t *self)
{
#ifdef __SANITIZE_THREAD__
    skip ();
#endif
    if (getenv ("ZLOOM_TEST_VALGRIND"))
        skip ();  //  What the child does not free is its parent's
    pid_t child = fork ();
    assert_int_not_equal (child, -1);
    if (child == 0) {
        alarm (60);
        _exit (run (self));
    }
    int status = s_status_of (child);
    if (status == CANNOT)
        skip ();
    assert_int_equal (status, 0);
}

static void test_a_name_is_tried_at_each_of_its_addresses (void **state)
{
    s_run_in_child (s_reach_by_name, (fixture_t *) *state);
}

static void test_a_name_that_nobody_has_is_told_and_asked_again (void **state)
{
#ifdef __SANITIZE_THREAD__
    skip ();  //  It knows nothing of the thread in which the C library looks up names
#endif
    fixture_t *self = (fixture_t *) *state;
    zloom__channel_t channel = port_connect (&self->client, "tcp://no-such-host.invalid:5555");
    const char *why = "";
    for (int i = 0; i < PATIENCE_MS / 10 && !strstr (why, "cannot find that host"); i++) {
        assert_int_equal (port_next (&self->client, 10), ZLOOM__EVENT_TIMEOUT);
        assert_int_equal (port_trouble (&self->client, channel, &why), ZLOOM_REASON_NO_PEER);
    }
    assert_non_null (strstr (why, "cannot find that host"));
    assert_int_equal (port_next (&self->client, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
}

//  Anybody on the machine can reach it, so that is asked for by name.
static void test_an_abstract_name_serves_zloom_and_libzmq (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "ipc://@zloom-test-%d", (int) getpid ());
    assert_int_equal (s_open (&self->server, ZLOOM__ROLE_SERVER, endpoint, false),
                      ZLOOM_REASON_INSECURE_BIND);
    assert_int_equal (s_open (&self->server, ZLOOM__ROLE_SERVER, endpoint, true),
                      ZLOOM_REASON_NONE);
    assert_string_equal (self->server.port->ops->endpoint (self->server.port, 0), endpoint);
    zloom__channel_t channel = port_connect (&self->client, endpoint);
    s_converse (self, channel, port_marry (&self->client, channel, &self->server));
    raw_new (&self->raws[0], ZMQ_DEALER, NULL);
    raw_connect (&self->raws[0], endpoint);
    raw_send_frame (&self->raws[0], zloom_bytes_str ("question"), false);
    port_expect_body (&self->server, "question");
    port_answer (&self->server, "answer");
    raw_receive (&self->raws[0]);
    //  And the other way round.
    port_destroy (&self->client);
    port_destroy (&self->server);
    raw_destroy (&self->raws[0]);
    raw_new (&self->raws[1], ZMQ_ROUTER, NULL);
    raw_bind (&self->raws[1], endpoint);
    port_new (&self->client, self->engine, NULL, 0);
    channel = port_connect (&self->client, endpoint);
    assert_int_equal (
        port_send (&self->client, channel, port_expect_up (&self->client, channel), "question"),
        ZLOOM_OK);
    raw_receive (&self->raws[1]);
}

//  libzmq's ROUTER serves the first alone, or with its option the last.
static void test_two_peers_with_the_same_routing_id_are_both_served (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__link_t links[2];
    port_bind (&self->server, self->endpoint);
    for (int i = 0; i < 2; i++) {
        raw_new (&self->raws[i], ZMQ_DEALER, NULL);
        assert_int_equal (zmq_setsockopt (self->raws[i].socket, ZMQ_ROUTING_ID, "same", 4), 0);
        raw_connect (&self->raws[i], self->endpoint);
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 2; i++) {
            const char *const answers[] = {"to the first", "to the second"};
            raw_send_frame (&self->raws[i], zloom_bytes_str ("question"), false);
            links[i] = port_expect_body (&self->server, "question")->link;
            assert_int_equal (port_answer (&self->server, answers[i]), ZLOOM_OK);
            raw_receive (&self->raws[i]);
            assert_true (
                zloom_bytes_equal (raw_body (&self->raws[i]), zloom_bytes_str (answers[i])));
        }
    assert_int_not_equal (links[0], links[1]);
}

//  ---- Time -------------------------------------------------------------------

//  Turn the server until a peer's stream is at its end; returns when that was.
static zloom_time_t s_await_end (fixture_t *self, int peer)
{
    zloom_time_t from = zloom_time_now ();
    for (bool has_ended = false; !has_ended;) {
        uint8_t ignored[256];
        assert_true (zloom_time_now () - from < PATIENCE_MS * ZLOOM_MSEC);
        assert_int_equal (port_next (&self->server, 5), ZLOOM__EVENT_TIMEOUT);
        plain_hear (peer, ignored, sizeof ignored, &has_ended);
    }
    return zloom_time_now ();
}

//  Three seconds, however busily the peer goes about it.
static void test_a_handshake_that_does_not_come_to_its_end_is_ended (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_buffer_t hello = {0};
    talk_open (&hello, "DEALER");
    port_bind (&self->server, self->endpoint);
    zloom_time_t from = zloom_time_now ();
    const size_t said[] = {0, 1, 40, 64, hello.size - 1};
    enum { COUNT = sizeof said / sizeof said[0] };
    for (int i = 0; i < COUNT; i++) {
        self->peers[i] = plain_connect (self->endpoint);
        assert_int_equal (plain_say (self->peers[i], zloom_bytes (hello.data, said[i])), said[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        zloom_time_t took = s_await_end (self, self->peers[i]) - from;
        assert_true (took > 2 * ZLOOM_SEC && took < 6 * ZLOOM_SEC);
    }
    zloom_buffer_clear (&hello);
}

//  The pause doubles up to its bound, and is a random part of its second half.
static void test_tries_to_connect_are_made_ever_more_slowly (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { TRIES = 14, LEAST_MS = 10, MOST_MS = 80, LATE_MS = 400 };
    self->listener = plain_listen (self->endpoint);
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->endpoint);
    zloom__channel_t channel;
    options.reconnect_min_ms = LEAST_MS;
    options.reconnect_max_ms = MOST_MS;
    assert_int_equal (self->client.port->ops->open (self->client.port, &options, &channel, NULL),
                      ZLOOM_OK);
    zloom_time_t last = 0, pause = LEAST_MS * ZLOOM_MSEC, shortest = ZLOOM_NEVER, longest = 0;
    for (int tries = 0; tries < TRIES;) {
        assert_int_equal (port_next (&self->client, 1), ZLOOM__EVENT_TIMEOUT);
        int peer = plain_accept (self->listener);
        if (peer == -1)
            continue;
        close (peer);  //  Before it has heard anything
        zloom_time_t now = zloom_time_now (), gap = now - last;
        if (tries++ > 0) {
            assert_true (gap >= pause / 2 - 2 * ZLOOM_MSEC);
            assert_true (gap <= pause + LATE_MS * ZLOOM_MSEC);
            if (pause == MOST_MS * ZLOOM_MSEC) {
                shortest = zloom_time_min (shortest, gap);
                longest = gap > longest ? gap : longest;
            }
            pause = zloom_time_min (2 * pause, MOST_MS * ZLOOM_MSEC);
        }
        last = now;
    }
    assert_true (longest - shortest > 2 * ZLOOM_MSEC);
}

//  ---- Itself -----------------------------------------------------------------

static bool s_write_file (const char *path, const char *text)
{
    int file = open (path, O_WRONLY | O_CLOEXEC);
    bool is_done = file != -1 && write (file, text, strlen (text)) == (ssize_t) strlen (text);
    if (file != -1)
        close (file);
    return is_done;
}

//  A network of its own, in which the system gives connections one port.
static bool s_enter_small_network (unsigned port)
{
    struct ifreq loopback = {.ifr_name = "lo"};
    char range[32];
    if (unshare (CLONE_NEWUSER | CLONE_NEWNET) == -1)
        return false;
    int control = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    bool is_up = control != -1 && ioctl (control, SIOCSIFFLAGS, &loopback) == 0;
    if (control != -1)
        close (control);
    snprintf (range, sizeof range, "%u %u", port, port);
    return is_up && s_write_file ("/proc/sys/net/ipv4/ip_local_port_range", range);
}

static int s_dial_itself (fixture_t *self)
{
    enum { PORT = 40000, TURNS = 100 };
    if (!s_enter_small_network (PORT))
        return CANNOT;
    //  It happens here, and leaves no trace that would keep it from happening again.
    const struct linger at_once = {.l_onoff = 1};
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", PORT);
    int itself = plain_connect (endpoint);
    setsockopt (itself, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close (itself);
    zloom__channel_t channel = port_connect (&self->client, endpoint);
    for (int i = 0; i < TURNS; i++)
        if (port_next (&self->client, 5) != ZLOOM__EVENT_TIMEOUT)
            return 1;
    const char *why;
    return port_trouble (&self->client, channel, &why) == ZLOOM_REASON_NO_PEER ? 0 : 2;
}

static void test_a_client_that_meets_itself_takes_that_for_nobody (void **state)
{
    s_run_in_child (s_dial_itself, (fixture_t *) *state);
}

//  ---- Descriptors ------------------------------------------------------------

static zloom_time_t s_cpu_time (void)
{
    struct timespec time;
    clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * ZLOOM_SEC + time.tv_nsec;
}

static bool s_has_heard (int peer)
{
    struct pollfd item = {peer, POLLIN, 0};
    return poll (&item, 1, 0) == 1;
}

//  Those who connect while no descriptor is left wait; nobody spins meanwhile.
static void test_a_full_descriptor_table_makes_newcomers_wait (void **state)
{
    if (getenv ("ZLOOM_TEST_VALGRIND"))
        skip ();  //  It lets a process accept beyond its limit
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    struct rlimit before, few;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < PEERS; i++)
        self->peers[i] = plain_connect (self->endpoint);
    int lowest = dup (STDERR_FILENO);
    close (lowest);
    few = before;
    few.rlim_cur = (rlim_t) lowest;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &few), 0);
    zloom_time_t cpu = s_cpu_time (), until = zloom_time_now () + ZLOOM_SEC / 2;
    while (zloom_time_now () < until)
        assert_int_equal (port_next (&self->server, 100), ZLOOM__EVENT_TIMEOUT);
    assert_true (s_cpu_time () - cpu < ZLOOM_SEC / 10);
    for (int i = 0; i < PEERS; i++)
        assert_false (s_has_heard (self->peers[i]));

    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    for (int i = 0; i < PEERS;)
        if (s_has_heard (self->peers[i]))
            i++;
        else {
            assert_true (zloom_time_now () < until);
            assert_int_equal (port_next (&self->server, 5), ZLOOM__EVENT_TIMEOUT);
        }
}

//  A client's own table: it says so, and connects when there is room.
static void test_a_client_without_descriptors_says_so_and_tries_again (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    struct rlimit before, few;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    port_bind (&self->server, self->endpoint);
    int lowest = dup (STDERR_FILENO);
    close (lowest);
    few = before;
    few.rlim_cur = (rlim_t) lowest;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &few), 0);
    zloom__channel_t channel = port_connect (&self->client, self->endpoint);
    assert_int_equal (port_next (&self->client, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
    const char *why;
    zloom_reason_t reason = port_trouble (&self->client, channel, &why);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    assert_int_equal (reason, ZLOOM_REASON_DESCRIPTORS);
    s_converse (self, channel, port_marry (&self->client, channel, &self->server));
}

//  ---- Forks ------------------------------------------------------------------

//  A child has copies of all; that it ends is no matter.
static void test_a_child_that_ends_leaves_connections_alone (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    zloom__channel_t channel = port_connect (&self->client, self->endpoint);
    zloom__link_t link = port_marry (&self->client, channel, &self->server);
    s_converse (self, channel, link);
    //  Gathered, and not sent yet: it is sent once.
    zloom_bytes_t body = zloom_bytes_str ("once");
    assert_int_equal (self->client.port->ops->send (self->client.port, channel, link,
                                                    zloom_bytes (NULL, 0), &body, 1),
                      ZLOOM_OK);
    pid_t child = fork ();
    assert_int_not_equal (child, -1);
    if (child == 0)
        _exit (0);
    assert_int_equal (s_status_of (child), 0);
    zloom__port_flush (self->client.port);
    port_expect_body (&self->server, "once");
    assert_int_equal (port_next (&self->server, A_WHILE_MS), ZLOOM__EVENT_TIMEOUT);
    s_converse (self, channel, link);
}

//  One that goes on holds the stream that its parent has closed, so that its end
//  is not seen; what is connected anew is not confused with it.
static void test_a_child_that_goes_on_does_not_confuse_new_connections (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_bind (&self->server, self->endpoint);
    int ends[2];
    assert_int_equal (pipe (ends), 0);
    zloom__channel_t channel = port_connect (&self->client, self->endpoint);
    s_converse (self, channel, port_marry (&self->client, channel, &self->server));
    pid_t child = fork ();
    assert_int_not_equal (child, -1);
    if (child == 0) {
        char byte;
        close (ends[1]);
        _exit (read (ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    close (ends[0]);
    for (int round = 0; round < 5; round++) {
        port_destroy (&self->client);
        if (round > 0)
            port_expect (&self->server, ZLOOM__EVENT_DOWN);
        port_new (&self->client, self->engine, NULL, 0);
        channel = port_connect (&self->client, self->endpoint);
        s_converse (self, channel, port_marry (&self->client, channel, &self->server));
    }
    close (ends[1]);
    assert_int_equal (s_status_of (child), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST (test_a_direct_port_has_no_inproc, "direct"),
        PORT_TEST (test_a_name_is_tried_at_each_of_its_addresses, "direct"),
        PORT_TEST (test_a_name_that_nobody_has_is_told_and_asked_again, "direct"),
        PORT_TEST (test_an_abstract_name_serves_zloom_and_libzmq, "direct"),
        PORT_TEST (test_two_peers_with_the_same_routing_id_are_both_served, "direct"),
        PORT_TEST (test_a_handshake_that_does_not_come_to_its_end_is_ended, "direct"),
        PORT_TEST (test_tries_to_connect_are_made_ever_more_slowly, "direct"),
        PORT_TEST (test_a_client_that_meets_itself_takes_that_for_nobody, "direct"),
        PORT_TEST (test_a_full_descriptor_table_makes_newcomers_wait, "direct"),
        PORT_TEST (test_a_client_without_descriptors_says_so_and_tries_again, "direct"),
        PORT_TEST (test_a_child_that_ends_leaves_connections_alone, "direct"),
        PORT_TEST (test_a_child_that_goes_on_does_not_confuse_new_connections, "direct"),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
