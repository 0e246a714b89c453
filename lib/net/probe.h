//  zloom_probe - tells what listens at an address
//
//  Opens its own tcp or ipc connection, speaks the ZMTP greeting by hand, and
//  reports what came back: version, mechanism, socket type, whether it is
//  zloom's and with which engine, and how long that took. It is a bystander: it says which socket it
//  is only after the peer has, and only to peers that cannot lose a message by
//  it, so no PUSH or DEALER ever sends work to a probe. Allocates nothing that
//  it keeps; whatever the peer sends is bounded and escaped.
//
//  Threads: any. zloom_probe blocks, for at most its timeout.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_NET_PROBE_H
#define ZLOOM_NET_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/export.h"
#include "base/time.h"

#ifdef __cplusplus
extern "C" {
#endif

//  X (NAME, name, reason): what can be found, and the reason for which a
//  client could not work with it.
#define ZLOOM_PROBE_MAP(X)                       \
    X (SOCKET, "socket", NONE)                   \
    X (NEEDS_KEYS, "needs-keys", AUTHENTICATION) \
    X (REFUSES, "refuses", AUTHENTICATION)       \
    X (FOREIGN, "foreign", WRONG_PEER)           \
    X (CLOSES, "closes", WRONG_PEER)             \
    X (SILENT, "silent", WRONG_PEER)             \
    X (STALLS, "stalls", WRONG_PEER)             \
    X (BROKEN, "broken", MALFORMED)

//  SOCKET: a ZeroMQ socket without keys, ready to talk. NEEDS_KEYS: one with a
//  mechanism other than NULL. REFUSES: it answered with an ERROR command.
//  FOREIGN: something that does not speak ZMTP. CLOSES: hung up in the
//  handshake or before. SILENT: accepted, and never said a byte. STALLS: began
//  a handshake and stopped. BROKEN: began as ZMTP and broke its rules.
typedef enum zloom_probe_found {
#define X(name, id, reason) ZLOOM_PROBE_##name,
    ZLOOM_PROBE_MAP (X)
#undef X
} zloom_probe_found_t;

//  How to probe. Start from ZLOOM_PROBE_OPTIONS_DEFAULT.
typedef struct zloom_probe_options {
    uint32_t timeout_ms;  //  For everything together
    bool ping;            //  Measure a PING round trip too, where that disturbs nobody
} zloom_probe_options_t;

#define ZLOOM_PROBE_OPTIONS_DEFAULT      \
    {                                    \
        .timeout_ms = 3000, .ping = true \
    }

//  A time that was not measured.
#define ZLOOM_PROBE_NO_TIME ((zloom_time_t) -1)

//  What was found. Plain data; the texts are escaped.
typedef struct zloom_probe {
    zloom_probe_found_t found;
    uint8_t major, minor;    //  ZMTP version; 0.0 where it is not ZMTP
    char mechanism[64];      //  "NULL", "PLAIN", "CURVE", …; "" if unknown
    bool as_server;          //  The peer is the server of its mechanism
    char socket_type[64];    //  "ROUTER"; "" if unknown
    uint8_t identity[255];   //  The routing id that the peer chose for itself
    uint8_t identity_size;   //  0 = none
    bool zloom;              //  It has zloom's property, X-zloom
    char zloom_value[64];    //  And this is its value
    char engine[32];         //  Of a zloom peer: "direct", "libzmq"; "" of others
    char said[128];          //  FOREIGN: its first bytes; REFUSES: why; BROKEN: which rule
    zloom_time_t connect;    //  Until the connection stood, the lookup of a name included
    zloom_time_t handshake;  //  From there until its READY (2.0: its greeting)
    zloom_time_t ping;       //  From PING to PONG
} zloom_probe_t;

//  Find out what listens at "tcp://HOST:PORT", "ipc:///PATH" or "ipc://@NAME".
//  options: copied; NULL = the defaults. OK as soon as anything accepted the
//  connection: ret_probe says what it is. Otherwise BAD_ENDPOINT, NO_PEER (the
//  text says why: refused, no such path, unreachable, no answer in time),
//  DESCRIPTORS, NO_MEMORY or SYSTEM, and ret_probe is left alone.
ZLOOM_EXPORT zloom_code_t zloom_probe (const char *address, const zloom_probe_options_t *options,
                                       zloom_probe_t *ret_probe, zloom_error_t *reterr);

//  "socket", "needs-keys", …; never NULL.
ZLOOM_EXPORT const char *zloom_probe_found_name (zloom_probe_found_t found);

//  Why a client without keys cannot work with it; NONE for SOCKET.
ZLOOM_EXPORT zloom_reason_t zloom_probe_reason (const zloom_probe_t *self);

//  Write it as part of a sentence, such as "a ZMTP 3.1 PUB socket listens
//  there". Returns ret_text, which always ends in a NUL.
ZLOOM_EXPORT char *zloom_probe_describe (const zloom_probe_t *self, char *ret_text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
