//  reqrep_sim - clients and servers of request/reply in a simulated world
//
//  The code under test is patterns/reqrep as it ships, over ports of sim_port.
//  Clients start calls of every kind, cancel some and notify; servers answer
//  at once, later, in streams, wrongly or not at all. Beside each call stands
//  what is known about it (sim_call_t), and whatever happens is held against
//  that: reqrep_calls.c is the list of promises, the rest only acts.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef REQREP_SIM_H
#define REQREP_SIM_H

#include "data/pack.h"
#include "reqrep/reqrep_internal.h"
#include "sim/sim_net.h"
#include "sim/sim_port.h"
#include "sim/sim_run.h"

enum {
    SIM_CLIENTS_MAX = 4,
    SIM_SERVERS_MAX = 3,
    SIM_CALLS_MAX = 8192,      //  Of a whole run
    SIM_ITEMS_MAX = 40,        //  Of one stream
    SIM_REQUEST_MAX = 5000,    //  Bytes of one request
    SIM_OUTSTANDING_MAX = 64,  //  Of one client
    SIM_HELD_MAX = 64          //  Deferred calls of one server
};

//  A trace context that some calls bring.
#define SIM_TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

//  How a call can end, as the client sees it.
//  X (NAME, text)
#define SIM_OUTCOME_MAP(X)                   \
    X (OK, "ok")                             \
    X (HANDLER, "handler failed")            \
    X (UNKNOWN_METHOD, "unknown method")     \
    X (BAD_PARAMS, "bad params")             \
    X (NO_ANSWER, "no answer")               \
    X (REFUSED, "refused: too many pending") \
    X (DRAINING, "refused: draining")        \
    X (EXPIRED, "expired before dispatch")   \
    X (DEADLINE, "deadline")                 \
    X (LOST, "connection lost")              \
    X (NO_PEER, "no peer")                   \
    X (WRONG_PEER, "wrong peer")             \
    X (AUTHENTICATION, "authentication")     \
    X (CANCELLED, "cancelled")               \
    X (CLOSED, "client destroyed")           \
    X (OVERSIZE, "too large")                \
    X (NO_MEMORY, "out of memory")           \
    X (MALFORMED, "malformed reply")         \
    X (OTHER, "anything else")

typedef enum sim_outcome {
#define X(name, text) SIM_OUTCOME_##name,
    SIM_OUTCOME_MAP (X)
#undef X
        SIM_OUTCOMES
} sim_outcome_t;

//  What a call asks for, and how it may end: one column for each outcome in
//  the order above; `!` must be seen in a run over many seeds, `.` may, blank
//  must not.
//  X (NAME, method, "outcomes")
#define SIM_KIND_MAP(X)                           \
    X (ECHO, "echo", "!    !!.!!!!!!!..  ")       \
    X (FAIL, "fail", " !   !!.!!!!!!!..  ")       \
    X (MUTE, "mute", "    !!!.!!!!!!!..  ")       \
    X (LATER, "later", "!!   !!.!!!!!!!..  ")     \
    X (STREAM, "stream", "!!   !!.!!!!!!!..  ")   \
    X (NOWHERE, "nowhere", "  !     !!!!!!!..  ") \
    X (PICKY, "picky", "   ! !!.!!!!!!!..  ")     \
    X (PING, "zloom.ping", "!       !!!!!!!..  ")

typedef enum sim_kind {
#define X(name, method, outcomes) SIM_KIND_##name,
    SIM_KIND_MAP (X)
#undef X
        SIM_KINDS
} sim_kind_t;

typedef struct sim_reqrep sim_reqrep_t;
typedef struct sim_client sim_client_t;

//  All that is known about a call, or a notification.
typedef struct sim_call {
    uint64_t nonce;  //  Travels there and back
    sim_client_t *client;
    sim_kind_t kind;
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
    sim_outcome_t outcome;  //  ... and how
    unsigned executions;    //  Handlers that ran for it
    bool is_answered;       //  ... and answered, with this code
    zloom_code_t answer;
    uint32_t items;           //  Of its stream
    uint32_t sent, seen;      //  ... by the server, by the client
    zloom_time_t starved_at;  //  The server waits for credit since; NEVER = it does not
} sim_call_t;

