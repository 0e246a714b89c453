#include "sim/reqrep_sim.h"

#include "data/codec_internal.h"

//  A timer fires at most a tick late (policy/wheel_internal.h), and its turn a
//  moment after that.
#define GRACE (1200 * ZLOOM_USEC)

//  What may pass until a process has dealt with news, beside the way.
#define SLACK (20 * ZLOOM_MSEC)

typedef struct {
    const char *method;
    const char *outcomes;
} kind_t;

static const kind_t s_kinds[] = {
#define X(name, method, outcomes) {method, outcomes},
    SIM_KIND_MAP (X)
#undef X
};

const char *sim_kind_method (sim_kind_t kind)
{
    return s_kinds[kind].method;
}

char sim_kind_allows (sim_kind_t kind, sim_outcome_t outcome)
{
    return s_kinds[kind].outcomes[outcome];
}

//  The world's numbers of calls differ from every other world's.
static uint64_t s_first_nonce (const sim_reqrep_t *sim)
{
    return (sim->world->seed + 1) * SIM_CALLS_MAX;
}

sim_call_t *sim_call_new (sim_client_t *client, sim_kind_t kind, uint32_t timeout_ms)
{
    sim_reqrep_t *sim = client->sim;
    if (sim->call_count == SIM_CALLS_MAX)
        return NULL;
    sim_call_t *self = &sim->calls[sim->call_count];
    *self = (sim_call_t){.nonce = s_first_nonce (sim) + sim->call_count,
                         .client = client,
                         .kind = kind,
                         .incarnation = client->incarnation,
                         .begun = sim->world->now,
                         .starved_at = ZLOOM_NEVER,
                         .deadline = sim->world->now + timeout_ms * ZLOOM_MSEC};
    sim->call_count++;
    return self;
}

sim_call_t *sim_call_find (sim_reqrep_t *sim, uint64_t nonce)
{
    uint64_t index = nonce - s_first_nonce (sim);
    return index < sim->call_count ? &sim->calls[index] : NULL;
}

//  Outstanding calls of a client.

static void s_find_earliest (sim_client_t *client)
{
    client->earliest = ZLOOM_NEVER;
    for (unsigned i = 0; i < client->count; i++)
        client->earliest = zloom_time_min (client->earliest, client->outstanding[i]->deadline);
}

static void s_add (sim_client_t *client, sim_call_t *call)
{
    client->outstanding[client->count++] = call;
    client->earliest = zloom_time_min (client->earliest, call->deadline);
}

static void s_remove (sim_client_t *client, const sim_call_t *call)
{
    unsigned i = 0;
    while (i < client->count && client->outstanding[i] != call)
        i++;
    if (i < client->count)
        client->outstanding[i] = client->outstanding[--client->count];
    if (call->deadline == client->earliest)
        s_find_earliest (client);
}

static void s_begin (sim_call_t *self)
{
    self->has_begun = true;
    self->client->expected.calls++;
}

//  Whether the client's table, with some greetings of its own, or what may wait
//  for a connection can be full.
static bool s_may_be_full (const sim_client_t *client)
{
    zloom_client_stats_t stats;
    zloom_client_stats (client->object, &stats);
    return client->count + SIM_SERVERS_MAX >= client->options.max_outstanding || stats.unsent > 0
           || client->options.max_unsent_bytes < SIM_REQUEST_MAX;
}

//  Nothing was begun, and that must be for a reason that is known.
static void s_check_refusal (const sim_client_t *client)
{
    sim_reqrep_t *sim = client->sim;
    zloom_reason_t reason = zloom_client_last_error (client->object)->reason;
    if (reason == ZLOOM_REASON_QUEUE_FULL && s_may_be_full (client))
        sim->counts[SIM_REQREP_START_FULL]++;
    else if (reason == ZLOOM_REASON_OVERSIZE && sim->is_tight)
        sim->counts[SIM_REQREP_START_OVERSIZE]++;
    else if (reason == ZLOOM_REASON_NO_MEMORY && sim->is_lean)
        sim->counts[SIM_REQREP_START_NO_MEMORY]++;
    else
        sim_fail (sim->world, "%s cannot start a call: %s", client->name,
                  zloom_client_last_error (client->object)->text);
}

