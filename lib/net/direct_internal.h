//  zloom__direct - ZMTP over byte streams, from the calling thread
//
//  The engine that has no thread of its own: it reads, speaks ZMTP and writes
//  inside the calls of its owner. One instance has all channels and links of a
//  port. It never waits; the port (port.c) or a simulator waits for it, and
//  tells it what has become possible.
//
//      streams --note--> readable links --read--> chunk --take--> events
//      send --> a link's out buffer --flush--> streams
//
//  Reading: all links share one chunk. What was read of one link is taken up,
//  message by message, before another is read; the beginning of something that
//  is not whole yet is put aside in the link. Large bodies are read into memory
//  of their own, straight from the stream.
//
//  Writing: messages gather in the link's out buffer until a flush; large
//  bodies are written from where they are, with what gathered before them, and
//  only what the stream does not take is copied. What waits for a peer is
//  bounded in bytes, and so is what waits for all, but for a little that each
//  may always have.
//
//  A link that is idle has no buffers.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_DIRECT_INTERNAL_H
#define ZLOOM_NET_DIRECT_INTERNAL_H

#include <sys/queue.h>

#include "base/buffer.h"
#include "base/random.h"
#include "net/chunk_internal.h"
#include "net/port_internal.h"
#include "net/stream_internal.h"
#include "zmtp/zmtp_internal.h"

typedef struct zloom__direct zloom__direct_t;
typedef struct zloom__direct_link zloom__direct_link_t;
typedef struct zloom__direct_channel zloom__direct_channel_t;

TAILQ_HEAD (zloom__direct_links, zloom__direct_link);

typedef enum zloom__link_state {
    ZLOOM__LINK_CONNECTING,  //  The stream is not there yet
    ZLOOM__LINK_SHAKING,     //  The handshake goes on
    ZLOOM__LINK_OPEN,
    ZLOOM__LINK_CLOSED  //  Its stream is gone; lives until that is told
} zloom__link_state_t;

//  A connection.
struct zloom__direct_link {
    zloom__zmtp_t zmtp;
    zloom__link_t name;
    zloom__direct_channel_t *channel;
    int stream;  //  -1 = closed
    zloom__link_state_t state;
    zloom_time_t deadline;  //  Of connecting, and of the handshake

    //  Writing.
    zloom_buffer_t out;  //  Gathered; from out_at on still to be written
    size_t out_at;
    size_t counted;     //  Of what is to be written, in the engine's `queued`
    bool is_blocked;    //  The stream takes nothing now
    bool is_full;       //  A send found no room: to be told when there is
    bool cannot_write;  //  Nobody takes it any more; what was sent here is still read

    //  Reading.
    zloom_buffer_t rest;    //  Read, and not whole yet
    zloom_buffer_t hops;    //  The envelope of a message whose body is not there yet
    bool has_hops;          //  ... is in `hops`
    bool hops_fit;          //  ... and is within bounds
    bool has_hung_up;       //  The end is near: read until it comes
    bool has_ended;         //  It has come
    zloom__chunk_t *large;  //  A large body that is not whole yet
    size_t large_size;      //  What it will have
    size_t large_at;        //  What is there of it
    bool large_goes_on;     //  Another frame of the message follows it

    //  Where it stands in the engine's lists.
    TAILQ_ENTRY (zloom__direct_link) in_readable, in_dirty, in_news, in_shaking;
    bool is_readable;  //  There may be something to read
    bool is_dirty;     //  Something gathered since the last flush
    bool has_news;     //  Something is to be told of it
    bool was_open;     //  CLOSED: its handshake was complete
    bool has_spoken;   //  A message of it was told
};

//  An endpoint with its role.
struct zloom__direct_channel {
    zloom__direct_t *engine;
    zloom__channel_t index;
    zloom__channel_options_t options;
    zloom__endpoint_t endpoint;
    zloom__zmtp_options_t zmtp;
    size_t most_queued;  //  Bytes that may wait for one peer

    //  Listening.
    int listener;  //  -1 = none
    int lock;      //  The claim on an ipc path, or -1
    char bound[ZLOOM__ENDPOINT_MAX];
    bool may_accept;         //  Connections may be waiting
    zloom_time_t accept_at;  //  Try again then; no descriptors were left

