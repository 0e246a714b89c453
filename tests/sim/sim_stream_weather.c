#include "sim/sim_stream.h"

#include <stdio.h>

#include "base/assert.h"
#include "sim/sim_direct_port.h"

static sim_streams_t *s_self (sim_network_t *network)
{
    return (sim_streams_t *) network;
}

//  In fine weather all is large enough that nothing waits for long.
static sim_stream_climate_t s_draw_climate (sim_world_t *world, const sim_forecast_t *forecast)
{
    int64_t least = forecast->has_weather ? 20 : 500000;
    sim_stream_climate_t climate = {
        .latency = sim_spread (world, 10 * ZLOOM_USEC, 20 * ZLOOM_MSEC),
        .jitter = sim_spread (world, 0, 5 * ZLOOM_MSEC),
        .detection = sim_spread (world, ZLOOM_USEC, 200 * ZLOOM_MSEC),
        .capacity = (size_t) sim_spread (world, least, 1000000),
        .segment = (size_t) sim_spread (world, 8, 20000),
        .partial_percent = (unsigned) sim_spread (world, 0, 60),
        .again_percent = (unsigned) sim_spread (world, 0, 10),
        .silent_percent = (unsigned) sim_between (world, 0, 40),
        .has_weather = forecast->has_weather,
    };
    if (forecast->has_weather && sim_chance (world, 60))
        climate.queued = 2 * forecast->largest + (size_t) sim_spread (world, 0, 50000);
    if (forecast->is_corrupt)
        climate.corrupt_permille = (unsigned) sim_between (world, 1, 50);
    return climate;
}

static void s_add_place (sim_network_t *network, const char *endpoint)
{
    sim_streams_t *self = s_self (network);
    zloom_assert (self->place_count < SIM_PLACES_MAX);
    sim_site_t *place = &self->places[self->place_count++];
    *place = (sim_site_t){.stance = SIM_STANCE_OPEN};
    snprintf (place->endpoint, sizeof place->endpoint, "%s", endpoint);
}

static sim_host_t *s_new_host (sim_network_t *network, const char *name, unsigned workers,
                               void (*process) (void *owner), void *owner)
{
    return sim_direct_port_new (s_self (network), name, workers, process, owner);
}

//  Any wire that somebody has an end of, by chance; NULL = there is none.
static sim_wire_t *s_pick (sim_streams_t *self)
{
    sim_wire_t *picked = NULL;
    int64_t seen = 0;
    for (sim_wire_t *wire = self->wires; wire; wire = wire->next)
        if (!wire->is_cut && sim_between (self->base.world, 0, seen++) == 0)
            picked = wire;
    return picked;
}

static bool s_cut (sim_network_t *network)
{
    sim_wire_t *wire = s_pick (s_self (network));
    if (wire)
        sim_wire_cut (wire);
    return wire != NULL;
}

static bool s_stall (sim_network_t *network, zloom_time_t duration)
{
    sim_streams_t *self = s_self (network);
    sim_wire_t *wire = s_pick (self);
    if (!wire)
        return false;
    self->counts[SIM_STREAM_STALL]++;
    wire->stalled_until = self->base.world->now + duration;
    sim_trace (self->base.world, "stall of %.3f ms at %s", (double) duration / ZLOOM_MSEC,
               self->places[wire->place].endpoint);
    return true;
}

static bool s_turn_place (sim_network_t *network, unsigned number)
{
    static const char *const names[] = {
#define X(name) #name,
        SIM_STANCE_MAP (X)
#undef X
    };
    sim_streams_t *self = s_self (network);
    sim_site_t *place = &self->places[number];
    bool refuses = place->stance == SIM_STANCE_OPEN && sim_chance (self->base.world, 60);
    place->stance = refuses ? (sim_stance_t) sim_between (self->base.world, SIM_STANCE_OPEN + 1,
                                                          SIM_STANCES - 1)
                            : SIM_STANCE_OPEN;
    sim_trace (self->base.world, "%s is %s", place->endpoint, names[place->stance]);
    return refuses;
}

static void s_disturb (sim_network_t *network, unsigned number)
{
    sim_streams_t *self = s_self (network);
    sim_world_t *world = self->base.world;
    if (sim_chance (world, 60)) {
        sim_stranger_come (self, number);
        return;
    }
    zloom_time_t duration = sim_spread (world, ZLOOM_USEC, 200 * ZLOOM_MSEC);
    self->no_descriptors_until = world->now + duration;
    sim_trace (world, "no descriptors are left for %.3f ms", (double) duration / ZLOOM_MSEC);
}

static void s_clear_up (sim_network_t *network)
{
    sim_streams_t *self = s_self (network);
    self->no_descriptors_until = self->base.world->now;
    for (unsigned i = 0; i < self->place_count; i++)
        self->places[i].stance = SIM_STANCE_OPEN;
    for (sim_wire_t *wire = self->wires; wire; wire = wire->next)
        sim_wire_show_silence (wire);
}

static bool s_is_empty (const sim_network_t *network)
{
    return ((const sim_streams_t *) network)->wires == NULL;
}

void sim_streams_init (sim_streams_t *self, sim_world_t *world, const sim_forecast_t *forecast)
{
    static const sim_network_ops_t ops = {.add_place = s_add_place,
                                          .new_host = s_new_host,
                                          .cut = s_cut,
                                          .stall = s_stall,
                                          .turn_place = s_turn_place,
                                          .disturb = s_disturb,
                                          .clear_up = s_clear_up,
                                          .is_empty = s_is_empty};
    *self = (sim_streams_t){.base = {.ops = &ops, .world = world},
                            .climate = s_draw_climate (world, forecast)};
    self->base.way = self->climate.latency + self->climate.jitter;
    self->base.slowest = 3 * ZLOOM_SEC;
}