void sim_call_started (sim_call_t *self, zloom_code_t code)
{
    sim_client_t *client = self->client;
    if (code) {
        s_check_refusal (client);
        return;
    }
    zloom_client_stats_t stats;
    zloom_client_stats (client->object, &stats);
    self->was_alone = stats.present == 0;
    self->connects = stats.connects;
    s_begin (self);
    if (client->count == client->options.max_outstanding)
        sim_fail (client->sim->world, "%s has more calls outstanding than may be", client->name);
    else
        s_add (client, self);
}

//  How calls end.

static sim_outcome_t s_outcome (const zloom_error_t *error)
{
    switch ((int) error->reason) {
    case ZLOOM_REASON_NONE:
        return SIM_OUTCOME_OK;
    case ZLOOM_REASON_HANDLER:
        return SIM_OUTCOME_HANDLER;
    case ZLOOM_REASON_UNKNOWN_METHOD:
        return SIM_OUTCOME_UNKNOWN_METHOD;
    case ZLOOM_REASON_BAD_PARAMS:
        return SIM_OUTCOME_BAD_PARAMS;
    case ZLOOM_REASON_NO_ANSWER:
        return SIM_OUTCOME_NO_ANSWER;
    case ZLOOM_REASON_QUEUE_FULL:
        return SIM_OUTCOME_REFUSED;
    case ZLOOM_REASON_DRAINING:
        return SIM_OUTCOME_DRAINING;
    case ZLOOM_REASON_EXPIRED:
        return SIM_OUTCOME_EXPIRED;
    case ZLOOM_REASON_DEADLINE:
        return SIM_OUTCOME_DEADLINE;
    case ZLOOM_REASON_CONNECTION_LOST:
        return SIM_OUTCOME_LOST;
    case ZLOOM_REASON_NO_PEER:
        return SIM_OUTCOME_NO_PEER;
    case ZLOOM_REASON_WRONG_PEER:
        return SIM_OUTCOME_WRONG_PEER;
    case ZLOOM_REASON_AUTHENTICATION:
        return SIM_OUTCOME_AUTHENTICATION;
    case ZLOOM_REASON_CALL_CANCELLED:
        return SIM_OUTCOME_CANCELLED;
    case ZLOOM_REASON_CLOSED:
        return SIM_OUTCOME_CLOSED;
    case ZLOOM_REASON_OVERSIZE:
        return SIM_OUTCOME_OVERSIZE;
    case ZLOOM_REASON_NO_MEMORY:
        return SIM_OUTCOME_NO_MEMORY;
    case ZLOOM_REASON_MALFORMED:
        return SIM_OUTCOME_MALFORMED;
    default:
        return SIM_OUTCOME_OTHER;
    }
}

//  A deadline may be missed only by a process that could not run.
static bool s_is_overdue (const sim_client_t *client, zloom_time_t deadline)
{
    zloom_time_t now = client->sim->world->now;
    return now - GRACE > deadline && now > client->port->paused_until + GRACE;
}

//  How a call ended, be it told to a callback or to a function that waited.
typedef struct {
    zloom_error_t error;  //  NONE where it has a result
    zloom_bytes_t value;
    zloom_bytes_t data;
} end_t;

//  Whether the nonce of a call is in a packed value, from byte `at` on.
static bool s_has_nonce (const sim_call_t *call, zloom_bytes_t value, size_t at)
{
    uint8_t nonce[ZLOOM__HEAD_MAX];
    size_t size = (size_t) (zloom__write_uint (nonce, call->nonce) - nonce);
    return value.size >= at + size && memcmp (value.data + at, nonce, size) == 0;
}

