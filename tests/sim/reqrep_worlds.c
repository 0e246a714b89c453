#include "sim/reqrep_worlds.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim/reqrep_sim.h"

enum { STEPS = 1000 };

//  How long after the last deadline something may still be pending.
#define REST (2 * ZLOOM_SEC)

//  Over all worlds.
enum { OWN_TALLIES = REQREP_KINDS * REQREP_OUTCOMES + REQREP_COUNTS, NETWORK_TALLIES_MAX = 100 };
static sim_tally_t s_tallies[OWN_TALLIES + NETWORK_TALLIES_MAX];
static char s_texts[REQREP_KINDS * REQREP_OUTCOMES][64];

static reqrep_sim_t s_sim;
static const reqrep_network_t *s_network;

//  Memory: whatever a world takes it gives back, and sometimes it gets none.

static int64_t s_pieces;

static bool s_runs_out (void)
{
    return s_sim.is_lean && !s_sim.is_ending && sim_chance (s_sim.world, 2);
}

static void *s_alloc (size_t size, void *context)
{
    (void) context;
    if (s_runs_out ())
        return NULL;
    s_pieces++;
    return malloc (size);
}

static void *s_realloc (void *memory, size_t size, void *context)
{
    (void) context;
    if (s_runs_out ())
        return NULL;
    s_pieces += memory == NULL;
    return realloc (memory, size);
}

static void s_free (void *memory, void *context)
{
    (void) context;
    s_pieces -= memory != NULL;
    free (memory);
}

//  Weather.

static void s_restart (sim_event_t *restart)
{
    reqrep_server_t *server = sim_event_owner (restart, reqrep_server_t, restart);
    if (server->port && server->port->is_waiting) {
        sim_event_plan_in (restart, ZLOOM_MSEC);
        return;
    }
    reqrep_server_close (server, true);
    reqrep_server_open (server);
}

static void s_strike_server (reqrep_sim_t *sim, reqrep_server_t *server)
{
    if (!server->object || server->port->is_waiting)
        return;
    sim_event_plan_in (&server->restart, sim_spread (sim->world, ZLOOM_USEC, 100 * ZLOOM_MSEC));
    switch (sim_between (sim->world, 0, 2)) {
    case 0:
        sim->counts[REQREP_CRASH_SERVER]++;
        reqrep_server_close (server, false);
        break;
    case 1:
        sim->counts[REQREP_CLOSE_SERVER]++;
        reqrep_server_close (server, true);
        break;
    default:
        sim->counts[REQREP_DRAIN_SERVER]++;
        reqrep_server_drain (server);
        break;
    }
}

static void s_strike_client (reqrep_sim_t *sim, reqrep_client_t *client)
{
    if (client->port->is_waiting)
        return;
    bool in_peace = sim_chance (sim->world, 50);
    sim->counts[in_peace ? REQREP_CLOSE_CLIENT : REQREP_CRASH_CLIENT]++;
    reqrep_client_close (client, in_peace);
    reqrep_client_open (client);
}

static void s_pause (reqrep_sim_t *sim, sim_host_t *port)
{
    if (!port || sim_host_is_busy (port))
        return;
    zloom_time_t duration = sim_spread (sim->world, ZLOOM_USEC, 50 * ZLOOM_MSEC);
    sim->counts[REQREP_PAUSE]++;
    sim_trace (sim->world, "%s is paused for %.3f ms", port->name, (double) duration / ZLOOM_MSEC);
    sim_host_pause (port, duration);
}

static void s_strike (reqrep_sim_t *sim)
{
    reqrep_server_t *server = &sim->servers[sim_between (sim->world, 0, sim->server_count - 1)];
    reqrep_client_t *client = &sim->clients[sim_between (sim->world, 0, sim->client_count - 1)];
    sim_network_t *network = sim->network;
    int64_t dice = sim_between (sim->world, 0, 99);
    zloom_time_t duration = sim_spread (sim->world, ZLOOM_USEC, 100 * ZLOOM_MSEC);
    if ((dice < 25 && network->ops->cut (network))
        || (dice < 50 && network->ops->stall (network, duration)))
        return;
    if (dice < 60)
        s_pause (sim, client->port);
    else if (dice < 70)
        s_pause (sim, server->port);
    else if (dice < 82)
        sim->counts[REQREP_REFUSE] += network->ops->turn_place (network, server->place);
    else if (dice < 92)
        s_strike_server (sim, server);
    else if (dice < 95)
        s_strike_client (sim, client);
    else
        network->ops->disturb (network, server->place);
}

