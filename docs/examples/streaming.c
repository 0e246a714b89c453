//  streaming - one call that is answered with many items
//
//  `zloom_call_item` waits while the caller has not asked for more, so a fast
//  server never runs ahead of a slow client by more than the client's credit.
//  A caller that has seen enough cancels, and the handler is told.

#include <pthread.h>
#include <stdio.h>

#include <zloom.h>

static zloom_code_t count (zloom_call_t *call, void *context)
{
    (void) context;
    int64_t to;
    if (zloom_call_args (call, "I", &to))
        return ZLOOM_INVALID_ARGUMENT;
    for (int64_t n = 1; n <= to; n++) {
        zloom_code_t code = zloom_call_item (call, "I", n);
        if (code)  //  CANCELLED, DEADLINE_EXCEEDED, or the caller takes no stream
            return code;
    }
    return zloom_call_reply (call, "I", to);
}

static void *serve (void *server)
{
    zloom_server_run (server);
    return NULL;
}

//  Take every item, then the result that ends the stream.
static int take_all (zloom_client_t *client)
{
    zloom_call_options_t options = {.stream = true};
    zloom_call_id_t id;
    int64_t n, items = 0, total;
    bool more;
    if (zloom_client_start (client, &id, &options, NULL, NULL, "count", "I", (int64_t) 1000))
        return 1;
    for (;;) {
        if (zloom_client_next (client, id, &more))
            return 1;
        if (!more)
            break;
        if (zloom_client_result (client, "I", &n) || n != ++items)
            return 1;
    }
    if (zloom_client_result (client, "I", &total) || total != items)
        return 1;
    printf ("took %lld items, in order\n", (long long) items);
    return 0;
}

//  Take three of very many, and give the rest up.
static int take_three (zloom_client_t *client)
{
    zloom_call_options_t options = {.stream = true};
    zloom_call_id_t id;
    bool more;
    if (zloom_client_start (client, &id, &options, NULL, NULL, "count", "I", (int64_t) 1 << 40))
        return 1;
    for (int i = 0; i < 3; i++)
        if (zloom_client_next (client, id, &more) || !more)
            return 1;
    if (zloom_client_cancel (client, id))
        return 1;
    printf ("took three, and gave the rest up\n");
    return 0;
}

int main (int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "inproc://streaming";
    zloom_server_t *server = zloom_server_new (address, NULL, NULL);
    zloom_client_t *client = zloom_client_new (address, NULL, NULL);
    if (!server || !client)
        return 1;
    zloom_server_handle (server, "count", "(to: int) -> stream int", "Count from 1.", count, NULL);
    pthread_t thread;
    pthread_create (&thread, NULL, serve, server);

    int failed = take_all (client) || take_three (client);
    if (failed)
        fprintf (stderr, "streaming: %s\n", zloom_client_last_error (client)->text);

    zloom_client_destroy (&client);
    zloom_server_stop (server);
    pthread_join (thread, NULL);
    zloom_server_destroy (&server);
    return failed;
}
