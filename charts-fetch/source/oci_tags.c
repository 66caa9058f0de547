/*
 * Tags of a repository: the list, page by page, and the newest version in it.
 *
 * Pages are asked for at this registry, whatever host the Link header (RFC 8288) names, so that a login goes nowhere
 * else.
 */
#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/oci_impl.h"
#include "core/base/buf.h"
#include "core/base/pattern.h"
#include "core/base/semver.h"
#include "core/value/json.h"

#define MAX_TAGS_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_TAGS       200000u
#define MAX_TAG_PAGES  2000

/* [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */
bool oci_good_tag(hc_str t)
{
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        bool w = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!w && !(i > 0 && (c == '.' || c == '-')))
            return false;
    }
    return t.n > 0 && t.n <= 128;
}

/* ---- pages --------------------------------------------------------------------------------------- */

/* One word of a quoted or bare list of them is "next". */
static bool names_next(hc_str value)
{
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = hc_str_sub(value, 1, value.n - 1);
    for (hc_str word; hc_str_split(&value, ' ', &word);)
        if (hc_str_eq_nocase(word, HC_S("next")))
            return true;
    return false;
}

/* The parameters up to the comma that ends this link; *rest is what stands behind it. */
static bool is_next(hc_str *rest)
{
    bool next = false;
    while (rest->n && rest->p[0] != ',') {
        size_t end = 0;
        for (bool quoted = false; end < rest->n; end++) {
            char c = rest->p[end];
            if (c == '"')
                quoted = !quoted;
            else if (!quoted && (c == ',' || (c == ';' && end > 0)))
                break;
        }
        hc_str param = hc_str_sub(*rest, rest->p[0] == ';' ? 1 : 0, end);
        size_t eq = hc_str_find(param, '=');
        if (eq != SIZE_MAX && hc_str_eq_nocase(hc_str_trim(hc_str_sub(param, 0, eq)), HC_S("rel")))
            next = next || names_next(hc_str_trim(hc_str_sub(param, eq + 1, param.n)));
        *rest = hc_str_sub(*rest, end, rest->n);
    }
    return next;
}

static hc_str next_url(const struct hc_http_response *r)
{
    hc_str headers = r->headers, link;
    while (oci_header(&headers, HC_S("link"), &link))
        for (;;) {
            size_t from = hc_str_find(link, '<'), to = hc_str_find(link, '>');
            if (from == SIZE_MAX || to == SIZE_MAX || to < from)
                break;
            hc_str url = hc_str_sub(link, from + 1, to);
            link = hc_str_trim_left(hc_str_sub(link, to + 1, link.n));
            if (is_next(&link))
                return url;
        }
    return (hc_str){ NULL, 0 };
}

hc_str oci_next_page(struct hc_arena *a, const struct hc_http_response *r, hc_str path)
{
    hc_str url = next_url(r), list = hc_str_sub(path, 0, hc_str_find(path, '?'));
    size_t scheme = hc_str_find_str(url, HC_S("://"));
    if (hc_str_starts(url, HC_S("//")))
        scheme = 0;
    if (scheme != SIZE_MAX && scheme < hc_str_find(url, '?')) {
        hc_str rest = hc_str_sub(url, scheme + (url.p[0] == '/' ? 2 : 3), url.n);
        url = hc_str_sub(rest, HC_MIN(hc_str_find(rest, '/'), rest.n), rest.n);
    }
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ')
            return (hc_str){ NULL, 0 };
    if (hc_str_starts(url, HC_S("?"))) /* relative to the list itself */
        return hc_arena_printf(a, "%.*s%.*s", HC_P(list), HC_P(url));
    if (hc_str_starts(url, HC_S("/")))
        return hc_str_starts(url, HC_S("/v2/")) ? hc_arena_str(a, url) : (hc_str){ NULL, 0 };
    return url.n ? hc_arena_printf(a, "%.*s%.*s", HC_P(hc_str_sub(list, 0, hc_str_rfind(list, '/') + 1)), HC_P(url))
                 : url;
}

/* ---- the list ------------------------------------------------------------------------------------ */

static bool add_tag(struct hc_arena *a, struct oci_tag_list *t, hc_str tag)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 128;
        hc_str *more = HC_NEW_N(a, hc_str, cap);
        if (!more)
            return false;
        if (t->n)
            memcpy(more, t->items, t->n * sizeof(*more));
        t->items = more;
        t->cap = cap;
    }
    t->items[t->n++] = tag;
    return true;
}

enum hc_rc oci_add_tags(struct hc_arena *a, hc_str body, struct oci_tag_list *to, struct hc_err *err)
{
    struct hc_val *v = NULL;
    enum hc_rc rc = hc_json_parse(a, body, HC_JSON_NO_POSITIONS, &v, err);
    const struct hc_val *tags = rc == HC_OK ? hc_map_getz(v, "tags") : NULL;
    for (size_t i = 0; i < hc_list_len(tags); i++) {
        hc_str t = hc_get_str(hc_list_at(tags, i));
        if (oci_good_tag(t) && !add_tag(a, to, t))
            return hc_fail_nomem(err);
    }
    return rc;
}

