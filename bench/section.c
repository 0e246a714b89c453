#include "section.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zloom.h>

#include "fail.h"

//  One contender at work, as the section's process sees it.
typedef struct seat {
    const contender_t *contender;
    char endpoint[256];
    void *context;
    pid_t process;     //  The server's; 0 where it is a thread
    pthread_t thread;  //  The server's otherwise
    void *server;      //  The thread's
    void *client;
} seat_t;

const char *transport_name (transport_t transport)
{
    static const char *const names[TRANSPORTS] = {"tcp", "ipc", "inproc"};
    return names[transport];
}

//  Where.

//  A port that nobody has, below those that the kernel gives to clients.
static unsigned s_free_port (void)
{
    static unsigned next;
    if (!next)
        next = 20000 + (unsigned) getpid () % 10000;
    for (; next < 32000; next++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons ((uint16_t) next),
                                      .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
        int probe = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (probe < 0)
            fail_errno ("socket");
        int rc = bind (probe, (struct sockaddr *) &address, sizeof address);
        close (probe);
        if (rc == 0)
            return next++;
    }
    fail ("no free port below 32000");
}

static void s_choose_endpoint (const section_t *self, seat_t *seat)
{
    const char *name = seat->contender->name;
    char *endpoint = seat->endpoint;
    size_t size = sizeof seat->endpoint;
    switch (self->transport) {
    case TRANSPORT_TCP:
        snprintf (endpoint, size, "tcp://127.0.0.1:%u", s_free_port ());
        break;
    case TRANSPORT_IPC:
        snprintf (endpoint, size, "ipc://%s/%s", self->folder, name);
        break;
    case TRANSPORT_INPROC:
        snprintf (endpoint, size, "inproc://%s", name);
        break;
    }
}

//  Stay on the first core that this process may use; what it forks and starts
//  stays there too.
static void s_pin (void)
{
    cpu_set_t may, one;
    if (sched_getaffinity (0, sizeof may, &may))
        fail_errno ("sched_getaffinity");
    size_t core = 0;
    while (!CPU_ISSET (core, &may))
        core++;
    CPU_ZERO (&one);
    CPU_SET (core, &one);
    if (sched_setaffinity (0, sizeof one, &one))
        fail_errno ("sched_setaffinity");
}

//  A process that was killed takes those that it forked with it.
static void s_die_with (pid_t parent)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent)
        _exit (1);
}

//  Servers.

//  The whole life of a server's process.
__attribute__ ((noreturn)) static void s_serve (const seat_t *seat, pid_t parent, int ready)
{
    s_die_with (parent);
    const contender_t *contender = seat->contender;
    void *context = contender->context_new ();
    void *server = contender->server_new (context, seat->endpoint);
    if (write (ready, "", 1) != 1)
        fail_errno ("write");
    contender->server_run (server);
    contender->server_destroy (server);
    contender->context_destroy (context);
    _exit (0);
}

//  A server's process ended before it was told to: its client would wait for ever.
static void s_on_server_death (int signal_number)
{
    (void) signal_number;
    static const char text[] = "bench: a server ended too early\n";
    ssize_t written = write (STDERR_FILENO, text, sizeof text - 1);
    _exit (written < 0 ? 2 : 1);
}

static void s_fork_server (seat_t *seat)
{
    int ready[2];
    if (pipe (ready))
        fail_errno ("pipe");
    pid_t parent = getpid ();
    seat->process = fork ();
    if (seat->process < 0)
        fail_errno ("fork");
    if (seat->process == 0)
        s_serve (seat, parent, ready[1]);

    close (ready[1]);
    char byte;
    if (read (ready[0], &byte, 1) != 1)
        fail ("%s: no server", seat->contender->name);
    close (ready[0]);
}

static void *s_serve_thread (void *seat_p)
{
    seat_t *seat = (seat_t *) seat_p;
    seat->contender->server_run (seat->server);
    return NULL;
}

static void s_start_server_thread (seat_t *seat)
{
    seat->server = seat->contender->server_new (seat->context, seat->endpoint);
    if (pthread_create (&seat->thread, NULL, s_serve_thread, seat))
        fail ("no thread");
}

static void s_open (const section_t *self, seat_t *seats)
{
    bool apart = self->transport != TRANSPORT_INPROC;
    for (size_t i = 0; i < self->contender_count; i++) {
        seats[i] = (seat_t){.contender = self->contenders[i]};
        s_choose_endpoint (self, &seats[i]);
        if (apart)
            s_fork_server (&seats[i]);
    }
    for (size_t i = 0; i < self->contender_count; i++) {
        seats[i].context = seats[i].contender->context_new ();
        if (!apart)
            s_start_server_thread (&seats[i]);
        seats[i].client = seats[i].contender->client_new (seats[i].context, seats[i].endpoint);
    }
}

