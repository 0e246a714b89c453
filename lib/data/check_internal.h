//  zloom__check - the walk behind zloom_check, for those who read on from there
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_CHECK_INTERNAL_H
#define ZLOOM_DATA_CHECK_INTERNAL_H

#include "data/check.h"

//  Why a walk ended early. TRUNCATED covers every lie about a length.
typedef enum zloom__flaw {
    ZLOOM__SOUND,
    ZLOOM__TRUNCATED,
    ZLOOM__TOO_DEEP,
    ZLOOM__TOO_MANY,
    ZLOOM__NOT_UTF8,
    ZLOOM__KEY_NOT_STRING
} zloom__flaw_t;

//  Walk over the value at p. Returns what follows it, or NULL with *ret_flaw
//  (optional) set and *ret_at (optional) pointing at the offending token.
const uint8_t *zloom__skip (const uint8_t *p, const uint8_t *end, const zloom_limits_t *limits,
                            zloom__flaw_t *ret_flaw, const uint8_t **ret_at);

//  ZLOOM_LIMITS_DEFAULT, as an object.
extern const zloom_limits_t zloom__limits_default;

//  Only what the walk itself must have: ZLOOM_DEPTH_MAX.
extern const zloom_limits_t zloom__limits_none;

#endif
