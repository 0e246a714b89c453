#include "support/value.h"

#include <math.h>
#include <string.h>

#include "data/codec_internal.h"

//  -------------------------------------------------------------------------
//  Packing

//  A number near a power of two, so that every encoding has its turn.
static uint64_t s_random_number (zloom_random_t *random)
{
    uint64_t power = UINT64_C (1) << zloom_random_below (random, 64);
    return power + zloom_random_below (random, 5) - 2;
}

static uint32_t s_random_length (zloom_random_t *random)
{
    static const uint32_t edges[] = {0, 1, 2, 4, 8, 15, 16, 17, 31, 32, 255, 256, 65535, 65536};
    uint64_t dice = zloom_random_below (random, 100);
    if (dice < 90)
        return (uint32_t) zloom_random_below (random, 40);
    return edges[zloom_random_below (random, dice < 98 ? 12 : 14)];
}

static double s_random_float (zloom_random_t *random)
{
    static const double edges[] = {0.0, -0.0, 0.1, 1.0, -1.5, 5e-324, 1.7976931348623157e308};
    uint64_t dice = zloom_random_below (random, 4), bits = zloom_random_next (random);
    double any;
    memcpy (&any, &bits, sizeof any);
    if (dice == 0)
        return any;
    if (dice == 1)
        return zloom_random_below (random, 2) ? (double) NAN : -HUGE_VAL;
    return edges[zloom_random_below (random, sizeof edges / sizeof edges[0])];
}

//  Mostly UTF-8 with control characters in it, sometimes any bytes.
static void s_pack_bytes (msgpack_packer *packer, zloom_random_t *random, int kind)
{
    static uint8_t bytes[65536];
    uint32_t length = s_random_length (random);
    bool is_text = kind == 0 && zloom_random_below (random, 8) != 0;
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t) zloom_random_below (random, is_text ? 128 : 256);
    if (kind == 0)
        msgpack_pack_str_with_body (packer, bytes, length);
    else if (kind == 1)
        msgpack_pack_bin_with_body (packer, bytes, length);
    else {
        static const uint32_t stamps[] = {4, 8, 12};
        bool is_stamp = zloom_random_below (random, 3) == 0;
        if (is_stamp)
            length = stamps[zloom_random_below (random, 3)];
        msgpack_pack_ext_with_body (packer, bytes, length,
                                    is_stamp ? -1 : (int8_t) zloom_random_below (random, 256));
    }
}

//  Keys as programs have them, names with a meaning in JSON, and worse ones.
static void s_pack_key (msgpack_packer *packer, zloom_random_t *random)
{
    static const char *const names[] = {"$bin",   "$str",   "$ext", "$map", "$uint",
                                        "$float", "$other", "",     "a",    "code"};
    uint64_t dice = zloom_random_below (random, 10);
    const char *name = names[zloom_random_below (random, sizeof names / sizeof names[0])];
    char fresh[24];
    int length = snprintf (fresh, sizeof fresh, "k%llu",
                           (unsigned long long) zloom_random_below (random, 1000000));
    if (dice < 6)
        msgpack_pack_str_with_body (packer, fresh, (size_t) length);
    else if (dice < 9)
        msgpack_pack_str_with_body (packer, name, strlen (name));
    else
        msgpack_pack_uint64 (packer, s_random_number (random));
}

static void s_pack_any (msgpack_packer *packer, zloom_random_t *random, unsigned depth)
{
    uint32_t count = s_random_length (random) % (depth > 3 ? 18 : 4);
    switch (zloom_random_below (random, depth ? 13 : 10)) {
    case 0:
        msgpack_pack_nil (packer);
        break;
    case 1:
        msgpack_pack_true (packer);
        break;
    case 2:
        msgpack_pack_false (packer);
        break;
    case 3:
        msgpack_pack_uint64 (packer, s_random_number (random));
        break;
    case 4:
        msgpack_pack_int64 (packer, (int64_t) (0 - s_random_number (random)));
        break;
    case 5:
        msgpack_pack_double (packer, s_random_float (random));
        break;
    case 6:
        msgpack_pack_float (packer, (float) zloom_random_below (random, 1000) / 7);
        break;
    case 7:
        s_pack_bytes (packer, random, 0);
        break;
    case 8:
        s_pack_bytes (packer, random, 1);
        break;
    case 9:
        s_pack_bytes (packer, random, 2);
        break;
    case 10:
        msgpack_pack_array (packer, count);
        while (count--)
            s_pack_any (packer, random, depth - 1);
        break;
    default:
        msgpack_pack_map (packer, count);
        while (count--) {
            s_pack_key (packer, random);
            s_pack_any (packer, random, depth - 1);
        }
    }
}

void value_pack_random (msgpack_sbuffer *buffer, zloom_random_t *random, unsigned depth)
{
    msgpack_packer packer;
    msgpack_packer_init (&packer, buffer, msgpack_sbuffer_write);
    s_pack_any (&packer, random, depth);
}

//  -------------------------------------------------------------------------
//  Comparing

static bool s_same_bytes (const uint8_t *p, const zloom__token_t *token, const char *bytes,
                          uint32_t size)
{
    return zloom_bytes_equal (zloom_bytes (p, token->length), zloom_bytes (bytes, size));
}

static bool s_same_scalar (const uint8_t *p, const zloom__token_t *token,
                           const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return token->type == ZLOOM__NIL;
    case MSGPACK_OBJECT_BOOLEAN:
        return token->type == ZLOOM__BOOL && token->value.boolean == object->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return token->type == ZLOOM__UINT && token->value.u == object->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return token->type == ZLOOM__INT && token->value.i == object->via.i64;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return token->type == ZLOOM__FLOAT
               && (token->value.f == object->via.f64
                   || (isnan (token->value.f) && isnan (object->via.f64)));
    case MSGPACK_OBJECT_STR:
        return token->type == ZLOOM__STR
               && s_same_bytes (p, token, object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return token->type == ZLOOM__BIN
               && s_same_bytes (p, token, object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_EXT:
        return token->type == ZLOOM__EXT && token->ext_type == object->via.ext.type
               && s_same_bytes (p, token, object->via.ext.ptr, object->via.ext.size);
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
    default:
        return false;
    }
}

const uint8_t *value_compare (const uint8_t *p, const uint8_t *end, const msgpack_object *object)
{
    zloom__token_t token = {0};
    p = zloom__read (p, end, &token);
    if (!p)
        return NULL;
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        const msgpack_object_array *array = &object->via.array;
        if (token.type != ZLOOM__ARRAY || token.length != array->size)
            return NULL;
        for (uint32_t i = 0; i < array->size && p; i++)
            p = value_compare (p, end, &array->ptr[i]);
        return p;
    }
    if (object->type == MSGPACK_OBJECT_MAP) {
        const msgpack_object_map *map = &object->via.map;
        if (token.type != ZLOOM__MAP || token.length != map->size)
            return NULL;
        for (uint32_t i = 0; i < map->size && p; i++) {
            p = value_compare (p, end, &map->ptr[i].key);
            if (p)
                p = value_compare (p, end, &map->ptr[i].val);
        }
        return p;
    }
    return s_same_scalar (p, &token, object) ? p + token.length : NULL;
}
