#include "net/port_internal.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/direct_internal.h"
#include "net/pool_internal.h"
#include "net/readiness_internal.h"
#include "net/runtime_internal.h"
#include "net/zmq_channel_internal.h"
#include "policy/spin_internal.h"

//  Endpoints of one client or server.
enum { CHANNELS_MAX = 64 };

//  Turns of a busy port until it asks epoll all the same, for what only that
//  can tell: what monitors say, and that it is time to connect again.
enum { LOOKS_WITHOUT_POLL = 64 };

//  A port with both engines: each channel has one of them.
typedef struct {
    zloom__port_t port;  //  First: a port is cast to this
    zloom_engine_t engine;
    zloom_runtime_t *runtime;  //  NULL until a channel of libzmq's needs it
    zloom_random_t random;
    unsigned count;                                //  Channels
    zloom__zmq_channel_t *channels[CHANNELS_MAX];  //  NULL where it is a direct one
    zloom__socket_streams_t streams;
    zloom__direct_t direct;
    bool has_direct;
    bool is_of_direct;  //  The event at hand
    unsigned first;     //  Where the next look begins; fairness
    unsigned unpolled;  //  Looks since epoll was asked
    zloom__spin_t spin;
    bool is_spinning;
    zmq_msg_t body;       //  Of the event at hand, if it is libzmq's
    zloom__pool_t *pool;  //  NULL without workers
    int wake_fd;
    atomic_bool was_woken;  //  By wake: told as WOKEN
    atomic_bool has_jobs;   //  By the pool: told as JOB
    zloom__readiness_t readiness;
} real_port_t;

static real_port_t *s_self (zloom__port_t *port)
{
    return (real_port_t *) port;
}

static void s_ring (real_port_t *self)
{
    uint64_t one = 1;
    int was = errno;
    //  A full counter is as readable as can be.
    ssize_t written = write (self->wake_fd, &one, sizeof one);
    (void) written;
    errno = was;
}

//  Thread: any. Async-signal-safe.
static void s_wake (zloom__port_t *port)
{
    atomic_store (&s_self (port)->was_woken, true);
    s_ring (s_self (port));
}

//  Thread: a worker.
static void s_job_done (void *context)
{
    real_port_t *self = (real_port_t *) context;
    atomic_store (&self->has_jobs, true);
    s_ring (self);
}

static zloom_time_t s_now (zloom__port_t *port)
{
    (void) port;
    return zloom_time_now ();
}

static uint64_t s_random (zloom__port_t *port)
{
    return zloom_random_next (&s_self (port)->random);
}

static void s_watch (real_port_t *self, const zloom__zmq_channel_t *channel)
{
    zloom__readiness_watch (&self->readiness, channel->sockets.fd);
    zloom__readiness_watch (&self->readiness, channel->sockets.monitor_fd);
}

static zloom_code_t s_open_zmq (real_port_t *self, const zloom__channel_options_t *options,
                                zloom_error_t *reterr)
{
    zloom_error_t error;
    if (!self->runtime && !(self->runtime = zloom__runtime_acquire (NULL, &error)))
        return zloom_error_set (reterr, error.reason, "%s", error.text);
    zloom__zmq_channel_t *channel = (zloom__zmq_channel_t *) zloom_alloc (sizeof *channel);
    if (!channel)
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for an endpoint");
    zloom_code_t code = zloom__zmq_channel_open (channel, zloom_runtime_context (self->runtime),
                                                 self->count, options, &self->random, reterr);
    if (code) {
        zloom_free (channel);
        return code;
    }
    self->channels[self->count] = channel;
    s_watch (self, channel);
    return ZLOOM_OK;
}

