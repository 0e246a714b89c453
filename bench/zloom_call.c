#include "contender.h"

#include <stdlib.h>
#include <zloom.h>

#include "fail.h"

//  Written as a user would: pictures, a signature, the default options.

__attribute__ ((noreturn)) static void s_fail (const zloom_error_t *error)
{
    fail ("zloom-call: %s", error->text);
}

static void *s_context_new (void)
{
    zloom_error_t error;
    zloom_runtime_t *runtime = zloom_runtime_new (&error);
    if (!runtime)
        s_fail (&error);
    return runtime;
}

static void s_context_destroy (void *context)
{
    zloom_runtime_t *runtime = (zloom_runtime_t *) context;
    zloom_runtime_destroy (&runtime);
}

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
    zloom_server_stop ((zloom_server_t *) context);
    return zloom_call_reply (call, "");
}

static void *s_server_new (void *context, const char *endpoint)
{
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.runtime = (zloom_runtime_t *) context;
    zloom_error_t error;
    zloom_server_t *server = zloom_server_new (endpoint, &options, &error);
    if (!server)
        s_fail (&error);
    if (zloom_server_handle (server, "echo", "(data: bytes) -> bytes", "Returns its argument.",
                             s_echo, NULL)
        || zloom_server_handle (server, "stop", "()", "Ends the server.", s_stop_server, server))
        s_fail (zloom_server_last_error (server));
    return server;
}

static void s_server_run (void *server)
{
    if (zloom_server_run ((zloom_server_t *) server))
        s_fail (zloom_server_last_error ((zloom_server_t *) server));
}

static void s_server_destroy (void *server)
{
    zloom_server_t *self = (zloom_server_t *) server;
    zloom_server_destroy (&self);
}

static void *s_client_new (void *context, const char *endpoint)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.runtime = (zloom_runtime_t *) context;
    zloom_error_t error;
    zloom_client_t *client = zloom_client_new (endpoint, &options, &error);
    if (!client)
        s_fail (&error);
    return client;
}

static zloom_bytes_t s_call (void *client, zloom_bytes_t payload)
{
    zloom_client_t *self = (zloom_client_t *) client;
    const void *data;
    size_t size;
    if (zloom_client_call (self, "echo", "b", payload.data, payload.size)
        || zloom_client_result (self, "b", &data, &size))
        s_fail (zloom_client_last_error (self));
    return zloom_bytes (data, size);
}

static void s_stop (void *client)
{
    zloom_client_t *self = (zloom_client_t *) client;
    if (zloom_client_notify (self, "stop", ""))
        s_fail (zloom_client_last_error (self));
}

static void s_client_destroy (void *client)
{
    zloom_client_t *self = (zloom_client_t *) client;
    zloom_client_destroy (&self);
}

const contender_t contender_zloom_call = {
    .name = "zloom-call",
    .context_new = s_context_new,
    .context_destroy = s_context_destroy,
    .server_new = s_server_new,
    .server_run = s_server_run,
    .server_destroy = s_server_destroy,
    .client_new = s_client_new,
    .call = s_call,
    .stop = s_stop,
    .client_destroy = s_client_destroy,
};
