#include "reqrep/server_internal.h"

#include "base/log.h"

//  A handler that took longer than this has made others wait.
static const zloom_time_t s_lag = ZLOOM_MSEC;

//  So many calls in a row of a quick method make it one that is always so, and
//  of those the clock is asked at every eighth.
enum { QUICK_FOR_LONG = 64, ASK_CLOCK_EVERY = 8 };
static const zloom_time_t s_quick = 100 * ZLOOM_USEC;

//  Calls that waited and are handled before another look at what has come.
enum { HANDLED_AT_ONCE = 64 };

//  The deadline of a held call. Who set one knows by itself; who set none is
//  told that the server's own has passed; that it was not worked on is said
//  only where that is certain.
static void s_expire (zloom_server_t *self, zloom_call_t *call, bool may_have_begun)
{
    self->stats.expired++;
    bool set_none = call->headers.remaining > self->options.max_timeout_ms * ZLOOM_MSEC;
    if (set_none && !call->is_notification) {
        zloom_error_t error;
        zloom_error_set (&error, may_have_begun ? ZLOOM_REASON_DEADLINE : ZLOOM_REASON_EXPIRED,
                         "the server works on a call for %u ms",
                         (unsigned) self->options.max_timeout_ms);
        const zloom__event_t event = {.channel = call->channel,
                                      .link = call->link,
                                      .envelope =
                                          zloom_bytes (call->envelope, call->envelope_size)};
        zloom__server_refuse (self, &event, call->id, &error);
    }
    zloom__call_end (call);
}

//  Handling.

//  Whether a handler returned what `args` found. Most say INVALID_ARGUMENT then,
//  also where there was no memory.
static bool s_is_of_args (const zloom_call_t *call, zloom_code_t code)
{
    return call->error.code == code
           || (code == ZLOOM_INVALID_ARGUMENT && call->error.code == ZLOOM_RESOURCE_EXHAUSTED);
}

//  End a call that its handler left without an answer.
static void s_answer_for (zloom_call_t *call, zloom_code_t code)
{
    if (code == ZLOOM_OK)
        zloom_error_set (&call->error, ZLOOM_REASON_NO_ANSWER,
                         "method '%s' returned without an answer", call->method->name);
    else if (!s_is_of_args (call, code)) {
        zloom_error_set (&call->error, ZLOOM_REASON_HANDLER, "method '%s': %s", call->method->name,
                         zloom_code_text (code));
        call->error.code = code;
    }
    zloom__call_fail (call, &call->error, zloom_bytes (NULL, 0));
}

//  Run the handler of a call in this thread.
static void s_handle (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    if (!call->method->is_builtin) {
        self->dispatched = call->method;
        self->dispatched_at = zloom__port_now (self->port);
    }
    call->is_inside = true;
    self->handlers++;
    zloom_code_t code = call->method->handler (call, call->method->context);
    if (!call->is_answered && (code || !call->is_deferred))
        s_answer_for (call, code);
    self->handlers--;
    call->is_inside = false;
    if (!call->is_deferred || call->is_answered)
        zloom__call_release_if_done (call);
}

//  Thread: a worker. A call for which a thread is free too late is not begun.
static void s_run_job (zloom__job_t *job)
{
    uint8_t *at = (uint8_t *) job - offsetof (zloom_call_t, job);
    zloom_call_t *call = (zloom_call_t *) (void *) at;
    zloom__port_t *port = call->server->port;
    if (zloom_call_cancelled (call) || atomic_load (&call->server->is_closing)
        || call->deadline <= port->ops->now (port))
        return;
    zloom_code_t code = call->method->handler (call, call->method->context);
    if (!call->is_answered)
        s_answer_for (call, code);
}

static void s_finish_job (zloom__job_t *job)
{
    uint8_t *at = (uint8_t *) job - offsetof (zloom_call_t, job);
    zloom_call_t *call = (zloom_call_t *) (void *) at;
    call->is_threaded = false;
    if (call->is_answered) {
        zloom__call_send_response (call, zloom_bytes (NULL, 0));
        return;
    }
    if (!zloom_call_cancelled (call))
        s_expire (call->server, call, false);
    zloom__call_release (call);
}

