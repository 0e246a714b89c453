//  zloom_assert - stops the process when zloom itself is wrong
//
//  Stays on in release builds. Only for invariants of our own: what a caller
//  passes is INVALID_ARGUMENT, what a peer sends is a counted, named error,
//  and neither is ever asserted on. The expression has no side effects.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_ASSERT_H
#define ZLOOM_BASE_ASSERT_H

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

#define zloom_assert(expression)                     \
    (__builtin_expect (!!(expression), 1) ? (void) 0 \
                                          : zloom_assert_failed (#expression, __FILE__, __LINE__))

//  Says which expression failed, and that it is a bug in zloom, then aborts.
ZLOOM_EXPORT __attribute__ ((noreturn, cold)) void zloom_assert_failed (const char *expression,
                                                                        const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
