#include "sim/sim_port.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

//  How late a turn may come.
#define LAG_MAX (50 * ZLOOM_USEC)

static sim_port_t *s_self (zloom__port_t *port)
{
    return (sim_port_t *) port;
}

//  Turns.

//  When the owner must be told something.
static zloom_time_t s_due (const sim_port_t *self)
{
    zloom_time_t now = self->net->world->now;
    if (self->pool.done || self->was_woken)
        return now;
    for (unsigned i = 0; i < self->channel_count; i++)
        if (self->channels[i].refused)
            return now;
    zloom_time_t due = ZLOOM_NEVER;
    for (const sim_end_t *end = self->ends; end; end = end->next)
        due = zloom_time_min (due, sim_end_due (end));
    return due;
}

static zloom_time_t s_not_before (zloom_time_t at, zloom_time_t earliest)
{
    return at > earliest ? at : earliest;
}

void sim_port_expect (sim_port_t *self, zloom_time_t at)
{
    if (at >= self->turn.at)
        return;
    sim_world_t *world = self->net->world;
    at = s_not_before (at, world->now) + sim_between (world, 0, LAG_MAX);
    sim_event_plan_by (&self->turn, s_not_before (at, self->paused_until));
}

void sim_port_pause (sim_port_t *self, zloom_time_t duration)
{
    self->paused_until = s_not_before (self->net->world->now + duration, self->paused_until);
    if (self->turn.at != ZLOOM_NEVER)
        sim_event_plan (&self->turn, s_not_before (self->turn.at, self->paused_until));
}

bool sim_port_is_busy (const sim_port_t *self)
{
    return self->is_waiting || self->paused_until > self->net->world->now;
}

bool sim_port_has_room (const sim_port_t *self)
{
    for (const sim_end_t *end = self->ends; end; end = end->next)
        if (end->is_told && !end->is_cut && !end->is_full && end->room_at == ZLOOM_NEVER)
            return true;
    return false;
}

static void s_take_turn (sim_event_t *turn)
{
    sim_port_t *self = sim_event_owner (turn, sim_port_t, turn);
    if (self->is_waiting)
        return;
    self->wanted = ZLOOM_NEVER;
    self->process (self->owner);
    sim_port_expect (self, zloom_time_min (self->wanted, s_due (self)));
}

static void s_settle (zloom__port_t *port, zloom_time_t until)
{
    sim_port_t *self = s_self (port);
    self->wanted = until;
    sim_port_expect (self, zloom_time_min (until, s_due (self)));
}

static void s_wake (zloom__port_t *port)
{
    s_self (port)->was_woken = true;
    sim_port_expect (s_self (port), s_self (port)->net->world->now);
}

//  Connecting.

static void s_plan_dial (sim_channel_t *channel, zloom_time_t from)
{
    zloom_time_t least = channel->options.reconnect_min_ms * ZLOOM_MSEC;
    zloom_time_t most = channel->options.reconnect_max_ms * ZLOOM_MSEC;
    zloom_time_t pause = channel->pause > least ? channel->pause : least;
    channel->pause = zloom_time_min (2 * pause, most);
    sim_event_plan (&channel->dial, from + sim_between (channel->dial.world, pause / 2, pause));
}

//  Whether the end of the last connection is still to be told.
static bool s_is_connected (const sim_channel_t *channel)
{
    const sim_end_t *end = channel->port->ends;
    while (end && end->channel != channel->number)
        end = end->next;
    return end != NULL;
}

static void s_dial (sim_event_t *dial)
{
    sim_channel_t *channel = sim_event_owner (dial, sim_channel_t, dial);
    sim_port_t *port = channel->port;
    if (s_is_connected (channel)) {
        s_plan_dial (channel, dial->world->now);
        return;
    }
    channel->refused = ZLOOM_REASON_NONE;  //  That is no longer news
    zloom_reason_t reason = sim_net_dial (port->net, port, channel->number, channel->endpoint);
    sim_trace (dial->world, "%s dials %s: %s", port->name, channel->endpoint,
               zloom_reason_name (reason));
    if (reason == ZLOOM_REASON_NONE) {
        channel->pause = 0;
        return;
    }
    channel->trouble = reason;
    s_plan_dial (channel, dial->world->now);
    if (reason != ZLOOM_REASON_NO_PEER) {
        channel->refused = reason;
        sim_port_expect (port, dial->world->now);
    }
}

