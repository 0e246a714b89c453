#include "sim/reqrep_sim.h"

#include <stdio.h>

static const uint8_t s_zeroes[4096];

//  Deferred calls.

static sim_held_t *s_find_free (sim_server_t *self)
{
    for (unsigned i = 0; i < SIM_HELD_MAX; i++)
        if (!self->held[i].call)
            return &self->held[i];
    return NULL;
}

//  Any of the calls that are held; NULL = there is none.
static sim_held_t *s_pick_held (sim_server_t *self)
{
    if (self->held_count == 0)
        return NULL;
    sim_held_t *held = &self->held[sim_between (self->sim->world, 0, SIM_HELD_MAX - 1)];
    while (!held->call)
        held = held == &self->held[SIM_HELD_MAX - 1] ? self->held : held + 1;
    return held;
}

static void s_let_go (sim_held_t *held)
{
    if (held->shadow)
        held->shadow->starved_at = ZLOOM_NEVER;
    held->call = NULL;
    held->server->held_count--;
}

//  Answers.

//  The handler of a call is about to answer.
static void s_note_answer (sim_server_t *self, const zloom_call_t *call, sim_call_t *shadow,
                           zloom_code_t code)
{
    if (shadow)
        sim_call_answered (shadow, code);
    self->for_nobody += zloom_call_cancelled (call) && !zloom_call_is_notification (call);
}

//  Answer with a result. False: there is no memory for it, and the call goes on.
static bool s_reply (sim_server_t *self, zloom_call_t *call, sim_call_t *shadow, uint64_t nonce)
{
    sim_reqrep_t *sim = self->sim;
    s_note_answer (self, call, shadow, ZLOOM_OK);
    size_t padding = (size_t) sim_spread (sim->world, 0, sim_chance (sim->world, 10) ? 4096 : 64);
    zloom_code_t code = zloom_call_reply (call, "[Ub]", nonce, s_zeroes, padding);
    if (code && !sim->is_tight && !sim->is_lean)
        sim_fail (sim->world, "%s: an answer was refused: %s", self->name, zloom_code_name (code));
    if (!code || !sim->is_lean)
        return true;
    sim->counts[SIM_REQREP_ANSWER_NO_MEMORY]++;
    return false;
}

//  Any code of a handler's own; the nonce goes along as data.
static zloom_code_t s_fail (sim_server_t *self, zloom_call_t *call, sim_call_t *shadow,
                            uint64_t nonce)
{
    static const zloom_code_t codes[] = {ZLOOM_NOT_FOUND, ZLOOM_ABORTED, ZLOOM_OUT_OF_RANGE,
                                         ZLOOM_UNAVAILABLE};
    zloom_code_t code = codes[sim_between (self->sim->world, 0, 3)];
    s_note_answer (self, call, shadow, code);
    zloom_buffer_t data = {0};
    zloom_pack (&data, NULL, "U", nonce);
    zloom_call_fail_data (call, code, zloom_buffer_bytes (&data), "call %llu failed",
                          (unsigned long long) nonce);
    zloom_buffer_clear (&data);
    return code;
}

//  End a deferred call, now and then with an error.
static void s_end (sim_held_t *held)
{
    sim_server_t *self = held->server;
    sim_reqrep_t *sim = self->sim;
    zloom_call_t *call = held->call;
    sim_trace (sim->world, "%s: answers the call with nonce %llu%s", self->name,
               (unsigned long long) held->nonce, held->is_cancelled ? ", for nobody" : "");
    sim->counts[SIM_REQREP_ANSWER_CANCELLED] += held->is_cancelled;
    if (sim_chance (sim->world, 20))
        s_fail (self, call, held->shadow, held->nonce);
    else if (!s_reply (self, call, held->shadow, held->nonce))
        return;
    s_let_go (held);
}

//  Send items while there is credit. False: the stream goes on later.
static bool s_stream (sim_held_t *held)
{
    sim_server_t *self = held->server;
    sim_reqrep_t *sim = self->sim;
    while (held->items > 0 && sim_chance (sim->world, 90)) {
        zloom_code_t code = zloom_call_item (held->call, "[UU]", held->nonce, held->number + 1);
        if (code == ZLOOM_RESOURCE_EXHAUSTED) {
            sim->counts[SIM_REQREP_NO_CREDIT]++;
            if (held->shadow)
                held->shadow->starved_at = sim->world->now;
            return false;
        }
        if (code) {
            //  Cancelled, expired, or a caller that takes no items.
            held->items = 0;
            break;
        }
        held->number++;
        held->items--;
        if (held->shadow)
            sim_call_sent_item (held->shadow);
    }
    return held->items == 0;
}

