//  http - a POST that is answered with its body, by libmicrohttpd, for libcurl
//
//  HTTP/1.1 over one connection that is kept. Both libraries as fast as their
//  options make them: no header that nobody reads, no memory taken for a call
//  where that of the last one will do.
//
//  SPDX-License-Identifier: MPL-2.0

#include <arpa/inet.h>
#include <curl/curl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "program.h"

//  Bytes that grow; their memory is kept for the next call.
typedef struct body {
    uint8_t *data;
    size_t size;
    size_t capacity;
} body_t;

static void s_body_append (body_t *self, const void *data, size_t size)
{
    if (size > self->capacity - self->size) {
        self->capacity = 2 * (self->size + size);
        self->data = (uint8_t *) realloc (self->data, self->capacity);
        if (!self->data)
            program_fail ("no memory");
    }
    memcpy (self->data + self->size, data, size);
    self->size += size;
}

static const char *s_address (const char *endpoint)
{
    const char *address = program_tcp_address (endpoint);
    if (!address)
        program_fail ("'%s' is not tcp://127.0.0.1:PORT", endpoint);
    return address;
}

//  Server. Each connection has a body, for a call after the other.

static void s_on_connection (void *unused, struct MHD_Connection *connection, void **body_p,
                             enum MHD_ConnectionNotificationCode code)
{
    (void) unused;
    (void) connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *body_p = calloc (1, sizeof (body_t));
        if (!*body_p)
            program_fail ("no memory");
    } else {
        free (((body_t *) *body_p)->data);
        free (*body_p);
    }
}

static enum MHD_Result s_answer (struct MHD_Connection *connection, const body_t *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer (body->size, body->data, MHD_RESPMEM_PERSISTENT);
    if (!response)
        program_fail ("no memory");
    enum MHD_Result result = MHD_queue_response (connection, MHD_HTTP_OK, response);
    MHD_destroy_response (response);
    return result;
}

//  Called once for a request's head, once for each piece of its body, and once more.
static enum MHD_Result s_on_request (void *unused, struct MHD_Connection *connection,
                                     const char *url, const char *method, const char *version,
                                     const char *piece, size_t *piece_size, void **body_p)
{
    (void) unused;
    (void) url;
    (void) method;
    (void) version;
    body_t *body = (body_t *) *body_p;
    if (!body) {
        body = (body_t *) MHD_get_connection_info (connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                   ->socket_context;
        body->size = 0;
        *body_p = body;
        return MHD_YES;
    }
    if (*piece_size) {
        s_body_append (body, piece, *piece_size);
        *piece_size = 0;
        return MHD_YES;
    }
    return s_answer (connection, body);
}

static void *s_server_new (const char *endpoint)
{
    const char *port = strchr (s_address (endpoint), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons ((uint16_t) strtoul (port, NULL, 10)),
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO
                           | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG;
    struct MHD_Daemon *daemon =
        MHD_start_daemon (flags, 0, NULL, NULL, s_on_request, NULL, MHD_OPTION_SOCK_ADDR, &address,
                          MHD_OPTION_NOTIFY_CONNECTION, s_on_connection, NULL, MHD_OPTION_END);
    if (!daemon)
        program_fail ("no server on '%s'", endpoint);
    return daemon;
}

static void s_server_destroy (void *server)
{
    MHD_stop_daemon ((struct MHD_Daemon *) server);
}

//  Client.

typedef struct client {
    CURL *curl;
    struct curl_slist *headers;
    body_t answer;
    char error[CURL_ERROR_SIZE];
} client_t;

static size_t s_on_answer (char *data, size_t one, size_t size, void *answer)
{
    (void) one;
    s_body_append ((body_t *) answer, data, size);
    return size;
}

static void s_header (client_t *self, const char *line)
{
    self->headers = curl_slist_append (self->headers, line);
    if (!self->headers)
        program_fail ("no memory");
}

static void *s_client_new (const char *endpoint, zloom_bytes_t payload)
{
    client_t *self = (client_t *) calloc (1, sizeof *self);
    if (!self || curl_global_init (CURL_GLOBAL_NOTHING))
        program_fail ("no memory");
    CURL *curl = self->curl = curl_easy_init ();
    if (!curl)
        program_fail ("no memory");
    s_header (self, "Content-Type: application/octet-stream");
    s_header (self, "Accept:");
    s_header (self, "Expect:");

    char url[64];
    snprintf (url, sizeof url, "http://%s/", s_address (endpoint));
    curl_easy_setopt (curl, CURLOPT_URL, url);
    curl_easy_setopt (curl, CURLOPT_PROXY, "");
    curl_easy_setopt (curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    curl_easy_setopt (curl, CURLOPT_HTTPHEADER, self->headers);
    curl_easy_setopt (curl, CURLOPT_POSTFIELDSIZE, (long) payload.size);
    curl_easy_setopt (curl, CURLOPT_POSTFIELDS, payload.data);
    curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, s_on_answer);
    curl_easy_setopt (curl, CURLOPT_WRITEDATA, &self->answer);
    curl_easy_setopt (curl, CURLOPT_ERRORBUFFER, self->error);
    curl_easy_setopt (curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt (curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
    return self;
}

static zloom_bytes_t s_call (void *client)
{
    client_t *self = (client_t *) client;
    self->answer.size = 0;
    if (curl_easy_perform (self->curl))
        program_fail ("%s", self->error);
    return zloom_bytes (self->answer.data, self->answer.size);
}

static void s_client_destroy (void *client)
{
    client_t *self = (client_t *) client;
    curl_easy_cleanup (self->curl);
    curl_slist_free_all (self->headers);
    curl_global_cleanup ();
    free (self->answer.data);
    free (self);
}

static const program_t s_program = {
    .name = "http",
    .server_new = s_server_new,
    .server_destroy = s_server_destroy,
    .client_new = s_client_new,
    .call = s_call,
    .client_destroy = s_client_destroy,
};

int main (int argc, char **argv)
{
    return program_main (&s_program, argc, argv);
}
