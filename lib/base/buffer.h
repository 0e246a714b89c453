//  zloom_buffer - bytes that grow, and are used again
//
//  A plain struct, zero-initialised (`zloom_buffer_t b = {0};`), that keeps
//  its memory across zloom_buffer_reset: after a few messages a buffer has
//  the size of the largest, and allocates no more. When memory runs out it
//  turns `failed`, every later append does nothing, and the owner looks once,
//  at the end.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_BUFFER_H
#define ZLOOM_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zloom_buffer {
    uint8_t *data;    //  Owned; moves when it grows
    size_t size;      //  Bytes in use
    size_t capacity;  //  Bytes allocated
    bool failed;      //  Memory ran out since the last reset
} zloom_buffer_t;

//  Give the memory back; the buffer is empty and usable again.
ZLOOM_EXPORT void zloom_buffer_clear (zloom_buffer_t *self);

//  Empty it and keep the memory.
static inline void zloom_buffer_reset (zloom_buffer_t *self)
{
    self->size = 0;
    self->failed = false;
}

//  Make room for `more` bytes behind what is there. False, and failed set,
//  when there is no memory; what is there stays.
ZLOOM_EXPORT bool zloom_buffer_grow (zloom_buffer_t *self, size_t more);

//  The same; the common case costs a comparison.
static inline bool zloom_buffer_reserve (zloom_buffer_t *self, size_t more)
{
    return self->capacity - self->size >= more || zloom_buffer_grow (self, more);
}

//  Append bytes. False as with reserve, and once failed always.
ZLOOM_EXPORT bool zloom_buffer_append (zloom_buffer_t *self, const void *data, size_t size);

//  What is in it; borrowed until the buffer changes.
static inline zloom_bytes_t zloom_buffer_bytes (const zloom_buffer_t *self)
{
    return zloom_bytes (self->data, self->size);
}

#ifdef __cplusplus
}
#endif

#endif
