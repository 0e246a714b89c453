#include "message.h"

#include <arpa/inet.h>

#include "base/buffer.h"
#include "base/text.h"
#include "data/json.h"
#include "data/pack.h"
#include "data/walk.h"
#include "output.h"
#include "report.h"

zloom_bytes_t message_frame (zframe_t *frame)
{
    return zloom_bytes (zframe_data (frame), zframe_size (frame));
}

static bool s_is_utf8 (zloom_bytes_t bytes)
{
    for (size_t i = 0; i < bytes.size;) {
        size_t length = zloom_text_utf8 (zloom_bytes (bytes.data + i, bytes.size - i));
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

//  An array of frames; with `text`, those that are UTF-8 as strings.
static void s_append_frames (zloom_buffer_t *packed, zmsg_t *message, bool text)
{
    zloom_pack_array_head (packed, (uint32_t) zmsg_size (message));
    for (zframe_t *frame = zmsg_first (message); frame; frame = zmsg_next (message)) {
        zloom_bytes_t bytes = message_frame (frame);
        if (text && s_is_utf8 (bytes))
            zloom_pack_str (packed, bytes);
        else
            zloom_pack (packed, NULL, "b", bytes.data, bytes.size);
    }
    if (packed->failed)
        report_no_memory ();
}

static void s_print_json (zmsg_t *message)
{
    zloom_buffer_t packed = {0};
    zloom_pack_map_head (&packed, 1);
    zloom_pack_str (&packed, zloom_bytes_str ("frames"));
    s_append_frames (&packed, message, true);
    output_json (zloom_buffer_bytes (&packed), ZLOOM_JSON_EXACT);
    output_char ('\n');
    zloom_buffer_clear (&packed);
}

static void s_print_msgpack (zmsg_t *message)
{
    zloom_buffer_t packed = {0};
    s_append_frames (&packed, message, false);
    output_bytes (zloom_buffer_bytes (&packed));
    zloom_buffer_clear (&packed);
}

static void s_print_text (zmsg_t *message)
{
    bool several = zmsg_size (message) > 1;
    const char *between = "";
    for (zframe_t *frame = zmsg_first (message); frame; frame = zmsg_next (message)) {
        output_string (between);
        output_string (several ? "[" : "");
        output_escaped (message_frame (frame));
        output_string (several ? "]" : "");
        between = " ";
    }
    output_char ('\n');
}

static void s_print_hex (zmsg_t *message)
{
    const char *between = "";
    for (zframe_t *frame = zmsg_first (message); frame; frame = zmsg_next (message)) {
        output_string (between);
        output_hex (message_frame (frame));
        output_string (zframe_size (frame) ? "" : "-");
        between = " ";
    }
    output_char ('\n');
}

static void s_print_raw (zmsg_t *message, message_ending_t ending)
{
    for (zframe_t *frame = zmsg_first (message); frame; frame = zmsg_next (message)) {
        if (ending == MESSAGE_LEN32) {
            uint32_t size = htonl ((uint32_t) zframe_size (frame));
            output_bytes (zloom_bytes (&size, sizeof size));
        }
        output_bytes (message_frame (frame));
        if (ending == MESSAGE_LINE)
            output_char ('\n');
        else if (ending == MESSAGE_NUL)
            output_char (0);
    }
}

void message_print (zmsg_t *message, message_ending_t ending)
{
    switch (output_format ()) {
    case OUTPUT_TEXT:
        s_print_text (message);
        break;
    case OUTPUT_RAW:
        s_print_raw (message, ending);
        break;
    case OUTPUT_HEX:
        s_print_hex (message);
        break;
    case OUTPUT_JSON:
        s_print_json (message);
        break;
    case OUTPUT_MSGPACK:
        s_print_msgpack (message);
        break;
    }
    output_record_end ();
}

//  A frame in MessagePack: a string or bytes.
static zloom_code_t s_add_packed (zmsg_t *message, zloom_bytes_t packed, zloom_error_t *error)
{
    const void *data;
    size_t size;
    zloom_buffer_t scratch = {0};
    zloom_code_t code = zloom_unpack (packed, &scratch, NULL, "b", &data, &size);
    if (code)
        zloom_error_set (error, ZLOOM_REASON_BAD_JSON,
                         "frame %zu is neither a string nor {\"$bin\": \"base64\"}",
                         zmsg_size (message) + 1);
    else
        zmsg_addmem (message, data, size);
    zloom_buffer_clear (&scratch);
    return code;
}

//  Find the array of frames in {"frames": [...]}, or take the value for it.
static zloom_bytes_t s_frames_of (zloom_bytes_t value)
{
    zloom_bytes_t frames = value;
    zloom_buffer_t scratch = {0};
    if (zloom_unpack (value, &scratch, NULL, "{s:v}", "frames", &frames))
        frames = value;
    zloom_buffer_clear (&scratch);
    return frames;
}

zloom_code_t message_read_json (zmsg_t *message, zloom_bytes_t line, zloom_error_t *error)
{
    static const zloom_limits_t limits = {
        .max_size = UINT32_MAX, .max_elements = 65536, .max_depth = 4};
    zloom_buffer_t packed = {0};
    zloom_code_t code = zloom_json_to_msgpack (line, &limits, &packed, error);
    if (!code) {
        zloom_bytes_t frames = s_frames_of (zloom_buffer_bytes (&packed)), frame;
        zloom_walk_t walk;
        if (!zloom_walk_begin (&walk, frames) || walk.is_map)
            code = s_add_packed (message, frames, error);
        else
            while (!code && zloom_walk_next (&walk, &frame))
                code = s_add_packed (message, frame, error);
    }
    zloom_buffer_clear (&packed);
    return code;
}

static int s_digit (uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

//  One frame: pairs of digits, or "-".
static bool s_add_hex (zmsg_t *message, const uint8_t *word, size_t size)
{
    if (size == 1 && word[0] == '-')
        size = 0;
    zframe_t *frame = zframe_new (NULL, size / 2);
    bool good = size % 2 == 0;
    for (size_t i = 0; good && i < size; i += 2) {
        int high = s_digit (word[i]), low = s_digit (word[i + 1]);
        good = high >= 0 && low >= 0;
        if (good)
            zframe_data (frame)[i / 2] = (byte) (high << 4 | low);
    }
    if (good)
        zmsg_append (message, &frame);
    zframe_destroy (&frame);
    return good;
}

static bool s_is_blank (uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

zloom_code_t message_read_hex (zmsg_t *message, zloom_bytes_t line, zloom_error_t *error)
{
    for (size_t at = 0, end; at < line.size; at = end) {
        for (end = at; end < line.size && !s_is_blank (line.data[end]);)
            end++;
        if (end > at && !s_add_hex (message, line.data + at, end - at))
            return zloom_error_set (error, ZLOOM_REASON_MALFORMED,
                                    "column %zu: not pairs of hex digits, or - for no bytes",
                                    at + 1);
        while (end < line.size && s_is_blank (line.data[end]))
            end++;
    }
    return ZLOOM_OK;
}
