//  sim_stream - a network of byte streams that are slow, short, stalled and cut
//
//  Places are where servers listen; a place outlives its servers. Wires lead
//  from a client to a place; each has two streams, its ends, and a stream has
//  what is on its way to it:
//
//      client's stream                               server's stream
//      first <---- segments of the server ---------  (written by it)
//      (written by it) ----- segments of the client --> first
//
//  While a wire lives it is as tcp is: bytes arrive in order and once, in
//  pieces of any size; a writer that is too far ahead is told to wait. When it
//  is cut, what was under way is lost from any byte on, in each direction from
//  another one, and the ends learn of it late, or not until they write.
//
//  A guest is a process's view of the network: it is what the direct engine
//  reads and writes by (zloom__streams_t), with the edges of epoll. At a place
//  there may also be a stranger, who accepts and says nothing, or something
//  else than zloom would; and strangers may come to servers.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "net/stream_internal.h"
#include "sim/sim_network.h"

typedef struct sim_streams sim_streams_t;
typedef struct sim_guest sim_guest_t;
typedef struct sim_stream sim_stream_t;
typedef struct sim_wire sim_wire_t;

//  What a network is like; drawn from the seed.
typedef struct sim_stream_climate {
    zloom_time_t latency;       //  The most that a wire has
    zloom_time_t jitter;        //  ... and a segment in addition
    zloom_time_t detection;     //  The longest until an end learns of a cut
    size_t capacity;            //  Bytes under way or unread in one direction, at most
    size_t segment;             //  Bytes that arrive together, at most
    size_t queued;              //  Bytes that a port lets wait for one peer, two messages at
                                //  least as in the engine itself; 0 = as it comes
    unsigned partial_percent;   //  Reads and writes that take a part only
    unsigned again_percent;     //  Writes that take nothing now
    unsigned silent_percent;    //  Ends that learn of a cut only when they write
    unsigned corrupt_permille;  //  Segments of which bits flip
    bool has_weather;
} sim_stream_climate_t;

//  What comes to those who come to a place.
//  X (NAME)
#define SIM_STANCE_MAP(X)                                                \
    X (OPEN)        /* The server that listens there, if any */          \
    X (NOBODY)      /* They are refused */                               \
    X (UNREACHABLE) /* They are refused at once */                       \
    X (HOLE)        /* No answer at all */                               \
    X (MUTE)        /* A stranger who says nothing */                    \
    X (HTTP)        /* ... who speaks another protocol */                \
    X (OLD)         /* ... who speaks ZMTP 2.0 */                        \
    X (CURVE)       /* ... who wants keys */                             \
    X (DENIAL)      /* ... who refuses them with ERROR */                \
    X (PUBLISHER)   /* ... whose socket type does not fit */             \
    X (HANGS_UP)    /* ... who hangs up when he has seen our type */     \
    X (STUTTERER)   /* ... who never comes to the end of his greeting */ \
    X (FLOODER)     /* ... who pings and pings, and then goes too far */

typedef enum sim_stance {
#define X(name) SIM_STANCE_##name,
    SIM_STANCE_MAP (X)
#undef X
        SIM_STANCES
} sim_stance_t;

//  Bytes under way.
typedef struct sim_segment {
    struct sim_segment *next;
    zloom_time_t arrives;
    size_t size, at;  //  Read up to there
    uint8_t data[];
} sim_segment_t;

//  One end of a wire.
struct sim_stream {
    sim_wire_t *wire;
    sim_guest_t *guest;  //  NULL: nobody is there
    sim_stream_t *next;  //  Of the guest's
    int number;          //  By which the guest knows it
    uint64_t token;
    bool is_watched;
    bool is_edgy;  //  A change is to be told that has no time of its own

    //  Connecting.
    bool is_connecting;
    zloom_time_t connected_at;  //  When what became of it is known
    int failure;

    //  What comes.
    sim_segment_t *first, **last;
    sim_segment_t *news;  //  The first one that was not told of
    size_t bytes;
    zloom_time_t newest;  //  Arrival of the last one
    zloom_time_t end_at;  //  The end arrives; NEVER = not yet
    bool is_reset;        //  ... as an error
    bool is_end_told;

    //  What goes.
    bool is_lost;            //  What is written arrives nowhere
    bool is_silent;          //  ... which only writing will show
    size_t lost;             //  Bytes that were written all the same
    bool is_blocked;         //  A write took nothing; to be told of room
    zloom_time_t room_at;    //  ... then
    zloom_time_t broken_at;  //  Writing fails from then on
};

