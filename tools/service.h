//  service - a client for the commands that call a service
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_SERVICE_H
#define ZLOOM_TOOLS_SERVICE_H

#include "engine.h"
#include "options.h"
#include "reqrep/client.h"

//  What every such command lets people choose.
typedef struct service_options {
    zloom_time_t timeout;
    zloom_time_t connect_timeout;
    size_t max_size;
    bool rep_peer;
} service_options_t;

extern service_options_t service_given;

//  The rows that such a command has in its table.
#define SERVICE_OPTIONS                                       \
    {.name = "timeout",                                       \
     .letter = 't',                                           \
     .kind = OPTION_DURATION,                                 \
     .metavar = "TIME",                                       \
     .fallback = "5s",                                        \
     .help = "how long a call may take",                      \
     .into.duration = &service_given.timeout},                \
        {.name = "connect-timeout",                           \
         .kind = OPTION_DURATION,                             \
         .metavar = "TIME",                                   \
         .fallback = "3s",                                    \
         .help = "how long to wait for somebody to be there", \
         .into.duration = &service_given.connect_timeout},    \
        {.name = "max-size",                                  \
         .kind = OPTION_SIZE,                                 \
         .metavar = "SIZE",                                   \
         .fallback = "1MiB",                                  \
         .help = "largest message to send or take",           \
         .into.size = &service_given.max_size},               \
        {.name = "rep",                                       \
         .kind = OPTION_FLAG,                                 \
         .help = "the other end is a plain REP socket",       \
         .into.flag = &service_given.rep_peer},               \
        ENGINE_OPTIONS

//  Make a client as the options say. NULL: *ret_status is the exit code
//  (reported). The caller destroys it with zloom_client_destroy.
zloom_client_t *service_open (const char *address, int *ret_status);

//  The limits of these options, for what is packed and unpacked beside calls.
zloom_limits_t service_limits (void);

//  Call a method without params and wait; the result is in the client.
//  Returns 0, or the exit code (reported).
int service_call (zloom_client_t *client, const char *address, const char *method);

//  Report why a call failed. Where nobody fitting was there, look who is.
//  Returns the exit code.
int service_report (const char *address, const zloom_error_t *error);

#endif
