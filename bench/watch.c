#include "watch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *volatile s_turn;

//  For signal handlers.
static void s_say (const char *text)
{
    ssize_t written = write (STDERR_FILENO, text, strlen (text));
    (void) written;
}

static void s_on_death (int number)
{
    (void) number;
    s_say ("bench: a process ended too early, in the turn of ");
    s_say (s_turn);
    s_say ("\n");
    _exit (1);
}

//  Whoever waits for this process learns from the signal that it hung.
static void s_on_alarm (int number)
{
    s_say ("bench: there was no end to the turn of ");
    s_say (s_turn);
    s_say ("\n");
    signal (number, SIG_DFL);
    raise (number);
}

void watch_begin (void)
{
    signal (SIGCHLD, s_on_death);
    signal (SIGALRM, s_on_alarm);
}

void watch_end (void)
{
    signal (SIGCHLD, SIG_DFL);
}

void watch_for (const char *name, unsigned seconds)
{
    s_turn = name;
    alarm (seconds);
}
