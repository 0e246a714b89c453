#include "support/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FIRST = 20000, COUNT = 12000 };

static bool s_is_free (unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons ((uint16_t) port),
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    int probe = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return false;
    int rc = bind (probe, (struct sockaddr *) &address, sizeof address);
    close (probe);
    return rc == 0;
}

//  Programs that run at the same time begin at different places.
unsigned free_port (void)
{
    static unsigned asked;
    for (unsigned tries = 0; tries < COUNT; tries++) {
        unsigned port = FIRST + ((unsigned) getpid () * 17 + asked++) % COUNT;
        if (s_is_free (port))
            return port;
    }
    fail_msg ("no free port from %d to %d", FIRST, FIRST + COUNT - 1);
    return 0;
}
