//  help - what `zloom help` prints, all of it made from the tables
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_HELP_H
#define ZLOOM_TOOLS_HELP_H

#include "options.h"

//  Every command, a line each. commands ends with NULL.
void help_overview (const command_t *const *commands);

//  One command in full.
void help_command (const command_t *command);

//  The exit codes, and which reasons lead to them.
void help_exit_codes (void);

//  Every command, argument list, option, default and exit code, a line each in
//  fields between tabs: what the tests hold against the man pages.
void help_tables (const command_t *const *commands);

#endif
