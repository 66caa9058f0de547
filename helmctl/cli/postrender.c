/*
 * What Helm 4.3 takes for a post-renderer: internal/plugin and pkg/postrenderer; Helm 3: pkg/postrender.
 */
#include "helmctl/cli/postrender.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "core/value/yaml.h"

extern char **environ;

#if defined(__x86_64__)
#define GOARCH "amd64"
#elif defined(__aarch64__)
#define GOARCH "arm64"
#else
#define GOARCH "unknown"
#endif

/* ---- plugin.yaml ------------------------------------------------------------------------------------- */

static bool plugin_name(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return s.n > 0;
}

static enum hc_rc check_v1(const struct hc_val *v, struct hc_err *err)
{
    static const char *const known[] = { "apiVersion", "name",      "type",   "runtime",
                                         "version",    "sourceURL", "config", "runtimeConfig" };
    struct hc_semver version;
    for (size_t i = 0; i < hc_map_len(v); i++) {
        size_t k = 0;
        while (k < HC_LEN(known) && !hc_str_eqz(hc_map_at(v, i)->key, known[k]))
            k++;
        if (k == HC_LEN(known))
            return hc_fail(err, HC_E_INPUT, "field %.*s is not known", HC_P(hc_map_at(v, i)->key));
    }
    hc_str text = hc_get_str(hc_map_getz(v, "version"));
    if (!plugin_name(hc_get_str(hc_map_getz(v, "name"))))
        return hc_fail(err, HC_E_INPUT, "invalid plugin `name`");
    if (!text.n)
        return hc_fail(err, HC_E_INPUT, "plugin `version` is required");
    if (hc_semver_parse(text, &version, NULL) != HC_OK)
        return hc_fail(err, HC_E_INPUT, "invalid plugin `version` \"%.*s\": must be valid semver", HC_P(text));
    if (!hc_get_str(hc_map_getz(v, "type")).n)
        return hc_fail(err, HC_E_INPUT, "`type` missing");
    if (!hc_get_str(hc_map_getz(v, "runtime")).n)
        return hc_fail(err, HC_E_INPUT, "`runtime` missing");
    return HC_OK;
}

/* *out is NULL for a plugin of another kind. */
static enum hc_rc read_plugin(struct hc_arena *a, const char *path, struct hc_val **out, struct hc_err *err)
{
    hc_str text;
    struct hc_val *v = NULL;
    *out = NULL;
    enum hc_rc rc = hc_read_file(a, AT_FDCWD, path, HC_MIB, &text, err);
    if (rc == HC_OK)
        rc = hc_yaml_parse(a, text, hc_str_of(path), HC_YAML_TRUE_FALSE, &v, err);
    if (rc != HC_OK)
        return rc;
    hc_str api = hc_get_str(hc_map_getz(v, "apiVersion"));
    if (!api.n) /* the old form has no post-renderers */
        return HC_OK;
    if (!hc_str_eqz(api, "v1"))
        return hc_fail(err, HC_E_INPUT, "invalid plugin apiVersion: \"%.*s\"", HC_P(api));
    rc = check_v1(v, err);
    *out = v;
    return rc;
}

static int plugin_folders(const struct dirent *d)
{
    return d->d_name[0] != '.' || (d->d_name[1] && strcmp(d->d_name, "..") != 0);
}

struct found {
    struct hc_val *plugin; /* NULL: none */
    hc_str dir;
};

/* Every plugin.yaml one level below `top`. */
static enum hc_rc look_in(struct hc_arena *a, hc_str top, const char *name, struct found *out, struct hc_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(hc_arena_strz(a, top), &names, plugin_folders, alphasort);
    struct hc_val *seen = hc_map_new(a);
    enum hc_rc rc = HC_OK;
    for (int i = 0; i < n; i++) {
        hc_str dir = hc_arena_printf(a, "%.*s/%s", HC_P(top), names[i]->d_name);
        free(names[i]);
        const char *path = hc_arena_printf(a, "%.*s/plugin.yaml", HC_P(dir)).p;
        struct hc_val *v = NULL;
        struct hc_err why = HC_ERR_INIT;
        if (rc != HC_OK || !path || access(path, F_OK) != 0)
            continue;
        if (read_plugin(a, path, &v, &why) != HC_OK) {
            fprintf(stderr, "level=WARN msg=\"failed to load plugin (ignoring)\" plugin_yaml=%s error=\"%s\"\n",
                    path, why.msg);
            continue;
        }
        hc_str own = hc_get_str(hc_map_getz(v, "name"));
        const struct hc_val *before = v ? hc_map_get(seen, own) : NULL;
        if (before) {
            rc = hc_fail(err, HC_E_INPUT, "two plugins claim the name \"%.*s\" at \"%.*s\" and \"%.*s\"", HC_P(own),
                         HC_P(hc_get_str(before)), HC_P(dir));
            continue;
        }
        if (v)
            hc_map_put(a, seen, own, hc_str_val(a, dir));
        if (v && !out->plugin && hc_str_eqz(own, name) &&
            hc_str_eqz(hc_get_str(hc_map_getz(v, "type")), "postrenderer/v1"))
            *out = (struct found){ v, dir };
    }
    free(names);
    return rc;
}

