#include "net/runtime.h"
#include "net/runtime_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/guard_internal.h"
#include "base/memory.h"

#include <zmq.h>

struct zloom_runtime {
    void *context;         //  libzmq's
    bool is_borrowed;      //  The host's: never terminated here
    zloom__guard_t guard;  //  Only for what it knows of forks
};

//  The process's default.
static struct {
    pthread_mutex_t lock;
    zloom_runtime_t *runtime;
    unsigned users;
} s_default = {.lock = PTHREAD_MUTEX_INITIALIZER};

//  A context's own threads and mailboxes, with room for its first sockets.
static const unsigned s_context_descriptors = 16;

//  libzmq's bound is 1023; a client takes two sockets for each endpoint.
static const int s_max_sockets = 65535;

bool zloom__descriptors_left (unsigned count)
{
    int taken[32];
    unsigned got = 0;
    if (count > sizeof taken / sizeof taken[0])
        count = sizeof taken / sizeof taken[0];
    while (got < count && (taken[got] = eventfd (0, EFD_CLOEXEC)) >= 0)
        got++;
    for (unsigned i = 0; i < got; i++)
        close (taken[i]);
    return got == count;
}

static zloom_runtime_t *s_new (void *context, bool is_borrowed)
{
    zloom_runtime_t *self = (zloom_runtime_t *) zloom_alloc (sizeof *self);
    if (self) {
        self->context = context;
        self->is_borrowed = is_borrowed;
        zloom__guard_init (&self->guard);
    }
    return self;
}

zloom_runtime_t *zloom_runtime_new (zloom_error_t *reterr)
{
    if (!zloom__descriptors_left (s_context_descriptors)) {
        zloom_error_set (reterr, ZLOOM_REASON_DESCRIPTORS,
                         "fewer than %u file descriptors are left; raise the limit (ulimit -n)",
                         s_context_descriptors);
        return NULL;
    }
    void *context = zmq_ctx_new ();
    zloom_runtime_t *self = context ? s_new (context, false) : NULL;
    if (!self) {
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "no ZeroMQ context: out of memory");
        if (context)
            zmq_ctx_term (context);
        return NULL;
    }
    zmq_ctx_set (context, ZMQ_MAX_SOCKETS, s_max_sockets);
    return self;
}

zloom_runtime_t *zloom_runtime_wrap (void *zmq_context, zloom_error_t *reterr)
{
    if (!zmq_context) {
        zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT, "no ZeroMQ context was given");
        return NULL;
    }
    zloom_runtime_t *self = s_new (zmq_context, true);
    if (!self)
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a runtime");
    return self;
}

void zloom_runtime_destroy (zloom_runtime_t **self_p)
{
    zloom_runtime_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    //  A forked child has none of the context's threads; ending it would hang.
    if (!self->is_borrowed && !zloom__guard_is_forked (&self->guard))
        while (zmq_ctx_term (self->context) == -1 && errno == EINTR)
            ;
    zloom_free (self);
}

void *zloom_runtime_context (const zloom_runtime_t *self)
{
    return self->context;
}

//  Locks: s_default.lock is held.
static zloom_runtime_t *s_acquire_default_locked (zloom_error_t *reterr)
{
    //  Its parent's is of no use to a forked child; it makes its own.
    if (s_default.runtime && zloom__guard_is_forked (&s_default.runtime->guard)) {
        s_default.runtime = NULL;
        s_default.users = 0;
    }
    if (!s_default.runtime)
        s_default.runtime = zloom_runtime_new (reterr);
    if (s_default.runtime)
        s_default.users++;
    return s_default.runtime;
}

zloom_runtime_t *zloom__runtime_acquire (zloom_runtime_t *given, zloom_error_t *reterr)
{
    if (given && zloom__guard_is_forked (&given->guard)) {
        zloom_error_set (reterr, ZLOOM_REASON_FORKED,
                         "the runtime was made before a fork; make a new one");
        return NULL;
    }
    if (given)
        return given;
    pthread_mutex_lock (&s_default.lock);
    zloom_runtime_t *self = s_acquire_default_locked (reterr);
    pthread_mutex_unlock (&s_default.lock);
    return self;
}

void zloom__runtime_release (zloom_runtime_t **self_p)
{
    zloom_runtime_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    zloom_runtime_t *last = NULL;
    pthread_mutex_lock (&s_default.lock);
    if (self == s_default.runtime && --s_default.users == 0) {
        last = self;
        s_default.runtime = NULL;
    }
    pthread_mutex_unlock (&s_default.lock);
    //  Outside the lock: terminating waits for what is still to be sent.
    zloom_runtime_destroy (&last);
}
