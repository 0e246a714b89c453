#include "support/victim.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <signal.h>

#include "reqrep/server.h"
#include "support/free_port.h"
#include "support/process.h"

//  Of the child.
static zloom_server_t *s_server;

static void s_stop (int number)
{
    (void) number;
    zloom_server_stop (s_server);
}

static zloom_code_t s_echo (zloom_call_t *call, void *context)
{
    (void) context;
    return zloom_call_reply_bytes (call, zloom_call_params (call));
}

static zloom_code_t s_trim (zloom_call_t *call, void *context)
{
    (void) context;
    malloc_trim (0);
    return zloom_call_reply (call, "");
}

//  The child's life. A byte says that it serves.
static int s_serve (const victim_t *self, unsigned descriptors, int ready)
{
    process_allow_descriptors (descriptors);
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.engine = ZLOOM_ENGINE_DIRECT;
    options.drain_ms = 100;
    char endpoints[160];
    snprintf (endpoints, sizeof endpoints, "%s, %s", self->tcp, self->ipc);
    zloom_error_t error = {.text = ""};
    s_server = zloom_server_new (endpoints, &options, &error);
    if (!s_server) {
        fprintf (stderr, "no server at %s: %s\n", endpoints, error.text);
        return 1;
    }
    zloom_server_handle (s_server, "echo", NULL, NULL, s_echo, NULL);
    zloom_server_handle (s_server, "trim", NULL, NULL, s_trim, NULL);
    const struct sigaction stop = {.sa_handler = s_stop};
    sigaction (SIGTERM, &stop, NULL);
    bool is_told = write (ready, "", 1) == 1;
    close (ready);
    zloom_code_t code = is_told ? zloom_server_run (s_server) : ZLOOM_INTERNAL;
    zloom_server_destroy (&s_server);
    return code == ZLOOM_OK ? 0 : 2;
}

static void s_choose_places (victim_t *self)
{
    snprintf (self->folder, sizeof self->folder, "/tmp/zloom-test-XXXXXX");
    assert_non_null (mkdtemp (self->folder));
    unsigned port = free_port ();
    self->tcp_place = (struct sockaddr_in){.sin_family = AF_INET,
                                           .sin_port = htons ((uint16_t) port),
                                           .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    self->ipc_place = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf (self->ipc_place.sun_path, sizeof self->ipc_place.sun_path, "%s/socket", self->folder);
    snprintf (self->tcp, sizeof self->tcp, "tcp://127.0.0.1:%u", port);
    snprintf (self->ipc, sizeof self->ipc, "ipc://%s/socket", self->folder);
}

void victim_start (victim_t *self, unsigned descriptors)
{
    int ready[2];
    char byte;
    s_choose_places (self);
    assert_int_equal (pipe (ready), 0);
    self->pid = process_fork ();
    assert_int_not_equal (self->pid, -1);
    if (self->pid == 0) {
        close (ready[0]);
        exit (s_serve (self, descriptors, ready[1]));
    }
    close (ready[1]);
    assert_int_equal (read (ready[0], &byte, 1), 1);
    close (ready[0]);
}

static void s_remove_folder (const victim_t *self)
{
    char path[96];
    unlink (self->ipc_place.sun_path);
    snprintf (path, sizeof path, "%s/socket.lock", self->folder);
    unlink (path);
    rmdir (self->folder);
}

void victim_stop (victim_t *self)
{
    int status = process_end (self->pid, SIGTERM);
    self->pid = 0;
    s_remove_folder (self);
    assert_int_equal (status, 0);
}

void victim_destroy (victim_t *self)
{
    if (self->pid == 0)
        return;
    process_end (self->pid, SIGKILL);
    self->pid = 0;
    s_remove_folder (self);
}

zloom_client_t *victim_client (const char *endpoint)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    options.engine = ZLOOM_ENGINE_DIRECT;
    zloom_error_t error = {.text = ""};
    zloom_client_t *client = zloom_client_new (endpoint, &options, &error);
    if (!client)
        fail_msg ("no client of %s: %s", endpoint, error.text);
    return client;
}

zloom_time_t victim_call (zloom_client_t *client)
{
    zloom_time_t begun = zloom_time_now ();
    zloom_code_t code = zloom_client_call (client, "echo", "s", "still here?");
    if (code)
        print_error ("a call failed: %s\n", zloom_client_last_error (client)->text);
    return code ? -1 : zloom_time_now () - begun;
}

size_t victim_kept_kib (const victim_t *self, zloom_client_t *client)
{
    assert_int_equal (zloom_client_call (client, "trim", ""), ZLOOM_OK);
    return process_resident_kib (self->pid);
}
