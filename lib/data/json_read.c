#include "data/json.h"

#include <math.h>

#include <jansson.h>

#include "base/text.h"
#include "data/codec_internal.h"
#include "data/json_form_internal.h"

//  A reader turns jansson's tree into MessagePack. The tree has no places, but
//  it is walked in the order of the text, so the number of the array or object
//  at hand is that of its bracket, and the text can be asked where it stands.
typedef struct {
    zloom_bytes_t text;
    zloom_limits_t limits;
    zloom_buffer_t *buffer;
    zloom_error_t *reterr;
    size_t opened;  //  Arrays and objects of the tree entered so far
} reader_t;

//  What jansson needs for the parts of a tree on a 64-bit machine, allocator's
//  overhead included: rather more than less.
enum { COST_ELEMENT = 104, COST_KEY = 128, COST_ARRAY = 128, COST_OBJECT = 224 };
enum { TREE_PER_BYTE = 256 };

//  In a text, forms nest deeper than the value that they mean: a map takes an
//  object, a list, and a pair.
enum { NESTING_PER_LEVEL = 3 };

//  -------------------------------------------------------------------------
//  Places in the text

//  How far a walk over the brackets of a text has come. Line and column are
//  those of the last character, from 1.
typedef struct {
    unsigned line;
    unsigned column;
    unsigned depth;
    size_t opened;  //  Brackets
    uint64_t tree;  //  Bytes that it will take, beside strings
} place_t;

static void s_count_position (place_t *self, uint8_t byte)
{
    if (byte == '\n') {
        self->line++;
        self->column = 0;
    } else if ((byte & 0xc0) != 0x80)
        self->column++;
}

static void s_count_structure (place_t *self, uint8_t byte)
{
    switch (byte) {
    case '[':
    case '{':
        self->depth++;
        self->opened++;
        self->tree += byte == '[' ? COST_ARRAY : COST_OBJECT;
        self->tree += COST_ELEMENT;
        break;
    case ']':
    case '}':
        self->depth -= self->depth > 0;
        break;
    case ',':
        self->tree += COST_ELEMENT;
        break;
    case ':':
        self->tree += COST_KEY;
        break;
    default:
        break;
    }
}

//  Walk until a count of structure is above `most`, and say where. False where
//  the text ends before. What is no JSON is found by the parser, not here.
static bool s_walk_brackets (zloom_bytes_t text, const place_t *most, place_t *ret_place)
{
    place_t place = {.line = 1};
    bool in_string = false, is_escaped = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        s_count_position (&place, byte);
        if (in_string) {
            in_string = is_escaped || byte != '"';
            is_escaped = !is_escaped && byte == '\\';
        } else if (byte == '"')
            in_string = true;
        else
            s_count_structure (&place, byte);

        if (place.depth > most->depth || place.opened > most->opened || place.tree > most->tree) {
            *ret_place = place;
            return true;
        }
    }
    return false;
}

//  -------------------------------------------------------------------------
//  Errors

//  What is wrong with the array or object at hand, and where that stands.
static zloom_code_t ZLOOM_PRINTF (3, 4)
    s_fail (const reader_t *self, zloom_reason_t reason, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    zloom_code_t code = zloom_error_vset (self->reterr, reason, format, arguments);
    va_end (arguments);

    place_t before = {.depth = UINT32_MAX, .opened = self->opened - 1, .tree = UINT64_MAX};
    place_t place = {0};
    s_walk_brackets (self->text, &before, &place);
    zloom_error_wrap (self->reterr, "line %u, column %u", place.line, place.column);
    return code;
}

static zloom_code_t s_fail_form (const reader_t *self, zloom__json_form_t form, const char *takes)
{
    return s_fail (self, ZLOOM_REASON_BAD_JSON, "{\"%s\"} takes %s", zloom__json_form_key (form),
                   takes);
}

