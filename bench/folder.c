#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"

void folder_make (char ret_path[FOLDER_PATH_SIZE])
{
    //  Short, as the path of a socket must be; mkdtemp gives mode 0700.
    snprintf (ret_path, FOLDER_PATH_SIZE, "/tmp/zloom-bench-XXXXXX");
    if (!mkdtemp (ret_path))
        fail_errno (ret_path);
}

void folder_empty (const char *path)
{
    DIR *folder = opendir (path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir (folder));)
        unlinkat (dirfd (folder), entry->d_name, 0);  //  Not "." and "..": those are no files
    closedir (folder);
}

void folder_remove (const char *path)
{
    folder_empty (path);
    rmdir (path);
}
