//  No memory: whichever allocation fails, what was asked for fails by name or
//  succeeds all the same, nothing is lost track of, and the next call works.

#include "support/setting.h"

#include <stdio.h>

#include "support/heap.h"

//  More allocations than anything here makes.
enum { MOST = 500, BOUND_MS = 20000 };

static heap_t s_heap;

static bool s_is_no_memory (const zloom_error_t *error)
{
    return error->code == ZLOOM_RESOURCE_EXHAUSTED && error->reason == ZLOOM_REASON_NO_MEMORY;
}

// ---- Making -----------------------------------------------------------------------

static void test_a_client_is_made_whole_or_not_at_all (void **state)
{
    setting_t *self = (setting_t *) *state;
    char list[256];
    snprintf (list, sizeof list, "%s, %s", self->endpoint, self->endpoint);
    zloom_client_t *client = NULL;
    for (size_t fail_at = 1; !client; fail_at++) {
        zloom_error_t error = {0};
        assert_true (fail_at < MOST);
        heap_install (&s_heap, fail_at);
        client = engines_client_new (list, NULL, &error);
        if (!client) {
            assert_true (s_is_no_memory (&error));
            assert_int_equal (s_heap.out, 0);
        }
    }
    zloom_client_destroy (&client);
    assert_int_equal (s_heap.out, 0);
    heap_remove ();
}

static void test_a_server_is_made_whole_or_not_at_all (void **state)
{
    setting_t *self = (setting_t *) *state;
    zloom_server_options_t options = service_usual;
    for (options.workers = 0; options.workers <= 2; options.workers += 2) {
        zloom_server_t *server = NULL;
        for (size_t fail_at = 1; !server; fail_at++) {
            zloom_error_t error = {0};
            assert_true (fail_at < MOST);
            heap_install (&s_heap, fail_at);
            server = engines_server_new (self->endpoint, &options, &error);
            if (!server) {
                assert_true (s_is_no_memory (&error));
                assert_int_equal (s_heap.out, 0);
            }
        }
        zloom_server_destroy (&server);
        assert_int_equal (s_heap.out, 0);
        heap_remove ();
    }
}

static zloom_code_t s_nothing (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_reply (call, "");
}

static void test_a_method_is_added_whole_or_not_at_all (void **state)
{
    setting_t *self = (setting_t *) *state;
    heap_install (&s_heap, 0);
    zloom_server_t *server = engines_server_new (self->endpoint, NULL, NULL);
    zloom_code_t code = ZLOOM_RESOURCE_EXHAUSTED;
    for (size_t more = 1; code; more++) {
        size_t out = s_heap.out;
        assert_true (more < MOST);
        s_heap.fail_at = s_heap.asked + more;
        code = zloom_server_handle (server, "new", "(a: int)", "A doc.", s_nothing, NULL);
        if (code) {
            assert_true (s_is_no_memory (zloom_server_last_error (server)));
            //  But for the room for one more, which is kept.
            assert_true (s_heap.out <= out + 1);
        }
    }
    s_heap.fail_at = 0;
    assert_int_equal (zloom_server_handle (server, "new", NULL, NULL, s_nothing, NULL),
                      ZLOOM_ALREADY_EXISTS);
    zloom_server_destroy (&server);
    assert_int_equal (s_heap.out, 0);
    heap_remove ();
}

// ---- Calling ----------------------------------------------------------------------

//  Both ends in the test's thread, so that the one that fails is always the same.
typedef struct {
    setting_t *setting;
    outcome_t outcome;
} work_t;

static void s_turn (setting_t *self)
{
    zloom_server_process (self->service.server, 0);
    zloom_client_process (self->client, 1);
    service_answer (&self->service, 1);
}

//  What a program does, with every allocation that is made on the way.
typedef void (work_fn) (work_t *work);

static void s_await_end (work_t *work, zloom_code_t code)
{
    zloom_time_t until = zloom_time_now () + BOUND_MS * ZLOOM_MSEC;
    if (code) {
        assert_true (s_is_no_memory (zloom_client_last_error (work->setting->client)));
        return;
    }
    while (work->outcome.ends == 0 && zloom_time_now () < until)
        s_turn (work->setting);
    assert_int_equal (work->outcome.ends, 1);
}

static void s_call (work_t *work)
{
    s_await_end (work, zloom_client_start (work->setting->client, NULL, NULL, outcome_take,
                                           &work->outcome, "echo", "s[i]", "text", 5));
}

static void s_call_large (work_t *work)
{
    static uint8_t payload[20000];
    s_await_end (work, zloom_client_start (work->setting->client, NULL, NULL, outcome_take,
                                           &work->outcome, "twice", "b", payload, sizeof payload));
}

static void s_call_later (work_t *work)
{
    s_await_end (work, zloom_client_start (work->setting->client, NULL, NULL, outcome_take,
                                           &work->outcome, "later", "s", "text"));
}

static void s_call_with_headers (work_t *work)
{
    static const uint8_t map[] = {0x81, 0xa1, 'a', 0x01};
    const zloom_call_options_t options = {
        .trace = "a trace", .key = zloom_bytes ("key", 3), .headers = {map, 4}, .attempt = 1};
    s_await_end (work, zloom_client_start (work->setting->client, NULL, &options, outcome_take,
                                           &work->outcome, "about", ""));
}

static void s_call_stream (work_t *work)
{
    const zloom_call_options_t options = {.stream = true};
    s_await_end (work, zloom_client_start (work->setting->client, NULL, &options, outcome_take,
                                           &work->outcome, "count_later", "i", 200));
}

