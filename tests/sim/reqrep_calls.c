#include "sim/reqrep_sim.h"

#include "data/codec_internal.h"

typedef struct {
    const char *method;
    const char *outcomes;
} kind_t;

static const kind_t s_kinds[] = {
#define X(name, method, outcomes) {method, outcomes},
    REQREP_KIND_MAP (X)
#undef X
};

const char *reqrep_kind_method (reqrep_kind_t kind)
{
    return s_kinds[kind].method;
}

char reqrep_kind_allows (reqrep_kind_t kind, reqrep_outcome_t outcome)
{
    return s_kinds[kind].outcomes[outcome];
}

//  The world's numbers of calls differ from every other world's.
static uint64_t s_first_nonce (const reqrep_sim_t *sim)
{
    return (sim->world->seed + 1) * REQREP_CALLS_MAX;
}

reqrep_call_t *reqrep_call_new (reqrep_client_t *client, reqrep_kind_t kind, uint32_t timeout_ms)
{
    reqrep_sim_t *sim = client->sim;
    if (sim->call_count == REQREP_CALLS_MAX)
        return NULL;
    reqrep_call_t *self = &sim->calls[sim->call_count];
    *self = (reqrep_call_t){.nonce = s_first_nonce (sim) + sim->call_count,
                            .client = client,
                            .kind = kind,
                            .incarnation = client->incarnation,
                            .begun = sim->world->now,
                            .starved_at = ZLOOM_NEVER,
                            .deadline = sim->world->now + timeout_ms * ZLOOM_MSEC};
    sim->call_count++;
    return self;
}

reqrep_call_t *reqrep_call_find (reqrep_sim_t *sim, uint64_t nonce)
{
    uint64_t index = nonce - s_first_nonce (sim);
    return index < sim->call_count ? &sim->calls[index] : NULL;
}

//  Padding.

static const uint8_t *s_pattern (void)
{
    static uint8_t pattern[REQREP_PADDING_MAX];
    static bool is_made = false;
    for (size_t i = 0; !is_made && i < sizeof pattern; i++)
        pattern[i] = (uint8_t) (i * 167 + i / 256);
    is_made = true;
    return pattern;
}

zloom_bytes_t reqrep_padding (reqrep_sim_t *sim)
{
    int64_t most = sim_chance (sim->world, 10) ? sim->padding : 64;
    return zloom_bytes (s_pattern (), (size_t) sim_spread (sim->world, 0, most));
}

bool reqrep_is_padding (zloom_bytes_t bytes)
{
    return bytes.size <= REQREP_PADDING_MAX
           && (bytes.size == 0 || memcmp (bytes.data, s_pattern (), bytes.size) == 0);
}

//  Outstanding calls of a client.

static void s_find_earliest (reqrep_client_t *client)
{
    client->earliest = ZLOOM_NEVER;
    for (unsigned i = 0; i < client->count; i++)
        client->earliest = zloom_time_min (client->earliest, client->outstanding[i]->deadline);
}

static void s_add (reqrep_client_t *client, reqrep_call_t *call)
{
    client->outstanding[client->count++] = call;
    client->earliest = zloom_time_min (client->earliest, call->deadline);
}

static void s_remove (reqrep_client_t *client, const reqrep_call_t *call)
{
    unsigned i = 0;
    while (i < client->count && client->outstanding[i] != call)
        i++;
    if (i < client->count)
        client->outstanding[i] = client->outstanding[--client->count];
    if (call->deadline == client->earliest)
        s_find_earliest (client);
}

static void s_begin (reqrep_call_t *self)
{
    self->has_begun = true;
    self->client->expected.calls++;
}

