#include "contest.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "fail.h"
#include "peer.h"
#include "process.h"

//  How long opening and closing may take, in seconds.
enum { OPENING = 60, CLOSING = 60 };

//  One contender at work, as the section's process sees it.
typedef struct seat {
    const contest_t *contest;
    const contender_t *contender;
    char endpoint[256];
    void *zmq;          //  The ZeroMQ context of this process
    process_t process;  //  The server's; pid 0 where it is a thread
    pthread_t thread;   //  The server's otherwise
    void *server;       //  The thread's
    void *client;
} seat_t;

static void *s_context_new (void)
{
    void *zmq = zmq_ctx_new ();
    if (!zmq)
        fail ("zmq_ctx_new: %s", zmq_strerror (zmq_errno ()));
    return zmq;
}

//  Servers.

//  The whole life of a server's process.
static void s_serve (void *seat_p, int input, int output)
{
    const seat_t *seat = (const seat_t *) seat_p;
    if (seat->contest->cores == CORES_TWO)
        place_pin (END_SERVER);
    if (seat->contender->program)
        peer_serve (seat->contender, seat->endpoint, input, output);
    void *zmq = s_context_new ();
    void *server = seat->contender->server->open (seat->contender, zmq, seat->endpoint);
    process_say_ready (output);
    seat->contender->server->run (server);
    seat->contender->server->close (server);
    zmq_ctx_term (zmq);
}

static void *s_serve_thread (void *seat_p)
{
    const seat_t *seat = (const seat_t *) seat_p;
    if (seat->contest->cores == CORES_TWO)
        place_pin (END_SERVER);
    seat->contender->server->run (seat->server);
    return NULL;
}

//  A server's process ended before it was told to: its client would wait for ever.
static void s_on_early_death (int signal_number)
{
    (void) signal_number;
    static const char text[] = "bench: a process ended too early\n";
    ssize_t written = write (STDERR_FILENO, text, sizeof text - 1);
    _exit (written < 0 ? 2 : 1);
}

//  Whose turn it is, or NULL.
static const char *volatile s_turn;

//  The section ends by this signal, and its parent sees that it hung; but not
//  with whom.
static void s_on_alarm (int signal_number)
{
    const char *name = s_turn;
    if (name) {
        static const char text[] = "bench: no end of the round of ";
        ssize_t written = write (STDERR_FILENO, text, sizeof text - 1);
        written += write (STDERR_FILENO, name, strlen (name));
        written += write (STDERR_FILENO, "\n", 1);
        (void) written;
    }
    signal (signal_number, SIG_DFL);
    raise (signal_number);
}

//  Opening and closing.

static void s_open_server (seat_t *seat, const contender_t *contender)
{
    const contest_t *contest = seat->contest;
    seat->contender = contender;
    if (contender->program)
        peer_endpoint (contender, contest->folder, seat->endpoint, sizeof seat->endpoint);
    else
        place_endpoint (contest->transport, contest->folder, contender->name, seat->endpoint,
                        sizeof seat->endpoint);
    if (contest->transport == TRANSPORT_INPROC)
        return;
    seat->process = process_start (contender->name, s_serve, seat);
    process_await_ready (&seat->process);
}

static void s_open_client (seat_t *seat)
{
    const contender_t *contender = seat->contender;
    seat->zmq = s_context_new ();
    if (seat->process.pid == 0) {
        seat->server = contender->server->open (contender, seat->zmq, seat->endpoint);
        if (pthread_create (&seat->thread, NULL, s_serve_thread, seat))
            fail ("no thread");
    }
    seat->client = contender->client->open (contender, seat->zmq, seat->endpoint);
}

static void s_close (seat_t *seat)
{
    const contender_t *contender = seat->contender;
    contender->client->stop (seat->client);
    if (seat->process.pid) {
        process_join (&seat->process);
    } else {
        pthread_join (seat->thread, NULL);
        contender->server->close (seat->server);
    }
    contender->client->close (seat->client);
    zmq_ctx_term (seat->zmq);
}

//  Rounds.

static void s_play_round (const seat_t *seat, double *ret_values)
{
    const contest_t *contest = seat->contest;
    s_turn = seat->contender->name;
    alarm (contest->round_seconds);
    contest->round (contest, seat->contender, seat->client, ret_values);
    s_turn = NULL;
}

static void s_play (section_t *section, const seat_t *seats)
{
    double discarded[SECTION_MEASURES];
    for (size_t i = 0; i < section->contenders; i++)
        s_play_round (&seats[i], discarded);
    for (unsigned round = 0; round < section->rounds; round++)
        for (size_t i = 0; i < section->contenders; i++)
            s_play_round (&seats[i], section_values (section, i, round));
}

//  The whole life of the section's process.
static void s_live (section_t *section)
{
    const contest_t *self = (const contest_t *) section->plan;
    seat_t seats[SECTION_CONTENDERS] = {0};
    if (self->cores == CORES_ONE)
        place_pin (END_CLIENT);
    signal (SIGCHLD, s_on_early_death);
    signal (SIGALRM, s_on_alarm);
    alarm (OPENING);
    for (size_t i = 0; i < self->count; i++) {
        seats[i].contest = self;
        s_open_server (&seats[i], self->contenders[i]);
    }
    //  A process is pinned with all its threads. Of threads only those two are
    //  that work, and each when it does: before that they share what they have.
    bool is_apart = self->transport != TRANSPORT_INPROC;
    if (self->cores == CORES_TWO && is_apart)
        place_pin (END_CLIENT);
    for (size_t i = 0; i < self->count; i++)
        s_open_client (&seats[i]);
    if (self->cores == CORES_TWO && !is_apart)
        place_pin (END_CLIENT);

    s_play (section, seats);

    alarm (CLOSING);
    signal (SIGCHLD, SIG_DFL);
    for (size_t i = 0; i < self->count; i++)
        s_close (&seats[i]);
}

section_t contest_section (const contest_t *self, const char *what, unsigned rounds,
                           const measure_t *measures, size_t measure_count)
{
    section_t section = {.rounds = rounds,
                         .contenders = self->count,
                         .measures = measures,
                         .measure_count = measure_count,
                         .live = s_live,
                         .plan = self};
    snprintf (section.name, sizeof section.name, "%s, %s, %s", what,
              transport_name (self->transport), cores_name (self->cores));
    for (size_t i = 0; i < self->count; i++)
        section.names[i] = self->contenders[i]->name;
    return section;
}

unsigned char *contest_payload (const contest_t *self)
{
    unsigned char *data = (unsigned char *) malloc (self->payload_bytes);
    if (!data)
        fail ("no memory");
    memset (data, 'z', self->payload_bytes);
    return data;
}
