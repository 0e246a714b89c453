//  zloom__readiness - one level-triggered descriptor for a whole port
//
//  An epoll of the sockets' descriptors, a timer for the earliest deadline,
//  and an eventfd for what no descriptor tells: libzmq's ZMQ_FD is edge
//  triggered, so a call of ours may leave messages behind that nothing will
//  announce again.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_READINESS_INTERNAL_H
#define ZLOOM_NET_READINESS_INTERNAL_H

#include <stdbool.h>

#include "base/time.h"

typedef struct zloom__readiness {
    int epoll;
    int timer;
    int pending;
    bool is_pending;  //  The eventfd is readable
} zloom__readiness_t;

#define ZLOOM__READINESS_NONE {-1, -1, -1, false}

//  Make it. False: no descriptors are left, and nothing was made.
bool
    zloom__readiness_open (zloom__readiness_t *self);

void
    zloom__readiness_close (zloom__readiness_t *self);

//  Watch a descriptor too; one that is closed leaves by itself.
void
    zloom__readiness_watch (zloom__readiness_t *self, int fd);

//  Be readable from now on, or from `until` (NEVER: when a descriptor is).
void
    zloom__readiness_settle (zloom__readiness_t *self, bool is_pending, zloom_time_t until);

#endif
