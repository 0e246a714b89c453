#include "support/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/free_port.h"

enum { PATIENCE_MS = 20000 };

zloom_engine_t port_engine (void **state)
{
    return strcmp ((const char *) *state, "direct") == 0 ? ZLOOM_ENGINE_AUTO : ZLOOM_ENGINE_LIBZMQ;
}

void port_new (port_t *self, zloom_engine_t engine, zloom_runtime_t *runtime, unsigned workers)
{
    const zloom__port_options_t options = {
        .engine = engine, .runtime = runtime, .workers = workers, .is_woken = true};
    zloom_error_t error;
    *self = (port_t){.port = zloom__port_new (&options, &error)};
    if (!self->port)
        fail_msg ("%s", error.text);
}

void port_destroy (port_t *self)
{
    if (self->port)
        self->port->ops->destroy (self->port, ZLOOM_SEC);
    self->port = NULL;
}

const char *port_free_endpoint (char ret_endpoint[64])
{
    snprintf (ret_endpoint, 64, "tcp://127.0.0.1:%u", free_port ());
    return ret_endpoint;
}

zloom__channel_options_t port_options (zloom__role_t role, const char *endpoint)
{
    return (zloom__channel_options_t){.role = role,
                                      .endpoint = endpoint,
                                      .max_size = 1048576,
                                      .max_queued_bytes = ZLOOM__QUEUED_BYTES,
                                      .reconnect_min_ms = 20,
                                      .reconnect_max_ms = 100};
}

static zloom__channel_t s_open (port_t *self, zloom__role_t role, const char *endpoint)
{
    zloom__channel_options_t options = port_options (role, endpoint);
    zloom__channel_t channel;
    zloom_error_t error;
    if (self->port->ops->open (self->port, &options, &channel, &error))
        fail_msg ("%s", error.text);
    return channel;
}

zloom__channel_t port_connect (port_t *self, const char *endpoint)
{
    return s_open (self, ZLOOM__ROLE_CLIENT, endpoint);
}

zloom__channel_t port_bind (port_t *self, const char *endpoint)
{
    return s_open (self, ZLOOM__ROLE_SERVER, endpoint);
}

zloom__event_kind_t port_next (port_t *self, int timeout_ms)
{
    zloom_time_t until = zloom__port_refresh (self->port) + timeout_ms * ZLOOM_MSEC;
    return self->port->ops->next (self->port, until, &self->event);
}

const zloom__event_t *port_expect (port_t *self, zloom__event_kind_t kind)
{
    static const char *const names[] = {"nothing", "FRAME", "UP",  "DOWN",
                                        "ROOM",    "WOKEN", "JOB", "BROKEN"};
    zloom__event_kind_t got = port_next (self, PATIENCE_MS);
    if (got != kind)
        fail_msg ("expected %s, got %s (reason %s)", names[kind], names[got],
                  zloom_reason_name (self->event.reason));
    return &self->event;
}

zloom__link_t port_expect_up (port_t *self, zloom__channel_t channel)
{
    const zloom__event_t *event = port_expect (self, ZLOOM__EVENT_UP);
    assert_int_equal (event->channel, channel);
    assert_true (event->link != 0);
    return event->link;
}

zloom__link_t port_marry (port_t *self, zloom__channel_t channel, port_t *server)
{
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    while (port_next (self, 1) == ZLOOM__EVENT_TIMEOUT && zloom_time_now () < until)
        assert_int_equal (port_next (server, 0), ZLOOM__EVENT_TIMEOUT);
    assert_int_equal (self->event.kind, ZLOOM__EVENT_UP);
    assert_int_equal (self->event.channel, channel);
    return self->event.link;
}

const zloom__event_t *port_expect_body (port_t *self, const char *text)
{
    const zloom__event_t *event = port_expect (self, ZLOOM__EVENT_FRAME);
    if (!zloom_bytes_equal (event->body, zloom_bytes_str (text)))
        fail_msg ("expected '%s', got '%.*s'", text, (int) event->body.size,
                  (const char *) event->body.data);
    return event;
}

static zloom_code_t s_send (port_t *self, zloom__channel_t channel, zloom__link_t link,
                            zloom_bytes_t envelope, const char *text)
{
    zloom_bytes_t body = zloom_bytes_str (text);
    zloom_code_t code = self->port->ops->send (self->port, channel, link, envelope, &body, 1);
    zloom__port_flush (self->port);
    return code;
}

zloom_code_t port_send (port_t *self, zloom__channel_t channel, zloom__link_t link,
                        const char *text)
{
    return s_send (self, channel, link, zloom_bytes (NULL, 0), text);
}

zloom_code_t port_answer (port_t *self, const char *text)
{
    const zloom__event_t *event = &self->event;
    return s_send (self, event->channel, event->link, event->envelope, text);
}

zloom_reason_t port_trouble (port_t *self, zloom__channel_t channel, const char **ret_text)
{
    return self->port->ops->trouble (self->port, channel, ret_text);
}
