//  zloom__pack - pictures, for callers inside zloom
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_PACK_INTERNAL_H
#define ZLOOM_DATA_PACK_INTERNAL_H

#include "data/pack.h"

//  Append the values of a picture as one array: the params of a call.
zloom_code_t zloom__vpack_array (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture,
                                 va_list arguments);

//  Append the one value of a picture, nil for an empty one: the result of a
//  call. BAD_PICTURE where the picture has several.
zloom_code_t zloom__vpack_one (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture,
                               va_list arguments);

//  As zloom_vunpack, of a value that was checked before: the result of a call.
zloom_code_t zloom__vunpack_one (zloom_bytes_t value, zloom_buffer_t *scratch,
                                 zloom_error_t *reterr, const char *picture, va_list arguments);

//  Read an array, checked before, element by element: the params of a call.
zloom_code_t zloom__vunpack_array (zloom_bytes_t array, zloom_buffer_t *scratch,
                                   zloom_error_t *reterr, const char *picture, va_list arguments);

#endif
