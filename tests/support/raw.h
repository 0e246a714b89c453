//  raw - a socket of plain libzmq, for tests that look at the wire
//
//  Sends bodies that a picture describes, and reads what comes, each message
//  as frames. Every wait is bounded; what does not come fails the test.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_RAW_H
#define ZLOOM_TESTS_SUPPORT_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "data/wire_internal.h"

#include <zmq.h>

enum { RAW_FRAMES_MAX = 20 };

typedef struct raw {
    void *context;  //  Owned, unless it was given
    bool is_borrowed;
    void *socket;
    char endpoint[96];                 //  Where it was bound
    zmq_msg_t frames[RAW_FRAMES_MAX];  //  Of the message at hand; the last is its body
    unsigned count;
    zloom_buffer_t out, scratch;
} raw_t;

//  Make a socket (ZMQ_DEALER, ...) in a context of its own, or in a given one
//  (which inproc needs). It does not block at its end.
void raw_new (raw_t *self, int type, void *context);

//  Bind at an endpoint, or connect to it.
void raw_bind (raw_t *self, const char *endpoint);
void raw_connect (raw_t *self, const char *endpoint);

//  Close the socket, and its context. Twice does no harm.
void raw_destroy (raw_t *self);

//  Send one frame; more = others follow.
void raw_send_frame (raw_t *self, zloom_bytes_t frame, bool more);

//  Send a body that a picture (data/pack.h) describes, as the last frame.
void raw_send (raw_t *self, const char *picture, ...);

//  Send the frames of the message at hand but its last one: the way back.
void raw_send_envelope (raw_t *self);

//  Receive a message. False: none came within the time.
bool raw_receive_within (raw_t *self, int timeout_ms);

//  Receive a message, which must come.
void raw_receive (raw_t *self);

//  A frame of the message at hand; body = the last one.
zloom_bytes_t raw_frame (const raw_t *self, unsigned number);
zloom_bytes_t raw_body (const raw_t *self);

//  Receive a message that must come and be one of request/reply, of this kind.
zloom__message_t raw_expect (raw_t *self, zloom__kind_t kind);

//  Read a value of a message by a picture. False: it does not fit.
bool raw_read (raw_t *self, zloom_bytes_t value, const char *picture, ...);

#endif
