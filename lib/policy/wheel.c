#include "policy/wheel_internal.h"

#include <string.h>

static uint64_t s_rotate_right (uint64_t bits, unsigned by)
{
    by &= 63;
    return by ? bits >> by | bits << (64 - by) : bits;
}

static uint64_t s_slot_of (uint64_t tick, unsigned level)
{
    return (tick >> (ZLOOM__WHEEL_BITS * level)) % ZLOOM__WHEEL_SLOTS;
}

void zloom__wheel_init (zloom__wheel_t *self, zloom_time_t now)
{
    memset (self, 0, sizeof *self);
    self->tick = (uint64_t) now >> ZLOOM__TICK_SHIFT;
}

//  Hang a timer where its distance from now puts it.
static void s_hang (zloom__wheel_t *self, zloom__timer_t *timer)
{
    uint64_t away = timer->tick - self->tick;
    unsigned level = away ? (63u - (unsigned) __builtin_clzll (away)) / ZLOOM__WHEEL_BITS : 0;
    uint64_t at = timer->tick;
    if (level >= ZLOOM__WHEEL_LEVELS) {
        //  Beyond the horizon: as far away as can be, to be hung anew from there.
        level = ZLOOM__WHEEL_LEVELS - 1;
        at = self->tick + (UINT64_C (63) << (ZLOOM__WHEEL_BITS * level));
    }
    uint64_t slot = s_slot_of (at, level);
    zloom__timer_t **head = &self->slots[level][slot];
    timer->level = (uint8_t) level;
    timer->slot = (uint8_t) slot;
    timer->next = *head;
    timer->link = head;
    if (timer->next)
        timer->next->link = &timer->next;
    *head = timer;
    self->occupied[level] |= UINT64_C (1) << slot;
}

void zloom__wheel_clear (zloom__wheel_t *self, zloom__timer_t *timer)
{
    if (!timer->link)
        return;
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->link = NULL;
    self->count--;
    if (!self->slots[timer->level][timer->slot])
        self->occupied[timer->level] &= ~(UINT64_C (1) << timer->slot);
}

void zloom__wheel_set (zloom__wheel_t *self, zloom__timer_t *timer, zloom_time_t at)
{
    zloom__wheel_clear (self, timer);
    if (at == ZLOOM_NEVER)
        return;
    //  The first tick that begins at or after the time, and not one that has fired.
    uint64_t tick = at > 0 ? (((uint64_t) at - 1) >> ZLOOM__TICK_SHIFT) + 1 : 0;
    timer->tick = tick > self->tick ? tick : self->tick + 1;
    if (self->count++ == 0 || timer->tick < self->soonest)
        self->soonest = timer->tick;
    s_hang (self, timer);
}

//  The next tick at which a slot fires or must be spread out; 0 when none is set.
static uint64_t s_next_tick (const zloom__wheel_t *self)
{
    uint64_t next = 0;
    for (unsigned level = 0; level < ZLOOM__WHEEL_LEVELS; level++) {
        if (!self->occupied[level])
            continue;
        unsigned shift = ZLOOM__WHEEL_BITS * level;
        uint64_t turned =
            s_rotate_right (self->occupied[level], (unsigned) s_slot_of (self->tick, level) + 1);
        uint64_t slots_away = (uint64_t) __builtin_ctzll (turned) + 1;
        uint64_t tick = ((self->tick >> shift) + slots_away) << shift;
        if (!next || tick < next)
            next = tick;
    }
    return next;
}

//  Go to a tick, and spread out the slots of upper levels that begin there.
static void s_advance (zloom__wheel_t *self, uint64_t tick)
{
    self->tick = tick;
    for (unsigned level = ZLOOM__WHEEL_LEVELS - 1; level > 0; level--) {
        if (tick & ((UINT64_C (1) << (ZLOOM__WHEEL_BITS * level)) - 1))
            continue;
        zloom__timer_t **head = &self->slots[level][s_slot_of (tick, level)];
        zloom__timer_t *timer = *head;
        *head = NULL;
        self->occupied[level] &= ~(UINT64_C (1) << s_slot_of (tick, level));
        while (timer) {
            zloom__timer_t *next = timer->next;
            s_hang (self, timer);
            timer = next;
        }
    }
}

zloom__timer_t *zloom__wheel_expire (zloom__wheel_t *self, zloom_time_t now)
{
    uint64_t target = (uint64_t) now >> ZLOOM__TICK_SHIFT;
    for (;;) {
        zloom__timer_t *due = self->slots[0][s_slot_of (self->tick, 0)];
        if (due) {
            zloom__wheel_clear (self, due);
            return due;
        }
        uint64_t next = s_next_tick (self);
        if (self->tick >= target) {
            self->soonest = next;
            return NULL;
        }
        s_advance (self, next && next < target ? next : target);
    }
}
