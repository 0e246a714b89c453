#include "sim/sim_direct_port.h"

static uint64_t *s_counts (const sim_direct_port_t *self)
{
    return self->guest.net->counts;
}

//  Links.

static sim_link_seen_t s_see (const zloom__direct_link_t *link)
{
    return (sim_link_seen_t){.name = link->name,
                             .state = link->state,
                             .is_blocked = link->is_blocked,
                             .is_full = link->is_full,
                             .has_large = link->large != NULL,
                             .has_rest = link->rest.size > 0,
                             .has_hops = link->has_hops,
                             .cannot_write = link->cannot_write};
}

static void s_count_state (const sim_direct_port_t *self, const zloom__direct_link_t *link,
                           const sim_link_seen_t *was)
{
    uint64_t *counts = s_counts (self);
    bool dials = link->channel->dials;
    bool is_new = was->name != link->name;
    zloom__link_state_t before = is_new ? ZLOOM__LINK_CONNECTING : was->state;
    counts[SIM_STREAM_NEXT_ADDRESS] += is_new && dials && link->channel->address > 1;
    if (before == link->state || link->state == ZLOOM__LINK_CLOSED)
        return;
    if (before == ZLOOM__LINK_CONNECTING)
        counts[dials ? SIM_STREAM_CONNECTED : SIM_STREAM_ACCEPTED]++;
    if (link->state == ZLOOM__LINK_OPEN)
        counts[dials ? SIM_STREAM_OPENED : SIM_STREAM_OPENED_ACCEPTED]++;
}

static void s_count_link (const sim_direct_port_t *self, const zloom__direct_link_t *link,
                          sim_link_seen_t *seen)
{
    const sim_link_seen_t now = s_see (link), none = {.name = link->name};
    uint64_t *counts = s_counts (self);
    s_count_state (self, link, seen);
    const sim_link_seen_t was = seen->name == link->name ? *seen : none;
    bool is_there = link->state != ZLOOM__LINK_CLOSED;
    counts[SIM_STREAM_BLOCKED] += now.is_blocked && !was.is_blocked;
    counts[SIM_STREAM_UNBLOCKED] += is_there && was.is_blocked && !now.is_blocked;
    counts[SIM_STREAM_FULL] += now.is_full && !was.is_full;
    counts[SIM_STREAM_LARGE_BEGUN] += now.has_large && !was.has_large;
    counts[SIM_STREAM_LARGE_ENDED] += is_there && was.has_large && !now.has_large;
    counts[SIM_STREAM_REST] += now.has_rest && !was.has_rest;
    counts[SIM_STREAM_HOPS] += now.has_hops && !was.has_hops;
    counts[SIM_STREAM_HOPS_TAKEN] += is_there && was.has_hops && !now.has_hops;
    counts[SIM_STREAM_CANNOT_WRITE] += now.cannot_write && !was.cannot_write;
    *seen = now;
}

static void s_count_channel (sim_direct_port_t *self, const zloom__direct_channel_t *channel)
{
    uint64_t *counts = s_counts (self);
    unsigned *hang_ups = &self->hang_ups[channel->index];
    counts[SIM_STREAM_HUNG_UP_TWICE] += channel->hang_ups == 2 && *hang_ups < 2;
    *hang_ups = channel->hang_ups;
    bool *was_paused = &self->is_paused[channel->index];
    bool is_paused = channel->accept_at != ZLOOM_NEVER;
    counts[SIM_STREAM_ACCEPT_PAUSED] += is_paused && !*was_paused;
    counts[SIM_STREAM_ACCEPT_RESUMED] += !is_paused && *was_paused;
    *was_paused = is_paused;
}

void sim_direct_look (sim_direct_port_t *self)
{
    const zloom__direct_t *direct = &self->direct;
    for (uint32_t i = 0; i < direct->capacity && i < SIM_LINKS_WATCHED; i++)
        if (direct->slots[i].link)
            s_count_link (self, direct->slots[i].link, &self->seen[i]);
    for (unsigned i = 0; i < direct->channel_count; i++)
        s_count_channel (self, direct->channels[i]);
}

