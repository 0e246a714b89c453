#include "sim/reqrep_sim.h"

#include <stdio.h>

#include "base/assert.h"

//  Starting.

static zloom_call_options_t s_draw_options (const reqrep_client_t *self)
{
    sim_world_t *world = self->sim->world;
    zloom_call_options_t options = {0};
    if (sim_chance (world, 70))
        options.timeout_ms = (uint32_t) sim_spread (world, 1, self->sim->patience / ZLOOM_MSEC);
    if (sim_chance (world, 5)) {
        options.attempt = 1;
        options.trace = REQREP_TRACEPARENT;
    }
    return options;
}

static reqrep_kind_t s_draw_kind (sim_world_t *world)
{
    //  Half of the calls are of the two kinds that take the longest way.
    return sim_chance (world, 50)
               ? (sim_chance (world, 50) ? REQREP_KIND_LATER : REQREP_KIND_STREAM)
               : (reqrep_kind_t) sim_between (world, 0, REQREP_KINDS - 1);
}

static void s_on_reply (zloom_client_t *object, zloom_reply_t *reply, void *context);

//  The arguments are always [nonce, items, padding], but for those who must
//  not get through.
static zloom_code_t s_send (reqrep_client_t *self, reqrep_call_t *call,
                            const zloom_call_options_t *options)
{
    const char *method = reqrep_kind_method (call->kind);
    zloom_reply_fn *callback = call->is_waited ? NULL : s_on_reply;
    if (call->kind == REQREP_KIND_PICKY)
        return zloom_client_start (self->object, &call->id, options, callback, call, method, "s",
                                   "no number");
    if (call->kind == REQREP_KIND_PING)
        return zloom_client_start (self->object, &call->id, options, callback, call, method, "");
    zloom_bytes_t padding = reqrep_padding (self->sim);
    return zloom_client_start (self->object, &call->id, options, callback, call, method, "UUb",
                               call->nonce, (uint64_t) call->items, padding.data, padding.size);
}

static reqrep_call_t *s_new_call (reqrep_client_t *self, const zloom_call_options_t *options,
                                  reqrep_kind_t kind)
{
    return reqrep_call_new (self, kind,
                            options->timeout_ms ? options->timeout_ms : self->options.timeout_ms);
}

//  Start a call of any kind. NULL: it was not begun.
static reqrep_call_t *s_start (reqrep_client_t *self, bool is_waited)
{
    sim_world_t *world = self->sim->world;
    zloom_call_options_t options = s_draw_options (self);
    reqrep_call_t *call = s_new_call (self, &options, s_draw_kind (world));
    if (!call)
        return NULL;
    call->is_waited = is_waited;
    call->is_stream = options.stream = call->kind == REQREP_KIND_STREAM && sim_chance (world, 95);
    call->items =
        call->kind == REQREP_KIND_STREAM ? (uint32_t) sim_spread (world, 0, REQREP_ITEMS_MAX) : 0;

    bool was_starting = self->is_starting;
    self->is_starting = true;
    zloom_code_t code = s_send (self, call, &options);
    self->is_starting = was_starting;
    sim_trace (world, "%s: starts call %llu (%s), deadline in %.3f ms: %s", self->name,
               (unsigned long long) call->id, reqrep_kind_method (call->kind),
               (double) (call->deadline - world->now) / ZLOOM_MSEC, zloom_code_name (code));
    reqrep_call_started (call, code);
    return code ? NULL : call;
}

//  Waiting: functions that return when something has happened. The world goes
//  on around them.

static void s_wait (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    reqrep_call_t *call = s_start (self, true);
    if (!call)
        return;
    sim->counts[call->is_stream ? REQREP_NEXT : REQREP_WAIT]++;
    bool more = call->is_stream;
    zloom_code_t code = ZLOOM_OK;
    while (more && !(code = zloom_client_next (self->object, call->id, &more)) && more)
        reqrep_call_took_item (call);
    if (!call->is_stream)
        code = zloom_client_wait (self->object, call->id);
    reqrep_call_returned (call, code);
}

static void s_call (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    zloom_call_options_t options = s_draw_options (self);
    reqrep_call_t *call = s_new_call (self, &options, REQREP_KIND_LATER);
    if (!call)
        return;
    call->is_waited = true;
    sim->counts[REQREP_CALL]++;
    zloom_bytes_t padding = reqrep_padding (sim);
    zloom_code_t code =
        zloom_client_call_with (self->object, &options, reqrep_kind_method (call->kind), "UUb",
                                call->nonce, (uint64_t) 0, padding.data, padding.size);
    reqrep_call_called (call, code);
}

static void s_wait_ready (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    uint32_t timeout_ms = (uint32_t) sim_spread (sim->world, 0, 50);
    zloom_code_t code = zloom_client_wait_ready (self->object, timeout_ms);
    zloom_client_stats_t stats;
    zloom_client_stats (self->object, &stats);
    //  Not the reverse: a blind connection is there before anybody has spoken.
    if (code == ZLOOM_OK && stats.present == 0)
        sim_fail (sim->world, "%s: wait_ready returned, and nobody is there", self->name);
    sim->counts[code ? REQREP_NOT_READY : REQREP_READY]++;
}

