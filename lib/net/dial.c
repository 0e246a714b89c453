#include "net/dial_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

//  Where to, and what to say about it.
typedef struct {
    const char *address;  //  As given
    zloom_time_t deadline;
    zloom_error_t *error;  //  Optional
} dial_t;

//  A host and a port, as getaddrinfo wants them.
typedef struct {
    char host[256];
    char port[8];
} host_port_t;

//  A question to getaddrinfo_a. It owns its strings, since a question that
//  cannot be cancelled outlives the function that asked it.
typedef struct {
    struct gaicb request;
    struct addrinfo hints;
    host_port_t target;
} lookup_t;

static const char *s_shown (char shown[128], const char *address)
{
    return zloom_text_escape (shown, 128, zloom_bytes_str (address));
}

static zloom_code_t s_fail (const dial_t *self, zloom_reason_t reason, const char *why)
{
    char shown[128];
    return zloom_error_set (self->error, reason, "'%s': %s", s_shown (shown, self->address), why);
}

//  What connect or socket said, as a reason.
static zloom_code_t s_fail_errno (const dial_t *self, int number)
{
    switch (number) {
    case EMFILE:
    case ENFILE:
        return s_fail (self, ZLOOM_REASON_DESCRIPTORS, "no file descriptors are left");
    case ECONNREFUSED:
        return s_fail (self, ZLOOM_REASON_NO_PEER, "nobody listens there (connection refused)");
    case ENOENT:
        return s_fail (self, ZLOOM_REASON_NO_PEER, "no such ipc path");
    case ENOTSOCK:
    case EPROTOTYPE:
        return s_fail (self, ZLOOM_REASON_NO_PEER, "the path is not a stream socket");
    case EAGAIN:
        return s_fail (self, ZLOOM_REASON_NO_PEER, "the listener's backlog is full");
    case ETIMEDOUT:
        return s_fail (self, ZLOOM_REASON_NO_PEER, "no answer to the connection request in time");
    case EACCES:
    case EPERM:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ECONNRESET:
    case ECONNABORTED:
    case EADDRNOTAVAIL:
        return s_fail (self, ZLOOM_REASON_NO_PEER, strerror (number));
    default:
        return s_fail (self, ZLOOM_REASON_SYSTEM, strerror (number));
    }
}

bool zloom__dial_wait (int fd, short events, zloom_time_t deadline)
{
    for (;;) {
        zloom_time_t left = deadline - zloom_time_now ();
        if (left <= 0)
            left = 0;
        struct timespec wait = {(time_t) (left / ZLOOM_SEC), (long) (left % ZLOOM_SEC)};
        struct pollfd item = {fd, events, 0};
        int rc = ppoll (&item, 1, &wait, NULL);
        if (rc > 0)
            return true;
        if (rc == 0 || errno != EINTR)
            return false;
    }
}

//  Connect to one socket address. Returns the descriptor, or -1 and an errno.
static int s_connect (const struct sockaddr *to, socklen_t size, zloom_time_t deadline,
                      int *ret_errno)
{
    int fd = socket (to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *ret_errno = errno;
        return -1;
    }
    int failure = 0;
    if (connect (fd, to, size) != 0)
        failure = errno;
    if (failure == EINPROGRESS || failure == EINTR) {
        socklen_t length = sizeof failure;
        if (!zloom__dial_wait (fd, POLLOUT, deadline))
            failure = ETIMEDOUT;
        else if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &failure, &length) != 0)
            failure = errno;
    }
    if (failure) {
        close (fd);
        *ret_errno = failure;
        return -1;
    }
    return fd;
}

static zloom_code_t s_dial_ipc (const dial_t *self, const char *path, int *ret_fd)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = strlen (path);
    if (length == 0 || length >= sizeof to.sun_path)
        return s_fail (self, ZLOOM_REASON_BAD_ENDPOINT,
                       length ? "the ipc path is too long" : "the ipc path is empty");
    memcpy (to.sun_path, path, length);
    socklen_t size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length + 1);
    if (path[0] == '@') {  //  An abstract name: a NUL first, and none at the end
        to.sun_path[0] = 0;
        size--;
    }
    int number = 0;
    int fd = s_connect ((const struct sockaddr *) &to, size, self->deadline, &number);
    if (fd < 0)
        return s_fail_errno (self, number);
    *ret_fd = fd;
    return ZLOOM_OK;
}

