/*
 * One pass over argv against two tables: the command's own flags and the global ones. The command's win, so that
 * a command may give a global name another meaning. Help (help.c) and completion (complete.c) are made of the same tables.
 */
#include "helmctl/cli/flags.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "deploy/kube/client.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/complete.h"
#include "helmctl/cli/flags_impl.h"

struct hc_completion *hc_cli_completing;

static size_t global_table(struct hc_globals *g, struct hc_flag out[CLI_GLOBALS_MAX])
{
    const struct hc_flag t[] = {
        { "debug", 0, HC_FLAG_BOOL, &g->debug, "tell more on stderr" },
        { "kube-apiserver", 0, HC_FLAG_STR, &g->kube_apiserver, "address of the API server" },
        { "kube-as-group", 0, HC_FLAG_LIST, &g->kube_as_group, "group to impersonate (may be repeated)" },
        { "kube-as-user", 0, HC_FLAG_STR, &g->kube_as_user, "user to impersonate" },
        { "kube-ca-file", 0, HC_FLAG_STR, &g->kube_ca_file, "certificate authority of the API server", NULL,
          "file" },
        { "kube-context", 0, HC_FLAG_STR, &g->kube_context, "context of the kubeconfig to use" },
        { "kube-insecure-skip-tls-verify", 0, HC_FLAG_BOOL, &g->kube_insecure_skip_tls_verify,
          "do not check the API server's certificate" },
        { "kube-tls-server-name", 0, HC_FLAG_STR, &g->kube_tls_server_name,
          "name the API server's certificate must carry" },
        { "kube-token", 0, HC_FLAG_STR, &g->kube_token, "bearer token for the API server" },
        { "kubeconfig", 0, HC_FLAG_STR, &g->kubeconfig, "kubeconfig file", NULL, "file" },
        { "namespace", 'n', HC_FLAG_STR, &g->ns, "namespace to work in" },
        { "registry-config", 0, HC_FLAG_STR, &g->registry_config, "file with registry logins", NULL, "file" },
        { "repository-cache", 0, HC_FLAG_STR, &g->repository_cache, "folder of cached repository indexes", NULL,
          "folder" },
        { "repository-config", 0, HC_FLAG_STR, &g->repository_config, "file with repository names and addresses",
          NULL, "file" },
        { "content-cache", 0, HC_FLAG_STR, &g->content_cache, "folder of cached charts", NULL, "folder" },
        { "color", 0, HC_FLAG_STR, &g->color, "taken as Helm takes it: what is printed has no colours", NULL,
          "never|auto|always" },
        { "colour", 0, HC_FLAG_STR, &g->color, NULL, NULL, "never|auto|always" },
        { "burst-limit", 0, HC_FLAG_INT, NULL, "taken as Helm takes it, and left unused" },
        { "qps", 0, HC_FLAG_FLOAT, NULL, "taken as Helm takes it, and left unused" },
    };
    _Static_assert(HC_LEN(t) <= CLI_GLOBALS_MAX, "room for all global flags");
    memcpy(out, t, sizeof(t));
    return HC_LEN(t);
}

const char *hc_cli_env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

static bool parse_bool(const char *s, bool *out)
{
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
    static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
    for (size_t i = 0; i < HC_LEN(yes); i++) {
        if (strcmp(s, yes[i]) == 0)
            return *out = true, true;
        if (strcmp(s, no[i]) == 0)
            return *out = false, true;
    }
    return false;
}

static void from_environment(struct hc_globals *g)
{
    /* Not $KUBECONFIG, which is a list of files: deploy/kube reads it. */
    g->kube_context = hc_cli_env("HELM_KUBECONTEXT");
    g->ns = hc_cli_env("HELM_NAMESPACE");
    g->kube_apiserver = hc_cli_env("HELM_KUBEAPISERVER");
    g->kube_token = hc_cli_env("HELM_KUBETOKEN");
    g->kube_as_user = hc_cli_env("HELM_KUBEASUSER");
    g->kube_ca_file = hc_cli_env("HELM_KUBECAFILE");
    g->kube_tls_server_name = hc_cli_env("HELM_KUBETLS_SERVER_NAME");
    g->registry_config = hc_cli_env("HELM_REGISTRY_CONFIG");
    g->repository_config = hc_cli_env("HELM_REPOSITORY_CONFIG");
    g->repository_cache = hc_cli_env("HELM_REPOSITORY_CACHE");
    g->content_cache = hc_cli_env("HELM_CONTENT_CACHE");
    const char *debug = hc_cli_env("HELM_DEBUG"), *insecure = hc_cli_env("HELM_KUBEINSECURE_SKIP_TLS_VERIFY");
    if (debug && !parse_bool(debug, &g->debug))
        g->debug = false;
    if (insecure && !parse_bool(insecure, &g->kube_insecure_skip_tls_verify))
        g->kube_insecure_skip_tls_verify = false;
}