static void s_weather (sim_event_t *weather)
{
    reqrep_sim_t *sim = sim_event_owner (weather, reqrep_sim_t, weather);
    s_strike (sim);
    sim_event_plan_in (weather, sim_spread (sim->world, 10 * ZLOOM_USEC, 20 * sim->pace));
}

//  Worlds.

static void s_check (sim_world_t *world)
{
    (void) world;
    for (unsigned i = 0; i < s_sim.client_count; i++)
        reqrep_client_check (&s_sim.clients[i]);
}

static void s_begin (reqrep_sim_t *sim, sim_world_t *world)
{
    memset (sim, 0, offsetof (reqrep_sim_t, calls));
    sim->world = world;
    sim->is_corrupt = sim_chance (world, 10);
    sim->is_tight = sim_chance (world, 10);
    sim->counts[REQREP_TIGHT] = sim->is_tight;
    sim->is_lean = !sim->is_tight && sim_chance (world, 5);
    sim->counts[REQREP_LEAN] = sim->is_lean;
    sim->has_weather = sim->is_corrupt || sim->is_tight || sim->is_lean || sim_chance (world, 80);
    sim->counts[REQREP_CORRUPT] = sim->is_corrupt;
    sim->counts[REQREP_CALM] = !sim->has_weather;
    static const uint32_t paddings[] = {64, 4096, 4096, REQREP_PADDING_MAX};
    sim->padding = paddings[sim_between (world, 0, 3)];
    const sim_forecast_t forecast = {.has_weather = sim->has_weather,
                                     .is_corrupt = sim->is_corrupt,
                                     .largest = sim->padding + REQREP_HEADS_MAX};
    sim->network = s_network->begin (world, &forecast);
    sim->is_slow = sim->network->slowest && sim_chance (world, 3);
    sim->counts[REQREP_SLOW] = sim->is_slow;
    sim->pace = sim->is_slow ? sim_spread (world, 20 * ZLOOM_MSEC, 200 * ZLOOM_MSEC)
                             : sim_spread (world, 100 * ZLOOM_USEC, 10 * ZLOOM_MSEC);
    sim->patience = sim_spread (world, 20 * ZLOOM_MSEC, 500 * ZLOOM_MSEC);
    sim->server_count = (unsigned) sim_between (world, 1, REQREP_SERVERS_MAX);
    sim->client_count = (unsigned) sim_between (world, 1, REQREP_CLIENTS_MAX);
    for (unsigned i = 0; i < sim->server_count; i++) {
        reqrep_server_init (&sim->servers[i], sim, i);
        sim_event_init (&sim->servers[i].restart, world, s_restart);
    }
    for (unsigned i = 0; i < sim->client_count; i++)
        reqrep_client_init (&sim->clients[i], sim, i);
    sim_event_init (&sim->weather, world, s_weather);
    world->check = s_check;
}

static void s_open (reqrep_sim_t *sim)
{
    for (unsigned i = 0; i < sim->server_count; i++)
        reqrep_server_open (&sim->servers[i]);
    for (unsigned i = 0; i < sim->client_count; i++)
        reqrep_client_open (&sim->clients[i]);
    if (sim->has_weather)
        sim_event_plan_in (&sim->weather, sim->pace);
}

//  No call is outstanding, none is pending.
static bool s_is_at_rest (const reqrep_sim_t *sim)
{
    for (unsigned i = 0; i < sim->client_count; i++)
        if (sim->clients[i].count > 0)
            return false;
    for (unsigned i = 0; i < sim->server_count; i++) {
        zloom_server_stats_t stats = {0};
        if (sim->servers[i].object)
            zloom_server_stats (sim->servers[i].object, &stats);
        if (stats.pending > 0)
            return false;
    }
    return true;
}

static void s_come_to_rest (reqrep_sim_t *sim)
{
    sim_trace (sim->world, "the weather clears");
    sim->is_ending = true;
    sim_event_cancel (&sim->weather);
    sim->network->ops->clear_up (sim->network);
    zloom_time_t until = sim->world->now + sim->patience + REST;
    if (sim->is_slow)  //  Servers end what they hold in their own time
        until += 2 * sim->pace * REQREP_HELD_MAX;
    while (!s_is_at_rest (sim) && sim_world_step (sim->world))
        if (sim->world->now > until)
            sim_fail (sim->world, "the world does not come to rest");
}

