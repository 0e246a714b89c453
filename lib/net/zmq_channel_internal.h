//  zloom__zmq_channel - one endpoint in the libzmq engine
//
//  A CLIENT is a DEALER with ZMQ_IMMEDIATE and a monitor beside it; a SERVER
//  is a ROUTER. What libzmq does not tell is deduced here:
//
//      up      the monitor has seen the handshake succeed, and POLLOUT stands
//              (POLLOUT alone also stands for a peer that speaks no ZMTP)
//      down    the monitor has seen a disconnection; what came before it is
//              received first
//      refused connected and disconnected with no handshake between: the
//              socket types do not fit. libzmq tries no more then, so the
//              channel makes a new socket after a pause
//      inproc  has no monitor: up when connected, down when POLLOUT goes
//              without a send of ours that could have filled it
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_ZMQ_CHANNEL_INTERNAL_H
#define ZLOOM_NET_ZMQ_CHANNEL_INTERNAL_H

#include "base/random.h"
#include "net/endpoint_internal.h"
#include "net/port_internal.h"

#include <zmq.h>

typedef struct zloom__zmq_channel {
    zloom__channel_options_t options;  //  Its endpoint is the text below
    zloom__endpoint_t endpoint;
    zloom__channel_t index;            //  Of the port
    char bound[ZLOOM__ENDPOINT_MAX];   //  SERVER: the endpoint with its real port
    int lock;                          //  SERVER: the claim on an ipc path, or -1
    void *context;                     //  Borrowed from the runtime
    void *socket;                      //  NULL while a CLIENT pauses before trying anew
    void *monitor;                     //  CLIENT but on inproc
    int fd, monitor_fd;                //  What poll(2) is given; -1 = none

    //  The link of a CLIENT.
    uint32_t generation;               //  Links so far
    bool is_up;
    bool is_full;                      //  The last send found no room
    bool is_zloom;                     //  Shown by the handshake's properties
    bool asked_zloom;                  //  ... which are looked at once for each link
    bool has_connected;                //  The transport is there, the handshake is not
    bool has_shaken;                   //  The handshake is there, POLLOUT is looked for
    bool must_look;                    //  Something stirred: POLLOUT may have changed
    zloom_reason_t falling;            //  It went down; told when all is received
    zloom_reason_t refused;            //  A try ended for good; to be told
    zloom_reason_t trouble;            //  Why it is not up, as far as is known
    const char *trouble_text;
    zloom_time_t reopen_at;            //  When to make a new socket; NEVER = no need
    zloom_time_t pause;                //  Before the next one after that

    //  Receiving.
    uint8_t envelope[ZLOOM__ENVELOPE_MAX];
    size_t envelope_size;
    uint64_t hash_key;                 //  Peers choose routing ids; they don't choose links
    uint64_t dropped;                  //  Messages with too much of an envelope
} zloom__zmq_channel_t;

//  Open. Copies what options point to.
zloom_code_t
    zloom__zmq_channel_open (zloom__zmq_channel_t *self, void *context, zloom__channel_t index,
                             const zloom__channel_options_t *options, zloom_random_t *random,
                             zloom_error_t *reterr);

//  Close. linger_ms bounds how long libzmq goes on sending.
void
    zloom__zmq_channel_close (zloom__zmq_channel_t *self, int linger_ms);

//  SERVER: stop listening; CLIENT: nothing.
void
    zloom__zmq_channel_unbind (zloom__zmq_channel_t *self);

//  What is there now: FRAME (the body is in `body`, an empty message before),
//  UP, DOWN, ROOM, BROKEN, or TIMEOUT for nothing.
zloom__event_kind_t
    zloom__zmq_channel_next (zloom__zmq_channel_t *self, zmq_msg_t *body,
                             zloom__event_t *ret_event);

//  Read what the monitor has to say; poll(2) said that it has something.
void
    zloom__zmq_channel_hear (zloom__zmq_channel_t *self, zloom_time_t now,
                             zloom_random_t *random);

//  Make a new socket if it is time to. True: the descriptors have changed.
bool
    zloom__zmq_channel_reopen (zloom__zmq_channel_t *self, zloom_time_t now,
                               zloom_random_t *random);

//  Send; see the port.
zloom_code_t
    zloom__zmq_channel_send (zloom__zmq_channel_t *self, zloom__link_t link,
                             zloom_bytes_t envelope, const zloom_bytes_t *parts, size_t count);

//  Whether a message came from a peer that added our property to its handshake.
bool
    zloom__zmq_is_from_zloom (zmq_msg_t *message);

//  Whether `next` would find something without poll(2) telling of it.
bool
    zloom__zmq_channel_is_ready (zloom__zmq_channel_t *self);

#endif
