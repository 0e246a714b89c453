#include "sim/sim_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

//  What an address is good for; it stands where an address of IP would.
enum { ADDRESS_GOOD, ADDRESS_DEAD, ADDRESS_REFUSES, ADDRESS_HOLE };

static sim_guest_t *s_self (zloom__streams_t *streams)
{
    return (sim_guest_t *) streams;
}

static sim_world_t *s_world (const sim_guest_t *self)
{
    return self->net->base.world;
}

sim_stream_t *sim_guest_find (const sim_guest_t *self, int number)
{
    sim_stream_t *stream = self->list;
    while (stream && stream->number != number)
        stream = stream->next;
    return stream;
}

static bool s_has_no_descriptors (const sim_guest_t *self)
{
    if (self->net->no_descriptors_until <= s_world (self)->now)
        return false;
    self->net->counts[SIM_STREAM_NO_DESCRIPTORS]++;
    return true;
}

//  Connecting.

static int s_find_place (const sim_streams_t *net, const char *endpoint)
{
    for (unsigned i = 0; i < net->place_count; i++)
        if (strcmp (net->places[i].endpoint, endpoint) == 0)
            return (int) i;
    return -1;
}

static void s_add_address (zloom__addresses_t *addresses, int place, uint32_t kind)
{
    zloom__address_t *address = &addresses->list[addresses->count++];
    struct sockaddr_in *v4 = (struct sockaddr_in *) &address->place;
    *address = (zloom__address_t){.size = sizeof *v4};
    v4->sin_family = AF_INET;
    v4->sin_port = htons ((uint16_t) place);
    v4->sin_addr.s_addr = kind;
}

static const char *s_resolve (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              zloom__addresses_t *ret_addresses, zloom__lookup_t **ret_lookup)
{
    sim_guest_t *self = s_self (streams);
    sim_world_t *world = s_world (self);
    *ret_lookup = NULL;
    ret_addresses->count = 0;
    int place = s_find_place (self->net, endpoint->text);
    bool has_weather = self->net->climate.has_weather;
    if (place < 0 || (has_weather && sim_chance (world, 2))) {
        self->net->counts[SIM_STREAM_NO_ADDRESS]++;
        return "cannot find that host";
    }
    while (ret_addresses->count < 3 && sim_chance (world, 10))
        s_add_address (ret_addresses, place,
                       (uint32_t) sim_between (world, ADDRESS_DEAD,
                                               has_weather ? ADDRESS_HOLE : ADDRESS_REFUSES));
    s_add_address (ret_addresses, place, ADDRESS_GOOD);
    return NULL;
}

static int s_connect (zloom__streams_t *streams, const zloom__address_t *to, uint64_t token)
{
    sim_guest_t *self = s_self (streams);
    sim_streams_t *net = self->net;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *) &to->place;
    unsigned place = ntohs (v4->sin_port);
    net->counts[SIM_STREAM_DIAL]++;
    sim_trace (net->base.world, "%s dials %s", self->host->name, net->places[place].endpoint);
    if (s_has_no_descriptors (self))
        return -EMFILE;
    if (self->is_dead || v4->sin_addr.s_addr == ADDRESS_DEAD
        || net->places[place].stance == SIM_STANCE_UNREACHABLE) {
        net->counts[SIM_STREAM_DIAL_FAILED]++;
        return sim_chance (net->base.world, 50) ? -ENETUNREACH : -ECONNREFUSED;
    }
    sim_wire_t *wire = sim_wire_new (net, place);
    wire->is_hole = v4->sin_addr.s_addr == ADDRESS_HOLE;
    wire->client.token = token;
    wire->client.is_watched = wire->client.is_connecting = true;
    sim_stream_attach (&wire->client, self);
    if (v4->sin_addr.s_addr == ADDRESS_REFUSES) {
        net->counts[SIM_STREAM_DIAL_REFUSED]++;
        wire->client.failure = ECONNREFUSED;
        wire->client.connected_at = net->base.world->now + 2 * wire->latency;
        sim_host_expect (self->host, wire->client.connected_at);
    } else
        sim_event_plan_in (&wire->arrival, wire->latency);
    return wire->client.number;
}

static int s_check (zloom__streams_t *streams, int number)
{
    sim_stream_t *stream = sim_guest_find (s_self (streams), number);
    return stream ? -stream->failure : -ECONNRESET;
}

//  Listening.

static zloom_code_t s_listen (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              uint64_t token, int *ret_listener, char *ret_bound,
                              zloom_error_t *reterr)
{
    sim_guest_t *self = s_self (streams);
    int number = s_find_place (self->net, endpoint->text);
    if (number < 0)
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS, "no place '%s'", endpoint->text);
    sim_site_t *place = &self->net->places[number];
    if (place->guest)
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS_IN_USE, "'%s' is taken",
                                endpoint->text);
    place->guest = self;
    place->token = token;
    place->has_news = false;
    *ret_listener = place->listener = self->numbers++;
    snprintf (ret_bound, ZLOOM__ENDPOINT_MAX, "%s", endpoint->text);
    return ZLOOM_OK;
}

