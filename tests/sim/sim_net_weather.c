#include "sim/sim_net.h"

#include <stdio.h>

#include "base/assert.h"
#include "sim/sim_port.h"

static sim_net_t *s_self (sim_network_t *network)
{
    return (sim_net_t *) network;
}

//  In fine weather a queue has some room, so that nothing waits for long.
static sim_climate_t s_draw_climate (sim_world_t *world, const sim_forecast_t *forecast)
{
    return (sim_climate_t){
        .latency = sim_spread (world, 10 * ZLOOM_USEC, 20 * ZLOOM_MSEC),
        .jitter = sim_spread (world, 0, 5 * ZLOOM_MSEC),
        .detection = sim_spread (world, ZLOOM_USEC, 200 * ZLOOM_MSEC),
        .queue = (uint32_t) sim_spread (world, forecast->has_weather ? 2 : 10, 1000),
        .silent_percent = sim_chance (world, 50) ? 100 : (unsigned) sim_between (world, 0, 100),
        .roomless_percent = sim_chance (world, 50) ? 100 : (unsigned) sim_between (world, 0, 100),
        .plain_percent = (unsigned) sim_spread (world, 0, 100),
        .early_percent = sim_chance (world, 50) ? 0 : (unsigned) sim_between (world, 0, 100),
        .corrupt_permille = forecast->is_corrupt ? (unsigned) sim_between (world, 1, 100) : 0,
    };
}

static void s_add_place (sim_network_t *network, const char *endpoint)
{
    sim_net_t *self = s_self (network);
    zloom_assert (self->place_count < SIM_PLACES_MAX);
    sim_place_t *place = &self->places[self->place_count++];
    snprintf (place->endpoint, sizeof place->endpoint, "%s", endpoint);
    place->is_proxied = sim_chance (self->world, 20);
}

static sim_host_t *s_new_host (sim_network_t *network, const char *name, unsigned workers,
                               void (*process) (void *owner), void *owner)
{
    return sim_port_new (s_self (network), name, workers, process, owner);
}

//  Any connection with a client, by chance; NULL = there is none.
static sim_connection_t *s_pick (sim_net_t *self)
{
    sim_connection_t *picked = NULL;
    int64_t seen = 0;
    for (sim_connection_t *each = self->connections; each; each = each->next)
        if (each->client.port && !each->client.is_cut && sim_between (self->world, 0, seen++) == 0)
            picked = each;
    return picked;
}

static bool s_cut (sim_network_t *network)
{
    sim_connection_t *connection = s_pick (s_self (network));
    if (connection)
        sim_net_cut (connection);
    return connection != NULL;
}

static bool s_stall (sim_network_t *network, zloom_time_t duration)
{
    sim_net_t *self = s_self (network);
    sim_connection_t *connection = s_pick (self);
    if (!connection)
        return false;
    self->counts[SIM_NET_STALL]++;
    connection->stalled_until = self->world->now + duration;
    sim_trace (self->world, "stall of %.3f ms between %s and %s", (double) duration / ZLOOM_MSEC,
               connection->client.port->host.name, connection->place->endpoint);
    return true;
}

static bool s_turn_place (sim_network_t *network, unsigned number)
{
    static const zloom_reason_t reasons[] = {ZLOOM_REASON_NO_PEER, ZLOOM_REASON_WRONG_PEER,
                                             ZLOOM_REASON_AUTHENTICATION};
    sim_net_t *self = s_self (network);
    sim_place_t *place = &self->places[number];
    bool refuses = !place->refuses && sim_chance (self->world, 60);
    place->refuses = refuses ? reasons[sim_between (self->world, 0, 2)] : ZLOOM_REASON_NONE;
    return refuses;
}

static void s_disturb (sim_network_t *network, unsigned number)
{
    sim_place_t *place = &s_self (network)->places[number];
    if (place->is_proxied)
        sim_net_cut_trunk (place);
}

static void s_clear_up (sim_network_t *network)
{
    sim_net_t *self = s_self (network);
    for (unsigned i = 0; i < self->place_count; i++)
        self->places[i].refuses = ZLOOM_REASON_NONE;
}

static bool s_is_empty (const sim_network_t *network)
{
    const sim_net_t *self = (const sim_net_t *) network;
    return !self->connections && !self->kept;
}

void sim_net_init (sim_net_t *self, sim_world_t *world, const sim_forecast_t *forecast)
{
    static const sim_network_ops_t ops = {.add_place = s_add_place,
                                          .new_host = s_new_host,
                                          .cut = s_cut,
                                          .stall = s_stall,
                                          .turn_place = s_turn_place,
                                          .disturb = s_disturb,
                                          .clear_up = s_clear_up,
                                          .is_empty = s_is_empty};
    *self = (sim_net_t){.base = {.ops = &ops, .world = world},
                        .world = world,
                        .climate = s_draw_climate (world, forecast)};
    self->base.way = self->climate.latency + self->climate.jitter;
}
