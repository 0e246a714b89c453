#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void *s_malloc (size_t size, void *context)
{
    (void) context;
    return malloc (size);
}

static void *s_realloc (void *memory, size_t size, void *context)
{
    (void) context;
    return realloc (memory, size);
}

static void s_free (void *memory, void *context)
{
    (void) context;
    free (memory);
}

static const zloom_memory_t s_libc = {s_malloc, s_realloc, s_free, NULL};
static zloom_memory_t s_memory = {s_malloc, s_realloc, s_free, NULL};

void zloom_memory_set (const zloom_memory_t *memory)
{
    s_memory = memory ? *memory : s_libc;
}

void *zloom_alloc (size_t size)
{
    void *memory = s_memory.alloc (size, s_memory.context);
    if (memory)
        memset (memory, 0, size);
    return memory;
}

void *zloom_realloc (void *memory, size_t size)
{
    return s_memory.realloc (memory, size, s_memory.context);
}

void zloom_free (void *memory)
{
    if (memory)
        s_memory.free (memory, s_memory.context);
}

char *zloom_strdup (const char *string)
{
    size_t size = strlen (string) + 1;
    char *copy = (char *) zloom_alloc (size);
    if (copy)
        memcpy (copy, string, size);
    return copy;
}
