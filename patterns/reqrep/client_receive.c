#include "reqrep/client_internal.h"

#include "base/log.h"
#include "base/memory.h"

static void s_spare_item (zloom_client_t *self, zloom__item_t *item)
{
    zloom__frame_clear (&item->frame);
    STAILQ_INSERT_HEAD (&self->spare_items, item, next);
}

static zloom__item_t *s_take_spare_item (zloom_client_t *self)
{
    zloom__item_t *item = STAILQ_FIRST (&self->spare_items);
    if (item)
        STAILQ_REMOVE_HEAD (&self->spare_items, next);
    else
        item = (zloom__item_t *) zloom_alloc (sizeof *item);
    return item;
}

void zloom__client_clear_result (zloom_client_t *self)
{
    zloom_reply_t *result = &self->result;
    if (self->held)
        s_spare_item (self, self->held);
    self->held = NULL;
    if (self->fetched)
        zloom__client_spare (self, self->fetched);
    self->fetched = NULL;
    result->id = 0;
    result->is_item = false;
    result->value = result->data = zloom_bytes (NULL, 0);
    zloom_error_clear (&result->error);
}

static void s_clear_items (zloom_client_t *self, zloom__outgoing_t *call)
{
    zloom__item_t *item;
    while ((item = STAILQ_FIRST (&call->items))) {
        STAILQ_REMOVE_HEAD (&call->items, next);
        s_spare_item (self, item);
    }
}

void zloom__client_forget (zloom_client_t *self, zloom__outgoing_t *call)
{
    s_clear_items (self, call);
    if (call->is_greeting)
        self->greetings--;
    zloom__outstanding_remove (&self->outstanding, &call->entry);
    zloom__client_spare (self, call);
}

//  Fill a reply from a message: a result, a remote error, or an item.
static void s_fill_reply (zloom_reply_t *reply, const zloom__message_t *message)
{
    zloom_bytes_t none = zloom_bytes (NULL, 0);
    reply->id = message->id;
    reply->is_item = message->kind == ZLOOM__ITEM;
    reply->value = message->error.size ? none : message->value;
    reply->data = none;
    zloom_error_clear (&reply->error);
    if (message->error.size)
        zloom__wire_read_error (message->error, &reply->error, &reply->data);
}

//  Say in full why a call ended here.
static void s_explain (zloom_client_t *self, const zloom__outgoing_t *call, zloom_reason_t reason,
                       zloom_error_t *ret_error)
{
    if (reason == ZLOOM_REASON_NO_PEER || reason == ZLOOM_REASON_WRONG_PEER
        || reason == ZLOOM_REASON_AUTHENTICATION)
        zloom__links_explain (&self->links, ret_error);
    else if (reason == ZLOOM_REASON_CONNECTION_LOST)
        zloom_error_set (ret_error, reason,
                         "the connection was lost; whether the call was worked on is not known");
    else if (reason == ZLOOM_REASON_DEADLINE && call->peer && zloom__peer_is_silent (call->peer))
        zloom_error_set (ret_error, reason, "no reply before the deadline; the server is silent");
    else
        zloom_error_set (ret_error, reason, "%s", zloom_reason_text (reason));
}

//  Leave whatever the call is in: it is about to end.
static void s_detach (zloom_client_t *self, zloom__outgoing_t *call)
{
    zloom__wheel_clear (&self->wheel, &call->timer);
    if (call->state == ZLOOM__CALL_WAITING) {
        TAILQ_REMOVE (&self->waiting, call, queue);
        self->waiting_bytes -= call->saved.size;
        self->stats.unsent--;
    } else if (call->peer->link == call->link)
        call->peer->working--;
    call->state = ZLOOM__CALL_ENDED;
}

static void s_count (zloom_client_t *self, const zloom__outgoing_t *call, zloom_code_t code,
                     zloom_reason_t reason)
{
    if (call->is_greeting)
        return;
    if (code == ZLOOM_OK)
        self->stats.ok++;
    else
        self->stats.failed++;
    self->stats.deadlines += reason == ZLOOM_REASON_DEADLINE;
    self->stats.lost += reason == ZLOOM_REASON_CONNECTION_LOST;
}