static zloom_code_t s_open (zloom__port_t *port, const zloom__channel_options_t *options,
                            zloom__channel_t *ret_channel, zloom_error_t *reterr)
{
    real_port_t *self = s_self (port);
    if (self->count == CHANNELS_MAX)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT, "more than %d endpoints",
                                CHANNELS_MAX);
    const char *list = options->endpoint;
    zloom__endpoint_t endpoint;
    zloom_code_t code;
    if (!zloom__endpoint_next (&list, &endpoint, &code, reterr))
        return code ? code
                    : zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "no endpoint was given");
    bool is_inproc = endpoint.transport == ZLOOM__INPROC;
    if (is_inproc && self->engine == ZLOOM_ENGINE_DIRECT)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT,
                                "'%s': the direct engine has no inproc", endpoint.text);
    bool is_direct = !is_inproc && self->engine != ZLOOM_ENGINE_LIBZMQ;
    code = is_direct ? zloom__direct_open (&self->direct, self->count, &endpoint, options,
                                           zloom__port_refresh (port), reterr)
                     : s_open_zmq (self, options, reterr);
    if (code)
        return code;
    self->has_direct = self->has_direct || is_direct;
    *ret_channel = self->count++;
    return ZLOOM_OK;
}

static zloom_code_t s_send (zloom__port_t *port, zloom__channel_t channel, zloom__link_t link,
                            zloom_bytes_t envelope, const zloom_bytes_t *parts, size_t count)
{
    real_port_t *self = s_self (port);
    zloom__zmq_channel_t *zmq = self->channels[channel];
    return zmq ? zloom__zmq_channel_send (zmq, link, envelope, parts, count)
               : zloom__direct_send (&self->direct, link, envelope, parts, count, port->now);
}

static void s_flush (zloom__port_t *port)
{
    zloom__direct_flush (&s_self (port)->direct);
}

//  Waiting.

//  When a channel wants to be looked at by itself.
static zloom_time_t s_due (const real_port_t *self)
{
    zloom_time_t at = zloom__direct_due (&self->direct);
    for (unsigned i = 0; i < self->count; i++)
        if (self->channels[i])
            at = zloom_time_min (at, self->channels[i]->reopen_at);
    return at;
}

//  A socket that is given up closes its descriptors some time later; until
//  then they would wake us for nothing.
static void s_tend (real_port_t *self)
{
    zloom__direct_tend (&self->direct, self->port.now);
    for (unsigned i = 0; i < self->count; i++) {
        if (!self->channels[i])
            continue;
        const zloom__zmq_sockets_t old = self->channels[i]->sockets;
        if (!zloom__zmq_channel_reopen (self->channels[i], self->port.now, &self->random))
            continue;
        zloom__readiness_unwatch (&self->readiness, old.fd);
        zloom__readiness_unwatch (&self->readiness, old.monitor_fd);
        s_watch (self, self->channels[i]);
    }
}

//  A descriptor is ready. What libzmq's sockets have is found by looking at
//  them; monitors are listened to only now.
static void s_answer_descriptor (real_port_t *self, const zloom__ready_t *ready)
{
    if (ready->token > INT_MAX) {
        zloom__direct_note (&self->direct, ready, self->port.now);
        return;
    }
    int fd = (int) ready->token;
    if (fd == self->wake_fd) {
        uint64_t count;
        ssize_t got = read (self->wake_fd, &count, sizeof count);
        (void) got;
        return;
    }
    for (unsigned i = 0; i < self->count; i++)
        if (self->channels[i] && fd == self->channels[i]->sockets.monitor_fd)
            zloom__zmq_link_hear (self->channels[i], self->port.now, &self->random);
}

//  Sleep until something stirs, at most until the given time; not at all while
//  the direct engine is not done.
static void s_sleep (real_port_t *self, zloom_time_t until)
{
    enum { AT_ONCE = 64 };
    zloom__ready_t ready[AT_ONCE];
    zloom_time_t at =
        zloom__direct_is_ready (&self->direct) ? 0 : zloom_time_min (until, s_due (self));
    int count = zloom__readiness_wait (&self->readiness, self->port.now, at, ready, AT_ONCE);
    zloom__port_refresh (&self->port);
    if (count > 0)
        zloom__spin_note_wake (&self->spin, self->port.now);
    self->unpolled = 0;
    for (int i = 0; i < count; i++)
        s_answer_descriptor (self, &ready[i]);
    s_tend (self);
}

