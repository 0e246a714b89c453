#include "params.h"

#include <ctype.h>
#include <string.h>

#include "data/json.h"
#include "data/pack.h"
#include "data/walk.h"

//  A number as JSON writes it: -12, 0.5, 1e9; not 007, 1., +1 or 0x10.
static bool s_is_number (zloom_bytes_t word)
{
    const uint8_t *p = word.data, *end = p + word.size;
    p += p < end && *p == '-';
    if (p == end || !isdigit (*p) || (*p == '0' && p + 1 < end && isdigit (p[1])))
        return false;
    while (p < end && isdigit (*p))
        p++;
    if (p < end && *p == '.') {
        if (++p == end || !isdigit (*p))
            return false;
        while (p < end && isdigit (*p))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        if (p == end || !isdigit (*p))
            return false;
        while (p < end && isdigit (*p))
            p++;
    }
    return p == end;
}

static bool s_is_json (zloom_bytes_t word)
{
    if (word.size && strchr ("{[\"", word.data[0]))
        return true;
    return s_is_number (word) || zloom_bytes_equal (word, zloom_bytes_str ("true"))
           || zloom_bytes_equal (word, zloom_bytes_str ("false"))
           || zloom_bytes_equal (word, zloom_bytes_str ("null"));
}

void params_string (zloom_bytes_t word, zloom_buffer_t *values)
{
    zloom_pack_str (values, word);
}

zloom_code_t params_word (zloom_bytes_t word, zloom_buffer_t *values, zloom_error_t *reterr)
{
    if (s_is_json (word))
        return zloom_json_to_msgpack (word, NULL, values, reterr);
    params_string (word, values);
    return ZLOOM_OK;
}

//  The values of a line: the elements of a JSON array, or the one value.
static zloom_code_t s_read_line (zloom_bytes_t line, zloom_buffer_t *ret_values, size_t *ret_count,
                                 zloom_error_t *reterr)
{
    zloom_buffer_t value = {0};
    zloom_code_t code = params_word (line, &value, reterr);
    zloom_walk_t walk;
    zloom_bytes_t element;
    *ret_count = 0;
    if (!code && line.data[0] == '[')
        for (zloom_walk_begin (&walk, zloom_buffer_bytes (&value));
             zloom_walk_next (&walk, &element); ++*ret_count)
            zloom_buffer_append (ret_values, element.data, element.size);
    else if (!code) {
        zloom_buffer_append (ret_values, value.data, value.size);
        *ret_count = 1;
    }
    zloom_buffer_clear (&value);
    return code;
}

zloom_code_t params_build (zloom_bytes_t values, size_t count, const zloom_bytes_t *line,
                           zloom_buffer_t *ret_params, zloom_error_t *reterr)
{
    zloom_buffer_t more = {0};
    size_t added = 0;
    zloom_code_t code = line && line->size ? s_read_line (*line, &more, &added, reterr) : ZLOOM_OK;
    if (!code) {
        zloom_buffer_reset (ret_params);
        zloom_pack_array_head (ret_params, (uint32_t) (count + added));
        zloom_buffer_append (ret_params, values.data, values.size);
        zloom_buffer_append (ret_params, more.data, more.size);
    }
    zloom_buffer_clear (&more);
    return code;
}
