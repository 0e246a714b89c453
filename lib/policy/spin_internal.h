//  zloom__spin - whether to look again for a while, or to sleep at once
//
//  A thread that sleeps is woken some 20 to 40 µs late; one that looks again and
//  again, and yields the processor between looks, is there at once. That pays
//  where something comes soon, and costs where nothing does or where others
//  need the processor. So a spin is short, and what became of earlier ones says
//  whether there is another:
//
//  - one that found something speaks for it, and so does a short sleep without
//    one; one that found nothing speaks against it, so that an idle link soon
//    costs nothing;
//  - a yield from which the processor comes back late says that the machine has
//    other work: no spins for a while, doubling up to a second.
//
//  Pure: the time is an argument. Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_POLICY_SPIN_INTERNAL_H
#define ZLOOM_POLICY_SPIN_INTERNAL_H

#include <stdbool.h>

#include "base/time.h"

typedef struct zloom__spin {
    zloom_time_t longest;      //  Of one spin; 0 = there is none
    zloom_time_t began_at;     //  The spin under way
    zloom_time_t looked_at;    //  ... and the last look
    zloom_time_t rests_until;  //  The machine had other work: none before
    zloom_time_t rest;         //  How long that was for
    zloom_time_t waits_since;  //  Sleeping, and did not spin; NEVER = otherwise
    unsigned worth;            //  What was learnt; 0: it does not pay
} zloom__spin_t;

//  Begin to learn, in good hope. A spin is as long as `longest` at most.
void zloom__spin_init (zloom__spin_t *self, zloom_time_t longest);

//  Nothing is there: whether to spin.
bool zloom__spin_begin (zloom__spin_t *self, zloom_time_t now);

//  The processor was yielded and is back: whether to look once more.
bool zloom__spin_goes_on (zloom__spin_t *self, zloom_time_t now);

//  The spin is over, and something came of it or not.
void zloom__spin_end (zloom__spin_t *self, bool has_found);

//  Something came after a sleep.
void zloom__spin_note_wake (zloom__spin_t *self, zloom_time_t now);

#endif
