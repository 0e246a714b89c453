//  reqrep_worlds - clients and servers of request/reply, in thousands of small worlds
//
//  Every world is drawn from its seed: how many clients and servers, how fast,
//  how bounded, in what weather. It runs for at least 1,000 steps; then the
//  weather clears, no new calls are started, and everything must come to rest.
//  What is promised is in reqrep_calls.c. The network is given, and there are
//  two (sim_network.h).
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef REQREP_WORLDS_H
#define REQREP_WORLDS_H

#include "sim/sim_network.h"
#include "sim/sim_run.h"

//  A kind of network.
typedef struct reqrep_network {
    const char *name;  //  Of the scenario, as in seeds.txt
    unsigned percent;  //  Of the seconds that all scenarios have

    //  Begin one, in a world; the one before is over.
    sim_network_t *(*begin) (sim_world_t *, const sim_forecast_t *);

    //  What it counts, and how it is called.
    const uint64_t *(*counts) (const sim_network_t *);
    const sim_tally_t *tallies;
    size_t tally_count;
} reqrep_network_t;

//  What main does in a program of such a test. Returns its exit code.
int reqrep_worlds_main (const reqrep_network_t *network);

#endif
