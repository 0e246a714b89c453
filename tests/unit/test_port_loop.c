#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/port.h"
#include "support/raw.h"

//  How the port waits: turns, wake-ups, jobs, foreign loops, forks.

enum { A_WHILE_MS = 300, PATIENCE_MS = 20000 };

typedef struct {
    zloom_engine_t engine;
    port_t port;
    raw_t peers[2];
    char endpoints[2][64];
    zloom__channel_t channels[2];
} fixture_t;

static int s_setup (void **state)
{
    static fixture_t fixture;
    fixture = (fixture_t){.engine = port_engine (state)};
    for (int i = 0; i < 2; i++)
        port_free_endpoint (fixture.endpoints[i]);
    *state = &fixture;
    return 0;
}

static int s_teardown (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_destroy (&self->port);
    for (int i = 0; i < 2; i++)
        raw_destroy (&self->peers[i]);
    return 0;
}

//  A server with two endpoints and a DEALER at each, whose first message has
//  been taken.
static void s_serve_two (fixture_t *self, unsigned workers)
{
    port_new (&self->port, self->engine, NULL, workers);
    for (int i = 0; i < 2; i++) {
        self->channels[i] = port_bind (&self->port, self->endpoints[i]);
        raw_new (&self->peers[i], ZMQ_DEALER, NULL);
        raw_connect (&self->peers[i], self->endpoints[i]);
        raw_send_frame (&self->peers[i], zloom_bytes_str ("hello"), false);
        port_expect_body (&self->port, "hello");
    }
}

//  ---- Turns ------------------------------------------------------------------

static void test_port_waits_no_longer_than_asked (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    zloom_time_t from = zloom_time_now ();
    assert_int_equal (port_next (&self->port, 50), ZLOOM__EVENT_TIMEOUT);
    assert_true (zloom_time_now () - from >= 50 * ZLOOM_MSEC);
    assert_int_equal (port_next (&self->port, 0), ZLOOM__EVENT_TIMEOUT);
    assert_int_equal (port_next (&self->port, -1000), ZLOOM__EVENT_TIMEOUT);
    assert_true (zloom_time_now () - from < PATIENCE_MS * ZLOOM_MSEC);
    zloom__channel_t channel = port_connect (&self->port, self->endpoints[0]);
    assert_string_equal (self->port.port->ops->engine (self->port.port, channel),
                         self->engine == ZLOOM_ENGINE_LIBZMQ ? "libzmq" : "direct");
}

//  The direct engine takes what was read at once; see test_port_direct_bytes.c.
static void test_port_takes_from_every_endpoint_in_turn (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { EACH = 200 };
    s_serve_two (self, 0);
    for (int n = 0; n < EACH; n++)
        for (int i = 0; i < 2; i++)
            raw_send_frame (&self->peers[i], zloom_bytes_str ("x"), false);
    //  All has arrived when a message has come by each and waited for a while.
    assert_false (raw_receive_within (&self->peers[0], A_WHILE_MS));
    unsigned seen[2] = {0};
    for (int n = 0; n < 2 * EACH; n++) {
        seen[port_expect_body (&self->port, "x")->channel]++;
        assert_true (seen[0] <= seen[1] + 1 && seen[1] <= seen[0] + 1);
    }
}

static void s_run_nothing (zloom__job_t *job)
{
    (void) job;
}

//  A socket that always has more must not keep jobs and wake-ups waiting.
static void test_port_tells_of_jobs_and_wakes_beside_a_flood (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { FLOOD = 900 };
    s_serve_two (self, 1);
    for (int n = 0; n < FLOOD; n++)
        raw_send_frame (&self->peers[0], zloom_bytes_str ("x"), false);
    zloom__job_t job = {.run = s_run_nothing};
    self->port.port->ops->submit (self->port.port, &job);
    self->port.port->ops->wake (self->port.port);
    assert_false (raw_receive_within (&self->peers[0], A_WHILE_MS));
    bool was_woken = false, has_job = false;
    for (int n = 0; n < 10 && !(was_woken && has_job); n++) {
        zloom__event_kind_t kind = port_next (&self->port, PATIENCE_MS);
        was_woken = was_woken || kind == ZLOOM__EVENT_WOKEN;
        has_job = has_job || kind == ZLOOM__EVENT_JOB;
    }
    assert_true (was_woken && has_job);
}

