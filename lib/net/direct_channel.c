#include "net/direct_internal.h"

#include <errno.h>
#include <string.h>

#include "base/text_internal.h"

//  How long one try to connect may take, and a lookup of a name.
static const zloom_time_t s_connect = 3 * ZLOOM_SEC;

//  How often an open lookup is asked.
static const zloom_time_t s_ask_every = 5 * ZLOOM_MSEC;

//  How long nothing is accepted after the descriptors ran out.
static const zloom_time_t s_no_descriptors = 50 * ZLOOM_MSEC;

//  Connections accepted before others get their turn.
enum { ACCEPTED_AT_ONCE = 64 };

//  About what may wait for one peer: two of the largest messages, or this.
enum { QUEUED_LEAST = 4194304 };

static zloom__streams_t *s_streams (const zloom__direct_channel_t *self)
{
    return self->engine->streams;
}

//  Dialling.

static void s_note_trouble (zloom__direct_channel_t *self, zloom_reason_t reason, const char *text)
{
    self->trouble = reason;
    zloom__text_print (self->trouble_text, sizeof self->trouble_text, "%s", text);
}

static zloom_time_t s_least_pause (const zloom__direct_channel_t *self)
{
    return self->options.reconnect_min_ms * ZLOOM_MSEC;
}

//  At a random point of the second half of a pause that doubles, so that not
//  all come back at once.
static void s_dial_later (zloom__direct_channel_t *self, zloom_time_t now)
{
    zloom_time_t most = self->options.reconnect_max_ms * ZLOOM_MSEC;
    self->pause = self->pause ? zloom_time_min (self->pause * 2, most) : s_least_pause (self);
    uint64_t half = (uint64_t) self->pause / 2;
    self->dial_at =
        now + (zloom_time_t) (half + zloom_random_below (self->engine->random, half + 1));
    self->addresses.count = 0;
}

//  What the system says of a try that failed.
static void s_note_failure (zloom__direct_channel_t *self, int number)
{
    if (number == ECONNREFUSED || number == ENOENT)
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, "nothing listens there");
    else if (number == EMFILE || number == ENFILE)
        s_note_trouble (self, ZLOOM_REASON_DESCRIPTORS, "no file descriptors are left");
    else if (number == ETIMEDOUT)
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, "no answer to the connection request in time");
    else
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, strerror (number));
}

static void s_begin_stream (zloom__direct_channel_t *self, zloom__direct_link_t *link,
                            zloom_time_t now)
{
    //  Known better is what the last try has found.
    if (self->trouble == ZLOOM_REASON_NO_PEER)
        s_note_trouble (self, ZLOOM_REASON_NO_PEER,
                        "it accepts connections but does not speak ZMTP");
    self->dial_at = ZLOOM_NEVER;
    zloom__link_begin (link, now);
}

//  Try the addresses that are left, until one can be connected to, or may be.
static void s_try_addresses (zloom__direct_channel_t *self, zloom_time_t now)
{
    while (self->address < self->addresses.count) {
        zloom__direct_link_t *link = zloom__direct_add_link (self);
        if (!link) {
            zloom__direct_channel_starved (self);
            break;
        }
        self->link = link;
        int stream = s_streams (self)->ops->connect (s_streams (self),
                                                     &self->addresses.list[self->address++],
                                                     zloom__direct_link_token (link));
        if (stream >= 0) {
            link->stream = stream;
            self->dial_at = now + s_connect;
            return;
        }
        s_note_failure (self, -stream);
        self->link = NULL;
        zloom__link_close (link, now);
    }
    s_dial_later (self, now);
}

//  The answer to a lookup, if there is one.
static void s_ask_lookup (zloom__direct_channel_t *self, zloom_time_t now)
{
    if (!zloom__lookup_wait (self->lookup, 0) && now < self->give_up_at) {
        self->dial_at = now + s_ask_every;
        return;
    }
    const char *flaw = zloom__lookup_end (&self->lookup, &self->addresses);
    if (flaw)
        zloom__text_print (self->trouble_text, sizeof self->trouble_text,
                           "cannot find that host (%s)", flaw);
    self->address = 0;
    s_try_addresses (self, now);
}

static void s_dial (zloom__direct_channel_t *self, zloom_time_t now)
{
    const char *flaw = s_streams (self)->ops->resolve (s_streams (self), &self->endpoint,
                                                       &self->addresses, &self->lookup);
    self->address = 0;
    if (flaw) {
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, flaw);
        s_dial_later (self, now);
    } else if (self->lookup) {
        self->give_up_at = now + s_connect;
        s_ask_lookup (self, now);
    } else
        s_try_addresses (self, now);
}

