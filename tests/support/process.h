//  process - another process, and what it costs, as the system tells
//
//  Threads: one at a time; fork before there are others.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_PROCESS_H
#define ZLOOM_TESTS_SUPPORT_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/time.h"

//  As fork, but the child ends with its parent, and prints nothing of it again.
pid_t process_fork (void);

//  Send a signal and wait for the end. Returns the exit status, or minus the
//  signal that ended it.
int process_end (pid_t pid, int signal);

//  Wait for the end; as process_end.
int process_wait (pid_t pid);

//  Memory that it has in use, in KiB.
size_t process_resident_kib (pid_t pid);

//  Descriptors that it has open.
unsigned process_descriptors (pid_t pid);

//  Time that it has had of processors.
zloom_time_t process_busy (pid_t pid);

//  Allow this process as many descriptors as it may have, or so many.
void process_allow_descriptors (unsigned most);

//  How many it is allowed.
unsigned process_descriptors_allowed (void);

#endif
