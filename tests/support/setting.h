//  setting - where a test of request/reply takes place
//
//  An endpoint of the transport that the test names, a folder for ipc paths, a
//  service, a client, and a socket of plain libzmq. SETTING_TEST makes a cmocka test of a function that
//  finds its setting in *state; what it leaves open is closed behind it, also
//  when it fails.
//
//  Threads: the test's.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_SETTING_H
#define ZLOOM_TESTS_SUPPORT_SETTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "reqrep/client.h"
#include "support/engines.h"
#include "support/raw.h"
#include "support/service.h"

typedef struct setting {
    const char *transport;  //  "tcp", "ipc" or "inproc"
    char folder[32];        //  Private, for ipc paths; "" until one is needed
    char endpoint[96];      //  Nobody has it yet
    service_t service;
    zloom_client_t *client;
    raw_t raw;    //  For tests that look at the wire
    pid_t child;  //  Of setting_fork_server; 0 = none
} setting_t;

int setting_setup (void **state);
int setting_teardown (void **state);

#define SETTING_TEST(function, over)                                                         \
    {                                                                                        \
        .name = #function " (" over ")", .test_func = function, .setup_func = setting_setup, \
        .teardown_func = setting_teardown, .initial_state = (void *) over                    \
    }

#define SETTING_TEST_EVERYWHERE(function)                           \
    SETTING_TEST (function, "tcp"), SETTING_TEST (function, "ipc"), \
        SETTING_TEST (function, "inproc")

//  Another endpoint of the transport, that nobody has yet.
void setting_endpoint (setting_t *self, char ret_endpoint[96]);

//  Serve at the endpoint, in a thread. options NULL = default.
void setting_serve (setting_t *self, const zloom_server_options_t *options);

//  Make the client, of the endpoint, and wait until it is connected.
void setting_connect (setting_t *self, const zloom_client_options_t *options);

//  Both, as usual.
void setting_open (setting_t *self);

//  Serve at the endpoint in a child process, that a test can stop and kill.
//  Before anything else, since threads do not live on in a child.
void setting_fork_server (setting_t *self);

//  Send it a signal; after SIGKILL it is gone when this returns.
void setting_signal_server (setting_t *self, int signal);

//  A client of its own; fails the test where there is none.
zloom_client_t *setting_client (const char *endpoints, const zloom_client_options_t *options);

//  Have the service answer deferred calls: by a client of its own.
void setting_answer (setting_t *self, unsigned count);

//  What callbacks were told about one call, or about several alike.
typedef struct outcome {
    unsigned ends;  //  Calls that have ended
    unsigned ok;    //  ... with a result
    unsigned items;
    unsigned disorder;    //  Items that were not the next integer
    zloom_call_id_t id;   //  Of the last one
    zloom_error_t error;  //  Of the last one that ended
    int64_t value;        //  The last result, where it was an integer
    uint8_t data[64];     //  Of the error, packed
    size_t data_size;
} outcome_t;

//  A zloom_reply_fn; context is an outcome_t.
void outcome_take (zloom_client_t *client, zloom_reply_t *reply, void *context);

//  Process until so many calls have ended. Their deadlines bound it.
void outcome_await (const outcome_t *self, zloom_client_t *client, unsigned ends);

//  Asserts that name what was said instead.

#define assert_ok(client, code) setting_assert_ok (client, code, __FILE__, __LINE__)
#define assert_error(error, reason, origin, text) \
    setting_assert_error (error, reason, origin, text, true, __FILE__, __LINE__)
#define assert_error_like(error, reason, origin, part) \
    setting_assert_error (error, reason, origin, part, false, __FILE__, __LINE__)

//  A call of the client that must succeed.
void setting_assert_ok (const zloom_client_t *client, zloom_code_t code, const char *file,
                        int line);

//  Code (the reason's usual one, but of HANDLER any), reason, origin and text,
//  the whole or a part of it.
void setting_assert_error (const zloom_error_t *error, zloom_reason_t reason, zloom_origin_t origin,
                           const char *text, bool is_whole, const char *file, int line);

#endif
