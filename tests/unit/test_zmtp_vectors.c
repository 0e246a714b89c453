//  The file tests/vectors/zmtp.txt, through zloom__zmtp: each connection as a
//  whole, byte by byte, and cut at random.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/json.h"
#include "data/pack.h"
#include "support/guarded.h"
#include "support/talk.h"
#include "support/vectors.h"

enum { MAX_SIZE = 1 << 20, HANDSHAKE_SIZE = 64 + 75, RANDOM_CUTS = 50 };

static const zloom__zmtp_options_t s_options = {.type = ZLOOM__ZMTP_ROUTER, .max_size = MAX_SIZE};

//  What a connection came to.
typedef struct {
    zloom__zmtp_t zmtp;
    zloom_buffer_t out;
    zloom_buffer_t messages;  //  As JSON
    zloom_buffer_t frames;    //  As zloom would write them
    zloom_error_t error;      //  Where it was refused
} outcome_t;

static void s_add (zloom_buffer_t *text, const char *string)
{
    zloom_buffer_append (text, string, strlen (string));
}

//  Bytes as JSON has them.
static void s_add_bytes (zloom_buffer_t *text, zloom_bytes_t bytes)
{
    zloom_buffer_t packed = {0};
    assert_int_equal (zloom_pack (&packed, NULL, "b", bytes.data, bytes.size), ZLOOM_OK);
    assert_int_equal (
        zloom_json_from_msgpack (zloom_buffer_bytes (&packed), ZLOOM_JSON_EXACT, NULL, text, NULL),
        ZLOOM_OK);
    zloom_buffer_clear (&packed);
}

static void s_add_frame (outcome_t *self, const zloom__zmtp_event_t *event, bool goes_on)
{
    s_add (&self->messages, goes_on ? "," : self->messages.size ? ",[" : "[");
    s_add_bytes (&self->messages, event->body);
    s_add (&self->messages, event->more ? "" : "]");
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    zloom_buffer_append (&self->frames, head, zloom__zmtp_head (head, event->size, event->more));
    zloom_buffer_append (&self->frames, event->body.data, event->body.size);
}

static void s_hear (outcome_t *self, zloom_bytes_t bytes)
{
    zloom__zmtp_begin (&self->zmtp, &s_options, &self->out);
    bool goes_on = false;
    for (;;) {
        zloom__zmtp_event_t event;
        switch (zloom__zmtp_take (&self->zmtp, &bytes, &self->out, &event, &self->error)) {
        case ZLOOM__ZMTP_OPENED:
            break;
        case ZLOOM__ZMTP_FRAME:
            s_add_frame (self, &event, goes_on);
            goes_on = event.more;
            break;
        case ZLOOM__ZMTP_NOTHING:
            assert_int_equal (bytes.size, 0);
            return;
        case ZLOOM__ZMTP_BEGUN:
        case ZLOOM__ZMTP_REFUSED:
            return;
        }
    }
}

static void s_clear (outcome_t *self)
{
    zloom_buffer_clear (&self->out);
    zloom_buffer_clear (&self->messages);
    zloom_buffer_clear (&self->frames);
}

//  What was said after the handshake: PONGs and no more.
static void s_add_pongs (const outcome_t *self, zloom_buffer_t *text)
{
    static const char name[] = "\4PONG";
    enum { NAME = sizeof name - 1 };
    size_t at = HANDSHAKE_SIZE;
    for (; at < self->out.size; at += 2u + self->out.data[at + 1]) {
        const uint8_t *frame = self->out.data + at;
        assert_int_equal (frame[0], ZLOOM__ZMTP_FLAG_COMMAND);
        assert_memory_equal (frame + 2, name, NAME);
        s_add (text, at == HANDSHAKE_SIZE ? ",\"pongs\":[" : ",");
        s_add_bytes (text, zloom_bytes (frame + 2 + NAME, frame[1] - (size_t) NAME));
    }
    assert_int_equal (at, self->out.size);
    s_add (text, at > HANDSHAKE_SIZE ? "]" : "");
}

static void s_assert_meaning (const vector_t *vector, const outcome_t *outcome)
{
    const zloom__zmtp_t *zmtp = &outcome->zmtp;
    char version[2] = {(char) ('0' + zmtp->peer_minor), 0};
    zloom_buffer_t text = {0};
    s_add (&text, "{\"type\":\"");
    s_add (&text, zloom__zmtp_type_name (zmtp->peer_type));
    s_add (&text, "\",\"version\":\"3.");
    s_add (&text, version);
    s_add (&text, zmtp->is_zloom ? "\",\"zloom\":true" : "\",\"zloom\":false");
    s_add (&text, ",\"messages\":[");
    zloom_buffer_append (&text, outcome->messages.data, outcome->messages.size);
    s_add (&text, "]");
    s_add_pongs (outcome, &text);
    s_add (&text, "}");
    if (!zloom_bytes_equal (zloom_buffer_bytes (&text), zloom_bytes_str (vector->expected)))
        fail_msg ("line %u: %s: found %.*s", vector->line, vector->description, (int) text.size,
                  (const char *) text.data);
    zloom_buffer_clear (&text);
}

