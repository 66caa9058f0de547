/*
 * measure ROUNDS TIMES COMMAND [ARG...] [-- TIMES COMMAND [ARG...]]...
 *
 * Runs the commands with their output thrown away, ROUNDS rounds, in each round every command TIMES times, so that a
 * busy moment of the machine meets all of them. Prints a line per command: median wall and CPU time of a run in
 * microseconds, median peak RSS in KiB, exit code of the last run.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { MOST_RUNS = 4000, MOST_COMMANDS = 8 };

struct command {
    char **argv;
    long times, n;
    int status;
    int64_t wall[MOST_RUNS], cpu[MOST_RUNS], rss[MOST_RUNS];
};

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

static long long median(int64_t *v, long n)
{
    qsort(v, (size_t)n, sizeof(*v), by_size);
    return (long long)v[n / 2];
}

static int run(struct command *c, const posix_spawn_file_actions_t *quiet)
{
    struct rusage u;
    pid_t pid;
    int64_t from = now_us();
    if (posix_spawnp(&pid, c->argv[0], quiet, NULL, c->argv, environ) != 0) {
        fprintf(stderr, "cannot start %s\n", c->argv[0]);
        return -1;
    }
    if (wait4(pid, &c->status, 0, &u) < 0)
        return -1;
    c->wall[c->n] = now_us() - from;
    c->cpu[c->n] = us(u.ru_utime) + us(u.ru_stime);
    c->rss[c->n++] = u.ru_maxrss;
    return 0;
}

int main(int argc, char **argv)
{
    static struct command commands[MOST_COMMANDS];
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    int n = 0;
    for (int i = 2; i < argc && n < MOST_COMMANDS; n++) {
        commands[n].times = strtol(argv[i++], NULL, 10);
        commands[n].argv = argv + i;
        while (i < argc && strcmp(argv[i], "--") != 0)
            i++;
        if (commands[n].argv == argv + i || commands[n].times < 1 || rounds * commands[n].times > MOST_RUNS)
            n = MOST_COMMANDS; /* refused below */
        if (i < argc)
            argv[i++] = NULL;
    }
    if (rounds < 1 || n < 1 || n > MOST_COMMANDS) {
        fputs("usage: measure ROUNDS TIMES COMMAND [ARG...] [-- TIMES COMMAND [ARG...]]...\n", stderr);
        return 2;
    }
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    for (long r = 0; r < rounds; r++)
        for (int i = 0; i < n; i++)
            for (long k = 0; k < commands[i].times; k++)
                if (run(&commands[i], &quiet) < 0)
                    return 2;
    for (int i = 0; i < n; i++) {
        struct command *c = &commands[i];
        printf("%lld %lld %lld %d\n", median(c->wall, c->n), median(c->cpu, c->n), median(c->rss, c->n),
               WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 128);
    }
    return 0;
}
