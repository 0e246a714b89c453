//  heap - an allocator for tests, that counts and fails when told
//
//  Stands in for malloc in zloom's own code between heap_install and
//  heap_remove. Fail-until-ok: install with fail_at 1, 2, ... until the code
//  under test succeeds, and look that nothing is out after each failure.
//
//  Threads: any, between install and remove.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_HEAP_H
#define ZLOOM_TESTS_SUPPORT_HEAP_H

#include <stddef.h>

//  What has been asked of it since it was installed.
typedef struct heap {
    _Atomic size_t asked;  //  Allocations and reallocations
    _Atomic size_t out;    //  Blocks not given back
    size_t fail_at;        //  Number of the one that fails, from 1; 0 = none
} heap_t;

//  Use it. Borrows self, which counts from zero again, until heap_remove.
void heap_install (heap_t *self, size_t fail_at);

//  Use malloc again.
void heap_remove (void);

#endif
