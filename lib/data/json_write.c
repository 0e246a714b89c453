#include "data/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "data/codec_internal.h"
#include "data/json_form_internal.h"

//  A writer goes through a checked value from left to right and appends text as
//  it goes: no tree, so memory is that of the text. Appending that fails is
//  seen at the end.
typedef struct {
    zloom_buffer_t *text;
    const uint8_t *end;   //  Of the value
    zloom_buffer_t keys;  //  zloom_bytes_t: the keys of the map at hand
    bool is_indented;
    bool is_exact;
} writer_t;

static const uint8_t *s_write_value (writer_t *self, const uint8_t *p, unsigned depth);

//  -------------------------------------------------------------------------
//  Pieces of text

static void s_put (writer_t *self, const char *text)
{
    zloom_buffer_append (self->text, text, strlen (text));
}

static void s_put_break (writer_t *self, unsigned depth)
{
    if (!self->is_indented)
        return;
    s_put (self, "\n");
    while (depth--)
        s_put (self, "  ");
}

//  Before element number `i`, from 0, of what is at `depth`.
static void s_put_separator (writer_t *self, uint32_t i, unsigned depth)
{
    if (i)
        s_put (self, ",");
    s_put_break (self, depth);
}

static void s_put_key_end (writer_t *self)
{
    s_put (self, self->is_indented ? ": " : ":");
}

//  Between the two of a pair, which stays on its line.
static void s_put_pair_comma (writer_t *self)
{
    s_put (self, self->is_indented ? ", " : ",");
}

//  {"$bin":
static void s_open_form (writer_t *self, zloom__json_form_t form)
{
    s_put (self, "{\"");
    s_put (self, zloom__json_form_key (form));
    s_put (self, "\"");
    s_put_key_end (self);
}

static void s_put_base64 (writer_t *self, zloom_bytes_t bytes)
{
    zloom_buffer_t *text = self->text;
    s_put (self, "\"");
    if (!text->failed && zloom_buffer_reserve (text, zloom__base64_length (bytes.size)))
        text->size = (size_t) (zloom__base64_encode (text->data + text->size, bytes) - text->data);
    s_put (self, "\"");
}

//  A text that needs no escapes: as a string, or inside a form where the text
//  has to come back as what it was.
static void s_put_plain (writer_t *self, zloom__json_form_t form, const char *text)
{
    if (self->is_exact)
        s_open_form (self, form);
    s_put (self, "\"");
    s_put (self, text);
    s_put (self, self->is_exact ? "\"}" : "\"");
}

//  -------------------------------------------------------------------------
//  Strings

