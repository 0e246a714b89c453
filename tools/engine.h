//  engine - who speaks to the network, for the commands that call or serve
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_ENGINE_H
#define ZLOOM_TOOLS_ENGINE_H

#include "net/engine.h"
#include "options.h"

//  What every such command lets people choose.
typedef struct engine_options {
    int engine;  //  zloom_engine_t
    zloom_time_t busy_poll;
} engine_options_t;

extern engine_options_t engine_given;
extern const char *const engine_names[];

//  The rows that such a command has in its table.
#define ENGINE_OPTIONS                                                                       \
    {.name = "engine",                                                                       \
     .kind = OPTION_CHOICE,                                                                  \
     .metavar = "NAME",                                                                      \
     .fallback = "auto",                                                                     \
     .help = "what speaks to the network",                                                   \
     .choices = engine_names,                                                                \
     .into.choice = &engine_given.engine},                                                   \
    {                                                                                        \
        .name = "busy-poll", .kind = OPTION_DURATION, .metavar = "TIME", .fallback = "50us", \
        .help = "how long to look again before sleeping; 0 sleeps at once",                  \
        .into.duration = &engine_given.busy_poll                                             \
    }

//  Read these options as the library takes them. Returns 0, or the exit code
//  (reported).
int engine_take (zloom_engine_t *ret_engine, uint32_t *ret_busy_poll_us);

//  How long, in milliseconds, to let the library wait by itself before poll(2)
//  does, while messages come and go: it looks again where poll would sleep.
uint32_t engine_look_ms (bool is_lively);

#endif
