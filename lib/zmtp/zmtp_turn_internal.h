//  zloom__zmtp_turn - what one call of zloom__zmtp_take hands from step to step
//
//  Internal to lib/zmtp. A step answers whether the turn has its event; if not,
//  the next step is to be taken.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_ZMTP_ZMTP_TURN_INTERNAL_H
#define ZLOOM_ZMTP_ZMTP_TURN_INTERNAL_H

#include "zmtp/zmtp_internal.h"

typedef struct zloom__zmtp_turn {
    zloom__zmtp_t *zmtp;
    zloom_bytes_t *input;
    zloom_buffer_t *out;
    zloom__zmtp_event_t *event;
    zloom_error_t *reterr;
} zloom__zmtp_turn_t;

//  The event is REFUSED, and the connection over. Always true.
bool zloom__zmtp_refuse (const zloom__zmtp_turn_t *turn, zloom_reason_t reason, const char *format,
                         ...) ZLOOM_PRINTF (3, 4);

//  The event is NOTHING. Always true.
bool zloom__zmtp_await (const zloom__zmtp_turn_t *turn, uint64_t wanted);

//  Note how the message stands after a frame of this size. (0, false): between
//  messages, in the state OPEN.
void zloom__zmtp_count (zloom__zmtp_t *self, uint64_t size, bool more);

//  Move the input past so many bytes; it has them.
static inline void zloom__zmtp_pass (const zloom__zmtp_turn_t *turn, size_t size)
{
    turn->input->data += size;
    turn->input->size -= size;
}

//  The steps of zmtp_greeting.c: the peer's greeting as far as its version,
//  which is answered with the rest of ours, and its rest, answered with READY.
bool zloom__zmtp_take_version (const zloom__zmtp_turn_t *turn);
bool zloom__zmtp_take_mechanism (const zloom__zmtp_turn_t *turn);

//  The step of zmtp_command.c: a command of which all is there.
bool zloom__zmtp_take_command (const zloom__zmtp_turn_t *turn, zloom_bytes_t command);

//  Append our READY to out.
void zloom__zmtp_say_ready (const zloom__zmtp_turn_t *turn);

#endif
