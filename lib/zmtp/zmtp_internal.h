//  zloom__zmtp - one connection's side of ZMTP 3.1, bytes in, bytes out
//
//  Pure: knows no socket and no clock, allocates nothing but what the caller's
//  output buffer grows by. The caller reads bytes from wherever they come and
//  hands them in; what is to be said to the peer (greeting, READY, PONG,
//  ERROR) is appended to a buffer of the caller's, to be written in order with
//  its own frames.
//
//      GREETING --its version--> MECHANISM --the rest--> HANDSHAKE --its READY--> OPEN
//          \________________________\________anything else____\____________________\--> ENDED
//
//  Spoken: ZMTP 3.0 and 3.1 (ZeroMQ RFC 23 and 37) with the NULL mechanism.
//  Peers of 1.0 and 2.0, other mechanisms, and socket types that do not fit
//  are refused by name. Limits are checked as soon as a length is known,
//  before anybody can make room for it.
//
//  A small frame costs a few comparisons and no call, which is why the
//  beginning of zloom__zmtp_take is here.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_ZMTP_ZMTP_INTERNAL_H
#define ZLOOM_ZMTP_ZMTP_INTERNAL_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"

enum {
    ZLOOM__ZMTP_HEAD_MAX = 9,        //  Bytes before a frame's body, at most
    ZLOOM__ZMTP_LARGE = 4096,        //  Bodies from here on are not copied
    ZLOOM__ZMTP_COMMAND_MAX = 4096,  //  Largest command taken
    ZLOOM__ZMTP_FRAMES_MAX = 64,     //  Most frames of one message
    ZLOOM__ZMTP_PONGS_MOST = 65536   //  No PING is answered while so much is to be written
};

//  What zloom__zmtp_take leaves of its input at NOTHING is less than this.
enum { ZLOOM__ZMTP_REST_MAX = ZLOOM__ZMTP_HEAD_MAX + ZLOOM__ZMTP_COMMAND_MAX };

//  In the first byte of a frame.
enum {
    ZLOOM__ZMTP_FLAG_MORE = 1,     //  Another frame of the message follows
    ZLOOM__ZMTP_FLAG_LONG = 2,     //  Its size has eight bytes
    ZLOOM__ZMTP_FLAG_COMMAND = 4,  //  It is for ZMTP itself
    ZLOOM__ZMTP_FLAGS = 7
};

//  X (NAME, name on the wire). A peer's may also be none of these.
#define ZLOOM__ZMTP_TYPE_MAP(X) \
    X (REQ, "REQ")              \
    X (REP, "REP")              \
    X (DEALER, "DEALER")        \
    X (ROUTER, "ROUTER")

typedef enum zloom__zmtp_type {
#define X(name, text) ZLOOM__ZMTP_##name,
    ZLOOM__ZMTP_TYPE_MAP (X)
#undef X
} zloom__zmtp_type_t;

//  How this side presents itself; shared by many connections, borrowed for
//  their lifetime.
typedef struct zloom__zmtp_options {
    zloom__zmtp_type_t type;  //  Our socket type: DEALER or ROUTER
    uint64_t max_size;        //  Largest message body accepted, all its frames together
} zloom__zmtp_options_t;

//  How far the peer has come. Where it hangs up says why: one of libzmq does so
//  IN_HANDSHAKE when our socket type does not fit it.
typedef enum zloom__zmtp_state {
    ZLOOM__ZMTP_IN_GREETING,
    ZLOOM__ZMTP_IN_MECHANISM,
    ZLOOM__ZMTP_IN_HANDSHAKE,
    ZLOOM__ZMTP_IS_OPEN,
    ZLOOM__ZMTP_HAS_ENDED
} zloom__zmtp_state_t;

//  A connection. Small, since there may be many thousands.
typedef struct zloom__zmtp {
    const zloom__zmtp_options_t *options;
    uint64_t message_size;  //  Of the frames so far of a message that goes on
    zloom__zmtp_state_t state;
    zloom__zmtp_type_t peer_type;  //  From OPEN on
    uint16_t quick_below;          //  Whole messages below this size need no other look; 0 = none
    uint8_t peer_minor;            //  Its ZMTP version is 3.this; from HANDSHAKE on
    uint8_t frames;                //  So far of a message that goes on
    bool is_zloom;                 //  From OPEN on: it has shown the property X-zloom
    uint8_t reason;                //  In ENDED: why
} zloom__zmtp_t;

