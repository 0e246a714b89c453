//  zloom__readiness - what a port waits with, and what a foreign loop polls
//
//  One epoll of the sockets' descriptors, a timer for the earliest deadline,
//  and an eventfd for what no descriptor tells: libzmq's ZMQ_FD is edge
//  triggered, so a call of ours may leave messages behind that nothing will
//  announce again. Itself it is level-triggered.
//
//  To wait costs one system call: the timer is set only when a deadline is
//  earlier than the one it stands at, and it may wake early; a timeout given
//  with each wait costs the kernel more than the wait.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_READINESS_INTERNAL_H
#define ZLOOM_NET_READINESS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

typedef struct zloom__readiness {
    int epoll;
    int timer;
    int pending;
    bool is_pending;        //  The eventfd is readable
    zloom_time_t alarm_at;  //  Where the timer stands; NEVER = it is off
} zloom__readiness_t;

#define ZLOOM__READINESS_NONE                                            \
    {                                                                    \
        .epoll = -1, .timer = -1, .pending = -1, .alarm_at = ZLOOM_NEVER \
    }

//  Make it. False: no descriptors are left, and nothing was made.
bool zloom__readiness_open (zloom__readiness_t *self);

void zloom__readiness_close (zloom__readiness_t *self);

//  What there is about a descriptor.
typedef struct zloom__ready {
    uint64_t token;    //  The descriptor's own number, or what it was given
    bool is_in;        //  It can be read, or is at its end
    bool is_out;       //  It can be written
    bool has_hung_up;  //  The other end writes no more, or it has failed
} zloom__ready_t;

//  Watch a descriptor too (-1: none), and no longer. Its token is its number.
void zloom__readiness_watch (zloom__readiness_t *self, int fd);
void zloom__readiness_unwatch (zloom__readiness_t *self, int fd);

//  Watch a descriptor for all that happens to it, and be told of each change
//  once; it is forgotten when it is closed. False: errno says why.
bool zloom__readiness_watch_edges (zloom__readiness_t *self, int fd, uint64_t token);

//  Wait until a descriptor is ready, at most until a time, as of `now`.
//  Returns how many are, and puts up to `most` of them into ret_ready. It may
//  be 0 before the time.
int zloom__readiness_wait (zloom__readiness_t *self, zloom_time_t now, zloom_time_t until,
                           zloom__ready_t *ret_ready, int most);

//  Be readable from now on, or from `until` (NEVER: when a descriptor is).
void zloom__readiness_settle (zloom__readiness_t *self, bool is_pending, zloom_time_t until);

#endif
