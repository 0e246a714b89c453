//  Misfortunes of whole programs: a fork, a second thread, a terminated
//  context, a full descriptor table. Each gets a named error, and no abort.

#include "support/setting.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- A fork -------------------------------------------------------------------------

//  What a child found out, told by its exit status: the line that was not as
//  it should be, or 0. (A test's own asserts would not end a child.)
#define child_assert(expression) \
    do {                         \
        if (!(expression))       \
            _exit (__LINE__);    \
    } while (0)

//  Under valgrind a child is held to have lost what it leaves to its parent.
static pid_t s_fork (void)
{
    if (getenv ("ZLOOM_TEST_VALGRIND"))
        skip ();
    return fork ();
}

static void s_join_child (pid_t child)
{
    int status;
    assert_int_equal (waitpid (child, &status, 0), child);
    if (!WIFEXITED (status) || WEXITSTATUS (status))
        fail_msg ("the child: %s %d", WIFEXITED (status) ? "line (modulo 256)" : "signal",
                  WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status));
}

static bool s_is_forked (const zloom_error_t *error)
{
    return error->code == ZLOOM_FAILED_PRECONDITION && error->reason == ZLOOM_REASON_FORKED;
}

static void s_use_client_in_child (zloom_client_t *client, zloom_call_id_t id)
{
    static const uint8_t empty[] = {0x90};
    zloom_bytes_t params = zloom_bytes (empty, sizeof empty);
    bool more;
    child_assert (zloom_client_call (client, "echo", "") == ZLOOM_FAILED_PRECONDITION);
    child_assert (s_is_forked (zloom_client_last_error (client)));
    child_assert (zloom_client_call_with (client, NULL, "echo", "") == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_call_bytes (client, NULL, "echo", params)
                  == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_start (client, NULL, NULL, NULL, NULL, "echo", "")
                  == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_start_bytes (client, NULL, NULL, NULL, NULL, "echo", params)
                  == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_wait (client, id) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_next (client, id, &more) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_cancel (client, id) == ZLOOM_FAILED_PRECONDITION);
    child_assert (s_is_forked (zloom_client_last_error (client)));
    child_assert (zloom_client_notify (client, "note", "i", 1) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_notify_bytes (client, "note", params) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_process (client, 0) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_drain (client, 0) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_wait_ready (client, 0) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_client_descriptor (client) == -1);
    zloom_client_destroy (&client);
    child_assert (client == NULL);
}

static zloom_code_t s_never (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_reply (call, "");
}

static void s_use_server_in_child (zloom_server_t *server)
{
    child_assert (zloom_server_run (server) == ZLOOM_FAILED_PRECONDITION);
    child_assert (s_is_forked (zloom_server_last_error (server)));
    child_assert (zloom_server_process (server, 0) == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_server_handle (server, "never", NULL, NULL, s_never, NULL)
                  == ZLOOM_FAILED_PRECONDITION);
    child_assert (zloom_server_descriptor (server) == -1);
    zloom_server_drain (server);
    zloom_server_destroy (&server);
    child_assert (server == NULL);
}

//  Objects of the child's own work, beside those of its parent.
static void s_work_in_child (const char *endpoint)
{
    service_t service;
    service_new (&service, endpoint, NULL);
    service_start (&service);
    zloom_client_t *client = engines_client_new (endpoint, NULL, NULL);
    child_assert (client != NULL);
    child_assert (zloom_client_call (client, "add", "ii", 1, 2) == ZLOOM_OK);
    zloom_client_destroy (&client);
    service_destroy (&service);
}

