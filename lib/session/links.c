#include "session/links_internal.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/wire_internal.h"
#include "net/endpoint_internal.h"

static zloom_code_t s_open_one (zloom__links_t *self, const zloom__channel_options_t *options,
                                zloom_error_t *reterr)
{
    zloom__peer_t *peers =
        (zloom__peer_t *) zloom_realloc (self->peers, (self->count + 1) * sizeof self->peers[0]);
    if (!peers)
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for an endpoint");
    self->peers = peers;
    zloom__peer_t *peer = &peers[self->count];
    *peer = (zloom__peer_t){.beat_at = ZLOOM_NEVER};
    zloom_code_t code = self->port->ops->open (self->port, options, &peer->channel, reterr);
    if (!code)
        self->count++;
    return code;
}

zloom_code_t zloom__links_open (zloom__links_t *self, zloom__port_t *port, const char *endpoints,
                                const zloom__channel_options_t *template, uint32_t beat_ms,
                                zloom_error_t *reterr)
{
    *self = (zloom__links_t){.port = port, .beat_every = beat_ms * ZLOOM_MSEC};
    zloom__endpoint_t endpoint;
    zloom_code_t code;
    while (zloom__endpoint_next (&endpoints, &endpoint, &code, reterr)) {
        if (endpoint.binds)
            return zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT,
                                    "'@%.80s': a client connects, it cannot bind", endpoint.text);
        zloom__channel_options_t options = *template;
        options.endpoint = endpoint.text;
        if ((code = s_open_one (self, &options, reterr)))
            return code;
    }
    if (!code && self->count == 0)
        code = zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "no endpoint was given");
    return code;
}

void zloom__links_clear (zloom__links_t *self)
{
    zloom_free (self->peers);
    zloom_buffer_clear (&self->scratch);
    *self = (zloom__links_t){0};
}

static void s_note_up (zloom__links_t *self, zloom__peer_t *peer, const zloom__event_t *event)
{
    *peer = (zloom__peer_t){
        .channel = peer->channel,
        .link = event->link,
        .nature = event->is_zloom ? ZLOOM__NATURE_ZLOOM : ZLOOM__NATURE_UNKNOWN,
        .hides = event->hides_peer,
        .heard_at = zloom__port_now (self->port),
        .beat_at = ZLOOM_NEVER,
    };
}

static void s_note_frame (zloom__links_t *self, zloom__peer_t *peer, const zloom__event_t *event)
{
    peer->has_spoken = true;
    peer->missed = 0;
    peer->heard_at = zloom__port_now (self->port);
    if (event->is_zloom && peer->nature != ZLOOM__NATURE_ZLOOM)
        peer->nature = ZLOOM__NATURE_ZLOOM;
}

zloom__peer_t *zloom__links_note (zloom__links_t *self, const zloom__event_t *event)
{
    zloom__peer_t *peer = NULL;
    for (size_t i = 0; i < self->count && !peer; i++)
        if (self->peers[i].channel == event->channel)
            peer = &self->peers[i];
    if (!peer)
        return NULL;
    if (event->kind == ZLOOM__EVENT_UP) {
        s_note_up (self, peer, event);
        return peer;
    }
    if (event->kind == ZLOOM__EVENT_DOWN && event->link == 0) {
        peer->refused = event->reason;
        return NULL;
    }
    if (event->link == 0 || event->link != peer->link)
        return NULL;
    if (event->kind == ZLOOM__EVENT_FRAME)
        s_note_frame (self, peer, event);
    else if (event->kind == ZLOOM__EVENT_ROOM)
        peer->is_full = false;
    else if (event->kind == ZLOOM__EVENT_DOWN)
        peer->link = 0;
    return peer;
}

//  Whether one that may not be there is being asked; a moment tells.
static bool s_is_in_doubt (const zloom__peer_t *peer)
{
    return zloom__peer_is_unproven (peer) && peer->nature == ZLOOM__NATURE_ASKED;
}

