//  What a program does wrong, and what handlers do wrong: told by name, with
//  no harm done.

#include "support/setting.h"

#include <stdio.h>
#include <string.h>

static void s_assert_error (const setting_t *self, zloom_reason_t reason, const char *text)
{
    assert_error (zloom_client_last_error (self->client), reason, ZLOOM_HERE, text);
}

// ---- Making -----------------------------------------------------------------------

static void test_options_out_of_range_are_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    const zloom_client_options_t usual = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    zloom_client_options_t wrong[] = {usual, usual, usual, usual, usual,
                                      usual, usual, usual, usual, usual};
    static const char *const texts[] = {
        "timeout_ms is 1 to 3600000",
        "timeout_ms is 1 to 3600000",
        "connect_timeout_ms is at most 3600000",
        "max_outstanding is at least 1",
        "stream_credit is at least 1",
        "reconnect_min_ms is at least 1 and at most reconnect_max_ms",
        "reconnect_min_ms is at least 1 and at most reconnect_max_ms",
        "limits.max_size is 256 to 1073741823",
        "limits.max_depth is 1 to 32",
        "limits.max_depth is 1 to 32",
    };
    wrong[0].timeout_ms = 0;
    wrong[1].timeout_ms = 3600001;
    wrong[2].connect_timeout_ms = 3600001;
    wrong[3].max_outstanding = 0;
    wrong[4].stream_credit = 0;
    wrong[5].reconnect_min_ms = 0;
    wrong[6].reconnect_min_ms = wrong[6].reconnect_max_ms + 1;
    wrong[7].limits.max_size = 255;
    wrong[8].limits.max_depth = 0;
    wrong[9].limits.max_depth = 33;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[128];
        zloom_error_t error = {0};
        snprintf (text, sizeof text, "client option %s", texts[i]);
        assert_null (engines_client_new (self->endpoint, &wrong[i], &error));
        assert_error (&error, ZLOOM_REASON_BAD_ARGUMENT, ZLOOM_HERE, text);
        assert_null (engines_client_new (self->endpoint, &wrong[i], NULL));
    }
}

static void test_server_options_out_of_range_are_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t wrong[] = {service_usual, service_usual, service_usual, service_usual};
    static const char *const texts[] = {
        "max_pending is at least 1",
        "max_timeout_ms is at least 1",
        "limits.max_size is 256 to 1073741823",
        "limits.max_depth is 1 to 32",
    };
    wrong[0].max_pending = 0;
    wrong[1].max_timeout_ms = 0;
    wrong[2].limits.max_size = 1073741824;
    wrong[3].limits.max_depth = 33;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[128];
        zloom_error_t error = {0};
        snprintf (text, sizeof text, "server option %s", texts[i]);
        assert_null (engines_server_new (self->endpoint, &wrong[i], &error));
        assert_error (&error, ZLOOM_REASON_BAD_ARGUMENT, ZLOOM_HERE, text);
    }
}