//  Whether the result or error is what the handler of this very call gave.
static bool s_is_own_answer (const sim_call_t *self, sim_outcome_t outcome, const end_t *end)
{
    switch (outcome) {
    case SIM_OUTCOME_OK:
        return self->kind == SIM_KIND_PING
               || (self->is_answered && self->answer == ZLOOM_OK
                   && s_has_nonce (self, end->value, 1));
    case SIM_OUTCOME_HANDLER:
        //  Functions that wait do not hand out the data of an error.
        return self->is_answered && self->answer == end->error.code
               && (self->is_waited || self->client->sim->is_lean
                   || s_has_nonce (self, end->data, 0));
    case SIM_OUTCOME_NO_ANSWER:
        return self->executions == 1;
    case SIM_OUTCOME_UNKNOWN_METHOD:
    case SIM_OUTCOME_BAD_PARAMS:
    case SIM_OUTCOME_REFUSED:
    case SIM_OUTCOME_DRAINING:
    case SIM_OUTCOME_EXPIRED:
        return self->executions == 0;
    case SIM_OUTCOME_DEADLINE:
    case SIM_OUTCOME_LOST:
    case SIM_OUTCOME_NO_PEER:
    case SIM_OUTCOME_WRONG_PEER:
    case SIM_OUTCOME_AUTHENTICATION:
    case SIM_OUTCOME_CANCELLED:
    case SIM_OUTCOME_CLOSED:
    case SIM_OUTCOME_OVERSIZE:
    case SIM_OUTCOME_NO_MEMORY:
    case SIM_OUTCOME_MALFORMED:
    case SIM_OUTCOME_OTHER:
    case SIM_OUTCOMES:
    default:
        return true;
    }
}

//  In a world without weather nothing is lost, and nobody is away.
static bool s_needs_weather (sim_outcome_t outcome)
{
    return outcome == SIM_OUTCOME_LOST || outcome == SIM_OUTCOME_WRONG_PEER
           || outcome == SIM_OUTCOME_AUTHENTICATION || outcome == SIM_OUTCOME_DRAINING;
}

//  Whether nobody has been there since the call was started.
static bool s_is_alone (const sim_call_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->client->object, &stats);
    return self->was_alone && stats.connects == self->connects;
}

//  Nobody there: that is found out in the time that was given for it, neither
//  sooner nor later.
static void s_check_patience (const sim_call_t *self, sim_outcome_t outcome)
{
    const sim_client_t *client = self->client;
    sim_world_t *world = client->sim->world;
    zloom_time_t patience = client->options.connect_timeout_ms * ZLOOM_MSEC;
    zloom_time_t until = zloom_time_min (self->begun + patience, self->deadline);
    if (outcome == SIM_OUTCOME_NO_PEER && world->now < until)
        sim_fail (world, "%s: a call ended with 'no peer' %.3f ms too early", client->name,
                  (double) (until - world->now) / ZLOOM_MSEC);
    else if (s_is_alone (self) && s_is_overdue (client, until))
        sim_fail (world, "%s: nobody was there, and a call learnt it %.3f ms too late",
                  client->name, (double) (world->now - until) / ZLOOM_MSEC);
}

//  Whether something has lasted longer, in a world without weather, than news
//  take to get to the other side and back.
static bool s_lasts_too_long (const sim_reqrep_t *sim, zloom_time_t since)
{
    zloom_time_t way = sim->net.climate.latency + sim->net.climate.jitter;
    return !sim->has_weather && sim->world->now - 4 * way - SLACK > since;
}

//  A stream whose items have all been taken goes on.
static void s_check_credit (const sim_call_t *self)
{
    sim_reqrep_t *sim = self->client->sim;
    if (self->sent == self->seen && s_lasts_too_long (sim, self->starved_at))
        sim_fail (sim->world, "a stream waited in vain for credit, for %.3f ms",
                  (double) (sim->world->now - self->starved_at) / ZLOOM_MSEC);
}

static bool s_may_end_with (const sim_call_t *self, sim_outcome_t outcome)
{
    const sim_reqrep_t *sim = self->client->sim;
    if (outcome == SIM_OUTCOME_OVERSIZE)
        return sim->is_tight;
    if (outcome == SIM_OUTCOME_NO_MEMORY)
        return sim->is_lean;
    //  A handler that has no memory for an answer, or for its arguments.
    if (sim->is_lean && (outcome == SIM_OUTCOME_NO_ANSWER || outcome == SIM_OUTCOME_HANDLER))
        return true;
    return sim_kind_allows (self->kind, outcome) != ' ';
}

