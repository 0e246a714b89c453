#include "net/stream_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libgen.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

//  Connections that wait to be accepted; the system cuts this down to its own
//  limit. One that finds no place tries again after a second.
static const int s_backlog = 4096;

//  A peer that has vanished without a word is noticed after a minute.
static const int s_keepalive_idle_s = 30, s_keepalive_every_s = 10, s_keepalive_count = 3;

static const char s_no_such_device[] = "to bind takes an address of this machine, as 127.0.0.1";

static zloom__readiness_t *s_readiness (zloom__streams_t *streams)
{
    return ((zloom__socket_streams_t *) streams)->readiness;
}

static const char *s_resolve (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              zloom__addresses_t *ret_addresses, zloom__lookup_t **ret_lookup)
{
    (void) streams;
    ret_addresses->count = 0;
    const char *address = zloom__endpoint_address (endpoint);
    if (endpoint->transport == ZLOOM__IPC) {
        const char *flaw = zloom__resolve_ipc (address, &ret_addresses->list[0]);
        ret_addresses->count = !flaw;
        return flaw;
    }
    zloom__host_port_t target;
    const char *flaw = zloom__resolve_split (address, &target);
    if (flaw || zloom__resolve_number (&target, ret_addresses))
        return flaw;
    *ret_lookup = zloom__lookup_begin (&target);
    return *ret_lookup ? NULL : "out of memory";
}

//  Options of a tcp connection; what has no tcp takes none. Best effort. A
//  listener passes them on to what it accepts, as Linux does, which spares five
//  calls of the system for each connection.
static void s_set_options (int fd)
{
    const int on = 1;
    if (setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1)
        return;
    setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt (fd, IPPROTO_TCP, TCP_KEEPIDLE, &s_keepalive_idle_s, sizeof s_keepalive_idle_s);
    setsockopt (fd, IPPROTO_TCP, TCP_KEEPINTVL, &s_keepalive_every_s, sizeof s_keepalive_every_s);
    setsockopt (fd, IPPROTO_TCP, TCP_KEEPCNT, &s_keepalive_count, sizeof s_keepalive_count);
}

//  Close, and return what went wrong.
static int s_give_up (int fd)
{
    int was = errno;
    close (fd);
    return -was;
}

static int s_watch (zloom__streams_t *streams, int fd, uint64_t token)
{
    return zloom__readiness_watch_edges (s_readiness (streams), fd, token) ? fd : s_give_up (fd);
}

static int s_connect (zloom__streams_t *streams, const zloom__address_t *to, uint64_t token)
{
    int fd = socket (to->place.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    if (to->place.ss_family != AF_UNIX)
        s_set_options (fd);
    int rc = connect (fd, (const struct sockaddr *) &to->place, to->size);
    if (rc == -1 && errno != EINPROGRESS && errno != EINTR)
        return s_give_up (fd);
    return s_watch (streams, fd, token);
}

//  A client that dials a port of its own machine can get that very port, and
//  then meets itself.
static bool s_is_itself (int fd)
{
    zloom__address_t here = {.size = sizeof here.place}, there = here;
    return getsockname (fd, (struct sockaddr *) &here.place, &here.size) == 0
           && getpeername (fd, (struct sockaddr *) &there.place, &there.size) == 0
           && here.place.ss_family != AF_UNIX && here.size == there.size
           && memcmp (&here.place, &there.place, here.size) == 0;
}

static int s_check (zloom__streams_t *streams, int fd)
{
    (void) streams;
    int failure = 0;
    socklen_t size = sizeof failure;
    if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &failure, &size) == -1)
        failure = errno;
    if (failure == 0 && s_is_itself (fd))
        failure = ECONNREFUSED;
    return -failure;
}

//  Listening.

//  The name of a network device: its first address of IP version 4, or of 6.
static bool s_find_device (const char *name, zloom__address_t *ret_address)
{
    struct ifaddrs *all, *found = NULL;
    if (getifaddrs (&all) == -1)
        return false;
    for (struct ifaddrs *one = all; one; one = one->ifa_next) {
        int family = one->ifa_addr && strcmp (one->ifa_name, name) == 0 ? one->ifa_addr->sa_family
                                                                        : AF_UNSPEC;
        if (family == AF_INET || (family == AF_INET6 && !found))
            found = one;
        if (family == AF_INET)
            break;
    }
    if (found) {
        ret_address->size = found->ifa_addr->sa_family == AF_INET ? sizeof (struct sockaddr_in)
                                                                  : sizeof (struct sockaddr_in6);
        memcpy (&ret_address->place, found->ifa_addr, ret_address->size);
    }
    freeifaddrs (all);
    return found != NULL;
}

