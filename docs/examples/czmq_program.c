//  czmq_program - zloom on a CZMQ program's zloop
//
//  A server and a client join the loop beside its timers and sockets. Params
//  and results are messages of CZMQ: each frame travels as bytes, in an array.

#include <zloom.h>

#include <net/zloom_czmq.h>

ZLOOM_CZMQ_ADAPT (zloom_client);
ZLOOM_CZMQ_ADAPT (zloom_server);

//  Answer with the same frames in reverse.
static zloom_code_t reverse (zloom_call_t *call, void *context)
{
    (void) context;
    zmsg_t *frames = zloom_czmq_msg (zloom_call_params (call));
    zmsg_t *reversed = zmsg_new ();
    for (zframe_t *frame = zmsg_pop (frames); frame; frame = zmsg_pop (frames))
        zmsg_prepend (reversed, &frame);

    zloom_buffer_t result = {0};
    zloom_code_t code = zloom_czmq_pack_msg (&result, reversed, NULL);
    if (!code)
        code = zloom_call_reply_bytes (call, zloom_buffer_bytes (&result));
    zloom_buffer_clear (&result);
    zmsg_destroy (&reversed);
    zmsg_destroy (&frames);
    return code;
}

//  Print the frames of the result.
static void on_reply (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    bool *done = context;
    *done = true;
    if (zloom_reply_code (reply)) {
        fprintf (stderr, "czmq_program: %s\n", zloom_reply_error (reply)->text);
        return;
    }
    zmsg_t *frames = zloom_czmq_msg (zloom_reply_bytes (reply));
    for (zframe_t *frame = zmsg_first (frames); frame; frame = zmsg_next (frames))
        printf ("%.*s\n", (int) zframe_size (frame), (const char *) zframe_data (frame));
    zmsg_destroy (&frames);
}

//  A timer of the program's own.
static int on_tick (zloop_t *loop, int timer, void *done)
{
    (void) loop;
    (void) timer;
    return *(bool *) done ? -1 : 0;
}

static zloom_code_t start (zloom_client_t *client, bool *done)
{
    zmsg_t *frames = zmsg_new ();
    zmsg_addstr (frames, "world");
    zmsg_addstr (frames, "hello");
    zloom_buffer_t params = {0};
    zloom_code_t code = zloom_czmq_pack_msg (&params, frames, NULL);
    if (!code)
        code = zloom_client_start_bytes (client, NULL, NULL, on_reply, done, "reverse",
                                         zloom_buffer_bytes (&params));
    zloom_buffer_clear (&params);
    zmsg_destroy (&frames);
    return code;
}

int main (int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "inproc://czmq-program";
    zloom_server_t *server = zloom_server_new (address, NULL, NULL);
    zloom_client_t *client = zloom_client_new (address, NULL, NULL);
    if (!server || !client)
        return 1;
    zloom_server_handle (server, "reverse", NULL, "The frames in reverse.", reverse, NULL);

    bool done = false;
    zloop_t *loop = zloop_new ();
    zloom_server_join_zloop (server, loop);
    zloom_client_join_zloop (client, loop);
    zloop_timer (loop, 10, 0, on_tick, &done);
    if (start (client, &done) == ZLOOM_OK)
        zloop_start (loop);

    zloop_destroy (&loop);
    zloom_client_destroy (&client);
    zloom_server_destroy (&server);
    return done ? 0 : 1;
}
