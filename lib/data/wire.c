#include "data/wire_internal.h"

#include "base/text.h"
#include "data/check_internal.h"
#include "data/codec_internal.h"

//  A walk over the elements of one body, whose bounds are known to hold.
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    const zloom_limits_t *limits;
    zloom_error_t *reterr;
    zloom_bytes_t body;  //  All of it, for error texts
    zloom_code_t code;   //  OK until something is wrong
} walk_t;

static void s_fail (walk_t *self, const char *what)
{
    if (!self->code)
        self->code = zloom_error_set (self->reterr, ZLOOM_REASON_MALFORMED, "byte %zu: %s",
                                      (size_t) (self->at - self->body.data), what);
}

//  The next element, when it has the type; the walk then stands behind its head.
static zloom__token_t s_token (walk_t *self, zloom__type_t type, const char *what)
{
    zloom__token_t token = {.type = ZLOOM__NIL};
    if (self->code)
        return token;
    const uint8_t *next = zloom__read (self->at, self->end, &token);
    if (!next || token.type != type) {
        s_fail (self, what);
        return (zloom__token_t){.type = ZLOOM__NIL};
    }
    self->at = next;
    return token;
}

static uint64_t s_uint (walk_t *self, const char *what)
{
    zloom__token_t token = s_token (self, ZLOOM__UINT, what);
    return token.type == ZLOOM__UINT ? token.value.u : 0;
}

static zloom_bytes_t s_content (walk_t *self, zloom__type_t type, size_t most, const char *what)
{
    zloom__token_t token = s_token (self, type, what);
    if (!self->code && token.length > most)
        s_fail (self, what);
    if (self->code)
        return zloom_bytes (NULL, 0);
    zloom_bytes_t content = zloom_bytes (self->at, token.length);
    self->at += token.length;
    return content;
}

//  The next element as it stands, checked to its last byte. It is one level
//  deeper than where the walk of a whole body would count from.
static zloom_bytes_t s_value (walk_t *self)
{
    if (self->code)
        return zloom_bytes (NULL, 0);
    const uint8_t *from = self->at;
    zloom__flaw_t flaw = ZLOOM__SOUND;
    const uint8_t *after = zloom__skip (from, self->end, self->limits, &flaw, &self->at);
    if (!after) {
        if (flaw == ZLOOM__TOO_DEEP || flaw == ZLOOM__TOO_MANY) {
            self->code = zloom_error_set (self->reterr, ZLOOM_REASON_OVERSIZE,
                                          "byte %zu: nested too deep, or too many elements",
                                          (size_t) (self->at - self->body.data));
        } else
            s_fail (self, "not an acceptable MessagePack value");
        return zloom_bytes (NULL, 0);
    }
    self->at = after;
    return zloom_bytes (from, (size_t) (after - from));
}

//  The key of a small map, unlike those before it.
static zloom_bytes_t s_unique_key (walk_t *self, zloom_bytes_t *seen, uint32_t count)
{
    seen[count] = s_content (self, ZLOOM__STR, ZLOOM__METHOD_MAX, "a header's name is no string");
    for (uint32_t i = 0; i < count && !self->code; i++)
        if (zloom_bytes_equal (seen[i], seen[count]))
            s_fail (self, "a header stands twice");
    return seen[count];
}

static uint32_t s_small_map (walk_t *self, const char *what)
{
    zloom__token_t token = s_token (self, ZLOOM__MAP, what);
    if (!self->code && token.length > ZLOOM__HEADER_MAX)
        s_fail (self, "too many headers");
    return self->code ? 0 : token.length;
}

static zloom_bytes_t s_user_headers (walk_t *self)
{
    const uint8_t *from = self->at;
    zloom_bytes_t seen[ZLOOM__HEADER_MAX];
    uint32_t count = s_small_map (self, "user headers are not a map");
    for (uint32_t i = 0; i < count && !self->code; i++) {
        s_unique_key (self, seen, i);
        s_value (self);
    }
    return zloom_bytes (from, (size_t) (self->at - from));
}

bool zloom__wire_is_header_map (zloom_bytes_t map)
{
    walk_t walk = {
        .at = map.data, .end = map.data + map.size, .limits = &zloom__limits_default, .body = map};
    s_user_headers (&walk);
    return !walk.code && walk.at == walk.end;
}

enum { H_TTL, H_CREDIT, H_ATTEMPT, H_KEY, H_TRACE, H_USER, H_COUNT };
static const char *const s_header_names[H_COUNT] = {"ttl", "credit", "attempt",
                                                    "key", "trace",  "user"};

