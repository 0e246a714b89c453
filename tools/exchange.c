#include "exchange.h"

#include "base/text.h"
#include "output.h"
#include "report.h"
#include "stop.h"
#include "units.h"

//  Where libzmq claims that it can always send, only time helps after a refusal.
static const zloom_time_t s_retry = 5 * ZLOOM_MSEC;

//  So many messages in one direction before the other has its turn.
enum { TURN = 256 };

//  A socket, what it sends, and how far it has come.
typedef struct {
    const raw_kind_t *kind;
    const exchange_options_t *options;
    char **addresses;
    raw_t raw;
    int stop;  //  Readable when a signal has come
    feed_t feed;
    bool feed_dry;  //  Nothing to hand out before more is read
    bool feed_ended;
    zmsg_t *outgoing;       //  Next to be sent
    bool turn_over;         //  There may be more to send at once
    bool refused;           //  libzmq has no room for it, or nobody to send it to
    zframe_t *stream_peer;  //  STREAM: to whom a message without an id goes
    bool awaits_reply;      //  REQ: sent, and not answered
    bool owes_reply;        //  REP: received, and not answered
    uint64_t subscribers;   //  PUB
    uint64_t sent, received, undeliverable;
    zloom_time_t started;
    zloom_time_t heard;      //  Something was received, or we began
    zloom_time_t loaded;     //  `outgoing` was taken from the feed
    zloom_time_t asked;      //  REQ: the request was sent
    zloom_time_t next_send;  //  Not before this
    bool done;
    int status;
} exchange_t;

static bool s_is (const exchange_t *self, int type)
{
    return self->kind->type == type;
}

static bool s_is_pub (const exchange_t *self)
{
    return s_is (self, ZMQ_XPUB) && !self->kind->receives;
}

bool exchange_counts_sent (const raw_kind_t *kind)
{
    return !kind->receives || kind->type == ZMQ_REQ;
}

static void s_end (exchange_t *self, int status)
{
    self->done = true;
    if (self->status == EXIT_OK)
        self->status = status;
}

// ---- Sending ----------------------------------------------------------------

//  Whether it is our turn to speak, and somebody listens. libzmq would take a
//  message for a peer that has never been there, and we could not tell.
static bool s_may_send (const exchange_t *self)
{
    switch (self->kind->type) {
    case ZMQ_REQ:
        return self->raw.met && !self->awaits_reply;
    case ZMQ_REP:
        return self->owes_reply;
    case ZMQ_PUSH:
    case ZMQ_DEALER:
    case ZMQ_PAIR:
        return self->raw.met;
    case ZMQ_STREAM:
        return self->stream_peer || (self->outgoing && zmsg_size (self->outgoing) > 1);
    default:
        return !s_is_pub (self) || self->subscribers > 0;
    }
}

//  Whether to take the next message from the feed. REQ and REP do so only in
//  their turn, so that a line typed early waits where it is.
static bool s_wants_message (const exchange_t *self)
{
    bool others_turn = self->awaits_reply || (s_is (self, ZMQ_REP) && !self->owes_reply);
    return self->kind->sends && !self->options->echo && !self->outgoing && !self->feed_ended
           && !others_turn;
}

static void s_load (exchange_t *self)
{
    self->feed_dry = false;
    if (!s_wants_message (self))
        return;
    switch (feed_next (&self->feed, &self->outgoing)) {
    case INPUT_RECORD:
        self->loaded = zloom_time_now ();
        break;
    case INPUT_MORE:
        self->feed_dry = true;
        break;
    case INPUT_END:
        self->feed_ended = true;
        break;
    case INPUT_BAD:
        s_end (self, self->feed.status);
        break;
    }
}

//  All frames or none: after the first libzmq takes the others.
static int s_send_frames (zmsg_t *message, zsock_t *socket)
{
    size_t left = zmsg_size (message);
    for (zframe_t *frame = zmsg_first (message); frame; frame = zmsg_next (message)) {
        int flags = ZFRAME_REUSE | ZFRAME_DONTWAIT | (--left ? ZFRAME_MORE : 0);
        if (zframe_send (&frame, socket, flags) != 0)
            return -1;
    }
    return 0;
}

