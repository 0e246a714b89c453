#include "net/probe.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/random.h"

//  Long enough for a slow machine, where the answer does not take the time.
enum { PATIENT_MS = 20000, SHORT_MS = 300 };

static const zloom_probe_options_t s_patient = {.timeout_ms = PATIENT_MS, .ping = true};
static const zloom_probe_options_t s_short = {.timeout_ms = SHORT_MS, .ping = true};

// ---- A listener that is no ZeroMQ socket --------------------------------------

//  Accepts one connection, says its line, and then hangs up or waits until the
//  other end does.
typedef struct {
    const void *line;
    size_t size;
    bool hangs_up;
    int listener;
    char address[64];
    pthread_t thread;
    char heard[4096];
    size_t heard_size;
} listener_t;

static void *s_accept_one (void *argument)
{
    listener_t *self = (listener_t *) argument;
    int fd = accept (self->listener, NULL, NULL);
    (void) send (fd, self->line, self->size, MSG_NOSIGNAL);
    ssize_t got = self->hangs_up ? 0 : 1;
    while (got > 0 && self->heard_size < sizeof self->heard) {
        got = recv (fd, self->heard + self->heard_size, sizeof self->heard - self->heard_size, 0);
        self->heard_size += got > 0 ? (size_t) got : 0;
    }
    close (fd);
    return NULL;
}

//  Bind a free port below those that the system hands out by itself.
static int s_bind_port (char address[64])
{
    zloom_random_t random;
    zloom_random_seed_fresh (&random);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int tries = 0; tries < 1000; tries++) {
        uint16_t port = (uint16_t) (20000 + zloom_random_below (&random, 12000));
        struct sockaddr_in to = {
            .sin_family = AF_INET, .sin_port = htons (port), .sin_addr = {htonl (INADDR_LOOPBACK)}};
        if (bind (fd, (struct sockaddr *) &to, sizeof to) == 0) {
            snprintf (address, 64, "tcp://127.0.0.1:%d", port);
            return fd;
        }
    }
    fail_msg ("no free port");
    return -1;
}

static void s_listen (listener_t *self)
{
    self->listener = s_bind_port (self->address);
    assert_int_equal (listen (self->listener, 1), 0);
    assert_int_equal (pthread_create (&self->thread, NULL, s_accept_one, self), 0);
}

static void s_end (listener_t *self)
{
    pthread_join (self->thread, NULL);
    close (self->listener);
}

//  What the probe finds where somebody says this line.
static zloom_probe_t s_probe_line (const void *line, size_t size, bool hangs_up,
                                   const zloom_probe_options_t *options)
{
    listener_t listener = {.line = line, .size = size, .hangs_up = hangs_up};
    zloom_probe_t probe;
    zloom_error_t error = {0};
    s_listen (&listener);
    assert_int_equal (zloom_probe (listener.address, options, &probe, &error), ZLOOM_OK);
    s_end (&listener);
    return probe;
}

static void assert_described (const zloom_probe_t *probe, const char *text)
{
    char described[256];
    assert_string_equal (zloom_probe_describe (probe, described, sizeof described), text);
}

// ---- ZeroMQ sockets -----------------------------------------------------------

typedef struct {
    const char *name;
    int type;
    bool can_be_pinged;
} kind_t;

static void *s_open_socket (void *context, int type, char address[64])
{
    void *zmq = zmq_socket (context, type);
    int linger = 0;
    zmq_setsockopt (zmq, ZMQ_LINGER, &linger, sizeof linger);
    for (int rc = -1; rc != 0;) {
        close (s_bind_port (address));
        rc = zmq_bind (zmq, address);
    }
    return zmq;
}