static void s_set_port (zloom__address_t *address, const char *port)
{
    //  '*' is any, as 0 is.
    uint16_t number = htons ((uint16_t) strtol (port, NULL, 10));
    if (address->place.ss_family == AF_INET6)
        ((struct sockaddr_in6 *) &address->place)->sin6_port = number;
    else
        ((struct sockaddr_in *) &address->place)->sin_port = number;
}

//  Where a tcp endpoint binds: a number, `*` for all, or a device; and a port.
static bool s_find_tcp_place (const char *address, zloom__address_t *ret_address)
{
    char host[ZLOOM__ENDPOINT_MAX];
    snprintf (host, sizeof host, "%s", address);
    char *colon = strrchr (host, ':');
    *colon = 0;
    *ret_address = (zloom__address_t){.size = sizeof (struct sockaddr_in)};
    struct sockaddr_in *v4 = (struct sockaddr_in *) &ret_address->place;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &ret_address->place;
    v4->sin_family = AF_INET;
    bool is_found = strcmp (host, "*") == 0 || inet_pton (AF_INET, host, &v4->sin_addr) == 1;
    if (!is_found && host[0] == '[' && colon[-1] == ']') {
        colon[-1] = 0;
        v6->sin6_family = AF_INET6;
        ret_address->size = sizeof *v6;
        is_found = inet_pton (AF_INET6, host + 1, &v6->sin6_addr) == 1;
    } else if (!is_found)
        is_found = s_find_device (strcmp (host, "localhost") == 0 ? "lo" : host, ret_address);
    if (is_found)
        s_set_port (ret_address, colon + 1);
    return is_found;
}

static zloom_code_t s_fail_listen (const zloom__endpoint_t *endpoint, int number,
                                   zloom_error_t *reterr)
{
    zloom_reason_t reason = ZLOOM_REASON_SYSTEM;
    if (number == EADDRINUSE)
        reason = ZLOOM_REASON_ADDRESS_IN_USE;
    else if (number == EADDRNOTAVAIL || number == EACCES || number == ENOENT || number == ENOTDIR)
        reason = ZLOOM_REASON_ADDRESS;
    else if (number == EMFILE || number == ENFILE)
        reason = ZLOOM_REASON_DESCRIPTORS;
    else if (number == ENOMEM || number == ENOBUFS)
        reason = ZLOOM_REASON_NO_MEMORY;
    return zloom_error_set (reterr, reason, "'%s': %s", endpoint->text, strerror (number));
}

