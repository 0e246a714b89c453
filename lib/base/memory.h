//  zloom_memory - the one place where zloom gets memory
//
//  A table of three functions, malloc's by default, replaceable once before
//  anything else is called. Everything that zloom allocates for itself passes
//  here; libzmq, msgpack-c and jansson below it keep their own ways.
//
//  Threads: any; zloom_memory_set before the first use only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_MEMORY_H
#define ZLOOM_BASE_MEMORY_H

#include <stddef.h>

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  An allocator. All three are needed; they have the meaning of malloc,
//  realloc and free, are called from any thread, and get `context` last.
typedef struct zloom_memory {
    void *(*alloc) (size_t size, void *context);
    void *(*realloc) (void *memory, size_t size, void *context);
    void (*free) (void *memory, void *context);
    void *context;  //  Must outlive every object of zloom
} zloom_memory_t;

//  Replace the allocator. Copies the table; NULL = malloc's again. Call it
//  while no object of zloom exists.
ZLOOM_EXPORT void zloom_memory_set (const zloom_memory_t *memory);

//  Allocate `size` bytes, zeroed. NULL when there is no memory.
ZLOOM_EXPORT void *zloom_alloc (size_t size);

//  Resize; NULL when there is no memory, and then `memory` is as before.
ZLOOM_EXPORT void *zloom_realloc (void *memory, size_t size);

//  Give back. NULL is allowed.
ZLOOM_EXPORT void zloom_free (void *memory);

//  Copy a string. NULL when there is no memory. The caller owns the result
//  and gives it back with zloom_free.
ZLOOM_EXPORT char *zloom_strdup (const char *string);

#ifdef __cplusplus
}
#endif

#endif
