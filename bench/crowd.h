//  crowd - a server with very many connections, of which some make calls
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_CROWD_H
#define ZLOOM_BENCH_CROWD_H

#include "contender.h"
#include "place.h"
#include "section.h"

//  A server with each of these numbers of connections is a contender of its own
//  in the section; the first is the baseline.
typedef struct crowd_plan {
    const contender_t *contender;
    transport_t transport;
    const char *folder;  //  Private to this user; ipc sockets go there
    const unsigned *sizes;
    const char *const *names;  //  Of them
    size_t count;
    unsigned active;  //  Connections of each that make calls, all at the same time
    unsigned calls;   //  Of these together, in a round
} crowd_plan_t;

//  The most connections that a process may have here, and a limit raised so far.
unsigned crowd_most (void);

//  Make a section of it. Borrows self until the section was run.
section_t crowd_section (const crowd_plan_t *self, unsigned rounds);

#endif
