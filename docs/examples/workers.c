//  workers - handlers that compute, in several threads
//
//  Handlers run inline by default, which is fastest while they are short. A
//  handler that works for long would keep everybody waiting, and beats and
//  cancellations too; with `workers` it runs in a pool. Then several handlers
//  run at once: what they share needs a lock or an atomic.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <zloom.h>

static zloom_code_t count_primes (zloom_call_t *call, void *context)
{
    atomic_uint *handled = context;
    unsigned below, found = 0;
    if (zloom_call_args (call, "u", &below))
        return ZLOOM_INVALID_ARGUMENT;
    for (unsigned n = 2; n < below; n++) {
        unsigned divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        found += divisor * divisor > n;
        if (n % 1024 == 0 && zloom_call_cancelled (call))
            return ZLOOM_CANCELLED;
    }
    atomic_fetch_add (handled, 1);
    return zloom_call_reply (call, "u", found);
}

static void *serve (void *server)
{
    zloom_server_run (server);
    return NULL;
}

static void on_reply (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    unsigned *right = context;
    unsigned found;
    if (zloom_reply_read (reply, "u", &found))
        fprintf (stderr, "workers: %s\n", zloom_reply_error (reply)->text);
    else
        *right += found == 9592;
}

int main (int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "inproc://workers";
    zloom_server_options_t options = ZLOOM_SERVER_OPTIONS_DEFAULT;
    options.workers = 4;
    zloom_server_t *server = zloom_server_new (address, &options, NULL);
    zloom_client_t *client = zloom_client_new (address, NULL, NULL);
    if (!server || !client)
        return 1;
    atomic_uint handled = 0;
    zloom_server_handle (server, "count_primes", "(below: uint) -> uint",
                         "How many primes there are below a number.", count_primes, &handled);
    pthread_t thread;
    pthread_create (&thread, NULL, serve, server);

    unsigned right = 0;
    for (int i = 0; i < 8; i++)
        zloom_client_start (client, NULL, NULL, on_reply, &right, "count_primes", "u", 100000);
    zloom_client_drain (client, 8000);
    printf ("%u handled, %u right\n", atomic_load (&handled), right);

    zloom_client_destroy (&client);
    zloom_server_stop (server);
    pthread_join (thread, NULL);
    zloom_server_destroy (&server);
    return right == 8 ? 0 : 1;
}