//  The server is processed in the test's thread: a process that forks has best
//  one thread, and the thread sanitizer asks for that.
static void test_a_forked_child_is_told_and_the_parent_goes_on (void **state)
{
    setting_t *self = (setting_t *) *state;
    char other[96];
    setting_endpoint (self, other);
    service_new (&self->service, self->endpoint, NULL);
    self->client = setting_client (self->endpoint, NULL);
    zloom_call_id_t pending;
    outcome_t outcome = {0};
    assert_ok (self->client,
               zloom_client_start (self->client, &pending, NULL, NULL, NULL, "later", "i", 5));
    while (self->service.deferred_count == 0) {
        assert_ok (self->client, zloom_client_process (self->client, 1));
        assert_int_equal (zloom_server_process (self->service.server, 1), ZLOOM_OK);
    }
    pid_t child = s_fork ();
    assert_int_not_equal (child, -1);
    if (child == 0) {
        s_use_client_in_child (self->client, pending);
        s_use_server_in_child (self->service.server);
#ifndef __SANITIZE_THREAD__
        s_work_in_child (other);
#endif
        _exit (0);
    }
    s_join_child (child);
    //  The parent has lost nothing.
    assert_int_equal (service_count (&self->service, SERVICE_CLOSED), 0);
    service_answer (&self->service, 1);
    int value;
    assert_ok (self->client, zloom_client_wait (self->client, pending));
    assert_ok (self->client, zloom_client_result (self->client, "i", &value));
    assert_int_equal (value, 5);
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome,
                                                 "add", "ii", 1, 2));
    while (outcome.ends == 0) {
        assert_ok (self->client, zloom_client_process (self->client, 1));
        assert_int_equal (zloom_server_process (self->service.server, 1), ZLOOM_OK);
    }
    assert_int_equal (outcome.ok, 1);
}

// ---- A second thread ----------------------------------------------------------------

typedef struct {
    zloom_client_t *client;
    zloom_code_t call;
} waiter_t;

static void *s_wait_inside (void *argument)
{
    waiter_t *self = (waiter_t *) argument;
    self->call = zloom_client_call (self->client, "hold", "i", 9);
    return NULL;
}

static void test_a_second_thread_is_told_while_the_first_is_inside (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    waiter_t waiter = {.client = self->client, .call = ZLOOM_INTERNAL};
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_wait_inside, &waiter), 0);
    service_await (&self->service, SERVICE_HELD, 1);
    assert_int_equal (zloom_client_call (self->client, "echo", ""), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_start (self->client, NULL, NULL, NULL, NULL, "echo", ""),
                      ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_process (self->client, 0), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_notify (self->client, "note", "i", 1),
                      ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_cancel (self->client, 1), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_descriptor (self->client), -1);
    service_open_gate (&self->service);
    pthread_join (thread, NULL);
    assert_int_equal (waiter.call, ZLOOM_OK);
    //  When the first has left, the object has moved to the second.
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void test_a_second_thread_cannot_enter_a_server_that_runs (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    outcome_t held = {0};
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &held, "hold", ""));
    service_await (&self->service, SERVICE_HELD, 1);
    zloom_server_t *server = self->service.server;
    assert_int_equal (zloom_server_process (server, 0), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_server_run (server), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_server_descriptor (server), -1);
    assert_int_equal (zloom_server_handle (server, "never", NULL, NULL, s_never, NULL),
                      ZLOOM_FAILED_PRECONDITION);
    zloom_server_drain (server);
    service_open_gate (&self->service);
    outcome_await (&held, self->client, 1);
    assert_int_equal (held.ok, 1);
    //  It was not drained by that.
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

// ---- A terminated context -----------------------------------------------------------

//  What a client, and a server, of libzmq's find. The direct engine has no use for
//  a context, and goes on.

static void s_assert_client_is_told (setting_t *self, zloom_call_id_t pending,
                                     const outcome_t *outcome)
{
    assert_int_equal (zloom_client_wait (self->client, pending), ZLOOM_FAILED_PRECONDITION);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_CONTEXT_GONE, ZLOOM_HERE,
                  "the ZeroMQ context was terminated");
    assert_int_equal (outcome->ends, 1);
    assert_int_equal (outcome->error.reason, ZLOOM_REASON_CONTEXT_GONE);
    assert_int_equal (zloom_client_call (self->client, "echo", ""), ZLOOM_FAILED_PRECONDITION);
    assert_error (zloom_client_last_error (self->client), ZLOOM_REASON_CONTEXT_GONE, ZLOOM_HERE,
                  "the ZeroMQ context was terminated; make a new client");
    assert_int_equal (zloom_client_process (self->client, 0), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (zloom_client_notify (self->client, "note", "i", 1),
                      ZLOOM_FAILED_PRECONDITION);
}

