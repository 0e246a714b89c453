#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/bind.h"
#include "net/endpoint_internal.h"

//  Parse one endpoint that must be good.
static zloom__endpoint_t s_parse (const char *text)
{
    zloom__endpoint_t endpoint;
    zloom_error_t error;
    zloom_code_t code;
    if (!zloom__endpoint_next (&text, &endpoint, &code, &error))
        fail_msg ("%s", error.text);
    assert_int_equal (code, ZLOOM_OK);
    assert_int_equal (*text, 0);
    return endpoint;
}

//  ---- Parsing ----------------------------------------------------------------

static void test_endpoint_tells_the_transports_apart (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        zloom__transport_t transport;
    } good[] = {
        {"tcp://127.0.0.1:5555", ZLOOM__TCP},
        {"tcp://*:5555", ZLOOM__TCP},
        {"tcp://[::1]:65535", ZLOOM__TCP},
        {"tcp://some.host:*", ZLOOM__TCP},
        {"tcp://lo:0", ZLOOM__TCP},
        {"ipc:///tmp/x", ZLOOM__IPC},
        {"ipc://relative", ZLOOM__IPC},
        {"ipc://@abstract", ZLOOM__IPC},
        {"ipc://*", ZLOOM__IPC},
        {"inproc://a", ZLOOM__INPROC},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        zloom__endpoint_t endpoint = s_parse (good[i].text);
        assert_int_equal (endpoint.transport, good[i].transport);
        assert_string_equal (endpoint.text, good[i].text);
        assert_false (endpoint.binds || endpoint.dials);
    }
}

static void test_endpoint_takes_its_prefix_off (void **state)
{
    (void) state;
    zloom__endpoint_t endpoint = s_parse (">tcp://a:1");
    assert_true (endpoint.dials && !endpoint.binds);
    assert_string_equal (endpoint.text, "tcp://a:1");
    endpoint = s_parse ("@tcp://a:1");
    assert_true (endpoint.binds && !endpoint.dials);
    assert_string_equal (endpoint.text, "tcp://a:1");
    endpoint = s_parse ("@ipc://@name");
    assert_true (endpoint.binds);
    assert_string_equal (endpoint.text, "ipc://@name");
}

static void test_endpoint_list_is_taken_piece_by_piece (void **state)
{
    (void) state;
    const char *list = " ,tcp://a:1,\ttcp://b:2 ,, >ipc://c\ninproc://d , ";
    static const char *const expected[] = {"tcp://a:1", "tcp://b:2", "ipc://c", "inproc://d"};
    zloom__endpoint_t endpoint;
    zloom_code_t code;
    for (size_t i = 0; i < 4; i++) {
        assert_true (zloom__endpoint_next (&list, &endpoint, &code, NULL));
        assert_string_equal (endpoint.text, expected[i]);
        assert_int_equal (endpoint.dials, i == 2);
    }
    assert_false (zloom__endpoint_next (&list, &endpoint, &code, NULL));
    assert_int_equal (code, ZLOOM_OK);
    list = "";
    assert_false (zloom__endpoint_next (&list, &endpoint, &code, NULL));
    assert_int_equal (code, ZLOOM_OK);
}

static void test_endpoint_says_what_is_wrong (void **state)
{
    (void) state;
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"127.0.0.1:5555",
         "'127.0.0.1:5555': an endpoint is tcp://HOST:PORT, ipc://PATH or inproc://NAME"},
        {"udp://a:1", "'udp://a:1': an endpoint is tcp://HOST:PORT, ipc://PATH or inproc://NAME"},
        {">", "'>': an endpoint is tcp://HOST:PORT, ipc://PATH or inproc://NAME"},
        {"tcp://", "'tcp://': there is no address behind the '://'"},
        {"ipc://", "'ipc://': there is no address behind the '://'"},
        {"inproc://", "'inproc://': there is no address behind the '://'"},
        {"tcp://host", "'tcp://host': a tcp endpoint is tcp://HOST:PORT"},
        {"tcp://host:", "'tcp://host:': a tcp endpoint is tcp://HOST:PORT"},
        {"tcp://:5555", "'tcp://:5555': a tcp endpoint is tcp://HOST:PORT"},
        {"tcp://host:http", "'tcp://host:http': the port is a number from 0 to 65535"},
        {"tcp://host:65536", "'tcp://host:65536': the port is a number from 0 to 65535"},
        {"tcp://host:-1", "'tcp://host:-1': the port is a number from 0 to 65535"},
        {"tcp://host:+1", "'tcp://host:+1': the port is a number from 0 to 65535"},
        {"tcp://host:99999999999999999999",
         "'tcp://host:99999999999999999999': the port is a number from 0 to 65535"},
        {"tcp://a\x1b[1m:x", "'tcp://a\\x1b[1m:x': the port is a number from 0 to 65535"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        zloom__endpoint_t endpoint;
        zloom_error_t error;
        zloom_code_t code;
        const char *text = bad[i].text;
        assert_false (zloom__endpoint_next (&text, &endpoint, &code, &error));
        assert_int_equal (code, ZLOOM_INVALID_ARGUMENT);
        assert_int_equal (error.reason, ZLOOM_REASON_BAD_ENDPOINT);
        assert_string_equal (error.text, bad[i].error);
    }
}

