#include "units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *name;
    double factor;
} unit_t;

static const unit_t s_times[] = {{"", 1e9},      {"ns", 1},   {"us", 1e3},   {"ms", 1e6},
                                 {"s", 1e9},     {"m", 60e9}, {"min", 60e9}, {"h", 3600e9},
                                 {"d", 86400e9}, {NULL, 0}};

static const unit_t s_sizes[] = {
    {"", 1},          {"b", 1},          {"k", 1024},         {"kib", 1024}, {"m", 1048576},
    {"mib", 1048576}, {"g", 1073741824}, {"gib", 1073741824}, {NULL, 0}};

//  A decimal number and one of the units, to less than `most`. Hexadecimal,
//  "inf", "nan", signs and blanks are strtod's, not ours.
static bool s_scaled (const char *text, const unit_t *units, double most, double *ret_value)
{
    size_t digits = strspn (text, "0123456789.");
    if (digits == 0 || digits > 30)
        return false;
    char number[32] = {0};
    memcpy (number, text, digits);
    char *end = NULL;
    double value = strtod (number, &end);
    if (*end)
        return false;
    for (const unit_t *unit = units; unit->name; unit++)
        if (strcasecmp (text + digits, unit->name) == 0) {
            *ret_value = value * unit->factor;
            return *ret_value < most;
        }
    return false;
}

bool units_duration (const char *text, zloom_time_t *ret_duration)
{
    double value;
    if (strcasecmp (text, "never") == 0) {
        *ret_duration = ZLOOM_NEVER;
        return true;
    }
    if (!s_scaled (text, s_times, 9e18, &value))
        return false;
    *ret_duration = (zloom_time_t) llround (value);
    return true;
}

const char *units_show_duration (char ret_text[32], zloom_time_t duration)
{
    if (duration == ZLOOM_NEVER)
        snprintf (ret_text, 32, "never");
    else if (duration >= ZLOOM_SEC)
        snprintf (ret_text, 32, "%gs", (double) duration / 1e9);
    else if (duration >= ZLOOM_MSEC)
        snprintf (ret_text, 32, "%gms", (double) duration / 1e6);
    else
        snprintf (ret_text, 32, "%gus", (double) duration / 1e3);
    return ret_text;
}

bool units_size (const char *text, size_t *ret_size)
{
    double value;
    if (!s_scaled (text, s_sizes, 4e18, &value))
        return false;
    *ret_size = (size_t) llround (value);
    return true;
}

bool units_count (const char *text, uint64_t *ret_count)
{
    if (text[0] == 0 || text[strspn (text, "0123456789")] != 0)
        return false;
    errno = 0;
    *ret_count = strtoull (text, NULL, 10);
    return errno == 0;
}
