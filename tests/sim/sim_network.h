//  sim_network - what a simulated network is to a scenario
//
//  There are two: of frames (sim_net.h), which a port of its own speaks to, and
//  of bytes (sim_stream.h), to which the direct engine speaks ZMTP. A scenario
//  makes its processes over either, and lets its weather strike.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "sim/sim_host.h"

typedef struct sim_network sim_network_t;

enum { SIM_PLACES_MAX = 8, SIM_ENDPOINT_MAX = 32 };

typedef struct sim_network_ops {
    //  Add a place where servers can listen. They are numbered from 0.
    void (*add_place) (sim_network_t *, const char *endpoint);

    //  Make a port. process (owner) is called when its owner has a turn. The
    //  object that is built over the port destroys it.
    sim_host_t *(*new_host) (sim_network_t *, const char *name, unsigned workers,
                             void (*process) (void *owner), void *owner);

    //  Cut a connection, or let nothing arrive on one for a while, whichever
    //  chance picks. False: there is none.
    bool (*cut) (sim_network_t *);
    bool (*stall) (sim_network_t *, zloom_time_t duration);

    //  A place begins to refuse those who come (true), or takes them again.
    bool (*turn_place) (sim_network_t *, unsigned place);

    //  Something that befalls a place in this network alone.
    void (*disturb) (sim_network_t *, unsigned place);

    //  The weather is over.
    void (*clear_up) (sim_network_t *);

    //  Whether everything that was in it is gone.
    bool (*is_empty) (const sim_network_t *);
} sim_network_ops_t;

//  What all kinds begin with.
struct sim_network {
    const sim_network_ops_t *ops;
    sim_world_t *world;
    zloom_time_t way;      //  The longest that something takes from end to end
    zloom_time_t slowest;  //  How long timers of the engine take; 0 = there are none
};

//  What a scenario is like, before its network is drawn.
typedef struct sim_forecast {
    bool has_weather;  //  Something may break
    bool is_corrupt;   //  Bits may flip
    size_t largest;    //  No message is larger
} sim_forecast_t;

#endif
