//  guarded - memory with nothing behind it
//
//  Bytes that end where a page ends which must not be touched, so that a read
//  of one byte too many ends the program, with a sanitizer or without.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_GUARDED_H
#define ZLOOM_TESTS_SUPPORT_GUARDED_H

#include "base/bytes.h"

typedef struct guarded {
    uint8_t *pages;
    size_t size;  //  Of the pages that may be read, and behind them is one more
} guarded_t;

//  Make room for up to `most` bytes. Ends the program where that fails.
guarded_t guarded_new (size_t most);

//  Copy bytes to the very end; they stay there until the next time.
zloom_bytes_t guarded_put (guarded_t *self, zloom_bytes_t bytes);

void guarded_clear (guarded_t *self);

#endif
