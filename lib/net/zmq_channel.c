#include "net/zmq_channel_internal.h"

#include <errno.h>
#include <stdio.h>

#include "base/assert.h"
#include "net/runtime_internal.h"

//  In the library of Debian 12 though not in its header: properties that a
//  socket adds to its side of the ZMTP handshake.
#define OPTION_METADATA 95

//  Ours, and where an inproc name for each monitor comes from.
static const char s_property[] = "X-zloom:1";
static const char s_property_name[] = "X-zloom";

//  How long a peer may take to shake hands, and to accept a connection.
static const int s_handshake_ms = 3000;
static const int s_connect_ms = 3000;
static const int s_backlog = 1024;

//  A peer that has vanished without a word is noticed after a minute.
static const int s_keepalive_idle_s = 30, s_keepalive_every_s = 10, s_keepalive_count = 3;

//  Messages that may wait for a peer: as many as keep the bytes bounded, but
//  enough for a pipeline and no more than pays.
enum { QUEUE_LEAST = 16, QUEUE_MOST = 1000 };

//  Descriptors that opening a channel may take, in both threads.
static const unsigned s_channel_descriptors = 8;

//  Some room above the limit, so that a message just beyond it can be refused
//  by name; libzmq itself only cuts the connection.
static int64_t s_socket_max_size (const zloom__channel_options_t *options)
{
    return (int64_t) options->max_size + options->max_size / 4 + 1024;
}

static int s_queue_length (const zloom__channel_options_t *options)
{
    int64_t length = options->max_queued_bytes / s_socket_max_size (options);
    return (int) (length < QUEUE_LEAST ? QUEUE_LEAST : length > QUEUE_MOST ? QUEUE_MOST : length);
}

static void s_set (void *socket, int option, int value)
{
    int rc = zmq_setsockopt (socket, option, &value, sizeof value);
    //  Each of them is known to 4.3.4; ETERM comes again where it matters.
    zloom_assert (rc == 0 || errno == ETERM);
}

static void s_set_options (zloom__zmq_channel_t *self)
{
    const zloom__channel_options_t *options = &self->options;
    int64_t max_size = s_socket_max_size (options);
    zmq_setsockopt (self->socket, ZMQ_MAXMSGSIZE, &max_size, sizeof max_size);
    zmq_setsockopt (self->socket, OPTION_METADATA, s_property, sizeof s_property - 1);
    s_set (self->socket, ZMQ_LINGER, 0);
    s_set (self->socket, ZMQ_SNDHWM, s_queue_length (options));
    s_set (self->socket, ZMQ_RCVHWM, s_queue_length (options));
    s_set (self->socket, ZMQ_HANDSHAKE_IVL, s_handshake_ms);
    //  Else a numeric IPv4 address is bound as a mapped one, and a name that has
    //  both would be looked for at one end by IPv6 alone.
    if (strchr (self->endpoint.text, '['))
        s_set (self->socket, ZMQ_IPV6, 1);
    s_set (self->socket, ZMQ_TCP_KEEPALIVE, 1);
    s_set (self->socket, ZMQ_TCP_KEEPALIVE_IDLE, s_keepalive_idle_s);
    s_set (self->socket, ZMQ_TCP_KEEPALIVE_INTVL, s_keepalive_every_s);
    s_set (self->socket, ZMQ_TCP_KEEPALIVE_CNT, s_keepalive_count);
    if (options->role == ZLOOM__ROLE_SERVER) {
        s_set (self->socket, ZMQ_ROUTER_MANDATORY, 1);
        s_set (self->socket, ZMQ_BACKLOG, s_backlog);
    } else
        s_set (self->socket, ZMQ_IMMEDIATE, 1);
    if (options->role == ZLOOM__ROLE_CLIENT || options->dials) {
        s_set (self->socket, ZMQ_CONNECT_TIMEOUT, s_connect_ms);
        s_set (self->socket, ZMQ_RECONNECT_IVL, (int) options->reconnect_min_ms);
        s_set (self->socket, ZMQ_RECONNECT_IVL_MAX, (int) options->reconnect_max_ms);
    }
}

