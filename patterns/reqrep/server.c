#include "reqrep/server.h"
#include "reqrep/reqrep_internal.h"
#include "reqrep/server_internal.h"

#include <time.h>

#include "base/memory.h"
#include "net/endpoint_internal.h"

static const size_t s_first_table_size = 64;

//  What answers under way may still take to leave.
static const zloom_time_t s_linger = ZLOOM_SEC;

//  How long it has to be quiet before a drain is over.
static const zloom_time_t s_grace = 50 * ZLOOM_MSEC;

//  Events dealt with in one `process`, so that a flood does not hold the loop.
enum { EVENTS_IN_ONE_GO = 1000 };

//  Entering and leaving; see client.c.

zloom_code_t zloom__server_enter (zloom_server_t *self)
{
    zloom_reason_t reason = zloom__guard_enter (&self->guard);
    if (reason == ZLOOM_REASON_FORKED)
        return zloom_error_set (&self->error, reason, "%s", zloom_reason_text (reason));
    if (reason)
        return zloom_reason_code (reason);
    const char *flaw = self->is_broken ? "the ZeroMQ context was terminated; make a new server"
                       : self->guard.depth > 1 ? "a handler cannot run or change the server"
                                               : NULL;
    if (!flaw)
        return ZLOOM_OK;
    zloom__guard_leave (&self->guard);
    return zloom_error_set (&self->error,
                            self->is_broken ? ZLOOM_REASON_CONTEXT_GONE : ZLOOM_REASON_BAD_STATE,
                            "%s", flaw);
}

//  What was sent leaves, and a foreign loop learns when to come back.
static void s_settle (zloom_server_t *self)
{
    zloom__port_flush (self->port);
    if (self->in_foreign_loop)
        self->port->ops->settle (self->port, TAILQ_EMPTY (&self->ready)
                                                 ? zloom__server_next_due (self)
                                                 : zloom__port_now (self->port));
}

void zloom__server_settle (zloom_server_t *self)
{
    if (self->guard.depth == 0)
        s_settle (self);
}

zloom_code_t zloom__server_leave (zloom_server_t *self, zloom_code_t code)
{
    s_settle (self);
    zloom__guard_leave (&self->guard);
    return code;
}

static zloom_code_t s_broken (zloom_server_t *self)
{
    return zloom_error_set (&self->error, ZLOOM_REASON_CONTEXT_GONE,
                            "the ZeroMQ context was terminated");
}

//  Making and destroying.

static const zloom_server_options_t s_usual = ZLOOM_SERVER_OPTIONS_DEFAULT;

static zloom_code_t s_check_options (const zloom_server_options_t *options, zloom_error_t *reterr)
{
    const char *flaw = NULL;
    if (options->max_pending == 0)
        flaw = "max_pending is at least 1";
    else if (options->max_timeout_ms == 0)
        flaw = "max_timeout_ms is at least 1";
    else if (options->workers > 1024)
        flaw = "workers is at most 1024";
    else if (options->busy_poll_us > ZLOOM__BUSY_POLL_MAX_US)
        flaw = "busy_poll_us is at most 1000000";
    else if (options->limits.max_size < 256 || options->limits.max_size > INT32_MAX / 2)
        flaw = "limits.max_size is 256 to 1073741823";
    else if (options->limits.max_depth == 0 || options->limits.max_depth > ZLOOM_DEPTH_MAX)
        flaw = "limits.max_depth is 1 to 32";
    return flaw ? zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT, "server option %s", flaw)
                : ZLOOM_OK;
}

