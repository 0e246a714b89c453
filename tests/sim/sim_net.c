#include "sim/sim_net.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "sim/sim_port.h"

sim_place_t *sim_net_find_place (sim_net_t *self, const char *endpoint)
{
    for (unsigned i = 0; i < self->place_count; i++)
        if (strcmp (self->places[i].endpoint, endpoint) == 0)
            return &self->places[i];
    return NULL;
}

//  Frames.

static zloom_time_t s_frame_due (const sim_end_t *end)
{
    zloom_time_t arrives = end->first->arrives, stalled = end->connection->stalled_until;
    return arrives > stalled ? arrives : stalled;
}

static sim_frame_t *s_take_frame (sim_end_t *end)
{
    sim_frame_t *frame = end->first;
    end->first = frame->next;
    if (!end->first)
        end->last = &end->first;
    end->frames--;
    end->bytes -= frame->size;
    return frame;
}

static void s_drop_frames (sim_end_t *end)
{
    while (end->first)
        free (s_take_frame (end));
}

//  In a cut: what has not arrived is lost; what has may be.
static void s_lose_frames (sim_end_t *end)
{
    sim_net_t *net = end->connection->net;
    if (!end->first || (s_frame_due (end) <= net->world->now && sim_chance (net->world, 50)))
        return;
    net->counts[SIM_NET_LOST] += end->frames;
    s_drop_frames (end);
}

static void s_corrupt (sim_net_t *net, sim_frame_t *frame)
{
    if (frame->size == 0 || !net->climate.corrupt_permille
        || sim_between (net->world, 0, 999) >= net->climate.corrupt_permille)
        return;
    net->counts[SIM_NET_CORRUPT]++;
    for (int64_t flips = sim_between (net->world, 1, 4); flips > 0; flips--)
        frame->data[sim_between (net->world, 0, (int64_t) frame->size - 1)] ^=
            (uint8_t) (1 << sim_between (net->world, 0, 7));
}

static sim_frame_t *s_make_frame (const zloom_bytes_t *parts, size_t count, size_t size)
{
    sim_frame_t *frame = (sim_frame_t *) malloc (sizeof *frame + size);
    zloom_assert (frame);
    frame->next = NULL;
    frame->size = size;
    uint8_t *p = frame->data;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy (p, parts[i].data, parts[i].size);
        p += parts[i].size;
    }
    return frame;
}

static void s_put_frame (sim_end_t *to, sim_frame_t *frame)
{
    sim_net_t *net = to->connection->net;
    zloom_time_t arrives = net->world->now + to->connection->latency
                           + sim_between (net->world, 0, net->climate.jitter);
    frame->is_from_zloom = !to->connection->is_plain;
    frame->arrives = to->newest = arrives > to->newest ? arrives : to->newest;
    *to->last = frame;
    to->last = &frame->next;
    to->frames++;
    to->bytes += frame->size;
    sim_host_expect (&to->port->host, s_frame_due (to));
}

//  Ends.

static sim_end_t *s_other (sim_end_t *end)
{
    sim_connection_t *connection = end->connection;
    return end == &connection->client ? &connection->server : &connection->client;
}

static bool s_is_client (const sim_end_t *end)
{
    return end == &end->connection->client;
}

//  A server's end behind a proxy: its fate is the proxy's, not the client's.
static bool s_is_proxied (const sim_end_t *end)
{
    return end->connection->place->is_proxied && !s_is_client (end);
}

static void s_attach (sim_end_t *end, sim_port_t *port, zloom__channel_t channel,
                      zloom__link_t link)
{
    const sim_climate_t *climate = &end->connection->net->climate;
    sim_world_t *world = end->connection->net->world;
    *end = (sim_end_t){.port = port,
                       .next = port->ends,
                       .connection = end->connection,
                       .channel = channel,
                       .link = link,
                       .up_at = ZLOOM_NEVER,
                       .room_at = ZLOOM_NEVER,
                       .down_at = ZLOOM_NEVER};
    if (!s_is_client (end)) {
        end->is_silent = !s_is_proxied (end) && sim_chance (world, climate->silent_percent);
        end->is_roomless = sim_chance (world, climate->roomless_percent);
    }
    end->last = &end->first;
    port->ends = end;
}

