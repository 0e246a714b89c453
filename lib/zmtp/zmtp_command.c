#include <string.h>

#include "base/text.h"
#include "data/codec_internal.h"
#include "zmtp/zmtp_turn_internal.h"

//  A command is a frame whose body begins with its name:
//
//      READY   properties: each a name (one byte of length) and a value (four)
//      ERROR   a reason (one byte of length)
//      PING    two bytes of ttl, and a context of at most 16
//      PONG    the context
enum { TTL_SIZE = 2, CONTEXT_MAX = 16, VALUE_HEAD = 4 };

//  Which sockets a type of ours talks to (RFC 28): for a person, and as a reason
//  for the peer, with its length before it; the protocol allows no spaces there.
typedef struct {
    unsigned fits;  //  A bit for each type
    const char *text;
    const char *reason;
} partners_t;

#define BIT(type) (1u << ZLOOM__ZMTP_##type)

static const partners_t s_partners[] = {
    [ZLOOM__ZMTP_DEALER] = {BIT (ROUTER) | BIT (REP) | BIT (DEALER), "ROUTER, REP or DEALER",
                            "\41DEALER-needs-ROUTER,REP-or-DEALER"},
    [ZLOOM__ZMTP_ROUTER] = {BIT (REQ) | BIT (DEALER) | BIT (ROUTER), "REQ, DEALER or ROUTER",
                            "\41ROUTER-needs-REQ,DEALER-or-ROUTER"},
};

//  Take a string that has its length, of `width` bytes, before it.
static bool s_split (zloom_bytes_t *rest, unsigned width, zloom_bytes_t *ret_string)
{
    if (rest->size < width)
        return false;
    uint64_t length = zloom__load (rest->data, width);
    if (length > rest->size - width)
        return false;
    *ret_string = zloom_bytes (rest->data + width, (size_t) length);
    rest->data += width + length;
    rest->size -= width + length;
    return true;
}

static bool s_is (zloom_bytes_t name, const char *text)
{
    return zloom_bytes_equal (name, zloom_bytes_str (text));
}

static uint8_t s_lower (uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t) (c + 'a' - 'A') : c;
}

//  A property's name counts in upper and lower case, whatever the locale says.
static bool s_is_property (zloom_bytes_t name, const char *text)
{
    if (name.size != strlen (text))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (s_lower (name.data[i]) != s_lower ((uint8_t) text[i]))
            return false;
    return true;
}

static bool s_refuse_malformed (const zloom__zmtp_turn_t *turn, const char *what)
{
    return zloom__zmtp_refuse (turn, ZLOOM_REASON_MALFORMED, "%s", what);
}

//  A command of ours that has a little data; the name with its length before it.
static void s_say (const zloom__zmtp_turn_t *turn, const char *name, zloom_bytes_t data)
{
    size_t length = strlen (name);
    uint8_t head[] = {ZLOOM__ZMTP_FLAG_COMMAND, (uint8_t) (length + data.size)};
    zloom_buffer_append (turn->out, head, sizeof head);
    zloom_buffer_append (turn->out, name, length);
    zloom_buffer_append (turn->out, data.data, data.size);
}

void zloom__zmtp_say_ready (const zloom__zmtp_turn_t *turn)
{
    //  The NUL behind `before` is the third byte of the length that follows.
    static const char before[] = "\5READY\13Socket-Type\0\0";
    static const char after[] = "\10Identity\0\0\0\0\7X-zloom\0\0\0\0011"
                                "\10X-engine\0\0\0\6direct";
    zloom_bytes_t type = zloom_bytes_str (zloom__zmtp_type_name (turn->zmtp->options->type));
    uint8_t length = (uint8_t) type.size;
    uint8_t head[] = {ZLOOM__ZMTP_FLAG_COMMAND,
                      (uint8_t) (sizeof before + 1 + length + sizeof after - 1)};
    zloom_buffer_append (turn->out, head, sizeof head);
    zloom_buffer_append (turn->out, before, sizeof before);
    zloom_buffer_append (turn->out, &length, 1);
    zloom_buffer_append (turn->out, type.data, length);
    zloom_buffer_append (turn->out, after, sizeof after - 1);
}

