#include "reqrep/server_internal.h"

#include "base/log.h"

//  Answers that found no room and are tried again in one go.
enum { TRIED_AT_ONCE = 1024 };

//  Pause before an answer that found no room is tried again.
static const zloom_time_t s_retry = ZLOOM_MSEC;

//  ... and after a try that has found some: there may be more soon. A ROUTER of
//  libzmq's does not tell.
static const zloom_time_t s_retry_soon = 100 * ZLOOM_USEC;

//  Sending.

zloom_code_t zloom__call_send (zloom_call_t *call, zloom_bytes_t tail)
{
    zloom__port_t *port = call->server->port;
    const zloom_bytes_t parts[] = {zloom_buffer_bytes (&call->out), tail};
    return port->ops->send (port, call->channel, call->link,
                            zloom_bytes (call->envelope, call->envelope_size), parts,
                            tail.size ? 2 : 1);
}

void zloom__server_retry (zloom_server_t *self)
{
    self->retry_at = zloom__port_refresh (self->port) + s_retry;
}

//  Let an answer wait for room, if there is room for waiting.
static bool s_put_off (zloom_call_t *call, zloom_bytes_t tail)
{
    zloom_server_t *self = call->server;
    size_t size = zloom__call_unsent_size (call) + tail.size;
    if (self->pending_bytes + size > self->options.max_pending_bytes
        || !zloom_buffer_append (&call->out, tail.data, tail.size))
        return false;
    zloom__call_leave_queue (call);
    call->is_unsent = true;
    self->pending_bytes += size;
    TAILQ_INSERT_TAIL (&self->unsent, call, queue);
    ++*zloom__server_unsent_to (self, call->link);
    if (self->retry_at == ZLOOM_NEVER)
        zloom__server_retry (self);
    return true;
}

static void s_give_up_answer (zloom_call_t *call)
{
    call->server->stats.undeliverable++;
    zloom_log (ZLOOM_LOG_INFO, "ZL-RPC-UNDELIVERABLE", "an answer to call %llu has no taker",
               (unsigned long long) call->id);
}

static void s_count_answer (zloom_call_t *call)
{
    zloom_server_stats_t *stats = &call->server->stats;
    call->method->failed += call->is_failure;
    if (call->is_failure)
        stats->failed++;
    else
        stats->ok++;
}

void zloom__call_send_response (zloom_call_t *call, zloom_bytes_t tail)
{
    call->is_answered = true;
    s_count_answer (call);
    bool is_awaited =
        !call->is_notification && !atomic_load_explicit (&call->is_over, memory_order_relaxed);
    if (!is_awaited || call->out.failed) {
        if (!call->is_notification)
            s_give_up_answer (call);
    } else {
        //  Those that wait for the link go first.
        zloom_code_t code = *zloom__server_unsent_to (call->server, call->link)
                                ? ZLOOM_RESOURCE_EXHAUSTED
                                : zloom__call_send (call, tail);
        if (code == ZLOOM_UNAVAILABLE
            || (code == ZLOOM_RESOURCE_EXHAUSTED && !s_put_off (call, tail)))
            s_give_up_answer (call);
    }
    zloom__call_release_if_done (call);
}

//  Links that were found full in one go. With more of them, some are tried in vain.
typedef struct {
    zloom__link_t links[16];
    unsigned count;
} full_t;

static bool s_is_full (const full_t *self, zloom__link_t link)
{
    for (unsigned i = 0; i < self->count; i++)
        if (self->links[i] == link)
            return true;
    return false;
}

static void s_note_full (full_t *self, zloom__link_t link)
{
    if (self->count < sizeof self->links / sizeof self->links[0])
        self->links[self->count++] = link;
}

//  Try an answer again. False: its link is full still.
static bool s_try_unsent (zloom_call_t *call, full_t *full)
{
    if (s_is_full (full, call->link))
        return false;
    zloom_code_t code = zloom__call_send (call, zloom_bytes (NULL, 0));
    if (code == ZLOOM_RESOURCE_EXHAUSTED) {
        s_note_full (full, call->link);
        return false;
    }
    if (code)
        s_give_up_answer (call);
    zloom__call_leave_queue (call);
    zloom__call_release_if_done (call);
    return true;
}

//  Those that still find no room go to the end, so that a peer who takes nothing
//  does not keep others from their answers.
void zloom__server_send_unsent (zloom_server_t *self)
{
    full_t full = {.count = 0};
    bool has_sent = false;
    const zloom_call_t *first_back = NULL;
    zloom_call_t *call = NULL;
    for (int i = 0; i < TRIED_AT_ONCE; i++) {
        call = TAILQ_FIRST (&self->unsent);
        if (!call || call == first_back)
            break;
        if (s_try_unsent (call, &full)) {
            has_sent = true;
            continue;
        }
        TAILQ_REMOVE (&self->unsent, call, queue);
        TAILQ_INSERT_TAIL (&self->unsent, call, queue);
        first_back = first_back ? first_back : call;
    }
    self->retry_at = ZLOOM_NEVER;
    if (!TAILQ_EMPTY (&self->unsent))
        self->retry_at = zloom__port_refresh (self->port) + (has_sent ? s_retry_soon : s_retry);
}

//  A refusal that finds no room waits as an answer does.
static bool s_put_off_refusal (zloom_server_t *self, const zloom__event_t *event, uint64_t id,
                               zloom_bytes_t body)
{
    const zloom__message_t message = {.kind = ZLOOM__RESPONSE, .id = id};
    zloom_call_t *call = zloom__server_take_call (self, event, &message);
    if (!call)
        return false;
    zloom_buffer_reset (&call->out);
    call->is_answered = true;
    bool is_put_off = s_put_off (call, body);
    if (!is_put_off)
        zloom__call_release (call);
    return is_put_off;
}

//  Answer without a handler: why the request is not worked on.
void zloom__server_refuse (zloom_server_t *self, const zloom__event_t *event, uint64_t id,
                           const zloom_error_t *error)
{
    zloom_buffer_reset (&self->scratch);
    zloom__wire_error_response (&self->scratch, id, error, zloom_bytes (NULL, 0));
    zloom_bytes_t body = zloom_buffer_bytes (&self->scratch);
    zloom_code_t code = ZLOOM_UNAVAILABLE;
    if (!self->scratch.failed && *zloom__server_unsent_to (self, event->link))
        code = ZLOOM_RESOURCE_EXHAUSTED;  //  Those that wait for the link go first
    else if (!self->scratch.failed)
        code = self->port->ops->send (self->port, event->channel, event->link, event->envelope,
                                      &body, 1);
    if (code == ZLOOM_UNAVAILABLE
        || (code == ZLOOM_RESOURCE_EXHAUSTED && !s_put_off_refusal (self, event, id, body)))
        self->stats.undeliverable++;
}
