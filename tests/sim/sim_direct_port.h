//  sim_direct_port - a port whose direct engine has simulated streams
//
//  What a client or server is built over in a simulation of bytes: the engine
//  that ships (lib/net/direct_internal.h), over sim_stream.h instead of the
//  system's sockets. As in the real port (lib/net/port.c) it is asked, told
//  what has become possible, tended, and asked again; see sim_host.h for its
//  turns.
//
//  What becomes of the engine's links is watched from outside, after each thing
//  that it does, and counted (SIM_STREAM_MAP).
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_DIRECT_PORT_H
#define SIM_DIRECT_PORT_H

#include "net/direct_internal.h"
#include "sim/sim_host.h"
#include "sim/sim_stream.h"

enum { SIM_LINKS_WATCHED = 64 };

//  What was last seen of a link.
typedef struct sim_link_seen {
    zloom__link_t name;  //  0 = there was none
    zloom__link_state_t state;
    bool is_blocked, is_full, has_large, has_rest, has_hops, cannot_write;
} sim_link_seen_t;

typedef struct sim_direct_port {
    sim_host_t host;  //  First: a host is cast to this
    sim_guest_t guest;
    zloom__direct_t direct;
    unsigned channel_count;
    sim_link_seen_t seen[SIM_LINKS_WATCHED];     //  By their slots
    bool is_paused[ZLOOM__DIRECT_CHANNELS_MAX];  //  Channels that accept nobody
    unsigned hang_ups[ZLOOM__DIRECT_CHANNELS_MAX];
    bool is_ending;  //  Its owner is
} sim_direct_port_t;

sim_host_t *sim_direct_port_new (sim_streams_t *net, const char *name, unsigned workers,
                                 void (*process) (void *owner), void *owner);

//  sim_direct_seen.c

//  The engine has done something: count what has become of its links.
void sim_direct_look (sim_direct_port_t *self);

//  It has nothing more to do, it says: nothing that it was told of is left, and
//  nothing waits that nobody will tell it to go on with.
void sim_direct_check (const sim_direct_port_t *self);

//  It is about to close a stream.
void sim_direct_note_closing (sim_guest_t *guest, int stream);

#endif
