#include "crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <zloom.h>

#include "fail.h"
#include "host.h"
#include "watch.h"

//  Connections of one process that only has them, at most, and descriptors that
//  one may cost there. Processes for one server, at most. Seconds.
enum { HELPER_CONNECTIONS = 2000, HELPER_DESCRIPTORS = 8, HELPERS = 256, CONNECTING = 120 };

//  Descriptors of a process that are not for connections.
enum { OTHER_DESCRIPTORS = 100 };

enum { PAYLOAD_BYTES = 32 };

enum { P50, P99, MEMORY, CONNECT, MEASURES };

static const measure_t s_measures[MEASURES] = {
    [P50] =
        {.name = "p50 us", .key = "p50_ns", .unit = 1000, .digits = 1, .compare = COMPARE_RATIO},
    [P99] = {.name = "p99 us",
             .key = "p99_ns",
             .unit = 1000,
             .digits = 1,
             .compare = COMPARE_RATIO,
             .decides = true},
    [MEMORY] = {.name = "KiB each",
                .key = "server_bytes_per_connection",
                .unit = 1024,
                .digits = 2},
    [CONNECT] = {.name = "s to connect", .key = "connect_ns", .unit = 1e9, .digits = 2}};

//  Some connections of a server, in a process of their own.
typedef struct helper {
    const host_t *host;
    unsigned connections;
    process_t process;
} helper_t;

//  A server and all its connections.
typedef struct crowd {
    const crowd_plan_t *plan;
    unsigned connections;
    host_t host;
    helper_t helpers[HELPERS];
    size_t helper_count;
    void *zmq;
    void **clients;  //  The active ones
    unsigned active;
    int epoll;
    double bytes_each;
    double connect_ns;
} crowd_t;

unsigned crowd_most (void)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit))
        fail_errno ("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit (RLIMIT_NOFILE, &limit))
        fail_errno ("setrlimit");
    return limit.rlim_cur > 1000000 ? 1000000 : (unsigned) limit.rlim_cur - OTHER_DESCRIPTORS;
}

//  Connecting.

static void **s_clients_new (unsigned count)
{
    void **clients = (void **) calloc (count, sizeof *clients);
    if (!clients)
        fail ("no memory");
    return clients;
}

//  Make clients in this process; they are all connected when this returns.
static void s_connect (const host_t *host, void *zmq, void **clients, unsigned count)
{
    const client_kind_t *kind = host->contender->client;
    bool *is_up = (bool *) calloc (count, sizeof *is_up);
    if (!is_up)
        fail ("no memory");
    for (unsigned i = 0; i < count; i++)
        clients[i] = kind->open (host->contender, zmq, host->endpoint);
    for (unsigned up = 0; up < count;) {
        unsigned before = up;
        for (unsigned i = 0; i < count; i++)
            if (!is_up[i] && kind->is_connected (clients[i])) {
                is_up[i] = true;
                up++;
            }
        if (up == before)
            usleep (1000);
    }
    free (is_up);
}

//  The whole life of a helper's process: it connects when it is told to, and
//  then only is there.
static void s_help (void *helper, int input, int output)
{
    const helper_t *self = (const helper_t *) helper;
    char byte;
    if (read (input, &byte, 1) != 1)
        return;
    void **clients = s_clients_new (self->connections);
    s_connect (self->host, host_context_new (), clients, self->connections);
    process_say_ready (output);
    for (;;)
        pause ();
}

static void s_start (crowd_t *self, size_t number)
{
    const crowd_plan_t *plan = self->plan;
    self->connections = plan->sizes[number];
    self->active = plan->active < self->connections ? plan->active : self->connections;
    host_start (&self->host, plan->contender, plan->transport, CORES_ANY, plan->folder);

    unsigned most = crowd_most () / HELPER_DESCRIPTORS;
    most = most < HELPER_CONNECTIONS ? most : HELPER_CONNECTIONS;
    for (unsigned left = self->connections - self->active; left > 0;) {
        if (self->helper_count == HELPERS)
            fail ("%u connections need too many processes", self->connections);
        helper_t *helper = &self->helpers[self->helper_count++];
        helper->host = &self->host;
        helper->connections = left < most ? left : most;
        helper->process = process_start ("a helper", s_help, helper);
        left -= helper->connections;
    }
}

static void s_join (crowd_t *self)
{
    const client_kind_t *kind = self->plan->contender->client;
    size_t before = process_resident_bytes (self->host.process.pid);
    zloom_time_t start = zloom_time_now ();
    for (size_t i = 0; i < self->helper_count; i++)
        process_write (self->helpers[i].process.input, "", 1);
    self->zmq = host_context_new ();
    self->clients = s_clients_new (self->active);
    s_connect (&self->host, self->zmq, self->clients, self->active);
    for (size_t i = 0; i < self->helper_count; i++)
        process_await_ready (&self->helpers[i].process);
    self->connect_ns = (double) (zloom_time_now () - start);
    size_t after = process_resident_bytes (self->host.process.pid);
    unsigned there = process_descriptors (self->host.process.pid);
    if (there < self->connections)
        fail ("the server has at most %u of %u connections", there, self->connections);
    self->bytes_each = ((double) after - (double) before) / self->connections;

    self->epoll = epoll_create1 (EPOLL_CLOEXEC);
    for (unsigned i = 0; i < self->active; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl (self->epoll, EPOLL_CTL_ADD, kind->descriptor (self->clients[i]), &event))
            fail_errno ("epoll_ctl");
    }
}

