//  flow - many calls under way at a time: when the next begins, and how long each took
//
//  A client that keeps calls under way asks its flow whether to begin another,
//  sends the body that flow_begin gives, and hands every answer to flow_end. So
//  all contenders do the same work around what is measured. Answers may come in
//  any order, and each must come once.
//
//  Closed: a fixed number is under way, for a given time. A call begins when
//  another has ended. Every 17th is timed, as reading the clock for each would
//  cost more than some calls do; 17, because whatever happens to messages in
//  powers of two then happens to all of them alike.
//
//  Open: calls begin at a fixed rate, whether answers come or not, and each is
//  timed from when it should have begun. So one that has to wait behind a slow
//  one has waited for it in the numbers too (no coordinated omission).
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_FLOW_H
#define ZLOOM_BENCH_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "policy/histogram.h"

enum { FLOW_BYTES_LEAST = 8, FLOW_WINDOW_MOST = 65536 };

//  A call under way.
typedef struct flow_call {
    uint64_t id;        //  How its body begins: its number, and which of the places it has
    zloom_time_t from;  //  What it is timed from; 0 = it is not
} flow_call_t;

typedef struct flow {
    unsigned char *body;  //  Owned
    size_t size;
    uint64_t window;     //  Calls under way, at most
    flow_call_t *calls;  //  Owned; a place for each of them
    uint32_t *free;      //  Owned; the places that are free, a stack of window + begun - ended
    uint64_t begun;
    uint64_t ended;
    bool is_over;     //  No more calls are to begin
    uint64_t timing;  //  The next call that flow_time is for

    zloom_histogram_t *histogram;  //  Owned; of the timed ones, in nanoseconds
    uint64_t first;                //  How many had ended at the first timed one
    zloom_time_t first_at;         //  When that was; 0 = it has not been
    uint64_t last;                 //  The same of the last one
    zloom_time_t last_at;

    //  Closed
    zloom_time_t counts_from;
    zloom_time_t until;

    //  Open
    double interval_ns;  //  0 = closed
    uint64_t uncounted;  //  Calls before those that are timed
    uint64_t count;      //  Calls in all
    zloom_time_t origin;
    zloom_time_t due;  //  When the next one begins
} flow_t;

//  A closed flow that is measured for so long, after a tenth as long. The size
//  is FLOW_BYTES_LEAST or more.
flow_t flow_closed (size_t size, unsigned window, unsigned ms);

//  An open flow of so long at so many calls a second, and a tenth before. The
//  window bounds what a contender that cannot keep up has under way; what it
//  begins late counts as late.
flow_t flow_open (size_t size, unsigned window, double rate_per_s, unsigned ms);

void flow_clear (flow_t *self);

//  Calls a second, of those that count.
double flow_rate (const flow_t *self);

//  Parts of the functions below that are seldom run.
void flow_time (flow_t *self, flow_call_t *call);
void flow_record (flow_t *self, const flow_call_t *call);
__attribute__ ((noreturn)) void flow_fail_answer (zloom_bytes_t answer);

static inline bool flow_is_open (const flow_t *self)
{
    return self->interval_ns > 0;
}

//  Closed: whether another call is to begin.
static inline bool flow_has_room (const flow_t *self)
{
    return !self->is_over && self->begun - self->ended < self->window;
}

//  Open: whether one should have begun by now.
static inline bool flow_is_due (const flow_t *self, zloom_time_t now)
{
    return now >= self->due && flow_has_room (self);
}

//  Whether all is through.
static inline bool flow_is_done (const flow_t *self)
{
    return self->is_over && self->begun == self->ended;
}

//  Begin a call: send what this returns. Borrowed until the next.
static inline zloom_bytes_t flow_begin (flow_t *self)
{
    uint32_t place = self->free[self->begun - self->ended];
    flow_call_t *call = &self->calls[place];
    call->id = self->begun << 16 | place;
    call->from = 0;
    memcpy (self->body, &call->id, sizeof call->id);
    if (self->begun == self->timing)
        flow_time (self, call);
    self->begun++;
    return zloom_bytes (self->body, self->size);
}

//  A call has ended with this answer.
static inline void flow_end (flow_t *self, zloom_bytes_t answer)
{
    uint64_t id = UINT64_MAX;
    if (answer.size == self->size)
        memcpy (&id, answer.data, sizeof id);
    uint32_t place = id & (FLOW_WINDOW_MOST - 1);
    flow_call_t *call = &self->calls[place];
    if (place >= self->window || call->id != id)
        flow_fail_answer (answer);
    if (call->from)
        flow_record (self, call);
    call->id = UINT64_MAX;
    self->ended++;
    self->free[self->begun - self->ended] = place;
}

#endif
