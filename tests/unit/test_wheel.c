#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "policy/wheel_internal.h"

static const zloom_time_t s_tick = INT64_C (1) << ZLOOM__TICK_SHIFT;
static const zloom_time_t s_year = 365 * 24 * 3600 * ZLOOM_SEC;

//  ---- The wheel beside a naive list ------------------------------------------

enum { TIMERS = 200 };

//  What the list knows of a timer.
typedef struct {
    zloom__timer_t timer;
    bool is_set;
    zloom_time_t at;      //  As asked for
    zloom_time_t set_at;  //  When
} shadow_t;

typedef struct {
    zloom__wheel_t wheel;
    zloom_random_t random;
    zloom_time_t now;
    shadow_t shadows[TIMERS];
} model_t;

//  From a nanosecond to three years, each magnitude as likely.
static zloom_time_t s_random_span (zloom_random_t *random)
{
    uint64_t magnitude = zloom_random_below (random, 57);
    return (zloom_time_t) zloom_random_below (random, UINT64_C (2) << magnitude);
}

static void s_set (model_t *self, shadow_t *shadow, zloom_time_t at)
{
    zloom__wheel_set (&self->wheel, &shadow->timer, at);
    shadow->is_set = at != ZLOOM_NEVER;
    shadow->at = at;
    shadow->set_at = self->now;
}

//  The latest time at which a timer may still hang there.
static zloom_time_t s_latest (const shadow_t *shadow)
{
    zloom_time_t from = shadow->at > shadow->set_at ? shadow->at : shadow->set_at;
    return from + s_tick;
}

//  Take what is due off the wheel; some of it is set again at once, also at
//  times that are past.
static void s_expire (model_t *self)
{
    zloom__timer_t *timer;
    unsigned fired = 0;
    while ((timer = zloom__wheel_expire (&self->wheel, self->now))) {
        shadow_t *shadow = (shadow_t *) (void *) timer;
        assert_true (shadow->is_set);
        assert_true (shadow->at <= self->now);
        assert_true (++fired <= 10 * TIMERS);
        shadow->is_set = false;
        uint64_t dice = zloom_random_below (&self->random, 8);
        if (dice == 0)
            s_set (self, shadow, self->now);
        else if (dice == 1)
            s_set (self, shadow, self->now - s_random_span (&self->random));
        else if (dice == 2)
            s_set (self, shadow, self->now + s_random_span (&self->random));
    }
}

//  That nothing is late, and that next() would not let it become so.
static void s_check (const model_t *self)
{
    zloom_time_t latest = ZLOOM_NEVER;
    for (int i = 0; i < TIMERS; i++) {
        const shadow_t *shadow = &self->shadows[i];
        assert_int_equal (shadow->timer.link != NULL, shadow->is_set);
        if (shadow->is_set)
            latest = zloom_time_min (latest, s_latest (shadow));
    }
    zloom_time_t next = zloom__wheel_next (&self->wheel);
    assert_true (latest > self->now);
    assert_true (next <= latest);
    assert_int_equal (next == ZLOOM_NEVER, latest == ZLOOM_NEVER);
}

static void s_step (model_t *self)
{
    shadow_t *shadow = &self->shadows[zloom_random_below (&self->random, TIMERS)];
    switch (zloom_random_below (&self->random, 8)) {
    case 0:
        zloom__wheel_clear (&self->wheel, &shadow->timer);
        shadow->is_set = false;
        break;
    case 1:
        s_set (self, shadow, ZLOOM_NEVER);
        break;
    case 2:
        self->now += s_random_span (&self->random);
        s_expire (self);
        break;
    case 3:
        self->now = zloom_time_min (zloom__wheel_next (&self->wheel), self->now + s_year);
        s_expire (self);
        break;
    default:
        s_set (self, shadow, self->now + s_random_span (&self->random));
        break;
    }
}

static void test_wheel_does_what_a_naive_list_does (void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        model_t *model = (model_t *) calloc (1, sizeof *model);
        assert_non_null (model);
        zloom_random_seed (&model->random, seed);
        model->now = s_random_span (&model->random);
        zloom__wheel_init (&model->wheel, model->now);
        for (int i = 0; i < 5000 && model->now < INT64_MAX / 4; i++) {
            s_step (model);
            s_check (model);
        }
        free (model);
    }
}

//  ---- Single promises --------------------------------------------------------

static void test_wheel_starts_empty (void **state)
{
    (void) state;
    zloom__wheel_t wheel;
    zloom__wheel_init (&wheel, 12345 * ZLOOM_SEC);
    assert_int_equal (zloom__wheel_next (&wheel), ZLOOM_NEVER);
    assert_null (zloom__wheel_expire (&wheel, 20000 * ZLOOM_SEC));
}

//  At every distance: not before its time, and a tick after it at the latest.
static void test_wheel_is_never_early_and_at_most_a_tick_late (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 3);
    for (int i = 0; i < 20000; i++) {
        zloom__wheel_t wheel;
        zloom__timer_t timer = {0};
        zloom_time_t now = s_random_span (&random), at = now + 1 + s_random_span (&random);
        zloom__wheel_init (&wheel, now);
        zloom__wheel_set (&wheel, &timer, at);
        assert_null (zloom__wheel_expire (&wheel, at - 1));
        assert_ptr_equal (zloom__wheel_expire (&wheel, at + s_tick), &timer);
        assert_null (timer.link);
        assert_int_equal (zloom__wheel_next (&wheel), ZLOOM_NEVER);
    }
}