//  Where a request is worked on: now, when its turn comes, or in a thread.
static zloom_code_t s_assign (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    bool is_threaded = self->options.workers && !call->method->is_builtin;
    bool must_wait = self->is_behind || self->handlers || !TAILQ_EMPTY (&self->ready);
    if (!is_threaded && (!must_wait || call->method->is_builtin)) {
        s_handle (call);
        return ZLOOM_OK;
    }
    if (!zloom__call_hold (call))
        return ZLOOM_RESOURCE_EXHAUSTED;
    if (is_threaded) {
        call->is_threaded = true;
        call->job.run = s_run_job;
        self->port->ops->submit (self->port, &call->job);
    } else {
        call->is_queued = true;
        TAILQ_INSERT_TAIL (&self->ready, call, queue);
    }
    return ZLOOM_OK;
}

static void s_handle_first_ready (zloom_server_t *self)
{
    zloom_call_t *call = TAILQ_FIRST (&self->ready);
    if (call->deadline <= zloom__port_now (self->port)) {
        s_expire (self, call, false);
        return;
    }
    zloom__call_leave_queue (call);
    s_handle (call);
}

//  Some of what waits, as long as that takes no time: to look for something new
//  after each would cost more than most handlers do.
static void s_handle_ready (zloom_server_t *self)
{
    zloom_time_t from = zloom__port_now (self->port);
    for (int i = 0; i < HANDLED_AT_ONCE && !TAILQ_EMPTY (&self->ready); i++) {
        s_handle_first_ready (self);
        if (zloom__port_refresh (self->port) - from > s_lag)
            break;
    }
}

//  Deferred calls whose item found a full link may try again.
static void s_wake_thirsty (zloom_server_t *self)
{
    //  As many as there are now: those that stay thirsty queue up again, and a
    //  watcher may answer any of them.
    zloom_call_t *call;
    size_t count = 0;
    TAILQ_FOREACH (call, &self->thirsty, queue)
    count++;
    while (count-- > 0 && (call = TAILQ_FIRST (&self->thirsty))) {
        zloom__call_leave_queue (call);
        if (call->watcher)
            call->watcher (call, ZLOOM_CALL_CREDIT, call->watcher_context);
    }
}

//  What comes.

//  Why a request is not even begun; NONE: it is.
static zloom_reason_t s_find_refusal (zloom_server_t *self, const zloom__event_t *event,
                                      const zloom__message_t *message,
                                      const zloom__method_t *method, zloom_error_t *ret_error)
{
    if (!method)
        zloom_error_set (ret_error, ZLOOM_REASON_UNKNOWN_METHOD,
                         "there is no such method here; zloom.describe lists what there is");
    else if (self->is_draining && !method->is_builtin)
        zloom_error_set (ret_error, ZLOOM_REASON_DRAINING, "the server is shutting down");
    else if (!method->is_builtin
             && (self->pending >= self->options.max_pending
                 || self->pending_bytes + event->body.size > self->options.max_pending_bytes))
        zloom_error_set (ret_error, ZLOOM_REASON_QUEUE_FULL,
                         "%zu calls are pending already; try again later", self->pending);
    else if (zloom__signature_check (&method->signature, message->params, ret_error) == ZLOOM_OK)
        return ZLOOM_REASON_NONE;
    return ret_error->reason;
}

static void s_take_request (zloom_server_t *self, const zloom__event_t *event,
                            const zloom__message_t *message)
{
    bool is_notification = message->kind == ZLOOM__NOTIFICATION;
    if (is_notification)
        self->stats.notifications++;
    else
        self->stats.requests++;
    if (message->headers.remaining == 0) {
        self->stats.expired++;
        return;
    }
    zloom__method_t *method = zloom__server_find_method (self, message->method);
    zloom_error_t error;
    zloom_reason_t refusal = s_find_refusal (self, event, message, method, &error);
    zloom_call_t *call = refusal ? NULL : zloom__server_take_call (self, event, message);
    if (call) {
        call->method = method;
        method->calls++;
        if (s_assign (call) == ZLOOM_OK)
            return;
        zloom__call_release (call);
    }
    if (!refusal)
        zloom_error_set (&error, ZLOOM_REASON_NO_MEMORY, "the server is out of memory");
    bool is_load = error.reason == ZLOOM_REASON_QUEUE_FULL || error.reason == ZLOOM_REASON_DRAINING
                   || error.reason == ZLOOM_REASON_NO_MEMORY;
    self->stats.refused += is_load;
    self->stats.failed += !is_load;
    if (!is_notification)
        zloom__server_refuse (self, event, message->id, &error);
}

void zloom__call_end (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    if (atomic_exchange (&call->is_over, true))
        return;
    if (call->is_threaded) {
        pthread_mutex_lock (&self->shared.lock);
        pthread_cond_broadcast (&self->shared.changed);
        pthread_mutex_unlock (&self->shared.lock);
    } else if (call->is_queued)
        zloom__call_release (call);
    else if (call->is_deferred && !call->is_answered && call->watcher)
        call->watcher (call, ZLOOM_CALL_CANCELLED, call->watcher_context);
}

