//  sim_pool - worker threads without threads
//
//  Jobs wait, and chance finishes one of those that the workers have taken,
//  whichever; nothing else happens in the world while it runs. So handlers end
//  in any order, at any time after they were submitted.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_POOL_H
#define SIM_POOL_H

#include "net/port_internal.h"
#include "sim/sim_world.h"

typedef struct sim_pool {
    unsigned workers;
    zloom__job_t *waiting, *done;
    sim_event_t work;           //  A worker finishes a job
    void (*finished) (void *);  //  Called then
    void *context;
} sim_pool_t;

void sim_pool_init (sim_pool_t *self, sim_world_t *world, unsigned workers,
                    void (*finished) (void *context), void *context);

void sim_pool_submit (sim_pool_t *self, zloom__job_t *job);

//  A job that is done, or NULL.
zloom__job_t *sim_pool_take (sim_pool_t *self);

//  Finish those that are being run, and forget the others.
void sim_pool_join (sim_pool_t *self);

#endif