static int s_header (zloom_bytes_t name)
{
    int h = 0;
    while (h < H_COUNT && !zloom_bytes_equal (name, zloom_bytes_str (s_header_names[h])))
        h++;
    return h;
}

//  One header by its number; a key of another version of the protocol passes.
static void s_read_header (walk_t *self, int header, zloom__headers_t *ret)
{
    switch (header) {
    case H_TTL: {
        uint64_t usec = s_uint (self, "header ttl is not an integer");
        ret->remaining = usec < (uint64_t) (ZLOOM_NEVER / ZLOOM_USEC)
                             ? (zloom_time_t) usec * ZLOOM_USEC
                             : ZLOOM_NEVER;
        break;
    }
    case H_CREDIT:
        ret->credit = s_uint (self, "header credit is not an integer");
        break;
    case H_ATTEMPT: {
        uint64_t attempt = s_uint (self, "header attempt is not an integer");
        ret->attempt = attempt < UINT32_MAX ? (uint32_t) attempt : UINT32_MAX;
        break;
    }
    case H_KEY:
        ret->key = s_content (self, ZLOOM__BIN, ZLOOM__KEY_MAX, "header key is not short bytes");
        break;
    case H_TRACE:
        ret->trace =
            s_content (self, ZLOOM__STR, ZLOOM__TRACE_MAX, "header trace is not a short string");
        break;
    case H_USER:
        ret->user = s_user_headers (self);
        break;
    default:
        s_value (self);
    }
}

static void s_read_headers (walk_t *self, zloom__headers_t *ret)
{
    zloom_bytes_t seen[ZLOOM__HEADER_MAX];
    uint32_t count = s_small_map (self, "headers are not a map");
    for (uint32_t i = 0; i < count && !self->code; i++) {
        int header = s_header (s_unique_key (self, seen, i));
        if (!self->code)
            s_read_header (self, header, ret);
    }
}

static void s_read_response (walk_t *self, zloom__message_t *ret)
{
    zloom_bytes_t error = s_value (self);
    if (error.size && error.data[0] != 0xc0)
        ret->error = error;
    ret->value = s_value (self);
}

//  What follows the kind. `count` is the number of elements in all.
static void s_read_fields (walk_t *self, uint32_t count, zloom__message_t *ret)
{
    static const struct {
        uint8_t least, most;
    } sizes[] = {
        [ZLOOM__REQUEST] = {4, 5}, [ZLOOM__RESPONSE] = {4, 4},   [ZLOOM__NOTIFICATION] = {3, 4},
        [ZLOOM__CANCEL] = {2, 2},  [ZLOOM__ITEM] = {4, 4},       [ZLOOM__CREDIT] = {3, 3},
        [ZLOOM__BEAT] = {2, 2},    [ZLOOM__BEAT_ANSWER] = {2, 2}};
    if ((size_t) ret->kind >= sizeof sizes / sizeof sizes[0] || sizes[ret->kind].least == 0) {
        s_fail (self, "no such kind of message");
        return;
    }
    if (count < sizes[ret->kind].least || count > sizes[ret->kind].most) {
        s_fail (self, "not the number of elements that its kind has");
        return;
    }
    if (ret->kind != ZLOOM__NOTIFICATION)
        ret->id = s_uint (self, "the id is not an integer");

    if (ret->kind == ZLOOM__REQUEST || ret->kind == ZLOOM__NOTIFICATION) {
        ret->method = s_content (self, ZLOOM__STR, ZLOOM__METHOD_MAX,
                                 "the method is not a string of at most 128 bytes");
        ret->params = s_value (self);
        ret->is_extended = count == sizes[ret->kind].most;
        if (ret->is_extended)
            s_read_headers (self, &ret->headers);
    } else if (ret->kind == ZLOOM__RESPONSE)
        s_read_response (self, ret);
    else if (ret->kind == ZLOOM__ITEM || ret->kind == ZLOOM__CREDIT)
        ret->count = s_uint (self, "the count is not an integer");
    if (ret->kind == ZLOOM__ITEM)
        ret->value = s_value (self);
}

//  The usual messages, as zloom and most others write them, are read without
//  a look at what else they might be. Whatever is unusual about one is left to
//  the walk, which also says what is wrong.

