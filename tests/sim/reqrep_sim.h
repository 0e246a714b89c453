//  reqrep_sim - clients and servers of request/reply in a simulated world
//
//  The code under test is patterns/reqrep as it ships, over simulated ports, whose
//  network is of frames or of bytes.
//  Clients start calls of every kind, cancel some and notify; servers answer
//  at once, later, in streams, wrongly or not at all. Beside each call stands
//  what is known about it (reqrep_call_t), and whatever happens is held against
//  that: reqrep_calls.c is the list of promises, the rest only acts.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef REQREP_SIM_H
#define REQREP_SIM_H

#include "data/pack.h"
#include "reqrep/reqrep_internal.h"
#include "sim/reqrep_tables.h"
#include "sim/sim_network.h"
#include "sim/sim_run.h"

enum {
    REQREP_CLIENTS_MAX = 4,
    REQREP_SERVERS_MAX = 3,
    REQREP_CALLS_MAX = 8192,      //  Of a whole run
    REQREP_ITEMS_MAX = 40,        //  Of one stream
    REQREP_PADDING_MAX = 30000,   //  Bytes of arguments and results that mean nothing
    REQREP_HEADS_MAX = 904,       //  ... and what else one request has
    REQREP_OUTSTANDING_MAX = 64,  //  Of one client
    REQREP_HELD_MAX = 64          //  Deferred calls of one server
};

//  A trace context that some calls bring.
#define REQREP_TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

typedef struct reqrep_sim reqrep_sim_t;
typedef struct reqrep_client reqrep_client_t;
typedef struct reqrep_server reqrep_server_t;

//  All that is known about a call, or a notification.
typedef struct reqrep_call {
    uint64_t nonce;  //  Travels there and back
    reqrep_client_t *client;
    reqrep_kind_t kind;
    zloom_call_id_t id;
    unsigned incarnation;  //  Of the client
    zloom_time_t begun, deadline;
    bool is_notification;
    bool is_waited;  //  By a function instead of a callback
    bool is_stream;
    bool has_begun;     //  `start` returned OK
    bool was_alone;     //  Nobody was there then
    uint64_t connects;  //  Of the client until then
    bool has_ended;
    reqrep_outcome_t outcome;  //  ... and how
    unsigned executions;       //  Handlers that ran for it
    bool is_answered;          //  ... and answered, with this code
    zloom_code_t answer;
    zloom_time_t answered_at;
    uint32_t items;           //  Of its stream
    uint32_t sent, seen;      //  ... by the server, by the client
    zloom_time_t starved_at;  //  The server waits for credit since; NEVER = it does not
} reqrep_call_t;

struct reqrep_client {
    reqrep_sim_t *sim;
    char name[16];
    char endpoints[REQREP_SERVERS_MAX * SIM_ENDPOINT_MAX];
    zloom_client_options_t options;
    sim_host_t *port;
    zloom_client_t *object;  //  NULL: does not run now
    sim_event_t act;
    unsigned incarnation;  //  How often it was made
    bool is_starting;      //  Inside `start`, where no callback may run
    bool is_closing;       //  Inside `destroy`, where no call may be started
    reqrep_call_t *outstanding[REQREP_OUTSTANDING_MAX];
    unsigned count;
    zloom_time_t earliest;          //  Of their deadlines
    zloom_time_t stuck_at;          //  Calls wait though there is room, since; NEVER = they do not
    zloom_client_stats_t expected;  //  As far as the model knows them
};

//  A request in the hands of a server.
typedef struct reqrep_work {
    reqrep_server_t *server;
    zloom_call_t *call;     //  NULL: this place for a deferred one is free
    reqrep_call_t *shadow;  //  NULL: nobody knows it (corruption)
    uint64_t nonce;
    uint64_t items;   //  Of its stream, still to be sent
    uint64_t number;  //  Of the last one that was
    bool is_cancelled;
} reqrep_work_t;

struct reqrep_server {
    reqrep_sim_t *sim;
    char name[16];
    unsigned place;  //  Its number
    char endpoint[SIM_ENDPOINT_MAX];
    zloom_server_options_t options;
    sim_host_t *port;
    zloom_server_t *object;  //  NULL: does not run now
    sim_event_t act;
    sim_event_t restart;  //  After it was struck by the weather
    bool is_draining;
    reqrep_work_t held[REQREP_HELD_MAX];  //  Deferred
    unsigned held_count;
    uint64_t for_nobody;  //  Answers to calls that were over
};