static void test_what_is_no_endpoint_is_told (void **state)
{
    (void) state;
    static const struct {
        const char *endpoints, *text;
    } wrong[] = {
        {"", "no endpoint was given"},
        {" , ", "no endpoint was given"},
        {"nowhere", "'nowhere': an endpoint is tcp://HOST:PORT, ipc://PATH or inproc://NAME"},
        {"udp://a:1", "'udp://a:1': an endpoint is tcp://HOST:PORT, ipc://PATH or inproc://NAME"},
        {"tcp://127.0.0.1", "'tcp://127.0.0.1': a tcp endpoint is tcp://HOST:PORT"},
        {"tcp://127.0.0.1:x", "'tcp://127.0.0.1:x': the port is a number from 0 to 65535"},
        {"tcp://127.0.0.1:65536", "'tcp://127.0.0.1:65536': the port is a number from 0 to 65535"},
        {"inproc://", "'inproc://': there is no address behind the '://'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        zloom_error_t error = {0};
        assert_null (engines_client_new (wrong[i].endpoints, NULL, &error));
        assert_error (&error, ZLOOM_REASON_BAD_ENDPOINT, ZLOOM_HERE, wrong[i].text);
        error = (zloom_error_t){0};
        assert_null (engines_server_new (wrong[i].endpoints, NULL, &error));
        assert_error (&error, ZLOOM_REASON_BAD_ENDPOINT, ZLOOM_HERE, wrong[i].text);
    }
    zloom_error_t error = {0};
    assert_null (engines_client_new ("@tcp://127.0.0.1:1", NULL, &error));
    assert_error (&error, ZLOOM_REASON_BAD_ENDPOINT, ZLOOM_HERE,
                  "'@tcp://127.0.0.1:1': a client connects, it cannot bind");
    //  One that is wrong among others that are not.
    assert_null (engines_client_new ("tcp://127.0.0.1:1 ipc:///x, x", NULL, &error));
    assert_int_equal (error.reason, ZLOOM_REASON_BAD_ENDPOINT);
}

static void test_an_address_that_is_taken_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_error_t error = {0};
    service_new (&self->service, self->endpoint, NULL);
    assert_null (engines_server_new (self->endpoint, NULL, &error));
    assert_error_like (&error, ZLOOM_REASON_ADDRESS_IN_USE, ZLOOM_HERE, self->endpoint);
    //  It is free again when its server is gone.
    service_destroy (&self->service);
    service_new (&self->service, self->endpoint, NULL);
}

static void test_binding_where_others_reach_needs_to_be_asked_for (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_error_t error = {0};
    assert_null (engines_server_new ("tcp://0.0.0.0:*", NULL, &error));
    assert_error_like (&error, ZLOOM_REASON_INSECURE_BIND, ZLOOM_HERE,
                       "can be reached from other machines");
    assert_null (engines_server_new ("ipc:///tmp/zloom-public-test", NULL, &error));
    assert_error_like (&error, ZLOOM_REASON_INSECURE_BIND, ZLOOM_HERE, "other users can enter");
    assert_null (engines_server_new ("ipc://@abstract", NULL, &error));
    assert_int_equal (error.reason, ZLOOM_REASON_INSECURE_BIND);
    (void) self;
}

static void test_a_port_of_the_systems_choice_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    service_new (&self->service, "tcp://127.0.0.1:*, inproc://chosen", NULL);
    assert_memory_equal (service_endpoint (&self->service), "tcp://127.0.0.1:", 16);
    assert_null (strchr (service_endpoint (&self->service), '*'));
    assert_string_equal (zloom_server_endpoint (self->service.server, 1), "inproc://chosen");
    assert_null (zloom_server_endpoint (self->service.server, 2));
    service_start (&self->service);
    for (size_t i = 0; i < 2; i++) {
        zloom_client_t *client =
            setting_client (zloom_server_endpoint (self->service.server, i), NULL);
        assert_ok (client, zloom_client_call (client, "echo", ""));
        zloom_client_destroy (&client);
    }
}

// ---- Calling ----------------------------------------------------------------------