static void s_note_sent (exchange_t *self)
{
    zmsg_destroy (&self->outgoing);
    self->sent++;
    self->asked = zloom_time_now ();
    self->next_send = self->asked + self->options->interval;
    self->awaits_reply = s_is (self, ZMQ_REQ);
    self->owes_reply = false;
}

static void s_note_undeliverable (exchange_t *self)
{
    char shown[64];
    zloom_text_escape (shown, sizeof shown, message_frame (zmsg_first (self->outgoing)));
    report (EXIT_UNDELIVERED, "the first frame of what the peer has sent",
            "no peer has the routing id '%s'", shown);
    zmsg_destroy (&self->outgoing);
    self->undeliverable++;
    self->owes_reply = false;
}

//  Send one message if that is possible now. True when it left our hands.
static bool s_send (exchange_t *self)
{
    self->refused = false;
    if (!self->outgoing || !s_may_send (self) || zloom_time_now () < self->next_send)
        return false;
    if (s_is (self, ZMQ_STREAM) && zmsg_size (self->outgoing) == 1) {
        zframe_t *id = zframe_dup (self->stream_peer);
        zmsg_prepend (self->outgoing, &id);
    }
    if (s_send_frames (self->outgoing, self->raw.socket) == 0)
        s_note_sent (self);
    else if (errno == EHOSTUNREACH)
        s_note_undeliverable (self);
    else
        self->refused = true;
    return !self->refused;
}

static void s_send_some (exchange_t *self)
{
    self->turn_over = false;
    for (int i = 0; i < TURN && !self->done; i++) {
        s_load (self);
        if (!s_send (self))
            return;
    }
    self->turn_over = true;
}

// ---- Receiving --------------------------------------------------------------

//  A subscription (1) or its end (0), which a PUB keeps to itself.
static void s_note_subscription (exchange_t *self, zmsg_t *message)
{
    zloom_bytes_t change = message_frame (zmsg_first (message));
    if (change.size && change.data[0] == 1)
        self->subscribers++;
    else if (change.size && change.data[0] == 0 && self->subscribers)
        self->subscribers--;
}

//  STREAM tells of a connection, and of its end, by a message without data.
static bool s_is_stream_notice (const exchange_t *self, zmsg_t *message)
{
    return s_is (self, ZMQ_STREAM) && zframe_size (zmsg_last (message)) == 0;
}

static void s_note_stream_peer (exchange_t *self, zmsg_t *message)
{
    zframe_t *id = zmsg_first (message);
    bool known = self->stream_peer && zframe_eq (self->stream_peer, id);
    bool gone = known && s_is_stream_notice (self, message);
    zframe_destroy (&self->stream_peer);
    if (!gone)
        self->stream_peer = zframe_dup (id);
}

static void s_take (exchange_t *self, zmsg_t *message)
{
    self->heard = zloom_time_now ();
    if (s_is_pub (self)) {
        s_note_subscription (self, message);
        zmsg_destroy (&message);
        return;
    }
    if (s_is (self, ZMQ_STREAM))
        s_note_stream_peer (self, message);
    self->received++;
    self->awaits_reply = false;
    self->owes_reply = s_is (self, ZMQ_REP);
    message_print (message, (message_ending_t) self->options->ending);
    if (self->options->echo && !s_is_stream_notice (self, message)) {
        self->outgoing = message;
        self->loaded = self->heard;
    } else
        zmsg_destroy (&message);
}

static bool s_is_counted_out (const exchange_t *self)
{
    uint64_t count = exchange_counts_sent (self->kind) ? self->sent : self->received;
    return count >= self->options->count;
}

//  An echo that waits to be sent holds the next message back.
static bool s_wants_to_receive (const exchange_t *self)
{
    bool enough = !exchange_counts_sent (self->kind) && s_is_counted_out (self);
    return !enough && !(self->options->echo && self->outgoing);
}

static void s_receive_some (exchange_t *self)
{
    zmsg_t *message;
    for (int i = 0; i < TURN && s_wants_to_receive (self); i++) {
        raw_got_t got = raw_receive (&self->raw, &self->options->raw, &message);
        if (got == RAW_GOT)
            s_take (self, message);
        else if (got == RAW_TOO_LARGE)
            self->status = EXIT_MALFORMED;
        else
            break;
    }
}

