//  zloom_walk - takes a packed array or map apart, element by element
//
//  Pictures (data/pack.h) name every element; this is for values whose number
//  of elements only the bytes know. Allocates nothing and copies nothing.
//
//      zloom_walk_t walk;
//      zloom_bytes_t element;
//      for (zloom_walk_begin (&walk, list); zloom_walk_next (&walk, &element);)
//          ...zloom_unpack (element, ...)...
//
//  Threads: any (a plain value).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_WALK_H
#define ZLOOM_DATA_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  Where a walk is. Plain data; copy it to come back to a place.
typedef struct zloom_walk {
    zloom_bytes_t rest;  //  What has not been walked over
    uint64_t left;       //  Elements in it
    bool is_map;         //  Keys and values take turns
} zloom_walk_t;

//  Begin with the elements of an array, or the keys and values of a map, each
//  key before its value. False, and a walk without elements, where `value` is
//  neither. Borrows value as long as the walk is used. The bytes have passed
//  zloom_check, as everything has that a client or a call hands out.
ZLOOM_EXPORT bool zloom_walk_begin (zloom_walk_t *self, zloom_bytes_t value);

//  The next element, packed; borrows from the value. False after the last, and
//  where bytes that were never checked turn out to be no MessagePack.
ZLOOM_EXPORT bool zloom_walk_next (zloom_walk_t *self, zloom_bytes_t *ret_element);

#ifdef __cplusplus
}
#endif

#endif