struct sim_client {
    sim_reqrep_t *sim;
    char name[16];
    char endpoints[SIM_SERVERS_MAX * SIM_ENDPOINT_MAX];
    zloom_client_options_t options;
    sim_port_t *port;
    zloom_client_t *object;  //  NULL: does not run now
    sim_event_t act;
    unsigned incarnation;  //  How often it was made
    bool is_starting;      //  Inside `start`, where no callback may run
    bool is_closing;       //  Inside `destroy`, where no call may be started
    sim_call_t *outstanding[SIM_OUTSTANDING_MAX];
    unsigned count;
    zloom_time_t earliest;          //  Of their deadlines
    zloom_time_t stuck_at;          //  Calls wait though there is room, since; NEVER = they do not
    zloom_client_stats_t expected;  //  As far as the model knows them
};

//  A deferred call in the hands of a server.
typedef struct sim_held {
    struct sim_server *server;
    zloom_call_t *call;  //  NULL: nothing is held here
    sim_call_t *shadow;  //  NULL: nobody knows it (corruption)
    uint64_t nonce;
    uint64_t items;   //  Still to be sent
    uint64_t number;  //  Of the last one
    bool is_cancelled;
} sim_held_t;

typedef struct sim_server {
    sim_reqrep_t *sim;
    char name[16];
    sim_place_t *place;
    zloom_server_options_t options;
    sim_port_t *port;
    zloom_server_t *object;  //  NULL: does not run now
    sim_event_t act;
    sim_event_t restart;  //  After it was struck by the weather
    bool is_draining;
    sim_held_t held[SIM_HELD_MAX];
    unsigned held_count;
    uint64_t for_nobody;  //  Answers to calls that were over
} sim_server_t;

//  What is counted beside outcomes and the network's own.
//  X (NAME, text, is expected)
#define SIM_REQREP_MAP(X)                                                     \
    X (START_FULL, "start: queue full", true)                                 \
    X (START_OVERSIZE, "start: too large", true)                              \
    X (START_NO_MEMORY, "start: out of memory", true)                         \
    X (WAIT, "wait: calls waited for", true)                                  \
    X (CALL, "call: calls made and waited for", true)                         \
    X (READY, "wait_ready: somebody came", true)                              \
    X (NOT_READY, "wait_ready: nobody came", true)                            \
    X (DRAINED, "drain: all calls ended", true)                               \
    X (NOT_DRAINED, "drain: some went on", true)                              \
    X (NEXT, "next: streams waited for", true)                                \
    X (CANCEL, "cancel: the call ended by it", true)                          \
    X (CANCEL_ENDED, "cancel: the call had ended", true)                      \
    X (CANCEL_UNSENT, "cancel: of a call that no server has begun", true)     \
    X (CANCEL_BEGUN, "cancel: of a call that a server works on", true)        \
    X (NOTIFY, "notify: handed over", true)                                   \
    X (NOTIFY_NOBODY, "notify: nobody there", true)                           \
    X (NOTIFY_EXECUTED, "notify: executed", true)                             \
    X (REENTER, "start: inside a callback", true)                             \
    X (INLINE, "stream: sent by a handler that waits for credit", true)       \
    X (ITEM, "stream: items sent", true)                                      \
    X (NO_CREDIT, "stream: no credit", true)                                  \
    X (CREDIT, "stream: credit came", true)                                   \
    X (WATCHED_CANCEL, "deferred: told that its caller cancelled", true)      \
    X (WATCHED_DEADLINE, "deferred: told that its deadline has passed", true) \
    X (WATCHED_LOSS, "deferred: told that its caller is gone", true)          \
    X (WATCHED_CLOSE, "deferred: told that the server ends", true)            \
    X (ANSWER_CANCELLED, "deferred: answered though nobody waits", true)      \
    X (ANSWER_OTHER, "deferred: a watcher answered another call", true)       \
    X (ANSWER_TWICE, "handler: a second answer refused", true)                \
    X (ANSWER_NO_MEMORY, "handler: no memory for an answer", true)            \
    X (WORKED, "handler: ran in a worker", true)                              \
    X (LATE, "client: late replies dropped", true)                            \
    X (CONNECT, "client: connects", true)                                     \
    X (DISCONNECT, "client: disconnects", true)                               \
    X (CLIENT_MALFORMED, "client: malformed messages", true)                  \
    X (EXPIRED, "server: expired before dispatch", true)                      \
    X (ENDED_BY_CALLER, "server: calls cancelled", true)                      \
    X (REFUSED, "server: refused", true)                                      \
    X (UNDELIVERABLE, "server: answers without a taker", true)                \
    X (SERVER_MALFORMED, "server: malformed messages", true)                  \
    X (CRASH_SERVER, "weather: servers crashed", true)                        \
    X (CLOSE_SERVER, "weather: servers closed", true)                         \
    X (DRAIN_SERVER, "weather: servers drained", true)                        \
    X (CRASH_CLIENT, "weather: clients crashed", true)                        \
    X (CLOSE_CLIENT, "weather: clients closed", true)                         \
    X (PAUSE, "weather: processes paused", true)                              \
    X (REFUSE, "weather: places refused", true)                               \
    X (TRUNK, "weather: proxies reconnected", true)                           \
    X (CALM, "worlds without weather", true)                                  \
    X (TIGHT, "worlds with large messages", true)                             \
    X (LEAN, "worlds with little memory", true)                               \
    X (CORRUPT, "worlds with corruption", true)                               \
    X (CORRUPT_END, "calls that ended in worlds with corruption", true)

