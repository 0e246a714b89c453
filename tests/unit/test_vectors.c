//  The files of tests/vectors, through the wire codec.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/codec_internal.h"
#include "data/json.h"
#include "data/pack.h"
#include "data/wire_internal.h"
#include "support/message.h"
#include "support/vectors.h"

static const zloom_limits_t s_limits = ZLOOM_LIMITS_DEFAULT;

//  -------------------------------------------------------------------------
//  Meanings: what was read, as a packed map with names

typedef struct {
    zloom_buffer_t pairs;
    uint32_t count;
} fields_t;

static void s_add (fields_t *self, const char *name, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    assert_int_equal (zloom_pack (&self->pairs, NULL, "s", name), ZLOOM_OK);
    assert_int_equal (zloom_vpack (&self->pairs, NULL, picture, arguments), ZLOOM_OK);
    va_end (arguments);
    self->count++;
}

//  A string of a peer, which may hold anything.
static void s_add_string (fields_t *self, const char *name, zloom_bytes_t string)
{
    uint8_t packed[ZLOOM__HEAD_MAX + ZLOOM__METHOD_MAX];
    assert_in_range (string.size, 0, ZLOOM__METHOD_MAX);
    uint8_t *end = zloom__write_str (packed, string);
    s_add (self, name, "v", zloom_bytes (packed, (size_t) (end - packed)));
}

//  Put the map into a buffer, and forget the fields.
static void s_finish (fields_t *self, zloom_buffer_t *ret_map)
{
    uint8_t head[ZLOOM__HEAD_MAX];
    uint8_t *end = zloom__write_map_head (head, self->count);
    zloom_buffer_append (ret_map, head, (size_t) (end - head));
    zloom_buffer_append (ret_map, self->pairs.data, self->pairs.size);
    zloom_buffer_clear (&self->pairs);
    self->count = 0;
}

static void s_add_headers (fields_t *self, const zloom__headers_t *headers)
{
    fields_t inner = {.count = 0};
    if (headers->remaining != ZLOOM_NEVER)
        s_add (&inner, "ttl", "I", headers->remaining / ZLOOM_USEC);
    if (headers->credit)
        s_add (&inner, "credit", "U", headers->credit);
    if (headers->attempt)
        s_add (&inner, "attempt", "u", headers->attempt);
    if (headers->key.size)
        s_add (&inner, "key", "b", headers->key.data, headers->key.size);
    if (headers->trace.size)
        s_add_string (&inner, "trace", headers->trace);
    if (headers->user.size)
        s_add (&inner, "user", "v", headers->user);
    zloom_buffer_t map = {0};
    s_finish (&inner, &map);
    s_add (self, "headers", "v", zloom_buffer_bytes (&map));
    zloom_buffer_clear (&map);
}

static void s_add_call (fields_t *self, const zloom__message_t *message)
{
    s_add_string (self, "method", message->method);
    s_add (self, "params", "v", message->params);
    if (message->is_extended)
        s_add_headers (self, &message->headers);
}

static void s_add_response (fields_t *self, const zloom__message_t *message)
{
    if (message->error.size)
        s_add (self, "error", "v", message->error);
    else
        s_add (self, "error", "n");
    s_add (self, "result", "v", message->value);
}

static const char *s_kind_name (zloom__kind_t kind)
{
    static const char *const names[] = {[ZLOOM__REQUEST] = "request",
                                        [ZLOOM__RESPONSE] = "response",
                                        [ZLOOM__NOTIFICATION] = "notification",
                                        [ZLOOM__CANCEL] = "cancel",
                                        [ZLOOM__ITEM] = "item",
                                        [ZLOOM__CREDIT] = "credit",
                                        [ZLOOM__BEAT] = "beat",
                                        [ZLOOM__BEAT_ANSWER] = "beat-answer"};
    return names[kind];
}

static void s_describe_message (const zloom__message_t *message, zloom_buffer_t *ret_map)
{
    fields_t fields = {.count = 0};
    s_add (&fields, "kind", "s", s_kind_name (message->kind));
    bool is_beat = message->kind == ZLOOM__BEAT || message->kind == ZLOOM__BEAT_ANSWER;
    if (message->kind != ZLOOM__NOTIFICATION)
        s_add (&fields, is_beat ? "number" : "id", "U", message->id);
    if (message->kind == ZLOOM__REQUEST || message->kind == ZLOOM__NOTIFICATION)
        s_add_call (&fields, message);
    else if (message->kind == ZLOOM__RESPONSE)
        s_add_response (&fields, message);
    else if (message->kind == ZLOOM__ITEM)
        s_add (&fields, "seq", "U", message->count);
    else if (message->kind == ZLOOM__CREDIT)
        s_add (&fields, "total", "U", message->count);
    if (message->kind == ZLOOM__ITEM)
        s_add (&fields, "value", "v", message->value);
    s_finish (&fields, ret_map);
}

