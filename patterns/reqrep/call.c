#include "reqrep/call.h"
#include "reqrep/server_internal.h"

#include "data/pack_internal.h"

//  Arguments.

//  Slices of a small body move when it is kept, so what hands them out keeps
//  the body first.
zloom_bytes_t zloom_call_params (zloom_call_t *self)
{
    zloom__call_keep (self);
    return self->params;
}

zloom_code_t zloom_call_args (zloom_call_t *self, const char *picture, ...)
{
    if (strpbrk (picture, "bv") && !zloom__call_keep (self))
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory");
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code =
        zloom__vunpack_array (self->params, &self->strings, &self->error, picture, arguments);
    va_end (arguments);
    if (self->error.reason == ZLOOM_REASON_BAD_PICTURE)
        self->error.reason = ZLOOM_REASON_BAD_PARAMS;
    return code;
}

//  Answers.

static zloom_code_t s_ended_before (zloom_call_t *self)
{
    return zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE, "the call has ended before");
}

//  The response is made: a worker leaves it to the owner.
static void s_finish (zloom_call_t *self, zloom_bytes_t tail)
{
    zloom_server_t *server = self->server;
    if (!self->is_threaded) {
        zloom__call_send_response (self, tail);
        zloom__server_settle (server);
        return;
    }
    zloom_buffer_append (&self->out, tail.data, tail.size);
    self->is_answered = true;
}

void zloom__call_fail (zloom_call_t *call, const zloom_error_t *error, zloom_bytes_t data)
{
    zloom_error_t copy = *error;  //  It may be the call's own
    call->is_failure = true;
    zloom_buffer_reset (&call->out);
    zloom__wire_error_response (&call->out, call->id, &copy, data);
    s_finish (call, zloom_bytes (NULL, 0));
}

//  End with a result that lies in out, and `tail` behind it, if it is not too large.
static zloom_code_t s_finish_result (zloom_call_t *self, zloom_bytes_t tail)
{
    size_t size = self->out.size + tail.size, most = self->server->options.limits.max_size;
    if (self->out.failed)
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory");
    if (size > most) {
        zloom_error_t error;
        zloom_error_set (&error, ZLOOM_REASON_OVERSIZE,
                         "the result has %zu bytes; a message may have %zu", size, most);
        zloom__call_fail (self, &error, zloom_bytes (NULL, 0));
        return ZLOOM_RESOURCE_EXHAUSTED;
    }
    s_finish (self, tail);
    return ZLOOM_OK;
}

zloom_code_t zloom_call_reply (zloom_call_t *self, const char *picture, ...)
{
    if (self->is_answered)
        return s_ended_before (self);
    zloom_buffer_reset (&self->out);
    zloom__wire_begin_response (&self->out, self->id);
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom__vpack_one (&self->out, &self->error, picture, arguments);
    va_end (arguments);
    return code ? code : s_finish_result (self, zloom_bytes (NULL, 0));
}

zloom_code_t zloom_call_reply_bytes (zloom_call_t *self, zloom_bytes_t value)
{
    if (self->is_answered)
        return s_ended_before (self);
    zloom_code_t code = zloom_check (value, &self->server->options.limits, &self->error);
    if (code == ZLOOM_INVALID_ARGUMENT)
        return code;
    zloom_buffer_reset (&self->out);
    zloom__wire_begin_response (&self->out, self->id);
    return s_finish_result (self, value);
}

static zloom_code_t ZLOOM_PRINTF (4, 0)
    s_vfail (zloom_call_t *self, zloom_code_t code, zloom_bytes_t data, const char *format,
             va_list arguments)
{
    if (self->is_answered)
        return s_ended_before (self);
    zloom_error_t error;
    zloom_error_vset (&error, ZLOOM_REASON_HANDLER, format, arguments);
    error.code = code ? code : ZLOOM_UNKNOWN;
    code = error.code;
    zloom__call_fail (self, &error, data);
    return code;
}

zloom_code_t zloom_call_fail (zloom_call_t *self, zloom_code_t code, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    code = s_vfail (self, code, zloom_bytes (NULL, 0), format, arguments);
    va_end (arguments);
    return code;
}

