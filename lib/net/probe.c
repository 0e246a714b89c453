#include "net/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/dial_internal.h"

//  A greeting of ZMTP 3 (RFC 23, RFC 37):
//
//      0      signature: FF, 8 bytes of padding, 7F
//      10     version: major, minor
//      12     mechanism, padded with NULs
//      32     as-server, then filler up to 64
enum { GREETING_SIZE = 64, SIGNATURE_SIZE = 10, MECHANISM_AT = 12, MECHANISM_SIZE = 20 };
enum { FLAG_LONG = 2, FLAG_COMMAND = 4, FLAGS_ALL = 7 };

//  More than this in one command of a handshake is no handshake.
enum { COMMAND_MOST = 8192, COMMAND_HEAD_MOST = 9 };

//  How long something that does not begin as ZMTP has to finish its first line.
static const zloom_time_t s_banner_patience = 200 * ZLOOM_MSEC;

//  A PONG later than this is worth no more waiting.
static const zloom_time_t s_ping_patience = 500 * ZLOOM_MSEC;

typedef enum { READ_OK, READ_TIMEOUT, READ_CLOSED } read_t;

//  One connection to a peer. `in` keeps what came and is not taken yet.
typedef struct {
    int fd;
    zloom_time_t deadline;
    zloom_probe_t *probe;
    size_t greeted;   //  Bytes of our greeting that were sent
    bool introduced;  //  We have said which socket we are
    size_t have;
    uint8_t in[GREETING_SIZE + COMMAND_HEAD_MOST + COMMAND_MOST];
} meeting_t;

//  Wait until `need` bytes are there, or as many as come before `deadline`.
static read_t s_read (meeting_t *self, size_t need, zloom_time_t deadline)
{
    while (self->have < need) {
        ssize_t got = recv (self->fd, self->in + self->have, sizeof self->in - self->have, 0);
        if (got > 0)
            self->have += (size_t) got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return READ_CLOSED;
        else if (!zloom__dial_wait (self->fd, POLLIN, deadline))
            return READ_TIMEOUT;
    }
    return READ_OK;
}

//  Halfway from now to the deadline: until then a peer may speak first.
static zloom_time_t s_half_time (const meeting_t *self)
{
    zloom_time_t now = zloom_time_now ();
    return now + (self->deadline - now) / 2;
}

//  Forget the first `size` bytes.
static void s_take (meeting_t *self, size_t size)
{
    self->have -= size;
    memmove (self->in, self->in + size, self->have);
}

//  What we send fits an empty socket buffer, so it goes at once or not at all;
//  a peer that is gone is noticed by the next read.
static void s_send (meeting_t *self, const void *data, size_t size)
{
    (void) send (self->fd, data, size, MSG_NOSIGNAL);
}

//  Our greeting from `sent` to `end`. The version goes first and the mechanism
//  only after the peer's, since libzmq hangs up on a mechanism that is not its
//  own without having said which that is.
static void s_send_greeting (meeting_t *self, size_t end)
{
    static const uint8_t greeting[GREETING_SIZE] = {
        [0] = 0xff, [8] = 1, [9] = 0x7f, [10] = 3, [11] = 1, [12] = 'N', 'U', 'L', 'L'};
    s_send (self, greeting + self->greeted, end - self->greeted);
    self->greeted = end;
}

static void s_send_ready (meeting_t *self, const char *socket_type)
{
    static const char head[] = "\5READY\13Socket-Type\0\0";
    size_t length = strlen (socket_type);
    uint8_t frame[64] = {FLAG_COMMAND, (uint8_t) (sizeof head + 1 + length)};
    memcpy (frame + 2, head, sizeof head);  //  Its NUL is the third byte of the length
    frame[2 + sizeof head] = (uint8_t) length;
    memcpy (frame + 3 + sizeof head, socket_type, length);
    s_send (self, frame, 3 + sizeof head + length);
    self->introduced = true;
}

static void s_found (meeting_t *self, zloom_probe_found_t found, zloom_bytes_t said)
{
    self->probe->found = found;
    zloom_text_escape (self->probe->said, sizeof self->probe->said, said);
}

