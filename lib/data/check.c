#include "data/check.h"
#include "data/check_internal.h"

#include "base/text.h"
#include "data/codec_internal.h"

const zloom_limits_t zloom__limits_default = ZLOOM_LIMITS_DEFAULT;
const zloom_limits_t zloom__limits_none = {
    .max_size = UINT32_MAX, .max_elements = UINT32_MAX, .max_depth = ZLOOM_DEPTH_MAX};

//  One open array or map.
typedef struct {
    uint64_t left;  //  Values still to come; a map counts keys and values
    bool is_map;
} level_t;

static unsigned s_max_depth (const zloom_limits_t *limits)
{
    return limits->max_depth < ZLOOM_DEPTH_MAX ? limits->max_depth : ZLOOM_DEPTH_MAX;
}

//  What is wrong with this token in itself, its place apart.
static zloom__flaw_t s_inspect (const zloom__token_t *token, const uint8_t *content,
                                const zloom_limits_t *limits)
{
    bool is_container = token->type == ZLOOM__ARRAY || token->type == ZLOOM__MAP;
    if (is_container && token->length > limits->max_elements)
        return ZLOOM__TOO_MANY;
    if (limits->utf8 && token->type == ZLOOM__STR
        && !zloom_text_is_utf8 (zloom_bytes (content, token->length)))
        return ZLOOM__NOT_UTF8;
    return ZLOOM__SOUND;
}

//  Most values are plain: a number, a short string, bytes, or a short array of
//  such. By their first byte: the bytes that such a value has in all; COUNTED,
//  its second byte says how many follow that; 0, it is not plain.
enum { COUNTED = 255 };
#define TIMES_16(x, by)                                                                  \
    (x), (x) + (by), (x) + 2 * (by), (x) + 3 * (by), (x) + 4 * (by), (x) + 5 * (by),     \
        (x) + 6 * (by), (x) + 7 * (by), (x) + 8 * (by), (x) + 9 * (by), (x) + 10 * (by), \
        (x) + 11 * (by), (x) + 12 * (by), (x) + 13 * (by), (x) + 14 * (by), (x) + 15 * (by)
static const uint8_t s_plain[256] = {
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),  //  0x00: numbers
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),
    TIMES_16 (0, 0),
    TIMES_16 (0, 0),  //  0x80: maps, arrays
    TIMES_16 (1, 1),
    TIMES_16 (17, 1),  //  0xa0: strings
    1,
    0,
    1,
    1,
    COUNTED,
    0,
    0,
    0,
    0,
    0,
    5,
    9,
    2,
    3,
    5,
    9,  //  0xc0: nil, bool, bytes
    2,
    3,
    5,
    9,
    0,
    0,
    0,
    0,
    0,
    COUNTED,
    0,
    0,
    0,
    0,
    0,
    0,  //  0xd0: ints, strings
    TIMES_16 (1, 0),
    TIMES_16 (1, 0),  //  0xe0: negative numbers
};

static inline const uint8_t *s_pass_plain (const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t) (end - p);
    size_t size = left ? s_plain[p[0]] : 0;
    if (size == COUNTED)
        size = left > 1 ? 2u + p[1] : 0;
    return size && size <= left ? p + size : NULL;
}

//  What follows a plain value; NULL: it has to be walked over.
static inline const uint8_t *s_skip_plain (const uint8_t *p, const uint8_t *end,
                                           const zloom_limits_t *limits)
{
    if (p >= end || limits->utf8)
        return NULL;
    unsigned count = *p - 0x90u;
    if (count >= 16)
        return s_pass_plain (p, end);
    if (count > limits->max_elements || limits->max_depth == 0)
        return NULL;
    for (p++; count && p; count--)
        p = s_pass_plain (p, end);
    return p;
}

