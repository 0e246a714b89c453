#include "sim/sim_port.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static sim_port_t *s_self (zloom__port_t *port)
{
    return (sim_port_t *) port;
}

//  When the owner must be told something of the network.
static zloom_time_t s_due (const sim_host_t *host)
{
    const sim_port_t *self = (const sim_port_t *) host;
    for (unsigned i = 0; i < self->channel_count; i++)
        if (self->channels[i].refused)
            return host->world->now;
    zloom_time_t due = ZLOOM_NEVER;
    for (const sim_end_t *end = self->ends; end; end = end->next)
        due = zloom_time_min (due, sim_end_due (end));
    return due;
}

static bool s_has_room (const sim_host_t *host)
{
    for (const sim_end_t *end = ((const sim_port_t *) host)->ends; end; end = end->next)
        if (end->is_told && !end->is_cut && !end->is_full && end->room_at == ZLOOM_NEVER)
            return true;
    return false;
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
    sim_trace (dial->world, "%s dials %s: %s", port->host.name, channel->endpoint,
               zloom_reason_name (reason));
    if (reason == ZLOOM_REASON_NONE) {
        channel->pause = 0;
        return;
    }
    channel->trouble = reason;
    s_plan_dial (channel, dial->world->now);
    if (reason != ZLOOM_REASON_NO_PEER) {
        channel->refused = reason;
        sim_host_expect (&port->host, dial->world->now);
    }
}

void sim_port_redial (sim_port_t *self, zloom__channel_t channel, zloom_time_t at)
{
    self->channels[channel].trouble = ZLOOM_REASON_NO_PEER;
    zloom_time_t now = self->net->world->now;
    s_plan_dial (&self->channels[channel], at > now ? at : now);
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

static void s_let_go (sim_host_t *host)
{
    sim_port_t *self = (sim_port_t *) host;
    free (self->held);
    self->held = NULL;
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

static zloom__event_kind_t s_tell (sim_host_t *host, zloom__event_t *ret_event)
{
    sim_port_t *self = (sim_port_t *) host;
    zloom__event_kind_t kind = s_tell_end (self, ret_event);
    return kind != ZLOOM__EVENT_TIMEOUT ? kind : s_tell_refused (self, ret_event);
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
    s_let_go (&self->host);
    return ZLOOM_OK;
}

//  Beginning and end.

static uint64_t s_dropped (zloom__port_t *port)
{
    (void) port;
    return 0;
}

static void s_destroy (zloom__port_t *port, zloom_time_t linger)
{
    sim_port_t *self = s_self (port);
    sim_net_leave (self->net, self, linger > 0);
    sim_host_end (&self->host);
    for (unsigned i = 0; i < self->channel_count; i++)
        sim_event_cancel (&self->channels[i].dial);
    s_let_go (&self->host);
    free (self);
}

static void s_crash (sim_host_t *host)
{
    sim_net_leave (((sim_port_t *) host)->net, (sim_port_t *) host, false);
}

static const zloom__port_ops_t s_ops = {SIM_HOST_OPS,           .engine = s_engine,
                                        .open = s_open,         .send = s_send,
                                        .keep = s_keep,         .is_from_zloom = s_is_from_zloom,
                                        .endpoint = s_endpoint, .trouble = s_trouble,
                                        .dropped = s_dropped,   .destroy = s_destroy};

static const sim_host_ops_t s_network = {
    .due = s_due, .tell = s_tell, .let_go = s_let_go, .crash = s_crash, .has_room = s_has_room};

sim_host_t *sim_port_new (sim_net_t *net, const char *name, unsigned workers,
                          void (*process) (void *owner), void *owner)
{
    sim_port_t *self = (sim_port_t *) calloc (1, sizeof *self);
    zloom_assert (self);
    self->host = (sim_host_t){
        .base = {.ops = &s_ops}, .network = &s_network, .jobs = &net->counts[SIM_NET_JOB]};
    self->net = net;
    sim_host_begin (&self->host, net->world, name, workers, process, owner);
    return &self->host;
}
