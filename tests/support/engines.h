//  engines - which engine the clients and the servers of a test have
//
//  Tests of request/reply hold for each pairing of engines. The environment
//  says which one a program is run with: ZLOOM_TEST_CLIENT_ENGINE and
//  ZLOOM_TEST_SERVER_ENGINE are "direct" or "libzmq"; without them, clients and
//  servers are as a program gets them that does not choose. inproc is always
//  libzmq's.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_ENGINES_H
#define ZLOOM_TESTS_SUPPORT_ENGINES_H

#include <stdbool.h>

#include "reqrep/client.h"
#include "reqrep/server.h"

//  As zloom_client_new and zloom_server_new, with the engine of this run unless
//  the options name one.
zloom_client_t *engines_client_new (const char *endpoints, const zloom_client_options_t *options,
                                    zloom_error_t *reterr);
zloom_server_t *engines_server_new (const char *endpoints, const zloom_server_options_t *options,
                                    zloom_error_t *reterr);

//  Whether a client, or a server, of this endpoint speaks ZMTP itself.
bool engines_client_is_direct (const char *endpoint);
bool engines_server_is_direct (const char *endpoint);

//  Leave tests of inproc to the run with libzmq at both ends: they would only be
//  repeated. Before the tests are run.
void engines_choose_tests (void);

#endif