static void s_drain (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    uint32_t timeout_ms = (uint32_t) sim_spread (sim->world, 0, 50);
    zloom_code_t code = zloom_client_drain (self->object, timeout_ms);
    if ((code == ZLOOM_OK) != (self->count == 0))
        sim_fail (sim->world, "%s: drain returned %s, and %u calls are left", self->name,
                  zloom_code_name (code), self->count);
    sim->counts[code ? REQREP_NOT_DRAINED : REQREP_DRAINED]++;
}

static void s_wait_for_something (reqrep_client_t *self)
{
    sim_world_t *world = self->sim->world;
    if (world->is_waited_in)
        return;
    int64_t dice = sim_between (world, 0, 99);
    if (dice < 50)
        s_wait (self);
    else if (dice < 80)
        s_call (self);
    else if (dice < 90)
        s_wait_ready (self);
    else
        s_drain (self);
}

//  Cancelling.

static void s_cancel (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    if (self->count == 0)
        return;
    reqrep_call_t *call = self->outstanding[sim_between (sim->world, 0, self->count - 1)];
    sim_trace (sim->world, "%s: cancels call %llu", self->name, (unsigned long long) call->id);
    zloom_code_t code = zloom_client_cancel (self->object, call->id);
    if (code || (!call->has_ended && !call->is_waited))
        sim_fail (sim->world, "%s: cancelled a call, and it goes on", self->name);
    sim->counts[REQREP_CANCEL]++;
    sim->counts[call->executions ? REQREP_CANCEL_BEGUN : REQREP_CANCEL_UNSENT]++;
}

//  Any earlier call of this client, most likely one that has ended.
static void s_cancel_any (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    if (sim->call_count == 0)
        return;
    reqrep_call_t *call = &sim->calls[sim_between (sim->world, 0, sim->call_count - 1)];
    if (call->client != self || !call->has_ended || call->incarnation != self->incarnation)
        return;
    if (zloom_client_cancel (self->object, call->id) == ZLOOM_OK)
        sim_fail (sim->world, "%s: cancelled a call that had ended", self->name);
    sim->counts[REQREP_CANCEL_ENDED]++;
}

//  Notifying.

static void s_notify (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    reqrep_call_t *call = reqrep_call_new (self, REQREP_KIND_ECHO, 0);
    if (!call)
        return;
    call->is_notification = true;
    zloom_bytes_t padding = reqrep_padding (sim);
    zloom_code_t code = zloom_client_notify (self->object, reqrep_kind_method (call->kind), "UUb",
                                             call->nonce, (uint64_t) 0, padding.data, padding.size);
    self->expected.notifications += code == ZLOOM_OK;
    sim->counts[code ? REQREP_NOTIFY_NOBODY : REQREP_NOTIFY]++;
    if (code && code != ZLOOM_UNAVAILABLE && code != ZLOOM_UNAUTHENTICATED
        && code != ZLOOM_RESOURCE_EXHAUSTED && !sim->is_corrupt)
        sim_fail (sim->world, "%s cannot notify: %s", self->name,
                  zloom_client_last_error (self->object)->text);
}

//  Callbacks may do all of this too.

static void s_reenter (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    if (sim->is_ending || !sim_chance (sim->world, 10))
        return;
    sim->counts[REQREP_REENTER]++;
    if (sim_chance (sim->world, 50))
        s_start (self, false);
    else if (sim_chance (sim->world, 50))
        s_cancel (self);
    else
        s_notify (self);
}

//  A client that is being destroyed takes no new calls; else those who try
//  again when a call fails would keep it for ever.
static void s_check_closing (reqrep_client_t *self, reqrep_call_t *ended)
{
    if (zloom_client_start (self->object, NULL, NULL, s_on_reply, ended, "echo", "") == ZLOOM_OK)
        sim_fail (self->sim->world, "%s: a call was started while it is destroyed", self->name);
}

static void s_on_reply (zloom_client_t *object, zloom_reply_t *reply, void *context)
{
    reqrep_call_t *call = (reqrep_call_t *) context;
    reqrep_client_t *self = call->client;
    reqrep_call_replied (call, object, reply);
    if (sim_has_failed (self->sim->world))
        return;
    if (self->is_closing)
        s_check_closing (self, call);
    else
        s_reenter (self);
}

//  Running.

static void s_process (void *owner)
{
    reqrep_client_t *self = (reqrep_client_t *) owner;
    zloom_code_t code = zloom_client_process (self->object, 0);
    if (code)
        sim_fail (self->sim->world, "%s cannot process: %s", self->name,
                  zloom_client_last_error (self->object)->text);
    reqrep_client_check_stats (self);
}

