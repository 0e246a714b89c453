//  zloom__wire - the messages of request/reply, to and from bytes
//
//  Every body is one MessagePack array whose first element is its kind
//  (docs/PROTOCOL.md):
//
//      [0, id, method, params]              request, as in MessagePack-RPC
//      [0, id, method, params, headers]     ... to a zloom peer
//      [1, id, error, result]               response
//      [2, method, params]                  notification
//      [2, method, params, headers]         ... to a zloom peer
//      [5, id]                              cancel
//      [6, id, seq, value]                  item of a streamed response, seq = 1, 2, ...
//      [7, id, total]                       credit: items that may have been sent in all
//      [8, n]  [9, n]                       beat, and the answer to it
//
//  Reading checks the whole body once and hands out slices of it; writing
//  appends to a buffer. Neither allocates, apart from the buffer's growth.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_WIRE_INTERNAL_H
#define ZLOOM_DATA_WIRE_INTERNAL_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "data/check.h"

#define ZLOOM__METHOD_MAX 128  //  Bytes of a method's name
#define ZLOOM__KEY_MAX    64   //  Bytes of an idempotency key
#define ZLOOM__TRACE_MAX  128  //  Bytes of a trace context
#define ZLOOM__HEADER_MAX 16   //  Keys of a header map

typedef enum zloom__kind {
    ZLOOM__REQUEST = 0,
    ZLOOM__RESPONSE = 1,
    ZLOOM__NOTIFICATION = 2,
    ZLOOM__CANCEL = 5,
    ZLOOM__ITEM = 6,
    ZLOOM__CREDIT = 7,
    ZLOOM__BEAT = 8,
    ZLOOM__BEAT_ANSWER = 9
} zloom__kind_t;

//  What travels beside the params. Absent: NEVER, 0 and no bytes.
typedef struct zloom__headers {
    zloom_time_t remaining;  //  "ttl", in µs on the wire: time until nobody waits
    uint64_t credit;         //  "credit": the caller takes this many items; 0 = no stream
    uint32_t attempt;        //  "attempt"
    zloom_bytes_t key;       //  "key"
    zloom_bytes_t trace;     //  "trace"
    zloom_bytes_t user;      //  "user": a packed map
} zloom__headers_t;

#define ZLOOM__HEADERS_NONE      \
    {                            \
        .remaining = ZLOOM_NEVER \
    }

//  One message, read. Slices borrow from its bytes.
typedef struct zloom__message {
    zloom__kind_t kind;
    bool is_extended;      //  It has headers: its sender is a zloom peer
    uint64_t id;           //  All but notifications; of beats the number
    uint64_t count;        //  ITEM: seq; CREDIT: total
    zloom_bytes_t method;  //  REQUEST, NOTIFICATION
    zloom_bytes_t params;  //  REQUEST, NOTIFICATION: any value, usually an array
    zloom_bytes_t error;   //  RESPONSE: packed; no bytes for nil
    zloom_bytes_t value;   //  RESPONSE, ITEM: packed
    zloom__headers_t headers;
} zloom__message_t;

//  Read a body. Errors: MALFORMED, OVERSIZE (a limit); the text says where.
zloom_code_t zloom__wire_read (zloom_bytes_t body, const zloom_limits_t *limits,
                               zloom__message_t *ret_message, zloom_error_t *reterr);

//  Find out which call a body belongs to that could not be read: true when it
//  begins as a message of that kind with an id.
bool zloom__wire_peek (zloom_bytes_t body, zloom__kind_t kind, uint64_t *ret_id);

//  Whether this is a packed map that may travel as user headers.
bool zloom__wire_is_header_map (zloom_bytes_t map);

//  Turn the error of a response into one of ours, with origin ZLOOM_REMOTE:
//  {code, message, data, reason} as our servers send it, or whatever another
//  server means by an error. ret_data (optional) gets `data`, packed.
void zloom__wire_read_error (zloom_bytes_t error, zloom_error_t *ret_error,
                             zloom_bytes_t *ret_data);

//  Begin a request; the packed params follow, then headers where is_extended.
void zloom__wire_begin_request (zloom_buffer_t *buffer, uint64_t id, zloom_bytes_t method,
                                bool is_extended);

//  Begin a notification; as above.
void zloom__wire_begin_notification (zloom_buffer_t *buffer, zloom_bytes_t method,
                                     bool is_extended);

//  The headers, last in a request or notification.
void zloom__wire_headers (zloom_buffer_t *buffer, const zloom__headers_t *headers);

//  Begin a response without an error; the packed result follows.
void zloom__wire_begin_response (zloom_buffer_t *buffer, uint64_t id);

//  A whole response with an error. data may have no bytes.
void zloom__wire_error_response (zloom_buffer_t *buffer, uint64_t id, const zloom_error_t *error,
                                 zloom_bytes_t data);

//  Begin an item; the packed value follows.
void zloom__wire_begin_item (zloom_buffer_t *buffer, uint64_t id, uint64_t seq);

//  The messages without a value of their own.
void zloom__wire_cancel (zloom_buffer_t *buffer, uint64_t id);
void zloom__wire_credit (zloom_buffer_t *buffer, uint64_t id, uint64_t total);
void zloom__wire_beat (zloom_buffer_t *buffer, zloom__kind_t kind, uint64_t number);

#endif
