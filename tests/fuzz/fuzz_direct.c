//  fuzz_direct - the direct engine among peers and streams that do anything
//
//  A server and a client of one engine, over streams that take and give as the
//  input says. The first two bytes say which allocation fails, if any; then
//  each op is a byte, and most have an argument, another byte. Peers connect,
//  say whole handshakes or any bytes, stop reading, end, reset; descriptors run
//  out; time passes. Whenever the engine says that it is done, nothing that it
//  was told of lies unread, and what it holds for each link is within bounds;
//  in the end nothing is left, neither streams nor memory.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/direct_internal.h"
#include "support/fuzz.h"
#include "support/heap.h"
#include "support/talk.h"

enum { STREAMS = 24, INPUT_MOST = 4096, MAX_SIZE = 9000, QUEUED_MOST = 20000 };
enum { UNREAD_MOST = 1 << 17 };

//  X (NAME, whether it has an argument).
#define OP_MAP(X)      \
    X (TURN, false)    \
    X (CONNECT, true)  \
    X (GREET, true)    \
    X (SAY, true)      \
    X (SAY_MUCH, true) \
    X (FRAME, true)    \
    X (END, true)      \
    X (RESET, true)    \
    X (TAKE, true)     \
    X (TAKE_ALL, true) \
    X (PASS, true)     \
    X (SEND, true)     \
    X (FLUSH, false)   \
    X (ANSWER, true)   \
    X (NO_MORE, true)  \
    X (GUESS, false)

typedef enum {
#define X(name, has_argument) OP_##name,
    OP_MAP (X)
#undef X
        OPS
} op_t;

typedef struct {
    bool is_open, is_watched, is_connecting;
    bool has_ended, is_reset;
    uint64_t token;
    uint8_t *unread;  //  Said by the peer, not read yet
    size_t unread_size;
    size_t takes;  //  Bytes that can be written
    zloom__ready_t news;
    bool has_news;
} stream_t;

typedef struct {
    zloom__streams_t streams;
    stream_t list[STREAMS];
    unsigned count;    //  Streams so far
    unsigned waiting;  //  To be accepted
    bool no_descriptors;
    bool has_listener_news;
    uint64_t listener_token;
    int listeners;

    zloom__direct_t direct;
    zloom_random_t random;
    zloom_time_t now;
    zloom__link_t last[2];  //  That a message came of, for each channel
    uint8_t envelope[ZLOOM__ENVELOPE_MAX];
    size_t envelope_size;
    zloom__frame_t kept;
    bool has_kept;
    bool may_fail;  //  An allocation fails at some time
} world_t;

static world_t *s_world (zloom__streams_t *streams)
{
    return (world_t *) streams;
}

// ---- Streams ----------------------------------------------------------------------

static int s_new_stream (world_t *self)
{
    if (self->no_descriptors || self->count == STREAMS)
        return -EMFILE;
    self->list[self->count] = (stream_t){.is_open = true, .takes = SIZE_MAX};
    return (int) self->count++;
}

static const char *s_resolve (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              zloom__addresses_t *ret_addresses, zloom__lookup_t **ret_lookup)
{
    (void) streams, (void) endpoint, (void) ret_lookup;
    memset (ret_addresses, 0, sizeof *ret_addresses);
    ret_addresses->count = 2;
    return NULL;
}

static int s_connect (zloom__streams_t *streams, const zloom__address_t *to, uint64_t token)
{
    (void) to;
    world_t *self = s_world (streams);
    int stream = s_new_stream (self);
    if (stream >= 0) {
        self->list[stream].is_watched = self->list[stream].is_connecting = true;
        self->list[stream].token = token;
    }
    return stream;
}

static int s_check (zloom__streams_t *streams, int stream)
{
    return s_world (streams)->list[stream].is_reset ? -ECONNREFUSED : 0;
}