//  Who sleeps until next() is woken a few times at most before the timer fires.
static void test_wheel_next_leads_to_the_timer_in_a_few_steps (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 4);
    for (int i = 0; i < 20000; i++) {
        zloom__wheel_t wheel;
        zloom__timer_t timer = {0};
        zloom_time_t now = s_random_span (&random), at = now + 1 + s_random_span (&random);
        zloom__wheel_init (&wheel, now);
        zloom__wheel_set (&wheel, &timer, at);
        int steps = 0;
        for (bool fired = false; !fired; steps++) {
            zloom_time_t next = zloom__wheel_next (&wheel);
            assert_true (next > now || steps == 0);
            assert_true (next <= at + s_tick);
            now = next;
            fired = zloom__wheel_expire (&wheel, now) == &timer;
        }
        assert_true (steps <= 2 * ZLOOM__WHEEL_LEVELS);
    }
}

static void test_wheel_timer_beyond_the_horizon_keeps_its_time (void **state)
{
    (void) state;
    zloom__wheel_t wheel;
    zloom__timer_t timer = {0};
    zloom_time_t now = 99 * ZLOOM_SEC, at = now + 100 * s_year;
    zloom__wheel_init (&wheel, now);
    zloom__wheel_set (&wheel, &timer, at);
    while (now < at) {
        assert_null (zloom__wheel_expire (&wheel, now));
        now += s_year / 3;
    }
    assert_ptr_equal (zloom__wheel_expire (&wheel, at + s_tick), &timer);
}

static void test_wheel_moves_a_timer_that_is_set_again (void **state)
{
    (void) state;
    zloom__wheel_t wheel;
    zloom__timer_t timer = {0};
    zloom__wheel_init (&wheel, 0);
    zloom__wheel_set (&wheel, &timer, ZLOOM_SEC);
    zloom__wheel_set (&wheel, &timer, 100 * ZLOOM_SEC);
    assert_null (zloom__wheel_expire (&wheel, 99 * ZLOOM_SEC));
    zloom__wheel_set (&wheel, &timer, 99 * ZLOOM_SEC + 5 * ZLOOM_MSEC);
    assert_ptr_equal (zloom__wheel_expire (&wheel, 99 * ZLOOM_SEC + 7 * ZLOOM_MSEC), &timer);
}

//  A callback that sets its timer to now again and again must not hold the
//  loop that runs it.
static void test_wheel_timer_set_to_now_waits_for_the_next_tick (void **state)
{
    (void) state;
    zloom__wheel_t wheel;
    zloom__timer_t timer = {0};
    zloom_time_t now = 5 * ZLOOM_SEC;
    zloom__wheel_init (&wheel, now);
    zloom__wheel_set (&wheel, &timer, now - ZLOOM_SEC);
    assert_null (zloom__wheel_expire (&wheel, now));
    now += s_tick;
    assert_ptr_equal (zloom__wheel_expire (&wheel, now), &timer);
    zloom__wheel_set (&wheel, &timer, now);
    assert_null (zloom__wheel_expire (&wheel, now));
    assert_ptr_equal (zloom__wheel_expire (&wheel, now + s_tick), &timer);
}

static void test_wheel_clear_is_allowed_for_what_is_not_set (void **state)
{
    (void) state;
    zloom__wheel_t wheel;
    zloom__timer_t timer = {0};
    zloom__wheel_init (&wheel, 0);
    zloom__wheel_clear (&wheel, &timer);
    zloom__wheel_set (&wheel, &timer, ZLOOM_SEC);
    zloom__wheel_clear (&wheel, &timer);
    zloom__wheel_clear (&wheel, &timer);
    assert_int_equal (zloom__wheel_next (&wheel), ZLOOM_NEVER);
    assert_null (zloom__wheel_expire (&wheel, ZLOOM_SEC));
}

//  ---- A million --------------------------------------------------------------

static void test_wheel_carries_a_million_timers (void **state)
{
    (void) state;
    enum { MANY = 1000000 };
    zloom__timer_t *timers = (zloom__timer_t *) calloc (MANY, sizeof *timers);
    zloom_time_t *ats = (zloom_time_t *) calloc (MANY, sizeof *ats);
    assert_non_null (timers);
    assert_non_null (ats);
    zloom__wheel_t *wheel = (zloom__wheel_t *) calloc (1, sizeof *wheel);
    assert_non_null (wheel);
    zloom_random_t random;
    zloom_random_seed (&random, 5);
    zloom__wheel_init (wheel, 0);
    for (int i = 0; i < MANY; i++) {
        ats[i] = (zloom_time_t) zloom_random_below (&random, (uint64_t) (3600 * ZLOOM_SEC));
        zloom__wheel_set (wheel, &timers[i], ats[i]);
    }
    int fired = 0;
    for (zloom_time_t now; (now = zloom__wheel_next (wheel)) != ZLOOM_NEVER;) {
        zloom__timer_t *timer;
        while ((timer = zloom__wheel_expire (wheel, now))) {
            zloom_time_t at = ats[timer - timers];
            assert_true (at <= now && now < at + 2 * s_tick);
            fired++;
        }
    }
    assert_int_equal (fired, MANY);
    free (wheel);
    free (ats);
    free (timers);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_wheel_does_what_a_naive_list_does),
        cmocka_unit_test (test_wheel_starts_empty),
        cmocka_unit_test (test_wheel_is_never_early_and_at_most_a_tick_late),
        cmocka_unit_test (test_wheel_next_leads_to_the_timer_in_a_few_steps),
        cmocka_unit_test (test_wheel_timer_beyond_the_horizon_keeps_its_time),
        cmocka_unit_test (test_wheel_moves_a_timer_that_is_set_again),
        cmocka_unit_test (test_wheel_timer_set_to_now_waits_for_the_next_tick),
        cmocka_unit_test (test_wheel_clear_is_allowed_for_what_is_not_set),
        cmocka_unit_test (test_wheel_carries_a_million_timers),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