static hc_str plugins_dirs(struct hc_arena *a)
{
    const char *own = getenv("HELM_PLUGINS"), *data = getenv("HELM_DATA_HOME"), *xdg = getenv("XDG_DATA_HOME"),
               *home = getenv("HOME");
    if (own && *own)
        return hc_str_of(own);
    if (data && *data)
        return hc_arena_printf(a, "%s/plugins", data);
    if (xdg && *xdg)
        return hc_arena_printf(a, "%s/helm/plugins", xdg);
    return hc_arena_printf(a, "%s/.local/share/helm/plugins", home ? home : "");
}

/* ---- its command ------------------------------------------------------------------------------------- */

static bool applies(const struct hc_val *c, const char *key, const char *here)
{
    return hc_str_eq_nocase(hc_get_str(hc_map_getz(c, key)), hc_str_of(here));
}

/* The command for this system: system and processor, else the system alone, else one for all. */
static const struct hc_val *command_here(const struct hc_val *list)
{
    const struct hc_val *best = NULL;
    bool by_os = false;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *c = hc_list_at(list, i);
        bool os = hc_get_str(hc_map_getz(c, "os")).n > 0, arch = hc_get_str(hc_map_getz(c, "arch")).n > 0;
        if (applies(c, "os", "linux") && applies(c, "arch", GOARCH))
            return c;
        if ((os && !applies(c, "os", "linux")) || arch)
            continue;
        if (os ? !by_os : !best) {
            best = c;
            by_os = os;
        }
    }
    return best;
}

static hc_str variable(hc_str name, const struct hc_cli_post *p)
{
    for (size_t i = 0; p->env[i]; i++)
        if (hc_str_starts(hc_str_of(p->env[i]), name) && p->env[i][name.n] == '=')
            return hc_str_of(p->env[i] + name.n + 1);
    return HC_S("");
}

static bool special(char c)
{
    return c && (strchr("*#$@!?-", c) || isdigit((unsigned char)c));
}

/* The name behind a '$' as Go's os.Expand finds it; gives how many bytes it takes. */
static size_t variable_name(hc_str s, hc_str *name)
{
    *name = (hc_str){ s.p, 0 };
    if (s.n && *s.p == '{') {
        if (s.n > 2 && special(s.p[1]) && s.p[2] == '}') {
            *name = hc_str_sub(s, 1, 2);
            return 3;
        }
        size_t end = hc_str_find(s, '}');
        if (end == SIZE_MAX)
            return 1;
        *name = hc_str_sub(s, 1, end);
        return end + 1;
    }
    if (s.n && special(*s.p)) {
        *name = hc_str_sub(s, 0, 1);
        return 1;
    }
    size_t n = 0;
    while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '_'))
        n++;
    *name = hc_str_sub(s, 0, n);
    return n;
}

static char *expand(struct hc_arena *a, hc_str s, const struct hc_cli_post *p)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MIB);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '$' || i + 1 == s.n) {
            hc_buf_putc(&b, s.p[i]);
            continue;
        }
        hc_str name;
        size_t took = variable_name(hc_str_sub(s, i + 1, s.n), &name);
        if (name.n)
            hc_buf_put(&b, variable(name, p));
        else if (!took)
            hc_buf_putc(&b, '$');
        i += took;
    }
    return hc_arena_strz(a, hc_buf_str(&b));
}

