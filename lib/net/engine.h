//  zloom_engine - who speaks ZMTP for a client or a server
//
//  libzmq's engine knows every transport, and moves each message through a
//  thread of its own. The direct engine speaks the same protocol over tcp and
//  ipc from the thread that calls, which makes a call several times faster; it
//  talks to any libzmq peer. What a program sees is the same with both.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_ENGINE_H
#define ZLOOM_NET_ENGINE_H

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum zloom_engine {
    ZLOOM_ENGINE_AUTO,    //  direct over tcp and ipc, libzmq for inproc
    ZLOOM_ENGINE_LIBZMQ,  //  libzmq for all
    ZLOOM_ENGINE_DIRECT   //  direct; inproc is refused (BAD_ENDPOINT)
} zloom_engine_t;

#ifdef __cplusplus
}
#endif

#endif
