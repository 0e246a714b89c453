//  hello_client - calls the method of hello_server, and waits for the result

#include <stdio.h>

#include <zloom.h>

int main (int argc, char **argv)
{
    zloom_error_t error;
    zloom_client_t *client =
        zloom_client_new (argc > 1 ? argv[1] : "tcp://127.0.0.1:5555", NULL, &error);
    if (!client) {
        fprintf (stderr, "hello_client: %s\n", error.text);
        return 1;
    }
    int64_t sum;
    zloom_code_t code = zloom_client_call (client, "add", "II", (int64_t) 1, (int64_t) 2);
    if (!code)
        code = zloom_client_result (client, "I", &sum);
    if (code)
        fprintf (stderr, "hello_client: %s\n", zloom_client_last_error (client)->text);
    else
        printf ("1 + 2 = %lld\n", (long long) sum);
    zloom_client_destroy (&client);
    return code == ZLOOM_OK ? 0 : 1;
}
