//  A live server meets hostile peers, and goes on serving honest ones: no call
//  fails, none waits long, and what the others cost is given back.
//
//  A million connections; with ZLOOM_BRIEF set, some thousands. ZLOOM_SEED
//  repeats a run.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/histogram.h"
#include "support/hostile.h"
#include "support/process.h"
#include "support/victim.h"

enum { HOSTILES = 2 };             //  Processes
enum { FRESH_EVERY = 20 };         //  Calls by a client of their own, that has to connect first
enum { GROWTH_MOST_KIB = 16384 };  //  Of the server's memory
static const zloom_time_t s_p99_most = ZLOOM_SEC, s_calm_most = 10 * ZLOOM_SEC;

//  The address sanitizer keeps what was freed for a while; it shall not keep so
//  much that it looks like a leak.
__attribute__ ((visibility ("default"))) const char *__asan_default_options (void);
const char *__asan_default_options (void)
{
    return "quarantine_size_mb=1";
}

typedef struct honest {
    zloom_client_t *clients[2];  //  Over tcp and over ipc
    zloom_histogram_t *took;
    uint64_t calls, failed;
} honest_t;

typedef struct scene {
    victim_t victim;
    honest_t honest;
    uint64_t seed;
    hostile_report_t report;
    unsigned fds_before, fds_after;
    size_t kib_before, kib_most, kib_untrimmed, kib_after;
} scene_t;

// ---- Honest peers -----------------------------------------------------------------

static void s_count_call (honest_t *self, zloom_time_t took)
{
    self->calls++;
    self->failed += took < 0;
    if (took >= 0)
        zloom_histogram_record (self->took, took);
}

//  A client that was not there before: its time includes that to connect.
static void s_call_fresh (scene_t *self)
{
    zloom_time_t begun = zloom_time_now ();
    zloom_client_t *client =
        victim_client (self->honest.calls & 1 ? self->victim.tcp : self->victim.ipc);
    zloom_time_t took = victim_call (client);
    s_count_call (&self->honest, took < 0 ? took : zloom_time_now () - begun);
    zloom_client_destroy (&client);
}

static void s_call (scene_t *self)
{
    if (self->honest.calls % FRESH_EVERY == FRESH_EVERY - 1)
        s_call_fresh (self);
    else
        s_count_call (&self->honest, victim_call (self->honest.clients[self->honest.calls & 1]));
}

// ---- Hostile ones -----------------------------------------------------------------

static void s_add_report (scene_t *self, int fd)
{
    hostile_report_t report;
    assert_int_equal (read (fd, &report, sizeof report), sizeof report);
    self->report.connections += report.connections;
    self->report.failed += report.failed;
    for (int i = 0; i < HOSTILE_KINDS; i++)
        self->report.kinds[i] += report.kinds[i];
    close (fd);
}

static void s_note_memory (scene_t *self)
{
    size_t kib = process_resident_kib (self->victim.pid);
    self->kib_most = kib > self->kib_most ? kib : self->kib_most;
}

//  Call, about once every millisecond, until a report is there.
static void s_call_until (scene_t *self, int fd)
{
    enum { PAUSE_MS = 1, BETWEEN_LOOKS = 50 };
    struct pollfd report = {.fd = fd, .events = POLLIN};
    while (poll (&report, 1, PAUSE_MS) == 0) {
        s_call (self);
        if (self->honest.calls % BETWEEN_LOOKS == 0)
            s_note_memory (self);
    }
}

static void s_be_hostile (scene_t *self, uint64_t connections)
{
    pid_t pids[HOSTILES];
    int fds[HOSTILES];
    for (unsigned i = 0; i < HOSTILES; i++) {
        const hostile_plan_t plan = {.seed = self->seed + i,
                                     .connections = connections / HOSTILES,
                                     .open_at_once = 200,
                                     .silent = 1000,
                                     .dripping = 50};
        fds[i] = hostile_start (&plan, &self->victim, &pids[i]);
    }
    for (unsigned i = 0; i < HOSTILES; i++) {
        s_call_until (self, fds[i]);
        s_add_report (self, fds[i]);
        assert_int_equal (process_wait (pids[i]), 0);
    }
}

