#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "net/pool_internal.h"
#include "support/heap.h"

//  A job of a test: notes its place in the order of work, and may be held up.
typedef struct {
    zloom__job_t job;  //  First
    atomic_int *order;
    int place;
    pthread_t thread;
    sem_t *gate;     //  NULL = not held up
    sem_t *arrived;  //  Told when it is being run
} work_t;

static void s_run (zloom__job_t *job)
{
    work_t *self = (work_t *) (void *) job;
    self->place = atomic_fetch_add (self->order, 1);
    self->thread = pthread_self ();
    if (self->arrived)
        sem_post (self->arrived);
    if (self->gate)
        sem_wait (self->gate);
}

//  What is called after each job.
static void s_count_done (void *context)
{
    sem_post ((sem_t *) context);
}

static void s_await (sem_t *semaphore)
{
    struct timespec until;
    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    assert_int_equal (sem_timedwait (semaphore, &until), 0);
}

typedef struct {
    sem_t done, gate, arrived;
    atomic_int order;
    work_t works[100];
} fixture_t;

static int s_setup (void **state)
{
    static fixture_t fixture;
    memset (&fixture, 0, sizeof fixture);
    sem_init (&fixture.done, 0, 0);
    sem_init (&fixture.gate, 0, 0);
    sem_init (&fixture.arrived, 0, 0);
    for (int i = 0; i < 100; i++)
        fixture.works[i] = (work_t){.job = {.run = s_run}, .order = &fixture.order};
    *state = &fixture;
    return 0;
}

static zloom__pool_t *s_new (fixture_t *self, unsigned workers)
{
    zloom_error_t error;
    zloom__pool_t *pool = zloom__pool_new (workers, s_count_done, &self->done, &error);
    if (!pool)
        fail_msg ("%s", error.text);
    return pool;
}

static void test_pool_runs_jobs_in_their_order (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__pool_t *pool = s_new (self, 1);
    assert_null (zloom__pool_take (pool));
    for (int i = 0; i < 100; i++)
        zloom__pool_submit (pool, &self->works[i].job);
    for (int i = 0; i < 100; i++)
        s_await (&self->done);
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal (zloom__pool_take (pool), &self->works[i]);
        assert_int_equal (self->works[i].place, i);
        assert_false (pthread_equal (self->works[i].thread, pthread_self ()));
    }
    assert_null (zloom__pool_take (pool));
    zloom__pool_destroy (&pool);
    assert_null (pool);
}

//  As many at once as there are workers, and then the next.
static void test_pool_runs_as_many_at_once_as_it_has_workers (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__pool_t *pool = s_new (self, 4);
    for (int i = 0; i < 6; i++) {
        self->works[i].gate = &self->gate;
        self->works[i].arrived = &self->arrived;
        zloom__pool_submit (pool, &self->works[i].job);
    }
    for (int i = 0; i < 4; i++)
        s_await (&self->arrived);
    assert_int_equal (sem_trywait (&self->arrived), -1);
    assert_null (zloom__pool_take (pool));
    for (int i = 0; i < 6; i++)
        sem_post (&self->gate);
    for (int i = 0; i < 6; i++)
        s_await (&self->done);
    for (int i = 0; i < 6; i++)
        assert_non_null (zloom__pool_take (pool));
    zloom__pool_destroy (&pool);
}

//  Whoever is told `done` finds the job on the list.
static void test_pool_tells_of_a_job_when_it_can_be_taken (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__pool_t *pool = s_new (self, 3);
    for (int round = 0; round < 1000; round++) {
        work_t *work = &self->works[round % 100];
        zloom__pool_submit (pool, &work->job);
        s_await (&self->done);
        assert_ptr_equal (zloom__pool_take (pool), work);
    }
    zloom__pool_destroy (&pool);
}

static void test_pool_destroy_waits_for_what_is_being_run (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__pool_t *pool = s_new (self, 1);
    self->works[0].gate = &self->gate;
    self->works[0].arrived = &self->arrived;
    for (int i = 0; i < 50; i++)
        zloom__pool_submit (pool, &self->works[i].job);
    s_await (&self->arrived);
    sem_post (&self->gate);
    zloom__pool_destroy (&pool);
    assert_null (pool);
    assert_int_equal (sem_trywait (&self->done), 0);
    zloom__pool_destroy (&pool);
}

static void test_pool_threads_take_no_signals (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    sigset_t before, after, waited;
    pthread_sigmask (SIG_SETMASK, NULL, &before);
    zloom__pool_t *pool = s_new (self, 2);
    pthread_sigmask (SIG_SETMASK, NULL, &after);
    assert_int_equal (sigismember (&after, SIGUSR1), sigismember (&before, SIGUSR1));

    //  Blocked here, a signal of the process is nobody's, and waits.
    sigemptyset (&waited);
    sigaddset (&waited, SIGUSR1);
    pthread_sigmask (SIG_BLOCK, &waited, NULL);
    assert_int_equal (kill (getpid (), SIGUSR1), 0);
    zloom__pool_submit (pool, &self->works[0].job);
    s_await (&self->done);
    int signal_number = 0;
    assert_int_equal (sigwait (&waited, &signal_number), 0);
    assert_int_equal (signal_number, SIGUSR1);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    zloom__pool_destroy (&pool);
}

static void test_pool_without_memory_is_an_error (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    heap_t heap;
    zloom_error_t error;
    heap_install (&heap, 1);
    assert_null (zloom__pool_new (2, s_count_done, &self->done, &error));
    assert_int_equal (error.reason, ZLOOM_REASON_NO_MEMORY);
    assert_int_equal (heap.out, 0);
    heap_remove ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (test_pool_runs_jobs_in_their_order, s_setup),
        cmocka_unit_test_setup (test_pool_runs_as_many_at_once_as_it_has_workers, s_setup),
        cmocka_unit_test_setup (test_pool_tells_of_a_job_when_it_can_be_taken, s_setup),
        cmocka_unit_test_setup (test_pool_destroy_waits_for_what_is_being_run, s_setup),
        cmocka_unit_test_setup (test_pool_threads_take_no_signals, s_setup),
        cmocka_unit_test_setup (test_pool_without_memory_is_an_error, s_setup),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
