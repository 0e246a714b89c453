#include "sim/reqrep_sim.h"

#include <stdio.h>

//  Answers.

//  A handler is about to answer.
static void s_note_answer (const reqrep_work_t *work, zloom_code_t code)
{
    if (work->shadow)
        reqrep_call_answered (work->shadow, code);
    work->server->for_nobody +=
        zloom_call_cancelled (work->call) && !zloom_call_is_notification (work->call);
}

//  Answer with a result. False: there is no memory for it, and the call goes on.
static bool s_reply (const reqrep_work_t *work)
{
    reqrep_sim_t *sim = work->server->sim;
    s_note_answer (work, ZLOOM_OK);
    zloom_bytes_t padding = reqrep_padding (sim);
    zloom_code_t code =
        zloom_call_reply (work->call, "[Ub]", work->nonce, padding.data, padding.size);
    if (code && !sim->is_tight && !sim->is_lean)
        sim_fail (sim->world, "%s: an answer was refused: %s", work->server->name,
                  zloom_code_name (code));
    if (!code || !sim->is_lean)
        return true;
    sim->counts[REQREP_ANSWER_NO_MEMORY]++;
    return false;
}

//  Answer with an error of the handler's own; the nonce goes along as data.
static zloom_code_t s_fail (const reqrep_work_t *work)
{
    static const zloom_code_t codes[] = {ZLOOM_NOT_FOUND, ZLOOM_ABORTED, ZLOOM_OUT_OF_RANGE,
                                         ZLOOM_UNAVAILABLE};
    zloom_code_t code = codes[sim_between (work->server->sim->world, 0, 3)];
    s_note_answer (work, code);
    zloom_buffer_t data = {0};
    zloom_pack (&data, NULL, "U", work->nonce);
    zloom_call_fail_data (work->call, code, zloom_buffer_bytes (&data), "call %llu failed",
                          (unsigned long long) work->nonce);
    zloom_buffer_clear (&data);
    return code;
}

//  Send the next item; codes as of zloom_call_item.
static zloom_code_t s_send_item (reqrep_work_t *work)
{
    zloom_code_t code = zloom_call_item (work->call, "[UU]", work->nonce, work->number + 1);
    if (code)
        return code;
    work->number++;
    work->items--;
    if (work->shadow)
        reqrep_call_sent_item (work->shadow);
    return ZLOOM_OK;
}

//  Deferred calls.

static reqrep_work_t *s_find_free (reqrep_server_t *self)
{
    for (unsigned i = 0; i < REQREP_HELD_MAX; i++)
        if (!self->held[i].call)
            return &self->held[i];
    return NULL;
}

//  Any of the calls that are held; NULL = there is none.
static reqrep_work_t *s_pick_held (reqrep_server_t *self)
{
    if (self->held_count == 0)
        return NULL;
    reqrep_work_t *held = &self->held[sim_between (self->sim->world, 0, REQREP_HELD_MAX - 1)];
    while (!held->call)
        held = held == &self->held[REQREP_HELD_MAX - 1] ? self->held : held + 1;
    return held;
}

static void s_note_starving (const reqrep_work_t *held, zloom_time_t since)
{
    if (held->shadow)
        held->shadow->starved_at = since;
}

static void s_let_go (reqrep_work_t *held)
{
    s_note_starving (held, ZLOOM_NEVER);
    held->call = NULL;
    held->server->held_count--;
}

//  End a deferred call, now and then with an error.
static void s_end (reqrep_work_t *held)
{
    reqrep_sim_t *sim = held->server->sim;
    sim_trace (sim->world, "%s: answers the call with nonce %llu%s", held->server->name,
               (unsigned long long) held->nonce, held->is_cancelled ? ", for nobody" : "");
    sim->counts[REQREP_ANSWER_CANCELLED] += held->is_cancelled;
    if (sim_chance (sim->world, 20))
        s_fail (held);
    else if (!s_reply (held))
        return;
    s_let_go (held);
}

//  Send items while there is credit. False: the stream goes on later.
static bool s_stream (reqrep_work_t *held)
{
    reqrep_sim_t *sim = held->server->sim;
    while (held->items > 0 && sim_chance (sim->world, 90)) {
        zloom_code_t code = s_send_item (held);
        if (code == ZLOOM_RESOURCE_EXHAUSTED) {
            sim->counts[REQREP_NO_CREDIT]++;
            s_note_starving (held, sim->world->now);
            return false;
        }
        if (code)
            held->items = 0;  //  Cancelled, expired, or the caller takes none
    }
    return held->items == 0;
}

