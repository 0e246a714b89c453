#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data/wire_internal.h"
#include "session/links_internal.h"
#include "support/heap.h"

//  ---- A port that only notes what is asked of it -----------------------------

enum { CHANNELS = 4 };

typedef struct {
    zloom__port_t port;  //  First
    unsigned opened;
    unsigned fail_at;  //  Number of the open that fails, from 1
    char endpoints[CHANNELS][64];
    uint32_t max_size;  //  As given with the last open
    zloom_reason_t trouble[CHANNELS];
    const char *why[CHANNELS];
    zloom_code_t send_code;
    unsigned sent;  //  Messages
    zloom__channel_t sent_channel;
    zloom__link_t sent_link;
    zloom__message_t message;
} fake_t;

static zloom_code_t s_open (zloom__port_t *port, const zloom__channel_options_t *options,
                            zloom__channel_t *ret_channel, zloom_error_t *reterr)
{
    fake_t *self = (fake_t *) (void *) port;
    assert_int_equal (options->role, ZLOOM__ROLE_CLIENT);
    if (self->opened + 1 == self->fail_at)
        return zloom_error_set (reterr, ZLOOM_REASON_DESCRIPTORS, "no more");
    snprintf (self->endpoints[self->opened], sizeof self->endpoints[0], "%s", options->endpoint);
    self->max_size = options->max_size;
    *ret_channel = self->opened++;
    return ZLOOM_OK;
}

static zloom_code_t s_send (zloom__port_t *port, zloom__channel_t channel, zloom__link_t link,
                            zloom_bytes_t envelope, const zloom_bytes_t *parts, size_t count)
{
    static const zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    fake_t *self = (fake_t *) (void *) port;
    assert_int_equal (envelope.size, 0);
    assert_int_equal (count, 1);
    assert_int_equal (zloom__wire_read (parts[0], &limits, &self->message, NULL), ZLOOM_OK);
    self->sent++;
    self->sent_channel = channel;
    self->sent_link = link;
    return self->send_code;
}

static const char *s_endpoint (zloom__port_t *port, zloom__channel_t channel)
{
    return ((fake_t *) (void *) port)->endpoints[channel];
}

static zloom_reason_t s_trouble (zloom__port_t *port, zloom__channel_t channel,
                                 const char **ret_text)
{
    fake_t *self = (fake_t *) (void *) port;
    *ret_text = self->why[channel];
    return self->trouble[channel];
}

static const zloom__port_ops_t s_ops = {
    .open = s_open, .send = s_send, .endpoint = s_endpoint, .trouble = s_trouble};

//  ---- Helpers ----------------------------------------------------------------

typedef struct {
    fake_t fake;
    zloom__links_t links;
} fixture_t;

static const zloom__channel_options_t s_template = {.role = ZLOOM__ROLE_CLIENT, .max_size = 777};

static int s_setup (void **state)
{
    static fixture_t fixture;
    memset (&fixture, 0, sizeof fixture);
    fixture.fake.port = (zloom__port_t){.ops = &s_ops, .now = 100 * ZLOOM_SEC};
    for (int i = 0; i < CHANNELS; i++) {
        fixture.fake.trouble[i] = ZLOOM_REASON_NO_PEER;
        fixture.fake.why[i] = "nothing listens there";
    }
    *state = &fixture;
    return 0;
}

static int s_setup_three (void **state)
{
    s_setup (state);
    fixture_t *self = (fixture_t *) *state;
    return (int) zloom__links_open (&self->links, &self->fake.port, "tcp://a:1,tcp://b:2 ipc://c",
                                    &s_template, 1000, NULL);
}

static int s_teardown (void **state)
{
    zloom__links_clear (&((fixture_t *) *state)->links);
    return 0;
}

static zloom__peer_t *s_note (fixture_t *self, zloom__event_kind_t kind, zloom__channel_t channel,
                              zloom__link_t link)
{
    zloom__event_t event = {.kind = kind, .channel = channel, .link = link};
    return zloom__links_note (&self->links, &event);
}

//  Bring a channel up with a link of its own number.
static zloom__peer_t *s_raise (fixture_t *self, zloom__channel_t channel)
{
    zloom__peer_t *peer = s_note (self, ZLOOM__EVENT_UP, channel, channel + 1);
    assert_ptr_equal (peer, &self->links.peers[channel]);
    return peer;
}

