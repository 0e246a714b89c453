//  zloom__port - the one way by which patterns reach the world
//
//  Sockets, time, randomness and worker threads stand behind this interface,
//  and nothing above it knows which engine it has: libzmq's, the direct one, or
//  the simulator of tests/sim. Its notion is the link: one connection to one peer, that
//  comes up, carries frames in order, gives room, and goes down with a reason.
//
//  A channel is an endpoint with its role: a CLIENT connects to one server
//  and has at most one link at a time; a SERVER has any number. A turn is one
//  `next` that returns, and what is done until the following one.
//
//  Threads: single owner; `wake` from any thread.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_PORT_INTERNAL_H
#define ZLOOM_NET_PORT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "net/frame_internal.h"
#include "net/engine.h"
#include "net/runtime.h"

typedef struct zloom__port zloom__port_t;

//  A connection; never used again after it went down. 0 is none.
typedef uint64_t zloom__link_t;

//  Which channel of a port.
typedef uint32_t zloom__channel_t;

//  The most frames of one message, and the most bytes that an envelope (what
//  stands before the body: routing ids, hops of proxies, a REQ's delimiter)
//  may have, each frame preceded by one byte of length. A message that has
//  more is dropped and counted.
enum { ZLOOM__FRAMES_MAX = 16, ZLOOM__ENVELOPE_MAX = 256 };

//  About what may wait for one peer, in bytes, either way.
#define ZLOOM__QUEUED_BYTES 268435456u

typedef enum zloom__role { ZLOOM__ROLE_CLIENT, ZLOOM__ROLE_SERVER } zloom__role_t;

//  How to open a channel. Borrowed until open returns.
typedef struct zloom__channel_options {
    zloom__role_t role;
    const char *endpoint;       //  One; "tcp://...", "ipc://...", "inproc://..."
    uint32_t max_size;          //  Largest body accepted
    uint32_t max_queued_bytes;  //  About what may wait for one peer
    uint32_t reconnect_min_ms;  //  CLIENT: first pause between tries, jittered
    uint32_t reconnect_max_ms;  //  CLIENT: the pause doubles up to this
    bool rep_peer;              //  CLIENT: an empty frame goes before each body
    bool dials;                 //  SERVER: connects instead of binding
    bool insecure_public;       //  SERVER: may bind where others can reach it
} zloom__channel_options_t;

typedef enum zloom__event_kind {
    ZLOOM__EVENT_TIMEOUT,  //  Nothing more until the time given
    ZLOOM__EVENT_FRAME,    //  A message came
    ZLOOM__EVENT_UP,       //  CLIENT: a link is up
    ZLOOM__EVENT_DOWN,     //  A link went down; link 0: a try ended that trying again won't mend
    ZLOOM__EVENT_ROOM,     //  A link that was full takes frames again
    ZLOOM__EVENT_WOKEN,    //  Somebody called wake, or a message was dropped
    ZLOOM__EVENT_JOB,      //  A job is done
    ZLOOM__EVENT_BROKEN    //  The port is dead (reason: CONTEXT_GONE); nothing else comes
} zloom__event_kind_t;

typedef struct zloom__job zloom__job_t;

//  Work for another thread; embedded in what it works on.
struct zloom__job {
    void (*run) (zloom__job_t *);  //  In a worker thread
    zloom__job_t *next;            //  The port's own
};

typedef struct zloom__event {
    zloom__event_kind_t kind;
    zloom__channel_t channel;
    zloom__link_t link;
    zloom_bytes_t envelope;  //  FRAME: to give back with a reply; borrowed until next
    zloom_bytes_t body;      //  FRAME: borrowed until next; keep moves it
    bool is_zloom;           //  CLIENT, FRAME and UP: the peer has shown that it is a zloom peer
    bool hides_peer;         //  UP: no handshake; whether anybody is there will show only by asking
    zloom_reason_t reason;   //  DOWN, BROKEN: why
    zloom__job_t *job;       //  JOB
} zloom__event_t;

