#include "sim/sim_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static zloom_time_t s_later (zloom_time_t a, zloom_time_t b)
{
    return a > b ? a : b;
}

static zloom_time_t s_now (const sim_wire_t *wire)
{
    return wire->net->base.world->now;
}

//  Whatever arrives, arrives after a stall.
static zloom_time_t s_effective (const sim_stream_t *self, zloom_time_t at)
{
    return at == ZLOOM_NEVER ? at : s_later (at, self->wire->stalled_until);
}

//  Wires.

static void s_init_stream (sim_stream_t *self, sim_wire_t *wire)
{
    *self = (sim_stream_t){.wire = wire,
                           .number = -1,
                           .connected_at = ZLOOM_NEVER,
                           .end_at = ZLOOM_NEVER,
                           .room_at = ZLOOM_NEVER,
                           .broken_at = ZLOOM_NEVER};
    self->last = &self->first;
}

//  The wish to connect has come to the place.
static void s_arrive (sim_event_t *arrival)
{
    sim_wire_t *self = sim_event_owner (arrival, sim_wire_t, arrival);
    sim_streams_t *net = self->net;
    sim_site_t *place = &net->places[self->place];
    sim_stream_t *client = &self->client;
    if (self->is_hole || place->stance == SIM_STANCE_HOLE) {
        net->counts[SIM_STREAM_DIAL_HOLE]++;
        return;
    }
    client->connected_at = s_now (self) + self->latency;
    if (place->stance > SIM_STANCE_HOLE) {
        net->counts[SIM_STREAM_DIAL_STRANGER]++;
        self->has_stranger = true;
        sim_stranger_answer (client, place->stance);
    } else if (place->stance == SIM_STANCE_OPEN && place->guest) {
        self->waits = true;
        place->has_news = true;
        sim_host_expect (place->guest->host, s_now (self));
    } else {
        net->counts[SIM_STREAM_DIAL_REFUSED]++;
        client->failure = ECONNREFUSED;
    }
    if (client->guest)
        sim_host_expect (client->guest->host, client->connected_at);
}

sim_wire_t *sim_wire_new (sim_streams_t *net, unsigned place)
{
    sim_wire_t *self = (sim_wire_t *) calloc (1, sizeof *self);
    zloom_assert (self);
    self->next = net->wires;
    net->wires = self;
    self->net = net;
    self->place = place;
    self->latency = sim_spread (net->base.world, 10 * ZLOOM_USEC, net->climate.latency);
    s_init_stream (&self->client, self);
    s_init_stream (&self->server, self);
    sim_event_init (&self->arrival, net->base.world, s_arrive);
    return self;
}

static void s_drop_segments (sim_stream_t *self)
{
    while (self->first) {
        sim_segment_t *segment = self->first;
        self->first = segment->next;
        free (segment);
    }
    self->last = &self->first;
    self->news = NULL;
    self->bytes = 0;
}

//  Free a wire at which nobody is.
static void s_reap (sim_wire_t *self)
{
    if (self->client.guest || self->server.guest || (self->waits && !self->is_cut))
        return;
    sim_wire_t **p = &self->net->wires;
    while (*p != self)
        p = &(*p)->next;
    *p = self->next;
    sim_event_cancel (&self->arrival);
    s_drop_segments (&self->client);
    s_drop_segments (&self->server);
    free (self);
}

//  Bytes under way.

static void s_corrupt (sim_streams_t *net, sim_segment_t *segment)
{
    sim_world_t *world = net->base.world;
    if (!net->climate.corrupt_permille
        || sim_between (world, 0, 999) >= net->climate.corrupt_permille)
        return;
    net->counts[SIM_STREAM_CORRUPT]++;
    for (int64_t flips = sim_between (world, 1, 4); flips > 0; flips--)
        segment->data[sim_between (world, 0, (int64_t) segment->size - 1)] ^=
            (uint8_t) (1 << sim_between (world, 0, 7));
}

static void s_put_segment (sim_stream_t *to, const uint8_t *data, size_t size)
{
    sim_wire_t *wire = to->wire;
    sim_segment_t *segment = (sim_segment_t *) malloc (sizeof *segment + size);
    zloom_assert (segment);
    memcpy (segment->data, data, size);
    zloom_time_t arrives = s_now (wire) + wire->latency
                           + sim_between (wire->net->base.world, 0, wire->net->climate.jitter);
    to->newest = s_later (arrives, to->newest);
    *segment = (sim_segment_t){.arrives = to->newest, .size = size};
    s_corrupt (wire->net, segment);
    *to->last = segment;
    to->last = &segment->next;
    to->bytes += size;
    if (!to->news)
        to->news = segment;
}

