#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *s_verb;

void report_begin (const char *verb)
{
    s_verb = verb;
}

static void s_line (const char *format, va_list arguments) ZLOOM_PRINTF (1, 0);

static void s_line (const char *format, va_list arguments)
{
    if (s_verb)
        fprintf (stderr, "zloom %s: ", s_verb);
    else
        fputs ("zloom: ", stderr);
    vfprintf (stderr, format, arguments);
    fputc ('\n', stderr);
}

static void s_try (const char *advice)
{
    if (advice)
        fprintf (stderr, "  try: %s\n", advice);
}

int report (int exit_code, const char *advice, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    s_line (format, arguments);
    va_end (arguments);
    s_try (advice);
    return exit_code;
}

int report_usage (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    s_line (format, arguments);
    va_end (arguments);
    if (s_verb)
        fprintf (stderr, "  try: zloom %s --help\n", s_verb);
    else
        s_try ("zloom help");
    return EXIT_USAGE;
}

void report_note (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    s_line (format, arguments);
    va_end (arguments);
}

int report_error (const zloom_error_t *error)
{
    return report (zloom_error_exit_code (error), report_advice (error->reason), "%s", error->text);
}

void report_no_memory (void)
{
    exit (report (EXIT_INTERNAL, NULL, "out of memory"));
}

typedef struct {
    zloom_reason_t reason;
    const char *advice;
} advice_t;

const char *report_advice (zloom_reason_t reason)
{
    static const advice_t advices[] = {
        {ZLOOM_REASON_BAD_ENDPOINT, "tcp://HOST:PORT, or ipc:///PATH"},
        {ZLOOM_REASON_BAD_JSON, "quotes around the whole argument, or -s TEXT for plain text"},
        {ZLOOM_REASON_OVERSIZE, "a larger --max-size, at both ends"},
        {ZLOOM_REASON_QUEUE_FULL, "fewer at a time, or again later"},
        {ZLOOM_REASON_DESCRIPTORS, "a higher limit (ulimit -n)"},
        {ZLOOM_REASON_INSECURE_BIND,
         "127.0.0.1, an ipc path in a directory of mode 0700, or --insecure-public"},
        {ZLOOM_REASON_ADDRESS_IN_USE, "another port; `ss -ltnp` shows who has this one"},
        {ZLOOM_REASON_ADDRESS, "an address of this machine, or a directory that exists"},
        {ZLOOM_REASON_NO_PEER, "start the other end, or see what is there: zloom probe ADDR"},
        {ZLOOM_REASON_WRONG_PEER, "see what is there: zloom probe ADDR"},
        {ZLOOM_REASON_CONNECTION_LOST, "see whether it still runs: zloom probe ADDR"},
        {ZLOOM_REASON_DRAINING, "again in a moment, when it is back"},
        {ZLOOM_REASON_DEADLINE, "a longer --timeout; zloom stats ADDR shows whether it is busy"},
        {ZLOOM_REASON_UNKNOWN_METHOD, "zloom describe ADDR lists the methods"},
        {ZLOOM_REASON_BAD_PARAMS, "zloom describe ADDR shows what the method takes"},
        {ZLOOM_REASON_AUTHENTICATION, "a peer without keys; this zloom has none yet"},
    };
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i].reason == reason)
            return advices[i].advice;
    return NULL;
}
