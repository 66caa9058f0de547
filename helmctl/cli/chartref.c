/*
 * The chart argument, in Helm's order: what exists on disk wins, then --repo, then a reference for the network.
 */
#include "helmctl/cli/chartref.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "charts-fetch/source/local.h"
#include "helmctl/cli/cli.h"
#include "templating/overlay/overlay.h"

bool hc_cli_helm_version(const char *text, bool *out_helm3)
{
    const char *digit = text && *text == 'v' ? text + 1 : text;
    *out_helm3 = digit && *digit == '3';
    if (!digit || ((*digit == '3' || *digit == '4') && (!digit[1] || digit[1] == '.')))
        return true;
    hc_cli_error("unknown Helm version \"%s\" in --helm-version: 3 or 4", text);
    return false;
}

enum hc_rc hc_cli_epoch(int64_t *out, struct hc_err *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    *out = -1;
    if (!text || !*text)
        return HC_OK;
    if (!hc_str_to_i64(hc_str_of(text), out))
        return hc_fail(err, HC_E_INPUT,
                       "invalid SOURCE_DATE_EPOCH: strconv.ParseInt: parsing \"%s\": invalid syntax", text);
    if (*out < 0)
        return hc_fail(err, HC_E_INPUT, "invalid SOURCE_DATE_EPOCH: must not be negative");
    return HC_OK;
}

struct hc_chart_port hc_cli_chart_port(const struct hc_chart_source *s)
{
    struct hc_chart_port port = s->no_digest ? hc_chart_archives_once : hc_chart_archives;
    port.helm3 = s->helm3;
    port.detect = !s->no_detect && !s->helm3;
    return port;
}

void hc_cli_chart_notes(const struct hc_chart *c)
{
    for (size_t i = 0; i < c->notes_n; i++)
        fprintf(stderr, "%.*s\n", HC_P(c->notes[i]));
    for (size_t i = 0; i < c->subs_n; i++)
        hc_cli_chart_notes(c->subs[i]);
}

bool hc_cli_chart_is_local(const struct hc_chart_source *s)
{
    struct stat st;
    if (s->repo_url && *s->repo_url)
        return false;
    return stat(s->ref, &st) == 0 || s->ref[0] == '/' || s->ref[0] == '.' || s->ref[0] == '\0';
}

enum hc_rc hc_cli_load_chart(const struct hc_chart_source *s, struct hc_chart **out, struct hc_err *err)
{
    struct stat st;
    if (!hc_cli_chart_is_local(s)) {
        if (hc_cli_ports.fetch_chart)
            return hc_cli_ports.fetch_chart(s, out, err);
        return hc_fail(err, HC_E_NOTFOUND, "chart \"%s\" is not a path on this machine", s->ref);
    }
    if (stat(s->ref, &st) < 0)
        return hc_fail(err, HC_E_NOTFOUND, "path \"%s\" not found", s->ref);
    if (s->verify && !hc_cli_ports.verify_chart && hc_cli_ports.hand_over && s->globals)
        hc_cli_ports.hand_over(s->globals->argc, s->globals->argv); /* does not come back */
    if (s->verify && !hc_cli_ports.verify_chart)
        return hc_fail(err, HC_E_BUG, "--verify: signatures cannot be checked by this half of the program");
    if (s->verify && hc_cli_ports.verify_chart(s, err) != HC_OK)
        return err ? err->code : HC_E_INPUT;
    struct hc_chart_port port = hc_cli_chart_port(s);
    enum hc_rc rc = hc_chart_load_path(s->ref, &port, out, err);
    if (rc == HC_OK)
        hc_cli_chart_notes(*out);
    return rc;
}

bool hc_cli_values_read_stdin(const struct hc_values_flags *v)
{
    for (size_t i = 0; i < v->files.n; i++)
        if (hc_str_eqz(hc_str_trim(hc_str_of(v->files.items[i])), "-"))
            return true;
    return false;
}

