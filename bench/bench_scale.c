//  bench_scale - one server with very many connections, and with very many calls
//
//  SPDX-License-Identifier: MPL-2.0

#include <stdio.h>
#include <string.h>

#include <zloom.h>

#include "bench.h"
#include "contest.h"
#include "crowd.h"
#include "fail.h"
#include "flow.h"

#define TITLE "request/reply, very many connections and calls (scale)"

static const contender_t s_raw_zmq = {.name = "raw-zmq",
                                      .server = &server_raw_zmq,
                                      .client = &client_raw_zmq,
                                      .shows_connected = true};

typedef enum part { PART_CONNECTIONS, PART_OUTSTANDING, PARTS } part_t;

static const char *const s_parts[] = {"connections", "outstanding"};

typedef struct settings {
    bench_options_t common;
    bench_parts_t parts;
    bool libzmq;
    unsigned connections;
    unsigned active;
    unsigned calls;
    unsigned outstanding;
    unsigned ms;
} settings_t;

static void s_parse (int argc, char **argv, settings_t *settings)
{
    const option_row_t rows[] = {
        bench_option_only (&settings->parts),
        bench_option_rounds (&settings->common),
        {.name = "connections",
         .argument = "N",
         .help = "the most (10000; as many as descriptors allow)",
         .number = &settings->connections,
         .most = 1000000},
        {.name = "active",
         .argument = "N",
         .help = "connections that make calls (100)",
         .number = &settings->active,
         .most = 1000},
        {.name = "calls",
         .argument = "N",
         .help = "calls of these in each round",
         .number = &settings->calls,
         .most = 10000000},
        {.name = "libzmq",
         .help = "more than 1000 for raw-zmq too, and zloom on libzmq's engine",
         .flag = &settings->libzmq},
        {.name = "outstanding",
         .argument = "N",
         .help = "the most calls that wait for an answer (1000000)",
         .number = &settings->outstanding,
         .most = 10000000},
        {.name = "ms",
         .argument = "N",
         .help = "how long a round with outstanding calls takes",
         .number = &settings->ms,
         .most = 60000},
        bench_option_transport (&settings->common),
        bench_option_quick (&settings->common),
        bench_option_json (&settings->common),
    };
    options_parse (
        argc, argv,
        "Usage: bench_scale [OPTION]...\n"
        "What it costs one server to have more:\n\n"
        "  connections  100, 1000 and 10000, of which 100 make calls, one each at a time:\n"
        "               memory of the server for each, time until all are connected, and\n"
        "               latency; for raw libzmq and for zloom\n"
        "  outstanding  10 to 1000000 calls that the server has and does not answer: what\n"
        "               starting another costs, a sync call, and a call of 64 under way\n\n"
        "Over tcp, unless said otherwise.\n",
        rows, sizeof rows / sizeof rows[0]);
}

static unsigned s_rounds (const settings_t *settings)
{
    return bench_choose (&settings->common, settings->common.rounds, 11, 9);
}

//  Numbers from the first on, ten times (or a hundred times) more each, up to
//  the most; and their names.
enum { STEPS = 8 };

typedef struct steps {
    unsigned values[STEPS];
    char texts[STEPS][16];
    const char *names[STEPS];
    size_t count;
} steps_t;

static void s_add_step (steps_t *steps, unsigned value)
{
    size_t at = steps->count++;
    steps->values[at] = value;
    snprintf (steps->texts[at], sizeof steps->texts[at], "%u", value);
    steps->names[at] = steps->texts[at];
}

static void s_make_steps (steps_t *steps, unsigned first, unsigned factor, unsigned most)
{
    steps->count = 0;
    unsigned value = first;
    for (; value < most && steps->count + 1 < STEPS; value *= factor)
        s_add_step (steps, value);
    s_add_step (steps, most);
}

//  Connections.

static void s_run_connections (const settings_t *settings, bench_t *bench,
                               const contender_t *contender, transport_t transport,
                               const steps_t *steps)
{
    const crowd_plan_t plan = {.contender = contender,
                               .transport = transport,
                               .folder = bench->folder,
                               .sizes = steps->values,
                               .names = steps->names,
                               .count = steps->count,
                               .active = settings->active ? settings->active : 100,
                               .calls =
                                   bench_choose (&settings->common, settings->calls, 10000, 1000)};
    section_t section = crowd_section (&plan, s_rounds (settings));
    bench_run (bench, &section);
}