//  A watcher may see to other calls than its own.
static void s_answer_another (const reqrep_work_t *held)
{
    reqrep_work_t *other = s_pick_held (held->server);
    if (other == held)
        return;
    held->server->sim->counts[REQREP_ANSWER_OTHER]++;
    s_end (other);
}

//  Why nobody waits any more; where the network is well, nobody is lost.
static void s_count_end (const reqrep_work_t *held)
{
    reqrep_sim_t *sim = held->server->sim;
    const reqrep_call_t *shadow = held->shadow;
    if (!shadow || sim->world->now >= shadow->deadline)
        sim->counts[REQREP_WATCHED_DEADLINE]++;
    else if (sim->has_weather)
        sim->counts[REQREP_WATCHED_LOSS]++;
    else
        sim->counts[REQREP_WATCHED_CANCEL]++;
}

static void s_take_credit (reqrep_work_t *held)
{
    reqrep_sim_t *sim = held->server->sim;
    sim->counts[REQREP_CREDIT]++;
    s_note_starving (held, ZLOOM_NEVER);
    if (sim_chance (sim->world, 50) && s_stream (held))
        s_end (held);
}

static void s_take_cancel (reqrep_work_t *held)
{
    reqrep_sim_t *sim = held->server->sim;
    s_count_end (held);
    s_note_starving (held, ZLOOM_NEVER);
    if (held->is_cancelled || !zloom_call_cancelled (held->call))
        sim_fail (sim->world, "%s: a call was cancelled twice, or not at all", held->server->name);
    held->is_cancelled = true;
    if (sim_chance (sim->world, 50))
        s_end (held);
}

static void s_take_close (reqrep_work_t *held)
{
    reqrep_sim_t *sim = held->server->sim;
    sim->counts[REQREP_WATCHED_CLOSE]++;
    if (sim_chance (sim->world, 20))
        s_reply (held);
    s_let_go (held);
}

static void s_watch (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    reqrep_work_t *held = (reqrep_work_t *) context;
    sim_world_t *world = held->server->sim->world;
    if (held->call != call) {
        sim_fail (world, "%s: a watcher was told of an answered call", held->server->name);
        return;
    }
    if (event != ZLOOM_CALL_CLOSED && sim_chance (world, 10))
        s_answer_another (held);
    switch (event) {
    case ZLOOM_CALL_CREDIT:
        s_take_credit (held);
        break;
    case ZLOOM_CALL_CANCELLED:
        s_take_cancel (held);
        break;
    case ZLOOM_CALL_CLOSED:
    default:
        s_take_close (held);
        break;
    }
}

static zloom_code_t s_defer (const reqrep_work_t *work)
{
    reqrep_server_t *self = work->server;
    reqrep_work_t *held = s_find_free (self);
    *held = *work;
    self->held_count++;
    zloom_code_t code = zloom_call_defer (work->call, s_watch, held);
    if (code)
        s_let_go (held);
    if (code && !self->sim->is_lean)
        sim_fail (self->sim->world, "%s: a call cannot be deferred", self->name);
    return code;
}

//  Handlers.

//  A handler runs: read what it was given, and hold it against what was sent.
static zloom_code_t s_begin (reqrep_work_t *work, zloom_call_t *call, void *context)
{
    *work = (reqrep_work_t){.server = (reqrep_server_t *) context, .call = call};
    reqrep_server_t *self = work->server;
    reqrep_sim_t *sim = self->sim;
    const void *padding = NULL;
    size_t size = 0;
    zloom_code_t code = zloom_call_args (call, "UUb", &work->nonce, &work->items, &padding, &size);
    if (!code && !sim->is_corrupt && !reqrep_is_padding (zloom_bytes (padding, size)))
        sim_fail (sim->world, "%s: bytes of the arguments are wrong", self->name);
    if (code) {
        if (!sim->is_corrupt && !sim->is_lean)
            sim_fail (sim->world, "%s: the arguments did not come as they were sent", self->name);
        return code;
    }
    sim_trace (sim->world, "%s: handles the call with nonce %llu (%s)", self->name,
               (unsigned long long) work->nonce, zloom_call_method (call));
    //  Corruption may have made it a large number.
    work->items = zloom_call_takes_items (call) ? work->items % (REQREP_ITEMS_MAX + 1) : 0;
    work->shadow = reqrep_call_find (sim, work->nonce);
    if (work->shadow)
        reqrep_call_executed (work->shadow, self, call);
    else if (!sim->is_corrupt)
        sim_fail (sim->world, "%s: a request came that nobody sent", self->name);
    sim->counts[REQREP_WORKED] += self->options.workers > 0;
    return ZLOOM_OK;
}

