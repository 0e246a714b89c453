//  environment - what a reader must know of the machine before the numbers
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_ENVIRONMENT_H
#define ZLOOM_BENCH_ENVIRONMENT_H

#include <stddef.h>

//  One thing about this machine or this build.
typedef struct fact {
    const char *name;
    char text[1024];
} fact_t;

enum { ENVIRONMENT_FACTS = 9 };

//  Fill in all of them; takes some milliseconds, to time the clock.
void environment_look (fact_t ret_facts[ENVIRONMENT_FACTS]);

//  Why numbers of this build would mean nothing, or NULL.
const char *environment_refusal (void);

#endif
