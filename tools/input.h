//  input - stdin, a file or the command line, cut into records
//
//  Reads only when poll says that there is something, so a loop never hangs in
//  it; what has been read is handed out record by record.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_INPUT_H
#define ZLOOM_TOOLS_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/bytes.h"

//  How records are told apart.
typedef enum input_framing {
    INPUT_LINE,   //  A newline behind each
    INPUT_NUL,    //  A NUL behind each
    INPUT_LEN32,  //  Four bytes of length, big-endian, before each
    INPUT_WHOLE   //  All of it is one
} input_framing_t;

typedef enum input_state {
    INPUT_RECORD,  //  Here is one
    INPUT_MORE,    //  None is complete; fill when the descriptor is readable
    INPUT_END,     //  There are no more
    INPUT_BAD      //  A record is too long or cut off (reported; the exit code is in `status`)
} input_state_t;

typedef struct input {
    int fd;
    input_framing_t framing;
    size_t most;            //  Longest record
    zloom_buffer_t buffer;  //  What was read
    size_t taken;           //  Of it, handed out
    size_t scanned;         //  Of it, known to hold no end of a record
    uint64_t records;       //  Handed out so far: the line number, for messages
    bool at_end;            //  read has said so
    int status;             //  The exit code for what went wrong
} input_t;

//  Read from a descriptor. Borrows fd.
void input_open (input_t *self, int fd, input_framing_t framing, size_t most);

//  Give the memory back.
void input_close (input_t *self);

//  Hand out the next record, without what frames it. It is borrowed until the
//  next call of input_fill.
input_state_t input_next (input_t *self, zloom_bytes_t *ret_record);

//  Read once. Call it after INPUT_MORE. False when reading failed (reported;
//  the exit code is in `status`).
bool input_fill (input_t *self);

//  What an argument stands for: the bytes of a file for @FILE, of stdin for
//  @-, "@x" for "@@x", and else the text itself. ret_bytes is appended to.
//  Returns 0, or the exit code when the file cannot be read or is larger than
//  `most` (reported).
int input_argument (const char *argument, size_t most, zloom_buffer_t *ret_bytes);

#endif