static void test_probe_tells_the_type_of_every_socket (void **state)
{
    (void) state;
    static const kind_t kinds[] = {
        {"PAIR", ZMQ_PAIR, false},    {"PUB", ZMQ_PUB, true},   {"SUB", ZMQ_SUB, true},
        {"REQ", ZMQ_REQ, false},      {"REP", ZMQ_REP, true},   {"DEALER", ZMQ_DEALER, false},
        {"ROUTER", ZMQ_ROUTER, true}, {"PULL", ZMQ_PULL, true}, {"PUSH", ZMQ_PUSH, false},
        {"XPUB", ZMQ_XPUB, true},     {"XSUB", ZMQ_XSUB, true},
    };
    void *context = zmq_ctx_new ();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char address[64];
        void *zmq = s_open_socket (context, kinds[i].type, address);
        zloom_probe_t probe;
        zloom_error_t error = {0};
        assert_int_equal (zloom_probe (address, &s_patient, &probe, &error), ZLOOM_OK);
        assert_int_equal (probe.found, ZLOOM_PROBE_SOCKET);
        assert_string_equal (probe.socket_type, kinds[i].name);
        assert_string_equal (probe.mechanism, "NULL");
        assert_int_equal (probe.major, 3);
        assert_int_equal (probe.minor, 1);
        assert_false (probe.zloom);
        assert_string_equal (probe.engine, "");
        assert_true (probe.connect >= 0 && probe.handshake >= 0);
        assert_int_equal (probe.ping != ZLOOM_PROBE_NO_TIME, kinds[i].can_be_pinged);
        assert_int_equal (zloom_probe_reason (&probe), ZLOOM_REASON_NONE);
        zmq_close (zmq);
    }
    zmq_ctx_term (context);
}

static void test_probe_sees_zloom_and_the_routing_id (void **state)
{
    (void) state;
    void *context = zmq_ctx_new ();
    char address[64];
    void *zmq = zmq_socket (context, ZMQ_ROUTER);
    assert_int_equal (zmq_setsockopt (zmq, 95, "X-zloom:1", 9), 0);
    assert_int_equal (zmq_setsockopt (zmq, ZMQ_ROUTING_ID, "a\1b", 3), 0);
    close (s_bind_port (address));
    assert_int_equal (zmq_bind (zmq, address), 0);
    zloom_probe_t probe;
    assert_int_equal (zloom_probe (address, &s_patient, &probe, NULL), ZLOOM_OK);
    assert_true (probe.zloom);
    assert_string_equal (probe.zloom_value, "1");
    assert_string_equal (probe.engine, "libzmq");
    assert_int_equal (probe.identity_size, 3);
    assert_memory_equal (probe.identity, "a\1b", 3);
    assert_described (&probe, "a ZMTP 3.1 ROUTER socket listens there");
    zmq_close (zmq);
    zmq_ctx_term (context);
}

