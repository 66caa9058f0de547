/*
 * measure RUNS COMMAND [ARG...]: runs it RUNS times with its output thrown away and prints one line: median wall and CPU
 * time of a run in microseconds, largest RSS in KiB, exit code of the last one.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static int by_size(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
    enum { MOST = 1000 };
    static int64_t wall[MOST], cpu[MOST];
    long runs = argc > 2 ? strtol(argv[1], NULL, 10) : 0, rss = 0;
    int status = 0;
    if (runs < 1 || runs > MOST) {
        fputs("usage: measure RUNS COMMAND [ARG...]\n", stderr);
        return 2;
    }
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    for (long i = 0; i < runs; i++) {
        struct rusage u;
        pid_t pid;
        int64_t from = now_us();
        if (posix_spawnp(&pid, argv[2], &quiet, NULL, argv + 2, environ) != 0) {
            fprintf(stderr, "cannot start %s\n", argv[2]);
            return 2;
        }
        if (wait4(pid, &status, 0, &u) < 0)
            return 2;
        wall[i] = now_us() - from;
        cpu[i] = us(u.ru_utime) + us(u.ru_stime);
        rss = u.ru_maxrss > rss ? u.ru_maxrss : rss;
    }
    qsort(wall, (size_t)runs, sizeof(*wall), by_size);
    qsort(cpu, (size_t)runs, sizeof(*cpu), by_size);
    printf("%lld %lld %ld %d\n", (long long)wall[runs / 2], (long long)cpu[runs / 2], rss,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    return 0;
}