static void s_act (sim_event_t *act)
{
    reqrep_client_t *self = sim_event_owner (act, reqrep_client_t, act);
    reqrep_sim_t *sim = self->sim;
    if (sim->is_ending || !self->object)
        return;
    if (sim_host_is_busy (self->port)) {
        sim_event_plan_in (act, sim->pace);
        return;
    }
    bool is_full = self->count == self->options.max_outstanding;
    int64_t dice = sim_between (sim->world, is_full ? 75 : 0, 99);
    if (dice < 75)
        s_start (self, false);
    else if (dice < 80)
        s_wait_for_something (self);
    else if (dice < 90)
        s_cancel (self);
    else if (dice < 94)
        s_cancel_any (self);
    else
        s_notify (self);
    reqrep_client_check_stats (self);
    sim_event_plan_in (act, sim_spread (sim->world, ZLOOM_USEC, sim->pace));
}

//  Beginning and end.

static zloom_client_options_t s_draw_client (reqrep_sim_t *sim)
{
    sim_world_t *world = sim->world;
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.timeout_ms = (uint32_t) sim_spread (world, 5, sim->patience / ZLOOM_MSEC);
    options.connect_timeout_ms = (uint32_t) sim_spread (world, 5, 200);
    options.max_outstanding = (uint32_t) sim_spread (world, 2, REQREP_OUTSTANDING_MAX);
    if (sim_chance (world, 30))
        options.max_unsent_bytes = (uint32_t) sim_spread (world, 500, 20000);
    options.stream_credit = (uint32_t) sim_spread (world, 1, 20);
    options.beat_ms = sim_chance (world, 20) ? 0 : (uint32_t) sim_spread (world, 2, 100);
    options.reconnect_min_ms = (uint32_t) sim_between (world, 1, 10);
    options.rep_peer = sim_chance (world, 10);
    if (sim->is_tight)
        options.limits.max_size = (uint32_t) sim_spread (world, 300, 5000);
    options.reconnect_max_ms = options.reconnect_min_ms + (uint32_t) sim_between (world, 0, 40);
    return options;
}

//  Some of the servers, at least one, in any order.
static void s_draw_endpoints (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    int64_t first = sim_between (sim->world, 0, sim->server_count - 1);
    int64_t wanted = sim_between (sim->world, 1, sim->server_count);
    size_t size = 0;
    for (int64_t i = 0; i < wanted; i++)
        size += (size_t) snprintf (self->endpoints + size, sizeof self->endpoints - size, "%s%s",
                                   i ? ", " : "",
                                   sim->servers[(first + i) % sim->server_count].endpoint);
}

void reqrep_client_init (reqrep_client_t *self, reqrep_sim_t *sim, unsigned number)
{
    *self = (reqrep_client_t){.sim = sim, .options = s_draw_client (sim), .earliest = ZLOOM_NEVER};
    snprintf (self->name, sizeof self->name, "client %u", number);
    s_draw_endpoints (self);
    sim_event_init (&self->act, sim->world, s_act);
}

void reqrep_client_open (reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    self->expected = (zloom_client_stats_t){0};
    self->stuck_at = ZLOOM_NEVER;
    self->is_closing = false;
    self->incarnation++;
    zloom_error_t error;
    do {
        self->port = sim->network->ops->new_host (sim->network, self->name, 0, s_process, self);
        self->object =
            zloom__client_new_over (&self->port->base, self->endpoints, &self->options, &error);
    } while (!self->object && sim->is_lean && error.reason == ZLOOM_REASON_NO_MEMORY);
    if (!self->object) {
        sim_fail (sim->world, "%s cannot be made: %s", self->name, error.text);
        return;
    }
    //  This is what makes it ask for turns.
    zloom_client_descriptor (self->object);
    sim_event_plan_in (&self->act, sim_spread (sim->world, 0, sim->pace));
}

static void s_note_stats (reqrep_client_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->object, &stats);
    uint64_t *counts = self->sim->counts;
    counts[REQREP_LATE] += stats.late_replies;
    counts[REQREP_CONNECT] += stats.connects;
    counts[REQREP_DISCONNECT] += stats.disconnects;
    counts[REQREP_CLIENT_MALFORMED] += stats.malformed;
    if (stats.malformed && !self->sim->is_corrupt && !self->sim->is_tight)
        sim_fail (self->sim->world, "%s: %llu messages were malformed", self->name,
                  (unsigned long long) stats.malformed);
}

void reqrep_client_close (reqrep_client_t *self, bool in_peace)
{
    if (!self->object)
        return;
    sim_trace (self->sim->world, "%s: %s", self->name, in_peace ? "closes" : "crashes");
    s_note_stats (self);
    if (!in_peace)
        sim_host_crash (self->port);
    self->is_closing = true;
    zloom_client_t *object = self->object;
    zloom_client_destroy (&object);
    if (self->count > 0 && !sim_has_failed (self->sim->world))
        sim_fail (self->sim->world, "%s is destroyed, and %u of its calls have not ended",
                  self->name, self->count);
    self->object = NULL;
    self->port = NULL;
    self->count = 0;
    self->earliest = ZLOOM_NEVER;
    sim_event_cancel (&self->act);
}