static bool set_env(struct hc_arena *a, struct hc_cli_post *p, hc_str name, hc_str dir)
{
    size_t n = 0, m = 0;
    while (environ[n])
        n++;
    char **env = HC_NEW_N(a, char *, n + 3);
    for (size_t i = 0; env && i < n; i++)
        if (!hc_str_starts(hc_str_of(environ[i]), HC_S("HELM_PLUGIN_NAME=")) &&
            !hc_str_starts(hc_str_of(environ[i]), HC_S("HELM_PLUGIN_DIR=")))
            env[m++] = environ[i];
    if (!env)
        return false;
    env[m++] = hc_arena_strz(a, hc_arena_printf(a, "HELM_PLUGIN_NAME=%.*s", HC_P(name)));
    env[m++] = hc_arena_strz(a, hc_arena_printf(a, "HELM_PLUGIN_DIR=%.*s", HC_P(dir)));
    p->env = env;
    return true;
}

/* command and args of the plugin, with variables, then those of the command line. argv stays NULL when none applies. */
static void set_argv(struct hc_arena *a, struct hc_cli_post *p, const struct hc_val *config,
                     const struct hc_strings *more)
{
    const struct hc_val *c = command_here(hc_map_getz(config, "platformCommand")), *args = hc_map_getz(c, "args");
    hc_str command = hc_get_str(hc_map_getz(c, "command")), rest = command, part;
    size_t n = 0, most = command.n + hc_list_len(args) + more->n + 2;
    if (!command.n || *command.p == ' ')
        return;
    char **argv = HC_NEW_N(a, char *, most);
    while (argv && hc_str_split(&rest, ' ', &part))
        argv[n++] = expand(a, part, p);
    for (size_t i = 0; argv && i < hc_list_len(args); i++)
        argv[n++] = expand(a, hc_get_str(hc_list_at(args, i)), p);
    for (size_t i = 0; argv && i < more->n; i++)
        argv[n++] = hc_arena_strz(a, hc_str_of(more->items[i]));
    p->argv = argv;
}

/* ---- running ----------------------------------------------------------------------------------------- */

static enum hc_rc cannot_start(struct hc_err *err, const char *program, int why)
{
    const char *text = strerror(why);
    return hc_fail(err, HC_E_INPUT, "fork/exec %s: %c%s", program, tolower((unsigned char)*text), text + 1);
}

static enum hc_rc ended_badly(const struct hc_cli_post *p, const struct hc_child_end *end, struct hc_err *err)
{
    char how[40];
    snprintf(how, sizeof(how), end->signal ? "signal %d" : "exit code %d",
             end->signal ? end->signal : end->exit_code);
    if (p->helm3)
        return hc_fail(err, HC_E_INPUT, "exit status %d", end->exit_code);
    return hc_fail(err, HC_E_INPUT, "plugin \"%s\" exited with error (%s)%s%s", p->name, how,
                   *end->said ? ": " : "", end->said);
}

static enum hc_rc run(const struct hc_cli_post *p, hc_str in, struct hc_buf *b, struct hc_child_end *end,
                      struct hc_err *err)
{
    const struct hc_child c = {
        .argv = p->argv, .env = p->env, .input = in, .max_bytes = HC_MAX_POST_BYTES, .deadline_ms = p->deadline_ms
    };
    enum hc_rc rc = hc_child_run(&c, b, end, err);
    if (rc == HC_OK && end->start_errno)
        return cannot_start(err, p->argv[0], end->start_errno);
    if (rc == HC_OK && end->exit_code != 0)
        return ended_badly(p, end, err);
    return rc;
}

static enum hc_rc run_plugin(void *ctx, struct hc_arena *a, hc_str in, hc_str *out, struct hc_err *err)
{
    struct hc_cli_post *p = ctx;
    struct hc_child_end end = { .said = "" };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    enum hc_rc rc = HC_OK;
    if (!p->argv)
        rc = hc_fail(err, HC_E_INPUT, "failed to prepare plugin command: no plugin command is applicable");
    else if (!hc_child_find(a, p->argv[0]))
        rc = hc_fail(err, HC_E_INPUT, "exec: \"%s\": executable file not found in $PATH", p->argv[0]);
    else
        rc = run(p, in, &b, &end, err);
    if (rc != HC_OK)
        return hc_wrap(err, "failed to invoke post-renderer plugin \"%s\"", p->name);
    if (!hc_str_trim(hc_buf_str(&b)).n)
        return hc_fail(err, HC_E_INPUT, "post-renderer \"%s\" produced empty output%s%s", p->name,
                       *end.said ? ": " : "", end.said);
    *out = hc_buf_to_arena(&b, a);
    return hc_arena_check(a, err, "post-render");
}

