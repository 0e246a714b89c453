#include "support/service.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "support/engines.h"

//  Far longer than anything takes, so that a test that waits in vain ends.
enum { PATIENCE_S = 30 };

const zloom_server_options_t service_usual = {.name = "zloom",
                                              .version = "",
                                              .max_pending = 65536,
                                              .max_pending_bytes = 67108864,
                                              .max_timeout_ms = 3600000,
                                              .drain_ms = 50,
                                              .limits = ZLOOM_LIMITS_DEFAULT};

//  A stream that is deferred.
typedef struct {
    service_t *service;
    int64_t sent, count;
} stream_t;

//  What happens.

static void s_tell (service_t *self, service_event_t event)
{
    pthread_mutex_lock (&self->shared.lock);
    self->shared.counts[event]++;
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.lock);
}

static void s_tell_refusal (service_t *self, zloom_code_t code)
{
    pthread_mutex_lock (&self->shared.lock);
    self->shared.item_code = code;
    pthread_mutex_unlock (&self->shared.lock);
    s_tell (self, SERVICE_REFUSED);
}

//  Locks: shared.lock is held. False: nothing changed until then.
static bool s_await_change_locked (service_t *self, zloom_time_t until)
{
    const struct timespec at = {(time_t) (until / ZLOOM_SEC), (long) (until % ZLOOM_SEC)};
    return pthread_cond_timedwait (&self->shared.changed, &self->shared.lock, &at) == 0;
}

void service_await (service_t *self, service_event_t event, unsigned count)
{
    zloom_time_t until = zloom_time_now () + PATIENCE_S * ZLOOM_SEC;
    pthread_mutex_lock (&self->shared.lock);
    bool in_time = true;
    while (self->shared.counts[event] < count && in_time)
        in_time = s_await_change_locked (self, until);
    unsigned seen = self->shared.counts[event];
    pthread_mutex_unlock (&self->shared.lock);
    if (seen < count)
        fail_msg ("event %d: seen %u times of %u", (int) event, seen, count);
}

unsigned service_count (service_t *self, service_event_t event)
{
    pthread_mutex_lock (&self->shared.lock);
    unsigned count = self->shared.counts[event];
    pthread_mutex_unlock (&self->shared.lock);
    return count;
}

int64_t service_noted (service_t *self)
{
    pthread_mutex_lock (&self->shared.lock);
    int64_t noted = self->shared.noted;
    pthread_mutex_unlock (&self->shared.lock);
    return noted;
}

zloom_code_t service_item_code (service_t *self)
{
    pthread_mutex_lock (&self->shared.lock);
    zloom_code_t code = self->shared.item_code;
    pthread_mutex_unlock (&self->shared.lock);
    return code;
}

static void s_set_gate (service_t *self, bool is_open)
{
    pthread_mutex_lock (&self->shared.lock);
    self->shared.is_gate_open = is_open;
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.lock);
}

void service_open_gate (service_t *self)
{
    s_set_gate (self, true);
}

void service_close_gate (service_t *self)
{
    s_set_gate (self, false);
}

//  Methods that answer at once.

static zloom_code_t s_echo (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_reply_bytes (call, zloom_call_params (call));
}

static zloom_code_t s_twice (zloom_call_t *call, void *context)
{
    (void) context;
    const void *data;
    size_t size;
    if (zloom_call_args (call, "b", &data, &size))
        return ZLOOM_INVALID_ARGUMENT;
    return zloom_call_reply (call, "[bb]", data, size, data, size);
}

static zloom_code_t s_add (zloom_call_t *call, void *context)
{
    (void) context;
    int64_t a, b;
    if (zloom_call_args (call, "II", &a, &b))
        return ZLOOM_INVALID_ARGUMENT;
    return zloom_call_reply (call, "I", a + b);
}

static zloom_code_t s_fail (zloom_call_t *call, void *context)
{
    (void) context;
    int code;
    const char *text;
    zloom_bytes_t data;
    if (zloom_call_args (call, "isv", &code, &text, &data) == ZLOOM_OK)
        return zloom_call_fail_data (call, (zloom_code_t) code, data, "%s", text);
    if (zloom_call_args (call, "is", &code, &text) == ZLOOM_OK)
        return zloom_call_fail (call, (zloom_code_t) code, "%s", text);
    return ZLOOM_INVALID_ARGUMENT;
}

static zloom_code_t s_code (zloom_call_t *call, void *context)
{
    (void) context;
    int code;
    if (zloom_call_args (call, "i", &code))
        return ZLOOM_INVALID_ARGUMENT;
    return (zloom_code_t) code;
}

static zloom_code_t s_mute (zloom_call_t *call, void *context)
{
    (void) call;
    (void) context;
    return ZLOOM_OK;
}

