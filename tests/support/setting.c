#include "support/setting.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/free_port.h"

enum { READY_MS = 20000 };

//  A server that was killed has left its socket and lock.
static void s_remove_folder (const setting_t *self)
{
    DIR *folder = self->folder[0] ? opendir (self->folder) : NULL;
    struct dirent *entry;
    while (folder && (entry = readdir (folder)))
        unlinkat (dirfd (folder), entry->d_name, 0);
    if (folder)
        closedir (folder);
    rmdir (self->folder);
}

int setting_setup (void **state)
{
    setting_t *self = (setting_t *) calloc (1, sizeof *self);
    if (!self)
        return -1;
    self->transport = (const char *) *state;
    setting_endpoint (self, self->endpoint);
    *state = self;
    return 0;
}

int setting_teardown (void **state)
{
    setting_t *self = (setting_t *) *state;
    if (self->child)
        setting_signal_server (self, SIGKILL);
    raw_destroy (&self->raw);
    zloom_client_destroy (&self->client);
    service_destroy (&self->service);
    s_remove_folder (self);
    free (self);
    return 0;
}

static void s_make_folder (setting_t *self)
{
    if (self->folder[0])
        return;
    snprintf (self->folder, sizeof self->folder, "/tmp/zloom-test-XXXXXX");
    assert_non_null (mkdtemp (self->folder));
}

void setting_endpoint (setting_t *self, char ret_endpoint[96])
{
    static unsigned number;
    if (strcmp (self->transport, "tcp") == 0)
        snprintf (ret_endpoint, 96, "tcp://127.0.0.1:%u", free_port ());
    else if (strcmp (self->transport, "inproc") == 0)
        snprintf (ret_endpoint, 96, "inproc://setting-%u", number++);
    else {
        s_make_folder (self);
        snprintf (ret_endpoint, 96, "ipc://%s/%u", self->folder, number++);
    }
}

void setting_serve (setting_t *self, const zloom_server_options_t *options)
{
    service_new (&self->service, self->endpoint, options);
    service_start (&self->service);
}

void setting_fork_server (setting_t *self)
{
    self->child = fork ();
    assert_int_not_equal (self->child, -1);
    if (self->child)
        return;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    service_new (&self->service, self->endpoint, NULL);
    zloom_server_run (self->service.server);
    _exit (0);
}

void setting_signal_server (setting_t *self, int signal)
{
    assert_int_equal (kill (self->child, signal), 0);
    if (signal == SIGKILL) {
        waitpid (self->child, NULL, 0);
        self->child = 0;
    }
}

zloom_client_t *setting_client (const char *endpoints, const zloom_client_options_t *options)
{
    zloom_error_t error = {0};
    zloom_client_t *client = engines_client_new (endpoints, options, &error);
    if (!client)
        fail_msg ("no client of %s: %s", endpoints, error.text);
    return client;
}

void setting_connect (setting_t *self, const zloom_client_options_t *options)
{
    self->client = setting_client (self->endpoint, options);
    assert_ok (self->client, zloom_client_wait_ready (self->client, READY_MS));
}

void setting_open (setting_t *self)
{
    setting_serve (self, NULL);
    setting_connect (self, NULL);
}

void setting_answer (setting_t *self, unsigned count)
{
    zloom_client_t *client = setting_client (self->endpoint, NULL);
    assert_ok (client, zloom_client_call (client, "answer", "u", count));
    zloom_client_destroy (&client);
}

//  Outcomes.

static void s_take_item (outcome_t *self, zloom_reply_t *reply)
{
    int64_t value;
    self->items++;
    if (zloom_reply_read (reply, "I", &value) || value != (int64_t) self->items)
        self->disorder++;
}

void outcome_take (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    outcome_t *self = (outcome_t *) context;
    (void) client;
    self->id = zloom_reply_id (reply);
    if (zloom_reply_is_item (reply)) {
        s_take_item (self, reply);
        return;
    }
    self->ends++;
    self->ok += zloom_reply_code (reply) == ZLOOM_OK;
    self->error = *zloom_reply_error (reply);
    zloom_reply_read (reply, "I", &self->value);
    zloom_bytes_t data = zloom_reply_error_data (reply);
    self->data_size = data.size < sizeof self->data ? data.size : sizeof self->data;
    if (self->data_size)
        memcpy (self->data, data.data, self->data_size);
}

void outcome_await (const outcome_t *self, zloom_client_t *client, unsigned ends)
{
    while (self->ends < ends)
        assert_ok (client, zloom_client_process (client, 1000));
}

//  Asserts.

void setting_assert_ok (const zloom_client_t *client, zloom_code_t code, const char *file, int line)
{
    if (code == ZLOOM_OK)
        return;
    print_error ("%s: %s\n", zloom_code_name (code), zloom_client_last_error (client)->text);
    _fail (file, line);
}

void setting_assert_error (const zloom_error_t *error, zloom_reason_t reason, zloom_origin_t origin,
                           const char *text, bool is_whole, const char *file, int line)
{
    bool is_code = reason == ZLOOM_REASON_HANDLER || error->code == zloom_reason_code (reason);
    bool is_text = is_whole ? strcmp (error->text, text) == 0 : strstr (error->text, text) != NULL;
    if (is_code && error->reason == reason && error->origin == origin && is_text)
        return;
    print_error ("expected %s, %s, \"%s\"\nfound %s, %s, %s, \"%s\"\n", zloom_reason_name (reason),
                 origin ? "remote" : "here", text, zloom_code_name (error->code),
                 zloom_reason_name (error->reason), error->origin ? "remote" : "here", error->text);
    _fail (file, line);
}
