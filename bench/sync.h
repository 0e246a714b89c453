//  sync - rounds of calls of which each waits for the one before
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_SYNC_H
#define ZLOOM_BENCH_SYNC_H

#include "contest.h"

//  A section of such rounds. Needs `calls`; sets the round. Borrows contest
//  until the section was run.
section_t sync_section (contest_t *contest, const char *what, unsigned rounds);

#endif
