#include "base/error.h"

#include <string.h>

#include "base/text_internal.h"

typedef struct {
    const char *name;
    const char *text;
} code_row_t;

typedef struct {
    const char *name;
    const char *text;
    zloom_code_t code;
    bool retryable;
    int exit_code;
} reason_row_t;

static const code_row_t s_codes[] = {
#define X(name, number, text) [number] = {#name, text},
    ZLOOM_CODE_MAP (X)
#undef X
};

static const reason_row_t s_reasons[] = {
#define X(name, code, id, text, retryable, exit_code) \
    {id, text, ZLOOM_##code, retryable, exit_code},
    ZLOOM_REASON_MAP (X)
#undef X
};

static const size_t s_code_count = sizeof s_codes / sizeof s_codes[0];

//  A value that is none of ours (a cast, a newer header) reads as UNKNOWN or NONE.
static const code_row_t *s_code (zloom_code_t code)
{
    return &s_codes[(size_t) code < s_code_count ? (size_t) code : ZLOOM_UNKNOWN];
}

static const reason_row_t *s_reason (zloom_reason_t reason)
{
    return &s_reasons[reason < ZLOOM_REASON_COUNT ? reason : ZLOOM_REASON_NONE];
}

zloom_code_t zloom_error_vset (zloom_error_t *error, zloom_reason_t reason, const char *format,
                               va_list arguments)
{
    if (error) {
        error->code = zloom_reason_code (reason);
        error->reason = reason;
        error->origin = ZLOOM_HERE;
        zloom__text_vprint (error->text, sizeof error->text, format, arguments);
    }
    return zloom_reason_code (reason);
}

zloom_code_t zloom_error_set (zloom_error_t *error, zloom_reason_t reason, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    zloom_code_t code = zloom_error_vset (error, reason, format, arguments);
    va_end (arguments);
    return code;
}

void zloom_error_wrap (zloom_error_t *error, const char *format, ...)
{
    if (!error)
        return;
    char was[sizeof error->text];
    memcpy (was, error->text, sizeof was);

    va_list arguments;
    va_start (arguments, format);
    zloom__text_vprint (error->text, sizeof error->text, format, arguments);
    va_end (arguments);

    size_t length = strlen (error->text);
    if (was[0])
        zloom__text_print (error->text + length, sizeof error->text - length, ": %s", was);
}

void zloom_error_clear (zloom_error_t *error)
{
    if (error) {
        error->code = ZLOOM_OK;
        error->reason = ZLOOM_REASON_NONE;
        error->origin = ZLOOM_HERE;
        error->text[0] = 0;
    }
}

int zloom_error_exit_code (const zloom_error_t *error)
{
    if (error->code == ZLOOM_OK)
        return 0;
    if (error->origin == ZLOOM_REMOTE)
        return zloom_reason_exit_code (ZLOOM_REASON_HANDLER);
    //  Failed, and nobody said why: that is our fault.
    if (error->reason == ZLOOM_REASON_NONE)
        return zloom_reason_exit_code (ZLOOM_REASON_BUG);
    return zloom_reason_exit_code (error->reason);
}

const char *zloom_code_name (zloom_code_t code)
{
    return s_code (code)->name;
}

const char *zloom_code_text (zloom_code_t code)
{
    return s_code (code)->text;
}

zloom_code_t zloom_code_from (int64_t number)
{
    return number >= 0 && (uint64_t) number < s_code_count ? (zloom_code_t) number : ZLOOM_UNKNOWN;
}

const char *zloom_reason_name (zloom_reason_t reason)
{
    return s_reason (reason)->name;
}

const char *zloom_reason_text (zloom_reason_t reason)
{
    return s_reason (reason)->text;
}

zloom_code_t zloom_reason_code (zloom_reason_t reason)
{
    return s_reason (reason)->code;
}

bool zloom_reason_retryable (zloom_reason_t reason)
{
    return s_reason (reason)->retryable;
}

int zloom_reason_exit_code (zloom_reason_t reason)
{
    return s_reason (reason)->exit_code;
}

zloom_reason_t zloom_reason_from (zloom_bytes_t name)
{
    for (int reason = 0; reason < ZLOOM_REASON_COUNT; reason++)
        if (zloom_bytes_equal (name, zloom_bytes_str (s_reasons[reason].name)))
            return (zloom_reason_t) reason;
    return ZLOOM_REASON_NONE;
}
