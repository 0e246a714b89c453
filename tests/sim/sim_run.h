//  sim_run - runs a scenario over many seeds, and says what they have covered
//
//  The environment says how many:
//
//      SIM_SEED=n      this seed alone, with its whole trace
//      SIM_SEEDS=n     n seeds, whatever time they take
//      SIM_SECONDS=s   as many as s seconds for all scenarios allow, but not
//                      more than 20,000 (the default, with 60 seconds)
//      SIM_BASE=n      begin with seed n instead of 1
//
//  A seed that fails is printed with the end of its trace, and is kept in
//  tests/sim/seeds.txt, whose seeds are run first.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/sim_world.h"

//  Something that can happen in a scenario, and how often it has.
typedef struct sim_tally {
    const char *text;
    bool is_expected;  //  A run over many seeds that never saw it has failed
    uint64_t count;
} sim_tally_t;

typedef struct sim_scenario {
    const char *name;             //  As in seeds.txt
    unsigned percent;             //  Of the seconds that all scenarios have
    void (*run) (sim_world_t *);  //  One world from its beginning to its end
    sim_tally_t *tallies;         //  What it counts, over all worlds
    size_t tally_count;
} sim_scenario_t;

//  Whether the environment asks for one seed alone.
bool sim_wants_one (void);

//  Run that seed and print its trace. Returns main's exit code.
int sim_run_one (const sim_scenario_t *scenario);

//  Run the scenario's seeds of tests/sim/seeds.txt. False: one failed.
bool sim_run_kept (const sim_scenario_t *scenario);

//  Run fresh seeds. False: one failed.
bool sim_run_fresh (const sim_scenario_t *scenario);

//  Print the tallies. False: one that is expected is zero, though the fresh
//  seeds were many.
bool sim_check_tallies (const sim_scenario_t *scenario);

#endif
