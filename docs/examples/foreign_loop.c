//  foreign_loop - a client and a server inside somebody else's poll(2) loop
//
//  Each has one descriptor that is readable while `process` has something to
//  do, deadlines and reconnections included. So the loop needs no timeout for
//  zloom's sake, and any loop will do: poll, epoll, libuv, GLib.

#include <poll.h>
#include <stdio.h>

#include <zloom.h>

static zloom_code_t greet (zloom_call_t *call, void *context)
{
    (void) context;
    const char *name;
    char greeting[100];
    if (zloom_call_args (call, "s", &name))
        return ZLOOM_INVALID_ARGUMENT;
    snprintf (greeting, sizeof greeting, "Hello, %s!", name);
    return zloom_call_reply (call, "s", greeting);
}

static void on_reply (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    bool *done = context;
    const char *greeting;
    if (zloom_reply_read (reply, "s", &greeting) == ZLOOM_OK)
        printf ("%s\n", greeting);
    else
        fprintf (stderr, "foreign_loop: %s\n", zloom_reply_error (reply)->text);
    *done = true;
}

static void loop (zloom_server_t *server, zloom_client_t *client, const bool *done)
{
    struct pollfd fds[] = {{zloom_server_descriptor (server), POLLIN, 0},
                           {zloom_client_descriptor (client), POLLIN, 0}};
    while (!*done && poll (fds, 2, -1) > 0) {
        if (fds[0].revents)
            zloom_server_process (server, 0);
        if (fds[1].revents)
            zloom_client_process (client, 0);
    }
}

int main (int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "inproc://foreign-loop";
    zloom_server_t *server = zloom_server_new (address, NULL, NULL);
    zloom_client_t *client = zloom_client_new (address, NULL, NULL);
    if (!server || !client)
        return 1;
    zloom_server_handle (server, "greet", "(name: str) -> str", "Say hello.", greet, NULL);

    bool done = false;
    zloom_code_t code =
        zloom_client_start (client, NULL, NULL, on_reply, &done, "greet", "s", "world");
    if (!code)
        loop (server, client, &done);

    zloom_client_stats_t stats;
    zloom_client_stats (client, &stats);
    zloom_client_destroy (&client);
    zloom_server_destroy (&server);
    return stats.ok == 1 ? 0 : 1;
}
