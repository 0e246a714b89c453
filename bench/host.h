//  host - a contender's server, in a process of its own
//
//  Threads: main of a process.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_HOST_H
#define ZLOOM_BENCH_HOST_H

#include "contender.h"
#include "place.h"
#include "process.h"

typedef struct host {
    const contender_t *contender;  //  Borrowed
    cores_t cores;
    char endpoint[256];  //  Where to connect
    process_t process;
} host_t;

//  Start it where nobody else is, and wait until it serves. Borrows contender;
//  it must outlive self. No ZeroMQ context may exist yet in this process.
void host_start (host_t *self, const contender_t *contender, transport_t transport, cores_t cores,
                 const char *folder);

//  A ZeroMQ context that may have very many sockets.
void *host_context_new (void);

#endif
