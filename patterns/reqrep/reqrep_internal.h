//  zloom__reqrep - clients and servers over a port of the caller's choice
//
//  What zloom_client_new and zloom_server_new do with the libzmq engine, the
//  simulator does with its own.
//
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_REQREP_INTERNAL_H
#define ZLOOM_REQREP_REQREP_INTERNAL_H

#include "net/port_internal.h"
#include "reqrep/client.h"
#include "reqrep/server.h"

//  As zloom_client_new. Takes port, also on failure.
zloom_client_t *zloom__client_new_over (zloom__port_t *port, const char *endpoints,
                                        const zloom_client_options_t *options,
                                        zloom_error_t *reterr);

//  As zloom_server_new. Takes port, also on failure.
zloom_server_t *zloom__server_new_over (zloom__port_t *port, const char *endpoints,
                                        const zloom_server_options_t *options,
                                        zloom_error_t *reterr);

#endif
