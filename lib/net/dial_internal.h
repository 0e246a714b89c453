//  zloom__dial - opens a byte stream to a tcp or ipc address, in bounded time
//
//  Plain non-blocking sockets, close-on-exec, no ZeroMQ: for whoever wants to
//  see what libzmq hides. The caller owns the descriptor.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_DIAL_INTERNAL_H
#define ZLOOM_NET_DIAL_INTERNAL_H

#include "base/error.h"
#include "base/time.h"

//  Connect to "tcp://HOST:PORT" (a name, IPv4, IPv6 in brackets; each address
//  of a name gets a share of the time), "ipc:///PATH" or "ipc://@NAME".
//  BAD_ENDPOINT where that is no such address; NO_PEER where nobody accepts, the
//  text says why; DESCRIPTORS, SYSTEM.
zloom_code_t zloom__dial (const char *address, zloom_time_t deadline, int *ret_fd,
                          zloom_error_t *error);

//  Wait until poll(2) reports one of `events` or trouble on `fd`. False when
//  the deadline passes first.
bool zloom__dial_wait (int fd, short events, zloom_time_t deadline);

#endif
