#include "support/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

static bool s_may (heap_t *self)
{
    return ++self->asked != self->fail_at;
}

static void *s_realloc (void *memory, size_t size, void *context)
{
    heap_t *self = (heap_t *) context;
    void *moved = s_may (self) ? realloc (memory, size) : NULL;
    if (moved && !memory)
        self->out++;
    return moved;
}

static void *s_alloc (size_t size, void *context)
{
    return s_realloc (NULL, size, context);
}

static void s_free (void *memory, void *context)
{
    ((heap_t *) context)->out--;
    free (memory);
}

void heap_install (heap_t *self, size_t fail_at)
{
    *self = (heap_t){.fail_at = fail_at};
    zloom_memory_set (&(zloom_memory_t){s_alloc, s_realloc, s_free, self});
}

void heap_remove (void)
{
    zloom_memory_set (NULL);
}
