#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "process.h"

typedef struct peer_client {
    const contender_t *contender;
    const char *endpoint;
    char payload_bytes[24];
    process_t process;  //  Started with the first call, which tells the size
} peer_client_t;

//  The rest of a text behind a '=', which becomes the end of what is before it.
static char *s_behind_equals (char *text)
{
    char *equals = text ? strchr (text, '=') : NULL;
    if (!equals || equals == text)
        return NULL;
    *equals = 0;
    return equals + 1;
}

bool peer_read (char *text, contender_t *ret_contender)
{
    char *program = s_behind_equals (text);
    char *endpoint = s_behind_equals (program);
    if (!endpoint || !*endpoint || strlen (text) >= 16)
        return false;
    *ret_contender = (contender_t){
        .name = text, .client = &client_peer, .program = program, .endpoint = endpoint};
    return true;
}

transport_t peer_transport (const contender_t *contender)
{
    const char *endpoint = contender->endpoint;
    bool is_path = endpoint[0] == '/' || strncmp (endpoint, "{folder}", 8) == 0
                   || strncmp (endpoint, "unix:", 5) == 0 || strncmp (endpoint, "ipc:", 4) == 0;
    return is_path ? TRANSPORT_IPC : TRANSPORT_TCP;
}

//  What one placeholder stands for; *at_p moves behind it. NULL: there is none.
static const char *s_placeholder (const char **at_p, const char *folder, char *port, size_t size)
{
    static const char port_word[] = "{port}", folder_word[] = "{folder}";
    if (strncmp (*at_p, port_word, sizeof port_word - 1) == 0) {
        *at_p += sizeof port_word - 1;
        snprintf (port, size, "%u", place_port ());
        return port;
    }
    if (strncmp (*at_p, folder_word, sizeof folder_word - 1) == 0) {
        *at_p += sizeof folder_word - 1;
        return folder;
    }
    return NULL;
}

void peer_endpoint (const contender_t *contender, const char *folder, char *ret_text, size_t size)
{
    size_t length = 0;
    for (const char *at = contender->endpoint; *at;) {
        char port[16], one[2] = {*at};
        const char *piece = s_placeholder (&at, folder, port, sizeof port);
        if (!piece) {
            piece = one;
            at++;
        }
        if (length + strlen (piece) >= size)
            fail ("%s: the endpoint is too long", contender->name);
        length += (size_t) snprintf (ret_text + length, size - length, "%s", piece);
    }
}

//  Let stdin and stdout be these.
static void s_plug (int input, int output)
{
    if (dup2 (input, STDIN_FILENO) < 0 || dup2 (output, STDOUT_FILENO) < 0)
        fail_errno ("dup2");
}

void peer_serve (const contender_t *contender, const char *endpoint, int input, int output)
{
    s_plug (input, output);
    execlp (contender->program, contender->program, "server", endpoint, NULL);
    fail_errno (contender->program);
}

//  The client.

static void *s_open (const contender_t *contender, void *zmq, const char *endpoint)
{
    (void) zmq;
    peer_client_t *self = (peer_client_t *) calloc (1, sizeof *self);
    if (!self)
        fail ("no memory");
    self->contender = contender;
    self->endpoint = endpoint;
    return self;
}

static void s_run (void *client, int input, int output)
{
    peer_client_t *self = (peer_client_t *) client;
    const char *program = self->contender->program;
    s_plug (input, output);
    execlp (program, program, "client", self->endpoint, self->payload_bytes, NULL);
    fail_errno (program);
}

static void s_calls (void *client, zloom_bytes_t payload, unsigned count, int64_t *ret_ns)
{
    peer_client_t *self = (peer_client_t *) client;
    if (self->process.pid == 0) {
        snprintf (self->payload_bytes, sizeof self->payload_bytes, "%zu", payload.size);
        self->process = process_start (self->contender->name, s_run, self);
    }
    char line[24];
    int length = snprintf (line, sizeof line, "%u\n", count);
    process_write (self->process.input, line, (size_t) length);
    process_read (&self->process, ret_ns, count * sizeof *ret_ns);
}

//  The server ends with its input, as soon as its client is gone.
static void s_stop (void *client)
{
    peer_client_t *self = (peer_client_t *) client;
    if (self->process.pid)
        process_join (&self->process);
}

static void s_close (void *client)
{
    free (client);
}

const client_kind_t client_peer = {
    .open = s_open, .calls = s_calls, .stop = s_stop, .close = s_close};
