//  async - rounds of calls of which many are under way at a time
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_ASYNC_H
#define ZLOOM_BENCH_ASYNC_H

#include "contest.h"

//  Sections of such rounds; each sets the contest's round. They need `ms` and
//  `window`. Borrow contest until the section was run.

//  As many calls as go, so many under way: calls a second, and latency.
section_t async_window_section (contest_t *contest, unsigned rounds);

//  The same, for large bodies: bytes a second.
section_t async_bulk_section (contest_t *contest, unsigned rounds);

//  A fixed rate, open loop: latency from when a call should have begun. Needs
//  `rate_per_s`.
section_t async_rate_section (contest_t *contest, unsigned rounds);

#endif