zloom_code_t zloom_call_fail_data (zloom_call_t *self, zloom_code_t code, zloom_bytes_t data,
                                   const char *format, ...)
{
    if (data.size && zloom_check (data, &self->server->options.limits, &self->error))
        data = zloom_bytes (NULL, 0);
    va_list arguments;
    va_start (arguments, format);
    code = s_vfail (self, code, data, format, arguments);
    va_end (arguments);
    return code;
}

//  Items.

static zloom_code_t s_nobody_waits (zloom_call_t *self)
{
    if (!zloom_call_cancelled (self) && atomic_load (&self->server->is_stopping))
        return zloom_error_set (&self->error, ZLOOM_REASON_CLOSED, "the server is shutting down");
    if (zloom_call_remaining (self) == 0)
        return zloom_error_set (&self->error, ZLOOM_REASON_DEADLINE, "the deadline has passed");
    return zloom_error_set (&self->error, ZLOOM_REASON_CALL_CANCELLED, "nobody waits any more");
}

//  An inline handler waits by turning the server: credit, cancels and beats
//  are dealt with, requests queue up behind.
static zloom_code_t s_send_item_inline (zloom_call_t *self)
{
    zloom_server_t *server = self->server;
    for (;;) {
        bool has_room = zloom__credit_may_send (&self->credit);
        zloom_code_t code =
            has_room ? zloom__call_send (self, zloom_bytes (NULL, 0)) : ZLOOM_RESOURCE_EXHAUSTED;
        if (code == ZLOOM_UNAVAILABLE)
            atomic_store (&self->is_over, true);
        if (code != ZLOOM_RESOURCE_EXHAUSTED)
            return code ? s_nobody_waits (self) : ZLOOM_OK;
        if (!zloom__call_hold (self))
            return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory");
        if (has_room)
            zloom__server_retry (server);
        if (atomic_load (&server->is_stopping))
            zloom__server_begin_stop (server);
        zloom_time_t until = zloom_time_min (self->deadline, server->give_up_at);
        zloom__server_turn (server, until);
        //  The wheel is up to a tick late, and that is no time to turn in.
        bool is_late = until <= zloom__port_now (server->port);
        if (is_late || zloom_call_cancelled (self) || server->is_broken)
            return s_nobody_waits (self);
    }
}

//  A deferred call does not wait; its watcher is told when to try again.
static zloom_code_t s_send_item_deferred (zloom_call_t *self)
{
    zloom_server_t *server = self->server;
    zloom_code_t code = ZLOOM_RESOURCE_EXHAUSTED;
    if (!zloom__credit_may_send (&self->credit))
        self->wants_credit = true;
    else if ((code = zloom__call_send (self, zloom_bytes (NULL, 0))) == ZLOOM_RESOURCE_EXHAUSTED) {
        if (!self->is_thirsty)
            TAILQ_INSERT_TAIL (&server->thirsty, self, queue);
        self->is_thirsty = true;
        zloom__server_retry (server);
    }
    zloom__server_settle (server);
    if (code == ZLOOM_RESOURCE_EXHAUSTED)
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_CREDIT,
                                "the caller has no room for an item now");
    if (code) {
        atomic_store (&self->is_over, true);
        return s_nobody_waits (self);
    }
    return ZLOOM_OK;
}

//  Locks: shared.lock is held. False: nothing changed before the deadline.
static bool s_await_change_locked (zloom_call_t *self)
{
    zloom_server_t *server = self->server;
    const struct timespec until = {(time_t) (self->deadline / ZLOOM_SEC),
                                   (long) (self->deadline % ZLOOM_SEC)};
    return pthread_cond_timedwait (&server->shared.changed, &server->shared.lock, &until) == 0;
}

//  Thread: a worker. Hands the item to the owner, who sends it.
static zloom_code_t s_send_item_threaded (zloom_call_t *self)
{
    zloom_server_t *server = self->server;
    pthread_mutex_lock (&server->shared.lock);
    bool in_time = true;
    while (in_time && !zloom__credit_may_send (&self->credit) && !zloom_call_cancelled (self))
        in_time = s_await_change_locked (self);
    bool is_sent = false;
    if (in_time && !zloom_call_cancelled (self)) {
        self->is_item_waiting = true;
        TAILQ_INSERT_TAIL (&server->shared.items, self, handover);
        server->port->ops->wake (server->port);
        while (in_time && self->is_item_waiting && !zloom_call_cancelled (self))
            in_time = s_await_change_locked (self);
        is_sent = !self->is_item_waiting && !zloom_call_cancelled (self);
        if (self->is_item_waiting)
            TAILQ_REMOVE (&server->shared.items, self, handover);
        self->is_item_waiting = false;
    }
    pthread_mutex_unlock (&server->shared.lock);
    return is_sent ? ZLOOM_OK : s_nobody_waits (self);
}

