//  Ten thousand clients of one server: what each costs, and how soon all are
//  served. And one client that does nothing: it costs next to nothing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/process.h"
#include "support/talk.h"
#include "support/victim.h"

enum { MANY = 10000, RESERVED = 64, BYTES_MOST = 8192 };
static const zloom_time_t s_connected_most = 10 * ZLOOM_SEC;

typedef struct scene {
    victim_t victim;
    bool is_ipc;
    unsigned count;
    int fds[MANY];
} scene_t;

static int s_setup (void **state)
{
    scene_t *self = (scene_t *) calloc (1, sizeof *self);
    if (!self)
        return -1;
    self->is_ipc = strcmp ((const char *) *state, "ipc") == 0;
    *state = self;
    process_allow_descriptors (0);
    victim_start (&self->victim, 0);
    return 0;
}

static int s_teardown (void **state)
{
    scene_t *self = (scene_t *) *state;
    for (unsigned i = 0; i < self->count; i++)
        close (self->fds[i]);
    victim_destroy (&self->victim);
    free (self);
    return 0;
}

// ---- Many -------------------------------------------------------------------------

static void s_connect (scene_t *self, zloom_bytes_t say)
{
    const victim_t *to = &self->victim;
    int fd = socket (self->is_ipc ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = self->is_ipc
                 ? connect (fd, (const struct sockaddr *) &to->ipc_place, sizeof to->ipc_place)
                 : connect (fd, (const struct sockaddr *) &to->tcp_place, sizeof to->tcp_place);
    assert_int_equal (rc, 0);
    self->fds[self->count++] = fd;
    assert_int_equal (send (fd, say.data, say.size, MSG_NOSIGNAL), (ssize_t) say.size);
}

//  Until its request is answered.
static void s_await_answer (int fd)
{
    uint8_t bytes[512];
    talk_t talk = {.wanted = 0};
    talk_begin (&talk, ZLOOM__ZMTP_DEALER, UINT64_MAX);
    while (!strstr (talk_heard (&talk), "LAST")) {
        ssize_t got = recv (fd, bytes, sizeof bytes, 0);
        assert_true (got > 0);
        talk_hear (&talk, zloom_bytes (bytes, (size_t) got));
    }
    talk_end (&talk);
}

static unsigned s_count (void)
{
    unsigned allowed = process_descriptors_allowed () - RESERVED;
    unsigned wanted = getenv ("ZLOOM_BRIEF") ? MANY / 4 : MANY;
    return wanted < allowed ? wanted : allowed;
}

static void test_ten_thousand_connections_are_served_soon_and_cost_little_memory (void **state)
{
    static const uint8_t request[] = "\x94\x00\x07\xa4"
                                     "echo\x90";
    scene_t *self = (scene_t *) *state;
    zloom_buffer_t say = {0};
    talk_open (&say, "DEALER");
    talk_frame (&say, 0, zloom_bytes (request, sizeof request - 1));
    zloom_client_t *client = victim_client (self->is_ipc ? self->victim.ipc : self->victim.tcp);
    assert_true (victim_call (client) >= 0);
    size_t before = process_resident_kib (self->victim.pid);

    zloom_time_t begun = zloom_time_now ();
    for (unsigned left = s_count (); left > 0; left--)
        s_connect (self, zloom_buffer_bytes (&say));
    for (unsigned i = 0; i < self->count; i++)
        s_await_answer (self->fds[i]);
    zloom_time_t took = zloom_time_now () - begun;
    size_t grown = process_resident_kib (self->victim.pid) - before;
    size_t each = grown * 1024 / (self->count ? self->count : 1);
    zloom_time_t call = victim_call (client);

    printf ("#! {\"transport\": \"%s\", \"connections\": %u, \"served_within_ms\": %" PRId64
            ", \"bytes_each\": %zu, \"next_call_us\": %" PRId64 "}\n",
            self->is_ipc ? "ipc" : "tcp", self->count, took / ZLOOM_MSEC, each, call / ZLOOM_USEC);
    zloom_buffer_clear (&say);
    zloom_client_destroy (&client);
    assert_true (each <= BYTES_MOST);
    assert_true (took <= s_connected_most);
    assert_true (call >= 0);
}

// ---- Idle -------------------------------------------------------------------------

static void test_a_client_and_a_server_that_are_idle_leave_the_processor_alone (void **state)
{
    enum { IDLE_MS = 10000, BRIEF_MS = 2000 };
    scene_t *self = (scene_t *) *state;
    uint32_t idle_ms = getenv ("ZLOOM_BRIEF") ? BRIEF_MS : IDLE_MS;
    zloom_client_t *client = victim_client (self->is_ipc ? self->victim.ipc : self->victim.tcp);
    for (int i = 0; i < 100; i++)
        assert_true (victim_call (client) >= 0);
    zloom_time_t begun = zloom_time_now (), until = begun + idle_ms * ZLOOM_MSEC;
    zloom_time_t ours = process_busy (getpid ()), its = process_busy (self->victim.pid);
    for (zloom_time_t now = begun; now < until; now = zloom_time_now ())
        assert_int_equal (
            zloom_client_process (client, (uint32_t) ((until - now) / ZLOOM_MSEC + 1)), ZLOOM_OK);
    ours = process_busy (getpid ()) - ours;
    its = process_busy (self->victim.pid) - its;
    printf ("#! {\"transport\": \"%s\", \"idle_ms\": %u, \"client_us\": %" PRId64
            ", \"server_us\": %" PRId64 "}\n",
            self->is_ipc ? "ipc" : "tcp", idle_ms, ours / ZLOOM_USEC, its / ZLOOM_USEC);
    zloom_client_destroy (&client);
    assert_true (ours + its <= 10 * ZLOOM_MSEC);
}

#define TEST(function, over)                                                           \
    {                                                                                  \
        .name = #function " (" over ")", .test_func = function, .setup_func = s_setup, \
        .teardown_func = s_teardown, .initial_state = (void *) over                    \
    }

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (test_ten_thousand_connections_are_served_soon_and_cost_little_memory, "tcp"),
        TEST (test_ten_thousand_connections_are_served_soon_and_cost_little_memory, "ipc"),
        TEST (test_a_client_and_a_server_that_are_idle_leave_the_processor_alone, "tcp"),
        TEST (test_a_client_and_a_server_that_are_idle_leave_the_processor_alone, "ipc"),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
