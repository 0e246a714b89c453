#include "data/walk.h"

#include "data/check_internal.h"
#include "data/codec_internal.h"

bool zloom_walk_begin (zloom_walk_t *self, zloom_bytes_t value)
{
    *self = (zloom_walk_t){.left = 0};
    zloom__token_t token;
    const uint8_t *end = value.data + value.size;
    const uint8_t *first = value.size ? zloom__read (value.data, end, &token) : NULL;
    if (!first || (token.type != ZLOOM__ARRAY && token.type != ZLOOM__MAP))
        return false;
    self->is_map = token.type == ZLOOM__MAP;
    self->left = (uint64_t) token.length << self->is_map;
    self->rest = zloom_bytes (first, (size_t) (end - first));
    return true;
}

bool zloom_walk_next (zloom_walk_t *self, zloom_bytes_t *ret_element)
{
    if (self->left == 0)
        return false;
    const uint8_t *end = self->rest.data + self->rest.size;
    const uint8_t *after = zloom__pass (self->rest.data, end);
    if (!after) {
        self->left = 0;
        return false;
    }
    self->left--;
    *ret_element = zloom_bytes (self->rest.data, (size_t) (after - self->rest.data));
    self->rest = zloom_bytes (after, (size_t) (end - after));
    return true;
}
