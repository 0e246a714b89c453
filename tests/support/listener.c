#include "support/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/free_port.h"

static void *s_listen (void *argument)
{
    listener_t *self = (listener_t *) argument;
    int peer;
    while ((peer = accept (self->socket, NULL, NULL)) != -1) {
        if (!self->line && self->count < sizeof self->held / sizeof self->held[0]) {
            self->held[self->count++] = peer;
            continue;
        }
        if (self->line)
            (void) send (peer, self->line, strlen (self->line), MSG_NOSIGNAL);
        close (peer);
    }
    return NULL;
}

void listener_new (listener_t *self, const char *line)
{
    *self = (listener_t){.line = line};
    unsigned port = free_port ();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons ((uint16_t) port),
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    snprintf (self->endpoint, sizeof self->endpoint, "tcp://127.0.0.1:%u", port);
    self->socket = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (bind (self->socket, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal (listen (self->socket, 16), 0);
    assert_int_equal (pthread_create (&self->thread, NULL, s_listen, self), 0);
}

void listener_destroy (listener_t *self)
{
    shutdown (self->socket, SHUT_RDWR);
    pthread_join (self->thread, NULL);
    close (self->socket);
    while (self->count)
        close (self->held[--self->count]);
}
