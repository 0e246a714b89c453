#include "net/direct_internal.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"

//  What is read at once. Larger ones leave the cache.
enum { CHUNK = 65536 };

//  What gathers before it is written all the same.
enum { GATHERED_MOST = 65536 };

//  Memory of a link's that is not given to others is given back.
enum { SPARE_MOST = 262144 };

//  What is put aside may stay there for long: it gets no memory that is much
//  larger than itself.
enum { ASIDE_MOST = 8192 };

//  What may wait for all peers together, if that is not less than for four of
//  them; and what each may have all the same.
enum { ALL_QUEUED_MOST = 67108864, EACH_QUEUED_LEAST = 131072 };

//  Frames of an envelope. A ROUTER of libzmq's puts one more in front, which
//  names the connection.
enum { SERVER_HOPS_MOST = ZLOOM__FRAMES_MAX - 1 };

//  How long a peer may take to shake hands.
static const zloom_time_t s_handshake = 3 * ZLOOM_SEC;

static zloom__direct_t *s_engine (const zloom__direct_link_t *self)
{
    return self->channel->engine;
}

//  Its lists.

void zloom__link_mark_readable (zloom__direct_link_t *self)
{
    if (self->is_readable || self->stream == -1)
        return;
    self->is_readable = true;
    TAILQ_INSERT_TAIL (&s_engine (self)->readable, self, in_readable);
}

static void s_mark_news (zloom__direct_link_t *self)
{
    if (self->has_news)
        return;
    self->has_news = true;
    TAILQ_INSERT_TAIL (&s_engine (self)->news, self, in_news);
}

static void s_mark_dirty (zloom__direct_link_t *self, zloom_time_t now)
{
    zloom__direct_t *engine = s_engine (self);
    if (self->is_dirty || self->is_blocked)
        return;
    if (TAILQ_EMPTY (&engine->dirty))
        engine->dirty_since = now;
    self->is_dirty = true;
    TAILQ_INSERT_TAIL (&engine->dirty, self, in_dirty);
}

static void s_leave_lists (zloom__direct_link_t *self)
{
    zloom__direct_t *engine = s_engine (self);
    if (self->is_readable)
        TAILQ_REMOVE (&engine->readable, self, in_readable);
    if (self->is_dirty)
        TAILQ_REMOVE (&engine->dirty, self, in_dirty);
    if (self->state == ZLOOM__LINK_SHAKING)
        TAILQ_REMOVE (&engine->shaking, self, in_shaking);
    self->is_readable = self->is_dirty = false;
}

//  Buffers, which go from link to link: an idle one has none.

static void s_lend (zloom__direct_t *engine, zloom_buffer_t *buffer)
{
    if (!buffer->data && engine->spare_count)
        *buffer = engine->spares[--engine->spare_count];
}

static void s_lend_small (zloom__direct_t *engine, zloom_buffer_t *buffer)
{
    for (unsigned i = engine->spare_count; i > 0 && !buffer->data; i--)
        if (engine->spares[i - 1].capacity <= ASIDE_MOST) {
            *buffer = engine->spares[i - 1];
            engine->spares[i - 1] = engine->spares[--engine->spare_count];
        }
}

static void s_take_back (zloom__direct_t *engine, zloom_buffer_t *buffer)
{
    zloom_buffer_reset (buffer);
    if (buffer->data && engine->spare_count < ZLOOM__DIRECT_SPARES
        && buffer->capacity <= SPARE_MOST) {
        engine->spares[engine->spare_count++] = *buffer;
        *buffer = (zloom_buffer_t){0};
    } else
        zloom_buffer_clear (buffer);
}

//  What waits for a peer that takes nothing now counts in the engine.
static void s_count_queued (zloom__direct_link_t *self)
{
    size_t waits = self->is_blocked ? self->out.size - self->out_at : 0;
    s_engine (self)->queued += waits - self->counted;
    self->counted = waits;
}

//  Its life.

static void s_rise (zloom__direct_link_t *self, zloom_time_t now)
{
    TAILQ_REMOVE (&s_engine (self)->shaking, self, in_shaking);
    self->state = ZLOOM__LINK_OPEN;
    if (self->channel->dials)
        zloom__direct_channel_rose (self->channel, now);
}

