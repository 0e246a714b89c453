//  expect - small things that tests of bytes and errors share
//
//  For programs of cmocka; include after it.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_EXPECT_H
#define ZLOOM_TESTS_SUPPORT_EXPECT_H

#include "base/bytes.h"
#include "base/error.h"

//  Bytes given one by one.
#define BYTES(...) \
    zloom_bytes ((const uint8_t[]){__VA_ARGS__}, sizeof ((const uint8_t[]){__VA_ARGS__}))

//  An error that was raised here, in full.
#define expect_error(error, expected_reason, expected_text)                    \
    do {                                                                       \
        assert_string_equal ((error)->text, expected_text);                    \
        assert_int_equal ((error)->reason, expected_reason);                   \
        assert_int_equal ((error)->code, zloom_reason_code (expected_reason)); \
        assert_int_equal ((error)->origin, ZLOOM_HERE);                        \
    } while (0)

#endif
