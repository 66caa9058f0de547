/*
 * The rules about Chart.yaml, which is read once leniently, once strictly and once without types.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/semver.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "templating/lint/lint_impl.h"

#define CHARTFILE HC_S("Chart.yaml")

HC_PRINTF(3, 4) static void complain(struct lint *l, bool wrong, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (!wrong)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    lint_say(l, HC_LINT_ERROR, CHARTFILE, "%s", text);
}

static void is_text(struct lint *l, const struct hc_val *doc, const char *key)
{
    const struct hc_entry *e = hc_map_find(doc, hc_str_of(key));
    static const char *const types[] = { "<nil>",   "bool",   "float64",        "float64",
                                         "float64", "string", "[]interface {}", "map[string]interface {}" };
    if (e && !hc_is_str(e->val))
        complain(l, true, "%s should be of type string but it's of type %s", key, types[hc_kind_of(e->val)]);
}

static void version(struct lint *l, hc_str text)
{
    struct hc_semver v, zero;
    if (!text.n) {
        complain(l, true, "version is required");
        return;
    }
    if (hc_semver_parse(text, &v, NULL) != HC_OK) {
        complain(l, true, "version '%.*s' is not a valid SemVer", HC_P(text));
        return;
    }
    hc_str own = hc_semver_str(l->a, &v);
    if (hc_semver_parse(HC_S("0.0.0-0"), &zero, NULL) == HC_OK && hc_semver_cmp(&v, &zero) <= 0)
        complain(l, true, "version \"%.*s\" is less than or equal to \"0.0.0-0\"", HC_P(own));
}

/* SemVer 2 to the letter: three numbers, no "v". */
static bool is_strict_version(struct lint *l, hc_str text)
{
    struct hc_semver v;
    return hc_semver_parse(text, &v, NULL) == HC_OK && hc_str_eq(hc_semver_str(l->a, &v), text);
}

static void maintainers(struct lint *l, const struct hc_val *list)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *m = hc_list_at(list, i);
        hc_str name = hc_get_str_at(m, "name"), email = hc_get_str_at(m, "email"), url = hc_get_str_at(m, "url");
        bool first = true;
        if (!hc_is_map(m))
            complain(l, true, "a maintainer entry is empty");
        else if (!name.n)
            complain(l, true, "each maintainer requires a name");
        else if (email.n && !lint_is_email(email))
            complain(l, true, "invalid email '%.*s' for maintainer '%.*s'", HC_P(email), HC_P(name));
        else if (url.n && !lint_is_url(url))
            complain(l, true, "invalid url '%.*s' for maintainer '%.*s'", HC_P(url), HC_P(name));
        else
            first = false;
        if (first)
            return;
    }
}

static void sources(struct lint *l, const struct hc_val *list)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str source = hc_get_str(hc_list_at(list, i));
        if (!lint_is_request_url(source)) {
            complain(l, true, "invalid source URL '%.*s'", HC_P(source));
            return;
        }
    }
}

void lint_chartfile(struct lint *l)
{
    hc_str text = { NULL, 0 };
    struct hc_val *meta = NULL, *doc = NULL, *strict = NULL;
    struct hc_err err = HC_ERR_INIT;
    complain(l, lint_kind_of(l, "Chart.yaml") == 'd', "should be a file, not a directory");
    enum hc_rc rc = lint_read(l, "Chart.yaml", &text, &err);
    if (rc == HC_OK)
        rc = hc_chart_metadata(l->a, text, false, &meta, &err);
    if (rc != HC_OK) {
        hc_str msg = hc_str_of(err.msg), type = HC_S("v2.Metadata");
        if (l->in->helm3 && hc_str_ends(msg, type))
            complain(l, true, "unable to parse YAML\n\t%.*schart.Metadata",
                     HC_P(hc_str_sub(msg, 0, msg.n - type.n)));
        else
            complain(l, true, "unable to parse YAML\n\t%s", err.msg);
        return;
    }
    if (!l->in->helm3 && hc_chart_metadata(l->a, text, true, &strict, &err) != HC_OK)
        lint_say(l, HC_LINT_WARNING, CHARTFILE, "failed to strictly parse chart metadata file\n\t%s", err.msg);
    hc_str name = hc_get_str_at(meta, "name"), api = hc_get_str_at(meta, "apiVersion"),
           icon = hc_get_str_at(meta, "icon"), type = hc_get_str_at(meta, "type"),
           number = hc_get_str_at(meta, "version");
    complain(l, !name.n, "name is required");
    if (name.n && (hc_str_find(name, '/') != SIZE_MAX)) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_go_quote(&b, name);
        complain(l, !hc_str_eqz(name, "/"), "chart name %.*s is invalid", HC_P(hc_buf_str(&b)));
    }
    complain(l, !api.n, "apiVersion is required. The value must be either \"v1\" or \"v2\"");
    bool v2 = hc_str_eqz(api, "v2");
    complain(l, api.n && !v2 && !hc_str_eqz(api, "v1"),
             "apiVersion '%.*s' is not valid. The value must be either \"v1\" or \"v2\"", HC_P(api));
    if (hc_yaml_parse(l->a, text, CHARTFILE, HC_YAML_PLAIN, &doc, NULL) != HC_OK)
        doc = NULL;
    is_text(l, doc, "version");
    version(l, number);
    is_text(l, doc, "appVersion");
    maintainers(l, hc_map_getz(meta, "maintainers"));
    sources(l, hc_map_getz(meta, "sources"));
    if (!icon.n)
        lint_say(l, HC_LINT_INFO, CHARTFILE, "icon is recommended");
    complain(l, icon.n && !lint_is_request_url(icon), "invalid icon URL '%.*s'", HC_P(icon));
    complain(l, type.n && !v2, "chart type is not valid in apiVersion '%.*s'. It is valid in apiVersion 'v2'",
             HC_P(api));
    complain(
        l, hc_list_len(hc_map_getz(meta, "dependencies")) && !v2,
        "dependencies are not valid in the Chart file with apiVersion '%.*s'. They are valid in apiVersion 'v2'",
        HC_P(api));
    if (!l->in->helm3 && !is_strict_version(l, number))
        lint_say(l, HC_LINT_WARNING, CHARTFILE, "version '%.*s' is not a valid SemVerV2", HC_P(number));
}
