#include "base/random.h"

#include <sys/random.h>

#include "base/time.h"

static uint64_t s_splitmix (uint64_t *state)
{
    uint64_t z = *state += UINT64_C (0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t s_rotate (uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

void zloom_random_seed (zloom_random_t *self, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        self->state[i] = s_splitmix (&seed);
}

void zloom_random_seed_fresh (zloom_random_t *self)
{
    uint64_t seed;
    if (getrandom (&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t) zloom_time_now () ^ (uint64_t) (uintptr_t) self;
    zloom_random_seed (self, seed);
}

uint64_t zloom_random_next (zloom_random_t *self)
{
    uint64_t *s = self->state;
    uint64_t result = s_rotate (s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s_rotate (s[3], 45);
    return result;
}

uint64_t zloom_random_below (zloom_random_t *self, uint64_t bound)
{
    if (bound == 0)
        return 0;
    //  Throw away the part of the range that would make low numbers likelier.
    uint64_t least = -bound % bound;
    uint64_t drawn;
    do
        drawn = zloom_random_next (self);
    while (drawn < least);
    return drawn % bound;
}