static zloom_code_t s_listen (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              uint64_t token, int *ret_listener, char *ret_bound,
                              zloom_error_t *reterr)
{
    (void) endpoint, (void) reterr;
    s_world (streams)->listener_token = token;
    s_world (streams)->listeners++;
    *ret_listener = 0;
    *ret_bound = 0;
    return ZLOOM_OK;
}

static void s_unlisten (zloom__streams_t *streams, int listener, const zloom__endpoint_t *endpoint,
                        const char *bound)
{
    (void) listener, (void) endpoint, (void) bound;
    s_world (streams)->listeners--;
}

static int s_accept (zloom__streams_t *streams, int listener)
{
    (void) listener;
    world_t *self = s_world (streams);
    if (self->waiting == 0)
        return -EAGAIN;
    int stream = s_new_stream (self);
    self->waiting -= stream >= 0;
    return stream;
}

static int s_watch (zloom__streams_t *streams, int stream, uint64_t token)
{
    stream_t *one = &s_world (streams)->list[stream];
    fuzz_assert (one->is_open && !one->is_watched);
    one->is_watched = true;
    one->token = token;
    //  What was there before is told, too.
    one->has_news = true;
    one->news.is_in = one->unread_size > 0 || one->has_ended || one->is_reset;
    return stream;
}

static ssize_t s_read (zloom__streams_t *streams, int stream, const struct iovec *pieces, int count)
{
    stream_t *one = &s_world (streams)->list[stream];
    fuzz_assert (one->is_open && !one->is_connecting);
    if (one->is_reset)
        return -ECONNRESET;
    size_t got = 0;
    for (int i = 0; i < count; i++) {
        size_t left = one->unread_size - got;
        size_t part = left < pieces[i].iov_len ? left : pieces[i].iov_len;
        if (part)
            memcpy (pieces[i].iov_base, one->unread + got, part);
        got += part;
    }
    if (got == 0)
        return one->has_ended ? 0 : -EAGAIN;
    memmove (one->unread, one->unread + got, one->unread_size - got);
    one->unread_size -= got;
    return (ssize_t) got;
}

static ssize_t s_write (zloom__streams_t *streams, int stream, const struct iovec *pieces,
                        int count)
{
    stream_t *one = &s_world (streams)->list[stream];
    fuzz_assert (one->is_open && !one->is_connecting);
    if (one->is_reset)
        return -EPIPE;
    size_t size = 0, sum = 0;
    for (int i = 0; i < count; i++) {
        size += pieces[i].iov_len;
        for (size_t at = 0; at < pieces[i].iov_len; at += 512)
            sum += ((const uint8_t *) pieces[i].iov_base)[at];
    }
    fuzz_assert (size > 0 && sum < SIZE_MAX);
    size_t put = size < one->takes ? size : one->takes;
    if (put == 0)
        return -EAGAIN;
    one->takes -= one->takes == SIZE_MAX ? 0 : put;
    return (ssize_t) put;
}

static void s_close (zloom__streams_t *streams, int stream)
{
    stream_t *one = &s_world (streams)->list[stream];
    fuzz_assert (one->is_open);
    free (one->unread);
    *one = (stream_t){.is_open = false};
}

static const zloom__streams_ops_t s_ops = {.resolve = s_resolve,
                                           .connect = s_connect,
                                           .check = s_check,
                                           .listen = s_listen,
                                           .unlisten = s_unlisten,
                                           .accept = s_accept,
                                           .watch = s_watch,
                                           .read = s_read,
                                           .write = s_write,
                                           .close = s_close};

// ---- Peers ------------------------------------------------------------------------

static stream_t *s_pick (world_t *self, uint8_t which)
{
    return self->count ? &self->list[which % self->count] : NULL;
}

