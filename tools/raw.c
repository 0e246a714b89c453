#include "raw.h"

#include <strings.h>

#include "address.h"
#include "base/error.h"
#include "base/text.h"
#include "nearest.h"
#include "net/bind.h"
#include "net/probe.h"
#include "report.h"
#include "setting.h"
#include "units.h"

//  PUB is an XPUB that tells nobody: so it can wait for its first subscriber,
//  and a slow one makes it wait instead of losing messages in silence.
static const raw_kind_t s_kinds[] = {
    {"PAIR", ZMQ_PAIR, true, true, "PAIR"},
    {"PUB", ZMQ_XPUB, true, false, "SUB or XSUB"},
    {"SUB", ZMQ_SUB, false, true, "PUB or XPUB"},
    {"REQ", ZMQ_REQ, true, true, "REP or ROUTER"},
    {"REP", ZMQ_REP, true, true, "REQ or DEALER"},
    {"DEALER", ZMQ_DEALER, true, true, "ROUTER, DEALER or REP"},
    {"ROUTER", ZMQ_ROUTER, true, true, "DEALER, REQ or ROUTER"},
    {"PULL", ZMQ_PULL, false, true, "PUSH"},
    {"PUSH", ZMQ_PUSH, true, false, "PULL"},
    {"XPUB", ZMQ_XPUB, true, true, "SUB or XSUB"},
    {"XSUB", ZMQ_XSUB, true, true, "PUB or XPUB"},
    {"STREAM", ZMQ_STREAM, true, true, "plain TCP"},
};

enum { KIND_COUNT = sizeof s_kinds / sizeof s_kinds[0] };

//  What CURVE adds to a frame; libzmq counts it.
enum { ENCRYPTION_OVERHEAD = 33 };

//  How long we ask whether an ipc path is taken, or what is at an address.
enum { PROBE_MS = 500 };

const raw_kind_t *raw_kind (const char *name)
{
    nearest_t nearest = {.word = name};
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcasecmp (name, s_kinds[i].name) == 0)
            return &s_kinds[i];
        nearest_offer (&nearest, s_kinds[i].name);
    }
    report_usage ("no socket type '%s'%s%s%s; there are PAIR PUB SUB REQ REP DEALER ROUTER PULL "
                  "PUSH XPUB XSUB STREAM",
                  name, nearest.match ? " (did you mean " : "", nearest.match ? nearest.match : "",
                  nearest.match ? "?)" : "");
    return NULL;
}

static void s_set_int (void *handle, int option, int value)
{
    zmq_setsockopt (handle, option, &value, sizeof value);
}

static void s_set_limits (void *handle, const raw_kind_t *kind, const raw_options_t *options)
{
    int64_t most = (int64_t) options->max_size + ENCRYPTION_OVERHEAD;
    zmq_setsockopt (handle, ZMQ_MAXMSGSIZE, &most, sizeof most);
    s_set_int (handle, ZMQ_LINGER, 0);    //  Until raw_close knows better
    s_set_int (handle, ZMQ_SNDTIMEO, 0);  //  Only poll waits
    s_set_int (handle, ZMQ_RCVTIMEO, 0);
    //  A message goes only to who is there. Not for sockets that receive too: with
    //  this libzmq throws away what it has received when the peer disconnects.
    s_set_int (handle, ZMQ_IMMEDIATE, kind->receives ? 0 : 1);
    if (kind->type == ZMQ_ROUTER)
        s_set_int (handle, ZMQ_ROUTER_MANDATORY, 1);
    if (kind->type == ZMQ_XPUB)
        s_set_int (handle, ZMQ_XPUB_NODROP, 1);
}

//  SUB has an option for it; to an XSUB subscriptions are messages.
static void s_subscribe (void *handle, const raw_kind_t *kind, const char *prefix)
{
    if (kind->type == ZMQ_SUB)
        zmq_setsockopt (handle, ZMQ_SUBSCRIBE, prefix, strlen (prefix));
    else {
        zframe_t *frame = zframe_new (NULL, 1 + strlen (prefix));
        zframe_data (frame)[0] = 1;
        memcpy (zframe_data (frame) + 1, prefix, strlen (prefix));
        zmq_send (handle, zframe_data (frame), zframe_size (frame), 0);
        zframe_destroy (&frame);
    }
}

