#include "policy/spin_internal.h"

//  How sure it can become: a link that falls idle costs so many spins.
enum { WORTH_MOST = 8, WORTH_AT_FIRST = 2 };

//  A wait without a spin that was so many times the longest spin or less might
//  have been shorter with one, and more so if the peer spins too.
enum { SHORT = 2 };

//  A yield that takes so many times the longest spin has been to somebody who
//  computes, and not to the peer.
enum { LATE = 4 };

//  After so many times the last rest without another late yield, that one was
//  chance.
enum { PEACE = 8 };

static const zloom_time_t s_rest_least = ZLOOM_MSEC;
static const zloom_time_t s_rest_most = ZLOOM_SEC;

void zloom__spin_init (zloom__spin_t *self, zloom_time_t longest)
{
    *self =
        (zloom__spin_t){.longest = longest, .worth = WORTH_AT_FIRST, .waits_since = ZLOOM_NEVER};
}

bool zloom__spin_begin (zloom__spin_t *self, zloom_time_t now)
{
    bool is_peaceful = now >= self->rests_until;
    self->waits_since = is_peaceful ? now : ZLOOM_NEVER;
    if (self->longest == 0 || self->worth == 0 || !is_peaceful)
        return false;
    self->waits_since = ZLOOM_NEVER;
    self->began_at = self->looked_at = now;
    return true;
}

static void s_rest (zloom__spin_t *self, zloom_time_t now)
{
    bool was_chance = now - self->rests_until >= self->rest * PEACE;
    self->rest = was_chance ? s_rest_least : zloom_time_min (self->rest * 2, s_rest_most);
    self->rests_until = now + self->rest;
}

bool zloom__spin_goes_on (zloom__spin_t *self, zloom_time_t now)
{
    if (now - self->looked_at > self->longest * LATE) {
        s_rest (self, now);
        return false;
    }
    self->looked_at = now;
    return now - self->began_at < self->longest;
}

static void s_learn (zloom__spin_t *self, bool is_good)
{
    if (!is_good)
        self->worth -= self->worth > 0;
    else if (self->worth < WORTH_MOST)
        self->worth++;
}

void zloom__spin_end (zloom__spin_t *self, bool has_found)
{
    s_learn (self, has_found);
}

void zloom__spin_note_wake (zloom__spin_t *self, zloom_time_t now)
{
    if (self->waits_since != ZLOOM_NEVER && now - self->waits_since <= self->longest * SHORT)
        s_learn (self, true);
    self->waits_since = ZLOOM_NEVER;
}