void reqrep_call_started (reqrep_call_t *self, zloom_code_t code)
{
    reqrep_client_t *client = self->client;
    if (code) {
        reqrep_client_check_refusal (client);
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

static reqrep_outcome_t s_outcome (const zloom_error_t *error)
{
    static const zloom_reason_t reasons[] = {
#define X(name, reason, text) ZLOOM_REASON_##reason,
        REQREP_OUTCOME_MAP (X)
#undef X
    };
    int outcome = 0;
    while (outcome < REQREP_OUTCOME_OTHER && reasons[outcome] != error->reason)
        outcome++;
    return (reqrep_outcome_t) outcome;
}

//  How a call ended, be it told to a callback or to a function that waited.
typedef struct {
    zloom_error_t error;  //  NONE where it has a result
    zloom_bytes_t value;
    zloom_bytes_t data;
} end_t;

//  Whether the nonce of a call is in a packed value, from byte `at` on.
static bool s_has_nonce (const reqrep_call_t *call, zloom_bytes_t value, size_t at)
{
    uint8_t nonce[ZLOOM__HEAD_MAX];
    size_t size = (size_t) (zloom__write_uint (nonce, call->nonce) - nonce);
    return value.size >= at + size && memcmp (value.data + at, nonce, size) == 0;
}

//  Whether the result of a call is its nonce and padding.
static bool s_is_result (const reqrep_call_t *call, zloom_bytes_t value)
{
    uint64_t nonce = 0;
    const void *data = NULL;
    size_t size = 0;
    zloom_buffer_t scratch = {0};
    zloom_code_t code = zloom_unpack (value, &scratch, NULL, "[Ub]", &nonce, &data, &size);
    bool is_result = code ? code == ZLOOM_RESOURCE_EXHAUSTED && call->client->sim->is_lean
                          : nonce == call->nonce && reqrep_is_padding (zloom_bytes (data, size));
    zloom_buffer_clear (&scratch);
    return is_result;
}

//  Whether a handler of this very call gave the result or error.
static bool s_is_own_answer (const reqrep_call_t *self, reqrep_outcome_t outcome, const end_t *end)
{
    if (outcome == REQREP_OUTCOME_OK && self->kind == REQREP_KIND_PING)
        return true;
    if (outcome == REQREP_OUTCOME_OK)
        return self->is_answered && self->answer == ZLOOM_OK && s_is_result (self, end->value);
    if (outcome == REQREP_OUTCOME_HANDLER)
        //  Functions that wait do not hand out the data of an error.
        return self->is_answered && self->answer == end->error.code
               && (self->is_waited || self->client->sim->is_lean
                   || s_has_nonce (self, end->data, 0));
    if (outcome == REQREP_OUTCOME_NO_ANSWER)
        return self->executions == 1;
    return true;
}

//  Whether the error says that no handler has begun.
static bool s_denies_work (reqrep_outcome_t outcome)
{
    return outcome == REQREP_OUTCOME_UNKNOWN_METHOD || outcome == REQREP_OUTCOME_BAD_PARAMS
           || outcome == REQREP_OUTCOME_REFUSED || outcome == REQREP_OUTCOME_DRAINING
           || outcome == REQREP_OUTCOME_EXPIRED || outcome == REQREP_OUTCOME_NO_PEER
           || outcome == REQREP_OUTCOME_DESCRIPTORS;
}

//  In a world without weather nothing is lost, and nobody is away.
static bool s_needs_weather (reqrep_outcome_t outcome)
{
    return outcome == REQREP_OUTCOME_LOST || outcome == REQREP_OUTCOME_WRONG_PEER
           || outcome == REQREP_OUTCOME_AUTHENTICATION || outcome == REQREP_OUTCOME_DRAINING
           || outcome == REQREP_OUTCOME_DESCRIPTORS;
}

//  Whether nobody has been there since the call was started.
static bool s_is_alone (const reqrep_call_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->client->object, &stats);
    return self->was_alone && stats.connects == self->connects;
}

//  Nobody there: that is found out in the time that was given for it, neither
//  sooner nor later.
static void s_check_patience (const reqrep_call_t *self, reqrep_outcome_t outcome)
{
    const reqrep_client_t *client = self->client;
    sim_world_t *world = client->sim->world;
    zloom_time_t patience = client->options.connect_timeout_ms * ZLOOM_MSEC;
    zloom_time_t until = zloom_time_min (self->begun + patience, self->deadline);
    //  A lack of descriptors may be told of one endpoint when all were refused once.
    if (outcome == REQREP_OUTCOME_NO_PEER && world->now < until)
        sim_fail (world, "%s: a call ended with 'no peer' %.3f ms too early", client->name,
                  (double) (until - world->now) / ZLOOM_MSEC);
    else if (s_is_alone (self) && reqrep_client_is_overdue (client, until))
        sim_fail (world, "%s: nobody was there, and a call learnt it %.3f ms too late",
                  client->name, (double) (world->now - until) / ZLOOM_MSEC);
}

//  An answer arrives, and a stream whose items have all been taken goes on.
static void s_check_progress (const reqrep_call_t *self)
{
    reqrep_sim_t *sim = self->client->sim;
    if (self->is_answered && reqrep_lasts_too_long (sim, self->answered_at))
        sim_fail (sim->world, "an answer was given, and did not come for %.3f ms",
                  (double) (sim->world->now - self->answered_at) / ZLOOM_MSEC);
    else if (self->sent == self->seen && reqrep_lasts_too_long (sim, self->starved_at))
        sim_fail (sim->world, "a stream waited in vain for credit, for %.3f ms",
                  (double) (sim->world->now - self->starved_at) / ZLOOM_MSEC);
}

static bool s_may_end_with (const reqrep_call_t *self, reqrep_outcome_t outcome)
{
    const reqrep_sim_t *sim = self->client->sim;
    if (outcome == REQREP_OUTCOME_OVERSIZE)
        return sim->is_tight;
    if (outcome == REQREP_OUTCOME_NO_MEMORY)
        return sim->is_lean;
    //  A handler that has no memory for an answer, or for its arguments.
    if (sim->is_lean && (outcome == REQREP_OUTCOME_NO_ANSWER || outcome == REQREP_OUTCOME_HANDLER))
        return true;
    return reqrep_kind_allows (self->kind, outcome) != ' ';
}

static void s_check_outcome (const reqrep_call_t *self, reqrep_outcome_t outcome, const end_t *end)
{
    reqrep_sim_t *sim = self->client->sim;
    const char *method = reqrep_kind_method (self->kind);
    if (!s_may_end_with (self, outcome))
        sim_fail (sim->world, "a call of '%s' ended with '%s'", method, end->error.text);
    else if (!sim->has_weather && s_needs_weather (outcome))
        sim_fail (sim->world, "a call ended with '%s' though the network is well", end->error.text);
    else if (!s_is_own_answer (self, outcome, end))
        sim_fail (sim->world, "a call of '%s' got an answer that is not its own: %s", method,
                  end->error.reason ? end->error.text : "a result");
    else if (s_denies_work (outcome) && self->executions > 0)
        sim_fail (sim->world, "a call of '%s' was worked on, and ended with '%s'", method,
                  end->error.text);
    else if (outcome == REQREP_OUTCOME_OK && self->seen != self->sent)
        sim_fail (sim->world, "a stream ended after %u of %u items", self->seen, self->sent);
    s_check_patience (self, outcome);
    s_check_progress (self);
}

static void s_count_end (reqrep_call_t *self, reqrep_outcome_t outcome, const zloom_error_t *error)
{
    reqrep_client_t *client = self->client;
    reqrep_sim_t *sim = client->sim;
    if (sim->is_corrupt)
        sim->counts[REQREP_CORRUPT_END]++;
    else
        sim->outcomes[self->kind][outcome]++;
    client->expected.ok += error->code == ZLOOM_OK;
    client->expected.failed += error->code != ZLOOM_OK;
    client->expected.deadlines += outcome == REQREP_OUTCOME_DEADLINE && error->origin == ZLOOM_HERE;
    client->expected.lost += outcome == REQREP_OUTCOME_LOST;
}

static void s_take_end (reqrep_call_t *self, const end_t *end)
{
    reqrep_sim_t *sim = self->client->sim;
    reqrep_outcome_t outcome = s_outcome (&end->error);
    sim_trace (sim->world, "%s: call %llu (%s) ends: %s", self->client->name,
               (unsigned long long) self->id, reqrep_kind_method (self->kind),
               end->error.reason ? end->error.text : "ok");
    if (!sim->is_corrupt)
        s_check_outcome (self, outcome, end);
    self->has_ended = true;
    self->outcome = outcome;
    s_remove (self->client, self);
    s_count_end (self, outcome, &end->error);
}

static void s_take_item (reqrep_call_t *self, zloom_code_t code, uint64_t nonce, uint64_t number)
{
    reqrep_sim_t *sim = self->client->sim;
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

static void s_check_going_on (const reqrep_call_t *self)
{
    const reqrep_client_t *client = self->client;
    sim_world_t *world = client->sim->world;
    if (self->has_ended || !self->has_begun)
        sim_fail (world, "news came of a call that %s",
                  self->has_ended ? "had ended" : "was being started");
    else if (reqrep_client_is_overdue (client, self->deadline))
        sim_fail (world, "a call went on for %.3f ms beyond its deadline",
                  (double) (world->now - self->deadline) / ZLOOM_MSEC);
}

void reqrep_call_replied (reqrep_call_t *self, zloom_client_t *object, zloom_reply_t *reply)
{
    reqrep_client_t *client = self->client;
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

void reqrep_call_returned (reqrep_call_t *self, zloom_code_t code)
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

void reqrep_call_called (reqrep_call_t *self, zloom_code_t code)
{
    const zloom_error_t *error = zloom_client_last_error (self->client->object);
    sim_trace (self->client->sim->world, "%s: a call of '%s' returned: %s", self->client->name,
               reqrep_kind_method (self->kind), code ? error->text : "ok");
    //  What keeps a call from being begun can end one, too: it is the same error.
    zloom_client_stats_t stats;
    zloom_client_stats (self->client->object, &stats);
    bool was_begun = stats.calls > self->client->expected.calls;
    if (was_begun) {
        s_begin (self);
        reqrep_call_returned (self, code);
    } else
        reqrep_client_check_refusal (self->client);
}

void reqrep_call_took_item (reqrep_call_t *self)
{
    uint64_t nonce = 0, number = 0;
    zloom_code_t code = zloom_client_result (self->client->object, "[UU]", &nonce, &number);
    s_check_going_on (self);
    s_take_item (self, code, nonce, number);
}

//  On the server.

//  The server's notion of the deadline lies later than the caller's by the
//  way that the request took, never before, unless its own bound is shorter.
static void s_check_deadline (const reqrep_call_t *self, const reqrep_server_t *server,
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

void reqrep_call_executed (reqrep_call_t *self, const reqrep_server_t *server, zloom_call_t *call)
{
    reqrep_sim_t *sim = self->client->sim;
    zloom_bytes_t trace = zloom_call_trace (call);
    self->executions++;
    if (sim->is_corrupt)
        return;
    if (self->executions > 1)
        sim_fail (sim->world, "a request was executed twice");
    else if (strcmp (zloom_call_method (call), reqrep_kind_method (self->kind)) != 0)
        sim_fail (sim->world, "a call of '%s' came to '%s'", reqrep_kind_method (self->kind),
                  zloom_call_method (call));
    else if (zloom_call_is_notification (call) != self->is_notification)
        sim_fail (sim->world, "a call came as a notification, or the reverse");
    else if (zloom_call_takes_items (call) && !self->is_stream)
        sim_fail (sim->world, "a call takes items that did not ask for them");
    else if (trace.size && !zloom_bytes_equal (trace, zloom_bytes_str (REQREP_TRACEPARENT)))
        sim_fail (sim->world, "a trace context did not come as it was sent");
    else
        s_check_deadline (self, server, call);
    sim->counts[REQREP_NOTIFY_EXECUTED] += self->is_notification;
}

void reqrep_call_sent_item (reqrep_call_t *self)
{
    reqrep_client_t *client = self->client;
    self->sent++;
    client->sim->counts[REQREP_ITEM]++;
    if (!client->sim->is_corrupt && !self->has_ended
        && self->sent - self->seen > client->options.stream_credit)
        sim_fail (client->sim->world, "%u items are under way, %u may be", self->sent - self->seen,
                  client->options.stream_credit);
}

void reqrep_call_answered (reqrep_call_t *self, zloom_code_t code)
{
    self->is_answered = true;
    self->answered_at = self->client->sim->world->now;
    self->answer = code;
}
