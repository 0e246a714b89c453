//  zloom_random - seeded random numbers for jitter, ids and simulations
//
//  xoshiro256** by Blackman and Vigna (public domain), seeded through
//  splitmix64, so one 64-bit seed names a whole run. Not for secrets.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_RANDOM_H
#define ZLOOM_BASE_RANDOM_H

#include <stdint.h>

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  The state; plain data. Set it up with zloom_random_seed.
typedef struct zloom_random {
    uint64_t state[4];
} zloom_random_t;

//  Start a sequence that is the same for the same seed.
ZLOOM_EXPORT void zloom_random_seed (zloom_random_t *self, uint64_t seed);

//  Start a sequence that nobody else has, from the kernel's random numbers.
ZLOOM_EXPORT void zloom_random_seed_fresh (zloom_random_t *self);

//  The next 64 random bits.
ZLOOM_EXPORT uint64_t zloom_random_next (zloom_random_t *self);

//  A number from 0 to bound - 1, each as likely; 0 where bound is 0.
ZLOOM_EXPORT uint64_t zloom_random_below (zloom_random_t *self, uint64_t bound);

#ifdef __cplusplus
}
#endif

#endif
