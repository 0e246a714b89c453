#include "service.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/probe.h"
#include "report.h"

service_options_t service_given;

//  How long a look at who is there may take; the call has failed already.
static const uint32_t s_look_ms = 500;

static uint32_t s_milliseconds (zloom_time_t time)
{
    zloom_time_t most = 3600000;
    zloom_time_t rounded = (time + ZLOOM_MSEC - 1) / ZLOOM_MSEC;
    return (uint32_t) (rounded > most ? most : rounded > 0 ? rounded : 1);
}

zloom_limits_t service_limits (void)
{
    zloom_limits_t limits = ZLOOM_LIMITS_DEFAULT;
    size_t most = INT32_MAX / 2;
    limits.max_size = (uint32_t) (service_given.max_size < most ? service_given.max_size : most);
    return limits;
}

zloom_client_t *service_open (const char *address, int *ret_status)
{
    zloom_client_options_t options = ZLOOM_CLIENT_OPTIONS_DEFAULT;
    *ret_status = engine_take (&options.engine, &options.busy_poll_us);
    if (*ret_status)
        return NULL;
    options.timeout_ms = s_milliseconds (service_given.timeout);
    options.connect_timeout_ms = s_milliseconds (service_given.connect_timeout);
    options.rep_peer = service_given.rep_peer;
    options.limits = service_limits ();
    zloom_error_t error;
    zloom_client_t *client = zloom_client_new (address, &options, &error);
    if (!client)
        *ret_status = report_error (&error);
    return client;
}

int service_call (zloom_client_t *client, const char *address, const char *method)
{
    if (zloom_client_call (client, method, "") == ZLOOM_OK)
        return EXIT_OK;
    return service_report (address, zloom_client_last_error (client));
}

int service_report (const char *address, const zloom_error_t *error)
{
    bool asks_who = error->origin == ZLOOM_HERE
                    && (error->reason == ZLOOM_REASON_WRONG_PEER
                        || error->reason == ZLOOM_REASON_AUTHENTICATION);
    zloom_probe_options_t options = ZLOOM_PROBE_OPTIONS_DEFAULT;
    options.timeout_ms = s_look_ms;
    zloom_probe_t probe;
    if (!asks_who || zloom_probe (address, &options, &probe, NULL))
        return report_error (error);
    char found[256], shown[128];
    return report (zloom_error_exit_code (error), report_advice (error->reason),
                   "'%s' does not fit: %s",
                   zloom_text_escape (shown, sizeof shown, zloom_bytes_str (address)),
                   zloom_probe_describe (&probe, found, sizeof found));
}
