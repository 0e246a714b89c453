#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"

pid_t process_fork (void)
{
    fflush (NULL);
    pid_t parent = getpid ();
    pid_t pid = fork ();
    if (pid < 0)
        fail_errno ("fork");
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (getppid () != parent)
            _exit (1);
    }
    return pid;
}

//  What this process has open, and other processes wait for the end of, is not
//  for a new one to keep open.
static void s_keep_only (int one, int other)
{
    unsigned low = (unsigned) (one < other ? one : other);
    unsigned high = (unsigned) (one < other ? other : one);
    close_range (STDERR_FILENO + 1, low - 1, 0);
    close_range (low + 1, high - 1, 0);
    close_range (high + 1, ~0U, 0);
}

process_t process_start (const char *name, process_fn *run, void *context)
{
    int to[2], from[2];
    if (pipe2 (to, O_CLOEXEC) || pipe2 (from, O_CLOEXEC))
        fail_errno ("pipe");
    process_t self = {.name = name, .pid = process_fork (), .input = to[1], .output = from[0]};
    if (self.pid == 0) {
        s_keep_only (to[0], from[1]);
        run (context, to[0], from[1]);
        _exit (0);
    }
    close (to[0]);
    close (from[1]);
    return self;
}

void process_say_ready (int output)
{
    process_write (output, "ready\n", 6);
}

void process_await_ready (const process_t *self)
{
    char line[6];
    process_read (self, line, sizeof line);
    if (memcmp (line, "ready\n", sizeof line) != 0)
        fail ("%s: what was started did not say 'ready'", self->name);
}

void process_read (const process_t *self, void *ret_data, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t more = read (self->output, (char *) ret_data + have, size - have);
        if (more < 0 && errno != EINTR)
            fail_errno (self->name);
        if (more == 0)
            fail ("%s: a process ended too early", self->name);
        have += more > 0 ? (size_t) more : 0;
    }
}

void process_write (int descriptor, const void *data, size_t size)
{
    if (write (descriptor, data, size) != (ssize_t) size)
        fail_errno ("write");
}

static void s_close (int *descriptor_p)
{
    if (*descriptor_p != -1)
        close (*descriptor_p);
    *descriptor_p = -1;
}

static int s_wait (process_t *self)
{
    s_close (&self->input);
    int status;
    while (waitpid (self->pid, &status, 0) < 0)
        if (errno != EINTR)
            fail_errno ("waitpid");
    s_close (&self->output);
    return status;
}

void process_join (process_t *self)
{
    if (s_wait (self) != 0)
        fail ("%s: a process did not end well", self->name);
}

void process_kill (process_t *self)
{
    kill (self->pid, SIGKILL);
    s_wait (self);
}

int64_t process_cpu_ns (pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid (pid, &clock) || clock_gettime (clock, &used))
        fail ("no processor time of process %ld", (long) pid);
    return used.tv_sec * INT64_C (1000000000) + used.tv_nsec;
}

size_t process_resident_bytes (pid_t pid)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/%ld/statm", (long) pid);
    FILE *file = fopen (path, "r");
    unsigned long pages = 0;
    if (!file || fscanf (file, "%*u %lu", &pages) != 1)
        fail ("%s has no resident memory", path);
    fclose (file);
    return pages * (size_t) sysconf (_SC_PAGESIZE);
}

unsigned process_descriptors (pid_t pid)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/%ld/fd", (long) pid);
    DIR *folder = opendir (path);
    if (!folder)
        fail_errno (path);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir (folder));)
        count += entry->d_name[0] != '.';
    closedir (folder);
    return count;
}
