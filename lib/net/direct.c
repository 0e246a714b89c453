#include "net/direct_internal.h"

#include <string.h>

#include "base/memory.h"

//  A link's name: a bit that names of libzmq's links do not have, a number that
//  is used once, and its slot.
#define NAME_BIT   (UINT64_C (1) << 62)
#define SLOT_BITS  24
#define SLOTS_MOST (UINT32_C (1) << SLOT_BITS)

//  Tokens of streams: what kind of thing it is, and which.
#define TOKEN_LINK     (UINT64_C (1) << 32)
#define TOKEN_LISTENER (UINT64_C (2) << 32)

//  What has gathered leaves after this time, however much there is to read.
static const zloom_time_t s_gather = 20 * ZLOOM_USEC;

//  How often streams are read or accepted in one turn that has nothing to tell.
//  Peers who keep it busy for nothing must not keep it from looking at others,
//  and at the clock.
enum { STEPS_MOST = 16 };

//  When to try again what memory was lacking for.
static const zloom_time_t s_starving = 10 * ZLOOM_MSEC;

//  A large body's memory that is kept for the next one.
enum { SPARE_CHUNK_MOST = 4194304 };

void zloom__direct_init (zloom__direct_t *self, zloom__streams_t *streams, zloom_random_t *random)
{
    *self = (zloom__direct_t){
        .streams = streams, .random = random, .starved_until = ZLOOM_NEVER, .envelope_fits = true};
    TAILQ_INIT (&self->readable);
    TAILQ_INIT (&self->dirty);
    TAILQ_INIT (&self->news);
    TAILQ_INIT (&self->shaking);
}

//  Links and their slots.

static bool s_add_slots (zloom__direct_t *self)
{
    uint32_t capacity = self->capacity ? self->capacity * 2 : 4;
    zloom__direct_slot_t *slots =
        capacity > SLOTS_MOST
            ? NULL
            : (zloom__direct_slot_t *) zloom_realloc (self->slots, capacity * sizeof slots[0]);
    if (!slots)
        return false;
    for (uint32_t i = self->capacity; i < capacity; i++)
        slots[i] = (zloom__direct_slot_t){.next_free = i + 1};
    self->slots = slots;
    self->free_slot = self->capacity;
    self->capacity = capacity;
    return true;
}

zloom__direct_link_t *zloom__direct_add_link (zloom__direct_channel_t *channel)
{
    zloom__direct_t *self = channel->engine;
    if (self->link_count == self->capacity && !s_add_slots (self))
        return NULL;
    zloom__direct_link_t *link = (zloom__direct_link_t *) zloom_alloc (sizeof *link);
    if (!link)
        return NULL;
    uint32_t slot = self->free_slot;
    self->free_slot = self->slots[slot].next_free;
    self->slots[slot].link = link;
    self->link_count++;
    link->name = NAME_BIT | ++self->generation << SLOT_BITS | slot;
    link->channel = channel;
    link->stream = -1;
    return link;
}

static uint32_t s_slot (zloom__link_t name)
{
    return (uint32_t) (name & (SLOTS_MOST - 1));
}

static void s_remove_link (zloom__direct_t *self, zloom__direct_link_t *link)
{
    uint32_t slot = s_slot (link->name);
    self->slots[slot] = (zloom__direct_slot_t){.next_free = self->free_slot};
    self->free_slot = slot;
    self->link_count--;
    if (self->recent == link)
        self->recent = NULL;
    zloom_free (link);
}

//  NULL: it is gone.
static zloom__direct_link_t *s_find_link (const zloom__direct_t *self, zloom__link_t name)
{
    uint32_t slot = s_slot (name);
    zloom__direct_link_t *link = slot < self->capacity ? self->slots[slot].link : NULL;
    return link && link->name == name ? link : NULL;
}

uint64_t zloom__direct_link_token (const zloom__direct_link_t *link)
{
    return TOKEN_LINK | s_slot (link->name);
}

