//  zloom__frame - a message body that is kept beyond the turn it came in
//
//  The port hands out bytes that live until its next event. Who needs them
//  longer keeps the frame: that moves what owns the bytes (a zmq_msg_t, a
//  piece of a read buffer) and copies none but the smallest.
//
//  A frame that holds something must not be moved in memory: small messages
//  lie within it.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_FRAME_INTERNAL_H
#define ZLOOM_NET_FRAME_INTERNAL_H

#include "base/bytes.h"

typedef struct zloom__frame zloom__frame_t;

struct zloom__frame {
    zloom_bytes_t bytes;                 //  The body
    void (*release) (zloom__frame_t *);  //  NULL: holds nothing
    union {
        void *pointer;
        uint64_t words[8];  //  As large as a zmq_msg_t
    } store;
};

//  Give back what it holds, if anything.
static inline void zloom__frame_clear (zloom__frame_t *self)
{
    if (self->release) {
        self->release (self);
        self->release = NULL;
    }
    self->bytes = zloom_bytes (NULL, 0);
}

#endif
