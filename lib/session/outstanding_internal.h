//  zloom__outstanding - what has been sent and is not answered yet, by id
//
//  Ids are a counter, and the slot of an id is id mod capacity: looking up
//  costs one load and a comparison of the whole id, so that no late answer
//  finds a stranger. An id whose slot is taken is skipped. The table doubles
//  when half full; ids that differed stay apart.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_SESSION_OUTSTANDING_INTERNAL_H
#define ZLOOM_SESSION_OUTSTANDING_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

//  First in what is kept here.
typedef struct zloom__entry {
    uint64_t id;  //  0 = in no table
} zloom__entry_t;

typedef struct zloom__outstanding {
    zloom__entry_t **slots;
    size_t capacity;  //  A power of two
    size_t count;
    uint64_t last_id;
} zloom__outstanding_t;

//  False: no memory.
bool zloom__outstanding_init (zloom__outstanding_t *self);

//  Forget the entries (they are the caller's) and free the table.
void zloom__outstanding_clear (zloom__outstanding_t *self);

//  Give an entry the next id and keep it. False: no memory.
bool zloom__outstanding_add (zloom__outstanding_t *self, zloom__entry_t *entry);

//  NULL: there is none of that id.
static inline zloom__entry_t *zloom__outstanding_get (const zloom__outstanding_t *self, uint64_t id)
{
    zloom__entry_t *entry = self->slots[id & (self->capacity - 1)];
    return entry && entry->id == id ? entry : NULL;
}

void zloom__outstanding_remove (zloom__outstanding_t *self, zloom__entry_t *entry);

//  Go through the slots from *at_p on; NULL at the end. Entries may be removed
//  on the way; after an addition the walk starts anew.
zloom__entry_t *zloom__outstanding_walk (const zloom__outstanding_t *self, size_t *at_p);

#endif
