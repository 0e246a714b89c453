//  zloom__pool - threads that run jobs
//
//  Jobs are run in the order of submission, by whichever thread is free, and
//  wait on a second list, when done, to be taken back by the owner. Neither
//  list allocates: jobs are linked through themselves.
//
//  Threads: submit and take from the owner; `done` is called in a worker.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_POOL_INTERNAL_H
#define ZLOOM_NET_POOL_INTERNAL_H

#include "base/error.h"
#include "net/port_internal.h"

typedef struct zloom__pool zloom__pool_t;

//  Start `workers` threads; they block all signals. `done` is called after
//  each job, to wake the owner. Errors: NO_MEMORY, SYSTEM (no more threads).
zloom__pool_t *zloom__pool_new (unsigned workers, void (*done) (void *context), void *context,
                                zloom_error_t *reterr);

//  Wait for the jobs that are being run, forget those that are not, and end.
void zloom__pool_destroy (zloom__pool_t **self_p);

void zloom__pool_submit (zloom__pool_t *self, zloom__job_t *job);

//  A job that is done, or NULL.
zloom__job_t *zloom__pool_take (zloom__pool_t *self);

#endif