static void test_a_call_that_cannot_be_made_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    zloom_client_t *client = self->client;
    char long_name[130];
    memset (long_name, 'm', sizeof long_name - 1);
    long_name[129] = 0;
    assert_int_equal (zloom_client_call (client, "", ""), ZLOOM_INVALID_ARGUMENT);
    s_assert_error (self, ZLOOM_REASON_BAD_ARGUMENT, "a method's name has 1 to 128 bytes");
    assert_int_equal (zloom_client_call (client, long_name, ""), ZLOOM_INVALID_ARGUMENT);
    s_assert_error (self, ZLOOM_REASON_BAD_ARGUMENT, "a method's name has 1 to 128 bytes");
    assert_int_equal (zloom_client_notify (client, "", ""), ZLOOM_INVALID_ARGUMENT);
    s_assert_error (self, ZLOOM_REASON_BAD_ARGUMENT, "a method's name has 1 to 128 bytes");
    //  A name of 128 bytes is only unknown.
    long_name[128] = 0;
    assert_int_equal (zloom_client_call (client, long_name, ""), ZLOOM_UNIMPLEMENTED);

    assert_int_equal (zloom_client_call (client, "echo", "q"), ZLOOM_INVALID_ARGUMENT);
    assert_int_equal (zloom_client_last_error (client)->reason, ZLOOM_REASON_BAD_PICTURE);
    assert_int_equal (zloom_client_start (client, NULL, NULL, NULL, NULL, "echo", "[i", 1),
                      ZLOOM_INVALID_ARGUMENT);
    assert_int_equal (zloom_client_last_error (client)->reason, ZLOOM_REASON_BAD_PICTURE);

    static const uint8_t map[] = {0x80}, cut[] = {0x92, 0x01}, two[] = {0x90, 0x90};
    static const struct {
        zloom_bytes_t params;
        const char *text;
    } wrong[] = {{{map, 1}, "params are not an array"},
                 {{cut, 2}, "params: "},
                 {{two, 2}, "params: "},
                 {{NULL, 0}, "params: "}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal (zloom_client_call_bytes (client, NULL, "echo", wrong[i].params),
                          ZLOOM_INVALID_ARGUMENT);
        assert_error_like (zloom_client_last_error (client), ZLOOM_REASON_MALFORMED, ZLOOM_HERE,
                           wrong[i].text);
        assert_int_equal (zloom_client_notify_bytes (client, "echo", wrong[i].params),
                          ZLOOM_INVALID_ARGUMENT);
    }
    zloom_client_stats_t stats;
    zloom_client_stats (client, &stats);
    assert_int_equal (stats.calls, 1);
    assert_int_equal (stats.notifications, 0);
}

static void test_call_options_out_of_range_are_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    static uint8_t key[65], list[] = {0x90}, number_key[] = {0x81, 0x01, 0x01},
                            twice[] = {0x82, 0xa1, 'a', 0x01, 0xa1, 'a', 0x01};
    char trace[130];
    memset (trace, 't', sizeof trace - 1);
    trace[129] = 0;
    setting_open (self);
    const char *map_text = "headers are a packed map of at most 16 different string keys";
    const struct {
        zloom_call_options_t options;
        const char *text;
    } wrong[] = {
        {{.key = {key, 65}}, "an idempotency key has at most 64 bytes"},
        {{.trace = trace}, "a trace context has at most 128 bytes"},
        {{.timeout_ms = 3600001}, "timeout_ms is at most 3600000"},
        {{.headers = {list, 1}}, map_text},
        {{.headers = {number_key, 3}}, map_text},
        {{.headers = {twice, 7}}, map_text},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal (zloom_client_call_with (self->client, &wrong[i].options, "echo", ""),
                          ZLOOM_INVALID_ARGUMENT);
        s_assert_error (self, ZLOOM_REASON_BAD_ARGUMENT, wrong[i].text);
    }
    //  What is just allowed.
    trace[128] = 0;
    const zloom_call_options_t most = {.key = {key, 64}, .trace = trace, .timeout_ms = 3600000};
    assert_ok (self->client, zloom_client_call_with (self->client, &most, "echo", ""));
}

static void test_waiting_for_what_is_not_there_is_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    bool more;
    outcome_t outcome = {0};
    zloom_call_id_t id;
    assert_int_equal (zloom_client_wait (self->client, 12345), ZLOOM_FAILED_PRECONDITION);
    s_assert_error (self, ZLOOM_REASON_BAD_STATE, "there is no call 12345, or no longer");
    assert_int_equal (zloom_client_next (self->client, 12345, &more), ZLOOM_FAILED_PRECONDITION);
    s_assert_error (self, ZLOOM_REASON_BAD_STATE, "there is no call 12345, or no longer");
    assert_ok (self->client,
               zloom_client_start (self->client, &id, NULL, outcome_take, &outcome, "echo", ""));
    char text[80];
    snprintf (text, sizeof text, "call %llu has a callback, which gets its reply",
              (unsigned long long) id);
    assert_int_equal (zloom_client_wait (self->client, id), ZLOOM_FAILED_PRECONDITION);
    s_assert_error (self, ZLOOM_REASON_BAD_STATE, text);
    outcome_await (&outcome, self->client, 1);
}

