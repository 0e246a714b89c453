//  zloom_error - what went wrong, why, where, and what a caller may do about it
//
//  One table of codes (gRPC's canonical sixteen and OK, so that they map to
//  HTTP and to everyone's habits) and one of reasons; enum, names, texts,
//  retryable and the command's exit codes are generated from these two tables
//  and nowhere else. Detail travels in a fixed struct: no heap, no
//  thread-local.
//
//  Threads: any (functions are pure; a zloom_error_t belongs to who declared it).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_ERROR_H
#define ZLOOM_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  X (NAME, number, text). Numbers as in gRPC; they travel on the wire.
#define ZLOOM_CODE_MAP(X)                                    \
    X (OK, 0, "ok")                                          \
    X (CANCELLED, 1, "the caller gave up")                   \
    X (UNKNOWN, 2, "unknown error")                          \
    X (INVALID_ARGUMENT, 3, "an argument is not acceptable") \
    X (DEADLINE_EXCEEDED, 4, "the deadline has passed")      \
    X (NOT_FOUND, 5, "no such thing")                        \
    X (ALREADY_EXISTS, 6, "it exists already")               \
    X (PERMISSION_DENIED, 7, "not permitted")                \
    X (RESOURCE_EXHAUSTED, 8, "a limit was reached")         \
    X (FAILED_PRECONDITION, 9, "not possible in this state") \
    X (ABORTED, 10, "aborted by a conflict")                 \
    X (OUT_OF_RANGE, 11, "out of range")                     \
    X (UNIMPLEMENTED, 12, "not implemented")                 \
    X (INTERNAL, 13, "internal error")                       \
    X (UNAVAILABLE, 14, "the peer cannot be reached")        \
    X (DATA_LOSS, 15, "data was lost or corrupted")          \
    X (UNAUTHENTICATED, 16, "authentication failed")

//  X (NAME, code, name, text, retryable, exit code of the command).
//  `retryable`: the same call may succeed later, and was not worked on by a peer.
#define ZLOOM_REASON_MAP(X)                                                                       \
    X (NONE, OK, "none", "no error", false, 0)                                                    \
    X (NO_MEMORY, RESOURCE_EXHAUSTED, "no-memory", "out of memory", true, 1)                      \
    X (BAD_ARGUMENT, INVALID_ARGUMENT, "bad-argument", "an argument is not acceptable", false, 2) \
    X (BAD_ENDPOINT, INVALID_ARGUMENT, "bad-endpoint", "not an endpoint", false, 2)               \
    X (BAD_JSON, INVALID_ARGUMENT, "bad-json", "not valid JSON", false, 2)                        \
    X (BAD_PICTURE, INVALID_ARGUMENT, "bad-picture", "a picture does not fit the value", false,   \
       10)                                                                                        \
    X (MALFORMED, INVALID_ARGUMENT, "malformed", "the bytes are not what they should be", false,  \
       10)                                                                                        \
    X (OVERSIZE, RESOURCE_EXHAUSTED, "oversize", "larger than the limit", false, 10)              \
    X (QUEUE_FULL, RESOURCE_EXHAUSTED, "queue-full", "a queue is full", true, 10)                 \
    X (NO_CREDIT, RESOURCE_EXHAUSTED, "no-credit", "the caller has given no credit", true, 10)    \
    X (DESCRIPTORS, RESOURCE_EXHAUSTED, "descriptors", "no file descriptors are left", true, 7)   \
    X (INSECURE_BIND, FAILED_PRECONDITION, "insecure-bind",                                       \
       "binding there without keys needs insecure_public", false, 2)                              \
    X (ADDRESS_IN_USE, FAILED_PRECONDITION, "address-in-use", "the address is taken", true, 7)    \
    X (ADDRESS, FAILED_PRECONDITION, "address", "the address cannot be used here", false, 7)      \
    X (FORKED, FAILED_PRECONDITION, "forked", "made before a fork; make a new one", false, 1)     \
    X (SECOND_THREAD, FAILED_PRECONDITION, "second-thread", "in use by another thread", false, 1) \
    X (CONTEXT_GONE, FAILED_PRECONDITION, "context-gone", "the ZeroMQ context was terminated",    \
       false, 1)                                                                                  \
    X (BAD_STATE, FAILED_PRECONDITION, "bad-state", "not possible in this state", false, 1)       \
    X (NO_PEER, UNAVAILABLE, "no-peer", "nobody answers there", true, 4)                          \
    X (WRONG_PEER, UNAVAILABLE, "wrong-peer", "what listens there does not fit", false, 4)        \
    X (CONNECTION_LOST, UNAVAILABLE, "connection-lost", "the connection was lost", false, 4)      \
    X (DRAINING, UNAVAILABLE, "draining", "the server is shutting down", true, 4)                 \
    X (DEADLINE, DEADLINE_EXCEEDED, "deadline", "no reply before the deadline", false, 3)         \
    X (EXPIRED, DEADLINE_EXCEEDED, "expired", "expired before it was worked on", true, 3)         \
    X (CALL_CANCELLED, CANCELLED, "cancelled", "cancelled by the caller", false, 1)               \
    X (CLOSED, CANCELLED, "closed", "ended because its owner was destroyed", false, 1)            \
    X (UNKNOWN_METHOD, UNIMPLEMENTED, "unknown-method", "no such method", false, 6)               \
    X (BAD_PARAMS, INVALID_ARGUMENT, "bad-params", "the arguments do not fit", false, 6)          \
    X (NO_ANSWER, INTERNAL, "no-answer", "the handler returned without an answer", false, 6)      \
    X (HANDLER, UNKNOWN, "handler", "the remote handler failed", false, 6)                        \
    X (AUTHENTICATION, UNAUTHENTICATED, "authentication", "the peer refused our keys", false, 5)  \
    X (SYSTEM, INTERNAL, "system", "the system refused", false, 7)                                \
    X (BUG, INTERNAL, "bug", "this is a bug in zloom", false, 1)

