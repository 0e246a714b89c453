//  folder - a private place for ipc sockets, gone after the run
//
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BENCH_FOLDER_H
#define ZLOOM_BENCH_FOLDER_H

enum { FOLDER_PATH_SIZE = 64 };

//  Make a folder that only this user may enter, and write its path.
void folder_make (char ret_path[FOLDER_PATH_SIZE]);

//  Remove the files in it.
void folder_empty (const char *path);

//  Remove it and the files in it.
void folder_remove (const char *path);

#endif
