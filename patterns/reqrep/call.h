//  zloom_call - one request, in the hands of its handler
//
//  A handler reads its arguments, and ends the call exactly once: with
//  `reply`, with `fail`, or by returning a code other than OK (then the text
//  is the code's own, or what `args` found). One that returns OK having done
//  none of these, and without `defer`, ends it with NO_ANSWER. Before the end
//  it may send items, if the caller takes a stream.
//
//  Threads: the thread that runs the handler; after `defer` the server's owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_CALL_H
#define ZLOOM_REQREP_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/export.h"
#include "base/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zloom_call zloom_call_t;

//  Works on a request. The call is valid until it returns, or after `defer`
//  until it is answered. context is what zloom_server_handle was given.
typedef zloom_code_t (zloom_handler_fn) (zloom_call_t *call, void *context);

//  What a deferred call's watcher is told.
typedef enum zloom_call_event {
    ZLOOM_CALL_CREDIT,     //  Items may be sent again
    ZLOOM_CALL_CANCELLED,  //  Nobody waits any more: cancelled, expired, or the caller is gone
    ZLOOM_CALL_CLOSED      //  The server is destroyed; the call is dead when this returns
} zloom_call_event_t;

//  Watches a deferred call. Runs in the server's owner thread, inside
//  `process` or `run`; may answer the call.
typedef void (zloom_call_fn) (zloom_call_t *call, zloom_call_event_t event, void *context);

//  Read the arguments by a picture (data/pack.h), one value each. Strings and
//  bytes are borrowed until the call ends (deferred ones too). On
//  INVALID_ARGUMENT the handler returns that code, and the caller is told
//  which argument does not fit and why.
ZLOOM_EXPORT zloom_code_t zloom_call_args (zloom_call_t *self, const char *picture, ...);

//  The arguments, packed: one array. Borrowed until the call ends.
ZLOOM_EXPORT zloom_bytes_t zloom_call_params (zloom_call_t *self);

//  End the call with a result, by a picture of one value ("" = nil). OK also
//  when nobody waits any more (the answer is dropped, and counted).
//  Errors: BAD_PICTURE, OVERSIZE (the caller gets that error), BAD_STATE (it
//  has ended before), NO_MEMORY.
ZLOOM_EXPORT zloom_code_t zloom_call_reply (zloom_call_t *self, const char *picture, ...);

//  The same with a value that is packed already. Borrows it until the
//  function returns. MALFORMED: it is not one value.
ZLOOM_EXPORT zloom_code_t zloom_call_reply_bytes (zloom_call_t *self, zloom_bytes_t value);

//  End the call with an error of the handler's own and a printf text for the
//  person at the other end. Returns `code`, so that a handler can end with
//  `return zloom_call_fail (...)`. A code of OK becomes UNKNOWN.
ZLOOM_EXPORT zloom_code_t zloom_call_fail (zloom_call_t *self, zloom_code_t code,
                                           const char *format, ...) ZLOOM_PRINTF (3, 4);

//  The same with a packed value that programs can read (`data` of the error).
ZLOOM_EXPORT zloom_code_t zloom_call_fail_data (zloom_call_t *self, zloom_code_t code,
                                                zloom_bytes_t data, const char *format, ...)
    ZLOOM_PRINTF (4, 5);

//  Send an item of a stream, by a picture of one value. In an inline or
//  threaded handler it waits until the caller has credit; after `defer` it
//  does not, and NO_CREDIT means "again after ZLOOM_CALL_CREDIT".
//  Errors: FAILED_PRECONDITION (the caller takes no stream), CANCELLED (by the
//  caller, or the server has been stopped and waits no longer),
//  DEADLINE_EXCEEDED, BAD_PICTURE, OVERSIZE, NO_CREDIT, NO_MEMORY.
ZLOOM_EXPORT zloom_code_t zloom_call_item (zloom_call_t *self, const char *picture, ...);

//  The same with a value that is packed already.
ZLOOM_EXPORT zloom_code_t zloom_call_item_bytes (zloom_call_t *self, zloom_bytes_t value);

//  Keep the call beyond the handler's return; it must be answered later, also
//  after it was cancelled or has expired. watcher (optional) is told what
//  happens to it. BAD_STATE in a worker thread.
ZLOOM_EXPORT zloom_code_t zloom_call_defer (zloom_call_t *self, zloom_call_fn *watcher,
                                            void *context);

//  The method's name. Borrowed until the call ends.
ZLOOM_EXPORT const char *zloom_call_method (const zloom_call_t *self);

//  Time until nobody waits any more; 0 = it has passed, ZLOOM_NEVER = the
//  caller set no deadline.
ZLOOM_EXPORT zloom_time_t zloom_call_remaining (const zloom_call_t *self);

//  Whether nobody waits any more. Cheap; long handlers ask it now and then.
ZLOOM_EXPORT bool zloom_call_cancelled (const zloom_call_t *self);

//  Whether the caller takes a stream.
ZLOOM_EXPORT bool zloom_call_takes_items (const zloom_call_t *self);

//  Whether nobody ever waited: a notification. Answers are dropped.
ZLOOM_EXPORT bool zloom_call_is_notification (const zloom_call_t *self);

//  A number for the connection that it came by; the same for the same one.
ZLOOM_EXPORT uint64_t zloom_call_peer (const zloom_call_t *self);

//  The caller's attempt (0 = the first), W3C trace context ("" = none),
//  idempotency key and user headers (a packed map); borrowed until it ends.
ZLOOM_EXPORT uint32_t zloom_call_attempt (const zloom_call_t *self);
ZLOOM_EXPORT zloom_bytes_t zloom_call_trace (zloom_call_t *self);
ZLOOM_EXPORT zloom_bytes_t zloom_call_key (zloom_call_t *self);
ZLOOM_EXPORT zloom_bytes_t zloom_call_headers (zloom_call_t *self);

#ifdef __cplusplus
}
#endif

#endif