static int s_descriptor (void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    return zmq_getsockopt (socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

//  Say what libzmq's errno means for this endpoint.
static zloom_code_t s_fail (const zloom__zmq_channel_t *self, zloom_error_t *reterr)
{
    int error = errno;
    zloom_reason_t reason = ZLOOM_REASON_SYSTEM;
    if (error == EADDRINUSE)
        reason = ZLOOM_REASON_ADDRESS_IN_USE;
    else if (error == EADDRNOTAVAIL || error == ENODEV || error == EACCES || error == ENOENT)
        reason = ZLOOM_REASON_ADDRESS;
    else if (error == EINVAL || error == EPROTONOSUPPORT || error == ENOCOMPATPROTO)
        reason = ZLOOM_REASON_BAD_ENDPOINT;
    else if (error == EMFILE || error == ENFILE)
        reason = ZLOOM_REASON_DESCRIPTORS;
    else if (error == ENOMEM)
        reason = ZLOOM_REASON_NO_MEMORY;
    else if (error == ETERM || error == EFAULT)
        reason = ZLOOM_REASON_CONTEXT_GONE;
    return zloom_error_set (reterr, reason, "'%s': %s", self->endpoint.text, zmq_strerror (error));
}

//  The monitor: a PAIR that tells what happens to the connection.
static bool s_open_monitor (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    char name[64];
    snprintf (name, sizeof name, "inproc://zloom.monitor.%016llx",
              (unsigned long long) zloom_random_next (random));
    int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED
                 | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
                 | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor (self->socket, name, events) == -1)
        return false;
    self->monitor = zmq_socket (self->context, ZMQ_PAIR);
    if (!self->monitor)
        return false;
    s_set (self->monitor, ZMQ_LINGER, 0);
    if (zmq_connect (self->monitor, name) == -1)
        return false;
    self->monitor_fd = s_descriptor (self->monitor);
    //  A first look, in vain: only a reader that has seen the end is told of more.
    zmq_recv (self->monitor, NULL, 0, ZMQ_DONTWAIT);
    return self->monitor_fd != -1;
}

static void s_close_sockets (zloom__zmq_channel_t *self, int linger_ms)
{
    if (self->monitor) {
        zmq_socket_monitor (self->socket, NULL, 0);
        zmq_close (self->monitor);
        self->monitor = NULL;
    }
    if (self->socket) {
        zmq_setsockopt (self->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close (self->socket);
        self->socket = NULL;
    }
    self->fd = self->monitor_fd = -1;
}

static bool s_connect (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    self->has_connected = self->has_shaken = false;
    self->reopen_at = ZLOOM_NEVER;
    if (self->endpoint.transport == ZLOOM__INPROC)
        self->has_shaken = self->must_look = true;
    else if (!s_open_monitor (self, random))
        return false;
    return zmq_connect (self->socket, self->endpoint.text) == 0;
}

static bool s_bind (zloom__zmq_channel_t *self)
{
    size_t size = sizeof self->bound;
    return zmq_bind (self->socket, self->endpoint.text) == 0
           && zmq_getsockopt (self->socket, ZMQ_LAST_ENDPOINT, self->bound, &size) == 0;
}

//  Make the socket and set it going. False: errno says why, nothing is left.
static bool s_open_sockets (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    bool is_client = self->options.role == ZLOOM__ROLE_CLIENT;
    if (!(self->socket = zmq_socket (self->context, is_client ? ZMQ_DEALER : ZMQ_ROUTER)))
        return false;
    s_set_options (self);
    self->fd = s_descriptor (self->socket);
    bool opened = self->fd != -1
                  && (is_client             ? s_connect (self, random)
                      : self->options.dials ? zmq_connect (self->socket, self->endpoint.text) == 0
                                            : s_bind (self));
    if (!opened) {
        int was = errno;
        s_close_sockets (self, 0);
        errno = was;
    }
    return opened;
}

zloom_code_t zloom__zmq_channel_open (zloom__zmq_channel_t *self, void *context,
                                      zloom__channel_t index,
                                      const zloom__channel_options_t *options,
                                      zloom_random_t *random, zloom_error_t *reterr)
{
    *self = (zloom__zmq_channel_t){.options = *options,
                                   .index = index,
                                   .lock = -1,
                                   .context = context,
                                   .fd = -1,
                                   .monitor_fd = -1,
                                   .trouble = ZLOOM_REASON_NO_PEER,
                                   .trouble_text = "nothing listens there",
                                   .reopen_at = ZLOOM_NEVER,
                                   .hash_key = zloom_random_next (random)};
    const char *list = options->endpoint;
    zloom_code_t code;
    if (!zloom__endpoint_next (&list, &self->endpoint, &code, reterr))
        return code ? code
                    : zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "no endpoint was given");
    self->options.endpoint = self->endpoint.text;

    bool binds = options->role == ZLOOM__ROLE_SERVER && !options->dials;
    if (binds && !options->insecure_public)
        code = zloom__endpoint_check_private (&self->endpoint, reterr);
    if (!code && binds)
        code = zloom__endpoint_claim (&self->endpoint, &self->lock, reterr);
    if (!code && !zloom__descriptors_left (s_channel_descriptors))
        code = zloom_error_set (reterr, ZLOOM_REASON_DESCRIPTORS,
                                "'%s': fewer than %u file descriptors are left; raise the limit "
                                "(ulimit -n)",
                                self->endpoint.text, s_channel_descriptors);
    if (!code && !s_open_sockets (self, random))
        code = s_fail (self, reterr);
    if (code)
        zloom__endpoint_release (&self->endpoint, self->lock);
    return code;
}

void zloom__zmq_channel_close (zloom__zmq_channel_t *self, int linger_ms)
{
    s_close_sockets (self, linger_ms);
    zloom__endpoint_release (&self->endpoint, self->lock);
    self->lock = -1;
}

void zloom__zmq_channel_unbind (zloom__zmq_channel_t *self)
{
    //  An inproc name that is unbound takes its links with it; it stays.
    if (self->bound[0] && self->endpoint.transport != ZLOOM__INPROC)
        zmq_unbind (self->socket, self->bound);
    self->bound[0] = 0;
}

//  Receiving.

static zloom__link_t s_client_link (const zloom__zmq_channel_t *self)
{
    return (zloom__link_t) (self->index + 1) << 32 | self->generation;
}

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
        rc = zmq_msg_recv (frame, self->socket, ZMQ_DONTWAIT);
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

//  Receive one message: all frames but the last are its envelope. False:
//  there is none (errno), or it was dropped (errno = 0, there may be more).
static bool s_receive (zloom__zmq_channel_t *self, zmq_msg_t *body)
{
    if (s_receive_frame (self, body) == -1)
        return false;
    self->envelope_size = 0;
    bool fits = true;
    for (unsigned number = 0; zmq_msg_more (body); number++) {
        fits = fits && s_add_to_envelope (self, body, number);
        if (s_receive_frame (self, body) == -1)
            return false;
    }
    if (self->options.role == ZLOOM__ROLE_SERVER && self->envelope_size == 0)
        fits = false;
    if (!fits) {
        self->dropped++;
        errno = 0;
    }
    return fits;
}

bool zloom__zmq_is_from_zloom (zmq_msg_t *message)
{
    return zmq_msg_gets (message, s_property_name) != NULL;
}

static void s_describe (zloom__zmq_channel_t *self, zmq_msg_t *body, zloom__event_t *ret_event)
{
    ret_event->body = zloom_bytes (zmq_msg_data (body), zmq_msg_size (body));
    ret_event->envelope = zloom_bytes (self->envelope, self->envelope_size);
    if (self->options.role == ZLOOM__ROLE_SERVER) {
        ret_event->link =
            s_server_link (self, zloom_bytes (self->envelope + 1, self->envelope[0]));
        return;
    }
    if (!self->asked_zloom) {
        self->asked_zloom = true;
        self->is_zloom = zloom__zmq_is_from_zloom (body);
    }
    ret_event->link = self->is_up ? s_client_link (self) : 0;
    ret_event->is_zloom = self->is_zloom;
}

//  The state of a CLIENT's link.

static bool s_can_send (zloom__zmq_channel_t *self)
{
    int events = 0;
    size_t size = sizeof events;
    return self->socket && zmq_getsockopt (self->socket, ZMQ_EVENTS, &events, &size) == 0
           && (events & ZMQ_POLLOUT);
}

static void s_rise (zloom__zmq_channel_t *self)
{
    self->has_shaken = self->has_connected = self->is_full = false;
    self->is_zloom = self->asked_zloom = false;
    self->is_up = true;
    self->generation++;
    self->pause = 0;
}

//  No connection of libzmq's own is coming; make a new socket after a pause
//  that doubles, at a random point of its second half.
static void s_plan_reopen (zloom__zmq_channel_t *self, zloom_time_t now, zloom_random_t *random)
{
    zloom_time_t least = self->options.reconnect_min_ms * ZLOOM_MSEC;
    zloom_time_t most = self->options.reconnect_max_ms * ZLOOM_MSEC;
    self->pause = self->pause ? zloom_time_min (self->pause * 2, most) : least;
    uint64_t half = (uint64_t) self->pause / 2;
    self->reopen_at = now + (zloom_time_t) (half + zloom_random_below (random, half + 1));
}

static void s_refuse (zloom__zmq_channel_t *self, zloom_reason_t reason, const char *text)
{
    self->trouble = self->refused = reason;
    self->trouble_text = text;
}

static void s_fall (zloom__zmq_channel_t *self)
{
    if (self->is_up || self->has_shaken)
        self->falling = ZLOOM_REASON_CONNECTION_LOST;
    self->has_shaken = false;
    self->trouble = ZLOOM_REASON_NO_PEER;
    self->trouble_text = "the connection was lost";
}

static void s_hear_disconnected (zloom__zmq_channel_t *self, zloom_time_t now,
                                 zloom_random_t *random)
{
    if (self->is_up || self->has_shaken)
        s_fall (self);
    else if (self->has_connected) {
        //  No word of a handshake, neither good nor bad.
        s_refuse (self, ZLOOM_REASON_WRONG_PEER,
                  "its ZeroMQ socket type does not fit a client (it must be ROUTER, REP or DEALER)");
        s_plan_reopen (self, now, random);
    }
    self->has_connected = false;
}

static void s_hear_one (zloom__zmq_channel_t *self, int event, zloom_time_t now,
                        zloom_random_t *random)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        self->has_connected = true;
        self->trouble = ZLOOM_REASON_NO_PEER;
        self->trouble_text = "it accepts connections but does not speak ZMTP";
        break;
    case ZMQ_EVENT_CLOSED:
        //  A try that did not get as far as a connection.
        self->trouble = ZLOOM_REASON_NO_PEER;
        self->trouble_text = "nothing listens there";
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        self->has_connected = false;
        self->has_shaken = self->must_look = true;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        //  libzmq tries again by itself.
        self->has_connected = false;
        self->trouble = ZLOOM_REASON_WRONG_PEER;
        self->trouble_text = "it accepts connections but does not speak ZMTP";
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        self->has_connected = false;
        s_refuse (self, ZLOOM_REASON_AUTHENTICATION,
                  "the handshake was refused; it may want keys (CURVE) that were not given");
        s_plan_reopen (self, now, random);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        s_hear_disconnected (self, now, random);
        break;
    default:
        break;
    }
}