//  A watcher may see to other calls than its own.
static void s_answer_another (const sim_held_t *held)
{
    sim_held_t *other = s_pick_held (held->server);
    if (other == held)
        return;
    held->server->sim->counts[SIM_REQREP_ANSWER_OTHER]++;
    s_end (other);
}

//  Why nobody waits any more.
static void s_count_end (const sim_held_t *held)
{
    sim_reqrep_t *sim = held->server->sim;
    const sim_call_t *shadow = held->shadow;
    if (!shadow || sim->world->now >= shadow->deadline)
        sim->counts[SIM_REQREP_WATCHED_DEADLINE]++;
    else if (shadow->has_ended && shadow->outcome == SIM_OUTCOME_CANCELLED)
        sim->counts[SIM_REQREP_WATCHED_CANCEL]++;
    else
        sim->counts[SIM_REQREP_WATCHED_LOSS]++;
}

static void s_watch (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    sim_held_t *held = (sim_held_t *) context;
    sim_server_t *self = held->server;
    sim_reqrep_t *sim = self->sim;
    if (held->call != call) {
        sim_fail (sim->world, "%s: a watcher was told of a call that is answered", self->name);
        return;
    }
    if (event != ZLOOM_CALL_CLOSED && sim_chance (sim->world, 10))
        s_answer_another (held);
    switch (event) {
    case ZLOOM_CALL_CREDIT:
        sim->counts[SIM_REQREP_CREDIT]++;
        if (held->shadow)
            held->shadow->starved_at = ZLOOM_NEVER;
        if (sim_chance (sim->world, 50) && s_stream (held))
            s_end (held);
        break;
    case ZLOOM_CALL_CANCELLED:
        s_count_end (held);
        if (held->is_cancelled || !zloom_call_cancelled (call))
            sim_fail (sim->world, "%s: a call was cancelled twice, or not at all", self->name);
        held->is_cancelled = true;
        if (held->shadow)
            held->shadow->starved_at = ZLOOM_NEVER;
        if (sim_chance (sim->world, 50))
            s_end (held);
        break;
    case ZLOOM_CALL_CLOSED:
        sim->counts[SIM_REQREP_WATCHED_CLOSE]++;
        s_let_go (held);
        break;
    default:
        break;
    }
}

static zloom_code_t s_defer (sim_server_t *self, zloom_call_t *call, sim_call_t *shadow,
                             uint64_t nonce, uint64_t items)
{
    sim_held_t *held = s_find_free (self);
    *held = (sim_held_t){.server = self,
                         .call = call,
                         .shadow = shadow,
                         .nonce = nonce,
                         .items = zloom_call_takes_items (call) ? items : 0};
    self->held_count++;
    zloom_code_t code = zloom_call_defer (call, s_watch, held);
    if (code)
        s_let_go (held);
    if (code && !self->sim->is_lean)
        sim_fail (self->sim->world, "%s: a call cannot be deferred", self->name);
    return code;
}

//  Handlers.

//  Note that a handler runs, and read what it was given: the nonce, and how
//  many items are wanted.
static zloom_code_t s_begin (sim_server_t *self, zloom_call_t *call, sim_call_t **ret_shadow,
                             uint64_t *ret_nonce, uint64_t *ret_items)
{
    sim_reqrep_t *sim = self->sim;
    zloom_bytes_t padding;
    zloom_code_t code = zloom_call_args (call, "UUv", ret_nonce, ret_items, &padding);
    if (code) {
        if (!sim->is_corrupt && !sim->is_lean)
            sim_fail (sim->world, "%s: the arguments did not come as they were sent", self->name);
        return code;
    }
    *ret_items %= SIM_ITEMS_MAX + 1;  //  It may have been corrupted
    *ret_shadow = sim_call_find (sim, *ret_nonce);
    if (*ret_shadow)
        sim_call_executed (*ret_shadow, self, call);
    else if (!sim->is_corrupt)
        sim_fail (sim->world, "%s: a request came that nobody sent", self->name);
    sim_trace (sim->world, "%s: handles the call with nonce %llu (%s)", self->name,
               (unsigned long long) *ret_nonce, zloom_call_method (call));
    sim->counts[SIM_REQREP_WORKED] += self->options.workers > 0;
    return ZLOOM_OK;
}