static void s_say (stream_t *one, const uint8_t *data, size_t size)
{
    if (!one || !one->is_open || one->is_connecting || one->has_ended || one->is_reset || !size
        || one->unread_size + size > UNREAD_MOST)
        return;
    one->unread = (uint8_t *) realloc (one->unread, one->unread_size + size);
    fuzz_assert (one->unread);
    memcpy (one->unread + one->unread_size, data, size);
    one->unread_size += size;
    one->has_news = one->news.is_in = true;
}

static void s_greet (stream_t *one, uint8_t which)
{
    static zloom_buffer_t prefaces[2];
    zloom_buffer_t *preface = &prefaces[which / STREAMS % 2];
    if (!preface->size)
        talk_open (preface, which / STREAMS % 2 ? "ROUTER" : "DEALER");
    s_say (one, preface->data, preface->size);
}

//  A frame of zeroes in good form; one in four says that more follow.
static void s_say_frame (stream_t *one, uint8_t how)
{
    static const uint8_t zeroes[64 * 255];
    size_t size = (size_t) (how / 4) * (how & 2 ? 255 : 1);
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    size_t length = zloom__zmtp_head (head, size, how % 4 == 1);
    s_say (one, head, length);
    s_say (one, zeroes, size);
}

static void s_end (stream_t *one, bool is_reset)
{
    if (!one || !one->is_open || one->is_connecting)
        return;
    one->has_ended = true;
    one->is_reset = is_reset || one->is_reset;
    one->has_news = one->news.is_in = one->news.has_hung_up = true;
    one->news.is_out = one->news.is_out || is_reset;
}

static void s_take (stream_t *one, size_t bytes)
{
    if (!one || !one->is_open || one->is_connecting)
        return;
    bool was_shut = one->takes == 0;
    one->takes = bytes;
    one->has_news = one->has_news || (was_shut && bytes);
    one->news.is_out = one->news.is_out || (was_shut && bytes);
}

//  What becomes of a connection that was begun.
static void s_answer_connect (stream_t *one, bool is_refused)
{
    if (!one || !one->is_open || !one->is_connecting)
        return;
    one->is_connecting = false;
    one->is_reset = is_refused;
    one->has_news = one->news.is_out = true;
    one->news.is_in = one->news.has_hung_up = is_refused;
}

// ---- The engine -------------------------------------------------------------------

static void s_tell_news (world_t *self)
{
    if (self->has_listener_news) {
        const zloom__ready_t ready = {.token = self->listener_token, .is_in = true};
        self->has_listener_news = false;
        zloom__direct_note (&self->direct, &ready, self->now);
    }
    for (unsigned i = 0; i < self->count; i++) {
        stream_t *one = &self->list[i];
        if (!one->is_open || !one->is_watched || !one->has_news)
            continue;
        zloom__ready_t ready = one->news;
        ready.token = one->token;
        one->has_news = false;
        one->news = (zloom__ready_t){.token = 0};
        zloom__direct_note (&self->direct, &ready, self->now);
    }
}

static void s_drop_kept (world_t *self)
{
    if (self->has_kept)
        self->kept.release (&self->kept);
    self->has_kept = false;
}

static void s_take_frame (world_t *self, const zloom__event_t *event)
{
    uint64_t most = MAX_SIZE + MAX_SIZE / 4 + 1024;
    fuzz_assert (event->link && event->body.size <= most);
    fuzz_assert (event->envelope.size <= sizeof self->envelope);
    self->last[event->channel] = event->link;
    self->envelope_size = event->envelope.size;
    if (event->envelope.size)
        memcpy (self->envelope, event->envelope.data, event->envelope.size);
    //  Some bodies outlive their turn.
    if (event->body.size % 3 == 0) {
        s_drop_kept (self);
        self->has_kept = zloom__direct_keep (&self->direct, &self->kept) == ZLOOM_OK;
        fuzz_assert (self->has_kept || self->may_fail);
    }
}

