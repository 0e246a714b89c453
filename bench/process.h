//  process - other processes of a benchmark, which never outlive it
//
//  Whoever starts one has to bound what it waits for (watch.h): the end of a
//  process takes those that it started with it.
//
//  Threads: main of a process.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_PROCESS_H
#define ZLOOM_BENCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

//  fork(2), with a child that dies when this process does.
pid_t process_fork (void);

//  Another process, seen from the one that started it.
typedef struct process {
    const char *name;  //  For errors; borrowed
    pid_t pid;
    int input;   //  Its end is the process's word to end; -1 = closed
    int output;  //  What it says to us; -1 = closed
} process_t;

//  Runs in the process that was started, which ends with it.
typedef void (process_fn) (void *context, int input, int output);

process_t process_start (const char *name, process_fn *run, void *context);

//  Say that this process is ready to be used.
void process_say_ready (int output);

//  Wait until a process has said so: a line "ready".
void process_await_ready (const process_t *self);

//  Read exactly so many bytes of what it says.
void process_read (const process_t *self, void *ret_data, size_t size);

void process_write (int descriptor, const void *data, size_t size);

//  Close its input, and wait until it has ended, as it must, with 0.
void process_join (process_t *self);

//  End it at once.
void process_kill (process_t *self);

//  Processor time that a process has used so far, in nanoseconds.
int64_t process_cpu_ns (pid_t pid);

//  Memory of it that is in RAM.
size_t process_resident_bytes (pid_t pid);

//  How many descriptors it has.
unsigned process_descriptors (pid_t pid);

#endif