static void test_probe_never_takes_a_message_from_a_push (void **state)
{
    (void) state;
    void *context = zmq_ctx_new ();
    char address[64];
    void *push = s_open_socket (context, ZMQ_PUSH, address);
    void *pull = zmq_socket (context, ZMQ_PULL);
    int patience = PATIENT_MS;
    zmq_setsockopt (push, ZMQ_SNDTIMEO, &patience, sizeof patience);
    zmq_setsockopt (pull, ZMQ_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal (zmq_connect (pull, address), 0);
    for (int i = 0; i < 20; i++) {
        zloom_probe_t probe;
        char got[4];
        assert_int_equal (zloom_probe (address, &s_patient, &probe, NULL), ZLOOM_OK);
        assert_int_equal (zmq_send (push, "work", 4, 0), 4);
        assert_int_equal (zmq_recv (pull, got, sizeof got, 0), 4);
    }
    zmq_close (pull);
    zmq_close (push);
    zmq_ctx_term (context);
}

static void test_probe_says_that_a_curve_server_wants_keys (void **state)
{
    (void) state;
    char address[64], public_key[41], secret_key[41];
    assert_int_equal (zmq_curve_keypair (public_key, secret_key), 0);
    void *context = zmq_ctx_new ();
    void *zmq = zmq_socket (context, ZMQ_REP);
    int on = 1;
    zmq_setsockopt (zmq, ZMQ_CURVE_SERVER, &on, sizeof on);
    zmq_setsockopt (zmq, ZMQ_CURVE_SECRETKEY, secret_key, 41);
    close (s_bind_port (address));
    assert_int_equal (zmq_bind (zmq, address), 0);
    zloom_probe_t probe;
    assert_int_equal (zloom_probe (address, &s_patient, &probe, NULL), ZLOOM_OK);
    assert_int_equal (probe.found, ZLOOM_PROBE_NEEDS_KEYS);
    assert_string_equal (probe.mechanism, "CURVE");
    assert_int_equal (zloom_probe_reason (&probe), ZLOOM_REASON_AUTHENTICATION);
    assert_described (&probe, "a ZMTP 3.1 peer that wants CURVE keys listens there");
    zmq_close (zmq);
    zmq_ctx_term (context);
}

static void test_probe_connects_to_ipc_paths_and_abstract_names (void **state)
{
    (void) state;
    char folder[] = "/tmp/zloom-probe-XXXXXX";
    assert_non_null (mkdtemp (folder));
    char addresses[2][128];
    snprintf (addresses[0], sizeof addresses[0], "ipc://%s/socket", folder);
    snprintf (addresses[1], sizeof addresses[1], "ipc://@%s", folder);
    void *context = zmq_ctx_new ();
    for (int i = 0; i < 2; i++) {
        void *zmq = zmq_socket (context, ZMQ_PULL);
        assert_int_equal (zmq_bind (zmq, addresses[i]), 0);
        zloom_probe_t probe;
        assert_int_equal (zloom_probe (addresses[i], &s_patient, &probe, NULL), ZLOOM_OK);
        assert_string_equal (probe.socket_type, "PULL");
        zmq_close (zmq);
    }
    zmq_ctx_term (context);
    snprintf (addresses[0], sizeof addresses[0], "%s/socket", folder);
    unlink (addresses[0]);
    assert_int_equal (rmdir (folder), 0);
}

static void test_probe_reaches_a_name (void **state)
{
    (void) state;
#ifdef __SANITIZE_THREAD__
    skip ();  //  It knows nothing of the thread in which the C library looks up names
#endif
    void *context = zmq_ctx_new ();
    char address[64], by_name[64];
    void *zmq = s_open_socket (context, ZMQ_PUB, address);
    snprintf (by_name, sizeof by_name, "tcp://localhost:%s", strrchr (address, ':') + 1);
    zloom_probe_t probe;
    assert_int_equal (zloom_probe (by_name, &s_patient, &probe, NULL), ZLOOM_OK);
    assert_string_equal (probe.socket_type, "PUB");
    zmq_close (zmq);
    zmq_ctx_term (context);
}

// ---- Peers that speak other versions, or badly ----------------------------------

#define SIGNATURE   "\xff\0\0\0\0\0\0\0\1\x7f"
#define ZEROS_16    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define GREETING    SIGNATURE "\3\1NULL" ZEROS_16 "\0" ZEROS_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define READY(type) "\5READY\13Socket-Type\0\0\0" type
#define X_ZLOOM     "\7X-zloom\0\0\0\0011"
#define X_ENGINE    "\10X-engine\0\0\0"

//  A literal and its size without the final NUL.
#define LITERAL(text) text, sizeof (text) - 1

static void test_probe_takes_the_engine_from_zloom_alone (void **state)
{
    (void) state;
    zloom_probe_t probe =
        s_probe_line (LITERAL (GREETING "\4\74" READY ("\6ROUTER") X_ZLOOM X_ENGINE "\6direct"),
                      false, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_SOCKET);
    assert_string_equal (probe.engine, "direct");

    probe = s_probe_line (LITERAL (GREETING "\4\57" READY ("\6ROUTER") X_ENGINE "\6direct"), false,
                          &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_SOCKET);
    assert_string_equal (probe.engine, "");

    probe = s_probe_line (LITERAL (GREETING "\4\70" READY ("\6ROUTER") X_ENGINE "\2\33[" X_ZLOOM),
                          false, &s_patient);
    assert_string_equal (probe.engine, "\\x1b[");
}

static void test_probe_knows_the_older_versions (void **state)
{
    (void) state;
    zloom_probe_t probe = s_probe_line (LITERAL (SIGNATURE "\1\7\0\0"), false, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_SOCKET);
    assert_int_equal (probe.major, 2);
    assert_string_equal (probe.socket_type, "PULL");

    probe = s_probe_line (LITERAL (SIGNATURE "\0\0"), false, &s_patient);
    assert_int_equal (probe.major, 1);
    assert_string_equal (probe.socket_type, "");

    probe = s_probe_line (LITERAL ("\4\0abc"), false, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_SOCKET);
    assert_int_equal (probe.major, 1);
    assert_int_equal (probe.identity_size, 3);
    assert_memory_equal (probe.identity, "abc", 3);
    assert_described (&probe, "a ZMTP 1.0 socket listens there");
}

static void test_probe_shows_what_a_stranger_says (void **state)
{
    (void) state;
    zloom_probe_t probe =
        s_probe_line (LITERAL ("SSH-2.0-Open\x1b[31mSSH\r\nmore"), false, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_FOREIGN);
    assert_string_equal (probe.said, "SSH-2.0-Open\\x1b[31mSSH");
    assert_int_equal (zloom_probe_reason (&probe), ZLOOM_REASON_WRONG_PEER);

    probe = s_probe_line (LITERAL ("HTTP/1.1 400 Bad Request\r\n\r\n"), true, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_FOREIGN);
    assert_described (&probe, "what listens there does not speak ZMTP; it says "
                              "'HTTP/1.1 400 Bad Request'");
}

static void test_probe_says_who_is_silent_and_who_hangs_up (void **state)
{
    (void) state;
    zloom_probe_t probe = s_probe_line ("", 0, false, &s_short);
    assert_int_equal (probe.found, ZLOOM_PROBE_SILENT);
    assert_int_equal (probe.handshake, ZLOOM_PROBE_NO_TIME);
    assert_described (&probe, "something there accepts connections and says nothing");

    probe = s_probe_line ("", 0, true, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_CLOSES);
    assert_described (&probe, "something there accepts connections and hangs up");
}

static void test_probe_says_where_a_handshake_stops (void **state)
{
    (void) state;
    zloom_probe_t probe = s_probe_line (LITERAL (SIGNATURE "\3"), false, &s_short);
    assert_int_equal (probe.found, ZLOOM_PROBE_STALLS);
    probe = s_probe_line (LITERAL (GREETING), false, &s_short);
    assert_int_equal (probe.found, ZLOOM_PROBE_STALLS);
    assert_int_equal (probe.minor, 1);
    assert_described (&probe, "something there begins a ZMTP handshake and stops");
    probe = s_probe_line (LITERAL (GREETING "\4"), true, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_CLOSES);
}

static void test_probe_introduces_itself_to_a_peer_that_waits_for_that (void **state)
{
    (void) state;
    listener_t listener = {.line = GREETING, .size = sizeof (GREETING) - 1};
    zloom_probe_t probe;
    s_listen (&listener);
    assert_int_equal (zloom_probe (listener.address, &s_short, &probe, NULL), ZLOOM_OK);
    s_end (&listener);
    assert_int_equal (probe.found, ZLOOM_PROBE_STALLS);
    static const char ready[] = "\4\31" READY ("\3REQ");
    assert_int_equal (listener.heard_size, 64 + sizeof ready - 1);
    assert_memory_equal (listener.heard + 64, ready, sizeof ready - 1);
}

static void test_probe_passes_on_why_it_was_refused (void **state)
{
    (void) state;
    zloom_probe_t probe =
        s_probe_line (LITERAL (GREETING "\4\14\5ERROR\5no \1!"), false, &s_patient);
    assert_int_equal (probe.found, ZLOOM_PROBE_REFUSES);
    assert_string_equal (probe.said, "no \\x01!");
    assert_int_equal (zloom_probe_reason (&probe), ZLOOM_REASON_AUTHENTICATION);
    assert_described (&probe, "a ZMTP 3.1 peer there refuses us: 'no \\x01!'");
}

typedef struct {
    const char *line;
    size_t size;
    const char *rule;
} broken_t;

static void test_probe_names_the_rule_that_is_broken (void **state)
{
    (void) state;
    static const broken_t cases[] = {
        {LITERAL ("\xff\0\0\0\0\0\0\0\1\x7e\3"), "a signature that does not end in 7F"},
        {LITERAL (SIGNATURE "\3\1" ZEROS_16 ZEROS_16 ZEROS_16 "\0\0\0\0"),
         "a greeting without a mechanism"},
        {LITERAL (GREETING "\0\5hello"), "a message where READY belongs"},
        {LITERAL (GREETING "\6\0\0\0\0\0\1\0\0"), "a command of more than 8192 bytes"},
        {LITERAL (GREETING "\6\xff\xff\xff\xff\xff\xff\xff\xff"),
         "a command of more than 8192 bytes"},
        {LITERAL (GREETING "\4\0"), "a command that is neither READY nor ERROR"},
        {LITERAL (GREETING "\4\6\5HELLO"), "a command that is neither READY nor ERROR"},
        {LITERAL (GREETING "\4\7\5READY\3"), "a property of READY is cut short"},
        {LITERAL (GREETING "\4\14\5READY\1a\0\0\0\2"), "a property of READY is longer than the "
                                                       "command"},
        {LITERAL (GREETING "\4\14\5READY\1a\xff\xff\xff\xff"),
         "a property of READY is longer than the command"},
        {LITERAL (GREETING "\4\6\5READY"), "READY without a Socket-Type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        zloom_probe_t probe = s_probe_line (cases[i].line, cases[i].size, false, &s_patient);
        assert_string_equal (probe.said, cases[i].rule);
        assert_int_equal (probe.found, ZLOOM_PROBE_BROKEN);
        assert_int_equal (zloom_probe_reason (&probe), ZLOOM_REASON_MALFORMED);
    }
}

static void test_probe_survives_a_stream_of_random_bytes (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 20260101);
    for (int round = 0; round < 200; round++) {
        uint8_t line[512] = GREETING;
        size_t keep = zloom_random_below (&random, 80), size = keep + 64;
        for (size_t i = keep; i < size; i++)
            line[i] = (uint8_t) zloom_random_next (&random);
        zloom_probe_t probe = s_probe_line (line, size, true, &s_patient);
        char text[256];
        assert_true (strlen (zloom_probe_describe (&probe, text, sizeof text)) > 0);
    }
}

// ---- Nobody there ---------------------------------------------------------------

static void assert_no_probe (const char *address, zloom_reason_t reason, const char *text)
{
    zloom_probe_t probe;
    zloom_error_t error = {0};
    assert_int_equal (zloom_probe (address, &s_patient, &probe, &error),
                      zloom_reason_code (reason));
    assert_string_equal (error.text, text);
    assert_int_equal (error.reason, reason);
}

static void test_probe_says_why_nobody_is_there (void **state)
{
    (void) state;
    char address[64], text[256];
    close (s_bind_port (address));
    snprintf (text, sizeof text, "'%s': nobody listens there (connection refused)", address);
    assert_no_probe (address, ZLOOM_REASON_NO_PEER, text);
    assert_no_probe ("ipc:///no/such/path", ZLOOM_REASON_NO_PEER,
                     "'ipc:///no/such/path': no such ipc path");
    assert_no_probe ("ipc:///dev/null", ZLOOM_REASON_NO_PEER,
                     "'ipc:///dev/null': nobody listens there (connection refused)");
}

static void test_probe_says_what_is_wrong_with_an_address (void **state)
{
    (void) state;
    char path[200] = "ipc://";
    memset (path + 6, 'p', 150);
    assert_no_probe ("tcp://127.0.0.1", ZLOOM_REASON_BAD_ENDPOINT,
                     "'tcp://127.0.0.1': a tcp address is tcp://HOST:PORT");
    assert_no_probe ("tcp://*:5555", ZLOOM_REASON_BAD_ENDPOINT,
                     "'tcp://*:5555': '*' is for binding; name a host");
    assert_no_probe ("tcp://[::1]:0", ZLOOM_REASON_BAD_ENDPOINT,
                     "'tcp://[::1]:0': a tcp port is a number from 1 to 65535");
    assert_no_probe ("tcp://host:99999", ZLOOM_REASON_BAD_ENDPOINT,
                     "'tcp://host:99999': a tcp port is a number from 1 to 65535");
    assert_no_probe ("inproc://x", ZLOOM_REASON_BAD_ENDPOINT,
                     "'inproc://x': inproc is seen only inside its process");
    assert_no_probe ("localhost:5555", ZLOOM_REASON_BAD_ENDPOINT,
                     "'localhost:5555': an address begins with tcp:// or ipc://");
    assert_no_probe ("ipc://", ZLOOM_REASON_BAD_ENDPOINT, "'ipc://': the ipc path is empty");
    zloom_error_t error;
    zloom_probe_t probe;
    assert_int_equal (zloom_probe (path, NULL, &probe, &error), ZLOOM_INVALID_ARGUMENT);
    assert_non_null (strstr (error.text, "the ipc path is too long"));
}

static void test_probe_leaves_its_result_alone_when_nobody_is_there (void **state)
{
    (void) state;
    zloom_probe_t probe, before;
    memset (&probe, 0x5a, sizeof probe);
    memcpy (&before, &probe, sizeof probe);
    assert_int_not_equal (zloom_probe ("ipc:///no/such/path", NULL, &probe, NULL), ZLOOM_OK);
    assert_memory_equal (&probe, &before, sizeof probe);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_probe_tells_the_type_of_every_socket),
        cmocka_unit_test (test_probe_sees_zloom_and_the_routing_id),
        cmocka_unit_test (test_probe_never_takes_a_message_from_a_push),
        cmocka_unit_test (test_probe_says_that_a_curve_server_wants_keys),
        cmocka_unit_test (test_probe_connects_to_ipc_paths_and_abstract_names),
        cmocka_unit_test (test_probe_reaches_a_name),
        cmocka_unit_test (test_probe_takes_the_engine_from_zloom_alone),
        cmocka_unit_test (test_probe_knows_the_older_versions),
        cmocka_unit_test (test_probe_shows_what_a_stranger_says),
        cmocka_unit_test (test_probe_says_who_is_silent_and_who_hangs_up),
        cmocka_unit_test (test_probe_says_where_a_handshake_stops),
        cmocka_unit_test (test_probe_introduces_itself_to_a_peer_that_waits_for_that),
        cmocka_unit_test (test_probe_passes_on_why_it_was_refused),
        cmocka_unit_test (test_probe_names_the_rule_that_is_broken),
        cmocka_unit_test (test_probe_survives_a_stream_of_random_bytes),
        cmocka_unit_test (test_probe_says_why_nobody_is_there),
        cmocka_unit_test (test_probe_says_what_is_wrong_with_an_address),
        cmocka_unit_test (test_probe_leaves_its_result_alone_when_nobody_is_there),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
