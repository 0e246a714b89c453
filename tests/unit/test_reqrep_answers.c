//  What a call can end with: errors of handlers, of arguments and of names,
//  what is built in, and what a handler sees of its call.

#include "support/setting.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/pack.h"

static const zloom_error_t *s_fail (setting_t *self, zloom_code_t code)
{
    const zloom_error_t *error = zloom_client_last_error (self->client);
    if (error->code != code)
        fail_msg ("%s: %s", zloom_code_name (error->code), error->text);
    return error;
}

// ---- Failures of handlers ---------------------------------------------------------

static void test_a_handlers_failure_arrives_with_code_text_and_data (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    for (int code = 1; code <= 16; code++) {
        outcome_t outcome = {0};
        zloom_client_call (self->client, "fail", "is", code, "as it was told");
        assert_error (s_fail (self, (zloom_code_t) code), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE,
                      "as it was told");
        assert_ok (self->client,
                   zloom_client_start (self->client, NULL, NULL, outcome_take, &outcome, "fail",
                                       "is[iii]", code, "with data", 1, 2, 3));
        outcome_await (&outcome, self->client, 1);
        assert_error (&outcome.error, ZLOOM_REASON_HANDLER, ZLOOM_REMOTE, "with data");
        assert_int_equal (outcome.error.code, code);
        static const uint8_t list[] = {0x93, 1, 2, 3};
        assert_int_equal (outcome.data_size, sizeof list);
        assert_memory_equal (outcome.data, list, sizeof list);
        assert_int_equal (zloom_error_exit_code (&outcome.error), 6);
    }
    //  A failure must be one.
    zloom_client_call (self->client, "fail", "is", 0, "ok?");
    assert_error (s_fail (self, ZLOOM_UNKNOWN), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE, "ok?");
}

static void test_control_characters_of_a_text_are_escaped (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_call (self->client, "fail", "is", 5, "red \x1b[31m and a \n");
    assert_error (s_fail (self, ZLOOM_NOT_FOUND), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE,
                  "red \\x1b[31m and a \\x0a");
}

static void test_a_code_without_a_text_gets_one (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_call (self->client, "code", "i", ZLOOM_OUT_OF_RANGE);
    assert_error (s_fail (self, ZLOOM_OUT_OF_RANGE), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE,
                  "method 'code': out of range");
    //  What went wrong in an earlier call has nothing to do with it.
    zloom_client_call (self->client, "add", "UI", UINT64_MAX, (int64_t) 1);
    zloom_client_call (self->client, "code", "i", ZLOOM_INVALID_ARGUMENT);
    assert_error (s_fail (self, ZLOOM_INVALID_ARGUMENT), ZLOOM_REASON_HANDLER, ZLOOM_REMOTE,
                  "method 'code': an argument is not acceptable");
}

static void test_a_handler_that_says_nothing_is_an_error (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_call (self->client, "mute", "");
    assert_error (s_fail (self, ZLOOM_INTERNAL), ZLOOM_REASON_NO_ANSWER, ZLOOM_REMOTE,
                  "method 'mute' returned without an answer");
}

// ---- Arguments --------------------------------------------------------------------

static void test_arguments_that_do_not_fit_the_signature_are_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_call (self->client, "add", "i", 1);
    assert_error (s_fail (self, ZLOOM_INVALID_ARGUMENT), ZLOOM_REASON_BAD_PARAMS, ZLOOM_REMOTE,
                  "it takes 2 arguments, 1 was given");
    zloom_client_call (self->client, "add", "is", 1, "two");
    assert_error (s_fail (self, ZLOOM_INVALID_ARGUMENT), ZLOOM_REASON_BAD_PARAMS, ZLOOM_REMOTE,
                  "argument 2 (b): expected int, found string");
    zloom_client_call (self->client, "fail", "");
    assert_error (s_fail (self, ZLOOM_INVALID_ARGUMENT), ZLOOM_REASON_BAD_PARAMS, ZLOOM_REMOTE,
                  "it takes 2 to 3 arguments, none was given");
}

//  What the signature lets through and the handler's picture does not.
static void test_arguments_that_do_not_fit_the_handlers_picture_are_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_call (self->client, "add", "UI", UINT64_MAX, (int64_t) 1);
    assert_error (s_fail (self, ZLOOM_INVALID_ARGUMENT), ZLOOM_REASON_BAD_PARAMS, ZLOOM_REMOTE,
                  "argument 1: the integer is out of range");
}

