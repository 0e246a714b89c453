//  caller - calls under way for `zloom call`, and their results in order
//
//  Each call stands in a queue from its start until its result was printed.
//  In order, a result waits for those before it; unordered, it is printed at
//  once, with the number of its line.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_CALLER_H
#define ZLOOM_TOOLS_CALLER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "reqrep/client.h"

typedef struct pending pending_t;
STAILQ_HEAD (pending_queue, pending);

typedef struct caller {
    zloom_client_t *client;  //  Borrowed
    const char *address;
    const char *method;
    zloom_call_options_t options;  //  Of every call
    bool numbers;                  //  Calls come from lines; say which one failed
    bool unordered;
    struct pending_queue queue;
    size_t under_way;
    bool nobody;  //  No service was found; more calls are no use
    int status;   //  The exit code of the first that failed
} caller_t;

//  Begin a call; its result will be printed. Returns false when it could not
//  be begun (reported, and counted as failed).
bool caller_start (caller_t *self, uint64_t line, zloom_bytes_t params);

//  Send a call that nobody answers.
bool caller_notify (caller_t *self, uint64_t line, zloom_bytes_t params);

//  Report that a line failed.
void caller_fail (caller_t *self, uint64_t line, const zloom_error_t *error);

//  Give up what is under way, and forget what was not printed.
void caller_cancel (caller_t *self);

#endif