//  An endpoint of a scheme and so many letters.
static const char *s_long_endpoint (char *ret, const char *scheme, size_t letters)
{
    size_t length = strlen (scheme);
    memcpy (ret, scheme, length);
    memset (ret + length, 'x', letters);
    ret[length + letters] = 0;
    return ret;
}

static void test_endpoint_bounds_its_length (void **state)
{
    (void) state;
    char text[600];
    zloom__endpoint_t endpoint;
    zloom_error_t error;
    zloom_code_t code;
    const char *list = s_long_endpoint (text, "ipc://", 107);
    assert_true (zloom__endpoint_next (&list, &endpoint, &code, &error));
    list = s_long_endpoint (text, "ipc://", 108);
    assert_false (zloom__endpoint_next (&list, &endpoint, &code, &error));
    assert_non_null (strstr (error.text, "an ipc path may have at most 107 bytes"));

    list = s_long_endpoint (text, "inproc://", ZLOOM__ENDPOINT_MAX - 10);
    assert_true (zloom__endpoint_next (&list, &endpoint, &code, &error));
    assert_string_equal (endpoint.text, text);
    list = s_long_endpoint (text, "inproc://", ZLOOM__ENDPOINT_MAX - 9);
    assert_false (zloom__endpoint_next (&list, &endpoint, &code, &error));
    assert_non_null (strstr (error.text, "longer than 255 bytes"));
    list = s_long_endpoint (text, "@inproc://", 500);
    assert_false (zloom__endpoint_next (&list, &endpoint, &code, &error));
}

//  ---- What is private --------------------------------------------------------

static zloom_reason_t s_check (const char *text)
{
    zloom__endpoint_t endpoint = s_parse (text);
    zloom_error_t error = {.reason = ZLOOM_REASON_NONE};
    zloom_code_t code = zloom__endpoint_check_private (&endpoint, &error);
    assert_int_equal (code, zloom_reason_code (error.reason));
    return error.reason;
}

static void test_endpoint_of_loopback_and_inproc_are_private (void **state)
{
    (void) state;
    static const char *const private[] = {
        "tcp://127.0.0.1:5555", "tcp://127.255.0.9:1", "tcp://[::1]:5555",  "tcp://[0:0::0:1]:5555",
        "tcp://localhost:1",    "tcp://lo:*",          "tcp://127.0.0.1:*", "inproc://anything",
    };
    for (size_t i = 0; i < sizeof private / sizeof private[0]; i++)
        assert_int_equal (s_check (private[i]), ZLOOM_REASON_NONE);
}

static void test_endpoint_that_others_can_reach_is_not_private (void **state)
{
    (void) state;
    static const char *const public[] = {
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
        "tcp://[::]:5555",
        "tcp://eth0:5555",
        "tcp://192.168.0.1:5555",
        "tcp://example.org:80",
        "tcp://[::ffff:10.0.0.1]:1",
        "ipc://@abstract",
        //  What only begins like a loopback address.
        "tcp://127.example.org:80",
        "tcp://127.0.0.1.example.org:80",
        "tcp://localhost.example.org:80",
        "tcp://lo0:80",
        //  libzmq takes what stands before a ';' for a source, and binds the rest.
        "tcp://127.0.0.1:0;0.0.0.0:5555",
        "tcp://127.0.0.1:0;*:5555",
        "tcp://localhost:0;192.168.0.1:5555",
        "tcp://[::1]:0;[::]:5555",
    };
    for (size_t i = 0; i < sizeof public / sizeof public[0]; i++)
        if (s_check (public[i]) != ZLOOM_REASON_INSECURE_BIND)
            fail_msg ("%s is taken for private", public[i]);
}

