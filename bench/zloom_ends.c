#include "contender.h"

#include <sched.h>
#include <stdlib.h>
#include <zloom.h>

#include "fail.h"

//  Written as a user would: pictures, a signature, and the default options but
//  for what the contender is about.

//  Calls beside those that are held, at most; and those that are held in one go.
enum { ROOM = 65536, STEP = 1000 };

typedef struct server {
    zloom_runtime_t *runtime;
    zloom_server_t *server;
} server_t;

typedef struct client {
    zloom_runtime_t *runtime;
    zloom_client_t *client;
    size_t asked_bytes;
    bool is_answered;
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

//  An answer frees the call; the client, which has given it up, drops it.
static void s_on_held (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    (void) context;
    if (event == ZLOOM_CALL_CANCELLED)
        zloom_call_reply (call, "");
}

static zloom_code_t s_hold_call (zloom_call_t *call, void *context)
{
    return zloom_call_defer (call, s_on_held, context);
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
    if (contender->held) {
        options.max_pending = contender->held + ROOM;
        options.max_pending_bytes = UINT32_MAX;
    }
    zloom_error_t error;
    self->server = zloom_server_new (endpoint, &options, &error);
    if (!self->server)
        s_fail (&error);
    if (zloom_server_handle (self->server, "echo", "(data: bytes) -> bytes",
                             "Returns its argument.", s_echo, self)
        || zloom_server_handle (self->server, "stop", "()", "Ends the server.", s_stop_server, self)
        || zloom_server_handle (self->server, "hold", "()", "Does not answer.", s_hold_call, NULL))
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

static void s_process (zloom_client_t *client, uint32_t timeout_ms)
{
    if (zloom_client_process (client, timeout_ms))
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

//  A held call ends when it is given up, or its client goes.
static void s_on_held_end (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    (void) context;
    if (zloom_reply_code (reply) != ZLOOM_CANCELLED)
        s_fail (zloom_reply_error (reply));
}

static zloom_call_id_t s_start_held (zloom_client_t *client)
{
    static const zloom_call_options_t options = {.timeout_ms = 3600000};
    zloom_call_id_t id;
    if (zloom_client_start (client, &id, &options, s_on_held_end, NULL, "hold", ""))
        s_fail (zloom_client_last_error (client));
    return id;
}

//  Returns when the server has all that was sent to it.
static void s_settle (client_t *self)
{
    static const unsigned char data[8] = {0};
    zloom_client_stats_t stats;
    for (;;) {
        zloom_client_stats (self->client, &stats);
        if (stats.unsent == 0)
            break;
        s_process (self->client, 10);
    }
    s_call (self, zloom_bytes (data, sizeof data));
}

//  Not more in one go than waits nowhere for long.
static void s_hold_many (client_t *self, unsigned count)
{
    for (unsigned done = 0; done < count;) {
        s_cork (self->client);
        for (unsigned i = 0; i < STEP && done < count; i++, done++)
            s_start_held (self->client);
        s_uncork (self->client);
        s_settle (self);
    }
}

static void *s_client_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    client_t *self = (client_t *) s_end_new (sizeof *self);
    self->runtime = s_runtime_new (zmq);
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.runtime = self->runtime;
    options.engine = contender->engine;
    if (contender->sleeps_at_once)
        options.busy_poll_us = 0;
    if (contender->held)
        options.max_outstanding = contender->held + ROOM;
    zloom_error_t error;
    self->client = zloom_client_new (endpoint, &options, &error);
    if (!self->client)
        s_fail (&error);
    s_hold_many (self, contender->held);
    return self;
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

static double s_hold (void *client, unsigned count)
{
    client_t *self = (client_t *) client;
    zloom_call_id_t *ids = (zloom_call_id_t *) calloc (count, sizeof *ids);
    if (!ids)
        fail ("zloom: no memory");
    s_cork (self->client);
    zloom_time_t start = zloom_time_now ();
    for (unsigned i = 0; i < count; i++)
        ids[i] = s_start_held (self->client);
    zloom_time_t end = zloom_time_now ();
    s_uncork (self->client);
    s_settle (self);
    for (unsigned i = 0; i < count; i++)
        if (zloom_client_cancel (self->client, ids[i]))
            s_fail (zloom_client_last_error (self->client));
    s_settle (self);
    free (ids);
    return (double) (end - start) / count;
}

static bool s_is_connected (void *client)
{
    zloom_client_t *self = ((client_t *) client)->client;
    zloom_client_stats_t stats;
    s_process (self, 0);
    zloom_client_stats (self, &stats);
    return stats.present > 0;
}

static void s_on_answer (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    client_t *self = (client_t *) context;
    const void *data;
    size_t size;
    if (zloom_reply_code (reply))
        s_fail (zloom_reply_error (reply));
    if (zloom_reply_read (reply, "b", &data, &size))
        s_fail (zloom_client_last_error (client));
    if (size != self->asked_bytes)
        fail ("zloom: the answer is not what was sent");
    self->is_answered = true;
}

static void s_ask (void *client, zloom_bytes_t payload)
{
    client_t *self = (client_t *) client;
    self->asked_bytes = payload.size;
    self->is_answered = false;
    if (zloom_client_start (self->client, NULL, NULL, s_on_answer, self, "echo", "b", payload.data,
                            payload.size))
        s_fail (zloom_client_last_error (self->client));
}

static bool s_is_answered (void *client)
{
    client_t *self = (client_t *) client;
    s_process (self->client, 0);
    return self->is_answered;
}

static int s_descriptor (void *client)
{
    int descriptor = zloom_client_descriptor (((client_t *) client)->client);
    if (descriptor < 0)
        fail ("zloom: no descriptor");
    return descriptor;
}

static void s_rest (void *client, unsigned ms)
{
    zloom_time_t end = zloom_time_now () + ms * ZLOOM_MSEC;
    for (zloom_time_t left; (left = end - zloom_time_now ()) > 0;)
        s_process (((client_t *) client)->client, (uint32_t) (left / ZLOOM_MSEC + 1));
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

const client_kind_t client_zloom = {.open = s_client_open,
                                    .call = s_call,
                                    .flow = s_flow,
                                    .hold = s_hold,
                                    .is_connected = s_is_connected,
                                    .ask = s_ask,
                                    .is_answered = s_is_answered,
                                    .descriptor = s_descriptor,
                                    .rest = s_rest,
                                    .stop = s_stop,
                                    .close = s_client_close};
