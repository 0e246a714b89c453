//  zloom__chunk - memory that bytes are read into, shared by whoever keeps some
//
//  The reader holds it, and so does each frame that is kept; the last one gives
//  it back.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_CHUNK_INTERNAL_H
#define ZLOOM_NET_CHUNK_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

typedef struct zloom__chunk {
    size_t holders;
    size_t capacity;
    uint8_t data[];
} zloom__chunk_t;

//  Make one with one holder. NULL: no memory.
static inline zloom__chunk_t *zloom__chunk_new (size_t capacity)
{
    zloom__chunk_t *self = (zloom__chunk_t *) zloom_realloc (NULL, sizeof *self + capacity);
    if (self) {
        self->holders = 1;
        self->capacity = capacity;
    }
    return self;
}

//  Hold it no longer; NULL is allowed.
static inline void zloom__chunk_drop (zloom__chunk_t **self_p)
{
    zloom__chunk_t *self = *self_p;
    *self_p = NULL;
    if (self && --self->holders == 0)
        zloom_free (self);
}

#endif