//  Nor may it hide that another endpoint has come up, though it never ends.
static void test_port_hears_of_others_beside_a_flood (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { FLOOD = 500 };
    static const uint8_t bytes[1000];
    port_new (&self->port, self->engine, NULL, 0);
    raw_new (&self->peers[0], ZMQ_DEALER, NULL);
    raw_bind (&self->peers[0], self->endpoints[0]);
    self->channels[0] = port_connect (&self->port, self->endpoints[0]);
    port_expect_up (&self->port, self->channels[0]);
    for (int n = 0; n < FLOOD; n++)
        raw_send_frame (&self->peers[0], zloom_bytes (bytes, sizeof bytes), false);
    raw_new (&self->peers[1], ZMQ_ROUTER, NULL);
    raw_bind (&self->peers[1], self->endpoints[1]);
    self->channels[1] = port_connect (&self->port, self->endpoints[1]);
    assert_false (raw_receive_within (&self->peers[0], A_WHILE_MS));
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    while (port_next (&self->port, PATIENCE_MS) == ZLOOM__EVENT_FRAME) {
        assert_true (zloom_time_now () < until);
        raw_send_frame (&self->peers[0], zloom_bytes (bytes, sizeof bytes), false);
    }
    assert_int_equal (self->port.event.kind, ZLOOM__EVENT_UP);
    assert_int_equal (self->port.event.channel, self->channels[1]);
}

//  What is beyond the bounds is dropped, a message a turn: a flood of it does
//  not hold the port either.
static void test_port_is_not_held_by_messages_that_it_drops (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { FLOOD = 300 };
    s_serve_two (self, 0);
    for (int n = 0; n < FLOOD; n++) {
        for (int frame = 0; frame < ZLOOM__FRAMES_MAX; frame++)
            raw_send_frame (&self->peers[0], zloom_bytes_str ("hop"), true);
        raw_send_frame (&self->peers[0], zloom_bytes_str ("body"), false);
    }
    raw_send_frame (&self->peers[1], zloom_bytes_str ("good"), false);
    assert_false (raw_receive_within (&self->peers[0], A_WHILE_MS));
    int before = 0;
    while (port_next (&self->port, PATIENCE_MS) == ZLOOM__EVENT_WOKEN)
        before++;
    assert_int_equal (self->port.event.kind, ZLOOM__EVENT_FRAME);
    assert_int_equal (self->port.event.channel, self->channels[1]);
    assert_true (before < 10);
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    while (self->port.port->ops->dropped (self->port.port) < FLOOD && zloom_time_now () < until)
        if (port_next (&self->port, 10) != ZLOOM__EVENT_WOKEN)
            assert_int_equal (self->port.event.kind, ZLOOM__EVENT_TIMEOUT);
    assert_int_equal (self->port.port->ops->dropped (self->port.port), FLOOD);
}

//  ---- Waking, and jobs -------------------------------------------------------

static void *s_wake (void *argument)
{
    zloom__port_t *port = (zloom__port_t *) argument;
    port->ops->wake (port);
    return NULL;
}

static void test_port_is_woken_from_another_thread (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal (pthread_create (&thread, NULL, s_wake, self->port.port), 0);
        port_expect (&self->port, ZLOOM__EVENT_WOKEN);
        pthread_join (thread, NULL);
    }
    assert_int_equal (port_next (&self->port, 0), ZLOOM__EVENT_TIMEOUT);
}

static void test_port_woken_twice_before_it_looks_is_told_once (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    s_wake (self->port.port);
    s_wake (self->port.port);
    port_expect (&self->port, ZLOOM__EVENT_WOKEN);
    assert_int_equal (port_next (&self->port, 20), ZLOOM__EVENT_TIMEOUT);
}

static zloom__port_t *s_woken_by_signal;

static void s_take_signal (int signal_number)
{
    (void) signal_number;
    s_woken_by_signal->ops->wake (s_woken_by_signal);
}