static zloom_code_t s_about (zloom_call_t *call, void *context)
{
    (void) context;
    static const uint8_t empty_map[] = {0x80};
    zloom_bytes_t headers = zloom_call_headers (call);
    zloom_bytes_t key = zloom_call_key (call), trace = zloom_call_trace (call);
    if (headers.size == 0)
        headers = zloom_bytes (empty_map, sizeof empty_map);
    return zloom_call_reply (
        call, "{ss sI sU su sb sb sv s? s?}", "method", zloom_call_method (call), "remaining",
        zloom_call_remaining (call), "peer", zloom_call_peer (call), "attempt",
        (unsigned) zloom_call_attempt (call), "key", key.data, key.size, "trace", trace.data,
        trace.size, "headers", headers, "takes_items", zloom_call_takes_items (call),
        "is_notification", zloom_call_is_notification (call));
}

static zloom_code_t s_note (zloom_call_t *call, void *context)
{
    service_t *self = (service_t *) context;
    int64_t value;
    if (zloom_call_args (call, "I", &value))
        return ZLOOM_INVALID_ARGUMENT;
    pthread_mutex_lock (&self->shared.lock);
    self->shared.noted = value;
    pthread_mutex_unlock (&self->shared.lock);
    s_tell (self, SERVICE_NOTED);
    return zloom_call_reply (call, "");
}

//  Methods that take their time.

//  Answer with the value that the call brought, or nil.
static zloom_code_t s_give_back (zloom_call_t *call)
{
    zloom_bytes_t value;
    if (zloom_call_args (call, "v", &value))
        return zloom_call_reply (call, "");
    return zloom_call_reply_bytes (call, value);
}

static zloom_code_t s_hold (zloom_call_t *call, void *context)
{
    service_t *self = (service_t *) context;
    s_tell (self, SERVICE_HELD);
    pthread_mutex_lock (&self->shared.lock);
    while (!self->shared.is_gate_open)
        pthread_cond_wait (&self->shared.changed, &self->shared.lock);
    pthread_mutex_unlock (&self->shared.lock);
    zloom_code_t code = s_give_back (call);
    s_tell (self, SERVICE_LET_GO);
    return code;
}

//  Looks up from its work now and then, as long handlers do.
static zloom_code_t s_endure (zloom_call_t *call, void *context)
{
    service_t *self = (service_t *) context;
    s_tell (self, SERVICE_HELD);
    pthread_mutex_lock (&self->shared.lock);
    while (!self->shared.is_gate_open && !zloom_call_cancelled (call))
        s_await_change_locked (self, zloom_time_now () + ZLOOM_MSEC);
    pthread_mutex_unlock (&self->shared.lock);
    if (zloom_call_cancelled (call))
        s_tell (self, SERVICE_GIVEN_UP);
    s_tell (self, SERVICE_LET_GO);
    return zloom_call_reply (call, "");
}

static void s_watch (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    service_t *self = (service_t *) context;
    (void) call;
    if (event == ZLOOM_CALL_CLOSED)
        self->deferred_count = 0;
    s_tell (self, event == ZLOOM_CALL_CANCELLED ? SERVICE_CANCELLED
                  : event == ZLOOM_CALL_CLOSED  ? SERVICE_CLOSED
                                                : SERVICE_CREDIT);
}

static zloom_code_t s_later (zloom_call_t *call, void *context)
{
    service_t *self = (service_t *) context;
    if (self->deferred_count == SERVICE_DEFERRED_MAX)
        return ZLOOM_RESOURCE_EXHAUSTED;
    zloom_code_t code = zloom_call_defer (call, s_watch, self);
    if (code)
        return code;
    self->deferred[self->deferred_count++] = call;
    s_tell (self, SERVICE_DEFERRED);
    return ZLOOM_OK;
}

void service_answer (service_t *self, unsigned count)
{
    for (; count && self->deferred_count; count--) {
        zloom_call_t *call = self->deferred[0];
        self->deferred_count--;
        memmove (&self->deferred[0], &self->deferred[1],
                 self->deferred_count * sizeof self->deferred[0]);
        s_give_back (call);
    }
}

static zloom_code_t s_answer (zloom_call_t *call, void *context)
{
    unsigned count;
    if (zloom_call_args (call, "u", &count))
        return ZLOOM_INVALID_ARGUMENT;
    service_answer ((service_t *) context, count);
    return zloom_call_reply (call, "");
}

//  Streams.

static zloom_code_t s_count (zloom_call_t *call, void *context)
{
    service_t *self = (service_t *) context;
    int64_t count;
    if (zloom_call_args (call, "I", &count))
        return ZLOOM_INVALID_ARGUMENT;
    for (int64_t i = 1; i <= count; i++) {
        zloom_code_t code = zloom_call_item (call, "I", i);
        if (code) {
            s_tell_refusal (self, code);
            return code;
        }
        s_tell (self, SERVICE_ITEM);
    }
    return zloom_call_reply (call, "I", count);
}