static void s_refuse (fixture_t *self, zloom__channel_t channel, zloom_reason_t reason,
                      const char *why)
{
    zloom__event_t event = {.kind = ZLOOM__EVENT_DOWN, .channel = channel, .reason = reason};
    self->fake.trouble[channel] = reason;
    self->fake.why[channel] = why;
    assert_null (zloom__links_note (&self->links, &event));
}

static void s_pass (fixture_t *self, zloom_time_t time)
{
    self->fake.port.now += time;
}

//  ---- Opening ----------------------------------------------------------------

static void test_links_open_every_endpoint_of_the_list (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (self->fake.opened, 3);
    assert_int_equal (self->links.count, 3);
    assert_string_equal (self->fake.endpoints[0], "tcp://a:1");
    assert_string_equal (self->fake.endpoints[1], "tcp://b:2");
    assert_string_equal (self->fake.endpoints[2], "ipc://c");
    assert_int_equal (self->fake.max_size, 777);
    assert_int_equal (zloom__links_present (&self->links), 0);
    assert_null (zloom__links_pick (&self->links));
    assert_false (zloom__links_are_hopeless (&self->links));
}

static zloom_reason_t s_open_list (fixture_t *self, const char *list, zloom_error_t *ret_error)
{
    zloom_error_clear (ret_error);
    zloom_code_t code =
        zloom__links_open (&self->links, &self->fake.port, list, &s_template, 1000, ret_error);
    assert_int_equal (code, ret_error->code);
    zloom__links_clear (&self->links);
    return ret_error->reason;
}

static void test_links_open_says_what_is_wrong_with_a_list (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    assert_int_equal (s_open_list (self, "", &error), ZLOOM_REASON_BAD_ENDPOINT);
    assert_string_equal (error.text, "no endpoint was given");
    assert_int_equal (s_open_list (self, " , ", &error), ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_open_list (self, "tcp://a:1,nonsense", &error), ZLOOM_REASON_BAD_ENDPOINT);
    assert_int_equal (s_open_list (self, "@tcp://a:1", &error), ZLOOM_REASON_BAD_ENDPOINT);
    assert_string_equal (error.text, "'@tcp://a:1': a client connects, it cannot bind");
    self->fake.fail_at = self->fake.opened + 2;
    assert_int_equal (s_open_list (self, "tcp://a:1,tcp://b:2", &error), ZLOOM_REASON_DESCRIPTORS);
    self->fake.fail_at = 0;
}

static void test_links_open_without_memory_is_an_error (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    heap_t heap;
    zloom_error_t error;
    for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
        heap_install (&heap, fail_at);
        assert_int_equal (s_open_list (self, "tcp://a:1,tcp://b:2", &error),
                          ZLOOM_REASON_NO_MEMORY);
        assert_int_equal (heap.out, 0);
        heap_remove ();
    }
}

//  ---- Picking ----------------------------------------------------------------

static void test_links_pick_the_least_busy_and_the_first_on_a_tie (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *b = s_raise (self, 1);
    assert_ptr_equal (zloom__links_pick (&self->links), b);
    zloom__peer_t *a = s_raise (self, 0), *c = s_raise (self, 2);
    assert_int_equal (zloom__links_present (&self->links), 3);
    assert_ptr_equal (zloom__links_pick (&self->links), a);
    a->working = 2;
    b->working = 1;
    c->working = 1;
    assert_ptr_equal (zloom__links_pick (&self->links), b);
    b->working = 3;
    assert_ptr_equal (zloom__links_pick (&self->links), c);
    c->working = 2;
    assert_ptr_equal (zloom__links_pick (&self->links), a);
}

static void test_links_pick_none_that_cannot_take_work (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise (self, 0), *b = s_raise (self, 1), *c = s_raise (self, 2);
    a->is_draining = true;
    b->is_full = true;
    c->missed = ZLOOM__BEATS_MISSED;
    assert_ptr_equal (zloom__links_pick (&self->links), c);
    c->missed = ZLOOM__BEATS_MISSED + 1;
    assert_null (zloom__links_pick (&self->links));
    //  There is room again; somebody speaks again.
    assert_ptr_equal (s_note (self, ZLOOM__EVENT_ROOM, 1, 2), b);
    assert_ptr_equal (zloom__links_pick (&self->links), b);
    b->is_full = true;
    assert_ptr_equal (s_note (self, ZLOOM__EVENT_FRAME, 2, 3), c);
    assert_ptr_equal (zloom__links_pick (&self->links), c);
}

