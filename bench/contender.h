//  contender - one way to make a round trip, as the harness sees it
//
//  A contender is two ends that understand each other: a server that answers
//  each message with itself, and a client that sends one and waits. What a
//  function cannot do it says with `fail`, which ends the process: a benchmark
//  has no use for half a result.
//
//  Threads: a server and a client of one context may live in two threads.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_CONTENDER_H
#define ZLOOM_BENCH_CONTENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "flow.h"
#include "net/engine.h"

typedef struct contender contender_t;

//  Who answers.
typedef struct server_kind {
    //  Bind; from then on clients may connect. `zmq` is a ZeroMQ context.
    void *(*open) (const contender_t *contender, void *zmq, const char *endpoint);
    //  Answer every message with itself until a client says `stop`.
    void (*run) (void *server);
    void (*close) (void *server);
} server_kind_t;

//  Who asks.
typedef struct client_kind {
    void *(*open) (const contender_t *contender, void *zmq, const char *endpoint);
    //  A round trip. The answer is borrowed until the next one.
    zloom_bytes_t (*call) (void *client, zloom_bytes_t payload);
    //  Or else: so many round trips, and what each took.
    void (*calls) (void *client, zloom_bytes_t payload, unsigned count, int64_t *ret_ns);
    //  Calls as a flow wants them; returns when it is done. Optional.
    void (*flow) (void *client, flow_t *flow);
    //  Start so many calls more that the server does not answer, and give them
    //  up again; returns what starting one cost, in nanoseconds. Optional.
    double (*hold) (void *client, unsigned count);
    //  Clients that are many in one thread, and make one call each at a time.
    //  None of these waits. Optional.
    bool (*is_connected) (void *client);
    void (*ask) (void *client, zloom_bytes_t payload);
    bool (*is_answered) (void *client);
    int (*descriptor) (void *client);  //  Readable when is_answered is worth a try
    //  Be there and do nothing, for so long. Optional.
    void (*rest) (void *client, unsigned ms);
    //  Make the server's `run` return.
    void (*stop) (void *client);
    void (*close) (void *client);
} client_kind_t;

struct contender {
    const char *name;  //  As tables and files show it; also part of endpoints
    const server_kind_t *server;
    const client_kind_t *client;
    zloom_engine_t engine;  //  Of zloom's ends
    bool sleeps_at_once;    //  zloom's ends do not spin
    unsigned held;          //  Calls of zloom's client that the server never answers
    bool is_unbounded;      //  libzmq's ends have no bound on their queues
    bool shows_connected;   //  libzmq's client can tell when it is
    const char *program;    //  Of a foreign peer, which has no server here; else NULL
    const char *endpoint;   //  Of a foreign peer, as it was given
};

//  libzmq alone: DEALER to ROUTER, each waiting in a blocking receive.
extern const server_kind_t server_raw_zmq;
extern const client_kind_t client_raw_zmq;

//  The same with MessagePack-RPC written and read by hand: what zloom's ends
//  take for a plain peer.
extern const server_kind_t server_raw_rpc;
extern const client_kind_t client_raw_rpc;

//  zloom_client_call to an inline handler of a zloom_server.
extern const server_kind_t server_zloom;
extern const client_kind_t client_zloom;

//  A program of another toolkit; see peer.h.
extern const client_kind_t client_peer;

//  Those that several benchmarks have: libzmq at both ends; zloom as it comes,
//  with its short spin; zloom that does not spin; zloom on libzmq's engine.
extern const contender_t contender_raw_zmq;
extern const contender_t contender_zloom;
extern const contender_t contender_zloom_blocking;
extern const contender_t contender_zloom_libzmq;

#endif