//  One world.
struct reqrep_sim {
    sim_world_t *world;
    sim_network_t *network;
    reqrep_client_t clients[REQREP_CLIENTS_MAX];
    reqrep_server_t servers[REQREP_SERVERS_MAX];
    unsigned client_count, server_count;
    sim_event_t weather;
    bool has_weather;       //  Something may break
    bool is_corrupt;        //  Bits may flip: contents prove nothing
    bool is_tight;          //  Messages may be too large for some
    bool is_lean;           //  Memory may run out
    bool is_slow;           //  It lasts as long as the slowest timers
    uint32_t padding;       //  The most that calls bring and get
    bool is_ending;         //  No new calls; the rest shall end
    zloom_time_t pace;      //  Between a client's acts, about
    zloom_time_t patience;  //  The longest deadline
    uint64_t counts[REQREP_COUNTS];
    uint64_t outcomes[REQREP_KINDS][REQREP_OUTCOMES];
    uint32_t call_count;
    reqrep_call_t calls[REQREP_CALLS_MAX];
};

//  reqrep_calls.c: what is promised.

const char *reqrep_kind_method (reqrep_kind_t kind);

//  The column of a kind for an outcome.
char reqrep_kind_allows (reqrep_kind_t kind, reqrep_outcome_t outcome);

//  A new call of a client; NULL when there have been too many.
reqrep_call_t *reqrep_call_new (reqrep_client_t *client, reqrep_kind_t kind, uint32_t timeout_ms);

//  The call with a nonce, NULL if there is none.
reqrep_call_t *reqrep_call_find (reqrep_sim_t *sim, uint64_t nonce);

//  `start` has returned.
void reqrep_call_started (reqrep_call_t *self, zloom_code_t code);

//  The function that waited for it has returned.
void reqrep_call_returned (reqrep_call_t *self, zloom_code_t code);

//  A function that began it and waited for it has returned.
void reqrep_call_called (reqrep_call_t *self, zloom_code_t code);

//  The function that waited for an item of it has returned one.
void reqrep_call_took_item (reqrep_call_t *self);

//  Its callback runs.
void reqrep_call_replied (reqrep_call_t *self, zloom_client_t *object, zloom_reply_t *reply);

//  A handler runs for it.
void reqrep_call_executed (reqrep_call_t *self, const reqrep_server_t *server, zloom_call_t *call);

//  A handler has sent an item, or has answered.
void reqrep_call_sent_item (reqrep_call_t *self);
void reqrep_call_answered (reqrep_call_t *self, zloom_code_t code);

//  What arguments and results are padded with: every byte says where it stands.
zloom_bytes_t reqrep_padding (reqrep_sim_t *sim);

//  Whether these are the first bytes of it.
bool reqrep_is_padding (zloom_bytes_t bytes);

//  reqrep_checks.c: what is promised of clients and servers.

//  Whether a client is beyond a time by which it had to act, and could have.
bool reqrep_client_is_overdue (const reqrep_client_t *self, zloom_time_t deadline);

//  Whether something has lasted longer, in a world without weather, than news
//  take to get to the other side and back.
bool reqrep_lasts_too_long (const reqrep_sim_t *sim, zloom_time_t since);

//  Why `start` may have begun nothing.
void reqrep_client_check_refusal (const reqrep_client_t *self);

//  Between two events: no call is overdue.
void reqrep_client_check (reqrep_client_t *self);

//  After a function of the client: its counters are those of the model.
void reqrep_client_check_stats (reqrep_client_t *self);

//  After a turn of the server: its bounds are kept, its counters add up.
void reqrep_server_check (reqrep_server_t *self);

//  reqrep_clients.c

//  Draw a client, and make it.
void reqrep_client_init (reqrep_client_t *self, reqrep_sim_t *sim, unsigned number);
void reqrep_client_open (reqrep_client_t *self);

//  Destroy it, or crash.
void reqrep_client_close (reqrep_client_t *self, bool in_peace);

//  reqrep_servers.c

void reqrep_server_init (reqrep_server_t *self, reqrep_sim_t *sim, unsigned number);
void reqrep_server_open (reqrep_server_t *self);
void reqrep_server_close (reqrep_server_t *self, bool in_peace);
void reqrep_server_drain (reqrep_server_t *self);

#endif