static void s_check_outcome (const sim_call_t *self, sim_outcome_t outcome, const end_t *end)
{
    sim_reqrep_t *sim = self->client->sim;
    const char *method = sim_kind_method (self->kind);
    if (!s_may_end_with (self, outcome))
        sim_fail (sim->world, "a call of '%s' ended with '%s'", method, end->error.text);
    else if (!sim->has_weather && s_needs_weather (outcome))
        sim_fail (sim->world, "a call ended with '%s' though the network is well", end->error.text);
    else if (!s_is_own_answer (self, outcome, end))
        sim_fail (sim->world, "a call of '%s' got an answer that is not its own: %s", method,
                  end->error.reason ? end->error.text : "a result");
    else if (outcome == SIM_OUTCOME_OK && self->seen != self->sent)
        sim_fail (sim->world, "a stream ended after %u of %u items", self->seen, self->sent);
    s_check_patience (self, outcome);
    s_check_credit (self);
}

static void s_count_end (sim_call_t *self, sim_outcome_t outcome, const zloom_error_t *error)
{
    sim_client_t *client = self->client;
    sim_reqrep_t *sim = client->sim;
    if (sim->is_corrupt)
        sim->counts[SIM_REQREP_CORRUPT_END]++;
    else
        sim->outcomes[self->kind][outcome]++;
    client->expected.ok += error->code == ZLOOM_OK;
    client->expected.failed += error->code != ZLOOM_OK;
    client->expected.deadlines += outcome == SIM_OUTCOME_DEADLINE && error->origin == ZLOOM_HERE;
    client->expected.lost += outcome == SIM_OUTCOME_LOST;
}

static void s_take_end (sim_call_t *self, const end_t *end)
{
    sim_reqrep_t *sim = self->client->sim;
    sim_outcome_t outcome = s_outcome (&end->error);
    sim_trace (sim->world, "%s: call %llu (%s) ends: %s", self->client->name,
               (unsigned long long) self->id, sim_kind_method (self->kind),
               end->error.reason ? end->error.text : "ok");
    if (!sim->is_corrupt)
        s_check_outcome (self, outcome, end);
    self->has_ended = true;
    self->outcome = outcome;
    s_remove (self->client, self);
    s_count_end (self, outcome, &end->error);
}

static void s_take_item (sim_call_t *self, zloom_code_t code, uint64_t nonce, uint64_t number)
{
    sim_reqrep_t *sim = self->client->sim;
    self->seen++;
    if (sim->is_corrupt || (sim->is_lean && code == ZLOOM_RESOURCE_EXHAUSTED))
        return;
    if (!self->is_stream)
        sim_fail (sim->world, "an item came to a call that takes none");
    else if (code || nonce != self->nonce)
        sim_fail (sim->world, "an item came to a call that it does not belong to");
    else if (number != self->seen)
        sim_fail (sim->world, "item %u came as item %u", (unsigned) number, self->seen);
}

static void s_check_going_on (const sim_call_t *self)
{
    const sim_client_t *client = self->client;
    sim_world_t *world = client->sim->world;
    if (self->has_ended || !self->has_begun)
        sim_fail (world, "news came of a call that %s",
                  self->has_ended ? "had ended" : "was being started");
    else if (s_is_overdue (client, self->deadline))
        sim_fail (world, "a call went on for %.3f ms beyond its deadline",
                  (double) (world->now - self->deadline) / ZLOOM_MSEC);
}

void sim_call_replied (sim_call_t *self, zloom_client_t *object, zloom_reply_t *reply)
{
    sim_client_t *client = self->client;
    sim_world_t *world = client->sim->world;
    s_check_going_on (self);
    if (client->is_starting)
        sim_fail (world, "a callback ran inside start");
    if (object != client->object || zloom_reply_id (reply) != self->id)
        sim_fail (world, "a callback was told another call");
    if (sim_has_failed (world))
        return;
    if (zloom_reply_is_item (reply)) {
        uint64_t nonce = 0, number = 0;
        zloom_code_t code = zloom_reply_read (reply, "[UU]", &nonce, &number);
        s_take_item (self, code, nonce, number);
        return;
    }
    const end_t end = {.error = *zloom_reply_error (reply),
                       .value = zloom_reply_bytes (reply),
                       .data = zloom_reply_error_data (reply)};
    s_take_end (self, &end);
}