//  How the character at p is escaped, or NULL where it stands for itself. A
//  terminal acts on C0, DEL and C1, so none of them is left as it is.
static const char *s_escape (const uint8_t *p, char ret_escape[8])
{
    static const char shorts[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                  ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    bool is_c1 = p[0] == 0xc2 && p[1] < 0xa0;
    if (p[0] < sizeof shorts && shorts[p[0]])
        snprintf (ret_escape, 8, "\\%c", shorts[p[0]]);
    else if (p[0] < 0x20 || p[0] == 0x7f || is_c1)
        snprintf (ret_escape, 8, "\\u%04x", is_c1 ? p[1] : p[0]);
    else
        return NULL;
    return ret_escape;
}

static void s_put_string (writer_t *self, zloom_bytes_t string)
{
    s_put (self, "\"");
    size_t plain = 0;  //  From here on nothing has been escaped
    for (size_t i = 0; i < string.size;) {
        char escape[8];
        size_t length = string.data[i] == 0xc2 ? 2 : 1;
        if (s_escape (string.data + i, escape)) {
            zloom_buffer_append (self->text, string.data + plain, i - plain);
            s_put (self, escape);
            plain = i + length;
        }
        i += length;
    }
    if (string.size)
        zloom_buffer_append (self->text, string.data + plain, string.size - plain);
    s_put (self, "\"");
}

static void s_write_str (writer_t *self, zloom_bytes_t string)
{
    if (zloom_text_is_utf8 (string)) {
        s_put_string (self, string);
        return;
    }
    s_open_form (self, ZLOOM__JSON_STR);
    s_put_base64 (self, string);
    s_put (self, "}");
}

static void s_write_bin (writer_t *self, zloom_bytes_t bytes)
{
    if (self->is_exact)
        s_open_form (self, ZLOOM__JSON_BIN);
    s_put_base64 (self, bytes);
    if (self->is_exact)
        s_put (self, "}");
}

//  -------------------------------------------------------------------------
//  Numbers

static void s_write_uint (writer_t *self, uint64_t number)
{
    char digits[24];
    snprintf (digits, sizeof digits, "%llu", (unsigned long long) number);
    if (number > INT64_MAX)
        s_put_plain (self, ZLOOM__JSON_UINT, digits);
    else
        s_put (self, digits);
}

static void s_write_int (writer_t *self, int64_t number)
{
    char digits[24];
    snprintf (digits, sizeof digits, "%lld", (long long) number);
    s_put (self, digits);
}

//  As few digits as give the same number back, but a point or an exponent, so
//  that it stays a float; and a point is a point in any locale.
static void s_put_finite (writer_t *self, double number)
{
    char digits[40];
    int precision = 15;
    do
        snprintf (digits, sizeof digits - 2, "%.*g", precision, number);
    while (strtod (digits, NULL) != number && ++precision <= 17);

    const char *point = localeconv ()->decimal_point;
    char *found = strstr (digits, point);
    if (found) {
        size_t length = strlen (point);
        *found = '.';
        memmove (found + 1, found + length, strlen (found + length) + 1);
    } else if (!strchr (digits, 'e'))
        strcat (digits, ".0");
    s_put (self, digits);
}

static void s_write_float (writer_t *self, double number)
{
    if (isnan (number))
        s_put_plain (self, ZLOOM__JSON_FLOAT, "NaN");
    else if (isinf (number))
        s_put_plain (self, ZLOOM__JSON_FLOAT, number > 0 ? "Infinity" : "-Infinity");
    else
        s_put_finite (self, number);
}

//  -------------------------------------------------------------------------
//  Extensions

//  A date and time in the Gregorian calendar.
typedef struct {
    unsigned year, month, day;
    unsigned second;  //  Of the day
} date_t;

static const int64_t s_year_0 = INT64_C (-62167219200), s_year_9999_end = INT64_C (253402300799);

//  The date of a second, counted from 1970, within the years 0 to 9999. Years
//  begin in March here, so that a leap day is the last of its year, and are
//  counted from -400, so that no number is negative.
static date_t s_date_of (int64_t seconds)
{
    enum { DAY = 86400, CENTURY = 36524, FOUR_CENTURIES = 146097, FOUR_YEARS = 1461, YEAR = 365 };
    enum { MARCH_TO_JANUARY = 60 };
    uint64_t from_0 = (uint64_t) (seconds - s_year_0);
    unsigned rest = (unsigned) (from_0 / DAY) + FOUR_CENTURIES - MARCH_TO_JANUARY;

    //  The last century of four, and the last year of four, are a day longer.
    unsigned cycles = rest / FOUR_CENTURIES;
    rest %= FOUR_CENTURIES;
    unsigned centuries = rest / CENTURY - rest / CENTURY / 4;
    rest -= centuries * CENTURY;
    unsigned fours = rest / FOUR_YEARS;
    rest %= FOUR_YEARS;
    unsigned years = rest / YEAR - rest / YEAR / 4;
    rest -= years * YEAR;

    //  From March: 31 30 31 30 31 days, the same from August, 31 and 28 or 29.
    unsigned month = (5 * rest + 2) / 153;
    unsigned year = 400 * cycles + 100 * centuries + 4 * fours + years - 400;
    return (date_t){.year = year + (month >= 10),
                    .month = month < 10 ? month + 3 : month - 9,
                    .day = rest - (153 * month + 2) / 5 + 1,
                    .second = (unsigned) (from_0 % DAY)};
}

//  Seconds since 1970 and nanoseconds of a timestamp's content.
static bool s_read_timestamp (zloom_bytes_t content, int64_t *ret_seconds, uint32_t *ret_nanos)
{
    const uint8_t *p = content.data;
    uint64_t both;
    switch (content.size) {
    case 4:
        *ret_seconds = (int64_t) zloom__load (p, 4);
        *ret_nanos = 0;
        return true;
    case 8:
        both = zloom__load (p, 8);
        *ret_seconds = (int64_t) (both & ((UINT64_C (1) << 34) - 1));
        *ret_nanos = (uint32_t) (both >> 34);
        return true;
    case 12:
        *ret_nanos = (uint32_t) zloom__load (p, 4);
        *ret_seconds = (int64_t) zloom__load (p + 4, 8);
        return true;
    default:
        return false;
    }
}

//  RFC 3339 with as many digits of a second as it has, by threes. False, and
//  nothing written, where that has no such text.
static bool s_write_timestamp (writer_t *self, zloom_bytes_t content)
{
    int64_t seconds;
    uint32_t nanos;
    if (!s_read_timestamp (content, &seconds, &nanos) || seconds < s_year_0
        || seconds > s_year_9999_end || nanos > 999999999)
        return false;

    char fraction[16] = "", text[64];
    for (int digits = 9; nanos && !fraction[0]; digits -= 3, nanos /= 1000)
        if (nanos % 1000)
            snprintf (fraction, sizeof fraction, ".%0*u", digits, (unsigned) nanos);
    date_t date = s_date_of (seconds);
    snprintf (text, sizeof text, "\"%04u-%02u-%02uT%02u:%02u:%02u%sZ\"", date.year, date.month,
              date.day, date.second / 3600, date.second / 60 % 60, date.second % 60, fraction);
    s_put (self, text);
    return true;
}

static void s_write_ext (writer_t *self, int8_t type, zloom_bytes_t content)
{
    if (type == -1 && !self->is_exact && s_write_timestamp (self, content))
        return;
    s_open_form (self, ZLOOM__JSON_EXT);
    s_put (self, "[");
    s_write_int (self, type);
    s_put_pair_comma (self);
    s_put_base64 (self, content);
    s_put (self, "]}");
}

//  -------------------------------------------------------------------------
//  Arrays and maps

static const uint8_t *s_write_array (writer_t *self, const uint8_t *p, uint32_t count,
                                     unsigned depth)
{
    s_put (self, "[");
    for (uint32_t i = 0; i < count; i++) {
        s_put_separator (self, i, depth + 1);
        p = s_write_value (self, p, depth + 1);
    }
    if (count)
        s_put_break (self, depth);
    s_put (self, "]");
    return p;
}

static int s_compare_keys (const void *a_p, const void *b_p)
{
    const zloom_bytes_t *a = (const zloom_bytes_t *) a_p, *b = (const zloom_bytes_t *) b_p;
    size_t common = a->size < b->size ? a->size : b->size;
    int order = common ? memcmp (a->data, b->data, common) : 0;
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

//  Collect the keys of a map; false where one cannot be the key of an object.
static bool s_collect_keys (writer_t *self, const uint8_t *p, uint32_t pairs)
{
    zloom_buffer_reset (&self->keys);
    for (; pairs; pairs--) {
        zloom__token_t token;
        const uint8_t *content = zloom__read_checked (p, self->end, &token);
        zloom_bytes_t key = zloom_bytes (content, token.length);
        if (token.type != ZLOOM__STR || !zloom_text_is_utf8 (key) || memchr (key.data, 0, key.size))
            return false;
        zloom_buffer_append (&self->keys, &key, sizeof key);
        p = zloom__pass_checked (content + token.length, self->end);
    }
    return true;
}

//  Whether a map can be an object: every key serves, none stands twice, and it
//  would not be taken for a form.
static bool s_is_object (writer_t *self, const uint8_t *p, uint32_t pairs)
{
    if (!s_collect_keys (self, p, pairs))
        return false;
    if (self->keys.failed) {
        self->text->failed = true;
        return false;
    }
    zloom_bytes_t *keys = (zloom_bytes_t *) (void *) self->keys.data;
    if (pairs == 1)
        return zloom__json_form_from (keys[0]) == ZLOOM__JSON_NO_FORM;
    if (pairs)
        qsort (keys, pairs, sizeof keys[0], s_compare_keys);
    for (uint32_t i = 1; i < pairs; i++)
        if (zloom_bytes_equal (keys[i - 1], keys[i]))
            return false;
    return true;
}

static const uint8_t *s_write_object (writer_t *self, const uint8_t *p, uint32_t pairs,
                                      unsigned depth)
{
    s_put (self, "{");
    for (uint32_t i = 0; i < pairs; i++) {
        s_put_separator (self, i, depth + 1);
        p = s_write_value (self, p, depth + 1);
        s_put_key_end (self);
        p = s_write_value (self, p, depth + 1);
    }
    if (pairs)
        s_put_break (self, depth);
    s_put (self, "}");
    return p;
}

static const uint8_t *s_write_pairs (writer_t *self, const uint8_t *p, uint32_t pairs,
                                     unsigned depth)
{
    s_open_form (self, ZLOOM__JSON_MAP);
    s_put (self, "[");
    for (uint32_t i = 0; i < pairs; i++) {
        s_put_separator (self, i, depth + 1);
        s_put (self, "[");
        p = s_write_value (self, p, depth + 1);
        s_put_pair_comma (self);
        p = s_write_value (self, p, depth + 1);
        s_put (self, "]");
    }
    s_put_break (self, depth);
    s_put (self, "]}");
    return p;
}

//  -------------------------------------------------------------------------
//  The whole

//  Write the value at p; returns what follows it.
static const uint8_t *s_write_value (writer_t *self, const uint8_t *head, unsigned depth)
{
    zloom__token_t token;
    const uint8_t *p = zloom__read_checked (head, self->end, &token);
    zloom_bytes_t content = zloom_bytes (p, token.length);
    switch (token.type) {
    case ZLOOM__BOOL:
        s_put (self, token.value.boolean ? "true" : "false");
        break;
    case ZLOOM__UINT:
        s_write_uint (self, token.value.u);
        break;
    case ZLOOM__INT:
        s_write_int (self, token.value.i);
        break;
    case ZLOOM__FLOAT:
        s_write_float (self, token.value.f);
        break;
    case ZLOOM__STR:
        s_write_str (self, content);
        break;
    case ZLOOM__BIN:
        s_write_bin (self, content);
        break;
    case ZLOOM__EXT:
        s_write_ext (self, token.ext_type, content);
        break;
    case ZLOOM__ARRAY:
        return s_write_array (self, p, token.length, depth);
    case ZLOOM__MAP:
        return s_is_object (self, p, token.length) ? s_write_object (self, p, token.length, depth)
                                                   : s_write_pairs (self, p, token.length, depth);
    case ZLOOM__NIL:
    default:
        s_put (self, "null");
    }
    return p + token.length;
}

zloom_code_t zloom_json_from_msgpack (zloom_bytes_t value, int flags, const zloom_limits_t *limits,
                                      zloom_buffer_t *buffer, zloom_error_t *reterr)
{
    zloom_code_t code = zloom_check (value, limits, reterr);
    if (code)
        return code;
    zloom_buffer_t before = *buffer;
    writer_t writer = {.text = buffer,
                       .end = value.data + value.size,
                       .is_indented = (flags & ZLOOM_JSON_INDENT) != 0,
                       .is_exact = (flags & ZLOOM_JSON_EXACT) != 0};
    s_write_value (&writer, value.data, 0);
    zloom_buffer_clear (&writer.keys);
    if (buffer->failed) {
        buffer->size = before.size;
        buffer->failed = before.failed;
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for JSON");
    }
    return ZLOOM_OK;
}