//  In a signal handler: whatever was going on goes on as if nothing had been.
static void test_port_wake_leaves_errno_alone (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    s_woken_by_signal = self->port.port;
    struct sigaction action = {.sa_handler = s_take_signal}, before;
    assert_int_equal (sigaction (SIGUSR1, &action, &before), 0);
    for (int i = 0; i < 3; i++) {
        errno = EDOM;
        raise (SIGUSR1);
        assert_int_equal (errno, EDOM);
    }
    assert_int_equal (sigaction (SIGUSR1, &before, NULL), 0);
    port_expect (&self->port, ZLOOM__EVENT_WOKEN);
}

static void test_port_gives_every_job_back (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { JOBS = 500 };
    static zloom__job_t jobs[JOBS];
    bool seen[JOBS] = {false};
    port_new (&self->port, self->engine, NULL, 4);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].run = s_run_nothing;
        self->port.port->ops->submit (self->port.port, &jobs[i]);
    }
    for (int i = 0; i < JOBS; i++) {
        size_t number = (size_t) (port_expect (&self->port, ZLOOM__EVENT_JOB)->job - jobs);
        assert_true (number < JOBS && !seen[number]);
        seen[number] = true;
    }
    assert_int_equal (port_next (&self->port, 0), ZLOOM__EVENT_TIMEOUT);
}

//  ---- In a foreign loop ------------------------------------------------------

static bool s_is_readable (fixture_t *self, int timeout_ms)
{
    int fd = self->port.port->ops->descriptor (self->port.port);
    assert_true (fd >= 0);
    struct pollfd poll_it = {fd, POLLIN, 0};
    return poll (&poll_it, 1, timeout_ms) == 1;
}

static void s_settle (fixture_t *self, zloom_time_t until)
{
    self->port.port->ops->settle (self->port.port, until);
}

static void test_port_descriptor_is_readable_while_messages_wait (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_serve_two (self, 0);
    assert_int_equal (port_next (&self->port, 0), ZLOOM__EVENT_TIMEOUT);
    s_settle (self, ZLOOM_NEVER);
    assert_false (s_is_readable (self, 50));
    for (int n = 0; n < 5; n++)
        raw_send_frame (&self->peers[n % 2], zloom_bytes_str ("x"), false);
    assert_false (raw_receive_within (&self->peers[0], A_WHILE_MS));
    for (int n = 0; n < 5; n++) {
        assert_true (s_is_readable (self, PATIENCE_MS));
        assert_true (s_is_readable (self, 0));
        port_expect_body (&self->port, "x");
        s_settle (self, ZLOOM_NEVER);
    }
    assert_int_equal (port_next (&self->port, 0), ZLOOM__EVENT_TIMEOUT);
    s_settle (self, ZLOOM_NEVER);
    assert_false (s_is_readable (self, 50));
}

//  A send of ours takes libzmq's own signal away; the message behind it stays.
static void test_port_descriptor_tells_of_what_a_send_brought_in (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_serve_two (self, 0);
    s_settle (self, ZLOOM_NEVER);
    raw_send_frame (&self->peers[0], zloom_bytes_str ("x"), false);
    assert_true (s_is_readable (self, PATIENCE_MS));
    zloom__event_t event = self->port.event;
    zloom_bytes_t body = zloom_bytes_str ("out of turn");
    for (int n = 0; n < 3; n++)
        self->port.port->ops->send (self->port.port, self->channels[0], event.link,
                                    zloom_bytes (NULL, 0), &body, 1);
    s_settle (self, ZLOOM_NEVER);
    assert_true (s_is_readable (self, 0));
    port_expect_body (&self->port, "x");
}

static void test_port_descriptor_tells_of_links_and_room (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    assert_false (s_is_readable (self, 0));
    self->channels[0] = port_connect (&self->port, self->endpoints[0]);
    raw_new (&self->peers[0], ZMQ_ROUTER, NULL);
    raw_bind (&self->peers[0], self->endpoints[0]);
    //  As a foreign loop would: process when readable, and settle.
    static const zloom__event_kind_t expected[] = {ZLOOM__EVENT_UP, ZLOOM__EVENT_DOWN};
    for (int i = 0; i < 2; i++) {
        zloom__event_kind_t kind = ZLOOM__EVENT_TIMEOUT;
        while (kind == ZLOOM__EVENT_TIMEOUT) {
            s_settle (self, ZLOOM_NEVER);
            assert_true (s_is_readable (self, PATIENCE_MS));
            kind = port_next (&self->port, 0);
        }
        assert_int_equal (kind, expected[i]);
        raw_destroy (&self->peers[0]);
    }
}