static zloom_code_t s_echo (zloom_call_t *call, void *context)
{
    sim_server_t *self = (sim_server_t *) context;
    sim_call_t *shadow;
    uint64_t nonce, items;
    zloom_code_t code = s_begin (self, call, &shadow, &nonce, &items);
    if (code)
        return code;
    if (s_reply (self, call, shadow, nonce) && sim_chance (self->sim->world, 5)) {
        self->sim->counts[SIM_REQREP_ANSWER_TWICE]++;
        if (zloom_call_reply (call, "U", nonce) == ZLOOM_OK)
            sim_fail (self->sim->world, "%s: a call was answered twice", self->name);
    }
    return ZLOOM_OK;
}

static zloom_code_t s_fails (zloom_call_t *call, void *context)
{
    sim_server_t *self = (sim_server_t *) context;
    sim_call_t *shadow;
    uint64_t nonce, items;
    zloom_code_t code = s_begin (self, call, &shadow, &nonce, &items);
    return code ? code : s_fail (self, call, shadow, nonce);
}

static zloom_code_t s_mute (zloom_call_t *call, void *context)
{
    sim_call_t *shadow;
    uint64_t nonce, items;
    return s_begin ((sim_server_t *) context, call, &shadow, &nonce, &items);
}

//  Send a stream from the handler itself, which waits for credit and room. The
//  world goes on around it.
static zloom_code_t s_stream_inline (sim_server_t *self, zloom_call_t *call, sim_call_t *shadow,
                                     uint64_t nonce, uint64_t items)
{
    self->sim->counts[SIM_REQREP_INLINE]++;
    for (uint64_t number = 1; number <= items; number++) {
        zloom_code_t code = zloom_call_item (call, "[UU]", nonce, number);
        if (code) {
            s_note_answer (self, call, shadow, code);
            return code;
        }
        if (shadow)
            sim_call_sent_item (shadow);
    }
    s_reply (self, call, shadow, nonce);
    return ZLOOM_OK;
}

//  Answers later, where that is possible: not in a worker.
static zloom_code_t s_later (zloom_call_t *call, void *context)
{
    sim_server_t *self = (sim_server_t *) context;
    sim_call_t *shadow;
    uint64_t nonce, items;
    zloom_code_t code = s_begin (self, call, &shadow, &nonce, &items);
    if (code)
        return code;
    bool waits = zloom_call_takes_items (call) && !self->options.workers
                 && !self->sim->world->is_waited_in && sim_chance (self->sim->world, 30);
    if (waits)
        return s_stream_inline (self, call, shadow, nonce, items);
    if (self->options.workers == 0)
        return s_defer (self, call, shadow, nonce, items);
    s_reply (self, call, shadow, nonce);
    return ZLOOM_OK;
}

static zloom_code_t s_picky (zloom_call_t *call, void *context)
{
    sim_server_t *self = (sim_server_t *) context;
    if (!self->sim->is_corrupt)
        sim_fail (self->sim->world, "%s: a handler got arguments that do not fit", self->name);
    return zloom_call_reply (call, "");
}

