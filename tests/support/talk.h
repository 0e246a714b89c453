//  talk - a connection of zloom__zmtp that hears a peer, and writes down what
//
//  Bytes may be brought in pieces of any size. With each piece the promises of
//  zmtp_internal.h are checked: what is handed out lies within the input and in
//  order, limits hold, what is left over stays small, what is said stays small.
//  The program ends where one is broken. Input ends where readable memory ends.
//
//  What was understood is one line for each event, the same however the bytes
//  were cut into pieces:
//
//      OPENED
//      MORE body...           a frame, and that another follows
//      LAST body...
//      REFUSED reason: text
//
//  Threads: one at a time.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_TALK_H
#define ZLOOM_TESTS_SUPPORT_TALK_H

#include "base/random.h"
#include "zmtp/zmtp_internal.h"

//  Must not move. Zero-initialise it.
typedef struct talk {
    zloom__zmtp_options_t options;
    zloom__zmtp_t zmtp;
    zloom_buffer_t out;    //  All that it has said
    zloom_buffer_t heard;  //  The lines
    zloom_buffer_t again;  //  The frames that it has heard, as zloom writes them
    zloom_error_t error;   //  Why it was refused

    //  Its own.
    zloom_buffer_t rest;    //  Brought and not used up
    uint64_t wanted;        //  No event before so many more bytes
    uint64_t body_left;     //  Of a body that has begun
    uint64_t brought;       //  Bytes in all
    uint64_t sent;          //  By talk_send
    uint64_t message_size;  //  Of a message that goes on
    unsigned message_frames;
} talk_t;

//  Our side is a socket of this type. Says its greeting. Again for another
//  connection, which uses the same memory.
void talk_begin (talk_t *self, zloom__zmtp_type_t type, uint64_t max_size);

//  The peer says something.
void talk_hear (talk_t *self, zloom_bytes_t piece);

//  The same in pieces of so many bytes, or of random sizes up to that.
void talk_hear_in_pieces (talk_t *self, zloom_bytes_t bytes, size_t size);
void talk_hear_at_random (talk_t *self, zloom_bytes_t bytes, size_t most, zloom_random_t *random);

//  Say a frame, as whoever owns the connection does.
void talk_send (talk_t *self, zloom_bytes_t body, bool more);

//  The lines so far; what a body has of NULs cuts them off.
const char *talk_heard (talk_t *self);

//  Forget what was said and heard so far.
void talk_forget (talk_t *self);

void talk_end (talk_t *self);

//  What a peer says.

//  A greeting of ZMTP 3.1 with this mechanism.
void talk_greet (zloom_buffer_t *peer, const char *mechanism);

//  A command in a short frame: the name with its length before it, and data.
void talk_command (zloom_buffer_t *peer, const char *name, zloom_bytes_t data);

//  A property of READY.
void talk_property (zloom_buffer_t *peer, const char *name, zloom_bytes_t value);

//  A READY with this socket type and no more.
void talk_ready (zloom_buffer_t *peer, const char *type);

//  Greeting and READY.
void talk_open (zloom_buffer_t *peer, const char *type);

//  A frame with a short head, or with a long one whatever its size.
void talk_frame (zloom_buffer_t *peer, uint8_t flags, zloom_bytes_t body);

#endif
