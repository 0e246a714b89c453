#include "idle.h"

#include <stdio.h>
#include <unistd.h>

#include "fail.h"
#include "host.h"
#include "watch.h"

enum { BOTH, CLIENT, SERVER, MEASURES };

static const measure_t s_measures[MEASURES] = {
    [BOTH] = {.name = "cpu ms both", .key = "cpu_ns", .unit = 1e6, .digits = 3},
    [CLIENT] = {.name = "cpu ms client", .key = "client_cpu_ns", .unit = 1e6, .digits = 3},
    [SERVER] = {.name = "cpu ms server", .key = "server_cpu_ns", .unit = 1e6, .digits = 3}};

//  Calls before it rests, so that all is as after work; seconds to settle after
//  them; seconds that opening may take.
enum { CALLS = 100, SETTLING = 1, OPENING = 60 };

//  A pair of processes.
typedef struct pair {
    host_t host;
    process_t client;
} pair_t;

//  The whole life of a client's process.
static void s_live_client (void *host_p, int input, int output)
{
    (void) input;
    const host_t *host = (const host_t *) host_p;
    const client_kind_t *kind = host->contender->client;
    void *client = kind->open (host->contender, host_context_new (), host->endpoint);
    for (unsigned call = 0; call < CALLS; call++)
        kind->call (client, zloom_bytes ("idle", 4));
    process_say_ready (output);
    for (;;)
        kind->rest (client, 1000000);
}

static void s_round (const idle_plan_t *plan, const pair_t *pairs, section_t *section,
                     unsigned round)
{
    //  First the time before, in its place; then what was used since.
    for (size_t i = 0; i < plan->count; i++) {
        double *values = section_values (section, i, round);
        values[CLIENT] = (double) process_cpu_ns (pairs[i].client.pid);
        values[SERVER] = (double) process_cpu_ns (pairs[i].host.process.pid);
    }
    sleep (plan->seconds);
    for (size_t i = 0; i < plan->count; i++) {
        double *values = section_values (section, i, round);
        values[CLIENT] = (double) process_cpu_ns (pairs[i].client.pid) - values[CLIENT];
        values[SERVER] = (double) process_cpu_ns (pairs[i].host.process.pid) - values[SERVER];
        values[BOTH] = values[CLIENT] + values[SERVER];
    }
}

//  The whole life of the section's process.
static void s_live (section_t *section)
{
    const idle_plan_t *plan = (const idle_plan_t *) section->plan;
    pair_t pairs[SECTION_CONTENDERS] = {0};
    watch_begin ();
    watch_for ("opening", OPENING);
    for (size_t i = 0; i < plan->count; i++) {
        host_start (&pairs[i].host, plan->contenders[i], plan->transport, CORES_ANY, plan->folder);
        pairs[i].client = process_start (section->names[i], s_live_client, &pairs[i].host);
        process_await_ready (&pairs[i].client);
    }
    sleep (SETTLING);
    for (unsigned round = 0; round < section->rounds; round++) {
        watch_for ("idling", plan->seconds + OPENING);
        s_round (plan, pairs, section, round);
    }
    watch_end ();
    watch_for ("closing", OPENING);
    for (size_t i = 0; i < plan->count; i++) {
        process_kill (&pairs[i].client);
        process_kill (&pairs[i].host.process);
    }
}

section_t idle_section (const idle_plan_t *self, unsigned rounds)
{
    section_t section = {.rounds = rounds,
                         .contenders = self->count,
                         .measures = s_measures,
                         .measure_count = MEASURES,
                         .live = s_live,
                         .plan = self};
    snprintf (section.name, sizeof section.name, "idle, %s, %s", transport_name (self->transport),
              cores_name (CORES_ANY));
    snprintf (section.detail, sizeof section.detail,
              "processor time of a connected client and server within %u s", self->seconds);
    for (size_t i = 0; i < self->count; i++)
        section.names[i] = self->contenders[i]->name;
    return section;
}
