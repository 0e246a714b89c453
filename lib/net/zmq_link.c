#include "net/zmq_channel_internal.h"

#include <errno.h>
#include <string.h>

bool zloom__zmq_is_inproc_client (const zloom__zmq_channel_t *self)
{
    return self->endpoint.transport == ZLOOM__INPROC && self->options.role == ZLOOM__ROLE_CLIENT;
}

zloom__link_t zloom__zmq_link_name (const zloom__zmq_channel_t *self)
{
    return (zloom__link_t) (self->index + 1) << 32 | self->generation;
}

void zloom__zmq_link_begin (zloom__zmq_channel_t *self)
{
    self->has_connected = self->has_begun = false;
    //  On inproc there is no handshake to wait for.
    self->is_rising = zloom__zmq_is_inproc_client (self);
}

//  What the monitor tells.

static zloom_time_t s_least_pause (const zloom__zmq_channel_t *self)
{
    return self->options.reconnect_min_ms * ZLOOM_MSEC;
}

void zloom__zmq_link_try_later (zloom__zmq_channel_t *self, zloom_time_t now,
                                zloom_random_t *random)
{
    if (self->reopen_at != ZLOOM_NEVER)
        return;
    zloom_time_t most = self->options.reconnect_max_ms * ZLOOM_MSEC;
    self->pause = self->pause ? zloom_time_min (self->pause * 2, most) : s_least_pause (self);
    //  At a random point of its second half, so that not all come back at once.
    uint64_t half = (uint64_t) self->pause / 2;
    self->reopen_at = now + (zloom_time_t) (half + zloom_random_below (random, half + 1));
}

static void s_note_trouble (zloom__zmq_channel_t *self, zloom_reason_t reason, const char *text)
{
    self->trouble = reason;
    self->trouble_text = text;
}

//  What will be the same next time is told to those who wait.
static void s_refuse (zloom__zmq_channel_t *self, zloom_reason_t reason, const char *text)
{
    s_note_trouble (self, reason, text);
    self->refused = reason;
}

static void s_refuse_keys (zloom__zmq_channel_t *self)
{
    s_refuse (self, ZLOOM_REASON_AUTHENTICATION,
              "the handshake was refused; it may want keys (CURVE) that were not given");
}

//  A handshake that came to nothing: the peer said no word of it in time, or
//  hung up, as one does that knows the protocol and wants a mechanism.
static void s_note_no_handshake (zloom__zmq_channel_t *self, uint32_t error)
{
    s_note_trouble (self, ZLOOM_REASON_WRONG_PEER,
                    error == EAGAIN
                        ? "it accepts connections but does not speak ZMTP"
                        : "it accepts connections but does not speak ZMTP, or wants keys (CURVE)");
}

static void s_end_connection (zloom__zmq_channel_t *self, zloom_time_t now)
{
    if (self->is_up)
        self->falling = ZLOOM_REASON_CONNECTION_LOST;
    if (self->is_up || self->is_rising) {
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, "the connection was lost");
        //  A link that lasted is tried again at once; its server may be back.
        if (now - self->rose_at >= s_least_pause (self))
            self->reopen_at = now;
    } else if (self->has_connected)
        //  No word of a handshake, neither good nor bad.
        s_refuse (
            self, ZLOOM_REASON_WRONG_PEER,
            "its ZeroMQ socket type does not fit a client (it must be ROUTER, REP or DEALER)");
    self->is_rising = false;
}

static void s_hear_one (zloom__zmq_channel_t *self, int event, uint32_t value, zloom_time_t now)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        self->has_connected = true;
        //  What the last try has found is known better.
        if (self->trouble == ZLOOM_REASON_NO_PEER)
            s_note_trouble (self, ZLOOM_REASON_NO_PEER,
                            "it accepts connections but does not speak ZMTP");
        return;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        self->is_rising = true;
        self->rose_at = now;
        self->pause = 0;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        s_note_no_handshake (self, value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
            s_refuse_keys (self);
        else
            s_refuse (self, ZLOOM_REASON_WRONG_PEER, "its handshake is not one of ZMTP");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        s_refuse_keys (self);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        s_end_connection (self, now);
        break;
    case ZMQ_EVENT_CLOSED:
        //  A try that did not get as far as a connection.
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, "nothing listens there");
        break;
    default:
        break;
    }
    self->has_connected = false;
}

