#include "reqrep/client_internal.h"

#include "base/memory.h"
#include "data/check_internal.h"

//  A peer that does not say what it is within this time is taken to be plain.
static const uint32_t s_greeting_ms = 1000;

static zloom__outgoing_t *s_take_spare (zloom_client_t *self)
{
    zloom__outgoing_t *call = TAILQ_FIRST (&self->spare);
    if (call) {
        TAILQ_REMOVE (&self->spare, call, queue);
        self->spare_bytes -= call->saved.capacity;
    } else if ((call = (zloom__outgoing_t *) zloom_alloc (sizeof *call)))
        STAILQ_INIT (&call->items);
    return call;
}

void zloom__client_spare (zloom_client_t *self, zloom__outgoing_t *call)
{
    zloom__frame_clear (&call->response);
    if (self->spare_bytes + call->saved.capacity > self->options.max_unsent_bytes)
        zloom_buffer_clear (&call->saved);
    self->spare_bytes += call->saved.capacity;
    TAILQ_INSERT_HEAD (&self->spare, call, queue);
}

//  Whether a request can say all it has to say to a plain peer.
static bool s_needs_zloom (const zloom__request_t *request)
{
    const zloom__headers_t *headers = &request->headers;
    return request->is_stream || headers->attempt || headers->key.size || headers->trace.size
           || headers->user.size;
}

//  Put a request on a link. The parts lie in one frame: head, params, headers.
static zloom_code_t s_transmit (zloom_client_t *self, zloom__outgoing_t *call,
                                const zloom__request_t *request, zloom__peer_t *peer)
{
    bool is_extended = peer->nature == ZLOOM__NATURE_ZLOOM;
    zloom_buffer_reset (&self->head);
    zloom__wire_begin_request (&self->head, call->entry.id, request->method, is_extended);
    size_t split = self->head.size;
    if (is_extended) {
        zloom__headers_t headers = request->headers;
        headers.remaining = call->deadline - zloom__port_now (self->port);
        headers.credit = call->is_stream ? call->credit.window : 0;
        zloom__wire_headers (&self->head, &headers);
    }
    if (self->head.failed)
        return ZLOOM_RESOURCE_EXHAUSTED;
    const zloom_bytes_t parts[] = {
        {self->head.data, split},
        request->params,
        {self->head.data + split, self->head.size - split},
    };
    zloom_code_t code = self->port->ops->send (self->port, peer->channel, peer->link,
                                               zloom_bytes (NULL, 0), parts, is_extended ? 3 : 2);
    if (code == ZLOOM_OK) {
        call->state = ZLOOM__CALL_SENT;
        call->peer = peer;
        call->link = peer->link;
        peer->working++;
    } else
        peer->is_full = true;  //  Or about to be told as gone
    return code;
}

//  The link for a request, greeted first where that is needed; NULL = none now.
static zloom__peer_t *s_find_link (zloom_client_t *self, const zloom__request_t *request)
{
    zloom__peer_t *peer = zloom__links_pick (&self->links);
    if (!peer || !s_needs_zloom (request))
        return peer;
    if (peer->nature == ZLOOM__NATURE_UNKNOWN)
        zloom__client_greet (self, peer);
    bool is_known = peer->nature == ZLOOM__NATURE_ZLOOM || peer->nature == ZLOOM__NATURE_PLAIN;
    return is_known ? peer : NULL;
}

//  Copy a slice behind the others of a saved request; room was made for it.
static zloom_bytes_t s_save_slice (zloom_buffer_t *saved, zloom_bytes_t slice)
{
    const uint8_t *at = saved->data + saved->size;
    zloom_buffer_append (saved, slice.data, slice.size);
    return zloom_bytes (at, slice.size);
}

static zloom_code_t s_save (zloom_client_t *self, zloom__outgoing_t *call,
                            const zloom__request_t *request)
{
    const zloom__headers_t *headers = &request->headers;
    size_t size = request->method.size + request->params.size + headers->key.size
                  + headers->trace.size + headers->user.size;
    if (self->waiting_bytes + size > self->options.max_unsent_bytes)
        return zloom_error_set (&self->error, ZLOOM_REASON_QUEUE_FULL,
                                "%zu bytes wait for a connection already, at most %u may",
                                self->waiting_bytes, (unsigned) self->options.max_unsent_bytes);
    zloom_buffer_t *saved = &call->saved;
    zloom_buffer_reset (saved);
    if (!zloom_buffer_reserve (saved, size))
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory for a call");
    call->request = *request;
    call->request.method = s_save_slice (saved, request->method);
    call->request.params = s_save_slice (saved, request->params);
    call->request.headers.key = s_save_slice (saved, headers->key);
    call->request.headers.trace = s_save_slice (saved, headers->trace);
    call->request.headers.user = s_save_slice (saved, headers->user);
    return ZLOOM_OK;
}

