/*
 * One poll over stdin, stdout, stderr and the process itself, so that neither side can block the other. Signals are
 * blocked but while it waits.
 */
#include "core/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"

enum { IN, OUT, ERR, PROC, FDS };

struct running {
    const struct hc_child *c;
    struct hc_buf *out;
    struct hc_child_end *end;
    struct pollfd fds[FDS];
    pid_t pid;
    size_t written, said;
    bool reaped;
    int status;
};

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
    caught = sig;
}

static void close_fd(struct pollfd *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static bool piped(const struct running *r, int i)
{
    return i == OUT || !r->c->talks;
}

/* The ends that are the child's, or all. */
static void close_pipes(const int pipes[3][2], bool all)
{
    for (int i = 0; i < 3; i++)
        for (int side = 0; side < 2; side++)
            if (pipes[i][side] >= 0 && (all || side == (i == IN ? 0 : 1)))
                close(pipes[i][side]);
}

static int spawn(struct running *r, const int pipes[3][2], const sigset_t *mask)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    for (int i = 0; i < 3; i++)
        if (piped(r, i))
            posix_spawn_file_actions_adddup2(&actions, pipes[i][i == IN ? 0 : 1], i);
    if (!r->c->talks) {
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        sigaddset(&defaults, SIGXFSZ);
        sigaddset(&defaults, SIGINT);
        sigaddset(&defaults, SIGTERM);
        posix_spawnattr_setsigdefault(&attr, &defaults);
        posix_spawnattr_setsigmask(&attr, mask);
        posix_spawnattr_setpgroup(&attr, 0);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    int failed = posix_spawnp(&r->pid, r->c->argv[0], &actions, &attr, r->c->argv, r->c->env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return failed;
}

static int start(struct running *r, const sigset_t *mask)
{
    int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    for (int i = 0; i < 3; i++)
        if (piped(r, i) && pipe2(pipes[i], O_CLOEXEC) != 0) {
            int failed = errno;
            close_pipes(pipes, true);
            return failed;
        }
    int failed = spawn(r, pipes, mask);
    close_pipes(pipes, false);
    for (int i = 0; i < 3; i++)
        if (piped(r, i)) {
            r->fds[i] = (struct pollfd){ .fd = pipes[i][i == IN ? 1 : 0], .events = i == IN ? POLLOUT : POLLIN };
            (void)fcntl(r->fds[i].fd, F_SETFL, O_NONBLOCK);
        }
    r->fds[PROC] = (struct pollfd){ .fd = failed ? -1 : pidfd_open(r->pid, 0), .events = POLLIN };
    return failed;
}

static void feed(struct running *r)
{
    hc_str rest = hc_str_sub(r->c->input, r->written, r->c->input.n);
    ssize_t n = rest.n ? write(r->fds[IN].fd, rest.p, rest.n) : 0;
    if (n > 0)
        r->written += (size_t)n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 || r->written == r->c->input.n)
        close_fd(&r->fds[IN]);
}

/* False: more than it may print. */
static bool take_output(struct running *r)
{
    char *room = hc_buf_room(r->out, 65536);
    ssize_t n = room ? read(r->fds[OUT].fd, room, 65536) : -1;
    if (!room)
        return false;
    if (n > 0)
        r->out->n += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&r->fds[OUT]);
    return r->out->n <= r->c->max_bytes;
}

static void take_words(struct running *r)
{
    char piece[4096];
    ssize_t n = read(r->fds[ERR].fd, piece, sizeof(piece));
    if (n > 0) {
        size_t fits = HC_MIN((size_t)n, sizeof(r->end->said) - 1 - r->said);
        memcpy(r->end->said + r->said, piece, fits);
        r->said += fits;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(&r->fds[ERR]);
    }
}

static bool reap(struct running *r, int flags)
{
    pid_t got;
    do
        got = waitpid(r->pid, &r->status, flags);
    while (got < 0 && errno == EINTR);
    r->reaped = r->reaped || got == r->pid;
    return r->reaped;
}