//  A number of a tag and up to eight bytes, or NULL.
static inline const uint8_t *s_quick_uint (const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
    if (p >= end)
        return NULL;
    if (p[0] < 0x80) {
        *ret = p[0];
        return p + 1;
    }
    unsigned width = 1u << (p[0] & 3);
    if ((p[0] & 0xfc) != 0xcc || (size_t) (end - p) <= width)
        return NULL;
    *ret = zloom__load (p + 1, width);
    return p + 1 + width;
}

//  {"ttl": number} and nothing else.
static inline const uint8_t *s_quick_headers (const uint8_t *p, const uint8_t *end,
                                              zloom__headers_t *ret)
{
    static const uint8_t start[] = {0x81, 0xa3, 't', 't', 'l'};
    uint64_t usec;
    if ((size_t) (end - p) <= sizeof start || memcmp (p, start, sizeof start) != 0
        || !(p = s_quick_uint (p + sizeof start, end, &usec))
        || usec >= (uint64_t) (ZLOOM_NEVER / ZLOOM_USEC))
        return NULL;
    ret->remaining = (zloom_time_t) usec * ZLOOM_USEC;
    return p;
}

//  [0, id, "method", params] and [0, id, "method", params, {"ttl": number}].
static inline bool s_read_quick_request (const uint8_t *p, const uint8_t *end,
                                         const zloom_limits_t *limits, zloom__message_t *ret)
{
    bool is_extended = p[0] == 0x95;
    p = s_quick_uint (p + 2, end, &ret->id);
    if (!p || p >= end || (*p & 0xe0) != 0xa0)
        return false;
    ret->method = zloom_bytes (p + 1, *p & 0x1f);
    p += 1 + ret->method.size;
    const uint8_t *params = p;
    p = p < end ? zloom__skip (p, end, limits, NULL, NULL) : NULL;
    if (!p)
        return false;
    ret->kind = ZLOOM__REQUEST;
    ret->params = zloom_bytes (params, (size_t) (p - params));
    ret->is_extended = is_extended;
    if (is_extended)
        p = s_quick_headers (p, end, &ret->headers);
    return p == end;
}

//  [1, id, nil, result].
static inline bool s_read_quick_response (const uint8_t *p, const uint8_t *end,
                                          const zloom_limits_t *limits, zloom__message_t *ret)
{
    p = s_quick_uint (p + 2, end, &ret->id);
    if (!p || p + 1 >= end || *p != 0xc0)
        return false;
    const uint8_t *value = p + 1;
    if (zloom__skip (value, end, limits, NULL, NULL) != end)
        return false;
    ret->kind = ZLOOM__RESPONSE;
    ret->value = zloom_bytes (value, (size_t) (end - value));
    return true;
}

static inline bool s_read_quick (zloom_bytes_t body, const zloom_limits_t *limits,
                                 zloom__message_t *ret)
{
    const uint8_t *p = body.data, *end = p + body.size;
    if (body.size < 4 || (p[0] != 0x94 && p[0] != 0x95))
        return false;
    if (p[1] == ZLOOM__REQUEST)
        return s_read_quick_request (p, end, limits, ret);
    return p[1] == ZLOOM__RESPONSE && p[0] == 0x94 && s_read_quick_response (p, end, limits, ret);
}

zloom_code_t zloom__wire_read (zloom_bytes_t body, const zloom_limits_t *limits,
                               zloom__message_t *ret_message, zloom_error_t *reterr)
{
    if (body.size > limits->max_size)
        return zloom_error_set (reterr, ZLOOM_REASON_OVERSIZE,
                                "%zu bytes, where at most %u are allowed", body.size,
                                (unsigned) limits->max_size);
    walk_t walk = {.at = body.data,
                   .end = body.data + body.size,
                   .limits = limits,
                   .reterr = reterr,
                   .body = body};
    *ret_message = (zloom__message_t){.headers = ZLOOM__HEADERS_NONE};
    if (s_read_quick (body, limits, ret_message))
        return ZLOOM_OK;
    *ret_message = (zloom__message_t){.headers = ZLOOM__HEADERS_NONE};

    zloom__token_t outer = s_token (&walk, ZLOOM__ARRAY, "not a MessagePack array");
    uint64_t kind = s_uint (&walk, "the first element is not an integer");
    ret_message->kind = (zloom__kind_t) (kind < UINT8_MAX ? kind : UINT8_MAX);
    if (!walk.code)
        s_read_fields (&walk, outer.length, ret_message);
    if (!walk.code && walk.at != walk.end)
        s_fail (&walk, "bytes trail behind the message");
    return walk.code;
}