static void s_broken (meeting_t *self, const char *rule)
{
    s_found (self, ZLOOM_PROBE_BROKEN, zloom_bytes_str (rule));
}

//  The peer did not go on.
static void s_stopped (meeting_t *self, read_t why)
{
    self->probe->found = why == READ_CLOSED ? ZLOOM_PROBE_CLOSES : ZLOOM_PROBE_STALLS;
}

//  The names of socket types by their numbers in ZMTP 2.0, which are libzmq's.
static void s_name_socket_type (meeting_t *self, uint8_t number)
{
    static const char *const names[] = {"PAIR",   "PUB",  "SUB",  "REQ",  "REP", "DEALER",
                                        "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"};
    if (number < sizeof names / sizeof names[0])
        snprintf (self->probe->socket_type, sizeof self->probe->socket_type, "%s", names[number]);
}

//  Not the signature of ZMTP 2 and 3. ZMTP 1.0 begins with its identity as a
//  frame (size, flags 0, bytes); everything else is a stranger's first line.
static void s_meet_unsigned (meeting_t *self)
{
    zloom_time_t until = zloom_time_min (self->deadline, zloom_time_now () + s_banner_patience);
    while (self->have < 256 && !memchr (self->in, '\n', self->have))
        if (s_read (self, self->have + 1, until) != READ_OK)
            break;

    if (self->have >= 2 && self->in[1] == 0 && self->in[0] >= 1 && self->have > self->in[0]) {
        self->probe->major = 1;
        self->probe->identity_size = (uint8_t) (self->in[0] - 1);
        memcpy (self->probe->identity, self->in + 2, self->probe->identity_size);
        self->probe->found = ZLOOM_PROBE_SOCKET;
        return;
    }
    const uint8_t *end = memchr (self->in, '\n', self->have);
    size_t line = end ? (size_t) (end - self->in) : self->have;
    if (line > 0 && self->in[line - 1] == '\r')
        line--;
    s_found (self, ZLOOM_PROBE_FOREIGN, zloom_bytes (self->in, line));
}

static bool s_is_property (zloom_bytes_t name, const char *text)
{
    return name.size == strlen (text)
           && strncasecmp ((const char *) name.data, text, name.size) == 0;
}

//  Keep a property of READY that we know.
static void s_note_property (meeting_t *self, zloom_bytes_t name, zloom_bytes_t value)
{
    zloom_probe_t *probe = self->probe;
    if (s_is_property (name, "Socket-Type"))
        zloom_text_escape (probe->socket_type, sizeof probe->socket_type, value);
    else if (s_is_property (name, "X-zloom")) {
        probe->zloom = true;
        zloom_text_escape (probe->zloom_value, sizeof probe->zloom_value, value);
    } else if (s_is_property (name, "X-engine"))
        zloom_text_escape (probe->engine, sizeof probe->engine, value);
    else if (s_is_property (name, "Identity") && value.size <= 255) {
        probe->identity_size = (uint8_t) value.size;
        memcpy (probe->identity, value.data, value.size);
    }
}

//  Of zloom's engines the direct one says its name, and libzmq's does not. Of
//  whoever is not zloom the property would say nothing.
static void s_note_engine (zloom_probe_t *probe)
{
    if (!probe->zloom)
        probe->engine[0] = 0;
    else if (!probe->engine[0])
        snprintf (probe->engine, sizeof probe->engine, "libzmq");
}

//  READY: properties, each a name (one byte of length) and a value (four).
static void s_note_ready (meeting_t *self, zloom_bytes_t body)
{
    const uint8_t *p = body.data, *end = body.data + body.size;
    while (p < end) {
        size_t name = p[0];
        if ((size_t) (end - p) < 1 + name + 4) {
            s_broken (self, "a property of READY is cut short");
            return;
        }
        const uint8_t *size = p + 1 + name, *value = size + 4;
        uint32_t length =
            (uint32_t) size[0] << 24 | (uint32_t) size[1] << 16 | (uint32_t) size[2] << 8 | size[3];
        if (length > (size_t) (end - value)) {
            s_broken (self, "a property of READY is longer than the command");
            return;
        }
        s_note_property (self, zloom_bytes (p + 1, name), zloom_bytes (value, length));
        p = value + length;
    }
    s_note_engine (self->probe);
    if (!self->probe->socket_type[0])
        s_broken (self, "READY without a Socket-Type");
    else
        self->probe->found = ZLOOM_PROBE_SOCKET;
}

