//  fuzz - what the fuzz targets assert with
//
//  Ends the program whatever it was compiled with, so that a fuzzer sees it.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_FUZZ_H
#define ZLOOM_TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define fuzz_assert(expression)                                                       \
    do {                                                                              \
        if (!(expression)) {                                                          \
            fprintf (stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #expression); \
            abort ();                                                                 \
        }                                                                             \
    } while (0)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#endif
