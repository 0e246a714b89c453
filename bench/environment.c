#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <zloom.h>
#include <zmq.h>

//  The Makefile says what the library and this program were compiled with.
#ifndef ZLOOM_BENCH_FLAGS
#define ZLOOM_BENCH_FLAGS "flags unknown"
#endif

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

//  The value behind the first "key : value" line of a file of /proc.
static void s_proc_value (const char *path, const char *key, char *ret_text, size_t size)
{
    snprintf (ret_text, size, "unknown");
    FILE *file = fopen (path, "r");
    if (!file)
        return;
    char line[512];
    while (fgets (line, sizeof line, file)) {
        char *colon = strchr (line, ':');
        if (!colon || strncmp (line, key, strlen (key)) != 0)
            continue;
        colon[1 + strcspn (colon + 1, "\n")] = 0;
        snprintf (ret_text, size, "%s", colon + 1 + strspn (colon + 1, " "));
        break;
    }
    fclose (file);
}

static void s_cpu (fact_t *fact)
{
    char model[256];
    s_proc_value ("/proc/cpuinfo", "model name", model, sizeof model);
    snprintf (fact->text, sizeof fact->text, "%s, %ld online", model,
              sysconf (_SC_NPROCESSORS_ONLN));
}

static void s_kernel (fact_t *fact)
{
    struct utsname name;
    if (uname (&name))
        snprintf (fact->text, sizeof fact->text, "unknown");
    else
        snprintf (fact->text, sizeof fact->text, "%s %s %s", name.sysname, name.release,
                  name.machine);
}

static void s_libzmq (fact_t *fact)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    snprintf (fact->text, sizeof fact->text, "%d.%d.%d", major, minor, patch);
}

static void s_zloom (fact_t *fact)
{
    snprintf (fact->text, sizeof fact->text, "%d.%d.%d", ZLOOM_VERSION_MAJOR, ZLOOM_VERSION_MINOR,
              ZLOOM_VERSION_PATCH);
}

static void s_compiler (fact_t *fact)
{
    snprintf (fact->text, sizeof fact->text, "%s", COMPILER);
}

static void s_flags (fact_t *fact)
{
    snprintf (fact->text, sizeof fact->text, "%s", ZLOOM_BENCH_FLAGS);
}

static void s_clock (fact_t *fact)
{
    enum { READINGS = 100000 };
    zloom_time_t start = zloom_time_now ();
    for (int i = 1; i < READINGS; i++)
        zloom_time_now ();
    double cost = (double) (zloom_time_now () - start) / READINGS;
    snprintf (fact->text, sizeof fact->text,
              "CLOCK_MONOTONIC, %.0f ns a reading; each time has one", cost);
}

//  What else the machine does is in every number.
static void s_load (fact_t *fact)
{
    double minutes[3];
    if (getloadavg (minutes, 3) == 3)
        snprintf (fact->text, sizeof fact->text, "%.2f %.2f %.2f before the first round",
                  minutes[0], minutes[1], minutes[2]);
    else
        snprintf (fact->text, sizeof fact->text, "unknown");
}

static void s_network (fact_t *fact)
{
    snprintf (fact->text, sizeof fact->text, "loopback; both ends on this machine");
}

void environment_look (fact_t ret_facts[ENVIRONMENT_FACTS])
{
    static const struct {
        const char *name;
        void (*look) (fact_t *fact);
    } rows[ENVIRONMENT_FACTS] = {
        {"cpu", s_cpu},     {"kernel", s_kernel},     {"libzmq", s_libzmq},
        {"zloom", s_zloom}, {"compiler", s_compiler}, {"flags", s_flags},
        {"clock", s_clock}, {"network", s_network},   {"load", s_load},
    };
    for (size_t row = 0; row < ENVIRONMENT_FACTS; row++) {
        ret_facts[row].name = rows[row].name;
        rows[row].look (&ret_facts[row]);
    }
}

const char *environment_refusal (void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__            \
    || __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) \
    || __has_feature(memory_sanitizer)
    return "this is a sanitizer build, which is several times slower";
#elif !defined __OPTIMIZE__
    return "this build was not optimised";
#else
    return NULL;
#endif
}