//  Send the item that lies in out.
static zloom_code_t s_send_item (zloom_call_t *self)
{
    if (self->out.failed)
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory");
    if (self->out.size > self->server->options.limits.max_size)
        return zloom_error_set (&self->error, ZLOOM_REASON_OVERSIZE,
                                "the item has %zu bytes; a message may have %u", self->out.size,
                                (unsigned) self->server->options.limits.max_size);
    zloom_code_t code = self->is_threaded   ? s_send_item_threaded (self)
                        : self->is_deferred ? s_send_item_deferred (self)
                                            : s_send_item_inline (self);
    if (code)
        return code;
    self->credit.sent++;
    if (!self->is_threaded)
        self->server->stats.items++;
    return ZLOOM_OK;
}

//  Whether an item can be sent at all; then its head is in out.
static zloom_code_t s_begin_item (zloom_call_t *self)
{
    if (self->is_answered)
        return s_ended_before (self);
    if (!self->takes_items) {
        zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE,
                         "method '%s' answers with a stream; this caller takes none",
                         self->method->name);
        return self->error.code;
    }
    if (zloom_call_cancelled (self))
        return s_nobody_waits (self);
    zloom_buffer_reset (&self->out);
    zloom__wire_begin_item (&self->out, self->id, self->credit.sent + 1);
    return ZLOOM_OK;
}

zloom_code_t zloom_call_item (zloom_call_t *self, const char *picture, ...)
{
    zloom_code_t code = s_begin_item (self);
    if (code)
        return code;
    va_list arguments;
    va_start (arguments, picture);
    code = zloom__vpack_one (&self->out, &self->error, picture, arguments);
    va_end (arguments);
    return code ? code : s_send_item (self);
}

zloom_code_t zloom_call_item_bytes (zloom_call_t *self, zloom_bytes_t value)
{
    zloom_code_t code = s_begin_item (self);
    if (!code)
        code = zloom_check (value, &self->server->options.limits, &self->error);
    if (code)
        return code;
    zloom_buffer_append (&self->out, value.data, value.size);
    return s_send_item (self);
}

//  Later.

zloom_code_t zloom_call_defer (zloom_call_t *self, zloom_call_fn *watcher, void *context)
{
    if (self->is_threaded || self->is_answered)
        return zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE,
                                "a call in a worker thread, or that has ended, cannot be deferred");
    if (!zloom__call_hold (self))
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory");
    self->is_deferred = true;
    self->watcher = watcher;
    self->watcher_context = context;
    return ZLOOM_OK;
}

//  About the call.

const char *zloom_call_method (const zloom_call_t *self)
{
    return self->method->name;
}

zloom_time_t zloom_call_remaining (const zloom_call_t *self)
{
    if (self->headers.remaining == ZLOOM_NEVER)
        return ZLOOM_NEVER;
    zloom__port_t *port = self->server->port;
    zloom_time_t left = self->deadline - port->ops->now (port);
    return left > 0 ? left : 0;
}

bool zloom_call_cancelled (const zloom_call_t *self)
{
    return atomic_load_explicit (&self->is_over, memory_order_relaxed);
}

bool zloom_call_takes_items (const zloom_call_t *self)
{
    return self->takes_items;
}

bool zloom_call_is_notification (const zloom_call_t *self)
{
    return self->is_notification;
}

uint64_t zloom_call_peer (const zloom_call_t *self)
{
    return self->link;
}

uint32_t zloom_call_attempt (const zloom_call_t *self)
{
    return self->headers.attempt;
}

zloom_bytes_t zloom_call_trace (zloom_call_t *self)
{
    zloom__call_keep (self);
    return self->headers.trace;
}

zloom_bytes_t zloom_call_key (zloom_call_t *self)
{
    zloom__call_keep (self);
    return self->headers.key;
}

zloom_bytes_t zloom_call_headers (zloom_call_t *self)
{
    zloom__call_keep (self);
    return self->headers.user;
}
