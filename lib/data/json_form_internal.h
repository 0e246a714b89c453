//  zloom__json_form - what both directions of the JSON bridge agree on
//
//  The reserved keys, and base64 (RFC 4648, section 4: padded, canonical).
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_DATA_JSON_FORM_INTERNAL_H
#define ZLOOM_DATA_JSON_FORM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

//  Objects with one key that mean something else.
typedef enum zloom__json_form {
    ZLOOM__JSON_BIN,
    ZLOOM__JSON_STR,
    ZLOOM__JSON_EXT,
    ZLOOM__JSON_MAP,
    ZLOOM__JSON_UINT,
    ZLOOM__JSON_FLOAT,
    ZLOOM__JSON_NO_FORM
} zloom__json_form_t;

//  "$bin".
const char *zloom__json_form_key (zloom__json_form_t form);

//  The form of a key, or NO_FORM.
zloom__json_form_t zloom__json_form_from (zloom_bytes_t key);

//  How long the base64 of so many bytes is.
size_t zloom__base64_length (size_t size);

//  Write the base64 of `bytes`; returns what follows it.
uint8_t *zloom__base64_encode (uint8_t *p, zloom_bytes_t bytes);

//  How many bytes a base64 text stands for, if it is one.
size_t zloom__base64_size (zloom_bytes_t text);

//  Write the bytes of a base64 text; returns what follows them, or NULL where
//  the text is not canonical base64.
uint8_t *zloom__base64_decode (uint8_t *p, zloom_bytes_t text);

#endif
