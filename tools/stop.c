#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "report.h"

static int s_descriptor = -1;
static int s_first_signal;
static int s_signals;

static sigset_t s_watched (void)
{
    sigset_t signals;
    sigemptyset (&signals);
    sigaddset (&signals, SIGINT);
    sigaddset (&signals, SIGTERM);
    return signals;
}

int stop_open (void)
{
    sigset_t signals = s_watched ();
    sigprocmask (SIG_BLOCK, &signals, NULL);
    s_descriptor = signalfd (-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s_descriptor < 0)
        report (EXIT_IO, NULL, "cannot watch for signals: %s", strerror (errno));
    return s_descriptor;
}

stop_wish_t stop_wish (void)
{
    struct signalfd_siginfo info;
    while (s_descriptor >= 0 && read (s_descriptor, &info, sizeof info) == sizeof info) {
        if (s_signals++ == 0)
            s_first_signal = (int) info.ssi_signo;
    }
    return s_signals == 0 ? STOP_NO : s_signals == 1 ? STOP_DRAIN : STOP_QUIT;
}

void stop_close (void)
{
    sigset_t signals = s_watched ();
    stop_wish ();  //  What has come by now is not to strike again
    sigprocmask (SIG_UNBLOCK, &signals, NULL);
}

int stop_exit_code (int otherwise)
{
    return s_first_signal ? 128 + s_first_signal : otherwise;
}

int stop_spare_child (posix_spawnattr_t *attributes)
{
    sigset_t none, pipe;
    sigemptyset (&none);
    sigemptyset (&pipe);
    sigaddset (&pipe, SIGPIPE);
    int rc = posix_spawnattr_setsigmask (attributes, &none);
    return rc ? rc : posix_spawnattr_setsigdefault (attributes, &pipe);
}