static void test_a_method_that_is_not_there_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    static const char *const names[] = {"nowhere", "ad", "addd", "ADD", "zloom.nothing"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        zloom_client_call (self->client, names[i], "ii", 1, 2);
        assert_error (s_fail (self, ZLOOM_UNIMPLEMENTED), ZLOOM_REASON_UNKNOWN_METHOD, ZLOOM_REMOTE,
                      "there is no such method here; zloom.describe lists what there is");
    }
}

// ---- What is built in -------------------------------------------------------------

static void s_serve_named (setting_t *self)
{
    zloom_server_options_t options = service_usual;
    options.name = "test service";
    options.version = "1.2.3";
    setting_serve (self, &options);
    setting_connect (self, NULL);
}

static void test_ping_says_who_is_there (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_named (self);
    unsigned protocol;
    const char *name, *version;
    assert_ok (self->client, zloom_client_call (self->client, "zloom.ping", ""));
    assert_ok (self->client, zloom_client_result (self->client, "{susss s}", "zloom", &protocol,
                                                  "name", &name, "version", &version));
    assert_int_equal (protocol, 1);
    assert_string_equal (name, "test service");
    assert_string_equal (version, "1.2.3");
    //  It takes anything.
    assert_ok (self->client, zloom_client_call (self->client, "zloom.ping", "i[s]?", 1, "x", 1));
}

static void test_describe_lists_every_method (void **state)
{
    setting_t *self = (setting_t *) *state;
    s_serve_named (self);
    zloom_bytes_t methods;
    const char *name;
    assert_ok (self->client, zloom_client_call (self->client, "zloom.describe", ""));
    assert_ok (self->client,
               zloom_client_result (self->client, "{sssv}", "name", &name, "methods", &methods));
    assert_string_equal (name, "test service");
    //  One of ours, one without a signature, and one that is built in.
    zloom_buffer_t text = {0};
    static const struct {
        const char *name, *signature, *doc;
    } expected[] = {
        {"add", "(a: int, b: int) -> int", NULL},
        {"mute", NULL, NULL},
        {"zloom.health", "() -> map", "Tell whether the server takes work: SERVING or DRAINING."}};
    for (size_t i = 0; i < 3; i++) {
        zloom_buffer_reset (&text);
        zloom_pack (&text, NULL, "{ssssss}", "name", expected[i].name, "signature",
                    expected[i].signature, "doc", expected[i].doc);
        assert_non_null (memmem (methods.data, methods.size, text.data, text.size));
    }
    zloom_buffer_clear (&text);
}

static void test_stats_add_up (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_serve (self, NULL);
    self->client = setting_client (self->endpoint, NULL);
    const zloom_call_options_t stream = {.stream = true};
    for (int i = 0; i < 5; i++)
        assert_ok (self->client, zloom_client_call (self->client, "add", "ii", i, i));
    zloom_client_call (self->client, "fail", "is", 5, "no");
    zloom_client_call (self->client, "add", "");
    zloom_client_call (self->client, "nowhere", "");
    assert_ok (self->client, zloom_client_call_with (self->client, &stream, "count", "i", 7));
    assert_ok (self->client, zloom_client_notify (self->client, "note", "i", 1));
    service_await (&self->service, SERVICE_NOTED, 1);

    assert_ok (self->client, zloom_client_call (self->client, "zloom.stats", ""));
    uint64_t requests, notifications, ok, failed, items, malformed, adds, adds_failed, fails;
    int64_t pid, uptime;
    const char *engine;
    assert_ok (self->client, zloom_client_result (
                                 self->client, "{sU sU sU sU sU sU sI sI ss s{s{sUsU}s{sU}}}",
                                 "requests", &requests, "notifications", &notifications, "ok", &ok,
                                 "failed", &failed, "items", &items, "malformed", &malformed, "pid",
                                 &pid, "uptime_ms", &uptime, "engine", &engine, "methods", "add",
                                 "calls", &adds, "failed", &adds_failed, "fail", "failed", &fails));
    //  Our own greeting may be among them.
    assert_in_range (requests, 10, 11);
    assert_int_equal (notifications, 1);
    assert_in_range (ok, 7, 8);
    assert_int_equal (failed, 3);
    assert_int_equal (items, 7);
    assert_int_equal (malformed, 0);
    assert_int_equal (adds, 5);
    assert_int_equal (adds_failed, 0);
    assert_int_equal (fails, 1);
    assert_int_equal (pid, getpid ());
    assert_true (uptime >= 0 && uptime < 120000);
    assert_string_equal (engine, engines_server_is_direct (self->endpoint) ? "direct" : "libzmq");
}