static void s_add_handlers (sim_server_t *self)
{
    const struct {
        sim_kind_t kind;
        const char *signature;
        zloom_handler_fn *handler;
    } methods[] = {
        {SIM_KIND_ECHO, NULL, s_echo},    {SIM_KIND_FAIL, NULL, s_fails},
        {SIM_KIND_MUTE, NULL, s_mute},    {SIM_KIND_LATER, NULL, s_later},
        {SIM_KIND_STREAM, NULL, s_later}, {SIM_KIND_PICKY, "(number: int) -> nil", s_picky},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        zloom_code_t code;
        do
            code = zloom_server_handle (self->object, sim_kind_method (methods[i].kind),
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
    sim_server_t *self = (sim_server_t *) owner;
    zloom_code_t code = zloom_server_process (self->object, 0);
    if (code)
        sim_fail (self->sim->world, "%s cannot process: %s", self->name,
                  zloom_server_last_error (self->object)->text);
    sim_server_check (self);
}

//  Go on with one of the deferred calls.
static void s_act (sim_event_t *act)
{
    sim_server_t *self = (sim_server_t *) ((char *) act - offsetof (sim_server_t, act));
    sim_world_t *world = self->sim->world;
    if (!self->object)
        return;
    if (sim_port_is_busy (self->port)) {
        sim_event_plan_in (act, self->sim->pace);
        return;
    }
    sim_held_t *held = s_pick_held (self);
    if (held && s_stream (held))
        s_end (held);
    sim_server_check (self);
    sim_event_plan_in (act, sim_spread (world, 10 * ZLOOM_USEC, 2 * self->sim->pace));
}

//  Beginning and end.

static zloom_server_options_t s_draw_server (sim_reqrep_t *sim)
{
    sim_world_t *world = sim->world;
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.workers = sim_chance (world, 25) ? (uint32_t) sim_between (world, 1, 4) : 0;
    options.max_pending = (uint32_t) sim_spread (world, 1, SIM_HELD_MAX);
    if (sim_chance (world, 20))
        options.max_pending_bytes = (uint32_t) sim_spread (world, 5000, 50000);
    if (sim->is_tight)
        options.limits.max_size = (uint32_t) sim_spread (world, 300, 5000);
    if (sim->is_corrupt || sim_chance (world, 20))
        options.max_timeout_ms = (uint32_t) sim_spread (world, 5, 100);
    return options;
}

void sim_server_init (sim_server_t *self, sim_reqrep_t *sim, unsigned number)
{
    *self = (sim_server_t){.sim = sim, .options = s_draw_server (sim)};
    snprintf (self->name, sizeof self->name, "server %u", number);
    char endpoint[SIM_ENDPOINT_MAX];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", 20000 + number);
    self->place = sim_net_add_place (&sim->net, endpoint, sim_chance (sim->world, 20));
    sim_event_init (&self->act, sim->world, s_act);
}

void sim_server_open (sim_server_t *self)
{
    sim_reqrep_t *sim = self->sim;
    if (self->object)
        return;
    sim_trace (sim->world, "%s: starts", self->name);
    self->is_draining = false;
    self->for_nobody = 0;
    zloom_error_t error;
    do {
        self->port = sim_port_new (&sim->net, self->name, self->options.workers, s_process, self);
        self->object = zloom__server_new_over (&self->port->base, self->place->endpoint,
                                               &self->options, &error);
    } while (!self->object && sim->is_lean && error.reason == ZLOOM_REASON_NO_MEMORY);
    if (!self->object) {
        sim_fail (sim->world, "%s cannot be made: %s", self->name, error.text);
        return;
    }
    s_add_handlers (self);
    zloom_server_descriptor (self->object);
    sim_event_plan_in (&self->act, sim->pace);
}

static void s_note_stats (sim_server_t *self)
{
    zloom_server_stats_t stats;
    zloom_server_stats (self->object, &stats);
    uint64_t *counts = self->sim->counts;
    counts[SIM_REQREP_EXPIRED] += stats.expired;
    counts[SIM_REQREP_ENDED_BY_CALLER] += stats.cancelled;
    counts[SIM_REQREP_REFUSED] += stats.refused;
    counts[SIM_REQREP_UNDELIVERABLE] += stats.undeliverable;
    counts[SIM_REQREP_SERVER_MALFORMED] += stats.malformed;
    if (stats.malformed && !self->sim->is_corrupt && !self->sim->is_tight)
        sim_fail (self->sim->world, "%s: %llu messages were malformed", self->name,
                  (unsigned long long) stats.malformed);
}

void sim_server_close (sim_server_t *self, bool in_peace)
{
    if (!self->object)
        return;
    sim_trace (self->sim->world, "%s: %s", self->name, in_peace ? "closes" : "crashes");
    s_note_stats (self);
    if (!in_peace)
        sim_port_crash (self->port);
    zloom_server_destroy (&self->object);
    self->port = NULL;
    sim_event_cancel (&self->act);
    if (self->held_count > 0)
        sim_fail (self->sim->world, "%s: %u watchers were not told that it ends", self->name,
                  self->held_count);
}

void sim_server_drain (sim_server_t *self)
{
    if (!self->object || self->is_draining)
        return;
    sim_trace (self->sim->world, "%s: drains", self->name);
    self->is_draining = true;
    zloom_server_drain (self->object);
}
