//  zloom_client - calls the methods of services
//
//  Every call ends exactly once, by its deadline, with a result or a named
//  error; calls do not wait for one another, and a late reply never reaches
//  another call. The same client calls synchronously (`call` waits) and
//  asynchronously (`start` returns at once; the reply comes to a callback or
//  to `wait`). It speaks MessagePack-RPC to anything that listens on a ROUTER,
//  and more to a zloom server: deadlines that travel, cancellation, streams.
//
//      zloom_client_t *client = zloom_client_new ("tcp://127.0.0.1:5555", NULL, &error);
//      int64_t sum;
//      if (zloom_client_call (client, "add", "II", (int64_t) 1, (int64_t) 2)
//          || zloom_client_result (client, "I", &sum))
//          fprintf (stderr, "%s\n", zloom_client_last_error (client)->text);
//      zloom_client_destroy (&client);
//
//  Threads: single owner. It may move between threads with a full fence; a
//  second thread that enters while one is inside gets SECOND_THREAD. The
//  advice is one client a thread. After a fork the child gets FORKED.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_CLIENT_H
#define ZLOOM_REQREP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/export.h"
#include "data/check.h"
#include "net/engine.h"
#include "net/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zloom_client zloom_client_t;
typedef struct zloom_reply zloom_reply_t;

//  Names one call of one client; never used again. 0 is none.
typedef uint64_t zloom_call_id_t;

//  How a client behaves. Start from ZLOOM_CLIENT_OPTIONS_DEFAULT; that line is
//  the only place where the defaults are written.
typedef struct zloom_client_options {
    zloom_runtime_t *runtime;     //  NULL = the process's default; must outlive self
    zloom_engine_t engine;        //  Who speaks to the network
    uint32_t timeout_ms;          //  A call's deadline, unless it brings its own; at most 1 h
    uint32_t connect_timeout_ms;  //  How long a call waits for somebody to be there
    uint32_t max_outstanding;     //  Calls begun and not ended; more is QUEUE_FULL
    uint32_t max_unsent_bytes;    //  Bytes that wait for a connection; more is QUEUE_FULL
    uint32_t stream_credit;       //  Items that a server may have under way for one call
    uint32_t beat_ms;             //  Pause between signs of life to a silent server; 0 = none
    uint32_t reconnect_min_ms;    //  First pause before another try to connect, jittered
    uint32_t reconnect_max_ms;    //  The pause doubles up to this
    uint32_t busy_poll_us;        //  How long to look again before sleeping; 0 = sleep at once
    bool rep_peer;                //  The other end is a REP socket: an empty frame goes first
    zloom_limits_t limits;        //  What is accepted from servers, and sent at most
} zloom_client_options_t;

#define ZLOOM_CLIENT_OPTIONS_DEFAULT                                              \
    {                                                                             \
        .timeout_ms = 5000, .connect_timeout_ms = 3000, .max_outstanding = 65536, \
        .max_unsent_bytes = 67108864, .stream_credit = 64, .beat_ms = 1000,       \
        .reconnect_min_ms = 100, .reconnect_max_ms = 10000, .busy_poll_us = 50,   \
        .limits = ZLOOM_LIMITS_DEFAULT                                            \
    }

//  What one call may bring along. Zeroes mean "as usual". Headers and streams
//  need a zloom server; any other gets the call without its headers, and
//  answers it with a single result.
typedef struct zloom_call_options {
    uint32_t timeout_ms;    //  0 = the client's
    bool stream;            //  The caller takes a reply of several items
    uint32_t attempt;       //  1 = a retry's first repetition; told to the server
    const char *trace;      //  W3C traceparent, or NULL
    zloom_bytes_t key;      //  Idempotency key, at most 64 bytes; empty = none
    zloom_bytes_t headers;  //  A packed map with string keys, at most 16; empty = none
} zloom_call_options_t;

//  What has happened so far. Counters only grow.
typedef struct zloom_client_stats {
    uint64_t calls;          //  Begun
    uint64_t ok;             //  Ended with a result
    uint64_t failed;         //  Ended with an error, of any kind
    uint64_t deadlines;      //  ... of these by the deadline
    uint64_t lost;           //  ... of these because the connection was lost
    uint64_t late_replies;   //  Replies to calls that had ended; dropped
    uint64_t malformed;      //  Messages that were no message of ours; dropped
    uint64_t notifications;  //  Sent
    uint64_t connects;       //  Connections that came up
    uint64_t disconnects;    //  Connections that went down
    uint32_t outstanding;    //  Calls begun and not ended, now
    uint32_t unsent;         //  ... of these that wait for a connection, now
    uint32_t present;        //  Endpoints that are connected, now
} zloom_client_stats_t;

