#include "support/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dial_internal.h"
#include "support/free_port.h"

int plain_connect (const char *endpoint)
{
    int stream = -1;
    zloom_error_t error;
    if (zloom__dial (endpoint, zloom_time_now () + 20 * ZLOOM_SEC, &stream, &error))
        fail_msg ("%s", error.text);
    return stream;
}

int plain_listen (char ret_endpoint[64])
{
    unsigned port = free_port ();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons ((uint16_t) port),
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    const int on = 1;
    int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal (bind (listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal (listen (listener, 100), 0);
    snprintf (ret_endpoint, 64, "tcp://127.0.0.1:%u", port);
    return listener;
}

int plain_accept (int listener)
{
    int stream = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    const int on = 1;
    if (stream != -1)
        setsockopt (stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return stream;
}

size_t plain_say (int stream, zloom_bytes_t bytes)
{
    ssize_t put = send (stream, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return put > 0 ? (size_t) put : 0;
}

size_t plain_hear (int stream, void *ret_data, size_t size, bool *ret_ended)
{
    ssize_t got = recv (stream, ret_data, size, MSG_DONTWAIT);
    *ret_ended = size && (got == 0 || (got == -1 && errno != EAGAIN));
    return got > 0 ? (size_t) got : 0;
}
