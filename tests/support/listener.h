//  listener - a tcp port where something listens that is no ZeroMQ socket
//
//  Threads: the test's; it has one of its own.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_LISTENER_H
#define ZLOOM_TESTS_SUPPORT_LISTENER_H

#include <pthread.h>

typedef struct listener {
    char endpoint[64];
    const char *line;  //  Said to everybody, who is then hung up on; NULL = nothing, ever
    int socket;
    int held[64];  //  Connections that are kept and not spoken to
    unsigned count;
    pthread_t thread;
} listener_t;

//  Listen at a free port. line is borrowed.
void listener_new (listener_t *self, const char *line);

void listener_destroy (listener_t *self);

#endif
