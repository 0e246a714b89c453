#include "data/pack.h"
#include "data/pack_internal.h"

#include "data/check_internal.h"
#include "data/codec_internal.h"

//  What is done to a picture, letter by letter.
typedef struct {
    zloom_buffer_t *buffer;
    zloom_error_t *reterr;
    const char *picture;  //  From its start, for error texts
    const char *at;       //  The letter at hand
    va_list *arguments;
} packer_t;

//  An open bracket: what closes it, and in a map whether a key comes next.
typedef struct {
    char end;
    bool wants_key;
} level_t;

static bool s_is_blank (char letter)
{
    return letter == ' ' || letter == ',' || letter == ':';
}

//  The number of the letter at hand, from 1, for error texts.
static int s_letter (const packer_t *self)
{
    return (int) (self->at - self->picture) + 1;
}

static zloom_code_t s_bad_picture (const packer_t *self, const char *what)
{
    return zloom_error_set (self->reterr, ZLOOM_REASON_BAD_PICTURE,
                            "picture \"%.60s\", letter %d: %s", self->picture, s_letter (self),
                            what);
}

static zloom_code_t s_no_memory (zloom_error_t *reterr)
{
    return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a message");
}

//  Where the next byte goes, and what has been written up to.
static uint8_t *s_here (const packer_t *self)
{
    return self->buffer->data + self->buffer->size;
}

static void s_written (packer_t *self, const uint8_t *p)
{
    self->buffer->size = (size_t) (p - self->buffer->data);
}

//  Count the values from `at` to the bracket that closes them, or to the end.
//  Unbalanced brackets are found when they are reached.
static uint32_t s_count (const char *at)
{
    uint32_t count = 0;
    int depth = 0;
    for (; *at; at++) {
        if (s_is_blank (*at))
            continue;
        if (*at == ']' || *at == '}') {
            if (depth-- == 0)
                break;
        } else {
            if (depth == 0)
                count++;
            if (*at == '[' || *at == '{')
                depth++;
        }
    }
    return count;
}

//  Room for a head and `size` bytes behind it, which a head must be able to say.
static zloom_code_t s_make_room (const packer_t *self, size_t size)
{
    if (size > UINT32_MAX)
        return zloom_error_set (
            self->reterr, ZLOOM_REASON_OVERSIZE,
            "picture \"%.60s\", letter %d: %zu bytes, where MessagePack ends at "
            "%u",
            self->picture, s_letter (self), size, (unsigned) UINT32_MAX);
    if (!zloom_buffer_reserve (self->buffer, size + ZLOOM__HEAD_MAX))
        return s_no_memory (self->reterr);
    return ZLOOM_OK;
}

static zloom_code_t s_put_str (packer_t *self, const char *string)
{
    zloom_bytes_t bytes = zloom_bytes_str (string);
    zloom_code_t code = s_make_room (self, bytes.size);
    if (!code)
        s_written (self, string ? zloom__write_str (s_here (self), bytes)
                                : zloom__write_nil (s_here (self)));
    return code;
}

static zloom_code_t s_put_bin (packer_t *self, zloom_bytes_t bytes)
{
    zloom_code_t code = s_make_room (self, bytes.size);
    if (!code) {
        uint8_t *p = zloom__write_bin_head (s_here (self), (uint32_t) bytes.size);
        s_written (self, zloom__write_raw (p, bytes));
    }
    return code;
}

//  A value that somebody packed; bytes that are none would spoil the whole.
static zloom_code_t s_put_value (packer_t *self, zloom_bytes_t value)
{
    zloom_code_t code = zloom_check (value, &zloom__limits_none, self->reterr);
    if (code)
        zloom_error_wrap (self->reterr, "picture \"%.60s\", letter %d", self->picture,
                          s_letter (self));
    else if (!zloom_buffer_append (self->buffer, value.data, value.size))
        code = s_no_memory (self->reterr);
    return code;
}

//  Write the head of an array or map.
static zloom_code_t s_open (packer_t *self, level_t *ret_level)
{
    bool is_map = *self->at == '{';
    uint32_t count = s_count (self->at + 1);
    if (is_map && count % 2)
        return s_bad_picture (self, "a map needs a value for each key");
    s_written (self, is_map ? zloom__write_map_head (s_here (self), count / 2)
                            : zloom__write_array_head (s_here (self), count));
    *ret_level = (level_t){is_map ? '}' : ']', is_map};
    return ZLOOM_OK;
}

