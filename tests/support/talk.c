#include "support/talk.h"

#include <endian.h>

#include "support/fuzz.h"
#include "support/guarded.h"

//  What the whole handshake takes in `out`, at most: greeting, READY, ERROR.
enum { SAID_IN_HANDSHAKE = 64 + 75 + 42 };

enum { INPUT_MOST = 1 << 20 };

static const char s_stranger[] = "it does not speak ZMTP; it says '";

static void s_write (talk_t *self, const char *text)
{
    zloom_buffer_append (&self->heard, text, strlen (text));
}

void talk_forget (talk_t *self)
{
    zloom_buffer_reset (&self->heard);
    zloom_buffer_reset (&self->again);
    zloom_buffer_reset (&self->out);
}

void talk_begin (talk_t *self, zloom__zmtp_type_t type, uint64_t max_size)
{
    talk_forget (self);
    zloom_buffer_reset (&self->rest);
    *self = (talk_t){.options = {.type = type, .max_size = max_size},
                     .out = self->out,
                     .heard = self->heard,
                     .again = self->again,
                     .rest = self->rest};
    zloom__zmtp_begin (&self->zmtp, &self->options, &self->out);
}

const char *talk_heard (talk_t *self)
{
    zloom_buffer_append (&self->heard, "", 1);
    self->heard.size--;
    return (const char *) self->heard.data;
}

void talk_end (talk_t *self)
{
    zloom_buffer_clear (&self->out);
    zloom_buffer_clear (&self->heard);
    zloom_buffer_clear (&self->again);
    zloom_buffer_clear (&self->rest);
    *self = (talk_t){.wanted = 0};
}

//  A body, or a part of it. After its last byte the line ends.
static void s_note_body (talk_t *self, zloom_bytes_t part, uint64_t left)
{
    zloom_buffer_append (&self->heard, part.data, part.size);
    zloom_buffer_append (&self->again, part.data, part.size);
    self->body_left = left;
    if (left == 0)
        s_write (self, "\n");
}

static void s_note_frame (talk_t *self, const zloom__zmtp_event_t *event)
{
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    zloom_buffer_append (&self->again, head, zloom__zmtp_head (head, event->size, event->more));
    s_write (self, event->more ? "MORE " : "LAST ");
    s_note_body (self, event->body, event->size - event->body.size);

    self->message_size += event->size;
    self->message_frames++;
    fuzz_assert (event->size <= self->options.max_size);
    fuzz_assert (self->message_size <= self->options.max_size);
    fuzz_assert (self->message_frames <= ZLOOM__ZMTP_FRAMES_MAX);
    if (!event->more)
        self->message_size = self->message_frames = 0;
}

//  What a stranger says is shown as far as it is there; that depends on the
//  pieces, and whether it may have been a ZMTP 1.0 does too.
static void s_note_refusal (talk_t *self, bool is_first_byte)
{
    const zloom_error_t *error = &self->error;
    fuzz_assert (self->zmtp.state == ZLOOM__ZMTP_HAS_ENDED);
    fuzz_assert (error->code == zloom_reason_code (error->reason) && error->text[0]);
    fuzz_assert (error->reason == ZLOOM_REASON_WRONG_PEER || error->reason == ZLOOM_REASON_MALFORMED
                 || error->reason == ZLOOM_REASON_AUTHENTICATION
                 || error->reason == ZLOOM_REASON_OVERSIZE);
    for (const char *p = error->text; *p; p++)
        fuzz_assert ((uint8_t) *p >= 0x20 && *p != 0x7f);
    s_write (self, "REFUSED ");
    s_write (self, zloom_reason_name (error->reason));
    if (!is_first_byte && strncmp (error->text, s_stranger, sizeof s_stranger - 1) != 0) {
        s_write (self, ": ");
        s_write (self, error->text);
    }
    s_write (self, "\n");
}

//  What is handed out is the end of what was used up, and in one piece.
static void s_check_frame (const zloom__zmtp_event_t *event, zloom_bytes_t before,
                           zloom_bytes_t after)
{
    const uint8_t *end = event->body.data + event->body.size;
    fuzz_assert (event->body.data >= before.data + 2 && end == after.data);
    if (event->kind == ZLOOM__ZMTP_FRAME) {
        fuzz_assert (event->size == event->body.size);
        return;
    }
    fuzz_assert (after.size == 0 && event->size > event->body.size);
    fuzz_assert (event->size >= ZLOOM__ZMTP_LARGE);
}