//  Nobody is at this end any more.
static void s_detach (sim_end_t *end)
{
    sim_end_t **p = &end->port->ends;
    while (*p != end)
        p = &(*p)->next;
    *p = end->next;
    end->port = NULL;
    s_drop_frames (end);
}

//  Free a connection that nobody is at.
static void s_reap (sim_connection_t *connection)
{
    if (connection->client.port || connection->server.port)
        return;
    sim_connection_t **p = &connection->net->connections;
    while (*p != connection)
        p = &(*p)->next;
    *p = connection->next;
    free (connection);
}

//  An end has lost the other; it will know by `at`.
static void s_break (sim_end_t *end, zloom_time_t at)
{
    if (!end->port || end->is_cut)
        return;
    end->is_cut = true;
    end->down_at = at;
    end->room_at = ZLOOM_NEVER;
    if (s_is_client (end))
        sim_port_redial (end->port, end->channel, at);
    bool tells = end->is_told && !s_is_proxied (end);
    if (!end->first && !tells)
        s_detach (end);
    else
        sim_host_expect (&end->port->host, sim_end_due (end));
}

//  Half of the queue must be free before a sender that was refused may go on.
static void s_make_room (sim_end_t *sender, const sim_end_t *receiver)
{
    sim_net_t *net = sender->connection->net;
    if (!sender->port || !sender->is_full || receiver->frames * 2 > net->climate.queue)
        return;
    sender->is_full = false;
    if (sender->is_roomless || sender->is_cut)
        return;
    sender->room_at = net->world->now + sender->connection->latency;
    sim_host_expect (&sender->port->host, sender->room_at);
}

//  Making and breaking connections.

static zloom_time_t s_detection (const sim_connection_t *connection)
{
    sim_net_t *net = connection->net;
    return net->world->now + sim_spread (net->world, 0, net->climate.detection);
}

void sim_net_cut (sim_connection_t *connection)
{
    connection->net->counts[SIM_NET_CUT]++;
    sim_trace (connection->net->world, "cut between %s and %s", connection->client.port->host.name,
               connection->place->endpoint);
    s_lose_frames (&connection->client);
    s_lose_frames (&connection->server);
    s_break (&connection->client, s_detection (connection));
    s_break (&connection->server, s_detection (connection));
    s_reap (connection);
}

void sim_net_cut_trunk (sim_place_t *place)
{
    if (!place->port)
        return;
    place->port->net->counts[SIM_NET_TRUNK]++;
    place->trunk = ++place->port->links;
    for (sim_end_t *end = place->port->ends; end; end = end->next)
        if (s_is_proxied (end) && end->connection->place == place) {
            s_drop_frames (end);
            s_make_room (s_other (end), end);
            end->link = place->trunk;
        }
}

//  Hops of proxies, a REQ's delimiter, or nothing.
static void s_make_envelope (sim_connection_t *connection)
{
    sim_world_t *world = connection->net->world;
    uint8_t *p = connection->envelope;
    if (connection->place->is_proxied || sim_chance (world, 10)) {
        *p++ = 5;
        *p++ = 0;
        uint32_t hop = (uint32_t) zloom_random_next (&world->random);
        memcpy (p, &hop, sizeof hop);
        p += sizeof hop;
    }
    if (sim_chance (world, 10))
        *p++ = 0;
    connection->envelope_size = (size_t) (p - connection->envelope);
}

//  Let the server's side of a connection have what is sent from now on.
static void s_attach_server (sim_connection_t *connection)
{
    sim_place_t *place = connection->place;
    s_attach (&connection->server, place->port, place->channel,
              place->is_proxied ? place->trunk : ++place->port->links);
}