static bool s_set_options (void *handle, const raw_kind_t *kind, const raw_options_t *options)
{
    const option_list_t *prefixes = &options->subscriptions;
    bool subscribes = kind->type == ZMQ_SUB || kind->type == ZMQ_XSUB;
    if (prefixes->count && !subscribes) {
        report_usage ("--subscribe is for SUB and XSUB");
        return false;
    }
    s_set_limits (handle, kind, options);
    for (size_t i = 0; i < options->settings.count; i++)
        if (!setting_apply (handle, options->settings.items[i]))
            return false;
    for (size_t i = 0; i < prefixes->count; i++)
        s_subscribe (handle, kind, prefixes->items[i]);
    if (subscribes && prefixes->count == 0)
        s_subscribe (handle, kind, "");
    return true;
}

static zloom_reason_t s_reason (int number)
{
    switch (number) {
    case EADDRINUSE:
        return ZLOOM_REASON_ADDRESS_IN_USE;
    case EMFILE:
    case ENFILE:
        return ZLOOM_REASON_DESCRIPTORS;
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
        return ZLOOM_REASON_BAD_ENDPOINT;
    default:
        return ZLOOM_REASON_ADDRESS;
    }
}

static int s_report_errno (const address_t *address, int number)
{
    zloom_error_t error;
    char shown[128];
    zloom_text_escape (shown, sizeof shown, zloom_bytes_str (address->endpoint));
    zloom_error_set (&error, s_reason (number), "cannot %s '%s': %s",
                     address->bind ? "bind" : "connect to", shown, zmq_strerror (number));
    return report_error (&error);
}

//  Where somebody answers on an ipc path, binding it would take it from them.
static bool s_is_taken (const char *endpoint)
{
    zloom_probe_options_t options = {.timeout_ms = PROBE_MS};
    zloom_probe_t found;
    return strncmp (endpoint, "ipc://", 6) == 0
           && zloom_probe (endpoint, &options, &found, NULL) == ZLOOM_OK;
}

static int s_bind (void *handle, const address_t *address, const raw_options_t *options)
{
    zloom_error_t error;
    if (!options->insecure_public && zloom_bind_check (address->endpoint, &error))
        return report_error (&error);
    if (s_is_taken (address->endpoint))
        return s_report_errno (address, EADDRINUSE);
    if (zmq_bind (handle, address->endpoint) != 0)
        return s_report_errno (address, zmq_errno ());

    char bound[256];
    size_t size = sizeof bound;
    bool chosen = strchr (address->endpoint, '*') != NULL;
    if ((chosen || options->verbose)
        && zmq_getsockopt (handle, ZMQ_LAST_ENDPOINT, bound, &size) == 0)
        report_note ("bound %s", bound);
    return EXIT_OK;
}

//  Bind all addresses that are to be bound, or connect to the others.
static int s_attach (raw_t *self, char **addresses, bool bind, const raw_options_t *options)
{
    void *handle = zsock_resolve (self->socket);
    int status = EXIT_OK;
    for (; status == EXIT_OK && *addresses; addresses++) {
        address_t address;
        if (!address_read (*addresses, false, &address))
            return EXIT_USAGE;
        if (address.bind != bind)
            continue;
        if (strchr (address.endpoint, '['))
            s_set_int (handle, ZMQ_IPV6, 1);
        if (bind)
            status = s_bind (handle, &address, options);
        else if (zmq_connect (handle, address.endpoint) != 0)
            status = s_report_errno (&address, zmq_errno ());
        self->met &= bind;
    }
    return status;
}

static zactor_t *s_watch (zsock_t *socket)
{
    zactor_t *monitor = zactor_new (zmonitor, socket);
    zstr_sendx (monitor, "LISTEN", "ALL", NULL);
    zstr_send (monitor, "START");
    zsock_wait (monitor);
    return monitor;
}