//  Wait for a frame. On READ_OK, either ret_body is the whole of it, with its
//  flags, to be taken with s_take (*ret_size), or ret_body is NULL: too long.
static read_t s_read_frame (meeting_t *self, zloom_time_t deadline, uint8_t *ret_flags,
                            zloom_bytes_t *ret_body, size_t *ret_size)
{
    read_t got = s_read (self, 2, deadline);
    if (got != READ_OK)
        return got;
    uint8_t flags = self->in[0];
    uint64_t length = self->in[1];
    size_t head = 2;
    if (flags & FLAG_LONG) {
        head = COMMAND_HEAD_MOST;
        if ((got = s_read (self, head, deadline)) != READ_OK)
            return got;
        length = 0;
        for (size_t i = 1; i < head; i++)
            length = length << 8 | self->in[i];
    }
    *ret_flags = flags;
    *ret_body = zloom_bytes (NULL, 0);
    if (length > COMMAND_MOST)
        return READ_OK;
    got = s_read (self, head + (size_t) length, deadline);
    *ret_body = zloom_bytes (self->in + head, (size_t) length);
    *ret_size = head + (size_t) length;
    return got;
}

//  A command's body begins with its name, after one byte of length.
static bool s_is_command (zloom_bytes_t body, const char *name, zloom_bytes_t *ret_rest)
{
    size_t length = strlen (name);
    if (body.size < 1 + length || body.data[0] != length
        || memcmp (body.data + 1, name, length) != 0)
        return false;
    *ret_rest = zloom_bytes (body.data + 1 + length, body.size - 1 - length);
    return true;
}

//  What the peer says after its greeting.
static void s_note_command (meeting_t *self, uint8_t flags, zloom_bytes_t body)
{
    zloom_bytes_t rest;
    if ((flags & ~FLAG_LONG) != FLAG_COMMAND)
        s_broken (self, "a message where READY belongs");
    else if (!body.data)
        s_broken (self, "a command of more than 8192 bytes");
    else if (s_is_command (body, "READY", &rest))
        s_note_ready (self, rest);
    else if (s_is_command (body, "ERROR", &rest))
        s_found (self, ZLOOM_PROBE_REFUSES,
                 rest.size && rest.size > rest.data[0] ? zloom_bytes (rest.data + 1, rest.data[0])
                                                       : zloom_bytes_str ("no reason given"));
    else
        s_broken (self, "a command that is neither READY nor ERROR");
}

//  The NULL handshake. libzmq (and whoever follows the RFC) sends READY without
//  having seen ours; for a peer that waits we say, halfway to the deadline,
//  what may be said to anybody: that we are a REQ, to which no socket sends
//  anything unasked.
static void s_meet_null (meeting_t *self)
{
    uint8_t flags;
    zloom_bytes_t body;
    size_t size;
    read_t got = s_read_frame (self, s_half_time (self), &flags, &body, &size);
    if (got == READ_TIMEOUT) {
        s_send_ready (self, "REQ");
        got = s_read_frame (self, self->deadline, &flags, &body, &size);
    }
    if (got != READ_OK) {
        s_stopped (self, got);
        return;
    }
    s_note_command (self, flags, body);
    if (self->probe->found == ZLOOM_PROBE_SOCKET)
        s_take (self, size);
}

//  The mechanism: a name of upper-case letters and the like, then NULs.
static bool s_note_mechanism (meeting_t *self)
{
    const uint8_t *name = self->in + MECHANISM_AT;
    size_t length = strnlen ((const char *) name, MECHANISM_SIZE);
    for (size_t i = length; i < MECHANISM_SIZE; i++)
        if (name[i])
            return false;
    zloom_text_escape (self->probe->mechanism, sizeof self->probe->mechanism,
                       zloom_bytes (name, length));
    return length > 0;
}