//  Receives a reply: the only one, or each item of a stream and then its end.
//  Runs inside a function of the client (call, wait, process, ...), in that
//  thread, never inside `start`. It may start, cancel and notify; it must not
//  wait or destroy the client. The reply is borrowed until it returns.
typedef void (zloom_reply_fn) (zloom_client_t *client, zloom_reply_t *reply, void *context);

//  Create a client of one or more endpoints that serve the same ("tcp://a:1,
//  tcp://b:1"; blanks or commas between). It connects in the background; a
//  call goes to the connected one with the fewest calls, the first on a tie.
//  Copies the options.
//  Returns NULL on failure; reterr (optional) has BAD_ENDPOINT, BAD_ARGUMENT
//  (an option is out of range), NO_MEMORY, DESCRIPTORS, FORKED (the runtime was
//  made before a fork) or CONTEXT_GONE.
ZLOOM_EXPORT zloom_client_t *zloom_client_new (const char *endpoints,
                                               const zloom_client_options_t *options,
                                               zloom_error_t *reterr);

//  Destroy it and set the caller's pointer to NULL. NULL is allowed. Calls
//  that have not ended end with CLOSED; their callbacks run.
ZLOOM_EXPORT void zloom_client_destroy (zloom_client_t **self_p);

//  Call a method and wait for its end. The picture (data/pack.h) has the
//  params, one value each. The result is then in zloom_client_result.
//  Errors: those of zloom_client_start, and DEADLINE, NO_PEER (nobody was
//  there within connect_timeout_ms), WRONG_PEER, CONNECTION_LOST (whether it
//  was worked on is not known), DRAINING, MALFORMED (a reply that was none);
//  whatever the remote handler raised has origin ZLOOM_REMOTE.
ZLOOM_EXPORT zloom_code_t zloom_client_call (zloom_client_t *self, const char *method,
                                             const char *picture, ...);

//  The same with options for this call. options NULL = as usual.
ZLOOM_EXPORT zloom_code_t zloom_client_call_with (zloom_client_t *self,
                                                  const zloom_call_options_t *options,
                                                  const char *method, const char *picture, ...);

//  The same with params that are packed already: one array. Borrows params
//  until the call returns.
ZLOOM_EXPORT zloom_code_t zloom_client_call_bytes (zloom_client_t *self,
                                                   const zloom_call_options_t *options,
                                                   const char *method, zloom_bytes_t params);

//  Begin a call and return at once. With a callback (optional), that gets the
//  reply; without, `wait` or `next` must fetch it, and until then it counts
//  as outstanding. ret_id is optional. Borrows what it is given until it
//  returns; context must live until the call has ended.
//  Errors, when nothing was begun: BAD_ARGUMENT, BAD_PICTURE, MALFORMED,
//  OVERSIZE, QUEUE_FULL, NO_MEMORY, FORKED, SECOND_THREAD, CONTEXT_GONE.
ZLOOM_EXPORT zloom_code_t zloom_client_start (zloom_client_t *self, zloom_call_id_t *ret_id,
                                              const zloom_call_options_t *options,
                                              zloom_reply_fn *callback, void *context,
                                              const char *method, const char *picture, ...);

//  The same with params that are packed already.
ZLOOM_EXPORT zloom_code_t zloom_client_start_bytes (zloom_client_t *self, zloom_call_id_t *ret_id,
                                                    const zloom_call_options_t *options,
                                                    zloom_reply_fn *callback, void *context,
                                                    const char *method, zloom_bytes_t params);

//  Wait until a call that was started without a callback has ended, and give
//  its outcome as `call` does. Items of a stream are passed over. The call's
//  own deadline bounds the wait. BAD_STATE: no such call.
ZLOOM_EXPORT zloom_code_t zloom_client_wait (zloom_client_t *self, zloom_call_id_t id);

//  Wait for the next item of a streamed call that was started without a
//  callback. OK with *ret_more true: the item is in zloom_client_result. OK
//  with false: the stream has ended, its result is there.
ZLOOM_EXPORT zloom_code_t zloom_client_next (zloom_client_t *self, zloom_call_id_t id,
                                             bool *ret_more);

//  Give a call up. It ends with CALL_CANCELLED (a callback gets that before
//  this returns), and a zloom server is told. BAD_STATE: no such call.
ZLOOM_EXPORT zloom_code_t zloom_client_cancel (zloom_client_t *self, zloom_call_id_t id);