bool zloom__wire_peek (zloom_bytes_t body, zloom__kind_t kind, uint64_t *ret_id)
{
    const uint8_t *end = body.data + body.size;
    zloom__token_t outer, first, id;
    const uint8_t *p = zloom__read (body.data, end, &outer);
    p = p ? zloom__read (p, end, &first) : NULL;
    p = p ? zloom__read (p, end, &id) : NULL;
    if (!p || outer.type != ZLOOM__ARRAY || first.type != ZLOOM__UINT || id.type != ZLOOM__UINT
        || first.value.u != (uint64_t) kind)
        return false;
    *ret_id = id.value.u;
    return true;
}

//  A foreign server's error: show what can be shown.
static void s_read_foreign_error (zloom_bytes_t error, zloom_error_t *ret_error)
{
    zloom__token_t token = {.type = ZLOOM__NIL};
    const uint8_t *content = zloom__read_checked (error.data, error.data + error.size, &token);
    zloom_error_set (ret_error, ZLOOM_REASON_HANDLER, "the server answered with an error (%s)",
                     zloom__type_name (token.type));
    if (token.type == ZLOOM__STR)
        zloom_text_escape (ret_error->text, sizeof ret_error->text,
                           zloom_bytes (content, token.length));
    ret_error->origin = ZLOOM_REMOTE;
}

void zloom__wire_read_error (zloom_bytes_t error, zloom_error_t *ret_error, zloom_bytes_t *ret_data)
{
    s_read_foreign_error (error, ret_error);
    const uint8_t *end = error.data + error.size;
    zloom__token_t map, token;
    const uint8_t *p = zloom__read_checked (error.data, end, &map);
    if (map.type != ZLOOM__MAP)
        return;
    for (uint32_t i = 0; i < map.length; i++) {
        zloom__token_t key;
        const uint8_t *name = zloom__read_checked (p, end, &key);
        const uint8_t *value = zloom__pass_checked (p, end);
        const uint8_t *content = zloom__read_checked (value, end, &token);
        p = zloom__pass_checked (value, end);
        if (key.type != ZLOOM__STR)
            continue;
        zloom_bytes_t called = zloom_bytes (name, key.length);
        bool is_text = token.type == ZLOOM__STR;
        if (zloom_bytes_equal (called, zloom_bytes_str ("code")) && token.type == ZLOOM__UINT)
            ret_error->code =
                zloom_code_from (token.value.u && token.value.u < 100 ? token.value.i : -1);
        else if (zloom_bytes_equal (called, zloom_bytes_str ("message")) && is_text)
            zloom_text_escape (ret_error->text, sizeof ret_error->text,
                               zloom_bytes (content, token.length));
        else if (zloom_bytes_equal (called, zloom_bytes_str ("reason")) && is_text) {
            zloom_reason_t reason = zloom_reason_from (zloom_bytes (content, token.length));
            if (reason != ZLOOM_REASON_NONE)
                ret_error->reason = reason;
        } else if (zloom_bytes_equal (called, zloom_bytes_str ("data")) && ret_data)
            *ret_data = zloom_bytes (value, (size_t) (p - value));
    }
}

//  Room for a message's fixed parts; the pointer to write them at, or NULL.
static uint8_t *s_begin (zloom_buffer_t *buffer, size_t strings)
{
    if (buffer->failed || !zloom_buffer_reserve (buffer, 4 * ZLOOM__HEAD_MAX + strings))
        return NULL;
    return buffer->data + buffer->size;
}

static void s_end (zloom_buffer_t *buffer, const uint8_t *p)
{
    buffer->size = (size_t) (p - buffer->data);
}

//  [kind, id, ...
static uint8_t *s_begin_message (uint8_t *p, uint32_t count, zloom__kind_t kind, uint64_t id)
{
    p = zloom__write_array_head (p, count);
    p = zloom__write_uint (p, kind);
    return zloom__write_uint (p, id);
}

void zloom__wire_begin_request (zloom_buffer_t *buffer, uint64_t id, zloom_bytes_t method,
                                bool is_extended)
{
    uint8_t *p = s_begin (buffer, method.size);
    if (p) {
        p = s_begin_message (p, is_extended ? 5 : 4, ZLOOM__REQUEST, id);
        s_end (buffer, zloom__write_str (p, method));
    }
}

void zloom__wire_begin_notification (zloom_buffer_t *buffer, zloom_bytes_t method, bool is_extended)
{
    uint8_t *p = s_begin (buffer, method.size);
    if (p) {
        p = zloom__write_array_head (p, is_extended ? 4 : 3);
        p = zloom__write_uint (p, ZLOOM__NOTIFICATION);
        s_end (buffer, zloom__write_str (p, method));
    }
}