void sim_port_redial (sim_port_t *self, zloom__channel_t channel, zloom_time_t at)
{
    self->channels[channel].trouble = ZLOOM_REASON_NO_PEER;
    s_plan_dial (&self->channels[channel], s_not_before (at, self->net->world->now));
}

static zloom_code_t s_listen (sim_channel_t *channel, zloom_error_t *reterr)
{
    sim_port_t *self = channel->port;
    sim_place_t *place = sim_net_find_place (self->net, channel->endpoint);
    if (!place)
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS, "no place '%s'", channel->endpoint);
    if (place->port)
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS_IN_USE, "'%s' is taken",
                                channel->endpoint);
    sim_net_listen (place, self, channel->number);
    return ZLOOM_OK;
}

static zloom_code_t s_open (zloom__port_t *port, const zloom__channel_options_t *options,
                            zloom__channel_t *ret_channel, zloom_error_t *reterr)
{
    sim_port_t *self = s_self (port);
    zloom_assert (self->channel_count < SIM_CHANNELS_MAX);
    sim_channel_t *channel = &self->channels[self->channel_count];
    *channel = (sim_channel_t){.port = self,
                               .number = self->channel_count,
                               .options = *options,
                               .trouble = ZLOOM_REASON_NO_PEER};
    snprintf (channel->endpoint, sizeof channel->endpoint, "%s", options->endpoint);
    sim_event_init (&channel->dial, self->net->world, s_dial);
    if (options->role == ZLOOM__ROLE_SERVER) {
        zloom_code_t code = s_listen (channel, reterr);
        if (code)
            return code;
    } else
        sim_event_plan_in (&channel->dial, 0);
    *ret_channel = self->channel_count++;
    return ZLOOM_OK;
}

static const char *s_engine (zloom__port_t *base, zloom__channel_t channel)
{
    (void) base;
    (void) channel;
    return "simulated";
}

static const char *s_endpoint (zloom__port_t *port, zloom__channel_t channel)
{
    return s_self (port)->channels[channel].endpoint;
}

static zloom_reason_t s_trouble (zloom__port_t *port, zloom__channel_t channel,
                                 const char **ret_text)
{
    zloom_reason_t trouble = s_self (port)->channels[channel].trouble;
    *ret_text = zloom_reason_text (trouble);
    return trouble;
}

//  Sending and receiving.

static sim_end_t *s_find_end (const sim_port_t *self, zloom__link_t link, zloom_bytes_t envelope)
{
    for (sim_end_t *end = self->ends; end; end = end->next) {
        const sim_connection_t *connection = end->connection;
        if (end->link != link)
            continue;
        if (end == &connection->client
            || zloom_bytes_equal (envelope,
                                  zloom_bytes (connection->envelope, connection->envelope_size)))
            return end;
    }
    return NULL;
}

//  Whether a link leads to a proxy, which knows its clients and we don't.
static bool s_is_trunk (const sim_port_t *self, zloom__channel_t channel, zloom__link_t link)
{
    const sim_place_t *place = sim_net_find_place (self->net, self->channels[channel].endpoint);
    return place && place->is_proxied && place->port == self && place->trunk == link;
}

static zloom_code_t s_send (zloom__port_t *port, zloom__channel_t channel, zloom__link_t link,
                            zloom_bytes_t envelope, const zloom_bytes_t *parts, size_t count)
{
    sim_port_t *self = s_self (port);
    sim_end_t *end = s_find_end (self, link, envelope);
    if (end)
        return sim_end_send (end, parts, count);
    return s_is_trunk (self, channel, link) ? ZLOOM_OK : ZLOOM_UNAVAILABLE;
}

static void s_let_go (sim_port_t *self)
{
    free (self->held);
    self->held = NULL;
}