static void s_meet_v3 (meeting_t *self)
{
    read_t got = s_read (self, GREETING_SIZE, s_half_time (self));
    if (got == READ_TIMEOUT) {
        s_send_greeting (self, GREETING_SIZE);
        got = s_read (self, GREETING_SIZE, self->deadline);
    }
    if (got != READ_OK) {
        s_stopped (self, got);
        return;
    }
    self->probe->minor = self->in[11];
    self->probe->as_server = self->in[MECHANISM_AT + MECHANISM_SIZE] == 1;
    bool named = s_note_mechanism (self);
    s_take (self, GREETING_SIZE);
    if (!named)
        s_broken (self, "a greeting without a mechanism");
    else if (strcmp (self->probe->mechanism, "NULL") != 0)
        self->probe->found = ZLOOM_PROBE_NEEDS_KEYS;
    else {
        s_send_greeting (self, GREETING_SIZE);
        s_meet_null (self);
    }
}

//  ZMTP 2.0 puts its socket type into the greeting, after a version of 1; 1.0
//  with a signature (libzmq 3) has a version of 0 there.
static void s_meet_old (meeting_t *self, uint8_t version)
{
    self->probe->major = version == 0 ? 1 : 2;
    read_t got = s_read (self, SIGNATURE_SIZE + 2, self->deadline);
    if (got != READ_OK) {
        s_stopped (self, got);
        return;
    }
    if (version > 0)
        s_name_socket_type (self, self->in[SIGNATURE_SIZE + 1]);
    self->probe->found = ZLOOM_PROBE_SOCKET;
}

static void s_meet (meeting_t *self)
{
    s_send_greeting (self, MECHANISM_AT);
    read_t got = s_read (self, 1, self->deadline);
    if (got != READ_OK) {
        self->probe->found = got == READ_CLOSED ? ZLOOM_PROBE_CLOSES : ZLOOM_PROBE_SILENT;
        return;
    }
    if (self->in[0] != 0xff) {
        s_meet_unsigned (self);
        return;
    }
    got = s_read (self, SIGNATURE_SIZE + 1, self->deadline);
    if (self->have >= SIGNATURE_SIZE && !(self->in[SIGNATURE_SIZE - 1] & 1))
        s_broken (self, "a signature that does not end in 7F");
    else if (got != READ_OK)
        s_stopped (self, got);
    else if (self->in[SIGNATURE_SIZE] < 3)
        s_meet_old (self, self->in[SIGNATURE_SIZE]);
    else {
        self->probe->major = self->in[SIGNATURE_SIZE];
        s_meet_v3 (self);
    }
}