//  What an engine does.
typedef struct zloom__port_ops {
    zloom_code_t (*open) (zloom__port_t *, const zloom__channel_options_t *,
                          zloom__channel_t *ret_channel, zloom_error_t *reterr);

    //  Send one body, given in parts, all borrowed until it returns. OK: it
    //  has taken them. RESOURCE_EXHAUSTED: the link is full, ROOM may follow.
    //  UNAVAILABLE: the link is gone.
    zloom_code_t (*send) (zloom__port_t *, zloom__channel_t, zloom__link_t, zloom_bytes_t envelope,
                          const zloom_bytes_t *parts, size_t count);

    //  Let what was sent leave now. Optional: an engine without it has nothing
    //  to gather. Before `next` waits it flushes by itself.
    void (*flush) (zloom__port_t *);

    //  The next event, at the latest at `until` (then TIMEOUT). Goes by the
    //  time of the last refresh, and refreshes it when it has slept.
    zloom__event_kind_t (*next) (zloom__port_t *, zloom_time_t until, zloom__event_t *ret_event);

    //  Keep the body of the event at hand beyond the turn; its address may
    //  change. NO_MEMORY leaves it where it is.
    zloom_code_t (*keep) (zloom__port_t *, zloom__frame_t *ret_frame);

    //  Whether the sender of the frame at hand has shown in its handshake that
    //  it is a zloom peer. SERVER; asked only where it matters, since finding
    //  out has its price. Before keep.
    bool (*is_from_zloom) (zloom__port_t *);

    zloom_time_t (*now) (zloom__port_t *);
    uint64_t (*random) (zloom__port_t *);

    //  Have a job run by a worker thread; JOB follows.
    void (*submit) (zloom__port_t *, zloom__job_t *);

    //  End the worker threads, after the jobs that are being run.
    void (*join) (zloom__port_t *);

    void (*wake) (zloom__port_t *);  //  Thread: any; safe in a signal handler

    //  A level-triggered descriptor for a foreign loop; -1 when there is none.
    int (*descriptor) (zloom__port_t *);

    //  The owner returns to a foreign loop, and wants the descriptor to be
    //  readable at `until` at the latest.
    void (*settle) (zloom__port_t *, zloom_time_t until);

    //  Which engine a channel has, for people.
    const char *(*engine) (zloom__port_t *, zloom__channel_t);

    //  The endpoint as bound; borrowed.
    const char *(*endpoint) (zloom__port_t *, zloom__channel_t);

    //  Why a CLIENT channel is not connected, as far as is known.
    zloom_reason_t (*trouble) (zloom__port_t *, zloom__channel_t, const char **ret_text);

    //  Messages dropped because their envelope was beyond the bounds.
    uint64_t (*dropped) (zloom__port_t *);

    //  Close everything; what is still to be sent may take until `linger`.
    void (*destroy) (zloom__port_t *, zloom_time_t linger);
} zloom__port_ops_t;

//  What all engines begin with.
struct zloom__port {
    const zloom__port_ops_t *ops;
    zloom_time_t now;  //  As of this turn; see zloom__port_now
    unsigned age;      //  Turns since it was asked for
};

//  The time of this turn; costs nothing. A turn begins with a refresh, and so
//  does what a program calls, since the last turn may be long ago.
static inline zloom_time_t zloom__port_now (const zloom__port_t *self)
{
    return self->now;
}

static inline zloom_time_t zloom__port_refresh (zloom__port_t *self)
{
    self->age = 0;
    return self->now = self->ops->now (self);
}

//  Another turn. Where many messages are there, one takes less time than to ask
//  for the time, and some turns go by the same; whoever sleeps asks anew.
static inline void zloom__port_age (zloom__port_t *self)
{
    enum { OLD = 8 };
    if (++self->age >= OLD)
        zloom__port_refresh (self);
}

//  The longest that a user may let a port look again.
enum { ZLOOM__BUSY_POLL_MAX_US = 1000000 };

static inline void zloom__port_flush (zloom__port_t *self)
{
    if (self->ops->flush)
        self->ops->flush (self);
}

//  What a port has to be able to do; each costs something.
typedef struct zloom__port_options {
    zloom_engine_t engine;     //  Which speaks to the network
    zloom_runtime_t *runtime;  //  For libzmq; NULL = the process's default
    unsigned workers;          //  Threads for jobs
    zloom_time_t busy_poll;    //  How long to look again before sleeping; 0 = not at all
    bool is_woken;             //  `wake` will be called; implied by workers
    bool is_server;            //  Waits for requests, not for answers
} zloom__port_options_t;

//  Make a port into the world.
//  Errors: NO_MEMORY, DESCRIPTORS, FORKED (a runtime of the parent's), SYSTEM.
zloom__port_t *zloom__port_new (const zloom__port_options_t *options, zloom_error_t *reterr);

#endif
