#include "reqrep/client.h"
#include "reqrep/client_internal.h"
#include "reqrep/reqrep_internal.h"

#include "base/memory.h"
#include "data/check_internal.h"
#include "data/codec_internal.h"
#include "data/pack_internal.h"

static const uint32_t s_most_timeout_ms = 3600000;

//  What a cancel, a notification or a last credit may still take to leave.
static const zloom_time_t s_linger = ZLOOM_SEC;

//  Who has not turned for this long may have missed something.
static const zloom_time_t s_away = ZLOOM_MSEC;

//  Events dealt with in one `process`, so that a flood does not hold the loop.
enum { EVENTS_IN_ONE_GO = 1000 };

//  Entering and leaving.

//  Every function that does something comes in here, and takes the last result
//  with it: what it may do moves the bytes. What a second thread is told it is
//  told by the code alone: the error belongs to the first.
static zloom_code_t s_enter (zloom_client_t *self)
{
    zloom_reason_t reason = zloom__guard_enter (&self->guard);
    if (reason == ZLOOM_REASON_FORKED)
        return zloom_error_set (&self->error, reason, "%s", zloom_reason_text (reason));
    if (reason)
        return zloom_reason_code (reason);
    if (self->guard.depth == 1) {
        zloom__client_clear_result (self);
        zloom__port_refresh (self->port);
    }
    if (self->is_broken) {
        zloom__guard_leave (&self->guard);
        return zloom_error_set (&self->error, ZLOOM_REASON_CONTEXT_GONE,
                                "the ZeroMQ context was terminated; make a new client");
    }
    return ZLOOM_OK;
}

static zloom_code_t s_leave (zloom_client_t *self, zloom_code_t code)
{
    if (self->guard.depth == 1 && self->corks == 0)
        zloom__port_flush (self->port);
    if (self->in_foreign_loop && self->guard.depth == 1)
        self->port->ops->settle (self->port, zloom__client_next_due (self));
    zloom__guard_leave (&self->guard);
    return code;
}

static zloom_code_t s_broken (zloom_client_t *self)
{
    return zloom_error_set (&self->error, ZLOOM_REASON_CONTEXT_GONE,
                            "the ZeroMQ context was terminated");
}

//  Functions that wait cannot be called from a callback.
static zloom_code_t s_enter_to_wait (zloom_client_t *self)
{
    zloom_code_t code = s_enter (self);
    if (!code && self->guard.depth > 1) {
        zloom__guard_leave (&self->guard);
        code = zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE,
                                "a callback may start calls but not wait for them");
    }
    return code;
}

//  Making and destroying.

static const zloom_client_options_t s_usual = ZLOOM_CLIENT_OPTIONS_DEFAULT;

static zloom_code_t s_check_options (const zloom_client_options_t *options, zloom_error_t *reterr)
{
    const char *flaw = NULL;
    if (options->timeout_ms == 0 || options->timeout_ms > s_most_timeout_ms)
        flaw = "timeout_ms is 1 to 3600000";
    else if (options->connect_timeout_ms > s_most_timeout_ms)
        flaw = "connect_timeout_ms is at most 3600000";
    else if (options->max_outstanding == 0)
        flaw = "max_outstanding is at least 1";
    else if (options->stream_credit == 0)
        flaw = "stream_credit is at least 1";
    else if (options->reconnect_min_ms == 0
             || options->reconnect_min_ms > options->reconnect_max_ms)
        flaw = "reconnect_min_ms is at least 1 and at most reconnect_max_ms";
    else if (options->busy_poll_us > ZLOOM__BUSY_POLL_MAX_US)
        flaw = "busy_poll_us is at most 1000000";
    else if (options->limits.max_size < 256 || options->limits.max_size > INT32_MAX / 2)
        flaw = "limits.max_size is 256 to 1073741823";
    else if (options->limits.max_depth == 0 || options->limits.max_depth > ZLOOM_DEPTH_MAX)
        flaw = "limits.max_depth is 1 to 32";
    return flaw ? zloom_error_set (reterr, ZLOOM_REASON_BAD_ARGUMENT, "client option %s", flaw)
                : ZLOOM_OK;
}