static void test_health_says_that_it_serves (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    const char *status;
    assert_ok (self->client, zloom_client_call (self->client, "zloom.health", ""));
    assert_ok (self->client, zloom_client_result (self->client, "{ss}", "status", &status));
    assert_string_equal (status, "SERVING");
    zloom_client_call (self->client, "zloom.health", "i", 1);
    assert_error (s_fail (self, ZLOOM_INVALID_ARGUMENT), ZLOOM_REASON_BAD_PARAMS, ZLOOM_REMOTE,
                  "it takes no arguments, 1 was given");
}

// ---- What a handler sees ----------------------------------------------------------

static void test_headers_reach_the_handler (void **state)
{
    setting_t *self = (setting_t *) *state;
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    static const uint8_t headers[] = {0x82, 0xa1, 'a', 0x01, 0xa1, 'b', 0xa2, 'h', 'i'};
    const zloom_call_options_t options = {.attempt = 3,
                                          .trace = trace,
                                          .key = zloom_bytes ("a key", 5),
                                          .headers = {headers, sizeof headers},
                                          .stream = true};
    for (uint32_t workers = 0; workers <= 1; workers++) {
        zloom_server_options_t server_options = service_usual;
        server_options.workers = workers;
        setting_serve (self, &server_options);
        self->client = setting_client (self->endpoint, NULL);
        //  The first call already: the client asks before it sends.
        assert_ok (self->client, zloom_client_call_with (self->client, &options, "about", ""));
        unsigned attempt;
        const void *key, *seen_trace;
        size_t key_size, trace_size;
        zloom_bytes_t seen_headers;
        bool takes_items, is_notification;
        const char *method;
        int64_t remaining;
        assert_ok (self->client,
                   zloom_client_result (self->client, "{ss su sb sb sv s? s? sI}", "method",
                                        &method, "attempt", &attempt, "key", &key, &key_size,
                                        "trace", &seen_trace, &trace_size, "headers", &seen_headers,
                                        "takes_items", &takes_items, "is_notification",
                                        &is_notification, "remaining", &remaining));
        assert_string_equal (method, "about");
        assert_int_equal (attempt, 3);
        assert_int_equal (key_size, 5);
        assert_memory_equal (key, "a key", 5);
        assert_int_equal (trace_size, sizeof trace - 1);
        assert_memory_equal (seen_trace, trace, trace_size);
        assert_int_equal (seen_headers.size, sizeof headers);
        assert_memory_equal (seen_headers.data, headers, sizeof headers);
        assert_true (takes_items);
        assert_false (is_notification);
        assert_true (remaining > 0 && remaining <= 5 * ZLOOM_SEC);
        zloom_client_destroy (&self->client);
        service_destroy (&self->service);
        setting_endpoint (self, self->endpoint);
    }
}

static uint64_t s_peer_of (zloom_client_t *client)
{
    uint64_t peer;
    assert_ok (client, zloom_client_call (client, "about", ""));
    assert_ok (client, zloom_client_result (client, "{sU}", "peer", &peer));
    return peer;
}

static void test_a_peers_number_is_that_of_its_connection (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_t *other = setting_client (self->endpoint, NULL);
    uint64_t first = s_peer_of (self->client), second = s_peer_of (other);
    assert_int_not_equal (first, second);
    assert_int_equal (s_peer_of (self->client), first);
    assert_int_equal (s_peer_of (other), second);
    zloom_client_destroy (&other);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_a_handlers_failure_arrives_with_code_text_and_data, "tcp"),
        SETTING_TEST (test_control_characters_of_a_text_are_escaped, "ipc"),
        SETTING_TEST (test_a_code_without_a_text_gets_one, "tcp"),
        SETTING_TEST (test_a_handler_that_says_nothing_is_an_error, "tcp"),
        SETTING_TEST (test_arguments_that_do_not_fit_the_signature_are_told, "tcp"),
        SETTING_TEST (test_arguments_that_do_not_fit_the_handlers_picture_are_told, "tcp"),
        SETTING_TEST (test_a_method_that_is_not_there_is_told, "inproc"),
        SETTING_TEST_EVERYWHERE (test_ping_says_who_is_there),
        SETTING_TEST (test_describe_lists_every_method, "tcp"),
        SETTING_TEST_EVERYWHERE (test_stats_add_up),
        SETTING_TEST (test_health_says_that_it_serves, "tcp"),
        SETTING_TEST_EVERYWHERE (test_headers_reach_the_handler),
        SETTING_TEST_EVERYWHERE (test_a_peers_number_is_that_of_its_connection),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
