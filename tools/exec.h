//  exec - methods that are commands: each request runs one
//
//  A request is deferred, its command started as soon as fewer than `jobs`
//  run, and answered with what the command printed. A caller that gives up, or
//  a command that takes too long, is ended with its whole process group.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_EXEC_H
#define ZLOOM_TOOLS_EXEC_H

#include <poll.h>
#include <stdbool.h>

#include "base/time.h"
#include "options.h"
#include "reqrep/server.h"

typedef enum exec_input {
    EXEC_JSON,  //  The params, a JSON array
    EXEC_RAW    //  The one string or bin that they are, as it is
} exec_input_t;

//  How commands are run.
typedef struct exec_options {
    uint64_t jobs;       //  At a time
    zloom_time_t limit;  //  For each
    size_t max_output;   //  Bytes of stdout
    int input;           //  exec_input_t
    bool shell;          //  Through /bin/sh, instead of split into words
} exec_options_t;

typedef struct exec exec_t;

//  Make it. Borrows options and server; they must outlive self.
exec_t *exec_new (const exec_options_t *options, zloom_server_t *server);

//  Kill what runs and destroy it. Before the server is destroyed.
void exec_destroy (exec_t **self_p);

//  Serve "NAME=COMMAND". Returns 0, or the exit code (reported).
int exec_add (exec_t *self, const char *spec);

//  How many entries exec_polls may need.
size_t exec_polls_most (const exec_t *self);

//  What to poll for. Returns how many entries it filled.
size_t exec_polls (exec_t *self, struct pollfd *ret_polls);

//  When to call exec_turn even if nothing stirs; NEVER.
zloom_time_t exec_next_due (const exec_t *self);

//  Deal with what poll found, and answer what is done.
void exec_turn (exec_t *self, const struct pollfd *polls);

//  Start what waits, as far as jobs allow.
void exec_start (exec_t *self);

#endif
