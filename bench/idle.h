//  idle - what a client and a server cost that are connected and do nothing
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_IDLE_H
#define ZLOOM_BENCH_IDLE_H

#include "contender.h"
#include "place.h"
#include "section.h"

//  All contenders are idle at the same time, each with its two processes.
typedef struct idle_plan {
    transport_t transport;
    const char *folder;  //  Private to this user; ipc sockets go there
    const contender_t *const *contenders;
    size_t count;
    unsigned seconds;  //  Of a round
} idle_plan_t;

//  Make a section of it. Borrows self until the section was run.
section_t idle_section (const idle_plan_t *self, unsigned rounds);

#endif
