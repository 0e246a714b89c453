#include "reqrep/server_internal.h"

#include "base/memory.h"

//  Calls kept to be used again.
enum { SPARE_MOST = 4096 };

//  Calls: taking one, holding it, letting it go.

//  Whether somebody waits for an answer that is still to come. What a worker
//  does with it is not looked at.
bool zloom__call_is_open (const zloom_call_t *call)
{
    return !zloom_call_cancelled (call) && (call->is_threaded || !call->is_answered);
}

static size_t s_bucket (const zloom_server_t *self, zloom__link_t link, uint64_t id)
{
    uint64_t key = (link ^ (id * UINT64_C (0x9e3779b97f4a7c15))) * UINT64_C (0xbf58476d1ce4e5b9);
    return (size_t) (key >> 32) & (self->table_size - 1);
}

static bool s_double_table (zloom_server_t *self)
{
    size_t size = self->table_size * 2;
    struct zloom__call_bucket *old = self->table;
    struct zloom__call_bucket *table =
        (struct zloom__call_bucket *) zloom_alloc (size * sizeof table[0]);
    if (!table)
        return false;
    size_t old_size = self->table_size;
    self->table = table;
    self->table_size = size;
    for (size_t i = 0; i < old_size; i++) {
        zloom_call_t *call;
        while ((call = LIST_FIRST (&old[i]))) {
            LIST_REMOVE (call, in_table);
            LIST_INSERT_HEAD (&table[s_bucket (self, call->link, call->id)], call, in_table);
        }
    }
    zloom_free (old);
    return true;
}

//  A held call by what its messages say; the envelope too, since many callers
//  may share a link behind a proxy.
zloom_call_t *zloom__server_find_call (const zloom_server_t *self, const zloom__event_t *event,
                                       uint64_t id)
{
    zloom_call_t *call;
    LIST_FOREACH (call, &self->table[s_bucket (self, event->link, id)], in_table)
    if (call->id == id && call->link == event->link
        && zloom_bytes_equal (zloom_bytes (call->envelope, call->envelope_size), event->envelope))
        return call;
    return NULL;
}

//  What a call keeps of memory while it is spare.
static size_t s_memory (const zloom_call_t *call)
{
    return call->out.capacity + call->strings.capacity;
}

void zloom__call_free (zloom_call_t *call)
{
    zloom_buffer_clear (&call->out);
    zloom_buffer_clear (&call->strings);
    zloom_free (call);
}

//  Spare calls keep no more than calls under way may; a crowd's go.
static void s_spare (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    if (self->spare_count == SPARE_MOST) {
        zloom__call_free (call);
        return;
    }
    self->spare_count++;
    if (self->spare_bytes + s_memory (call) > self->options.max_pending_bytes) {
        zloom_buffer_clear (&call->out);
        zloom_buffer_clear (&call->strings);
    }
    self->spare_bytes += s_memory (call);
    TAILQ_INSERT_HEAD (&self->spare, call, queue);
}

zloom_call_t *zloom__server_take_call (zloom_server_t *self, const zloom__event_t *event,
                                       const zloom__message_t *message)
{
    zloom_call_t *call = TAILQ_FIRST (&self->spare);
    if (call) {
        TAILQ_REMOVE (&self->spare, call, queue);
        self->spare_count--;
        self->spare_bytes -= s_memory (call);
    } else if (!(call = (zloom_call_t *) zloom_alloc (sizeof *call)))
        return NULL;
    call->server = self;
    call->channel = event->channel;
    call->link = event->link;
    call->id = message->id;
    call->envelope_size = event->envelope.size;
    if (event->envelope.size)
        memcpy (call->envelope, event->envelope.data, event->envelope.size);
    call->params = message->params;
    call->headers = message->headers;
    call->body = event->body.data;
    call->body_size = event->body.size;
    call->is_extended = message->is_extended;
    call->is_notification = message->kind == ZLOOM__NOTIFICATION;
    call->takes_items = message->headers.credit != 0 && !call->is_notification;
    call->credit = (zloom__credit_t){.total = message->headers.credit};

    zloom_time_t most = self->options.max_timeout_ms * ZLOOM_MSEC;
    zloom_time_t remaining = zloom_time_min (message->headers.remaining, most);
    call->deadline = zloom__port_now (self->port) + remaining;
    return call;
}

