#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>

#include "base/text_internal.h"

//  Three atomics, not a lock: a line that is written while the hook changes
//  may see the new function with the old context only if a program sets the
//  hook twice under load, which the header forbids by "must outlive".
static _Atomic (zloom_log_fn *) s_hook;
static _Atomic (void *) s_context;
static atomic_int s_level;

void zloom_log_set (zloom_log_fn *hook, void *context, zloom_log_level_t level)
{
    atomic_store (&s_level, ZLOOM_LOG_OFF);
    atomic_store (&s_context, context);
    atomic_store (&s_hook, hook);
    atomic_store (&s_level, hook ? (int) level : ZLOOM_LOG_OFF);
}

bool zloom_log_wants (zloom_log_level_t level)
{
    return level != ZLOOM_LOG_OFF
           && atomic_load_explicit (&s_level, memory_order_relaxed) >= (int) level;
}

void zloom_log_write (zloom_log_level_t level, const char *id, const char *format, ...)
{
    zloom_log_fn *hook = atomic_load (&s_hook);
    if (!hook)
        return;
    char text[256];
    va_list arguments;
    va_start (arguments, format);
    zloom__text_vprint (text, sizeof text, format, arguments);
    va_end (arguments);
    hook (level, id, text, atomic_load (&s_context));
}
