#include "contender.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <zmq.h>

#include "fail.h"

//  The fastest that libzmq does while it sleeps: no poll, no timeout, options
//  as they come. An empty message is the word for stop.

typedef struct client {
    void *socket;
    zmq_msg_t answer;
    size_t asked_bytes;
} client_t;

static void s_check (int rc, const char *what)
{
    if (rc < 0)
        fail ("raw-zmq: %s: %s", what, zmq_strerror (errno));
}

//  What is still queued when a socket closes is the word for stop, at most.
static void *s_socket_new (const contender_t *contender, void *zmq, int type)
{
    const int linger_ms = 1000, no_bound = 0;
    void *socket = zmq_socket (zmq, type);
    s_check (socket ? 0 : -1, "zmq_socket");
    s_check (zmq_setsockopt (socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), "ZMQ_LINGER");
    if (contender->is_unbounded) {
        s_check (zmq_setsockopt (socket, ZMQ_SNDHWM, &no_bound, sizeof no_bound), "ZMQ_SNDHWM");
        s_check (zmq_setsockopt (socket, ZMQ_RCVHWM, &no_bound, sizeof no_bound), "ZMQ_RCVHWM");
    }
    return socket;
}

static void s_socket_close (void *socket)
{
    s_check (zmq_close (socket), "zmq_close");
}

static void *s_server_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    void *socket = s_socket_new (contender, zmq, ZMQ_ROUTER);
    s_check (zmq_bind (socket, endpoint), endpoint);
    return socket;
}

static void s_server_run (void *socket)
{
    zmq_msg_t peer, body;
    zmq_msg_init (&peer);
    zmq_msg_init (&body);
    for (;;) {
        s_check (zmq_msg_recv (&peer, socket, 0), "zmq_msg_recv");
        s_check (zmq_msg_recv (&body, socket, 0), "zmq_msg_recv");
        if (zmq_msg_size (&body) == 0)
            break;
        s_check (zmq_msg_send (&peer, socket, ZMQ_SNDMORE), "zmq_msg_send");
        s_check (zmq_msg_send (&body, socket, 0), "zmq_msg_send");
    }
    zmq_msg_close (&peer);
    zmq_msg_close (&body);
}

static void *s_client_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    client_t *self = (client_t *) calloc (1, sizeof *self);
    if (!self)
        fail ("raw-zmq: no memory");
    self->socket = s_socket_new (contender, zmq, ZMQ_DEALER);
    zmq_msg_init (&self->answer);
    const int on = 1;
    if (contender->shows_connected)
        s_check (zmq_setsockopt (self->socket, ZMQ_IMMEDIATE, &on, sizeof on), "ZMQ_IMMEDIATE");
    s_check (zmq_connect (self->socket, endpoint), endpoint);
    return self;
}

static zloom_bytes_t s_call (void *client, zloom_bytes_t payload)
{
    client_t *self = (client_t *) client;
    s_check (zmq_send (self->socket, payload.data, payload.size, 0), "zmq_send");
    s_check (zmq_msg_recv (&self->answer, self->socket, 0), "zmq_msg_recv");
    return zloom_bytes (zmq_msg_data (&self->answer), zmq_msg_size (&self->answer));
}

static void s_begin (client_t *self, flow_t *flow)
{
    zloom_bytes_t body = flow_begin (flow);
    s_check (zmq_send (self->socket, body.data, body.size, 0), "zmq_send");
}

//  False: no answer is there. Only with ZMQ_DONTWAIT.
static bool s_end (client_t *self, flow_t *flow, int flags)
{
    int rc = zmq_msg_recv (&self->answer, self->socket, flags);
    if (rc < 0 && errno == EAGAIN)
        return false;
    s_check (rc, "zmq_msg_recv");
    flow_end (flow, zloom_bytes (zmq_msg_data (&self->answer), zmq_msg_size (&self->answer)));
    return true;
}

static void s_flow_closed (client_t *self, flow_t *flow)
{
    while (flow_has_room (flow))
        s_begin (self, flow);
    while (!flow_is_done (flow)) {
        s_end (self, flow, 0);
        if (flow_has_room (flow))
            s_begin (self, flow);
    }
}

//  Never sleeps, but lets others run while there is nothing to do.
static void s_flow_open (client_t *self, flow_t *flow)
{
    while (!flow_is_done (flow)) {
        uint64_t before = flow->begun + flow->ended;
        zloom_time_t now = zloom_time_now ();
        while (flow_is_due (flow, now))
            s_begin (self, flow);
        while (flow->begun != flow->ended && s_end (self, flow, ZMQ_DONTWAIT))
            ;
        if (before == flow->begun + flow->ended)
            sched_yield ();
    }
}

static void s_flow (void *client, flow_t *flow)
{
    if (flow_is_open (flow))
        s_flow_open ((client_t *) client, flow);
    else
        s_flow_closed ((client_t *) client, flow);
}

static bool s_is_connected (void *client)
{
    int events;
    size_t size = sizeof events;
    s_check (zmq_getsockopt (((client_t *) client)->socket, ZMQ_EVENTS, &events, &size),
             "ZMQ_EVENTS");
    return events & ZMQ_POLLOUT;
}

static void s_ask (void *client, zloom_bytes_t payload)
{
    client_t *self = (client_t *) client;
    self->asked_bytes = payload.size;
    s_check (zmq_send (self->socket, payload.data, payload.size, 0), "zmq_send");
}

static bool s_is_answered (void *client)
{
    client_t *self = (client_t *) client;
    int rc = zmq_msg_recv (&self->answer, self->socket, ZMQ_DONTWAIT);
    if (rc < 0 && errno == EAGAIN)
        return false;
    s_check (rc, "zmq_msg_recv");
    if (zmq_msg_size (&self->answer) != self->asked_bytes)
        fail ("raw-zmq: the answer is not what was sent");
    return true;
}

static int s_descriptor (void *client)
{
    int descriptor;
    size_t size = sizeof descriptor;
    s_check (zmq_getsockopt (((client_t *) client)->socket, ZMQ_FD, &descriptor, &size), "ZMQ_FD");
    return descriptor;
}

static void s_rest (void *client, unsigned ms)
{
    zmq_pollitem_t item = {.socket = ((client_t *) client)->socket, .events = ZMQ_POLLIN};
    s_check (zmq_poll (&item, 1, (long) ms), "zmq_poll");
}

static void s_stop (void *client)
{
    s_check (zmq_send (((client_t *) client)->socket, "", 0, 0), "zmq_send");
}

static void s_client_close (void *client)
{
    client_t *self = (client_t *) client;
    zmq_msg_close (&self->answer);
    s_socket_close (self->socket);
    free (self);
}

const server_kind_t server_raw_zmq = {
    .open = s_server_open, .run = s_server_run, .close = s_socket_close};

const client_kind_t client_raw_zmq = {.open = s_client_open,
                                      .call = s_call,
                                      .flow = s_flow,
                                      .is_connected = s_is_connected,
                                      .ask = s_ask,
                                      .is_answered = s_is_answered,
                                      .descriptor = s_descriptor,
                                      .rest = s_rest,
                                      .stop = s_stop,
                                      .close = s_client_close};
