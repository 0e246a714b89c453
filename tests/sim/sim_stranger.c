#include "sim/sim_stream.h"

#include <string.h>

//  The beginning of ZMTP 3.1, with the NULL mechanism.
#define GREETING_3                                                       \
    "\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define GREETING_CURVE                                                  \
    "\xff\0\0\0\0\0\0\0\0\x7f\3\1CURVE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define READY_ROUTER "\4\x1c\5READY\13Socket-Type\0\0\0\6ROUTER"
#define READY_PUB    "\4\x19\5READY\13Socket-Type\0\0\0\3PUB"
#define READY_DEALER "\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER"

//  What a stranger says, and whether he then hangs up.
typedef struct {
    zloom_bytes_t words;
    bool hangs_up;
} speech_t;

//  Without the NUL that ends the literal.
#define WORDS(literal)                                    \
    {                                                     \
        (const uint8_t *) (literal), sizeof (literal) - 1 \
    }

static const speech_t s_speeches[SIM_STANCES] = {
    [SIM_STANCE_HTTP] = {WORDS ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), true},
    [SIM_STANCE_OLD] = {WORDS ("\xff\0\0\0\0\0\0\0\1\x7f\1\5"), false},
    [SIM_STANCE_CURVE] = {WORDS (GREETING_CURVE), false},
    [SIM_STANCE_DENIAL] = {WORDS (GREETING_3 "\4\x11\5ERROR\12not-for-us"), true},
    [SIM_STANCE_PUBLISHER] = {WORDS (GREETING_3 READY_PUB), false},
    [SIM_STANCE_HANGS_UP] = {WORDS (GREETING_3), true},
    [SIM_STANCE_STUTTERER] = {WORDS ("\xff\0\0\0\0\0\0\0"), false},
    [SIM_STANCE_FLOODER] = {WORDS (GREETING_3 READY_ROUTER
                                   "\4\7\4PING\0\0\4\x0b\4PING\0\0ping\4\7\4PING\0\0"
                                   "\2\x7f\xff\xff\xff\xff\xff\xff\xff"),
                            false},
};

//  What strangers say who come to a server; the last two send messages, which
//  a world with right contents must not count.
static const speech_t s_visits[] = {
    {WORDS ("GET / HTTP/1.1\r\nHost: here\r\n\r\n"), false},
    {WORDS ("\xff\0\0"), false},
    {WORDS (""), true},
    {WORDS (GREETING_3), false},
    {WORDS (GREETING_CURVE), false},
    {WORDS (GREETING_3 READY_PUB), false},
    {WORDS (GREETING_3 READY_DEALER), false},
    {WORDS (GREETING_3 READY_DEALER "\1\1a\1\1b\1\1c"), true},
    {WORDS (GREETING_3 READY_DEALER "\2\0\0\0\0\0\0\x20\0only a part of it"), true},
    {WORDS (GREETING_3 READY_DEALER "\2\x7f\xff\xff\xff\xff\xff\xff\xff"), false},
    {WORDS (GREETING_3 READY_DEALER "\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0"
                                    "\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\0\1!"),
     true},
    {WORDS (GREETING_3 READY_DEALER "\4\7\4PING\0\0\4\7\4PING\0\0\0\3\xc1\xc1\xc1"), false},
};

static void s_speak (sim_stream_t *to, const speech_t *speech)
{
    sim_world_t *world = to->wire->net->base.world;
    const struct iovec piece = {(void *) (uintptr_t) speech->words.data, speech->words.size};
    if (piece.iov_len > 0)
        sim_stream_put (to, &piece, piece.iov_len);
    if (speech->hangs_up || sim_chance (world, 30))
        sim_stream_end (to, to->newest + sim_spread (world, 0, 20 * ZLOOM_MSEC),
                        sim_chance (world, 20));
}

void sim_stranger_answer (sim_stream_t *to, sim_stance_t stance)
{
    s_speak (to, &s_speeches[stance]);
}

void sim_stranger_come (sim_streams_t *net, unsigned place)
{
    sim_site_t *site = &net->places[place];
    if (!site->guest)
        return;
    net->counts[SIM_STREAM_STRANGER]++;
    sim_trace (net->base.world, "a stranger comes to %s", site->endpoint);
    sim_wire_t *wire = sim_wire_new (net, place);
    wire->has_stranger = wire->waits = true;
    enum { VISITS = sizeof s_visits / sizeof s_visits[0] };
    int64_t last = net->climate.corrupt_permille ? VISITS - 1 : VISITS - 3;
    s_speak (&wire->server, &s_visits[sim_between (net->base.world, 0, last)]);
    site->has_news = true;
    sim_host_expect (site->guest->host, net->base.world->now + wire->latency);
}