static void s_leave_place (sim_guest_t *self, unsigned number)
{
    self->net->places[number].guest = NULL;
    sim_wire_refuse_waiting (self->net, number);
}

static void s_unlisten (zloom__streams_t *streams, int listener, const zloom__endpoint_t *endpoint,
                        const char *bound)
{
    sim_guest_t *self = s_self (streams);
    (void) listener;
    (void) bound;
    int number = s_find_place (self->net, endpoint->text);
    if (self->net->places[number].guest == self)
        s_leave_place (self, (unsigned) number);
}

//  The one who waits longest.
static sim_wire_t *s_first_waiting (const sim_guest_t *self, int listener)
{
    sim_wire_t *found = NULL;
    for (sim_wire_t *wire = self->net->wires; wire; wire = wire->next) {
        const sim_site_t *place = &self->net->places[wire->place];
        if (wire->waits && place->guest == self && place->listener == listener)
            found = wire;
    }
    return found;
}

static int s_accept (zloom__streams_t *streams, int listener)
{
    sim_guest_t *self = s_self (streams);
    sim_world_t *world = s_world (self);
    sim_wire_t *wire = s_first_waiting (self, listener);
    if (s_has_no_descriptors (self))
        return -EMFILE;
    if (!wire)
        return -EAGAIN;
    wire->waits = false;
    sim_stream_attach (&wire->server, self);
    int number = wire->server.number;
    if (self->net->climate.has_weather && sim_chance (world, 1)) {
        self->net->counts[SIM_STREAM_ABORTED]++;
        sim_stream_leave (&wire->server, true);
        return -ECONNABORTED;
    }
    return number;
}

static int s_watch (zloom__streams_t *streams, int number, uint64_t token)
{
    sim_guest_t *self = s_self (streams);
    sim_stream_t *stream = sim_guest_find (self, number);
    zloom_assert (stream);
    if (self->net->climate.has_weather && sim_chance (s_world (self), 1)) {
        self->net->counts[SIM_STREAM_UNWATCHED]++;
        sim_stream_leave (stream, true);
        return -ENOSPC;
    }
    stream->token = token;
    stream->is_watched = stream->is_edgy = true;
    return number;
}

//  Reading and writing.

static size_t s_total (const struct iovec *pieces, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += pieces[i].iov_len;
    return total;
}

//  Chance: all of it, or a part.
static size_t s_portion (const sim_guest_t *self, size_t size)
{
    if (size > 1 && sim_chance (s_world (self), self->net->climate.partial_percent))
        return (size_t) sim_spread (s_world (self), 1, (int64_t) size);
    return size;
}

static ssize_t s_read_end (const sim_guest_t *self, const sim_stream_t *stream)
{
    if (!sim_stream_has_ended (stream))
        return -EAGAIN;
    self->net->counts[stream->is_reset ? SIM_STREAM_READ_RESET : SIM_STREAM_READ_END]++;
    return stream->is_reset ? -ECONNRESET : 0;
}

static ssize_t s_read (zloom__streams_t *streams, int number, const struct iovec *pieces, int count)
{
    sim_guest_t *self = s_self (streams);
    sim_stream_t *stream = sim_guest_find (self, number);
    if (!stream)
        return -ECONNRESET;
    size_t arrived = sim_stream_arrived (stream), room = s_total (pieces, count);
    if (arrived == 0) {
        stream->news = stream->first;  //  In a stall; of this it will be told once more
        return s_read_end (self, stream);
    }
    size_t most = arrived < room ? arrived : room;
    size_t size = s_portion (self, most);
    sim_stream_take (stream, pieces, size, size < most);
    self->net->counts[SIM_STREAM_READ]++;
    self->net->counts[SIM_STREAM_READ_ONE] += size == 1;
    self->net->counts[SIM_STREAM_READ_PART] += size < most;
    return (ssize_t) size;
}

//  What is written where nobody is fills what the system keeps for it.
static size_t s_room (const sim_stream_t *stream)
{
    const sim_stream_t *to = sim_stream_other (stream);
    size_t capacity = stream->wire->net->climate.capacity;
    size_t used = stream->is_lost ? stream->lost : to->bytes;
    return used < capacity ? capacity - used : 0;
}

static ssize_t s_block (const sim_guest_t *self, sim_stream_t *stream, bool has_room)
{
    sim_world_t *world = s_world (self);
    self->net->counts[SIM_STREAM_WRITE_AGAIN]++;
    stream->is_blocked = true;
    if (has_room) {
        stream->room_at = world->now + sim_spread (world, 1, ZLOOM_MSEC);
        sim_host_expect (self->host, stream->room_at);
    }
    return -EAGAIN;
}

//  Nobody is there; now this comes to light.
static void s_lose (const sim_guest_t *self, sim_stream_t *stream, size_t size)
{
    sim_world_t *world = s_world (self);
    self->net->counts[SIM_STREAM_WRITE_LOST]++;
    stream->lost += size;
    if (!stream->is_silent)
        return;
    stream->is_silent = false;
    stream->broken_at = world->now + sim_spread (world, 0, self->net->climate.detection);
    sim_stream_end (stream, stream->broken_at, true);
}