static void s_close (seat_t *seat)
{
    const contender_t *contender = seat->contender;
    contender->stop (seat->client);
    if (seat->process) {
        int status;
        if (waitpid (seat->process, &status, 0) < 0 || status != 0)
            fail ("%s: the server did not end well", contender->name);
    } else {
        pthread_join (seat->thread, NULL);
        contender->server_destroy (seat->server);
    }
    contender->client_destroy (seat->client);
    contender->context_destroy (seat->context);
}

//  Rounds.

//  A round trip, timed; the answer is looked at when the clock has stopped.
static int64_t s_time_call (const seat_t *seat, zloom_bytes_t payload)
{
    zloom_time_t start = zloom_time_now ();
    zloom_bytes_t answer = seat->contender->call (seat->client, payload);
    zloom_time_t end = zloom_time_now ();
    if (!zloom_bytes_equal (answer, payload))
        fail ("%s: the answer is not what was sent", seat->contender->name);
    return end - start;
}

static round_t s_round (const section_t *self, const seat_t *seat, zloom_bytes_t payload,
                        zloom_histogram_t *histogram)
{
    //  A receive that blocks has no timeout; a second for ten calls is ample.
    alarm (60 + self->calls / 10);
    for (unsigned call = 0; call < self->calls / 10; call++)
        s_time_call (seat, payload);

    zloom_histogram_reset (histogram);
    for (unsigned call = 0; call < self->calls; call++)
        zloom_histogram_record (histogram, s_time_call (seat, payload));
    return (round_t){.p50 = zloom_histogram_value_at_percentile (histogram, 50),
                     .p99 = zloom_histogram_value_at_percentile (histogram, 99),
                     .outside = zloom_histogram_outside (histogram)};
}

static void s_measure (section_t *self, const seat_t *seats)
{
    zloom_histogram_t *histogram = zloom_histogram_new (NULL, NULL);
    uint8_t *data = (uint8_t *) malloc (self->payload_bytes);
    if (!histogram || !data)
        fail ("no memory");
    memset (data, 'z', self->payload_bytes);
    zloom_bytes_t payload = zloom_bytes (data, self->payload_bytes);

    for (size_t i = 0; i < self->contender_count; i++)
        s_round (self, &seats[i], payload, histogram);
    for (size_t result = 0; result < self->rounds * self->contender_count; result++)
        self->results[result] =
            s_round (self, &seats[result % self->contender_count], payload, histogram);

    free (data);
    zloom_histogram_destroy (&histogram);
}

//  The whole life of the section's process.
__attribute__ ((noreturn)) static void s_live (section_t *self)
{
    if (self->pinned)
        s_pin ();
    seat_t *seats = (seat_t *) calloc (self->contender_count, sizeof *seats);
    if (!seats)
        fail ("no memory");
    signal (SIGCHLD, s_on_server_death);
    s_open (self, seats);
    s_measure (self, seats);
    signal (SIGCHLD, SIG_DFL);
    for (size_t i = 0; i < self->contender_count; i++)
        s_close (&seats[i]);
    free (seats);
    _exit (0);
}

//  From outside.

static size_t s_results_size (const section_t *self)
{
    return self->rounds * self->contender_count * sizeof *self->results;
}

//  Why a section's process ended, as an exit code; 0 = it was through.
static int s_verdict (const section_t *self, int status)
{
    if (WIFEXITED (status))
        return WEXITSTATUS (status);
    const char *why =
        WTERMSIG (status) == SIGALRM ? "a call did not end" : "its process was killed";
    fprintf (stderr, "bench: %s: %s\n", transport_name (self->transport), why);
    return 1;
}

//  Wait for the section's process, or for a signal that is to end both.
static int s_wait (const section_t *self, pid_t process, const sigset_t *signals)
{
    int number = sigwaitinfo (signals, NULL);
    if (number != SIGCHLD)
        kill (process, SIGKILL);
    int status;
    if (waitpid (process, &status, 0) < 0)
        fail_errno ("waitpid");
    return number == SIGCHLD ? s_verdict (self, status) : 128 + number;
}

int section_run (section_t *self)
{
    self->results = (round_t *) mmap (NULL, s_results_size (self), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->results == MAP_FAILED)
        fail_errno ("mmap");

    //  They stay blocked, so that one that comes between two sections is seen
    //  by the second, and the caller always gets to tidy up.
    sigset_t signals;
    sigemptyset (&signals);
    sigaddset (&signals, SIGCHLD);
    sigaddset (&signals, SIGINT);
    sigaddset (&signals, SIGTERM);
    sigprocmask (SIG_BLOCK, &signals, NULL);

    fflush (NULL);
    pid_t parent = getpid ();
    pid_t process = fork ();
    if (process < 0)
        fail_errno ("fork");
    if (process == 0) {
        s_die_with (parent);
        sigprocmask (SIG_UNBLOCK, &signals, NULL);
        s_live (self);
    }
    return s_wait (self, process, &signals);
}

const round_t *section_result (const section_t *self, size_t contender, unsigned round)
{
    return &self->results[round * self->contender_count + contender];
}

void section_clear (section_t *self)
{
    if (self->results)
        munmap (self->results, s_results_size (self));
    self->results = NULL;
}