void sim_call_returned (sim_call_t *self, zloom_code_t code)
{
    zloom_client_t *object = self->client->object;
    end_t end = {.value = zloom_client_result_bytes (object)};
    if (code)
        end.error = *zloom_client_last_error (object);
    s_check_going_on (self);
    if (end.error.code != code)
        sim_fail (self->client->sim->world, "a function returned %s, and its error says %s",
                  zloom_code_name (code), zloom_code_name (end.error.code));
    if (!sim_has_failed (self->client->sim->world))
        s_take_end (self, &end);
}

void sim_call_called (sim_call_t *self, zloom_code_t code)
{
    const zloom_error_t *error = zloom_client_last_error (self->client->object);
    bool was_begun =
        !code || error->origin == ZLOOM_REMOTE || error->code != ZLOOM_RESOURCE_EXHAUSTED;
    if (was_begun) {
        s_begin (self);
        sim_call_returned (self, code);
    } else
        s_check_refusal (self->client);
}

void sim_call_took_item (sim_call_t *self)
{
    uint64_t nonce = 0, number = 0;
    zloom_code_t code = zloom_client_result (self->client->object, "[UU]", &nonce, &number);
    s_check_going_on (self);
    s_take_item (self, code, nonce, number);
}

//  On the server.

//  The server's notion of the deadline lies later than the caller's by the
//  way that the request took, never before, unless its own bound is shorter.
static void s_check_deadline (const sim_call_t *self, const sim_server_t *server,
                              const zloom_call_t *call)
{
    sim_world_t *world = self->client->sim->world;
    zloom_time_t remaining = zloom_call_remaining (call);
    if (remaining == 0)
        sim_fail (world, "work was begun after its deadline");
    else if (remaining != ZLOOM_NEVER && !self->is_notification
             && self->deadline - self->begun < server->options.max_timeout_ms * ZLOOM_MSEC
             && world->now + remaining + 2 * ZLOOM_USEC < self->deadline)
        sim_fail (world, "%s: the deadline of nonce %llu is %.3f ms too early", server->name,
                  (unsigned long long) self->nonce,
                  (double) (self->deadline - world->now - remaining) / ZLOOM_MSEC);
}

void sim_call_executed (sim_call_t *self, const sim_server_t *server, zloom_call_t *call)
{
    sim_reqrep_t *sim = self->client->sim;
    zloom_bytes_t trace = zloom_call_trace (call);
    self->executions++;
    if (sim->is_corrupt)
        return;
    if (self->executions > 1)
        sim_fail (sim->world, "a request was executed twice");
    else if (strcmp (zloom_call_method (call), sim_kind_method (self->kind)) != 0)
        sim_fail (sim->world, "a call of '%s' came to '%s'", sim_kind_method (self->kind),
                  zloom_call_method (call));
    else if (zloom_call_is_notification (call) != self->is_notification)
        sim_fail (sim->world, "a call came as a notification, or the reverse");
    else if (zloom_call_takes_items (call) && !self->is_stream)
        sim_fail (sim->world, "a call takes items that did not ask for them");
    else if (trace.size && !zloom_bytes_equal (trace, zloom_bytes_str (SIM_TRACEPARENT)))
        sim_fail (sim->world, "a trace context did not come as it was sent");
    else
        s_check_deadline (self, server, call);
    sim->counts[SIM_REQREP_NOTIFY_EXECUTED] += self->is_notification;
}

void sim_call_sent_item (sim_call_t *self)
{
    sim_client_t *client = self->client;
    self->sent++;
    client->sim->counts[SIM_REQREP_ITEM]++;
    if (!client->sim->is_corrupt && !self->has_ended
        && self->sent - self->seen > client->options.stream_credit)
        sim_fail (client->sim->world, "%u items are under way, %u may be", self->sent - self->seen,
                  client->options.stream_credit);
}

