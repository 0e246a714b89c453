#include "net/readiness_internal.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

bool zloom__readiness_open (zloom__readiness_t *self)
{
    self->epoll = epoll_create1 (EPOLL_CLOEXEC);
    self->timer = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    self->pending = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->is_pending = false;
    if (self->epoll == -1 || self->timer == -1 || self->pending == -1) {
        zloom__readiness_close (self);
        return false;
    }
    zloom__readiness_watch (self, self->timer);
    zloom__readiness_watch (self, self->pending);
    return true;
}

void zloom__readiness_close (zloom__readiness_t *self)
{
    int *const all[] = {&self->epoll, &self->timer, &self->pending};
    for (int i = 0; i < 3; i++)
        if (*all[i] != -1) {
            close (*all[i]);
            *all[i] = -1;
        }
}

void zloom__readiness_watch (zloom__readiness_t *self, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (fd != -1)
        epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void s_set_pending (zloom__readiness_t *self, bool is_pending)
{
    if (is_pending == self->is_pending)
        return;
    uint64_t count = 1;
    ssize_t moved = is_pending ? write (self->pending, &count, sizeof count)
                               : read (self->pending, &count, sizeof count);
    if (moved == sizeof count)
        self->is_pending = is_pending;
}

void zloom__readiness_settle (zloom__readiness_t *self, bool is_pending, zloom_time_t until)
{
    s_set_pending (self, is_pending);
    //  Zero would disarm the timer; a time that has passed makes it readable.
    struct itimerspec at = {{0, 0}, {0, 0}};
    if (until != ZLOOM_NEVER) {
        until = until > 0 ? until : 1;
        at.it_value.tv_sec = (time_t) (until / ZLOOM_SEC);
        at.it_value.tv_nsec = (long) (until % ZLOOM_SEC);
    }
    timerfd_settime (self->timer, TFD_TIMER_ABSTIME, &at, NULL);
}
