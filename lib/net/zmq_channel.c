#include "net/zmq_channel_internal.h"

#include <errno.h>
#include <stdio.h>

#include "net/runtime_internal.h"

//  Descriptors that opening a channel may take, in both threads.
static const unsigned s_channel_descriptors = 8;

static const zloom__zmq_sockets_t s_no_sockets = {.fd = -1, .monitor_fd = -1};

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
    //  libzmq looks a name up to connect, but not to bind.
    const char *why = error == ENODEV ? "to bind takes an address of this machine, as 127.0.0.1"
                                      : zmq_strerror (error);
    return zloom_error_set (reterr, reason, "'%s': %s", self->endpoint.text, why);
}

static int s_descriptor (void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    return zmq_getsockopt (socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

//  What may be done with a socket now; -1 when even that cannot be asked.
static int s_events (void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == 0 ? events : -1;
}

//  Opening and closing.

//  A monitor: a PAIR that tells what happens to the connections of a socket.
//  NULL: errno says why.
static void *s_open_monitor (void *context, void *socket, uint64_t name, int events)
{
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "inproc://zloom.monitor.%016llx",
              (unsigned long long) name);
    if (zmq_socket_monitor (socket, endpoint, events) == -1)
        return NULL;
    void *monitor = zmq_socket (context, ZMQ_PAIR);
    if (!monitor)
        return NULL;
    zloom__zmq_set (monitor, ZMQ_LINGER, 0);
    if (zmq_connect (monitor, endpoint) == 0)
        return monitor;
    int was = errno;
    zmq_close (monitor);
    errno = was;
    return NULL;
}

static bool s_watch_link (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED
                 | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
                 | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                 | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    zloom__zmq_sockets_t *sockets = &self->sockets;
    sockets->monitor =
        s_open_monitor (self->context, sockets->main, zloom_random_next (random), events);
    if (!sockets->monitor)
        return false;
    sockets->monitor_fd = s_descriptor (sockets->monitor);
    //  A first look, in vain: only a reader that has seen the end is told of more.
    zmq_recv (sockets->monitor, NULL, 0, ZMQ_DONTWAIT);
    return sockets->monitor_fd != -1;
}

static void s_close_sockets (const zloom__zmq_sockets_t *sockets, int linger_ms)
{
    if (sockets->monitor) {
        zmq_socket_monitor (sockets->main, NULL, 0);
        zmq_close (sockets->monitor);
    }
    if (sockets->main) {
        zmq_setsockopt (sockets->main, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close (sockets->main);
    }
}

static bool s_connect (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    zloom__zmq_link_begin (self);
    bool has_monitor = self->endpoint.transport != ZLOOM__INPROC;
    return (!has_monitor || s_watch_link (self, random))
           && zmq_connect (self->sockets.main, self->endpoint.text) == 0;
}

static bool s_bind (zloom__zmq_channel_t *self)
{
    size_t size = sizeof self->bound;
    return zmq_bind (self->sockets.main, self->endpoint.text) == 0
           && zmq_getsockopt (self->sockets.main, ZMQ_LAST_ENDPOINT, self->bound, &size) == 0;
}

static bool s_set_going (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    if (self->options.role == ZLOOM__ROLE_CLIENT)
        return s_connect (self, random);
    return self->options.dials ? zmq_connect (self->sockets.main, self->endpoint.text) == 0
                               : s_bind (self);
}

//  Make sockets and set them going. False: errno says why; they are as before.
static bool s_open_sockets (zloom__zmq_channel_t *self, zloom_random_t *random)
{
    const zloom__zmq_sockets_t before = self->sockets;
    self->sockets = s_no_sockets;
    bool is_dealer =
        self->options.role == ZLOOM__ROLE_CLIENT && !zloom__zmq_is_inproc_client (self);
    void *socket = zmq_socket (self->context, is_dealer ? ZMQ_DEALER : ZMQ_ROUTER);
    if (socket) {
        self->sockets.main = socket;
        self->sockets.fd = s_descriptor (socket);
        zloom__zmq_set_options (socket, &self->options, &self->endpoint);
        if (self->sockets.fd != -1 && s_set_going (self, random))
            return true;
    }
    int was = errno;
    s_close_sockets (&self->sockets, 0);
    self->sockets = before;
    errno = was;
    return false;
}

static zloom_code_t s_claim (zloom__zmq_channel_t *self, zloom_error_t *reterr)
{
    zloom_code_t code = ZLOOM_OK;
    if (!self->options.insecure_public)
        code = zloom__endpoint_check_private (&self->endpoint, reterr);
    return code ? code : zloom__endpoint_claim (&self->endpoint, &self->lock, reterr);
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
                                   .sockets = s_no_sockets,
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

    if (options->role == ZLOOM__ROLE_SERVER && !options->dials)
        code = s_claim (self, reterr);
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

//  Wait until a monitor says that the listener is closed. It takes a fraction
//  of a millisecond, and in no case longer than this.
static void s_await_closed (void *monitor)
{
    static const int most_ms = 1000;
    int rc;
    zloom__zmq_set (monitor, ZMQ_RCVTIMEO, most_ms);
    do
        rc = zmq_recv (monitor, NULL, 0, 0);
    while (rc == -1 && errno == EINTR);
}

void zloom__zmq_channel_close (zloom__zmq_channel_t *self, int linger_ms)
{
    //  Closing takes place in threads of libzmq's; the address shall be free
    //  when this returns. (Unbinding would close it at once, and with it the
    //  connections that are still to take what was sent.)
    void *monitor = NULL;
    if (self->bound[0] && self->endpoint.transport == ZLOOM__INPROC)
        zmq_unbind (self->sockets.main, self->bound);
    else if (self->bound[0])
        monitor =
            s_open_monitor (self->context, self->sockets.main, self->hash_key, ZMQ_EVENT_CLOSED);
    s_close_sockets (&self->sockets, linger_ms);
    self->sockets = s_no_sockets;
    if (monitor) {
        s_await_closed (monitor);
        zmq_close (monitor);
    }
    zloom__endpoint_release (&self->endpoint, self->lock);
    self->lock = -1;
}

bool zloom__zmq_channel_reopen (zloom__zmq_channel_t *self, zloom_time_t now,
                                zloom_random_t *random)
{
    //  What the old socket has received is to be handed out first.
    if (self->reopen_at > now || self->falling)
        return false;
    //  It goes only when there is a new one, because it keeps the context alive.
    const zloom__zmq_sockets_t old = self->sockets;
    self->reopen_at = ZLOOM_NEVER;
    if (!zloom__descriptors_left (s_channel_descriptors) || !s_open_sockets (self, random)) {
        zloom__zmq_link_try_later (self, now, random);
        return false;
    }
    s_close_sockets (&old, 0);
    return true;
}

//  What there is.

zloom__event_kind_t zloom__zmq_channel_next (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                             zloom__event_t *ret_event)
{
    ret_event->channel = self->index;
    int events;
    do {
        zloom__event_kind_t kind = zloom__zmq_receive (self, body, ret_event);
        if (kind != ZLOOM__EVENT_TIMEOUT)
            return kind;
        //  Asking may bring in a message that no descriptor will tell of.
        events = zloom__zmq_link_is_in_doubt (self) ? s_events (self->sockets.main) : 0;
    } while (events & ZMQ_POLLIN);
    return zloom__zmq_link_look (self, events, ret_event);
}

zloom__event_kind_t zloom__zmq_channel_glance (zloom__zmq_channel_t *self, zmq_msg_t *body,
                                               zloom__event_t *ret_event)
{
    ret_event->channel = self->index;
    return zloom__zmq_receive (self, body, ret_event);
}

bool zloom__zmq_channel_is_ready (zloom__zmq_channel_t *self)
{
    int events = s_events (self->sockets.main);
    return events == -1 || events & ZMQ_POLLIN || zloom__zmq_link_has_news (self, events);
}
