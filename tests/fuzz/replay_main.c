//  replay - gives the files of some folders to a fuzz target, without a fuzzer
//
//  Linked with each fuzz_*.c, this turns a target into a test: every input
//  that is kept, and the empty one, must pass as it did when it was kept. Each
//  comes in memory of exactly its size, so that a sanitizer sees a read too far.

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void s_die (const char *path)
{
    perror (path);
    exit (1);
}

static void s_replay_file (const char *path, size_t size)
{
    FILE *file = fopen (path, "rb");
    uint8_t *data = (uint8_t *) malloc (size ? size : 1);
    if (!file || !data || fread (data, 1, size, file) != size)
        s_die (path);
    fclose (file);
    LLVMFuzzerTestOneInput (data, size);
    free (data);
}

//  Returns how many files there were.
static unsigned s_replay_folder (const char *folder)
{
    DIR *entries = opendir (folder);
    if (!entries)
        s_die (folder);
    unsigned count = 0;
    struct dirent *entry;
    while ((entry = readdir (entries))) {
        char path[4096];
        struct stat about;
        snprintf (path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat (path, &about) == 0 && S_ISREG (about.st_mode)) {
            s_replay_file (path, (size_t) about.st_size);
            count++;
        }
    }
    closedir (entries);
    return count;
}

int main (int argc, char **argv)
{
    LLVMFuzzerTestOneInput (NULL, 0);
    unsigned count = 1;
    for (int i = 1; i < argc; i++)
        count += s_replay_folder (argv[i]);
    printf ("%u inputs\n", count);
    return 0;
}
