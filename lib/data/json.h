//  zloom_json - turns JSON text into MessagePack, and back
//
//  A library of its own, libzloom-json, because it needs jansson. What JSON
//  cannot say is written as an object with one reserved key, a form:
//
//      MessagePack                      shown as            form
//      bytes                            "base64"            {"$bin": "base64"}
//      timestamp (extension -1)         "2001-02-03T04:05:06.789Z"
//      any extension                                        {"$ext": [type, "base64"]}
//      integer above 2^63-1             "9223372036854775808"
//                                                           {"$uint": "9223372036854775808"}
//      NaN, the infinities              "NaN" "Infinity" "-Infinity"
//                                                           {"$float": "NaN"}
//      string that is not UTF-8                             {"$str": "base64"}
//      map with keys that are not strings, not UTF-8, not unique or hold a
//      NUL; or one that would read as a form                {"$map": [[key, value], ...]}
//
//  Reading takes every form. Writing shows what a person reads best, where
//  there is such a thing; with ZLOOM_JSON_EXACT it writes forms only, and
//  reading the text gives the same value back (a float of 32 bits becomes one
//  of 64, and all NaNs are one).
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_JSON_H
#define ZLOOM_DATA_JSON_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/export.h"
#include "data/check.h"

#ifdef __cplusplus
extern "C" {
#endif

//  How JSON is written; combine with |. 0 = one line without blanks.
enum {
    ZLOOM_JSON_INDENT = 1,  //  A line for each element, two blanks a level
    ZLOOM_JSON_EXACT = 2    //  Forms for all that JSON cannot say
};

//  Append the MessagePack of a JSON text to a buffer. The text is one value of
//  any type, in UTF-8. Numbers without point and exponent are integers and must
//  fit in 64 bits with sign; others are floats. `limits` (NULL = default) hold
//  for the value; the tree that is built on the way takes, beside its strings,
//  at most 256 bytes for each byte of max_size.
//  Errors: BAD_JSON (no JSON, an integer too large, a key that stands twice, a
//  form that is none; the text names line and column, both from 1), OVERSIZE
//  (a limit), MALFORMED (a {"$str"} or {"$map"} where the limits ask for UTF-8
//  or string keys), NO_MEMORY. The buffer is then as before. (jansson 2.14 does
//  not notice when there is no memory for a long string while it reads it, and
//  loses a character; where malloc can fail, do not read JSON.)
ZLOOM_EXPORT zloom_code_t zloom_json_to_msgpack (zloom_bytes_t text, const zloom_limits_t *limits,
                                                 zloom_buffer_t *buffer, zloom_error_t *reterr);

//  Append the JSON text of one MessagePack value to a buffer, without a NUL or
//  newline at its end. Control characters are escaped, so that the text is safe
//  on a terminal. Without ZLOOM_JSON_INDENT it is at most ten times as long as
//  the value.
//  Errors: MALFORMED, OVERSIZE (as of zloom_check with `limits`, NULL =
//  default), NO_MEMORY. The buffer is then as before.
ZLOOM_EXPORT zloom_code_t zloom_json_from_msgpack (zloom_bytes_t value, int flags,
                                                   const zloom_limits_t *limits,
                                                   zloom_buffer_t *buffer, zloom_error_t *reterr);

#ifdef __cplusplus
}
#endif

#endif
