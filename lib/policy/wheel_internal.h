//  zloom__wheel - deadlines, a million of them
//
//  Hierarchical timing wheels (Varghese and Lauck, 1987): adding, removing and
//  moving a timer takes the same few nanoseconds whether ten or a million are
//  set. Time is cut into ticks of about a millisecond; a timer never fires
//  early, and at most a tick late.
//
//  Pure: reads no clock, allocates nothing; timers lie in what they belong to.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_POLICY_WHEEL_INTERNAL_H
#define ZLOOM_POLICY_WHEEL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

//  Six levels of 64 slots; each slot of a level spans a whole turn of the one
//  below it. 2^36 ticks are two years.
enum { ZLOOM__WHEEL_BITS = 6, ZLOOM__WHEEL_SLOTS = 64, ZLOOM__WHEEL_LEVELS = 6 };

//  A tick is 2^20 ns.
enum { ZLOOM__TICK_SHIFT = 20 };

typedef struct zloom__timer zloom__timer_t;

//  One deadline, embedded in what it belongs to. Zeroed = not set.
struct zloom__timer {
    zloom__timer_t *next;
    zloom__timer_t **link;  //  What points to this one; NULL = not set
    uint64_t tick;          //  When it fires
    uint8_t level, slot;    //  Where it hangs
};

typedef struct zloom__wheel {
    uint64_t tick;                           //  All before it has fired
    uint64_t soonest;                        //  No timer fires before this tick
    size_t count;                            //  Timers that are set
    uint64_t occupied[ZLOOM__WHEEL_LEVELS];  //  A bit for each slot that has timers
    zloom__timer_t *slots[ZLOOM__WHEEL_LEVELS][ZLOOM__WHEEL_SLOTS];
} zloom__wheel_t;

void zloom__wheel_init (zloom__wheel_t *self, zloom_time_t now);

//  Set a timer, or move it. NEVER only takes it off.
void zloom__wheel_set (zloom__wheel_t *self, zloom__timer_t *timer, zloom_time_t at);

//  Take it off, if it is set.
void zloom__wheel_clear (zloom__wheel_t *self, zloom__timer_t *timer);

//  Take off and return a timer whose time has come; NULL when there is none.
zloom__timer_t *zloom__wheel_expire (zloom__wheel_t *self, zloom_time_t now);

//  When to call expire again: when the first timer fires, or before, since one
//  that was taken off is still reckoned with until then. NEVER: none is set.
static inline zloom_time_t zloom__wheel_next (const zloom__wheel_t *self)
{
    return self->count ? (zloom_time_t) (self->soonest << ZLOOM__TICK_SHIFT) : ZLOOM_NEVER;
}

#endif