static void s_connect (sim_place_t *place, sim_net_t *net, sim_port_t *port,
                       zloom__channel_t channel)
{
    sim_connection_t *self = (sim_connection_t *) calloc (1, sizeof *self);
    zloom_assert (self);
    self->next = net->connections;
    net->connections = self;
    self->net = net;
    self->place = place;
    self->latency = sim_spread (net->world, 10 * ZLOOM_USEC, net->climate.latency);
    self->is_plain = place->is_proxied || sim_chance (net->world, net->climate.plain_percent);
    self->is_early = !self->is_plain && sim_chance (net->world, net->climate.early_percent);
    self->is_blind = place->is_proxied && sim_chance (net->world, 50);
    s_make_envelope (self);
    self->client.connection = self->server.connection = self;
    self->client.last = &self->client.first;
    self->server.last = &self->server.first;
    s_attach (&self->client, port, channel, ++port->links);
    if (place->port)
        s_attach_server (self);
    self->client.up_at = net->world->now + 3 * self->latency;
    sim_host_expect (&port->host, self->client.up_at);
}

zloom_reason_t sim_net_dial (sim_net_t *self, sim_port_t *port, zloom__channel_t channel,
                             const char *endpoint)
{
    sim_place_t *place = sim_net_find_place (self, endpoint);
    if (place && place->refuses) {
        self->counts[SIM_NET_REFUSED] += place->refuses != ZLOOM_REASON_NO_PEER;
        return place->refuses;
    }
    if (!place || (!place->port && !place->is_proxied)) {
        self->counts[SIM_NET_NOBODY]++;
        return ZLOOM_REASON_NO_PEER;
    }
    s_connect (place, self, port, channel);
    return ZLOOM_REASON_NONE;
}

void sim_net_listen (sim_place_t *place, sim_port_t *port, zloom__channel_t channel)
{
    place->port = port;
    place->channel = channel;
    if (!place->is_proxied)
        return;
    place->trunk = ++port->links;
    for (sim_connection_t *each = port->net->connections; each; each = each->next)
        if (each->place == place && !each->client.is_cut)
            s_attach_server (each);
}

//  One end goes; the other hears of it, unless a proxy stands between.
static void s_leave (sim_end_t *end, bool in_peace)
{
    sim_end_t *other = s_other (end);
    sim_connection_t *connection = end->connection;
    bool was_cut = end->is_cut, hides = s_is_proxied (end);
    s_detach (end);
    if (!in_peace)
        s_lose_frames (other);
    if (hides)
        s_make_room (other, end);
    else if (!was_cut)
        s_break (other, in_peace ? other->newest : s_detection (connection));
    s_reap (connection);
}

void sim_net_leave (sim_net_t *self, sim_port_t *port, bool in_peace)
{
    for (unsigned i = 0; i < self->place_count; i++)
        if (self->places[i].port == port)
            self->places[i].port = NULL;
    while (port->ends)
        s_leave (port->ends, in_peace);
}

//  Sending.

static bool s_is_full (const sim_end_t *from, const sim_end_t *to, size_t size)
{
    uint32_t most = from->port->channels[from->channel].options.max_queued_bytes;
    return to->frames > 0
           && (to->frames >= from->connection->net->climate.queue || to->bytes + size > most);
}

//  What the sender at an end that was cut is told.
static zloom_code_t s_send_to_nobody (sim_end_t *end)
{
    sim_net_t *net = end->connection->net;
    if (s_is_proxied (end) || net->world->now < end->down_at)
        return ZLOOM_OK;
    if (!end->is_silent)
        return sim_chance (net->world, 50) ? ZLOOM_UNAVAILABLE : ZLOOM_RESOURCE_EXHAUSTED;
    net->counts[SIM_NET_GONE]++;
    if (!end->first) {
        sim_connection_t *connection = end->connection;
        s_detach (end);
        s_reap (connection);
    }
    return ZLOOM_UNAVAILABLE;
}

