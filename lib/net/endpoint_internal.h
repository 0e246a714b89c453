//  zloom__endpoint - the addresses that zloom accepts, and what may be bound
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_ENDPOINT_INTERNAL_H
#define ZLOOM_NET_ENDPOINT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

//  The longest endpoint; an ipc path is bounded by the system at 107 bytes.
enum { ZLOOM__ENDPOINT_MAX = 256 };

typedef enum zloom__transport { ZLOOM__TCP, ZLOOM__IPC, ZLOOM__INPROC } zloom__transport_t;

//  One endpoint of a list.
typedef struct zloom__endpoint {
    zloom__transport_t transport;
    bool dials;                      //  A leading '>': connect
    bool binds;                      //  A leading '@': bind
    char text[ZLOOM__ENDPOINT_MAX];  //  Without the prefix, NUL-terminated
} zloom__endpoint_t;

//  Take the next endpoint off a list separated by commas and blanks. True: got
//  one, and *list_p stands behind it. False: the list is at its end (code OK)
//  or what stands there is no endpoint (BAD_ENDPOINT; the text says why).
bool zloom__endpoint_next (const char **list_p, zloom__endpoint_t *ret_endpoint,
                           zloom_code_t *ret_code, zloom_error_t *reterr);

//  The address behind the "tcp://"; points into self.
const char *zloom__endpoint_address (const zloom__endpoint_t *self);

//  Whether only this user's processes can reach what is bound there: loopback
//  tcp, an ipc path in a directory that only its owner may enter, inproc.
//  Errors: INSECURE_BIND (the text says what to do), ADDRESS (no directory).
zloom_code_t zloom__endpoint_check_private (const zloom__endpoint_t *self, zloom_error_t *reterr);

//  Claim an ipc path, so that no second server takes it over in silence (a
//  bind of libzmq removes whatever is there): a lock beside it, held until
//  released. *ret_lock is -1 for what needs none.
//  Errors: ADDRESS_IN_USE, ADDRESS (something else than a socket lies there,
//  or there can be no lock), DESCRIPTORS.
zloom_code_t zloom__endpoint_claim (const zloom__endpoint_t *self, int *ret_lock,
                                    zloom_error_t *reterr);

//  Give the claim back, and remove the socket and the lock file. lock -1 is
//  allowed.
void zloom__endpoint_release (const zloom__endpoint_t *self, int lock);

#endif
