//  zloom__handover - tells the thread sanitizer what it cannot see
//
//  libzmq is not built with the sanitizer. That a message which one thread has
//  filled is read by another only after it went through libzmq's queue is then
//  said here; in any other build it costs nothing.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_HANDOVER_INTERNAL_H
#define ZLOOM_BASE_HANDOVER_INTERNAL_H

#ifdef __SANITIZE_THREAD__

void __tsan_acquire (void *memory);
void __tsan_release (void *memory);

//  The memory goes to another thread; this one has done with it.
static inline void zloom__hand_over (void *memory)
{
    __tsan_release (memory);
}

//  The memory came from another thread.
static inline void zloom__take_over (void *memory)
{
    __tsan_acquire (memory);
}

#else

static inline void zloom__hand_over (void *memory)
{
    (void) memory;
}

static inline void zloom__take_over (void *memory)
{
    (void) memory;
}

#endif

#endif