static zloom_code_t s_bind_all (zloom_server_t *self, const char *endpoints, zloom_error_t *reterr)
{
    zloom__endpoint_t endpoint;
    zloom_code_t code;
    while (zloom__endpoint_next (&endpoints, &endpoint, &code, reterr)) {
        const zloom__channel_options_t channel = {
            .role = ZLOOM__ROLE_SERVER,
            .endpoint = endpoint.text,
            .max_size = self->options.limits.max_size,
            .max_queued_bytes = ZLOOM__QUEUED_BYTES,
            .reconnect_min_ms = 100,
            .reconnect_max_ms = 10000,
            .dials = endpoint.dials,
            .insecure_public = self->options.insecure_public,
        };
        zloom__channel_t opened;
        if ((code = self->port->ops->open (self->port, &channel, &opened, reterr)))
            return code;
        self->channels = opened + 1;
    }
    if (!code && self->channels == 0)
        code = zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "no endpoint was given");
    return code;
}

static zloom_code_t s_open (zloom_server_t *self, const char *endpoints, zloom_error_t *reterr)
{
    const zloom_server_options_t *options = &self->options;
    zloom_code_t code = s_check_options (options, reterr);
    if (code)
        return code;
    self->name = zloom_strdup (options->name ? options->name : "");
    self->version = zloom_strdup (options->version ? options->version : "");
    self->table =
        (struct zloom__call_bucket *) zloom_alloc (s_first_table_size * sizeof self->table[0]);
    if (!self->name || !self->version || !self->table)
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a server");
    self->table_size = s_first_table_size;
    code = zloom__server_add_builtins (self, reterr);
    return code ? code : s_bind_all (self, endpoints, reterr);
}

//  Deadlines are monotonic time, and so is the wait for a change.
static void s_init_shared (zloom_server_t *self)
{
    pthread_condattr_t attributes;
    pthread_condattr_init (&attributes);
    pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init (&self->shared.lock, NULL);
    pthread_cond_init (&self->shared.changed, &attributes);
    pthread_condattr_destroy (&attributes);
    TAILQ_INIT (&self->shared.items);
}

zloom_server_t *zloom__server_new_over (zloom__port_t *port, const char *endpoints,
                                        const zloom_server_options_t *options,
                                        zloom_error_t *reterr)
{
    zloom_server_t *self = (zloom_server_t *) zloom_alloc (sizeof *self);
    if (!self) {
        port->ops->destroy (port, 0);
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a server");
        return NULL;
    }
    self->port = port;
    self->options = options ? *options : s_usual;
    self->started_at = zloom__port_refresh (port);
    self->retry_at = self->give_up_at = ZLOOM_NEVER;
    zloom__guard_init (&self->guard);
    zloom__wheel_init (&self->wheel, self->started_at);
    TAILQ_INIT (&self->ready);
    TAILQ_INIT (&self->unsent);
    TAILQ_INIT (&self->thirsty);
    TAILQ_INIT (&self->spare);
    s_init_shared (self);
    if (s_open (self, endpoints, reterr))
        zloom_server_destroy (&self);
    return self;
}

zloom_server_t *zloom_server_new (const char *endpoints, const zloom_server_options_t *options,
                                  zloom_error_t *reterr)
{
    const zloom_server_options_t *given = options ? options : &s_usual;
    const zloom__port_options_t needs = {.engine = given->engine,
                                         .runtime = given->runtime,
                                         .workers = given->workers,
                                         .busy_poll = given->busy_poll_us * ZLOOM_USEC,
                                         .is_woken = true,
                                         .is_server = true};
    zloom__port_t *port = zloom__port_new (&needs, reterr);
    return port ? zloom__server_new_over (port, endpoints, given, reterr) : NULL;
}

void zloom_server_destroy (zloom_server_t **self_p)
{
    zloom_server_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    //  The threads and sockets of a forked child are its parent's.
    if (!zloom__guard_is_forked (&self->guard)) {
        zloom__server_end_threaded (self);
        self->port->ops->join (self->port);
        zloom__server_drop_calls (self);
        self->port->ops->destroy (self->port, s_linger);
    }
    pthread_cond_destroy (&self->shared.changed);
    pthread_mutex_destroy (&self->shared.lock);
    zloom__server_free_methods (self);
    zloom_buffer_clear (&self->scratch);
    zloom_free (self->table);
    zloom_free (self->name);
    zloom_free (self->version);
    zloom_free (self);
}