//  Let a call wait for a link, until its deadline or until nobody has come.
static zloom_code_t s_let_wait (zloom_client_t *self, zloom__outgoing_t *call,
                                const zloom__request_t *request)
{
    zloom_code_t code = s_save (self, call, request);
    if (code)
        return code;
    call->state = ZLOOM__CALL_WAITING;
    TAILQ_INSERT_TAIL (&self->waiting, call, queue);
    self->waiting_bytes += call->saved.size;
    self->stats.unsent++;

    zloom_time_t give_up = zloom_time_add (zloom__port_now (self->port),
                                           self->options.connect_timeout_ms * ZLOOM_MSEC);
    zloom__wheel_set (&self->wheel, &call->timer, zloom_time_min (give_up, call->deadline));
    return ZLOOM_OK;
}

//  At most, with the heads, names and numbers of a message.
static size_t s_size (const zloom__request_t *request)
{
    const zloom__headers_t *headers = &request->headers;
    size_t given = request->method.size + request->params.size + headers->key.size
                   + headers->trace.size + headers->user.size;
    return given + (s_needs_zloom (request) ? 112 : 64);
}

static zloom_code_t s_check_request (zloom_client_t *self, const zloom__request_t *request)
{
    const zloom_limits_t *limits = &self->options.limits;
    if (self->is_closing)
        return zloom_error_set (&self->error, ZLOOM_REASON_CLOSED, "the client is being destroyed");
    if (request->method.size == 0 || request->method.size > ZLOOM__METHOD_MAX)
        return zloom_error_set (&self->error, ZLOOM_REASON_BAD_ARGUMENT,
                                "a method's name has 1 to %d bytes", ZLOOM__METHOD_MAX);
    if (s_size (request) > limits->max_size)
        return zloom_error_set (&self->error, ZLOOM_REASON_OVERSIZE,
                                "the params have %zu bytes; a message may have %u in all",
                                request->params.size, (unsigned) limits->max_size);
    if (self->outstanding.count - self->greetings >= self->options.max_outstanding)
        return zloom_error_set (&self->error, ZLOOM_REASON_QUEUE_FULL,
                                "%u calls are outstanding already, the most that may be",
                                (unsigned) self->options.max_outstanding);
    return ZLOOM_OK;
}

static void s_set_up (zloom_client_t *self, zloom__outgoing_t *call,
                      const zloom__request_t *request, uint32_t timeout_ms)
{
    if (timeout_ms == 0)
        timeout_ms = self->options.timeout_ms;
    call->deadline = zloom_time_add (zloom__port_now (self->port), timeout_ms * ZLOOM_MSEC);
    call->is_stream = request->is_stream;
    call->is_greeting = false;
    call->reason = ZLOOM_REASON_NONE;
    call->peer = NULL;
    call->link = 0;
    call->next_seq = 1;
    call->owes_credit = false;
    call->credit =
        (zloom__credit_taker_t){self->options.stream_credit, self->options.stream_credit, 0};
}

zloom_code_t zloom__client_begin (zloom_client_t *self, const zloom__request_t *request,
                                  uint32_t timeout_ms, zloom_reply_fn *callback, void *context,
                                  zloom__outgoing_t **ret_call)
{
    zloom_code_t code = s_check_request (self, request);
    if (code)
        return code;
    zloom__outgoing_t *call = s_take_spare (self);
    if (!call || !zloom__outstanding_add (&self->outstanding, &call->entry)) {
        if (call)
            zloom__client_spare (self, call);
        return zloom_error_set (&self->error, ZLOOM_REASON_NO_MEMORY, "out of memory for a call");
    }
    s_set_up (self, call, request, timeout_ms);
    call->callback = callback;
    call->context = context;

    //  What waits goes first, so that calls stay in order.
    zloom__peer_t *peer = TAILQ_EMPTY (&self->waiting) ? s_find_link (self, request) : NULL;
    if (peer && s_transmit (self, call, request, peer) == ZLOOM_OK)
        zloom__wheel_set (&self->wheel, &call->timer, call->deadline);
    else
        code = s_let_wait (self, call, request);
    if (code) {
        zloom__outstanding_remove (&self->outstanding, &call->entry);
        zloom__client_spare (self, call);
        return code;
    }
    self->stats.calls++;
    *ret_call = call;
    return ZLOOM_OK;
}

