#include "net/dial_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/resolve_internal.h"

//  Where to, and what to say about it.
typedef struct {
    const char *address;  //  As given
    zloom_time_t deadline;
    zloom_error_t *error;  //  Optional
} dial_t;

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
static int s_connect (const zloom__address_t *to, zloom_time_t deadline, int *ret_errno)
{
    int fd = socket (to->place.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *ret_errno = errno;
        return -1;
    }
    int failure = 0;
    if (connect (fd, (const struct sockaddr *) &to->place, to->size) != 0)
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
    zloom__address_t to;
    const char *flaw = zloom__resolve_ipc (path, &to);
    if (flaw)
        return s_fail (self, ZLOOM_REASON_BAD_ENDPOINT, flaw);
    int number = 0;
    int fd = s_connect (&to, self->deadline, &number);
    if (fd < 0)
        return s_fail_errno (self, number);
    *ret_fd = fd;
    return ZLOOM_OK;
}

//  Numbers are answered at once; only names need a lookup.
static zloom_code_t s_resolve (const dial_t *self, const zloom__host_port_t *target,
                               zloom__addresses_t *ret_addresses)
{
    if (zloom__resolve_number (target, ret_addresses))
        return ZLOOM_OK;
    zloom__lookup_t *lookup = zloom__lookup_begin (target);
    if (!lookup)
        return s_fail (self, ZLOOM_REASON_NO_MEMORY, "out of memory");
    zloom__lookup_wait (lookup, self->deadline);
    const char *flaw = zloom__lookup_end (&lookup, ret_addresses);
    if (!flaw)
        return ZLOOM_OK;
    char shown[128], why[256];
    snprintf (why, sizeof why, "cannot find host '%s' (%s)", s_shown (shown, target->host), flaw);
    return s_fail (self, ZLOOM_REASON_NO_PEER, why);
}

static zloom_code_t s_dial_tcp (const dial_t *self, const char *rest, int *ret_fd)
{
    zloom__host_port_t target;
    const char *flaw = zloom__resolve_split (rest, &target);
    if (flaw)
        return s_fail (self, ZLOOM_REASON_BAD_ENDPOINT, flaw);
    zloom__addresses_t addresses;
    zloom_code_t code = s_resolve (self, &target, &addresses);
    if (code)
        return code;

    int fd = -1, number = EHOSTUNREACH;
    for (size_t i = 0; i < addresses.count && fd < 0; i++) {
        zloom_time_t now = zloom_time_now ();
        zloom_time_t share = (self->deadline - now) / (zloom_time_t) (addresses.count - i);
        fd = s_connect (&addresses.list[i], now + share, &number);
    }
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
