//  zloom_czmq - zloom inside a CZMQ program: zloop, zpoller, zframe and zmsg
//
//  Header only, so that zloom itself does not need CZMQ. ZLOOM_CZMQ_ADAPT,
//  once in a source file, puts the clients or servers of that file on a zloop
//  or a zpoller; the other functions turn frames into params and results into
//  frames.
//
//      ZLOOM_CZMQ_ADAPT (zloom_client);
//      ...
//      zloom_client_join_zloop (client, loop);
//      zloop_start (loop);
//
//  zsys installs handlers for SIGINT and SIGTERM; call zsys_handler_set (NULL)
//  first where the program has its own.
//
//  Threads: as the client or server. A zloop runs everything in the thread
//  that called zloop_start.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_CZMQ_H
#define ZLOOM_NET_CZMQ_H

#include <czmq.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"
#include "data/pack.h"
#include "data/walk.h"

#ifdef __cplusplus
extern "C" {
#endif

//  What stands for a client or server on a zpoller: zpoller_wait returns its
//  address when `process` has something to do. Must outlive its place there.
typedef struct zloom_czmq_reader {
    int descriptor;
    //  CZMQ 4.2.1 asks libzmq first whether this is a socket; libzmq looks for
    //  the mark of one 1560 bytes further on, and must find memory there.
    unsigned char room[2044];
} zloom_czmq_reader_t;

//  Define, for MODULE zloom_client or zloom_server:
//
//      //  Process self whenever the loop finds it ready; the loop ends with -1
//      //  when that fails (FORKED, SECOND_THREAD, CONTEXT_GONE). Borrows self;
//      //  leave before it is destroyed. -1: no descriptors are left.
//      int MODULE_join_zloop (MODULE_t *self, zloop_t *loop);
//
//      //  Take it off the loop again.
//      void MODULE_leave_zloop (MODULE_t *self, zloop_t *loop);
//
//      //  Fill in a reader and add it. When zpoller_wait returns it, call
//      //  MODULE_process (self, 0). -1: no descriptors are left.
//      int MODULE_join_zpoller (MODULE_t *self, zpoller_t *poller,
//                               zloom_czmq_reader_t *reader);
#define ZLOOM_CZMQ_ADAPT(module)                                                                \
    ZLOOM_CZMQ_FUNCTION int s_##module##_work (zloop_t *loop, zmq_pollitem_t *item, void *self) \
    {                                                                                           \
        (void) loop;                                                                            \
        (void) item;                                                                            \
        return module##_process ((module##_t *) self, 0) == ZLOOM_OK ? 0 : -1;                  \
    }                                                                                           \
    ZLOOM_CZMQ_FUNCTION int module##_join_zloop (module##_t *self, zloop_t *loop)               \
    {                                                                                           \
        return zloom_czmq_join (loop, module##_descriptor (self), s_##module##_work, self);     \
    }                                                                                           \
    ZLOOM_CZMQ_FUNCTION void module##_leave_zloop (module##_t *self, zloop_t *loop)             \
    {                                                                                           \
        zloom_czmq_leave (loop, module##_descriptor (self));                                    \
    }                                                                                           \
    ZLOOM_CZMQ_FUNCTION int module##_join_zpoller (module##_t *self, zpoller_t *poller,         \
                                                   zloom_czmq_reader_t *reader)                 \
    {                                                                                           \
        reader->descriptor = module##_descriptor (self);                                        \
        return reader->descriptor < 0 ? -1 : zpoller_add (poller, reader);                      \
    }                                                                                           \
    struct zloom_czmq_##module

//  A program rarely uses all of them.
#define ZLOOM_CZMQ_FUNCTION static inline __attribute__ ((unused))

//  What the functions above have in common: a descriptor joins a loop.
static inline int zloom_czmq_join (zloop_t *loop, int descriptor, zloop_fn *work, void *self)
{
    zmq_pollitem_t item = {NULL, descriptor, ZMQ_POLLIN, 0};
    if (descriptor < 0 || zloop_poller (loop, &item, work, self) != 0)
        return -1;
    zloop_poller_set_tolerant (loop, &item);
    return 0;
}

//  And leaves it.
static inline void zloom_czmq_leave (zloop_t *loop, int descriptor)
{
    zmq_pollitem_t item = {NULL, descriptor, ZMQ_POLLIN, 0};
    zloop_poller_end (loop, &item);
}

//  Append a frame to a buffer, packed as bytes. Borrows frame until it
//  returns. Errors: NO_MEMORY, OVERSIZE (4 GiB and more).
static inline zloom_code_t zloom_czmq_pack_frame (zloom_buffer_t *buffer, zframe_t *frame,
                                                  zloom_error_t *reterr)
{
    return zloom_pack (buffer, reterr, "b", zframe_data (frame), zframe_size (frame));
}

//  Append a message to a buffer, packed as an array with bytes for each frame:
//  the params of a call, or a result. Borrows msg until it returns. Errors: as
//  above; the buffer then holds a part and is of no use.
static inline zloom_code_t zloom_czmq_pack_msg (zloom_buffer_t *buffer, zmsg_t *msg,
                                                zloom_error_t *reterr)
{
    size_t count = zmsg_size (msg);
    uint8_t head[5] = {0xdd, (uint8_t) (count >> 24), (uint8_t) (count >> 16),
                       (uint8_t) (count >> 8), (uint8_t) count};
    if (!zloom_buffer_append (buffer, head, sizeof head))
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a message");
    zloom_code_t code = ZLOOM_OK;
    for (zframe_t *frame = zmsg_first (msg); frame && !code; frame = zmsg_next (msg))
        code = zloom_czmq_pack_frame (buffer, frame, reterr);
    return code;
}

//  A packed value as a frame: the content of a string or bytes, any other
//  value as it is packed. The caller owns the result and destroys it with
//  zframe_destroy.
static inline zframe_t *zloom_czmq_frame (zloom_bytes_t value)
{
    const void *content = value.data;
    size_t size = value.size;
    zloom_buffer_t scratch = {NULL, 0, 0, false};
    zloom_unpack (value, &scratch, NULL, "b", &content, &size);
    zframe_t *frame = zframe_new (content, size);
    zloom_buffer_clear (&scratch);
    return frame;
}

//  A packed value as a message: a frame for each element of an array, one
//  frame for anything else. The caller owns the result and destroys it with
//  zmsg_destroy.
static inline zmsg_t *zloom_czmq_msg (zloom_bytes_t value)
{
    zmsg_t *msg = zmsg_new ();
    zloom_walk_t walk;
    zloom_bytes_t element = value;
    bool is_array = zloom_walk_begin (&walk, value) && !walk.is_map;
    while (!is_array || zloom_walk_next (&walk, &element)) {
        zframe_t *frame = zloom_czmq_frame (element);
        zmsg_append (msg, &frame);
        if (!is_array)
            break;
    }
    return msg;
}

#ifdef __cplusplus
}
#endif

#endif