/* ---- one value ------------------------------------------------------------------------------------ */

static bool list_add(struct hc_arena *a, struct hc_strings *l, const char *s)
{
    if ((l->n & (l->n - 1)) == 0 || l->n == 0) { /* room doubles at every power of two */
        const char **more = HC_NEW_N(a, const char *, HC_MAX(l->n * 2, (size_t)4));
        if (!more || !s)
            return false;
        if (l->n)
            memcpy(more, l->items, l->n * sizeof(*more));
        l->items = more;
    }
    l->items[l->n++] = s;
    return true;
}

/* encoding/csv on one record: commas part, "..." keeps them, "" is a quote. */
static bool csv_add(struct hc_arena *a, struct hc_strings *l, const char *s)
{
    if (!*s)
        return true;
    for (;;) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        if (*s == '"') {
            for (s++; *s && !(*s == '"' && s[1] != '"'); s++) {
                if (*s == '"')
                    s++;
                hc_buf_putc(&b, *s);
            }
            if (*s != '"' || (s[1] && s[1] != ','))
                return false;
            s++;
        } else {
            for (; *s && *s != ','; s++)
                hc_buf_putc(&b, *s);
        }
        if (!list_add(a, l, hc_arena_strz(a, hc_buf_str(&b))))
            return false;
        if (!*s)
            return true;
        s++;
    }
}

/* pflag's stringToString: only what holds several "=" is a list, so that a value may hold commas. False: *out_why is set. */
static bool map_add(struct hc_arena *a, struct hc_strings *l, const char *s, const char **out_why)
{
    size_t before = l->n;
    hc_str text = hc_str_of(s);
    size_t eq = hc_str_find(text, '=');
    bool one = eq == SIZE_MAX || hc_str_find(hc_str_sub(text, eq + 1, text.n), '=') == SIZE_MAX;
    while (one && text.n && text.p[0] == '"')
        text = hc_str_sub(text, 1, text.n);
    while (one && text.n && text.p[text.n - 1] == '"')
        text.n--;
    *out_why = hc_arena_spent(a) ? "out of memory" : "a quoted text does not end";
    if (one ? !list_add(a, l, hc_arena_strz(a, text)) : !csv_add(a, l, s))
        return false;
    for (size_t i = before; i < l->n; i++)
        if (!strchr(l->items[i], '=')) {
            *out_why = hc_arena_printf(a, "%s must be formatted as key=value", l->items[i]).p;
            return false;
        }
    return true;
}

/* strconv.ParseInt and ParseUint with base 0. NULL: taken. */
static const char *whole_number(const char *text, bool sign, int base, int64_t *out)
{
    static const char syntax[] = "invalid syntax";
    const char *p = text + (sign && (*text == '-' || *text == '+') ? 1 : 0);
    bool minus = sign && *text == '-', prefixed = false, any = false;
    uint64_t v = 0, most = sign ? (uint64_t)INT64_MAX + (minus ? 1 : 0) : (uint64_t)INT64_MAX;
    bool over = false, bars = base == 0;
    if (base == 0 && p[0] == '0' && p[1]) {
        char mark = p[1] | 0x20;
        base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
        prefixed = mark == 'x' || mark == 'b' || mark == 'o';
        p += prefixed ? 2 : 1;
        any = !prefixed; /* the zero */
    }
    base = base ? base : 10;
    for (bool bar = !any && !prefixed; *p; p++) {
        int digit = hc_hex_digit(*p);
        if (*p == '_' && bars && !bar && p[1] && p[1] != '_') {
            bar = true;
            continue;
        }
        if (digit < 0 || digit >= base)
            return syntax;
        bar = false;
        any = true;
        over = over || v > (most - (uint64_t)digit) / (uint64_t)base;
        v = over ? most : v * (uint64_t)base + (uint64_t)digit;
    }
    if (!any)
        return syntax;
    if (over)
        return "value out of range";
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return NULL;
}

const char *hc_cli_number(const char *text, int64_t *out)
{
    return whole_number(text, true, 10, out);
}