//  What comes from within: jobs that are done, and calls of wake.
static zloom__event_kind_t s_look_within (real_port_t *self, zloom__event_t *ret_event)
{
    if (self->pool && atomic_load (&self->has_jobs)) {
        //  Lowered before the list is looked at, so that no job is overlooked.
        atomic_store (&self->has_jobs, false);
        if ((ret_event->job = zloom__pool_take (self->pool))) {
            atomic_store (&self->has_jobs, true);
            return ZLOOM__EVENT_JOB;
        }
    }
    bool was_woken = atomic_load (&self->was_woken) && atomic_exchange (&self->was_woken, false);
    return was_woken ? ZLOOM__EVENT_WOKEN : ZLOOM__EVENT_TIMEOUT;
}

//  One of the places where there may be something: libzmq's channels, then what
//  is direct, then what is within.
static zloom__event_kind_t s_look_at (real_port_t *self, unsigned source, zloom__event_t *ret_event)
{
    if (source > self->count)
        return s_look_within (self, ret_event);
    if (source < self->count) {
        zloom__zmq_channel_t *channel = self->channels[source];
        if (!channel)
            return ZLOOM__EVENT_TIMEOUT;
        return self->is_spinning ? zloom__zmq_channel_glance (channel, &self->body, ret_event)
                                 : zloom__zmq_channel_next (channel, &self->body, ret_event);
    }
    return self->has_direct ? zloom__direct_next (&self->direct, self->port.now, ret_event)
                            : ZLOOM__EVENT_TIMEOUT;
}

//  What is there without waiting; TIMEOUT for nothing. Whoever had something
//  is looked at last the next time.
static zloom__event_kind_t s_look (real_port_t *self, zloom__event_t *ret_event)
{
    unsigned sources = self->count + 2;
    unsigned at = self->first;
    for (unsigned i = 0; i < sources; i++, at++) {
        if (at >= sources)
            at = 0;
        zloom__event_kind_t kind = s_look_at (self, at, ret_event);
        if (kind != ZLOOM__EVENT_TIMEOUT) {
            self->first = at + 1;
            self->is_of_direct = at == self->count;
            return kind;
        }
    }
    return ZLOOM__EVENT_TIMEOUT;
}

//  Look again and again for a short while, politely.
static zloom__event_kind_t s_spin (real_port_t *self, zloom_time_t until, zloom__event_t *ret_event)
{
    zloom__event_kind_t kind = ZLOOM__EVENT_TIMEOUT;
    if (!zloom__spin_begin (&self->spin, self->port.now))
        return kind;
    self->is_spinning = true;
    while (kind == ZLOOM__EVENT_TIMEOUT && self->port.now < until) {
        sched_yield ();
        if (!zloom__spin_goes_on (&self->spin, zloom__port_refresh (&self->port)))
            break;
        //  libzmq's sockets are looked at without being announced, and so is a
        //  link that is alone; which of several links has something only epoll says.
        if (self->has_direct && !zloom__direct_guess (&self->direct))
            s_sleep (self, 0);
        kind = s_look (self, ret_event);
    }
    self->is_spinning = false;
    zloom__spin_end (&self->spin, kind != ZLOOM__EVENT_TIMEOUT);
    return kind;
}

static zloom__event_kind_t s_next (zloom__port_t *port, zloom_time_t until,
                                   zloom__event_t *ret_event)
{
    real_port_t *self = s_self (port);
    *ret_event = (zloom__event_t){.kind = ZLOOM__EVENT_TIMEOUT};
    if (zloom__direct_goes_on (&self->direct) && self->unpolled + 1 < LOOKS_WITHOUT_POLL) {
        //  What was read has more messages; the others get their turn soon enough.
        self->unpolled++;
        ret_event->kind = zloom__direct_next (&self->direct, port->now, ret_event);
        if (ret_event->kind != ZLOOM__EVENT_TIMEOUT) {
            self->is_of_direct = true;
            return ret_event->kind;
        }
    }
    if (++self->unpolled == LOOKS_WITHOUT_POLL)
        s_sleep (self, 0);
    //  At least one sleep, be it of no length: monitors speak only through poll.
    for (bool slept = false;; slept = true) {
        ret_event->kind = s_look (self, ret_event);
        if (ret_event->kind == ZLOOM__EVENT_TIMEOUT && !slept && port->now < until)
            ret_event->kind = s_spin (self, until, ret_event);
        if (ret_event->kind != ZLOOM__EVENT_TIMEOUT || (slept && port->now >= until))
            return ret_event->kind;
        s_sleep (self, until);
    }
}

