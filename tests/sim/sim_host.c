#include "sim/sim_host.h"

//  How late a turn may come.
#define LAG_MAX (50 * ZLOOM_USEC)

static sim_host_t *s_self (zloom__port_t *port)
{
    return (sim_host_t *) port;
}

//  Turns.

//  When the owner must be told something.
static zloom_time_t s_due (const sim_host_t *self)
{
    if (self->pool.done || self->was_woken)
        return self->world->now;
    return self->network->due (self);
}

static zloom_time_t s_not_before (zloom_time_t at, zloom_time_t earliest)
{
    return at > earliest ? at : earliest;
}

void sim_host_expect (sim_host_t *self, zloom_time_t at)
{
    if (at >= self->turn.at)
        return;
    at = s_not_before (at, self->world->now) + sim_between (self->world, 0, LAG_MAX);
    sim_event_plan_by (&self->turn, s_not_before (at, self->paused_until));
}

void sim_host_pause (sim_host_t *self, zloom_time_t duration)
{
    self->paused_until = s_not_before (self->world->now + duration, self->paused_until);
    if (self->turn.at != ZLOOM_NEVER)
        sim_event_plan (&self->turn, s_not_before (self->turn.at, self->paused_until));
}

bool sim_host_is_busy (const sim_host_t *self)
{
    return self->is_waiting || self->paused_until > self->world->now;
}

static void s_take_turn (sim_event_t *turn)
{
    sim_host_t *self = sim_event_owner (turn, sim_host_t, turn);
    if (self->is_waiting)
        return;
    self->wanted = ZLOOM_NEVER;
    self->process (self->owner);
    sim_host_expect (self, zloom_time_min (self->wanted, s_due (self)));
}

void sim_host_settle (zloom__port_t *port, zloom_time_t until)
{
    sim_host_t *self = s_self (port);
    self->wanted = until;
    sim_host_expect (self, zloom_time_min (until, s_due (self)));
}

void sim_host_wake (zloom__port_t *port)
{
    s_self (port)->was_woken = true;
    sim_host_expect (s_self (port), s_self (port)->world->now);
}

//  Telling.

static zloom__event_kind_t s_tell_job (sim_host_t *self, zloom__event_t *ret_event)
{
    ret_event->job = sim_pool_take (&self->pool);
    return ZLOOM__EVENT_JOB;
}

static zloom__event_kind_t s_tell (sim_host_t *self, zloom__event_t *ret_event)
{
    if (self->pool.done && sim_chance (self->world, 50))
        return s_tell_job (self, ret_event);
    zloom__event_kind_t kind = self->network->tell (self, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT && self->pool.done)
        kind = s_tell_job (self, ret_event);
    if (kind == ZLOOM__EVENT_TIMEOUT && self->was_woken) {
        self->was_woken = false;
        kind = ZLOOM__EVENT_WOKEN;
    }
    return kind;
}

static void s_trace_event (const sim_host_t *self, const zloom__event_t *event)
{
    static const char *const names[] = {"timeout", "frame", "up",  "down",
                                        "room",    "woken", "job", "broken"};
    if (event->kind != ZLOOM__EVENT_FRAME && event->kind != ZLOOM__EVENT_TIMEOUT)
        sim_trace (self->world, "%s is told: %s, link %llu", self->name, names[event->kind],
                   (unsigned long long) event->link);
}

zloom_time_t sim_host_now (zloom__port_t *port)
{
    return s_self (port)->world->now;
}

void sim_host_wait (sim_host_t *self, zloom_time_t until)
{
    sim_world_t *world = self->world;
    if (world->is_waited_in)
        sim_fail (world, "%s waits while another one does", self->name);
    self->is_waiting = world->is_waited_in = true;
    sim_host_expect (self, until);
    while (s_due (self) > world->now || self->paused_until > world->now) {
        if (until <= world->now && self->paused_until <= world->now)
            break;
        if (!sim_world_step (world)) {
            //  Whoever waits must come to an end, though the world has.
            world->now = until;
            break;
        }
        sim_host_expect (self, zloom_time_min (until, s_due (self)));
    }
    self->is_waiting = world->is_waited_in = false;
}

zloom__event_kind_t sim_host_next (zloom__port_t *port, zloom_time_t until,
                                   zloom__event_t *ret_event)
{
    sim_host_t *self = s_self (port);
    if (self->network->let_go)
        self->network->let_go (self);
    *ret_event = (zloom__event_t){0};
    ret_event->kind = s_tell (self, ret_event);
    if (ret_event->kind != ZLOOM__EVENT_TIMEOUT) {
        s_trace_event (self, ret_event);
        return ret_event->kind;
    }
    if (until > self->world->now)
        sim_host_wait (self, until);
    zloom__port_refresh (port);
    ret_event->kind = s_tell (self, ret_event);
    s_trace_event (self, ret_event);
    return ret_event->kind;
}

uint64_t sim_host_random (zloom__port_t *port)
{
    return zloom_random_next (&s_self (port)->world->random);
}

//  Workers.

static void s_note_job (void *context)
{
    sim_host_t *self = (sim_host_t *) context;
    ++*self->jobs;
    sim_host_expect (self, self->world->now);
}

void sim_host_submit (zloom__port_t *port, zloom__job_t *job)
{
    sim_pool_submit (&s_self (port)->pool, job);
}

void sim_host_join (zloom__port_t *port)
{
    sim_pool_join (&s_self (port)->pool);
}

//  Beginning and end.

//  There is none to poll; any number makes the owner say when it wants a turn.
int sim_host_descriptor (zloom__port_t *port)
{
    (void) port;
    return 0;
}

void sim_host_begin (sim_host_t *self, sim_world_t *world, const char *name, unsigned workers,
                     void (*process) (void *owner), void *owner)
{
    self->world = world;
    self->base.now = world->now;
    self->name = name;
    self->process = process;
    self->owner = owner;
    self->wanted = ZLOOM_NEVER;
    sim_event_init (&self->turn, world, s_take_turn);
    sim_pool_init (&self->pool, world, workers, s_note_job, self);
}

void sim_host_end (sim_host_t *self)
{
    sim_event_cancel (&self->turn);
    sim_event_cancel (&self->pool.work);
}
