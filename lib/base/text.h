//  zloom_text - shows untrusted bytes safely
//
//  Peer bytes reach a log, an error text or a terminal only through here.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_TEXT_H
#define ZLOOM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  Write `bytes` into `ret_text` (a NUL-terminated string of at most `size`
//  bytes, NUL included) with every control character (C0, DEL, C1), backslash
//  and byte that is not valid UTF-8 as \xNN. What does not fit is cut at a
//  character and ends in "...". Returns ret_text.
ZLOOM_EXPORT char *zloom_text_escape (char *ret_text, size_t size, zloom_bytes_t bytes);

//  The length in bytes of the UTF-8 character at `bytes` (1 to 4), or 0 where
//  it is not valid UTF-8 (overlong forms and surrogates included).
ZLOOM_EXPORT size_t zloom_text_utf8 (zloom_bytes_t bytes);

//  Whether all bytes are valid UTF-8 characters; true of none.
ZLOOM_EXPORT bool zloom_text_is_utf8 (zloom_bytes_t bytes);

#ifdef __cplusplus
}
#endif

#endif
