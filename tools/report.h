//  report - what goes to stderr: what was wrong, where, and what to try
//
//  Every message begins with "zloom VERB: "; advice follows on a line of its
//  own. Functions return the exit code, so that one line says and ends it.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_REPORT_H
#define ZLOOM_TOOLS_REPORT_H

#include "base/error.h"

//  X (exit code, what it means): the whole list; DESIGN fixes the numbers.
#define EXIT_CODE_MAP(X)                                             \
    X (0, "all went well; or stdout was closed by its reader")       \
    X (1, "an internal error, or misuse of the library")             \
    X (2, "the command line is wrong, bad JSON in it included")      \
    X (3, "the deadline passed")                                     \
    X (4, "no peer: nobody there, or not one that fits")             \
    X (5, "authentication, or a handshake that was refused")         \
    X (6, "the remote end returned an error")                        \
    X (7, "input or output here failed: a file, an address, stdout") \
    X (8, "loss was seen")                                           \
    X (9, "not everything was delivered")                            \
    X (10, "a message was malformed, or over a limit")               \
    X (11, "the circuit breaker is open")                            \
    X (12, "an objective was missed")                                \
    X (130, "ended by Ctrl-C (SIGINT)")                              \
    X (143, "ended by SIGTERM")

//  The exit codes that commands name themselves; the rest come from reasons.
enum {
    EXIT_OK = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_NO_PEER = 4,
    EXIT_REMOTE = 6,
    EXIT_IO = 7,
    EXIT_UNDELIVERED = 9,
    EXIT_MALFORMED = 10
};

//  Name the command that runs; borrowed for good.
void report_begin (const char *verb);

//  A line, and (unless NULL) what to try. Returns exit_code.
int report (int exit_code, const char *advice, const char *format, ...) ZLOOM_PRINTF (3, 4);

//  A mistake on the command line; advises --help. Returns 2.
int report_usage (const char *format, ...) ZLOOM_PRINTF (1, 2);

//  An error of the library, with the advice that fits its reason. Returns its
//  exit code.
int report_error (const zloom_error_t *error);

//  There is no memory for a command line's worth of data: say so and exit.
__attribute__ ((noreturn)) void report_no_memory (void);

//  The advice for a reason, or NULL.
const char *report_advice (zloom_reason_t reason);

//  A line that is no error.
void report_note (const char *format, ...) ZLOOM_PRINTF (1, 2);

#endif