typedef enum sim_reqrep_count {
#define X(name, text, is_expected) SIM_REQREP_##name,
    SIM_REQREP_MAP (X)
#undef X
        SIM_REQREP_COUNTS
} sim_reqrep_count_t;

//  One world.
struct sim_reqrep {
    sim_world_t *world;
    sim_net_t net;
    sim_client_t clients[SIM_CLIENTS_MAX];
    sim_server_t servers[SIM_SERVERS_MAX];
    unsigned client_count, server_count;
    sim_event_t weather;
    bool has_weather;       //  Something may break
    bool is_corrupt;        //  Bits may flip: contents prove nothing
    bool is_tight;          //  Messages may be too large for some
    bool is_lean;           //  Memory may run out
    bool is_ending;         //  No new calls; the rest shall end
    zloom_time_t pace;      //  Between a client's acts, about
    zloom_time_t patience;  //  The longest deadline
    uint64_t counts[SIM_REQREP_COUNTS];
    uint64_t outcomes[SIM_KINDS][SIM_OUTCOMES];
    uint32_t call_count;
    sim_call_t calls[SIM_CALLS_MAX];
};

//  reqrep_calls.c: what is promised.

const char *sim_kind_method (sim_kind_t kind);

//  The column of a kind for an outcome.
char sim_kind_allows (sim_kind_t kind, sim_outcome_t outcome);

//  A new call of a client; NULL when there have been too many.
sim_call_t *sim_call_new (sim_client_t *client, sim_kind_t kind, uint32_t timeout_ms);

//  The call with a nonce, NULL if there is none.
sim_call_t *sim_call_find (sim_reqrep_t *sim, uint64_t nonce);

//  `start` has returned.
void sim_call_started (sim_call_t *self, zloom_code_t code);

//  The function that waited for it has returned.
void sim_call_returned (sim_call_t *self, zloom_code_t code);

//  A function that began it and waited for it has returned.
void sim_call_called (sim_call_t *self, zloom_code_t code);

//  The function that waited for an item of it has returned one.
void sim_call_took_item (sim_call_t *self);

//  Its callback runs.
void sim_call_replied (sim_call_t *self, zloom_client_t *object, zloom_reply_t *reply);

//  A handler runs for it.
void sim_call_executed (sim_call_t *self, const struct sim_server *server, zloom_call_t *call);

//  A handler has sent an item, or has answered.
void sim_call_sent_item (sim_call_t *self);
void sim_call_answered (sim_call_t *self, zloom_code_t code);

//  Between two events: nobody is overdue.
void sim_client_check (sim_client_t *self);

//  After a function of the client: its counters are those of the model.
void sim_client_check_stats (sim_client_t *self);

//  After a turn of the server: its bounds are kept.
void sim_server_check (sim_server_t *self);

//  reqrep_clients.c

//  Draw a client, and make it.
void sim_client_init (sim_client_t *self, sim_reqrep_t *sim, unsigned number);
void sim_client_open (sim_client_t *self);

//  Destroy it, or crash.
void sim_client_close (sim_client_t *self, bool in_peace);

//  reqrep_servers.c

void sim_server_init (sim_server_t *self, sim_reqrep_t *sim, unsigned number);
void sim_server_open (sim_server_t *self);
void sim_server_close (sim_server_t *self, bool in_peace);
void sim_server_drain (sim_server_t *self);

#endif
