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
    self->alarm_at = ZLOOM_NEVER;
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
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uint64_t) fd}};
    if (fd != -1)
        epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event);
}

void zloom__readiness_unwatch (zloom__readiness_t *self, int fd)
{
    if (fd != -1)
        epoll_ctl (self->epoll, EPOLL_CTL_DEL, fd, NULL);
}

bool zloom__readiness_watch_edges (zloom__readiness_t *self, int fd, uint64_t token)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data = {.u64 = token}};
    return epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
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

//  Zero would turn the timer off; a time that has passed makes it readable.
static void s_set_alarm (zloom__readiness_t *self, zloom_time_t at)
{
    struct itimerspec alarm = {{0, 0}, {0, 0}};
    if (at != ZLOOM_NEVER) {
        zloom_time_t later = at > 0 ? at : 1;
        alarm.it_value.tv_sec = (time_t) (later / ZLOOM_SEC);
        alarm.it_value.tv_nsec = (long) (later % ZLOOM_SEC);
    }
    timerfd_settime (self->timer, TFD_TIMER_ABSTIME, &alarm, NULL);
    self->alarm_at = at;
}

//  The timer has gone off: it is off now.
static void s_take_alarm (zloom__readiness_t *self)
{
    uint64_t count;
    if (read (self->timer, &count, sizeof count) == sizeof count)
        self->alarm_at = ZLOOM_NEVER;
}

static zloom__ready_t s_describe (const struct epoll_event *event)
{
    return (zloom__ready_t){.token = event->data.u64,
                            .is_in = event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR),
                            .is_out = event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR),
                            .has_hung_up = event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)};
}

int zloom__readiness_wait (zloom__readiness_t *self, zloom_time_t now, zloom_time_t until,
                           zloom__ready_t *ret_ready, int most)
{
    enum { AT_ONCE = 64 };
    struct epoll_event events[AT_ONCE];
    bool waits = until > now;
    if (waits && until < self->alarm_at)
        s_set_alarm (self, until);
    int count = epoll_wait (self->epoll, events, most < AT_ONCE ? most : AT_ONCE, waits ? -1 : 0);
    int found = 0;
    for (int i = 0; i < count; i++)
        if (events[i].data.u64 == (uint64_t) self->timer)
            s_take_alarm (self);
        else if (events[i].data.u64 == (uint64_t) self->pending)
            s_set_pending (self, false);  //  Whoever waits here looks for himself
        else
            ret_ready[found++] = s_describe (&events[i]);
    return found;
}

void zloom__readiness_settle (zloom__readiness_t *self, bool is_pending, zloom_time_t until)
{
    s_set_pending (self, is_pending);
    if (until != self->alarm_at)
        s_set_alarm (self, until);
}
