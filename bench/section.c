#include "section.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "process.h"

static size_t s_size (const section_t *self)
{
    return self->rounds * self->contenders * self->measure_count * sizeof *self->results;
}

//  Why a section's process ended, as an exit code; 0 = it was through.
static int s_verdict (const section_t *self, int status)
{
    if (WIFEXITED (status))
        return WEXITSTATUS (status);
    const char *why =
        WTERMSIG (status) == SIGALRM ? "it hung, and was ended" : "its process was killed";
    fprintf (stderr, "bench: %s: %s\n", self->name, why);
    return 1;
}

//  Wait for the section's process, or for a signal that is to end all of them.
static int s_wait (const section_t *self, pid_t process, const sigset_t *signals)
{
    for (;;) {
        int status, number = sigwaitinfo (signals, NULL);
        if (number != SIGCHLD) {
            kill (-process, SIGKILL);
            return 128 + number;
        }
        //  It may have been another, whose parent is gone.
        pid_t ended = waitpid (process, &status, WNOHANG);
        if (ended < 0)
            fail_errno ("waitpid");
        if (ended == process)
            return s_verdict (self, status);
    }
}

//  Nobody outlives a section: what it started is of its group, and becomes a
//  child of this process when it loses its parent. Waits for a second at most.
static void s_sweep (pid_t group)
{
    const struct timespec pause = {.tv_nsec = 1000000}, none = {0};
    kill (-group, SIGKILL);
    for (unsigned pauses = 0; pauses < 1000;) {
        pid_t ended = waitpid (-1, NULL, WNOHANG);
        if (ended < 0)
            break;
        if (ended == 0 && ++pauses)
            nanosleep (&pause, NULL);
    }
    sigset_t deaths;
    sigemptyset (&deaths);
    sigaddset (&deaths, SIGCHLD);
    sigtimedwait (&deaths, NULL, &none);
}

int section_run (section_t *self)
{
    self->results = (double *) mmap (NULL, s_size (self), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->results == MAP_FAILED)
        fail_errno ("mmap");

    //  They stay blocked, so that one that comes between two sections is seen
    //  by the second.
    sigset_t signals;
    sigemptyset (&signals);
    sigaddset (&signals, SIGCHLD);
    sigaddset (&signals, SIGINT);
    sigaddset (&signals, SIGTERM);
    sigprocmask (SIG_BLOCK, &signals, NULL);

    prctl (PR_SET_CHILD_SUBREAPER, 1);
    pid_t process = process_fork ();
    if (process == 0) {
        setpgid (0, 0);
        sigprocmask (SIG_UNBLOCK, &signals, NULL);
        self->live (self);
        _exit (0);
    }
    setpgid (process, process);  //  Whoever of the two is first
    int exit_code = s_wait (self, process, &signals);
    s_sweep (process);
    return exit_code;
}

double *section_values (const section_t *self, size_t contender, unsigned round)
{
    return &self->results[(round * self->contenders + contender) * self->measure_count];
}

void section_clear (section_t *self)
{
    if (self->results)
        munmap (self->results, s_size (self));
    self->results = NULL;
}
