//  What the direct engine makes of bytes, however they are cut: bodies of every
//  size, those that are kept, queues that are full, peers that do not read.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <unistd.h>

#include "support/heap.h"
#include "support/plain.h"
#include "support/port.h"
#include "support/raw.h"
#include "support/talk.h"
#include "zmtp/zmtp_internal.h"

enum { A_WHILE_MS = 100, PATIENCE_MS = 20000, PEERS = 2, MOST = 16777216 };

//  A server, and peers that are made by hand.
typedef struct {
    zloom_engine_t engine;
    port_t server;
    char endpoint[64], folder[32];
    int peers[PEERS];
    zloom_buffer_t bytes;  //  To be said
    raw_t raw;
} fixture_t;

static int s_setup (void **state)
{
    static fixture_t fixture;
    fixture = (fixture_t){.engine = port_engine (state), .peers = {-1, -1}};
    port_free_endpoint (fixture.endpoint);
    port_new (&fixture.server, fixture.engine, NULL, 0);
    *state = &fixture;
    return 0;
}

static int s_teardown (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    port_destroy (&self->server);
    raw_destroy (&self->raw);
    for (int i = 0; i < PEERS; i++)
        if (self->peers[i] != -1)
            close (self->peers[i]);
    zloom_buffer_clear (&self->bytes);
    return self->folder[0] ? rmdir (self->folder) : 0;
}

static void s_serve (fixture_t *self, uint32_t max_size)
{
    zloom__channel_options_t options = port_options (ZLOOM__ROLE_SERVER, self->endpoint);
    zloom__channel_t channel;
    options.max_size = max_size;
    assert_int_equal (self->server.port->ops->open (self->server.port, &options, &channel, NULL),
                      ZLOOM_OK);
}

static void s_use_ipc (fixture_t *self)
{
    snprintf (self->folder, sizeof self->folder, "/tmp/zloom-test-XXXXXX");
    assert_non_null (mkdtemp (self->folder));
    snprintf (self->endpoint, sizeof self->endpoint, "ipc://%s/s", self->folder);
}

//  Hear so many bytes, while the server turns and has nothing to tell.
static void s_hear (fixture_t *self, int peer, uint8_t *ret_data, size_t size)
{
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    for (size_t at = 0; at < size;) {
        bool has_ended;
        at += plain_hear (peer, ret_data + at, size - at, &has_ended);
        assert_false (has_ended);
        assert_true (zloom_time_now () < until);
        if (at < size)
            assert_int_equal (port_next (&self->server, 0), ZLOOM__EVENT_TIMEOUT);
    }
}

//  Hear a message of one frame, as zloom says it.
static void s_hear_message (fixture_t *self, int peer, zloom_bytes_t expected)
{
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX], heard_head[ZLOOM__ZMTP_HEAD_MAX];
    size_t size = zloom__zmtp_head (head, expected.size, false);
    s_hear (self, peer, heard_head, size);
    assert_memory_equal (heard_head, head, size);
    uint8_t *body = (uint8_t *) malloc (expected.size + 1);
    s_hear (self, peer, body, expected.size);
    assert_true (zloom_bytes_equal (zloom_bytes (body, expected.size), expected));
    free (body);
}

//  Bring bytes in pieces, and let the server turn between them: it has nothing to
//  tell before the last.
static void s_bring (fixture_t *self, int peer, zloom_bytes_t bytes, size_t piece)
{
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    for (size_t at = 0; at < bytes.size;) {
        size_t left = bytes.size - at;
        at += plain_say (peer, zloom_bytes (bytes.data + at, left < piece ? left : piece));
        assert_true (zloom_time_now () < until);
        if (at < bytes.size)
            assert_int_equal (port_next (&self->server, 0), ZLOOM__EVENT_TIMEOUT);
    }
}

//  A DEALER made by hand, that has shaken hands.
static int s_connect (fixture_t *self, unsigned number)
{
    int peer = self->peers[number] = plain_connect (self->endpoint);
    uint8_t heard[64 + 255];
    zloom_buffer_reset (&self->bytes);
    talk_open (&self->bytes, "DEALER");
    s_bring (self, peer, zloom_buffer_bytes (&self->bytes), self->bytes.size);
    s_hear (self, peer, heard, 64 + 2);
    s_hear (self, peer, heard, heard[65]);
    zloom_buffer_reset (&self->bytes);
    return peer;
}

