#include "support/hostile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "support/process.h"
#include "support/talk.h"

//  Descriptors that are not for connections.
enum { RESERVED = 64 };

//  How long the server may let us wait for a connection.
enum { CONNECT_S = 10 };

//  A patient one: where it stands in what it has to say.
typedef struct {
    int fd;
    size_t said;
    hostile_kind_t kind;
} patient_t;

typedef struct {
    const hostile_plan_t *plan;
    const victim_t *victim;
    hostile_report_t *report;
    zloom_random_t random;
    int *fds;  //  Those that come and go; -1 = none
    patient_t *patient;
    unsigned patient_count;
    zloom_time_t tend_at;  //  When the patient ones have their turn
    zloom_buffer_t say;
    zloom_buffer_t dripped;  //  All that one has to say who says a byte a second
} hostile_t;

static uint64_t s_below (hostile_t *self, uint64_t bound)
{
    return zloom_random_below (&self->random, bound);
}

//  What they say.

static void s_add_noise (hostile_t *self, size_t size)
{
    while (size > 0) {
        uint64_t word = zloom_random_next (&self->random);
        size_t part = size < sizeof word ? size : sizeof word;
        zloom_buffer_append (&self->say, &word, part);
        size -= part;
    }
}

static void s_add_text (hostile_t *self, const char *text)
{
    zloom_buffer_append (&self->say, text, strlen (text));
}

//  Only so many bytes of what there is to say, at random.
static void s_cut (hostile_t *self, size_t least)
{
    size_t size = self->say.size;
    self->say.size = least + (size_t) s_below (self, size > least ? size - least : 1);
}

static void s_open (hostile_t *self)
{
    static const char *const types[] = {"DEALER", "DEALER", "REQ", "ROUTER"};
    talk_open (&self->say, types[s_below (self, 4)]);
}

static void s_say_garbage (hostile_t *self)
{
    s_add_noise (self, 1 + (size_t) s_below (self, 300));
}

static void s_say_http (hostile_t *self)
{
    s_add_text (self, "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: none\r\n\r\n");
}

static void s_say_half_greeting (hostile_t *self)
{
    talk_greet (&self->say, "NULL");
    s_cut (self, 1);
}

static void s_say_old_greeting (hostile_t *self)
{
    talk_greet (&self->say, "NULL");
    self->say.data[10] = (uint8_t) s_below (self, 3);
    if (s_below (self, 2))
        self->say.data[0] = (uint8_t) s_below (self, 255);
}

static void s_say_mechanism (hostile_t *self)
{
    static const char *const names[] = {"CURVE", "PLAIN", "GSSAPI", "", "null", "NULL2"};
    talk_greet (&self->say, names[s_below (self, 6)]);
    if (s_below (self, 2))
        s_add_noise (self, 200);
}

static void s_say_half_handshake (hostile_t *self)
{
    enum { GREETING = 64 };
    s_open (self);
    s_cut (self, GREETING);
}

static void s_say_bad_ready (hostile_t *self)
{
    talk_greet (&self->say, "NULL");
    if (s_below (self, 2)) {
        talk_ready (&self->say, "DEALER");
        size_t at = self->say.size - 1 - (size_t) s_below (self, 25);
        self->say.data[at] = (uint8_t) zloom_random_next (&self->random);
        return;
    }
    uint8_t noise[200];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t) zloom_random_next (&self->random);
    talk_command (&self->say, "\5READY", zloom_bytes (noise, (size_t) s_below (self, 200)));
}

static void s_say_wrong_type (hostile_t *self)
{
    static const char *const types[] = {"PUB", "SUB", "PULL", "PUSH", "XPUB", "PAIR", "REP", "\n"};
    talk_open (&self->say, types[s_below (self, 8)]);
}

static void s_say_bad_flags (hostile_t *self)
{
    s_open (self);
    uint8_t flags = (uint8_t) (8 + s_below (self, 248));
    zloom_buffer_append (&self->say, &flags, 1);
    s_add_noise (self, 20);
}

