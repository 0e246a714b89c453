#include "net/pool_internal.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/memory.h"

//  A list, first in first out.
typedef struct {
    zloom__job_t *first;
    zloom__job_t **end;  //  Where the next one is hung
} queue_t;

struct zloom__pool {
    void (*done) (void *context);
    void *context;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;  //  Work came, or the end
        queue_t waiting;
        queue_t finished;
        bool is_ending;
    } shared;
    unsigned count;
    pthread_t threads[];
};

static void s_queue_init (queue_t *self)
{
    self->first = NULL;
    self->end = &self->first;
}

static void s_queue_put (queue_t *self, zloom__job_t *job)
{
    job->next = NULL;
    *self->end = job;
    self->end = &job->next;
}

static zloom__job_t *s_queue_take (queue_t *self)
{
    zloom__job_t *job = self->first;
    if (job) {
        self->first = job->next;
        if (!self->first)
            self->end = &self->first;
    }
    return job;
}

//  Locks: takes and gives back the pool's lock. NULL: the pool ends.
static zloom__job_t *s_await_job (zloom__pool_t *self)
{
    pthread_mutex_lock (&self->shared.lock);
    while (!self->shared.waiting.first && !self->shared.is_ending)
        pthread_cond_wait (&self->shared.changed, &self->shared.lock);
    zloom__job_t *job = self->shared.is_ending ? NULL : s_queue_take (&self->shared.waiting);
    pthread_mutex_unlock (&self->shared.lock);
    return job;
}

//  Thread: a worker.
static void *s_work (void *argument)
{
    zloom__pool_t *self = (zloom__pool_t *) argument;
    zloom__job_t *job;
    while ((job = s_await_job (self))) {
        job->run (job);
        pthread_mutex_lock (&self->shared.lock);
        s_queue_put (&self->shared.finished, job);
        pthread_mutex_unlock (&self->shared.lock);
        self->done (self->context);
    }
    return NULL;
}

//  Signals are the program's business, not that of threads it does not know.
static int s_start_thread (zloom__pool_t *self)
{
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int error = pthread_create (&self->threads[self->count], NULL, s_work, self);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    self->count += error == 0;
    return error;
}

zloom__pool_t *zloom__pool_new (unsigned workers, void (*done) (void *context), void *context,
                                zloom_error_t *reterr)
{
    zloom__pool_t *self =
        (zloom__pool_t *) zloom_alloc (sizeof *self + workers * sizeof self->threads[0]);
    if (!self) {
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for worker threads");
        return NULL;
    }
    self->done = done;
    self->context = context;
    pthread_mutex_init (&self->shared.lock, NULL);
    pthread_cond_init (&self->shared.changed, NULL);
    s_queue_init (&self->shared.waiting);
    s_queue_init (&self->shared.finished);

    int error = 0;
    while (self->count < workers && !error)
        error = s_start_thread (self);
    if (error) {
        zloom_error_set (reterr, ZLOOM_REASON_SYSTEM, "worker thread %u of %u: %s", self->count + 1,
                         workers, strerror (error));
        zloom__pool_destroy (&self);
    }
    return self;
}

void zloom__pool_destroy (zloom__pool_t **self_p)
{
    zloom__pool_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    pthread_mutex_lock (&self->shared.lock);
    self->shared.is_ending = true;
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.lock);
    for (unsigned i = 0; i < self->count; i++)
        pthread_join (self->threads[i], NULL);
    pthread_cond_destroy (&self->shared.changed);
    pthread_mutex_destroy (&self->shared.lock);
    zloom_free (self);
}

void zloom__pool_submit (zloom__pool_t *self, zloom__job_t *job)
{
    pthread_mutex_lock (&self->shared.lock);
    s_queue_put (&self->shared.waiting, job);
    pthread_cond_signal (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.lock);
}

zloom__job_t *zloom__pool_take (zloom__pool_t *self)
{
    pthread_mutex_lock (&self->shared.lock);
    zloom__job_t *job = s_queue_take (&self->shared.finished);
    pthread_mutex_unlock (&self->shared.lock);
    return job;
}