static zloom_code_t s_echo (zloom_call_t *call, void *context)
{
    reqrep_work_t work;
    zloom_code_t code = s_begin (&work, call, context);
    if (code)
        return code;
    reqrep_sim_t *sim = work.server->sim;
    if (s_reply (&work) && sim_chance (sim->world, 5)) {
        sim->counts[REQREP_ANSWER_TWICE]++;
        if (zloom_call_reply (call, "U", work.nonce) == ZLOOM_OK)
            sim_fail (sim->world, "%s: a call was answered twice", work.server->name);
    }
    return ZLOOM_OK;
}

static zloom_code_t s_fails (zloom_call_t *call, void *context)
{
    reqrep_work_t work;
    zloom_code_t code = s_begin (&work, call, context);
    return code ? code : s_fail (&work);
}

static zloom_code_t s_mute (zloom_call_t *call, void *context)
{
    reqrep_work_t work;
    return s_begin (&work, call, context);
}

//  Send a stream from the handler itself, which waits for credit and room. The
//  world goes on around it.
static zloom_code_t s_stream_inline (reqrep_work_t *work)
{
    work->server->sim->counts[REQREP_INLINE]++;
    while (work->items > 0) {
        zloom_code_t code = s_send_item (work);
        if (code) {
            s_note_answer (work, code);
            return code;
        }
    }
    s_reply (work);
    return ZLOOM_OK;
}

//  Answers later, where that is possible: not in a worker.
static zloom_code_t s_later (zloom_call_t *call, void *context)
{
    reqrep_work_t work;
    zloom_code_t code = s_begin (&work, call, context);
    if (code)
        return code;
    sim_world_t *world = work.server->sim->world;
    if (work.server->options.workers > 0) {
        s_reply (&work);
        return ZLOOM_OK;
    }
    bool waits = work.items > 0 && !world->is_waited_in && sim_chance (world, 30);
    return waits ? s_stream_inline (&work) : s_defer (&work);
}

static zloom_code_t s_picky (zloom_call_t *call, void *context)
{
    reqrep_server_t *self = (reqrep_server_t *) context;
    if (!self->sim->is_corrupt)
        sim_fail (self->sim->world, "%s: a handler got arguments that do not fit", self->name);
    return zloom_call_reply (call, "");
}

static void s_add_handlers (reqrep_server_t *self)
{
    const struct {
        reqrep_kind_t kind;
        const char *signature;
        zloom_handler_fn *handler;
    } methods[] = {
        {REQREP_KIND_ECHO, NULL, s_echo},    {REQREP_KIND_FAIL, NULL, s_fails},
        {REQREP_KIND_MUTE, NULL, s_mute},    {REQREP_KIND_LATER, NULL, s_later},
        {REQREP_KIND_STREAM, NULL, s_later}, {REQREP_KIND_PICKY, "(number: int) -> nil", s_picky},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        zloom_code_t code;
        do
            code = zloom_server_handle (self->object, reqrep_kind_method (methods[i].kind),
                                        methods[i].signature, NULL, methods[i].handler, self);
        while (code == ZLOOM_RESOURCE_EXHAUSTED && self->sim->is_lean);
        if (code)
            sim_fail (self->sim->world, "%s: %s", self->name,
                      zloom_server_last_error (self->object)->text);
    }
}

//  Running.

static void s_process (void *owner)
{
    reqrep_server_t *self = (reqrep_server_t *) owner;
    zloom_code_t code = zloom_server_process (self->object, 0);
    if (code)
        sim_fail (self->sim->world, "%s cannot process: %s", self->name,
                  zloom_server_last_error (self->object)->text);
    reqrep_server_check (self);
}

