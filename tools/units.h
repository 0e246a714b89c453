//  units - durations, sizes and counts as people write them
//
//  One parser for each, used for what is typed and for the defaults in the
//  option tables alike.
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_UNITS_H
#define ZLOOM_TOOLS_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

//  "250ms", "1.5s", "3", "2m", "1h", "10us", "never". A number without a unit
//  is in seconds. False where it is none of these.
bool units_duration (const char *text, zloom_time_t *ret_duration);

//  The same the other way: "250ms", "3s", "1.5s". Returns ret_text.
const char *units_show_duration (char ret_text[32], zloom_time_t duration);

//  "512", "64k", "64KiB", "1M", "1MiB", "1g": bytes, in powers of 1024. False
//  where it is none of these.
bool units_size (const char *text, size_t *ret_size);

//  A whole number from 0.
bool units_count (const char *text, uint64_t *ret_count);

#endif