static bool s_receive_event (void *monitor, uint8_t *frame, size_t size)
{
    int rc;
    do
        rc = monitor ? zmq_recv (monitor, frame, size, ZMQ_DONTWAIT) : -1;
    while (monitor && rc == -1 && errno == EINTR);
    return rc >= 0;
}

void zloom__zmq_channel_hear (zloom__zmq_channel_t *self, zloom_time_t now,
                              zloom_random_t *random)
{
    //  An event is two frames: {uint16 event, uint32 value}, and the endpoint.
    //  All of them are taken, since only then the descriptor tells of the next.
    uint8_t frame[ZLOOM__ENDPOINT_MAX];
    while (s_receive_event (self->monitor, frame, sizeof frame)) {
        uint16_t event;
        memcpy (&event, frame, sizeof event);
        s_receive_event (self->monitor, frame, sizeof frame);
        s_hear_one (self, event, now, random);
    }
}

bool zloom__zmq_channel_reopen (zloom__zmq_channel_t *self, zloom_time_t now,
                                zloom_random_t *random)
{
    if (self->reopen_at > now)
        return false;
    s_close_sockets (self, 0);
    if (!zloom__descriptors_left (s_channel_descriptors) || !s_open_sockets (self, random))
        s_plan_reopen (self, now, random);
    return true;
}