bool hc_cli_values_are_local(const struct hc_values_flags *v)
{
    for (size_t i = 0; i < v->files.n; i++)
        if (hc_str_find_str(hc_str_of(v->files.items[i]), HC_S("://")) != SIZE_MAX)
            return false;
    for (size_t i = 0; i < v->set_file.n; i++)
        if (hc_str_find_str(hc_str_of(v->set_file.items[i]), HC_S("://")) != SIZE_MAX)
            return false;
    return true;
}

/* What has no scheme that Helm fetches by is a file, however it looks (Helm's readFile). */
static enum hc_rc read_values(void *ctx, struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err)
{
    (void)ctx;
    bool far = hc_str_starts(path, HC_S("http://")) || hc_str_starts(path, HC_S("https://"));
    return far && hc_cli_ports.fetch_values ? hc_cli_ports.fetch_values(a, path, out, err)
                                            : hc_values_read_local(a, path, out, err);
}

static size_t put_sets(struct hc_set_arg *to, size_t at, enum hc_set_kind kind, const struct hc_strings *from)
{
    for (size_t i = 0; i < from->n; i++)
        to[at++] = (struct hc_set_arg){ kind, hc_str_of(from->items[i]) };
    return at;
}

enum hc_rc hc_cli_values(struct hc_arena *a, const struct hc_values_flags *v, struct hc_origins *origins,
                         struct hc_layers *layers, struct hc_val **out, struct hc_err *err)
{
    size_t n = v->set.n + v->set_string.n + v->set_file.n + v->set_json.n + v->set_literal.n, at = 0;
    struct hc_set_arg *sets = HC_NEW_N(a, struct hc_set_arg, n + 1);
    hc_str *files = HC_NEW_N(a, hc_str, v->files.n + 1);
    if (!sets || !files)
        return hc_arena_check(a, err, "values");
    for (size_t i = 0; i < v->files.n; i++)
        files[i] = hc_str_of(v->files.items[i]);
    at = put_sets(sets, at, HC_SET_JSON, &v->set_json);
    at = put_sets(sets, at, HC_SET_PLAIN, &v->set);
    at = put_sets(sets, at, HC_SET_STRING, &v->set_string);
    at = put_sets(sets, at, HC_SET_FILE, &v->set_file);
    at = put_sets(sets, at, HC_SET_LITERAL, &v->set_literal);
    const struct hc_values_port port = { read_values, NULL };
    const struct hc_setargs args = { .files = files,
                                     .files_n = v->files.n,
                                     .sets = sets,
                                     .sets_n = at,
                                     .port = &port,
                                     .helm3 = v->helm3,
                                     .layers = layers };
    return hc_setargs_merge(a, &args, origins, out, err);
}

enum hc_rc hc_cli_load_installable(const struct hc_chart_source *s, struct hc_chart **out, struct hc_err *err)
{
    enum hc_rc rc = hc_cli_load_chart(s, out, err);
    if (rc != HC_OK)
        return rc;
    const struct hc_chart *c = *out;
    if (!s->helm3 && !hc_str_eqz(c->api_version, "v1") && !hc_str_eqz(c->api_version, "v2"))
        return hc_fail(err, HC_E_INPUT, "invalid chart apiVersion");
    if (c->type.n && !hc_str_eqz(c->type, "application"))
        return hc_fail(err, HC_E_INPUT, "%.*s charts are not installable", HC_P(c->type));
    if (c->deprecated)
        fputs(s->helm3 ? "WARNING: This chart is deprecated\n" : "level=WARN msg=\"this chart is deprecated\"\n",
              stderr);
    if (c->deps_n == 0)
        return HC_OK;
    int64_t epoch;
    rc = s->helm3 ? HC_OK : hc_cli_epoch(&epoch, err);
    return rc == HC_OK ? hc_overlay_check_deps(c, s->helm3, err) : rc;
}