static void s_take_cancel (zloom_server_t *self, const zloom__event_t *event,
                           const zloom__message_t *message)
{
    zloom_call_t *call = zloom__server_find_call (self, event, message->id);
    if (call && zloom__call_is_open (call)) {
        self->stats.cancelled++;
        zloom__call_end (call);
    }
}

static void s_take_credit (zloom_server_t *self, const zloom__event_t *event,
                           const zloom__message_t *message)
{
    zloom_call_t *call = zloom__server_find_call (self, event, message->id);
    if (!call || !call->takes_items)
        return;
    if (call->is_threaded) {
        pthread_mutex_lock (&self->shared.lock);
        zloom__credit_grant (&call->credit, message->count);
        pthread_cond_broadcast (&self->shared.changed);
        pthread_mutex_unlock (&self->shared.lock);
        return;
    }
    bool has_grown = zloom__credit_grant (&call->credit, message->count);
    bool is_awaited = has_grown && call->wants_credit && call->is_deferred && !call->is_answered;
    if (is_awaited && call->watcher) {
        call->wants_credit = false;
        call->watcher (call, ZLOOM_CALL_CREDIT, call->watcher_context);
    }
}

static void s_answer_beat (zloom_server_t *self, const zloom__event_t *event, uint64_t number)
{
    zloom_buffer_reset (&self->scratch);
    zloom__wire_beat (&self->scratch, ZLOOM__BEAT_ANSWER, number);
    zloom_bytes_t body = zloom_buffer_bytes (&self->scratch);
    if (!self->scratch.failed)
        self->port->ops->send (self->port, event->channel, event->link, event->envelope, &body, 1);
}

//  What is no message of ours; its sender is told if it can be.
static void s_take_malformed (zloom_server_t *self, const zloom__event_t *event,
                              const zloom_error_t *error)
{
    self->stats.malformed++;
    zloom_log (ZLOOM_LOG_WARNING, "ZL-RPC-MALFORMED", "dropped a message: %s", error->text);
    uint64_t id;
    if (zloom__wire_peek (event->body, ZLOOM__REQUEST, &id))
        zloom__server_refuse (self, event, id, error);
}

static void s_take_frame (zloom_server_t *self, const zloom__event_t *event)
{
    zloom__message_t message;
    zloom_error_t error;
    if (zloom__wire_read (event->body, &self->options.limits, &message, &error)) {
        s_take_malformed (self, event, &error);
        return;
    }
    switch (message.kind) {
    case ZLOOM__REQUEST:
    case ZLOOM__NOTIFICATION:
        s_take_request (self, event, &message);
        break;
    case ZLOOM__CANCEL:
        s_take_cancel (self, event, &message);
        break;
    case ZLOOM__CREDIT:
        s_take_credit (self, event, &message);
        break;
    case ZLOOM__BEAT:
        s_answer_beat (self, event, message.id);
        break;
    case ZLOOM__RESPONSE:
    case ZLOOM__ITEM:
    case ZLOOM__BEAT_ANSWER:
    default:
        self->stats.malformed++;
    }
}

//  A call of a bucket that came by a link and that somebody still waits for. For
//  a notification nobody does: it is worked on though its sender has left.
static zloom_call_t *s_find_of_link (const zloom_server_t *self, size_t bucket, zloom__link_t link)
{
    zloom_call_t *call;
    LIST_FOREACH (call, &self->table[bucket], in_table)
    if (call->link == link && !call->is_notification && zloom__call_is_open (call))
        return call;
    return NULL;
}

//  A link is gone: nobody waits for what came by it. The search starts anew
//  after each, since a watcher may answer other calls.
static void s_take_down (zloom_server_t *self, zloom__link_t link)
{
    for (size_t i = 0; i < self->table_size; i++) {
        zloom_call_t *call;
        while ((call = s_find_of_link (self, i, link))) {
            self->stats.cancelled++;
            zloom__call_end (call);
        }
    }
}

static void s_run_timers (zloom_server_t *self)
{
    zloom__timer_t *timer;
    while ((timer = zloom__wheel_expire (&self->wheel, zloom__port_now (self->port)))) {
        uint8_t *at = (uint8_t *) timer - offsetof (zloom_call_t, timer);
        zloom_call_t *call = (zloom_call_t *) (void *) at;
        if (zloom__call_is_open (call))
            s_expire (self, call, !call->is_queued);
    }
}

