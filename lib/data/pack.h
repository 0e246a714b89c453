//  zloom_pack - builds and reads MessagePack values by pictures
//
//  A picture names the types of a value, letter by letter; the arguments
//  follow it, as with printf and scanf:
//
//      letter  value            to pack                      to unpack
//      i       integer          int                          int *
//      I       integer          int64_t                      int64_t *
//      u       integer >= 0     unsigned                     unsigned *
//      U       integer >= 0     uint64_t                     uint64_t *
//      f       number           double                       double *
//      s       string, nil      const char * (NULL = nil)    const char **
//      b       bytes            const void *, size_t         const void **, size_t *
//      ?       boolean          int                          bool *
//      n       nil              -                            -
//      v       any one value    zloom_bytes_t                zloom_bytes_t *
//      [ ]     array of what is between
//      { }     map of key, value, ...: keys are `s`; to unpack, the keys
//              are given and are found wherever they stand
//
//  Blanks, commas and colons between letters are for the eye only.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_PACK_H
#define ZLOOM_DATA_PACK_H

#include <stdarg.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  Append the value or values of a picture to a buffer.
//  Errors: BAD_PICTURE (the text says at which letter), MALFORMED (the bytes
//  of a `v` are not one value), OVERSIZE (4 GiB in one piece, or a `v` nested
//  deeper than ZLOOM_DEPTH_MAX), NO_MEMORY. The buffer is then as before.
ZLOOM_EXPORT zloom_code_t zloom_pack (zloom_buffer_t *buffer, zloom_error_t *reterr,
                                      const char *picture, ...);

//  The same with a va_list.
ZLOOM_EXPORT zloom_code_t zloom_vpack (zloom_buffer_t *buffer, zloom_error_t *reterr,
                                       const char *picture, va_list arguments);

//  Append the head of an array, or of a map, whose elements are packed next;
//  for those that no picture can write because they are as many as there are.
//  False, and buffer->failed, when there is no memory.
ZLOOM_EXPORT bool zloom_pack_array_head (zloom_buffer_t *buffer, uint32_t count);
ZLOOM_EXPORT bool zloom_pack_map_head (zloom_buffer_t *buffer, uint32_t pairs);

//  Append a string that may have a NUL in it. False: as above.
ZLOOM_EXPORT bool zloom_pack_str (zloom_buffer_t *buffer, zloom_bytes_t string);

//  Read one value by a picture of one value. `scratch` receives copies of the
//  strings, so that they end in NUL; what is handed out borrows from it and
//  from `value`, until either changes. Integers convert where they fit, `f`
//  takes integers too, `b` takes strings too; map keys that the picture does
//  not name are passed over.
//  Errors: BAD_PICTURE (the value does not fit, the text says where and what
//  is there), MALFORMED (the bytes are not one value), OVERSIZE (nested deeper
//  than ZLOOM_DEPTH_MAX), NO_MEMORY. What has been written to the pointers
//  until then stays.
ZLOOM_EXPORT zloom_code_t zloom_unpack (zloom_bytes_t value, zloom_buffer_t *scratch,
                                        zloom_error_t *reterr, const char *picture, ...);

//  The same with a va_list.
ZLOOM_EXPORT zloom_code_t zloom_vunpack (zloom_bytes_t value, zloom_buffer_t *scratch,
                                         zloom_error_t *reterr, const char *picture,
                                         va_list arguments);

#ifdef __cplusplus
}
#endif

#endif