static void s_fill (uint8_t *body, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t) (seed + 31 * i + i / 251);
}

static bool s_is_filled (zloom_bytes_t body, size_t size, unsigned seed)
{
    bool is_so = body.size == size;
    for (size_t i = 0; is_so && i < size; i++)
        is_so = body.data[i] == (uint8_t) (seed + 31 * i + i / 251);
    return is_so;
}

//  Append a message of one frame with a body that is told by its seed.
static void s_append (fixture_t *self, size_t size, unsigned seed)
{
    static uint8_t body[MOST];
    uint8_t head[ZLOOM__ZMTP_HEAD_MAX];
    s_fill (body, size, seed);
    zloom_buffer_append (&self->bytes, head, zloom__zmtp_head (head, size, false));
    zloom_buffer_append (&self->bytes, body, size);
}

static const zloom__event_t *s_expect_body (fixture_t *self, size_t size, unsigned seed)
{
    const zloom__event_t *event = port_expect (&self->server, ZLOOM__EVENT_FRAME);
    if (!s_is_filled (event->body, size, seed))
        fail_msg ("not the body of %zu bytes that was sent, but %zu", size, event->body.size);
    return event;
}

//  Answer the event at hand with its own body; it leaves with the next turn.
static void s_echo (fixture_t *self)
{
    const zloom__event_t *event = &self->server.event;
    assert_int_equal (self->server.port->ops->send (self->server.port, event->channel, event->link,
                                                    event->envelope, &event->body, 1),
                      ZLOOM_OK);
}

//  ---- Pieces -----------------------------------------------------------------

static void s_check_sizes (fixture_t *self, size_t piece, size_t largest)
{
    static const size_t sizes[] = {0,     1,     2,     254,   255,   256,   257,    4078,   4094,
                                   4095,  4096,  4097,  4105,  8192,  32768, 65525,  65526,  65527,
                                   65528, 65534, 65535, 65536, 65537, 65550, 131072, 1048576};
    s_serve (self, 1048576);
    int peer = s_connect (self, 0);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0] && sizes[i] <= largest; i++) {
        zloom_buffer_reset (&self->bytes);
        s_append (self, sizes[i], i);
        s_bring (self, peer, zloom_buffer_bytes (&self->bytes), piece);
        s_expect_body (self, sizes[i], i);
        s_echo (self);
        size_t head = sizes[i] > UINT8_MAX ? 9 : 2;
        s_hear_message (self, peer, zloom_bytes (self->bytes.data + head, sizes[i]));
    }
}

static void test_bodies_of_every_size_go_both_ways_in_one_write (void **state)
{
    s_check_sizes ((fixture_t *) *state, SIZE_MAX, SIZE_MAX);
}

static void test_bodies_of_every_size_arrive_in_pieces_of_one_byte (void **state)
{
    s_check_sizes ((fixture_t *) *state, 1, 8192);
}

static void test_bodies_of_every_size_arrive_in_pieces_of_any_size (void **state)
{
    static const size_t pieces[] = {30, 1000, 4095, 4096, 65535};
    static const size_t largest[] = {65537, 131072, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    fixture_t *self = (fixture_t *) *state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        s_check_sizes (self, pieces[i], largest[i]);
        close (self->peers[0]);
        port_expect (&self->server, ZLOOM__EVENT_DOWN);
        port_free_endpoint (self->endpoint);
    }
}

static void test_many_small_messages_arrive_in_one_write (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { COUNT = 3000 };
    s_serve (self, 1048576);
    int peer = s_connect (self, 0);
    for (unsigned i = 0; i < COUNT; i++)
        s_append (self, i % 300, i);
    size_t said = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        said += plain_say (peer, zloom_bytes (self->bytes.data + said, self->bytes.size - said));
        s_expect_body (self, i % 300, i);
    }
    assert_int_equal (port_next (&self->server, 0), ZLOOM__EVENT_TIMEOUT);
}

