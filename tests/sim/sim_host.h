//  sim_host - a process in a simulated world: its turns, its waiting, its workers
//
//  What all simulated ports have in common. The owner of a port is given turns,
//  as a foreign loop gives them: when something is due, and when `settle` asked
//  for one. When `next` has to wait, the world goes on around it; one function
//  may do that at a time (sim_world_t.is_waited_in), since a second one would
//  keep the first from going on. Jobs are run when chance likes, in the one
//  thread there is.
//
//  What comes from the network, and how, is a matter of the port
//  (sim_port.h: frames; sim_direct_port.h: bytes).
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "net/port_internal.h"
#include "sim/sim_pool.h"

typedef struct sim_host sim_host_t;

//  What the network of a port does for it.
typedef struct sim_host_ops {
    //  When there will be something to tell of the network; NEVER = not yet known.
    zloom_time_t (*due) (const sim_host_t *);

    //  Tell what there is now; TIMEOUT: nothing.
    zloom__event_kind_t (*tell) (sim_host_t *, zloom__event_t *ret_event);

    //  The event at hand is done with. Optional.
    void (*let_go) (sim_host_t *);

    //  The process dies: its connections break now, what it sends from here on
    //  (while its objects are destroyed) goes nowhere.
    void (*crash) (sim_host_t *);

    //  Whether a link is up that has not refused the last frame.
    bool (*has_room) (const sim_host_t *);
} sim_host_ops_t;

struct sim_host {
    zloom__port_t base;  //  First: a port is cast to this
    const sim_host_ops_t *network;
    sim_world_t *world;
    const char *name;  //  For the trace; borrowed
    void (*process) (void *owner);
    void *owner;
    sim_event_t turn;
    zloom_time_t wanted;        //  The owner asked for a turn; NEVER = it did not
    zloom_time_t paused_until;  //  No turns before
    sim_pool_t pool;
    uint64_t *jobs;  //  Jobs run are counted there
    bool was_woken;
    bool is_waiting;  //  Its owner is inside a function that waits
};

//  Begin, with base.ops, network and jobs in place. process (owner) is called
//  when the owner has a turn.
void sim_host_begin (sim_host_t *self, sim_world_t *world, const char *name, unsigned workers,
                     void (*process) (void *owner), void *owner);

//  End; the port is about to be freed.
void sim_host_end (sim_host_t *self);

//  Something will be due.
void sim_host_expect (sim_host_t *self, zloom_time_t at);

//  Let the world go on until something is due, at most until the given time.
void sim_host_wait (sim_host_t *self, zloom_time_t until);

//  Give no turns for a while: the process is busy, or stopped.
void sim_host_pause (sim_host_t *self, zloom_time_t duration);

//  Whether its program can act: not while it is paused, or waits.
bool sim_host_is_busy (const sim_host_t *self);

static inline void sim_host_crash (sim_host_t *self)
{
    sim_trace (self->world, "%s crashes", self->name);
    self->network->crash (self);
}

static inline bool sim_host_has_room (const sim_host_t *self)
{
    return self->network->has_room (self);
}

//  For tables of operations (zloom__port_ops_t).
zloom__event_kind_t sim_host_next (zloom__port_t *port, zloom_time_t until,
                                   zloom__event_t *ret_event);
zloom_time_t sim_host_now (zloom__port_t *port);
uint64_t sim_host_random (zloom__port_t *port);
void sim_host_submit (zloom__port_t *port, zloom__job_t *job);
void sim_host_join (zloom__port_t *port);
void sim_host_wake (zloom__port_t *port);
int sim_host_descriptor (zloom__port_t *port);
void sim_host_settle (zloom__port_t *port, zloom_time_t until);

#define SIM_HOST_OPS                                                         \
    .next = sim_host_next, .now = sim_host_now, .random = sim_host_random,   \
    .submit = sim_host_submit, .join = sim_host_join, .wake = sim_host_wake, \
    .descriptor = sim_host_descriptor, .settle = sim_host_settle

#endif