static void s_run_all_connections (const settings_t *settings, bench_t *bench,
                                   transport_t transport)
{
    static steps_t few, all;  //  Reports name them until the end
    unsigned wanted = bench_choose (&settings->common, settings->connections, 10000, 1000);
    unsigned most = crowd_most ();
    if (wanted > most)
        printf ("\n%u connections do not fit the limit of descriptors; at most %u do here.\n",
                wanted, most);
    most = wanted < most ? wanted : most;
    s_make_steps (&all, 100, 10, most);
    s_make_steps (&few, 100, 10, most < 1000 || settings->libzmq ? most : 1000);
    s_run_connections (settings, bench, &s_raw_zmq, transport, &few);
    s_run_connections (settings, bench, &contender_zloom, transport, &all);
    if (settings->libzmq)
        s_run_connections (settings, bench, &contender_zloom_libzmq, transport, &all);
}

//  Outstanding calls.

enum { START, FLOW, CALL, MEASURES };

static const measure_t s_measures[MEASURES] = {[START] = {.name = "start ns",
                                                          .key = "start_ns",
                                                          .unit = 1,
                                                          .digits = 0,
                                                          .compare = COMPARE_DIFFERENCE},
                                               [FLOW] = {.name = "call ns",
                                                         .key = "flow_ns",
                                                         .unit = 1,
                                                         .digits = 0,
                                                         .compare = COMPARE_DIFFERENCE},
                                               [CALL] = {.name = "sync p50 us",
                                                         .key = "sync_p50_ns",
                                                         .unit = 1000,
                                                         .digits = 2,
                                                         .compare = COMPARE_DIFFERENCE}};

enum { FLOW_WINDOW = 64, STARTS = 1000 };

static double s_call_p50 (const contest_t *contest, const contender_t *contender, void *client)
{
    zloom_histogram_t *histogram = zloom_histogram_new (NULL, NULL);
    if (!histogram)
        fail ("no memory");
    unsigned char data[32] = {0};
    for (unsigned call = 0; call < contest->calls; call++) {
        zloom_time_t start = zloom_time_now ();
        contender->client->call (client, zloom_bytes (data, sizeof data));
        zloom_histogram_record (histogram, zloom_time_now () - start);
    }
    double p50 = (double) zloom_histogram_value_at_percentile (histogram, 50);
    zloom_histogram_destroy (&histogram);
    return p50;
}

static void s_outstanding_round (const contest_t *contest, const contender_t *contender,
                                 void *client, double *ret_values)
{
    flow_t flow = flow_closed (contest->payload_bytes, FLOW_WINDOW, contest->ms);
    contender->client->flow (client, &flow);
    ret_values[FLOW] = (double) ZLOOM_SEC / flow_rate (&flow);
    flow_clear (&flow);
    ret_values[CALL] = s_call_p50 (contest, contender, client);
    ret_values[START] = contender->client->hold (client, STARTS);
}

static void s_run_outstanding (const settings_t *settings, bench_t *bench, transport_t transport)
{
    static steps_t steps;
    contender_t contenders[STEPS];
    const contender_t *pointers[STEPS];
    unsigned most = bench_choose (&settings->common, settings->outstanding, 1000000, 100000);
    s_make_steps (&steps, 10, 100, most);
    for (size_t i = 0; i < steps.count; i++) {
        contenders[i] = contender_zloom;
        contenders[i].name = steps.names[i];
        contenders[i].held = steps.values[i];
        pointers[i] = &contenders[i];
    }
    contest_t contest = {.transport = transport,
                         .cores = CORES_ONE,
                         .folder = bench->folder,
                         .contenders = pointers,
                         .count = steps.count,
                         .round = s_outstanding_round,
                         .round_seconds = 120,
                         .payload_bytes = 32,
                         .calls = bench_choose (&settings->common, 0, 1000, 100),
                         .ms = bench_choose (&settings->common, settings->ms, 100, 20)};
    section_t section =
        contest_section (&contest, "outstanding", s_rounds (settings), s_measures, MEASURES);
    snprintf (section.detail, sizeof section.detail,
              "%u ms with %d calls under way, %u sync calls, %d starts", contest.ms, FLOW_WINDOW,
              contest.calls, STARTS);
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
        if (bench_wants_part (&settings.parts, PART_CONNECTIONS))
            s_run_all_connections (&settings, &bench, transport);
        if (bench_wants_part (&settings.parts, PART_OUTSTANDING))
            s_run_outstanding (&settings, &bench, transport);
    }
    return bench_close (&bench);
}