static bool s_may_work (const zloom__peer_t *peer)
{
    return peer->link && !peer->is_draining && !peer->is_full && !zloom__peer_is_silent (peer)
           && !s_is_in_doubt (peer);
}

static bool s_is_better (const zloom__peer_t *peer, const zloom__peer_t *best)
{
    bool is_unproven = zloom__peer_is_unproven (peer);
    if (is_unproven != zloom__peer_is_unproven (best))
        return !is_unproven;
    return peer->working < best->working;
}

zloom__peer_t *zloom__links_pick (const zloom__links_t *self)
{
    zloom__peer_t *best = NULL;
    for (size_t i = 0; i < self->count; i++) {
        zloom__peer_t *peer = &self->peers[i];
        if (s_may_work (peer) && (!best || s_is_better (peer, best)))
            best = peer;
    }
    return best;
}

uint32_t zloom__links_present (const zloom__links_t *self)
{
    uint32_t present = 0;
    for (size_t i = 0; i < self->count; i++)
        present += self->peers[i].link != 0;
    return present;
}

bool zloom__links_are_ready (const zloom__links_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->peers[i].link && !zloom__peer_is_unproven (&self->peers[i]))
            return true;
    return false;
}

bool zloom__links_are_hopeless (const zloom__links_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->peers[i].link || !self->peers[i].refused)
            return false;
    return true;
}

void zloom__links_hope (zloom__links_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        self->peers[i].refused = ZLOOM_REASON_NONE;
}

zloom_code_t zloom__links_explain (const zloom__links_t *self, zloom_error_t *ret_error)
{
    char text[sizeof ret_error->text] = "";
    size_t length = 0;
    zloom_reason_t worst = ZLOOM_REASON_NO_PEER;
    for (size_t i = 0; i < self->count && length < sizeof text; i++) {
        const zloom__peer_t *peer = &self->peers[i];
        const char *why = "connected";
        zloom_reason_t reason = ZLOOM_REASON_NO_PEER;
        if (!peer->link)
            reason = self->port->ops->trouble (self->port, peer->channel, &why);
        else if (peer->is_draining)
            why = "shutting down";
        else if (zloom__peer_is_unproven (peer))
            why = "nothing has ever answered there";
        else if (zloom__peer_is_silent (peer))
            why = "connected, but silent";
        if (reason != ZLOOM_REASON_NO_PEER)
            worst = reason;
        int added = snprintf (text + length, sizeof text - length, "%s%s: %s", i ? "; " : "",
                              self->port->ops->endpoint (self->port, peer->channel), why);
        length += added > 0 ? (size_t) added : 0;
    }
    return zloom_error_set (ret_error, worst, "no peer at %s", text);
}

static bool s_beat_one (zloom__links_t *self, zloom__peer_t *peer)
{
    zloom_buffer_reset (&self->scratch);
    zloom__wire_beat (&self->scratch, ZLOOM__BEAT, ++self->beats);
    zloom_bytes_t body = zloom_buffer_bytes (&self->scratch);
    return !self->scratch.failed
           && self->port->ops->send (self->port, peer->channel, peer->link, zloom_bytes (NULL, 0),
                                     &body, 1)
                  == ZLOOM_OK;
}

zloom_time_t zloom__links_beat (zloom__links_t *self)
{
    zloom_time_t now = zloom__port_now (self->port), next = ZLOOM_NEVER;
    if (self->beat_every == 0)
        return next;
    for (size_t i = 0; i < self->count; i++) {
        zloom__peer_t *peer = &self->peers[i];
        if (!peer->link || peer->nature != ZLOOM__NATURE_ZLOOM)
            continue;
        //  Due a while after the last sign of life, or after the last beat.
        if (peer->beat_at == ZLOOM_NEVER || peer->missed == 0)
            peer->beat_at = peer->heard_at + self->beat_every;
        if (peer->beat_at <= now) {
            s_beat_one (self, peer);
            peer->missed++;
            peer->beat_at = now + self->beat_every;
        }
        next = zloom_time_min (next, peer->beat_at);
    }
    return next;
}