//  What jansson complained about. It says nothing when memory ran out for its
//  tree; when its lexer runs out it notices nothing and goes on with a character
//  less, which json.h owns up to.
static zloom_code_t s_fail_parse (const reader_t *self, const json_error_t *error)
{
    if (!error->text[0] || json_error_code (error) == json_error_out_of_memory)
        return zloom_error_set (self->reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for JSON");
    char shown[sizeof self->reterr->text];
    zloom_text_escape (shown, sizeof shown, zloom_bytes_str (error->text));
    return zloom_error_set (self->reterr, ZLOOM_REASON_BAD_JSON, "line %d, column %d: %s",
                            error->line, error->column ? error->column : 1, shown);
}

//  -------------------------------------------------------------------------
//  Values

static zloom_code_t s_read_value (reader_t *self, json_t *value, unsigned depth);

//  Append what was written to `head`. Memory that runs out is seen at the end.
static zloom_code_t s_put (reader_t *self, const uint8_t *head, const uint8_t *end)
{
    zloom_buffer_append (self->buffer, head, (size_t) (end - head));
    return ZLOOM_OK;
}

static zloom_code_t s_put_str (reader_t *self, zloom_bytes_t string)
{
    uint8_t head[ZLOOM__HEAD_MAX];
    s_put (self, head, zloom__write_str_head (head, (uint32_t) string.size));
    return s_put (self, string.data, string.data + string.size);
}

//  An array or map at `depth`, of so many elements or pairs, is about to begin.
static zloom_code_t s_hold_limits (const reader_t *self, size_t count, unsigned depth)
{
    if (depth >= self->limits.max_depth)
        return s_fail (self, ZLOOM_REASON_OVERSIZE, "nested deeper than %u arrays and maps",
                       (unsigned) self->limits.max_depth);
    if (count > self->limits.max_elements)
        return s_fail (self, ZLOOM_REASON_OVERSIZE, "more than %u elements in one array or map",
                       (unsigned) self->limits.max_elements);
    return ZLOOM_OK;
}

static zloom_code_t s_read_array (reader_t *self, const json_t *array, unsigned depth)
{
    self->opened++;
    size_t count = json_array_size (array);
    zloom_code_t code = s_hold_limits (self, count, depth);
    uint8_t head[ZLOOM__HEAD_MAX];
    if (!code)
        s_put (self, head, zloom__write_array_head (head, (uint32_t) count));
    for (size_t i = 0; i < count && !code; i++)
        code = s_read_value (self, json_array_get (array, i), depth + 1);
    return code;
}

static zloom_code_t s_read_plain_object (reader_t *self, json_t *object, unsigned depth)
{
    size_t count = json_object_size (object);
    zloom_code_t code = s_hold_limits (self, count, depth);
    uint8_t head[ZLOOM__HEAD_MAX];
    if (!code)
        s_put (self, head, zloom__write_map_head (head, (uint32_t) count));
    for (void *at = json_object_iter (object); at && !code;
         at = json_object_iter_next (object, at)) {
        s_put_str (self, zloom_bytes_str (json_object_iter_key (at)));
        code = s_read_value (self, json_object_iter_value (at), depth + 1);
    }
    return code;
}

//  -------------------------------------------------------------------------
//  Forms

static zloom_bytes_t s_string (const json_t *string)
{
    return zloom_bytes (json_string_value (string), json_string_length (string));
}

//  Append the bytes of a base64 text; false where it is none.
static bool s_put_base64 (reader_t *self, zloom_bytes_t text)
{
    zloom_buffer_t *buffer = self->buffer;
    if (buffer->failed || !zloom_buffer_reserve (buffer, zloom__base64_size (text)))
        return true;
    const uint8_t *end = zloom__base64_decode (buffer->data + buffer->size, text);
    if (end)
        buffer->size = (size_t) (end - buffer->data);
    return end != NULL;
}

static zloom_code_t s_read_bytes (reader_t *self, const json_t *value, zloom__json_form_t form)
{
    zloom_bytes_t text = s_string (value);
    uint32_t size = (uint32_t) zloom__base64_size (text);
    uint8_t head[ZLOOM__HEAD_MAX];
    s_put (self, head,
           form == ZLOOM__JSON_BIN ? zloom__write_bin_head (head, size)
                                   : zloom__write_str_head (head, size));
    if (!json_is_string (value) || !s_put_base64 (self, text))
        return s_fail_form (self, form, "a string in base64");
    return ZLOOM_OK;
}

static zloom_code_t s_read_ext (reader_t *self, const json_t *value)
{
    const json_t *type = json_array_get (value, 0);
    const json_t *content = json_array_get (value, 1);
    json_int_t number = json_integer_value (type);
    zloom_bytes_t text = s_string (content);
    uint8_t head[ZLOOM__HEAD_MAX];
    s_put (self, head,
           zloom__write_ext_head (head, (int8_t) number, (uint32_t) zloom__base64_size (text)));
    if (json_array_size (value) != 2 || !json_is_integer (type) || number < INT8_MIN
        || number > INT8_MAX || !json_is_string (content) || !s_put_base64 (self, text))
        return s_fail_form (self, ZLOOM__JSON_EXT, "[type, base64] with a type from -128 to 127");
    self->opened++;
    return ZLOOM_OK;
}

static zloom_code_t s_read_map (reader_t *self, const json_t *list, unsigned depth)
{
    static const char *const takes = "[[key, value], ...]";
    if (!json_is_array (list))
        return s_fail_form (self, ZLOOM__JSON_MAP, takes);
    self->opened++;
    size_t count = json_array_size (list);
    zloom_code_t code = s_hold_limits (self, count, depth);
    uint8_t head[ZLOOM__HEAD_MAX];
    if (!code)
        s_put (self, head, zloom__write_map_head (head, (uint32_t) count));
    for (size_t i = 0; i < count && !code; i++) {
        const json_t *pair = json_array_get (list, i);
        if (json_array_size (pair) != 2)
            return s_fail_form (self, ZLOOM__JSON_MAP, takes);
        self->opened++;
        code = s_read_value (self, json_array_get (pair, 0), depth + 1);
        if (!code)
            code = s_read_value (self, json_array_get (pair, 1), depth + 1);
    }
    return code;
}

//  Decimal digits, and no more than 64 bits of them.
static bool s_parse_uint (zloom_bytes_t text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned) text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow (number, 10, &number)
            || __builtin_add_overflow (number, digit, &number))
            return false;
    }
    *ret_number = number;
    return text.size > 0;
}

