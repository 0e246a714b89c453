//  nearest - the word that somebody probably meant
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_NEAREST_H
#define ZLOOM_TOOLS_NEAREST_H

#include <stddef.h>

//  The best of a series of candidates. Start from {.word = what was typed}.
typedef struct nearest {
    const char *word;   //  What was typed
    const char *match;  //  The nearest so far, or NULL; borrowed
    size_t distance;    //  Its distance
} nearest_t;

//  Offer a candidate; it is taken if it is nearer than the others and near
//  enough not to mislead. Borrows it as long as self is used.
void nearest_offer (nearest_t *self, const char *candidate);

#endif