static zloom_code_t s_open (zloom_client_t *self, const char *endpoints, zloom_error_t *reterr)
{
    const zloom_client_options_t *options = &self->options;
    zloom_code_t code = s_check_options (options, reterr);
    if (code)
        return code;
    if (!zloom__outstanding_init (&self->outstanding))
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a client");
    const zloom__channel_options_t channel = {
        .role = ZLOOM__ROLE_CLIENT,
        .max_size = options->limits.max_size,
        .max_queued_bytes = ZLOOM__QUEUED_BYTES,
        .reconnect_min_ms = options->reconnect_min_ms,
        .reconnect_max_ms = options->reconnect_max_ms,
        .rep_peer = options->rep_peer,
    };
    return zloom__links_open (&self->links, self->port, endpoints, &channel, options->beat_ms,
                              reterr);
}

zloom_client_t *zloom__client_new_over (zloom__port_t *port, const char *endpoints,
                                        const zloom_client_options_t *options,
                                        zloom_error_t *reterr)
{
    zloom_client_t *self = (zloom_client_t *) zloom_alloc (sizeof *self);
    if (!self) {
        port->ops->destroy (port, 0);
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a client");
        return NULL;
    }
    self->port = port;
    self->options = options ? *options : s_usual;
    self->next_beat = ZLOOM_NEVER;
    zloom__guard_init (&self->guard);
    zloom__wheel_init (&self->wheel, zloom__port_refresh (port));
    TAILQ_INIT (&self->waiting);
    TAILQ_INIT (&self->spare);
    STAILQ_INIT (&self->spare_items);
    if (s_open (self, endpoints, reterr))
        zloom_client_destroy (&self);
    return self;
}

zloom_client_t *zloom_client_new (const char *endpoints, const zloom_client_options_t *options,
                                  zloom_error_t *reterr)
{
    const zloom_client_options_t *given = options ? options : &s_usual;
    const zloom__port_options_t needs = {.engine = given->engine,
                                         .runtime = given->runtime,
                                         .busy_poll = given->busy_poll_us * ZLOOM_USEC};
    zloom__port_t *port = zloom__port_new (&needs, reterr);
    return port ? zloom__client_new_over (port, endpoints, given, reterr) : NULL;
}

static void s_free_spares (zloom_client_t *self)
{
    zloom__item_t *item;
    while ((item = STAILQ_FIRST (&self->spare_items))) {
        STAILQ_REMOVE_HEAD (&self->spare_items, next);
        zloom_free (item);
    }
    zloom__outgoing_t *call;
    while ((call = TAILQ_FIRST (&self->spare))) {
        TAILQ_REMOVE (&self->spare, call, queue);
        zloom_buffer_clear (&call->saved);
        zloom_free (call);
    }
}

static void s_forget_all (zloom_client_t *self)
{
    size_t at = 0;
    zloom__entry_t *entry;
    while ((entry = zloom__outstanding_walk (&self->outstanding, &at)))
        zloom__client_forget (self, (zloom__outgoing_t *) entry);
}

void zloom_client_destroy (zloom_client_t **self_p)
{
    zloom_client_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    //  Callbacks find that they are inside, as everywhere.
    bool is_forked = zloom__guard_enter (&self->guard) == ZLOOM_REASON_FORKED;
    if (self->outstanding.slots) {
        self->is_closing = true;
        if (!is_forked)
            zloom__client_end_all (self, ZLOOM_REASON_CLOSED);
        s_forget_all (self);
        zloom__outstanding_clear (&self->outstanding);
    }
    zloom__client_clear_result (self);
    s_free_spares (self);
    zloom__links_clear (&self->links);
    zloom_buffer_clear (&self->head);
    zloom_buffer_clear (&self->params);
    zloom_buffer_clear (&self->scratch);
    //  The sockets of a forked child are its parent's; they are left alone.
    if (!is_forked)
        self->port->ops->destroy (self->port, s_linger);
    zloom_free (self);
}

//  Calls.

