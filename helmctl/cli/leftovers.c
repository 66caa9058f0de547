/*
 * The handler asks the kernel alone (openat, getdents64, unlinkat): a signal may come in the midst of malloc.
 */
#include "helmctl/cli/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/fs.h"

enum { PATHS = 8, DEEPEST = 16 };

static struct {
    char path[PATH_MAX];
    volatile sig_atomic_t used;
} paths[PATHS];

/* As getdents64(2) writes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static void take_away(int dir, const char *name, int depth)
{
    _Alignas(struct entry) char piece[1024];
    if (unlinkat(dir, name, 0) == 0 || depth == DEEPEST)
        return;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    for (long n; (n = syscall(SYS_getdents64, fd, piece, sizeof(piece))) > 0;)
        for (long at = 0; at < n;) {
            const struct entry *e = (const void *)(piece + at);
            if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
                take_away(fd, e->name, depth + 1);
            at += e->length;
        }
    (void)close(fd);
    (void)unlinkat(dir, name, AT_REMOVEDIR);
}

/* SA_RESETHAND: the second one ends the process as if nobody had listened. */
static void on_signal(int sig)
{
    for (size_t i = 0; i < PATHS; i++)
        if (paths[i].used)
            take_away(AT_FDCWD, paths[i].path, 0);
    (void)raise(sig);
}

static void listen_to(int sig)
{
    struct sigaction had, sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
    if (sigaction(sig, NULL, &had) == 0 && had.sa_handler == SIG_DFL)
        (void)sigaction(sig, &sa, NULL);
}

int hc_cli_leave_nothing(const char *path)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    size_t n = strlen(path);
    for (int i = 0; i < PATHS && n < sizeof(paths[0].path); i++) {
        if (paths[i].used)
            continue;
        memcpy(paths[i].path, path, n + 1);
        paths[i].used = 1;
        for (size_t k = 0; k < HC_LEN(signals); k++)
            listen_to(signals[k]);
        return i;
    }
    return -1;
}

void hc_cli_leave(int number)
{
    if (number >= 0)
        paths[number].used = 0;
}

enum hc_rc hc_cli_lock_folder(const char *path, int *out_lock, struct hc_err *err)
{
    struct stat st;
    *out_lock = -1;
    if (mkdir(path, 0700) < 0)
        return hc_fail_errno(err, "make a temporary folder", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* a file system without locks has no sweeps either */
    if (fd >= 0)
        (void)flock(fd, LOCK_EX);
    if (fd < 0 || fstat(fd, &st) < 0 || access(path, F_OK) < 0) {
        if (fd >= 0)
            close(fd);
        return hc_fail(err, HC_E_CONFLICT, "the temporary folder '%s' went away", path);
    }
    *out_lock = fd;
    return HC_OK;
}

void hc_cli_sweep(const char *parent, const char *prefix)
{
    DIR *d = opendir(parent);
    struct stat st;
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[PATH_MAX];
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
            snprintf(path, sizeof(path), "%s/%s", parent, e->d_name) >= (int)sizeof(path))
            continue;
        HC_AUTO(hc_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)hc_remove_tree(path, NULL);
    }
    if (d)
        closedir(d);
}