//  `run` has ended by itself.
static void s_assert_server_is_told (setting_t *self)
{
    pthread_join (self->service.thread, NULL);
    self->service.is_running = false;
    assert_int_equal (self->service.shared.run_code, ZLOOM_FAILED_PRECONDITION);
    assert_error (zloom_server_last_error (self->service.server), ZLOOM_REASON_CONTEXT_GONE,
                  ZLOOM_HERE, "the ZeroMQ context was terminated");
    assert_int_equal (zloom_server_run (self->service.server), ZLOOM_FAILED_PRECONDITION);
    assert_error (zloom_server_last_error (self->service.server), ZLOOM_REASON_CONTEXT_GONE,
                  ZLOOM_HERE, "the ZeroMQ context was terminated; make a new server");
}

//  The calls that were pending can be answered, and new ones made.
static void s_assert_calls_go_on (setting_t *self, zloom_call_id_t pending,
                                  const outcome_t *outcome)
{
    setting_answer (self, 2);
    assert_ok (self->client, zloom_client_wait (self->client, pending));
    outcome_await (outcome, self->client, 1);
    assert_int_equal (outcome->ok, 1);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

static void s_assert_server_goes_on (setting_t *self)
{
    zloom_client_t *other = setting_client (self->endpoint, NULL);
    assert_ok (other, zloom_client_call (other, "echo", ""));
    zloom_client_destroy (&other);
}

//  A client that goes on, of a server that does not.
static void s_assert_client_loses_its_server (setting_t *self, zloom_call_id_t pending,
                                              const outcome_t *outcome)
{
    service_destroy (&self->service);
    assert_int_equal (zloom_client_wait (self->client, pending), ZLOOM_UNAVAILABLE);
    assert_int_equal (zloom_client_last_error (self->client)->reason, ZLOOM_REASON_CONNECTION_LOST);
    outcome_await (outcome, self->client, 1);
    assert_int_equal (outcome->error.reason, ZLOOM_REASON_CONNECTION_LOST);
}

//  In a context that is gone.
static void s_make_others (setting_t *self, const zloom_client_options_t *client_options,
                           const zloom_server_options_t *server_options)
{
    char other[96];
    zloom_error_t error = {0};
    setting_endpoint (self, other);
    zloom_client_t *client = engines_client_new (other, client_options, &error);
    assert_int_equal (client != NULL, engines_client_is_direct (other));
    assert_true (client || error.reason == ZLOOM_REASON_CONTEXT_GONE);
    zloom_server_t *server = engines_server_new (other, server_options, &error);
    assert_int_equal (server != NULL, engines_server_is_direct (other));
    assert_true (server || error.reason == ZLOOM_REASON_CONTEXT_GONE);
    zloom_client_destroy (&client);
    zloom_server_destroy (&server);
}

static void test_a_terminated_context_is_told_and_everything_can_be_destroyed (void **state)
{
    setting_t *self = (setting_t *) *state;
    bool is_client_direct = engines_client_is_direct (self->endpoint);
    bool is_server_direct = engines_server_is_direct (self->endpoint);
    void *context = zmq_ctx_new ();
    zloom_error_t error = {0};
    zloom_runtime_t *runtime = zloom_runtime_wrap (context, &error);
    assert_non_null (runtime);
    assert_ptr_equal (zloom_runtime_context (runtime), context);
    zloom_server_options_t server_options = service_usual;
    zloom_client_options_t client_options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    server_options.runtime = client_options.runtime = runtime;
    setting_serve (self, &server_options);
    setting_connect (self, &client_options);
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
    outcome_t outcome = {0};
    zloom_call_id_t pending;
    assert_ok (self->client,
               zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome, "later", ""));
    assert_ok (self->client,
               zloom_client_start (self->client, &pending, NULL, NULL, NULL, "later", ""));
    service_await (&self->service, SERVICE_DEFERRED, 2);

    assert_int_equal (zmq_ctx_shutdown (context), 0);
    if (is_client_direct && is_server_direct)
        s_assert_calls_go_on (self, pending, &outcome);
    if (!is_client_direct)
        s_assert_client_is_told (self, pending, &outcome);
    if (!is_server_direct)
        s_assert_server_is_told (self);
    if (is_server_direct)
        s_assert_server_goes_on (self);
    else if (is_client_direct)
        s_assert_client_loses_its_server (self, pending, &outcome);
    s_make_others (self, &client_options, &server_options);

    zloom_client_destroy (&self->client);
    service_destroy (&self->service);
    zloom_runtime_destroy (&runtime);
    assert_int_equal (zmq_ctx_term (context), 0);
}

