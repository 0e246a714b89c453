//  zloom_bytes - a piece of memory that somebody else owns
//
//  A pointer and a length, passed by value. Borrows what it points to; the
//  function that hands one out says until when.
//  Threads: any (a plain value).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_BYTES_H
#define ZLOOM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct zloom_bytes {
    const uint8_t *data;  //  NULL only where size is 0
    size_t size;
} zloom_bytes_t;

//  Wrap memory.
static inline zloom_bytes_t zloom_bytes (const void *data, size_t size)
{
    zloom_bytes_t bytes = {(const uint8_t *) data, size};
    return bytes;
}

//  Wrap a C string, without its final NUL. NULL gives no bytes.
static inline zloom_bytes_t zloom_bytes_str (const char *string)
{
    return zloom_bytes (string, string ? strlen (string) : 0);
}

static inline bool zloom_bytes_equal (zloom_bytes_t a, zloom_bytes_t b)
{
    return a.size == b.size && (a.size == 0 || memcmp (a.data, b.data, a.size) == 0);
}

#endif