void sim_call_answered (sim_call_t *self, zloom_code_t code)
{
    self->is_answered = true;
    self->answer = code;
}

//  Between events.

void sim_client_check (sim_client_t *self)
{
    if (self->object && s_is_overdue (self, self->earliest))
        sim_fail (self->sim->world, "%s has a call that should have ended %.3f ms ago", self->name,
                  (double) (self->sim->world->now - self->earliest) / ZLOOM_MSEC);
}

//  Calls that wait are sent as soon as a link has room, unless its server is
//  silent.
static void s_check_waiting (sim_client_t *self, const zloom_client_stats_t *stats)
{
    sim_reqrep_t *sim = self->sim;
    if (stats->unsent == 0 || self->options.beat_ms || !sim_port_has_room (self->port))
        self->stuck_at = ZLOOM_NEVER;
    else
        self->stuck_at = zloom_time_min (self->stuck_at, sim->world->now);
    if (s_lasts_too_long (sim, self->stuck_at))
        sim_fail (sim->world, "%s: calls wait though there is room", self->name);
}

void sim_client_check_stats (sim_client_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->object, &stats);
    const zloom_client_stats_t *expected = &self->expected;
    const struct {
        const char *name;
        uint64_t is, should_be;
    } counters[] = {
        {"calls", stats.calls, expected->calls},
        {"ok", stats.ok, expected->ok},
        {"failed", stats.failed, expected->failed},
        {"deadlines", stats.deadlines, expected->deadlines},
        {"lost", stats.lost, expected->lost},
        {"notifications", stats.notifications, expected->notifications},
        {"outstanding", stats.outstanding, self->count},
        {"present", stats.present, stats.connects - stats.disconnects},
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        if (counters[i].is != counters[i].should_be)
            sim_fail (self->sim->world, "%s: counter '%s' is %llu and should be %llu", self->name,
                      counters[i].name, (unsigned long long) counters[i].is,
                      (unsigned long long) counters[i].should_be);
    if (stats.unsent > stats.outstanding)
        sim_fail (self->sim->world, "%s: more is unsent than outstanding", self->name);
    else if (stats.present == 0 && stats.unsent < stats.outstanding)
        sim_fail (self->sim->world, "%s: calls go on though their connection is lost", self->name);
    s_check_waiting (self, &stats);
}

//  Where nothing breaks and no bound of bytes is tight, only those answers are
//  not sent that nobody waits for.
static void s_check_undeliverable (const sim_server_t *self, const zloom_server_stats_t *stats)
{
    bool is_well = !self->sim->has_weather && self->options.workers == 0
                   && self->options.max_pending_bytes > SIM_HELD_MAX * SIM_REQUEST_MAX;
    if (is_well && stats->undeliverable != self->for_nobody)
        sim_fail (self->sim->world, "%s: %llu answers were not sent, and %llu had no taker",
                  self->name, (unsigned long long) stats->undeliverable,
                  (unsigned long long) self->for_nobody);
}

void sim_server_check (sim_server_t *self)
{
    zloom_server_stats_t stats;
    zloom_server_stats (self->object, &stats);
    uint64_t came = stats.requests + stats.notifications;
    uint64_t done = stats.ok + stats.failed + stats.refused;
    uint64_t left = stats.pending + stats.expired + stats.cancelled;
    if (stats.pending > self->options.max_pending
        || stats.max_pending_seen > self->options.max_pending)
        sim_fail (self->sim->world, "%s: %u calls are pending, %u may be", self->name,
                  stats.pending, self->options.max_pending);
    else if (stats.pending < self->held_count)
        sim_fail (self->sim->world, "%s: %u calls are held, and %u pending", self->name,
                  self->held_count, stats.pending);
    else if (done > came || done + left < came)
        sim_fail (self->sim->world,
                  "%s: %llu requests came, %llu were answered, %llu wait or are given up",
                  self->name, (unsigned long long) came, (unsigned long long) done,
                  (unsigned long long) left);
    s_check_undeliverable (self, &stats);
}