static zloom__event_kind_t s_tell_job (sim_port_t *self, zloom__event_t *ret_event)
{
    ret_event->job = sim_pool_take (&self->pool);
    return ZLOOM__EVENT_JOB;
}

//  Connections may be gone before the owner is through with the event.
static void s_own_envelope (sim_port_t *self, zloom__event_t *event)
{
    if (event->envelope.size)
        memcpy (self->envelope, event->envelope.data, event->envelope.size);
    event->envelope.data = self->envelope;
}

//  What the end with the earliest news has to tell.
static zloom__event_kind_t s_tell_end (sim_port_t *self, zloom__event_t *ret_event)
{
    sim_end_t *earliest = NULL;
    for (sim_end_t *end = self->ends; end; end = end->next)
        if (!earliest || sim_end_due (end) < sim_end_due (earliest))
            earliest = end;
    if (!earliest || sim_end_due (earliest) > self->net->world->now)
        return ZLOOM__EVENT_TIMEOUT;
    zloom__event_kind_t kind = sim_end_tell (earliest, ret_event, &self->held);
    s_own_envelope (self, ret_event);
    //  A proxied end can leave without a word; there may be others.
    return kind != ZLOOM__EVENT_TIMEOUT ? kind : s_tell_end (self, ret_event);
}

static zloom__event_kind_t s_tell_refused (sim_port_t *self, zloom__event_t *ret_event)
{
    for (unsigned i = 0; i < self->channel_count; i++)
        if (self->channels[i].refused) {
            ret_event->channel = i;
            ret_event->reason = self->channels[i].refused;
            self->channels[i].refused = ZLOOM_REASON_NONE;
            return ZLOOM__EVENT_DOWN;
        }
    return ZLOOM__EVENT_TIMEOUT;
}

static zloom__event_kind_t s_tell (sim_port_t *self, zloom__event_t *ret_event)
{
    if (self->pool.done && sim_chance (self->net->world, 50))
        return s_tell_job (self, ret_event);
    zloom__event_kind_t kind = s_tell_end (self, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT)
        kind = s_tell_refused (self, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT && self->pool.done)
        kind = s_tell_job (self, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT && self->was_woken) {
        self->was_woken = false;
        kind = ZLOOM__EVENT_WOKEN;
    }
    return kind;
}

static void s_trace_event (const sim_port_t *self, const zloom__event_t *event)
{
    static const char *const names[] = {"timeout", "frame", "up",  "down",
                                        "room",    "woken", "job", "broken"};
    if (event->kind != ZLOOM__EVENT_FRAME && event->kind != ZLOOM__EVENT_TIMEOUT)
        sim_trace (self->net->world, "%s is told: %s, link %llu", self->name, names[event->kind],
                   (unsigned long long) event->link);
}

static zloom_time_t s_now (zloom__port_t *port)
{
    return s_self (port)->net->world->now;
}

//  Let the world go on until there is something to tell, or the time has come.
static void s_wait (sim_port_t *self, zloom_time_t until)
{
    sim_world_t *world = self->net->world;
    if (world->is_waited_in)
        sim_fail (world, "%s waits while another one does", self->name);
    self->is_waiting = world->is_waited_in = true;
    sim_port_expect (self, until);
    while (s_due (self) > world->now || self->paused_until > world->now) {
        if (until <= world->now && self->paused_until <= world->now)
            break;
        if (!sim_world_step (world)) {
            //  Whoever waits must come to an end, though the world has.
            world->now = until;
            break;
        }
        sim_port_expect (self, zloom_time_min (until, s_due (self)));
    }
    self->is_waiting = world->is_waited_in = false;
}

static zloom__event_kind_t s_next (zloom__port_t *port, zloom_time_t until,
                                   zloom__event_t *ret_event)
{
    sim_port_t *self = s_self (port);
    sim_world_t *world = self->net->world;
    s_let_go (self);
    *ret_event = (zloom__event_t){0};
    ret_event->kind = s_tell (self, ret_event);
    if (ret_event->kind != ZLOOM__EVENT_TIMEOUT) {
        s_trace_event (self, ret_event);
        return ret_event->kind;
    }
    if (until > world->now)
        s_wait (self, until);
    zloom__port_refresh (port);
    ret_event->kind = s_tell (self, ret_event);
    s_trace_event (self, ret_event);
    return ret_event->kind;
}

