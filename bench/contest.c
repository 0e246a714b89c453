#include "contest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "fail.h"
#include "host.h"
#include "watch.h"

//  How long opening and closing may take, in seconds.
enum { OPENING = 60, CLOSING = 60 };

//  Busy processes, at most.
enum { PROCESSORS = 256 };

//  One contender at work, as the section's process sees it.
typedef struct seat {
    const contest_t *contest;
    const contender_t *contender;
    host_t host;       //  The server's process; inproc: has an endpoint alone
    pthread_t thread;  //  The server's, inproc
    void *server;      //  The thread's
    void *zmq;         //  The ZeroMQ context of this process
    void *client;
} seat_t;

static void *s_serve_thread (void *seat_p)
{
    const seat_t *seat = (const seat_t *) seat_p;
    if (seat->contest->cores == CORES_TWO)
        place_pin (END_SERVER);
    seat->contender->server->run (seat->server);
    return NULL;
}

//  Opening and closing.

static void s_open_server (seat_t *seat)
{
    const contest_t *contest = seat->contest;
    if (contest->transport == TRANSPORT_INPROC)
        place_endpoint (TRANSPORT_INPROC, NULL, seat->contender->name, seat->host.endpoint,
                        sizeof seat->host.endpoint);
    else
        host_start (&seat->host, seat->contender, contest->transport, contest->cores,
                    contest->folder);
}

static void s_open_client (seat_t *seat)
{
    const contender_t *contender = seat->contender;
    seat->zmq = host_context_new ();
    if (seat->contest->transport == TRANSPORT_INPROC) {
        seat->server = contender->server->open (contender, seat->zmq, seat->host.endpoint);
        if (pthread_create (&seat->thread, NULL, s_serve_thread, seat))
            fail ("no thread");
    }
    seat->client = contender->client->open (contender, seat->zmq, seat->host.endpoint);
}

static void s_close (seat_t *seat)
{
    const contender_t *contender = seat->contender;
    if (contender->held) {
        process_kill (&seat->host.process);  //  Nobody waits for a million calls to end
        return;
    }
    contender->client->stop (seat->client);
    if (seat->contest->transport == TRANSPORT_INPROC) {
        pthread_join (seat->thread, NULL);
        contender->server->close (seat->server);
    } else
        process_join (&seat->host.process);
    contender->client->close (seat->client);
    zmq_ctx_term (seat->zmq);
}

//  Other work.

//  The whole life of a busy process.
static void s_compute (void *number_p, int input, int output)
{
    (void) input;
    place_pin_to (*(const unsigned *) number_p);
    process_say_ready (output);
    for (volatile unsigned i = 0;; i++)
        ;
}

static size_t s_make_busy (process_t *processes)
{
    size_t count = place_processors ();
    count = count < PROCESSORS ? count : PROCESSORS;
    for (unsigned i = 0; i < count; i++) {
        processes[i] = process_start ("busy", s_compute, &i);
        process_await_ready (&processes[i]);
    }
    return count;
}

//  Rounds.

static void s_play_round (const seat_t *seat, double *ret_values)
{
    const contest_t *contest = seat->contest;
    watch_for (seat->contender->name, contest->round_seconds);
    contest->round (contest, seat->contender, seat->client, ret_values);
}

static void s_play (section_t *section, const seat_t *seats, size_t count)
{
    double discarded[SECTION_MEASURES];
    for (size_t i = 0; i < count; i++)
        s_play_round (&seats[i], discarded);
    for (unsigned round = 0; round < section->rounds; round++)
        for (size_t i = 0; i < count; i++)
            s_play_round (&seats[i], section_values (section, i, round));
}

//  The whole life of the section's process.
static void s_live (section_t *section)
{
    const contest_t *self = (const contest_t *) section->plan;
    seat_t seats[SECTION_CONTENDERS] = {0};
    process_t busy[PROCESSORS];
    watch_begin ();
    watch_for ("opening", OPENING);
    size_t busy_count = self->is_busy ? s_make_busy (busy) : 0;
    if (self->cores == CORES_ONE)
        place_pin (END_CLIENT);
    for (size_t i = 0; i < self->count; i++) {
        seats[i].contest = self;
        seats[i].contender = self->contenders[i];
        s_open_server (&seats[i]);
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

    s_play (section, seats, self->count);

    watch_end ();
    watch_for ("closing", CLOSING);
    for (size_t i = 0; i < busy_count; i++)
        process_kill (&busy[i]);
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