//  A bound socket has room for a message only when a peer is there; one that
//  connects claims so at once, and needs the monitor to know. The monitor comes
//  after the binds, since it makes libzmq forget why one failed.
int raw_open (raw_t *self, const raw_kind_t *kind, const raw_options_t *options, char **addresses)
{
    zsys_handler_set (NULL);
    zsys_set_logstream (stderr);
    *self = (raw_t){.socket = zsock_new (kind->type), .verbose = options->verbose, .met = true};
    if (!self->socket)
        return report (EXIT_IO, NULL, "cannot make a socket: %s", zmq_strerror (errno));

    void *handle = zsock_resolve (self->socket);
    int status = s_set_options (handle, kind, options) ? EXIT_OK : EXIT_USAGE;
    if (status == EXIT_OK)
        status = s_attach (self, addresses, true, options);
    if (status == EXIT_OK) {
        self->monitor = s_watch (self->socket);
        status = s_attach (self, addresses, false, options);
    }
    if (status != EXIT_OK)
        raw_close (self, 0);
    return status;
}

void raw_tell (raw_t *self)
{
    zmsg_t *event = zmsg_recv (self->monitor);
    char *name = event ? zmsg_popstr (event) : NULL;
    zframe_t *number = event ? zmsg_pop (event) : NULL;
    char *address = event ? zmsg_popstr (event) : NULL;
    if (name && streq (name, "HANDSHAKE_SUCCEEDED"))
        self->met = true;
    if (name && address && self->verbose)
        report_note ("%s %s", name, address);
    zstr_free (&name);
    zframe_destroy (&number);
    zstr_free (&address);
    zmsg_destroy (&event);
}

raw_got_t raw_receive (raw_t *self, const raw_options_t *options, zmsg_t **ret_message)
{
    zmsg_t *message = zmsg_new ();
    size_t frames = 0;
    for (bool more = true; more;) {
        zframe_t *frame = zframe_recv (self->socket);
        if (!frame)
            break;
        more = zframe_more (frame);
        if (++frames <= options->max_frames && zmsg_content_size (message) <= options->max_size)
            zmsg_append (message, &frame);
        zframe_destroy (&frame);
    }
    if (frames > 0 && frames <= options->max_frames
        && zmsg_content_size (message) <= options->max_size) {
        *ret_message = message;
        return RAW_GOT;
    }
    zmsg_destroy (&message);
    if (frames == 0)
        return RAW_NOTHING;
    report (EXIT_MALFORMED, "a larger --max-size or --max-frames",
            "a message of %zu frames that is above a limit was dropped", frames);
    return RAW_TOO_LARGE;
}

bool raw_close (raw_t *self, zloom_time_t linger)
{
    zloom_time_t start = zloom_time_now ();
    int64_t ms = linger == ZLOOM_NEVER ? -1 : linger / ZLOOM_MSEC;
    while (self->monitor && (zsock_events (self->monitor) & ZMQ_POLLIN))
        raw_tell (self);
    zactor_destroy (&self->monitor);
    zsock_set_linger (self->socket, ms > INT_MAX ? INT_MAX : (int) ms);
    zsock_destroy (&self->socket);
    zsys_shutdown ();
    return zloom_time_now () - start < linger;
}

int raw_report_no_peer (const raw_kind_t *kind, char **addresses, zloom_time_t waited)
{
    char time[32], found[256];
    units_show_duration (time, waited);
    address_t address = {.bind = true};
    for (; address.bind && *addresses; addresses++)
        if (!address_read (*addresses, false, &address))
            return EXIT_USAGE;
    if (address.bind)
        return report (EXIT_NO_PEER, "start the other end first, or a longer --wait",
                       "nobody connected within %s; %s talks to %s", time, kind->name,
                       kind->partners);

    zloom_probe_options_t options = {.timeout_ms = PROBE_MS};
    zloom_probe_t probe;
    zloom_error_t error;
    if (zloom_probe (address.endpoint, &options, &probe, &error))
        return report (EXIT_NO_PEER, report_advice (ZLOOM_REASON_NO_PEER), "no peer after %s: %s",
                       time, error.text);
    return report (EXIT_NO_PEER, report_advice (ZLOOM_REASON_WRONG_PEER),
                   "no peer after %s: '%s': %s; %s talks to %s", time, address.endpoint,
                   zloom_probe_describe (&probe, found, sizeof found), kind->name, kind->partners);
}
