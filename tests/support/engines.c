#include "support/engines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const char s_of_clients[] = "ZLOOM_TEST_CLIENT_ENGINE";
static const char s_of_servers[] = "ZLOOM_TEST_SERVER_ENGINE";

static zloom_engine_t s_engine (const char *variable, const char *endpoints)
{
    const char *name = getenv (variable);
    if (!name)
        return ZLOOM_ENGINE_AUTO;
    if (strcmp (name, "libzmq") == 0)
        return ZLOOM_ENGINE_LIBZMQ;
    if (strcmp (name, "direct") != 0)
        fail_msg ("%s is 'direct' or 'libzmq', not '%s'", variable, name);
    bool has_inproc = endpoints && strstr (endpoints, "inproc://");
    return has_inproc ? ZLOOM_ENGINE_AUTO : ZLOOM_ENGINE_DIRECT;
}

zloom_client_t *engines_client_new (const char *endpoints, const zloom_client_options_t *options,
                                    zloom_error_t *reterr)
{
    zloom_client_options_t chosen = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    if (options)
        chosen = *options;
    if (chosen.engine == ZLOOM_ENGINE_AUTO)
        chosen.engine = s_engine (s_of_clients, endpoints);
    return zloom_client_new (endpoints, &chosen, reterr);
}

zloom_server_t *engines_server_new (const char *endpoints, const zloom_server_options_t *options,
                                    zloom_error_t *reterr)
{
    zloom_server_options_t chosen = ZLOOM_SERVER_OPTIONS_DEFAULT;
    if (options)
        chosen = *options;
    if (chosen.engine == ZLOOM_ENGINE_AUTO)
        chosen.engine = s_engine (s_of_servers, endpoints);
    return zloom_server_new (endpoints, &chosen, reterr);
}

static bool s_is_direct (const char *variable, const char *endpoint)
{
    return !strstr (endpoint, "inproc://") && s_engine (variable, endpoint) != ZLOOM_ENGINE_LIBZMQ;
}

bool engines_client_is_direct (const char *endpoint)
{
    return s_is_direct (s_of_clients, endpoint);
}

bool engines_server_is_direct (const char *endpoint)
{
    return s_is_direct (s_of_servers, endpoint);
}

void engines_choose_tests (void)
{
    const char *of_clients = getenv (s_of_clients), *of_servers = getenv (s_of_servers);
    bool is_direct = (of_clients && strcmp (of_clients, "direct") == 0)
                     || (of_servers && strcmp (of_servers, "direct") == 0);
    if (is_direct)
        cmocka_set_skip_filter ("*(inproc)");
}
