#include "support/guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

guarded_t guarded_new (size_t most)
{
    size_t page = (size_t) sysconf (_SC_PAGESIZE);
    guarded_t self = {.size = (most + page - 1) / page * page};
    void *pages =
        mmap (NULL, self.size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect ((uint8_t *) pages + self.size, page, PROT_NONE)) {
        perror ("guarded memory");
        abort ();
    }
    self.pages = (uint8_t *) pages;
    return self;
}

zloom_bytes_t guarded_put (guarded_t *self, zloom_bytes_t bytes)
{
    uint8_t *at = self->pages + self->size - bytes.size;
    if (bytes.size)
        memcpy (at, bytes.data, bytes.size);
    return zloom_bytes (at, bytes.size);
}

void guarded_clear (guarded_t *self)
{
    munmap (self->pages, self->size + (size_t) sysconf (_SC_PAGESIZE));
    *self = (guarded_t){0};
}