//  "[HOST]:PORT", perhaps after "SOURCE;", which says from where to connect.
static zloom_code_t s_split_tcp (const dial_t *self, const char *rest, host_port_t *ret_target)
{
    const char *source_end = strchr (rest, ';');
    const char *host = source_end ? source_end + 1 : rest;
    const char *colon = strrchr (host, ':');
    size_t length = colon ? (size_t) (colon - host) : 0;
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof ret_target->host)
        return s_fail (self, ZLOOM_REASON_BAD_ENDPOINT, "a tcp address is tcp://HOST:PORT");
    if (length == 1 && host[0] == '*')
        return s_fail (self, ZLOOM_REASON_BAD_ENDPOINT, "'*' is for binding; name a host");

    char *end = NULL;
    long port = colon[1] >= '0' && colon[1] <= '9' ? strtol (colon + 1, &end, 10) : 0;
    if (port < 1 || port > 65535 || *end)
        return s_fail (self, ZLOOM_REASON_BAD_ENDPOINT, "a tcp port is a number from 1 to 65535");

    host_port_t target = {0};
    memcpy (target.host, host, length);
    snprintf (target.port, sizeof target.port, "%ld", port);
    *ret_target = target;
    return ZLOOM_OK;
}

//  Ask for the addresses of a name, without ever waiting longer than the
//  deadline. glibc's asynchronous lookup is the one way to do that; a question
//  it is already working on cannot be taken back, and is left to it.
static int s_look_up (const host_port_t *target, zloom_time_t deadline,
                      struct addrinfo **ret_addresses)
{
    lookup_t *lookup = (lookup_t *) zloom_alloc (sizeof *lookup);
    if (!lookup)
        return EAI_MEMORY;
    lookup->target = *target;
    lookup->hints.ai_socktype = SOCK_STREAM;
    lookup->request.ar_name = lookup->target.host;
    lookup->request.ar_service = lookup->target.port;
    lookup->request.ar_request = &lookup->hints;

    struct gaicb *list[] = {&lookup->request};
    int rc = getaddrinfo_a (GAI_NOWAIT, list, 1, NULL);
    while (rc == 0 && gai_error (list[0]) == EAI_INPROGRESS) {
        zloom_time_t left = deadline - zloom_time_now ();
        if (left <= 0) {
            if (gai_cancel (list[0]) != EAI_CANCELED)
                return EAI_AGAIN;
            break;
        }
        struct timespec wait = {(time_t) (left / ZLOOM_SEC), (long) (left % ZLOOM_SEC)};
        gai_suspend ((const struct gaicb *const *) list, 1, &wait);
    }
    if (rc == 0)
        rc = gai_error (list[0]);
    if (rc == 0)
        *ret_addresses = list[0]->ar_result;
    zloom_free (lookup);
    return rc;
}

//  Numbers are answered at once; only names need the lookup.
static zloom_code_t s_resolve (const dial_t *self, const host_port_t *target,
                               struct addrinfo **ret_addresses)
{
    struct addrinfo numbers = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo (target->host, target->port, &numbers, ret_addresses);
    if (rc != 0)
        rc = s_look_up (target, self->deadline, ret_addresses);
    if (rc == 0)
        return ZLOOM_OK;

    char shown[128], why[256];
    snprintf (why, sizeof why, "cannot find host '%s' (%s)", s_shown (shown, target->host),
              rc == EAI_AGAIN || rc == EAI_CANCELED ? "no answer in time" : gai_strerror (rc));
    return s_fail (self, rc == EAI_MEMORY ? ZLOOM_REASON_NO_MEMORY : ZLOOM_REASON_NO_PEER, why);
}

static size_t s_count (const struct addrinfo *addresses)
{
    size_t count = 0;
    for (; addresses; addresses = addresses->ai_next)
        count++;
    return count;
}

static zloom_code_t s_dial_tcp (const dial_t *self, const char *rest, int *ret_fd)
{
    host_port_t target;
    struct addrinfo *addresses = NULL;
    zloom_code_t code = s_split_tcp (self, rest, &target);
    if (!code)
        code = s_resolve (self, &target, &addresses);
    if (code)
        return code;

    int fd = -1, number = EHOSTUNREACH;
    size_t left = s_count (addresses);
    for (struct addrinfo *to = addresses; to && fd < 0; to = to->ai_next, left--) {
        zloom_time_t now = zloom_time_now ();
        zloom_time_t share = (self->deadline - now) / (zloom_time_t) left;
        fd = s_connect (to->ai_addr, to->ai_addrlen, now + share, &number);
    }
    freeaddrinfo (addresses);
    if (fd < 0)
        return s_fail_errno (self, number);

    int on = 1;  //  Best effort: only the measured times depend on it
    (void) setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *ret_fd = fd;
    return ZLOOM_OK;
}

zloom_code_t zloom__dial (const char *address, zloom_time_t deadline, int *ret_fd,
                          zloom_error_t *error)
{
    dial_t self = {address, deadline, error};
    if (strncmp (address, "tcp://", 6) == 0)
        return s_dial_tcp (&self, address + 6, ret_fd);
    if (strncmp (address, "ipc://", 6) == 0)
        return s_dial_ipc (&self, address + 6, ret_fd);
    return s_fail (&self, ZLOOM_REASON_BAD_ENDPOINT,
                   strncmp (address, "inproc://", 9) == 0
                       ? "inproc is seen only inside its process"
                       : "an address begins with tcp:// or ipc://");
}
