//  fuzz_zmtp - any bytes from a peer, in pieces of any size
//
//  The first byte says which side we are, what the limit is, and whether the
//  greeting and READY are as they should be; the second how the rest is cut up.
//  Whole or in pieces, a connection hears the same and says the same (and talk.c
//  holds it to its other promises); what it has heard reads the same after it
//  has been written by zloom.

#include <string.h>

#include "support/fuzz.h"
#include "support/talk.h"

enum { IS_ROUTER = 1, LIMIT = 6, IS_GREETED = 8, IS_READY = 16 };
enum { INPUT_MOST = 1 << 17, PIECES_MOST = 200 };

static const uint64_t s_limits[] = {0, 100, ZLOOM__ZMTP_LARGE + 10, UINT64_MAX};

//  The greeting and the READY of a peer that fits.
static zloom_bytes_t s_preface (uint8_t how)
{
    static zloom_buffer_t greeting, both;
    if (!both.size) {
        talk_greet (&greeting, "NULL");
        talk_open (&both, "DEALER");
    }
    if (!(how & IS_GREETED))
        return zloom_bytes (NULL, 0);
    return zloom_buffer_bytes (how & IS_READY ? &both : &greeting);
}

//  Pieces of 1 to `how` bytes, as these themselves say, and what is left after so
//  many; 0: all at once.
static void s_hear_in_pieces (talk_t *self, zloom_bytes_t bytes, uint8_t how)
{
    unsigned count = 0;
    for (size_t at = 0, size; at < bytes.size; at += size) {
        size_t left = bytes.size - at;
        size = how && count++ < PIECES_MOST ? 1 + (size_t) bytes.data[at] % how : left;
        size = size < left ? size : left;
        talk_hear (self, zloom_bytes (bytes.data + at, size));
    }
}

static void s_begin (talk_t *self, uint8_t how)
{
    talk_begin (self, how & IS_ROUTER ? ZLOOM__ZMTP_ROUTER : ZLOOM__ZMTP_DEALER,
                s_limits[(how & LIMIT) / 2]);
}

static void s_assert_same (const talk_t *a, const talk_t *b)
{
    fuzz_assert (a->zmtp.state == b->zmtp.state && a->error.reason == b->error.reason);
    fuzz_assert (a->body_left == b->body_left && a->message_frames == b->message_frames);
    fuzz_assert (
        zloom_bytes_equal (zloom_buffer_bytes (&a->heard), zloom_buffer_bytes (&b->heard)));
    fuzz_assert (zloom_bytes_equal (zloom_buffer_bytes (&a->out), zloom_buffer_bytes (&b->out)));
}

//  The frames that were heard, written by zloom, are heard as they were before.
static void s_hear_again (const talk_t *heard, uint8_t how)
{
    static const char opened[] = "OPENED\n", refused[] = "REFUSED ";
    const zloom_buffer_t *before = &heard->heard;
    if (before->size < sizeof opened - 1 || memcmp (before->data, opened, sizeof opened - 1) != 0)
        return;
    static talk_t again;
    s_begin (&again, how);
    talk_hear (&again, s_preface (IS_GREETED | IS_READY));
    talk_hear (&again, zloom_buffer_bytes (&heard->again));
    size_t size = again.heard.size;
    fuzz_assert (before->size >= size && memcmp (before->data, again.heard.data, size) == 0);
    if (before->size > size)
        fuzz_assert (memcmp (before->data + size, refused, sizeof refused - 1) == 0);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MOST)
        return 0;
    zloom_bytes_t preface = s_preface (data[0]);
    zloom_bytes_t rest = zloom_bytes (data + 2, size - 2);
    static talk_t whole, pieces;
    s_begin (&whole, data[0]);
    s_begin (&pieces, data[0]);
    talk_hear (&whole, preface);
    talk_hear (&whole, rest);
    s_hear_in_pieces (&pieces, preface, data[1]);
    s_hear_in_pieces (&pieces, rest, data[1]);
    s_assert_same (&whole, &pieces);
    s_hear_again (&whole, data[0]);
    return 0;
}