//  ---- Coming and going -------------------------------------------------------

static void test_links_forget_with_the_link_what_they_know_of_a_peer (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise (self, 0);
    zloom__event_t frame = {.kind = ZLOOM__EVENT_FRAME, .link = 1, .is_zloom = true};
    assert_ptr_equal (zloom__links_note (&self->links, &frame), a);
    assert_int_equal (a->nature, ZLOOM__NATURE_ZLOOM);
    a->is_draining = a->is_full = true;
    a->working = 5;
    a->missed = 9;
    assert_ptr_equal (s_note (self, ZLOOM__EVENT_DOWN, 0, 1), a);
    assert_int_equal (zloom__links_present (&self->links), 0);
    assert_null (zloom__links_pick (&self->links));

    s_note (self, ZLOOM__EVENT_UP, 0, 9);
    assert_int_equal (a->link, 9);
    assert_int_equal (a->nature, ZLOOM__NATURE_UNKNOWN);
    assert_false (a->is_draining || a->is_full || a->has_spoken);
    assert_int_equal (a->working, 0);
    assert_int_equal (a->missed, 0);
    assert_ptr_equal (zloom__links_pick (&self->links), a);
}

//  What an older link still had to say is about nobody.
static void test_links_note_nothing_of_a_link_that_is_gone (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise (self, 0);
    s_note (self, ZLOOM__EVENT_DOWN, 0, 1);
    assert_null (s_note (self, ZLOOM__EVENT_FRAME, 0, 1));
    assert_null (s_note (self, ZLOOM__EVENT_FRAME, 0, 0));
    s_note (self, ZLOOM__EVENT_UP, 0, 9);
    a->is_full = true;
    assert_null (s_note (self, ZLOOM__EVENT_ROOM, 0, 1));
    assert_null (s_note (self, ZLOOM__EVENT_DOWN, 0, 1));
    assert_null (s_note (self, ZLOOM__EVENT_DOWN, 7, 1));
    assert_true (a->is_full);
    assert_int_equal (zloom__links_present (&self->links), 1);
}

static void test_links_keep_in_mind_who_hides (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__event_t up = {.kind = ZLOOM__EVENT_UP, .link = 1, .hides_peer = true};
    zloom__peer_t *a = zloom__links_note (&self->links, &up);
    assert_true (zloom__peer_is_unproven (a));
    s_note (self, ZLOOM__EVENT_FRAME, 0, 1);
    assert_false (zloom__peer_is_unproven (a));
    zloom__peer_t *b = s_raise (self, 1);
    assert_false (zloom__peer_is_unproven (b));
}

//  ---- Why nobody is there ----------------------------------------------------

static void test_links_explain_names_every_endpoint (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    self->fake.why[1] = "the connection was lost";
    assert_int_equal (zloom__links_explain (&self->links, &error), ZLOOM_UNAVAILABLE);
    assert_int_equal (error.reason, ZLOOM_REASON_NO_PEER);
    assert_string_equal (error.text, "no peer at tcp://a:1: nothing listens there; tcp://b:2: the "
                                     "connection was lost; ipc://c: nothing listens there");
}

static void test_links_explain_takes_the_most_telling_reason (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    s_refuse (self, 1, ZLOOM_REASON_WRONG_PEER, "its type does not fit");
    assert_int_equal (zloom__links_explain (&self->links, &error), ZLOOM_UNAVAILABLE);
    assert_int_equal (error.reason, ZLOOM_REASON_WRONG_PEER);
    assert_non_null (strstr (error.text, "tcp://b:2: its type does not fit"));
    s_refuse (self, 2, ZLOOM_REASON_AUTHENTICATION, "it wants keys");
    assert_int_equal (zloom__links_explain (&self->links, &error), ZLOOM_UNAUTHENTICATED);
    assert_non_null (strstr (error.text, "ipc://c: it wants keys"));
}

