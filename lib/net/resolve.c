#include "net/resolve_internal.h"

#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/memory.h"

//  A question to getaddrinfo_a. It owns its strings, since a question that
//  cannot be cancelled outlives the function that asked it.
struct zloom__lookup {
    struct gaicb request;
    struct addrinfo hints;
    zloom__host_port_t target;
    int failure;  //  What the asking itself came to
};

const char *zloom__resolve_ipc (const char *path, zloom__address_t *ret_address)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = strlen (path);
    if (length == 0)
        return "the ipc path is empty";
    if (length >= sizeof to.sun_path)
        return "the ipc path is too long";
    memcpy (to.sun_path, path, length);
    ret_address->size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length + 1);
    if (path[0] == '@') {  //  An abstract name: a NUL first, and none at the end
        to.sun_path[0] = 0;
        ret_address->size--;
    }
    memcpy (&ret_address->place, &to, sizeof to);
    return NULL;
}

const char *zloom__resolve_split (const char *rest, zloom__host_port_t *ret_target)
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
        return "a tcp address is tcp://HOST:PORT";
    if (length == 1 && host[0] == '*')
        return "'*' is for binding; name a host";

    char *end = NULL;
    long port = colon[1] >= '0' && colon[1] <= '9' ? strtol (colon + 1, &end, 10) : 0;
    if (port < 1 || port > 65535 || *end)
        return "a tcp port is a number from 1 to 65535";
    *ret_target = (zloom__host_port_t){.host = ""};
    memcpy (ret_target->host, host, length);
    snprintf (ret_target->port, sizeof ret_target->port, "%ld", port);
    return NULL;
}

static void s_take (const struct addrinfo *found, zloom__addresses_t *ret_addresses)
{
    ret_addresses->count = 0;
    for (; found && ret_addresses->count < ZLOOM__ADDRESSES_MAX; found = found->ai_next) {
        zloom__address_t *address = &ret_addresses->list[ret_addresses->count++];
        memcpy (&address->place, found->ai_addr, found->ai_addrlen);
        address->size = found->ai_addrlen;
    }
}

bool zloom__resolve_number (const zloom__host_port_t *target, zloom__addresses_t *ret_addresses)
{
    struct addrinfo numbers = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo (target->host, target->port, &numbers, &found) != 0)
        return false;
    s_take (found, ret_addresses);
    freeaddrinfo (found);
    return true;
}

//  glibc's asynchronous lookup is the one way not to wait.
zloom__lookup_t *zloom__lookup_begin (const zloom__host_port_t *target)
{
    zloom__lookup_t *self = (zloom__lookup_t *) zloom_alloc (sizeof *self);
    if (!self)
        return NULL;
    self->target = *target;
    self->hints.ai_socktype = SOCK_STREAM;
    self->request.ar_name = self->target.host;
    self->request.ar_service = self->target.port;
    self->request.ar_request = &self->hints;
    struct gaicb *list[] = {&self->request};
    self->failure = getaddrinfo_a (GAI_NOWAIT, list, 1, NULL);
    return self;
}

bool zloom__lookup_wait (zloom__lookup_t *self, zloom_time_t until)
{
    const struct gaicb *list[] = {&self->request};
    while (self->failure == 0 && gai_error (&self->request) == EAI_INPROGRESS) {
        zloom_time_t left = until - zloom_time_now ();
        if (left <= 0)
            return false;
        struct timespec wait = {(time_t) (left / ZLOOM_SEC), (long) (left % ZLOOM_SEC)};
        gai_suspend (list, 1, &wait);
    }
    return true;
}

const char *zloom__lookup_end (zloom__lookup_t **self_p, zloom__addresses_t *ret_addresses)
{
    zloom__lookup_t *self = *self_p;
    *self_p = NULL;
    ret_addresses->count = 0;
    int code = self->failure ? self->failure : gai_error (&self->request);
    if (code == EAI_INPROGRESS && gai_cancel (&self->request) != EAI_CANCELED)
        return "no answer in time";  //  glibc works on it, and keeps it
    if (code == 0) {
        s_take (self->request.ar_result, ret_addresses);
        freeaddrinfo (self->request.ar_result);
    }
    zloom_free (self);
    bool is_late = code == EAI_INPROGRESS || code == EAI_AGAIN || code == EAI_CANCELED;
    return code == 0 ? NULL : is_late ? "no answer in time" : gai_strerror (code);
}
