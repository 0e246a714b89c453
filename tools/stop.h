//  stop - Ctrl-C and SIGTERM as something that a poll loop sees
//
//  The first signal asks the command to drain, the second to quit at once. A
//  command that has nothing to drain does not open this, and simply dies.
//
//  Threads: main only; stop_open before any thread is started.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_STOP_H
#define ZLOOM_TOOLS_STOP_H

#include <spawn.h>

typedef enum stop_wish { STOP_NO, STOP_DRAIN, STOP_QUIT } stop_wish_t;

//  Take SIGINT and SIGTERM away from their default. Returns a descriptor that
//  is readable when one has come, or -1 (reported).
int stop_open (void);

//  What has been asked for so far.
stop_wish_t stop_wish (void);

//  At the end: a further signal ends the process at once.
void stop_close (void);

//  130 or 143 by the signal that came first; `otherwise` if none has.
int stop_exit_code (int otherwise);

//  Give a child the signals as they were before. Returns 0, or an errno.
int stop_spare_child (posix_spawnattr_t *attributes);

#endif