static int bad_value(const struct hc_flag *f, const char *value, const char *why)
{
    char letter[8] = "";
    if (f->letter)
        snprintf(letter, sizeof(letter), "-%c, ", f->letter);
    fprintf(stderr, "Error: invalid argument \"%s\" for \"%s--%s\" flag: %s\n", value, letter, f->name, why);
    return 1;
}

static int bad_number(const struct hc_flag *f, const char *value, const char *parser, const char *why)
{
    char text[256];
    snprintf(text, sizeof(text), "strconv.%s: parsing \"%.100s\": %s", parser, value, why);
    return bad_value(f, value, text);
}

static bool is_float(const char *value)
{
    char *end = NULL;
    if (!*value || *value == ' ' || *value == '\t')
        return false;
    (void)strtod(value, &end);
    return !*end;
}

static int take_duration(const struct hc_flag *f, const char *value)
{
    char why[256];
    bool minus = value[0] == '-';
    hc_str text = hc_str_of(value + (minus || value[0] == '+' ? 1 : 0));
    int64_t ms = hc_duration_parse_ms(text);
    if (ms < 0) {
        char longer[64];
        snprintf(longer, sizeof(longer), "%.*ss", (int)HC_MIN(text.n, (size_t)60), text.p ? text.p : "");
        bool bare = text.n && text.p[text.n - 1] >= '0' && text.p[text.n - 1] <= '9' &&
                    hc_duration_parse_ms(hc_str_of(longer)) >= 0;
        snprintf(why, sizeof(why),
                 bare ? "time: missing unit in duration \"%.100s\"" : "time: invalid duration \"%.100s\"", value);
        return bad_value(f, value, why);
    }
    if (f->to)
        *(int64_t *)f->to = minus ? -ms : ms;
    return -1;
}

/* -1: taken. */
static int take(struct hc_arena *a, const struct hc_flag *f, const char *value)
{
    bool flag = false;
    int64_t n = 0;
    const char *why = NULL;
    if (f->given)
        *f->given = true;
    if (f->deprecated && !hc_cli_flags_told_before) {
        fprintf(stderr, "Flag --%s has been deprecated, %s\n", f->name, f->deprecated);
        hc_cli_flags_told = true;
    }
    switch (f->kind) {
    case HC_FLAG_BOOL:
        if (!parse_bool(value, &flag))
            return bad_number(f, value, "ParseBool", "invalid syntax");
        if (f->to)
            *(bool *)f->to = flag;
        break;
    case HC_FLAG_FLOAT:
        if (!is_float(value))
            return bad_number(f, value, "ParseFloat", "invalid syntax");
        /* fallthrough */
    case HC_FLAG_STR:
        if (f->to)
            *(const char **)f->to = value;
        break;
    case HC_FLAG_INT:
    case HC_FLAG_UINT:
        why = whole_number(value, f->kind == HC_FLAG_INT, 0, &n);
        if (why)
            return bad_number(f, value, f->kind == HC_FLAG_INT ? "ParseInt" : "ParseUint", why);
        if (f->to)
            *(int64_t *)f->to = n;
        break;
    case HC_FLAG_DURATION:
        return take_duration(f, value);
    case HC_FLAG_LIST:
        if (f->to && !list_add(a, f->to, value))
            return bad_value(f, value, "out of memory");
        break;
    case HC_FLAG_CSV:
        if (f->to && !csv_add(a, f->to, value))
            return bad_value(f, value, hc_arena_spent(a) ? "out of memory" : "a quoted text does not end");
        break;
    case HC_FLAG_MAP:
        if (f->to && !map_add(a, f->to, value, &why))
            return bad_value(f, value, why);
        break;
    }
    return -1;
}

/* Where no flag named one. */
static bool groups_of_environment(struct hc_arena *a, struct hc_globals *g)
{
    hc_str rest = hc_str_of(hc_cli_env("HELM_KUBEASGROUPS")), one;
    while (rest.n && strchr(", ", rest.p[0]))
        rest = hc_str_sub(rest, 1, rest.n);
    while (rest.n && strchr(", ", rest.p[rest.n - 1]))
        rest.n--;
    for (bool any = rest.n && !g->kube_as_group.n; any && hc_str_split(&rest, ',', &one);)
        if (!list_add(a, &g->kube_as_group, hc_arena_strz(a, one)))
            return false;
    return true;
}

/* ---- the walk over argv --------------------------------------------------------------------------- */

