//  sim_port - a port (lib/net/port_internal.h) into a simulated network
//
//  What a client or server is built over in a simulation of frames; see
//  sim_host.h for its turns.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_PORT_H
#define SIM_PORT_H

#include "sim/sim_host.h"
#include "sim/sim_net.h"

enum { SIM_CHANNELS_MAX = 8 };

//  An endpoint that was opened.
typedef struct sim_channel {
    sim_port_t *port;
    zloom__channel_t number;
    zloom__channel_options_t options;
    char endpoint[SIM_ENDPOINT_MAX];
    sim_event_t dial;        //  CLIENT: the next try to connect
    zloom_time_t pause;      //  ... and how long after that one
    zloom_reason_t refused;  //  A try ended for good; to be told
    zloom_reason_t trouble;  //  Why it is not connected
} sim_channel_t;

struct sim_port {
    sim_host_t host;  //  First: a host is cast to this
    sim_net_t *net;
    sim_channel_t channels[SIM_CHANNELS_MAX];
    unsigned channel_count;
    sim_end_t *ends;
    zloom__link_t links;                 //  Named so far
    uint8_t envelope[SIM_ENVELOPE_MAX];  //  Of the event at hand
    sim_frame_t *held;                   //  The body of the event at hand
};

//  Make a port. process (owner) is called when its owner has a turn. The
//  object that is built over the port destroys it.
sim_host_t *sim_port_new (sim_net_t *net, const char *name, unsigned workers,
                          void (*process) (void *owner), void *owner);

//  For the network: the connection of a CLIENT channel is lost as of `at`.
void sim_port_redial (sim_port_t *self, zloom__channel_t channel, zloom_time_t at);

#endif