//  A request from what a program gave. NULL options mean none.
static zloom_code_t s_describe (zloom_client_t *self, const zloom_call_options_t *options,
                                const char *method, zloom_bytes_t params,
                                zloom__request_t *ret_request)
{
    static const zloom_call_options_t none = {0};
    if (!options)
        options = &none;
    *ret_request = (zloom__request_t){.method = zloom_bytes_str (method),
                                      .params = params,
                                      .headers = ZLOOM__HEADERS_NONE,
                                      .is_stream = options->stream};
    zloom__headers_t *headers = &ret_request->headers;
    headers->attempt = options->attempt;
    headers->key = options->key;
    headers->trace = zloom_bytes_str (options->trace);
    headers->user = options->headers;
    const char *flaw = NULL;
    if (headers->key.size > ZLOOM__KEY_MAX)
        flaw = "an idempotency key has at most 64 bytes";
    else if (headers->trace.size > ZLOOM__TRACE_MAX)
        flaw = "a trace context has at most 128 bytes";
    else if (options->timeout_ms > s_most_timeout_ms)
        flaw = "timeout_ms is at most 3600000";
    else if (headers->user.size && !zloom__wire_is_header_map (headers->user))
        flaw = "headers are a packed map of at most 16 different string keys";
    return flaw ? zloom_error_set (&self->error, ZLOOM_REASON_BAD_ARGUMENT, "%s", flaw) : ZLOOM_OK;
}

static zloom_code_t s_pack_params (zloom_client_t *self, const char *picture, va_list arguments)
{
    zloom_buffer_reset (&self->params);
    return zloom__vpack_array (&self->params, &self->error, picture, arguments);
}

//  Params that a program packed: what a server would refuse is refused here.
static zloom_code_t s_check_params (zloom_client_t *self, zloom_bytes_t params)
{
    zloom_code_t code = zloom_check (params, &self->options.limits, &self->error);
    if (code)
        zloom_error_wrap (&self->error, "params");
    else if ((params.data[0] & 0xf0) != 0x90 && params.data[0] != 0xdc && params.data[0] != 0xdd)
        code = zloom_error_set (&self->error, ZLOOM_REASON_MALFORMED, "params are not an array");
    return code;
}

static zloom_code_t s_begin (zloom_client_t *self, const zloom_call_options_t *options,
                             const char *method, zloom_bytes_t params, zloom_reply_fn *callback,
                             void *context, zloom__outgoing_t **ret_call)
{
    zloom__request_t request;
    zloom_code_t code = s_describe (self, options, method, params, &request);
    if (!code)
        code = zloom__client_begin (self, &request, options ? options->timeout_ms : 0, callback,
                                    context, ret_call);
    return code;
}

//  Turn until a call without a callback has ended, or has an item where those
//  are wanted. Its deadline ends it, if nothing else does.
static void s_turn_for (zloom_client_t *self, zloom__outgoing_t *call, bool wants_items)
{
    self->awaited = call->entry.id;
    self->wants_items = wants_items;
    self->got_awaited = false;
    while (!self->got_awaited && call->state != ZLOOM__CALL_ENDED
           && (!wants_items || STAILQ_EMPTY (&call->items)))
        zloom__client_turn (self, ZLOOM_NEVER);
    self->awaited = 0;
}

//  Make the outcome of the call that was turned for the result.
static zloom_code_t s_take_outcome (zloom_client_t *self, zloom__outgoing_t *call)
{
    if (!self->got_awaited)
        return zloom__client_fetch (self, call);
    if (self->result.error.code)
        self->error = self->result.error;
    return self->result.error.code;
}

//  Wait for the end of a call; items are passed over.
static zloom_code_t s_await (zloom_client_t *self, zloom__outgoing_t *call)
{
    while (!STAILQ_EMPTY (&call->items))
        zloom__client_fetch_item (self, call);
    s_turn_for (self, call, false);
    return s_take_outcome (self, call);
}

//  Take note of what has happened while the program was elsewhere: a server
//  that restarted meanwhile is noticed before the call is sent to the old one.
static void s_catch_up (zloom_client_t *self)
{
    if (zloom__port_now (self->port) - self->turned_at < s_away)
        return;
    for (int i = 0; i < EVENTS_IN_ONE_GO; i++)
        if (zloom__client_turn (self, 0) == ZLOOM__EVENT_TIMEOUT)
            break;
}

