#include "nearest.h"

#include <string.h>

//  Longer words are never offered, so a row of distances has a fixed size.
enum { WORD_MOST = 31 };

static size_t s_least (size_t a, size_t b)
{
    return a < b ? a : b;
}

//  Insertions, deletions, replacements and swaps of neighbours that turn `a`
//  into `b` (the restricted Damerau-Levenshtein distance).
static size_t s_distance (const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][WORD_MOST + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_size; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = s_least (last[j - 1] + changed, s_least (last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = s_least (now[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b_size];
}

void nearest_offer (nearest_t *self, const char *candidate)
{
    size_t word = strlen (self->word), size = strlen (candidate);
    if (word == 0 || word > WORD_MOST || size > WORD_MOST)
        return;
    size_t distance = s_distance (self->word, word, candidate, size);
    //  What only begins like it was cut short; else a third may be wrong.
    if (word >= 2 && strncmp (candidate, self->word, word) == 0)
        distance = 1;
    if (distance > 1 + word / 3 || distance >= size)
        return;
    if (!self->match || distance < self->distance) {
        self->match = candidate;
        self->distance = distance;
    }
}
