//  zloom__credit - how many items may be under way, in absolute numbers
//
//  After AMQP 1.0, section 2.6.7: the taker says how many items the sender
//  may have sent in all (`total`), not how many more, so that credit that is
//  told twice, or overtaken, does no harm. The taker tells anew when half of
//  it is used, so that a steady stream never waits.
//
//  Pure. Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_POLICY_CREDIT_INTERNAL_H
#define ZLOOM_POLICY_CREDIT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

//  The sender's side.
typedef struct zloom__credit {
    uint64_t total;  //  Items that may have been sent in all
    uint64_t sent;
} zloom__credit_t;

static inline bool zloom__credit_may_send (const zloom__credit_t *self)
{
    return self->sent < self->total;
}

//  The taker says a new total. A lower one is an old one. True: it has grown.
static inline bool zloom__credit_grant (zloom__credit_t *self, uint64_t total)
{
    bool grows = total > self->total;
    if (grows)
        self->total = total;
    return grows;
}

//  The taker's side.
typedef struct zloom__credit_taker {
    uint64_t window;  //  Items that may be under way
    uint64_t told;    //  The total that the sender knows
    uint64_t taken;   //  Items used up
} zloom__credit_taker_t;

//  An item was used up. True: tell the sender `told` anew.
static inline bool zloom__credit_take (zloom__credit_taker_t *self)
{
    self->taken++;
    if (self->taken + self->window - self->told < (self->window + 1) / 2)
        return false;
    self->told = self->taken + self->window;
    return true;
}

#endif
