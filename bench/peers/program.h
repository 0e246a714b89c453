//  program - what the foreign peers of the bench have in common: their command line
//
//    PROGRAM server ENDPOINT                 says "ready", serves until stdin ends
//    PROGRAM client ENDPOINT PAYLOAD_BYTES   for each line N on stdin makes N calls,
//                                            one at a time, and writes N latencies
//
//  A latency is a native int64 of nanoseconds. ENDPOINT is tcp://127.0.0.1:PORT
//  or ipc:///PATH. What a function cannot do it says with `program_fail`.
//
//  Threads: the functions of a program are called by its main thread.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_PEERS_PROGRAM_H
#define ZLOOM_BENCH_PEERS_PROGRAM_H

#include "base/bytes.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct program {
    const char *name;  //  As messages show it

    //  Answer every call with its payload, in threads of the server's own.
    void *(*server_new) (const char *endpoint);
    void (*server_destroy) (void *server);

    //  Borrows payload; it must outlive the client.
    void *(*client_new) (const char *endpoint, zloom_bytes_t payload);
    //  Send the payload and wait. The answer is borrowed until the next call.
    zloom_bytes_t (*call) (void *client);
    void (*client_destroy) (void *client);
} program_t;

//  Be the program that the first lines tell of; returns its exit code.
int program_main (const program_t *program, int argc, char **argv);

//  Where a tcp endpoint is, as "127.0.0.1:PORT"; NULL for other endpoints.
const char *program_tcp_address (const char *endpoint);

//  The path of an ipc endpoint; NULL for other endpoints.
const char *program_ipc_path (const char *endpoint);

//  Print the program's name and a line to stderr, and exit with 1.
__attribute__ ((noreturn)) void program_fail (const char *format, ...) ZLOOM_PRINTF (1, 2);

#ifdef __cplusplus
}
#endif

#endif
