//  bench_reqrep - a zloom call against a raw libzmq echo, on equal terms
//
//  SPDX-License-Identifier: MPL-2.0

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "contender.h"
#include "peer.h"
#include "sync.h"

#define TITLE "request/reply, one call at a time (sync)"

static const contender_t s_zloom_to_raw = {.name = "zloom-to-raw",
                                           .server = &server_raw_rpc,
                                           .client = &client_zloom,
                                           .engine = ZLOOM_ENGINE_DIRECT,
                                           .sleeps_at_once = true};
static const contender_t s_raw_to_zloom = {.name = "raw-to-zloom",
                                           .server = &server_zloom,
                                           .client = &client_raw_rpc,
                                           .engine = ZLOOM_ENGINE_DIRECT,
                                           .sleeps_at_once = true};

//  The first is the baseline. Over inproc zloom has but one engine, and no end
//  lives in another process.
static const contender_t *const s_contenders[] = {
    &contender_raw_zmq,      &contender_zloom, &contender_zloom_blocking,
    &contender_zloom_libzmq, &s_zloom_to_raw,  &s_raw_to_zloom};

enum {
    CONTENDERS = sizeof s_contenders / sizeof s_contenders[0],
    CONTENDERS_INPROC = 3,
    PEERS = SECTION_CONTENDERS - CONTENDERS
};

typedef struct peers {
    contender_t rows[PEERS];
    char *texts[PEERS];  //  Owned; what the rows are made of
    size_t count;
} peers_t;

typedef struct settings {
    bench_options_t common;
    unsigned calls;
    unsigned payload_bytes;
    bool with[CONTENDERS];  //  None = all
    bool has_with;
    peers_t peers;
} settings_t;

static bool s_take_with (void *context, const char *value)
{
    settings_t *settings = (settings_t *) context;
    for (size_t i = 0; i < CONTENDERS; i++)
        if (strcmp (value, s_contenders[i]->name) == 0)
            return settings->has_with = settings->with[i] = true;
    return false;
}

static bool s_take_peer (void *context, const char *value)
{
    peers_t *peers = (peers_t *) context;
    if (peers->count == PEERS)
        return false;
    size_t at = peers->count++;
    peers->texts[at] = strdup (value);
    return peers->texts[at] && peer_read (peers->texts[at], &peers->rows[at]);
}

static void s_parse (int argc, char **argv, settings_t *settings)
{
    const option_row_t rows[] = {
        bench_option_rounds (&settings->common),
        {.name = "calls",
         .argument = "N",
         .help = "calls measured in each round",
         .number = &settings->calls,
         .most = 10000000},
        {.name = "payload",
         .argument = "BYTES",
         .help = "what goes there and back (32)",
         .number = &settings->payload_bytes,
         .most = 1 << 20},
        bench_option_transport (&settings->common),
        bench_option_cores (&settings->common),
        {.name = "with",
         .argument = "NAME",
         .help = "only this one beside raw-zmq and peers; may be repeated",
         .take = s_take_with,
         .context = settings},
        {.name = "peer",
         .argument = "P",
         .help = "NAME=PROGRAM=ENDPOINT: a foreign program too; may be repeated",
         .take = s_take_peer,
         .context = &settings->peers},
        bench_option_quick (&settings->common),
        bench_option_json (&settings->common),
    };
    options_parse (
        argc, argv,
        "Usage: bench_reqrep [OPTION]...\n"
        "Calls of zloom, one at a time, beside a raw libzmq DEALER/ROUTER echo that waits\n"
        "with a blocking receive. In the server's process and in the client's:\n\n"
        "  raw-zmq         libzmq, and nothing else\n"
        "  zloom           zloom as it comes, with its short and polite spin\n"
        "  zloom-blocking  zloom that does not spin (busy_poll_us = 0)\n"
        "  zloom-libzmq    zloom on libzmq's engine\n"
        "  zloom-to-raw    a zloom client that does not spin, and a libzmq ROUTER\n"
        "  raw-to-zloom    a libzmq DEALER, and a zloom server that does not spin\n\n"
        "A peer is started as PROGRAM server ENDPOINT and PROGRAM client ENDPOINT BYTES\n"
        "(bench/peer.h has the protocol). In ENDPOINT {port} becomes a free port and\n"
        "{folder} a private folder; a path or unix:PATH is shown beside ipc.\n",
        rows, sizeof rows / sizeof rows[0]);
}

//  Who takes part; returns how many.
static size_t s_choose (const settings_t *settings, transport_t transport,
                        const contender_t **ret_contenders)
{
    size_t most = transport == TRANSPORT_INPROC ? CONTENDERS_INPROC : CONTENDERS, count = 0;
    for (size_t i = 0; i < most; i++)
        if (i == 0 || !settings->has_with || settings->with[i])
            ret_contenders[count++] = s_contenders[i];
    for (size_t i = 0; i < settings->peers.count; i++)
        if (peer_transport (&settings->peers.rows[i]) == transport)
            ret_contenders[count++] = &settings->peers.rows[i];
    return count;
}

static void s_run (const settings_t *settings, bench_t *bench, transport_t transport, cores_t cores)
{
    const contender_t *contenders[SECTION_CONTENDERS];
    contest_t contest = {.transport = transport,
                         .cores = cores,
                         .folder = bench->folder,
                         .contenders = contenders,
                         .count = s_choose (settings, transport, contenders),
                         .payload_bytes = settings->payload_bytes,
                         .calls = bench_choose (&settings->common, settings->calls, 2000, 200)};
    unsigned rounds = bench_choose (&settings->common, settings->common.rounds, 11, 9);
    section_t section = sync_section (&contest, "sync", rounds);
    bench_run (bench, &section);
}

int main (int argc, char **argv)
{
    settings_t settings = {.payload_bytes = 32};
    s_parse (argc, argv, &settings);
    bench_t bench;
    bench_open (&bench, TITLE, &settings.common);
    for (cores_t cores = CORES_ANY; cores <= CORES_TWO; cores++)
        for (transport_t transport = TRANSPORT_TCP; transport <= TRANSPORT_INPROC; transport++) {
            bool usual = cores != CORES_TWO || transport == TRANSPORT_INPROC;
            if (bench_wants_cores (&settings.common, cores, usual)
                && bench_wants_transport (&settings.common, transport, true))
                s_run (&settings, &bench, transport, cores);
        }
    int exit_code = bench_close (&bench);
    for (size_t i = 0; i < settings.peers.count; i++)
        free (settings.peers.texts[i]);
    return exit_code;
}
