//  zloom__links - the connecting side's view of its endpoints
//
//  One link for each endpoint: whether it is up, whether its peer has shown
//  itself to be a zloom peer, whether it still gives signs of life, and how
//  much work it has. Picks the link for the next piece of work. The
//  connecting side beats when it has heard nothing for a while, the other
//  answers; a peer that misses three beats gets no new work, and loses none.
//
//  Pure apart from the beats, which it sends through the port.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_SESSION_LINKS_INTERNAL_H
#define ZLOOM_SESSION_LINKS_INTERNAL_H

#include "base/buffer.h"
#include "net/port_internal.h"

//  Beats that may go unanswered before a peer counts as silent.
enum { ZLOOM__BEATS_MISSED = 3 };

typedef enum zloom__nature {
    ZLOOM__NATURE_UNKNOWN,  //  Treated as plain; asked when it matters
    ZLOOM__NATURE_ASKED,    //  A greeting is under way
    ZLOOM__NATURE_PLAIN,
    ZLOOM__NATURE_ZLOOM
} zloom__nature_t;

typedef struct zloom__peer {
    zloom__channel_t channel;
    zloom__link_t link;  //  0 = down
    zloom__nature_t nature;
    bool is_draining;        //  It has refused work because it ends
    bool hides;              //  Nothing but an answer shows that anybody is there
    bool has_spoken;         //  Something was received on this link
    bool is_full;            //  The last send found no room
    zloom_reason_t refused;  //  It cannot be connected, and trying again won't help
    uint32_t working;        //  Pieces of work that it has
    unsigned missed;         //  Beats since the last sign of life
    zloom_time_t heard_at;
    zloom_time_t beat_at;  //  When to beat; NEVER = not at all
} zloom__peer_t;

typedef struct zloom__links {
    zloom__port_t *port;
    zloom__peer_t *peers;  //  By channel
    size_t count;
    zloom_time_t beat_every;  //  0 = no beats
    uint64_t beats;           //  Sent so far; each has its number
    zloom_buffer_t scratch;
} zloom__links_t;

//  Open every endpoint of a list as a CLIENT channel. The template has all but
//  the endpoint. Errors: those of the port's open, BAD_ENDPOINT.
zloom_code_t zloom__links_open (zloom__links_t *self, zloom__port_t *port, const char *endpoints,
                                const zloom__channel_options_t *template, uint32_t beat_ms,
                                zloom_error_t *reterr);

void zloom__links_clear (zloom__links_t *self);

//  Take note of an event of the port (FRAME, UP, DOWN, ROOM), and return the
//  peer that it is about; NULL where it is about none that is up.
zloom__peer_t *zloom__links_note (zloom__links_t *self, const zloom__event_t *event);

//  The peer for the next piece of work: up, not draining, not silent, not
//  full, not being asked whether it is there; one that has shown that it is
//  before one that has not; with the least work, the first on a tie. NULL:
//  there is none.
zloom__peer_t *zloom__links_pick (const zloom__links_t *self);

//  How many are up.
uint32_t zloom__links_present (const zloom__links_t *self);

//  Whether one is up that is known to be there.
bool zloom__links_are_ready (const zloom__links_t *self);

//  Why none is up: the most telling trouble among the endpoints, as a reason
//  and a text with each endpoint's name. Returns its code.
zloom_code_t zloom__links_explain (const zloom__links_t *self, zloom_error_t *ret_error);

//  Whether none is up and none can come up: each was refused for good.
bool zloom__links_are_hopeless (const zloom__links_t *self);

//  Hope anew: only what is refused from now on counts.
void zloom__links_hope (zloom__links_t *self);

//  Beat where it is due, and return when to do it again.
zloom_time_t zloom__links_beat (zloom__links_t *self);

//  Whether there is no sign yet that anybody is there.
static inline bool zloom__peer_is_unproven (const zloom__peer_t *self)
{
    return self->hides && !self->has_spoken;
}

static inline bool zloom__peer_is_silent (const zloom__peer_t *self)
{
    return self->missed > ZLOOM__BEATS_MISSED;
}

#endif
