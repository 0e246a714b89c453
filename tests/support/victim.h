//  victim - a server of zloom in a process of its own, to be ill-treated
//
//  The direct engine, over tcp and over ipc, with the method echo; and trim, by
//  which its allocator returns to the system what nobody has, so that memory
//  that is kept can be told from memory that is free.
//
//  Threads: one at a time; started before there are others.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_VICTIM_H
#define ZLOOM_TESTS_SUPPORT_VICTIM_H

#include <netinet/in.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/time.h"
#include "reqrep/client.h"

typedef struct victim {
    pid_t pid;  //  0 = not running
    char folder[32];
    char tcp[64], ipc[64];  //  Endpoints
    struct sockaddr_in tcp_place;
    struct sockaddr_un ipc_place;
} victim_t;

//  Start it; it may have so many descriptors, 0 = as many as the system allows.
//  Fails the test where that fails.
void victim_start (victim_t *self, unsigned descriptors);

//  Ask it to end. It must do so by itself, and leave nothing allocated.
void victim_stop (victim_t *self);

//  Kill it, if it runs.
void victim_destroy (victim_t *self);

//  A client of the direct engine.
zloom_client_t *victim_client (const char *endpoint);

//  Call echo. How long that took, or -1 when it failed, which is printed.
zloom_time_t victim_call (zloom_client_t *client);

//  Call trim; then what the server has of memory, in KiB.
size_t victim_kept_kib (const victim_t *self, zloom_client_t *client);

#endif