static enum hc_rc run_program(void *ctx, struct hc_arena *a, hc_str in, hc_str *out, struct hc_err *err)
{
    struct hc_cli_post *p = ctx;
    struct hc_child_end end = { .said = "" };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    enum hc_rc rc = run(p, in, &b, &end, err);
    if (rc != HC_OK) {
        hc_wrap(err, "error while running command %s. error output:\n%s%s", p->argv[0], end.said,
                *end.said ? "\n" : "");
        return hc_wrap(err, "error while running post render on files");
    }
    *out = hc_buf_to_arena(&b, a);
    return hc_arena_check(a, err, "post-render");
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static enum hc_rc open_plugin(struct hc_arena *a, const struct hc_strings *args, struct hc_cli_post *p,
                              struct hc_err *err)
{
    struct found found = { NULL, { NULL, 0 } };
    hc_str rest = plugins_dirs(a), dir;
    enum hc_rc rc = HC_OK;
    while (rc == HC_OK && hc_str_split(&rest, ':', &dir))
        rc = dir.n ? look_in(a, dir, p->name, &found, err) : HC_OK;
    if (rc == HC_OK && !found.plugin)
        rc = hc_fail(err, HC_E_NOTFOUND, "plugin: {Name:%s Type:postrenderer/v1} not found", p->name);
    if (rc != HC_OK)
        return rc;
    hc_str runtime = hc_get_str(hc_map_getz(found.plugin, "runtime"));
    if (!hc_str_eqz(runtime, "subprocess"))
        return hc_fail(err, HC_E_INPUT, "plugin \"%s\" has the runtime \"%.*s\": only \"subprocess\" can be run",
                       p->name, HC_P(runtime));
    if (!set_env(a, p, hc_str_of(p->name), found.dir))
        return hc_fail_nomem(err);
    set_argv(a, p, hc_map_getz(found.plugin, "runtimeConfig"), args);
    p->port.run = run_plugin;
    return hc_arena_check(a, err, "post-renderer");
}

static enum hc_rc open_program(struct hc_arena *a, const struct hc_strings *args, struct hc_cli_post *p,
                               struct hc_err *err)
{
    struct stat st;
    char full[PATH_MAX];
    const char *path = hc_child_find(a, p->name), *why = NULL;
    if (!path)
        why = "executable file not found in $PATH";
    else if (stat(path, &st) != 0)
        return hc_fail(err, HC_E_NOTFOUND,
                       "unable to find binary at %s: exec: \"%s\": stat %s: no such file or directory", p->name,
                       p->name, path);
    else if (S_ISDIR(st.st_mode))
        why = "is a directory";
    else if (access(path, X_OK) != 0)
        why = "permission denied";
    if (why)
        return hc_fail(err, HC_E_NOTFOUND, "unable to find binary at %s: exec: \"%s\": %s", p->name, p->name, why);
    if (*path != '/' && !getcwd(full, sizeof(full)))
        return hc_fail_errno(err, "look up", "the current folder");
    hc_str whole = *path == '/' ? hc_str_of(path) : hc_arena_printf(a, "%s/%s", full, path);
    p->argv = HC_NEW_N(a, char *, args->n + 2);
    if (!p->argv)
        return hc_arena_check(a, err, "post-renderer");
    p->argv[0] = hc_arena_strz(a, hc_path_clean(a, whole));
    for (size_t i = 0; i < args->n; i++)
        p->argv[i + 1] = hc_arena_strz(a, hc_str_of(args->items[i]));
    p->env = environ;
    p->port.run = run_program;
    return hc_arena_check(a, err, "post-renderer");
}

enum hc_rc hc_cli_post_open(struct hc_arena *a, const struct hc_post_flags *f, bool helm3, int64_t deadline_ms,
                            struct hc_cli_post *out, struct hc_err *err)
{
    *out = (struct hc_cli_post){ .helm3 = helm3, .deadline_ms = deadline_ms };
    out->port.ctx = out;
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; i < f->names.n && rc == HC_OK; i++) {
        const char *name = f->names.items[i];
        if (!*name)
            continue;
        if (out->name && !helm3)
            rc = hc_fail(err, HC_E_INPUT, "cannot specify --post-renderer flag more than once");
        out->name = name;
        if (rc == HC_OK)
            rc = helm3 ? open_program(a, &f->args, out, err) : open_plugin(a, &f->args, out, err);
    }
    return rc == HC_OK ? rc : hc_wrap(err, "invalid argument \"%s\" for \"--post-renderer\" flag", out->name);
}
