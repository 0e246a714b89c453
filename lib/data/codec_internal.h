//  zloom__codec - MessagePack, token by token, without a copy or an allocation
//
//  Two halves. Writing: functions that put one token at a pointer with enough
//  room and return the pointer behind it. Reading: one function that takes the
//  token at a pointer and one that walks over a whole value; they never look
//  past `end`, and answer NULL for bytes that are no MessagePack. Everything
//  that zloom reads or writes goes through here (msgpack-c needs 70 ns to pack
//  and 100 ns to unpack a request's envelope, this 4 and 6), which is why it is
//  inline.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_CODEC_INTERNAL_H
#define ZLOOM_DATA_CODEC_INTERNAL_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

//  The most that one head takes: a tag and eight bytes.
enum { ZLOOM__HEAD_MAX = 9 };

typedef enum zloom__type {
    ZLOOM__NIL,
    ZLOOM__BOOL,
    ZLOOM__UINT,  //  Zero and above, however it was written
    ZLOOM__INT,   //  Below zero
    ZLOOM__FLOAT,
    ZLOOM__STR,
    ZLOOM__BIN,
    ZLOOM__ARRAY,
    ZLOOM__MAP,
    ZLOOM__EXT
} zloom__type_t;

typedef struct zloom__token {
    zloom__type_t type;
    int8_t ext_type;  //  EXT
    uint32_t length;  //  STR, BIN, EXT: bytes that follow; ARRAY, MAP: elements, pairs; else 0
    union {
        bool boolean;
        uint64_t u;
        int64_t i;
        double f;
    } value;
} zloom__token_t;

//  Big-endian numbers at any address.

static inline uint64_t zloom__load (const uint8_t *p, unsigned width)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (width) {
    case 1:
        return p[0];
    case 2:
        memcpy (&v16, p, 2);
        return be16toh (v16);
    case 4:
        memcpy (&v32, p, 4);
        return be32toh (v32);
    default:
        memcpy (&v64, p, 8);
        return be64toh (v64);
    }
}

static inline uint8_t *zloom__store (uint8_t *p, uint64_t value, unsigned width)
{
    uint64_t v64 = htobe64 (value << (64 - 8 * width));
    memcpy (p, &v64, width);
    return p + width;
}

static inline uint8_t *zloom__write_tag (uint8_t *p, uint8_t tag, uint64_t value, unsigned width)
{
    *p = tag;
    return zloom__store (p + 1, value, width);
}

static inline uint8_t *zloom__write_nil (uint8_t *p)
{
    *p = 0xc0;
    return p + 1;
}

static inline uint8_t *zloom__write_bool (uint8_t *p, bool value)
{
    *p = value ? 0xc3 : 0xc2;
    return p + 1;
}

static inline uint8_t *zloom__write_uint (uint8_t *p, uint64_t value)
{
    if (value < 0x80) {
        *p = (uint8_t) value;
        return p + 1;
    }
    if (value <= UINT8_MAX)
        return zloom__write_tag (p, 0xcc, value, 1);
    if (value <= UINT16_MAX)
        return zloom__write_tag (p, 0xcd, value, 2);
    if (value <= UINT32_MAX)
        return zloom__write_tag (p, 0xce, value, 4);
    return zloom__write_tag (p, 0xcf, value, 8);
}

static inline uint8_t *zloom__write_int (uint8_t *p, int64_t value)
{
    uint64_t bits = (uint64_t) value;
    if (value >= 0)
        return zloom__write_uint (p, bits);
    if (value >= -32) {
        *p = (uint8_t) bits;
        return p + 1;
    }
    if (value >= INT8_MIN)
        return zloom__write_tag (p, 0xd0, bits & 0xff, 1);
    if (value >= INT16_MIN)
        return zloom__write_tag (p, 0xd1, bits & 0xffff, 2);
    if (value >= INT32_MIN)
        return zloom__write_tag (p, 0xd2, bits & 0xffffffff, 4);
    return zloom__write_tag (p, 0xd3, bits, 8);
}

static inline uint8_t *zloom__write_float (uint8_t *p, double value)
{
    uint64_t bits;
    memcpy (&bits, &value, sizeof bits);
    return zloom__write_tag (p, 0xcb, bits, 8);
}

//  The heads of strings, bytes, arrays and maps; the content comes behind.

static inline uint8_t *zloom__write_str_head (uint8_t *p, uint32_t length)
{
    if (length < 32) {
        *p = (uint8_t) (0xa0 | length);
        return p + 1;
    }
    if (length <= UINT8_MAX)
        return zloom__write_tag (p, 0xd9, length, 1);
    if (length <= UINT16_MAX)
        return zloom__write_tag (p, 0xda, length, 2);
    return zloom__write_tag (p, 0xdb, length, 4);
}

