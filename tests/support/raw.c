#include "support/raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "data/pack.h"

enum { PATIENCE_MS = 20000 };

void raw_new (raw_t *self, int type, void *context)
{
    *self = (raw_t){.context = context ? context : zmq_ctx_new (), .is_borrowed = context != NULL};
    assert_non_null (self->context);
    self->socket = zmq_socket (self->context, type);
    assert_non_null (self->socket);
    int linger = 0, mandatory = 1;
    zmq_setsockopt (self->socket, ZMQ_LINGER, &linger, sizeof linger);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt (self->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
}

void raw_bind (raw_t *self, const char *endpoint)
{
    snprintf (self->endpoint, sizeof self->endpoint, "%s", endpoint);
    if (zmq_bind (self->socket, endpoint) == -1)
        fail_msg ("%s: %s", endpoint, zmq_strerror (zmq_errno ()));
}

void raw_connect (raw_t *self, const char *endpoint)
{
    if (zmq_connect (self->socket, endpoint) == -1)
        fail_msg ("%s: %s", endpoint, zmq_strerror (zmq_errno ()));
}

static void s_drop_message (raw_t *self)
{
    while (self->count)
        zmq_msg_close (&self->frames[--self->count]);
}

void raw_destroy (raw_t *self)
{
    s_drop_message (self);
    if (self->socket)
        zmq_close (self->socket);
    self->socket = NULL;
    if (self->context && !self->is_borrowed)
        zmq_ctx_term (self->context);
    self->context = NULL;
    zloom_buffer_clear (&self->out);
    zloom_buffer_clear (&self->scratch);
}

void raw_send_frame (raw_t *self, zloom_bytes_t frame, bool more)
{
    if (zmq_send (self->socket, frame.data, frame.size, more ? ZMQ_SNDMORE : 0) == -1)
        fail_msg ("cannot send: %s", zmq_strerror (zmq_errno ()));
}

void raw_send (raw_t *self, const char *picture, ...)
{
    zloom_error_t error = {0};
    va_list arguments;
    va_start (arguments, picture);
    zloom_buffer_reset (&self->out);
    if (zloom_vpack (&self->out, &error, picture, arguments))
        fail_msg ("%s: %s", picture, error.text);
    va_end (arguments);
    raw_send_frame (self, zloom_buffer_bytes (&self->out), false);
}

void raw_send_envelope (raw_t *self)
{
    for (unsigned i = 0; i + 1 < self->count; i++)
        raw_send_frame (self, raw_frame (self, i), true);
}

bool raw_receive_within (raw_t *self, int timeout_ms)
{
    zmq_pollitem_t item = {self->socket, 0, ZMQ_POLLIN, 0};
    s_drop_message (self);
    if (zmq_poll (&item, 1, timeout_ms) != 1)
        return false;
    do {
        assert_true (self->count < RAW_FRAMES_MAX);
        zmq_msg_t *frame = &self->frames[self->count];
        zmq_msg_init (frame);
        self->count++;
        assert_int_not_equal (zmq_msg_recv (frame, self->socket, 0), -1);
    } while (zmq_msg_more (&self->frames[self->count - 1]));
    return true;
}

void raw_receive (raw_t *self)
{
    if (!raw_receive_within (self, PATIENCE_MS))
        fail_msg ("no message came");
}

zloom_bytes_t raw_frame (const raw_t *self, unsigned number)
{
    zmq_msg_t *frame = (zmq_msg_t *) (uintptr_t) &self->frames[number];
    return zloom_bytes (zmq_msg_data (frame), zmq_msg_size (frame));
}

zloom_bytes_t raw_body (const raw_t *self)
{
    return raw_frame (self, self->count - 1);
}

zloom__message_t raw_expect (raw_t *self, zloom__kind_t kind)
{
    static const zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    zloom__message_t message;
    zloom_error_t error;
    raw_receive (self);
    if (zloom__wire_read (raw_body (self), &limits, &message, &error))
        fail_msg ("not a message: %s", error.text);
    assert_int_equal (message.kind, kind);
    return message;
}

bool raw_read (raw_t *self, zloom_bytes_t value, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_buffer_reset (&self->scratch);
    zloom_code_t code = zloom_vunpack (value, &self->scratch, NULL, picture, arguments);
    va_end (arguments);
    return code == ZLOOM_OK;
}
