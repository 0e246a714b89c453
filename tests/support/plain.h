//  plain - a byte stream of the system, for tests that say ZMTP by hand
//
//  Nothing here waits: whoever uses it lets the port under test turn meanwhile.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_PLAIN_H
#define ZLOOM_TESTS_SUPPORT_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

//  Connect to a tcp or ipc endpoint where somebody listens.
int plain_connect (const char *endpoint);

//  Listen at a free tcp port of 127.0.0.1.
int plain_listen (char ret_endpoint[64]);

//  A connection that waits; -1: none.
int plain_accept (int listener);

//  Say as much as is taken now; returns how much.
size_t plain_say (int stream, zloom_bytes_t bytes);

//  Hear what there is; 0: nothing. At the end of the stream *ret_ended is set.
size_t plain_hear (int stream, void *ret_data, size_t size, bool *ret_ended);

#endif