static void s_call_describe (work_t *work)
{
    s_await_end (work, zloom_client_start (work->setting->client, NULL, NULL, outcome_take,
                                           &work->outcome, "zloom.describe", ""));
}

static void s_call_stats (work_t *work)
{
    s_await_end (work, zloom_client_start (work->setting->client, NULL, NULL, outcome_take,
                                           &work->outcome, "zloom.stats", ""));
}

//  Without a callback: the reply and the items are kept.
static void s_call_and_fetch (work_t *work)
{
    setting_t *self = work->setting;
    const zloom_call_options_t options = {.stream = true};
    zloom_call_id_t id;
    if (zloom_client_start (self->client, &id, &options, NULL, NULL, "count_later", "i", 10)) {
        assert_true (s_is_no_memory (zloom_client_last_error (self->client)));
        return;
    }
    zloom_client_stats_t stats;
    do {
        s_turn (self);
        zloom_client_stats (self->client, &stats);
    } while (stats.outstanding);
    zloom_code_t code;
    bool more;
    do
        code = zloom_client_next (self->client, id, &more);
    while (!code && more);
    work->outcome.error = *zloom_client_last_error (self->client);
    work->outcome.error.code = code;
}

static void s_notify (work_t *work)
{
    setting_t *self = work->setting;
    zloom_client_stats_t stats = {0};
    while (stats.present == 0) {
        s_turn (self);
        zloom_client_stats (self->client, &stats);
    }
    if (zloom_client_notify (self->client, "note", "s[ii]", "some text", 1, 2))
        assert_true (s_is_no_memory (zloom_client_last_error (self->client)));
}

//  An allocation fails at either end: the call succeeds, or ends for want of
//  memory, or, where not even that could be said, by its deadline. The direct
//  engine gives a connection up when it has no memory to make it, or for what
//  comes by it, and makes another one a little later.
static void s_assert_fair (const setting_t *self, const zloom_error_t *error)
{
    bool may_be_lost =
        engines_client_is_direct (self->endpoint) || engines_server_is_direct (self->endpoint);
    bool is_fair = error->code == ZLOOM_OK || s_is_no_memory (error)
                   || error->code == ZLOOM_RESOURCE_EXHAUSTED
                   || error->reason == ZLOOM_REASON_DEADLINE
                   || (may_be_lost && error->code == ZLOOM_UNAVAILABLE);
    if (!is_fair)
        fail_msg ("%s: %s", zloom_reason_name (error->reason), error->text);
}

//  Whether the work was done without meeting the allocation that fails.
static bool s_work_with_failure (setting_t *self, work_fn *fn, size_t more)
{
    work_t work = {.setting = self};
    heap_install (&s_heap, 0);
    service_new (&self->service, self->endpoint, NULL);
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.timeout_ms = 1000;
    options.connect_timeout_ms = 1000;
    self->client = setting_client (self->endpoint, &options);
    s_heap.fail_at = s_heap.asked + more;
    fn (&work);
    bool is_done = s_heap.asked < s_heap.fail_at;
    s_heap.fail_at = 0;
    s_assert_fair (self, &work.outcome.error);
    if (is_done)
        assert_int_equal (work.outcome.error.code, ZLOOM_OK);
    //  The next call finds nothing amiss.
    work.outcome = (outcome_t){0};
    s_call (&work);
    if (!work.outcome.ok)
        fail_msg ("after allocation %zu: %s", more, work.outcome.error.text);
    zloom_client_destroy (&self->client);
    service_destroy (&self->service);
    assert_int_equal (s_heap.out, 0);
    heap_remove ();
    setting_endpoint (self, self->endpoint);
    return is_done;
}

static void s_check_work (void **state, work_fn *fn)
{
    size_t more = 1;
    while (!s_work_with_failure ((setting_t *) *state, fn, more))
        assert_true (++more < MOST);
    assert_true (more > 1);
}

static void test_a_call_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call);
}

static void test_a_large_call_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call_large);
}

static void test_a_deferred_call_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call_later);
}

static void test_a_call_with_headers_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call_with_headers);
}

static void test_a_stream_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call_stream);
}

static void test_a_stream_that_is_fetched_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call_and_fetch);
}

static void test_what_is_built_in_survives_want_of_memory (void **state)
{
    s_check_work (state, s_call_describe);
    s_check_work (state, s_call_stats);
}

static void test_a_notification_survives_want_of_memory (void **state)
{
    s_check_work (state, s_notify);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST (test_a_client_is_made_whole_or_not_at_all, "tcp"),
        SETTING_TEST (test_a_server_is_made_whole_or_not_at_all, "ipc"),
        SETTING_TEST (test_a_method_is_added_whole_or_not_at_all, "tcp"),
        SETTING_TEST (test_a_call_survives_want_of_memory, "tcp"),
        SETTING_TEST (test_a_call_survives_want_of_memory, "inproc"),
        SETTING_TEST (test_a_large_call_survives_want_of_memory, "tcp"),
        SETTING_TEST (test_a_deferred_call_survives_want_of_memory, "ipc"),
        SETTING_TEST (test_a_call_with_headers_survives_want_of_memory, "tcp"),
        SETTING_TEST (test_a_stream_survives_want_of_memory, "tcp"),
        SETTING_TEST (test_a_stream_that_is_fetched_survives_want_of_memory, "ipc"),
        SETTING_TEST (test_what_is_built_in_survives_want_of_memory, "tcp"),
        SETTING_TEST (test_a_notification_survives_want_of_memory, "tcp"),
    };
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
