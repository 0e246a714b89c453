//  sim_port - a port (lib/net/port_internal.h) into a simulated network
//
//  What a client or server is built over in a simulation. Its owner is given
//  turns, as a foreign loop gives them: when something is due, and when
//  `settle` asked for one. When `next` has to wait, the world goes on around
//  it; one function may do that at a time (sim_world_t.is_waited_in), since a
//  second one would keep the first from going on. Jobs are run when chance
//  likes, in the one thread there is.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_PORT_H
#define SIM_PORT_H

#include "net/port_internal.h"
#include "sim/sim_net.h"
#include "sim/sim_pool.h"

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
    zloom__port_t base;  //  First: a port is cast to this
    sim_net_t *net;
    const char *name;  //  For the trace; borrowed
    void (*process) (void *owner);
    void *owner;
    sim_event_t turn;
    zloom_time_t wanted;        //  The owner asked for a turn; NEVER = it did not
    zloom_time_t paused_until;  //  No turns before
    sim_channel_t channels[SIM_CHANNELS_MAX];
    unsigned channel_count;
    sim_end_t *ends;
    zloom__link_t links;                 //  Named so far
    uint8_t envelope[SIM_ENVELOPE_MAX];  //  Of the event at hand
    sim_frame_t *held;                   //  The body of the event at hand
    sim_pool_t pool;
    bool was_woken;
    bool is_waiting;  //  Its owner is inside a function that waits
};

//  Make a port. process (owner) is called when its owner has a turn. The
//  object that is built over the port destroys it.
sim_port_t *sim_port_new (sim_net_t *net, const char *name, unsigned workers,
                          void (*process) (void *owner), void *owner);

//  Give no turns for a while: the process is busy, or stopped.
void sim_port_pause (sim_port_t *self, zloom_time_t duration);

//  The process dies: its connections break now, what it sends from here on
//  (while its objects are destroyed) goes nowhere.
void sim_port_crash (sim_port_t *self);

//  Whether its program can act: not while it is paused, or waits.
bool sim_port_is_busy (const sim_port_t *self);

//  Whether a link is up that has not refused the last frame.
bool sim_port_has_room (const sim_port_t *self);

//  For the network: something will be due.
void sim_port_expect (sim_port_t *self, zloom_time_t at);

//  For the network: the connection of a CLIENT channel is lost as of `at`.
void sim_port_redial (sim_port_t *self, zloom__channel_t channel, zloom_time_t at);

#endif
