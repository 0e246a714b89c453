#include "sim/sim_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

static const char s_kept_path[] = "tests/sim/seeds.txt";

//  Fresh seeds, and the time for them, unless the environment says otherwise.
enum { SEEDS_MOST = 20000, SECONDS = 60 };

//  After so many seeds it means something that a transition was never seen.
enum { SEEDS_TELLING = 2000 };

//  A seed that takes longer hangs.
enum { SECONDS_OF_ONE = 60 };

//  What is being run; known to whatever ends the process.
static const char *s_name;
static uint64_t s_seed;

static uint64_t s_fresh_seeds;

static bool s_read_number (const char *variable, uint64_t *ret_number)
{
    const char *text = getenv (variable);
    if (!text || !*text)
        return false;
    *ret_number = strtoull (text, NULL, 10);
    return true;
}

//  Failures.

//  Keep the seed at hand in the file of past failures. Plain system calls: the
//  process may be dying.
static void s_keep_seed (const char *failure)
{
    char line[256];
    int size = snprintf (line, sizeof line, "%s %" PRIu64 "  # %s\n", s_name, s_seed, failure);
    int file = open (s_kept_path, O_WRONLY | O_APPEND);
    if (file == -1)
        return;
    ssize_t written = write (file, line, (size_t) size);
    (void) written;
    close (file);
}

static void s_report_death (void)
{
    char line[128];
    int size = snprintf (line, sizeof line, "# %s: the process died in seed %" PRIu64 "\n", s_name,
                         s_seed);
    ssize_t written = write (STDERR_FILENO, line, (size_t) size);
    (void) written;
    s_keep_seed ("the process died");
}

static void s_catch_signal (int number)
{
    s_report_death ();
    signal (number, SIG_DFL);
    raise (number);
}

void __sanitizer_set_death_callback (void (*callback) (void)) __attribute__ ((weak));

