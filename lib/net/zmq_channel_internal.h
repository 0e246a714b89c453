//  zloom__zmq_channel - one endpoint in the libzmq engine
//
//  A CLIENT is a DEALER with a monitor beside it, a SERVER is a ROUTER. What
//  libzmq does not tell is deduced here:
//
//      up       the monitor has seen the handshake succeed
//      down     the monitor has seen a disconnection; what came before it is
//               received first
//      refused  connected and disconnected with no word of a handshake
//               between: the socket types do not fit
//      inproc   has no monitor: up when connected, down when POLLOUT goes and
//               the queue is not full; to know that, the CLIENT is a ROUTER too
//      server   ROUTER says that a link is gone when something is sent by it
//
//  A socket of a CLIENT serves one connection: libzmq is told to wait for a
//  day before it connects again, and the channel makes a new socket instead,
//  after a pause that doubles. So nothing that was meant for one link goes by
//  the next; and a monitor that nobody reads, because the program is busy with
//  other things, never fills up, which would stop libzmq's I/O thread.
//
//  zmq_options.c has what sockets are set to, zmq_channel.c opens and closes
//  them, zmq_link.c knows how a CLIENT's link is, zmq_message.c receives and
//  sends.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_ZMQ_CHANNEL_INTERNAL_H
#define ZLOOM_NET_ZMQ_CHANNEL_INTERNAL_H

#include "base/random.h"
#include "net/endpoint_internal.h"
#include "net/port_internal.h"

#include <zmq.h>

//  What a channel has of libzmq's, and what epoll is given for it.
typedef struct zloom__zmq_sockets {
    void *main;          //  DEALER or ROUTER
    void *monitor;       //  A PAIR; NULL but for a CLIENT, and on inproc
    int fd, monitor_fd;  //  -1 = none
} zloom__zmq_sockets_t;

typedef struct zloom__zmq_channel {
    zloom__channel_options_t options;  //  Its endpoint is the text below
    zloom__endpoint_t endpoint;
    zloom__channel_t index;           //  Of the port
    char bound[ZLOOM__ENDPOINT_MAX];  //  SERVER: the endpoint with its real port
    int lock;                         //  SERVER: the claim on an ipc path, or -1
    void *context;                    //  Borrowed from the runtime
    zloom__zmq_sockets_t sockets;

    //  The link of a CLIENT.
    uint32_t generation;     //  Links so far
    bool is_up;              //  Told as UP, and not as DOWN yet
    bool is_full;            //  The last send found no room
    bool has_begun;          //  inproc: the id of the next message has been sent already
    bool is_zloom;           //  Shown by the handshake's properties
    bool asked_zloom;        //  ... which are looked at once for each link
    bool has_connected;      //  The transport is there, the handshake is not
    bool is_rising;          //  The handshake is done; to be told as UP
    zloom_reason_t falling;  //  It has ended; to be told as DOWN when all is received
    zloom_reason_t refused;  //  A try that another one like it won't mend; to be told
    zloom_reason_t trouble;  //  Why it is not up, as far as is known
    const char *trouble_text;
    zloom_time_t rose_at;    //  When it came up last
    zloom_time_t reopen_at;  //  When to make a new socket; NEVER = no need
    zloom_time_t pause;      //  Before the next one after that; 0 = none yet

    zloom__link_t gone;  //  SERVER: a link that a send found gone; to be told as DOWN

    //  Receiving.
    uint8_t envelope[ZLOOM__ENVELOPE_MAX];
    size_t envelope_size;
    uint64_t hash_key;  //  Peers choose routing ids; they don't choose links
    uint64_t dropped;   //  Messages with too much of an envelope
} zloom__zmq_channel_t;

//  zmq_options.c

//  What a CLIENT on inproc calls its only peer: one letter.
extern const char zloom__zmq_peer_id[];

//  Set an option of any socket to a number that libzmq takes.
void zloom__zmq_set (void *socket, int option, int value);

//  Set what is to be set before a channel's socket is bound or connected.
void zloom__zmq_set_options (void *socket, const zloom__channel_options_t *options,
                             const zloom__endpoint_t *endpoint);

//  zmq_channel.c

//  Open. Copies what options point to.
zloom_code_t zloom__zmq_channel_open (zloom__zmq_channel_t *self, void *context,
                                      zloom__channel_t index,
                                      const zloom__channel_options_t *options,
                                      zloom_random_t *random, zloom_error_t *reterr);

//  Close. linger_ms bounds how long libzmq goes on sending.
void zloom__zmq_channel_close (zloom__zmq_channel_t *self, int linger_ms);

//  Make a new socket if it is time to. True: the descriptors have changed.
bool zloom__zmq_channel_reopen (zloom__zmq_channel_t *self, zloom_time_t now,
                                zloom_random_t *random);

//  What is there now: FRAME (the body is in `body`, an empty message before),
//  UP, DOWN, ROOM, BROKEN, or TIMEOUT for nothing. WOKEN: a message was
//  dropped, and there may be more.
zloom__event_kind_t zloom__zmq_channel_next (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                             zloom__event_t *ret_event);

//  As `next`, but of messages alone: how the link is may wait for a moment.
zloom__event_kind_t zloom__zmq_channel_glance (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                               zloom__event_t *ret_event);

//  Whether `next` would find something without poll(2) telling of it.
bool zloom__zmq_channel_is_ready (zloom__zmq_channel_t *self);

//  zmq_link.c

//  The link's number.
zloom__link_t zloom__zmq_link_name (const zloom__zmq_channel_t *self);

//  Whether it has no monitor.
bool zloom__zmq_is_inproc_client (const zloom__zmq_channel_t *self);

//  Begin with a new socket.
void zloom__zmq_link_begin (zloom__zmq_channel_t *self);

//  Read what the monitor has to say; poll(2) said that it has something.
void zloom__zmq_link_hear (zloom__zmq_channel_t *self, zloom_time_t now, zloom_random_t *random);

//  Have a new socket made after the next pause.
void zloom__zmq_link_try_later (zloom__zmq_channel_t *self, zloom_time_t now,
                                zloom_random_t *random);

//  Whether only the socket's events tell how the link is.
bool zloom__zmq_link_is_in_doubt (const zloom__zmq_channel_t *self);

//  What there is to tell of the link, now that no message is left and the
//  socket's events are these: UP, DOWN, ROOM, or TIMEOUT for nothing.
zloom__event_kind_t zloom__zmq_link_look (zloom__zmq_channel_t *self, int events,
                                          zloom__event_t *ret_event);

//  Whether `look` would tell something.
bool zloom__zmq_link_has_news (zloom__zmq_channel_t *self, int events);

//  zmq_message.c

//  Receive one message: FRAME, TIMEOUT for none, WOKEN for one that was
//  dropped, BROKEN.
zloom__event_kind_t zloom__zmq_receive (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                        zloom__event_t *ret_event);

//  Whether the peer of a CLIENT on inproc has left; asked when POLLOUT is gone,
//  which a full queue may be the reason for too.
bool zloom__zmq_has_left (zloom__zmq_channel_t *self);

//  Whether a message came from a peer that added our property to its handshake.
bool zloom__zmq_is_from_zloom (zmq_msg_t *message);

//  Send; see the port.
zloom_code_t zloom__zmq_channel_send (zloom__zmq_channel_t *self, zloom__link_t link,
                                      zloom_bytes_t envelope, const zloom_bytes_t *parts,
                                      size_t count);

#endif