static bool s_find_type (zloom_bytes_t text, zloom__zmtp_type_t *ret_type)
{
    static const zloom__zmtp_type_t types[] = {
#define X(name, text) ZLOOM__ZMTP_##name,
        ZLOOM__ZMTP_TYPE_MAP (X)
#undef X
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (s_is (text, zloom__zmtp_type_name (types[i]))) {
            *ret_type = types[i];
            return true;
        }
    return false;
}

static bool s_refuse_type (const zloom__zmtp_turn_t *turn, zloom_bytes_t type)
{
    zloom__zmtp_type_t ours = turn->zmtp->options->type;
    s_say (turn, "\5ERROR", zloom_bytes_str (s_partners[ours].reason));
    char shown[64];
    return zloom__zmtp_refuse (turn, ZLOOM_REASON_WRONG_PEER,
                               "its socket type is '%s', which does not fit %s (%s would)",
                               zloom_text_escape (shown, sizeof shown, type),
                               zloom__zmtp_type_name (ours), s_partners[ours].text);
}

//  What READY says that counts here.
typedef struct {
    zloom_bytes_t type;  //  data NULL: not said
    bool is_zloom;
} ready_t;

//  NULL, or what is wrong with it.
static const char *s_read_ready (zloom_bytes_t rest, ready_t *ret_ready)
{
    while (rest.size > 0) {
        zloom_bytes_t name, value;
        if (!s_split (&rest, 1, &name) || !s_split (&rest, VALUE_HEAD, &value))
            return "a property of READY is longer than the command";
        if (name.size == 0)
            return "a property of READY has no name";
        if (s_is_property (name, "X-zloom"))
            ret_ready->is_zloom = true;
        else if (s_is_property (name, "Socket-Type")) {
            if (ret_ready->type.data)
                return "READY has two socket types";
            ret_ready->type = value;
        }
    }
    return ret_ready->type.data ? NULL : "READY has no socket type";
}

static bool s_take_ready (const zloom__zmtp_turn_t *turn, zloom_bytes_t rest)
{
    zloom__zmtp_t *self = turn->zmtp;
    ready_t ready = {.is_zloom = false};
    const char *flaw = s_read_ready (rest, &ready);
    if (flaw)
        return s_refuse_malformed (turn, flaw);
    if (!s_find_type (ready.type, &self->peer_type)
        || !(s_partners[self->options->type].fits & 1u << self->peer_type))
        return s_refuse_type (turn, ready.type);

    self->is_zloom = ready.is_zloom;
    self->state = ZLOOM__ZMTP_IS_OPEN;
    zloom__zmtp_count (self, 0, false);
    *turn->event = (zloom__zmtp_event_t){.kind = ZLOOM__ZMTP_OPENED};
    return true;
}

static bool s_take_error (const zloom__zmtp_turn_t *turn, zloom_bytes_t rest)
{
    zloom_bytes_t reason;
    if (!s_split (&rest, 1, &reason) || reason.size == 0)
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_AUTHENTICATION,
                                   "it refused us and did not say why");
    char shown[160];
    return zloom__zmtp_refuse (turn, ZLOOM_REASON_AUTHENTICATION, "it refused us: '%s'",
                               zloom_text_escape (shown, sizeof shown, reason));
}

//  The ttl is the peer's wish to be given up after a silence; who has deadlines
//  of their own may pass over it.
static bool s_answer_ping (const zloom__zmtp_turn_t *turn, zloom_bytes_t rest)
{
    if (rest.size < TTL_SIZE)
        return s_refuse_malformed (turn, "PING has no ttl");
    if (rest.size > TTL_SIZE + CONTEXT_MAX)
        return s_refuse_malformed (turn, "PING has a context of more than 16 bytes");
    if (turn->out->size < ZLOOM__ZMTP_PONGS_MOST)
        s_say (turn, "\4PONG", zloom_bytes (rest.data + TTL_SIZE, rest.size - TTL_SIZE));
    return false;
}

bool zloom__zmtp_take_command (const zloom__zmtp_turn_t *turn, zloom_bytes_t command)
{
    zloom_bytes_t rest = command, name;
    if (!s_split (&rest, 1, &name) || name.size == 0)
        return s_refuse_malformed (turn, "a command has no name");
    if (s_is (name, "ERROR"))
        return s_take_error (turn, rest);
    if (turn->zmtp->state == ZLOOM__ZMTP_IN_HANDSHAKE) {
        if (s_is (name, "READY"))
            return s_take_ready (turn, rest);
        char shown[64];
        return zloom__zmtp_refuse (turn, ZLOOM_REASON_MALFORMED, "'%s' where READY belongs",
                                   zloom_text_escape (shown, sizeof shown, name));
    }
    //  PONG answers nothing that we have asked, and what is not known here is
    //  for another socket type or a later version.
    return s_is (name, "PING") && s_answer_ping (turn, rest);
}