//  Hand a reply to the callback. The call is forgotten before, so that its
//  place is free for what the callback may start.
static void s_call_back (zloom_client_t *self, zloom__outgoing_t *call, zloom_reply_t *reply)
{
    zloom_reply_fn *callback = call->callback;
    void *context = call->context;
    reply->id = call->entry.id;
    reply->scratch = &self->scratch;
    zloom__client_forget (self, call);
    callback (self, reply, context);
}

void zloom__client_end (zloom_client_t *self, zloom__outgoing_t *call, zloom_reason_t reason)
{
    //  Nobody was there to be late, as far as can be known.
    bool had_nobody = call->state == ZLOOM__CALL_WAITING ? !zloom__links_are_ready (&self->links)
                                                         : zloom__peer_is_unproven (call->peer);
    if (reason == ZLOOM_REASON_DEADLINE && had_nobody)
        reason = ZLOOM_REASON_NO_PEER;
    s_detach (self, call);
    s_count (self, call, zloom_reason_code (reason), reason);
    call->reason = reason;
    if (!call->callback)
        return;
    zloom_reply_t reply = {.is_item = false};
    s_explain (self, call, reason, &reply.error);
    s_call_back (self, call, &reply);
}

//  The client is broken or closing, so that callbacks cannot start anything.
void zloom__client_end_all (zloom_client_t *self, zloom_reason_t reason)
{
    size_t at = 0;
    zloom__entry_t *entry;
    while ((entry = zloom__outstanding_walk (&self->outstanding, &at))) {
        zloom__outgoing_t *call = (zloom__outgoing_t *) entry;
        if (call->state != ZLOOM__CALL_ENDED)
            zloom__client_end (self, call, reason);
    }
}

//  End what was under way on a link that is gone. Callbacks may start calls, which
//  go elsewhere; but where the table grows, what is in it moves.
static void s_end_link (zloom_client_t *self, zloom__link_t link, zloom_reason_t reason)
{
    size_t at = 0;
    zloom__entry_t *entry;
    while ((entry = zloom__outstanding_walk (&self->outstanding, &at))) {
        zloom__outgoing_t *call = (zloom__outgoing_t *) entry;
        if (call->state != ZLOOM__CALL_SENT || call->link != link)
            continue;
        size_t capacity = self->outstanding.capacity;
        zloom__client_end (self, call, reason);
        if (self->outstanding.capacity != capacity)
            at = 0;
    }
}

zloom_code_t zloom__client_fetch (zloom_client_t *self, zloom__outgoing_t *call)
{
    zloom_reply_t *result = &self->result;
    zloom__client_clear_result (self);
    result->id = call->entry.id;
    if (call->reason)
        s_explain (self, call, call->reason, &result->error);
    else {
        //  It was well-formed when it came.
        zloom__message_t message;
        zloom__wire_read (call->response.bytes, &self->options.limits, &message, NULL);
        s_fill_reply (result, &message);
    }
    zloom_code_t code = result->error.code;
    self->error = result->error;
    //  Small bodies lie within the frame, so the call is not spare yet.
    zloom__outstanding_remove (&self->outstanding, &call->entry);
    s_clear_items (self, call);
    self->fetched = call;
    return code;
}

void zloom__client_fetch_item (zloom_client_t *self, zloom__outgoing_t *call)
{
    zloom__client_clear_result (self);
    self->held = STAILQ_FIRST (&call->items);
    STAILQ_REMOVE_HEAD (&call->items, next);
    self->result.id = call->entry.id;
    self->result.is_item = true;
    self->result.value = self->held->value;
    if (zloom__credit_take (&call->credit) && call->state == ZLOOM__CALL_SENT)
        zloom__client_send_credit (self, call);
}

//  A response: the end of its call.
static void s_take_response (zloom_client_t *self, zloom__outgoing_t *call,
                             const zloom__message_t *message)
{
    //  For who waits, the port keeps the bytes until its next event, which is
    //  not before the program's next call of this client.
    bool is_awaited = call->entry.id == self->awaited;
    zloom_reply_t passing, *reply = is_awaited ? &self->result : &passing;
    if (is_awaited)
        zloom__client_clear_result (self);
    s_fill_reply (reply, message);
    s_detach (self, call);
    s_count (self, call, reply->error.code, ZLOOM_REASON_NONE);
    if (reply->error.reason == ZLOOM_REASON_DRAINING)
        call->peer->is_draining = true;
    if (call->callback)
        s_call_back (self, call, reply);
    else if (is_awaited) {
        self->got_awaited = true;
        zloom__client_forget (self, call);
    } else if (self->port->ops->keep (self->port, &call->response))
        call->reason = ZLOOM_REASON_NO_MEMORY;
}

