//  fuzz_json - any text to MessagePack, and any MessagePack to text
//
//  The first byte says which. What is accepted must come back by the exact
//  form as it was, and every text must be JSON to others too.

#include <jansson.h>

#include "data/json.h"
#include "support/fuzz.h"
#include "support/value.h"

enum { ALL_FLAGS = ZLOOM_JSON_INDENT | ZLOOM_JSON_EXACT };

static void s_assert_json (zloom_bytes_t text)
{
    json_t *tree = json_loadb ((const char *) text.data, text.size,
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    fuzz_assert (tree);
    json_decref (tree);
}

//  No control character, but the newlines of indented text.
static void s_assert_printable (zloom_bytes_t text, int flags)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool is_c1 = byte == 0xc2 && text.data[i + 1] < 0xa0;
        bool is_break = byte == '\n' && (flags & ZLOOM_JSON_INDENT);
        fuzz_assert ((byte >= 0x20 && byte != 0x7f && !is_c1) || is_break);
    }
}

//  Write a checked value in each way; the exact ones say what it is.
static void s_write_in_each_way (zloom_bytes_t value, zloom_buffer_t *text, zloom_buffer_t *back)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    fuzz_assert (msgpack_unpack_next (&unpacked, (const char *) value.data, value.size, NULL)
                 == MSGPACK_UNPACK_SUCCESS);
    for (int flags = 0; flags <= ALL_FLAGS; flags++) {
        zloom_buffer_reset (text);
        fuzz_assert (zloom_json_from_msgpack (value, flags, NULL, text, NULL) == ZLOOM_OK);
        zloom_bytes_t written = zloom_buffer_bytes (text);
        s_assert_json (written);
        s_assert_printable (written, flags);
        if (!(flags & ZLOOM_JSON_INDENT))
            fuzz_assert (written.size <= 10 * value.size);
        if (!(flags & ZLOOM_JSON_EXACT))
            continue;
        zloom_buffer_reset (back);
        fuzz_assert (zloom_json_to_msgpack (written, NULL, back, NULL) == ZLOOM_OK);
        const uint8_t *end = back->data + back->size;
        fuzz_assert (value_compare (back->data, end, &unpacked.data) == end);
    }
    msgpack_unpacked_destroy (&unpacked);
}

static void s_try_text (zloom_bytes_t text)
{
    zloom_buffer_t value = {0}, exact = {0}, back = {0};
    zloom_error_t error = {0};
    zloom_code_t code = zloom_json_to_msgpack (text, NULL, &value, &error);
    fuzz_assert (code == error.code && (code == ZLOOM_OK) == (error.text[0] == 0));
    s_assert_printable (zloom_bytes_str (error.text), 0);
    if (code)
        fuzz_assert (value.size == 0);
    else {
        s_assert_json (text);
        fuzz_assert (zloom_check (zloom_buffer_bytes (&value), NULL, NULL) == ZLOOM_OK);
        s_write_in_each_way (zloom_buffer_bytes (&value), &exact, &back);
        fuzz_assert (zloom_bytes_equal (zloom_buffer_bytes (&value), zloom_buffer_bytes (&back)));
    }
    zloom_buffer_clear (&value);
    zloom_buffer_clear (&exact);
    zloom_buffer_clear (&back);
}

static void s_try_value (zloom_bytes_t value)
{
    zloom_buffer_t text = {0}, back = {0};
    zloom_error_t error = {0};
    bool is_sound = zloom_check (value, NULL, NULL) == ZLOOM_OK;
    zloom_code_t code = zloom_json_from_msgpack (value, 0, NULL, &text, &error);
    fuzz_assert (is_sound == (code == ZLOOM_OK) && code == error.code);
    if (is_sound)
        s_write_in_each_way (value, &text, &back);
    else
        fuzz_assert (text.size == 0);
    zloom_buffer_clear (&text);
    zloom_buffer_clear (&back);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    zloom_bytes_t rest = zloom_bytes (data + 1, size - 1);
    if (data[0] % 2)
        s_try_text (rest);
    else
        s_try_value (rest);
    return 0;
}
