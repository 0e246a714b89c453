//  vectors - reads the files of tests/vectors
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_VECTORS_H
#define ZLOOM_TESTS_SUPPORT_VECTORS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

//  One vector. What it points to stays until the next one is read.
typedef struct vector {
    unsigned line;  //  Of the file, where it begins
    char mark;      //  'y', 'n' or 'i'
    char verdict;   //  '=', '~' or '!'
    const char *description;
    zloom_bytes_t bytes;
    const char *expected;  //  What follows the verdict
} vector_t;

//  A file that is being read; zero-initialise it.
typedef struct vectors {
    FILE *file;
    unsigned line;
    char description[256];
    char expected[4096];
    zloom_buffer_t bytes;
} vectors_t;

//  Open a file. Ends the program where that fails, or later where what is in
//  it is not as tests/vectors/README.md has it.
void vectors_open (vectors_t *self, const char *path);

//  Read the next vector; false after the last.
bool vectors_next (vectors_t *self, vector_t *ret_vector);

void vectors_close (vectors_t *self);

#endif
