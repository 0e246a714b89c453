//  async - a thousand calls under way at once, in one thread
//
//  The server runs in a thread of its own, as it would in a process of its
//  own; the client needs none. The calls leave together, since a cork holds
//  them back until all were begun. Replies come to a callback, in the order in
//  which the server sends them, while the client is inside `process` or
//  `drain`.

#include <pthread.h>
#include <stdio.h>

#include <zloom.h>

#define CALLS 1000

static zloom_code_t square (zloom_call_t *call, void *context)
{
    (void) context;
    int64_t n;
    if (zloom_call_args (call, "I", &n))
        return ZLOOM_INVALID_ARGUMENT;
    return zloom_call_reply (call, "I", n * n);
}

static void *serve (void *server)
{
    zloom_server_run (server);
    return NULL;
}

//  Every call ends here exactly once: with its result, or with an error.
static void on_reply (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    int64_t *sum = context;
    int64_t n;
    if (zloom_reply_read (reply, "I", &n) == ZLOOM_OK)
        *sum += n;
    else
        fprintf (stderr, "async: %s\n", zloom_reply_error (reply)->text);
}

static int64_t sum_of_squares (zloom_client_t *client)
{
    int64_t sum = 0;
    zloom_client_cork (client);  //  Without it each call leaves in a write of its own
    for (int64_t n = 1; n <= CALLS; n++)
        if (zloom_client_start (client, NULL, NULL, on_reply, &sum, "square", "I", n))
            fprintf (stderr, "async: %s\n", zloom_client_last_error (client)->text);
    zloom_client_uncork (client);
    zloom_client_drain (client, 5000);
    return sum;
}

int main (int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "tcp://127.0.0.1:*";
    zloom_server_t *server = zloom_server_new (address, NULL, NULL);
    if (!server)
        return 1;
    //  The address as it was bound, with the port that the system chose.
    zloom_client_t *client = zloom_client_new (zloom_server_endpoint (server, 0), NULL, NULL);
    if (!client)
        return 1;
    zloom_server_handle (server, "square", "(n: int) -> int", "The square of a number.", square,
                         NULL);
    pthread_t thread;
    pthread_create (&thread, NULL, serve, server);

    int64_t sum = sum_of_squares (client);
    printf ("the sum of the first %d squares is %lld\n", CALLS, (long long) sum);

    zloom_client_destroy (&client);
    zloom_server_stop (server);
    pthread_join (thread, NULL);
    zloom_server_destroy (&server);
    return sum == 333833500 ? 0 : 1;
}