static void s_name_tcp (int fd, char *ret_bound)
{
    zloom__address_t here = {.size = sizeof here.place};
    char host[INET6_ADDRSTRLEN] = "";
    getsockname (fd, (struct sockaddr *) &here.place, &here.size);
    if (here.place.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &here.place;
        inet_ntop (AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf (ret_bound, ZLOOM__ENDPOINT_MAX, "tcp://[%s]:%u", host, ntohs (v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *) &here.place;
        inet_ntop (AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf (ret_bound, ZLOOM__ENDPOINT_MAX, "tcp://%s:%u", host, ntohs (v4->sin_port));
    }
}

//  An ipc path `*` is one of our choice, in a directory that only this user may
//  enter.
static zloom_code_t s_choose_ipc_path (char *ret_path, zloom_error_t *reterr)
{
    char directory[] = "/tmp/zloom-XXXXXX";
    if (!mkdtemp (directory))
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS, "'%s': %s", directory,
                                strerror (errno));
    snprintf (ret_path, ZLOOM__ENDPOINT_MAX, "%s/socket", directory);
    return ZLOOM_OK;
}

//  Bind and listen; a socket that lies at an ipc path is nobody's any more.
static int s_listen_at (const zloom__address_t *place)
{
    bool is_ipc = place->place.ss_family == AF_UNIX;
    int fd = socket (place->place.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    const int on = 1;
    const char *path = ((const struct sockaddr_un *) &place->place)->sun_path;
    if (!is_ipc) {
        setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        s_set_options (fd);
    } else if (path[0])
        unlink (path);
    if (bind (fd, (const struct sockaddr *) &place->place, place->size) == -1
        || listen (fd, s_backlog) == -1)
        return s_give_up (fd);
    return fd;
}

static zloom_code_t s_find_place (const zloom__endpoint_t *endpoint, zloom__address_t *ret_place,
                                  char *ret_bound, zloom_error_t *reterr)
{
    const char *address = zloom__endpoint_address (endpoint);
    if (endpoint->transport == ZLOOM__TCP)
        return s_find_tcp_place (address, ret_place)
                   ? ZLOOM_OK
                   : zloom_error_set (reterr, ZLOOM_REASON_ADDRESS, "'%s': %s", endpoint->text,
                                      s_no_such_device);
    char path[ZLOOM__ENDPOINT_MAX];
    snprintf (path, sizeof path, "%s", address);
    zloom_code_t code = path[0] == '*' ? s_choose_ipc_path (path, reterr) : ZLOOM_OK;
    if (code)
        return code;
    const char *flaw = zloom__resolve_ipc (path, ret_place);
    if (flaw)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "'%s': %s", endpoint->text,
                                flaw);
    int length = snprintf (ret_bound, ZLOOM__ENDPOINT_MAX, "ipc://%s", path);
    return length < ZLOOM__ENDPOINT_MAX
               ? ZLOOM_OK
               : zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT,
                                  "'%s': the ipc path is too long", endpoint->text);
}

static zloom_code_t s_listen (zloom__streams_t *streams, const zloom__endpoint_t *endpoint,
                              uint64_t token, int *ret_listener, char *ret_bound,
                              zloom_error_t *reterr)
{
    zloom__address_t place;
    zloom_code_t code = s_find_place (endpoint, &place, ret_bound, reterr);
    if (code)
        return code;
    int fd = s_listen_at (&place);
    if (fd >= 0)
        fd = s_watch (streams, fd, token);
    if (fd < 0)
        return s_fail_listen (endpoint, -fd, reterr);
    if (endpoint->transport == ZLOOM__TCP)
        s_name_tcp (fd, ret_bound);
    *ret_listener = fd;
    return ZLOOM_OK;
}

static int s_accept (zloom__streams_t *streams, int listener)
{
    (void) streams;
    int fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd == -1 ? -errno : fd;
}

static void s_unlisten (zloom__streams_t *streams, int listener, const zloom__endpoint_t *endpoint,
                        const char *bound)
{
    (void) streams;
    close (listener);
    if (endpoint->transport != ZLOOM__IPC || zloom__endpoint_address (endpoint)[0] != '*')
        return;
    //  The path and the directory were of our choice.
    char path[ZLOOM__ENDPOINT_MAX];
    snprintf (path, sizeof path, "%s", bound + strlen ("ipc://"));
    unlink (path);
    rmdir (dirname (path));
}

//  Reading and writing.

static ssize_t s_read (zloom__streams_t *streams, int fd, const struct iovec *pieces, int count)
{
    (void) streams;
    ssize_t got;
    do
        got = count == 1 ? recv (fd, pieces[0].iov_base, pieces[0].iov_len, 0)
                         : readv (fd, pieces, count);
    while (got == -1 && errno == EINTR);
    return got == -1 ? -errno : got;
}

static ssize_t s_write (zloom__streams_t *streams, int fd, const struct iovec *pieces, int count)
{
    (void) streams;
    struct msghdr message = {.msg_iov = (struct iovec *) pieces, .msg_iovlen = (size_t) count};
    ssize_t put;
    do
        put = count == 1 ? send (fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                         : sendmsg (fd, &message, MSG_NOSIGNAL);
    while (put == -1 && errno == EINTR);
    return put == -1 ? -errno : put;
}

static void s_close (zloom__streams_t *streams, int fd)
{
    (void) streams;
    close (fd);
}

static const zloom__streams_ops_t s_ops = {.resolve = s_resolve,
                                           .connect = s_connect,
                                           .check = s_check,
                                           .listen = s_listen,
                                           .unlisten = s_unlisten,
                                           .accept = s_accept,
                                           .watch = s_watch,
                                           .read = s_read,
                                           .write = s_write,
                                           .close = s_close};

void zloom__socket_streams_init (zloom__socket_streams_t *self, zloom__readiness_t *readiness)
{
    *self = (zloom__socket_streams_t){.streams = {.ops = &s_ops}, .readiness = readiness};
}
