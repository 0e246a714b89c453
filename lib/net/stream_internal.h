//  zloom__streams - byte streams, as the direct engine sees the world
//
//  Behind this table stand the sockets of the system, or in tests a network
//  that is simulated. Nothing here waits. What becomes possible is told to the
//  engine by zloom__direct_note, with the token that a stream was given; a
//  stream is told of once, when it changes, so whoever is told reads until
//  there is no more.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_STREAM_INTERNAL_H
#define ZLOOM_NET_STREAM_INTERNAL_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"
#include "net/endpoint_internal.h"
#include "net/readiness_internal.h"
#include "net/resolve_internal.h"

typedef struct zloom__streams zloom__streams_t;

//  Functions that return int or ssize_t give -errno on failure; EAGAIN: nothing
//  now. Streams are numbered from 0.
typedef struct zloom__streams_ops {
    //  The addresses to connect to. NULL with a count of 0: *ret_lookup goes on
    //  by itself. Else what is wrong.
    const char *(*resolve) (zloom__streams_t *, const zloom__endpoint_t *,
                            zloom__addresses_t *ret_addresses, zloom__lookup_t **ret_lookup);

    //  Begin to connect. The token is told when that has succeeded or failed.
    int (*connect) (zloom__streams_t *, const zloom__address_t *to, uint64_t token);
    //  What became of it: 0, or -errno.
    int (*check) (zloom__streams_t *, int stream);

    //  Bind and listen. ret_bound (ZLOOM__ENDPOINT_MAX) gets the endpoint with
    //  its real port.
    zloom_code_t (*listen) (zloom__streams_t *, const zloom__endpoint_t *, uint64_t token,
                            int *ret_listener, char *ret_bound, zloom_error_t *reterr);
    void (*unlisten) (zloom__streams_t *, int listener, const zloom__endpoint_t *,
                      const char *bound);
    //  Accept one; its token is given by zloom__streams_ops.watch.
    int (*accept) (zloom__streams_t *, int listener);
    int (*watch) (zloom__streams_t *, int stream, uint64_t token);

    //  As readv and writev, but writing never raises a signal; 0 read: the end.
    ssize_t (*read) (zloom__streams_t *, int stream, const struct iovec *pieces, int count);
    ssize_t (*write) (zloom__streams_t *, int stream, const struct iovec *pieces, int count);

    void (*close) (zloom__streams_t *, int stream);
} zloom__streams_ops_t;

//  What all kinds begin with.
struct zloom__streams {
    const zloom__streams_ops_t *ops;
};

//  The sockets of the system, watched by one epoll; borrowed.
typedef struct zloom__socket_streams {
    zloom__streams_t streams;  //  First: streams are cast to this
    zloom__readiness_t *readiness;
} zloom__socket_streams_t;

void zloom__socket_streams_init (zloom__socket_streams_t *self, zloom__readiness_t *readiness);

#endif
