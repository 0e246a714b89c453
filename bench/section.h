//  section - all contenders on one transport, round by round in turn
//
//  A section runs in a process of its own, so that it starts with nothing
//  that another left behind, and its servers in processes of theirs (inproc:
//  in threads), forked before any ZeroMQ context exists. All servers are up
//  for the whole section; the rounds go A B A B, so that whatever else the
//  machine does meets every contender alike.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_SECTION_H
#define ZLOOM_BENCH_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contender.h"

typedef enum transport { TRANSPORT_TCP, TRANSPORT_IPC, TRANSPORT_INPROC } transport_t;

enum { TRANSPORTS = 3 };

//  What one contender did in one round; times in nanoseconds.
typedef struct round {
    int64_t p50;
    int64_t p99;
    uint64_t outside;  //  Calls that took longer than the histogram reaches
} round_t;

typedef struct section {
    transport_t transport;
    bool pinned;           //  Every thread of every process on one core
    unsigned rounds;       //  Measured ones; one more goes before, and is discarded
    unsigned calls;        //  Measured in each round; a tenth as many go before
    size_t payload_bytes;  //  At least 1
    const char *folder;    //  Private to this user; ipc sockets go there
    const contender_t *const *contenders;
    size_t contender_count;
    round_t *results;  //  Owned; see section_result
} section_t;

//  "tcp", "ipc", "inproc".
const char *transport_name (transport_t transport);

//  Run a section and wait for its end. Returns 0, or the exit code that this
//  process should end with: 1 when it failed (and said why), 128 and more when
//  a signal stopped it. SIGINT and SIGTERM must be blocked, and are still.
int section_run (section_t *self);

//  What a contender did in a round, from 0.
const round_t *section_result (const section_t *self, size_t contender, unsigned round);

//  Give the results back.
void section_clear (section_t *self);

#endif