static void test_links_explain_why_those_that_are_up_take_nothing (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    zloom__event_t up = {.kind = ZLOOM__EVENT_UP, .link = 1, .hides_peer = true};
    zloom__links_note (&self->links, &up);
    s_raise (self, 1)->is_draining = true;
    s_raise (self, 2)->missed = ZLOOM__BEATS_MISSED + 1;
    zloom__links_explain (&self->links, &error);
    assert_string_equal (error.text, "no peer at tcp://a:1: nothing has ever answered there; "
                                     "tcp://b:2: shutting down; ipc://c: connected, but silent");
}

static void test_links_explain_cuts_what_is_too_long (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_error_t error;
    char why[300];
    memset (why, 'y', sizeof why);
    why[sizeof why - 1] = 0;
    for (int i = 0; i < 3; i++)
        self->fake.why[i] = why;
    zloom__links_explain (&self->links, &error);
    assert_int_equal (strlen (error.text), sizeof error.text - 1);
}

static void test_links_are_hopeless_when_all_are_refused (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_refuse (self, 0, ZLOOM_REASON_WRONG_PEER, "no");
    s_refuse (self, 1, ZLOOM_REASON_AUTHENTICATION, "no");
    assert_false (zloom__links_are_hopeless (&self->links));
    s_refuse (self, 2, ZLOOM_REASON_WRONG_PEER, "no");
    assert_true (zloom__links_are_hopeless (&self->links));
    s_raise (self, 1);
    assert_false (zloom__links_are_hopeless (&self->links));
    s_note (self, ZLOOM__EVENT_DOWN, 1, 2);
    assert_false (zloom__links_are_hopeless (&self->links));
}

//  ---- Beats ------------------------------------------------------------------

static zloom__peer_t *s_raise_zloom (fixture_t *self, zloom__channel_t channel)
{
    zloom__peer_t *peer = s_raise (self, channel);
    peer->nature = ZLOOM__NATURE_ZLOOM;
    return peer;
}

static void test_links_beat_after_a_second_of_silence_and_each_second_then (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom_time_t from = self->fake.port.now;
    zloom__peer_t *a = s_raise_zloom (self, 0);
    assert_int_equal (zloom__links_beat (&self->links), from + ZLOOM_SEC);
    s_pass (self, ZLOOM_SEC - 1);
    assert_int_equal (zloom__links_beat (&self->links), from + ZLOOM_SEC);
    assert_int_equal (self->fake.sent, 0);
    for (unsigned beat = 1; beat <= 5; beat++) {
        s_pass (self, beat == 1 ? 1 : ZLOOM_SEC);
        assert_int_equal (zloom__links_beat (&self->links), from + (beat + 1) * ZLOOM_SEC);
        assert_int_equal (self->fake.sent, beat);
        assert_int_equal (self->fake.sent_link, 1);
        assert_int_equal (self->fake.message.kind, ZLOOM__BEAT);
        assert_int_equal (self->fake.message.id, beat);
        assert_int_equal (zloom__peer_is_silent (a), beat > 3);
        //  Not twice at the same time.
        zloom__links_beat (&self->links);
        assert_int_equal (self->fake.sent, beat);
    }
}

static void test_links_take_any_frame_for_a_sign_of_life (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise_zloom (self, 0);
    for (int i = 0; i < 5; i++) {
        s_pass (self, ZLOOM_SEC);
        zloom__links_beat (&self->links);
    }
    assert_true (zloom__peer_is_silent (a));
    s_note (self, ZLOOM__EVENT_FRAME, 0, 1);
    assert_false (zloom__peer_is_silent (a));
    unsigned sent = self->fake.sent;
    assert_int_equal (zloom__links_beat (&self->links), self->fake.port.now + ZLOOM_SEC);
    //  Who is heard of all the time gets no beats.
    for (int i = 0; i < 20; i++) {
        s_pass (self, ZLOOM_SEC / 2);
        s_note (self, ZLOOM__EVENT_FRAME, 0, 1);
        zloom__links_beat (&self->links);
    }
    assert_int_equal (self->fake.sent, sent);
}

static void test_links_beat_to_zloom_peers_only (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    s_raise (self, 0)->nature = ZLOOM__NATURE_PLAIN;
    s_raise (self, 1)->nature = ZLOOM__NATURE_ASKED;
    s_raise (self, 2);
    s_pass (self, 100 * ZLOOM_SEC);
    assert_int_equal (zloom__links_beat (&self->links), ZLOOM_NEVER);
    assert_int_equal (self->fake.sent, 0);
    self->links.peers[1].nature = ZLOOM__NATURE_ZLOOM;
    zloom__links_beat (&self->links);
    assert_int_equal (self->fake.sent, 1);
    assert_int_equal (self->fake.sent_channel, 1);
}

