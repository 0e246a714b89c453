//  bench_idle - what zloom costs that has nothing to do, and one that is not alone
//
//  SPDX-License-Identifier: MPL-2.0

#include <string.h>

#include "bench.h"
#include "contender.h"
#include "idle.h"
#include "sync.h"

#define TITLE "request/reply, idle and beside other work"

typedef enum part { PART_IDLE, PART_LOADED, PARTS } part_t;

static const char *const s_parts[] = {"idle", "loaded"};

typedef struct settings {
    bench_options_t common;
    bench_parts_t parts;
    unsigned seconds;
    unsigned calls;
} settings_t;

static void s_parse (int argc, char **argv, settings_t *settings)
{
    const option_row_t rows[] = {
        bench_option_only (&settings->parts),
        bench_option_rounds (&settings->common),
        {.name = "seconds",
         .argument = "N",
         .help = "how long a round of idling takes (10)",
         .number = &settings->seconds,
         .most = 3600},
        {.name = "calls",
         .argument = "N",
         .help = "calls measured in each round of the loaded ones",
         .number = &settings->calls,
         .most = 10000000},
        bench_option_transport (&settings->common),
        bench_option_cores (&settings->common),
        bench_option_quick (&settings->common),
        bench_option_json (&settings->common),
    };
    options_parse (
        argc, argv,
        "Usage: bench_idle [OPTION]...\n"
        "What zloom costs that waits, and what becomes of it beside other work:\n\n"
        "  idle    processor time of a client and a server that are connected and have\n"
        "          nothing to do, within 10 s; a single round unless said otherwise\n"
        "  loaded  sync calls while a process on every core computes: zloom as it comes,\n"
        "          with its short spin, beside zloom that sleeps at once; pinned\n\n"
        "Over tcp, unless said otherwise.\n",
        rows, sizeof rows / sizeof rows[0]);
}

static void s_run_idle (const settings_t *settings, bench_t *bench, transport_t transport)
{
    static const contender_t *const contenders[] = {
        &contender_raw_zmq, &contender_zloom, &contender_zloom_blocking, &contender_zloom_libzmq};
    const idle_plan_t plan = {.transport = transport,
                              .folder = bench->folder,
                              .contenders = contenders,
                              .count = sizeof contenders / sizeof contenders[0],
                              .seconds =
                                  bench_choose (&settings->common, settings->seconds, 10, 2)};
    section_t section = idle_section (&plan, settings->common.rounds ? settings->common.rounds : 1);
    bench_run (bench, &section);
}

static void s_run_loaded (const settings_t *settings, bench_t *bench, transport_t transport,
                          cores_t cores)
{
    static const contender_t *const contenders[] = {&contender_zloom_blocking, &contender_zloom,
                                                    &contender_raw_zmq};
    contest_t contest = {.transport = transport,
                         .cores = cores,
                         .is_busy = true,
                         .folder = bench->folder,
                         .contenders = contenders,
                         .count = sizeof contenders / sizeof contenders[0],
                         .payload_bytes = 32,
                         .calls = bench_choose (&settings->common, settings->calls, 200, 20)};
    unsigned rounds = bench_choose (&settings->common, settings->common.rounds, 11, 9);
    section_t section = sync_section (&contest, "loaded", rounds);
    bench_run (bench, &section);
}

int main (int argc, char **argv)
{
    settings_t settings = {.parts = {.names = s_parts, .count = PARTS}};
    s_parse (argc, argv, &settings);
    bench_t bench;
    bench_open (&bench, TITLE, &settings.common);
    for (transport_t transport = TRANSPORT_TCP; transport <= TRANSPORT_IPC; transport++) {
        if (!bench_wants_transport (&settings.common, transport, transport == TRANSPORT_TCP))
            continue;
        if (bench_wants_part (&settings.parts, PART_IDLE))
            s_run_idle (&settings, &bench, transport);
        for (cores_t cores = CORES_ANY; cores <= CORES_TWO; cores++)
            if (bench_wants_part (&settings.parts, PART_LOADED)
                && bench_wants_cores (&settings.common, cores, cores != CORES_ANY))
                s_run_loaded (&settings, &bench, transport, cores);
    }
    return bench_close (&bench);
}
