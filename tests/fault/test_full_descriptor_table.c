//  A server that has no descriptors left: it does not end, does not spin, and
//  serves who has waited as soon as others are gone.
//
//  The direct engine only. libzmq, also in its latest, ends the process where no
//  descriptor is left for a connection over ipc (accept in ipc_listener.cpp does
//  not expect EMFILE), and its I/O thread spins over tcp; nothing above it can
//  help that.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/process.h"
#include "support/talk.h"
#include "support/victim.h"

enum { ALLOWED = 256, CROWD = 2000, TICK_MS = 50 };
static const zloom_time_t s_full_most = 10 * ZLOOM_SEC, s_served_most = 2 * ZLOOM_SEC;

typedef struct scene {
    victim_t victim;
    bool is_ipc;
    bool shakes;  //  The crowd shakes hands, and stays for ever
    int crowd[CROWD];
    bool has_said[CROWD];
    zloom_buffer_t say;
} scene_t;

static int s_setup (void **state)
{
    scene_t *self = (scene_t *) calloc (1, sizeof *self);
    if (!self)
        return -1;
    const char *how = (const char *) *state;
    self->is_ipc = how[0] == 'i';
    self->shakes = how[3] == '!';
    *state = self;
    process_allow_descriptors (0);
    for (int i = 0; i < CROWD; i++)
        self->crowd[i] = -1;
    talk_open (&self->say, "DEALER");
    victim_start (&self->victim, ALLOWED);
    return 0;
}

static int s_teardown (void **state)
{
    scene_t *self = (scene_t *) *state;
    for (int i = 0; i < CROWD; i++)
        if (self->crowd[i] != -1)
            close (self->crowd[i]);
    victim_destroy (&self->victim);
    zloom_buffer_clear (&self->say);
    free (self);
    return 0;
}

// ---- The crowd --------------------------------------------------------------------

static int s_connect (const scene_t *self)
{
    int fd =
        socket (self->is_ipc ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const victim_t *to = &self->victim;
    int rc = self->is_ipc
                 ? connect (fd, (const struct sockaddr *) &to->ipc_place, sizeof to->ipc_place)
                 : connect (fd, (const struct sockaddr *) &to->tcp_place, sizeof to->tcp_place);
    if (fd == -1 || rc == 0 || errno == EINPROGRESS)
        return fd;
    close (fd);
    return -1;
}

static bool s_is_over (int fd)
{
    uint8_t heard[256];
    ssize_t got = recv (fd, heard, sizeof heard, MSG_DONTWAIT);
    return got == 0 || (got == -1 && errno != EAGAIN && errno != ENOTCONN);
}

//  Whoever is not connected, or not any more, tries again.
static void s_press (scene_t *self)
{
    for (int i = 0; i < CROWD; i++) {
        if (self->crowd[i] != -1 && s_is_over (self->crowd[i])) {
            close (self->crowd[i]);
            self->crowd[i] = -1;
        }
        if (self->crowd[i] == -1) {
            self->crowd[i] = s_connect (self);
            self->has_said[i] = !self->shakes;
        }
        if (self->crowd[i] != -1 && !self->has_said[i])
            self->has_said[i] =
                send (self->crowd[i], self->say.data, self->say.size, MSG_NOSIGNAL) > 0;
    }
}

static void s_press_for (scene_t *self, zloom_time_t time)
{
    for (zloom_time_t until = zloom_time_now () + time; zloom_time_now () < until;) {
        s_press (self);
        poll (NULL, 0, TICK_MS);
    }
}

static void s_fill (scene_t *self)
{
    zloom_time_t until = zloom_time_now () + s_full_most;
    do
        s_press_for (self, TICK_MS * ZLOOM_MSEC);
    while (process_descriptors (self->victim.pid) < ALLOWED && zloom_time_now () < until);
    assert_int_equal (process_descriptors (self->victim.pid), ALLOWED);
}

static void s_leave (scene_t *self)
{
    for (int i = 0; i < CROWD; i++)
        if (self->crowd[i] != -1) {
            close (self->crowd[i]);
            self->crowd[i] = -1;
        }
}

//  Part of a processor that the server takes while the crowd presses, in percent.
static double s_load (scene_t *self)
{
    zloom_time_t measured = (getenv ("ZLOOM_BRIEF") ? 1 : 4) * ZLOOM_SEC;
    zloom_time_t begun = zloom_time_now (), spent = process_busy (self->victim.pid);
    s_press_for (self, measured);
    spent = process_busy (self->victim.pid) - spent;
    return 100.0 * (double) spent / (double) (zloom_time_now () - begun);
}

// ---- Tests ------------------------------------------------------------------------

static void s_expect_quick_call (zloom_client_t *client, zloom_time_t since, const char *who)
{
    assert_true (victim_call (client) >= 0);
    zloom_time_t took = zloom_time_now () - since;
    printf ("# %s client served after %" PRId64 " ms\n", who, took / ZLOOM_MSEC);
    assert_true (took < s_served_most);
}

static void test_a_full_table_costs_little_and_is_over_when_the_crowd_has_gone (void **state)
{
    scene_t *self = (scene_t *) *state;
    const char *endpoint = self->is_ipc ? self->victim.ipc : self->victim.tcp;
    s_fill (self);
    zloom_client_t *waiting = victim_client (endpoint);
    double load = s_load (self);
    printf ("#! {\"transport\": \"%s\", \"shakes_hands\": %s, \"connects\": %d, "
            "\"descriptors\": %u, \"percent_of_a_core\": %.2f}\n",
            self->is_ipc ? "ipc" : "tcp", self->shakes ? "true" : "false", CROWD,
            process_descriptors (self->victim.pid), load);
    assert_true (load <= 20);

    zloom_time_t begun = zloom_time_now ();
    s_leave (self);
    zloom_client_t *late = victim_client (endpoint);
    s_expect_quick_call (late, begun, "a new");
    s_expect_quick_call (waiting, begun, "a waiting");
    zloom_client_destroy (&late);
    zloom_client_destroy (&waiting);
    victim_stop (&self->victim);
}

#define TEST(how)                                                                               \
    {                                                                                           \
        .name = "test_a_full_table_costs_little_and_is_over_when_the_crowd_has_gone (" how ")", \
        .test_func = test_a_full_table_costs_little_and_is_over_when_the_crowd_has_gone,        \
        .setup_func = s_setup, .teardown_func = s_teardown, .initial_state = (void *) how       \
    }

int main (void)
{
    const struct CMUnitTest tests[] = {TEST ("tcp"), TEST ("ipc"), TEST ("tcp!"), TEST ("ipc!")};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
