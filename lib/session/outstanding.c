#include "session/outstanding_internal.h"

#include "base/memory.h"

static const size_t s_first_capacity = 64;

bool zloom__outstanding_init (zloom__outstanding_t *self)
{
    *self = (zloom__outstanding_t){0};
    self->slots = (zloom__entry_t **) zloom_alloc (s_first_capacity * sizeof self->slots[0]);
    if (self->slots)
        self->capacity = s_first_capacity;
    return self->slots != NULL;
}

void zloom__outstanding_clear (zloom__outstanding_t *self)
{
    zloom_free (self->slots);
    *self = (zloom__outstanding_t){0};
}

static bool s_double (zloom__outstanding_t *self)
{
    size_t capacity = self->capacity * 2;
    zloom__entry_t **slots = (zloom__entry_t **) zloom_alloc (capacity * sizeof slots[0]);
    if (!slots)
        return false;
    for (size_t i = 0; i < self->capacity; i++)
        if (self->slots[i])
            slots[self->slots[i]->id & (capacity - 1)] = self->slots[i];
    zloom_free (self->slots);
    self->slots = slots;
    self->capacity = capacity;
    return true;
}

bool zloom__outstanding_add (zloom__outstanding_t *self, zloom__entry_t *entry)
{
    if (self->count >= self->capacity / 2 && !s_double (self))
        return false;
    uint64_t id = self->last_id;
    do
        id++;
    while (id == 0 || self->slots[id & (self->capacity - 1)]);
    self->last_id = entry->id = id;
    self->slots[id & (self->capacity - 1)] = entry;
    self->count++;
    return true;
}

void zloom__outstanding_remove (zloom__outstanding_t *self, zloom__entry_t *entry)
{
    self->slots[entry->id & (self->capacity - 1)] = NULL;
    self->count--;
    entry->id = 0;
}

zloom__entry_t *zloom__outstanding_walk (const zloom__outstanding_t *self, size_t *at_p)
{
    while (*at_p < self->capacity) {
        zloom__entry_t *entry = self->slots[(*at_p)++];
        if (entry)
            return entry;
    }
    return NULL;
}
