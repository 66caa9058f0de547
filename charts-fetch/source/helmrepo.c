/*
 * Helm's HTTP repositories. The index goes to the store as it came; a look-up reads only the lines of one chart: in the
 * usual block style they stand between its name and the next line that is indented no deeper. Any other shape (JSON,
 * flow style) is read whole. Choice of version: Helm pkg/repo/v1/index.go (Get), with the same tolerance: entries
 * without a valid version are passed over.
 */
#include <stdio.h>

#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/source.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "core/value/yaml.h"

/* ---- URLs ------------------------------------------------------------------------------------------------ */

/* Path and query of a URL apart, without a slash at the path's end. */
static void split_query(hc_str url, hc_str *path, hc_str *query)
{
    size_t q = hc_str_find(url, '?');
    *path = hc_str_sub(url, 0, q);
    *query = q == SIZE_MAX ? HC_S("") : hc_str_sub(url, q, url.n);
    while (path->n && path->p[path->n - 1] == '/')
        path->n--;
}

static const char *chart_url(struct hc_arena *a, hc_str repo, hc_str url)
{
    hc_str path, query;
    if (hc_str_find_str(url, HC_S("://")) != SIZE_MAX)
        return hc_arena_strz(a, url);
    split_query(repo, &path, &query);
    if (url.n && url.p[0] == '/') {
        size_t at = hc_str_find_str(path, HC_S("://"));
        size_t slash = at == SIZE_MAX ? SIZE_MAX : hc_str_find(hc_str_sub(path, at + 3, path.n), '/');
        hc_str host = slash == SIZE_MAX ? path : hc_str_sub(path, 0, at + 3 + slash);
        return hc_arena_printf(a, "%.*s%.*s%.*s", HC_P(host), HC_P(url), HC_P(query)).p;
    }
    return hc_arena_printf(a, "%.*s/%.*s%.*s", HC_P(path), HC_P(url), HC_P(query)).p;
}

/* ---- index ------------------------------------------------------------------------------------------------ */

static hc_str next_line(hc_str *rest)
{
    hc_str line = { NULL, 0 };
    if (!hc_str_split(rest, '\n', &line))
        return (hc_str){ NULL, 0 };
    return line;
}

/* The text behind a line "entries:" at column 0, absent when the index has another shape. */
static hc_str entries_block(hc_str index)
{
    hc_str line, rest = index;
    while ((line = next_line(&rest)).p)
        if (hc_str_eqz(hc_str_trim_right(line), "entries:"))
            return rest.p ? rest : HC_S("");
    return (hc_str){ NULL, 0 };
}

static enum hc_rc check_index(struct hc_arena *a, hc_str index, const char *url, struct hc_err *err)
{
    struct hc_val *doc;
    hc_str head = hc_str_trim_left(index);
    if (entries_block(index).p && head.n && head.p[0] != '<')
        return HC_OK;
    if (hc_yaml_parse(a, index, HC_S("index.yaml"), HC_YAML_PLAIN, &doc, err) != HC_OK)
        return hc_wrap(err, "'%s' is not a Helm repository index", url);
    if (!hc_is_map(doc) || (!hc_map_getz(doc, "entries") && !hc_map_getz(doc, "apiVersion")))
        return hc_fail(err, HC_E_INPUT, "'%s' is not a Helm repository index: it has no 'entries'", url);
    return HC_OK;
}