static void s_add_long_head (hostile_t *self, uint8_t flags, uint64_t size)
{
    uint64_t big = htobe64 (size);
    flags |= ZLOOM__ZMTP_FLAG_LONG;
    zloom_buffer_append (&self->say, &flags, 1);
    zloom_buffer_append (&self->say, &big, sizeof big);
}

static void s_say_huge (hostile_t *self)
{
    s_open (self);
    uint8_t flags = s_below (self, 2) ? ZLOOM__ZMTP_FLAG_COMMAND : (uint8_t) s_below (self, 2);
    s_add_long_head (self, flags, UINT64_MAX >> s_below (self, 43));
    s_add_noise (self, (size_t) s_below (self, 3000));
}

static void s_say_unfinished (hostile_t *self)
{
    s_open (self);
    s_add_long_head (self, 0, 4096 + s_below (self, 1040000));
    s_add_noise (self, (size_t) s_below (self, 4000));
}

static void s_say_more (hostile_t *self)
{
    static const uint8_t body[250] = {0};
    size_t size = (size_t) s_below (self, s_below (self, 2) ? 1 : sizeof body);
    s_open (self);
    for (uint64_t left = 1 + s_below (self, 200); left > 0; left--)
        talk_frame (&self->say, ZLOOM__ZMTP_FLAG_MORE, zloom_bytes (body, size));
}

//  Most say little; one in a hundred as much as a server might hold back.
static size_t s_flood (hostile_t *self)
{
    return (size_t) s_below (self, s_below (self, 100) ? 8192 : 4194304);
}

static void s_say_pings (hostile_t *self)
{
    s_open (self);
    for (size_t most = s_flood (self); self->say.size < most;)
        talk_command (&self->say, "\4PING", zloom_bytes_str ("\1\1context of sixteen"));
}

static void s_say_unread (hostile_t *self)
{
    static const uint8_t request[] =
        "\x94\x00\x07\xa4"
        "echo\x91\xd9\x80"
        "11111111222222223333333344444444555555556666666677777777888888"
        "8811111111222222223333333344444444555555556666666677777777888"
        "88888";
    s_open (self);
    for (size_t most = s_flood (self); self->say.size < most;)
        talk_frame (&self->say, 0, zloom_bytes (request, sizeof request - 1));
}

static void s_say_no_messages (hostile_t *self)
{
    s_open (self);
    for (uint64_t left = 1 + s_below (self, 20); left > 0; left--) {
        uint8_t head[] = {0, (uint8_t) s_below (self, 100)};
        zloom_buffer_append (&self->say, head, sizeof head);
        s_add_noise (self, head[1]);
    }
}

static void s_say_bad_commands (hostile_t *self)
{
    static const char *const names[] = {"\5READY", "\4PING", "\5ERROR", "\7UNKNOWN", "\377", ""};
    s_open (self);
    talk_command (&self->say, names[s_below (self, 6)], zloom_bytes_str ("x"));
}

static void s_say_cut (hostile_t *self)
{
    s_say_unread (self);
    s_cut (self, 0);
}

static void s_say_nothing (hostile_t *self)
{
    (void) self;
}

static void (*const s_sayings[]) (hostile_t *) = {
    [HOSTILE_GARBAGE] = s_say_garbage,
    [HOSTILE_HTTP] = s_say_http,
    [HOSTILE_HALF_GREETING] = s_say_half_greeting,
    [HOSTILE_OLD_GREETING] = s_say_old_greeting,
    [HOSTILE_MECHANISM] = s_say_mechanism,
    [HOSTILE_HALF_HANDSHAKE] = s_say_half_handshake,
    [HOSTILE_BAD_READY] = s_say_bad_ready,
    [HOSTILE_WRONG_TYPE] = s_say_wrong_type,
    [HOSTILE_BAD_FLAGS] = s_say_bad_flags,
    [HOSTILE_HUGE] = s_say_huge,
    [HOSTILE_UNFINISHED] = s_say_unfinished,
    [HOSTILE_MORE] = s_say_more,
    [HOSTILE_PINGS] = s_say_pings,
    [HOSTILE_UNREAD] = s_say_unread,
    [HOSTILE_NO_MESSAGES] = s_say_no_messages,
    [HOSTILE_BAD_COMMANDS] = s_say_bad_commands,
    [HOSTILE_CUT] = s_say_cut,
    [HOSTILE_QUIET] = s_say_nothing,
};