static bool names(const char *list, const char *name)
{
    hc_str rest = hc_str_of(list), word;
    while (hc_str_split(&rest, ' ', &word))
        if (hc_str_eqz(word, name))
            return true;
    return false;
}

bool cli_flag_fits(const struct hc_cli *cli, const struct hc_flag *f)
{
    return !f->of || !cli->sub || names(f->of, cli->sub->name);
}

static const struct hc_flag *find_in(const struct hc_cli *cli, const struct hc_flag *t, size_t n, hc_str name,
                                     char letter)
{
    for (size_t i = 0; i < n; i++)
        if ((letter ? t[i].letter == letter : hc_str_eqz(name, t[i].name)) && (!cli || cli_flag_fits(cli, &t[i])))
            return &t[i];
    return NULL;
}

const struct hc_flag *cli_find(const struct walk *w, hc_str name, char letter)
{
    const struct hc_flag *f = find_in(w->cli, w->cli->flags, w->cli->flags_n, name, letter);
    return f ? f : find_in(w->cli, w->globals, w->globals_n, name, letter);
}

const char *cli_bare_value(const struct hc_flag *f)
{
    return f->bare ? f->bare : f->kind == HC_FLAG_BOOL ? "true" : NULL;
}

const struct hc_flag *cli_wants_next(const struct walk *w, const char *arg, bool *out_known)
{
    const struct hc_flag *f = NULL;
    *out_known = true;
    if (arg[1] == '-') {
        hc_str name = hc_str_of(arg + 2);
        size_t eq = hc_str_find(name, '=');
        f = cli_find(w, eq == SIZE_MAX ? name : hc_str_sub(name, 0, eq), 0);
        *out_known = f || hc_str_eqz(name, "help");
        return f && eq == SIZE_MAX && !cli_bare_value(f) ? f : NULL;
    }
    for (const char *p = arg + 1; *p; p++) {
        f = cli_find(w, hc_str_of(NULL), *p);
        *out_known = f || *p == 'h';
        if (!f || p[1] == '=')
            return NULL;
        if (!cli_bare_value(f))
            return p[1] ? NULL : f;
    }
    return NULL;
}

/* The verb below, wherever it stands among the flags: what else may stand there depends on it. */
static void find_sub(struct walk *w)
{
    const char *word = NULL;
    bool known, over = false;
    for (int i = 1; i < w->argc && !word; i++) {
        const char *arg = w->argv[i];
        if (over || arg[0] != '-' || !arg[1])
            word = arg;
        else if (strcmp(arg, "--") == 0)
            over = true;
        else if (cli_wants_next(w, arg, &known))
            i++;
    }
    for (size_t i = 0; word && i < w->cli->subs_n; i++) {
        const struct hc_sub *s = &w->cli->subs[i];
        if (strcmp(word, s->name) == 0 || (s->alias && strcmp(word, s->alias) == 0))
            w->cli->sub = s;
    }
}

static int long_flag(struct walk *w, const char *arg)
{
    hc_str name = hc_str_of(arg + 2);
    const char *value = NULL;
    size_t eq = hc_str_find(name, '=');
    if (eq == 0 || name.p[0] == '-')
        return hc_cli_error("bad flag syntax: %s", arg);
    if (eq != SIZE_MAX) {
        value = name.p + eq + 1;
        name.n = eq;
    }
    const struct hc_flag *f = cli_find(w, name, 0);
    if (!f && hc_str_eqz(name, "help")) {
        static const struct hc_flag help = { "help", 'h', HC_FLAG_BOOL, NULL, NULL };
        bool asked = true;
        if (value && !parse_bool(value, &asked))
            return bad_number(&help, value, "ParseBool", "invalid syntax");
        return asked ? cli_help(w) : -1;
    }
    if (!f)
        return cli_unknown_flag(w, name);
    if (!value)
        value = cli_bare_value(f);
    if (!value && w->at + 1 >= w->argc)
        return hc_cli_error("flag needs an argument: --%s", f->name);
    return take(w->a, f, value ? value : w->argv[++w->at]);
}

