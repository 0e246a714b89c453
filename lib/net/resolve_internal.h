//  zloom__resolve - from the text of a tcp or ipc address to socket addresses
//
//  Numbers and paths are answered at once. A name needs a lookup, which goes on
//  by itself: nobody waits for it longer than he wants to.
//
//  Threads: single owner of a lookup.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_RESOLVE_INTERNAL_H
#define ZLOOM_NET_RESOLVE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/time.h"

//  Of one name; more are left out.
enum { ZLOOM__ADDRESSES_MAX = 8 };

typedef struct zloom__address {
    struct sockaddr_storage place;
    socklen_t size;
} zloom__address_t;

typedef struct zloom__addresses {
    zloom__address_t list[ZLOOM__ADDRESSES_MAX];
    size_t count;
} zloom__addresses_t;

//  A host and a port, as getaddrinfo wants them.
typedef struct zloom__host_port {
    char host[256];
    char port[8];
} zloom__host_port_t;

typedef struct zloom__lookup zloom__lookup_t;

//  The address of an ipc path or, behind an '@', of an abstract name. NULL, or
//  what is wrong with it.
const char *zloom__resolve_ipc (const char *path, zloom__address_t *ret_address);

//  "[HOST]:PORT", perhaps after "SOURCE;", which says from where to connect.
//  NULL, or what is wrong with it.
const char *zloom__resolve_split (const char *rest, zloom__host_port_t *ret_target);

//  A host that is a number. False: it is a name.
bool zloom__resolve_number (const zloom__host_port_t *target, zloom__addresses_t *ret_addresses);

//  Begin to ask for the addresses of a name. NULL: no memory.
zloom__lookup_t *zloom__lookup_begin (const zloom__host_port_t *target);

//  Wait for the answer, at most until then. False: there is none yet.
bool zloom__lookup_wait (zloom__lookup_t *self, zloom_time_t until);

//  Take the answer and end the lookup. Without one, ret_addresses is empty and
//  the text says why; a question that is still open is left to itself.
const char *zloom__lookup_end (zloom__lookup_t **self_p, zloom__addresses_t *ret_addresses);

#endif
