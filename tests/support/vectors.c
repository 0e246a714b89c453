#include "support/vectors.h"

#include <ctype.h>
#include <stdlib.h>

enum { LINE_MAX_LENGTH = 4096 };

static void s_die (const vectors_t *self, const char *what)
{
    fprintf (stderr, "vectors, line %u: %s\n", self->line, what);
    abort ();
}

void vectors_open (vectors_t *self, const char *path)
{
    self->file = fopen (path, "r");
    if (!self->file) {
        perror (path);
        abort ();
    }
}

void vectors_close (vectors_t *self)
{
    fclose (self->file);
    zloom_buffer_clear (&self->bytes);
    *self = (vectors_t){.file = NULL};
}

//  The next line that says something, without its newline. False at the end.
static bool s_read_line (vectors_t *self, char line[LINE_MAX_LENGTH])
{
    while (fgets (line, LINE_MAX_LENGTH, self->file)) {
        self->line++;
        size_t length = strlen (line);
        if (length == 0 || line[length - 1] != '\n')
            s_die (self, "the line is too long, or the last has no newline");
        line[length - 1] = 0;
        if (line[0] && line[0] != '#')
            return true;
    }
    return false;
}

//  Append the bytes of a line: hexadecimal pairs, each with an optional count.
static void s_read_bytes (vectors_t *self, const char *at)
{
    if (strcmp (at, "none") == 0)
        return;
    while (*at) {
        char *end;
        unsigned long byte = strtoul (at, &end, 16), count = 1;
        if (end != at + 2 || byte > 0xff)
            s_die (self, "not two hexadecimal digits");
        if (*end == '*')
            count = strtoul (end + 1, &end, 10);
        for (uint8_t value = (uint8_t) byte; count; count--)
            zloom_buffer_append (&self->bytes, &value, 1);
        at = end + strspn (end, " ");
    }
}

bool vectors_next (vectors_t *self, vector_t *ret_vector)
{
    char line[LINE_MAX_LENGTH];
    if (!s_read_line (self, line))
        return false;
    if (!strchr ("yni", line[0]) || line[1] != ' ')
        s_die (self, "a vector begins with y, n or i and a description");
    *ret_vector = (vector_t){.line = self->line, .mark = line[0]};
    snprintf (self->description, sizeof self->description, "%.250s", line + 2);

    zloom_buffer_reset (&self->bytes);
    while (!ret_vector->verdict) {
        if (!s_read_line (self, line) || line[0] != ' ')
            s_die (self, "a vector ends in =, ~ or ! and what is expected");
        const char *text = line + strspn (line, " ");
        if (strchr ("=~!", *text)) {
            ret_vector->verdict = *text;
            snprintf (self->expected, sizeof self->expected, "%s", text + 2);
        } else
            s_read_bytes (self, text);
    }
    if ((ret_vector->mark == 'n') != (ret_vector->verdict == '!') && ret_vector->mark != 'i')
        s_die (self, "a vector that is accepted has a meaning, and no other has");
    ret_vector->description = self->description;
    ret_vector->expected = self->expected;
    ret_vector->bytes = zloom_buffer_bytes (&self->bytes);
    return true;
}
