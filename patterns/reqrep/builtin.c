#include "reqrep/server_internal.h"

#include <unistd.h>

#include "data/pack.h"

//  The version of the protocol; docs/PROTOCOL.md.
static const uint64_t s_protocol = 1;

static zloom_code_t s_ping (zloom_call_t *call, void *context)
{
    const zloom_server_t *server = (const zloom_server_t *) context;
    return zloom_call_reply (call, "{sU ss ss}", "zloom", s_protocol, "name", server->name,
                             "version", server->version);
}

static zloom_code_t s_health (zloom_call_t *call, void *context)
{
    const zloom_server_t *server = (const zloom_server_t *) context;
    return zloom_call_reply (call, "{ss}", "status", server->is_draining ? "DRAINING" : "SERVING");
}

static zloom_code_t s_describe_methods (const zloom_server_t *server, zloom_buffer_t *buffer)
{
    zloom_code_t code = ZLOOM_OK;
    for (size_t i = 0; i < server->method_count && !code; i++) {
        const zloom__method_t *method = server->methods[i];
        code = zloom_pack (buffer, NULL, "{ss ss ss}", "name", method->name, "signature",
                           method->signature_text, "doc", method->doc);
    }
    return code;
}

static zloom_code_t s_describe (zloom_call_t *call, void *context)
{
    const zloom_server_t *server = (const zloom_server_t *) context;
    zloom_buffer_t *buffer = &call->strings;
    zloom_buffer_reset (buffer);
    zloom_pack_map_head (buffer, 4);
    zloom_code_t code = zloom_pack (buffer, NULL, "sU ss ss s", "zloom", s_protocol, "name",
                                    server->name, "version", server->version, "methods");
    zloom_pack_array_head (buffer, (uint32_t) server->method_count);
    if (!code)
        code = s_describe_methods (server, buffer);
    if (code || buffer->failed)
        return ZLOOM_RESOURCE_EXHAUSTED;
    return zloom_call_reply_bytes (call, zloom_buffer_bytes (buffer));
}

static zloom_code_t s_pack_method_stats (const zloom_server_t *server, zloom_buffer_t *buffer)
{
    zloom_code_t code = ZLOOM_OK;
    for (size_t i = 0; i < server->method_count && !code; i++) {
        const zloom__method_t *method = server->methods[i];
        code = zloom_pack (buffer, NULL, "s {sU sU}", method->name, "calls", method->calls,
                           "failed", method->failed);
    }
    return code;
}

static zloom_code_t s_stats (zloom_call_t *call, void *context)
{
    const zloom_server_t *server = (const zloom_server_t *) context;
    zloom_server_stats_t stats;
    zloom_server_stats (server, &stats);
    zloom_time_t uptime = zloom__port_now (server->port) - server->started_at;
    zloom_buffer_t *buffer = &call->strings;
    zloom_buffer_reset (buffer);
    zloom_pack_map_head (buffer, 16);
    zloom_code_t code = zloom_pack (
        buffer, NULL, "ss sI sI sU sU sU sU sU sU sU sU sU sU su su s", "engine",
        server->port->ops->engine (server->port, 0), "pid", (int64_t) getpid (), "uptime_ms",
        uptime / ZLOOM_MSEC, "requests", stats.requests, "notifications", stats.notifications, "ok",
        stats.ok, "failed", stats.failed, "items", stats.items, "expired", stats.expired,
        "cancelled", stats.cancelled, "refused", stats.refused, "undeliverable",
        stats.undeliverable, "malformed", stats.malformed, "pending", (unsigned) stats.pending,
        "max_pending_seen", (unsigned) stats.max_pending_seen, "methods");
    zloom_pack_map_head (buffer, (uint32_t) server->method_count);
    if (!code)
        code = s_pack_method_stats (server, buffer);
    if (code || buffer->failed)
        return ZLOOM_RESOURCE_EXHAUSTED;
    return zloom_call_reply_bytes (call, zloom_buffer_bytes (buffer));
}

zloom_code_t zloom__server_add_builtins (zloom_server_t *self, zloom_error_t *reterr)
{
    const zloom__method_spec_t builtins[] = {
        {.name = "zloom.ping",
         .signature = "(rest: any...) -> map",
         .doc = "Say that the server is there, and which protocol it speaks.",
         .handler = s_ping},
        {.name = "zloom.describe",
         .signature = "() -> map",
         .doc = "List the methods with their signatures.",
         .handler = s_describe},
        {.name = "zloom.stats",
         .signature = "() -> map",
         .doc = "Tell the counters.",
         .handler = s_stats},
        {.name = "zloom.health",
         .signature = "() -> map",
         .doc = "Tell whether the server takes work: SERVING or DRAINING.",
         .handler = s_health},
    };
    zloom_code_t code = ZLOOM_OK;
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0] && !code; i++) {
        zloom__method_spec_t spec = builtins[i];
        spec.context = self;
        spec.is_builtin = true;
        code = zloom__server_add_method (self, &spec, reterr);
    }
    return code;
}
