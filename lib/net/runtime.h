//  zloom_runtime - the ZeroMQ context that clients and servers live in
//
//  Most programs never name one: an object made with runtime = NULL uses the
//  process's default, which is made with its first user and ends with its
//  last. A program that has a ZeroMQ context already wraps it, so that both
//  share threads and inproc names. Objects must be destroyed before their
//  runtime.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_RUNTIME_H
#define ZLOOM_NET_RUNTIME_H

#include "base/error.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zloom_runtime zloom_runtime_t;

//  Create a runtime with a ZeroMQ context of its own.
//  Returns NULL on failure; reterr (optional) has NO_MEMORY, DESCRIPTORS (the
//  descriptor table is nearly full; libzmq would abort) or SYSTEM.
ZLOOM_EXPORT zloom_runtime_t *zloom_runtime_new (zloom_error_t *reterr);

//  Create a runtime in the host's ZeroMQ context. Borrows zmq_context; it must
//  outlive self. When the host terminates it early, every call in it ends with
//  CONTEXT_GONE; the direct engine does not depend on it, and goes on.
//  Errors: NO_MEMORY, BAD_ARGUMENT (NULL).
ZLOOM_EXPORT zloom_runtime_t *zloom_runtime_wrap (void *zmq_context, zloom_error_t *reterr);

//  Destroy it and set the caller's pointer to NULL. NULL is allowed. A context
//  of its own is terminated; that takes as long as what its sockets still
//  have to send, which every socket of zloom bounds. After a fork the child
//  only forgets it.
ZLOOM_EXPORT void zloom_runtime_destroy (zloom_runtime_t **self_p);

//  The ZeroMQ context, for sockets of the program's own.
ZLOOM_EXPORT void *zloom_runtime_context (const zloom_runtime_t *self);

#ifdef __cplusplus
}
#endif

#endif
