#include "contender.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "fail.h"

//  A plain peer of zloom's, as another program has it that was written without
//  zloom: libzmq's DEALER or ROUTER in a blocking receive, and MessagePack-RPC
//  by hand, for the few messages that go to and fro here.
//
//      request       94 00 ID a4 "echo" 91 BIN
//      response      94 01 ID c0 BIN
//      notification  93 02 a4 "stop" 90

static const uint8_t s_echo[] = {0xa4, 'e', 'c', 'h', 'o', 0x91};
static const uint8_t s_stop_body[] = {0x93, 0x02, 0xa4, 's', 't', 'o', 'p', 0x90};

enum { OVERHEAD = 32 };  //  Bytes of a request around its data, at most

typedef struct rpc_end {
    void *socket;
    zmq_msg_t peer;  //  The server's: who asked
    zmq_msg_t body;  //  What came last
    uint8_t *out;    //  What goes next
    size_t capacity;
    uint32_t id;  //  The client's last
} rpc_end_t;

static void s_check (int rc, const char *what)
{
    if (rc < 0)
        fail ("raw-rpc: %s: %s", what, zmq_strerror (errno));
}

static rpc_end_t *s_end_new (void *zmq, int type)
{
    const int linger_ms = 1000;
    rpc_end_t *self = (rpc_end_t *) calloc (1, sizeof *self);
    if (!self)
        fail ("raw-rpc: no memory");
    self->socket = zmq_socket (zmq, type);
    s_check (self->socket ? 0 : -1, "zmq_socket");
    s_check (zmq_setsockopt (self->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), "ZMQ_LINGER");
    zmq_msg_init (&self->peer);
    zmq_msg_init (&self->body);
    return self;
}

static void s_end_close (void *end)
{
    rpc_end_t *self = (rpc_end_t *) end;
    zmq_msg_close (&self->peer);
    zmq_msg_close (&self->body);
    s_check (zmq_close (self->socket), "zmq_close");
    free (self->out);
    free (self);
}

static void s_reserve (rpc_end_t *self, size_t size)
{
    if (size <= self->capacity)
        return;
    self->out = (uint8_t *) realloc (self->out, size);
    if (!self->out)
        fail ("raw-rpc: no memory");
    self->capacity = size;
}

static zloom_bytes_t s_receive (rpc_end_t *self)
{
    s_check (zmq_msg_recv (&self->body, self->socket, 0), "zmq_msg_recv");
    return zloom_bytes (zmq_msg_data (&self->body), zmq_msg_size (&self->body));
}

//  Pass over so many bytes, or an unsigned integer in any of its encodings.

static zloom_bytes_t s_behind (zloom_bytes_t bytes, size_t size)
{
    if (bytes.size < size)
        fail ("raw-rpc: a message is too short");
    return zloom_bytes (bytes.data + size, bytes.size - size);
}

static zloom_bytes_t s_read_big_endian (zloom_bytes_t bytes, size_t size, uint64_t *ret_value)
{
    zloom_bytes_t rest = s_behind (bytes, size);
    *ret_value = 0;
    for (size_t i = 0; i < size; i++)
        *ret_value = *ret_value << 8 | bytes.data[i];
    return rest;
}

static zloom_bytes_t s_read_uint (zloom_bytes_t bytes, uint64_t *ret_value)
{
    zloom_bytes_t rest = s_behind (bytes, 1);
    uint8_t head = bytes.data[0];
    if (head < 0x80) {
        *ret_value = head;
        return rest;
    }
    if (head < 0xcc || head > 0xcf)
        fail ("raw-rpc: not an id");
    return s_read_big_endian (rest, (size_t) 1 << (head - 0xcc), ret_value);
}

//  The server.

static void *s_server_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    (void) contender;
    rpc_end_t *self = s_end_new (zmq, ZMQ_ROUTER);
    s_check (zmq_bind (self->socket, endpoint), endpoint);
    return self;
}