//  Until the server has closed what is gone, or has had time enough for it.
static void s_await_calm (scene_t *self)
{
    zloom_time_t until = zloom_time_now () + s_calm_most;
    do {
        s_call (self);
        self->fds_after = process_descriptors (self->victim.pid);
    } while (self->fds_after > self->fds_before && zloom_time_now () < until);
}

// ---- Tests ------------------------------------------------------------------------

static int s_setup (void **state)
{
    scene_t *self = (scene_t *) calloc (1, sizeof *self);
    if (!self)
        return -1;
    *state = self;
    victim_start (&self->victim, 0);
    self->honest.took = zloom_histogram_new (NULL, NULL);
    const char *seed = getenv ("ZLOOM_SEED");
    self->seed = seed ? strtoull (seed, NULL, 0) : (uint64_t) zloom_time_now ();
    self->honest.clients[0] = victim_client (self->victim.tcp);
    self->honest.clients[1] = victim_client (self->victim.ipc);
    for (int i = 0; i < 2; i++)
        s_call (self);
    self->fds_before = process_descriptors (self->victim.pid);
    return 0;
}

static int s_teardown (void **state)
{
    scene_t *self = (scene_t *) *state;
    for (int i = 0; i < 2; i++)
        zloom_client_destroy (&self->honest.clients[i]);
    victim_destroy (&self->victim);
    zloom_histogram_destroy (&self->honest.took);
    free (self);
    return 0;
}

static void s_print (const scene_t *self)
{
    printf ("#! {\"seed\": %" PRIu64 ", \"connections\": %" PRIu64 ", \"not_taken\": %" PRIu64,
            self->seed, self->report.connections, self->report.failed);
    for (int i = 0; i < HOSTILE_KINDS; i++)
        printf (", \"%s\": %" PRIu64, hostile_kind_name ((hostile_kind_t) i),
                self->report.kinds[i]);
    const zloom_histogram_t *took = self->honest.took;
    printf (", \"calls\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"p50_us\": %" PRId64
            ", \"p99_us\": %" PRId64 ", \"max_us\": %" PRId64,
            self->honest.calls, self->honest.failed,
            zloom_histogram_value_at_percentile (took, 50) / ZLOOM_USEC,
            zloom_histogram_value_at_percentile (took, 99) / ZLOOM_USEC,
            zloom_histogram_max (took) / ZLOOM_USEC);
    printf (", \"kib_before\": %zu, \"kib_most\": %zu, \"kib_untrimmed\": %zu, \"kib_after\": %zu, "
            "\"fds_before\": %u, "
            "\"fds_after\": %u}\n",
            self->kib_before, self->kib_most, self->kib_untrimmed, self->kib_after,
            self->fds_before, self->fds_after);
}

static uint64_t s_connections (void)
{
    const char *number = getenv ("ZLOOM_CONNECTIONS");
    if (number)
        return strtoull (number, NULL, 0);
    return getenv ("ZLOOM_BRIEF") ? 10000 : 1000000;
}

static void test_hostile_connections_delay_no_honest_call_and_leave_nothing_behind (void **state)
{
    scene_t *self = (scene_t *) *state;
    uint64_t connections = s_connections ();
    //  The memory that all kinds at once need is in use before it is measured.
    s_be_hostile (self, connections < 100000 ? connections / 2 : 50000);
    s_await_calm (self);
    self->kib_before = victim_kept_kib (&self->victim, self->honest.clients[0]);

    s_be_hostile (self, connections);
    s_await_calm (self);
    self->kib_untrimmed = process_resident_kib (self->victim.pid);
    self->kib_after = victim_kept_kib (&self->victim, self->honest.clients[0]);
    s_print (self);

    assert_int_equal (self->honest.failed, 0);
    assert_true (zloom_histogram_value_at_percentile (self->honest.took, 99) < s_p99_most);
    assert_int_equal (self->fds_after, self->fds_before);
    assert_true (self->kib_after < self->kib_before + GROWTH_MOST_KIB);
    for (int i = 0; i < 2; i++)
        zloom_client_destroy (&self->honest.clients[i]);
    victim_stop (&self->victim);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (
            test_hostile_connections_delay_no_honest_call_and_leave_nothing_behind, s_setup,
            s_teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