static inline uint8_t *zloom__write_bin_head (uint8_t *p, uint32_t length)
{
    if (length <= UINT8_MAX)
        return zloom__write_tag (p, 0xc4, length, 1);
    if (length <= UINT16_MAX)
        return zloom__write_tag (p, 0xc5, length, 2);
    return zloom__write_tag (p, 0xc6, length, 4);
}

static inline uint8_t *zloom__write_ext_head (uint8_t *p, int8_t type, uint32_t length)
{
    bool is_fixed = length && length <= 16 && (length & (length - 1)) == 0;
    if (is_fixed)
        *p++ = (uint8_t) (0xd4 + __builtin_ctz (length));
    else if (length <= UINT8_MAX)
        p = zloom__write_tag (p, 0xc7, length, 1);
    else if (length <= UINT16_MAX)
        p = zloom__write_tag (p, 0xc8, length, 2);
    else
        p = zloom__write_tag (p, 0xc9, length, 4);
    *p = (uint8_t) type;
    return p + 1;
}

static inline uint8_t *zloom__write_array_head (uint8_t *p, uint32_t count)
{
    if (count < 16) {
        *p = (uint8_t) (0x90 | count);
        return p + 1;
    }
    if (count <= UINT16_MAX)
        return zloom__write_tag (p, 0xdc, count, 2);
    return zloom__write_tag (p, 0xdd, count, 4);
}

static inline uint8_t *zloom__write_map_head (uint8_t *p, uint32_t pairs)
{
    if (pairs < 16) {
        *p = (uint8_t) (0x80 | pairs);
        return p + 1;
    }
    if (pairs <= UINT16_MAX)
        return zloom__write_tag (p, 0xde, pairs, 2);
    return zloom__write_tag (p, 0xdf, pairs, 4);
}

static inline uint8_t *zloom__write_raw (uint8_t *p, zloom_bytes_t bytes)
{
    if (bytes.size)
        memcpy (p, bytes.data, bytes.size);
    return p + bytes.size;
}

static inline uint8_t *zloom__write_str (uint8_t *p, zloom_bytes_t string)
{
    return zloom__write_raw (zloom__write_str_head (p, (uint32_t) string.size), string);
}

//  Take what follows a tag as a big-endian number of `width` bytes.
static inline const uint8_t *zloom__take (const uint8_t *p, const uint8_t *end, unsigned width,
                                          uint64_t *ret_value)
{
    if ((size_t) (end - p) < width)
        return NULL;
    *ret_value = zloom__load (p, width);
    return p + width;
}

//  A head whose content of `length` bytes must be there too.
static inline const uint8_t *zloom__take_sized (const uint8_t *p, const uint8_t *end,
                                                unsigned width, zloom__token_t *ret_token)
{
    uint64_t length;
    p = zloom__take (p, end, width, &length);
    if (!p || (uint64_t) (end - p) < length)
        return NULL;
    ret_token->length = (uint32_t) length;
    return p;
}

//  Every element takes a byte or more, so a count above what is left is a lie;
//  saying so here means that nobody ever trusts one.
static inline const uint8_t *zloom__take_counted (const uint8_t *p, const uint8_t *end,
                                                  unsigned width, unsigned per_element,
                                                  zloom__token_t *ret_token)
{
    uint64_t count;
    p = zloom__take (p, end, width, &count);
    if (!p || (uint64_t) (end - p) < count * per_element)
        return NULL;
    ret_token->length = (uint32_t) count;
    return p;
}

static inline const uint8_t *zloom__take_ext (const uint8_t *p, const uint8_t *end, uint32_t length,
                                              zloom__token_t *ret_token)
{
    ret_token->type = ZLOOM__EXT;
    ret_token->length = length;
    if ((uint64_t) (end - p) < (uint64_t) length + 1)
        return NULL;
    ret_token->ext_type = (int8_t) *p;
    return p + 1;
}

static inline const uint8_t *zloom__take_signed (const uint8_t *p, const uint8_t *end,
                                                 unsigned width, zloom__token_t *ret_token)
{
    uint64_t bits;
    p = zloom__take (p, end, width, &bits);
    if (!p)
        return NULL;
    unsigned shift = 64 - 8 * width;
    int64_t value = (int64_t) (bits << shift) >> shift;
    ret_token->type = value < 0 ? ZLOOM__INT : ZLOOM__UINT;
    ret_token->value.i = value;
    return p;
}

static inline const uint8_t *zloom__take_float (const uint8_t *p, const uint8_t *end,
                                                unsigned width, zloom__token_t *ret_token)
{
    uint64_t bits;
    p = zloom__take (p, end, width, &bits);
    if (!p)
        return NULL;
    ret_token->type = ZLOOM__FLOAT;
    if (width == 8)
        memcpy (&ret_token->value.f, &bits, 8);
    else {
        uint32_t half = (uint32_t) bits;
        float single;
        memcpy (&single, &half, 4);
        ret_token->value.f = (double) single;
    }
    return p;
}