struct sim_wire {
    sim_wire_t *next;
    sim_streams_t *net;
    unsigned place;
    sim_stream_t client, server;
    bool is_hole;         //  Its address answers nobody
    bool has_stranger;    //  At the end that has no guest
    sim_event_t arrival;  //  Of the wish to connect
    bool waits;           //  ... in the backlog of the place
    bool is_cut;
    zloom_time_t latency;
    zloom_time_t stalled_until;
};

//  Where servers listen.
typedef struct sim_site {
    char endpoint[SIM_ENDPOINT_MAX];
    sim_guest_t *guest;  //  Who listens; NULL = nobody
    int listener;
    uint64_t token;
    bool has_news;  //  Somebody has come
    sim_stance_t stance;
} sim_site_t;

//  A process's view of the network.
struct sim_guest {
    zloom__streams_t streams;  //  First: streams are cast to this
    sim_streams_t *net;
    sim_host_t *host;
    sim_stream_t *list;
    int numbers;                                  //  Given so far
    bool is_dead;                                 //  It has crashed
    void (*closing) (sim_guest_t *, int stream);  //  Called before a stream is closed
};

//  What can be counted, of the network and of the engine over it.
//  X (NAME, text)
#define SIM_STREAM_MAP(X)                                                       \
    X (DIAL, "network: dials")                                                  \
    X (DIAL_REFUSED, "network: dials refused")                                  \
    X (DIAL_FAILED, "network: dials that failed at once")                       \
    X (DIAL_HOLE, "network: dials that nobody answers")                         \
    X (DIAL_STRANGER, "network: dials answered by a stranger")                  \
    X (NO_ADDRESS, "network: names without an address")                         \
    X (NO_DESCRIPTORS, "network: dials and accepts without a descriptor")       \
    X (ABORTED, "network: wires aborted before they were accepted")             \
    X (UNWATCHED, "network: wires that could not be watched")                   \
    X (STRANGER, "network: strangers came to a server")                         \
    X (CUT, "network: wires cut")                                               \
    X (CUT_INSIDE, "network: ... within what was under way")                    \
    X (STALL, "network: wires stalled")                                         \
    X (FIN, "network: wires closed with all bytes taken")                       \
    X (RESET, "network: wires closed with bytes unread")                        \
    X (READ, "network: reads")                                                  \
    X (READ_ONE, "network: reads of one byte")                                  \
    X (READ_PART, "network: reads of a part of what was there")                 \
    X (READ_END, "network: ends read")                                          \
    X (READ_RESET, "network: resets read")                                      \
    X (WRITE, "network: writes")                                                \
    X (WRITE_PART, "network: writes that took a part")                          \
    X (WRITE_AGAIN, "network: writes that took nothing")                        \
    X (WRITE_LOST, "network: writes that arrived nowhere")                      \
    X (WRITE_BROKEN, "network: writes that failed")                             \
    X (ROOM, "network: writers told of room")                                   \
    X (CORRUPT, "network: segments corrupted")                                  \
    X (NEXT_ADDRESS, "link: another address of a name was dialled")             \
    X (CONNECTED, "link: connecting -> shaking")                                \
    X (REFUSED, "link: connecting -> closed, refused")                          \
    X (TIMED_OUT, "link: connecting -> closed, no answer in time")              \
    X (CONNECT_LEFT, "link: connecting -> closed by its owner")                 \
    X (ACCEPTED, "link: accepted, shaking")                                     \
    X (OPENED, "link: shaking -> open, dialled")                                \
    X (OPENED_ACCEPTED, "link: shaking -> open, accepted")                      \
    X (SHAKE_REFUSED, "link: shaking -> closed, refused by name")               \
    X (SHAKE_HUNG_UP, "link: shaking -> closed, the peer hung up in handshake") \
    X (SHAKE_ENDED, "link: shaking -> closed, the peer hung up before")         \
    X (SHAKE_TIMED_OUT, "link: shaking -> closed, not done in time")            \
    X (SHAKE_LEFT, "link: shaking -> closed by its owner")                      \
    X (OPEN_ENDED, "link: open -> closed, its end was read")                    \
    X (OPEN_REFUSED, "link: open -> closed, what came was not ZMTP")            \
    X (OPEN_LEFT, "link: open -> closed by its owner")                          \
    X (CANNOT_WRITE, "link: open, cannot write, is read to its end")            \
    X (BLOCKED, "link: blocked")                                                \
    X (UNBLOCKED, "link: blocked -> written on")                                \
    X (FULL, "link: full, a send was refused")                                  \
    X (HAS_ROOM, "link: full -> room")                                          \
    X (LARGE_BEGUN, "link: a large body begun")                                 \
    X (LARGE_ENDED, "link: a large body ended")                                 \
    X (LARGE_LOST, "link: a large body lost with its link")                     \
    X (REST, "link: a part of something put aside")                             \
    X (HOPS, "link: hops put aside")                                            \
    X (HOPS_TAKEN, "link: hops taken up again")                                 \
    X (HUNG_UP_TWICE, "channel: two hang-ups in a row mean a wrong peer")       \
    X (ACCEPT_PAUSED, "channel: accept paused")                                 \
    X (ACCEPT_RESUMED, "channel: accept resumed")                               \
    X (GUESSED, "engine: read without having been told")                        \
    X (KEPT, "engine: frames kept beyond their turn")                           \
    X (UP, "engine: told of a link that is up")                                 \
    X (DOWN, "engine: told of a link that went down")                           \
    X (HOPELESS, "engine: told of a try that another one won't mend")           \
    X (LINGERED, "engine: lingered until all was written")                      \
    X (LINGER_OVER, "engine: ended with something unwritten")                   \
    X (JOB, "engine: jobs run")