//  The socket as which we may complete the handshake without harm: one to which
//  the peer sends nothing but answers, and which takes nobody's place. NULL
//  where there is none: a PUSH, DEALER or REQ would give us work, a PAIR has
//  room for one.
static const char *s_harmless_partner (const char *socket_type)
{
    static const char *const pairs[][2] = {{"ROUTER", "REQ"}, {"REP", "REQ"},  {"PULL", "PUSH"},
                                           {"PUB", "SUB"},    {"XPUB", "SUB"}, {"SUB", "PUB"},
                                           {"XSUB", "PUB"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (strcmp (socket_type, pairs[i][0]) == 0)
            return pairs[i][1];
    return NULL;
}

//  Wait for our PONG; what comes before it (subscriptions, say) is passed over.
static bool s_await_pong (meeting_t *self, zloom_bytes_t context, zloom_time_t until)
{
    while (zloom_time_now () < until) {
        uint8_t flags;
        zloom_bytes_t body, rest;
        size_t size;
        if (s_read_frame (self, until, &flags, &body, &size) != READ_OK || !body.data)
            return false;
        bool pong = (flags & FLAG_COMMAND) && s_is_command (body, "PONG", &rest)
                    && zloom_bytes_equal (rest, context);
        s_take (self, size);
        if (pong)
            return true;
    }
    return false;
}

//  Complete the handshake where that is harmless, and measure a PING.
static void s_ping (meeting_t *self)
{
    static const uint8_t ping[] = {FLAG_COMMAND, 10, 4, 'P', 'I', 'N', 'G', 0, 0, 'z', 'l', 'm'};
    zloom_probe_t *probe = self->probe;
    const char *partner = s_harmless_partner (probe->socket_type);
    if (!partner || probe->major != 3 || probe->minor < 1)
        return;
    if (!self->introduced)
        s_send_ready (self, partner);
    zloom_time_t start = zloom_time_now ();
    zloom_time_t until = zloom_time_min (self->deadline, start + s_ping_patience);
    s_send (self, ping, sizeof ping);
    if (s_await_pong (self, zloom_bytes (ping + sizeof ping - 3, 3), until))
        probe->ping = zloom_time_now () - start;
}

zloom_code_t zloom_probe (const char *address, const zloom_probe_options_t *options,
                          zloom_probe_t *ret_probe, zloom_error_t *reterr)
{
    static const zloom_probe_options_t defaults = ZLOOM_PROBE_OPTIONS_DEFAULT;
    options = options ? options : &defaults;
    zloom_probe_t probe = {.connect = ZLOOM_PROBE_NO_TIME,
                           .handshake = ZLOOM_PROBE_NO_TIME,
                           .ping = ZLOOM_PROBE_NO_TIME};
    zloom_time_t start = zloom_time_now ();
    meeting_t meeting = {.deadline = start + options->timeout_ms * ZLOOM_MSEC, .probe = &probe};
    zloom_code_t code = zloom__dial (address, meeting.deadline, &meeting.fd, reterr);
    if (code)
        return code;

    zloom_time_t connected = zloom_time_now ();
    probe.connect = connected - start;
    s_meet (&meeting);
    if (probe.found == ZLOOM_PROBE_SOCKET) {
        probe.handshake = zloom_time_now () - connected;
        if (options->ping)
            s_ping (&meeting);
    }
    close (meeting.fd);
    *ret_probe = probe;
    return ZLOOM_OK;
}

const char *zloom_probe_found_name (zloom_probe_found_t found)
{
    static const char *const names[] = {
#define X(name, id, reason) id,
        ZLOOM_PROBE_MAP (X)
#undef X
    };
    return (size_t) found < sizeof names / sizeof names[0] ? names[found] : "unknown";
}

zloom_reason_t zloom_probe_reason (const zloom_probe_t *self)
{
    static const zloom_reason_t reasons[] = {
#define X(name, id, reason) ZLOOM_REASON_##reason,
        ZLOOM_PROBE_MAP (X)
#undef X
    };
    return (size_t) self->found < sizeof reasons / sizeof reasons[0] ? reasons[self->found]
                                                                     : ZLOOM_REASON_BUG;
}

//  "ZMTP 3.1", or "ZMTP" where it did not get as far as its version.
static const char *s_protocol (const zloom_probe_t *self, char text[16])
{
    if (self->major)
        snprintf (text, 16, "ZMTP %u.%u", self->major, self->minor);
    else
        snprintf (text, 16, "ZMTP");
    return text;
}

char *zloom_probe_describe (const zloom_probe_t *self, char *ret_text, size_t size)
{
    char protocol[16];
    s_protocol (self, protocol);
    switch (self->found) {
    case ZLOOM_PROBE_SOCKET:
        snprintf (ret_text, size, "a %s %s%ssocket listens there", protocol, self->socket_type,
                  self->socket_type[0] ? " " : "");
        break;
    case ZLOOM_PROBE_NEEDS_KEYS:
        snprintf (ret_text, size, "a %s peer that wants %s keys listens there", protocol,
                  self->mechanism);
        break;
    case ZLOOM_PROBE_REFUSES:
        snprintf (ret_text, size, "a %s peer there refuses us: '%s'", protocol, self->said);
        break;
    case ZLOOM_PROBE_FOREIGN:
        snprintf (ret_text, size, "what listens there does not speak ZMTP; it says '%s'",
                  self->said);
        break;
    case ZLOOM_PROBE_CLOSES:
        snprintf (ret_text, size, "something there accepts connections and hangs up");
        break;
    case ZLOOM_PROBE_SILENT:
        snprintf (ret_text, size, "something there accepts connections and says nothing");
        break;
    case ZLOOM_PROBE_STALLS:
        snprintf (ret_text, size, "something there begins a ZMTP handshake and stops");
        break;
    case ZLOOM_PROBE_BROKEN:
        snprintf (ret_text, size, "what listens there breaks the rules of ZMTP: %s", self->said);
        break;
    }
    return ret_text;
}