static const uint8_t *s_walk (const uint8_t *p, const uint8_t *end, const zloom_limits_t *limits,
                              zloom__flaw_t *ret_flaw, const uint8_t **ret_at)
{
    //  The ground level holds one value; every container opens one above it.
    level_t levels[ZLOOM_DEPTH_MAX + 1];
    unsigned depth = 0;
    unsigned max_depth = s_max_depth (limits);
    levels[0] = (level_t){1, false};
    zloom__flaw_t flaw = ZLOOM__SOUND;
    const uint8_t *at = p;

    for (;;) {
        while (levels[depth].left == 0) {
            if (depth == 0)
                return p;
            depth--;
        }
        at = p;
        zloom__token_t token;
        p = zloom__read (p, end, &token);
        flaw = p ? s_inspect (&token, p, limits) : ZLOOM__TRUNCATED;
        if (flaw)
            break;

        level_t *level = &levels[depth];
        bool is_key = level->is_map && level->left % 2 == 0;
        if (is_key && limits->string_keys && token.type != ZLOOM__STR) {
            flaw = ZLOOM__KEY_NOT_STRING;
            break;
        }
        level->left--;

        if (token.type == ZLOOM__ARRAY || token.type == ZLOOM__MAP) {
            if (depth == max_depth) {
                flaw = ZLOOM__TOO_DEEP;
                break;
            }
            bool is_map = token.type == ZLOOM__MAP;
            levels[++depth] = (level_t){(uint64_t) token.length << is_map, is_map};
        } else
            p += token.length;
    }
    if (ret_flaw)
        *ret_flaw = flaw;
    if (ret_at)
        *ret_at = at;
    return NULL;
}

const uint8_t *zloom__skip (const uint8_t *p, const uint8_t *end, const zloom_limits_t *limits,
                            zloom__flaw_t *ret_flaw, const uint8_t **ret_at)
{
    const uint8_t *after = s_skip_plain (p, end, limits);
    return after ? after : s_walk (p, end, limits, ret_flaw, ret_at);
}

static zloom_code_t s_explain (zloom__flaw_t flaw, size_t at, const zloom_limits_t *limits,
                               zloom_error_t *reterr)
{
    switch (flaw) {
    case ZLOOM__TOO_DEEP:
        return zloom_error_set (reterr, ZLOOM_REASON_OVERSIZE,
                                "byte %zu: nested deeper than %u arrays and maps", at,
                                s_max_depth (limits));
    case ZLOOM__TOO_MANY:
        return zloom_error_set (reterr, ZLOOM_REASON_OVERSIZE,
                                "byte %zu: more than %u elements in one array or map", at,
                                (unsigned) limits->max_elements);
    case ZLOOM__NOT_UTF8:
        return zloom_error_set (reterr, ZLOOM_REASON_MALFORMED,
                                "byte %zu: a string is not valid UTF-8", at);
    case ZLOOM__KEY_NOT_STRING:
        return zloom_error_set (reterr, ZLOOM_REASON_MALFORMED,
                                "byte %zu: a key of a map is not a string", at);
    case ZLOOM__SOUND:
    case ZLOOM__TRUNCATED:
    default:
        return zloom_error_set (reterr, ZLOOM_REASON_MALFORMED,
                                "byte %zu: not MessagePack, or cut off", at);
    }
}

zloom_code_t zloom_check (zloom_bytes_t bytes, const zloom_limits_t *limits, zloom_error_t *reterr)
{
    if (!limits)
        limits = &zloom__limits_default;
    if (bytes.size > limits->max_size)
        return zloom_error_set (reterr, ZLOOM_REASON_OVERSIZE,
                                "%zu bytes, where at most %u are allowed", bytes.size,
                                (unsigned) limits->max_size);
    if (bytes.size == 0)
        return zloom_error_set (reterr, ZLOOM_REASON_MALFORMED,
                                "no bytes, where a value should be");

    const uint8_t *end = bytes.data + bytes.size, *at = bytes.data;
    zloom__flaw_t flaw = ZLOOM__SOUND;
    const uint8_t *p = zloom__skip (bytes.data, end, limits, &flaw, &at);
    if (!p)
        return s_explain (flaw, (size_t) (at - bytes.data), limits, reterr);
    if (p != end)
        return zloom_error_set (reterr, ZLOOM_REASON_MALFORMED,
                                "%zu bytes trail behind the value, from byte %zu",
                                (size_t) (end - p), (size_t) (p - bytes.data));
    return ZLOOM_OK;
}