typedef enum zloom__zmtp_event_kind {
    ZLOOM__ZMTP_NOTHING,  //  The rest of the input is a part of something; bring more
    ZLOOM__ZMTP_OPENED,   //  The handshake is complete
    ZLOOM__ZMTP_FRAME,    //  A whole frame
    ZLOOM__ZMTP_BEGUN,    //  The beginning of a large frame's body (LARGE and more)
    ZLOOM__ZMTP_REFUSED   //  The connection is over: close it once `out` is written
} zloom__zmtp_event_kind_t;

typedef struct zloom__zmtp_event {
    zloom__zmtp_event_kind_t kind;
    zloom_bytes_t body;  //  FRAME: all; BEGUN: what is there of it. Borrows from the input
    uint64_t size;       //  FRAME, BEGUN: of the whole body
    uint64_t wanted;     //  NOTHING: bytes that are missing, at least
    bool more;           //  FRAME, BEGUN: another frame of the message follows
} zloom__zmtp_event_t;

//  Begin a connection: appends our greeting to out, as far as its version. The
//  rest follows when the peer has shown its own, since libzmq hangs up on a
//  mechanism that is not its own without having said which that is.
void zloom__zmtp_begin (zloom__zmtp_t *self, const zloom__zmtp_options_t *options,
                        zloom_buffer_t *out);

//  All of zloom__zmtp_take.
zloom__zmtp_event_kind_t zloom__zmtp_take_any (zloom__zmtp_t *self, zloom_bytes_t *input,
                                               zloom_buffer_t *out, zloom__zmtp_event_t *ret_event,
                                               zloom_error_t *reterr);

//  Take one thing off the front of *input, which is moved past what was used
//  up. After NOTHING call again with the same rest and more behind it. After
//  BEGUN, which uses up the whole input, the following size - body.size bytes
//  belong to the body and must not be given to this function. A large frame
//  that is there as a whole is a FRAME too.
//
//  REFUSED, reasons: WRONG_PEER (not ZMTP, an old version, a socket type that
//  does not fit), AUTHENTICATION (another mechanism than NULL, or the peer
//  refused us with ERROR), OVERSIZE, MALFORMED, NO_MEMORY (out has failed).
//  Texts say what was found, peer bytes escaped. Where the protocol has a word
//  for it (ERROR), the peer is told. Afterwards always REFUSED again, for the
//  same reason.
//
//  out grows by no more than the input has, except for what the handshake takes
//  (at most 181 bytes). A peer that sends PINGs and reads no PONGs gets no more
//  of them once much is to be written, which tells it as well that we live.
static inline zloom__zmtp_event_kind_t zloom__zmtp_take (zloom__zmtp_t *self, zloom_bytes_t *input,
                                                         zloom_buffer_t *out,
                                                         zloom__zmtp_event_t *ret_event,
                                                         zloom_error_t *reterr)
{
    const uint8_t *p = input->data;
    if (input->size < 2 || p[0] != 0 || p[1] >= self->quick_below || input->size - 2 < p[1])
        return zloom__zmtp_take_any (self, input, out, ret_event, reterr);
    size_t size = p[1];
    input->data = p + 2 + size;
    input->size -= 2 + size;
    ret_event->kind = ZLOOM__ZMTP_FRAME;
    ret_event->body = zloom_bytes (p + 2, size);
    ret_event->size = size;
    ret_event->more = false;
    return ZLOOM__ZMTP_FRAME;
}

//  Write the head of a frame of ours; returns its length, 2 or 9.
static inline size_t zloom__zmtp_head (uint8_t head[ZLOOM__ZMTP_HEAD_MAX], uint64_t size, bool more)
{
    head[0] = more ? ZLOOM__ZMTP_FLAG_MORE : 0;
    if (size <= UINT8_MAX) {
        head[1] = (uint8_t) size;
        return 2;
    }
    head[0] |= ZLOOM__ZMTP_FLAG_LONG;
    size = htobe64 (size);
    memcpy (head + 1, &size, sizeof size);
    return ZLOOM__ZMTP_HEAD_MAX;
}

//  A peer's type as text; never NULL.
const char *zloom__zmtp_type_name (zloom__zmtp_type_t type);

#endif