//  ---- Directories ------------------------------------------------------------

//  A private directory for a test, and an endpoint in it.
typedef struct {
    char directory[64];
    char path[80];
    char text[96];
    zloom__endpoint_t endpoint;
} place_t;

static place_t s_make_place (void)
{
    place_t self = {.directory = "/tmp/zloom-test-XXXXXX"};
    assert_non_null (mkdtemp (self.directory));
    snprintf (self.path, sizeof self.path, "%s/s", self.directory);
    snprintf (self.text, sizeof self.text, "ipc://%s", self.path);
    self.endpoint = s_parse (self.text);
    return self;
}

static void s_remove_place (place_t *self)
{
    unlink (self->path);
    //  Fails where a test has left something behind.
    assert_int_equal (rmdir (self->directory), 0);
}

static void test_endpoint_ipc_is_private_where_nobody_else_may_enter (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    static const struct {
        mode_t mode;
        zloom_reason_t reason;
    } modes[] = {
        {0700, ZLOOM_REASON_NONE},          {0500, ZLOOM_REASON_NONE},
        {0710, ZLOOM_REASON_INSECURE_BIND}, {0701, ZLOOM_REASON_INSECURE_BIND},
        {0755, ZLOOM_REASON_INSECURE_BIND}, {01777, ZLOOM_REASON_INSECURE_BIND},
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal (chmod (place.directory, modes[i].mode), 0);
        assert_int_equal (s_check (place.text), modes[i].reason);
    }
    assert_int_equal (chmod (place.directory, 0700), 0);
    s_remove_place (&place);
}

static void test_endpoint_ipc_directory_must_be_there (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    s_remove_place (&place);
    zloom_error_t error;
    assert_int_equal (zloom__endpoint_check_private (&place.endpoint, &error),
                      ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (error.reason, ZLOOM_REASON_ADDRESS);
    assert_non_null (strstr (error.text, "there is no directory"));
}

//  Somebody else's directory is nothing to rely on; only root can try this.
static void test_endpoint_ipc_directory_of_another_user_is_not_private (void **state)
{
    (void) state;
    if (geteuid () != 0)
        skip ();
    place_t place = s_make_place ();
    assert_int_equal (chown (place.directory, 65534, 65534), 0);
    assert_int_equal (s_check (place.text), ZLOOM_REASON_INSECURE_BIND);
    s_remove_place (&place);
}

//  libzmq makes a directory with mode 0700 for it, wherever the program stands.
static void test_endpoint_ipc_wildcard_is_private (void **state)
{
    (void) state;
    char before[512];
    assert_non_null (getcwd (before, sizeof before));
    assert_int_equal (chdir ("/tmp"), 0);
    assert_int_equal (s_check ("ipc://*"), ZLOOM_REASON_NONE);
    assert_int_equal (s_check ("ipc://relative"), ZLOOM_REASON_INSECURE_BIND);
    assert_int_equal (chdir (before), 0);
}

static void test_bind_check_asks_the_same (void **state)
{
    (void) state;
    zloom_error_t error;
    assert_int_equal (zloom_bind_check ("tcp://127.0.0.1:1", &error), ZLOOM_OK);
    assert_int_equal (zloom_bind_check ("tcp://*:1", &error), ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (error.reason, ZLOOM_REASON_INSECURE_BIND);
    assert_int_equal (zloom_bind_check ("nonsense", &error), ZLOOM_INVALID_ARGUMENT);
    assert_int_equal (zloom_bind_check (" ", &error), ZLOOM_INVALID_ARGUMENT);
    assert_int_equal (error.reason, ZLOOM_REASON_BAD_ENDPOINT);
}

//  ---- Claims -----------------------------------------------------------------

static zloom_reason_t s_claim (const zloom__endpoint_t *endpoint, int *ret_lock)
{
    zloom_error_t error = {.reason = ZLOOM_REASON_NONE};
    zloom_code_t code = zloom__endpoint_claim (endpoint, ret_lock, &error);
    assert_int_equal (code, zloom_reason_code (error.reason));
    assert_int_equal (*ret_lock >= 0, code == ZLOOM_OK);
    return error.reason;
}

static void test_endpoint_claim_is_held_by_one (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    int first, second;
    assert_int_equal (s_claim (&place.endpoint, &first), ZLOOM_REASON_NONE);
    assert_true (fcntl (first, F_GETFD) & FD_CLOEXEC);
    assert_int_equal (s_claim (&place.endpoint, &second), ZLOOM_REASON_ADDRESS_IN_USE);
    zloom__endpoint_release (&place.endpoint, first);
    assert_int_equal (s_claim (&place.endpoint, &second), ZLOOM_REASON_NONE);
    zloom__endpoint_release (&place.endpoint, second);
    s_remove_place (&place);
}

static void test_endpoint_claim_is_needed_for_ipc_paths_only (void **state)
{
    (void) state;
    static const char *const others[] = {"tcp://127.0.0.1:1", "inproc://a", "ipc://@name",
                                         "ipc://*"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        zloom__endpoint_t endpoint = s_parse (others[i]);
        int lock = 0;
        assert_int_equal (zloom__endpoint_claim (&endpoint, &lock, NULL), ZLOOM_OK);
        assert_int_equal (lock, -1);
        zloom__endpoint_release (&endpoint, lock);
    }
}

//  In a child: claim the path, say what came of it, and hold it until told to end.
static pid_t s_claim_in_child (const zloom__endpoint_t *endpoint, int channel[2])
{
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, channel), 0);
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child)
        return child;
    close (channel[0]);
    int lock;
    char said = zloom__endpoint_claim (endpoint, &lock, NULL) == ZLOOM_OK;
    if (write (channel[1], &said, 1) == 1 && read (channel[1], &said, 1) == 1)
        zloom__endpoint_release (endpoint, lock);
    _exit (0);
}

