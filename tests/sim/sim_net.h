//  sim_net - a network that is slow, stalls, fills up, refuses and breaks
//
//  Places are where servers listen; a place outlives its servers. Connections
//  lead from a client's channel to a place. While one lives it is as ZMTP's
//  are: frames arrive in order and once. When it is cut, what was under way
//  is lost, and the ends learn of it late, or, as libzmq's servers, not at all
//  until they send. A proxied place has one link for all its clients, told
//  apart by envelopes.
//
//      client's end                                  server's end
//      in <----- frames of the server ------------  (sent by it)
//      (sent by it) ------- frames of the client --> in
//
//  Ports (sim_port.h) are the users of a network, chance and the scenario its
//  weather.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_NET_H
#define SIM_NET_H

#include "net/port_internal.h"
#include "sim/sim_network.h"

typedef struct sim_net sim_net_t;
typedef struct sim_port sim_port_t;
typedef struct sim_end sim_end_t;
typedef struct sim_connection sim_connection_t;
typedef struct sim_place sim_place_t;

enum { SIM_ENVELOPE_MAX = 16 };

//  What a network is like; drawn from the seed.
typedef struct sim_climate {
    zloom_time_t latency;       //  The most that a connection has
    zloom_time_t jitter;        //  ... and a frame in addition
    zloom_time_t detection;     //  The longest until an end learns of a cut
    uint32_t queue;             //  Frames under way in one direction, at most
    unsigned silent_percent;    //  Servers' ends that learn of a cut only when they send
    unsigned roomless_percent;  //  Servers' ends that are never told of room
    unsigned plain_percent;     //  Connections that hide that a peer is zloom's
    unsigned early_percent;     //  ... that show it before the first frame
    unsigned corrupt_permille;  //  Frames of which bits flip
} sim_climate_t;

//  A body under way.
typedef struct sim_frame {
    struct sim_frame *next;
    zloom_time_t arrives;
    bool is_from_zloom;  //  As the handshake has shown
    size_t size;
    uint8_t data[];
} sim_frame_t;

//  One end of a connection, and what is on its way to it.
struct sim_end {
    sim_port_t *port;  //  NULL: nobody is there
    sim_end_t *next;   //  Of the port's
    sim_connection_t *connection;
    zloom__channel_t channel;
    zloom__link_t link;
    bool is_told;                 //  The owner knows the link
    bool is_cut;                  //  Nothing more comes or goes
    bool is_silent;               //  Learns of a cut by sending, and not else
    bool is_roomless;             //  Is not told of room
    bool is_full;                 //  Was told that the way from here is full
    zloom_time_t up_at, room_at;  //  When to be told; NEVER = no need
    zloom_time_t down_at;         //  When it knows that it is cut

    sim_frame_t *first, **last;  //  Frames on their way to here
    uint32_t frames;
    size_t bytes;
    zloom_time_t newest;  //  Arrival of the last one
};

struct sim_connection {
    sim_connection_t *next;
    sim_net_t *net;
    sim_place_t *place;
    sim_end_t client, server;
    zloom_time_t latency;
    zloom_time_t stalled_until;
    bool is_plain;  //  Never shows that its peers are zloom's
    bool is_early;  //  Shows it before the first frame
    bool is_blind;  //  Comes up, whether or not anybody is there
    uint8_t envelope[SIM_ENVELOPE_MAX];
    size_t envelope_size;
};

//  Where servers listen.
struct sim_place {
    char endpoint[SIM_ENDPOINT_MAX];
    sim_port_t *port;  //  Who listens; NULL = nobody
    zloom__channel_t channel;
    bool is_proxied;         //  A proxy listens, for ever, and hands on to the port
    zloom__link_t trunk;     //  ... by this link of the port's
    zloom_reason_t refuses;  //  What befalls those who try; NONE = they come in
};

//  What can be counted; see sim_run.h for what is done with it.
//  X (NAME, text)
#define SIM_NET_MAP(X)                                    \
    X (UP, "connections made")                            \
    X (REFUSED, "tries refused for good")                 \
    X (TRUNK, "proxies reconnected")                      \
    X (NOBODY, "tries that found nobody")                 \
    X (CUT, "connections cut")                            \
    X (STALL, "connections stalled")                      \
    X (DOWN_CLIENT, "clients told that a link went down") \
    X (DOWN_SERVER, "servers told that a link went down") \
    X (GONE, "links found gone by sending")               \
    X (FULL, "sends refused by a full link")              \
    X (ROOM, "links told to have room again")             \
    X (FRAME, "frames delivered")                         \
    X (LOST, "frames lost in a cut")                      \
    X (CORRUPT, "frames corrupted")                       \
    X (OVERSIZE, "connections cut by an oversize frame")  \
    X (JOB, "jobs run")                                   \
    X (KEPT, "frames kept beyond their turn")

typedef enum sim_net_count {
#define X(name, text) SIM_NET_##name,
    SIM_NET_MAP (X)
#undef X
        SIM_NET_COUNTS
} sim_net_count_t;

struct sim_net {
    sim_network_t base;  //  First: a network is cast to this
    sim_world_t *world;
    sim_climate_t climate;
    sim_place_t places[SIM_PLACES_MAX];
    unsigned place_count;
    sim_connection_t *connections;
    uint32_t kept;  //  Frames that owners keep, now
    uint64_t counts[SIM_NET_COUNTS];
};

//  Begin a network, whose climate is drawn from the world's seed.
void sim_net_init (sim_net_t *self, sim_world_t *world, const sim_forecast_t *forecast);

//  NULL: no such place.
sim_place_t *sim_net_find_place (sim_net_t *self, const char *endpoint);

//  Cut a connection: what is under way is lost, and the ends learn of it late.
void sim_net_cut (sim_connection_t *connection);

//  A proxy loses its connection to the server and makes another: the server
//  knows its clients by a new link.
void sim_net_cut_trunk (sim_place_t *place);

//  A client's channel tries to connect. NONE: the connection is being made.
//  Else why it is not; NO_PEER may pass, other reasons won't.
zloom_reason_t sim_net_dial (sim_net_t *self, sim_port_t *port, zloom__channel_t channel,
                             const char *endpoint);

//  A port listens at a place, and takes what a proxy has for it.
void sim_net_listen (sim_place_t *place, sim_port_t *port, zloom__channel_t channel);

//  A port stops listening and leaves its connections: in peace, and what it
//  has sent arrives, or in a crash.
void sim_net_leave (sim_net_t *self, sim_port_t *port, bool in_peace);

//  Send from an end; codes as in zloom__port_ops.
zloom_code_t sim_end_send (sim_end_t *self, const zloom_bytes_t *parts, size_t count);

//  When the owner of an end must be told something; NEVER = nothing to tell.
zloom_time_t sim_end_due (const sim_end_t *self);

//  Tell it: fill in what is due now. A FRAME's body is in *ret_frame, which
//  the caller owns. TIMEOUT: it came to nothing. After DOWN the end is gone.
zloom__event_kind_t sim_end_tell (sim_end_t *self, zloom__event_t *ret_event,
                                  sim_frame_t **ret_frame);

#endif
