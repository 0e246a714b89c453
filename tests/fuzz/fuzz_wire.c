//  fuzz_wire - any bytes as the body of a message
//
//  What is accepted is MessagePack to others too, and reads the same after it
//  has been written by zloom.

#include <string.h>

#include <msgpack.h>

#include "data/codec_internal.h"
#include "data/wire_internal.h"
#include "support/fuzz.h"
#include "support/message.h"

static const zloom_limits_t s_limits = ZLOOM_LIMITS_DEFAULT;

static void s_assert_msgpack (zloom_bytes_t body)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    size_t used = 0;
    fuzz_assert (msgpack_unpack_next (&unpacked, (const char *) body.data, body.size, &used)
                 == MSGPACK_UNPACK_SUCCESS);
    fuzz_assert (used == body.size);
    msgpack_unpacked_destroy (&unpacked);
}

//  Slices lie within the body, and those that are packed are one value each.
static void s_assert_within (zloom_bytes_t slice, zloom_bytes_t body, bool is_packed)
{
    if (slice.size == 0)
        return;
    const uint8_t *end = slice.data + slice.size;
    fuzz_assert (slice.data >= body.data && end <= body.data + body.size);
    if (is_packed)
        fuzz_assert (zloom__pass (slice.data, end) == end);
}

static void s_assert_sound (const zloom__message_t *message, zloom_bytes_t body)
{
    const zloom__headers_t *headers = &message->headers;
    s_assert_within (message->method, body, false);
    s_assert_within (message->params, body, true);
    s_assert_within (message->error, body, true);
    s_assert_within (message->value, body, true);
    s_assert_within (headers->key, body, false);
    s_assert_within (headers->trace, body, false);
    s_assert_within (headers->user, body, true);
    fuzz_assert (message->method.size <= ZLOOM__METHOD_MAX);
    fuzz_assert (headers->key.size <= ZLOOM__KEY_MAX && headers->trace.size <= ZLOOM__TRACE_MAX);
    fuzz_assert (headers->user.size == 0 || zloom__wire_is_header_map (headers->user));
}

static void s_assert_same_headers (const zloom__headers_t *a, const zloom__headers_t *b)
{
    fuzz_assert (a->remaining == b->remaining && a->credit == b->credit);
    fuzz_assert (a->attempt == b->attempt);
    fuzz_assert (zloom_bytes_equal (a->key, b->key) && zloom_bytes_equal (a->trace, b->trace));
    fuzz_assert (zloom_bytes_equal (a->user, b->user));
}

//  An error is as safe to show as zloom's own are, and is never "no error". Its
//  text is not compared: what was escaped is escaped again.
static void s_assert_same_error (zloom_bytes_t a, zloom_bytes_t b)
{
    fuzz_assert ((a.size == 0) == (b.size == 0));
    if (a.size == 0)
        return;
    zloom_error_t error, again;
    zloom_bytes_t data = {0}, data_again = {0};
    zloom__wire_read_error (a, &error, &data);
    zloom__wire_read_error (b, &again, &data_again);
    fuzz_assert (error.code != ZLOOM_OK && error.origin == ZLOOM_REMOTE);
    fuzz_assert (error.code == again.code && error.reason == again.reason);
    fuzz_assert (zloom_bytes_equal (data, data_again));
    for (const char *p = error.text; *p; p++)
        fuzz_assert ((uint8_t) *p >= 0x20 && *p != 0x7f);
}

static void s_assert_same (const zloom__message_t *a, const zloom__message_t *b)
{
    fuzz_assert (a->kind == b->kind && a->is_extended == b->is_extended);
    fuzz_assert (a->id == b->id && a->count == b->count);
    fuzz_assert (zloom_bytes_equal (a->method, b->method));
    fuzz_assert (zloom_bytes_equal (a->params, b->params));
    if (a->error.size == 0)
        fuzz_assert (zloom_bytes_equal (a->value, b->value));
    s_assert_same_headers (&a->headers, &b->headers);
    s_assert_same_error (a->error, b->error);
}

static void s_write_and_read_again (const zloom__message_t *message)
{
    zloom_buffer_t written = {0};
    message_write (&written, message);
    fuzz_assert (!written.failed);
    zloom__message_t again;
    fuzz_assert (zloom__wire_read (zloom_buffer_bytes (&written), &s_limits, &again, NULL)
                 == ZLOOM_OK);
    s_assert_same (message, &again);
    zloom_buffer_clear (&written);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    zloom_bytes_t body = zloom_bytes (size ? data : (const uint8_t *) "", size);
    zloom__message_t message;
    zloom_error_t error = {0};
    zloom_code_t code = zloom__wire_read (body, &s_limits, &message, &error);
    fuzz_assert (code == error.code && (code == ZLOOM_OK) == (error.text[0] == 0));
    uint64_t id = 0;
    bool has_id = zloom__wire_peek (body, ZLOOM__REQUEST, &id);
    zloom__wire_is_header_map (body);
    if (code)
        return 0;

    fuzz_assert (has_id == (message.kind == ZLOOM__REQUEST) && (!has_id || id == message.id));
    s_assert_msgpack (body);
    s_assert_sound (&message, body);
    s_write_and_read_again (&message);
    return 0;
}
