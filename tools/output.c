#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/text.h"
#include "data/json.h"
#include "data/pack.h"
#include "report.h"

enum { FORMAT_BY_ITSELF = -1 };

const char *const output_format_names[] = {
    [OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json",       [OUTPUT_RAW] = "raw",
    [OUTPUT_HEX] = "hex",   [OUTPUT_MSGPACK] = "msgpack", NULL};
int output_format_given = FORMAT_BY_ITSELF;
bool output_unbuffered;

//  The errno of the write that failed first.
static int s_failure;

output_format_t output_format (void)
{
    if (output_format_given != FORMAT_BY_ITSELF)
        return (output_format_t) output_format_given;
    return isatty (STDOUT_FILENO) ? OUTPUT_TEXT : OUTPUT_JSON;
}

static void s_note_failure (bool failed)
{
    if (failed && s_failure == 0)
        s_failure = errno ? errno : EIO;
}

void output_bytes (zloom_bytes_t bytes)
{
    if (bytes.size && !s_failure)
        s_note_failure (fwrite (bytes.data, 1, bytes.size, stdout) != bytes.size);
}

void output_string (const char *string)
{
    output_bytes (zloom_bytes_str (string));
}

void output_char (char c)
{
    output_bytes (zloom_bytes (&c, 1));
}

void output_hex (zloom_bytes_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        char pair[2] = {digits[bytes.data[i] >> 4], digits[bytes.data[i] & 15]};
        output_bytes (zloom_bytes (pair, 2));
    }
}

//  Piece by piece, so that the length of the whole does not matter.
void output_escaped (zloom_bytes_t bytes)
{
    while (bytes.size) {
        zloom_bytes_t piece = zloom_bytes (bytes.data, 0);
        while (piece.size < bytes.size && piece.size < 64) {
            size_t length =
                zloom_text_utf8 (zloom_bytes (bytes.data + piece.size, bytes.size - piece.size));
            piece.size += length ? length : 1;
        }
        char text[4 * 68 + 1];
        output_string (zloom_text_escape (text, sizeof text, piece));
        bytes = zloom_bytes (bytes.data + piece.size, bytes.size - piece.size);
    }
}

//  What we print was checked on its way in, so its size is no longer a question.
static const zloom_limits_t s_any_size = {
    .max_size = UINT32_MAX, .max_elements = UINT32_MAX, .max_depth = ZLOOM_DEPTH_MAX};

void output_json (zloom_bytes_t value, int flags)
{
    zloom_buffer_t text = {0};
    zloom_error_t error;
    if (zloom_json_from_msgpack (value, flags, &s_any_size, &text, &error))
        report_error (&error);
    else
        output_bytes (zloom_buffer_bytes (&text));
    zloom_buffer_clear (&text);
}

//  The bytes of a string or bin, found by its head.
static bool s_plain_bytes (zloom_bytes_t value, zloom_bytes_t *ret_bytes)
{
    const void *data;
    size_t size;
    zloom_buffer_t scratch = {0};
    bool plain = zloom_unpack (value, &scratch, NULL, "b", &data, &size) == ZLOOM_OK;
    if (plain)  //  They end where the value does, whatever unpack copied
        *ret_bytes = zloom_bytes (value.data + value.size - size, size);
    zloom_buffer_clear (&scratch);
    return plain;
}

void output_value (zloom_bytes_t value)
{
    zloom_bytes_t bytes;
    switch (output_format ()) {
    case OUTPUT_TEXT:
        if (s_plain_bytes (value, &bytes))
            output_escaped (bytes);
        else
            output_json (value, ZLOOM_JSON_INDENT);
        output_char ('\n');
        break;
    case OUTPUT_JSON:
        output_json (value, 0);
        output_char ('\n');
        break;
    case OUTPUT_RAW:
        if (s_plain_bytes (value, &bytes))
            output_bytes (bytes);
        else {
            output_json (value, 0);
            output_char ('\n');
        }
        break;
    case OUTPUT_HEX:
        output_hex (value);
        output_char ('\n');
        break;
    case OUTPUT_MSGPACK:
        output_bytes (value);
        break;
    }
    output_record_end ();
}

void output_record_end (void)
{
    static int at_once = -1;
    if (at_once < 0)
        at_once = output_unbuffered || isatty (STDOUT_FILENO);
    if (at_once)
        output_idle ();
}

void output_idle (void)
{
    if (!s_failure)
        s_note_failure (fflush (stdout) != 0);
}

bool output_failed (void)
{
    return s_failure != 0;
}

int output_end (int status)
{
    output_idle ();
    if (s_failure == EPIPE || s_failure == EBADF)  //  The reader has left, or never was
        return EXIT_OK;
    if (s_failure)
        return report (EXIT_IO, NULL, "cannot write to stdout: %s", strerror (s_failure));
    return status;
}
