#include "flow.h"

#include <stdlib.h>

#include "fail.h"

enum { STRIDE = 17 };

static flow_t s_flow (size_t size, unsigned window)
{
    flow_t self = {.body = (unsigned char *) malloc (size),
                   .size = size,
                   .window = window,
                   .calls = (flow_call_t *) calloc (window, sizeof *self.calls),
                   .free = (uint32_t *) calloc (window, sizeof *self.free),
                   .histogram = zloom_histogram_new (NULL, NULL)};
    if (!self.body || !self.calls || !self.free || !self.histogram)
        fail ("no memory");
    memset (self.body, 'z', size);
    for (unsigned place = 0; place < window; place++) {
        self.calls[place].id = UINT64_MAX;
        self.free[place] = place;
    }
    return self;
}

flow_t flow_closed (size_t size, unsigned window, unsigned ms)
{
    flow_t self = s_flow (size, window);
    self.counts_from = zloom_time_now () + ms * ZLOOM_MSEC / 10;
    self.until = self.counts_from + ms * ZLOOM_MSEC;
    return self;
}

flow_t flow_open (size_t size, unsigned window, double rate_per_s, unsigned ms)
{
    flow_t self = s_flow (size, window);
    self.interval_ns = (double) ZLOOM_SEC / rate_per_s;
    self.uncounted = (uint64_t) (rate_per_s * ms / 10000);
    self.count = self.uncounted + (uint64_t) (rate_per_s * ms / 1000) + 2;
    self.origin = zloom_time_now ();
    self.due = self.origin;
    return self;
}

void flow_clear (flow_t *self)
{
    free (self->body);
    free (self->calls);
    free (self->free);
    zloom_histogram_destroy (&self->histogram);
}

double flow_rate (const flow_t *self)
{
    return (double) (self->last - self->first) * (double) ZLOOM_SEC
           / (double) (self->last_at - self->first_at);
}

void flow_fail_answer (zloom_bytes_t answer)
{
    fail ("an answer of %zu bytes is to no call that is under way", answer.size);
}

//  Of an open flow each call comes here, to know when the next is due.
void flow_time (flow_t *self, flow_call_t *call)
{
    if (!flow_is_open (self)) {
        self->timing += STRIDE;
        call->from = zloom_time_now ();
        return;
    }
    if (self->timing >= self->uncounted)
        call->from = self->due;
    self->timing++;
    self->due = self->origin + (zloom_time_t) ((double) self->timing * self->interval_ns);
    self->is_over = self->timing == self->count;
}

void flow_record (flow_t *self, const flow_call_t *call)
{
    zloom_time_t now = zloom_time_now ();
    if (now < self->counts_from || (self->is_over && !flow_is_open (self)))
        return;
    if (self->first_at == 0) {
        self->first = self->ended;
        self->first_at = now;
    }
    self->last = self->ended;
    self->last_at = now;
    if (!zloom_histogram_record (self->histogram, now - call->from))
        fail ("a call took %lld ns", (long long) (now - call->from));
    if (!flow_is_open (self))
        self->is_over = now >= self->until;
}