static bool s_hears_yes (int channel)
{
    struct pollfd poll_it = {channel, POLLIN, 0};
    char said = 0;
    assert_int_equal (poll (&poll_it, 1, 20000), 1);
    assert_int_equal (read (channel, &said, 1), 1);
    return said;
}

static void s_await_end (pid_t child, int channel[2])
{
    close (channel[0]);
    close (channel[1]);
    assert_int_equal (waitpid (child, NULL, 0), child);
}

static void test_endpoint_claim_holds_between_processes (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    int lock, channel[2];
    pid_t child = s_claim_in_child (&place.endpoint, channel);
    assert_true (s_hears_yes (channel[0]));
    assert_int_equal (s_claim (&place.endpoint, &lock), ZLOOM_REASON_ADDRESS_IN_USE);
    assert_int_equal (write (channel[0], "x", 1), 1);
    s_await_end (child, channel);

    assert_int_equal (s_claim (&place.endpoint, &lock), ZLOOM_REASON_NONE);
    child = s_claim_in_child (&place.endpoint, channel);
    assert_false (s_hears_yes (channel[0]));
    s_await_end (child, channel);
    zloom__endpoint_release (&place.endpoint, lock);
    s_remove_place (&place);
}

//  Whoever dies leaves its files, but not its claim.
static void test_endpoint_claim_ends_with_its_process (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    int lock, channel[2];
    pid_t child = s_claim_in_child (&place.endpoint, channel);
    assert_true (s_hears_yes (channel[0]));
    s_await_end (child, channel);
    assert_int_equal (s_claim (&place.endpoint, &lock), ZLOOM_REASON_NONE);
    zloom__endpoint_release (&place.endpoint, lock);
    s_remove_place (&place);
}