static enum hc_rc wait_for_it(struct running *r, const sigset_t *mask, struct hc_err *err)
{
    int64_t deadline = hc_mono_ms() + r->c->deadline_ms;
    while (!r->reaped || r->fds[OUT].fd >= 0 || r->fds[ERR].fd >= 0) {
        int64_t left = deadline - hc_mono_ms();
        if (left <= 0) {
            r->end->late = true;
            return hc_fail(err, HC_E_LIMIT, "no end within %" PRId64 " s", r->c->deadline_ms / 1000);
        }
        const struct timespec t = { .tv_sec = left / 1000, .tv_nsec = (left % 1000) * 1000000 };
        int n = ppoll(r->fds, FDS, &t, mask);
        if (caught && !r->c->talks)
            return hc_fail(err, HC_E_AGAIN, "interrupted");
        if (n < 0 && errno != EINTR)
            return hc_fail_errno(err, "wait for", r->c->argv[0]);
        if (n <= 0)
            continue;
        if (r->fds[IN].fd >= 0 && r->fds[IN].revents)
            feed(r);
        if (r->fds[OUT].fd >= 0 && r->fds[OUT].revents && !take_output(r))
            return hc_fail(err, HC_E_LIMIT, "more than %zu bytes of output", r->c->max_bytes);
        if (r->fds[ERR].fd >= 0 && r->fds[ERR].revents)
            take_words(r);
        if (r->fds[PROC].fd >= 0 && r->fds[PROC].revents && reap(r, WNOHANG))
            close_fd(&r->fds[PROC]);
    }
    return HC_OK;
}

static void finish(struct running *r)
{
    for (int i = 0; i < FDS; i++)
        close_fd(&r->fds[i]);
    if (!r->reaped) {
        (void)kill(r->c->talks ? r->pid : -r->pid, SIGKILL);
        (void)reap(r, 0);
    }
    r->end->exit_code = WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1;
    r->end->signal = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;
    hc_str said = hc_str_trim(hc_str_n(r->end->said, r->said));
    memmove(r->end->said, said.p, said.n);
    r->end->said[said.n] = 0;
}

static enum hc_rc run(struct running *r, const sigset_t *mask, const sigset_t *waiting, struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    *r->end = (struct hc_child_end){ .exit_code = -1 };
    for (int i = 0; i < FDS; i++)
        r->fds[i].fd = -1;
    r->end->start_errno = start(r, mask);
    if (!r->end->start_errno) {
        rc = wait_for_it(r, waiting, err);
        finish(r);
    }
    for (int i = 0; i < FDS; i++)
        close_fd(&r->fds[i]);
    return rc;
}

enum hc_rc hc_child_run(const struct hc_child *c, struct hc_buf *out, struct hc_child_end *end, struct hc_err *err)
{
    struct running r = { .c = c, .out = out, .end = end };
    struct sigaction handler = { .sa_handler = on_signal }, old_int, old_term;
    sigset_t blocked, mask;
    if (c->talks)
        return run(&r, NULL, NULL, err);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGPIPE);
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    sigdelset(&mask, SIGINT);
    sigdelset(&mask, SIGTERM);
    caught = 0;
    sigaction(SIGINT, &handler, &old_int);
    sigaction(SIGTERM, &handler, &old_term);
    sigset_t waiting = mask;
    sigaddset(&waiting, SIGPIPE);
    enum hc_rc rc = run(&r, &mask, &waiting, err);
    const struct timespec now = { 0, 0 };
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    (void)sigtimedwait(&pipe_only, NULL, &now); /* what a reader that left early sent us */
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (caught)
        (void)raise(caught);
    return rc;
}

const char *hc_child_find(struct hc_arena *a, const char *name)
{
    if (strchr(name, '/'))
        return name;
    hc_str rest = hc_str_of(getenv("PATH")), dir;
    while (hc_str_split(&rest, ':', &dir)) {
        if (!dir.n)
            continue; /* the current folder: Go's exec refuses it */
        const char *path = hc_arena_printf(a, "%.*s/%s", HC_P(dir), name).p;
        if (path && access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}
