//  reqrep_tables - what can happen to calls in a simulation, and what must
//
//  Three tables, from which enums, names and the check of coverage are made:
//  how calls end, what they ask for (with which ends are right), and what else
//  is counted.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef REQREP_TABLES_H
#define REQREP_TABLES_H

//  How a call can end, as the client sees it.
//  X (NAME, reason, text)
#define REQREP_OUTCOME_MAP(X)                            \
    X (OK, NONE, "ok")                                   \
    X (HANDLER, HANDLER, "handler failed")               \
    X (UNKNOWN_METHOD, UNKNOWN_METHOD, "unknown method") \
    X (BAD_PARAMS, BAD_PARAMS, "bad params")             \
    X (NO_ANSWER, NO_ANSWER, "no answer")                \
    X (REFUSED, QUEUE_FULL, "refused: too many pending") \
    X (DRAINING, DRAINING, "refused: draining")          \
    X (EXPIRED, EXPIRED, "expired before dispatch")      \
    X (DEADLINE, DEADLINE, "deadline")                   \
    X (LOST, CONNECTION_LOST, "connection lost")         \
    X (NO_PEER, NO_PEER, "no peer")                      \
    X (WRONG_PEER, WRONG_PEER, "wrong peer")             \
    X (AUTHENTICATION, AUTHENTICATION, "authentication") \
    X (DESCRIPTORS, DESCRIPTORS, "no descriptors")       \
    X (CANCELLED, CALL_CANCELLED, "cancelled")           \
    X (CLOSED, CLOSED, "client destroyed")               \
    X (OVERSIZE, OVERSIZE, "too large")                  \
    X (NO_MEMORY, NO_MEMORY, "out of memory")            \
    X (MALFORMED, MALFORMED, "malformed reply")          \
    X (OTHER, COUNT, "anything else")

typedef enum reqrep_outcome {
#define X(name, reason, text) REQREP_OUTCOME_##name,
    REQREP_OUTCOME_MAP (X)
#undef X
        REQREP_OUTCOMES
} reqrep_outcome_t;

//  What a call asks for, and how it may end: one column for each outcome in
//  the order above; `!` must be seen in a run over many seeds, `.` may, blank
//  must not.
//  X (NAME, method, "outcomes")
#define REQREP_KIND_MAP(X)                         \
    X (ECHO, "echo", "!    !!.!!!!!.!!..  ")       \
    X (FAIL, "fail", " !   !!.!!!!!.!!..  ")       \
    X (MUTE, "mute", "    !!!.!!!!!.!!..  ")       \
    X (LATER, "later", "!!   !!.!!!!!.!!..  ")     \
    X (STREAM, "stream", "!!   !!.!!!!!.!!..  ")   \
    X (NOWHERE, "nowhere", "  !     !!!!!.!!..  ") \
    X (PICKY, "picky", "   ! !!.!!!!!.!!..  ")     \
    X (PING, "zloom.ping", "!       !!!!!.!!..  ")

typedef enum reqrep_kind {
#define X(name, method, outcomes) REQREP_KIND_##name,
    REQREP_KIND_MAP (X)
#undef X
        REQREP_KINDS
} reqrep_kind_t;

//  What is counted beside outcomes and the network's own.
//  X (NAME, text, is expected)
#define REQREP_MAP(X)                                                         \
    X (START_FULL, "start: queue full", true)                                 \
    X (START_OVERSIZE, "start: too large", true)                              \
    X (START_NO_MEMORY, "start: out of memory", true)                         \
    X (WAIT, "wait: calls waited for", true)                                  \
    X (CALL, "call: calls made and waited for", true)                         \
    X (READY, "wait_ready: somebody came", true)                              \
    X (NOT_READY, "wait_ready: nobody came", true)                            \
    X (DRAINED, "drain: all calls ended", true)                               \
    X (NOT_DRAINED, "drain: some went on", true)                              \
    X (NEXT, "next: streams waited for", true)                                \
    X (CANCEL, "cancel: the call ended by it", true)                          \
    X (CANCEL_ENDED, "cancel: the call had ended", true)                      \
    X (CANCEL_UNSENT, "cancel: of a call that no server has begun", true)     \
    X (CANCEL_BEGUN, "cancel: of a call that a server works on", true)        \
    X (NOTIFY, "notify: handed over", true)                                   \
    X (NOTIFY_NOBODY, "notify: nobody there", true)                           \
    X (NOTIFY_EXECUTED, "notify: executed", true)                             \
    X (REENTER, "start: inside a callback", true)                             \
    X (INLINE, "stream: sent by a handler that waits for credit", true)       \
    X (ITEM, "stream: items sent", true)                                      \
    X (NO_CREDIT, "stream: no credit", true)                                  \
    X (CREDIT, "stream: credit came", true)                                   \
    X (WATCHED_CANCEL, "deferred: told that its caller cancelled", true)      \
    X (WATCHED_DEADLINE, "deferred: told that its deadline has passed", true) \
    X (WATCHED_LOSS, "deferred: told that its caller is gone", true)          \
    X (WATCHED_CLOSE, "deferred: told that the server ends", true)            \
    X (ANSWER_CANCELLED, "deferred: answered though nobody waits", true)      \
    X (ANSWER_OTHER, "deferred: a watcher answered another call", true)       \
    X (ANSWER_TWICE, "handler: a second answer refused", true)                \
    X (ANSWER_NO_MEMORY, "handler: no memory for an answer", true)            \
    X (WORKED, "handler: ran in a worker", true)                              \
    X (LATE, "client: late replies dropped", true)                            \
    X (CONNECT, "client: connects", true)                                     \
    X (DISCONNECT, "client: disconnects", true)                               \
    X (CLIENT_MALFORMED, "client: malformed messages", true)                  \
    X (EXPIRED, "server: expired before dispatch", true)                      \
    X (ENDED_BY_CALLER, "server: calls cancelled", true)                      \
    X (REFUSED, "server: refused", true)                                      \
    X (UNDELIVERABLE, "server: answers without a taker", true)                \
    X (SERVER_MALFORMED, "server: malformed messages", true)                  \
    X (CRASH_SERVER, "weather: servers crashed", true)                        \
    X (CLOSE_SERVER, "weather: servers closed", true)                         \
    X (DRAIN_SERVER, "weather: servers drained", true)                        \
    X (CRASH_CLIENT, "weather: clients crashed", true)                        \
    X (CLOSE_CLIENT, "weather: clients closed", true)                         \
    X (PAUSE, "weather: processes paused", true)                              \
    X (REFUSE, "weather: places refused", true)                               \
    X (SLOW, "worlds that take long", false)                                  \
    X (CALM, "worlds without weather", true)                                  \
    X (TIGHT, "worlds with large messages", true)                             \
    X (LEAN, "worlds with little memory", true)                               \
    X (CORRUPT, "worlds with corruption", true)                               \
    X (CORRUPT_END, "calls that ended in worlds with corruption", true)

typedef enum reqrep_count {
#define X(name, text, is_expected) REQREP_##name,
    REQREP_MAP (X)
#undef X
        REQREP_COUNTS
} reqrep_count_t;

#endif