void zloom__client_send_waiting (zloom_client_t *self)
{
    zloom__outgoing_t *call;
    while ((call = TAILQ_FIRST (&self->waiting))) {
        zloom__peer_t *peer = s_find_link (self, &call->request);
        if (!peer)
            break;
        if (s_transmit (self, call, &call->request, peer)) {
            if (!peer->is_full)
                break;  //  No memory; there may be some at the next turn
            continue;   //  That link is full now; another may not be
        }
        TAILQ_REMOVE (&self->waiting, call, queue);
        self->waiting_bytes -= call->saved.size;
        self->stats.unsent--;
        zloom__wheel_set (&self->wheel, &call->timer, call->deadline);
    }
}

//  The answer to a greeting, good or bad: a zloom server's has "zloom" in it.
static void s_take_greeting (zloom_client_t *self, zloom_reply_t *reply, void *context)
{
    zloom__peer_t *peer = (zloom__peer_t *) context;
    uint64_t version;
    bool is_zloom = reply->error.code == ZLOOM_OK
                    && zloom_reply_read (reply, "{sU}", "zloom", &version) == ZLOOM_OK;
    if (is_zloom)
        peer->nature = ZLOOM__NATURE_ZLOOM;
    else if (peer->nature == ZLOOM__NATURE_ASKED)
        //  Who was not there to be asked will be asked again.
        peer->nature = zloom__peer_is_unproven (peer) ? ZLOOM__NATURE_UNKNOWN : ZLOOM__NATURE_PLAIN;
    (void) self;
}

void zloom__client_greet (zloom_client_t *self, zloom__peer_t *peer)
{
    static const uint8_t no_params[] = {0x90};
    zloom__request_t request = {.method = zloom_bytes_str ("zloom.ping"),
                                .params = zloom_bytes (no_params, sizeof no_params),
                                .headers = ZLOOM__HEADERS_NONE};
    zloom__outgoing_t *call = s_take_spare (self);
    if (!call || !zloom__outstanding_add (&self->outstanding, &call->entry)) {
        if (call)
            zloom__client_spare (self, call);
        return;
    }
    s_set_up (self, call, &request, s_greeting_ms);
    call->is_greeting = true;
    call->callback = s_take_greeting;
    call->context = peer;
    if (s_transmit (self, call, &request, peer)) {
        zloom__outstanding_remove (&self->outstanding, &call->entry);
        zloom__client_spare (self, call);
        return;
    }
    self->greetings++;
    peer->nature = ZLOOM__NATURE_ASKED;
    zloom__wheel_set (&self->wheel, &call->timer, call->deadline);
}

//  A message beside a call.
static zloom_code_t s_send_beside (zloom_client_t *self, const zloom__outgoing_t *call)
{
    zloom_bytes_t body = zloom_buffer_bytes (&self->head);
    if (self->head.failed || call->peer->link != call->link)
        return ZLOOM_UNAVAILABLE;
    return self->port->ops->send (self->port, call->peer->channel, call->link,
                                  zloom_bytes (NULL, 0), &body, 1);
}

void zloom__client_send_cancel (zloom_client_t *self, const zloom__outgoing_t *call)
{
    if (call->state != ZLOOM__CALL_SENT || call->peer->nature != ZLOOM__NATURE_ZLOOM)
        return;
    zloom_buffer_reset (&self->head);
    zloom__wire_cancel (&self->head, call->entry.id);
    //  Lost without harm: the deadline is known there too.
    s_send_beside (self, call);
}

//  Credit must not be lost: the server may have none left, and then nothing
//  would ever come to tell it anew.
void zloom__client_send_credit (zloom_client_t *self, zloom__outgoing_t *call)
{
    zloom_buffer_reset (&self->head);
    zloom__wire_credit (&self->head, call->entry.id, call->credit.told);
    call->owes_credit = s_send_beside (self, call) == ZLOOM_RESOURCE_EXHAUSTED;
    if (call->owes_credit)
        self->owes_credit = call->peer->is_full = true;
}

void zloom__client_send_owed_credit (zloom_client_t *self, zloom__link_t link)
{
    if (!self->owes_credit)
        return;
    self->owes_credit = false;
    size_t at = 0;
    zloom__entry_t *entry;
    while ((entry = zloom__outstanding_walk (&self->outstanding, &at))) {
        zloom__outgoing_t *call = (zloom__outgoing_t *) entry;
        if (call->state != ZLOOM__CALL_SENT || !call->owes_credit)
            continue;
        if (call->link == link)
            zloom__client_send_credit (self, call);
        self->owes_credit = self->owes_credit || call->owes_credit;
    }
}