enum hc_rc hc_helmrepo_index(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                             const struct hc_source_auth *auth, hc_str known, hc_str *etag, struct hc_artifact *out,
                             struct hc_err *err)
{
    struct hc_http_response r;
    hc_str path, query;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    split_query(hc_str_of(url), &path, &query);
    struct source_get get = {
        .env = env,
        .auth = auth,
        .url = hc_arena_printf(work, "%.*s/index.yaml%.*s", HC_P(path), HC_P(query)).p,
        .origin = hc_str_of(url),
        .etag = known.n && etag ? *etag : (hc_str){ NULL, 0 },
        .max_bytes = env->max_bytes ? env->max_bytes : HC_MAX_INDEX_BYTES,
        .what = "index",
        .accept_gzip = true,
    };
    *out = (struct hc_artifact){ 0 };
    if (source_get(&get, work, &r, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    if (r.status == 304) {
        out->unchanged = true;
        out->revision = hc_arena_str(a, known);
        return hc_arena_check(a, err, "index");
    }
    if (check_index(work, r.body, get.url, err) != HC_OK)
        return err ? err->code : HC_E_INPUT;
    if (hc_store_put(env->store, a, r.body, &out->digest, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    if (etag)
        *etag = hc_arena_str(a, hc_http_header(&r, "etag"));
    out->revision = out->digest;
    out->size = r.body.n;
    out->unchanged = known.n && hc_str_eq(known, out->digest);
    return hc_arena_check(a, err, "index");
}

static size_t indent_of(hc_str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

/* A key line "  name:" of the indentation at hand, quoted or not; absent for any other line. */
static hc_str key_of(hc_str line)
{
    hc_str s = hc_str_trim(line);
    if (!s.n || s.p[s.n - 1] != ':' || s.p[0] == '#' || s.p[0] == '-')
        return (hc_str){ NULL, 0 };
    s.n--;
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        s = hc_str_sub(s, 1, s.n - 1);
    return s;
}

/* The lines of one chart: a list in block style. *out_any: at least one chart was seen, so the shape is understood. */
static hc_str lines_of(hc_str block, hc_str chart, bool *out_any)
{
    hc_str line, rest = block;
    size_t keys = SIZE_MAX;
    *out_any = false;
    while ((line = next_line(&rest)).p) {
        size_t indent = indent_of(line);
        hc_str key;
        if (indent == line.n || line.p[indent] == '#')
            continue;
        if (line.p[indent] == '\r' && indent + 1 == line.n)
            continue;
        if (keys == SIZE_MAX) {
            if (indent == 0)
                return (hc_str){ NULL, 0 };
            keys = indent;
        }
        if (indent == 0)
            break;
        if (indent != keys || line.p[indent] == '-')
            continue;
        key = key_of(line);
        *out_any = *out_any || key.p;
        if (!key.p || !hc_str_eq(key, chart))
            continue;
        hc_str start = rest;
        while (rest.p) {
            hc_str end = rest;
            line = next_line(&rest);
            indent = indent_of(line);
            bool blank = indent == line.n || line.p[indent] == '\r' || line.p[indent] == '#';
            if (!blank && (indent < keys || (indent == keys && line.p[indent] != '-')))
                return hc_str_n(start.p, (size_t)(end.p - start.p));
        }
        return start;
    }
    return (hc_str){ NULL, 0 };
}

static enum hc_rc versions_of(struct hc_arena *a, hc_str index, hc_str chart, const struct hc_val **out,
                              struct hc_err *err)
{
    struct hc_val *doc;
    bool any = false;
    hc_str block = entries_block(index), lines = block.p ? lines_of(block, chart, &any) : block;
    if (lines.p) {
        if (hc_yaml_parse(a, lines, HC_S("index.yaml"), HC_YAML_PLAIN, &doc, err) != HC_OK)
            return hc_wrap(err, "entries of chart '%.*s'", HC_P(chart));
        *out = doc;
        return HC_OK;
    }
    if (any) {
        *out = NULL;
        return HC_OK;
    }
    if (hc_yaml_parse(a, index, HC_S("index.yaml"), HC_YAML_PLAIN, &doc, err) != HC_OK)
        return err ? err->code : HC_E_INPUT;
    *out = hc_map_get(hc_map_getz(doc, "entries"), chart);
    return HC_OK;
}

/* Versions may be written as numbers (1.0): their spelling is the version. */
static hc_str text_of(const struct hc_val *v)
{
    if (hc_is_str(v))
        return hc_get_str(v);
    return v && v->spelling ? hc_str_n(v->spelling, v->n) : (hc_str){ NULL, 0 };
}

enum hc_rc hc_helmrepo_find(struct hc_arena *a, hc_str index, hc_str chart, hc_str range_text,
                            struct hc_chart_entry *out, struct hc_err *err)
{
    const struct hc_val *versions = NULL, *best = NULL;
    struct hc_semver best_v = { 0 };
    struct hc_semrange *range;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    if (hc_semrange_parse(work, range_text.n ? range_text : HC_S("*"), &range, err) != HC_OK)
        return hc_wrap(err, "version '%.*s'", HC_P(range_text));
    if (versions_of(work, index, chart, &versions, err) != HC_OK)
        return err ? err->code : HC_E_INPUT;
    if (!hc_list_len(versions))
        return hc_fail(err, HC_E_NOTFOUND, "no chart '%.*s' in the repository's index", HC_P(chart));
    for (size_t i = 0; i < hc_list_len(versions); i++) {
        const struct hc_val *e = hc_list_at(versions, i);
        hc_str text = text_of(hc_map_getz(e, "version"));
        struct hc_semver v;
        if (!hc_is_map(e) || hc_semver_parse(text, &v, NULL) != HC_OK)
            continue;
        if (range_text.n && hc_str_eq(text, range_text)) {
            best = e;
            best_v = v;
            break;
        }
        if (hc_semrange_fits(range, &v) && (!best || hc_semver_cmp(&v, &best_v) > 0)) {
            best = e;
            best_v = v;
        }
    }
    if (!best) {
        hc_str newest = text_of(hc_map_getz(hc_list_at(versions, 0), "version"));
        return hc_fail(err, HC_E_NOTFOUND,
                       "no version of chart '%.*s' fits '%.*s'; the index lists %zu, the first is %.*s",
                       HC_P(chart), HC_P(range_text), hc_list_len(versions), HC_P(newest));
    }
    hc_str url = hc_get_str(hc_list_at(hc_map_getz(best, "urls"), 0));
    if (!url.n)
        return hc_fail(err, HC_E_INPUT, "chart '%.*s' version %.*s has no URL in the index", HC_P(chart),
                       HC_P(best_v.original));
    *out = (struct hc_chart_entry){
        .name = hc_arena_str(a, chart),
        .version = hc_arena_str(a, text_of(hc_map_getz(best, "version"))),
        .url = hc_arena_str(a, url),
        .digest = hc_arena_str(a, text_of(hc_map_getz(best, "digest"))),
        .app_version = hc_arena_str(a, text_of(hc_map_getz(best, "appVersion"))),
    };
    return hc_arena_check(a, err, "index entry");
}

enum hc_rc hc_helmrepo_chart(const struct hc_source_env *env, struct hc_arena *a, const char *repo_url,
                             const struct hc_source_auth *auth, const struct hc_chart_entry *entry,
                             struct hc_artifact *out, struct hc_err *err)
{
    struct hc_http_response r;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    struct source_get get = {
        .env = env,
        .auth = auth,
        .url = chart_url(work, hc_str_of(repo_url), entry->url),
        .origin = hc_str_of(repo_url),
        .max_bytes = env->max_bytes ? env->max_bytes : HC_MAX_CHART_PACKED,
        .what = "chart",
    };
    *out = (struct hc_artifact){ 0 };
    if (!get.url)
        return hc_arena_check(work, err, "chart URL");
    if (strncmp(get.url, "http://", 7) != 0 && strncmp(get.url, "https://", 8) != 0)
        return hc_fail(err, HC_E_INPUT,
                       "chart '%.*s' has the URL '%s' in the index: only http and https are fetched",
                       HC_P(entry->name), get.url);
    if (source_get(&get, work, &r, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    hc_str want = entry->digest;
    if (hc_str_starts(want, HC_S("sha256:")))
        want = hc_str_sub(want, 7, want.n);
    char have[HC_SHA256_HEX + 1];
    hc_sha256_of(r.body, have);
    if (want.n == HC_SHA256_HEX && !hc_str_eq_nocase(want, hc_str_of(have)))
        return hc_fail(
            err, HC_E_INPUT,
            "chart '%.*s' version %.*s from '%s': its digest is sha256:%s, the index says sha256:%.*s; it was "
            "changed after it was published, or on the way",
            HC_P(entry->name), HC_P(entry->version), get.url, have, HC_P(want));
    if (hc_store_put(env->store, a, r.body, &out->digest, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    out->revision = hc_arena_str(a, entry->version);
    out->size = r.body.n;
    return hc_arena_check(a, err, "chart");
}
