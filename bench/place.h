//  place - where the ends of a call live: transports, endpoints, processors
//
//  Threads: main of a process; place_pin any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_PLACE_H
#define ZLOOM_BENCH_PLACE_H

#include <stddef.h>

typedef enum transport { TRANSPORT_TCP, TRANSPORT_IPC, TRANSPORT_INPROC } transport_t;

enum { TRANSPORTS = 3 };

//  ANY: where the kernel puts them. ONE: every thread of both ends on the same
//  one. TWO: those of the client on one, those of the server on another.
typedef enum cores { CORES_ANY, CORES_ONE, CORES_TWO } cores_t;

enum { CORES = 3 };

typedef enum end { END_CLIENT, END_SERVER } end_t;

//  "tcp", "ipc", "inproc".
const char *transport_name (transport_t transport);

//  "any core", "one core", "two cores".
const char *cores_name (cores_t cores);

//  How many processors this process may use.
unsigned place_processors (void);

//  Stay on one processor: the first that this process may use for a client,
//  the last for a server. What is forked and started from here stays too.
void place_pin (end_t end);

//  Stay on one of those that this process may use, from 0.
void place_pin_to (unsigned number);

//  A port of 127.0.0.1 that nobody has, below those that the kernel gives to
//  clients.
unsigned place_port (void);

//  An endpoint of ZeroMQ that nobody has. The name becomes part of it; ipc
//  sockets go into the folder.
void place_endpoint (transport_t transport, const char *folder, const char *name, char *ret_text,
                     size_t size);

#endif
