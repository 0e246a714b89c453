#include "base/guard_internal.h"

#include <pthread.h>

//  How many forks lie between the first process and this one. Cheaper than
//  asking getpid each time, which is a system call.
static atomic_uint s_generation;

static void s_count_fork (void)
{
    atomic_fetch_add (&s_generation, 1);
}

static void s_watch_forks (void)
{
    pthread_atfork (NULL, NULL, s_count_fork);
}

//  The address of a thread-local differs in each thread and is never 0.
static uintptr_t s_this_thread (void)
{
    static _Thread_local char mark;
    return (uintptr_t) &mark;
}

void zloom__guard_init (zloom__guard_t *self)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once (&once, s_watch_forks);
    atomic_init (&self->inside, 0);
    self->depth = 0;
    self->generation = atomic_load (&s_generation);
}

bool zloom__guard_is_forked (const zloom__guard_t *self)
{
    return self->generation != atomic_load_explicit (&s_generation, memory_order_relaxed);
}

zloom_reason_t zloom__guard_enter (zloom__guard_t *self)
{
    if (zloom__guard_is_forked (self))
        return ZLOOM_REASON_FORKED;
    uintptr_t me = s_this_thread (), nobody = 0;
    if (!atomic_compare_exchange_strong_explicit (&self->inside, &nobody, me, memory_order_acquire,
                                                  memory_order_relaxed)
        && nobody != me)
        return ZLOOM_REASON_SECOND_THREAD;
    self->depth++;
    return ZLOOM_REASON_NONE;
}

void zloom__guard_leave (zloom__guard_t *self)
{
    if (--self->depth == 0)
        atomic_store_explicit (&self->inside, 0, memory_order_release);
}
