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

#include <stdio.h>
#include <stdlib.h>

//  Where to look. Programs that run at the same time are each told by the
//  environment which ports are theirs; others begin at different places.
typedef struct {
    unsigned first, count;
} range_t;

static range_t s_range (void)
{
    range_t range = {20000, 12000};
    const char *told = getenv ("ZLOOM_TEST_PORTS");
    if (told && sscanf (told, "%u+%u", &range.first, &range.count) != 2)
        fail_msg ("ZLOOM_TEST_PORTS is FIRST+COUNT, not '%s'", told);
    return range;
}

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

unsigned free_port (void)
{
    static unsigned asked;
    range_t range = s_range ();
    for (unsigned tries = 0; tries < range.count; tries++) {
        unsigned port = range.first + ((unsigned) getpid () * 17 + asked++) % range.count;
        if (s_is_free (port))
            return port;
    }
    fail_msg ("no free port from %u to %u", range.first, range.first + range.count - 1);
    return 0;
}