//  A large body, of libzmq's and by hand; and back.
static void test_a_body_of_16_MiB_goes_both_ways (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_serve (self, MOST);
    int peer = s_connect (self, 0);
    s_append (self, MOST, 1);
    s_bring (self, peer, zloom_buffer_bytes (&self->bytes), 100000);
    s_expect_body (self, MOST, 1);
    s_echo (self);
    s_hear_message (self, peer, zloom_bytes (self->bytes.data + 9, MOST));

    raw_new (&self->raw, ZMQ_DEALER, NULL);
    raw_connect (&self->raw, self->endpoint);
    raw_send_frame (&self->raw, zloom_bytes (self->bytes.data + 9, MOST), false);
    s_expect_body (self, MOST, 1);
    s_echo (self);
    zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
    while (!raw_receive_within (&self->raw, 0) && zloom_time_now () < until)
        assert_int_equal (port_next (&self->server, 1), ZLOOM__EVENT_TIMEOUT);
    assert_true (s_is_filled (raw_body (&self->raw), MOST, 1));
}

//  The half of a message is no message, whatever follows it.
static void test_a_peer_that_leaves_within_a_message_has_not_sent_it (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const size_t sizes[] = {10, 5000, 100000};
    s_serve (self, 1048576);
    for (unsigned i = 0; i < 3; i++) {
        int peer = s_connect (self, 0);
        s_append (self, 1, 1);
        s_append (self, sizes[i], 2);
        plain_say (peer, zloom_bytes (self->bytes.data, self->bytes.size - 1));
        zloom__link_t link = s_expect_body (self, 1, 1)->link;
        close (peer);
        self->peers[0] = -1;
        assert_int_equal (port_expect (&self->server, ZLOOM__EVENT_DOWN)->link, link);
    }
}

//  ---- Kept bodies ------------------------------------------------------------

static void s_keep (fixture_t *self, zloom__frame_t *ret_frame)
{
    assert_int_equal (self->server.port->ops->keep (self->server.port, ret_frame), ZLOOM_OK);
}

static void test_kept_bodies_stay_while_others_come_and_go (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static const size_t sizes[] = {1, 40, 4095, 4096, 5000, 60000, 65536, 300000};
    enum { COUNT = sizeof sizes / sizeof sizes[0], ROUNDS = 4 };
    static zloom__frame_t frames[ROUNDS][COUNT];
    s_serve (self, 1048576);
    int peer = s_connect (self, 0);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < COUNT; i++) {
            zloom_buffer_reset (&self->bytes);
            //  Each is kept behind one that is not.
            s_append (self, sizes[COUNT - 1 - i], 99);
            s_append (self, sizes[i], 10 * round + i);
            size_t first = sizes[COUNT - 1 - i] + (sizes[COUNT - 1 - i] > UINT8_MAX ? 9 : 2);
            s_bring (self, peer, zloom_bytes (self->bytes.data, first), SIZE_MAX);
            s_expect_body (self, sizes[COUNT - 1 - i], 99);
            s_bring (self, peer, zloom_bytes (self->bytes.data + first, self->bytes.size - first),
                     SIZE_MAX);
            s_expect_body (self, sizes[i], 10 * round + i);
            s_keep (self, &frames[round][i]);
        }
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < COUNT; i++) {
            assert_true (s_is_filled (frames[round][i].bytes, sizes[i], 10 * round + i));
            zloom__frame_clear (&frames[round][i]);
        }
}

//  The message behind it has begun; another peer's is read into other memory
//  meanwhile; and a large one asks for memory that is left over.
static void test_a_kept_body_stays_though_its_sender_goes_on (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static zloom__frame_t kept;
    s_serve (self, 1048576);
    int peer = s_connect (self, 0), other = s_connect (self, 1);
    s_append (self, 5000, 1);
    talk_frame (&self->bytes, ZLOOM__ZMTP_FLAG_MORE, zloom_bytes_str ("hop"));
    plain_say (peer, zloom_buffer_bytes (&self->bytes));
    s_expect_body (self, 5000, 1);
    s_keep (self, &kept);
    zloom_buffer_reset (&self->bytes);
    s_append (self, 60000, 2);
    s_bring (self, other, zloom_bytes (self->bytes.data, 20), 20);
    assert_int_equal (port_next (&self->server, 10), ZLOOM__EVENT_TIMEOUT);
    s_bring (self, other, zloom_bytes (self->bytes.data + 20, self->bytes.size - 20), 1000);
    s_expect_body (self, 60000, 2);
    assert_true (s_is_filled (kept.bytes, 5000, 1));
    zloom__frame_clear (&kept);
    //  And the first one's message comes to its end.
    zloom_buffer_reset (&self->bytes);
    s_append (self, 3, 3);
    s_bring (self, peer, zloom_buffer_bytes (&self->bytes), 1);
    assert_int_equal (s_expect_body (self, 3, 3)->envelope.size, 4);
}