void zloom__link_close (zloom__direct_link_t *self, zloom_time_t now)
{
    if (self->state == ZLOOM__LINK_CLOSED)
        return;
    zloom__direct_t *engine = s_engine (self);
    s_leave_lists (self);
    self->was_open = self->state == ZLOOM__LINK_OPEN;
    self->state = ZLOOM__LINK_CLOSED;
    if (self->stream != -1)
        engine->streams->ops->close (engine->streams, self->stream);
    self->stream = -1;
    if (engine->reading == self)
        engine->reading = NULL;
    zloom_buffer_clear (&self->out);
    zloom_buffer_clear (&self->rest);
    zloom_buffer_clear (&self->hops);
    zloom__chunk_drop (&self->large);
    self->out_at = 0;
    s_count_queued (self);
    if (self->channel->link == self)
        zloom__direct_channel_fell (self->channel, self, now);
    s_mark_news (self);
}

//  There is no memory for it.
static void s_give_up (zloom__direct_link_t *self, zloom_time_t now)
{
    zloom__direct_channel_t *channel = self->channel;
    bool is_dialled = channel->link == self;
    zloom__link_close (self, now);
    if (is_dialled)
        zloom__direct_channel_starved (channel);
}

void zloom__link_begin (zloom__direct_link_t *self, zloom_time_t now)
{
    self->state = ZLOOM__LINK_SHAKING;
    self->deadline = now + s_handshake;
    TAILQ_INSERT_TAIL (&s_engine (self)->shaking, self, in_shaking);
    zloom__zmtp_begin (&self->zmtp, &self->channel->zmtp, &self->out);
    if (self->out.failed) {
        s_give_up (self, now);
        return;
    }
    zloom__link_flush (self);
    zloom__link_mark_readable (self);
}

//  Writing.

static size_t s_unwritten (const zloom__direct_link_t *self)
{
    return self->out.size - self->out_at;
}

//  Write pieces, and note what that says of the stream. Returns what it took.
static size_t s_write (zloom__direct_link_t *self, const struct iovec *pieces, int count)
{
    zloom__streams_t *streams = s_engine (self)->streams;
    ssize_t put = streams->ops->write (streams, self->stream, pieces, count);
    if (put >= 0)
        return (size_t) put;
    if (put == -EAGAIN)
        self->is_blocked = true;
    else {
        //  What it has sent before it went is still to be read, and then the end.
        self->cannot_write = self->has_hung_up = true;
        zloom__link_mark_readable (self);
    }
    return 0;
}

static void s_tell_room (zloom__direct_link_t *self)
{
    s_count_queued (self);
    bool has_room = !self->cannot_write && s_unwritten (self) <= self->channel->most_queued / 2;
    if (self->is_full && has_room)
        s_mark_news (self);
}

static void s_forget_written (zloom__direct_link_t *self)
{
    if (self->cannot_write || s_unwritten (self) == 0) {
        s_take_back (s_engine (self), &self->out);
        self->out_at = 0;
    } else if (self->out_at > GATHERED_MOST && self->out_at > self->out.size / 2) {
        memmove (self->out.data, self->out.data + self->out_at, s_unwritten (self));
        self->out.size -= self->out_at;
        self->out_at = 0;
    }
    s_tell_room (self);
}

void zloom__link_flush (zloom__direct_link_t *self)
{
    if (self->is_dirty) {
        TAILQ_REMOVE (&s_engine (self)->dirty, self, in_dirty);
        self->is_dirty = false;
    }
    while (s_unwritten (self) && !self->is_blocked && !self->cannot_write) {
        const struct iovec piece = {self->out.data + self->out_at, s_unwritten (self)};
        self->out_at += s_write (self, &piece, 1);
    }
    if (self->out.data)
        s_forget_written (self);
}

void zloom__link_look_again (zloom__direct_link_t *self)
{
    if (self->state == ZLOOM__LINK_CLOSED || self->state == ZLOOM__LINK_CONNECTING)
        return;
    zloom__link_mark_readable (self);
    s_tell_room (self);
}

//  The frames of an envelope, and the head of the body. Room was made.
static void s_append_heads (zloom__direct_link_t *self, zloom_bytes_t envelope, size_t size)
{
    zloom_buffer_t *out = &self->out;
    for (size_t at = 0; at < envelope.size; at += 1u + envelope.data[at]) {
        out->size += zloom__zmtp_head (out->data + out->size, envelope.data[at], true);
        memcpy (out->data + out->size, envelope.data + at + 1, envelope.data[at]);
        out->size += envelope.data[at];
    }
    out->size += zloom__zmtp_head (out->data + out->size, size, false);
}