static void test_port_descriptor_tells_of_wakes_and_jobs (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 1);
    s_settle (self, ZLOOM_NEVER);
    assert_false (s_is_readable (self, 0));
    s_wake (self->port.port);
    assert_true (s_is_readable (self, 0));
    port_expect (&self->port, ZLOOM__EVENT_WOKEN);
    s_settle (self, ZLOOM_NEVER);
    zloom__job_t jobs[2] = {{.run = s_run_nothing}, {.run = s_run_nothing}};
    for (int i = 0; i < 2; i++)
        self->port.port->ops->submit (self->port.port, &jobs[i]);
    for (int i = 0; i < 2; i++) {
        assert_true (s_is_readable (self, PATIENCE_MS));
        port_expect (&self->port, ZLOOM__EVENT_JOB);
        s_settle (self, ZLOOM_NEVER);
    }
}

static void test_port_descriptor_is_readable_when_the_time_comes (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    assert_false (s_is_readable (self, 0));
    s_settle (self, zloom_time_now () + 30 * ZLOOM_MSEC);
    assert_false (s_is_readable (self, 0));
    assert_true (s_is_readable (self, PATIENCE_MS));
    s_settle (self, ZLOOM_NEVER);
    assert_false (s_is_readable (self, 0));
}

//  Tries to connect that end for good are made again by the channel itself; the
//  loop has to be told when.
static void test_port_descriptor_is_readable_when_it_is_time_to_connect (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    s_is_readable (self, 0);
    self->channels[0] = port_connect (&self->port, self->endpoints[0]);
    for (int tries = 0; tries < 5; tries++) {
        s_settle (self, ZLOOM_NEVER);
        assert_true (s_is_readable (self, PATIENCE_MS));
        assert_int_equal (port_next (&self->port, 0), ZLOOM__EVENT_TIMEOUT);
    }
}

//  ---- Forks ------------------------------------------------------------------

//  Run something in a child process; what it returns is its exit status.
static int s_in_child (int (*run) (fixture_t *), fixture_t *self)
{
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child == 0) {
        alarm (60);
        _exit (run (self));
    }
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

static int s_serve_in_child (fixture_t *self)
{
    port_t port;
    raw_t peer;
    port_new (&port, self->engine, NULL, 1);
    port_bind (&port, self->endpoints[1]);
    raw_new (&peer, ZMQ_DEALER, NULL);
    raw_connect (&peer, self->endpoints[1]);
    raw_send_frame (&peer, zloom_bytes_str ("x"), false);
    port_expect_body (&port, "x");
    port_answer (&port, "y");
    raw_receive (&peer);
    raw_destroy (&peer);
    port_destroy (&port);
    return 7;
}

//  The process's default context is the parent's; a child makes its own.
static void test_port_works_in_a_child_of_a_program_that_has_one (void **state)
{
    fixture_t *self = (fixture_t *) *state;
#ifdef __SANITIZE_THREAD__
    skip ();  //  It allows no threads in a child
#endif
    port_new (&self->port, self->engine, NULL, 0);
    port_bind (&self->port, self->endpoints[0]);
    assert_int_equal (s_in_child (s_serve_in_child, self), 7);
    raw_new (&self->peers[0], ZMQ_DEALER, NULL);
    raw_connect (&self->peers[0], self->endpoints[0]);
    raw_send_frame (&self->peers[0], zloom_bytes_str ("x"), false);
    port_expect_body (&self->port, "x");
}

static zloom_runtime_t *s_runtime;
static void *volatile s_context;  //  Its own; the child forgets it, but valgrind shall not

static int s_use_runtime_in_child (fixture_t *self)
{
    (void) self;
    s_context = zloom_runtime_context (s_runtime);
    const zloom__port_options_t options = {.runtime = s_runtime};
    zloom_error_t error = {0};
    if (zloom__port_new (&options, &error))
        return 1;
    zloom_runtime_destroy (&s_runtime);
    return error.reason == ZLOOM_REASON_FORKED ? 7 : 2;
}