static void s_describe_error (const zloom_error_t *error, zloom_bytes_t data,
                              zloom_buffer_t *ret_map)
{
    fields_t fields = {.count = 0};
    s_add (&fields, "code", "s", zloom_code_name (error->code));
    s_add (&fields, "reason", "s", zloom_reason_name (error->reason));
    s_add (&fields, "message", "s", error->text);
    if (data.size)
        s_add (&fields, "data", "v", data);
    s_finish (&fields, ret_map);
}

//  -------------------------------------------------------------------------
//  Vectors

//  Hold a packed map against the meaning of a vector.
static void s_assert_meaning (const vector_t *vector, const zloom_buffer_t *map)
{
    zloom_buffer_t text = {0};
    assert_int_equal (
        zloom_json_from_msgpack (zloom_buffer_bytes (map), ZLOOM_JSON_EXACT, NULL, &text, NULL),
        ZLOOM_OK);
    if (!zloom_bytes_equal (zloom_buffer_bytes (&text), zloom_bytes_str (vector->expected)))
        fail_msg ("line %u: %s: found %.*s", vector->line, vector->description, (int) text.size,
                  (const char *) text.data);
    zloom_buffer_clear (&text);
}

//  What zloom makes of its meaning is these very bytes, or must not be.
static void s_assert_written (const vector_t *vector, const zloom__message_t *message)
{
    zloom_buffer_t written = {0};
    message_write (&written, message);
    bool is_same = zloom_bytes_equal (zloom_buffer_bytes (&written), vector->bytes);
    if (is_same != (vector->verdict == '='))
        fail_msg ("line %u: %s: zloom writes it %s", vector->line, vector->description,
                  is_same ? "just so" : "otherwise");
    zloom_buffer_clear (&written);
}

static void s_try_message (const vector_t *vector)
{
    zloom__message_t message;
    zloom_error_t error = {0};
    zloom_code_t code = zloom__wire_read (vector->bytes, &s_limits, &message, &error);
    if (vector->verdict == '!') {
        if (!code || strcmp (zloom_reason_name (error.reason), vector->expected) != 0)
            fail_msg ("line %u: %s: %s", vector->line, vector->description,
                      code ? error.text : "was accepted");
        return;
    }
    if (code)
        fail_msg ("line %u: %s: %s", vector->line, vector->description, error.text);
    zloom_buffer_t map = {0};
    s_describe_message (&message, &map);
    s_assert_meaning (vector, &map);
    s_assert_written (vector, &message);
    zloom_buffer_clear (&map);
}

static void s_try_error (const vector_t *vector)
{
    zloom_error_t error;
    zloom_bytes_t data = {0};
    zloom__wire_read_error (vector->bytes, &error, &data);
    assert_int_equal (error.origin, ZLOOM_REMOTE);
    zloom_buffer_t map = {0};
    s_describe_error (&error, data, &map);
    s_assert_meaning (vector, &map);
    zloom_buffer_clear (&map);
}

//  Returns how many vectors the file has.
static unsigned s_try_file (const char *path, void (*try_one) (const vector_t *vector))
{
    vectors_t vectors = {.file = NULL};
    vector_t vector;
    unsigned count = 0;
    for (vectors_open (&vectors, path); vectors_next (&vectors, &vector); count++)
        try_one (&vector);
    vectors_close (&vectors);
    return count;
}

static void test_vectors_of_messages_mean_what_they_say (void **state)
{
    (void) state;
    assert_true (s_try_file ("tests/vectors/messages.txt", s_try_message) > 100);
}

static void test_vectors_of_errors_mean_what_they_say (void **state)
{
    (void) state;
    assert_true (s_try_file ("tests/vectors/errors.txt", s_try_error) > 10);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_vectors_of_messages_mean_what_they_say),
        cmocka_unit_test (test_vectors_of_errors_mean_what_they_say),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
