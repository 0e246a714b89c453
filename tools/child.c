#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stop.h"

//  How much of stderr is kept: the end, which says what went wrong.
enum { ERRORS_KEPT = 2048 };

//  A pipe whose end at `ours` (0 reads, 1 writes) does not block us.
static bool s_pipe (int ends[2], int ours)
{
    if (pipe2 (ends, O_CLOEXEC) == -1)
        return false;
    fcntl (ends[ours], F_SETFL, O_NONBLOCK);
    return true;
}

static void s_close (int *fd)
{
    if (*fd != -1)
        close (*fd);
    *fd = -1;
}

static int s_spawn (child_t *self, char *const *words, const int theirs[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init (&actions);
    posix_spawnattr_init (&attributes);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_adddup2 (&actions, theirs[fd], fd);
    int error = stop_spare_child (&attributes);
    posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                               | POSIX_SPAWN_SETSIGDEF);
    if (!error)
        error = posix_spawnp (&self->group, words[0], &actions, &attributes, words, environ);
    if (error)
        self->group = 0;
    posix_spawn_file_actions_destroy (&actions);
    posix_spawnattr_destroy (&attributes);
    return error;
}

zloom_code_t child_start (child_t *self, char *const *words, zloom_buffer_t *input, size_t most,
                          zloom_error_t *reterr)
{
    *self = (child_t){.process = -1, .in = -1, .out = -1, .err = -1, .input = *input, .most = most};
    *input = (zloom_buffer_t){0};
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    int error = s_pipe (in, 1) && s_pipe (out, 0) && s_pipe (err, 0) ? 0 : errno;
    self->in = in[1];
    self->out = out[0];
    self->err = err[0];
    const int theirs[] = {in[0], out[1], err[1]};
    if (!error)
        error = s_spawn (self, words, theirs);
    if (!error && (self->process = pidfd_open (self->group, 0)) == -1) {
        error = errno;
        child_kill (self);
        waitpid (self->group, NULL, 0);
    }
    s_close (&in[0]);
    s_close (&out[1]);
    s_close (&err[1]);
    if (!error)
        return ZLOOM_OK;
    bool is_full = error == EMFILE || error == ENFILE;
    return zloom_error_set (reterr, is_full ? ZLOOM_REASON_DESCRIPTORS : ZLOOM_REASON_SYSTEM,
                            "cannot run '%.80s': %s", words[0], strerror (error));
}

void child_polls (const child_t *self, struct pollfd *ret_polls)
{
    ret_polls[0] = (struct pollfd){self->in, POLLOUT, 0};
    ret_polls[1] = (struct pollfd){self->out, POLLIN, 0};
    ret_polls[2] = (struct pollfd){self->err, POLLIN, 0};
    ret_polls[3] = (struct pollfd){self->process, POLLIN, 0};
}

//  Write on; a command that does not read its input to the end is no error.
static void s_write (child_t *self)
{
    ssize_t wrote =
        write (self->in, self->input.data + self->written, self->input.size - self->written);
    if (wrote > 0)
        self->written += (size_t) wrote;
    bool is_over = wrote == -1 && errno != EAGAIN && errno != EINTR;
    if (is_over || self->written == self->input.size)
        s_close (&self->in);
}

//  Read once. False: there will be no more.
static bool s_read (int fd, zloom_buffer_t *buffer)
{
    char piece[16384];
    ssize_t got = read (fd, piece, sizeof piece);
    if (got > 0)
        return zloom_buffer_append (buffer, piece, (size_t) got);
    return got == -1 && (errno == EAGAIN || errno == EINTR);
}

static void s_keep_tail (zloom_buffer_t *buffer)
{
    if (buffer->size <= ERRORS_KEPT)
        return;
    memmove (buffer->data, buffer->data + buffer->size - ERRORS_KEPT, ERRORS_KEPT);
    buffer->size = ERRORS_KEPT;
}

//  Without waiting: poll said that it has ended.
static void s_reap (child_t *self)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid (P_PIDFD, (id_t) self->process, &info, WEXITED | WNOHANG) == -1 || info.si_pid == 0)
        return;
    self->status = info.si_status;
    self->was_killed = info.si_code != CLD_EXITED;
    s_close (&self->process);
    s_close (&self->in);
}

void child_move (child_t *self, const struct pollfd *polls)
{
    if (polls[0].revents && self->in != -1)
        s_write (self);
    if (polls[1].revents && self->out != -1 && !s_read (self->out, &self->output))
        s_close (&self->out);
    if (polls[2].revents && self->err != -1 && !s_read (self->err, &self->errors))
        s_close (&self->err);
    if (polls[3].revents && self->process != -1)
        s_reap (self);
    s_keep_tail (&self->errors);
    if (self->output.size > self->most && !self->is_too_long) {
        self->is_too_long = true;
        s_close (&self->out);
        child_kill (self);
    }
}

bool child_is_done (const child_t *self)
{
    return self->process == -1 && self->out == -1 && self->err == -1;
}

void child_kill (const child_t *self)
{
    if (self->group > 0)
        kill (-self->group, SIGKILL);
}

void child_close (child_t *self)
{
    s_close (&self->process);
    s_close (&self->in);
    s_close (&self->out);
    s_close (&self->err);
    zloom_buffer_clear (&self->input);
    zloom_buffer_clear (&self->output);
    zloom_buffer_clear (&self->errors);
}
