//  zloom_check - decides whether bytes are one acceptable MessagePack value
//
//  The gate that every peer's bytes pass before anything else sees them:
//  a walk that allocates nothing and takes time in proportion to the bytes.
//  It holds structure, depth, counts against the bytes that are left, and
//  that nothing trails behind. UTF-8 in strings and the kinds of map keys are
//  options, because foreign payloads are legitimate.
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_CHECK_H
#define ZLOOM_DATA_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  The deepest nesting that can be allowed at all; msgpack-c's own bound.
#define ZLOOM_DEPTH_MAX 32

//  What is acceptable. Start from ZLOOM_LIMITS_DEFAULT.
typedef struct zloom_limits {
    uint32_t max_size;      //  Bytes of one message, its envelope included
    uint32_t max_elements;  //  Elements of one array, pairs of one map
    uint8_t max_depth;      //  Arrays and maps within one another, at most ZLOOM_DEPTH_MAX
    bool utf8;              //  Strings must be valid UTF-8
    bool string_keys;       //  Keys of maps must be strings
} zloom_limits_t;

#define ZLOOM_LIMITS_DEFAULT                                        \
    {                                                               \
        .max_size = 1048576, .max_elements = 65536, .max_depth = 16 \
    }

//  Say whether `bytes` are exactly one value within `limits` (NULL = default).
//  Errors: MALFORMED (cut off, a count above what is there, the tag 0xc1,
//  trailing bytes, bad UTF-8, a key that is no string), OVERSIZE (a limit).
//  The text says at which byte.
ZLOOM_EXPORT zloom_code_t zloom_check (zloom_bytes_t bytes, const zloom_limits_t *limits,
                                       zloom_error_t *reterr);

#ifdef __cplusplus
}
#endif

#endif