enum { SAYINGS = sizeof s_sayings / sizeof s_sayings[0] };

//  Connections.

//  Many addresses of this machine's own, so that ports do not run out.
static void s_choose_source (hostile_t *self, int fd)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl (INADDR_LOOPBACK + (uint32_t) s_below (self, 200));
    const int on = 1;
    setsockopt (fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind (fd, (const struct sockaddr *) &from, sizeof from) == -1)
        perror ("bind");
}

//  -1: the server takes none.
static int s_connect (hostile_t *self, hostile_kind_t kind)
{
    bool is_ipc = s_below (self, 2);
    int fd = socket (is_ipc ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = CONNECT_S};
    setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!is_ipc)
        s_choose_source (self, fd);
    const victim_t *to = self->victim;
    int rc = is_ipc ? connect (fd, (const struct sockaddr *) &to->ipc_place, sizeof to->ipc_place)
                    : connect (fd, (const struct sockaddr *) &to->tcp_place, sizeof to->tcp_place);
    self->report->connections++;
    self->report->kinds[kind]++;
    if (rc == 0)
        return fd;
    self->report->failed++;
    if (fd != -1)
        close (fd);
    return -1;
}

static void s_reset (int fd)
{
    const struct linger none = {.l_onoff = 1};
    setsockopt (fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

//  With a FIN or with a reset; some have read what was said to them.
static void s_close (hostile_t *self, int *fd)
{
    static uint8_t heard[65536];
    uint64_t how = s_below (self, 4);
    if (*fd == -1)
        return;
    if (how == 0)
        recv (*fd, heard, sizeof heard, MSG_DONTWAIT);
    else
        s_reset (*fd);
    close (*fd);
    *fd = -1;
}

//  As much as goes without waiting, at once or in pieces.
static void s_send (hostile_t *self, int fd)
{
    size_t pieces = s_below (self, 4) ? 1 : 1 + (size_t) s_below (self, 5);
    size_t size = self->say.size / pieces + 1;
    for (size_t at = 0; at < self->say.size;) {
        size_t left = self->say.size - at;
        ssize_t put =
            send (fd, self->say.data + at, left < size ? left : size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put <= 0)
            return;
        at += (size_t) put;
    }
}

//  A new one in the place of another.
static void s_visit (hostile_t *self)
{
    int *fd = &self->fds[s_below (self, self->plan->open_at_once)];
    s_close (self, fd);
    hostile_kind_t kind = (hostile_kind_t) s_below (self, SAYINGS);
    *fd = s_connect (self, kind);
    if (*fd == -1)
        return;
    zloom_buffer_reset (&self->say);
    s_sayings[kind](self);
    s_send (self, *fd);
    uint64_t how = s_below (self, 8);
    if (how == 0)
        shutdown (*fd, SHUT_WR);
    else if (how < 3 || kind == HOSTILE_CUT)
        s_close (self, fd);
}

//  Patience.

static void s_prepare_dripped (hostile_t *self)
{
    talk_open (&self->dripped, "DEALER");
    zloom_buffer_reset (&self->say);
    s_add_long_head (self, 0, 100000);
    zloom_buffer_append (&self->dripped, self->say.data, self->say.size);
}

static bool s_has_ended (int fd)
{
    uint8_t byte;
    ssize_t got = recv (fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    while (got > 0 && (got = recv (fd, &byte, 1, MSG_DONTWAIT)) > 0) {
    }
    return got == 0 || errno != EAGAIN;
}

//  Half of those that drip have shaken hands in good order.
static void s_begin_patient (hostile_t *self, patient_t *one)
{
    one->fd = s_connect (self, one->kind);
    one->said = 0;
    if (one->kind == HOSTILE_DRIPPING && one->fd != -1 && s_below (self, 2)) {
        ssize_t put = send (one->fd, self->dripped.data, self->dripped.size, MSG_NOSIGNAL);
        one->said = put > 0 ? (size_t) put : 0;
    }
}

static void s_tend_patient (hostile_t *self, patient_t *one)
{
    static const uint8_t filler[] = {'x'};
    if (one->fd != -1 && s_has_ended (one->fd)) {
        close (one->fd);
        one->fd = -1;
    }
    if (one->fd == -1)
        s_begin_patient (self, one);
    if (one->fd == -1 || one->kind != HOSTILE_DRIPPING)
        return;
    const uint8_t *next = one->said < self->dripped.size ? self->dripped.data + one->said : filler;
    one->said++;
    send (one->fd, next, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void s_tend (hostile_t *self)
{
    zloom_time_t now = zloom_time_now ();
    if (now < self->tend_at)
        return;
    self->tend_at = now + ZLOOM_SEC;
    for (unsigned i = 0; i < self->patient_count; i++)
        s_tend_patient (self, &self->patient[i]);
}

//  The whole.

static void s_begin (hostile_t *self)
{
    process_allow_descriptors (0);
    zloom_random_seed (&self->random, self->plan->seed);
    s_prepare_dripped (self);
    unsigned most = process_descriptors_allowed () - RESERVED - self->plan->open_at_once;
    unsigned silent = self->plan->silent, dripping = self->plan->dripping;
    silent = silent + dripping < most ? silent : most - dripping;
    self->patient_count = silent + dripping;
    self->patient = (patient_t *) calloc (self->patient_count, sizeof self->patient[0]);
    self->fds = (int *) calloc (self->plan->open_at_once, sizeof self->fds[0]);
    if (!self->patient || !self->fds)
        abort ();
    for (unsigned i = 0; i < self->patient_count; i++)
        self->patient[i] =
            (patient_t){.fd = -1, .kind = i < silent ? HOSTILE_SILENT : HOSTILE_DRIPPING};
    for (unsigned i = 0; i < self->plan->open_at_once; i++)
        self->fds[i] = -1;
}

static void s_end (hostile_t *self)
{
    for (unsigned i = 0; i < self->patient_count; i++)
        if (self->patient[i].fd != -1)
            close (self->patient[i].fd);
    for (unsigned i = 0; i < self->plan->open_at_once; i++)
        s_close (self, &self->fds[i]);
    zloom_buffer_clear (&self->say);
    zloom_buffer_clear (&self->dripped);
    free (self->patient);
    free (self->fds);
}

void hostile_run (const hostile_plan_t *plan, const victim_t *victim, hostile_report_t *ret_report)
{
    enum { BETWEEN_LOOKS = 64 };
    *ret_report = (hostile_report_t){.connections = 0};
    hostile_t self = {.plan = plan, .victim = victim, .report = ret_report};
    s_begin (&self);
    for (uint64_t i = 0; ret_report->connections < plan->connections; i++) {
        if (i % BETWEEN_LOOKS == 0)
            s_tend (&self);
        s_visit (&self);
    }
    s_end (&self);
}

int hostile_start (const hostile_plan_t *plan, const victim_t *victim, pid_t *ret_pid)
{
    int ends[2];
    if (pipe (ends) == -1)
        abort ();
    *ret_pid = process_fork ();
    if (*ret_pid) {
        close (ends[1]);
        return ends[0];
    }
    //  Elsewhere they would have processors of their own.
    const int lowest = 19;
    if (nice (lowest) == -1)
        perror ("nice");
    hostile_report_t report;
    hostile_run (plan, victim, &report);
    _exit (write (ends[1], &report, sizeof report) == sizeof report ? 0 : 1);
}

const char *hostile_kind_name (hostile_kind_t kind)
{
    static const char *const names[] = {
#define X(name, text) text,
        HOSTILE_KIND_MAP (X)
#undef X
    };
    return names[kind];
}