//  Send the items that workers have handed over.
static void s_take_items (zloom_server_t *self)
{
    pthread_mutex_lock (&self->shared.lock);
    zloom_call_t *call;
    while ((call = TAILQ_FIRST (&self->shared.items))) {
        zloom_code_t code = zloom__call_send (call, zloom_bytes (NULL, 0));
        if (code == ZLOOM_RESOURCE_EXHAUSTED) {
            zloom__server_retry (self);
            break;
        }
        if (code)
            atomic_store (&call->is_over, true);
        else
            self->stats.items++;
        TAILQ_REMOVE (&self->shared.items, call, handover);
        call->is_item_waiting = false;
    }
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.lock);
}

static void s_take_event (zloom_server_t *self, const zloom__event_t *event)
{
    switch (event->kind) {
    case ZLOOM__EVENT_FRAME:
        s_take_frame (self, event);
        break;
    case ZLOOM__EVENT_DOWN:
        s_take_down (self, event->link);
        break;
    case ZLOOM__EVENT_JOB:
        s_finish_job (event->job);
        break;
    case ZLOOM__EVENT_WOKEN:
        s_take_items (self);
        break;
    case ZLOOM__EVENT_ROOM:
        self->retry_at = zloom__port_now (self->port);
        break;
    case ZLOOM__EVENT_BROKEN:
        self->is_broken = true;
        break;
    case ZLOOM__EVENT_TIMEOUT:
    case ZLOOM__EVENT_UP:
    default:
        break;
    }
}

//  The turn.

zloom_time_t zloom__server_next_due (const zloom_server_t *self)
{
    return zloom_time_min (zloom__wheel_next (&self->wheel), self->retry_at);
}

//  Whether a handler of the last turn has made others wait. The clock is asked
//  only now and then about a method that has long been quick: to ask it takes as
//  long as such a handler does.
static void s_notice_lag (zloom_server_t *self)
{
    zloom__method_t *method = self->dispatched;
    self->dispatched = NULL;
    if (method && ++method->quick > QUICK_FOR_LONG && method->quick % ASK_CLOCK_EVERY)
        return;
    zloom_time_t took = zloom__port_refresh (self->port) - self->dispatched_at;
    if (method && took > s_quick)
        method->quick = 0;
    if (method && took > s_lag)
        self->is_behind = true;
}

zloom__event_kind_t zloom__server_turn (zloom_server_t *self, zloom_time_t until)
{
    s_notice_lag (self);
    bool has_ready = !TAILQ_EMPTY (&self->ready) && self->handlers == 0;
    zloom_time_t due = zloom__server_next_due (self);
    zloom__event_t event;
    self->port->ops->next (self->port,
                           has_ready || self->is_behind ? 0 : zloom_time_min (until, due), &event);
    s_take_event (self, &event);

    zloom_time_t now = zloom__port_now (self->port);
    if (due <= now)
        s_run_timers (self);
    if (self->retry_at <= now) {
        zloom__server_send_unsent (self);
        s_wake_thirsty (self);
        s_take_items (self);
    }
    if (event.kind != ZLOOM__EVENT_TIMEOUT)
        return event.kind;
    //  All that waited has been taken in.
    self->is_behind = false;
    if (!has_ready || TAILQ_EMPTY (&self->ready))
        return ZLOOM__EVENT_TIMEOUT;
    s_handle_ready (self);
    return ZLOOM__EVENT_FRAME;
}

//  The end.

void zloom__server_end_threaded (zloom_server_t *self)
{
    //  First, lest a thread that is told takes up another call.
    atomic_store (&self->is_closing, true);
    for (size_t i = 0; i < self->table_size; i++) {
        zloom_call_t *call;
        LIST_FOREACH (call, &self->table[i], in_table)
        if (call->is_threaded)
            zloom__call_end (call);
    }
}

void zloom__server_drop_calls (zloom_server_t *self)
{
    for (size_t i = 0; i < self->table_size; i++) {
        zloom_call_t *call;
        while ((call = LIST_FIRST (&self->table[i]))) {
            if (call->is_deferred && !call->is_answered && call->watcher)
                call->watcher (call, ZLOOM_CALL_CLOSED, call->watcher_context);
            if (LIST_FIRST (&self->table[i]) == call)
                zloom__call_release (call);
        }
    }
    zloom_call_t *call;
    while ((call = TAILQ_FIRST (&self->unsent)))
        zloom__call_release (call);
    while ((call = TAILQ_FIRST (&self->spare))) {
        TAILQ_REMOVE (&self->spare, call, queue);
        zloom__call_free (call);
    }
}