//  ---- Full queues ------------------------------------------------------------

//  Answer the event until no more is taken; returns how many that were.
static unsigned s_fill_up (fixture_t *self, const zloom__event_t *to, zloom_bytes_t body)
{
    unsigned sent = 0;
    while (self->server.port->ops->send (self->server.port, to->channel, to->link, to->envelope,
                                         &body, 1)
           == ZLOOM_OK)
        assert_true (++sent < 100000);
    zloom__port_flush (self->server.port);
    return sent;
}

//  What waits for one that does not read is bounded, and costs the others
//  nothing; when it reads, it gets all, and room is told.
static void test_a_peer_that_does_not_read_is_bounded_and_others_are_served (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { SIZE = 10000, BOUND = 4194304, OF_THE_SYSTEM = 1048576 };
    static uint8_t bytes[SIZE];
    zloom_bytes_t body = zloom_bytes (bytes, sizeof bytes);
    s_fill (bytes, SIZE, 7);
    s_use_ipc (self);
    s_serve (self, 65536);
    int lazy = s_connect (self, 0), other = s_connect (self, 1);
    s_append (self, 1, 1);
    s_bring (self, lazy, zloom_buffer_bytes (&self->bytes), SIZE_MAX);
    const zloom__event_t of_lazy = *s_expect_body (self, 1, 1);
    unsigned sent = s_fill_up (self, &of_lazy, body);
    assert_true (sent * (size_t) SIZE <= BOUND + OF_THE_SYSTEM);
    assert_true (sent * (size_t) SIZE >= BOUND - SIZE);

    for (int i = 0; i < 100; i++) {
        s_bring (self, other, zloom_buffer_bytes (&self->bytes), SIZE_MAX);
        s_expect_body (self, 1, 1);
        s_echo (self);
        s_hear_message (self, other, zloom_bytes (self->bytes.data + 2, 1));
    }

    unsigned rooms = 0;
    for (unsigned i = 0; i < sent; i++) {
        uint8_t heard[9 + SIZE];
        zloom_time_t until = zloom_time_now () + PATIENCE_MS * ZLOOM_MSEC;
        for (size_t at = 0; at < sizeof heard && zloom_time_now () < until;) {
            bool has_ended;
            at += plain_hear (lazy, heard + at, sizeof heard - at, &has_ended);
            if (at < sizeof heard && port_next (&self->server, 0) == ZLOOM__EVENT_ROOM) {
                assert_int_equal (self->server.event.link, of_lazy.link);
                rooms++;
            }
        }
        assert_true (s_is_filled (zloom_bytes (heard + 9, SIZE), SIZE, 7));
    }
    assert_int_equal (rooms, 1);
    assert_int_equal (self->server.port->ops->send (self->server.port, of_lazy.channel,
                                                    of_lazy.link, of_lazy.envelope, &body, 1),
                      ZLOOM_OK);
}

//  Whoever asks without end and never reads is not listened to any more.
static void test_a_peer_that_asks_and_does_not_read_is_held_back (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { SIZE = 20000 };
    s_use_ipc (self);
    s_serve (self, 65536);
    int peer = s_connect (self, 0);
    s_append (self, SIZE, 1);
    unsigned answered = 0;
    size_t at = 0;
    for (unsigned turns = 0; turns < 5000; turns++) {
        at += plain_say (peer, zloom_bytes (self->bytes.data + at, self->bytes.size - at));
        at = at == self->bytes.size ? 0 : at;
        if (port_next (&self->server, 0) != ZLOOM__EVENT_FRAME)
            continue;
        const zloom__event_t *event = &self->server.event;
        answered += self->server.port->ops->send (self->server.port, event->channel, event->link,
                                                  event->envelope, &event->body, 1)
                    == ZLOOM_OK;
    }
    assert_true (answered * (size_t) SIZE < 8 * 1048576);
}

