//  bench_window - many calls of zloom under way, beside pipelined libzmq
//
//  SPDX-License-Identifier: MPL-2.0

#include <stdio.h>
#include <string.h>

#include "async.h"
#include "bench.h"
#include "contender.h"
#include "score.h"

#define TITLE "request/reply, many calls under way (async)"

static const contender_t s_raw_unbounded = {
    .name = "raw-zmq", .server = &server_raw_zmq, .client = &client_raw_zmq, .is_unbounded = true};

//  A queue of libzmq is bounded by 1000 messages, as it comes, of which up to
//  half may have been read already; what goes beyond that a ROUTER loses. Deeper
//  windows take the bound away.
enum { BOUNDED_MOST = 256, RATE_WINDOW = FLOW_WINDOW_MOST, BULK_WINDOW = 8, BULK_BYTES = 65536 };

static const unsigned s_windows[] = {64, 512, 4096};

typedef enum part { PART_WINDOWS, PART_RATE, PART_BULK, PARTS } part_t;

static const char *const s_parts[] = {"windows", "rate", "bulk"};

typedef struct settings {
    bench_options_t common;
    bench_parts_t parts;
    unsigned ms;
    unsigned window;
    unsigned rate_per_s;
    unsigned payload_bytes;
} settings_t;

static void s_parse (int argc, char **argv, settings_t *settings)
{
    const option_row_t rows[] = {
        bench_option_only (&settings->parts),
        bench_option_rounds (&settings->common),
        {.name = "ms",
         .argument = "N",
         .help = "how long a round takes",
         .number = &settings->ms,
         .most = 60000},
        {.name = "window",
         .argument = "N",
         .help = "calls under way, instead of 64, 512 and 4096",
         .number = &settings->window,
         .most = RATE_WINDOW},
        {.name = "rate",
         .argument = "N",
         .help = "calls a second, instead of half of what raw-zmq reached with windows",
         .number = &settings->rate_per_s,
         .most = 100000000},
        {.name = "payload",
         .argument = "BYTES",
         .help = "what goes there and back, 8 and more (32; bulk: 65536)",
         .number = &settings->payload_bytes,
         .most = 1 << 20},
        bench_option_transport (&settings->common),
        bench_option_cores (&settings->common),
        bench_option_quick (&settings->common),
        bench_option_json (&settings->common),
    };
    options_parse (
        argc, argv,
        "Usage: bench_window [OPTION]...\n"
        "Calls of zloom with many under way, beside a libzmq DEALER/ROUTER that is\n"
        "pipelined as deep:\n\n"
        "  windows  a fixed number under way: calls a second, and latency\n"
        "  rate     a fixed rate, open loop: latency from when a call should have begun\n"
        "  bulk     64 KiB bodies, 8 under way: bytes a second\n\n"
        "Over tcp and ipc (bulk: tcp), on any core, unless said otherwise.\n",
        rows, sizeof rows / sizeof rows[0]);
    if (settings->payload_bytes && settings->payload_bytes < FLOW_BYTES_LEAST)
        settings->payload_bytes = FLOW_BYTES_LEAST;
}

//  Where a part of the benchmark is played.
typedef struct place {
    const settings_t *settings;
    bench_t *bench;
    transport_t transport;
    cores_t cores;
} place_t;

static unsigned s_rounds (const settings_t *settings)
{
    return bench_choose (&settings->common, settings->common.rounds, 11, 9);
}

static contest_t s_contest (const place_t *place, const contender_t *const *contenders,
                            size_t count)
{
    const settings_t *settings = place->settings;
    return (contest_t){.transport = place->transport,
                       .cores = place->cores,
                       .folder = place->bench->folder,
                       .contenders = contenders,
                       .count = count,
                       .payload_bytes = settings->payload_bytes ? settings->payload_bytes : 32,
                       .ms = bench_choose (&settings->common, settings->ms, 150, 20)};
}

//  Returns what raw libzmq reached, in calls a second; 0 after a failure.
static double s_run_window (const place_t *place, unsigned window)
{
    const contender_t *contenders[] = {window > BOUNDED_MOST ? &s_raw_unbounded
                                                             : &contender_raw_zmq,
                                       &contender_zloom, &contender_zloom_libzmq};
    size_t count = place->transport == TRANSPORT_INPROC ? 2 : 3;
    contest_t contest = s_contest (place, contenders, count);
    contest.window = window;
    section_t section = async_window_section (&contest, s_rounds (place->settings));
    const section_t *played = bench_run (place->bench, &section);
    return played ? score_of (played, 0, 0).value.median : 0;
}

static double s_run_windows (const place_t *place)
{
    if (place->settings->window)
        return s_run_window (place, place->settings->window);
    double highest = 0;
    for (size_t i = 0; i < sizeof s_windows / sizeof s_windows[0]; i++) {
        double rate = s_run_window (place, s_windows[i]);
        highest = rate > highest ? rate : highest;
    }
    return highest;
}

static void s_run_rate (const place_t *place, double rate_per_s)
{
    static const contender_t *const contenders[] = {&s_raw_unbounded, &contender_zloom};
    contest_t contest = s_contest (place, contenders, 2);
    contest.window = RATE_WINDOW;
    contest.rate_per_s = rate_per_s;
    section_t section = async_rate_section (&contest, s_rounds (place->settings));
    bench_run (place->bench, &section);
}

static void s_run_bulk (const place_t *place)
{
    static const contender_t *const contenders[] = {&contender_raw_zmq, &contender_zloom};
    contest_t contest = s_contest (place, contenders, 2);
    contest.window = place->settings->window ? place->settings->window : BULK_WINDOW;
    if (!place->settings->payload_bytes)
        contest.payload_bytes = BULK_BYTES;
    section_t section = async_bulk_section (&contest, s_rounds (place->settings));
    bench_run (place->bench, &section);
}

static void s_run (const place_t *place)
{
    const settings_t *settings = place->settings;
    double rate_per_s = settings->rate_per_s;
    bool needs_rate = bench_wants_part (&settings->parts, PART_RATE) && rate_per_s == 0;
    if (bench_wants_part (&settings->parts, PART_WINDOWS) || needs_rate) {
        double highest = s_run_windows (place);
        rate_per_s = needs_rate ? highest / 2 : rate_per_s;
    }
    if (bench_wants_part (&settings->parts, PART_RATE) && rate_per_s > 0)
        s_run_rate (place, rate_per_s);
    if (bench_wants_part (&settings->parts, PART_BULK)
        && bench_wants_transport (&settings->common, place->transport,
                                  place->transport == TRANSPORT_TCP))
        s_run_bulk (place);
}

int main (int argc, char **argv)
{
    settings_t settings = {.parts = {.names = s_parts, .count = PARTS}};
    s_parse (argc, argv, &settings);
    bench_t bench;
    bench_open (&bench, TITLE, &settings.common);
    for (cores_t cores = CORES_ANY; cores <= CORES_TWO; cores++)
        for (transport_t transport = TRANSPORT_TCP; transport <= TRANSPORT_INPROC; transport++) {
            const place_t place = {
                .settings = &settings, .bench = &bench, .transport = transport, .cores = cores};
            if (bench_wants_cores (&settings.common, cores, cores == CORES_ANY)
                && bench_wants_transport (&settings.common, transport,
                                          transport != TRANSPORT_INPROC))
                s_run (&place);
        }
    return bench_close (&bench);
}
