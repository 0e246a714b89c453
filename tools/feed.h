//  feed - the messages that `cat` sends: from the command line, or from stdin
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_FEED_H
#define ZLOOM_TOOLS_FEED_H

#include <czmq.h>

#include "input.h"
#include "options.h"

//  What a record of the input is.
typedef enum feed_form {
    FEED_LINE,   //  Each line a message of one frame
    FEED_NUL,    //  Each piece that ends in NUL
    FEED_LEN32,  //  Each piece after its length
    FEED_WHOLE,  //  All of it, one message
    FEED_JSON,   //  Each line a message in JSON
    FEED_HEX     //  Each line a message in hex
} feed_form_t;

extern const char *const feed_form_names[];

//  Where messages come from: --data or --frame where given, else stdin.
typedef struct feed_options {
    option_list_t data;    //  Each a message of one frame
    option_list_t frames;  //  Together one message
    int form;              //  feed_form_t, of stdin
    size_t max_size;       //  Bytes of one message
} feed_options_t;

#define FEED_ALL UINT64_MAX  //  Each of the command line once; stdin to its end

typedef struct feed {
    feed_form_t form;
    size_t max_size;
    zlistx_t *fixed;  //  Messages of the command line; NULL: stdin is read
    input_t input;
    uint64_t most;   //  How many to hand out; the fixed ones take turns
    uint64_t given;  //  How many were
    int status;      //  The exit code for what went wrong
} feed_t;

//  Open it. Returns 0, or the exit code when something cannot be read or is too
//  large (reported); it is to be closed all the same.
int feed_open (feed_t *self, const feed_options_t *options, uint64_t most);

//  Give back what it holds.
void feed_close (feed_t *self);

//  Hand out the next message. The caller owns it. INPUT_MORE: poll
//  feed_descriptor, then feed_fill. INPUT_BAD: reported; see `status`.
input_state_t feed_next (feed_t *self, zmsg_t **ret_message);

//  Where it reads; -1 where it does not.
int feed_descriptor (const feed_t *self);

//  Read once. False when that failed (reported; see `status`).
bool feed_fill (feed_t *self);

#endif