//  A program that was away for long has not been left alone for as long.
static void test_links_count_one_beat_however_late_it_is (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise_zloom (self, 0);
    s_pass (self, 1000 * ZLOOM_SEC);
    assert_int_equal (zloom__links_beat (&self->links), self->fake.port.now + ZLOOM_SEC);
    assert_int_equal (self->fake.sent, 1);
    assert_int_equal (a->missed, 1);
}

//  A beat that finds no room is missed like one that is not answered.
static void test_links_count_a_beat_that_cannot_be_sent (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise_zloom (self, 0);
    self->fake.send_code = ZLOOM_RESOURCE_EXHAUSTED;
    for (int i = 0; i < 4; i++) {
        s_pass (self, ZLOOM_SEC);
        zloom__links_beat (&self->links);
    }
    assert_true (zloom__peer_is_silent (a));
}

static void test_links_beat_starts_anew_with_a_new_link (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    zloom__peer_t *a = s_raise_zloom (self, 0);
    s_pass (self, 5 * ZLOOM_SEC);
    zloom__links_beat (&self->links);
    s_note (self, ZLOOM__EVENT_DOWN, 0, 1);
    assert_int_equal (zloom__links_beat (&self->links), ZLOOM_NEVER);
    s_note (self, ZLOOM__EVENT_UP, 0, 8);
    a->nature = ZLOOM__NATURE_ZLOOM;
    assert_int_equal (zloom__links_beat (&self->links), self->fake.port.now + ZLOOM_SEC);
    assert_int_equal (self->fake.sent, 1);
}

static void test_links_beat_not_at_all_when_told_so (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (
        zloom__links_open (&self->links, &self->fake.port, "tcp://a:1", &s_template, 0, NULL),
        ZLOOM_OK);
    s_raise_zloom (self, 0);
    s_pass (self, 3600 * ZLOOM_SEC);
    assert_int_equal (zloom__links_beat (&self->links), ZLOOM_NEVER);
    assert_int_equal (self->fake.sent, 0);
}

//  The longest pause that can be asked for, in nanoseconds.
static void test_links_beat_pause_does_not_overflow (void **state)
{
    fixture_t *self = (fixture_t *) *state;
    assert_int_equal (zloom__links_open (&self->links, &self->fake.port, "tcp://a:1", &s_template,
                                         UINT32_MAX, NULL),
                      ZLOOM_OK);
    s_raise_zloom (self, 0);
    assert_int_equal (zloom__links_beat (&self->links),
                      self->fake.port.now + UINT32_MAX * ZLOOM_MSEC);
}

#define with_three(test) cmocka_unit_test_setup_teardown (test, s_setup_three, s_teardown)
#define with_none(test)  cmocka_unit_test_setup_teardown (test, s_setup, s_teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        with_three (test_links_open_every_endpoint_of_the_list),
        with_none (test_links_open_says_what_is_wrong_with_a_list),
        with_none (test_links_open_without_memory_is_an_error),
        with_three (test_links_pick_the_least_busy_and_the_first_on_a_tie),
        with_three (test_links_pick_none_that_cannot_take_work),
        with_three (test_links_forget_with_the_link_what_they_know_of_a_peer),
        with_three (test_links_note_nothing_of_a_link_that_is_gone),
        with_three (test_links_keep_in_mind_who_hides),
        with_three (test_links_explain_names_every_endpoint),
        with_three (test_links_explain_takes_the_most_telling_reason),
        with_three (test_links_explain_why_those_that_are_up_take_nothing),
        with_three (test_links_explain_cuts_what_is_too_long),
        with_three (test_links_are_hopeless_when_all_are_refused),
        with_three (test_links_beat_after_a_second_of_silence_and_each_second_then),
        with_three (test_links_take_any_frame_for_a_sign_of_life),
        with_three (test_links_beat_to_zloom_peers_only),
        with_three (test_links_count_one_beat_however_late_it_is),
        with_three (test_links_count_a_beat_that_cannot_be_sent),
        with_three (test_links_beat_starts_anew_with_a_new_link),
        with_none (test_links_beat_not_at_all_when_told_so),
        with_none (test_links_beat_pause_does_not_overflow),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