//  A link of inproc ends when POLLOUT goes by itself.
static void s_look_inproc (zloom__zmq_channel_t *self)
{
    if (self->is_up && !self->is_full && !s_can_send (self)) {
        s_fall (self);
        self->reopen_at = 0;
    }
}

//  What has become of the link, now that no message is left.
static zloom__event_kind_t s_look (zloom__zmq_channel_t *self, zloom__event_t *ret_event)
{
    if (self->must_look && self->endpoint.transport == ZLOOM__INPROC)
        s_look_inproc (self);
    if (self->falling) {
        ret_event->reason = self->falling;
        ret_event->link = s_client_link (self);
        self->falling = ZLOOM_REASON_NONE;
        bool was_up = self->is_up;
        self->is_up = false;
        if (was_up)
            return ZLOOM__EVENT_DOWN;
    }
    if (self->refused) {
        ret_event->reason = self->refused;
        ret_event->link = 0;
        self->refused = ZLOOM_REASON_NONE;
        return ZLOOM__EVENT_DOWN;
    }
    bool looks_for_room = self->has_shaken || self->is_full;
    if (self->must_look && looks_for_room && s_can_send (self)) {
        bool was_up = self->is_up;
        self->is_full = false;
        if (!was_up)
            s_rise (self);
        ret_event->link = s_client_link (self);
        ret_event->hides_peer = self->endpoint.transport == ZLOOM__INPROC;
        return was_up ? ZLOOM__EVENT_ROOM : ZLOOM__EVENT_UP;
    }
    self->must_look = false;
    return ZLOOM__EVENT_TIMEOUT;
}

