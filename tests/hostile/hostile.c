/*
 * hostile HELMCTL (FILE.cases | archives) [WORD]: runs the cases whose name holds WORD. HC_HOSTILE_HELM=PROGRAM compares
 * what is rendered without an error with what that Helm renders; -v in HC_HOSTILE_VERBOSE prints every answer. A case marked
 * `again` costs up to a second and shows what another one shows: it runs when a WORD is given, and with HC_HOSTILE_ALL=1.
 */
#include "tests/hostile/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"

struct outcome {
    int status; /* of wait4 */
    long cpu_ms, peak_kib;
    hc_str out, err;
};

static const char *program;
static char root[] = "/tmp/hostile-XXXXXX";

static void clean(void)
{
    (void)!hc_remove_tree(root, NULL);
}

static HC_NORETURN void die(const char *what, const char *name)
{
    fprintf(stderr, "hostile: %s %s: %s\n", what, name, strerror(errno));
    clean();
    exit(1);
}

/*
 * Texts are made long only here: what this program holds when it forks would count as the case's peak.
 */
static void write_file(const char *folder, const struct hostile_file *f, bool literal)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str name = f->name, body = f->body;
    char path[8192];
    if (!literal && (!hostile_expand(a, f->name, &name) || !hostile_expand(a, f->body, &body)))
        die("a repetition is not closed in", f->name.p);
    snprintf(path, sizeof(path), "%s/%.*s", folder, HC_P(name));
    char *last = strrchr(path, '/');
    *last = '\0';
    if (hc_mkdirs(path, 0700, NULL) != HC_OK)
        die("mkdir", path);
    *last = '/';
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(body.p ? body.p : "", 1, body.n, out) != body.n || fclose(out) != 0)
        die("write", path);
}

static hc_str slurp(struct hc_arena *a, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        die("stat", path);
    /* A bomb that went off is told by its size; nobody reads it. */
    size_t n = HC_MIN((size_t)st.st_size, (size_t)8 << 20);
    char *p = hc_arena_alloc(a, n + 1, 1);
    FILE *f = fopen(path, "rb");
    if (!p || !f || fread(p, 1, n, f) != n)
        die("read", path);
    fclose(f);
    return hc_str_n(p, n);
}

static void child(const char *const *argv, const char *folder)
{
    char out[4200], err[4200];
    snprintf(out, sizeof(out), "%s/stdout", folder);
    snprintf(err, sizeof(err), "%s/stderr", folder);
    int null = open("/dev/null", O_RDONLY);
    int o = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), e = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (null < 0 || o < 0 || e < 0 || dup2(null, 0) < 0 || dup2(o, 1) < 0 || dup2(e, 2) < 0 || chdir(folder) < 0)
        _exit(126);
    /* What keeps this machine alive when a case shows a fault; the figures asked for are far below. */
    setrlimit(RLIMIT_CPU, &(struct rlimit){ 4, 4 });
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 512u << 20, 512u << 20 });
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static struct outcome run(struct hc_arena *a, const char *const *argv, const char *folder)
{
    struct outcome o = { 0 };
    struct rusage u;
    char path[4200];
    malloc_trim(0); /* what this process holds is where the child's peak begins */
    pid_t pid = fork();
    if (pid == 0)
        child(argv, folder);
    if (pid < 0 || wait4(pid, &o.status, 0, &u) != pid)
        die("run", argv[0]);
    o.cpu_ms = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
    o.peak_kib = u.ru_maxrss;
    snprintf(path, sizeof(path), "%s/stdout", folder);
    o.out = slurp(a, path);
    snprintf(path, sizeof(path), "%s/stderr", folder);
    o.err = slurp(a, path);
    return o;
}

static const char **arguments(struct hc_arena *a, const struct hostile_case *c, const char *prog,
                              const char *folder)
{
    static const char *const usual[] = { "template", "c", "@/c" };
    static const char *const packed[] = { "template", "c", "@/c.tgz" };
    const char *const *args = c->args_n ? c->args : c->archive ? packed : usual;
    size_t n = c->args_n ? c->args_n : HC_LEN(usual);
    const char **argv = HC_NEW_N(a, const char *, n + 2);
    if (!argv)
        die("memory", "");
    argv[0] = prog;
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(args[i], '@');
        hc_str all = hc_str_of(args[i]), before = hc_str_sub(all, 0, at ? (size_t)(at - args[i]) : all.n);
        hc_str parts[] = { before, hc_str_of(at ? folder : ""), hc_str_of(at ? at + 1 : "") };
        argv[i + 1] = hc_arena_cat(a, HC_LEN(parts), parts).p;
    }
    return argv;
}