//  One who sends without end does not keep others waiting.
static void test_a_flood_of_one_peer_lets_others_through (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { SIZE = 1000, AT_ONCE_MOST = 2 * 65536 / SIZE };
    s_serve (self, 1048576);
    int loud = s_connect (self, 0), quiet = s_connect (self, 1);
    for (unsigned i = 0; i < 2000; i++)
        s_append (self, SIZE, 1);
    size_t said = 0, loud_frames = 0;
    zloom_buffer_t soft = {0};
    talk_frame (&soft, 0, zloom_bytes_str ("excuse me"));
    for (unsigned i = 0; i < 10; i++) {
        //  Both are there before anything is read.
        said += plain_say (loud, zloom_bytes (self->bytes.data + said, self->bytes.size - said));
        plain_say (quiet, zloom_buffer_bytes (&soft));
        for (unsigned before = 0;; before++, loud_frames++) {
            const zloom__event_t *event = port_expect (&self->server, ZLOOM__EVENT_FRAME);
            if (event->body.size != SIZE)
                break;
            assert_true (before <= AT_ONCE_MOST);
        }
    }
    zloom_buffer_clear (&soft);
    assert_true (loud_frames > 0);
}

//  ---- Writing ----------------------------------------------------------------

//  What is sent in one turn waits for its end, and leaves together.
static void test_what_is_sent_before_a_flush_leaves_with_it (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    enum { COUNT = 100 };
    s_serve (self, 1048576);
    int peer = s_connect (self, 0);
    s_append (self, 5, 1);
    s_bring (self, peer, zloom_buffer_bytes (&self->bytes), SIZE_MAX);
    s_expect_body (self, 5, 1);
    for (int i = 0; i < COUNT; i++)
        s_echo (self);
    struct pollfd item = {peer, POLLIN, 0};
    assert_int_equal (poll (&item, 1, A_WHILE_MS), 0);
    zloom__port_flush (self->server.port);
    uint8_t heard[COUNT * 7 + 1];
    bool has_ended;
    assert_int_equal (poll (&item, 1, PATIENCE_MS), 1);
    assert_int_equal (plain_hear (peer, heard, sizeof heard, &has_ended), COUNT * 7);
}

//  ---- No memory --------------------------------------------------------------

//  Ask until that is answered; the link may go down and come up again meanwhile.
static bool s_ask (fixture_t *self, port_t *client, zloom__channel_t channel, zloom_bytes_t body,
                   zloom_time_t most)
{
    for (zloom_time_t until = zloom_time_now () + most; zloom_time_now () < until;) {
        port_next (&self->server, 0);
        if (self->server.event.kind == ZLOOM__EVENT_FRAME)
            self->server.port->ops->send (self->server.port, 0, self->server.event.link,
                                          self->server.event.envelope, &self->server.event.body, 1);
        port_next (client, 1);
        zloom__event_kind_t kind = client->event.kind;
        if (kind == ZLOOM__EVENT_UP || kind == ZLOOM__EVENT_ROOM)
            client->port->ops->send (client->port, channel, client->event.link,
                                     zloom_bytes (NULL, 0), &body, 1);
        if (kind == ZLOOM__EVENT_FRAME)
            return zloom_bytes_equal (client->event.body, body);
    }
    return false;
}

