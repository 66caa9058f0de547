/*
 * The rules in Helm's order. Each reads what it needs from the folder by itself, as Helm's do, so that a chart which
 * one of them cannot load is still looked at by the others.
 */
#include "templating/lint/lint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/yaml.h"
#include "templating/lint/lint_impl.h"
#include "templating/overlay/overlay.h"
#include "templating/render/render.h"

void lint_say(struct lint *l, enum hc_lint_level level, hc_str path, const char *fmt, ...)
{
    struct hc_lint_output *o = l->out;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : hc_arena_alloc(l->a, (size_t)n + 1, 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    if (!text)
        return;
    if (o->n == o->cap) {
        size_t cap = HC_MAX(o->cap * 2, (size_t)16);
        struct hc_lint_message *more = HC_NEW_N(l->a, struct hc_lint_message, cap);
        if (!more)
            return;
        if (o->n)
            memcpy(more, o->messages, o->n * sizeof(*more));
        o->messages = more;
        o->cap = cap;
    }
    o->messages[o->n++] = (struct hc_lint_message){ level, path, hc_str_n(text, (size_t)n) };
}

static const char *whole_path(struct lint *l, const char *name)
{
    const char *path = hc_arena_printf(l->a, "%.*s/%s", HC_P(l->dir), name).p;
    return path ? path : "";
}

char lint_kind_of(struct lint *l, const char *name)
{
    struct stat st;
    if (stat(whole_path(l, name), &st) < 0)
        return 0;
    return S_ISDIR(st.st_mode) ? 'd' : 'f';
}

enum hc_rc lint_read(struct lint *l, const char *name, hc_str *out, struct hc_err *err)
{
    const char *path = whole_path(l, name);
    char kind = lint_kind_of(l, name);
    if (kind != 'f')
        return hc_fail(err, HC_E_INPUT, "%s %s: %s", kind ? "read" : "open", path,
                       kind ? "is a directory" : "no such file or directory");
    return hc_read_file(l->a, AT_FDCWD, path, HC_MAX_CHART_BYTES, out, err);
}

static enum hc_rc load(struct lint *l, struct hc_chart **out, struct hc_err *err)
{
    enum hc_rc rc = hc_chart_load_dir(l->in->dir, l->in->port, out, err);
    if (rc != HC_OK || l->out->notes_n)
        return rc;
    l->out->notes = HC_NEW_N(l->a, hc_str, (*out)->notes_n + 1);
    for (size_t i = 0; l->out->notes && i < (*out)->notes_n; i++)
        l->out->notes[l->out->notes_n++] = hc_arena_str(l->a, (*out)->notes[i]);
    return rc;
}

static void keep_notes(struct lint *l, const struct hc_val *log)
{
    struct hc_lint_output *o = l->out;
    hc_str *all = HC_NEW_N(l->a, hc_str, o->notes_n + hc_list_len(log) + 1);
    if (!all)
        return;
    if (o->notes_n)
        memcpy(all, o->notes, o->notes_n * sizeof(*all));
    for (size_t i = 0; i < hc_list_len(log); i++)
        all[o->notes_n++] = hc_get_str(hc_list_at(log, i));
    o->notes = all;
}

/* ---- values.yaml ------------------------------------------------------------------------------------- */

static void values_rule(struct lint *l)
{
    hc_str file = HC_S("values.yaml"), text, schema = { NULL, 0 };
    struct hc_val *own = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (!lint_kind_of(l, "values.yaml")) {
        lint_say(l, HC_LINT_INFO, file, "file does not exist");
        return;
    }
    enum hc_rc rc = lint_read(l, "values.yaml", &text, &err);
    if (rc == HC_OK)
        rc = hc_values_read(l->a, text, file, true, &own, &err);
    if (rc != HC_OK) {
        /* Helm reads this one into a named type. */
        hc_str msg = hc_str_of(err.msg), type = HC_S("map[string]interface {}");
        if (hc_str_ends(msg, type))
            lint_say(l, HC_LINT_ERROR, file, "unable to parse YAML: %.*s%s.Values",
                     HC_P(hc_str_sub(msg, 0, msg.n - type.n)), l->in->helm3 ? "chartutil" : "common");
        else
            lint_say(l, HC_LINT_ERROR, file, "unable to parse YAML: %s", err.msg);
        return;
    }
    const hc_str *warnings = NULL;
    size_t warnings_n = 0;
    struct hc_val *all = hc_values_coalesce_into(l->in->values_arena, l->in->values, own, l->in->helm3, &warnings,
                                                 &warnings_n);
    struct hc_val *told = hc_list_new(l->a);
    for (size_t i = 0; i < warnings_n; i++)
        hc_list_add(l->a, told, hc_str_val(l->a, warnings[i]));
    keep_notes(l, told);
    bool skip = l->in->skip_schema && !l->in->helm3; /* Helm 3 checks here in any case */
    if (skip || lint_kind_of(l, "values.schema.json") != 'f' ||
        lint_read(l, "values.schema.json", &schema, &err) != HC_OK || !schema.n)
        return;
    HC_AUTO(hc_buf) struct hc_buf lines;
    hc_buf_init(&lines, 0);
    const struct hc_schema_port port = hc_render_schema_port(l->in->schemas);
    if (hc_schema_check(l->a, schema, all, &port, &lines, &err) != HC_OK)
        lint_say(l, HC_LINT_ERROR, file, "%.*s", HC_P(hc_buf_str(&lines)));
}

/* ---- templates --------------------------------------------------------------------------------------- */

static hc_str extension(hc_str path)
{
    hc_str base = hc_str_sub(path, hc_str_rfind(path, '/') + 1, path.n);
    size_t dot = hc_str_rfind(base, '.');
    return dot == SIZE_MAX ? HC_S("") : hc_str_sub(base, dot, base.n);
}

/* The first line with something in it must not be indented. */
static void top_indent(struct lint *l, hc_str path, hc_str text)
{
    hc_str rest = text, line;
    while (hc_str_split(&rest, '\n', &line)) {
        if (hc_str_ends(line, HC_S("\r")))
            line.n--;
        if (line.n >= 65536) { /* Go's bufio.Scanner */
            lint_say(l, HC_LINT_WARNING, path, "bufio.Scanner: token too long");
            return;
        }
        if (!hc_str_trim(line).n)
            continue;
        if (*line.p != ' ' && *line.p != '\t')
            return;
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_go_quote(&b, line);
        lint_say(l, HC_LINT_WARNING, path,
                 "document starts with an illegal indent: %.*s, which may cause parsing problems",
                 HC_P(hc_buf_str(&b)));
        return;
    }
}

static hc_str rendered(struct lint *l, const struct hc_documents *d, hc_str chart, hc_str file)
{
    hc_str parts[] = { chart, HC_S("/"), file };
    hc_str path = hc_arena_cat(l->a, HC_LEN(parts), parts);
    for (size_t i = 0; i < d->manifests_n; i++)
        if (hc_str_eq(d->manifests[i].path, path))
            return d->manifests[i].text;
    return HC_S("");
}

/* `"?helm\.sh/hook"?:\s+crd-install` somewhere in the text. */
static bool has_crd_hook(hc_str s)
{
    for (size_t at; (at = hc_str_find_str(s, HC_S("helm.sh/hook"))) != SIZE_MAX;) {
        s = hc_str_sub(s, at + strlen("helm.sh/hook"), s.n);
        hc_str rest = hc_str_starts(s, HC_S("\"")) ? hc_str_sub(s, 1, s.n) : s;
        if (!hc_str_starts(rest, HC_S(":")))
            continue;
        rest = hc_str_sub(rest, 1, rest.n);
        size_t n = 0;
        while (n < rest.n && strchr(" \t\n\f\r", rest.p[n]))
            n++;
        if (n && hc_str_starts(hc_str_sub(rest, n, rest.n), HC_S("crd-install")))
            return true;
    }
    return false;
}

/* What Helm 3 says about charts for Helm 2. */
static void helm2_leftovers(struct lint *l, hc_str name, hc_str template)
{
    if (has_crd_hook(template))
        lint_say(
            l, HC_LINT_WARNING, name,
            "manifest is a crd-install hook. This hook is no longer supported in v3 and all CRDs should also exist "
            "the crds/ directory at the top level of the chart");
    if (hc_str_find_str(template, HC_S(".Release.Time")) != SIZE_MAX)
        lint_say(l, HC_LINT_ERROR, name,
                 ".Release.Time has been removed in v3, please replace with the `now` function in your templates");
}

static void look_at_templates(struct lint *l, const struct hc_chart *c, const struct hc_documents *d)
{
    bool lua = hc_chart_has_lua_templates(c);
    for (size_t i = 0; i < c->templates_n; i++) {
        hc_str name = hc_arena_str(l->a, c->templates[i].name), ext = extension(name);
        bool by_lua = lua && hc_str_eqz(ext, ".lua");
        if (!by_lua && !hc_str_eqz(ext, ".yaml") && !hc_str_eqz(ext, ".yml") && !hc_str_eqz(ext, ".tpl") &&
            !hc_str_eqz(ext, ".txt"))
            lint_say(l, HC_LINT_ERROR, name,
                     "file extension '%.*s' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt", HC_P(ext));
        if (l->in->helm3)
            helm2_leftovers(l, name, c->templates[i].body);
        bool yaml = l->in->helm3 ? hc_str_eqz(ext, ".yaml")
                                 : hc_str_eq_nocase(ext, HC_S(".yaml")) || hc_str_eq_nocase(ext, HC_S(".yml"));
        if (!by_lua && !yaml)
            continue;
        hc_str text = rendered(l, d, c->name, name);
        if (!hc_str_trim(text).n)
            continue;
        top_indent(l, name, text);
        if (!lint_manifests(l, name, text, false))
            return;
    }
}

static void templates_rule(struct lint *l)
{
    hc_str path = HC_S("templates/");
    char kind = lint_kind_of(l, "templates");
    if (kind != 'd' && !(l->in->helm3 && !kind)) {
        lint_say(l, kind && !l->in->helm3 ? HC_LINT_ERROR : HC_LINT_WARNING, path,
                 kind ? "not a directory" : "directory does not exist");
        return;
    }
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (load(l, &chart, &err) != HC_OK) {
        lint_say(l, HC_LINT_ERROR, path, "%s", err.msg);
        return;
    }
    const struct hc_capabilities capabilities = { .kube_version = l->in->kube_version };
    const struct hc_render_input in = {
        .chart = chart,
        .values = l->in->values,
        .release_name = HC_S("test-release"),
        .release_namespace = l->in->release_namespace,
        .capabilities = &capabilities,
        .skip_schema = l->in->skip_schema,
        .schemas = l->in->schemas,
        .helm3 = l->in->helm3,
        .skip_crds = true,
        .lint = true,
        .files_only = true,
        .lint_log = hc_list_new(l->a),
    };
    struct hc_render_output out = { 0 };
    enum hc_rc rc = hc_render(l->a, &in, &out, &err);
    for (size_t i = 0; i < out.warnings_n; i++)
        hc_list_add(l->a, in.lint_log, hc_str_val_ref(l->a, out.warnings[i]));
    keep_notes(l, in.lint_log);
    if (rc == HC_OK) {
        look_at_templates(l, chart, &out.docs);
        return;
    }
    /* Helm's rule ends without a word when the values of sub-charts do not go together. */
    hc_str text = out.error.n ? out.error : hc_str_of(err.msg);
    if (out.stage != HC_RENDER_VALUES || hc_str_starts(text, HC_S("values don't meet")))
        lint_say(l, HC_LINT_ERROR, path, "%.*s", HC_P(text));
}

/* ---- dependencies and CRDs --------------------------------------------------------------------------- */

static void names_missing(struct lint *l, enum hc_lint_level level, const char *what, struct hc_buf *names)
{
    if (names->n)
        lint_say(l, level, l->dir, "%s: %.*s", what, HC_P(hc_buf_str(names)));
    hc_buf_reset(names);
}

static void add_name(struct hc_buf *b, hc_str name)
{
    if (b->n)
        hc_buf_putc(b, ',');
    hc_buf_put(b, name);
}

static void dependencies_rule(struct lint *l)
{
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (load(l, &c, &err) != HC_OK) {
        lint_say(l, HC_LINT_ERROR, HC_S(""), "unable to load chart\n\t%s", err.msg);
        return;
    }
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < c->subs_n; i++) {
        bool named = false;
        for (size_t k = 0; k < c->deps_n && !named; k++)
            named = hc_str_eq(c->deps[k].name, c->subs[i]->name);
        if (!named)
            add_name(&b, c->subs[i]->name);
    }
    names_missing(l, HC_LINT_ERROR, "chart metadata is missing these dependencies", &b);
    for (size_t k = 0; k < c->deps_n; k++) {
        bool there = false;
        for (size_t i = 0; i < c->subs_n && !there; i++)
            there = hc_str_eq(c->deps[k].name, c->subs[i]->name);
        if (!there)
            add_name(&b, c->deps[k].name);
    }
    names_missing(l, HC_LINT_WARNING, "chart directory is missing these dependencies", &b);
}

