//  zloom__runtime - holding on to the ZeroMQ context
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_RUNTIME_INTERNAL_H
#define ZLOOM_NET_RUNTIME_INTERNAL_H

#include "net/runtime.h"

//  Take a runtime for use: the given one, or the process's default (made for
//  its first user). Give it back with zloom__runtime_release.
//  Errors: those of zloom_runtime_new, FORKED (the given one is the parent's).
zloom_runtime_t *zloom__runtime_acquire (zloom_runtime_t *given, zloom_error_t *reterr);

//  The default ends with its last user. A forked child only forgets it.
void zloom__runtime_release (zloom_runtime_t **self_p);

//  Whether `count` more descriptors can be had. libzmq aborts the process
//  when it cannot get one at the wrong moment, so this is asked first.
bool zloom__descriptors_left (unsigned count);

#endif
