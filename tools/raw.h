//  raw - a ZeroMQ socket of any type, set up so that nothing about it is unbounded
//
//  CZMQ's sockets, with its signal handlers and its logging to stdout turned
//  off, and with finite linger, queues and message size.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_RAW_H
#define ZLOOM_TOOLS_RAW_H

#include <czmq.h>

#include "base/time.h"
#include "options.h"

//  A socket type, and what a person expects of it.
typedef struct raw_kind {
    const char *name;
    int type;
    bool sends, receives;
    const char *partners;  //  Whom it talks to
} raw_kind_t;

//  How to open one.
typedef struct raw_options {
    option_list_t subscriptions;  //  Prefixes
    option_list_t settings;       //  NAME=VALUE
    size_t max_size;              //  Bytes of one message
    uint64_t max_frames;          //  Frames of one message
    bool insecure_public;         //  Bind where others can reach it
    bool verbose;                 //  Tell what was bound and connected
} raw_options_t;

//  An open one.
typedef struct raw {
    zsock_t *socket;
    zactor_t *monitor;  //  Tells of connections; raw_tell when it is readable
    bool verbose;       //  Pass that on to the user
    bool met;           //  A send finds a peer, or says that there is none
} raw_t;

typedef enum raw_got { RAW_GOT, RAW_NOTHING, RAW_TOO_LARGE } raw_got_t;

//  The kind of a name ("push", "PUSH"); NULL where there is none (reported).
const raw_kind_t *raw_kind (const char *name);

//  Open a socket and bind or connect it to every address (as typed, with its
//  prefix; NULL behind the last). Returns 0, or the exit code (reported) and
//  nothing to close.
int raw_open (raw_t *self, const raw_kind_t *kind, const raw_options_t *options, char **addresses);

//  Receive a message if there is one, whole or, where it is above a limit, not
//  at all (reported). The caller destroys it.
raw_got_t raw_receive (raw_t *self, const raw_options_t *options, zmsg_t **ret_message);

//  Close the socket, and CZMQ with it: waits until what was sent has left, at
//  most `linger`. False when that time was all used, so that something may not
//  have left.
bool raw_close (raw_t *self, zloom_time_t linger);

//  Take what the monitor has to tell. Call it when that is readable.
void raw_tell (raw_t *self);

//  Say what is at the first address that is connected to, after nobody took
//  a message there for `waited`. Returns the exit code.
int raw_report_no_peer (const raw_kind_t *kind, char **addresses, zloom_time_t waited);

#endif