//  The result of a fallible function. ZLOOM_OK is 0.
typedef enum zloom_code {
#define X(name, number, text) ZLOOM_##name = number,
    ZLOOM_CODE_MAP (X)
#undef X
} zloom_code_t;

//  Why. A reason has one usual code; an error may carry another (HANDLER does).
typedef enum zloom_reason {
#define X(name, code, id, text, retryable, exit_code) ZLOOM_REASON_##name,
    ZLOOM_REASON_MAP (X)
#undef X
        ZLOOM_REASON_COUNT
} zloom_reason_t;

//  Where it was raised.
typedef enum zloom_origin { ZLOOM_HERE = 0, ZLOOM_REMOTE = 1 } zloom_origin_t;

//  An error in full. Plain data; copy it as you like.
typedef struct zloom_error {
    zloom_code_t code;
    zloom_reason_t reason;
    zloom_origin_t origin;
    char text[256];  //  One line for a person; peer bytes in it are escaped
} zloom_error_t;

//  Fill in an error from a reason and a printf text, and return the reason's
//  code, so that one line does both. error may be NULL. Text too long is cut.
ZLOOM_EXPORT zloom_code_t zloom_error_set (zloom_error_t *error, zloom_reason_t reason,
                                           const char *format, ...) ZLOOM_PRINTF (3, 4);

//  The same with a va_list.
ZLOOM_EXPORT zloom_code_t zloom_error_vset (zloom_error_t *error, zloom_reason_t reason,
                                            const char *format, va_list arguments)
    ZLOOM_PRINTF (3, 0);

//  Put "what: " before the text, as the error travels up. error may be NULL.
ZLOOM_EXPORT void zloom_error_wrap (zloom_error_t *error, const char *format, ...)
    ZLOOM_PRINTF (2, 3);

//  Make it "no error". error may be NULL.
ZLOOM_EXPORT void zloom_error_clear (zloom_error_t *error);

//  The exit code of the command for this error: whatever a remote handler
//  raised is 6, everything else is by reason.
ZLOOM_EXPORT int zloom_error_exit_code (const zloom_error_t *error);

//  "DEADLINE_EXCEEDED"; "UNKNOWN" for a number that is none. Never NULL.
ZLOOM_EXPORT const char *zloom_code_name (zloom_code_t code);

//  A sentence for it. Never NULL.
ZLOOM_EXPORT const char *zloom_code_text (zloom_code_t code);

//  Turn a number from the wire into a code; anything unknown is ZLOOM_UNKNOWN.
ZLOOM_EXPORT zloom_code_t zloom_code_from (int64_t number);

//  "no-peer"; never NULL.
ZLOOM_EXPORT const char *zloom_reason_name (zloom_reason_t reason);

//  A sentence for it. Never NULL.
ZLOOM_EXPORT const char *zloom_reason_text (zloom_reason_t reason);

//  The code that a reason usually has.
ZLOOM_EXPORT zloom_code_t zloom_reason_code (zloom_reason_t reason);

//  Whether the same call may be tried again because no peer worked on it.
ZLOOM_EXPORT bool zloom_reason_retryable (zloom_reason_t reason);

//  The exit code of the command for a reason that arose here.
ZLOOM_EXPORT int zloom_reason_exit_code (zloom_reason_t reason);

//  Find a reason by its name as it travels on the wire; NONE if there is none.
ZLOOM_EXPORT zloom_reason_t zloom_reason_from (zloom_bytes_t name);

#ifdef __cplusplus
}
#endif

#endif