void zloom__direct_channel_connected (zloom__direct_channel_t *self, zloom_time_t now)
{
    zloom__direct_link_t *link = self->link;
    int result = s_streams (self)->ops->check (s_streams (self), link->stream);
    if (result == 0) {
        s_begin_stream (self, link, now);
        return;
    }
    s_note_failure (self, -result);
    self->link = NULL;
    zloom__link_close (link, now);
    s_try_addresses (self, now);
}

void zloom__direct_channel_rose (zloom__direct_channel_t *self, zloom_time_t now)
{
    self->rose_at = now;
    self->pause = 0;
    self->hang_ups = 0;
    self->dial_at = ZLOOM_NEVER;
}

//  What will be the same next time is told to those who wait; memory may be back
//  by then. A peer that makes no sense is the wrong one, whatever is wrong.
void zloom__direct_channel_refused (zloom__direct_channel_t *self, const zloom_error_t *why)
{
    bool may_pass = why->reason == ZLOOM_REASON_NO_MEMORY;
    bool is_named = may_pass || why->reason == ZLOOM_REASON_AUTHENTICATION;
    s_note_trouble (self, is_named ? why->reason : ZLOOM_REASON_WRONG_PEER, why->text);
    if (!may_pass)
        self->refused = self->trouble;
}

//  Whether the peer hung up when it had seen our socket type. One of libzmq does
//  so where that does not fit, and says no more. Anybody may do it once.
static bool s_has_hung_up_on_us (zloom__direct_channel_t *self, const zloom__direct_link_t *link)
{
    bool is_so = link->has_ended && link->zmtp.state == ZLOOM__ZMTP_IN_HANDSHAKE;
    self->hang_ups = is_so ? self->hang_ups + 1 : 0;
    return is_so;
}

//  A handshake that came to nothing: the peer said no word of it in time, or
//  hung up, as one does that wants another mechanism.
static void s_note_no_handshake (zloom__direct_channel_t *self, const zloom__direct_link_t *link)
{
    s_note_trouble (self, ZLOOM_REASON_WRONG_PEER,
                    link->has_ended
                        ? "it accepts connections but does not speak ZMTP, or wants keys (CURVE)"
                        : "it accepts connections but does not speak ZMTP");
    if (self->hang_ups < 2)
        return;
    s_note_trouble (
        self, ZLOOM_REASON_WRONG_PEER,
        "its ZeroMQ socket type does not fit a client (it must be ROUTER, REP or DEALER)");
    self->refused = ZLOOM_REASON_WRONG_PEER;
}

static void s_dial_at_once (zloom__direct_channel_t *self, zloom_time_t now)
{
    self->addresses.count = 0;
    self->dial_at = now;
}

static void s_fall_unopened (zloom__direct_channel_t *self, const zloom__direct_link_t *link,
                             zloom_time_t now)
{
    bool has_hung_up = s_has_hung_up_on_us (self, link);
    bool is_explained = link->zmtp.state == ZLOOM__ZMTP_HAS_ENDED;
    if (!is_explained)
        s_note_no_handshake (self, link);
    if (has_hung_up && self->hang_ups < 2)
        s_dial_at_once (self, now);
    else
        s_dial_later (self, now);
}

void zloom__direct_channel_fell (zloom__direct_channel_t *self, const zloom__direct_link_t *link,
                                 zloom_time_t now)
{
    self->link = NULL;
    if (!link->was_open) {
        s_fall_unopened (self, link, now);
        return;
    }
    s_note_trouble (self, ZLOOM_REASON_NO_PEER, "the connection was lost");
    //  A link that lasted is tried again at once; its server may be back.
    if (now - self->rose_at >= s_least_pause (self))
        s_dial_at_once (self, now);
    else
        s_dial_later (self, now);
}

void zloom__direct_channel_starved (zloom__direct_channel_t *self)
{
    s_note_trouble (self, ZLOOM_REASON_NO_MEMORY, "out of memory for a connection");
}

//  Listening.

