//  Clients and servers of request/reply over a simulated network of bytes, by the direct engine

#include "sim/reqrep_worlds.h"
#include "sim/sim_stream.h"

static sim_streams_t s_net;

static const sim_tally_t s_tallies[] = {
#define X(name, text) {text, true, 0},
    SIM_STREAM_MAP (X)
#undef X
};

static sim_network_t *s_begin (sim_world_t *world, const sim_forecast_t *forecast)
{
    sim_streams_init (&s_net, world, forecast);
    return &s_net.base;
}

static const uint64_t *s_counts (const sim_network_t *network)
{
    return ((const sim_streams_t *) network)->counts;
}

int main (void)
{
    static const reqrep_network_t network = {.name = "reqrep_stream",
                                             .percent = 50,
                                             .begin = s_begin,
                                             .counts = s_counts,
                                             .tallies = s_tallies,
                                             .tally_count = SIM_STREAM_COUNTS};
    return reqrep_worlds_main (&network);
}
