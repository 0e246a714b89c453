#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "zmtp/zmtp_turn_internal.h"

//  A greeting of ZMTP 3 (RFC 23, RFC 37):
//
//      0      signature: FF, 8 bytes of padding, 7F
//      10     version: major, minor
//      12     mechanism, padded with NULs
//      32     as-server, then filler up to 64; neither says anything with NULL
enum { SIGNATURE_SIZE = 10, MAJOR_AT = 10, MINOR_AT = 11, MECHANISM_AT = 12, MECHANISM_SIZE = 20 };
enum { GREETING_SIZE = 64 };

//  It is sent and taken in two parts: up to the major version, and what follows.
enum { FIRST_SIZE = MAJOR_AT + 1, SECOND_SIZE = GREETING_SIZE - FIRST_SIZE };

static const uint8_t s_greeting[GREETING_SIZE] = {
    [0] = 0xff, [9] = 0x7f, [10] = 3, [11] = 1, [12] = 'N', 'U', 'L', 'L'};

void zloom__zmtp_begin (zloom__zmtp_t *self, const zloom__zmtp_options_t *options,
                        zloom_buffer_t *out)
{
    zloom_assert (options->type == ZLOOM__ZMTP_DEALER || options->type == ZLOOM__ZMTP_ROUTER);
    *self = (zloom__zmtp_t){.options = options, .state = ZLOOM__ZMTP_IN_GREETING};
    zloom_buffer_append (out, s_greeting, FIRST_SIZE);
}

static bool s_refuse_version (const zloom__zmtp_turn_t *turn, const char *version)
{
    return zloom__zmtp_refuse (turn, ZLOOM_REASON_WRONG_PEER,
                               "it speaks ZMTP %s, where 3.0 or later is needed", version);
}

//  Show the first line of it, or what is there of that.
static bool s_refuse_stranger (const zloom__zmtp_turn_t *turn)
{
    zloom_bytes_t line = *turn->input;
    const uint8_t *end = memchr (line.data, '\n', line.size);
    if (end)
        line.size = (size_t) (end - line.data);
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    char shown[128];
    return zloom__zmtp_refuse (turn, ZLOOM_REASON_WRONG_PEER,
                               "it does not speak ZMTP; it says '%s'",
                               zloom_text_escape (shown, sizeof shown, line));
}

//  ZMTP 1.0 begins with the peer's identity as a frame: a size, which counts
//  the flags too, and flags of 0. Mostly there is no identity and the size is 1.
static bool s_is_version_1 (zloom_bytes_t in)
{
    return in.size == 1 ? in.data[0] == 1 : in.data[0] >= 1 && in.data[1] == 0;
}

bool zloom__zmtp_take_version (const zloom__zmtp_turn_t *turn)
{
    zloom_bytes_t in = *turn->input;
    if (in.size > 0 && in.data[0] != s_greeting[0])
        return s_is_version_1 (in) ? s_refuse_version (turn, "1.0") : s_refuse_stranger (turn);
    //  Where the signature ends, a frame of ZMTP 1.0 with a long size, which
    //  begins with FF too, has its flags.
    if (in.size >= SIGNATURE_SIZE && in.data[SIGNATURE_SIZE - 1] != s_greeting[SIGNATURE_SIZE - 1])
        return in.data[SIGNATURE_SIZE - 1] & 1 ? s_refuse_stranger (turn)
                                               : s_refuse_version (turn, "1.0");
    if (in.size < FIRST_SIZE)
        return zloom__zmtp_await (turn, FIRST_SIZE - in.size);

    uint8_t major = in.data[MAJOR_AT];
    if (major < s_greeting[MAJOR_AT])
        return s_refuse_version (turn, major == 0 ? "1.0" : "2.0");
    //  A later one speaks to us as we do; then its own minor version says nothing.
    turn->zmtp->peer_minor = major > s_greeting[MAJOR_AT] ? s_greeting[MINOR_AT] : 0;
    turn->zmtp->state = ZLOOM__ZMTP_IN_MECHANISM;
    zloom__zmtp_pass (turn, FIRST_SIZE);
    zloom_buffer_append (turn->out, s_greeting + FIRST_SIZE, SECOND_SIZE);
    return false;
}

static bool s_refuse_mechanism (const zloom__zmtp_turn_t *turn, const char *mechanism)
{
    size_t length = strnlen (mechanism, MECHANISM_SIZE);
    char shown[4 * MECHANISM_SIZE + 1];
    zloom_text_escape (shown, sizeof shown, zloom_bytes (mechanism, length));
    return zloom__zmtp_refuse (turn, ZLOOM_REASON_AUTHENTICATION,
                               "its security mechanism is '%s', where NULL is needed", shown);
}

bool zloom__zmtp_take_mechanism (const zloom__zmtp_turn_t *turn)
{
    zloom_bytes_t in = *turn->input;
    enum { AT = MECHANISM_AT - FIRST_SIZE };
    if (in.size >= AT + MECHANISM_SIZE
        && memcmp (in.data + AT, s_greeting + MECHANISM_AT, MECHANISM_SIZE) != 0)
        return s_refuse_mechanism (turn, (const char *) in.data + AT);
    if (in.size < SECOND_SIZE)
        return zloom__zmtp_await (turn, SECOND_SIZE - in.size);

    if (turn->zmtp->peer_minor == 0)
        turn->zmtp->peer_minor = in.data[MINOR_AT - FIRST_SIZE];
    turn->zmtp->state = ZLOOM__ZMTP_IN_HANDSHAKE;
    zloom__zmtp_pass (turn, SECOND_SIZE);
    zloom__zmtp_say_ready (turn);
    return false;
}