//  What would be left for ever; NULL = nothing.
static const char *s_find_left (const zloom__direct_link_t *link, const sim_stream_t *stream)
{
    size_t unwritten = link->out.size - link->out_at;
    bool is_listened_to = unwritten <= link->channel->most_queued || link->cannot_write;
    bool was_told = stream->first && stream->news != stream->first;
    //  What memory was short for is looked at again.
    if (link->is_readable || link->channel->engine->starved_until != ZLOOM_NEVER)
        return NULL;
    if (is_listened_to && was_told && sim_stream_arrived (stream) > 0)
        return "was told of bytes, and has not read them";
    if (is_listened_to && stream->is_end_told && !stream->first)
        return "was told of the end, and has not read it";
    if (link->is_blocked && !link->cannot_write && !stream->is_blocked)
        return "was told that it can write, and does not";
    if (unwritten > 0 && !link->is_blocked && !link->is_dirty && !link->cannot_write)
        return "has something to write, and nothing keeps it";
    if (link->is_full && !link->is_blocked && !link->has_news && !link->cannot_write)
        return "was full, and nobody is told that it has room";
    return NULL;
}

void sim_direct_check (const sim_direct_port_t *self)
{
    for (uint32_t i = 0; i < self->direct.capacity; i++) {
        const zloom__direct_link_t *link = self->direct.slots[i].link;
        const sim_stream_t *stream =
            link && (link->state == ZLOOM__LINK_SHAKING || link->state == ZLOOM__LINK_OPEN)
                ? sim_guest_find (&self->guest, link->stream)
                : NULL;
        const char *left = stream ? s_find_left (link, stream) : NULL;
        if (left)
            sim_fail (self->host.world, "%s: link %llu %s", self->host.name,
                      (unsigned long long) link->name, left);
    }
}

//  How links end.

static sim_stream_count_t s_end_connecting (const sim_direct_port_t *self,
                                            const sim_stream_t *stream)
{
    if (self->is_ending)
        return SIM_STREAM_CONNECT_LEFT;
    bool is_answered = !stream || (!stream->is_connecting && stream->failure);
    return is_answered ? SIM_STREAM_REFUSED : SIM_STREAM_TIMED_OUT;
}

static sim_stream_count_t s_end_shaking (const sim_direct_port_t *self,
                                         const zloom__direct_link_t *link)
{
    if (self->is_ending)
        return SIM_STREAM_SHAKE_LEFT;
    if (link->zmtp.state == ZLOOM__ZMTP_HAS_ENDED)
        return SIM_STREAM_SHAKE_REFUSED;
    if (!link->has_ended)
        return SIM_STREAM_SHAKE_TIMED_OUT;
    return link->zmtp.state == ZLOOM__ZMTP_IN_HANDSHAKE ? SIM_STREAM_SHAKE_HUNG_UP
                                                        : SIM_STREAM_SHAKE_ENDED;
}

static sim_stream_count_t s_end_open (const sim_direct_port_t *self,
                                      const zloom__direct_link_t *link)
{
    if (self->is_ending)
        return SIM_STREAM_OPEN_LEFT;
    return link->has_ended ? SIM_STREAM_OPEN_ENDED : SIM_STREAM_OPEN_REFUSED;
}

//  The engine has marked the link as closed by now; whether it was connected is
//  in what was seen before.
void sim_direct_note_closing (sim_guest_t *guest, int stream)
{
    sim_direct_port_t *self = (sim_direct_port_t *) guest->host;
    const zloom__direct_link_t *link = NULL;
    uint32_t slot = 0;
    for (uint32_t i = 0; i < self->direct.capacity; i++)
        if (self->direct.slots[i].link && self->direct.slots[i].link->stream == stream) {
            link = self->direct.slots[i].link;
            slot = i;
        }
    if (!link)
        return;
    uint64_t *counts = s_counts (self);
    counts[SIM_STREAM_LARGE_LOST] += link->large != NULL;
    bool is_connecting = link->channel->dials && link->zmtp.options == NULL;
    if (slot < SIM_LINKS_WATCHED)
        self->seen[slot].has_large = false;
    if (is_connecting)
        counts[s_end_connecting (self, sim_guest_find (guest, stream))]++;
    else
        counts[link->was_open ? s_end_open (self, link) : s_end_shaking (self, link)]++;
}