//  A kept body.

static void s_release_frame (zloom__frame_t *frame)
{
    zmq_msg_close ((zmq_msg_t *) frame->store.words);
}

static zloom_code_t s_keep (zloom__port_t *port, zloom__frame_t *ret_frame)
{
    real_port_t *self = s_self (port);
    if (self->is_of_direct)
        return zloom__direct_keep (&self->direct, ret_frame);
    _Static_assert(sizeof (zmq_msg_t) <= sizeof ret_frame->store, "a frame holds a zmq_msg_t");
    zmq_msg_t *kept = (zmq_msg_t *) ret_frame->store.words;
    zmq_msg_init (kept);
    zmq_msg_move (kept, &self->body);
    ret_frame->bytes = zloom_bytes (zmq_msg_data (kept), zmq_msg_size (kept));
    ret_frame->release = s_release_frame;
    return ZLOOM_OK;
}

static bool s_is_from_zloom (zloom__port_t *port)
{
    real_port_t *self = s_self (port);
    return self->is_of_direct ? self->direct.is_from_zloom : zloom__zmq_is_from_zloom (&self->body);
}

static void s_submit (zloom__port_t *port, zloom__job_t *job)
{
    zloom__pool_submit (s_self (port)->pool, job);
}

static void s_join (zloom__port_t *port)
{
    zloom__pool_destroy (&s_self (port)->pool);
}

//  For foreign loops.

static int s_descriptor (zloom__port_t *port)
{
    return s_self (port)->readiness.epoll;
}

static void s_settle (zloom__port_t *port, zloom_time_t until)
{
    real_port_t *self = s_self (port);
    bool is_pending = atomic_load (&self->was_woken) || atomic_load (&self->has_jobs);
    is_pending = zloom__direct_is_ready (&self->direct) || is_pending;
    for (unsigned i = 0; i < self->count; i++)
        if (self->channels[i])
            is_pending = zloom__zmq_channel_is_ready (self->channels[i]) || is_pending;
    zloom__readiness_settle (&self->readiness, is_pending, zloom_time_min (until, s_due (self)));
}

static const char *s_engine (zloom__port_t *port, zloom__channel_t channel)
{
    return s_self (port)->channels[channel] ? "libzmq" : "direct";
}

static const char *s_endpoint (zloom__port_t *port, zloom__channel_t channel)
{
    const zloom__zmq_channel_t *zmq = s_self (port)->channels[channel];
    if (zmq)
        return zmq->bound[0] ? zmq->bound : zmq->endpoint.text;
    const zloom__direct_channel_t *direct =
        zloom__direct_find_channel (&s_self (port)->direct, channel);
    return direct->bound[0] ? direct->bound : direct->endpoint.text;
}

static zloom_reason_t s_trouble (zloom__port_t *port, zloom__channel_t channel,
                                 const char **ret_text)
{
    const zloom__zmq_channel_t *zmq = s_self (port)->channels[channel];
    if (zmq) {
        *ret_text = zmq->trouble_text;
        return zmq->trouble;
    }
    const zloom__direct_channel_t *direct =
        zloom__direct_find_channel (&s_self (port)->direct, channel);
    *ret_text = direct->trouble_text;
    return direct->trouble;
}

static uint64_t s_dropped (zloom__port_t *port)
{
    uint64_t dropped = s_self (port)->direct.dropped;
    for (unsigned i = 0; i < s_self (port)->count; i++)
        if (s_self (port)->channels[i])
            dropped += s_self (port)->channels[i]->dropped;
    return dropped;
}

