#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text_internal.h"

//  RFC 3629, table 3-7 of Unicode: the range of the second byte depends on the first.
size_t zloom_text_utf8 (zloom_bytes_t bytes)
{
    if (bytes.size == 0)
        return 0;
    const uint8_t *p = bytes.data;
    if (p[0] < 0x80)
        return 1;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || bytes.size < length)
        return 0;
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool zloom_text_is_utf8 (zloom_bytes_t bytes)
{
    for (size_t i = 0; i < bytes.size;) {
        size_t length = zloom_text_utf8 (zloom_bytes (bytes.data + i, bytes.size - i));
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

//  A character that a terminal would act on rather than show.
static bool s_is_control (const uint8_t *p, size_t length)
{
    return (length == 1 && (p[0] < 0x20 || p[0] == 0x7f))
           || (length == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

//  Write one character or byte; returns how many bytes that took (at most 8).
static size_t s_show (char shown[8], const uint8_t *p, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    if (length > 0 && !s_is_control (p, length) && p[0] != '\\') {
        memcpy (shown, p, length);
        return length;
    }
    size_t count = length ? length : 1, at = 0;
    for (size_t i = 0; i < count; i++) {
        shown[at++] = '\\';
        shown[at++] = 'x';
        shown[at++] = hex[p[i] >> 4];
        shown[at++] = hex[p[i] & 15];
    }
    return at;
}

char *zloom_text_escape (char *ret_text, size_t size, zloom_bytes_t bytes)
{
    static const char more[] = "...";
    size_t at = 0, cut = 0;  //  cut: where "..." would still fit
    for (size_t i = 0; i < bytes.size;) {
        size_t length = zloom_text_utf8 (zloom_bytes (bytes.data + i, bytes.size - i));
        char shown[8];
        size_t wide = s_show (shown, bytes.data + i, length);
        if (at + wide + 1 > size) {
            at = cut;
            for (size_t m = 0; m < sizeof more - 1 && at + 1 < size; m++)
                ret_text[at++] = more[m];
            break;
        }
        memcpy (ret_text + at, shown, wide);
        at += wide;
        if (at + sizeof more <= size)
            cut = at;
        i += length ? length : 1;
    }
    if (size)
        ret_text[at] = 0;
    return ret_text;
}

//  Drop a character that lost its last bytes from the end of a text.
static void s_drop_partial (char *text, size_t length)
{
    size_t at = length;
    while (at > 0 && length - at < 4 && ((uint8_t) text[at - 1] & 0xc0) == 0x80)
        at--;
    if (at > 0 && (uint8_t) text[at - 1] >= 0xc0
        && zloom_text_utf8 (zloom_bytes (text + at - 1, length - at + 1)) == 0)
        text[at - 1] = 0;
}

void zloom__text_vprint (char *ret_text, size_t size, const char *format, va_list arguments)
{
    int wanted = vsnprintf (ret_text, size, format, arguments);
    if (wanted < 0)
        ret_text[0] = 0;
    else if ((size_t) wanted >= size)
        s_drop_partial (ret_text, size - 1);
}

void zloom__text_print (char *ret_text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    zloom__text_vprint (ret_text, size, format, arguments);
    va_end (arguments);
}
