//  free_port - a tcp port for a test's server
//
//  From 20000 to 31999, below those that the kernel gives to clients: a client
//  that dials a free port among those may be connected with itself.
//
//  Threads: one at a time.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_FREE_PORT_H
#define ZLOOM_TESTS_SUPPORT_FREE_PORT_H

//  A port of 127.0.0.1 that nobody is bound to now, another one each time.
//  Fails the test when there is none.
unsigned free_port (void);

#endif