//  The whole of a synchronous call, its params packed already.
static zloom_code_t s_call (zloom_client_t *self, const zloom_call_options_t *options,
                            const char *method, zloom_bytes_t params)
{
    zloom__outgoing_t *call;
    zloom_code_t code = s_begin (self, options, method, params, NULL, NULL, &call);
    return code ? code : s_await (self, call);
}

static zloom_code_t s_vcall (zloom_client_t *self, const zloom_call_options_t *options,
                             const char *method, const char *picture, va_list arguments)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    //  Before, since callbacks may pack params too.
    s_catch_up (self);
    code = s_pack_params (self, picture, arguments);
    if (!code)
        code = s_call (self, options, method, zloom_buffer_bytes (&self->params));
    return s_leave (self, code);
}

zloom_code_t zloom_client_call (zloom_client_t *self, const char *method, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = s_vcall (self, NULL, method, picture, arguments);
    va_end (arguments);
    return code;
}

zloom_code_t zloom_client_call_with (zloom_client_t *self, const zloom_call_options_t *options,
                                     const char *method, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = s_vcall (self, options, method, picture, arguments);
    va_end (arguments);
    return code;
}

zloom_code_t zloom_client_call_bytes (zloom_client_t *self, const zloom_call_options_t *options,
                                      const char *method, zloom_bytes_t params)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    s_catch_up (self);
    code = s_check_params (self, params);
    if (!code)
        code = s_call (self, options, method, params);
    return s_leave (self, code);
}

//  The second half of a start, its params packed already.
static zloom_code_t s_start (zloom_client_t *self, zloom_call_id_t *ret_id,
                             const zloom_call_options_t *options, zloom_reply_fn *callback,
                             void *context, const char *method, zloom_bytes_t params)
{
    zloom__outgoing_t *call;
    zloom_code_t code = s_begin (self, options, method, params, callback, context, &call);
    if (!code && ret_id)
        *ret_id = call->entry.id;
    return code;
}

zloom_code_t zloom_client_start (zloom_client_t *self, zloom_call_id_t *ret_id,
                                 const zloom_call_options_t *options, zloom_reply_fn *callback,
                                 void *context, const char *method, const char *picture, ...)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    va_list arguments;
    va_start (arguments, picture);
    code = s_pack_params (self, picture, arguments);
    va_end (arguments);
    if (!code)
        code = s_start (self, ret_id, options, callback, context, method,
                        zloom_buffer_bytes (&self->params));
    return s_leave (self, code);
}

zloom_code_t zloom_client_start_bytes (zloom_client_t *self, zloom_call_id_t *ret_id,
                                       const zloom_call_options_t *options,
                                       zloom_reply_fn *callback, void *context, const char *method,
                                       zloom_bytes_t params)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    code = s_check_params (self, params);
    if (!code)
        code = s_start (self, ret_id, options, callback, context, method, params);
    return s_leave (self, code);
}

//  A call that can be waited for.
static zloom__outgoing_t *s_find (zloom_client_t *self, zloom_call_id_t id)
{
    zloom__outgoing_t *call = (zloom__outgoing_t *) zloom__outstanding_get (&self->outstanding, id);
    if (call && !call->is_greeting)
        return call;
    zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE, "there is no call %llu, or no longer",
                     (unsigned long long) id);
    return NULL;
}

static zloom__outgoing_t *s_find_to_wait (zloom_client_t *self, zloom_call_id_t id)
{
    zloom__outgoing_t *call = s_find (self, id);
    if (!call || !call->callback)
        return call;
    zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE,
                     "call %llu has a callback, which gets its reply", (unsigned long long) id);
    return NULL;
}

zloom_code_t zloom_client_wait (zloom_client_t *self, zloom_call_id_t id)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    zloom__outgoing_t *call = s_find_to_wait (self, id);
    return s_leave (self, call ? s_await (self, call) : self->error.code);
}