//  Let the direct links write what they have, for so long.
static void s_linger (real_port_t *self, zloom_time_t linger)
{
    enum { AT_ONCE = 64 };
    zloom__ready_t ready[AT_ONCE];
    zloom_time_t now = zloom__port_refresh (&self->port), until = now + linger;
    zloom__direct_flush (&self->direct);
    while (now < until && zloom__direct_has_unsent (&self->direct)) {
        int count = zloom__readiness_wait (&self->readiness, now, until, ready, AT_ONCE);
        now = zloom__port_refresh (&self->port);
        for (int i = 0; i < count; i++)
            if (ready[i].token > INT_MAX)
                zloom__direct_note (&self->direct, &ready[i], now);
    }
    zloom__direct_clear (&self->direct);
}

//  A forked child leaves the sockets alone: they are its parent's.
static void s_destroy (zloom__port_t *port, zloom_time_t linger)
{
    real_port_t *self = s_self (port);
    s_join (port);
    s_linger (self, linger);
    zmq_msg_close (&self->body);
    for (unsigned i = 0; i < self->count; i++)
        if (self->channels[i]) {
            zloom__zmq_channel_close (self->channels[i], (int) (linger / ZLOOM_MSEC));
            zloom_free (self->channels[i]);
        }
    zloom__readiness_close (&self->readiness);
    if (self->wake_fd != -1)
        close (self->wake_fd);
    zloom__runtime_release (&self->runtime);
    zloom_free (self);
}

static const zloom__port_ops_t s_ops = {.open = s_open,
                                        .send = s_send,
                                        .flush = s_flush,
                                        .next = s_next,
                                        .keep = s_keep,
                                        .is_from_zloom = s_is_from_zloom,
                                        .now = s_now,
                                        .random = s_random,
                                        .submit = s_submit,
                                        .join = s_join,
                                        .wake = s_wake,
                                        .descriptor = s_descriptor,
                                        .settle = s_settle,
                                        .engine = s_engine,
                                        .endpoint = s_endpoint,
                                        .trouble = s_trouble,
                                        .dropped = s_dropped,
                                        .destroy = s_destroy};

//  With one processor for all, two ends that spin take it from each other and
//  from libzmq's threads: a round trip over tcp then takes 47 µs, with one of
//  them 42, with none 49. The one is who waits for an answer.
static zloom_time_t s_longest_spin (const zloom__port_options_t *options)
{
    cpu_set_t cpus;
    bool has_one = sched_getaffinity (0, sizeof cpus, &cpus) == 0 && CPU_COUNT (&cpus) == 1;
    return has_one && options->is_server ? 0 : options->busy_poll;
}

//  The parts that may fail, in order; what was made is left to s_destroy.
static bool s_equip (real_port_t *self, const zloom__port_options_t *options, zloom_error_t *reterr)
{
    bool has_all = zloom__readiness_open (&self->readiness);
    if (has_all && (options->is_woken || options->workers)) {
        self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
        zloom__readiness_watch (&self->readiness, self->wake_fd);
        has_all = self->wake_fd != -1;
    }
    if (!has_all) {
        zloom_error_set (reterr, ZLOOM_REASON_DESCRIPTORS, "no file descriptors are left");
        return false;
    }
    if (options->runtime && !(self->runtime = zloom__runtime_acquire (options->runtime, reterr)))
        return false;
    if (options->workers == 0)
        return true;
    self->pool = zloom__pool_new (options->workers, s_job_done, self, reterr);
    return self->pool != NULL;
}

zloom__port_t *zloom__port_new (const zloom__port_options_t *options, zloom_error_t *reterr)
{
    real_port_t *self = (real_port_t *) zloom_alloc (sizeof *self);
    if (!self) {
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a port");
        return NULL;
    }
    self->port.ops = &s_ops;
    self->engine = options->engine;
    self->readiness = (zloom__readiness_t) ZLOOM__READINESS_NONE;
    self->wake_fd = -1;
    zloom_random_seed_fresh (&self->random);
    zloom__spin_init (&self->spin, s_longest_spin (options));
    zloom__socket_streams_init (&self->streams, &self->readiness);
    zloom__direct_init (&self->direct, &self->streams.streams, &self->random);
    zmq_msg_init (&self->body);
    zloom__port_refresh (&self->port);
    if (s_equip (self, options, reterr))
        return &self->port;
    s_destroy (&self->port, 0);
    return NULL;
}
