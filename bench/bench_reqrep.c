//  bench_reqrep - a zloom call against a raw libzmq echo, on equal terms
//
//  SPDX-License-Identifier: MPL-2.0

#include "bench.h"
#include "contender.h"
#include "sync.h"

#define TITLE "request/reply, one call at a time (sync)"

static const contender_t s_raw_zmq = {
    .name = "raw-zmq", .server = &server_raw_zmq, .client = &client_raw_zmq};
static const contender_t s_zloom = {
    .name = "zloom", .server = &server_zloom, .client = &client_zloom};

static const contender_t *const s_contenders[] = {&s_raw_zmq, &s_zloom};

enum { CONTENDERS = sizeof s_contenders / sizeof s_contenders[0] };

typedef struct settings {
    bench_options_t common;
    unsigned calls;
    unsigned payload_bytes;
} settings_t;

static settings_t s_parse (int argc, char **argv)
{
    settings_t settings = {.payload_bytes = 32};
    const option_row_t rows[] = {
        bench_option_rounds (&settings.common),
        {.name = "calls",
         .argument = "N",
         .help = "calls measured in each round",
         .number = &settings.calls,
         .most = 10000000},
        {.name = "payload",
         .argument = "BYTES",
         .help = "what goes there and back (32)",
         .number = &settings.payload_bytes,
         .most = 1 << 20},
        bench_option_transport (&settings.common),
        bench_option_cores (&settings.common),
        bench_option_quick (&settings.common),
        bench_option_json (&settings.common),
    };
    options_parse (argc, argv,
                   "Usage: bench_reqrep [OPTION]...\n"
                   "Compare a zloom call with a raw libzmq DEALER/ROUTER echo, in turn.\n",
                   rows, sizeof rows / sizeof rows[0]);
    return settings;
}

int main (int argc, char **argv)
{
    settings_t settings = s_parse (argc, argv);
    unsigned rounds = bench_choose (&settings.common, settings.common.rounds, 21, 9);
    bench_t bench;
    bench_open (&bench, TITLE, &settings.common);
    for (cores_t cores = CORES_ANY; cores <= CORES_TWO; cores++)
        for (transport_t transport = TRANSPORT_TCP; transport <= TRANSPORT_INPROC; transport++) {
            if (!bench_wants_cores (&settings.common, cores, cores != CORES_TWO)
                || !bench_wants_transport (&settings.common, transport, true))
                continue;
            contest_t contest = {.transport = transport,
                                 .cores = cores,
                                 .folder = bench.folder,
                                 .contenders = s_contenders,
                                 .count = CONTENDERS,
                                 .payload_bytes = settings.payload_bytes,
                                 .calls =
                                     bench_choose (&settings.common, settings.calls, 2000, 200)};
            section_t section = sync_section (&contest, "sync", rounds);
            bench_run (&bench, &section);
        }
    return bench_close (&bench);
}