//  Bodies, or what is left of them. Room was made.
static void s_append_parts (zloom__direct_link_t *self, const zloom_bytes_t *parts, size_t count,
                            size_t skipped)
{
    for (size_t i = 0; i < count; i++) {
        size_t skip = skipped < parts[i].size ? skipped : parts[i].size;
        skipped -= skip;
        size_t size = parts[i].size - skip;
        if (size)
            memcpy (self->out.data + self->out.size, parts[i].data + skip, size);
        self->out.size += size;
    }
}

//  Write a large body from where it is, after what has gathered. What the
//  stream does not take is copied; room for it was made.
static void s_send_large (zloom__direct_link_t *self, const zloom_bytes_t *parts, size_t count)
{
    enum { PARTS_MOST = 4 };
    struct iovec pieces[1 + PARTS_MOST] = {{self->out.data + self->out_at, s_unwritten (self)}};
    zloom_assert (count <= PARTS_MOST);
    for (size_t i = 0; i < count; i++)
        pieces[1 + i] = (struct iovec){(void *) (uintptr_t) parts[i].data, parts[i].size};
    size_t gathered = s_unwritten (self);
    size_t put = s_write (self, pieces, 1 + (int) count);
    self->out_at += put < gathered ? put : gathered;
    s_append_parts (self, parts, count, put < gathered ? 0 : put - gathered);
}

//  Whether a message has room behind what waits. One always has.
static bool s_has_room (zloom__direct_link_t *self, size_t size)
{
    size_t most = self->channel->most_queued;
    size_t all = 4 * most > ALL_QUEUED_MOST ? 4 * most : ALL_QUEUED_MOST;
    if (self->is_blocked && s_engine (self)->queued + size > all)
        most = EACH_QUEUED_LEAST < most ? EACH_QUEUED_LEAST : most;
    if (s_unwritten (self) && s_unwritten (self) + size > most)
        zloom__link_flush (self);
    return s_unwritten (self) == 0 || s_unwritten (self) + size <= most;
}

zloom_code_t zloom__link_send (zloom__direct_link_t *self, zloom_bytes_t envelope,
                               const zloom_bytes_t *parts, size_t count, zloom_time_t now)
{
    static const uint8_t delimiter[] = {0};
    if (self->state != ZLOOM__LINK_OPEN || self->cannot_write)
        return ZLOOM_UNAVAILABLE;
    if (self->channel->options.role == ZLOOM__ROLE_CLIENT) {
        bool is_rep = self->zmtp.peer_type == ZLOOM__ZMTP_REP || self->channel->options.rep_peer;
        envelope = zloom_bytes (delimiter, is_rep);
    }
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (!s_has_room (self, size)) {
        self->is_full = true;
        return ZLOOM_RESOURCE_EXHAUSTED;
    }
    s_lend (s_engine (self), &self->out);
    //  Each frame of the envelope has a byte there and at most nine here.
    size_t heads = ZLOOM__ZMTP_HEAD_MAX * (1 + envelope.size);
    if (!zloom_buffer_reserve (&self->out, heads + size)) {
        self->out.failed = false;
        self->is_full = true;
        zloom__direct_starve (s_engine (self), now);
        return ZLOOM_RESOURCE_EXHAUSTED;
    }
    s_append_heads (self, envelope, size);
    if (size >= ZLOOM__ZMTP_LARGE && !self->is_blocked)
        s_send_large (self, parts, count);
    else
        s_append_parts (self, parts, count, 0);
    if (self->is_blocked)
        s_count_queued (self);
    s_mark_dirty (self, now);
    if (s_unwritten (self) == 0 || s_unwritten (self) >= GATHERED_MOST)
        zloom__link_flush (self);
    return ZLOOM_OK;
}

//  Reading.

//  A chunk that nobody else holds, with what is left of the last time in front.
static bool s_prepare_chunk (zloom__direct_link_t *self)
{
    zloom__direct_t *engine = s_engine (self);
    if (engine->chunk && engine->chunk->holders > 1)
        zloom__chunk_drop (&engine->chunk);
    if (!engine->chunk && !(engine->chunk = zloom__chunk_new (CHUNK)))
        return false;
    if (self->rest.size)
        memcpy (engine->chunk->data, self->rest.data, self->rest.size);
    return true;
}

static void s_read_into (zloom__direct_link_t *self, struct iovec pieces[2])
{
    zloom__chunk_t *chunk = s_engine (self)->chunk;
    pieces[0] = (struct iovec){0};
    if (self->large)
        pieces[0] =
            (struct iovec){self->large->data + self->large_at, self->large_size - self->large_at};
    pieces[1] = (struct iovec){chunk->data + self->rest.size, chunk->capacity - self->rest.size};
}

