#include "place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"

const char *transport_name (transport_t transport)
{
    static const char *const names[TRANSPORTS] = {"tcp", "ipc", "inproc"};
    return names[transport];
}

const char *cores_name (cores_t cores)
{
    static const char *const names[CORES] = {"any core", "one core", "two cores"};
    return names[cores];
}

static cpu_set_t s_may_use (void)
{
    cpu_set_t may;
    if (sched_getaffinity (0, sizeof may, &may))
        fail_errno ("sched_getaffinity");
    return may;
}

unsigned place_processors (void)
{
    cpu_set_t may = s_may_use ();
    return (unsigned) CPU_COUNT (&may);
}

void place_pin_to (unsigned number)
{
    cpu_set_t may = s_may_use (), one;
    size_t processor = 0;
    for (unsigned passed = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET (processor, &may) && passed++ == number)
            break;
    CPU_ZERO (&one);
    CPU_SET (processor, &one);
    if (sched_setaffinity (0, sizeof one, &one))
        fail_errno ("sched_setaffinity");
}

void place_pin (end_t end)
{
    place_pin_to (end == END_CLIENT ? 0 : place_processors () - 1);
}

unsigned place_port (void)
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

void place_endpoint (transport_t transport, const char *folder, const char *name, char *ret_text,
                     size_t size)
{
    switch (transport) {
    case TRANSPORT_TCP:
        snprintf (ret_text, size, "tcp://127.0.0.1:%u", place_port ());
        break;
    case TRANSPORT_IPC:
        snprintf (ret_text, size, "ipc://%s/%s", folder, name);
        break;
    case TRANSPORT_INPROC:
        snprintf (ret_text, size, "inproc://%s", name);
        break;
    }
}