//  Go on with one of the deferred calls.
static void s_act (sim_event_t *act)
{
    reqrep_server_t *self = sim_event_owner (act, reqrep_server_t, act);
    sim_world_t *world = self->sim->world;
    if (!self->object)
        return;
    if (sim_host_is_busy (self->port)) {
        sim_event_plan_in (act, self->sim->pace);
        return;
    }
    reqrep_work_t *held = s_pick_held (self);
    if (held && s_stream (held))
        s_end (held);
    reqrep_server_check (self);
    sim_event_plan_in (act, sim_spread (world, 10 * ZLOOM_USEC, 2 * self->sim->pace));
}

//  Beginning and end.

static zloom_server_options_t s_draw_server (reqrep_sim_t *sim)
{
    sim_world_t *world = sim->world;
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.workers = sim_chance (world, 25) ? (uint32_t) sim_between (world, 1, 4) : 0;
    options.max_pending = (uint32_t) sim_spread (world, 1, REQREP_HELD_MAX);
    if (sim->has_weather && sim_chance (world, 20))
        options.max_pending_bytes = (uint32_t) sim_spread (world, 5000, 50000);
    if (sim->is_tight)
        options.limits.max_size = (uint32_t) sim_spread (world, 300, 5000);
    if (sim->is_corrupt || sim_chance (world, 20))
        options.max_timeout_ms = (uint32_t) sim_spread (world, 5, 100);
    return options;
}

void reqrep_server_init (reqrep_server_t *self, reqrep_sim_t *sim, unsigned number)
{
    *self = (reqrep_server_t){.sim = sim, .options = s_draw_server (sim)};
    snprintf (self->name, sizeof self->name, "server %u", number);
    self->place = number;
    snprintf (self->endpoint, sizeof self->endpoint, "tcp://127.0.0.1:%u", 20000 + number);
    sim->network->ops->add_place (sim->network, self->endpoint);
    sim_event_init (&self->act, sim->world, s_act);
}

void reqrep_server_open (reqrep_server_t *self)
{
    reqrep_sim_t *sim = self->sim;
    if (self->object)
        return;
    sim_trace (sim->world, "%s: starts", self->name);
    self->is_draining = false;
    self->for_nobody = 0;
    zloom_error_t error;
    do {
        self->port = sim->network->ops->new_host (sim->network, self->name, self->options.workers,
                                                  s_process, self);
        self->object =
            zloom__server_new_over (&self->port->base, self->endpoint, &self->options, &error);
    } while (!self->object && sim->is_lean && error.reason == ZLOOM_REASON_NO_MEMORY);
    if (!self->object) {
        sim_fail (sim->world, "%s cannot be made: %s", self->name, error.text);
        return;
    }
    s_add_handlers (self);
    zloom_server_descriptor (self->object);
    sim_event_plan_in (&self->act, sim->pace);
}

static void s_note_stats (reqrep_server_t *self)
{
    zloom_server_stats_t stats;
    zloom_server_stats (self->object, &stats);
    uint64_t *counts = self->sim->counts;
    counts[REQREP_EXPIRED] += stats.expired;
    counts[REQREP_ENDED_BY_CALLER] += stats.cancelled;
    counts[REQREP_REFUSED] += stats.refused;
    counts[REQREP_UNDELIVERABLE] += stats.undeliverable;
    counts[REQREP_SERVER_MALFORMED] += stats.malformed;
    if (stats.malformed && !self->sim->is_corrupt && !self->sim->is_tight)
        sim_fail (self->sim->world, "%s: %llu messages were malformed", self->name,
                  (unsigned long long) stats.malformed);
}

void reqrep_server_close (reqrep_server_t *self, bool in_peace)
{
    if (!self->object)
        return;
    sim_trace (self->sim->world, "%s: %s", self->name, in_peace ? "closes" : "crashes");
    s_note_stats (self);
    if (!in_peace)
        sim_host_crash (self->port);
    zloom_server_destroy (&self->object);
    self->port = NULL;
    sim_event_cancel (&self->act);
    if (self->held_count > 0)
        sim_fail (self->sim->world, "%s: %u watchers were not told that it ends", self->name,
                  self->held_count);
}

void reqrep_server_drain (reqrep_server_t *self)
{
    if (!self->object || self->is_draining)
        return;
    sim_trace (self->sim->world, "%s: drains", self->name);
    self->is_draining = true;
    zloom_server_drain (self->object);
}
