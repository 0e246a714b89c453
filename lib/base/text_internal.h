//  zloom__text - prints into a text of fixed size
//
//  Like snprintf, but what does not fit is cut between characters and never
//  within one, so that a text which was valid UTF-8 stays so.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_TEXT_INTERNAL_H
#define ZLOOM_BASE_TEXT_INTERNAL_H

#include <stdarg.h>
#include <stddef.h>

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

//  Print into `ret_text`, at most `size` bytes (1 or more), NUL included.
void zloom__text_print (char *ret_text, size_t size, const char *format, ...) ZLOOM_PRINTF (3, 4);

//  The same with a va_list.
void zloom__text_vprint (char *ret_text, size_t size, const char *format, va_list arguments)
    ZLOOM_PRINTF (3, 0);

#ifdef __cplusplus
}
#endif

#endif
