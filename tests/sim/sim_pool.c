#include "sim/sim_pool.h"

#include "base/assert.h"

//  How long a job may take.
#define WORK_MIN (10 * ZLOOM_USEC)
#define WORK_MAX (20 * ZLOOM_MSEC)

static void s_append (zloom__job_t **list, zloom__job_t *job)
{
    while (*list)
        list = &(*list)->next;
    job->next = NULL;
    *list = job;
}

//  Any of the jobs that the workers have taken.
static zloom__job_t *s_pick (sim_pool_t *self)
{
    zloom__job_t **p = &self->waiting;
    for (int64_t skip = sim_between (self->work.world, 0, self->workers - 1);
         skip > 0 && (*p)->next; skip--)
        p = &(*p)->next;
    zloom__job_t *job = *p;
    *p = job->next;
    return job;
}

static void s_finish_one (sim_pool_t *self)
{
    zloom__job_t *job = s_pick (self);
    job->run (job);
    s_append (&self->done, job);
}

static void s_plan (sim_pool_t *self)
{
    if (self->waiting && self->work.at == ZLOOM_NEVER)
        sim_event_plan_in (&self->work, sim_spread (self->work.world, WORK_MIN, WORK_MAX));
}

static void s_work (sim_event_t *work)
{
    sim_pool_t *self = sim_event_owner (work, sim_pool_t, work);
    s_finish_one (self);
    self->finished (self->context);
    s_plan (self);
}

void sim_pool_init (sim_pool_t *self, sim_world_t *world, unsigned workers,
                    void (*finished) (void *context), void *context)
{
    *self = (sim_pool_t){.workers = workers, .finished = finished, .context = context};
    sim_event_init (&self->work, world, s_work);
}

void sim_pool_submit (sim_pool_t *self, zloom__job_t *job)
{
    zloom_assert (self->workers > 0);
    s_append (&self->waiting, job);
    s_plan (self);
}

zloom__job_t *sim_pool_take (sim_pool_t *self)
{
    zloom__job_t *job = self->done;
    if (job)
        self->done = job->next;
    return job;
}

void sim_pool_join (sim_pool_t *self)
{
    int64_t running = sim_between (self->work.world, 0, self->workers);
    while (self->waiting && running-- > 0)
        s_finish_one (self);
    self->waiting = NULL;
    sim_event_cancel (&self->work);
}