//  Each way to find it out first, or that nothing has changed for a client.
static zloom_code_t s_find_out (setting_t *self, int way, bool goes_on)
{
    zloom_client_t *client = self->client;
    zloom_call_id_t id;
    bool more;
    switch (way) {
    case 0:
        return zloom_client_call (client, "echo", "");
    case 1:
        return zloom_client_process (client, 1000);
    case 2:
        //  To be sent to a connection that was up as far as is known.
        assert_int_equal (zloom_client_notify (client, "note", "i", 1),
                          goes_on ? ZLOOM_OK : ZLOOM_UNAVAILABLE);
        return zloom_client_process (client, 1000);
    case 3:
        assert_ok (client, zloom_client_start (client, &id, NULL, NULL, NULL, "echo", ""));
        return zloom_client_wait (client, id);
    case 4:
        assert_ok (client, zloom_client_start (client, &id, NULL, NULL, NULL, "echo", ""));
        return zloom_client_next (client, id, &more);
    default:
        service_destroy (&self->service);
        return zloom_client_wait_ready (client, 1000);
    }
}

static void test_whatever_is_called_first_finds_the_context_gone (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (int way = 0; way < 6; way++) {
        void *context = zmq_ctx_new ();
        zloom_runtime_t *runtime = zloom_runtime_wrap (context, NULL);
        zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
        options.runtime = runtime;
        setting_serve (self, NULL);
        self->client = setting_client (self->endpoint, &options);
        //  The last way is that of a client that is not connected.
        if (way < 5)
            assert_ok (self->client, zloom_client_wait_ready (self->client, 20000));
        assert_int_equal (zmq_ctx_shutdown (context), 0);
        if (engines_client_is_direct (self->endpoint))
            assert_int_equal (s_find_out (self, way, true), way < 5 ? ZLOOM_OK : ZLOOM_UNAVAILABLE);
        else {
            assert_int_equal (s_find_out (self, way, false), ZLOOM_FAILED_PRECONDITION);
            assert_int_equal (zloom_client_last_error (self->client)->reason,
                              ZLOOM_REASON_CONTEXT_GONE);
        }
        zloom_client_destroy (&self->client);
        zloom_runtime_destroy (&runtime);
        assert_int_equal (zmq_ctx_term (context), 0);
        service_destroy (&self->service);
        setting_endpoint (self, self->endpoint);
    }
}

static void test_no_context_is_an_error (void **state)
{
    (void) state;
    zloom_error_t error;
    assert_null (zloom_runtime_wrap (NULL, &error));
    assert_error (&error, ZLOOM_REASON_BAD_ARGUMENT, ZLOOM_HERE, "no ZeroMQ context was given");
}

// ---- A full descriptor table --------------------------------------------------------

//  Take descriptors until so many are left, in a table made small. They are
//  taken by dup, so the highest is the last.
static int s_fill_table (rlim_t limit, unsigned leave)
{
    struct rlimit table = {limit, limit};
    child_assert (setrlimit (RLIMIT_NOFILE, &table) == 0);
    int last = -1, fd;
    while ((fd = dup (STDIN_FILENO)) != -1)
        last = fd;
    for (unsigned i = 0; i < leave; i++)
        close (last--);
    return last;
}

static void s_empty_table (int last, int first)
{
    while (last >= first)
        close (last--);
}

static bool s_lacks_descriptors (const zloom_error_t *error)
{
    return error->code == ZLOOM_RESOURCE_EXHAUSTED && error->reason == ZLOOM_REASON_DESCRIPTORS;
}