static ssize_t s_write (zloom__streams_t *streams, int number, const struct iovec *pieces,
                        int count)
{
    sim_guest_t *self = s_self (streams);
    sim_streams_t *net = self->net;
    sim_stream_t *stream = sim_guest_find (self, number);
    if (!stream || stream->broken_at <= s_world (self)->now) {
        net->counts[SIM_STREAM_WRITE_BROKEN]++;
        return sim_chance (s_world (self), 50) ? -EPIPE : -ECONNRESET;
    }
    size_t size = s_total (pieces, count), room = s_room (stream);
    zloom_assert (size > 0);
    if (room == 0 || sim_chance (s_world (self), net->climate.again_percent))
        return s_block (self, stream, room > 0);
    size_t taken = s_portion (self, size < room ? size : room);
    net->counts[SIM_STREAM_WRITE]++;
    net->counts[SIM_STREAM_WRITE_PART] += taken < size;
    bool is_heard = !stream->is_lost && !stream->wire->has_stranger;
    if (stream->is_lost)
        s_lose (self, stream, taken);
    if (is_heard)
        sim_stream_put (sim_stream_other (stream), pieces, taken);
    return (ssize_t) taken;
}

static void s_close (zloom__streams_t *streams, int number)
{
    sim_guest_t *self = s_self (streams);
    sim_stream_t *stream = sim_guest_find (self, number);
    self->closing (self, number);
    if (stream)
        sim_stream_leave (stream, true);
}

//  Guests.

//  Who listens where; NULL = nowhere that has news.
static sim_site_t *s_find_news (const sim_guest_t *self)
{
    for (unsigned i = 0; i < self->net->place_count; i++)
        if (self->net->places[i].guest == self && self->net->places[i].has_news)
            return &self->net->places[i];
    return NULL;
}

zloom_time_t sim_guest_due (const sim_guest_t *self)
{
    zloom_time_t due = s_find_news (self) ? s_world (self)->now : ZLOOM_NEVER;
    for (const sim_stream_t *one = self->list; one; one = one->next)
        due = zloom_time_min (due, sim_stream_due (one));
    return due;
}

//  All there is of a stream, as epoll tells it.
static zloom__ready_t s_tell (const sim_guest_t *self, sim_stream_t *stream)
{
    zloom_time_t now = s_world (self)->now;
    zloom__ready_t ready = {.token = stream->token};
    if (stream->is_connecting) {
        stream->is_connecting = false;
        ready.is_out = true;
        ready.has_hung_up = ready.is_in = stream->failure != 0;
        return ready;
    }
    if (stream->room_at <= now) {
        self->net->counts[SIM_STREAM_ROOM]++;
        stream->room_at = ZLOOM_NEVER;
        stream->is_blocked = s_room (stream) == 0;
    }
    bool is_stalled = stream->wire->stalled_until > now;
    while (!is_stalled && stream->news && stream->news->arrives <= now)
        stream->news = stream->news->next;
    stream->is_edgy = false;
    ready.has_hung_up = stream->is_end_told = sim_stream_has_ended (stream);
    if (ready.has_hung_up)
        stream->is_blocked = false;
    ready.is_in = ready.has_hung_up || sim_stream_arrived (stream) > 0;
    ready.is_out = !stream->is_blocked && (ready.has_hung_up || s_room (stream) > 0);
    return ready;
}

unsigned sim_guest_poll (sim_guest_t *self, zloom__ready_t *ret_ready, unsigned most)
{
    unsigned count = 0;
    for (sim_site_t *place; count < most && (place = s_find_news (self)); count++) {
        place->has_news = false;
        ret_ready[count] = (zloom__ready_t){.token = place->token, .is_in = true};
    }
    for (sim_stream_t *one = self->list; one && count < most; one = one->next)
        if (sim_stream_due (one) <= s_world (self)->now)
            ret_ready[count++] = s_tell (self, one);
    return count;
}

void sim_guest_crash (sim_guest_t *self)
{
    self->is_dead = true;
    for (unsigned i = 0; i < self->net->place_count; i++)
        if (self->net->places[i].guest == self)
            s_leave_place (self, i);
    while (self->list)
        sim_stream_leave (self->list, false);
}

void sim_guest_init (sim_guest_t *self, sim_streams_t *net, sim_host_t *host,
                     void (*closing) (sim_guest_t *, int stream))
{
    static const zloom__streams_ops_t ops = {.resolve = s_resolve,
                                             .connect = s_connect,
                                             .check = s_check,
                                             .listen = s_listen,
                                             .unlisten = s_unlisten,
                                             .accept = s_accept,
                                             .watch = s_watch,
                                             .read = s_read,
                                             .write = s_write,
                                             .close = s_close};
    *self = (sim_guest_t){.streams = {.ops = &ops}, .net = net, .host = host, .closing = closing};
}