static zloom_code_t s_read_uint (reader_t *self, const json_t *value)
{
    uint64_t number;
    if (!s_parse_uint (s_string (value), &number))
        return s_fail_form (self, ZLOOM__JSON_UINT, "a string of digits, up to 2^64-1");
    uint8_t head[ZLOOM__HEAD_MAX];
    return s_put (self, head, zloom__write_uint (head, number));
}

static zloom_code_t s_read_float (reader_t *self, const json_t *value)
{
    static const struct {
        const char *name;
        double number;
    } rows[] = {{"NaN", (double) NAN}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};
    uint8_t head[ZLOOM__HEAD_MAX];
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++)
        if (zloom_bytes_equal (s_string (value), zloom_bytes_str (rows[row].name)))
            return s_put (self, head, zloom__write_float (head, rows[row].number));
    return s_fail_form (self, ZLOOM__JSON_FLOAT, "\"NaN\", \"Infinity\" or \"-Infinity\"");
}

static zloom_code_t s_read_object (reader_t *self, json_t *object, unsigned depth)
{
    self->opened++;
    void *only = json_object_size (object) == 1 ? json_object_iter (object) : NULL;
    const json_t *value = json_object_iter_value (only);
    zloom__json_form_t form = zloom__json_form_from (zloom_bytes_str (json_object_iter_key (only)));
    switch (form) {
    case ZLOOM__JSON_BIN:
    case ZLOOM__JSON_STR:
        return s_read_bytes (self, value, form);
    case ZLOOM__JSON_EXT:
        return s_read_ext (self, value);
    case ZLOOM__JSON_MAP:
        return s_read_map (self, value, depth);
    case ZLOOM__JSON_UINT:
        return s_read_uint (self, value);
    case ZLOOM__JSON_FLOAT:
        return s_read_float (self, value);
    case ZLOOM__JSON_NO_FORM:
    default:
        return s_read_plain_object (self, object, depth);
    }
}