//  What each link holds is within bounds.
static void s_check_links (const world_t *self)
{
    unsigned open = 0, links = 0;
    for (unsigned i = 0; i < self->count; i++)
        open += self->list[i].is_open;
    for (uint32_t i = 0; i < self->direct.capacity; i++) {
        const zloom__direct_link_t *link = self->direct.slots[i].link;
        if (!link || link->stream == -1)
            continue;
        links++;
        fuzz_assert (link->state != ZLOOM__LINK_CLOSED && self->list[link->stream].is_open);
        fuzz_assert (link->rest.size < ZLOOM__ZMTP_REST_MAX);
        fuzz_assert (link->hops.size <= ZLOOM__ENVELOPE_MAX);
        fuzz_assert (link->out_at <= link->out.size);
    }
    fuzz_assert (open == links && links <= self->direct.link_count);
}

//  The engine waits: no stream has anything for it, unless it must not listen to
//  that one now, or lacks memory and will look again.
static void s_check_rest (const world_t *self)
{
    if (self->direct.starved_until != ZLOOM_NEVER)
        return;
    for (uint32_t i = 0; i < self->direct.capacity; i++) {
        const zloom__direct_link_t *link = self->direct.slots[i].link;
        if (!link || link->stream == -1 || link->state == ZLOOM__LINK_CONNECTING)
            continue;
        const stream_t *one = &self->list[link->stream];
        size_t unwritten = link->out.size - link->out_at;
        fuzz_assert (unwritten == 0 || one->takes == 0 || link->cannot_write);
        if (unwritten <= QUEUED_MOST || link->cannot_write)
            fuzz_assert (one->unread_size == 0 && !one->has_ended);
    }
    fuzz_assert (self->waiting == 0 || self->direct.channels[0]->accept_at != ZLOOM_NEVER);
}

static void s_turn (world_t *self)
{
    enum { EVENTS_MOST = STREAMS * UNREAD_MOST };
    s_tell_news (self);
    for (unsigned i = 0;; i++) {
        zloom__event_t event = {.link = 0};
        fuzz_assert (i < EVENTS_MOST);
        zloom__event_kind_t kind = zloom__direct_next (&self->direct, self->now, &event);
        s_check_links (self);
        if (kind == ZLOOM__EVENT_FRAME)
            s_take_frame (self, &event);
        else if (kind == ZLOOM__EVENT_UP)
            self->last[event.channel] = event.link;
        else if (kind == ZLOOM__EVENT_TIMEOUT && !zloom__direct_is_ready (&self->direct))
            break;
    }
    s_check_rest (self);
}

static void s_send (world_t *self, uint8_t how)
{
    static const uint8_t zeroes[64 * 300];
    size_t size = (size_t) (how / 4) * (how & 2 ? 300 : 1);
    unsigned channel = how & 1;
    const zloom_bytes_t parts[] = {zloom_bytes (zeroes, size / 3),
                                   zloom_bytes (zeroes, size - size / 3)};
    zloom_bytes_t envelope = zloom_bytes (self->envelope, channel ? 0 : self->envelope_size);
    zloom__direct_send (&self->direct, self->last[channel], envelope, parts, 2, self->now);
    s_check_links (self);
}

static void s_pass (world_t *self, uint8_t how)
{
    self->now += how * 20 * ZLOOM_MSEC;
    if (zloom__direct_due (&self->direct) <= self->now)
        zloom__direct_tend (&self->direct, self->now);
    fuzz_assert (zloom__direct_due (&self->direct) > self->now
                 || zloom__direct_is_ready (&self->direct));
}

// ---- The input --------------------------------------------------------------------