uint64_t zloom__direct_listener_token (const zloom__direct_channel_t *channel)
{
    return TOKEN_LISTENER | channel->index;
}

//  Channels.

zloom__direct_channel_t *zloom__direct_find_channel (const zloom__direct_t *self,
                                                     zloom__channel_t index)
{
    for (unsigned i = 0; i < self->channel_count; i++)
        if (self->channels[i]->index == index)
            return self->channels[i];
    return NULL;
}

zloom_code_t zloom__direct_open (zloom__direct_t *self, zloom__channel_t index,
                                 const zloom__endpoint_t *endpoint,
                                 const zloom__channel_options_t *options, zloom_time_t now,
                                 zloom_error_t *reterr)
{
    zloom__direct_channel_t *channel = (zloom__direct_channel_t *) zloom_alloc (sizeof *channel);
    if (!channel || self->channel_count == ZLOOM__DIRECT_CHANNELS_MAX) {
        zloom_free (channel);
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for an endpoint");
    }
    channel->engine = self;
    channel->index = index;
    channel->options = *options;
    channel->endpoint = *endpoint;
    channel->options.endpoint = channel->endpoint.text;
    zloom_code_t code = zloom__direct_channel_begin (channel, now, reterr);
    if (code)
        zloom_free (channel);
    else
        self->channels[self->channel_count++] = channel;
    return code;
}

void zloom__direct_clear (zloom__direct_t *self)
{
    for (unsigned i = 0; i < self->channel_count; i++)
        zloom__direct_channel_end (self->channels[i]);
    for (uint32_t i = 0; i < self->capacity; i++)
        if (self->slots[i].link)
            zloom__link_close (self->slots[i].link, 0);
    zloom__direct_link_t *link;
    while ((link = TAILQ_FIRST (&self->news))) {
        TAILQ_REMOVE (&self->news, link, in_news);
        s_remove_link (self, link);
    }
    for (unsigned i = 0; i < self->channel_count; i++)
        zloom_free (self->channels[i]);
    for (unsigned i = 0; i < self->spare_count; i++)
        zloom_buffer_clear (&self->spares[i]);
    zloom__direct_drop_body (self);
    zloom__chunk_drop (&self->chunk);
    zloom__chunk_drop (&self->spare_chunk);
    zloom_free (self->slots);
    zloom__direct_init (self, self->streams, self->random);
}

//  Writing.

zloom_code_t zloom__direct_send (zloom__direct_t *self, zloom__link_t link, zloom_bytes_t envelope,
                                 const zloom_bytes_t *parts, size_t count, zloom_time_t now)
{
    zloom__direct_link_t *found = s_find_link (self, link);
    return found ? zloom__link_send (found, envelope, parts, count, now) : ZLOOM_UNAVAILABLE;
}

void zloom__direct_flush (zloom__direct_t *self)
{
    zloom__direct_link_t *link;
    while ((link = TAILQ_FIRST (&self->dirty)))
        zloom__link_flush (link);
}

bool zloom__direct_has_unsent (const zloom__direct_t *self)
{
    for (uint32_t i = 0; i < self->capacity; i++) {
        const zloom__direct_link_t *link = self->slots[i].link;
        if (link && link->stream != -1 && !link->cannot_write && link->out.size > link->out_at)
            return true;
    }
    return false;
}

//  What streams tell.

static void s_note_link (zloom__direct_link_t *link, const zloom__ready_t *ready, zloom_time_t now)
{
    //  The end of a stream may be told together with its beginning, and no more.
    link->has_hung_up = link->has_hung_up || ready->has_hung_up;
    if (link->state == ZLOOM__LINK_CONNECTING) {
        if (ready->is_out)
            zloom__direct_channel_connected (link->channel, now);
        return;
    }
    if (ready->is_in)
        zloom__link_mark_readable (link);
    if (ready->is_out && link->is_blocked) {
        link->is_blocked = false;
        zloom__link_flush (link);
        zloom__link_mark_readable (link);
    }
}