    //  Connecting.
    bool dials;
    zloom__direct_link_t *link;    //  Connecting, shaking or open
    zloom__addresses_t addresses;  //  To be tried from `address` on
    size_t address;
    zloom__lookup_t *lookup;
    zloom_time_t dial_at;     //  When to do what comes next; NEVER = nothing
    zloom_time_t give_up_at;  //  Of the lookup
    zloom_time_t pause;       //  Before the next try; 0 = none yet
    unsigned hang_ups;        //  Handshakes in a row in which the peer hung up
    zloom_time_t rose_at;     //  When the link came up last
    zloom_reason_t refused;   //  A try that another one won't mend; to be told
    zloom_reason_t trouble;   //  Why there is no link, as far as is known
    char trouble_text[192];
};

enum { ZLOOM__DIRECT_CHANNELS_MAX = 64, ZLOOM__DIRECT_SPARES = 16 };

typedef struct zloom__direct_slot {
    zloom__direct_link_t *link;
    uint32_t next_free;
} zloom__direct_slot_t;

struct zloom__direct {
    zloom__streams_t *streams;  //  Borrowed
    zloom_random_t *random;     //  Borrowed
    zloom__direct_channel_t *channels[ZLOOM__DIRECT_CHANNELS_MAX];
    unsigned channel_count;

    zloom__direct_slot_t *slots;  //  Links; their names end with their slot
    uint32_t capacity;
    uint32_t link_count;
    uint32_t free_slot;            //  The first of those that are free
    uint64_t generation;           //  Links so far
    zloom__direct_link_t *recent;  //  The one that was read last; NULL = it is gone
    struct zloom__direct_links readable, dirty, news, shaking;
    zloom_time_t dirty_since;
    size_t queued;               //  What waits for peers that take nothing now, of all links
    zloom_time_t starved_until;  //  Memory was lacking: then all look again. NEVER: it was not

    //  What is being taken up.
    zloom__direct_link_t *reading;  //  Whose bytes `input` are; NULL = nobody's
    zloom_bytes_t input;
    zloom__chunk_t *chunk;  //  What is read into
    zloom_bytes_t told;     //  The body of the event at hand
    zloom__chunk_t *body;   //  ... where it lies
    bool is_from_zloom;     //  ... and whether its sender is one
    uint8_t envelope[ZLOOM__ENVELOPE_MAX];
    size_t envelope_size;
    bool envelope_fits;
    uint64_t dropped;  //  Messages with too much of an envelope

    //  Memory to be used again.
    zloom_buffer_t spares[ZLOOM__DIRECT_SPARES];  //  Of links' out buffers
    unsigned spare_count;
    zloom__chunk_t *spare_chunk;  //  Of a large body
};

//  direct.c

void zloom__direct_init (zloom__direct_t *self, zloom__streams_t *streams, zloom_random_t *random);

//  Write what can be written, and close everything.
void zloom__direct_clear (zloom__direct_t *self);

//  Open a channel, whose number the port has chosen. Borrows its strings only
//  until it returns. Errors: BAD_ENDPOINT, ADDRESS, ADDRESS_IN_USE, DESCRIPTORS,
//  INSECURE_BIND, NO_MEMORY, SYSTEM.
zloom_code_t zloom__direct_open (zloom__direct_t *self, zloom__channel_t index,
                                 const zloom__endpoint_t *endpoint,
                                 const zloom__channel_options_t *options, zloom_time_t now,
                                 zloom_error_t *reterr);

zloom__direct_channel_t *zloom__direct_find_channel (const zloom__direct_t *self,
                                                     zloom__channel_t index);

//  As the port's send.
zloom_code_t zloom__direct_send (zloom__direct_t *self, zloom__link_t link, zloom_bytes_t envelope,
                                 const zloom_bytes_t *parts, size_t count, zloom_time_t now);

//  Write what has gathered.
void zloom__direct_flush (zloom__direct_t *self);

//  A stream has changed.
void zloom__direct_note (zloom__direct_t *self, const zloom__ready_t *ready, zloom_time_t now);

//  Without having been told: the only link may be readable. False: there are
//  several, and only their streams know which.
bool zloom__direct_guess (zloom__direct_t *self);