void zloom__direct_channel_accept (zloom__direct_channel_t *self, zloom_time_t now)
{
    zloom__streams_t *streams = s_streams (self);
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int stream = streams->ops->accept (streams, self->listener);
        if (stream == -ECONNABORTED || stream == -EINTR)
            continue;
        if (stream < 0) {
            //  With no descriptors left they wait, and nobody spins.
            self->may_accept = false;
            self->accept_at = stream == -EAGAIN ? ZLOOM_NEVER : now + s_no_descriptors;
            return;
        }
        zloom__direct_link_t *link = zloom__direct_add_link (self);
        if (!link) {
            streams->ops->close (streams, stream);
            continue;
        }
        link->stream = streams->ops->watch (streams, stream, zloom__direct_link_token (link));
        if (link->stream < 0) {
            link->stream = -1;
            zloom__link_close (link, now);
        } else
            zloom__link_begin (link, now);
    }
}

static zloom_code_t s_listen (zloom__direct_channel_t *self, zloom_error_t *reterr)
{
    zloom_code_t code = ZLOOM_OK;
    if (!self->options.insecure_public)
        code = zloom__endpoint_check_private (&self->endpoint, reterr);
    if (!code)
        code = zloom__endpoint_claim (&self->endpoint, &self->lock, reterr);
    if (code)
        return code;
    zloom__streams_t *streams = s_streams (self);
    code = streams->ops->listen (streams, &self->endpoint, zloom__direct_listener_token (self),
                                 &self->listener, self->bound, reterr);
    self->may_accept = !code;
    return code;
}

//  Beginning and ending.

//  Whether that is something to connect to; a name may yet be nobody's.
static zloom_code_t s_check_target (const zloom__endpoint_t *endpoint, zloom_error_t *reterr)
{
    const char *address = zloom__endpoint_address (endpoint);
    zloom__host_port_t target;
    zloom__address_t place;
    const char *flaw = endpoint->transport == ZLOOM__IPC ? zloom__resolve_ipc (address, &place)
                                                         : zloom__resolve_split (address, &target);
    return flaw ? zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "'%s': %s", endpoint->text,
                                   flaw)
                : ZLOOM_OK;
}

static size_t s_most_queued (const zloom__channel_options_t *options)
{
    size_t two = 2 * (size_t) options->max_size;
    return two > QUEUED_LEAST ? two : QUEUED_LEAST;
}

//  A message just beyond the limit is let in, so that it can be refused by name.
static uint64_t s_max_size (const zloom__channel_options_t *options)
{
    return (uint64_t) options->max_size + options->max_size / 4 + 1024;
}

zloom_code_t zloom__direct_channel_begin (zloom__direct_channel_t *self, zloom_time_t now,
                                          zloom_error_t *reterr)
{
    bool is_client = self->options.role == ZLOOM__ROLE_CLIENT;
    self->dials = is_client || self->options.dials;
    self->zmtp = (zloom__zmtp_options_t){
        .type = is_client ? ZLOOM__ZMTP_DEALER : ZLOOM__ZMTP_ROUTER,
        .max_size = s_max_size (&self->options),
    };
    self->most_queued = s_most_queued (&self->options);
    self->listener = self->lock = -1;
    self->accept_at = self->dial_at = ZLOOM_NEVER;
    s_note_trouble (self, ZLOOM_REASON_NO_PEER, "nothing listens there");
    zloom_code_t code =
        self->dials ? s_check_target (&self->endpoint, reterr) : s_listen (self, reterr);
    if (code)
        zloom__direct_channel_end (self);
    else if (self->dials)
        s_dial (self, now);
    return code;
}

void zloom__direct_channel_end (zloom__direct_channel_t *self)
{
    zloom__streams_t *streams = s_streams (self);
    if (self->listener != -1)
        streams->ops->unlisten (streams, self->listener, &self->endpoint, self->bound);
    zloom__endpoint_release (&self->endpoint, self->lock);
    self->listener = self->lock = -1;
    zloom__addresses_t ignored;
    if (self->lookup)
        zloom__lookup_end (&self->lookup, &ignored);
}

zloom_time_t zloom__direct_channel_due (const zloom__direct_channel_t *self)
{
    return zloom_time_min (self->dial_at, self->accept_at);
}

void zloom__direct_channel_tend (zloom__direct_channel_t *self, zloom_time_t now)
{
    if (self->accept_at <= now) {
        self->accept_at = ZLOOM_NEVER;
        self->may_accept = true;
    }
    if (self->dial_at > now)
        return;
    zloom__direct_link_t *late = self->link;
    if (self->lookup)
        s_ask_lookup (self, now);
    else if (late) {
        //  A try to connect that takes too long.
        s_note_failure (self, ETIMEDOUT);
        self->link = NULL;
        zloom__link_close (late, now);
        s_try_addresses (self, now);
    } else
        s_dial (self, now);
}
