#include "data/json_form_internal.h"

static const char *const s_keys[] = {
    [ZLOOM__JSON_BIN] = "$bin", [ZLOOM__JSON_STR] = "$str",   [ZLOOM__JSON_EXT] = "$ext",
    [ZLOOM__JSON_MAP] = "$map", [ZLOOM__JSON_UINT] = "$uint", [ZLOOM__JSON_FLOAT] = "$float"};

static const char s_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *zloom__json_form_key (zloom__json_form_t form)
{
    return s_keys[form];
}

zloom__json_form_t zloom__json_form_from (zloom_bytes_t key)
{
    int form = 0;
    while (form < ZLOOM__JSON_NO_FORM && !zloom_bytes_equal (key, zloom_bytes_str (s_keys[form])))
        form++;
    return (zloom__json_form_t) form;
}

size_t zloom__base64_length (size_t size)
{
    return (size + 2) / 3 * 4;
}

//  Three bytes make four digits; where one or two are missing, the last digits
//  that would say nothing of the others are '='.
uint8_t *zloom__base64_encode (uint8_t *p, zloom_bytes_t bytes)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t) bytes.data[i] << 16;
        if (left > 1)
            group |= (uint32_t) bytes.data[i + 1] << 8;
        if (left > 2)
            group |= bytes.data[i + 2];
        *p++ = (uint8_t) s_digits[group >> 18];
        *p++ = (uint8_t) s_digits[group >> 12 & 63];
        *p++ = left > 1 ? (uint8_t) s_digits[group >> 6 & 63] : '=';
        *p++ = left > 2 ? (uint8_t) s_digits[group & 63] : '=';
    }
    return p;
}

//  How many '=' a text ends in; two at most say anything.
static size_t s_padding (zloom_bytes_t text)
{
    size_t count = 0;
    while (count < 2 && count < text.size && text.data[text.size - 1 - count] == '=')
        count++;
    return count;
}

size_t zloom__base64_size (zloom_bytes_t text)
{
    return text.size < 4 ? 0 : text.size / 4 * 3 - s_padding (text);
}

//  The value of a digit, or -1.
static int s_value (uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

uint8_t *zloom__base64_decode (uint8_t *p, zloom_bytes_t text)
{
    if (text.size % 4)
        return NULL;
    size_t digits = text.size - s_padding (text);
    uint32_t bits = 0;
    unsigned count = 0;  //  Bits that are not yet a whole byte
    for (size_t i = 0; i < digits; i++) {
        int value = s_value (text.data[i]);
        if (value < 0)
            return NULL;
        bits = bits << 6 | (uint32_t) value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *p++ = (uint8_t) (bits >> count);
            bits &= (1u << count) - 1;
        }
    }
    //  Bits left over must be zero, or two texts would mean the same bytes.
    return bits ? NULL : p;
}