//  What a socket of zloom of the same type would have said is these very bytes,
//  or must not be. zloom has no REQ.
static void s_assert_written (const vector_t *vector, const outcome_t *outcome)
{
    if (outcome->zmtp.peer_type == ZLOOM__ZMTP_REQ) {
        assert_int_equal (vector->verdict, '~');
        return;
    }
    zloom__zmtp_options_t options = {.type = outcome->zmtp.peer_type, .max_size = MAX_SIZE};
    zloom__zmtp_t zmtp;
    zloom__zmtp_event_t event;
    zloom_buffer_t written = {0};
    zloom__zmtp_begin (&zmtp, &options, &written);
    zloom_bytes_t greeting = zloom_bytes (outcome->out.data, 64);
    assert_int_equal (zloom__zmtp_take (&zmtp, &greeting, &written, &event, NULL),
                      ZLOOM__ZMTP_NOTHING);
    zloom_buffer_append (&written, outcome->frames.data, outcome->frames.size);
    bool is_same = zloom_bytes_equal (zloom_buffer_bytes (&written), vector->bytes);
    if (is_same != (vector->verdict == '='))
        fail_msg ("line %u: %s: zloom writes it %s", vector->line, vector->description,
                  is_same ? "just so" : "otherwise");
    zloom_buffer_clear (&written);
}

static void s_try (const vector_t *vector)
{
    outcome_t outcome = {.error = {.text = ""}};
    s_hear (&outcome, vector->bytes);
    bool is_refused = outcome.zmtp.state == ZLOOM__ZMTP_HAS_ENDED;
    if (is_refused != (vector->verdict == '!'))
        fail_msg ("line %u: %s: %s", vector->line, vector->description,
                  is_refused ? outcome.error.text : "was accepted");
    if (!is_refused) {
        s_assert_meaning (vector, &outcome);
        s_assert_written (vector, &outcome);
    } else if (strcmp (zloom_reason_name (outcome.error.reason), vector->expected) != 0)
        fail_msg ("line %u: %s: %s", vector->line, vector->description, outcome.error.text);
    s_clear (&outcome);
}

//  The same events, and the same is said, however the bytes come.
static void s_try_in_pieces (const vector_t *vector)
{
    zloom_random_t random;
    zloom_random_seed (&random, vector->line);
    talk_t whole = {.wanted = 0}, pieces = {.wanted = 0};
    talk_begin (&whole, ZLOOM__ZMTP_ROUTER, MAX_SIZE);
    talk_hear (&whole, vector->bytes);
    for (int round = 0; round < RANDOM_CUTS; round++) {
        talk_begin (&pieces, ZLOOM__ZMTP_ROUTER, MAX_SIZE);
        if (round == 0)
            talk_hear_in_pieces (&pieces, vector->bytes, 1);
        else
            talk_hear_at_random (&pieces, vector->bytes, 1u << round % 8, &random);
        if (!zloom_bytes_equal (zloom_buffer_bytes (&whole.heard),
                                zloom_buffer_bytes (&pieces.heard)))
            fail_msg ("line %u: %s: in pieces it is %s", vector->line, vector->description,
                      talk_heard (&pieces));
        assert_true (
            zloom_bytes_equal (zloom_buffer_bytes (&whole.out), zloom_buffer_bytes (&pieces.out)));
        talk_end (&pieces);
    }
    talk_end (&whole);
}

//  Cut off anywhere, it waits for more or is refused, and looks at no byte
//  behind the cut.
static void s_try_prefixes (const vector_t *vector)
{
    guarded_t guarded = guarded_new (vector->bytes.size + 1);
    for (size_t size = 0; size <= vector->bytes.size; size++) {
        outcome_t outcome = {.error = {.text = ""}};
        zloom_bytes_t input = guarded_put (&guarded, zloom_bytes (vector->bytes.data, size));
        zloom__zmtp_event_t event;
        zloom__zmtp_begin (&outcome.zmtp, &s_options, &outcome.out);
        zloom__zmtp_event_kind_t kind;
        do
            kind = zloom__zmtp_take (&outcome.zmtp, &input, &outcome.out, &event, &outcome.error);
        while (kind == ZLOOM__ZMTP_OPENED || kind == ZLOOM__ZMTP_FRAME);
        if (kind == ZLOOM__ZMTP_REFUSED && vector->verdict != '!')
            fail_msg ("line %u: %s: %zu bytes: %s", vector->line, vector->description, size,
                      outcome.error.text);
        s_clear (&outcome);
    }
    guarded_clear (&guarded);
}

static void s_try_file (void (*try_one) (const vector_t *vector))
{
    vectors_t vectors = {.file = NULL};
    vector_t vector;
    unsigned count = 0;
    for (vectors_open (&vectors, "tests/vectors/zmtp.txt"); vectors_next (&vectors, &vector);
         count++)
        try_one (&vector);
    vectors_close (&vectors);
    assert_true (count > 50);
}

static void test_zmtp_vectors_mean_what_they_say (void **state)
{
    (void) state;
    s_try_file (s_try);
}

static void test_zmtp_vectors_mean_the_same_in_pieces (void **state)
{
    (void) state;
    s_try_file (s_try_in_pieces);
}

static void test_zmtp_vectors_may_be_cut_off_anywhere (void **state)
{
    (void) state;
    s_try_file (s_try_prefixes);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_zmtp_vectors_mean_what_they_say),
        cmocka_unit_test (test_zmtp_vectors_mean_the_same_in_pieces),
        cmocka_unit_test (test_zmtp_vectors_may_be_cut_off_anywhere),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