//  With any number of descriptors left, making something works or fails by
//  name; and works again when there are some.
static void s_make_with_few_left (const char *endpoint)
{
    int first = dup (STDIN_FILENO);
    close (first);
    for (unsigned leave = 0; leave < 50; leave++) {
        int last = s_fill_table (128, leave);
        zloom_error_t error = {0};
        zloom_server_t *server = engines_server_new (endpoint, NULL, &error);
        child_assert (server || s_lacks_descriptors (&error));
        zloom_client_t *client = engines_client_new (endpoint, NULL, &error);
        child_assert (client || s_lacks_descriptors (&error));
        child_assert (!client || zloom_client_descriptor (client) != -1);
        s_empty_table (last, first);
        zloom_client_destroy (&client);
        zloom_server_destroy (&server);
    }
    zloom_server_t *server = engines_server_new (endpoint, NULL, NULL);
    child_assert (server != NULL);
    zloom_server_destroy (&server);
}

static void test_with_few_descriptors_left_making_fails_by_name (void **state)
{
    setting_t *self = (setting_t *) *state;
    pid_t child = s_fork ();
    assert_int_not_equal (child, -1);
    if (child == 0) {
        s_make_with_few_left (self->endpoint);
        _exit (0);
    }
    s_join_child (child);
}

//  A client of a service, both in a process whose table fills up under them:
//  what is connected goes on, what connects anew has to wait.
static void s_live_with_none_left (const char *endpoint)
{
    service_t service;
    service_new (&service, endpoint, NULL);
    service_start (&service);
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.reconnect_min_ms = 5;
    options.reconnect_max_ms = 20;
    zloom_client_t *client = engines_client_new (endpoint, &options, NULL);
    child_assert (client != NULL);
    child_assert (zloom_client_call (client, "echo", "") == ZLOOM_OK);
    int first = dup (STDIN_FILENO);
    close (first);
    int last = s_fill_table (256, 0);
    for (int i = 0; i < 100; i++)
        child_assert (zloom_client_call (client, "add", "ii", i, i) == ZLOOM_OK);
    zloom_error_t error;
    child_assert (engines_client_new (endpoint, &options, &error) == NULL);
    child_assert (s_lacks_descriptors (&error));
    //  The service goes and comes back; there is nothing to connect with.
    service_destroy (&service);
    const zloom_call_options_t short_time = {.timeout_ms = 100};
    child_assert (zloom_client_call_with (client, &short_time, "echo", "") == ZLOOM_UNAVAILABLE);
    s_empty_table (last, first);
    service_new (&service, endpoint, NULL);
    service_start (&service);
    child_assert (zloom_client_wait_ready (client, 20000) == ZLOOM_OK);
    child_assert (zloom_client_call (client, "add", "ii", 1, 2) == ZLOOM_OK);
    zloom_client_destroy (&client);
    service_destroy (&service);
}

static void test_a_full_descriptor_table_ends_nothing_that_is_there (void **state)
{
    setting_t *self = (setting_t *) *state;
    pid_t child = s_fork ();
    assert_int_not_equal (child, -1);
    if (child == 0) {
        s_live_with_none_left (self->endpoint);
        _exit (0);
    }
    s_join_child (child);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_a_forked_child_is_told_and_the_parent_goes_on),
        SETTING_TEST_EVERYWHERE (test_a_second_thread_is_told_while_the_first_is_inside),
        SETTING_TEST (test_a_second_thread_cannot_enter_a_server_that_runs, "tcp"),
        SETTING_TEST_EVERYWHERE (test_a_terminated_context_is_told_and_everything_can_be_destroyed),
        SETTING_TEST (test_whatever_is_called_first_finds_the_context_gone, "tcp"),
        SETTING_TEST (test_whatever_is_called_first_finds_the_context_gone, "ipc"),
        SETTING_TEST (test_no_context_is_an_error, "tcp"),
        SETTING_TEST (test_with_few_descriptors_left_making_fails_by_name, "tcp"),
        SETTING_TEST (test_a_full_descriptor_table_ends_nothing_that_is_there, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