//  An assertion, a seed that hangs, and what sanitizers find.
static void s_expect_death (const sim_scenario_t *scenario)
{
    s_name = scenario->name;
    signal (SIGABRT, s_catch_signal);
    signal (SIGALRM, s_catch_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback (s_report_death);
}

static void s_print_trace (const sim_world_t *world)
{
    uint32_t line = world->lines > SIM_TRACE_LINES ? world->lines - SIM_TRACE_LINES : 0;
    for (; line < world->lines; line++)
        printf ("#   %s\n", world->trace[line % SIM_TRACE_LINES]);
}

//  Running.

static bool s_run (const sim_scenario_t *scenario, sim_world_t *world, uint64_t seed,
                   sim_tracing_t tracing)
{
    s_seed = seed;
    alarm (SECONDS_OF_ONE);
    sim_world_init (world, seed, tracing);
    scenario->run (world);
    alarm (0);
    return !sim_has_failed (world);
}

//  Run a seed that has failed once more, to see how it ends.
static void s_report (const sim_scenario_t *scenario, sim_world_t *world)
{
    s_run (scenario, world, s_seed, SIM_TRACE_THE_END);
    s_print_trace (world);
    printf ("# %s: seed %" PRIu64 " failed after %" PRIu64 " steps: %s\n", scenario->name, s_seed,
            world->steps, world->failure);
    printf ("# the whole story: SIM_SEED=%" PRIu64 " %s\n", s_seed, program_invocation_name);
}

bool sim_wants_one (void)
{
    uint64_t seed;
    return s_read_number ("SIM_SEED", &seed);
}

int sim_run_one (const sim_scenario_t *scenario)
{
    static sim_world_t world;
    uint64_t seed = 0;
    s_read_number ("SIM_SEED", &seed);
    bool passed = s_run (scenario, &world, seed, SIM_TRACE_ALL);
    printf ("%s: seed %" PRIu64 " %s after %" PRIu64 " steps%s%s\n", scenario->name, seed,
            passed ? "passed" : "failed", world.steps, passed ? "" : ": ", world.failure);
    return passed ? 0 : 1;
}

bool sim_run_kept (const sim_scenario_t *scenario)
{
    static sim_world_t world;
    FILE *file = fopen (s_kept_path, "r");
    if (!file)
        return true;
    s_expect_death (scenario);
    char line[256], name[64];
    uint64_t seed, count = 0, failed = 0;
    while (fgets (line, sizeof line, file)) {
        if (sscanf (line, "%63s %" SCNu64, name, &seed) != 2 || strcmp (name, scenario->name) != 0)
            continue;
        count++;
        if (!s_run (scenario, &world, seed, SIM_TRACE_NOTHING)) {
            failed++;
            s_report (scenario, &world);
        }
    }
    fclose (file);
    printf ("# %s: %" PRIu64 " seeds of past failures, %" PRIu64 " failed\n", scenario->name, count,
            failed);
    return failed == 0;
}

//  What has been asked for, and what has come of it.
typedef struct {
    uint64_t base, seeds, seconds;
    bool is_bounded;  //  ... by the seconds
    uint64_t done, steps, least;
    zloom_time_t took;
} harvest_t;

static harvest_t s_plan_harvest (const sim_scenario_t *scenario)
{
    harvest_t harvest = {.base = 1, .seeds = SEEDS_MOST, .seconds = SECONDS, .least = UINT64_MAX};
    s_read_number ("SIM_BASE", &harvest.base);
    s_read_number ("SIM_SECONDS", &harvest.seconds);
    harvest.seconds = harvest.seconds * scenario->percent / 100;
    harvest.is_bounded = !s_read_number ("SIM_SEEDS", &harvest.seeds);
    return harvest;
}

static bool s_goes_on (const harvest_t *harvest)
{
    bool has_time =
        !harvest->is_bounded || harvest->took < (zloom_time_t) harvest->seconds * ZLOOM_SEC;
    return harvest->done < harvest->seeds && has_time;
}

//  Lines with an exclamation mark are for whoever runs all tests, too.
static void s_print_harvest (const sim_scenario_t *scenario, const harvest_t *harvest)
{
    double seconds = (double) harvest->took / ZLOOM_SEC;
    printf ("#! %s: seeds %" PRIu64 "..%" PRIu64 " of %" PRIu64 ", %" PRIu64
            " steps, at least %" PRIu64 " each, in %.1f s (%.0f steps/s",
            scenario->name, harvest->base, harvest->base + harvest->done - 1, harvest->seeds,
            harvest->steps, harvest->least, seconds, (double) harvest->steps / seconds);
    if (harvest->is_bounded)
        printf ("; the budget is %" PRIu64 " s", harvest->seconds);
    printf (")\n");
}

bool sim_run_fresh (const sim_scenario_t *scenario)
{
    static sim_world_t world;
    harvest_t harvest = s_plan_harvest (scenario);
    zloom_time_t begin = zloom_time_now ();
    s_expect_death (scenario);
    bool passed = true;
    while (passed && s_goes_on (&harvest)) {
        passed = s_run (scenario, &world, harvest.base + harvest.done++, SIM_TRACE_NOTHING);
        harvest.steps += world.steps;
        harvest.least = world.steps < harvest.least ? world.steps : harvest.least;
        harvest.took = zloom_time_now () - begin;
    }
    if (!passed) {
        s_report (scenario, &world);
        s_keep_seed (world.failure);
    }
    s_print_harvest (scenario, &harvest);
    s_fresh_seeds = harvest.done;
    return passed;
}

bool sim_check_tallies (const sim_scenario_t *scenario)
{
    const sim_tally_t *rarest = NULL;
    size_t expected = 0, seen = 0;
    for (size_t i = 0; i < scenario->tally_count; i++) {
        const sim_tally_t *tally = &scenario->tallies[i];
        if (tally->count || tally->is_expected)
            printf ("# %s: %12" PRIu64 "  %s\n", scenario->name, tally->count, tally->text);
        if (!tally->is_expected)
            continue;
        expected++;
        seen += tally->count > 0;
        if (!rarest || tally->count < rarest->count)
            rarest = tally;
    }
    printf ("#! %s: %zu of %zu expected transitions were seen; the rarest, %" PRIu64 " times: %s\n",
            scenario->name, seen, expected, rarest ? rarest->count : 0,
            rarest ? rarest->text : "none");
    return seen == expected || s_fresh_seeds < SEEDS_TELLING;
}
