//  params - what a call takes, from words and lines that people type
//
//  A word that starts with {, [ or " must be JSON; a number, true, false or
//  null is that; anything else is a string.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_PARAMS_H
#define ZLOOM_TOOLS_PARAMS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"

//  Append a word as one packed value. BAD_JSON names line and column.
zloom_code_t params_word (zloom_bytes_t word, zloom_buffer_t *values, zloom_error_t *reterr);

//  Append a word as a packed string, whatever it looks like.
void params_string (zloom_bytes_t word, zloom_buffer_t *values);

//  Make params of `count` values that stand packed one after the other, and of
//  a line that follows them (NULL = none): a JSON array is as many arguments as
//  it has elements, any other word is one.
zloom_code_t params_build (zloom_bytes_t values, size_t count, const zloom_bytes_t *line,
                           zloom_buffer_t *ret_params, zloom_error_t *reterr);

#endif