//  Keep an item until `next` fetches it.
static bool s_keep_item (zloom_client_t *self, zloom__outgoing_t *call,
                         const zloom__message_t *message, zloom_bytes_t body)
{
    zloom__item_t *item = s_take_spare_item (self);
    if (!item)
        return false;
    size_t offset = (size_t) (message->value.data - body.data);
    if (self->port->ops->keep (self->port, &item->frame)) {
        STAILQ_INSERT_HEAD (&self->spare_items, item, next);
        return false;
    }
    item->value = zloom_bytes (item->frame.bytes.data + offset, message->value.size);
    STAILQ_INSERT_TAIL (&call->items, item, next);
    return true;
}

//  An item: for the callback now, for `next` later. Nobody may send more than
//  was granted, or out of order: that is not a stream of ours.
static void s_take_item (zloom_client_t *self, zloom__outgoing_t *call,
                         const zloom__message_t *message, zloom_bytes_t body)
{
    bool is_granted = message->count <= call->credit.told;
    if (!call->is_stream || message->count != call->next_seq || !is_granted) {
        self->stats.malformed++;
        zloom__client_send_cancel (self, call);
        zloom__client_end (self, call, ZLOOM_REASON_MALFORMED);
        return;
    }
    call->next_seq++;
    if (call->entry.id == self->awaited && !self->wants_items) {
        //  `call` and `wait` want the end; items are passed over.
        if (zloom__credit_take (&call->credit))
            zloom__client_send_credit (self, call);
        return;
    }
    if (!call->callback) {
        if (!s_keep_item (self, call, message, body)) {
            zloom__client_send_cancel (self, call);
            zloom__client_end (self, call, ZLOOM_REASON_NO_MEMORY);
        }
        return;
    }
    zloom_call_id_t id = call->entry.id;
    zloom_reply_t reply = {.scratch = &self->scratch};
    s_fill_reply (&reply, message);
    call->callback (self, &reply, call->context);
    //  The callback may have cancelled the call.
    call = (zloom__outgoing_t *) zloom__outstanding_get (&self->outstanding, id);
    if (call && call->state == ZLOOM__CALL_SENT && zloom__credit_take (&call->credit))
        zloom__client_send_credit (self, call);
}

//  A message about a call: find it, and hold that it came by the call's link.
static void s_take_answer (zloom_client_t *self, const zloom__event_t *event,
                           const zloom__message_t *message)
{
    zloom__outgoing_t *call =
        (zloom__outgoing_t *) zloom__outstanding_get (&self->outstanding, message->id);
    if (!call || call->state != ZLOOM__CALL_SENT || call->link != event->link) {
        if (message->kind == ZLOOM__RESPONSE)
            self->stats.late_replies++;
        zloom_log (ZLOOM_LOG_DEBUG, "ZL-RPC-LATE",
                   "dropped an answer to call %llu, which has ended",
                   (unsigned long long) message->id);
        return;
    }
    if (message->kind == ZLOOM__ITEM)
        s_take_item (self, call, message, event->body);
    else
        s_take_response (self, call, message);
}

//  What is no message of ours is dropped; if it says which call it belongs to,
//  that call ends, for nothing better will come.
static void s_take_malformed (zloom_client_t *self, const zloom__event_t *event,
                              const zloom_error_t *error)
{
    self->stats.malformed++;
    zloom_log (ZLOOM_LOG_WARNING, "ZL-RPC-MALFORMED", "dropped a message: %s", error->text);
    uint64_t id;
    if (!zloom__wire_peek (event->body, ZLOOM__RESPONSE, &id))
        return;
    zloom__outgoing_t *call = (zloom__outgoing_t *) zloom__outstanding_get (&self->outstanding, id);
    if (call && call->state == ZLOOM__CALL_SENT && call->link == event->link)
        zloom__client_end (self, call, error->reason);
}

