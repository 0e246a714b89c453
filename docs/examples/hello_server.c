//  hello_server - serves one method; hello_client calls it

#include <stdio.h>

#include <zloom.h>

static zloom_code_t add (zloom_call_t *call, void *context)
{
    (void) context;
    int64_t a, b;
    if (zloom_call_args (call, "II", &a, &b))  //  Says by itself what is wrong
        return ZLOOM_INVALID_ARGUMENT;
    return zloom_call_reply (call, "I", a + b);
}

int main (int argc, char **argv)
{
    zloom_error_t error;
    zloom_server_t *server =
        zloom_server_new (argc > 1 ? argv[1] : "tcp://127.0.0.1:5555", NULL, &error);
    if (!server) {
        fprintf (stderr, "hello_server: %s\n", error.text);
        return 1;
    }
    zloom_server_handle (server, "add", "(a: int, b: int) -> int", "Add two integers.", add, NULL);
    zloom_code_t code = zloom_server_run (server);
    zloom_server_destroy (&server);
    return code == ZLOOM_OK ? 0 : 1;
}
