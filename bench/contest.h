//  contest - a section in which contenders make calls, one kind of round each
//
//  Servers live in processes of theirs (inproc: in threads), forked before any
//  ZeroMQ context exists; the clients all live in the section's process. All
//  are up for the whole section.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_CONTEST_H
#define ZLOOM_BENCH_CONTEST_H

#include <stddef.h>

#include "contender.h"
#include "place.h"
#include "section.h"

typedef struct contest contest_t;

struct contest {
    transport_t transport;
    cores_t cores;
    bool is_busy;        //  Meanwhile every processor has other work, a process each
    const char *folder;  //  Private to this user; ipc sockets go there
    const contender_t *const *contenders;
    size_t count;
    //  One round of one contender; writes a value for each measure.
    void (*round) (const contest_t *self, const contender_t *contender, void *client,
                   double *ret_values);
    unsigned round_seconds;  //  One that takes longer hangs
    size_t payload_bytes;    //  At least 1
    unsigned calls;          //  In a round, where it is of so many
    unsigned ms;             //  How long a round takes, where it is of so long
    unsigned window;         //  Calls under way, where they are many
    double rate_per_s;       //  Calls begun, where that is fixed
};

//  Make a section of it, that plays so many rounds. The name begins with
//  `what`; transport and cores follow. Borrows self until the section was run.
section_t contest_section (const contest_t *self, const char *what, unsigned rounds,
                           const measure_t *measures, size_t measure_count);

//  Memory for a body of the contest's size, with something in it; the caller
//  frees it.
unsigned char *contest_payload (const contest_t *self);

#endif