//  Running.

zloom_code_t zloom_server_process (zloom_server_t *self, uint32_t timeout_ms)
{
    zloom_code_t code = zloom__server_enter (self);
    if (code)
        return code;
    zloom_time_t until = zloom__port_refresh (self->port) + timeout_ms * ZLOOM_MSEC;
    zloom__event_kind_t kind = zloom__server_turn (self, until);
    for (int i = 1; i < EVENTS_IN_ONE_GO && kind != ZLOOM__EVENT_TIMEOUT && !self->is_broken; i++)
        kind = zloom__server_turn (self, 0);
    return zloom__server_leave (self, self->is_broken ? s_broken (self) : ZLOOM_OK);
}

void zloom__server_begin_stop (zloom_server_t *self)
{
    self->is_draining = true;
    if (self->give_up_at == ZLOOM_NEVER)
        self->give_up_at = zloom__port_refresh (self->port) + self->options.drain_ms * ZLOOM_MSEC;
}

static bool s_has_work (const zloom_server_t *self)
{
    return self->pending || !TAILQ_EMPTY (&self->unsent);
}

static zloom_code_t s_drain (zloom_server_t *self)
{
    zloom__server_begin_stop (self);
    bool is_quiet = false;
    while (!is_quiet && !self->is_broken && zloom__port_now (self->port) < self->give_up_at) {
        //  What was under way when the end began is taken in, and refused by name.
        zloom_time_t until =
            s_has_work (self) ? self->give_up_at : zloom__port_refresh (self->port) + s_grace;
        zloom__event_kind_t kind =
            zloom__server_turn (self, zloom_time_min (until, self->give_up_at));
        is_quiet = kind == ZLOOM__EVENT_TIMEOUT && !s_has_work (self)
                   && zloom__port_now (self->port) >= until;
    }
    if (self->is_broken || !s_has_work (self))
        return ZLOOM_OK;
    return zloom_error_set (&self->error, ZLOOM_REASON_DEADLINE,
                            "%zu calls were still pending after %u ms", self->pending,
                            (unsigned) self->options.drain_ms);
}

zloom_code_t zloom_server_run (zloom_server_t *self)
{
    zloom_code_t code = zloom__server_enter (self);
    if (code)
        return code;
    while (!atomic_load (&self->is_stopping) && !self->is_broken)
        zloom__server_turn (self, ZLOOM_NEVER);
    code = self->is_broken ? s_broken (self) : s_drain (self);
    return zloom__server_leave (self, code);
}

void zloom_server_stop (zloom_server_t *self)
{
    atomic_store (&self->is_stopping, true);
    self->port->ops->wake (self->port);
}

void zloom_server_drain (zloom_server_t *self)
{
    if (zloom__server_enter (self) == ZLOOM_OK) {
        self->is_draining = true;
        zloom__server_leave (self, ZLOOM_OK);
    }
}

int zloom_server_descriptor (zloom_server_t *self)
{
    if (zloom__server_enter (self))
        return -1;
    int descriptor = self->port->ops->descriptor (self->port);
    self->in_foreign_loop = descriptor != -1;
    zloom__server_leave (self, ZLOOM_OK);
    return descriptor;
}

const char *zloom_server_endpoint (const zloom_server_t *self, size_t index)
{
    if (index >= self->channels)
        return NULL;
    return self->port->ops->endpoint (self->port, (zloom__channel_t) index);
}

const zloom_error_t *zloom_server_last_error (const zloom_server_t *self)
{
    return &self->error;
}

void zloom_server_stats (const zloom_server_t *self, zloom_server_stats_t *ret_stats)
{
    *ret_stats = self->stats;
    ret_stats->malformed += self->port->ops->dropped (self->port);
    ret_stats->pending = (uint32_t) self->pending;
}
