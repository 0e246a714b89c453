#include "host.h"

#include <zmq.h>

#include "fail.h"
#include "peer.h"

void *host_context_new (void)
{
    enum { SOCKETS = 65535 };
    void *zmq = zmq_ctx_new ();
    if (!zmq || zmq_ctx_set (zmq, ZMQ_MAX_SOCKETS, SOCKETS))
        fail ("zmq_ctx_new: %s", zmq_strerror (zmq_errno ()));
    return zmq;
}

//  The whole life of the process.
static void s_live (void *host, int input, int output)
{
    host_t *self = (host_t *) host;
    if (self->cores == CORES_TWO)
        place_pin (END_SERVER);
    if (self->contender->program)
        peer_serve (self->contender, self->endpoint, input, output);
    void *zmq = host_context_new ();
    void *server = self->contender->server->open (self->contender, zmq, self->endpoint);
    process_say_ready (output);
    self->contender->server->run (server);
    self->contender->server->close (server);
    zmq_ctx_term (zmq);
}

void host_start (host_t *self, const contender_t *contender, transport_t transport, cores_t cores,
                 const char *folder)
{
    *self = (host_t){.contender = contender, .cores = cores};
    if (contender->program)
        peer_endpoint (contender, folder, self->endpoint, sizeof self->endpoint);
    else
        place_endpoint (transport, folder, contender->name, self->endpoint, sizeof self->endpoint);
    self->process = process_start (contender->name, s_live, self);
    process_await_ready (&self->process);
}