static int short_flags(struct walk *w, const char *arg)
{
    for (const char *p = arg + 1; *p; p++) {
        const struct hc_flag *f = cli_find(w, hc_str_of(NULL), *p);
        if (!f && *p == 'h')
            return cli_help(w);
        if (!f)
            return hc_cli_error("unknown shorthand flag: '%c' in -%s", *p, p);
        const char *value = NULL;
        bool rest = true;          /* the rest of this argument is the value */
        if (p[1] == '=' && p[2]) { /* pflag: "-f=" alone is -f with the value "=" */
            value = p + 2;
        } else if ((value = cli_bare_value(f)) != NULL) {
            rest = false;
        } else if (p[1]) {
            value = p + 1;
        } else if (w->at + 1 < w->argc) {
            value = w->argv[++w->at];
        } else {
            return hc_cli_error("flag needs an argument: '%c' in -%s", *p, p);
        }
        int rc = take(w->a, f, value);
        if (rc >= 0 || rest)
            return rc;
    }
    return -1;
}

int cli_take_flag(struct walk *w, const char *arg)
{
    return arg[1] == '-' ? long_flag(w, arg) : short_flags(w, arg);
}

static int check(const struct walk *w)
{
    const struct hc_cli *cli = w->cli;
    if (cli->subs && (!cli->args_n || (!cli->sub && !cli->open && strcmp(cli->args[0], "help") == 0)))
        return cli_help(w);
    if (cli->subs && !cli->open && !cli->sub)
        return cli_unknown_sub(cli, w->argv[0], cli->args[0]);
    return cli_check_args(cli, w->argv[0]);
}

int hc_cli_parse(struct hc_arena *a, struct hc_cli *cli, int argc, char **argv)
{
    struct walk w = { .a = a, .cli = cli, .argc = argc, .argv = argv, .at = 1 };
    from_environment(&cli->globals);
    cli->globals.argc = argc;
    cli->globals.argv = argv;
    w.globals_n = global_table(&cli->globals, w.globals);
    cli->args = HC_NEW_N(a, const char *, (size_t)argc + 1);
    cli->args_n = 0;
    if (!cli->args)
        return hc_cli_error("out of memory");
    find_sub(&w);
    if (hc_cli_completing)
        return hc_cli_completing->words(hc_cli_completing, &w);
    bool flags_over = false;
    for (; w.at < argc; w.at++) {
        const char *arg = argv[w.at];
        int rc = -1;
        if (flags_over || arg[0] != '-' || !arg[1])
            cli->args[cli->args_n++] = arg;
        else if (strcmp(arg, "--") == 0)
            flags_over = true;
        else
            rc = cli_take_flag(&w, arg);
        if (rc >= 0)
            return rc;
    }
    if (!groups_of_environment(a, &cli->globals))
        return hc_cli_error("out of memory");
    const char *color = cli->globals.color;
    if (color && strcmp(color, "never") != 0 && strcmp(color, "auto") != 0 && strcmp(color, "always") != 0)
        return hc_cli_error("invalid color mode \"%s\": must be one of: never, auto, always", color);
    return check(&w);
}

int hc_cli_fail(const struct hc_err *err)
{
    return hc_cli_error("%s", err->msg);
}

int hc_cli_error(const char *fmt, ...)
{
    fputs("Error: ", stderr);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 1;
}

int hc_cli_verb_first(int argc, char **argv)
{
    struct hc_globals g = { 0 };
    struct hc_flag t[CLI_GLOBALS_MAX];
    size_t n = global_table(&g, t);
    int verb = 1;
    while (verb < argc && argv[verb][0] == '-') {
        hc_str name = hc_str_of(argv[verb]);
        bool is_long = hc_str_starts(name, HC_S("--"));
        const struct hc_flag *f = is_long ? find_in(NULL, t, n, hc_str_sub(name, 2, name.n), 0)
                                          : find_in(NULL, t, n, name, argv[verb][1]);
        bool joined = is_long ? hc_str_find(name, '=') != SIZE_MAX : argv[verb][1] && argv[verb][2];
        if (!f && !joined)
            return argc; /* --help, or a flag nobody knows: the caller's usage text answers */
        verb += joined || f->kind == HC_FLAG_BOOL ? 1 : 2;
    }
    if (verb <= 1 || verb >= argc)
        return argc;
    char *word = argv[verb];
    memmove(&argv[2], &argv[1], (size_t)(verb - 1) * sizeof(*argv));
    argv[1] = word;
    return argc;
}

hc_str hc_cli_namespace(struct hc_arena *a, const struct hc_globals *g)
{
    const struct hc_kube_options o = { .kubeconfig = g->kubeconfig, .context = g->kube_context };
    return g->ns && *g->ns ? hc_str_of(g->ns) : hc_kube_context_namespace(a, &o);
}
