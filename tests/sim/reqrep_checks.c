#include "sim/reqrep_sim.h"

//  A timer fires at most a tick late (policy/wheel_internal.h), and its turn a
//  moment after that.
#define GRACE (1200 * ZLOOM_USEC)

//  What may pass until a process has dealt with news, beside the way.
#define SLACK (20 * ZLOOM_MSEC)

//  A deadline may be missed only by a process that could not run.
bool reqrep_client_is_overdue (const reqrep_client_t *self, zloom_time_t deadline)
{
    zloom_time_t now = self->sim->world->now;
    return now - GRACE > deadline && now > self->port->paused_until + GRACE;
}

bool reqrep_lasts_too_long (const reqrep_sim_t *sim, zloom_time_t since)
{
    return !sim->has_weather && sim->world->now - 4 * sim->network->way - SLACK > since;
}

//  Clients.

//  Whether the client's table, with some greetings of its own, or what may wait
//  for a connection can be full.
static bool s_may_be_full (const reqrep_client_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->object, &stats);
    return self->count + REQREP_SERVERS_MAX >= self->options.max_outstanding || stats.unsent > 0
           || self->options.max_unsent_bytes < self->sim->padding + REQREP_HEADS_MAX;
}

void reqrep_client_check_refusal (const reqrep_client_t *self)
{
    reqrep_sim_t *sim = self->sim;
    zloom_reason_t reason = zloom_client_last_error (self->object)->reason;
    if (reason == ZLOOM_REASON_QUEUE_FULL && s_may_be_full (self))
        sim->counts[REQREP_START_FULL]++;
    else if (reason == ZLOOM_REASON_OVERSIZE && sim->is_tight)
        sim->counts[REQREP_START_OVERSIZE]++;
    else if (reason == ZLOOM_REASON_NO_MEMORY && sim->is_lean)
        sim->counts[REQREP_START_NO_MEMORY]++;
    else
        sim_fail (sim->world, "%s cannot start a call: %s", self->name,
                  zloom_client_last_error (self->object)->text);
}

void reqrep_client_check (reqrep_client_t *self)
{
    if (self->object && reqrep_client_is_overdue (self, self->earliest))
        sim_fail (self->sim->world, "%s has a call that should have ended %.3f ms ago", self->name,
                  (double) (self->sim->world->now - self->earliest) / ZLOOM_MSEC);
}

//  Calls that wait are sent as soon as a link has room, unless its server is
//  silent.
static void s_check_waiting (reqrep_client_t *self, const zloom_client_stats_t *stats)
{
    reqrep_sim_t *sim = self->sim;
    if (stats->unsent == 0 || self->options.beat_ms || !sim_host_has_room (self->port))
        self->stuck_at = ZLOOM_NEVER;
    else
        self->stuck_at = zloom_time_min (self->stuck_at, sim->world->now);
    if (reqrep_lasts_too_long (sim, self->stuck_at))
        sim_fail (sim->world, "%s: calls wait though there is room", self->name);
}

void reqrep_client_check_stats (reqrep_client_t *self)
{
    zloom_client_stats_t stats;
    zloom_client_stats (self->object, &stats);
    const zloom_client_stats_t *expected = &self->expected;
    const struct {
        const char *name;
        uint64_t is, should_be;
    } counters[] = {
        {"calls", stats.calls, expected->calls},
        {"ok", stats.ok, expected->ok},
        {"failed", stats.failed, expected->failed},
        {"deadlines", stats.deadlines, expected->deadlines},
        {"lost", stats.lost, expected->lost},
        {"notifications", stats.notifications, expected->notifications},
        {"outstanding", stats.outstanding, self->count},
        {"present", stats.present, stats.connects - stats.disconnects},
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        if (counters[i].is != counters[i].should_be)
            sim_fail (self->sim->world, "%s: counter '%s' is %llu and should be %llu", self->name,
                      counters[i].name, (unsigned long long) counters[i].is,
                      (unsigned long long) counters[i].should_be);
    if (stats.unsent > stats.outstanding)
        sim_fail (self->sim->world, "%s: more is unsent than outstanding", self->name);
    else if (stats.present == 0 && stats.unsent < stats.outstanding)
        sim_fail (self->sim->world, "%s: calls go on though their connection is lost", self->name);
    s_check_waiting (self, &stats);
}

//  Servers.

//  Where nothing breaks only those answers are not sent that nobody waits for.
static void s_check_undeliverable (const reqrep_server_t *self, const zloom_server_stats_t *stats)
{
    bool is_well = !self->sim->has_weather && self->options.workers == 0;
    if (is_well && stats->undeliverable != self->for_nobody)
        sim_fail (self->sim->world, "%s: %llu answers were not sent, and %llu had no taker",
                  self->name, (unsigned long long) stats->undeliverable,
                  (unsigned long long) self->for_nobody);
}

void reqrep_server_check (reqrep_server_t *self)
{
    zloom_server_stats_t stats;
    zloom_server_stats (self->object, &stats);
    uint64_t came = stats.requests + stats.notifications;
    uint64_t done = stats.ok + stats.failed + stats.refused;
    uint64_t left = stats.pending + stats.expired + stats.cancelled;
    if (stats.pending > self->options.max_pending
        || stats.max_pending_seen > self->options.max_pending)
        sim_fail (self->sim->world, "%s: %u calls are pending, %u may be", self->name,
                  stats.pending, self->options.max_pending);
    else if (stats.pending < self->held_count)
        sim_fail (self->sim->world, "%s: %u calls are held, and %u pending", self->name,
                  self->held_count, stats.pending);
    else if (done > came || done + left < came)
        sim_fail (self->sim->world,
                  "%s: %llu requests came, %llu were answered, %llu wait or are given up",
                  self->name, (unsigned long long) came, (unsigned long long) done,
                  (unsigned long long) left);
    s_check_undeliverable (self, &stats);
}