static void s_take_frame (zloom_client_t *self, const zloom__event_t *event)
{
    zloom__links_note (&self->links, event);
    zloom__message_t message;
    zloom_error_t error;
    if (zloom__wire_read (event->body, &self->options.limits, &message, &error)) {
        s_take_malformed (self, event, &error);
        return;
    }
    if (message.kind == ZLOOM__RESPONSE || message.kind == ZLOOM__ITEM)
        s_take_answer (self, event, &message);
    else if (message.kind != ZLOOM__BEAT_ANSWER) {
        error.reason = ZLOOM_REASON_MALFORMED;
        self->stats.malformed++;
    }
}

static void s_take_down (zloom_client_t *self, const zloom__event_t *event)
{
    if (zloom__links_note (&self->links, event)) {
        self->stats.disconnects++;
        s_end_link (self, event->link, event->reason);
    } else if (zloom__links_are_hopeless (&self->links)) {
        //  Nobody will come; those who wait learn it now.
        zloom__outgoing_t *call;
        while ((call = TAILQ_FIRST (&self->waiting)))
            zloom__client_end (self, call, event->reason);
    }
}

static void s_take_up (zloom_client_t *self, const zloom__event_t *event)
{
    zloom__peer_t *peer = zloom__links_note (&self->links, event);
    self->stats.connects++;
    if (peer && event->hides_peer)
        zloom__client_greet (self, peer);
}

//  The timer of a call: its deadline, or the end of its patience with nobody.
static void s_run_out (zloom_client_t *self, zloom__outgoing_t *call)
{
    bool is_late = call->deadline <= zloom__port_now (self->port);
    if (call->state == ZLOOM__CALL_WAITING && !is_late) {
        if (zloom__links_are_ready (&self->links))
            zloom__wheel_set (&self->wheel, &call->timer, call->deadline);
        else
            zloom__client_end (self, call, ZLOOM_REASON_NO_PEER);
        return;
    }
    zloom__client_send_cancel (self, call);
    zloom__client_end (self, call, ZLOOM_REASON_DEADLINE);
}

static void s_run_timers (zloom_client_t *self)
{
    zloom__timer_t *timer;
    while ((timer = zloom__wheel_expire (&self->wheel, zloom__port_now (self->port)))) {
        uint8_t *at = (uint8_t *) timer - offsetof (zloom__outgoing_t, timer);
        s_run_out (self, (zloom__outgoing_t *) (void *) at);
    }
}

static void s_take_event (zloom_client_t *self, const zloom__event_t *event)
{
    switch (event->kind) {
    case ZLOOM__EVENT_FRAME:
        s_take_frame (self, event);
        break;
    case ZLOOM__EVENT_UP:
        s_take_up (self, event);
        break;
    case ZLOOM__EVENT_DOWN:
        s_take_down (self, event);
        break;
    case ZLOOM__EVENT_ROOM:
        zloom__links_note (&self->links, event);
        zloom__client_send_owed_credit (self, event->link);
        break;
    case ZLOOM__EVENT_BROKEN:
        self->is_broken = true;
        zloom__client_end_all (self, event->reason);
        break;
    case ZLOOM__EVENT_TIMEOUT:
    case ZLOOM__EVENT_WOKEN:
    case ZLOOM__EVENT_JOB:
    default:
        break;
    }
}

zloom_time_t zloom__client_next_due (zloom_client_t *self)
{
    return zloom_time_min (zloom__wheel_next (&self->wheel), self->next_beat);
}

zloom__event_kind_t zloom__client_turn (zloom_client_t *self, zloom_time_t until)
{
    zloom__event_t event;
    zloom_time_t due = zloom__client_next_due (self);
    zloom__port_age (self->port);
    self->port->ops->next (self->port, zloom_time_min (until, due), &event);
    self->turned_at = zloom__port_now (self->port);
    s_take_event (self, &event);
    if (due <= zloom__port_now (self->port))
        s_run_timers (self);
    //  Silence is judged only when all that came has been read.
    if (event.kind != ZLOOM__EVENT_FRAME)
        self->next_beat = zloom__links_beat (&self->links);
    else if (self->next_beat == ZLOOM_NEVER && self->links.beat_every)
        //  It may have shown what its sender is.
        self->next_beat = zloom__port_now (self->port) + self->links.beat_every;
    if (!TAILQ_EMPTY (&self->waiting))
        zloom__client_send_waiting (self);
    return event.kind;
}
