#include "data/pack.h"
#include "data/pack_internal.h"

#include "data/check_internal.h"
#include "data/codec_internal.h"

//  A reader goes through picture and value side by side. The value has passed
//  the check.
typedef struct {
    zloom_buffer_t *scratch;
    zloom_error_t *reterr;
    zloom_code_t code;   //  OK until a complaint
    const char *at;      //  The letter at hand
    const uint8_t *end;  //  Of all bytes
    va_list *arguments;
    uint32_t number;  //  Which value of the outermost array, for error texts; 0 = none
    const char *key;  //  Which key of the innermost map, for error texts
} reader_t;

static const uint8_t *s_read_value (reader_t *self, const uint8_t *p, unsigned depth);

//  Every complaint names the place first: "argument 2, key 'name': ...".
static const uint8_t *s_complain (reader_t *self, const char *what, const char *found)
{
    self->code = zloom_error_set (self->reterr, ZLOOM_REASON_BAD_PICTURE, "%s%s", what, found);
    if (self->key)
        zloom_error_wrap (self->reterr, "key '%.40s'", self->key);
    if (self->number)
        zloom_error_wrap (self->reterr, "argument %u", (unsigned) self->number);
    return NULL;
}

static const uint8_t *s_wrong_type (reader_t *self, const char *wanted, zloom__type_t found)
{
    char what[64] = "expected ";
    strncat (what, wanted, sizeof what - strlen (what) - 1);
    strncat (what, ", found ", sizeof what - strlen (what) - 1);
    return s_complain (self, what, zloom__type_name (found));
}

static void s_skip_blanks (reader_t *self)
{
    while (*self->at == ' ' || *self->at == ',' || *self->at == ':')
        self->at++;
}

//  An integer between two bounds, as whatever the letter stores.
static const uint8_t *s_read_integer (reader_t *self, const uint8_t *p, const zloom__token_t *token)
{
    char letter = self->at[-1];
    if (token->type != ZLOOM__UINT && token->type != ZLOOM__INT)
        return s_wrong_type (self, "int", token->type);
    bool negative = token->type == ZLOOM__INT;
    uint64_t most = letter == 'i'   ? INT32_MAX
                    : letter == 'I' ? INT64_MAX
                    : letter == 'u' ? UINT32_MAX
                                    : UINT64_MAX;
    bool low = negative
               && (letter == 'u' || letter == 'U' || (letter == 'i' && token->value.i < INT32_MIN));
    if (low || (!negative && token->value.u > most))
        return s_complain (self, "the integer is out of range", "");

    switch (letter) {
    case 'i':
        *va_arg (*self->arguments, int *) = (int) token->value.i;
        break;
    case 'I':
        *va_arg (*self->arguments, int64_t *) = token->value.i;
        break;
    case 'u':
        *va_arg (*self->arguments, unsigned *) = (unsigned) token->value.u;
        break;
    default:
        *va_arg (*self->arguments, uint64_t *) = token->value.u;
    }
    return p;
}

static const uint8_t *s_read_float (reader_t *self, const uint8_t *p, const zloom__token_t *token)
{
    double *ret = va_arg (*self->arguments, double *);
    if (token->type == ZLOOM__FLOAT)
        *ret = token->value.f;
    else if (token->type == ZLOOM__UINT)
        *ret = (double) token->value.u;
    else if (token->type == ZLOOM__INT)
        *ret = (double) token->value.i;
    else
        return s_wrong_type (self, "number", token->type);
    return p;
}

//  Copy a string so that it ends in NUL. Room for each string of the value was
//  made before, so strings handed out earlier do not move.
static const uint8_t *s_read_str (reader_t *self, const uint8_t *p, const zloom__token_t *token)
{
    const char **ret = va_arg (*self->arguments, const char **);
    if (token->type == ZLOOM__NIL) {
        *ret = NULL;
        return p;
    }
    if (token->type != ZLOOM__STR)
        return s_wrong_type (self, "string", token->type);
    if (memchr (p, 0, token->length))
        return s_complain (self, "the string has a NUL in it; read it with 'b'", "");

    if (self->scratch->capacity - self->scratch->size <= token->length)
        return s_complain (self, "the picture reads a string twice", "");
    char *copy = (char *) self->scratch->data + self->scratch->size;
    memcpy (copy, p, token->length);
    copy[token->length] = 0;
    self->scratch->size += token->length + 1;
    *ret = copy;
    return p + token->length;
}

