//  fail - says what went wrong and ends the process
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_FAIL_H
#define ZLOOM_BENCH_FAIL_H

#include "base/export.h"

//  Print "bench: " and a line to stderr, and exit with 1.
__attribute__ ((noreturn)) void fail (const char *format, ...) ZLOOM_PRINTF (1, 2);

//  The same, with the system's word for errno behind it.
__attribute__ ((noreturn)) void fail_errno (const char *what);

#endif