//  Whichever allocation fails while one connects, asks and is answered: nothing
//  is lost track of, and the next connection works.
static void s_check_memory (fixture_t *self, size_t size)
{
    static uint8_t bytes[100000];
    static heap_t heap;
    s_fill (bytes, size, 3);
    zloom_bytes_t body = zloom_bytes (bytes, size);
    port_destroy (&self->server);
    size_t fail_at = 0;
    for (bool is_done = false; !is_done;) {
        port_t client;
        zloom__channel_t channel;
        assert_true (++fail_at < 300);
        port_free_endpoint (self->endpoint);
        heap_install (&heap, 0);
        port_new (&self->server, self->engine, NULL, 0);
        port_new (&client, self->engine, NULL, 0);
        s_serve (self, 1048576);
        zloom__channel_options_t options = port_options (ZLOOM__ROLE_CLIENT, self->endpoint);
        heap.fail_at = heap.asked + fail_at;
        zloom_error_t error;
        if (client.port->ops->open (client.port, &options, &channel, &error))
            assert_int_equal (error.reason, ZLOOM_REASON_NO_MEMORY);
        else
            s_ask (self, &client, channel, body, 200 * ZLOOM_MSEC);
        is_done = heap.asked < heap.fail_at;
        heap.fail_at = 0;
        port_destroy (&client);
        port_new (&client, self->engine, NULL, 0);
        assert_int_equal (client.port->ops->open (client.port, &options, &channel, &error),
                          ZLOOM_OK);
        if (!s_ask (self, &client, channel, body, PATIENCE_MS * ZLOOM_MSEC))
            fail_msg ("nothing works after allocation %zu has failed", fail_at);
        port_destroy (&client);
        port_destroy (&self->server);
        assert_int_equal (heap.out, 0);
        heap_remove ();
    }
    assert_true (fail_at > 3);
}

static void test_want_of_memory_ends_no_more_than_a_connection (void **state)
{
    s_check_memory ((fixture_t *) *state, 20);
}

static void test_want_of_memory_for_large_bodies_ends_no_more_than_a_connection (void **state)
{
    s_check_memory ((fixture_t *) *state, 100000);
}

//  A send that found no memory: room is told, without anybody's help.
static void test_a_send_that_found_no_memory_is_told_of_room (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    static uint8_t bytes[50000];
    zloom_bytes_t body = zloom_bytes (bytes, sizeof bytes);
    static heap_t heap;
    s_serve (self, 1048576);
    int peer = s_connect (self, 0);
    s_append (self, 1, 1);
    s_bring (self, peer, zloom_buffer_bytes (&self->bytes), SIZE_MAX);
    const zloom__event_t to = *s_expect_body (self, 1, 1);
    heap_install (&heap, 1);
    zloom_code_t code = self->server.port->ops->send (self->server.port, to.channel, to.link,
                                                      to.envelope, &body, 1);
    heap_remove ();
    assert_int_equal (code, ZLOOM_RESOURCE_EXHAUSTED);
    assert_int_equal (port_expect (&self->server, ZLOOM__EVENT_ROOM)->link, to.link);
    assert_int_equal (self->server.port->ops->send (self->server.port, to.channel, to.link,
                                                    to.envelope, &body, 1),
                      ZLOOM_OK);
    s_hear_message (self, peer, body);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST (test_bodies_of_every_size_go_both_ways_in_one_write, "direct"),
        PORT_TEST (test_bodies_of_every_size_arrive_in_pieces_of_one_byte, "direct"),
        PORT_TEST (test_bodies_of_every_size_arrive_in_pieces_of_any_size, "direct"),
        PORT_TEST (test_many_small_messages_arrive_in_one_write, "direct"),
        PORT_TEST (test_a_body_of_16_MiB_goes_both_ways, "direct"),
        PORT_TEST (test_a_peer_that_leaves_within_a_message_has_not_sent_it, "direct"),
        PORT_TEST (test_kept_bodies_stay_while_others_come_and_go, "direct"),
        PORT_TEST (test_a_kept_body_stays_though_its_sender_goes_on, "direct"),
        PORT_TEST (test_a_peer_that_does_not_read_is_bounded_and_others_are_served, "direct"),
        PORT_TEST (test_a_peer_that_asks_and_does_not_read_is_held_back, "direct"),
        PORT_TEST (test_a_flood_of_one_peer_lets_others_through, "direct"),
        PORT_TEST (test_what_is_sent_before_a_flush_leaves_with_it, "direct"),
        PORT_TEST (test_want_of_memory_ends_no_more_than_a_connection, "direct"),
        PORT_TEST (test_want_of_memory_for_large_bodies_ends_no_more_than_a_connection, "direct"),
        PORT_TEST (test_a_send_that_found_no_memory_is_told_of_room, "direct"),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