//  Send a call that nobody answers. OK means handed to a connection that was
//  up, no more. Errors: those of `start`; NO_PEER when none is up.
ZLOOM_EXPORT zloom_code_t zloom_client_notify (zloom_client_t *self, const char *method,
                                               const char *picture, ...);

//  The same with params that are packed already.
ZLOOM_EXPORT zloom_code_t zloom_client_notify_bytes (zloom_client_t *self, const char *method,
                                                     zloom_bytes_t params);

//  Hold back what is sent from now on, so that many small messages leave in one
//  write: until uncork, until much has gathered, or until a function that waits
//  has nothing else to do. Calls of cork add up; the last uncork counts.
//  Without a cork each start and notify leaves at once, and what is sent from
//  callbacks leaves with the end of the function that runs them. Of use with
//  the direct engine; libzmq gathers by itself.
//  Errors: FORKED, SECOND_THREAD, CONTEXT_GONE; uncork: BAD_STATE (no cork).
ZLOOM_EXPORT zloom_code_t zloom_client_cork (zloom_client_t *self);
ZLOOM_EXPORT zloom_code_t zloom_client_uncork (zloom_client_t *self);

//  Do what is due: receive, run callbacks, end calls whose deadline passed.
//  Waits up to timeout_ms for something to happen; 0 = does not wait, which is
//  what a foreign loop calls when the descriptor is readable.
//  Errors: FORKED, SECOND_THREAD, CONTEXT_GONE.
ZLOOM_EXPORT zloom_code_t zloom_client_process (zloom_client_t *self, uint32_t timeout_ms);

//  Process until no call is outstanding. DEADLINE when some still are after
//  timeout_ms.
ZLOOM_EXPORT zloom_code_t zloom_client_drain (zloom_client_t *self, uint32_t timeout_ms);

//  Wait until an endpoint is connected (on inproc, where a connection tells
//  nothing, until somebody has answered). NO_PEER or WRONG_PEER when none is
//  after timeout_ms, and the text says what was found there. CONTEXT_GONE.
ZLOOM_EXPORT zloom_code_t zloom_client_wait_ready (zloom_client_t *self, uint32_t timeout_ms);

//  A descriptor that is readable while `process` has something to do: one,
//  for every connection and deadline; level-triggered, as poll(2) likes it.
//  Borrowed; do not read or close it. -1: no descriptors are left.
ZLOOM_EXPORT int zloom_client_descriptor (zloom_client_t *self);

//  Read the result of the last `call`, `wait` or `next` by a picture of one
//  value (data/pack.h). Strings and bytes are borrowed until the next call of
//  a function of this client. Errors: BAD_PICTURE, BAD_STATE (no result).
ZLOOM_EXPORT zloom_code_t zloom_client_result (zloom_client_t *self, const char *picture, ...);

//  The same result, packed; no bytes where there is none.
ZLOOM_EXPORT zloom_bytes_t zloom_client_result_bytes (const zloom_client_t *self);

//  What the last function that failed said; valid until the next call on self.
ZLOOM_EXPORT const zloom_error_t *zloom_client_last_error (const zloom_client_t *self);

//  Copy the counters.
ZLOOM_EXPORT void zloom_client_stats (const zloom_client_t *self, zloom_client_stats_t *ret_stats);

//  In a callback: which call it is.
ZLOOM_EXPORT zloom_call_id_t zloom_reply_id (const zloom_reply_t *self);

//  OK, or what the call ended with.
ZLOOM_EXPORT zloom_code_t zloom_reply_code (const zloom_reply_t *self);

//  The same in full.
ZLOOM_EXPORT const zloom_error_t *zloom_reply_error (const zloom_reply_t *self);

//  Whether this is an item of a stream, so that more comes for this call.
ZLOOM_EXPORT bool zloom_reply_is_item (const zloom_reply_t *self);

//  Read its value by a picture of one value. Errors: as zloom_client_result.
ZLOOM_EXPORT zloom_code_t zloom_reply_read (zloom_reply_t *self, const char *picture, ...);

//  Its value, packed; no bytes where there is none.
ZLOOM_EXPORT zloom_bytes_t zloom_reply_bytes (const zloom_reply_t *self);

//  The `data` that a remote error carries, packed; no bytes where there is none.
ZLOOM_EXPORT zloom_bytes_t zloom_reply_error_data (const zloom_reply_t *self);

#ifdef __cplusplus
}
#endif

#endif
