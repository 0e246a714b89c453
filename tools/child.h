//  child - a command run for one request: input in, output out, bounded
//
//  Runs in a process group of its own, so that what it starts ends with it.
//  Its standard streams are pipes that never block this process; stdout and
//  stderr are kept up to a bound. It has ended when it was reaped.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_CHILD_H
#define ZLOOM_TOOLS_CHILD_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

//  Descriptors that a child may want polled.
enum { CHILD_POLLS = 4 };

typedef struct child {
    pid_t group;           //  Its process, and what it starts
    int process;           //  A pidfd; -1: reaped
    int in, out, err;      //  Our ends; -1 = closed
    zloom_buffer_t input;  //  What it gets
    size_t written;        //  Of it
    zloom_buffer_t output;
    zloom_buffer_t errors;  //  The tail of stderr
    size_t most;            //  Of output; more kills it
    bool is_too_long;       //  It wrote more
    int status;             //  Its exit code, once reaped
    bool was_killed;        //  By a signal, which `status` is then
} child_t;

//  Start `words` (NULL-terminated; found along PATH). Takes the input's memory
//  and leaves it empty. Errors: DESCRIPTORS, SYSTEM (no such program, ...);
//  nothing runs then, and child_close is still to be called.
zloom_code_t child_start (child_t *self, char *const *words, zloom_buffer_t *input, size_t most,
                          zloom_error_t *reterr);

//  What to poll for; ret_polls gets CHILD_POLLS entries, fd -1 for none.
void child_polls (const child_t *self, struct pollfd *ret_polls);

//  Read, write and reap as poll found.
void child_move (child_t *self, const struct pollfd *polls);

//  Whether all its output is here and it has been reaped.
bool child_is_done (const child_t *self);

//  Kill its whole group.
void child_kill (const child_t *self);

//  Give back descriptors and memory.
void child_close (child_t *self);

#endif
