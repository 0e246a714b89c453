//  value - random MessagePack, and what msgpack-c thinks of it
//
//  The other implementation that ours is held against.
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_VALUE_H
#define ZLOOM_TESTS_SUPPORT_VALUE_H

#include <stdint.h>

#include <msgpack.h>

#include "base/random.h"

//  Append a value of any type, packed by msgpack-c, nested at most `depth`
//  deep. Numbers and lengths crowd around the places where encodings change.
void value_pack_random (msgpack_sbuffer *buffer, zloom_random_t *random, unsigned depth);

//  Read the value at p token by token, and hold it against what msgpack-c
//  unpacked. Returns what follows it, or NULL where the two differ.
const uint8_t *value_compare (const uint8_t *p, const uint8_t *end, const msgpack_object *object);

#endif
