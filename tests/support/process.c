#include "support/process.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

pid_t process_fork (void)
{
    fflush (NULL);
    pid_t child = fork ();
    if (child == 0)
        prctl (PR_SET_PDEATHSIG, SIGKILL);
    return child;
}

int process_wait (pid_t pid)
{
    int status = 0;
    waitpid (pid, &status, 0);
    return WIFSIGNALED (status) ? -WTERMSIG (status) : WEXITSTATUS (status);
}

int process_end (pid_t pid, int signal)
{
    kill (pid, signal);
    return process_wait (pid);
}

size_t process_resident_kib (pid_t pid)
{
    char path[64], line[256];
    snprintf (path, sizeof path, "/proc/%d/status", (int) pid);
    size_t kib = 0;
    FILE *file = fopen (path, "r");
    while (file && kib == 0 && fgets (line, sizeof line, file))
        if (sscanf (line, "VmRSS: %zu", &kib) != 1)
            kib = 0;
    if (file)
        fclose (file);
    return kib;
}

unsigned process_descriptors (pid_t pid)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/%d/fd", (int) pid);
    unsigned count = 0;
    DIR *folder = opendir (path);
    const struct dirent *entry;
    while (folder && (entry = readdir (folder)))
        count += entry->d_name[0] != '.';
    if (folder)
        closedir (folder);
    return count;
}

zloom_time_t process_busy (pid_t pid)
{
    clockid_t clock;
    struct timespec spent = {0, 0};
    if (clock_getcpuclockid (pid, &clock) == 0)
        clock_gettime (clock, &spent);
    return spent.tv_sec * ZLOOM_SEC + spent.tv_nsec;
}

void process_allow_descriptors (unsigned most)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit) == -1)
        return;
    limit.rlim_cur = most && most < limit.rlim_max ? most : limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
}

unsigned process_descriptors_allowed (void)
{
    struct rlimit limit = {0, 0};
    getrlimit (RLIMIT_NOFILE, &limit);
    return (unsigned) (limit.rlim_cur < 1000000 ? limit.rlim_cur : 1000000);
}