void sim_stream_put (sim_stream_t *to, const struct iovec *pieces, size_t size)
{
    sim_streams_t *net = to->wire->net;
    for (; size > 0; pieces++) {
        const uint8_t *data = (const uint8_t *) pieces->iov_base;
        size_t left = pieces->iov_len < size ? pieces->iov_len : size;
        size -= left;
        while (left > 0) {
            size_t most = left < net->climate.segment ? left : net->climate.segment;
            size_t one =
                (size_t) sim_between (net->base.world, (int64_t) most / 4 + 1, (int64_t) most);
            s_put_segment (to, data, one);
            data += one;
            left -= one;
        }
    }
    if (to->guest)
        sim_host_expect (to->guest->host, sim_stream_due (to));
}

//  What arrives after `at` is lost from any byte on.
static void s_lose (sim_stream_t *self, zloom_time_t at)
{
    sim_streams_t *net = self->wire->net;
    sim_segment_t **p = &self->first;
    size_t before = 0, kept;
    for (; *p && (*p)->arrives <= at; p = &(*p)->next)
        before += (*p)->size - (*p)->at;
    if (self->bytes == before)
        return;
    kept = (size_t) sim_between (net->base.world, 0, (int64_t) (self->bytes - before) - 1);
    net->counts[SIM_STREAM_CUT_INSIDE]++;
    self->bytes = before + kept;
    while (*p && kept >= (*p)->size - (*p)->at) {
        kept -= (*p)->size - (*p)->at;
        p = &(*p)->next;
    }
    if (*p && kept > 0) {
        (*p)->size = (*p)->at + kept;
        p = &(*p)->next;
    }
    sim_segment_t *rest = *p;
    *p = NULL;
    self->last = p;
    while (rest) {
        sim_segment_t *next = rest->next;
        if (self->news == rest)
            self->news = NULL;
        free (rest);
        rest = next;
    }
}

size_t sim_stream_arrived (const sim_stream_t *self)
{
    size_t arrived = 0;
    if (self->wire->stalled_until > s_now (self->wire))
        return 0;
    for (const sim_segment_t *one = self->first; one && one->arrives <= s_now (self->wire);
         one = one->next)
        arrived += one->size - one->at;
    return arrived;
}

static zloom_time_t s_end_due (const sim_stream_t *self)
{
    return self->end_at == ZLOOM_NEVER ? ZLOOM_NEVER
                                       : s_effective (self, s_later (self->end_at, self->newest));
}

bool sim_stream_has_ended (const sim_stream_t *self)
{
    return s_end_due (self) <= s_now (self->wire);
}

//  Take the first segment off.
static void s_shift (sim_stream_t *self)
{
    sim_segment_t *segment = self->first;
    self->first = segment->next;
    if (!self->first)
        self->last = &self->first;
    if (self->news == segment)
        self->news = segment->next;
    free (segment);
}

static void s_copy (sim_stream_t *self, uint8_t *to, size_t size)
{
    self->bytes -= size;
    while (size > 0) {
        sim_segment_t *segment = self->first;
        size_t there = segment->size - segment->at;
        size_t one = there < size ? there : size;
        memcpy (to, segment->data + segment->at, one);
        segment->at += one;
        to += one;
        size -= one;
        if (segment->at == segment->size)
            s_shift (self);
    }
}

//  What is left has not come yet, as it were: of that there will be news.
static void s_delay (sim_stream_t *self)
{
    sim_world_t *world = self->wire->net->base.world;
    zloom_time_t at = world->now + sim_between (world, 1, 20 * ZLOOM_USEC);
    for (sim_segment_t *one = self->first; one && one->arrives < at; one = one->next)
        one->arrives = at;
    self->newest = s_later (self->newest, at);
    self->news = self->first;
}

//  The other end may write again, once much of what it has written was taken.
static void s_make_room (sim_stream_t *writer, const sim_stream_t *reader)
{
    sim_streams_t *net = writer->wire->net;
    size_t enough = sim_chance (net->base.world, 50) ? net->climate.capacity / 2
                                                     : net->climate.capacity * 3 / 4;
    if (!writer->is_blocked || writer->room_at != ZLOOM_NEVER || reader->bytes > enough)
        return;
    writer->room_at = s_now (writer->wire) + writer->wire->latency;
    if (writer->guest)
        sim_host_expect (writer->guest->host, sim_stream_due (writer));
}

void sim_stream_take (sim_stream_t *self, const struct iovec *pieces, size_t size, bool is_short)
{
    for (; size > 0; pieces++) {
        size_t one = pieces->iov_len < size ? pieces->iov_len : size;
        if (one > 0)
            s_copy (self, (uint8_t *) pieces->iov_base, one);
        size -= one;
    }
    if (is_short)
        s_delay (self);
    s_make_room (sim_stream_other (self), self);
}

