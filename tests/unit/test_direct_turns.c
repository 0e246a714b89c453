//  The direct engine over streams that never run dry: whatever peers do, it
//  comes back to its owner soon, who can then look after everybody else.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "net/direct_internal.h"
#include "support/talk.h"

//  Far more than it may do before it comes back.
enum { READS_MOST = 200, ACCEPTED_MOST = 100000, PEERS = 100 };

//  A listener with so many connections waiting. What each says first is
//  `preface`; then it repeats `pattern` for ever, or ends where there is none.
typedef struct {
    zloom__streams_t streams;
    zloom_buffer_t preface, pattern;
    size_t said;  //  Bytes of both
    bool pauses;  //  Each says the preface, and no more
    bool has_paused[PEERS];
    bool takes_nothing;
    unsigned waiting, accepted, reads;
} endless_t;

static endless_t *s_self (zloom__streams_t *streams)
{
    return (endless_t *) streams;
}

static zloom_code_t s_listen (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              uint64_t token, int *ret_listener, char *ret_bound,
                              zloom_error_t *reterr)
{
    (void) streams, (void) endpoint, (void) token, (void) reterr;
    *ret_listener = 0;
    *ret_bound = 0;
    return ZLOOM_OK;
}

static void s_unlisten (zloom__streams_t *streams, int listener, const zloom__endpoint_t *endpoint,
                        const char *bound)
{
    (void) streams, (void) listener, (void) endpoint, (void) bound;
}

static int s_accept (zloom__streams_t *streams, int listener)
{
    (void) listener;
    endless_t *self = s_self (streams);
    if (self->waiting == 0)
        return -EAGAIN;
    self->waiting--;
    return (int) ++self->accepted;
}

static int s_watch (zloom__streams_t *streams, int stream, uint64_t token)
{
    (void) streams, (void) token;
    return stream;
}

//  As much as there is room for.
static ssize_t s_read (zloom__streams_t *streams, int stream, const struct iovec *pieces, int count)
{
    (void) count;
    endless_t *self = s_self (streams);
    self->reads++;
    if (self->pauses && self->has_paused[stream % PEERS])
        return -EAGAIN;
    if (self->pauses) {
        self->has_paused[stream % PEERS] = true;
        memcpy (pieces[0].iov_base, self->preface.data, self->preface.size);
        return (ssize_t) self->preface.size;
    }
    if (self->pattern.size == 0)
        return 0;
    uint8_t *to = (uint8_t *) pieces[0].iov_base;
    for (size_t i = 0; i < pieces[0].iov_len; i++, self->said++)
        to[i] = self->said < self->preface.size
                    ? self->preface.data[self->said]
                    : self->pattern.data[(self->said - self->preface.size) % self->pattern.size];
    return (ssize_t) pieces[0].iov_len;
}

static ssize_t s_write (zloom__streams_t *streams, int stream, const struct iovec *pieces,
                        int count)
{
    (void) stream;
    ssize_t size = 0;
    if (s_self (streams)->takes_nothing)
        return -EAGAIN;
    for (int i = 0; i < count; i++)
        size += (ssize_t) pieces[i].iov_len;
    return size;
}

static void s_close (zloom__streams_t *streams, int stream)
{
    (void) streams, (void) stream;
}

static const zloom__streams_ops_t s_ops = {.listen = s_listen,
                                           .unlisten = s_unlisten,
                                           .accept = s_accept,
                                           .watch = s_watch,
                                           .read = s_read,
                                           .write = s_write,
                                           .close = s_close};

//  A server with these peers.
static void s_begin (zloom__direct_t *direct, endless_t *peers)
{
    static zloom_random_t random;
    peers->streams.ops = &s_ops;
    zloom_random_seed (&random, 1);
    zloom__direct_init (direct, &peers->streams, &random);
    const zloom__channel_options_t options = {
        .role = ZLOOM__ROLE_SERVER, .max_size = 1000, .insecure_public = true};
    const zloom__endpoint_t endpoint = {.text = "tcp://*:*", .transport = ZLOOM__TCP};
    assert_int_equal (zloom__direct_open (direct, 0, &endpoint, &options, 1, NULL), ZLOOM_OK);
}

static void s_end (zloom__direct_t *direct, endless_t *peers)
{
    zloom__direct_clear (direct);
    zloom_buffer_clear (&peers->preface);
    zloom_buffer_clear (&peers->pattern);
}