static void make(const struct hostile_case *c, const char *folder)
{
#define META "apiVersion: v2\nname: c\nversion: 1.0.0\n"
    static const struct hostile_file charts[] = {
        { HC_S("c/Chart.yaml"), HC_S(META) },
        { HC_S("c/Chart.yaml"), HC_S(META "annotations:\n  helmctl.dev/lua-templates: v1\n") },
    };
    const struct hostile_file chart = charts[c->lua];
    bool has_chart = c->files_n == 0;
    if (mkdir(folder, 0700) < 0)
        die("mkdir", folder);
    for (size_t i = 0; i < c->files_n; i++) {
        has_chart = has_chart || hc_str_eq(c->files[i].name, chart.name);
        write_file(folder, &c->files[i], c->literal);
    }
    if (c->archive) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        c->archive(&b);
        const struct hostile_file tgz = { HC_S("c.tgz"), hc_buf_str(&b) };
        write_file(folder, &tgz, true);
    } else if (!has_chart)
        write_file(folder, &chart, true);
    if (c->link) {
        char path[4200];
        snprintf(path, sizeof(path), "%s/%s", folder, c->link);
        if (symlink(c->link_target, path) < 0)
            die("symlink", path);
    }
}

static bool says(const struct hostile_case *c, const struct outcome *o)
{
    bool good = true;
    for (size_t i = 0; i < c->want_n; i++) {
        if (hc_str_find_str(o->err, c->want[i]) != SIZE_MAX)
            continue;
        printf("    does not say: %.*s\n", HC_P(c->want[i]));
        good = false;
    }
    if (!good || (c->want_n == 0 && o->status != 0))
        printf("    says: %.*s\n", (int)HC_MIN(o->err.n, (size_t)1500), o->err.p);
    return good;
}

static bool as_helm(struct hc_arena *a, const struct hostile_case *c, const char *helm, const char *folder,
                    const struct outcome *o)
{
    const struct outcome h = run(a, arguments(a, c, helm, folder), folder);
    if (h.status == 0 && hc_str_eq(h.out, o->out))
        return true;
    printf("    Helm renders something else (status %d): %.*s\n", h.status, (int)HC_MIN(h.err.n, (size_t)500),
           h.err.p);
    return false;
}

static bool check(const struct hostile_case *c, size_t number, long base_kib)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    char folder[64];
    snprintf(folder, sizeof(folder), "%s/%zu", root, number);
    make(c, folder);
    const struct outcome o = run(a, arguments(a, c, program, folder), folder);
    long growth = o.peak_kib - base_kib;
    bool ended = WIFEXITED(o.status) && WEXITSTATUS(o.status) == (c->want_n ? 1 : 0);
    bool in_time = o.cpu_ms <= (c->takes_ms ? c->takes_ms : HOSTILE_CPU_MS), small = growth <= HOSTILE_GROWTH_KIB;
    bool good = ended && in_time && small;
    printf("%s %4ld ms %6ld KiB  %.*s%s%s%s\n", good ? "  " : "! ", o.cpu_ms, growth, HC_P(c->name),
           ended ? "" : (c->want_n ? ", ended otherwise" : ", does not render"), in_time ? "" : ", too slow",
           small ? "" : ", too large");
    if (WIFSIGNALED(o.status))
        printf("    ended by signal %d\n", WTERMSIG(o.status));
    good = says(c, &o) && good;
    const char *helm = getenv("HC_HOSTILE_HELM");
    if (helm && !c->want_n && ended)
        good = as_helm(a, c, helm, folder, &o) && good;
    if (getenv("HC_HOSTILE_VERBOSE"))
        printf("    %.*s", (int)HC_MIN(o.err.n, (size_t)1500), o.err.p);
    (void)!hc_remove_tree(folder, NULL);
    return good;
}

int main(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hostile_case *cases = NULL;
    size_t n = 0, ran = 0, bad = 0;
    if (argc < 3) {
        fprintf(stderr, "use: hostile HELMCTL (FILE.cases | archives) [WORD]\n");
        return 2;
    }
    program = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(root))
        die("mkdtemp", root);
    if (strcmp(argv[2], "archives") == 0) {
        n = hostile_archives(a, &cases);
    } else if (!hostile_read(a, argv[2], &cases, &n)) {
        clean();
        return 1;
    }
    const struct hostile_file one = { HC_S("c/templates/t.yaml"), HC_S("a: {{ .Chart.Name }}\n") };
    const struct hostile_case empty = { .name = HC_S("an ordinary chart"), .files = &one, .files_n = 1 };
    char folder[64];
    snprintf(folder, sizeof(folder), "%s/base", root);
    make(&empty, folder);
    const struct outcome base = run(a, arguments(a, &empty, program, folder), folder);
    if (base.status != 0)
        die("an ordinary chart does not render with", program);
    for (size_t i = 0; i < n; i++) {
        if (argc > 3 && hc_str_find_str(cases[i].name, hc_str_of(argv[3])) == SIZE_MAX)
            continue;
        if (cases[i].again && argc <= 3 && !getenv("HC_HOSTILE_ALL"))
            continue;
        ran++;
        bad += !check(&cases[i], i, base.peak_kib);
    }
    clean();
    printf("%zu cases, %zu bad\n", ran, bad);
    return bad || !ran;
}
