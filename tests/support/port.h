//  port - the port into the world, held by the hand of a test
//
//  Opens channels and waits for events. Every wait is bounded; what does not
//  come fails the test. Both engines are held to the same contract: PORT_TEST
//  makes a cmocka test of a function, whose fixture finds the engine in *state.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_PORT_H
#define ZLOOM_TESTS_SUPPORT_PORT_H

#include "net/port_internal.h"

typedef struct port {
    zloom__port_t *port;
    zloom__event_t event;  //  The one at hand
} port_t;

//  With one engine or with each. The fixture's functions are s_setup, s_teardown.
#define PORT_TEST(function, over)                                                      \
    {                                                                                  \
        .name = #function " (" over ")", .test_func = function, .setup_func = s_setup, \
        .teardown_func = s_teardown, .initial_state = (void *) over                    \
    }
#define PORT_TEST_BOTH(function) PORT_TEST (function, "libzmq"), PORT_TEST (function, "direct")

//  The engine of a test; of direct ports the usual one, that leaves inproc to
//  libzmq.
zloom_engine_t port_engine (void **state);

//  Make a port that can be woken, with so many worker threads, in a runtime
//  (NULL = the process's default).
void port_new (port_t *self, zloom_engine_t engine, zloom_runtime_t *runtime, unsigned workers);

//  End it. Twice does no harm.
void port_destroy (port_t *self);

//  "tcp://127.0.0.1:N" of a port that is free now, in `ret_endpoint`.
const char *port_free_endpoint (char ret_endpoint[64]);

//  Options as a client or a server of zloom has them, with short pauses
//  between tries to connect.
zloom__channel_options_t port_options (zloom__role_t role, const char *endpoint);

//  Open a channel, which must succeed.
zloom__channel_t port_connect (port_t *self, const char *endpoint);
zloom__channel_t port_bind (port_t *self, const char *endpoint);

//  The next event within a time; TIMEOUT: none.
zloom__event_kind_t port_next (port_t *self, int timeout_ms);

//  Wait for an event of this kind; nothing else may come before it.
const zloom__event_t *port_expect (port_t *self, zloom__event_kind_t kind);

//  Wait for a channel to come up, and return its link.
zloom__link_t port_expect_up (port_t *self, zloom__channel_t channel);

//  The same, with a server in the same thread, which has nothing else to tell.
zloom__link_t port_marry (port_t *self, zloom__channel_t channel, port_t *server);

//  Wait for a message, and hold its body against a text.
const zloom__event_t *port_expect_body (port_t *self, const char *text);

//  Send a text, without an envelope or with that of the event at hand. It leaves
//  at once.
zloom_code_t port_send (port_t *self, zloom__channel_t channel, zloom__link_t link,
                        const char *text);
zloom_code_t port_answer (port_t *self, const char *text);

//  Why a channel is not connected.
zloom_reason_t port_trouble (port_t *self, zloom__channel_t channel, const char **ret_text);

#endif
