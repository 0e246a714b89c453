//  deferred - a handler that returns at once and answers later
//
//  One thread holds any number of calls that wait for something. Here they
//  wait for time to pass; it could as well be another service, or a device.
//  A call that is given up meanwhile tells its watcher, so that nobody works
//  for callers who are gone.

#include <stdio.h>

#include <zloom.h>

#define MOST 16

//  The calls that wait. There are never more than MOST.
typedef struct {
    zloom_call_t *call;  //  NULL: the place is free
    zloom_time_t due;
} waiting_t;

static waiting_t waiting[MOST];

static void watch (zloom_call_t *call, zloom_call_event_t event, void *context)
{
    waiting_t *place = context;
    if (event == ZLOOM_CALL_CREDIT)
        return;
    if (event == ZLOOM_CALL_CANCELLED)
        zloom_call_fail (call, ZLOOM_CANCELLED, "nobody waits any more");
    place->call = NULL;
}

static zloom_code_t later (zloom_call_t *call, void *context)
{
    (void) context;
    unsigned ms;
    if (zloom_call_args (call, "u", &ms))
        return ZLOOM_INVALID_ARGUMENT;
    for (waiting_t *place = waiting; place < waiting + MOST; place++)
        if (!place->call) {
            *place = (waiting_t){call, zloom_time_now () + ms * ZLOOM_MSEC};
            return zloom_call_defer (call, watch, place);
        }
    return zloom_call_fail (call, ZLOOM_RESOURCE_EXHAUSTED, "%d calls wait already", MOST);
}

//  Answer what is due.
static void answer (void)
{
    zloom_time_t now = zloom_time_now ();
    for (waiting_t *place = waiting; place < waiting + MOST; place++)
        if (place->call && place->due <= now) {
            zloom_call_reply (place->call, "s", "done");
            place->call = NULL;
        }
}

static void on_reply (zloom_client_t *client, zloom_reply_t *reply, void *name)
{
    (void) client;
    printf ("%s: %s\n", (const char *) name,
            zloom_reply_code (reply) ? zloom_reply_error (reply)->text : "done");
}

int main (int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "inproc://deferred";
    zloom_server_t *server = zloom_server_new (address, NULL, NULL);
    zloom_client_t *client = zloom_client_new (address, NULL, NULL);
    if (!server || !client)
        return 1;
    zloom_server_handle (server, "later", "(ms: uint) -> str", "Answer after a while.", later,
                         NULL);

    zloom_call_options_t impatient = {.timeout_ms = 50};
    zloom_client_start (client, NULL, NULL, on_reply, "slow", "later", "u", 60);
    zloom_client_start (client, NULL, NULL, on_reply, "fast", "later", "u", 20);
    zloom_client_start (client, NULL, &impatient, on_reply, "impatient", "later", "u", 10000);

    zloom_client_stats_t stats;
    do {
        zloom_server_process (server, 1);
        answer ();
        zloom_client_process (client, 1);
        zloom_client_stats (client, &stats);
    } while (stats.outstanding);

    zloom_client_destroy (&client);
    zloom_server_destroy (&server);
    return stats.ok == 2 && stats.deadlines == 1 ? 0 : 1;
}