//  A turn ends with nothing to tell, and it knows that it is not done.
static void s_expect_short_turn (endless_t *peers)
{
    zloom__direct_t direct;
    zloom__event_t event = {.link = 0};
    s_begin (&direct, peers);
    for (int i = 0; i < 3; i++) {
        peers->reads = peers->accepted = 0;
        assert_int_equal (zloom__direct_next (&direct, 1, &event), ZLOOM__EVENT_TIMEOUT);
        assert_in_range (peers->reads + peers->accepted, 1, READS_MOST);
        assert_true (zloom__direct_is_ready (&direct));
    }
    s_end (&direct, peers);
}

static void test_a_peer_that_never_stops_pinging_lets_others_have_their_turn (void **state)
{
    (void) state;
    endless_t peers = {.waiting = 1};
    talk_open (&peers.preface, "DEALER");
    talk_command (&peers.pattern, "\4PING", zloom_bytes_str ("\1\1context"));
    s_expect_short_turn (&peers);
}

static void test_a_peer_whose_messages_are_all_dropped_lets_others_have_their_turn (void **state)
{
    (void) state;
    endless_t peers = {.waiting = 1};
    talk_open (&peers.preface, "DEALER");
    for (int i = 0; i < 20; i++)
        talk_frame (&peers.pattern, ZLOOM__ZMTP_FLAG_MORE, zloom_bytes_str ("hop"));
    talk_frame (&peers.pattern, 0, zloom_bytes_str ("body"));
    s_expect_short_turn (&peers);
}

static void test_those_who_connect_without_end_let_others_have_their_turn (void **state)
{
    (void) state;
    endless_t peers = {.waiting = ACCEPTED_MOST};
    s_expect_short_turn (&peers);
}

//  A thousand of them must not keep what a few large messages have needed.
static void test_a_peer_that_pauses_within_a_frame_holds_little_memory (void **state)
{
    (void) state;
    enum { LARGE = 1 << 20, LITTLE = 16384 };
    endless_t peers = {.waiting = 1, .pauses = true};
    zloom__direct_t direct;
    zloom__event_t event = {.link = 0};
    talk_open (&peers.preface, "DEALER");
    talk_frame (&peers.preface, ZLOOM__ZMTP_FLAG_LONG, zloom_bytes_str ("cut off"));
    peers.preface.size--;
    s_begin (&direct, &peers);
    while (direct.spare_count < ZLOOM__DIRECT_SPARES)
        assert_true (zloom_buffer_reserve (&direct.spares[direct.spare_count++], LARGE));
    assert_int_equal (zloom__direct_next (&direct, 1, &event), ZLOOM__EVENT_TIMEOUT);
    const zloom__direct_link_t *link = direct.slots[0].link;
    assert_non_null (link);
    assert_int_equal (link->state, ZLOOM__LINK_OPEN);
    assert_in_range (link->rest.capacity, link->rest.size, LITTLE);
    s_end (&direct, &peers);
}

//  A few who do not read have more than many of them.
static void test_what_waits_for_all_peers_together_is_bounded (void **state)
{
    (void) state;
    enum { SENT = 500, PART = 9000, ALL = 67108864, EACH = 131072 };
    static const uint8_t body[PART];
    const zloom_bytes_t part = zloom_bytes (body, sizeof body), none = zloom_bytes (NULL, 0);
    endless_t peers = {.waiting = PEERS, .pauses = true};
    zloom__direct_t direct;
    zloom__event_t event = {.link = 0};
    talk_open (&peers.preface, "DEALER");
    s_begin (&direct, &peers);
    for (uint32_t i = 0; i < PEERS; i++) {
        //  Each says its preface and pauses.
        peers.pauses = true;
        peers.said = 0;
        assert_int_equal (zloom__direct_next (&direct, 1, &event), ZLOOM__EVENT_TIMEOUT);
    }
    peers.takes_nothing = true;
    size_t most_one = 0;
    for (uint32_t i = 0; i < direct.link_count; i++) {
        const zloom__direct_link_t *link = direct.slots[i].link;
        for (int j = 0; j < SENT && link->state == ZLOOM__LINK_OPEN; j++)
            zloom__direct_send (&direct, link->name, none, &part, 1, 1);
        zloom__direct_flush (&direct);
        most_one = link->out.size > most_one ? link->out.size : most_one;
    }
    assert_in_range (most_one, EACH, 4194304);
    assert_in_range (direct.queued, ALL / 2, ALL + PEERS * EACH);
    s_end (&direct, &peers);
    assert_int_equal (direct.queued, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_peer_that_never_stops_pinging_lets_others_have_their_turn),
        cmocka_unit_test (test_a_peer_whose_messages_are_all_dropped_lets_others_have_their_turn),
        cmocka_unit_test (test_those_who_connect_without_end_let_others_have_their_turn),
        cmocka_unit_test (test_a_peer_that_pauses_within_a_frame_holds_little_memory),
        cmocka_unit_test (test_what_waits_for_all_peers_together_is_bounded),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