zloom_code_t zloom_client_next (zloom_client_t *self, zloom_call_id_t id, bool *ret_more)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    zloom__outgoing_t *call = s_find_to_wait (self, id);
    if (!call)
        return s_leave (self, self->error.code);
    s_turn_for (self, call, true);
    *ret_more = !self->got_awaited && !STAILQ_EMPTY (&call->items);
    if (*ret_more)
        zloom__client_fetch_item (self, call);
    else
        code = s_take_outcome (self, call);
    return s_leave (self, code);
}

zloom_code_t zloom_client_cancel (zloom_client_t *self, zloom_call_id_t id)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    zloom__outgoing_t *call = s_find (self, id);
    if (!call)
        return s_leave (self, self->error.code);
    bool has_callback = call->callback != NULL;
    if (call->state != ZLOOM__CALL_ENDED) {
        zloom__client_send_cancel (self, call);
        zloom__client_end (self, call, ZLOOM_REASON_CALL_CANCELLED);
    }
    //  Who waits for it fetches its end.
    if (!has_callback && id != self->awaited)
        zloom__client_forget (self, call);
    return s_leave (self, ZLOOM_OK);
}

//  Notifications.

static zloom_code_t s_notify (zloom_client_t *self, const char *method, zloom_bytes_t params)
{
    zloom_bytes_t name = zloom_bytes_str (method);
    if (name.size == 0 || name.size > ZLOOM__METHOD_MAX)
        return zloom_error_set (&self->error, ZLOOM_REASON_BAD_ARGUMENT,
                                "a method's name has 1 to %d bytes", ZLOOM__METHOD_MAX);
    if (params.size + name.size + 64 > self->options.limits.max_size)
        return zloom_error_set (&self->error, ZLOOM_REASON_OVERSIZE, "the params have %zu bytes",
                                params.size);
    zloom__peer_t *peer = zloom__links_pick (&self->links);
    if (!peer && zloom__links_present (&self->links))
        return zloom_error_set (&self->error, ZLOOM_REASON_QUEUE_FULL,
                                "no connection has room for a notification now");
    if (!peer)
        return zloom__links_explain (&self->links, &self->error);

    zloom_buffer_reset (&self->head);
    zloom__wire_begin_notification (&self->head, name, false);
    if (self->head.failed)
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory");
    const zloom_bytes_t parts[] = {zloom_buffer_bytes (&self->head), params};
    zloom_code_t code = self->port->ops->send (self->port, peer->channel, peer->link,
                                               zloom_bytes (NULL, 0), parts, 2);
    if (code == ZLOOM_UNAVAILABLE)
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_PEER, "the connection was lost");
    if (code) {
        peer->is_full = true;
        return zloom_error_set (&self->error, ZLOOM_REASON_QUEUE_FULL,
                                "the connection has no room for a notification now");
    }
    self->stats.notifications++;
    return ZLOOM_OK;
}

zloom_code_t zloom_client_notify (zloom_client_t *self, const char *method, const char *picture,
                                  ...)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    va_list arguments;
    va_start (arguments, picture);
    code = s_pack_params (self, picture, arguments);
    va_end (arguments);
    if (!code)
        code = s_notify (self, method, zloom_buffer_bytes (&self->params));
    return s_leave (self, code);
}

zloom_code_t zloom_client_notify_bytes (zloom_client_t *self, const char *method,
                                        zloom_bytes_t params)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    code = s_check_params (self, params);
    if (!code)
        code = s_notify (self, method, params);
    return s_leave (self, code);
}

zloom_code_t zloom_client_cork (zloom_client_t *self)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    self->corks++;
    return s_leave (self, ZLOOM_OK);
}

zloom_code_t zloom_client_uncork (zloom_client_t *self)
{
    zloom_code_t code = s_enter (self);
    if (code)
        return code;
    if (self->corks == 0)
        code = zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE, "there is no cork");
    else
        self->corks--;
    return s_leave (self, code);
}

//  Turning.