zloom_code_t sim_end_send (sim_end_t *self, const zloom_bytes_t *parts, size_t count)
{
    sim_net_t *net = self->connection->net;
    sim_end_t *to = s_other (self);
    if (self->is_cut)
        return s_send_to_nobody (self);
    if (!to->port)
        return ZLOOM_OK;

    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (s_is_full (self, to, size)) {
        self->is_full = true;
        net->counts[SIM_NET_FULL]++;
        return ZLOOM_RESOURCE_EXHAUSTED;
    }
    if (size > to->port->channels[to->channel].options.max_size) {
        net->counts[SIM_NET_OVERSIZE]++;
        sim_net_cut (self->connection);
        return ZLOOM_OK;
    }
    sim_frame_t *frame = s_make_frame (parts, count, size);
    s_corrupt (net, frame);
    s_put_frame (to, frame);
    return ZLOOM_OK;
}

//  Telling.

zloom_time_t sim_end_due (const sim_end_t *self)
{
    if (self->up_at != ZLOOM_NEVER)
        return self->up_at;
    zloom_time_t due = ZLOOM_NEVER;
    if (self->first)
        due = s_frame_due (self);
    else if (self->is_cut && !self->is_silent)
        due = self->down_at;
    return zloom_time_min (due, self->room_at);
}

static zloom__event_kind_t s_tell_up (sim_end_t *end, zloom__event_t *ret_event)
{
    end->connection->net->counts[SIM_NET_UP]++;
    end->up_at = ZLOOM_NEVER;
    end->is_told = true;
    ret_event->is_zloom = end->connection->is_early;
    ret_event->hides_peer = end->connection->is_blind;
    return ZLOOM__EVENT_UP;
}

static zloom__event_kind_t s_tell_frame (sim_end_t *end, zloom__event_t *ret_event,
                                         sim_frame_t **ret_frame)
{
    sim_connection_t *connection = end->connection;
    connection->net->counts[SIM_NET_FRAME]++;
    *ret_frame = s_take_frame (end);
    ret_event->body = zloom_bytes ((*ret_frame)->data, (*ret_frame)->size);
    end->is_told = true;
    s_make_room (s_other (end), end);
    if (s_is_client (end))
        ret_event->is_zloom = !connection->is_plain;
    else
        ret_event->envelope = zloom_bytes (connection->envelope, connection->envelope_size);
    return ZLOOM__EVENT_FRAME;
}

static zloom__event_kind_t s_tell_room (sim_end_t *end)
{
    end->connection->net->counts[SIM_NET_ROOM]++;
    end->room_at = ZLOOM_NEVER;
    return ZLOOM__EVENT_ROOM;
}

static zloom__event_kind_t s_tell_down (sim_end_t *end, zloom__event_t *ret_event)
{
    sim_connection_t *connection = end->connection;
    bool is_client = s_is_client (end), tells = !s_is_proxied (end);
    ret_event->reason = ZLOOM_REASON_CONNECTION_LOST;
    s_detach (end);
    connection->net->counts[is_client ? SIM_NET_DOWN_CLIENT : SIM_NET_DOWN_SERVER] += tells;
    s_reap (connection);
    return tells ? ZLOOM__EVENT_DOWN : ZLOOM__EVENT_TIMEOUT;
}

zloom__event_kind_t sim_end_tell (sim_end_t *self, zloom__event_t *ret_event,
                                  sim_frame_t **ret_frame)
{
    zloom_time_t now = self->connection->net->world->now;
    ret_event->channel = self->channel;
    ret_event->link = self->link;
    if (self->up_at <= now)
        return s_tell_up (self, ret_event);
    if (self->room_at <= now)
        return s_tell_room (self);
    if (self->first)
        return s_tell_frame (self, ret_event, ret_frame);
    return s_tell_down (self, ret_event);
}