static const uint8_t *s_read_bin (reader_t *self, const uint8_t *p, const zloom__token_t *token)
{
    const void **ret_data = va_arg (*self->arguments, const void **);
    size_t *ret_size = va_arg (*self->arguments, size_t *);
    if (token->type != ZLOOM__BIN && token->type != ZLOOM__STR)
        return s_wrong_type (self, "bytes", token->type);
    *ret_data = p;
    *ret_size = token->length;
    return p + token->length;
}

static const uint8_t *s_read_array (reader_t *self, const uint8_t *p, const zloom__token_t *token,
                                    unsigned depth)
{
    if (token->type != ZLOOM__ARRAY)
        return s_wrong_type (self, "array", token->type);
    uint32_t left = token->length;
    for (s_skip_blanks (self); *self->at && *self->at != ']'; s_skip_blanks (self)) {
        if (left-- == 0)
            return s_complain (self, "the array is shorter than the picture", "");
        p = s_read_value (self, p, depth + 1);
        if (!p)
            return NULL;
    }
    if (*self->at != ']')
        return s_complain (self, "the picture lacks a ']'", "");
    if (left)
        return s_complain (self, "the array is longer than the picture", "");
    self->at++;
    return p;
}

//  The value of a key in a map of `pairs` that starts at p; NULL if it has none.
static const uint8_t *s_find_key (const reader_t *self, const uint8_t *p, uint32_t pairs,
                                  zloom_bytes_t key)
{
    for (; pairs; pairs--) {
        zloom__token_t token;
        const uint8_t *content = zloom__read_checked (p, self->end, &token);
        bool is_str = token.type == ZLOOM__STR;
        const uint8_t *value = is_str ? content + token.length : zloom__pass_checked (p, self->end);
        if (is_str && zloom_bytes_equal (zloom_bytes (content, token.length), key))
            return value;
        p = zloom__pass_checked (value, self->end);
    }
    return NULL;
}

static const uint8_t *s_read_map (reader_t *self, const uint8_t *head, const uint8_t *p,
                                  const zloom__token_t *token, unsigned depth)
{
    if (token->type != ZLOOM__MAP)
        return s_wrong_type (self, "map", token->type);
    const char *outer_key = self->key;
    for (s_skip_blanks (self); *self->at && *self->at != '}'; s_skip_blanks (self)) {
        if (*self->at++ != 's')
            return s_complain (self, "the keys of a map in a picture are 's'", "");
        s_skip_blanks (self);
        self->key = va_arg (*self->arguments, const char *);
        const uint8_t *value = s_find_key (self, p, token->length, zloom_bytes_str (self->key));
        if (!value)
            return s_complain (self, "the map has no such key", "");
        if (!s_read_value (self, value, depth + 1))
            return NULL;
    }
    self->key = outer_key;
    if (*self->at != '}')
        return s_complain (self, "the picture lacks a '}'", "");
    self->at++;
    return zloom__pass_checked (head, self->end);
}

//  Read the value at p by the letter at hand; returns what follows the value.
static const uint8_t *s_read_value (reader_t *self, const uint8_t *head, unsigned depth)
{
    zloom__token_t token;
    const uint8_t *p = zloom__read_checked (head, self->end, &token);
    char letter = *self->at;
    if (!letter || depth > ZLOOM_DEPTH_MAX)
        return s_complain (self, "the picture ends too early, or is nested too deep", "");
    self->at++;
    switch (letter) {
    case 'i':
    case 'I':
    case 'u':
    case 'U':
        return s_read_integer (self, p, &token);
    case 'f':
        return s_read_float (self, p, &token);
    case 's':
        return s_read_str (self, p, &token);
    case 'b':
        return s_read_bin (self, p, &token);
    case '?':
        if (token.type != ZLOOM__BOOL)
            return s_wrong_type (self, "bool", token.type);
        *va_arg (*self->arguments, bool *) = token.value.boolean;
        return p;
    case 'n':
        return token.type == ZLOOM__NIL ? p : s_wrong_type (self, "nil", token.type);
    case 'v': {
        const uint8_t *after = zloom__pass_checked (head, self->end);
        *va_arg (*self->arguments, zloom_bytes_t *) = zloom_bytes (head, (size_t) (after - head));
        return after;
    }
    case '[':
        return s_read_array (self, p, &token, depth);
    case '{':
        return s_read_map (self, head, p, &token, depth);
    default:
        return s_complain (self, "the picture has a letter that is no type", "");
    }
}