static void s_leave (crowd_t *self)
{
    const client_kind_t *kind = self->plan->contender->client;
    kind->stop (self->clients[0]);
    for (unsigned i = 0; i < self->active; i++)
        kind->close (self->clients[i]);
    for (size_t i = 0; i < self->helper_count; i++)
        process_kill (&self->helpers[i].process);
    process_join (&self->host.process);
    close (self->epoll);
    free (self->clients);
}

//  Rounds.

//  Calls of all active clients, one of each at a time.
typedef struct turn {
    const crowd_t *crowd;
    zloom_bytes_t payload;
    zloom_time_t *asked;  //  Of each client
    unsigned begun;
    unsigned ended;
    unsigned calls;
    zloom_histogram_t *histogram;
} turn_t;

static void s_ask (turn_t *turn, unsigned client)
{
    turn->asked[client] = zloom_time_now ();
    turn->begun++;
    turn->crowd->plan->contender->client->ask (turn->crowd->clients[client], turn->payload);
}

//  A client may have its answer before its descriptor can say so.
static void s_look (turn_t *turn, unsigned client)
{
    const client_kind_t *kind = turn->crowd->plan->contender->client;
    while (turn->asked[client] && kind->is_answered (turn->crowd->clients[client])) {
        zloom_histogram_record (turn->histogram, zloom_time_now () - turn->asked[client]);
        turn->asked[client] = 0;
        turn->ended++;
        if (turn->begun < turn->calls)
            s_ask (turn, client);
    }
}

static void s_play_calls (turn_t *turn, unsigned calls)
{
    struct epoll_event events[64];
    turn->begun = turn->ended = 0;
    turn->calls = calls;
    zloom_histogram_reset (turn->histogram);
    for (unsigned i = 0; i < turn->crowd->active && turn->begun < calls; i++) {
        s_ask (turn, i);
        s_look (turn, i);
    }
    while (turn->ended < calls) {
        int count = epoll_wait (turn->crowd->epoll, events, sizeof events / sizeof events[0], -1);
        if (count < 0 && errno != EINTR)
            fail_errno ("epoll_wait");
        for (int i = 0; i < count; i++)
            s_look (turn, events[i].data.u32);
    }
}

static void s_round (const crowd_t *self, double *ret_values)
{
    unsigned char data[PAYLOAD_BYTES];
    memset (data, 'z', sizeof data);
    turn_t turn = {.crowd = self,
                   .payload = zloom_bytes (data, sizeof data),
                   .asked = (zloom_time_t *) calloc (self->active, sizeof *turn.asked),
                   .histogram = zloom_histogram_new (NULL, NULL)};
    if (!turn.asked || !turn.histogram)
        fail ("no memory");
    s_play_calls (&turn, self->plan->calls / 10 + 1);
    s_play_calls (&turn, self->plan->calls);
    ret_values[P50] = (double) zloom_histogram_value_at_percentile (turn.histogram, 50);
    ret_values[P99] = (double) zloom_histogram_value_at_percentile (turn.histogram, 99);
    ret_values[MEMORY] = self->bytes_each;
    ret_values[CONNECT] = self->connect_ns;
    free (turn.asked);
    zloom_histogram_destroy (&turn.histogram);
}

//  The whole life of the section's process.
static void s_live (section_t *section)
{
    const crowd_plan_t *plan = (const crowd_plan_t *) section->plan;
    crowd_t *crowds = (crowd_t *) calloc (plan->count, sizeof *crowds);
    double discarded[MEASURES];
    if (!crowds)
        fail ("no memory");
    watch_begin ();
    watch_for ("opening", CONNECTING);
    for (size_t i = 0; i < plan->count; i++) {
        crowds[i].plan = plan;
        s_start (&crowds[i], i);
    }
    for (size_t i = 0; i < plan->count; i++) {
        watch_for (section->names[i], CONNECTING);
        s_join (&crowds[i]);
        s_round (&crowds[i], discarded);
    }
    for (unsigned round = 0; round < section->rounds; round++)
        for (size_t i = 0; i < plan->count; i++) {
            watch_for (section->names[i], 60 + plan->calls / 100);
            s_round (&crowds[i], section_values (section, i, round));
        }
    watch_end ();
    watch_for ("closing", CONNECTING);
    for (size_t i = 0; i < plan->count; i++)
        s_leave (&crowds[i]);
    free (crowds);
}

section_t crowd_section (const crowd_plan_t *self, unsigned rounds)
{
    section_t section = {.rounds = rounds,
                         .contenders = self->count,
                         .measures = s_measures,
                         .measure_count = MEASURES,
                         .live = s_live,
                         .plan = self};
    snprintf (section.name, sizeof section.name, "connections, %s, %s", self->contender->name,
              transport_name (self->transport));
    snprintf (section.detail, sizeof section.detail,
              "%u calls a round by %u connections at once; memory and time once", self->calls,
              self->active);
    for (size_t i = 0; i < self->count; i++)
        section.names[i] = self->names[i];
    return section;
}
