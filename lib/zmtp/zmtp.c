#include "zmtp/zmtp_internal.h"

#include <inttypes.h>

#include "data/codec_internal.h"
#include "zmtp/zmtp_turn_internal.h"

//  What precedes a frame's body:
//
//      0      flags
//      1      size, one byte, or with LONG eight
typedef struct {
    uint8_t flags;
    uint8_t length;  //  Of the head itself
    uint64_t size;   //  Of the body
} head_t;

bool zloom__zmtp_refuse (const zloom__zmtp_turn_t *turn, zloom_reason_t reason, const char *format,
                         ...)
{
    va_list arguments;
    va_start (arguments, format);
    zloom_error_vset (turn->reterr, reason, format, arguments);
    va_end (arguments);
    turn->zmtp->state = ZLOOM__ZMTP_HAS_ENDED;
    turn->zmtp->quick_below = 0;
    turn->zmtp->reason = (uint8_t) reason;
    *turn->event = (zloom__zmtp_event_t){.kind = ZLOOM__ZMTP_REFUSED};
    return true;
}

bool zloom__zmtp_await (const zloom__zmtp_turn_t *turn, uint64_t wanted)
{
    *turn->event = (zloom__zmtp_event_t){.kind = ZLOOM__ZMTP_NOTHING, .wanted = wanted};
    return true;
}

void zloom__zmtp_count (zloom__zmtp_t *self, uint64_t size, bool more)
{
    uint64_t max_size = self->options->max_size;
    self->message_size = more ? self->message_size + size : 0;
    self->frames = more ? (uint8_t) (self->frames + 1) : 0;
    self->quick_below = more ? 0 : max_size < UINT8_MAX ? (uint16_t) (max_size + 1) : UINT8_MAX + 1;
}

//  A step: the turn has its event where there is no head yet, or none that is
//  allowed; else *ret_head is filled in.
static bool s_read_head (const zloom__zmtp_turn_t *turn, head_t *ret_head)
{
    zloom_bytes_t in = *turn->input;
    if (in.size == 0)
        return zloom__zmtp_await (turn, 2);
    uint8_t flags = in.data[0];
    bool is_command = flags & ZLOOM__ZMTP_FLAG_COMMAND;
    if (flags > ZLOOM__ZMTP_FLAGS || (is_command && (flags & ZLOOM__ZMTP_FLAG_MORE)))
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_MALFORMED,
                                   "no frame of ZMTP has the flags 0x%02x", flags);
    if (!is_command && turn->zmtp->state == ZLOOM__ZMTP_IN_HANDSHAKE)
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_MALFORMED, "a message where READY belongs");

    uint8_t length = flags & ZLOOM__ZMTP_FLAG_LONG ? ZLOOM__ZMTP_HEAD_MAX : 2;
    if (in.size < length)
        return zloom__zmtp_await (turn, length - in.size);
    ret_head->flags = flags;
    ret_head->length = length;
    ret_head->size = zloom__load (in.data + 1, length - 1u);
    return false;
}

static bool s_take_command (const zloom__zmtp_turn_t *turn, const head_t *head)
{
    if (head->size > ZLOOM__ZMTP_COMMAND_MAX)
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_OVERSIZE,
                                   "a command of %" PRIu64 " bytes, where at most %d are allowed",
                                   head->size, ZLOOM__ZMTP_COMMAND_MAX);
    size_t size = (size_t) head->size, whole = head->length + size;
    if (turn->input->size < whole)
        return zloom__zmtp_await (turn, whole - turn->input->size);
    zloom_bytes_t command = zloom_bytes (turn->input->data + head->length, size);
    zloom__zmtp_pass (turn, whole);
    return zloom__zmtp_take_command (turn, command);
}

//  A step: the turn has its event where the message must not go on with a frame
//  of this size.
static bool s_check_limits (const zloom__zmtp_turn_t *turn, uint64_t size)
{
    const zloom__zmtp_t *self = turn->zmtp;
    uint64_t max_size = self->options->max_size;
    if (self->frames == ZLOOM__ZMTP_FRAMES_MAX)
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_OVERSIZE, "a message of more than %d frames",
                                   ZLOOM__ZMTP_FRAMES_MAX);
    //  What came before is within the limit, so that nothing overflows here.
    uint64_t before = self->message_size;
    if (size > max_size - before)
        return zloom__zmtp_refuse (
            turn, ZLOOM_REASON_OVERSIZE,
            "a message of %" PRIu64 " bytes or more, where at most %" PRIu64 " are allowed",
            size < UINT64_MAX - before ? before + size : UINT64_MAX, max_size);
    return false;
}

static bool s_take_body (const zloom__zmtp_turn_t *turn, const head_t *head)
{
    if (s_check_limits (turn, head->size))
        return true;
    size_t there = turn->input->size - head->length;
    bool is_whole = there >= head->size;
    if (!is_whole && head->size < ZLOOM__ZMTP_LARGE)
        return zloom__zmtp_await (turn, head->size - there);

    size_t taken = is_whole ? (size_t) head->size : there;
    bool more = head->flags & ZLOOM__ZMTP_FLAG_MORE;
    *turn->event = (zloom__zmtp_event_t){
        .kind = is_whole ? ZLOOM__ZMTP_FRAME : ZLOOM__ZMTP_BEGUN,
        .body = zloom_bytes (turn->input->data + head->length, taken),
        .size = head->size,
        .more = more,
    };
    zloom__zmtp_pass (turn, head->length + taken);
    zloom__zmtp_count (turn->zmtp, head->size, more);
    return true;
}

static bool s_take_frame (const zloom__zmtp_turn_t *turn)
{
    head_t head = {.flags = 0};
    if (s_read_head (turn, &head))
        return true;
    return head.flags & ZLOOM__ZMTP_FLAG_COMMAND ? s_take_command (turn, &head)
                                                 : s_take_body (turn, &head);
}

static bool s_take_step (const zloom__zmtp_turn_t *turn)
{
    zloom__zmtp_t *self = turn->zmtp;
    if (self->state == ZLOOM__ZMTP_HAS_ENDED)
        return zloom__zmtp_refuse (turn, (zloom_reason_t) self->reason,
                                   "the connection was refused before");
    if (turn->out->failed)
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_NO_MEMORY,
                                   "no memory for what is to be said to the peer");
    if (self->state == ZLOOM__ZMTP_IN_GREETING)
        return zloom__zmtp_take_version (turn);
    if (self->state == ZLOOM__ZMTP_IN_MECHANISM)
        return zloom__zmtp_take_mechanism (turn);
    return s_take_frame (turn);
}

zloom__zmtp_event_kind_t zloom__zmtp_take_any (zloom__zmtp_t *self, zloom_bytes_t *input,
                                               zloom_buffer_t *out, zloom__zmtp_event_t *ret_event,
                                               zloom_error_t *reterr)
{
    const zloom__zmtp_turn_t turn = {self, input, out, ret_event, reterr};
    while (!s_take_step (&turn)) {
    }
    return ret_event->kind;
}

const char *zloom__zmtp_type_name (zloom__zmtp_type_t type)
{
    static const char *const names[] = {
#define X(name, text) text,
        ZLOOM__ZMTP_TYPE_MAP (X)
#undef X
    };
    return (size_t) type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}