static bool look_at_crds(struct lint *l, const struct hc_chart *c)
{
    for (size_t i = 0; i < c->crds_n; i++)
        if (!lint_manifests(l, hc_arena_str(l->a, c->crds[i].name), c->crds[i].body, true))
            return false;
    for (size_t i = 0; i < c->subs_n; i++)
        if (!look_at_crds(l, c->subs[i]))
            return false;
    return true;
}

static void crds_rule(struct lint *l)
{
    hc_str path = HC_S("crds/");
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    struct hc_err err = HC_ERR_INIT;
    char kind = lint_kind_of(l, "crds");
    if (!kind)
        return;
    if (kind != 'd')
        lint_say(l, HC_LINT_ERROR, path, "not a directory");
    else if (load(l, &c, &err) != HC_OK)
        lint_say(l, HC_LINT_ERROR, path, "%s", err.msg);
    else
        look_at_crds(l, c);
}

enum hc_rc hc_lint(struct hc_arena *a, const struct hc_lint_input *in, struct hc_lint_output *out,
                   struct hc_err *err)
{
    char whole[PATH_MAX + 16];
    *out = (struct hc_lint_output){ 0 };
    struct lint l = { .a = a, .in = in, .out = out, .kube_major = 1, .kube_minor = 37 };
    if (!realpath(in->dir, whole))
        return hc_fail_errno(err, "chart folder", in->dir);
    l.dir = hc_arena_str(a, hc_str_of(whole));
    hc_kube_version_numbers(in->kube_version, &l.kube_major, &l.kube_minor);
    lint_chartfile(&l);
    values_rule(&l);
    templates_rule(&l);
    dependencies_rule(&l);
    if (!in->helm3)
        crds_rule(&l);
    return hc_arena_check(a, err, "lint");
}
