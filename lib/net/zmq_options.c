#include "net/zmq_channel_internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/assert.h"

//  In the library of Debian 12 though not in its header: properties that a
//  socket adds to its side of the ZMTP handshake.
#define OPTION_METADATA 95

static const char s_property[] = "X-zloom:1";

const char zloom__zmq_peer_id[] = "p";

//  How long a peer may take to shake hands, and to accept a connection.
static const int s_handshake_ms = 3000;
static const int s_connect_ms = 3000;
static const int s_backlog = 1024;

//  libzmq would use a number in front of a retry; a day is as good as never,
//  while "never" itself (-1) throws away what was received and not read yet.
//  So does ZMQ_IMMEDIATE, which is left off.
static const int s_a_day_ms = 24 * 3600 * 1000;

//  A peer that has vanished without a word is noticed after a minute.
static const int s_keepalive_idle_s = 30, s_keepalive_every_s = 10, s_keepalive_count = 3;

//  Messages that may wait for a peer: as many as keep the bytes bounded, but
//  enough for a pipeline and no more than pays.
enum { QUEUE_LEAST = 16, QUEUE_MOST = 1000 };

void zloom__zmq_set (void *socket, int option, int value)
{
    int rc = zmq_setsockopt (socket, option, &value, sizeof value);
    //  Each of them is known to 4.3.4; ETERM comes again where it matters.
    zloom_assert (rc == 0 || errno == ETERM);
}

//  Some room above the limit, so that a message just beyond it can be refused
//  by name; libzmq itself only cuts the connection.
static int64_t s_max_size (const zloom__channel_options_t *options)
{
    return (int64_t) options->max_size + options->max_size / 4 + 1024;
}

static int s_queue_length (const zloom__channel_options_t *options)
{
    int64_t length = options->max_queued_bytes / s_max_size (options);
    return (int) (length < QUEUE_LEAST ? QUEUE_LEAST : length > QUEUE_MOST ? QUEUE_MOST : length);
}

static int s_pause (uint32_t ms)
{
    return ms < INT_MAX ? (int) ms : INT_MAX;
}

//  Only for an address in brackets: else a numeric IPv4 address is bound as a
//  mapped one, and a name that has both, as localhost may, would be looked for
//  at one end by IPv6 alone.
static bool s_wants_ipv6 (const zloom__endpoint_t *endpoint)
{
    return strchr (endpoint->text, '[') != NULL;
}

static void s_set_pauses (void *socket, const zloom__channel_options_t *options)
{
    zloom__zmq_set (socket, ZMQ_CONNECT_TIMEOUT, s_connect_ms);
    if (options->role == ZLOOM__ROLE_CLIENT) {
        zloom__zmq_set (socket, ZMQ_RECONNECT_IVL, s_a_day_ms);
        return;
    }
    zloom__zmq_set (socket, ZMQ_RECONNECT_IVL, s_pause (options->reconnect_min_ms));
    zloom__zmq_set (socket, ZMQ_RECONNECT_IVL_MAX, s_pause (options->reconnect_max_ms));
}

void zloom__zmq_set_options (void *socket, const zloom__channel_options_t *options,
                             const zloom__endpoint_t *endpoint)
{
    int64_t max_size = s_max_size (options);
    zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &max_size, sizeof max_size);
    zmq_setsockopt (socket, OPTION_METADATA, s_property, sizeof s_property - 1);
    zloom__zmq_set (socket, ZMQ_LINGER, 0);
    zloom__zmq_set (socket, ZMQ_SNDHWM, s_queue_length (options));
    zloom__zmq_set (socket, ZMQ_RCVHWM, s_queue_length (options));
    zloom__zmq_set (socket, ZMQ_HANDSHAKE_IVL, s_handshake_ms);
    zloom__zmq_set (socket, ZMQ_IPV6, s_wants_ipv6 (endpoint));
    zloom__zmq_set (socket, ZMQ_TCP_KEEPALIVE, 1);
    zloom__zmq_set (socket, ZMQ_TCP_KEEPALIVE_IDLE, s_keepalive_idle_s);
    zloom__zmq_set (socket, ZMQ_TCP_KEEPALIVE_INTVL, s_keepalive_every_s);
    zloom__zmq_set (socket, ZMQ_TCP_KEEPALIVE_CNT, s_keepalive_count);
    if (options->role == ZLOOM__ROLE_SERVER) {
        zloom__zmq_set (socket, ZMQ_ROUTER_MANDATORY, 1);
        zloom__zmq_set (socket, ZMQ_BACKLOG, s_backlog);
    } else if (endpoint->transport == ZLOOM__INPROC) {
        zloom__zmq_set (socket, ZMQ_ROUTER_MANDATORY, 1);
        zmq_setsockopt (socket, ZMQ_CONNECT_ROUTING_ID, zloom__zmq_peer_id, 1);
    }
    if (options->role == ZLOOM__ROLE_CLIENT || options->dials)
        s_set_pauses (socket, options);
}
