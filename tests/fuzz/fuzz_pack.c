//  fuzz_pack - any bytes read by pictures, and any picture
//
//  The first byte says what is done. What a picture has read is packed by the
//  same picture, and must read the same again.

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "data/check.h"
#include "data/codec_internal.h"
#include "data/pack.h"
#include "data/pack_internal.h"
#include "support/fuzz.h"

//  All that any of the pictures below reads.
typedef struct {
    int i;
    int64_t big_i;
    unsigned u;
    uint64_t big_u;
    double f;
    const char *s, *t;
    const void *b;
    size_t b_size;
    bool yes;
    zloom_bytes_t v;
} values_t;

typedef zloom_code_t (read_fn) (zloom_bytes_t value, zloom_buffer_t *scratch, zloom_error_t *error,
                                values_t *ret);
typedef zloom_code_t (pack_fn) (zloom_buffer_t *buffer, const values_t *values);

static zloom_code_t s_read_numbers (zloom_bytes_t value, zloom_buffer_t *scratch,
                                    zloom_error_t *error, values_t *ret)
{
    return zloom_unpack (value, scratch, error, "[iIuUf?]", &ret->i, &ret->big_i, &ret->u,
                         &ret->big_u, &ret->f, &ret->yes);
}

static zloom_code_t s_pack_numbers (zloom_buffer_t *buffer, const values_t *values)
{
    return zloom_pack (buffer, NULL, "[iIuUf?]", values->i, values->big_i, values->u, values->big_u,
                       values->f, values->yes);
}

static zloom_code_t s_read_strings (zloom_bytes_t value, zloom_buffer_t *scratch,
                                    zloom_error_t *error, values_t *ret)
{
    return zloom_unpack (value, scratch, error, "[s[bs]nv]", &ret->s, &ret->b, &ret->b_size,
                         &ret->t, &ret->v);
}

static zloom_code_t s_pack_strings (zloom_buffer_t *buffer, const values_t *values)
{
    return zloom_pack (buffer, NULL, "[s[bs]nv]", values->s, values->b, values->b_size, values->t,
                       values->v);
}

static zloom_code_t s_read_map (zloom_bytes_t value, zloom_buffer_t *scratch, zloom_error_t *error,
                                values_t *ret)
{
    return zloom_unpack (value, scratch, error, "{s:s, s:{s:v, s:s}, s:i}", "a", &ret->s, "b", "a",
                         &ret->v, "", &ret->t, "c", &ret->i);
}

static zloom_code_t s_pack_map (zloom_buffer_t *buffer, const values_t *values)
{
    return zloom_pack (buffer, NULL, "{s:s, s:{s:v, s:s}, s:i}", "a", values->s, "b", "a",
                       values->v, "", values->t, "c", values->i);
}

static zloom_code_t s_read_any (zloom_bytes_t value, zloom_buffer_t *scratch, zloom_error_t *error,
                                values_t *ret)
{
    return zloom_unpack (value, scratch, error, "v", &ret->v);
}

static zloom_code_t s_pack_any (zloom_buffer_t *buffer, const values_t *values)
{
    return zloom_pack (buffer, NULL, "v", values->v);
}

static zloom_code_t s_read_array (zloom_bytes_t array, zloom_buffer_t *scratch,
                                  zloom_error_t *error, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom__vunpack_array (array, scratch, error, picture, arguments);
    va_end (arguments);
    return code;
}

//  The params of a call, which are checked before they come to this.
static zloom_code_t s_read_params (zloom_bytes_t value, zloom_buffer_t *scratch,
                                   zloom_error_t *error, values_t *ret)
{
    zloom__token_t token;
    zloom_code_t code = zloom_check (value, NULL, error);
    if (!code && zloom__read (value.data, value.data + value.size, &token)
        && token.type != ZLOOM__ARRAY)
        code = zloom_error_set (error, ZLOOM_REASON_MALFORMED, "not an array");
    return code ? code
                : s_read_array (value, scratch, error, "s v {sb}", &ret->s, &ret->v, "k", &ret->b,
                                &ret->b_size);
}