enum hc_rc hc_oci_tags(struct hc_oci *o, hc_str **out, size_t *out_n, struct hc_err *err)
{
    struct oci_tag_list got = { 0 };
    hc_str path = hc_arena_printf(o->a, "/v2/%.*s/tags/list?n=1000", HC_P(o->repo));
    for (int page = 0; path.n; page++) {
        struct hc_http_response r;
        const struct oci_request q = { .path = path, .max_bytes = MAX_TAGS_BYTES, .what = "tags" };
        enum hc_rc rc = oci_do(o, &q, &r, err);
        if (rc != HC_OK)
            return rc;
        if (oci_add_tags(o->a, r.body, &got, err) != HC_OK)
            return hc_wrap(err, "oci://%.*s/%.*s: tags", HC_P(o->host), HC_P(o->repo));
        hc_str next = oci_next_page(o->a, &r, path);
        if (got.n > MAX_TAGS || page > MAX_TAG_PAGES)
            return hc_fail(err, HC_E_LIMIT, "oci://%.*s/%.*s: has more than %u tags", HC_P(o->host), HC_P(o->repo),
                           MAX_TAGS);
        if (hc_str_eq(next, path))
            return hc_fail(err, HC_E_INPUT, "oci://%.*s/%.*s: tags: the registry names a page as its own next one",
                           HC_P(o->host), HC_P(o->repo));
        path = next;
    }
    *out = got.items;
    *out_n = got.n;
    return hc_arena_check(o->a, err, "tags");
}

/* ---- versions ------------------------------------------------------------------------------------ */

/* "1.2.3-rc.1+b", and "v1.2.3" where that is allowed: three numbers, never fewer. */
bool source_whole_version(hc_str text, bool v_too, struct hc_semver *out)
{
    size_t dots = 0;
    if (v_too && hc_str_starts(text, HC_S("v")))
        text = hc_str_sub(text, 1, text.n);
    for (size_t i = 0; i < text.n && text.p[i] != '-' && text.p[i] != '+'; i++)
        dots += text.p[i] == '.';
    return dots == 2 && text.p[0] >= '0' && text.p[0] <= '9' && hc_semver_parse(text, out, NULL) == HC_OK;
}

static enum hc_rc newest_of(struct hc_arena *a, const hc_str *tags, size_t n, hc_str range,
                            const struct hc_pattern *filter, unsigned how, hc_str *out_tag, struct hc_err *err)
{
    struct hc_semrange *r;
    struct hc_semver best = { 0 };
    hc_str best_tag = { NULL, 0 };
    if (hc_semrange_parse(a, range.n ? range : HC_S("*"), &r, err) != HC_OK)
        return hc_wrap(err, "version range '%.*s'", HC_P(range));
    for (size_t i = 0; i < n; i++) {
        hc_str tag = tags[i], version = tag;
        struct hc_semver v;
        if (filter && !hc_pattern_found(filter, tag))
            continue;
        if ((how & HC_OCI_PLUS) && hc_str_find(tag, '_') != SIZE_MAX) {
            char *p = hc_arena_strz(a, tag);
            for (size_t j = 0; p && j < tag.n; j++)
                if (p[j] == '_')
                    p[j] = '+';
            version = hc_str_n(p, tag.n);
        }
        if (!source_whole_version(version, how & HC_OCI_V_TOO, &v) || !hc_semrange_fits(r, &v))
            continue;
        if (!best_tag.n || hc_semver_cmp(&v, &best) > 0) {
            best = v;
            best_tag = tag;
        }
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "tags");
    if (!best_tag.n)
        return hc_fail(err, HC_E_NOTFOUND, "none of %zu tags is a version in the range '%.*s'%s", n, HC_P(range),
                       filter ? " and the filter" : "");
    *out_tag = best_tag;
    return HC_OK;
}

enum hc_rc hc_oci_newest(struct hc_arena *a, const hc_str *tags, size_t n, hc_str range, unsigned how,
                         hc_str *out_tag, struct hc_err *err)
{
    return newest_of(a, tags, n, range, NULL, how, out_tag, err);
}

enum hc_rc oci_newest(struct hc_oci *o, hc_str range, hc_str filter, unsigned how, hc_str *out_tag,
                      struct hc_err *err)
{
    struct hc_semrange *r;
    hc_str *tags = NULL;
    size_t n = 0;
    HC_AUTO(hc_pattern) struct hc_pattern pattern = { .there = false };
    enum hc_rc rc = hc_semrange_parse(o->a, range.n ? range : HC_S("*"), &r,
                                      err); /* before a request for nothing */
    if (rc != HC_OK)
        return hc_wrap(err, "version range '%.*s'", HC_P(range));
    if (filter.n && (rc = hc_pattern_init(&pattern, filter, "semverFilter", err)) != HC_OK)
        return rc;
    rc = hc_oci_tags(o, &tags, &n, err);
    if (rc == HC_OK) {
        rc = newest_of(o->a, tags, n, range, filter.n ? &pattern : NULL, how, out_tag, err);
        if (rc != HC_OK)
            hc_wrap(err, "oci://%.*s/%.*s", HC_P(o->host), HC_P(o->repo));
    }
    return rc;
}
