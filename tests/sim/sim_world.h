//  sim_world - a world of one thread, in which time passes as told and chance obeys a seed
//
//  Whatever can happen is an event, planned for a time. A step takes the
//  earliest one, moves the clock there and lets it happen; events of the same
//  time happen in an order that the seed chose. So one number names a whole
//  run, and a failure comes back as often as one wants to look at it.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/export.h"
#include "base/random.h"
#include "base/time.h"

typedef struct sim_world sim_world_t;
typedef struct sim_event sim_event_t;

//  Something that will happen; embedded in what it happens to. Set it up with
//  sim_event_init, and cancel it before its memory goes.
struct sim_event {
    void (*happen) (sim_event_t *);
    sim_world_t *world;
    zloom_time_t at;  //  ZLOOM_NEVER: not planned
    uint32_t tie;     //  Orders events of the same time
    uint32_t place;   //  In the world's heap
};

//  What an event is embedded in.
#define sim_event_owner(event, type, member) \
    ((type *) sim_event_base (event, offsetof (type, member)))
static inline void *sim_event_base (sim_event_t *event, size_t offset)
{
    return (char *) event - offset;
}

//  What to do with lines of the trace.
typedef enum sim_tracing { SIM_TRACE_NOTHING, SIM_TRACE_THE_END, SIM_TRACE_ALL } sim_tracing_t;

enum { SIM_EVENTS_MAX = 1024, SIM_TRACE_LINES = 40, SIM_LINE_MAX = 160 };

struct sim_world {
    uint64_t seed;
    void (*check) (sim_world_t *);  //  Runs after each step
    bool is_waited_in;              //  A function waits while the world goes on
    zloom_time_t now;
    zloom_random_t random;
    uint64_t steps;              //  Events that have happened
    uint32_t stationary;         //  ... of these since the clock last moved
    char failure[SIM_LINE_MAX];  //  The first promise that was broken; "" = none

    sim_event_t *heap[SIM_EVENTS_MAX];  //  The earliest one first
    uint32_t planned;

    sim_tracing_t tracing;
    uint32_t lines;  //  Traced so far; the last SIM_TRACE_LINES are kept
    char trace[SIM_TRACE_LINES][SIM_LINE_MAX];
};

//  Begin a world; no event is planned, and nothing is checked until the scenario
//  sets `check`.
void sim_world_init (sim_world_t *self, uint64_t seed, sim_tracing_t tracing);

//  Let the next event happen. False when none is planned, when the world has
//  failed, or when time stands still (which fails it). May be called inside
//  an event by whoever waits for another one.
bool sim_world_step (sim_world_t *self);

void sim_event_init (sim_event_t *self, sim_world_t *world, void (*happen) (sim_event_t *));

//  Plan it for `at`, or at once if that is past; a planned one is moved.
//  ZLOOM_NEVER cancels.
void sim_event_plan (sim_event_t *self, zloom_time_t at);

//  Plan it `after` from now.
void sim_event_plan_in (sim_event_t *self, zloom_time_t after);

//  Make sure that it happens at `at` or before.
void sim_event_plan_by (sim_event_t *self, zloom_time_t at);

void sim_event_cancel (sim_event_t *self);

//  Chance: true in `percent` of the cases.
bool sim_chance (sim_world_t *self, unsigned percent);

//  Chance: a number from `low` to `high`, both included.
int64_t sim_between (sim_world_t *self, int64_t low, int64_t high);

//  Chance: a number from `low` to `high`, each order of magnitude as likely.
int64_t sim_spread (sim_world_t *self, int64_t low, int64_t high);

//  A promise was broken. The first one is kept, and the world ends.
void sim_fail (sim_world_t *self, const char *format, ...) ZLOOM_PRINTF (2, 3);

static inline bool sim_has_failed (const sim_world_t *self)
{
    return self->failure[0] != '\0';
}

//  Say what happens, for those who will look at a failure.
#define sim_trace(world, ...)                                                 \
    do {                                                                      \
        if ((world)->tracing != SIM_TRACE_NOTHING && !sim_has_failed (world)) \
            sim_trace_line ((world), __VA_ARGS__);                            \
    } while (0)
void sim_trace_line (sim_world_t *self, const char *format, ...) ZLOOM_PRINTF (2, 3);

#endif