//  Send what there is credit for. The call is gone when the stream is at its end.
static void s_continue (zloom_call_t *call, stream_t *stream)
{
    service_t *self = stream->service;
    zloom_code_t code = ZLOOM_OK;
    while (stream->sent < stream->count && !code) {
        code = zloom_call_item (call, "I", stream->sent + 1);
        if (code == ZLOOM_RESOURCE_EXHAUSTED)
            return;
        if (!code) {
            stream->sent++;
            s_tell (self, SERVICE_ITEM);
        }
    }
    if (code)
        s_tell_refusal (self, code);
    zloom_call_reply (call, "I", stream->count);
    zloom_free (stream);
}

static void s_watch_stream (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    stream_t *stream = (stream_t *) context;
    service_t *self = stream->service;
    if (event == ZLOOM_CALL_CREDIT) {
        s_tell (self, SERVICE_CREDIT);
        s_continue (call, stream);
        return;
    }
    if (event == ZLOOM_CALL_CANCELLED)
        zloom_call_fail (call, ZLOOM_CANCELLED, "nobody waits for the stream");
    zloom_free (stream);
    s_tell (self, event == ZLOOM_CALL_CANCELLED ? SERVICE_CANCELLED : SERVICE_CLOSED);
}

static zloom_code_t s_count_later (zloom_call_t *call, void *context)
{
    int64_t count;
    if (zloom_call_args (call, "I", &count))
        return ZLOOM_INVALID_ARGUMENT;
    stream_t *stream = (stream_t *) zloom_alloc (sizeof *stream);
    if (!stream)
        return ZLOOM_RESOURCE_EXHAUSTED;
    *stream = (stream_t){.service = (service_t *) context, .count = count};
    zloom_code_t code = zloom_call_defer (call, s_watch_stream, stream);
    if (code) {
        zloom_free (stream);
        return code;
    }
    s_tell (stream->service, SERVICE_DEFERRED);
    s_continue (call, stream);
    return ZLOOM_OK;
}

//  The service.

static void s_add_methods (service_t *self)
{
    static const struct {
        const char *name, *signature;
        zloom_handler_fn *handler;
    } methods[] = {
        {"echo", "(values: any...) -> list", s_echo},
        {"twice", "(data: bytes) -> list", s_twice},
        {"add", "(a: int, b: int) -> int", s_add},
        {"fail", "(code: int, text: str, data: any?)", s_fail},
        {"code", "(code: int)", s_code},
        {"mute", NULL, s_mute},
        {"about", "(rest: any...) -> map", s_about},
        {"hold", "(value: any?) -> any", s_hold},
        {"endure", "()", s_endure},
        {"later", "(value: any?) -> any", s_later},
        {"answer", "(count: uint)", s_answer},
        {"count", "(n: int) -> stream int", s_count},
        {"count_later", "(n: int) -> stream int", s_count_later},
        {"note", "(value: int)", s_note},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        assert_int_equal (zloom_server_handle (self->server, methods[i].name, methods[i].signature,
                                               NULL, methods[i].handler, self),
                          ZLOOM_OK);
}

void service_new (service_t *self, const char *endpoints, const zloom_server_options_t *options)
{
    *self = (service_t){.deferred_count = 0};
    zloom_error_t error = {0};
    self->server = engines_server_new (endpoints, options ? options : &service_usual, &error);
    if (!self->server)
        fail_msg ("no server at %s: %s", endpoints, error.text);
    pthread_condattr_t attributes;
    pthread_condattr_init (&attributes);
    pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init (&self->shared.lock, NULL);
    pthread_cond_init (&self->shared.changed, &attributes);
    pthread_condattr_destroy (&attributes);
    s_add_methods (self);
}

static void *s_run (void *argument)
{
    service_t *self = (service_t *) argument;
    zloom_code_t code = zloom_server_run (self->server);
    pthread_mutex_lock (&self->shared.lock);
    self->shared.run_code = code;
    pthread_mutex_unlock (&self->shared.lock);
    return NULL;
}

void service_start (service_t *self)
{
    assert_int_equal (pthread_create (&self->thread, NULL, s_run, self), 0);
    self->is_running = true;
}

static void s_join (service_t *self)
{
    if (self->is_running)
        pthread_join (self->thread, NULL);
    self->is_running = false;
}

zloom_code_t service_stop (service_t *self)
{
    zloom_server_stop (self->server);
    s_join (self);
    return self->shared.run_code;
}

void service_destroy (service_t *self)
{
    if (!self->server)
        return;
    service_open_gate (self);
    zloom_server_stop (self->server);
    s_join (self);
    zloom_server_destroy (&self->server);
    pthread_cond_destroy (&self->shared.changed);
    pthread_mutex_destroy (&self->shared.lock);
}

const char *service_endpoint (const service_t *self)
{
    return zloom_server_endpoint (self->server, 0);
}