//  What there is: FRAME, UP, DOWN, ROOM, or TIMEOUT for nothing, or for nothing
//  in a while: `is_ready` then says that it has not come to an end.
zloom__event_kind_t zloom__direct_next (zloom__direct_t *self, zloom_time_t now,
                                        zloom__event_t *ret_event);

//  Whether there is more of what was read.
static inline bool zloom__direct_goes_on (const zloom__direct_t *self)
{
    return self->reading && self->input.size;
}

//  Whether `next` would find something.
bool zloom__direct_is_ready (const zloom__direct_t *self);

//  When to tend it; then do what is due: dial, give up, accept again.
zloom_time_t zloom__direct_due (const zloom__direct_t *self);
void zloom__direct_tend (zloom__direct_t *self, zloom_time_t now);

//  As the port's keep.
zloom_code_t zloom__direct_keep (zloom__direct_t *self, zloom__frame_t *ret_frame);

//  Whether something is still to be written.
bool zloom__direct_has_unsent (const zloom__direct_t *self);

//  Memory was lacking to read or to send: what could not be done is tried again
//  a little later.
void zloom__direct_starve (zloom__direct_t *self, zloom_time_t now);

//  The event at hand is done with: so is the memory of its body.
void zloom__direct_drop_body (zloom__direct_t *self);

//  A link of a channel; its stream is yet to come. NULL: no memory.
zloom__direct_link_t *zloom__direct_add_link (zloom__direct_channel_t *channel);

//  The token by which streams tell of a link, and of a channel's listener.
uint64_t zloom__direct_link_token (const zloom__direct_link_t *link);
uint64_t zloom__direct_listener_token (const zloom__direct_channel_t *channel);

//  direct_link.c: one connection

//  The stream is there: say hello.
void zloom__link_begin (zloom__direct_link_t *self, zloom_time_t now);

//  Its stream may be readable.
void zloom__link_mark_readable (zloom__direct_link_t *self);

//  Write what has gathered; what the stream does not take waits.
void zloom__link_flush (zloom__direct_link_t *self);

//  There may be memory again: read, and tell who was refused for want of it.
void zloom__link_look_again (zloom__direct_link_t *self);

//  As zloom__direct_send.
zloom_code_t zloom__link_send (zloom__direct_link_t *self, zloom_bytes_t envelope,
                               const zloom_bytes_t *parts, size_t count, zloom_time_t now);

//  Read once; what came is the engine's input. False: nothing did.
bool zloom__link_read (zloom__direct_link_t *self, zloom_time_t now);

//  Take up the engine's input, which is this link's: FRAME, UP, or TIMEOUT when
//  what is left is put aside.
zloom__event_kind_t zloom__link_take (zloom__direct_link_t *self, zloom_time_t now,
                                      zloom__event_t *ret_event);

//  Close its stream. It lives on until that is told.
void zloom__link_close (zloom__direct_link_t *self, zloom_time_t now);

//  direct_channel.c: dialling and listening

//  Begin, with options and endpoint in place.
zloom_code_t zloom__direct_channel_begin (zloom__direct_channel_t *self, zloom_time_t now,
                                          zloom_error_t *reterr);
void zloom__direct_channel_end (zloom__direct_channel_t *self);

//  Do what is due; and when that will be so again.
void zloom__direct_channel_tend (zloom__direct_channel_t *self, zloom_time_t now);
zloom_time_t zloom__direct_channel_due (const zloom__direct_channel_t *self);

//  Accept what waits.
void zloom__direct_channel_accept (zloom__direct_channel_t *self, zloom_time_t now);

//  What became of the link of a channel that dials: the stream is there or has
//  failed; the handshake is complete; the peer is not one for us; it has ended,
//  and that for want of memory.
void zloom__direct_channel_connected (zloom__direct_channel_t *self, zloom_time_t now);
void zloom__direct_channel_rose (zloom__direct_channel_t *self, zloom_time_t now);
void zloom__direct_channel_refused (zloom__direct_channel_t *self, const zloom_error_t *why);
void zloom__direct_channel_fell (zloom__direct_channel_t *self, const zloom__direct_link_t *link,
                                 zloom_time_t now);
void zloom__direct_channel_starved (zloom__direct_channel_t *self);

#endif
