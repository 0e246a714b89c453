//  contender - one way to make a round trip, as the harness sees it
//
//  A contender is a table of functions: a server that answers each message
//  with itself, and a client that sends one and waits. What a function cannot
//  do it says with `fail`, which ends the process: a benchmark has no use for
//  half a result.
//
//  Threads: a server and a client of one context may live in two threads.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_CONTENDER_H
#define ZLOOM_BENCH_CONTENDER_H

#include "base/bytes.h"

typedef struct contender {
    const char *name;  //  As tables and files show it; also part of endpoints

    //  What server and client share when one process has both.
    void *(*context_new) (void);
    void (*context_destroy) (void *context);

    //  Bind; from then on clients may connect.
    void *(*server_new) (void *context, const char *endpoint);
    //  Answer every message with itself until a client says `stop`.
    void (*server_run) (void *server);
    void (*server_destroy) (void *server);

    void *(*client_new) (void *context, const char *endpoint);
    //  A round trip. The answer is borrowed until the next one.
    zloom_bytes_t (*call) (void *client, zloom_bytes_t payload);
    //  Make the server's `run` return.
    void (*stop) (void *client);
    void (*client_destroy) (void *client);
} contender_t;

//  libzmq alone: DEALER to ROUTER, each waiting in a blocking receive.
extern const contender_t contender_raw_zmq;

//  zloom_client_call to an inline handler of a zloom_server, all options as
//  they come.
extern const contender_t contender_zloom_call;

#endif
