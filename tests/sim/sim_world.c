#include "sim/sim_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

//  So many events at one time mean that somebody is busy without end.
enum { STATIONARY_MAX = 20000 };

//  The clock begins late enough that nothing is before it.
#define BEGIN (1000 * ZLOOM_SEC)

void sim_world_init (sim_world_t *self, uint64_t seed, sim_tracing_t tracing)
{
    self->seed = seed;
    self->check = NULL;
    self->is_waited_in = false;
    self->now = BEGIN;
    zloom_random_seed (&self->random, seed);
    self->steps = self->stationary = 0;
    self->failure[0] = '\0';
    self->planned = 0;
    self->tracing = tracing;
    self->lines = 0;
}

static bool s_is_earlier (const sim_event_t *a, const sim_event_t *b)
{
    return a->at != b->at ? a->at < b->at : a->tie < b->tie;
}

static void s_put (sim_event_t *event, uint32_t place)
{
    event->world->heap[place] = event;
    event->place = place;
}

static void s_rise (sim_event_t *event)
{
    sim_event_t **heap = event->world->heap;
    uint32_t place = event->place;
    while (place > 0 && s_is_earlier (event, heap[(place - 1) / 2])) {
        s_put (heap[(place - 1) / 2], place);
        place = (place - 1) / 2;
    }
    s_put (event, place);
}

static void s_sink (sim_event_t *event)
{
    sim_world_t *world = event->world;
    uint32_t place = event->place;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < world->planned && s_is_earlier (world->heap[child + 1], world->heap[child]))
            child++;
        if (child >= world->planned || !s_is_earlier (world->heap[child], event))
            break;
        s_put (world->heap[child], place);
        place = child;
    }
    s_put (event, place);
}

bool sim_world_step (sim_world_t *self)
{
    if (self->planned == 0 || sim_has_failed (self))
        return false;
    sim_event_t *event = self->heap[0];
    self->stationary = event->at > self->now ? 0 : self->stationary + 1;
    if (self->stationary > STATIONARY_MAX)
        sim_fail (self, "time stands still: %d events, and the clock did not move", STATIONARY_MAX);
    self->now = event->at;
    self->steps++;
    sim_event_cancel (event);
    event->happen (event);
    if (self->check)
        self->check (self);
    return !sim_has_failed (self);
}

void sim_event_init (sim_event_t *self, sim_world_t *world, void (*happen) (sim_event_t *))
{
    *self = (sim_event_t){.happen = happen, .world = world, .at = ZLOOM_NEVER};
}

void sim_event_plan (sim_event_t *self, zloom_time_t at)
{
    sim_world_t *world = self->world;
    sim_event_cancel (self);
    if (at == ZLOOM_NEVER)
        return;
    zloom_assert (world->planned < SIM_EVENTS_MAX);
    self->at = at > world->now ? at : world->now;
    self->tie = (uint32_t) zloom_random_next (&world->random);
    self->place = world->planned++;
    s_rise (self);
}

void sim_event_plan_in (sim_event_t *self, zloom_time_t after)
{
    sim_event_plan (self, zloom_time_add (self->world->now, after));
}

void sim_event_plan_by (sim_event_t *self, zloom_time_t at)
{
    if (at < self->at)
        sim_event_plan (self, at);
}

void sim_event_cancel (sim_event_t *self)
{
    if (self->at == ZLOOM_NEVER)
        return;
    sim_world_t *world = self->world;
    sim_event_t *last = world->heap[--world->planned];
    if (last != self) {
        s_put (last, self->place);
        s_rise (last);
        s_sink (last);
    }
    self->at = ZLOOM_NEVER;
}

bool sim_chance (sim_world_t *self, unsigned percent)
{
    return percent > 0 && zloom_random_next (&self->random) % 100 < percent;
}

int64_t sim_between (sim_world_t *self, int64_t low, int64_t high)
{
    return low + (int64_t) (zloom_random_next (&self->random) % (uint64_t) (high - low + 1));
}

int64_t sim_spread (sim_world_t *self, int64_t low, int64_t high)
{
    int64_t top = high;
    while (top / 10 > low && sim_chance (self, 50))
        top /= 10;
    return sim_between (self, low, top);
}

void sim_fail (sim_world_t *self, const char *format, ...)
{
    if (sim_has_failed (self))
        return;
    va_list arguments;
    va_start (arguments, format);
    char failure[sizeof self->failure];
    vsnprintf (failure, sizeof failure, format, arguments);
    va_end (arguments);
    sim_trace (self, "FAILED: %s", failure);
    memcpy (self->failure, failure, sizeof failure);
}

void sim_trace_line (sim_world_t *self, const char *format, ...)
{
    char *line = self->trace[self->lines++ % SIM_TRACE_LINES];
    int size = snprintf (line, SIM_LINE_MAX, "%11.6f  ", (double) (self->now - BEGIN) / ZLOOM_SEC);
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (line + size, SIM_LINE_MAX - (size_t) size, format, arguments);
    va_end (arguments);
    if (self->tracing == SIM_TRACE_ALL)
        puts (line);
}