//  A kept body, with where it is counted before it.
typedef struct {
    sim_net_t *net;
    uint8_t data[];
} kept_t;

static void s_release_frame (zloom__frame_t *frame)
{
    kept_t *kept = (kept_t *) frame->store.pointer;
    kept->net->kept--;
    free (kept);
}

static bool s_is_from_zloom (zloom__port_t *port)
{
    const sim_frame_t *held = s_self (port)->held;
    return held && held->is_from_zloom;
}

//  Always to a new address, so that whoever goes on with the old one is found.
static zloom_code_t s_keep (zloom__port_t *port, zloom__frame_t *ret_frame)
{
    sim_port_t *self = s_self (port);
    zloom_assert (self->held);
    kept_t *kept = (kept_t *) malloc (sizeof *kept + self->held->size);
    zloom_assert (kept);
    kept->net = self->net;
    memcpy (kept->data, self->held->data, self->held->size);
    ret_frame->bytes = zloom_bytes (kept->data, self->held->size);
    ret_frame->store.pointer = kept;
    ret_frame->release = s_release_frame;
    self->net->kept++;
    self->net->counts[SIM_NET_KEPT]++;
    s_let_go (self);
    return ZLOOM_OK;
}

static uint64_t s_random (zloom__port_t *port)
{
    return zloom_random_next (&s_self (port)->net->world->random);
}

//  Workers.

static void s_note_job (void *context)
{
    sim_port_t *self = (sim_port_t *) context;
    self->net->counts[SIM_NET_JOB]++;
    sim_port_expect (self, self->net->world->now);
}

static void s_submit (zloom__port_t *port, zloom__job_t *job)
{
    sim_pool_submit (&s_self (port)->pool, job);
}

static void s_join (zloom__port_t *port)
{
    sim_pool_join (&s_self (port)->pool);
}

//  Beginning and end.

//  There is none to poll; any number makes the owner say when it wants a turn.
static int s_descriptor (zloom__port_t *port)
{
    (void) port;
    return 0;
}

static uint64_t s_dropped (zloom__port_t *port)
{
    (void) port;
    return 0;
}

static void s_destroy (zloom__port_t *port, zloom_time_t linger)
{
    sim_port_t *self = s_self (port);
    sim_net_leave (self->net, self, linger > 0);
    sim_event_cancel (&self->turn);
    sim_event_cancel (&self->pool.work);
    for (unsigned i = 0; i < self->channel_count; i++)
        sim_event_cancel (&self->channels[i].dial);
    s_let_go (self);
    free (self);
}

void sim_port_crash (sim_port_t *self)
{
    sim_trace (self->net->world, "%s crashes", self->name);
    sim_net_leave (self->net, self, false);
}

static const zloom__port_ops_t s_ops = {.engine = s_engine,
                                        .open = s_open,
                                        .send = s_send,
                                        .next = s_next,
                                        .keep = s_keep,
                                        .is_from_zloom = s_is_from_zloom,
                                        .now = s_now,
                                        .random = s_random,
                                        .submit = s_submit,
                                        .join = s_join,
                                        .wake = s_wake,
                                        .descriptor = s_descriptor,
                                        .settle = s_settle,
                                        .endpoint = s_endpoint,
                                        .trouble = s_trouble,
                                        .dropped = s_dropped,
                                        .destroy = s_destroy};

sim_port_t *sim_port_new (sim_net_t *net, const char *name, unsigned workers,
                          void (*process) (void *owner), void *owner)
{
    sim_port_t *self = (sim_port_t *) calloc (1, sizeof *self);
    zloom_assert (self);
    *self = (sim_port_t){.base = {.ops = &s_ops, .now = net->world->now},
                         .net = net,
                         .name = name,
                         .process = process,
                         .owner = owner,
                         .wanted = ZLOOM_NEVER};
    sim_event_init (&self->turn, net->world, s_take_turn);
    sim_pool_init (&self->pool, net->world, workers, s_note_job, self);
    return self;
}
