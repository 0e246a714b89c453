#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void fail (const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (line, sizeof line, format, arguments);
    va_end (arguments);

    fprintf (stderr, "bench: %s\n", line);
    //  No exit handlers: this may be a forked child, or one thread of several.
    _exit (1);
}

void fail_errno (const char *what)
{
    fail ("%s: %s", what, strerror (errno));
}
