#include "split.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

static bool s_is_blank (char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

//  Copy one word without its quotes to `to`; returns what follows it in the
//  command, or NULL for a quote that is never closed. *to_p is left behind it.
static const char *s_copy_word (const char *from, char **to_p)
{
    char quote = 0;
    for (; *from && (quote || !s_is_blank (*from)); from++) {
        if (!quote && (*from == '\'' || *from == '"'))
            quote = *from;
        else if (quote && *from == quote)
            quote = 0;
        else {
            if (*from == '\\' && quote != '\'' && from[1])
                from++;
            *(*to_p)++ = *from;
        }
    }
    *(*to_p)++ = 0;
    return quote ? NULL : from;
}

char **split_words (const char *command, const char **ret_flaw)
{
    //  As many words as every other character at most, then their text.
    size_t length = strlen (command), most = length / 2 + 2;
    char **words = (char **) zloom_alloc (most * sizeof *words + length + most);
    *ret_flaw = words ? NULL : "out of memory";
    if (!words)
        return NULL;
    char *to = (char *) (words + most);
    size_t count = 0;
    while (*command && !*ret_flaw) {
        if (s_is_blank (*command)) {
            command++;
            continue;
        }
        words[count++] = to;
        command = s_copy_word (command, &to);
        if (!command) {
            *ret_flaw = "a quote is never closed";
            command = "";
        }
    }
    if (!*ret_flaw && count == 0)
        *ret_flaw = "there is no command";
    if (*ret_flaw) {
        zloom_free (words);
        return NULL;
    }
    return words;
}