zloom__event_kind_t zloom__zmq_channel_next (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                             zloom__event_t *ret_event)
{
    ret_event->channel = self->index;
    while (self->socket) {
        if (s_receive (self, body)) {
            s_describe (self, body, ret_event);
            return ZLOOM__EVENT_FRAME;
        }
        if (errno == ETERM || errno == ENOTSOCK) {
            ret_event->reason = ZLOOM_REASON_CONTEXT_GONE;
            return ZLOOM__EVENT_BROKEN;
        }
        if (errno == EAGAIN)
            break;
    }
    return self->options.role == ZLOOM__ROLE_CLIENT ? s_look (self, ret_event)
                                                    : ZLOOM__EVENT_TIMEOUT;
}

bool zloom__zmq_channel_is_ready (zloom__zmq_channel_t *self)
{
    int events = 0;
    size_t size = sizeof events;
    if (!self->socket || zmq_getsockopt (self->socket, ZMQ_EVENTS, &events, &size) == -1)
        return self->socket != NULL;  //  ETERM is something to be told
    bool can_send = events & ZMQ_POLLOUT;
    bool changed = self->options.role == ZLOOM__ROLE_CLIENT
                   && (((self->has_shaken || self->is_full) && can_send)
                       || (self->endpoint.transport == ZLOOM__INPROC && self->is_up
                           && !self->is_full && !can_send));
    self->must_look = self->must_look || changed;
    return (events & ZMQ_POLLIN) || changed || self->falling || self->refused;
}

//  Sending.

//  OK, full or gone, from what libzmq says.
static zloom_code_t s_explain_send (zloom__zmq_channel_t *self)
{
    if (errno == EAGAIN) {
        self->is_full = true;
        return ZLOOM_RESOURCE_EXHAUSTED;
    }
    if (errno == ENOMEM)
        return ZLOOM_RESOURCE_EXHAUSTED;
    return ZLOOM_UNAVAILABLE;
}

static int s_send_frame (void *socket, zmq_msg_t *frame, int flags)
{
    int rc;
    do
        rc = zmq_msg_send (frame, socket, flags | ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc;
}

static bool s_send_piece (zloom__zmq_channel_t *self, const uint8_t *data, size_t size)
{
    int rc;
    do
        rc = zmq_send (self->socket, data, size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc != -1;
}

//  Only the first frame of a message can be refused.
static bool s_send_envelope (zloom__zmq_channel_t *self, zloom_bytes_t envelope)
{
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
    return true;
}

zloom_code_t zloom__zmq_channel_send (zloom__zmq_channel_t *self, zloom__link_t link,
                                      zloom_bytes_t envelope, const zloom_bytes_t *parts,
                                      size_t count)
{
    bool is_client = self->options.role == ZLOOM__ROLE_CLIENT;
    if (!self->socket || (is_client && (!self->is_up || link != s_client_link (self))))
        return ZLOOM_UNAVAILABLE;
    zmq_msg_t frame;
    if (!s_gather (&frame, parts, count))
        return s_explain_send (self);
    if (s_send_envelope (self, envelope) && s_send_frame (self->socket, &frame, 0) != -1)
        return ZLOOM_OK;
    zloom_code_t code = s_explain_send (self);
    zmq_msg_close (&frame);
    return code;
}
