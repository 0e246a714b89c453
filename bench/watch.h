//  watch - a section's process neither hangs nor waits for the dead
//
//  Threads: main of a process.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_WATCH_H
#define ZLOOM_BENCH_WATCH_H

//  From here on the end of any process that this one started ends this one.
void watch_begin (void);

//  Processes may end again.
void watch_end (void);

//  What is done from here on, in the turn of `name`, may take so many seconds;
//  after that this process ends, and says whose turn it was.
void watch_for (const char *name, unsigned seconds);

#endif
