//  commands - one line for each verb; its table is in cmd_VERB.c
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_COMMANDS_H
#define ZLOOM_TOOLS_COMMANDS_H

#include "options.h"

extern const command_t command_call;
extern const command_t command_cat;
extern const command_t command_describe;
extern const command_t command_ping;
extern const command_t command_probe;
extern const command_t command_serve;
extern const command_t command_stats;

#endif