//  Tries to wait where it must not, in every way.
typedef struct {
    zloom_code_t codes[6];
    zloom_error_t error;
    bool has_run;
} impatient_t;

static void s_wait_inside (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    impatient_t *self = (impatient_t *) context;
    bool more;
    (void) reply;
    self->codes[0] = zloom_client_call (client, "echo", "");
    self->codes[1] = zloom_client_wait (client, 1);
    self->codes[2] = zloom_client_next (client, 1, &more);
    self->codes[3] = zloom_client_process (client, 0);
    self->codes[4] = zloom_client_drain (client, 0);
    self->codes[5] = zloom_client_wait_ready (client, 0);
    self->error = *zloom_client_last_error (client);
    self->has_run = true;
}

static void test_a_callback_must_not_wait (void **state)
{
    setting_t *self = (setting_t *) *state;
    setting_open (self);
    impatient_t impatient = {.has_run = false};
    assert_ok (self->client, zloom_client_start (self->client, NULL, NULL, s_wait_inside,
                                                 &impatient, "echo", ""));
    while (!impatient.has_run)
        assert_ok (self->client, zloom_client_process (self->client, 1000));
    for (int i = 0; i < 6; i++)
        assert_int_equal (impatient.codes[i], ZLOOM_FAILED_PRECONDITION);
    assert_error (&impatient.error, ZLOOM_REASON_BAD_STATE, ZLOOM_HERE,
                  "a callback may start calls but not wait for them");
    assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
}

// ---- Handling ---------------------------------------------------------------------

static zloom_code_t s_nothing (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_reply (call, "");
}

static void test_methods_that_cannot_be_added_are_told (void **state)
{
    setting_t *self = (setting_t *) *state;
    service_new (&self->service, self->endpoint, NULL);
    char long_name[130];
    memset (long_name, 'm', sizeof long_name - 1);
    long_name[129] = 0;
    char long_text[256];
    snprintf (long_text, sizeof long_text, "method '%s': a name has 1 to 128 characters",
              long_name);
    const struct {
        const char *name, *signature, *text;
    } wrong[] = {
        {"", NULL, "method '': a name has 1 to 128 characters"},
        {NULL, NULL, "method '': a name has 1 to 128 characters"},
        {long_name, NULL, long_text},
        {"a b", NULL, "method 'a b': a name is made of A-Z a-z 0-9 . _ / -"},
        {"a\n", NULL, "method 'a\\x0a': a name is made of A-Z a-z 0-9 . _ / -"},
        {"zloom.mine", NULL,
         "method 'zloom.mine': a name does not begin with 'zloom.', which is zloom's own"},
        {"mine", "(a)", "method 'mine': signature \"(a)\", column 3: expected ':'"},
    };
    zloom_server_t *server = self->service.server;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal (
            zloom_server_handle (server, wrong[i].name, wrong[i].signature, NULL, s_nothing, NULL),
            ZLOOM_INVALID_ARGUMENT);
        assert_error (zloom_server_last_error (server), ZLOOM_REASON_BAD_ARGUMENT, ZLOOM_HERE,
                      wrong[i].text);
    }
    assert_int_equal (zloom_server_handle (server, "mine", NULL, NULL, NULL, NULL),
                      ZLOOM_INVALID_ARGUMENT);
    assert_error (zloom_server_last_error (server), ZLOOM_REASON_BAD_ARGUMENT, ZLOOM_HERE,
                  "method 'mine' has no handler");
    assert_int_equal (zloom_server_handle (server, "echo", NULL, NULL, s_nothing, NULL),
                      ZLOOM_ALREADY_EXISTS);
    assert_string_equal (zloom_server_last_error (server)->text,
                         "method 'echo' has a handler already");
    assert_int_equal (zloom_server_last_error (server)->code, ZLOOM_ALREADY_EXISTS);
    long_name[128] = 0;
    assert_int_equal (zloom_server_handle (server, long_name, NULL, NULL, s_nothing, NULL),
                      ZLOOM_OK);
}