static zloom_code_t s_pack_params (zloom_buffer_t *buffer, const values_t *values)
{
    return zloom_pack (buffer, NULL, "[s v {sb}]", values->s, values->v, "k", values->b,
                       values->b_size);
}

static void s_assert_same_string (const char *a, const char *b)
{
    fuzz_assert ((!a && !b) || (a && b && strcmp (a, b) == 0));
}

static void s_assert_same (const values_t *a, const values_t *b)
{
    fuzz_assert (a->i == b->i && a->big_i == b->big_i && a->u == b->u && a->big_u == b->big_u);
    fuzz_assert ((a->f == b->f || (isnan (a->f) && isnan (b->f))) && a->yes == b->yes);
    s_assert_same_string (a->s, b->s);
    s_assert_same_string (a->t, b->t);
    fuzz_assert (zloom_bytes_equal (zloom_bytes (a->b, a->b_size), zloom_bytes (b->b, b->b_size)));
    fuzz_assert (zloom_bytes_equal (a->v, b->v));
}

static void s_there_and_back (zloom_bytes_t value, read_fn *read, pack_fn *pack)
{
    zloom_buffer_t scratch = {0}, packed = {0}, more = {0};
    values_t first = {0}, second = {0};
    zloom_error_t error = {0};
    zloom_code_t code = read (value, &scratch, &error, &first);
    fuzz_assert (code == error.code && (code == ZLOOM_OK) == (error.text[0] == 0));
    if (!code) {
        fuzz_assert (pack (&packed, &first) == ZLOOM_OK);
        fuzz_assert (read (zloom_buffer_bytes (&packed), &more, NULL, &second) == ZLOOM_OK);
        s_assert_same (&first, &second);
    }
    zloom_buffer_clear (&scratch);
    zloom_buffer_clear (&packed);
    zloom_buffer_clear (&more);
}

//  Make a picture of letters that take no argument.
static void s_draw (char *ret_picture, size_t size, zloom_bytes_t from)
{
    static const char letters[] = "n[]{}n[] ,:x";
    size_t length = from.size < size - 1 ? from.size : size - 1;
    for (size_t i = 0; i < length; i++)
        ret_picture[i] = letters[from.data[i] % (sizeof letters - 1)];
    ret_picture[length] = 0;
}

//  What a picture packs is as many values as it says, each of which it reads.
static void s_any_picture (zloom_bytes_t from)
{
    char picture[100];
    s_draw (picture, sizeof picture, from);
    zloom_buffer_t packed = {0}, scratch = {0};
    zloom_error_t error = {0};
    zloom_code_t code = zloom_pack (&packed, &error, picture);
    fuzz_assert (code == error.code && (code == ZLOOM_OK || packed.size == 0));
    zloom_bytes_t bytes = zloom_buffer_bytes (&packed);
    if (bytes.size && zloom__pass (bytes.data, bytes.data + bytes.size) == bytes.data + bytes.size)
        fuzz_assert (zloom_unpack (bytes, &scratch, NULL, picture) == ZLOOM_OK);
    if (code)
        fuzz_assert (zloom_unpack (zloom_bytes ("\x90", 1), &scratch, NULL, picture) != ZLOOM_OK);
    zloom_buffer_clear (&packed);
    zloom_buffer_clear (&scratch);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const struct {
        read_fn *read;
        pack_fn *pack;
    } rows[] = {{s_read_numbers, s_pack_numbers},
                {s_read_strings, s_pack_strings},
                {s_read_map, s_pack_map},
                {s_read_any, s_pack_any},
                {s_read_params, s_pack_params}};
    enum { ROWS = sizeof rows / sizeof rows[0] };
    if (size == 0)
        return 0;
    zloom_bytes_t rest = zloom_bytes (data + 1, size - 1);
    unsigned row = data[0] % (ROWS + 1);
    if (row < ROWS)
        s_there_and_back (rest, rows[row].read, rows[row].pack);
    else
        s_any_picture (rest);
    return 0;
}
