//  zloom_log - a hook through which the library tells what it sees
//
//  Off until a program sets a function. The library never prints, and what it
//  logs is never the only way to learn of a failure: failures are returned.
//  Each line has a level, an id that stays the same across versions
//  ("ZL-RPC-LATE"), and a text in which peer bytes are escaped.
//
//  Threads: any; the function may be called from any thread that uses zloom.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_LOG_H
#define ZLOOM_BASE_LOG_H

#include <stdbool.h>

#include "base/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum zloom_log_level {
    ZLOOM_LOG_OFF,
    ZLOOM_LOG_ERROR,
    ZLOOM_LOG_WARNING,
    ZLOOM_LOG_INFO,
    ZLOOM_LOG_DEBUG
} zloom_log_level_t;

//  Receives a line. Must not call zloom with the object that logs, and must
//  not block. id and text are borrowed until it returns.
typedef void (zloom_log_fn) (zloom_log_level_t level, const char *id, const char *text,
                             void *context);

//  Set the hook, and up to which level it wants lines. NULL = off. The context
//  must outlive the hook.
ZLOOM_EXPORT void zloom_log_set (zloom_log_fn *hook, void *context, zloom_log_level_t level);

//  Whether a line of this level would go anywhere; costs one load.
ZLOOM_EXPORT bool zloom_log_wants (zloom_log_level_t level);

//  Log a line (at most 255 bytes; more is cut). Use the macro: it formats only
//  when somebody listens.
ZLOOM_EXPORT void zloom_log_write (zloom_log_level_t level, const char *id, const char *format, ...)
    ZLOOM_PRINTF (3, 4);

#define zloom_log(level, id, ...)                     \
    do {                                              \
        if (zloom_log_wants (level))                  \
            zloom_log_write (level, id, __VA_ARGS__); \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