//  Whether libzmq does nothing more with this socket.
static bool s_is_the_end (int event)
{
    return event == ZMQ_EVENT_DISCONNECTED || event == ZMQ_EVENT_CONNECT_RETRIED;
}

static bool s_receive_event (void *monitor, uint8_t *frame, size_t size)
{
    int rc;
    do
        rc = zmq_recv (monitor, frame, size, ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc >= 0;
}

void zloom__zmq_link_hear (zloom__zmq_channel_t *self, zloom_time_t now, zloom_random_t *random)
{
    //  An event is two frames: {uint16 event, uint32 value}, and the endpoint.
    //  All of them are taken, since only then the descriptor tells of the next.
    uint8_t frame[ZLOOM__ENDPOINT_MAX];
    while (s_receive_event (self->sockets.monitor, frame, sizeof frame)) {
        uint16_t event;
        uint32_t value;
        memcpy (&event, frame, sizeof event);
        memcpy (&value, frame + sizeof event, sizeof value);
        s_receive_event (self->sockets.monitor, frame, sizeof frame);
        s_hear_one (self, event, value, now);
        if (s_is_the_end (event))
            zloom__zmq_link_try_later (self, now, random);
    }
}

//  What has become of the link.

static bool s_has_left (zloom__zmq_channel_t *self, int events)
{
    return zloom__zmq_is_inproc_client (self) && self->is_up && !(events & ZMQ_POLLOUT)
           && zloom__zmq_has_left (self);
}

static bool s_has_room (const zloom__zmq_channel_t *self, int events)
{
    return self->is_up && self->is_full && (events & ZMQ_POLLOUT);
}

bool zloom__zmq_link_is_in_doubt (const zloom__zmq_channel_t *self)
{
    return self->is_up && (self->is_full || zloom__zmq_is_inproc_client (self));
}

bool zloom__zmq_link_has_news (zloom__zmq_channel_t *self, int events)
{
    return self->falling || self->refused || self->gone || self->is_rising
           || s_has_room (self, events) || s_has_left (self, events);
}

static zloom__event_kind_t s_tell_down (zloom__link_t link, zloom_reason_t reason,
                                        zloom__event_t *ret_event)
{
    ret_event->link = link;
    ret_event->reason = reason;
    return ZLOOM__EVENT_DOWN;
}

static zloom__event_kind_t s_fall (zloom__zmq_channel_t *self, zloom__event_t *ret_event)
{
    self->falling = ZLOOM_REASON_NONE;
    self->is_up = false;
    return s_tell_down (zloom__zmq_link_name (self), ZLOOM_REASON_CONNECTION_LOST, ret_event);
}

static zloom__event_kind_t s_rise (zloom__zmq_channel_t *self, zloom__event_t *ret_event)
{
    self->is_rising = self->is_full = self->is_zloom = self->asked_zloom = false;
    self->is_up = true;
    self->generation++;
    ret_event->link = zloom__zmq_link_name (self);
    ret_event->hides_peer = zloom__zmq_is_inproc_client (self);
    return ZLOOM__EVENT_UP;
}

zloom__event_kind_t zloom__zmq_link_look (zloom__zmq_channel_t *self, int events,
                                          zloom__event_t *ret_event)
{
    if (self->falling)
        return s_fall (self, ret_event);
    if (self->refused) {
        zloom_reason_t reason = self->refused;
        self->refused = ZLOOM_REASON_NONE;
        return s_tell_down (0, reason, ret_event);
    }
    if (self->gone) {
        zloom__link_t gone = self->gone;
        self->gone = 0;
        return s_tell_down (gone, ZLOOM_REASON_CONNECTION_LOST, ret_event);
    }
    if (self->is_rising)
        return s_rise (self, ret_event);
    if (s_has_left (self, events)) {
        s_note_trouble (self, ZLOOM_REASON_NO_PEER, "the connection was lost");
        self->reopen_at = 0;
        return s_fall (self, ret_event);
    }
    if (s_has_room (self, events)) {
        self->is_full = false;
        ret_event->link = zloom__zmq_link_name (self);
        return ZLOOM__EVENT_ROOM;
    }
    return ZLOOM__EVENT_TIMEOUT;
}