static void s_do (world_t *self, op_t op, uint8_t argument, zloom_bytes_t *rest)
{
    static const uint8_t filler[255 * 128];
    stream_t *one = s_pick (self, argument);
    switch (op) {
    case OP_TURN:
        s_turn (self);
        break;
    case OP_CONNECT:
        self->waiting += 1 + argument % 3;
        self->has_listener_news = true;
        break;
    case OP_GREET:
        s_greet (one, argument);
        break;
    case OP_SAY: {
        size_t size = rest->size ? 1u + rest->data[0] % 32u : 0;
        size = size < rest->size ? size : rest->size;
        s_say (one, rest->data, size);
        rest->data += size;
        rest->size -= size;
        break;
    }
    case OP_SAY_MUCH:
        s_say (one, filler, 1 + (size_t) (argument / STREAMS) * 2999);
        break;
    case OP_FRAME:
        s_say_frame (self->count ? &self->list[self->count - 1] : NULL, argument);
        break;
    case OP_END:
        s_end (one, false);
        break;
    case OP_RESET:
        s_end (one, true);
        break;
    case OP_TAKE:
        s_take (one, argument / STREAMS * 100u);
        break;
    case OP_TAKE_ALL:
        s_take (one, SIZE_MAX);
        break;
    case OP_PASS:
        s_pass (self, argument);
        break;
    case OP_SEND:
        s_send (self, argument);
        break;
    case OP_FLUSH:
        zloom__direct_flush (&self->direct);
        break;
    case OP_ANSWER:
        s_answer_connect (one, argument / STREAMS % 4 == 3);
        break;
    case OP_NO_MORE:
        self->no_descriptors = argument & 1;
        break;
    case OP_GUESS:
        zloom__direct_guess (&self->direct);
        break;
    case OPS:
    default:
        break;
    }
}

static void s_run (world_t *self, zloom_bytes_t rest)
{
    static const bool has_argument[] = {
#define X(name, has_argument) has_argument,
        OP_MAP (X)
#undef X
    };
    while (rest.size > 0) {
        op_t op = (op_t) (*rest.data % OPS);
        uint8_t argument = 0;
        rest.data++, rest.size--;
        if (has_argument[op] && rest.size > 0) {
            argument = *rest.data;
            rest.data++, rest.size--;
        }
        s_do (self, op, argument, &rest);
    }
}

//  Both channels, or fewer where memory ran out.
static void s_open (world_t *self)
{
    static const zloom__endpoint_t endpoint = {.text = "tcp://127.0.0.1:1",
                                               .transport = ZLOOM__TCP};
    zloom__channel_options_t options = {.max_size = MAX_SIZE,
                                        .reconnect_min_ms = 10,
                                        .reconnect_max_ms = 1000,
                                        .insecure_public = true};
    options.role = ZLOOM__ROLE_SERVER;
    zloom_code_t code = zloom__direct_open (&self->direct, 0, &endpoint, &options, self->now, NULL);
    options.role = ZLOOM__ROLE_CLIENT;
    if (!code)
        code = zloom__direct_open (&self->direct, 1, &endpoint, &options, self->now, NULL);
    fuzz_assert (!code || self->may_fail);
    for (unsigned i = 0; i < self->direct.channel_count; i++)
        self->direct.channels[i]->most_queued = QUEUED_MOST;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static world_t self;
    heap_t heap;
    if (size < 2 || size > INPUT_MOST)
        return 0;
    s_greet (NULL, 0);
    s_greet (NULL, STREAMS);
    self = (world_t){.streams = {.ops = &s_ops}, .now = ZLOOM_SEC};
    size_t fail_at = data[0] & 1 ? data[0] / 2u + data[1] : 0;
    self.may_fail = fail_at != 0;
    zloom_random_seed (&self.random, 1);
    heap_install (&heap, fail_at);
    zloom__direct_init (&self.direct, &self.streams, &self.random);
    s_open (&self);
    if (self.direct.channel_count == 2) {
        s_run (&self, zloom_bytes (data + 2, size - 2));
        s_turn (&self);
    }
    s_drop_kept (&self);
    zloom__direct_clear (&self.direct);
    for (unsigned i = 0; i < self.count; i++)
        fuzz_assert (!self.list[i].is_open);
    fuzz_assert (self.listeners == 0 && heap.out == 0);
    heap_remove ();
    return 0;
}
