//  zloom__guard - notices a second thread and a fork
//
//  An object with a single owner carries a guard. Each public function enters
//  it first and leaves it last; a callback may enter again in the same
//  thread. A thread that enters while another is inside is told so instead of
//  corrupting memory, and a forked child is told that the object is its
//  parent's. It costs a compare-and-swap.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_GUARD_INTERNAL_H
#define ZLOOM_BASE_GUARD_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct zloom__guard {
    _Atomic uintptr_t inside;  //  Which thread is inside, 0 = none
    unsigned depth;            //  How often it entered; only that thread looks
    unsigned generation;       //  Forks of this process when it was made
} zloom__guard_t;

//  Start. The first call in a process registers a fork handler.
void zloom__guard_init (zloom__guard_t *self);

//  Enter; NONE, or SECOND_THREAD or FORKED, and then it was not entered.
zloom_reason_t zloom__guard_enter (zloom__guard_t *self);

void zloom__guard_leave (zloom__guard_t *self);

//  Whether this process was forked after the object was made.
bool zloom__guard_is_forked (const zloom__guard_t *self);

#endif
