//  output - stdout: data only, in the format that was asked for
//
//  Block-buffered, flushed by output_idle before a command waits, and after
//  every record on a terminal or with -u. A reader that closed the pipe ends
//  the command quietly with 0, whatever else happened; any other failure to
//  write ends it with 7.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_OUTPUT_H
#define ZLOOM_TOOLS_OUTPUT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "options.h"

typedef enum output_format {
    OUTPUT_TEXT,    //  For people; what a terminal gets
    OUTPUT_JSON,    //  A line each; what a pipe gets
    OUTPUT_RAW,     //  The bytes as they are
    OUTPUT_HEX,     //  Two digits a byte
    OUTPUT_MSGPACK  //  Packed values, one after the other
} output_format_t;

extern const char *const output_format_names[];
extern int output_format_given;
extern bool output_unbuffered;

//  The rows that a command with output has in its table.
#define OUTPUT_OPTIONS                                                        \
    {.name = "output",                                                        \
     .letter = 'o',                                                           \
     .kind = OPTION_CHOICE,                                                   \
     .metavar = "FORMAT",                                                     \
     .help = "form of stdout (text on a terminal, else json)",                \
     .choices = output_format_names,                                          \
     .into.choice = &output_format_given},                                    \
    {                                                                         \
        .name = "unbuffered", .letter = 'u', .kind = OPTION_FLAG,             \
        .help = "write every record at once", .into.flag = &output_unbuffered \
    }

//  The format of this run: what was given, else text for a terminal and JSON
//  for everything else.
output_format_t output_format (void);

//  Write bytes, a string, a character; all of it data.
void output_bytes (zloom_bytes_t bytes);
void output_string (const char *string);
void output_char (char c);

//  Bytes as hex digits; bytes with what a terminal would act on escaped.
void output_hex (zloom_bytes_t bytes);
void output_escaped (zloom_bytes_t bytes);

//  A packed value as JSON; flags as in data/json.h.
void output_json (zloom_bytes_t value, int flags);

//  A packed value in the format of this run, as a record of its own. Text
//  shows a string as itself and everything else as indented JSON; raw gives
//  the bytes of a string or bin, and JSON for the rest.
void output_value (zloom_bytes_t value);

//  Behind a record: it goes out at once where somebody watches.
void output_record_end (void);

//  Before waiting: nothing may sit in the buffer meanwhile.
void output_idle (void);

//  Whether writing has failed, so that there is no point in going on.
bool output_failed (void);

//  At the end: flush. Returns the exit code: `status`, 0 where the reader has
//  gone, 7 (reported) where writing failed.
int output_end (int status);

#endif
