//  service - a server with the methods that tests of request/reply call
//
//      echo (values...)         its arguments, as a list
//      twice (data)             a list with it twice
//      add (a, b)               their sum
//      fail (code, text, data)  fails with these
//      code (code)              returns the code and says no more
//      mute ()                  returns OK without an answer
//      about ()                 what the handler sees of its call, as a map
//      hold (value)             waits until the gate is open, then gives the value back
//      endure ()                works until nobody waits any more
//      later (value)            defers; see service_answer
//      answer (count)           service_answer, told from afar
//      count (n)                a stream of 1 to n, then n
//      count_later (n)          the same, deferred, as credit allows
//      note (value)             remembers the value
//
//  Handlers count what happens (service_event_t), so that a test waits for
//  what it needs and never for time to pass.
//
//  Threads: the test's, apart from the server once service_start was called.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_SERVICE_H
#define ZLOOM_TESTS_SUPPORT_SERVICE_H

#include <pthread.h>

#include "reqrep/server.h"

enum { SERVICE_DEFERRED_MAX = 128 };

typedef enum service_event {
    SERVICE_HELD,       //  `hold` or `endure` was entered
    SERVICE_LET_GO,     //  ... and left, after the gate or the caller's end
    SERVICE_GIVEN_UP,   //  `endure` saw that nobody waits any more
    SERVICE_DEFERRED,   //  A call was deferred
    SERVICE_CREDIT,     //  A watcher was told ZLOOM_CALL_CREDIT
    SERVICE_CANCELLED,  //  ... ZLOOM_CALL_CANCELLED
    SERVICE_CLOSED,     //  ... ZLOOM_CALL_CLOSED
    SERVICE_ITEM,       //  An item was sent
    SERVICE_REFUSED,    //  An item was refused for good; see item_code
    SERVICE_NOTED,      //  `note` was called
    SERVICE_EVENTS
} service_event_t;

typedef struct service {
    zloom_server_t *server;
    pthread_t thread;
    bool is_running;

    //  The server's thread's own.
    zloom_call_t *deferred[SERVICE_DEFERRED_MAX];  //  In order
    unsigned deferred_count;

    struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool is_gate_open;
        unsigned counts[SERVICE_EVENTS];
        int64_t noted;           //  What `note` was given last
        zloom_code_t item_code;  //  Of the item that was refused
        zloom_code_t run_code;   //  What zloom_server_run returned
    } shared;
} service_t;

//  The default options, but that it does not wait long for deferred calls at its end.
extern const zloom_server_options_t service_usual;

//  Bind and add the methods. options NULL = service_usual. Fails the test where that
//  fails. It does not run yet: a test may process it in its own thread.
void service_new (service_t *self, const char *endpoints, const zloom_server_options_t *options);

//  Run the server in a thread.
void service_start (service_t *self);

//  Stop the server and wait for its thread. Returns what `run` returned.
zloom_code_t service_stop (service_t *self);

//  Open the gate, stop and destroy. After service_new has failed it does nothing.
void service_destroy (service_t *self);

//  The endpoint that it was bound to.
const char *service_endpoint (const service_t *self);

//  Let handlers out of `hold`, and those that enter it from now on straight through.
void service_open_gate (service_t *self);
void service_close_gate (service_t *self);

//  Wait until something has happened `count` times in all.
void service_await (service_t *self, service_event_t event, unsigned count);

//  How often it has happened.
unsigned service_count (service_t *self, service_event_t event);

//  What `note` was given last.
int64_t service_noted (service_t *self);

//  Answer the oldest deferred calls, each with its own value. Thread: the server's.
void service_answer (service_t *self, unsigned count);

//  How the refused item was refused.
zloom_code_t service_item_code (service_t *self);

#endif
