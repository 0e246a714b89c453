//  peer - a contender that is a program of another toolkit
//
//  The program has two roles, and a protocol with this one:
//
//      PROGRAM server ENDPOINT
//          says the line "ready" on stdout when it serves, and ends when its
//          stdin does.
//      PROGRAM client ENDPOINT PAYLOAD_BYTES
//          reads lines with a decimal N on stdin; for each it makes N calls,
//          one after the other, and writes N latencies in nanoseconds to
//          stdout, as int64_t of this machine. It ends when its stdin does.
//
//  In ENDPOINT "{port}" becomes a free port, and "{folder}" a private folder.
//
//  Threads: main of a process.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_PEER_H
#define ZLOOM_BENCH_PEER_H

#include <stddef.h>

#include "contender.h"
#include "place.h"

//  Make a contender of "NAME=PROGRAM=ENDPOINT". False: it is not of that form.
//  Keeps pieces of the text, which it changes.
bool peer_read (char *text, contender_t *ret_contender);

//  Where a peer belongs: beside ipc when its endpoint is a path or begins with
//  "unix:" or "ipc:", else beside tcp.
transport_t peer_transport (const contender_t *contender);

//  The endpoint, with what braces stand for.
void peer_endpoint (const contender_t *contender, const char *folder, char *ret_text, size_t size);

//  Become the server.
__attribute__ ((noreturn)) void peer_serve (const contender_t *contender, const char *endpoint,
                                            int input, int output);

#endif