//  Many that come and go at the same path: never two at once.
static void test_endpoint_claim_is_never_given_twice (void **state)
{
    (void) state;
    enum { RIVALS = 4, ROUNDS = 500 };
    place_t place = s_make_place ();
    char witness[96];
    snprintf (witness, sizeof witness, "%s/held", place.directory);
    pid_t rivals[RIVALS];
    for (int i = 0; i < RIVALS; i++) {
        rivals[i] = fork ();
        assert_true (rivals[i] >= 0);
        for (int round = 0; rivals[i] == 0 && round < ROUNDS;) {
            int lock;
            if (zloom__endpoint_claim (&place.endpoint, &lock, NULL))
                continue;
            //  A file that must not be there already.
            int fd = open (witness, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (fd == -1)
                _exit (1);
            close (fd);
            unlink (witness);
            zloom__endpoint_release (&place.endpoint, lock);
            round++;
        }
        if (rivals[i] == 0)
            _exit (0);
    }
    for (int i = 0; i < RIVALS; i++) {
        int status;
        assert_int_equal (waitpid (rivals[i], &status, 0), rivals[i]);
        assert_int_equal (status, 0);
    }
    s_remove_place (&place);
}

static void s_bind_unix (const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
    close (fd);
}

//  The socket that libzmq leaves behind goes with the claim.
static void test_endpoint_release_leaves_nothing_behind (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    int lock;
    assert_int_equal (s_claim (&place.endpoint, &lock), ZLOOM_REASON_NONE);
    s_bind_unix (place.path);
    zloom__endpoint_release (&place.endpoint, lock);
    assert_int_equal (access (place.path, F_OK), -1);
    assert_int_equal (rmdir (place.directory), 0);
}

static void test_endpoint_claim_takes_over_a_socket_that_was_left (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    s_bind_unix (place.path);
    int lock;
    assert_int_equal (s_claim (&place.endpoint, &lock), ZLOOM_REASON_NONE);
    zloom__endpoint_release (&place.endpoint, lock);
    s_remove_place (&place);
}

//  A bind of libzmq removes whatever lies there; it shall be nobody's file.
static void test_endpoint_claim_refuses_what_is_no_socket (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    int lock, fd = open (place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true (fd >= 0);
    close (fd);
    zloom_error_t error;
    assert_int_equal (zloom__endpoint_claim (&place.endpoint, &lock, &error),
                      ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (error.reason, ZLOOM_REASON_ADDRESS);
    assert_int_equal (lock, -1);
    assert_non_null (strstr (error.text, "that is no socket"));
    assert_int_equal (access (place.path, F_OK), 0);
    s_remove_place (&place);
}

static void test_endpoint_claim_says_why_there_is_no_lock (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    s_remove_place (&place);
    int lock;
    zloom_error_t error;
    assert_int_equal (zloom__endpoint_claim (&place.endpoint, &lock, &error),
                      ZLOOM_FAILED_PRECONDITION);
    assert_int_equal (error.reason, ZLOOM_REASON_ADDRESS);
    assert_non_null (strstr (error.text, "No such file or directory"));
}

static void test_endpoint_claim_names_a_full_descriptor_table (void **state)
{
    (void) state;
    place_t place = s_make_place ();
    struct rlimit before, none = {0, 0};
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
    int lock;
    zloom_reason_t reason = s_claim (&place.endpoint, &lock);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    assert_int_equal (reason, ZLOOM_REASON_DESCRIPTORS);
    //  Valgrind notices the limit only when the file is there.
    char lock_path[96];
    snprintf (lock_path, sizeof lock_path, "%s.lock", place.path);
    unlink (lock_path);
    s_remove_place (&place);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_endpoint_tells_the_transports_apart),
        cmocka_unit_test (test_endpoint_takes_its_prefix_off),
        cmocka_unit_test (test_endpoint_list_is_taken_piece_by_piece),
        cmocka_unit_test (test_endpoint_says_what_is_wrong),
        cmocka_unit_test (test_endpoint_bounds_its_length),
        cmocka_unit_test (test_endpoint_of_loopback_and_inproc_are_private),
        cmocka_unit_test (test_endpoint_that_others_can_reach_is_not_private),
        cmocka_unit_test (test_endpoint_ipc_is_private_where_nobody_else_may_enter),
        cmocka_unit_test (test_endpoint_ipc_directory_must_be_there),
        cmocka_unit_test (test_endpoint_ipc_directory_of_another_user_is_not_private),
        cmocka_unit_test (test_endpoint_ipc_wildcard_is_private),
        cmocka_unit_test (test_bind_check_asks_the_same),
        cmocka_unit_test (test_endpoint_claim_is_held_by_one),
        cmocka_unit_test (test_endpoint_claim_is_needed_for_ipc_paths_only),
        cmocka_unit_test (test_endpoint_claim_holds_between_processes),
        cmocka_unit_test (test_endpoint_claim_ends_with_its_process),
        cmocka_unit_test (test_endpoint_claim_is_never_given_twice),
        cmocka_unit_test (test_endpoint_release_leaves_nothing_behind),
        cmocka_unit_test (test_endpoint_claim_takes_over_a_socket_that_was_left),
        cmocka_unit_test (test_endpoint_claim_refuses_what_is_no_socket),
        cmocka_unit_test (test_endpoint_claim_says_why_there_is_no_lock),
        cmocka_unit_test (test_endpoint_claim_names_a_full_descriptor_table),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
