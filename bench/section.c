#include "section.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
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

//  Wait for the section's process, or for a signal that is to end both.
static int s_wait (const section_t *self, pid_t process, const sigset_t *signals)
{
    int number = sigwaitinfo (signals, NULL);
    if (number != SIGCHLD)
        kill (process, SIGKILL);
    int status;
    if (waitpid (process, &status, 0) < 0)
        fail_errno ("waitpid");
    return number == SIGCHLD ? s_verdict (self, status) : 128 + number;
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

    pid_t process = process_fork ();
    if (process == 0) {
        sigprocmask (SIG_UNBLOCK, &signals, NULL);
        self->live (self);
        _exit (0);
    }
    return s_wait (self, process, &signals);
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