//  Take the token at p. Returns what follows its head: the next token, or for
//  STR, BIN and EXT the content, all of which is there. NULL: cut off, a count
//  that cannot be, the one tag (0xc1) that means nothing, or no p to begin with;
//  the token is then nil, or without its content.
static inline const uint8_t *zloom__read (const uint8_t *p, const uint8_t *end,
                                          zloom__token_t *ret_token)
{
    ret_token->type = ZLOOM__NIL;
    ret_token->length = 0;
    if (!p || p >= end)
        return NULL;
    uint8_t tag = *p++;

    //  The tags that carry their value in themselves.
    if (tag < 0x80 || tag >= 0xe0) {
        ret_token->type = tag < 0x80 ? ZLOOM__UINT : ZLOOM__INT;
        ret_token->value.i = (int8_t) tag;
        return p;
    }
    if (tag < 0xc0) {
        bool is_str = tag >= 0xa0;
        ret_token->type = is_str ? ZLOOM__STR : tag >= 0x90 ? ZLOOM__ARRAY : ZLOOM__MAP;
        ret_token->length = tag & (is_str ? 31 : 15);
        size_t least = (size_t) ret_token->length << (ret_token->type == ZLOOM__MAP);
        return (size_t) (end - p) < least ? NULL : p;
    }

    switch (tag) {
    case 0xc0:
        ret_token->type = ZLOOM__NIL;
        return p;
    case 0xc2:
    case 0xc3:
        ret_token->type = ZLOOM__BOOL;
        ret_token->value.boolean = tag == 0xc3;
        return p;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        ret_token->type = ZLOOM__BIN;
        return zloom__take_sized (p, end, 1u << (tag - 0xc4), ret_token);
    case 0xc7:
    case 0xc8:
    case 0xc9: {
        uint64_t length;
        p = zloom__take (p, end, 1u << (tag - 0xc7), &length);
        return p ? zloom__take_ext (p, end, (uint32_t) length, ret_token) : NULL;
    }
    case 0xca:
    case 0xcb:
        return zloom__take_float (p, end, tag == 0xca ? 4 : 8, ret_token);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        ret_token->type = ZLOOM__UINT;
        return zloom__take (p, end, 1u << (tag - 0xcc), &ret_token->value.u);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return zloom__take_signed (p, end, 1u << (tag - 0xd0), ret_token);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return zloom__take_ext (p, end, 1u << (tag - 0xd4), ret_token);
    case 0xd9:
    case 0xda:
    case 0xdb:
        ret_token->type = ZLOOM__STR;
        return zloom__take_sized (p, end, 1u << (tag - 0xd9), ret_token);
    case 0xdc:
    case 0xdd:
        ret_token->type = ZLOOM__ARRAY;
        return zloom__take_counted (p, end, tag == 0xdc ? 2 : 4, 1, ret_token);
    case 0xde:
    case 0xdf:
        ret_token->type = ZLOOM__MAP;
        return zloom__take_counted (p, end, tag == 0xde ? 2 : 4, 2, ret_token);
    default:
        return NULL;
    }
}

//  Walk over the whole value at p. It bounds neither depth nor counts, which is
//  for the check to do, but never looks past `end` either: NULL, as above.
static inline const uint8_t *zloom__pass (const uint8_t *p, const uint8_t *end)
{
    //  No levels to keep: the value ends where as many values have passed as
    //  its containers announced.
    uint64_t left = 1;
    while (left--) {
        zloom__token_t token;
        p = zloom__read (p, end, &token);
        if (!p)
            return NULL;
        if (token.type == ZLOOM__ARRAY || token.type == ZLOOM__MAP)
            left += (uint64_t) token.length << (token.type == ZLOOM__MAP);
        else
            p += token.length;
    }
    return p;
}

//  The same two for bytes that have passed the check, where they cannot fail.

static inline const uint8_t *zloom__read_checked (const uint8_t *p, const uint8_t *end,
                                                  zloom__token_t *ret_token)
{
    p = zloom__read (p, end, ret_token);
    zloom_assert (p);
    return p;
}

static inline const uint8_t *zloom__pass_checked (const uint8_t *p, const uint8_t *end)
{
    p = zloom__pass (p, end);
    zloom_assert (p);
    return p;
}

//  "string", for error texts.
static inline const char *zloom__type_name (zloom__type_t type)
{
    static const char *const names[] = {"nil",    "bool",  "int",   "int", "float",
                                        "string", "bytes", "array", "map", "extension"};
    return names[type];
}

#endif
