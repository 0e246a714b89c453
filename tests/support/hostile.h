//  hostile - peers that mean no good, of all kinds
//
//  Connections to a server, one after the other: each says something that its
//  kind chooses at random, perhaps in pieces, stays a while among others, and
//  goes, with a FIN or with a reset. Beside them are patient ones, all the
//  time: some never say a word, others say a byte a second.
//
//  Threads: one at a time.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_HOSTILE_H
#define ZLOOM_TESTS_SUPPORT_HOSTILE_H

#include "base/buffer.h"
#include "base/random.h"
#include "support/victim.h"

//  X (NAME, name for people).
#define HOSTILE_KIND_MAP(X)                                            \
    X (GARBAGE, "garbage") /*  From the first byte  */                 \
    X (HTTP, "http")       /*  Another protocol  */                    \
    X (HALF_GREETING, "half-greeting")                                 \
    X (OLD_GREETING, "old-greeting") /*  ZMTP 1.0 and 2.0  */          \
    X (MECHANISM, "mechanism")       /*  Another one  */               \
    X (HALF_HANDSHAKE, "half-handshake")                               \
    X (BAD_READY, "bad-ready")     /*  Garbage for metadata  */        \
    X (WRONG_TYPE, "wrong-type")   /*  A socket type that fits not */  \
    X (BAD_FLAGS, "bad-flags")     /*  What is no frame  */            \
    X (HUGE, "huge")               /*  Up to 2^64 bytes to come  */    \
    X (UNFINISHED, "unfinished")   /*  A large frame, a part of it  */ \
    X (MORE, "more")               /*  Frames without end  */          \
    X (PINGS, "pings")             /*  And no PONG is read  */         \
    X (UNREAD, "unread")           /*  Requests; no reply is read  */  \
    X (NO_MESSAGES, "no-messages") /*  Garbage in good frames  */      \
    X (BAD_COMMANDS, "bad-commands")                                   \
    X (CUT, "cut") /*  Good, as far as it comes  */                    \
    X (QUIET, "quiet")                                                 \
    X (SILENT, "silent")     /*  For as long as it may  */             \
    X (DRIPPING, "dripping") /*  A byte a second  */

typedef enum hostile_kind {
#define X(name, text) HOSTILE_##name,
    HOSTILE_KIND_MAP (X)
#undef X
        HOSTILE_KINDS
} hostile_kind_t;

//  How much of it.
typedef struct hostile_plan {
    uint64_t seed;
    uint64_t connections;
    unsigned open_at_once;  //  Of those that come and go
    unsigned silent, dripping;
} hostile_plan_t;

//  What came of it; plain data.
typedef struct hostile_report {
    uint64_t connections;
    uint64_t failed;  //  The server took no connection in time
    uint64_t kinds[HOSTILE_KINDS];
} hostile_report_t;

//  Do all of it, and close everything.
void hostile_run (const hostile_plan_t *plan, const victim_t *victim, hostile_report_t *ret_report);

//  The same in a process of its own: returns a descriptor from which its
//  report can be read when it is done, and its process.
int hostile_start (const hostile_plan_t *plan, const victim_t *victim, pid_t *ret_pid);

//  A kind as text.
const char *hostile_kind_name (hostile_kind_t kind);

#endif