//  What a handler tried after it had ended its call, and before.
typedef struct {
    zloom_server_t *server;
    zloom_code_t reply, reply_bytes, fail, item, picture, bytes, process, run, handle;
} clumsy_t;

static zloom_code_t s_stumble (zloom_call_t *call, void *context)
{
    clumsy_t *self = (clumsy_t *) context;
    static const uint8_t nil[] = {0xc0}, two[] = {0xc0, 0xc0};
    self->picture = zloom_call_reply (call, "qq");
    self->bytes = zloom_call_reply_bytes (call, zloom_bytes (two, 2));
    self->process = zloom_server_process (self->server, 0);
    self->run = zloom_server_run (self->server);
    self->handle = zloom_server_handle (self->server, "more", NULL, NULL, s_nothing, NULL);
    zloom_call_reply (call, "s", "the answer");
    self->reply = zloom_call_reply (call, "s", "another");
    self->reply_bytes = zloom_call_reply_bytes (call, zloom_bytes (nil, 1));
    self->fail = zloom_call_fail (call, ZLOOM_ABORTED, "and a failure");
    self->item = zloom_call_item (call, "i", 1);
    return ZLOOM_INTERNAL;
}

static void test_a_call_is_ended_once_whatever_its_handler_tries (void **state)
{
    setting_t *self = (setting_t *) *state;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        zloom_server_options_t options = service_usual;
        options.workers = workers;
        service_new (&self->service, self->endpoint, &options);
        clumsy_t clumsy = {.server = self->service.server};
        assert_int_equal (
            zloom_server_handle (self->service.server, "stumble", NULL, NULL, s_stumble, &clumsy),
            ZLOOM_OK);
        service_start (&self->service);
        setting_connect (self, NULL);
        const char *text;
        assert_ok (self->client, zloom_client_call (self->client, "stumble", ""));
        assert_ok (self->client, zloom_client_result (self->client, "s", &text));
        assert_string_equal (text, "the answer");
        assert_ok (self->client, zloom_client_call (self->client, "echo", ""));
        zloom_client_stats_t stats;
        zloom_client_stats (self->client, &stats);
        assert_int_equal (stats.late_replies, 0);
        assert_int_equal (service_stop (&self->service), ZLOOM_OK);
        assert_int_equal (clumsy.picture, ZLOOM_INVALID_ARGUMENT);
        assert_int_equal (clumsy.bytes, ZLOOM_INVALID_ARGUMENT);
        assert_int_equal (clumsy.process, ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (clumsy.run, ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (clumsy.handle, ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (clumsy.reply, ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (clumsy.reply_bytes, ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (clumsy.fail, ZLOOM_FAILED_PRECONDITION);
        assert_int_equal (clumsy.item, ZLOOM_FAILED_PRECONDITION);
        zloom_client_destroy (&self->client);
        service_destroy (&self->service);
        setting_endpoint (self, self->endpoint);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_options_out_of_range_are_told, "tcp"),
        SETTING_TEST (test_server_options_out_of_range_are_told, "tcp"),
        SETTING_TEST (test_what_is_no_endpoint_is_told, "tcp"),
        SETTING_TEST_EVERYWHERE (test_an_address_that_is_taken_is_told),
        SETTING_TEST (test_binding_where_others_reach_needs_to_be_asked_for, "tcp"),
        SETTING_TEST (test_a_port_of_the_systems_choice_is_told, "tcp"),
        SETTING_TEST (test_a_call_that_cannot_be_made_is_told, "tcp"),
        SETTING_TEST (test_call_options_out_of_range_are_told, "ipc"),
        SETTING_TEST (test_waiting_for_what_is_not_there_is_told, "tcp"),
        SETTING_TEST_EVERYWHERE (test_a_callback_must_not_wait),
        SETTING_TEST (test_methods_that_cannot_be_added_are_told, "tcp"),
        SETTING_TEST (test_a_call_is_ended_once_whatever_its_handler_tries, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
