#include "net/zmq_channel_internal.h"

#include <errno.h>
#include <string.h>

#include "base/handover_internal.h"

//  The property by which a zloom peer shows itself in the handshake.
static const char s_property_name[] = "X-zloom";

//  Receiving.

//  A ROUTER names peers by routing ids: a zero and four bytes where libzmq
//  chose, anything else where the peer did. The former are used as they are,
//  the latter hashed, so that no table of peers is needed.
static zloom__link_t s_server_link (const zloom__zmq_channel_t *self, zloom_bytes_t id)
{
    if (id.size == 5 && id.data[0] == 0) {
        uint32_t number;
        memcpy (&number, id.data + 1, sizeof number);
        return (zloom__link_t) (self->index + 1) << 32 | number;
    }
    uint64_t hash = self->hash_key;
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ id.data[i]) * UINT64_C (0x9fb21c651e98df25);
        hash ^= hash >> 32;
    }
    return hash | UINT64_C (1) << 63;
}

static int s_receive_frame (zloom__zmq_channel_t *self, zmq_msg_t *frame)
{
    int rc;
    do
        rc = zmq_msg_recv (frame, self->sockets.main, ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc;
}

//  Take a frame into the envelope; false when it does not fit.
static bool s_add_to_envelope (zloom__zmq_channel_t *self, zmq_msg_t *frame, unsigned number)
{
    size_t size = zmq_msg_size (frame);
    if (number >= ZLOOM__FRAMES_MAX || size > UINT8_MAX
        || self->envelope_size + 1 + size > sizeof self->envelope)
        return false;
    uint8_t *p = self->envelope + self->envelope_size;
    *p = (uint8_t) size;
    if (size)
        memcpy (p + 1, zmq_msg_data (frame), size);
    self->envelope_size += 1 + size;
    return true;
}

//  Take a message off the socket: all frames but the last are its envelope.
//  False: there is none, and errno says why. *ret_fits: none was beyond bounds.
static bool s_take (zloom__zmq_channel_t *self, zmq_msg_t *body, bool *ret_fits)
{
    if (s_receive_frame (self, body) == -1)
        return false;
    self->envelope_size = 0;
    *ret_fits = true;
    for (unsigned number = 0; zmq_msg_more (body); number++) {
        bool is_peer_id = number == 0 && zloom__zmq_is_inproc_client (self);
        *ret_fits = *ret_fits && (is_peer_id || s_add_to_envelope (self, body, number));
        if (s_receive_frame (self, body) == -1)
            return false;
    }
    return true;
}

bool zloom__zmq_is_from_zloom (zmq_msg_t *message)
{
    return zmq_msg_gets (message, s_property_name) != NULL;
}

static void s_describe (zloom__zmq_channel_t *self, zmq_msg_t *body, zloom__event_t *ret_event)
{
    zloom__take_over (zmq_msg_data (body));
    ret_event->body = zloom_bytes (zmq_msg_data (body), zmq_msg_size (body));
    ret_event->envelope = zloom_bytes (self->envelope, self->envelope_size);
    if (self->options.role == ZLOOM__ROLE_SERVER) {
        ret_event->link = s_server_link (self, zloom_bytes (self->envelope + 1, self->envelope[0]));
        return;
    }
    if (!self->asked_zloom) {
        self->asked_zloom = true;
        self->is_zloom = zloom__zmq_is_from_zloom (body);
    }
    ret_event->link = self->is_up ? zloom__zmq_link_name (self) : 0;
    ret_event->is_zloom = self->is_zloom;
}

zloom__event_kind_t zloom__zmq_receive (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                        zloom__event_t *ret_event)
{
    bool fits;
    if (s_take (self, body, &fits)) {
        if (fits) {
            s_describe (self, body, ret_event);
            return ZLOOM__EVENT_FRAME;
        }
        self->dropped++;
        return ZLOOM__EVENT_WOKEN;
    }
    if (errno == EAGAIN)
        return ZLOOM__EVENT_TIMEOUT;
    ret_event->reason = ZLOOM_REASON_CONTEXT_GONE;
    return ZLOOM__EVENT_BROKEN;
}

//  Sending.

//  OK, full or gone, from what libzmq says.
static zloom_code_t s_explain_send (zloom__zmq_channel_t *self)
{
    if (errno != EAGAIN && errno != ENOMEM)
        return ZLOOM_UNAVAILABLE;
    self->is_full = true;
    return ZLOOM_RESOURCE_EXHAUSTED;
}

static bool s_send_body (zloom__zmq_channel_t *self, zmq_msg_t *frame)
{
    int rc;
    do
        rc = zmq_msg_send (frame, self->sockets.main, ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc != -1;
}

static bool s_send_piece (zloom__zmq_channel_t *self, const uint8_t *data, size_t size)
{
    int rc;
    do
        rc = zmq_send (self->sockets.main, data, size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc != -1;
}

//  The id of its peer, by which the ROUTER of a CLIENT on inproc finds it.
static bool s_send_peer_id (zloom__zmq_channel_t *self)
{
    return s_send_piece (self, (const uint8_t *) zloom__zmq_peer_id, 1);
}

bool zloom__zmq_has_left (zloom__zmq_channel_t *self)
{
    if (self->has_begun)
        return false;
    //  There may be room all the same, since now: then the message is begun, and
    //  the next one that is sent goes on with it.
    self->has_begun = s_send_peer_id (self);
    return !self->has_begun && errno == EHOSTUNREACH;
}

//  Only the first frame of a message can be refused.
static bool s_send_envelope (zloom__zmq_channel_t *self, zloom_bytes_t envelope)
{
    if (zloom__zmq_is_inproc_client (self)) {
        if (!self->has_begun && !s_send_peer_id (self))
            return false;
        self->has_begun = false;
    }
    if (self->options.role == ZLOOM__ROLE_CLIENT)
        return !self->options.rep_peer || s_send_piece (self, NULL, 0);
    for (size_t at = 0; at < envelope.size; at += 1 + (size_t) envelope.data[at])
        if (!s_send_piece (self, envelope.data + at + 1, envelope.data[at]))
            return false;
    return true;
}

//  The parts, side by side in one frame.
static bool s_gather (zmq_msg_t *frame, const zloom_bytes_t *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (zmq_msg_init_size (frame, size) == -1)
        return false;
    uint8_t *p = (uint8_t *) zmq_msg_data (frame);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy (p, parts[i].data, parts[i].size);
        p += parts[i].size;
    }
    zloom__hand_over (zmq_msg_data (frame));
    return true;
}

zloom_code_t zloom__zmq_channel_send (zloom__zmq_channel_t *self, zloom__link_t link,
                                      zloom_bytes_t envelope, const zloom_bytes_t *parts,
                                      size_t count)
{
    bool is_client = self->options.role == ZLOOM__ROLE_CLIENT;
    if (is_client && (!self->is_up || link != zloom__zmq_link_name (self)))
        return ZLOOM_UNAVAILABLE;
    zmq_msg_t frame;
    if (!s_gather (&frame, parts, count))
        return s_explain_send (self);
    if (s_send_envelope (self, envelope) && s_send_body (self, &frame))
        return ZLOOM_OK;
    zloom_code_t code = s_explain_send (self);
    if (code == ZLOOM_UNAVAILABLE && !is_client)
        self->gone = link;
    zmq_msg_close (&frame);
    return code;
}
