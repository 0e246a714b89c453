#include "sim/sim_direct_port.h"

#include <stdlib.h>

#include "base/assert.h"

static sim_direct_port_t *s_self (zloom__port_t *port)
{
    return (sim_direct_port_t *) port;
}

static uint64_t *s_counts (const sim_direct_port_t *self)
{
    return self->guest.net->counts;
}

//  Opening.

static zloom_code_t s_open (zloom__port_t *port, const zloom__channel_options_t *options,
                            zloom__channel_t *ret_channel, zloom_error_t *reterr)
{
    sim_direct_port_t *self = s_self (port);
    const char *list = options->endpoint;
    zloom__endpoint_t endpoint;
    zloom_code_t code;
    bool is_one = zloom__endpoint_next (&list, &endpoint, &code, reterr);
    zloom_assert (is_one);
    code = zloom__direct_open (&self->direct, self->channel_count, &endpoint, options,
                               zloom__port_refresh (port), reterr);
    if (code)
        return code;
    //  The least bound of the engine is more than a world ever sends.
    if (self->guest.net->climate.queued)
        zloom__direct_find_channel (&self->direct, self->channel_count)->most_queued =
            self->guest.net->climate.queued;
    *ret_channel = self->channel_count++;
    sim_direct_look (self);
    return ZLOOM_OK;
}

static const char *s_engine (zloom__port_t *port, zloom__channel_t channel)
{
    (void) port;
    (void) channel;
    return "direct";
}

static const char *s_endpoint (zloom__port_t *port, zloom__channel_t channel)
{
    const zloom__direct_channel_t *found =
        zloom__direct_find_channel (&s_self (port)->direct, channel);
    return found->bound[0] ? found->bound : found->endpoint.text;
}

static zloom_reason_t s_trouble (zloom__port_t *port, zloom__channel_t channel,
                                 const char **ret_text)
{
    const zloom__direct_channel_t *found =
        zloom__direct_find_channel (&s_self (port)->direct, channel);
    *ret_text = found->trouble_text;
    return found->trouble;
}

//  Sending.

static zloom_code_t s_send (zloom__port_t *port, zloom__channel_t channel, zloom__link_t link,
                            zloom_bytes_t envelope, const zloom_bytes_t *parts, size_t count)
{
    sim_direct_port_t *self = s_self (port);
    (void) channel;
    zloom_code_t code = zloom__direct_send (&self->direct, link, envelope, parts, count, port->now);
    sim_direct_look (self);
    return code;
}

static void s_flush (zloom__port_t *port)
{
    zloom__direct_flush (&s_self (port)->direct);
    sim_direct_look (s_self (port));
}

//  Waiting.

static zloom_time_t s_due (const sim_host_t *host)
{
    const sim_direct_port_t *self = (const sim_direct_port_t *) host;
    if (zloom__direct_is_ready (&self->direct))
        return host->world->now;
    return zloom_time_min (zloom__direct_due (&self->direct), sim_guest_due (&self->guest));
}

//  Hear what has become possible.
static void s_hear (sim_direct_port_t *self)
{
    enum { AT_ONCE = 16 };
    zloom__ready_t ready[AT_ONCE];
    unsigned count = sim_guest_poll (&self->guest, ready, AT_ONCE);
    for (unsigned i = 0; i < count; i++) {
        zloom__direct_note (&self->direct, &ready[i], self->host.base.now);
        sim_direct_look (self);
    }
}

static void s_hear_and_tend (sim_direct_port_t *self)
{
    s_hear (self);
    zloom__direct_tend (&self->direct, self->host.base.now);
    sim_direct_look (self);
}

static zloom__event_kind_t s_look (sim_direct_port_t *self, zloom__event_t *ret_event)
{
    zloom__event_kind_t kind = zloom__direct_next (&self->direct, self->host.base.now, ret_event);
    s_counts (self)[SIM_STREAM_UP] += kind == ZLOOM__EVENT_UP;
    s_counts (self)[SIM_STREAM_DOWN] += kind == ZLOOM__EVENT_DOWN && ret_event->link;
    s_counts (self)[SIM_STREAM_HOPELESS] += kind == ZLOOM__EVENT_DOWN && !ret_event->link;
    if (kind == ZLOOM__EVENT_DOWN && !ret_event->link
        && ret_event->reason != ZLOOM_REASON_WRONG_PEER
        && ret_event->reason != ZLOOM_REASON_AUTHENTICATION)
        sim_fail (self->host.world, "%s: '%s' is told as what another try won't mend",
                  self->host.name, zloom_reason_name (ret_event->reason));
    s_counts (self)[SIM_STREAM_HAS_ROOM] += kind == ZLOOM__EVENT_ROOM;
    sim_direct_look (self);
    return kind;
}

