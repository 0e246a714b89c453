//  zloom_server - serves methods to zloom clients and to any MessagePack-RPC client
//
//  A server binds one or more endpoints and calls a handler for each request:
//  inline, in the thread that runs the server (the default, and the fastest),
//  or in worker threads. A handler answers at once, later (defer), or with a
//  stream of items. Work whose deadline has passed, or whose caller is gone,
//  is dropped before it is begun. `zloom.ping`, `zloom.describe`,
//  `zloom.stats` and `zloom.health` are built in.
//
//      static zloom_code_t add (zloom_call_t *call, void *context)
//      {
//          int64_t a, b;
//          if (zloom_call_args (call, "II", &a, &b))
//              return ZLOOM_INVALID_ARGUMENT;
//          return zloom_call_reply (call, "I", a + b);
//      }
//      zloom_server_t *server = zloom_server_new ("tcp://127.0.0.1:5555", NULL, &error);
//      zloom_server_handle (server, "add", "(a: int, b: int) -> int", "Add two integers.",
//                           add, NULL);
//      return zloom_server_run (server);
//
//  Threads: single owner, as zloom_client; zloom_server_stop from any. Handlers
//  run in the owner's thread, or with `workers` in several at a time.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_SERVER_H
#define ZLOOM_REQREP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/export.h"
#include "data/check.h"
#include "net/engine.h"
#include "net/runtime.h"
#include "reqrep/call.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zloom_server zloom_server_t;

//  How a server behaves. Start from ZLOOM_SERVER_OPTIONS_DEFAULT.
typedef struct zloom_server_options {
    zloom_runtime_t *runtime;    //  NULL = the process's default; must outlive self
    zloom_engine_t engine;       //  Who speaks to the network
    const char *name;            //  Told by zloom.describe; copied
    const char *version;         //  Of the service; copied
    uint32_t workers;            //  Threads that run handlers; 0 = inline
    uint32_t max_pending;        //  Calls queued, deferred or at work; more are refused by name
    uint32_t max_pending_bytes;  //  Bytes that these may hold, and that unsent replies may
    uint32_t max_timeout_ms;     //  No call is worked on for longer, whatever it asks
    uint32_t drain_ms;           //  How long `stop` lets calls end
    uint32_t busy_poll_us;       //  How long to look again before sleeping; 0 = sleep at once
    bool insecure_public;        //  Bind where others than this user can reach it, without keys
    zloom_limits_t limits;       //  What is accepted from clients
} zloom_server_options_t;

#define ZLOOM_SERVER_OPTIONS_DEFAULT                                                         \
    {                                                                                        \
        .name = "zloom", .version = "", .max_pending = 65536, .max_pending_bytes = 67108864, \
        .max_timeout_ms = 3600000, .drain_ms = 5000, .busy_poll_us = 50,                     \
        .limits = ZLOOM_LIMITS_DEFAULT                                                       \
    }

//  What has happened so far. Counters only grow.
typedef struct zloom_server_stats {
    uint64_t requests;          //  Well-formed requests received
    uint64_t notifications;     //  ... and notifications
    uint64_t ok;                //  Answered with a result
    uint64_t failed;            //  Answered with an error
    uint64_t items;             //  Items of streams sent
    uint64_t expired;           //  Dropped before dispatch: their deadline had passed
    uint64_t cancelled;         //  Ended by their caller, or because it was gone
    uint64_t refused;           //  Refused: too many pending, or draining
    uint64_t undeliverable;     //  Answers that no longer had a taker
    uint64_t malformed;         //  Messages that were no message of ours; dropped
    uint32_t pending;           //  Queued, deferred or at work, now
    uint32_t max_pending_seen;  //  The most at once so far
} zloom_server_stats_t;

//  Create a server and bind its endpoints ("tcp://127.0.0.1:5555, ipc://...";
//  blanks or commas between). A leading '>' connects instead, e.g. to the
//  back of a proxy. A port `*` is chosen by the system. Copies the options.
//  Returns NULL on failure; reterr (optional) has BAD_ENDPOINT, BAD_ARGUMENT,
//  INSECURE_BIND (not loopback, or an ipc path that is not in a private
//  directory, and insecure_public was not said), ADDRESS_IN_USE, ADDRESS,
//  NO_MEMORY, DESCRIPTORS, FORKED (the runtime was made before a fork) or
//  CONTEXT_GONE.
ZLOOM_EXPORT zloom_server_t *zloom_server_new (const char *endpoints,
                                               const zloom_server_options_t *options,
                                               zloom_error_t *reterr);

//  Destroy it and set the caller's pointer to NULL. NULL is allowed. Answers
//  under way are given a second to leave; calls that are pending are dropped,
//  and those who watch them are told ZLOOM_CALL_CLOSED. Waits for handlers
//  that are at work in worker threads.
ZLOOM_EXPORT void zloom_server_destroy (zloom_server_t **self_p);

//  Serve a method. The name has 1 to 128 characters of [A-Za-z0-9._/-] and
//  does not begin with "zloom."; the signature ("(a: int, b: str?) -> float",
//  see docs/PROTOCOL.md; NULL = anything) is checked for each request before
//  the handler is called; doc is one line for people (NULL = none). Copies the
//  strings; context must outlive self. Handlers are added before the first
//  request is processed, or between calls of `process`.
//  Errors: BAD_ARGUMENT (the text says what), NO_MEMORY, ALREADY_EXISTS,
//  BAD_STATE (from within a handler), FORKED, SECOND_THREAD, CONTEXT_GONE.
ZLOOM_EXPORT zloom_code_t zloom_server_handle (zloom_server_t *self, const char *method,
                                               const char *signature, const char *doc,
                                               zloom_handler_fn *handler, void *context);

//  Serve until zloom_server_stop, then drain: new requests are refused with
//  DRAINING, pending ones end. OK after a clean drain; DEADLINE when calls
//  were still pending after drain_ms; CONTEXT_GONE, FORKED, SECOND_THREAD.
ZLOOM_EXPORT zloom_code_t zloom_server_run (zloom_server_t *self);

//  Make `run` drain and return. Thread: any; safe in a signal handler.
ZLOOM_EXPORT void zloom_server_stop (zloom_server_t *self);

//  Do what is due; waits up to timeout_ms for something to happen, 0 = does
//  not wait. For programs with a loop of their own.
//  Errors: FORKED, SECOND_THREAD, CONTEXT_GONE.
ZLOOM_EXPORT zloom_code_t zloom_server_process (zloom_server_t *self, uint32_t timeout_ms);

//  Begin to drain without `run`: refuse new requests. Pending calls go on;
//  zloom_server_stats tells when none is left.
ZLOOM_EXPORT void zloom_server_drain (zloom_server_t *self);

//  A descriptor that is readable while `process` has something to do;
//  level-triggered. Borrowed. -1: no descriptors are left.
ZLOOM_EXPORT int zloom_server_descriptor (zloom_server_t *self);

//  The endpoint number `index` as bound (a `*` replaced by the port), or NULL.
//  Borrowed; lives as long as self.
ZLOOM_EXPORT const char *zloom_server_endpoint (const zloom_server_t *self, size_t index);

//  What the last function that failed said; valid until the next call on self.
ZLOOM_EXPORT const zloom_error_t *zloom_server_last_error (const zloom_server_t *self);

//  Copy the counters.
ZLOOM_EXPORT void zloom_server_stats (const zloom_server_t *self, zloom_server_stats_t *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
