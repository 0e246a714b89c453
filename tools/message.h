//  message - a message of raw frames in the forms that people read and write
//
//  JSON:  {"frames":["text",{"$bin":"base64 of what is not UTF-8"}]}
//  hex:   digits of each frame, blanks between frames, "-" for an empty one
//  MessagePack: an array of bins
//  text:  one frame as it is, several in brackets; control bytes escaped
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_MESSAGE_H
#define ZLOOM_TOOLS_MESSAGE_H

#include <czmq.h>

#include "base/bytes.h"
#include "base/error.h"

//  How raw output tells frames apart.
typedef enum message_ending {
    MESSAGE_LINE,
    MESSAGE_NUL,
    MESSAGE_LEN32,
    MESSAGE_NOTHING
} message_ending_t;

//  Print a message in the format of this run.
void message_print (zmsg_t *message, message_ending_t ending);

//  Append the frames of a line of JSON ({"frames": [...]}, an array of frames,
//  or one frame: a string or bytes) or of hex to a message. The error's text
//  says what is wrong, and in which column where that is known.
zloom_code_t message_read_json (zmsg_t *message, zloom_bytes_t line, zloom_error_t *error);
zloom_code_t message_read_hex (zmsg_t *message, zloom_bytes_t line, zloom_error_t *error);

//  The bytes of a frame; borrowed from it.
zloom_bytes_t message_frame (zframe_t *frame);

#endif