//  What an answer takes while it waits: small ones would else be counted as
//  next to nothing.
size_t zloom__call_unsent_size (const zloom_call_t *call)
{
    return sizeof *call + call->out.size;
}

//  How many answers wait for a link, or for one that hashes as it does.
uint32_t *zloom__server_unsent_to (zloom_server_t *self, zloom__link_t link)
{
    uint64_t mixed = link * UINT64_C (0x9e3779b97f4a7c15);
    return &self->unsent_by_link[mixed >> 56];
}

//  A call stands in one queue at most.
void zloom__call_leave_queue (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    if (call->is_queued)
        TAILQ_REMOVE (&self->ready, call, queue);
    else if (call->is_thirsty)
        TAILQ_REMOVE (&self->thirsty, call, queue);
    else if (call->is_unsent) {
        TAILQ_REMOVE (&self->unsent, call, queue);
        self->pending_bytes -= zloom__call_unsent_size (call);
        --*zloom__server_unsent_to (self, call->link);
    }
    call->is_queued = call->is_thirsty = call->is_unsent = false;
}

void zloom__call_release (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    zloom__call_leave_queue (call);
    if (call->is_held) {
        LIST_REMOVE (call, in_table);
        zloom__wheel_clear (&self->wheel, &call->timer);
        self->pending--;
        self->pending_bytes -= call->body_size;
    }
    zloom__frame_clear (&call->frame);
    call->is_kept = call->is_held = call->is_inside = call->is_threaded = false;
    call->is_deferred = call->is_answered = call->is_failure = call->wants_credit = false;
    atomic_store_explicit (&call->is_over, false, memory_order_relaxed);
    call->watcher = NULL;
    call->error.code = ZLOOM_OK;
    s_spare (call);
}

static void s_rebase (zloom_bytes_t *slice, const uint8_t *from, const uint8_t *to)
{
    if (slice->size)
        slice->data = to + (slice->data - from);
}

bool zloom__call_keep (zloom_call_t *call)
{
    if (call->is_kept)
        return true;
    zloom__port_t *port = call->server->port;
    call->is_from_zloom = call->is_extended || port->ops->is_from_zloom (port);
    if (port->ops->keep (port, &call->frame))
        return false;
    const uint8_t *from = call->body, *to = call->frame.bytes.data;
    s_rebase (&call->params, from, to);
    s_rebase (&call->headers.key, from, to);
    s_rebase (&call->headers.trace, from, to);
    s_rebase (&call->headers.user, from, to);
    call->body = to;
    call->is_kept = true;
    return true;
}

//  A zloom client learns what its server is with the first thing it hears. Its
//  first request may be one that is answered late; so that it can be given up
//  meanwhile, its caller hears from us at once.
static void s_introduce (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    zloom_buffer_reset (&self->scratch);
    zloom__wire_beat (&self->scratch, ZLOOM__BEAT_ANSWER, 0);
    zloom_bytes_t body = zloom_buffer_bytes (&self->scratch);
    if (!self->scratch.failed)
        self->port->ops->send (self->port, call->channel, call->link,
                               zloom_bytes (call->envelope, call->envelope_size), &body, 1);
}

bool zloom__call_hold (zloom_call_t *call)
{
    zloom_server_t *self = call->server;
    if (call->is_held)
        return true;
    if (!zloom__call_keep (call) || (self->pending >= self->table_size && !s_double_table (self)))
        return false;
    if (call->is_from_zloom && !call->is_extended)
        s_introduce (call);
    call->is_held = true;
    LIST_INSERT_HEAD (&self->table[s_bucket (self, call->link, call->id)], call, in_table);
    zloom__wheel_set (&self->wheel, &call->timer, call->deadline);
    self->pending++;
    self->pending_bytes += call->body_size;
    if (self->pending > self->stats.max_pending_seen)
        self->stats.max_pending_seen = (uint32_t) self->pending;
    return true;
}

//  A call that is answered goes, unless somebody still has it in hands.
void zloom__call_release_if_done (zloom_call_t *call)
{
    if (call->is_answered && !call->is_inside && !call->is_unsent)
        zloom__call_release (call);
}