static void s_close (reqrep_sim_t *sim)
{
    bool clients_first = sim_chance (sim->world, 50);
    for (unsigned i = 0; clients_first && i < sim->client_count; i++)
        reqrep_client_close (&sim->clients[i], true);
    for (unsigned i = 0; i < sim->server_count; i++) {
        sim_event_cancel (&sim->servers[i].restart);
        reqrep_server_close (&sim->servers[i], true);
    }
    for (unsigned i = 0; i < sim->client_count; i++)
        reqrep_client_close (&sim->clients[i], true);
    sim_event_cancel (&sim->weather);
}

static void s_check_end (reqrep_sim_t *sim)
{
    if (s_pieces)
        sim_fail (sim->world, "%lld pieces of memory were not given back", (long long) s_pieces);
    if (!sim->network->ops->is_empty (sim->network) || sim->world->planned)
        sim_fail (sim->world, "connections, frames or events are left");
    for (uint32_t i = 0; i < sim->call_count; i++)
        if (sim->calls[i].has_begun && !sim->calls[i].has_ended)
            sim_fail (sim->world, "a call has never ended");
}

static void s_add_up (const reqrep_sim_t *sim)
{
    sim_tally_t *tally = s_tallies;
    for (int kind = 0; kind < REQREP_KINDS; kind++)
        for (int outcome = 0; outcome < REQREP_OUTCOMES; outcome++)
            (tally++)->count += sim->outcomes[kind][outcome];
    for (int i = 0; i < REQREP_COUNTS; i++)
        (tally++)->count += sim->counts[i];
    const uint64_t *counts = s_network->counts (sim->network);
    for (size_t i = 0; i < s_network->tally_count; i++)
        (tally++)->count += counts[i];
}

static void s_run (sim_world_t *world)
{
    static const zloom_memory_t counting = {s_alloc, s_realloc, s_free, NULL};
    zloom_memory_set (&counting);
    s_pieces = 0;
    s_begin (&s_sim, world);
    s_open (&s_sim);
    zloom_time_t least = s_sim.is_slow ? world->now + 2 * s_sim.network->slowest : 0;
    while ((world->steps < STEPS || world->now < least) && sim_world_step (world)) {
    }
    s_come_to_rest (&s_sim);
    s_close (&s_sim);
    s_check_end (&s_sim);
    s_add_up (&s_sim);
    zloom_memory_set (NULL);
}

static sim_scenario_t s_scenario = {.run = s_run, .tallies = s_tallies};

static void s_name_tallies (void)
{
    static const char *const outcomes[] = {
#define X(name, reason, text) text,
        REQREP_OUTCOME_MAP (X)
#undef X
    };
    static const sim_tally_t others[] = {
#define X(name, text, is_expected) {text, is_expected, 0},
        REQREP_MAP (X)
#undef X
    };
    size_t at = 0;
    for (int kind = 0; kind < REQREP_KINDS; kind++)
        for (int outcome = 0; outcome < REQREP_OUTCOMES; outcome++, at++) {
            snprintf (s_texts[at], sizeof s_texts[at], "%s: %s",
                      reqrep_kind_method ((reqrep_kind_t) kind), outcomes[outcome]);
            s_tallies[at].text = s_texts[at];
            s_tallies[at].is_expected =
                reqrep_kind_allows ((reqrep_kind_t) kind, (reqrep_outcome_t) outcome) == '!';
        }
    memcpy (&s_tallies[at], others, sizeof others);
    memcpy (&s_tallies[OWN_TALLIES], s_network->tallies,
            s_network->tally_count * sizeof s_tallies[0]);
    s_scenario.name = s_network->name;
    s_scenario.percent = s_network->percent;
    s_scenario.tally_count = OWN_TALLIES + s_network->tally_count;
}

static void test_reqrep_past_failures_stay_mended (void **state)
{
    (void) state;
    assert_true (sim_run_kept (&s_scenario));
}

static void test_reqrep_keeps_its_promises_in_any_weather (void **state)
{
    (void) state;
    assert_true (sim_run_fresh (&s_scenario));
}

static void test_reqrep_was_seen_in_every_transition (void **state)
{
    (void) state;
    assert_true (sim_check_tallies (&s_scenario));
}

int reqrep_worlds_main (const reqrep_network_t *network)
{
    zloom_assert (network->tally_count <= NETWORK_TALLIES_MAX);
    s_network = network;
    s_name_tallies ();
    if (sim_wants_one ())
        return sim_run_one (&s_scenario);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_reqrep_past_failures_stay_mended),
        cmocka_unit_test (test_reqrep_keeps_its_promises_in_any_weather),
        cmocka_unit_test (test_reqrep_was_seen_in_every_transition),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
