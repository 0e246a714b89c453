#include "contender.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "fail.h"

//  The fastest that libzmq does while it sleeps: no poll, no timeout, options
//  as they come. An empty message is the word for stop.

typedef struct client {
    void *socket;
    zmq_msg_t answer;
} client_t;

static void s_check (int rc, const char *what)
{
    if (rc < 0)
        fail ("raw-zmq: %s: %s", what, zmq_strerror (errno));
}

//  What is still queued when a socket closes is the word for stop, at most.
static void *s_socket_new (void *zmq, int type)
{
    const int linger_ms = 1000;
    void *socket = zmq_socket (zmq, type);
    s_check (socket ? 0 : -1, "zmq_socket");
    s_check (zmq_setsockopt (socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), "ZMQ_LINGER");
    return socket;
}

static void s_socket_close (void *socket)
{
    s_check (zmq_close (socket), "zmq_close");
}

static void *s_server_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    (void) contender;
    void *socket = s_socket_new (zmq, ZMQ_ROUTER);
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
    (void) contender;
    client_t *self = (client_t *) calloc (1, sizeof *self);
    if (!self)
        fail ("raw-zmq: no memory");
    self->socket = s_socket_new (zmq, ZMQ_DEALER);
    zmq_msg_init (&self->answer);
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

const client_kind_t client_raw_zmq = {
    .open = s_client_open, .call = s_call, .stop = s_stop, .close = s_client_close};