//  So many bytes have come: those of a large body first.
static void s_note_read (zloom__direct_link_t *self, size_t got)
{
    zloom__direct_t *engine = s_engine (self);
    if (self->large) {
        size_t missing = self->large_size - self->large_at;
        size_t taken = got < missing ? got : missing;
        self->large_at += taken;
        got -= taken;
    }
    engine->reading = engine->recent = self;
    engine->input = zloom_bytes (engine->chunk->data, self->rest.size + got);
    s_take_back (engine, &self->rest);
    engine->envelope_size = 0;
    engine->envelope_fits = true;
    if (self->has_hops) {
        engine->envelope_size = self->hops.size;
        engine->envelope_fits = self->hops_fit;
        if (self->hops.size)
            memcpy (engine->envelope, self->hops.data, self->hops.size);
        s_take_back (engine, &self->hops);
        self->has_hops = false;
    }
}

bool zloom__link_read (zloom__direct_link_t *self, zloom_time_t now)
{
    zloom__direct_t *engine = s_engine (self);
    //  Whoever does not read what is said to him is not listened to either.
    if (s_unwritten (self) > self->channel->most_queued && !self->cannot_write)
        return false;
    struct iovec pieces[2];
    if (!s_prepare_chunk (self)) {
        zloom__direct_starve (engine, now);
        return false;
    }
    s_read_into (self, pieces);
    bool is_large = self->large != NULL;
    ssize_t got = engine->streams->ops->read (engine->streams, self->stream,
                                              is_large ? pieces : pieces + 1, is_large ? 2 : 1);
    if (got == -EAGAIN)
        return false;
    if (got <= 0) {
        self->has_ended = true;
        zloom__link_close (self, now);
        return false;
    }
    s_note_read (self, (size_t) got);
    //  All was taken, unless it was as much as there was room for.
    if ((size_t) got == pieces[0].iov_len + pieces[1].iov_len || self->has_hung_up)
        zloom__link_mark_readable (self);
    return true;
}

//  Put aside what is not whole yet: of the message its envelope, and bytes.
static void s_put_aside (zloom__direct_link_t *self, zloom_time_t now)
{
    zloom__direct_t *engine = s_engine (self);
    engine->reading = NULL;
    if (engine->input.size) {
        s_lend_small (engine, &self->rest);
        zloom_buffer_append (&self->rest, engine->input.data, engine->input.size);
    }
    self->has_hops = engine->envelope_size || !engine->envelope_fits;
    self->hops_fit = engine->envelope_fits;
    if (engine->envelope_size)
        zloom_buffer_append (&self->hops, engine->envelope, engine->envelope_size);
    //  What cannot be kept is lost, and with it the connection.
    if (self->rest.failed || self->hops.failed)
        s_give_up (self, now);
    //  What was answered meanwhile does not wait for the rest.
    if (s_unwritten (self))
        s_mark_dirty (self, now);
}

//  A frame of the envelope: a byte of length and the bytes.
static void s_add_hop (zloom__direct_link_t *self, zloom_bytes_t frame)
{
    zloom__direct_t *engine = s_engine (self);
    size_t left = sizeof engine->envelope - engine->envelope_size;
    unsigned most =
        self->channel->options.role == ZLOOM__ROLE_CLIENT ? ZLOOM__FRAMES_MAX : SERVER_HOPS_MOST;
    if (frame.size > UINT8_MAX || frame.size + 1 > left || self->zmtp.frames > most) {
        engine->envelope_fits = false;
        return;
    }
    engine->envelope[engine->envelope_size] = (uint8_t) frame.size;
    memcpy (engine->envelope + engine->envelope_size + 1, frame.data, frame.size);
    engine->envelope_size += 1 + frame.size;
}

//  A frame that is whole. FRAME when its message is, too; TIMEOUT else.
static zloom__event_kind_t s_take_frame (zloom__direct_link_t *self, zloom_bytes_t frame, bool more,
                                         zloom__event_t *ret_event)
{
    zloom__direct_t *engine = s_engine (self);
    if (more) {
        s_add_hop (self, frame);
        return ZLOOM__EVENT_TIMEOUT;
    }
    size_t size = engine->envelope_size;
    bool fits = engine->envelope_fits;
    engine->envelope_size = 0;
    engine->envelope_fits = true;
    if (!fits) {
        engine->dropped++;
        return ZLOOM__EVENT_TIMEOUT;
    }
    self->has_spoken = true;
    engine->is_from_zloom = self->zmtp.is_zloom;
    ret_event->channel = self->channel->index;
    ret_event->link = self->name;
    ret_event->envelope = zloom_bytes (engine->envelope, size);
    ret_event->body = engine->told = frame;
    ret_event->is_zloom = self->zmtp.is_zloom;
    return ZLOOM__EVENT_FRAME;
}