zloom_code_t zloom_client_process (zloom_client_t *self, uint32_t timeout_ms)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    zloom_time_t until = zloom_time_add (zloom__port_now (self->port), timeout_ms * ZLOOM_MSEC);
    zloom__event_kind_t kind = zloom__client_turn (self, until);
    for (int i = 1; i < EVENTS_IN_ONE_GO && kind != ZLOOM__EVENT_TIMEOUT && !self->is_broken; i++)
        kind = zloom__client_turn (self, 0);
    return s_leave (self, self->is_broken ? s_broken (self) : ZLOOM_OK);
}

static uint64_t s_active (const zloom_client_t *self)
{
    return self->stats.calls - self->stats.ok - self->stats.failed;
}

zloom_code_t zloom_client_drain (zloom_client_t *self, uint32_t timeout_ms)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    zloom_time_t until = zloom_time_add (zloom__port_now (self->port), timeout_ms * ZLOOM_MSEC);
    while (s_active (self) && zloom__port_now (self->port) < until)
        zloom__client_turn (self, until);
    if (s_active (self))
        code = zloom_error_set (&self->error, ZLOOM_REASON_DEADLINE,
                                "%llu calls are outstanding still",
                                (unsigned long long) s_active (self));
    return s_leave (self, code);
}

zloom_code_t zloom_client_wait_ready (zloom_client_t *self, uint32_t timeout_ms)
{
    zloom_code_t code = s_enter_to_wait (self);
    if (code)
        return code;
    zloom_time_t until = zloom_time_add (zloom__port_now (self->port), timeout_ms * ZLOOM_MSEC);
    zloom__links_hope (&self->links);
    while (!zloom__links_are_ready (&self->links) && !zloom__links_are_hopeless (&self->links)
           && zloom__port_now (self->port) < until && !self->is_broken)
        zloom__client_turn (self, until);
    if (self->is_broken)
        code = s_broken (self);
    else if (!zloom__links_are_ready (&self->links))
        code = zloom__links_explain (&self->links, &self->error);
    return s_leave (self, code);
}

int zloom_client_descriptor (zloom_client_t *self)
{
    if (s_enter (self))
        return -1;
    int descriptor = self->port->ops->descriptor (self->port);
    self->in_foreign_loop = descriptor != -1;
    s_leave (self, ZLOOM_OK);
    return descriptor;
}

//  What came of it.

zloom_code_t zloom_client_result (zloom_client_t *self, const char *picture, ...)
{
    if (self->result.value.size == 0)
        return zloom_error_set (&self->error, ZLOOM_REASON_BAD_STATE, "there is no result");
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code =
        zloom__vunpack_one (self->result.value, &self->scratch, &self->error, picture, arguments);
    va_end (arguments);
    return code;
}

zloom_bytes_t zloom_client_result_bytes (const zloom_client_t *self)
{
    return self->result.value;
}

const zloom_error_t *zloom_client_last_error (const zloom_client_t *self)
{
    return &self->error;
}

void zloom_client_stats (const zloom_client_t *self, zloom_client_stats_t *ret_stats)
{
    *ret_stats = self->stats;
    ret_stats->malformed += self->port->ops->dropped (self->port);
    ret_stats->outstanding = (uint32_t) s_active (self);
    ret_stats->present = zloom__links_present (&self->links);
}

zloom_call_id_t zloom_reply_id (const zloom_reply_t *self)
{
    return self->id;
}

zloom_code_t zloom_reply_code (const zloom_reply_t *self)
{
    return self->error.code;
}

const zloom_error_t *zloom_reply_error (const zloom_reply_t *self)
{
    return &self->error;
}

bool zloom_reply_is_item (const zloom_reply_t *self)
{
    return self->is_item;
}

zloom_code_t zloom_reply_read (zloom_reply_t *self, const char *picture, ...)
{
    if (self->value.size == 0)
        return ZLOOM_FAILED_PRECONDITION;
    zloom_error_t error;
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom__vunpack_one (self->value, self->scratch, &error, picture, arguments);
    va_end (arguments);
    return code;
}

zloom_bytes_t zloom_reply_bytes (const zloom_reply_t *self)
{
    return self->value;
}

zloom_bytes_t zloom_reply_error_data (const zloom_reply_t *self)
{
    return self->data;
}