void zloom__direct_note (zloom__direct_t *self, const zloom__ready_t *ready, zloom_time_t now)
{
    uint32_t which = (uint32_t) ready->token;
    if (ready->token & TOKEN_LISTENER) {
        zloom__direct_channel_t *channel = zloom__direct_find_channel (self, which);
        if (channel)
            channel->may_accept = true;
    } else if (which < self->capacity && self->slots[which].link)
        s_note_link (self->slots[which].link, ready, now);
}

bool zloom__direct_guess (zloom__direct_t *self)
{
    zloom__direct_link_t *link = self->recent;
    if (self->link_count != 1 || !link)
        return false;
    zloom__link_mark_readable (link);
    return true;
}

//  What there is.

void zloom__direct_drop_body (zloom__direct_t *self)
{
    zloom__chunk_t *body = self->body;
    self->body = NULL;
    if (!body || body == self->chunk)
        return;
    bool is_better = !self->spare_chunk || self->spare_chunk->capacity < body->capacity;
    if (body->holders == 1 && body->capacity <= SPARE_CHUNK_MOST && is_better) {
        zloom__chunk_drop (&self->spare_chunk);
        self->spare_chunk = body;
    } else
        zloom__chunk_drop (&body);
}

//  The end of a link, if somebody knows of it, or could not know yet.
static zloom__event_kind_t s_tell_end (zloom__direct_t *self, zloom__direct_link_t *link,
                                       zloom__event_t *ret_event)
{
    zloom__direct_channel_t *channel = link->channel;
    bool is_client = channel->options.role == ZLOOM__ROLE_CLIENT;
    bool is_known = is_client ? link->was_open : link->has_spoken;
    ret_event->channel = channel->index;
    ret_event->link = is_known ? link->name : 0;
    ret_event->reason = is_known ? ZLOOM_REASON_CONNECTION_LOST : channel->refused;
    channel->refused = ZLOOM_REASON_NONE;
    s_remove_link (self, link);
    bool is_told = is_known || (is_client && ret_event->reason);
    return is_told ? ZLOOM__EVENT_DOWN : ZLOOM__EVENT_TIMEOUT;
}

static zloom__event_kind_t s_tell (zloom__direct_t *self, zloom__event_t *ret_event)
{
    zloom__direct_link_t *link = TAILQ_FIRST (&self->news);
    TAILQ_REMOVE (&self->news, link, in_news);
    link->has_news = false;
    if (link->state == ZLOOM__LINK_CLOSED)
        return s_tell_end (self, link, ret_event);
    if (!link->is_full)
        return ZLOOM__EVENT_TIMEOUT;
    link->is_full = false;
    ret_event->channel = link->channel->index;
    ret_event->link = link->name;
    return ZLOOM__EVENT_ROOM;
}

//  Read of the link whose turn it is. False: there is none.
static bool s_read_next (zloom__direct_t *self, zloom_time_t now)
{
    zloom__direct_link_t *link = TAILQ_FIRST (&self->readable);
    if (!link)
        return false;
    TAILQ_REMOVE (&self->readable, link, in_readable);
    link->is_readable = false;
    zloom__link_read (link, now);
    return true;
}

static bool s_accept_next (zloom__direct_t *self, zloom_time_t now)
{
    bool accepts = false;
    for (unsigned i = 0; i < self->channel_count; i++)
        if (self->channels[i]->may_accept) {
            zloom__direct_channel_accept (self->channels[i], now);
            accepts = true;
        }
    return accepts;
}

zloom__event_kind_t zloom__direct_next (zloom__direct_t *self, zloom_time_t now,
                                        zloom__event_t *ret_event)
{
    zloom__direct_drop_body (self);
    if (!TAILQ_EMPTY (&self->dirty) && now - self->dirty_since > s_gather)
        zloom__direct_flush (self);
    for (unsigned steps = 0;;) {
        zloom__event_kind_t kind = ZLOOM__EVENT_TIMEOUT;
        if (self->reading)
            kind = zloom__link_take (self->reading, now, ret_event);
        else if (!TAILQ_EMPTY (&self->news))
            kind = s_tell (self, ret_event);
        else {
            //  What was read is dealt with; the answers leave before more is read.
            zloom__direct_flush (self);
            if (steps++ == STEPS_MOST || (!s_read_next (self, now) && !s_accept_next (self, now)))
                return ZLOOM__EVENT_TIMEOUT;
        }
        if (kind != ZLOOM__EVENT_TIMEOUT)
            return kind;
    }
}