//  Take one thing; false when there is nothing more in this piece.
static bool s_take (talk_t *self, zloom_bytes_t *input)
{
    zloom_bytes_t before = *input;
    bool is_first_byte =
        self->zmtp.state == ZLOOM__ZMTP_IN_GREETING && before.size > 0 && before.data[0] != 0xff;
    zloom__zmtp_event_t event = {.kind = ZLOOM__ZMTP_NOTHING};
    zloom_error_t error = {.reason = ZLOOM_REASON_NONE};
    zloom__zmtp_event_kind_t kind =
        zloom__zmtp_take (&self->zmtp, input, &self->out, &event, &error);
    fuzz_assert (kind == event.kind && (kind == ZLOOM__ZMTP_REFUSED) == (error.text[0] != 0));
    fuzz_assert (input->data + input->size == before.data + before.size);
    fuzz_assert (input->size <= before.size && !self->out.failed);
    fuzz_assert (self->out.size <= self->brought + self->sent + SAID_IN_HANDSHAKE);
    switch (kind) {
    case ZLOOM__ZMTP_NOTHING:
        fuzz_assert (event.wanted > 0 && input->size < ZLOOM__ZMTP_REST_MAX);
        self->wanted = event.wanted;
        return false;
    case ZLOOM__ZMTP_OPENED:
        fuzz_assert (input->size < before.size && self->zmtp.state == ZLOOM__ZMTP_IS_OPEN);
        s_write (self, "OPENED\n");
        break;
    case ZLOOM__ZMTP_FRAME:
    case ZLOOM__ZMTP_BEGUN:
        fuzz_assert (self->zmtp.state == ZLOOM__ZMTP_IS_OPEN);
        s_check_frame (&event, before, *input);
        s_note_frame (self, &event);
        break;
    case ZLOOM__ZMTP_REFUSED:
        if (self->error.text[0] == 0) {
            self->error = error;
            s_note_refusal (self, is_first_byte);
        }
        fuzz_assert (error.reason == self->error.reason);
        return false;
    }
    //  Where not as much has come as was wanted, there is no event.
    fuzz_assert (self->wanted == 0);
    return self->body_left == 0;
}

void talk_hear (talk_t *self, zloom_bytes_t piece)
{
    static guarded_t guarded;
    if (!guarded.pages)
        guarded = guarded_new (INPUT_MOST);
    self->brought += piece.size;
    if (self->body_left > 0) {
        size_t size = piece.size < self->body_left ? piece.size : (size_t) self->body_left;
        s_note_body (self, zloom_bytes (piece.data, size), self->body_left - size);
        piece = zloom_bytes (piece.data + size, piece.size - size);
        if (self->body_left > 0)
            return;
    }
    self->wanted -= piece.size < self->wanted ? piece.size : self->wanted;
    zloom_buffer_append (&self->rest, piece.data, piece.size);
    fuzz_assert (self->rest.size <= INPUT_MOST);
    zloom_bytes_t input = guarded_put (&guarded, zloom_buffer_bytes (&self->rest));
    while (s_take (self, &input)) {
    }
    zloom_buffer_reset (&self->rest);
    if (self->zmtp.state != ZLOOM__ZMTP_HAS_ENDED)
        zloom_buffer_append (&self->rest, input.data, input.size);
}

void talk_hear_in_pieces (talk_t *self, zloom_bytes_t bytes, size_t size)
{
    for (size_t at = 0; at < bytes.size; at += size) {
        size_t left = bytes.size - at;
        talk_hear (self, zloom_bytes (bytes.data + at, left < size ? left : size));
    }
}

void talk_hear_at_random (talk_t *self, zloom_bytes_t bytes, size_t most, zloom_random_t *random)
{
    for (size_t at = 0, size; at < bytes.size; at += size) {
        size_t left = bytes.size - at;
        size = (size_t) zloom_random_below (random, (left < most ? left : most) + 1);
        talk_hear (self, zloom_bytes (bytes.data + at, size));
    }
}

void talk_send (talk_t *self, zloom_bytes_t body, bool more)
{
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    size_t length = zloom__zmtp_head (head, body.size, more);
    zloom_buffer_append (&self->out, head, length);
    zloom_buffer_append (&self->out, body.data, body.size);
    self->sent += length + body.size;
}

void talk_greet (zloom_buffer_t *peer, const char *mechanism)
{
    uint8_t greeting[64] = {[0] = 0xff, [9] = 0x7f, [10] = 3, [11] = 1};
    memcpy (greeting + 12, mechanism, strlen (mechanism));
    zloom_buffer_append (peer, greeting, sizeof greeting);
}

void talk_command (zloom_buffer_t *peer, const char *name, zloom_bytes_t data)
{
    size_t length = strlen (name);
    uint8_t head[] = {ZLOOM__ZMTP_FLAG_COMMAND, (uint8_t) (length + data.size)};
    zloom_buffer_append (peer, head, sizeof head);
    zloom_buffer_append (peer, name, length);
    zloom_buffer_append (peer, data.data, data.size);
}

void talk_property (zloom_buffer_t *peer, const char *name, zloom_bytes_t value)
{
    uint8_t length = (uint8_t) strlen (name);
    uint8_t size[] = {0, 0, (uint8_t) (value.size >> 8), (uint8_t) value.size};
    zloom_buffer_append (peer, &length, 1);
    zloom_buffer_append (peer, name, length);
    zloom_buffer_append (peer, size, sizeof size);
    zloom_buffer_append (peer, value.data, value.size);
}

void talk_ready (zloom_buffer_t *peer, const char *type)
{
    zloom_buffer_t properties = {0};
    talk_property (&properties, "Socket-Type", zloom_bytes_str (type));
    talk_command (peer, "\5READY", zloom_buffer_bytes (&properties));
    zloom_buffer_clear (&properties);
}

void talk_open (zloom_buffer_t *peer, const char *type)
{
    talk_greet (peer, "NULL");
    talk_ready (peer, type);
}

void talk_frame (zloom_buffer_t *peer, uint8_t flags, zloom_bytes_t body)
{
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX] = {flags, (uint8_t) body.size};
    size_t length = 2;
    if (flags & ZLOOM__ZMTP_FLAG_LONG) {
        uint64_t size = htobe64 (body.size);
        memcpy (head + 1, &size, sizeof size);
        length = sizeof head;
    }
    zloom_buffer_append (peer, head, length);
    zloom_buffer_append (peer, body.data, body.size);
}