typedef enum sim_stream_count {
#define X(name, text) SIM_STREAM_##name,
    SIM_STREAM_MAP (X)
#undef X
        SIM_STREAM_COUNTS
} sim_stream_count_t;

struct sim_streams {
    sim_network_t base;  //  First: a network is cast to this
    sim_stream_climate_t climate;
    sim_site_t places[SIM_PLACES_MAX];
    unsigned place_count;
    sim_wire_t *wires;
    zloom_time_t no_descriptors_until;
    uint64_t counts[SIM_STREAM_COUNTS];
};

//  Begin a network, whose climate is drawn from the world's seed.
void sim_streams_init (sim_streams_t *self, sim_world_t *world, const sim_forecast_t *forecast);

//  sim_stream.c: what a guest has.

void sim_guest_init (sim_guest_t *self, sim_streams_t *net, sim_host_t *host,
                     void (*closing) (sim_guest_t *, int stream));

//  When there is something to be told; then what that is, as many as there are
//  or `most`.
zloom_time_t sim_guest_due (const sim_guest_t *self);
unsigned sim_guest_poll (sim_guest_t *self, zloom__ready_t *ret_ready, unsigned most);

//  The process dies: its streams end now, and it can do nothing any more.
void sim_guest_crash (sim_guest_t *self);

//  NULL: there is none of that number.
sim_stream_t *sim_guest_find (const sim_guest_t *self, int number);

//  sim_wire.c: what happens to bytes.

sim_wire_t *sim_wire_new (sim_streams_t *net, unsigned place);

//  Somebody takes an end; and leaves it, in peace or in a crash.
void sim_stream_attach (sim_stream_t *self, sim_guest_t *guest);
void sim_stream_leave (sim_stream_t *self, bool in_peace);

//  Send bytes to an end, of which so many are in the pieces.
void sim_stream_put (sim_stream_t *to, const struct iovec *pieces, size_t size);

//  Whatever has arrived by now.
size_t sim_stream_arrived (const sim_stream_t *self);
bool sim_stream_has_ended (const sim_stream_t *self);

//  Take bytes that have arrived; what is left of them comes again later, if the
//  reader was given fewer than it could have had.
void sim_stream_take (sim_stream_t *self, const struct iovec *pieces, size_t size, bool is_short);

//  When its guest must be told something.
zloom_time_t sim_stream_due (const sim_stream_t *self);

//  From now on nothing is written to its end; it learns of that then.
void sim_stream_end (sim_stream_t *self, zloom_time_t at, bool is_reset);

//  Cut it: what is under way is lost from any byte on.
void sim_wire_cut (sim_wire_t *self);

//  Its ends learn now what only writing would have shown.
void sim_wire_show_silence (sim_wire_t *self);

//  The place was left: those who wait there are sent away.
void sim_wire_refuse_waiting (sim_streams_t *net, unsigned place);

static inline sim_stream_t *sim_stream_other (const sim_stream_t *self)
{
    sim_wire_t *wire = self->wire;
    return self == &wire->client ? &wire->server : &wire->client;
}

//  sim_stranger.c: peers that are not zloom's.

//  A stranger at the other end of a stream does what he does.
void sim_stranger_answer (sim_stream_t *to, sim_stance_t stance);

//  One comes to a place, if somebody listens there.
void sim_stranger_come (sim_streams_t *net, unsigned place);

#endif