//  Pack the value of one letter that is no bracket.
static zloom_code_t s_pack_scalar (packer_t *self)
{
    uint8_t *p = s_here (self);
    va_list *arguments = self->arguments;
    switch (*self->at) {
    case 'i':
        p = zloom__write_int (p, va_arg (*arguments, int));
        break;
    case 'I':
        p = zloom__write_int (p, va_arg (*arguments, int64_t));
        break;
    case 'u':
        p = zloom__write_uint (p, va_arg (*arguments, unsigned));
        break;
    case 'U':
        p = zloom__write_uint (p, va_arg (*arguments, uint64_t));
        break;
    case 'f':
        p = zloom__write_float (p, va_arg (*arguments, double));
        break;
    case '?':
        p = zloom__write_bool (p, va_arg (*arguments, int) != 0);
        break;
    case 'n':
        p = zloom__write_nil (p);
        break;
    case 's':
        return s_put_str (self, va_arg (*arguments, const char *));
    case 'b': {
        const void *data = va_arg (*arguments, const void *);
        return s_put_bin (self, zloom_bytes (data, va_arg (*arguments, size_t)));
    }
    case 'v':
        return s_put_value (self, va_arg (*arguments, zloom_bytes_t));
    default:
        return s_bad_picture (self, "no such type (there are i I u U f s b ? n v [ ] { })");
    }
    s_written (self, p);
    return ZLOOM_OK;
}

//  Pack letter by letter; brackets that are open are kept on a stack.
static zloom_code_t s_pack_all (packer_t *self)
{
    level_t levels[ZLOOM_DEPTH_MAX];
    unsigned depth = 0;
    zloom_code_t code = ZLOOM_OK;
    for (; *self->at && !code; self->at++) {
        char letter = *self->at;
        if (s_is_blank (letter))
            continue;
        if (letter == ']' || letter == '}') {
            if (depth == 0 || levels[--depth].end != letter)
                return s_bad_picture (self, "a bracket that closes nothing");
            continue;
        }
        if (depth && levels[depth - 1].end == '}') {
            level_t *map = &levels[depth - 1];
            if (map->wants_key && letter != 's')
                return s_bad_picture (self, "the keys of a map are 's'");
            map->wants_key = !map->wants_key;
        }
        code = s_make_room (self, 0);
        if (code)
            break;
        if (letter != '[' && letter != '{')
            code = s_pack_scalar (self);
        else if (depth < ZLOOM_DEPTH_MAX)
            code = s_open (self, &levels[depth++]);
        else
            code = s_bad_picture (self, "nested too deep");
    }
    return code || !depth ? code : s_bad_picture (self, "a bracket is never closed");
}

//  Pack behind what the buffer has, or leave the buffer as it was.
static zloom_code_t s_pack (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture,
                            va_list *arguments, bool as_array)
{
    if (buffer->failed)
        return s_no_memory (reterr);
    size_t before = buffer->size;
    packer_t packer = {buffer, reterr, picture, picture, arguments};
    zloom_code_t code = s_make_room (&packer, 0);
    if (!code && as_array)
        s_written (&packer, zloom__write_array_head (s_here (&packer), s_count (picture)));
    if (!code)
        code = s_pack_all (&packer);
    if (code) {
        buffer->size = before;
        buffer->failed = false;
    }
    return code;
}

zloom_code_t zloom_vpack (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture,
                          va_list arguments)
{
    va_list copy;
    va_copy (copy, arguments);
    zloom_code_t code = s_pack (buffer, reterr, picture, &copy, false);
    va_end (copy);
    return code;
}

zloom_code_t zloom_pack (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom_vpack (buffer, reterr, picture, arguments);
    va_end (arguments);
    return code;
}

//  Where the next token goes, with room for it; NULL when there is no memory.
static uint8_t *s_end_of (zloom_buffer_t *buffer, size_t content)
{
    bool has_room = !buffer->failed && zloom_buffer_reserve (buffer, content + ZLOOM__HEAD_MAX);
    return has_room ? buffer->data + buffer->size : NULL;
}

//  The token is written up to p, or was not.
static bool s_end_at (zloom_buffer_t *buffer, const uint8_t *p)
{
    if (p)
        buffer->size = (size_t) (p - buffer->data);
    return p != NULL;
}

bool zloom_pack_array_head (zloom_buffer_t *buffer, uint32_t count)
{
    uint8_t *p = s_end_of (buffer, 0);
    return s_end_at (buffer, p ? zloom__write_array_head (p, count) : NULL);
}

bool zloom_pack_map_head (zloom_buffer_t *buffer, uint32_t pairs)
{
    uint8_t *p = s_end_of (buffer, 0);
    return s_end_at (buffer, p ? zloom__write_map_head (p, pairs) : NULL);
}

bool zloom_pack_str (zloom_buffer_t *buffer, zloom_bytes_t string)
{
    uint8_t *p = string.size <= UINT32_MAX ? s_end_of (buffer, string.size) : NULL;
    return s_end_at (buffer, p ? zloom__write_str (p, string) : NULL);
}

zloom_code_t zloom__vpack_array (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture,
                                 va_list arguments)
{
    va_list copy;
    va_copy (copy, arguments);
    zloom_code_t code = s_pack (buffer, reterr, picture, &copy, true);
    va_end (copy);
    return code;
}

zloom_code_t zloom__vpack_one (zloom_buffer_t *buffer, zloom_error_t *reterr, const char *picture,
                               va_list arguments)
{
    uint32_t count = s_count (picture);
    if (count > 1)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_PICTURE,
                                "picture \"%.60s\" has %u values where one belongs; [...] makes "
                                "an array of them",
                                picture, (unsigned) count);
    return zloom_vpack (buffer, reterr, count ? picture : "n", arguments);
}
