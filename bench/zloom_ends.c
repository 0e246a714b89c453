#include "contender.h"

#include <sched.h>
#include <stdlib.h>
#include <zloom.h>

#include "fail.h"

//  Written as a user would: pictures, a signature, and the default options but
//  for what the contender is about.

typedef struct server {
    zloom_runtime_t *runtime;
    zloom_server_t *server;
} server_t;

typedef struct client {
    zloom_runtime_t *runtime;
    zloom_client_t *client;
} client_t;

__attribute__ ((noreturn)) static void s_fail (const zloom_error_t *error)
{
    fail ("zloom: %s", error->text);
}

static void *s_end_new (size_t size)
{
    void *end = calloc (1, size);
    if (!end)
        fail ("zloom: no memory");
    return end;
}

static zloom_runtime_t *s_runtime_new (void *zmq)
{
    zloom_error_t error;
    zloom_runtime_t *runtime = zloom_runtime_wrap (zmq, &error);
    if (!runtime)
        s_fail (&error);
    return runtime;
}

//  The server.

static zloom_code_t s_echo (zloom_call_t *call, void *context)
{
    (void) context;
    const void *data;
    size_t size;
    if (zloom_call_args (call, "b", &data, &size))
        return ZLOOM_INVALID_ARGUMENT;
    return zloom_call_reply (call, "b", data, size);
}

static zloom_code_t s_stop_server (zloom_call_t *call, void *context)
{
    zloom_server_stop (((server_t *) context)->server);
    return zloom_call_reply (call, "");
}

static void *s_server_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    server_t *self = (server_t *) s_end_new (sizeof *self);
    self->runtime = s_runtime_new (zmq);
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.runtime = self->runtime;
    options.engine = contender->engine;
    if (contender->sleeps_at_once)
        options.busy_poll_us = 0;
    zloom_error_t error;
    self->server = zloom_server_new (endpoint, &options, &error);
    if (!self->server)
        s_fail (&error);
    if (zloom_server_handle (self->server, "echo", "(data: bytes) -> bytes",
                             "Returns its argument.", s_echo, self)
        || zloom_server_handle (self->server, "stop", "()", "Ends the server.", s_stop_server,
                                self))
        s_fail (zloom_server_last_error (self->server));
    return self;
}

static void s_server_run (void *server)
{
    server_t *self = (server_t *) server;
    if (zloom_server_run (self->server))
        s_fail (zloom_server_last_error (self->server));
}

static void s_server_close (void *server)
{
    server_t *self = (server_t *) server;
    zloom_server_destroy (&self->server);
    zloom_runtime_destroy (&self->runtime);
    free (self);
}

//  The client.

static void *s_client_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    client_t *self = (client_t *) s_end_new (sizeof *self);
    self->runtime = s_runtime_new (zmq);
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.runtime = self->runtime;
    options.engine = contender->engine;
    if (contender->sleeps_at_once)
        options.busy_poll_us = 0;
    zloom_error_t error;
    self->client = zloom_client_new (endpoint, &options, &error);
    if (!self->client)
        s_fail (&error);
    return self;
}

static zloom_bytes_t s_call (void *client, zloom_bytes_t payload)
{
    zloom_client_t *self = ((client_t *) client)->client;
    const void *data;
    size_t size;
    if (zloom_client_call (self, "echo", "b", payload.data, payload.size)
        || zloom_client_result (self, "b", &data, &size))
        s_fail (zloom_client_last_error (self));
    return zloom_bytes (data, size);
}

static void s_begin (zloom_client_t *client, flow_t *flow);

static void s_on_reply (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    flow_t *flow = (flow_t *) context;
    const void *data;
    size_t size;
    if (zloom_reply_code (reply))
        s_fail (zloom_reply_error (reply));
    if (zloom_reply_read (reply, "b", &data, &size))
        s_fail (zloom_client_last_error (client));
    flow_end (flow, zloom_bytes (data, size));
    if (!flow_is_open (flow) && flow_has_room (flow))
        s_begin (client, flow);
}

static void s_begin (zloom_client_t *client, flow_t *flow)
{
    zloom_bytes_t body = flow_begin (flow);
    if (zloom_client_start (client, NULL, NULL, s_on_reply, flow, "echo", "b", body.data,
                            body.size))
        s_fail (zloom_client_last_error (client));
}

//  What is begun in one go leaves in one go.
static void s_cork (zloom_client_t *client)
{
    if (zloom_client_cork (client))
        s_fail (zloom_client_last_error (client));
}

static void s_uncork (zloom_client_t *client)
{
    if (zloom_client_uncork (client))
        s_fail (zloom_client_last_error (client));
}

static void s_process (zloom_client_t *client, uint32_t timeout_ms)
{
    if (zloom_client_process (client, timeout_ms))
        s_fail (zloom_client_last_error (client));
}

static void s_flow_closed (zloom_client_t *client, flow_t *flow)
{
    s_cork (client);
    while (flow_has_room (flow))
        s_begin (client, flow);
    s_uncork (client);
    while (!flow_is_done (flow))
        s_process (client, 1000);
}

//  Never sleeps, but lets others run while there is nothing to do.
static void s_flow_open (zloom_client_t *client, flow_t *flow)
{
    while (!flow_is_done (flow)) {
        uint64_t before = flow->begun + flow->ended;
        zloom_time_t now = zloom_time_now ();
        if (flow_is_due (flow, now)) {
            s_cork (client);
            while (flow_is_due (flow, now))
                s_begin (client, flow);
            s_uncork (client);
        }
        s_process (client, 0);
        if (before == flow->begun + flow->ended)
            sched_yield ();
    }
}

static void s_flow (void *client, flow_t *flow)
{
    if (flow_is_open (flow))
        s_flow_open (((client_t *) client)->client, flow);
    else
        s_flow_closed (((client_t *) client)->client, flow);
}

static void s_stop (void *client)
{
    zloom_client_t *self = ((client_t *) client)->client;
    if (zloom_client_notify (self, "stop", ""))
        s_fail (zloom_client_last_error (self));
}

static void s_client_close (void *client)
{
    client_t *self = (client_t *) client;
    zloom_client_destroy (&self->client);
    zloom_runtime_destroy (&self->runtime);
    free (self);
}

const server_kind_t server_zloom = {
    .open = s_server_open, .run = s_server_run, .close = s_server_close};

const client_kind_t client_zloom = {
    .open = s_client_open, .call = s_call, .flow = s_flow, .stop = s_stop, .close = s_client_close};