//  A large body begins: memory of its own, of a size that is within the limit.
static bool s_begin_large (zloom__direct_link_t *self, const zloom__zmtp_event_t *event)
{
    zloom__direct_t *engine = s_engine (self);
    size_t size = (size_t) event->size;
    if (engine->spare_chunk && engine->spare_chunk->capacity >= size) {
        self->large = engine->spare_chunk;
        engine->spare_chunk = NULL;
    } else
        self->large = zloom__chunk_new (size);
    if (!self->large)
        return false;
    memcpy (self->large->data, event->body.data, event->body.size);
    self->large_size = size;
    self->large_at = event->body.size;
    self->large_goes_on = event->more;
    return true;
}

//  A large body is whole.
static zloom__event_kind_t s_end_large (zloom__direct_link_t *self, zloom__event_t *ret_event)
{
    zloom__direct_t *engine = s_engine (self);
    zloom_bytes_t frame = zloom_bytes (self->large->data, self->large_size);
    engine->body = self->large;
    self->large = NULL;
    zloom__event_kind_t kind = s_take_frame (self, frame, self->large_goes_on, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT)
        zloom__direct_drop_body (engine);
    return kind;
}

//  The peer is not what it should be: it is told, and left.
static void s_refuse (zloom__direct_link_t *self, const zloom_error_t *error, zloom_time_t now)
{
    zloom_log (ZLOOM_LOG_INFO, "ZL-NET-REFUSED", "closed a connection at %s: %s",
               self->channel->endpoint.text, error->text);
    zloom__link_flush (self);
    if (self->channel->link == self && self->state == ZLOOM__LINK_SHAKING)
        zloom__direct_channel_refused (self->channel, error);
    zloom__link_close (self, now);
}

//  What one thing of ZMTP comes to. TIMEOUT: to nothing that is told.
static zloom__event_kind_t s_take_one (zloom__direct_link_t *self, zloom_time_t now,
                                       zloom__event_t *ret_event)
{
    zloom__direct_t *engine = s_engine (self);
    zloom__zmtp_event_t event;
    zloom_error_t error;
    switch (zloom__zmtp_take (&self->zmtp, &engine->input, &self->out, &event, &error)) {
    case ZLOOM__ZMTP_FRAME:
        if (s_take_frame (self, event.body, event.more, ret_event) == ZLOOM__EVENT_TIMEOUT)
            break;
        //  Not before it is told: what is read into may be another one by then.
        engine->body = engine->chunk;
        return ZLOOM__EVENT_FRAME;
    case ZLOOM__ZMTP_BEGUN:
        if (!s_begin_large (self, &event))
            s_give_up (self, now);
        break;
    case ZLOOM__ZMTP_OPENED:
        if (self->out.failed) {
            s_give_up (self, now);
            break;
        }
        s_rise (self, now);
        ret_event->channel = self->channel->index;
        ret_event->link = self->name;
        ret_event->is_zloom = self->zmtp.is_zloom;
        return self->channel->options.role == ZLOOM__ROLE_CLIENT ? ZLOOM__EVENT_UP
                                                                 : ZLOOM__EVENT_TIMEOUT;
    case ZLOOM__ZMTP_NOTHING:
        //  What could not even be said is lost, and with it the connection.
        if (self->out.failed)
            s_give_up (self, now);
        else
            s_put_aside (self, now);
        break;
    case ZLOOM__ZMTP_REFUSED:
    default:
        s_refuse (self, &error, now);
    }
    return ZLOOM__EVENT_TIMEOUT;
}

zloom__event_kind_t zloom__link_take (zloom__direct_link_t *self, zloom_time_t now,
                                      zloom__event_t *ret_event)
{
    zloom__direct_t *engine = s_engine (self);
    zloom__event_kind_t kind = ZLOOM__EVENT_TIMEOUT;
    while (kind == ZLOOM__EVENT_TIMEOUT && engine->reading == self) {
        if (!self->large)
            kind = s_take_one (self, now, ret_event);
        else if (self->large_at == self->large_size)
            kind = s_end_large (self, ret_event);
        else
            s_put_aside (self, now);
    }
    return kind;
}
