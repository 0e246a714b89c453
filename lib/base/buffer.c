#include "base/buffer.h"

#include "base/memory.h"

//  Smaller than this is not worth a second allocation.
static const size_t s_least = 64;

void zloom_buffer_clear (zloom_buffer_t *self)
{
    zloom_free (self->data);
    *self = (zloom_buffer_t){0};
}

bool zloom_buffer_grow (zloom_buffer_t *self, size_t more)
{
    if (self->failed || more > SIZE_MAX / 2 - self->size) {
        self->failed = true;
        return false;
    }
    size_t capacity = self->capacity ? self->capacity : s_least;
    while (capacity - self->size < more)
        capacity *= 2;

    uint8_t *data = (uint8_t *) zloom_realloc (self->data, capacity);
    if (!data) {
        self->failed = true;
        return false;
    }
    self->data = data;
    self->capacity = capacity;
    return true;
}

bool zloom_buffer_append (zloom_buffer_t *self, const void *data, size_t size)
{
    if (self->failed || !zloom_buffer_reserve (self, size))
        return false;
    if (size)
        memcpy (self->data + self->size, data, size);
    self->size += size;
    return true;
}