// ---- When to end ------------------------------------------------------------

//  Everything was said and, where an answer belongs to it, answered.
static bool s_has_finished (const exchange_t *self)
{
    if (self->outgoing || self->awaits_reply)
        return false;
    if (exchange_counts_sent (self->kind))
        return self->feed_ended;
    if (s_is (self, ZMQ_REP) && self->feed_ended)
        return true;
    return s_is_counted_out (self) && !self->owes_reply
           && (self->feed_ended || !self->kind->sends || self->options->count > 0);
}

static void s_end_by_time (exchange_t *self, const char *what, zloom_time_t after)
{
    char time[32];
    if (self->outgoing && self->sent == 0 && !s_is (self, ZMQ_REP)) {
        s_end (self, raw_report_no_peer (self->kind, self->addresses, after));
        return;
    }
    bool counted = self->options->count != EXCHANGE_NO_COUNT;
    if (counted && !s_is_counted_out (self))
        s_end (self,
               report (zloom_reason_exit_code (ZLOOM_REASON_DEADLINE), NULL,
                       "%s %s passed after %llu of %llu messages", what,
                       units_show_duration (time, after),
                       (unsigned long long) (exchange_counts_sent (self->kind) ? self->sent
                                                                               : self->received),
                       (unsigned long long) self->options->count));
    else
        s_end (self, EXIT_OK);
}

static void s_end_unanswered (exchange_t *self)
{
    char time[32];
    s_end (self, report (zloom_reason_exit_code (ZLOOM_REASON_DEADLINE), "a longer --timeout",
                         "no reply within %s", units_show_duration (time, self->options->timeout)));
}

//  Until when we may sleep, and what is the matter when that time has come.
typedef struct {
    zloom_time_t duration, idle, wait, reply;
} limits_t;

static limits_t s_limits (const exchange_t *self)
{
    const exchange_options_t *options = self->options;
    limits_t limits = {ZLOOM_NEVER, ZLOOM_NEVER, ZLOOM_NEVER, ZLOOM_NEVER};
    if (options->duration)
        limits.duration = zloom_time_add (self->started, options->duration);
    if (options->idle)
        limits.idle = zloom_time_add (self->heard, options->idle);
    if (self->outgoing && self->sent == 0 && !s_is (self, ZMQ_REP))
        limits.wait = zloom_time_add (self->loaded, options->wait);
    if (self->awaits_reply)
        limits.reply = zloom_time_add (self->asked, options->timeout);
    return limits;
}

static void s_look_at_the_clock (exchange_t *self)
{
    limits_t limits = s_limits (self);
    zloom_time_t now = zloom_time_now ();
    if (now >= limits.wait)
        s_end (self, raw_report_no_peer (self->kind, self->addresses, self->options->wait));
    else if (now >= limits.reply)
        s_end_unanswered (self);
    else if (now >= limits.duration)
        s_end_by_time (self, "--for", self->options->duration);
    else if (now >= limits.idle)
        s_end_by_time (self, "--idle", self->options->idle);
}

// ---- Waiting ----------------------------------------------------------------

//  Whether POLLOUT tells the truth about this type.
static bool s_tells_room (const exchange_t *self)
{
    return !s_is (self, ZMQ_ROUTER) && !s_is (self, ZMQ_XPUB) && !s_is (self, ZMQ_XSUB)
           && !s_is (self, ZMQ_STREAM);
}

static zloom_time_t s_wake_time (const exchange_t *self)
{
    if (self->turn_over)
        return 0;
    limits_t limits = s_limits (self);
    zloom_time_t at = zloom_time_min (zloom_time_min (limits.duration, limits.idle),
                                      zloom_time_min (limits.wait, limits.reply));
    if (self->outgoing && !self->refused && s_may_send (self))
        at = zloom_time_min (at, self->next_send);
    if (self->refused && !s_tells_room (self))
        at = zloom_time_min (at, zloom_time_now () + s_retry);
    return at;
}

//  Milliseconds, rounded up so that a wait never ends just before its time.
static long s_milliseconds_until (zloom_time_t at)
{
    if (at == ZLOOM_NEVER)
        return -1;
    zloom_time_t left = at - zloom_time_now ();
    return left <= 0 ? 0 : (long) ((left + ZLOOM_MSEC - 1) / ZLOOM_MSEC);
}