static void test_port_in_a_runtime_of_the_parent_is_an_error (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_runtime = zloom_runtime_new (NULL);
    assert_non_null (s_runtime);
    port_new (&self->port, self->engine, s_runtime, 0);
    assert_int_equal (s_in_child (s_use_runtime_in_child, self), 7);
    port_destroy (&self->port);
    zloom_runtime_destroy (&s_runtime);
}

//  ---- What idling costs ------------------------------------------------------

static zloom_time_t s_cpu_time (void)
{
    struct timespec time;
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * ZLOOM_SEC + time.tv_nsec;
}

//  Half a second of waiting, all threads counted, takes a small part of it.
static void s_assert_idle (fixture_t *self)
{
    zloom_time_t from = s_cpu_time (), until = zloom_time_now () + ZLOOM_SEC / 2;
    while (zloom_time_now () < until)
        port_next (&self->port, 500);
    assert_true (s_cpu_time () - from < ZLOOM_SEC / 10);
}

static void test_port_sleeps_while_nothing_comes (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_serve_two (self, 2);
    s_assert_idle (self);
}

static void test_port_sleeps_beside_a_link_that_is_up (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    raw_new (&self->peers[0], ZMQ_ROUTER, NULL);
    raw_bind (&self->peers[0], self->endpoints[0]);
    self->channels[0] = port_connect (&self->port, self->endpoints[0]);
    port_expect_up (&self->port, self->channels[0]);
    s_assert_idle (self);
}

static void test_port_sleeps_while_nobody_is_there (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    self->channels[0] = port_connect (&self->port, self->endpoints[0]);
    self->channels[1] = port_connect (&self->port, "inproc://nobody");
    s_assert_idle (self);
}

static void test_port_sleeps_beside_a_peer_that_does_not_fit (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_new (&self->port, self->engine, NULL, 0);
    raw_new (&self->peers[0], ZMQ_PUB, NULL);
    raw_bind (&self->peers[0], self->endpoints[0]);
    self->channels[0] = port_connect (&self->port, self->endpoints[0]);
    s_assert_idle (self);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST_BOTH (test_port_waits_no_longer_than_asked),
        PORT_TEST (test_port_takes_from_every_endpoint_in_turn, "libzmq"),
        PORT_TEST_BOTH (test_port_tells_of_jobs_and_wakes_beside_a_flood),
        PORT_TEST_BOTH (test_port_hears_of_others_beside_a_flood),
        PORT_TEST_BOTH (test_port_is_not_held_by_messages_that_it_drops),
        PORT_TEST_BOTH (test_port_is_woken_from_another_thread),
        PORT_TEST_BOTH (test_port_woken_twice_before_it_looks_is_told_once),
        PORT_TEST_BOTH (test_port_wake_leaves_errno_alone),
        PORT_TEST_BOTH (test_port_gives_every_job_back),
        PORT_TEST_BOTH (test_port_descriptor_is_readable_while_messages_wait),
        PORT_TEST_BOTH (test_port_descriptor_tells_of_what_a_send_brought_in),
        PORT_TEST_BOTH (test_port_descriptor_tells_of_links_and_room),
        PORT_TEST_BOTH (test_port_descriptor_tells_of_wakes_and_jobs),
        PORT_TEST_BOTH (test_port_descriptor_is_readable_when_the_time_comes),
        PORT_TEST_BOTH (test_port_descriptor_is_readable_when_it_is_time_to_connect),
        PORT_TEST_BOTH (test_port_works_in_a_child_of_a_program_that_has_one),
        PORT_TEST_BOTH (test_port_in_a_runtime_of_the_parent_is_an_error),
        PORT_TEST_BOTH (test_port_sleeps_while_nothing_comes),
        PORT_TEST_BOTH (test_port_sleeps_beside_a_link_that_is_up),
        PORT_TEST_BOTH (test_port_sleeps_while_nobody_is_there),
        PORT_TEST_BOTH (test_port_sleeps_beside_a_peer_that_does_not_fit),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