zloom_time_t sim_stream_due (const sim_stream_t *self)
{
    if (!self->is_watched)
        return ZLOOM_NEVER;
    if (self->is_connecting)
        return s_effective (self, self->connected_at);
    zloom_time_t due = self->news ? s_effective (self, self->news->arrives) : ZLOOM_NEVER;
    if (!self->is_end_told)
        due = zloom_time_min (due, s_end_due (self));
    due = zloom_time_min (due, self->room_at);
    return self->is_edgy ? zloom_time_min (due, s_now (self->wire)) : due;
}

//  Ends.

void sim_stream_attach (sim_stream_t *self, sim_guest_t *guest)
{
    self->guest = guest;
    self->number = guest->numbers++;
    self->next = guest->list;
    guest->list = self;
}

void sim_stream_end (sim_stream_t *self, zloom_time_t at, bool is_reset)
{
    self->is_lost = true;
    self->end_at = at;
    self->is_reset = is_reset;
    if (self->guest)
        sim_host_expect (self->guest->host, sim_stream_due (self));
}

//  One end is closed: the other reads what was written, unless there was no time
//  for that, and then the end. Bytes that were not read make it a reset.
static void s_end_other (sim_stream_t *self, bool in_peace)
{
    sim_stream_t *other = sim_stream_other (self);
    sim_wire_t *wire = self->wire;
    bool is_reset = self->bytes > 0 || (!in_peace && sim_chance (wire->net->base.world, 50));
    wire->net->counts[is_reset ? SIM_STREAM_RESET : SIM_STREAM_FIN]++;
    zloom_time_t at = s_now (wire) + wire->latency;
    if (is_reset)
        s_lose (other, sim_chance (wire->net->base.world, 50) ? at : s_now (wire));
    sim_stream_end (other, is_reset ? at : s_later (at, other->newest), is_reset);
    other->broken_at = is_reset ? at : at + 2 * wire->latency;
}

void sim_stream_leave (sim_stream_t *self, bool in_peace)
{
    sim_wire_t *wire = self->wire;
    sim_stream_t **p = &self->guest->list;
    while (*p != self)
        p = &(*p)->next;
    *p = self->next;
    self->guest = NULL;
    self->is_watched = false;
    if (wire->is_cut || sim_stream_other (self)->end_at != ZLOOM_NEVER) {
    } else if (!in_peace && sim_chance (wire->net->base.world, 50)) {
        //  The whole machine has gone down, and says nothing.
        sim_wire_cut (wire);
        return;
    } else
        s_end_other (self, in_peace);
    s_drop_segments (self);
    s_reap (wire);
}

static void s_break (sim_stream_t *self)
{
    sim_streams_t *net = self->wire->net;
    sim_world_t *world = net->base.world;
    s_lose (self, sim_chance (world, 30) ? world->now - ZLOOM_SEC : world->now);
    zloom_time_t at = world->now + sim_spread (world, 0, net->climate.detection);
    if (self->end_at != ZLOOM_NEVER)
        return;
    //  What was written and is not acknowledged will show it.
    bool is_idle = sim_stream_other (self)->bytes == 0 && !self->is_blocked;
    self->is_silent = is_idle && sim_chance (world, net->climate.silent_percent);
    if (self->is_silent) {
        self->is_lost = true;
        return;
    }
    self->broken_at = at;
    sim_stream_end (self, at, sim_chance (world, 70));
}

void sim_wire_cut (sim_wire_t *self)
{
    self->net->counts[SIM_STREAM_CUT]++;
    sim_trace (self->net->base.world, "cut between %s and %s",
               self->client.guest ? self->client.guest->host->name : "nobody",
               self->net->places[self->place].endpoint);
    self->is_cut = true;
    s_break (&self->client);
    s_break (&self->server);
    s_reap (self);
}

void sim_wire_show_silence (sim_wire_t *self)
{
    sim_stream_t *ends[] = {&self->client, &self->server};
    for (int i = 0; i < 2; i++)
        if (ends[i]->is_silent) {
            ends[i]->is_silent = false;
            ends[i]->broken_at = s_now (self);
            sim_stream_end (ends[i], s_now (self), true);
        }
}

void sim_wire_refuse_waiting (sim_streams_t *net, unsigned place)
{
    sim_wire_t *next;
    for (sim_wire_t *wire = net->wires; wire; wire = next) {
        next = wire->next;
        if (!wire->waits || wire->place != place)
            continue;
        wire->waits = false;
        if (!wire->is_cut && wire->client.end_at == ZLOOM_NEVER)
            s_end_other (&wire->server, true);
        s_reap (wire);
    }
}