//  zmq_poll knows the edges of libzmq's descriptors, so nothing is missed.
static void s_wait (exchange_t *self)
{
    short events = s_wants_to_receive (self) ? ZMQ_POLLIN : 0;
    if (self->refused && s_tells_room (self))
        events |= ZMQ_POLLOUT;
    enum { SOCKET, SIGNAL, INPUT, OUTPUT, MONITOR, ITEMS };
    zmq_pollitem_t items[ITEMS] = {
        [SOCKET] = {zsock_resolve (self->raw.socket), 0, events, 0},
        [SIGNAL] = {NULL, self->stop, ZMQ_POLLIN, 0},
        [INPUT] = {NULL, -1, ZMQ_POLLIN, 0},
        [OUTPUT] = {NULL, -1, ZMQ_POLLERR, 0},
        [MONITOR] = {zsock_resolve (self->raw.monitor), 0, ZMQ_POLLIN, 0}};
    if (self->feed_dry)
        items[INPUT].fd = feed_descriptor (&self->feed);
    if (self->kind->receives)  //  Only then does a reader that left matter
        items[OUTPUT].fd = STDOUT_FILENO;

    output_idle ();
    if (zmq_poll (items, ITEMS, s_milliseconds_until (s_wake_time (self))) < 0)
        return;
    if (items[OUTPUT].revents)
        s_end (self, EXIT_OK);
    if (items[MONITOR].revents)
        raw_tell (&self->raw);
    if (items[INPUT].revents && !feed_fill (&self->feed))
        s_end (self, self->feed.status);
}

// ---- The whole of it --------------------------------------------------------

static void s_loop (exchange_t *self)
{
    while (!self->done) {
        s_receive_some (self);
        s_send_some (self);
        if (self->done || s_has_finished (self) || output_failed () || stop_wish () != STOP_NO)
            break;
        s_look_at_the_clock (self);
        if (!self->done)
            s_wait (self);
    }
}

//  How many messages the feed hands out.
static uint64_t s_feed_count (const raw_kind_t *kind, const exchange_options_t *options)
{
    if (kind->type == ZMQ_REP)
        return FEED_ALL - 1;  //  The same answers in turn, for ever
    return exchange_counts_sent (kind) ? options->count : FEED_ALL;
}

//  What was left, and for how long to let it leave.
static void s_close (exchange_t *self)
{
    if (self->outgoing && self->sent + self->undeliverable > 0)
        s_end (self, report (EXIT_UNDELIVERED, NULL, "%llu messages were sent, the next was not",
                             (unsigned long long) self->sent));
    if (self->undeliverable)
        s_end (self, EXIT_UNDELIVERED);
    if (self->owes_reply && self->feed_ended)
        s_end (self, report (EXIT_UNDELIVERED, "--echo, -d TEXT, or more input",
                             "the input ended before the last request was answered"));
    zmsg_destroy (&self->outgoing);
    zframe_destroy (&self->stream_peer);
    feed_close (&self->feed);

    char time[32];
    zloom_time_t linger = stop_wish () == STOP_QUIT || self->sent == 0 ? 0 : self->options->linger;
    stop_close ();
    if (!raw_close (&self->raw, linger) && linger > 0)
        s_end (self, report (EXIT_UNDELIVERED, "a longer --linger",
                             "not all of %llu messages left within %s",
                             (unsigned long long) self->sent, units_show_duration (time, linger)));
}

int exchange_run (const raw_kind_t *kind, const exchange_options_t *options, char **addresses)
{
    exchange_t self = {.kind = kind, .options = options, .addresses = addresses};
    self.stop = stop_open ();
    if (self.stop < 0)
        return EXIT_IO;
    int status = feed_open (&self.feed, &options->feed, s_feed_count (kind, options));
    if (status == EXIT_OK)
        status = raw_open (&self.raw, kind, &options->raw, addresses);
    if (status != EXIT_OK) {
        feed_close (&self.feed);
        return status;
    }
    self.started = self.heard = zloom_time_now ();
    s_loop (&self);
    s_close (&self);
    return output_end (stop_exit_code (self.status));
}