//  As a busy port does, now and then look at the streams though there may still
//  be something to tell, or read without having been told.
static zloom__event_kind_t s_tell (sim_host_t *host, zloom__event_t *ret_event)
{
    sim_direct_port_t *self = (sim_direct_port_t *) host;
    if (sim_chance (host->world, 5))
        s_hear_and_tend (self);
    else if (sim_chance (host->world, 10))
        s_counts (self)[SIM_STREAM_GUESSED] += zloom__direct_guess (&self->direct);
    zloom__event_kind_t kind = s_look (self, ret_event);
    if (kind != ZLOOM__EVENT_TIMEOUT)
        return kind;
    s_hear_and_tend (self);
    kind = s_look (self, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT)
        sim_direct_check (self);
    return kind;
}

static bool s_has_room (const sim_host_t *host)
{
    const zloom__direct_t *direct = &((const sim_direct_port_t *) host)->direct;
    for (uint32_t i = 0; i < direct->capacity; i++) {
        const zloom__direct_link_t *link = direct->slots[i].link;
        if (link && link->state == ZLOOM__LINK_OPEN && !link->is_full && !link->cannot_write)
            return true;
    }
    return false;
}

//  Keeping.

static bool s_is_from_zloom (zloom__port_t *port)
{
    return s_self (port)->direct.is_from_zloom;
}

static zloom_code_t s_keep (zloom__port_t *port, zloom__frame_t *ret_frame)
{
    zloom_code_t code = zloom__direct_keep (&s_self (port)->direct, ret_frame);
    s_counts (s_self (port))[SIM_STREAM_KEPT] += code == ZLOOM_OK;
    return code;
}

static uint64_t s_dropped (zloom__port_t *port)
{
    return s_self (port)->direct.dropped;
}

//  The end.

//  Let the links write what they have, for so long. The world goes on meanwhile,
//  unless somebody waits already.
static void s_linger (sim_direct_port_t *self, zloom_time_t linger)
{
    sim_world_t *world = self->host.world;
    zloom_time_t until = world->now + linger;
    zloom__port_refresh (&self->host.base);
    zloom__direct_flush (&self->direct);
    if (linger == 0 || world->is_waited_in || self->guest.is_dead)
        return;
    self->host.is_waiting = world->is_waited_in = true;
    while (world->now < until && zloom__direct_has_unsent (&self->direct)) {
        sim_host_expect (&self->host, zloom_time_min (until, sim_guest_due (&self->guest)));
        if (!sim_world_step (world))
            break;
        zloom__port_refresh (&self->host.base);
        s_hear (self);
    }
    self->host.is_waiting = world->is_waited_in = false;
    s_counts (self)[zloom__direct_has_unsent (&self->direct) ? SIM_STREAM_LINGER_OVER
                                                             : SIM_STREAM_LINGERED]++;
}

static void s_destroy (zloom__port_t *port, zloom_time_t linger)
{
    sim_direct_port_t *self = s_self (port);
    sim_host_join (port);
    s_linger (self, linger);
    self->is_ending = true;
    zloom__direct_clear (&self->direct);
    zloom_assert (!self->guest.list);
    sim_host_end (&self->host);
    free (self);
}

static void s_crash (sim_host_t *host)
{
    sim_guest_crash (&((sim_direct_port_t *) host)->guest);
}

static const zloom__port_ops_t s_ops = {SIM_HOST_OPS,
                                        .engine = s_engine,
                                        .open = s_open,
                                        .send = s_send,
                                        .flush = s_flush,
                                        .keep = s_keep,
                                        .is_from_zloom = s_is_from_zloom,
                                        .endpoint = s_endpoint,
                                        .trouble = s_trouble,
                                        .dropped = s_dropped,
                                        .destroy = s_destroy};

static const sim_host_ops_t s_network = {
    .due = s_due, .tell = s_tell, .crash = s_crash, .has_room = s_has_room};

sim_host_t *sim_direct_port_new (sim_streams_t *net, const char *name, unsigned workers,
                                 void (*process) (void *owner), void *owner)
{
    sim_direct_port_t *self = (sim_direct_port_t *) calloc (1, sizeof *self);
    zloom_assert (self);
    self->host = (sim_host_t){
        .base = {.ops = &s_ops}, .network = &s_network, .jobs = &net->counts[SIM_STREAM_JOB]};
    sim_guest_init (&self->guest, net, &self->host, sim_direct_note_closing);
    zloom__direct_init (&self->direct, &self->guest.streams, &net->base.world->random);
    sim_host_begin (&self->host, net->base.world, name, workers, process, owner);
    return &self->host;
}
