//  address - which end binds and which connects
//
//  '@' before an address binds, '>' connects, as CZMQ has it; --bind and
//  --connect say it for all that carry neither; else it is as the command or
//  the socket type usually does.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_ADDRESS_H
#define ZLOOM_TOOLS_ADDRESS_H

#include <stdbool.h>

#include "options.h"

typedef struct address {
    const char *endpoint;  //  Without its prefix; borrowed
    bool bind;
} address_t;

extern bool address_bind_given, address_connect_given;

//  The rows that a command with this choice has in its table.
#define ADDRESS_OPTIONS                                               \
    {.name = "bind",                                                  \
     .kind = OPTION_FLAG,                                             \
     .help = "bind every address that has no '>' before it",          \
     .into.flag = &address_bind_given},                               \
    {                                                                 \
        .name = "connect", .kind = OPTION_FLAG,                       \
        .help = "connect to every address that has no '@' before it", \
        .into.flag = &address_connect_given                           \
    }

//  Read an address. False where it is none (reported).
bool address_read (const char *text, bool bind_usually, address_t *ret_address);

#endif