static uint8_t *s_write_header_name (uint8_t *p, int header)
{
    return zloom__write_str (p, zloom_bytes_str (s_header_names[header]));
}

void zloom__wire_headers (zloom_buffer_t *buffer, const zloom__headers_t *headers)
{
    size_t variable = headers->key.size + headers->trace.size + headers->user.size;
    if (buffer->failed || !zloom_buffer_reserve (buffer, 2 * H_COUNT * ZLOOM__HEAD_MAX + variable))
        return;
    uint8_t *p = buffer->data + buffer->size;
    bool has_ttl = headers->remaining != ZLOOM_NEVER;
    uint32_t count = (uint32_t) has_ttl + (headers->credit != 0) + (headers->attempt != 0)
                     + (headers->key.size != 0) + (headers->trace.size != 0)
                     + (headers->user.size != 0);
    p = zloom__write_map_head (p, count);
    if (has_ttl) {
        zloom_time_t remaining = headers->remaining > 0 ? headers->remaining : 0;
        p = zloom__write_uint (s_write_header_name (p, H_TTL), (uint64_t) (remaining / ZLOOM_USEC));
    }
    if (headers->credit)
        p = zloom__write_uint (s_write_header_name (p, H_CREDIT), headers->credit);
    if (headers->attempt)
        p = zloom__write_uint (s_write_header_name (p, H_ATTEMPT), headers->attempt);
    if (headers->key.size) {
        p = zloom__write_bin_head (s_write_header_name (p, H_KEY), (uint32_t) headers->key.size);
        p = zloom__write_raw (p, headers->key);
    }
    if (headers->trace.size)
        p = zloom__write_str (s_write_header_name (p, H_TRACE), headers->trace);
    if (headers->user.size)
        p = zloom__write_raw (s_write_header_name (p, H_USER), headers->user);
    s_end (buffer, p);
}

void zloom__wire_begin_response (zloom_buffer_t *buffer, uint64_t id)
{
    uint8_t *p = s_begin (buffer, 0);
    if (p)
        s_end (buffer, zloom__write_nil (s_begin_message (p, 4, ZLOOM__RESPONSE, id)));
}

static uint8_t *s_write_text (uint8_t *p, const char *name, const char *text)
{
    p = zloom__write_str (p, zloom_bytes_str (name));
    return zloom__write_str (p, zloom_bytes_str (text));
}

void zloom__wire_error_response (zloom_buffer_t *buffer, uint64_t id, const zloom_error_t *error,
                                 zloom_bytes_t data)
{
    const char *reason = zloom_reason_name (error->reason);
    uint8_t *p = s_begin (buffer, 64 + sizeof error->text + strlen (reason) + data.size);
    if (!p)
        return;
    p = s_begin_message (p, 4, ZLOOM__RESPONSE, id);
    p = zloom__write_map_head (p, data.size ? 4 : 3);
    p = zloom__write_str (p, zloom_bytes_str ("code"));
    p = zloom__write_uint (p, (uint64_t) error->code);
    p = s_write_text (p, "message", error->text);
    p = s_write_text (p, "reason", reason);
    if (data.size)
        p = zloom__write_raw (zloom__write_str (p, zloom_bytes_str ("data")), data);
    s_end (buffer, zloom__write_nil (p));
}

void zloom__wire_begin_item (zloom_buffer_t *buffer, uint64_t id, uint64_t seq)
{
    uint8_t *p = s_begin (buffer, 0);
    if (p) {
        p = s_begin_message (p, 4, ZLOOM__ITEM, id);
        s_end (buffer, zloom__write_uint (p, seq));
    }
}

void zloom__wire_cancel (zloom_buffer_t *buffer, uint64_t id)
{
    uint8_t *p = s_begin (buffer, 0);
    if (p)
        s_end (buffer, s_begin_message (p, 2, ZLOOM__CANCEL, id));
}

void zloom__wire_credit (zloom_buffer_t *buffer, uint64_t id, uint64_t total)
{
    uint8_t *p = s_begin (buffer, 0);
    if (p) {
        p = s_begin_message (p, 3, ZLOOM__CREDIT, id);
        s_end (buffer, zloom__write_uint (p, total));
    }
}

void zloom__wire_beat (zloom_buffer_t *buffer, zloom__kind_t kind, uint64_t number)
{
    uint8_t *p = s_begin (buffer, 0);
    if (p)
        s_end (buffer, s_begin_message (p, 2, kind, number));
}