bool zloom__direct_is_ready (const zloom__direct_t *self)
{
    bool may_accept = false;
    for (unsigned i = 0; i < self->channel_count; i++)
        may_accept = may_accept || self->channels[i]->may_accept;
    return may_accept || self->reading || !TAILQ_EMPTY (&self->news)
           || !TAILQ_EMPTY (&self->readable);
}

//  Time.

void zloom__direct_starve (zloom__direct_t *self, zloom_time_t now)
{
    if (self->starved_until == ZLOOM_NEVER)
        self->starved_until = now + s_starving;
}

static void s_look_again (zloom__direct_t *self)
{
    self->starved_until = ZLOOM_NEVER;
    for (uint32_t i = 0; i < self->capacity; i++)
        if (self->slots[i].link)
            zloom__link_look_again (self->slots[i].link);
}

zloom_time_t zloom__direct_due (const zloom__direct_t *self)
{
    const zloom__direct_link_t *shaking = TAILQ_FIRST (&self->shaking);
    zloom_time_t due =
        zloom_time_min (shaking ? shaking->deadline : ZLOOM_NEVER, self->starved_until);
    for (unsigned i = 0; i < self->channel_count; i++)
        due = zloom_time_min (due, zloom__direct_channel_due (self->channels[i]));
    return due;
}

void zloom__direct_tend (zloom__direct_t *self, zloom_time_t now)
{
    zloom__direct_link_t *link;
    while ((link = TAILQ_FIRST (&self->shaking)) && link->deadline <= now)
        zloom__link_close (link, now);
    if (self->starved_until <= now)
        s_look_again (self);
    for (unsigned i = 0; i < self->channel_count; i++)
        if (zloom__direct_channel_due (self->channels[i]) <= now)
            zloom__direct_channel_tend (self->channels[i], now);
}

//  Keeping.

static void s_release_chunk (zloom__frame_t *frame)
{
    zloom__chunk_t *chunk = (zloom__chunk_t *) frame->store.pointer;
    zloom__chunk_drop (&chunk);
}

static void s_release_nothing (zloom__frame_t *frame)
{
    (void) frame;
}

//  The memory that a kept body shall be in: the one it is in, when it is large.
static zloom__chunk_t *s_hold (zloom__direct_t *self, zloom_bytes_t body, const uint8_t **ret_data)
{
    *ret_data = body.data;
    if (body.size >= ZLOOM__ZMTP_LARGE) {
        self->body->holders++;
        return self->body;
    }
    zloom__chunk_t *copy = zloom__chunk_new (body.size);
    if (copy)
        *ret_data = (const uint8_t *) memcpy (copy->data, body.data, body.size);
    return copy;
}

zloom_code_t zloom__direct_keep (zloom__direct_t *self, zloom__frame_t *ret_frame)
{
    zloom_bytes_t body = self->told;
    if (body.size <= sizeof ret_frame->store) {
        if (body.size)
            memcpy (ret_frame->store.words, body.data, body.size);
        ret_frame->bytes = zloom_bytes (ret_frame->store.words, body.size);
        ret_frame->release = s_release_nothing;
        return ZLOOM_OK;
    }
    const uint8_t *data;
    zloom__chunk_t *chunk = s_hold (self, body, &data);
    if (!chunk)
        return ZLOOM_RESOURCE_EXHAUSTED;
    ret_frame->store.pointer = chunk;
    ret_frame->bytes = zloom_bytes (data, body.size);
    ret_frame->release = s_release_chunk;
    return ZLOOM_OK;
}