//  What is behind a request's id is echoed as it came: it is packed already.
static void s_answer (rpc_end_t *self, zloom_bytes_t request)
{
    uint64_t id;
    zloom_bytes_t at_id = s_behind (request, 2);
    zloom_bytes_t at_method = s_read_uint (at_id, &id);
    zloom_bytes_t data = s_behind (at_method, sizeof s_echo);
    if (request.data[0] != 0x94 || request.data[1] != 0x00
        || memcmp (at_method.data, s_echo, sizeof s_echo) != 0)
        fail ("raw-rpc: not a request for echo");

    size_t id_size = at_id.size - at_method.size, size = 0;
    s_reserve (self, request.size);
    self->out[size++] = 0x94;
    self->out[size++] = 0x01;
    memcpy (self->out + size, at_id.data, id_size);
    size += id_size;
    self->out[size++] = 0xc0;
    memcpy (self->out + size, data.data, data.size);
    size += data.size;
    s_check (zmq_msg_send (&self->peer, self->socket, ZMQ_SNDMORE), "zmq_msg_send");
    s_check (zmq_send (self->socket, self->out, size, 0), "zmq_send");
}

static void s_server_run (void *server)
{
    rpc_end_t *self = (rpc_end_t *) server;
    for (;;) {
        s_check (zmq_msg_recv (&self->peer, self->socket, 0), "zmq_msg_recv");
        zloom_bytes_t body = s_receive (self);
        if (zloom_bytes_equal (body, zloom_bytes (s_stop_body, sizeof s_stop_body)))
            return;
        s_answer (self, body);
    }
}

//  The client.

static void *s_client_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    (void) contender;
    rpc_end_t *self = s_end_new (zmq, ZMQ_DEALER);
    s_check (zmq_connect (self->socket, endpoint), endpoint);
    return self;
}

static size_t s_write_big_endian (uint8_t *to, uint8_t head, size_t size, uint64_t value)
{
    to[0] = head;
    for (size_t i = 0; i < size; i++)
        to[1 + i] = (uint8_t) (value >> (8 * (size - 1 - i)));
    return 1 + size;
}

static size_t s_write_bin_head (uint8_t *to, size_t size)
{
    if (size <= UINT8_MAX)
        return s_write_big_endian (to, 0xc4, 1, size);
    if (size <= UINT16_MAX)
        return s_write_big_endian (to, 0xc5, 2, size);
    return s_write_big_endian (to, 0xc6, 4, size);
}

static zloom_bytes_t s_read_bin (zloom_bytes_t bytes)
{
    uint64_t size;
    zloom_bytes_t rest = s_behind (bytes, 1);
    if (bytes.data[0] < 0xc4 || bytes.data[0] > 0xc6)
        fail ("raw-rpc: an answer is not bytes");
    rest = s_read_big_endian (rest, (size_t) 1 << (bytes.data[0] - 0xc4), &size);
    if (rest.size != size)
        fail ("raw-rpc: an answer has another length than it says");
    return rest;
}

static zloom_bytes_t s_call (void *client, zloom_bytes_t payload)
{
    rpc_end_t *self = (rpc_end_t *) client;
    s_reserve (self, payload.size + OVERHEAD);
    size_t size = 0;
    self->out[size++] = 0x94;
    self->out[size++] = 0x00;
    size += s_write_big_endian (self->out + size, 0xce, 4, ++self->id);
    memcpy (self->out + size, s_echo, sizeof s_echo);
    size += sizeof s_echo;
    size += s_write_bin_head (self->out + size, payload.size);
    memcpy (self->out + size, payload.data, payload.size);
    size += payload.size;
    s_check (zmq_send (self->socket, self->out, size, 0), "zmq_send");

    uint64_t id;
    zloom_bytes_t answer = s_receive (self);
    zloom_bytes_t at_error = s_read_uint (s_behind (answer, 2), &id);
    zloom_bytes_t at_result = s_behind (at_error, 1);
    if (answer.data[0] != 0x94 || answer.data[1] != 0x01 || id != self->id
        || at_error.data[0] != 0xc0)
        fail ("raw-rpc: not the answer that was waited for");
    return s_read_bin (at_result);
}

static void s_stop (void *client)
{
    void *socket = ((rpc_end_t *) client)->socket;
    s_check (zmq_send (socket, s_stop_body, sizeof s_stop_body, 0), "zmq_send");
}

const server_kind_t server_raw_rpc = {
    .open = s_server_open, .run = s_server_run, .close = s_end_close};

const client_kind_t client_raw_rpc = {
    .open = s_client_open, .call = s_call, .stop = s_stop, .close = s_end_close};
