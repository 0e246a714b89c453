//  split - cuts a command into words, as a shell would, and does no more
//
//  Blanks part words; '...' and "..." keep them; a backslash keeps the next
//  character. Nothing is expanded, so nothing that a caller sends is ever
//  looked at.
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_SPLIT_H
#define ZLOOM_TOOLS_SPLIT_H

//  The words of a command, NULL-terminated, in one piece of memory that the
//  caller gives back with zloom_free. NULL: a quote is never closed, there is
//  no word, or no memory; *ret_flaw says which.
char **split_words (const char *command, const char **ret_flaw);

#endif