//  Append a value that lies within `depth` arrays and maps.
static zloom_code_t s_read_value (reader_t *self, json_t *value, unsigned depth)
{
    uint8_t head[ZLOOM__HEAD_MAX];
    switch (json_typeof (value)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return s_put (self, head, zloom__write_bool (head, json_is_true (value)));
    case JSON_INTEGER:
        return s_put (self, head, zloom__write_int (head, json_integer_value (value)));
    case JSON_REAL:
        return s_put (self, head, zloom__write_float (head, json_real_value (value)));
    case JSON_STRING:
        return s_put_str (self, s_string (value));
    case JSON_ARRAY:
        return s_read_array (self, value, depth);
    case JSON_OBJECT:
        return s_read_object (self, value, depth);
    case JSON_NULL:
    default:
        return s_put (self, head, zloom__write_nil (head));
    }
}

//  -------------------------------------------------------------------------
//  The whole

//  Refuse, before anything is built, what could not pass the limits or would
//  take too much memory on the way.
static zloom_code_t s_survey (const reader_t *self)
{
    const zloom_limits_t *limits = &self->limits;
    if (self->text.size > UINT32_MAX)
        return zloom_error_set (self->reterr, ZLOOM_REASON_OVERSIZE,
                                "%zu bytes of JSON, where at most %u are allowed", self->text.size,
                                (unsigned) UINT32_MAX);
    //  One level more, so that what is a little too deep is told apart by level.
    unsigned levels = limits->max_depth + 1u;
    place_t most = {.depth = NESTING_PER_LEVEL * levels,
                    .opened = SIZE_MAX,
                    .tree = (uint64_t) TREE_PER_BYTE * limits->max_size};
    place_t place;
    if (!s_walk_brackets (self->text, &most, &place))
        return ZLOOM_OK;
    return zloom_error_set (self->reterr, ZLOOM_REASON_OVERSIZE, "line %u, column %u: %s",
                            place.line, place.column,
                            place.depth > most.depth ? "nested too deep" : "too many elements");
}

static zloom_code_t s_read_text (reader_t *self)
{
    zloom_code_t code = s_survey (self);
    if (code)
        return code;
    json_error_t error;
    const char *text = self->text.size ? (const char *) self->text.data : "";
    json_t *tree = json_loadb (text, self->text.size,
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!tree)
        return s_fail_parse (self, &error);
    code = s_read_value (self, tree, 0);
    json_decref (tree);
    return code;
}

static zloom_bytes_t s_written (const zloom_buffer_t *buffer, size_t since)
{
    return zloom_bytes (buffer->data + since, buffer->size - since);
}

zloom_code_t zloom_json_to_msgpack (zloom_bytes_t text, const zloom_limits_t *limits,
                                    zloom_buffer_t *buffer, zloom_error_t *reterr)
{
    static const zloom_limits_t defaults = ZLOOM_LIMITS_DEFAULT;
    zloom_buffer_t before = *buffer;
    reader_t reader = {
        .text = text, .limits = limits ? *limits : defaults, .buffer = buffer, .reterr = reterr};
    if (reader.limits.max_depth > ZLOOM_DEPTH_MAX)
        reader.limits.max_depth = ZLOOM_DEPTH_MAX;

    zloom_code_t code = s_read_text (&reader);
    if (!code && buffer->failed)
        code = zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a message");
    if (!code)
        code = zloom_check (s_written (buffer, before.size), &reader.limits, reterr);
    if (code) {
        buffer->size = before.size;
        buffer->failed = before.failed;
    }
    return code;
}
