//  zloom_bind - what may be bound without keys
//
//  The rule that servers hold themselves to, for programs that bind sockets of
//  their own beside them.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_BIND_H
#define ZLOOM_NET_BIND_H

#include "base/error.h"
#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  OK when only this user's processes can reach what is bound at `endpoint`:
//  loopback tcp, an ipc path in a private directory, inproc. Errors:
//  INSECURE_BIND (the text says what to do), BAD_ENDPOINT, ADDRESS (an ipc path
//  whose directory does not exist).
ZLOOM_EXPORT zloom_code_t zloom_bind_check (const char *endpoint, zloom_error_t *reterr);

#ifdef __cplusplus
}
#endif

#endif