//  Strings are copied to scratch, each with a NUL in place of its head: what
//  the value takes is enough for all of them.
static bool s_make_room (reader_t *self, zloom_bytes_t value)
{
    zloom_buffer_reset (self->scratch);
    if (!zloom_buffer_reserve (self->scratch, value.size))
        self->code =
            zloom_error_set (self->reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for strings");
    return self->code == ZLOOM_OK;
}

//  Run a reader over checked bytes.
static zloom_code_t s_unpack (zloom_bytes_t value, zloom_buffer_t *scratch, zloom_error_t *reterr,
                              const char *picture, va_list *arguments)
{
    reader_t reader = {.scratch = scratch,
                       .reterr = reterr,
                       .at = picture,
                       .end = value.data + value.size,
                       .arguments = arguments};
    if (!s_make_room (&reader, value))
        return reader.code;
    s_skip_blanks (&reader);
    if (!s_read_value (&reader, value.data, 0))
        return reader.code;
    s_skip_blanks (&reader);
    if (*reader.at)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_PICTURE,
                                "picture \"%.60s\" has more than one value", picture);
    return ZLOOM_OK;
}

zloom_code_t zloom__vunpack_one (zloom_bytes_t value, zloom_buffer_t *scratch,
                                 zloom_error_t *reterr, const char *picture, va_list arguments)
{
    va_list copy;
    va_copy (copy, arguments);
    zloom_code_t code = s_unpack (value, scratch, reterr, picture, &copy);
    va_end (copy);
    return code;
}

zloom_code_t zloom_vunpack (zloom_bytes_t value, zloom_buffer_t *scratch, zloom_error_t *reterr,
                            const char *picture, va_list arguments)
{
    zloom_code_t code = zloom_check (value, &zloom__limits_none, reterr);
    return code ? code : zloom__vunpack_one (value, scratch, reterr, picture, arguments);
}

zloom_code_t zloom_unpack (zloom_bytes_t value, zloom_buffer_t *scratch, zloom_error_t *reterr,
                           const char *picture, ...)
{
    va_list arguments;
    va_start (arguments, picture);
    zloom_code_t code = zloom_vunpack (value, scratch, reterr, picture, arguments);
    va_end (arguments);
    return code;
}

//  The elements of an array, where picture and array must be of one length.
static zloom_code_t s_unpack_elements (reader_t *self, zloom_bytes_t array)
{
    zloom__token_t token;
    const uint8_t *p = zloom__read_checked (array.data, self->end, &token);
    uint32_t given = token.length;
    for (s_skip_blanks (self); *self->at; s_skip_blanks (self)) {
        if (self->number++ == given)
            return zloom_error_set (self->reterr, ZLOOM_REASON_BAD_PICTURE,
                                    "only %u arguments were given", (unsigned) given);
        p = s_read_value (self, p, 0);
        if (!p)
            return self->code;
    }
    if (self->number < given)
        return zloom_error_set (self->reterr, ZLOOM_REASON_BAD_PICTURE,
                                "%u arguments were given where %u belong", (unsigned) given,
                                (unsigned) self->number);
    return ZLOOM_OK;
}

zloom_code_t zloom__vunpack_array (zloom_bytes_t array, zloom_buffer_t *scratch,
                                   zloom_error_t *reterr, const char *picture, va_list arguments)
{
    va_list copy;
    va_copy (copy, arguments);
    reader_t reader = {.scratch = scratch,
                       .reterr = reterr,
                       .at = picture,
                       .end = array.data + array.size,
                       .arguments = &copy};
    zloom_code_t code =
        s_make_room (&reader, array) ? s_unpack_elements (&reader, array) : reader.code;
    va_end (copy);
    return code;
}
