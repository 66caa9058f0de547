/*
 * charts-fetch/source: an index in every shape it comes in, its table on disk, and the choice of a version.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/index.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/value/yaml.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static const char block[] = "apiVersion: v1\n"
                            "entries:\n"
                            "  web-extra:\n"
                            "  - {name: web-extra, version: 9.9.9, urls: [x.tgz]}\n"
                            "  web:\n"
                            "  - name: web\n"
                            "    version: 1.2.0\n"
                            "    description: |\n"
                            "      entries:\n"
                            "        web:\n"
                            "    digest: aa\n"
                            "    urls:\n"
                            "    - charts/web-1.2.0.tgz\n"
                            "  - version: not-a-version\n"
                            "    urls: [bad.tgz]\n"
                            "  - name: web\n"
                            "    version: 2.0.0-rc.1\n"
                            "    urls: [rc.tgz]\n"
                            "\n"
                            "  - version: 1.10.0\n"
                            "    name: web\n"
                            "    urls: ['https://cdn.example.com/web-1.10.0.tgz']\n"
                            "  # the end\n"
                            "  zoo:\n"
                            "    - version: 1.0\n"
                            "      name: zoo\n"
                            "      urls: [zoo.tgz]\n"
                            "generated: \"2026-01-01T00:00:00Z\"\n";

static const char json[] = "{\"apiVersion\":\"v1\",\"entries\":{\"w\\u0065b\":[{\"name\":\"web\",\"version\":\"1.2."
                           "0\",\"urls\":[\"a.tgz\"],\"description\":\"}]\\\"\"},"
                           "null, 7 , {\"name\":\"web\",\"version\":\"1.10.0\",\"urls\":[\"b.tgz\"]}]}}";

static const char indented[] =
    "apiVersion: v1\nentries:\n    \"web\":\n        - version: 1.10.0\n          name: web\n"
    "          urls: [b.tgz]\n    none: []\n    "
    "x:\n        - version: 3.0.0\n          name: x\n          urls: [x.tgz]\n";

/* Shapes that only the reader of the whole understands. */
static const char flow[] = "{apiVersion: v1, entries: {web: [{name: web, version: 1.10.0, urls: [b.tgz]}]}}\n";
static const char anchors[] =
    "apiVersion: v1\nentries:\n  a:\n  - &one\n    name: a\n    version: 1.0.0\n    urls: [a.tgz]\n"
    "  web:\n  - <<: {urls: [a.tgz]}\n    version: 1.10.0\n    name: web\n  - *one\n";

static enum hc_rc look_up(struct hc_arena *a, const char *index, const char *chart, const char *range,
                          struct hc_chart_entry *e, struct hc_err *err)
{
    struct hc_index_rows rows;
    enum hc_rc rc = hc_index_scan(a, NULL, hc_str_of(index), hc_str_of(chart), &rows, err);
    return rc == HC_OK ? hc_helmrepo_choose(a, &rows, hc_str_of(chart), hc_str_of(range), e, err) : rc;
}

static void look_ups(void **state)
{
    (void)state;
    static const struct {
        const char *index, *chart, *range, *version, *url; /* version NULL: not found */
    } rows[] = {
        { block, "web", "*", "1.10.0", "https://cdn.example.com/web-1.10.0.tgz" },
        { block, "web", "", "1.10.0", "https://cdn.example.com/web-1.10.0.tgz" },
        { block, "web", "~1.2", "1.2.0", "charts/web-1.2.0.tgz" },
        { block, "web", ">=2.0.0-0", "2.0.0-rc.1", "rc.tgz" },
        { block, "web", "2.0.0-rc.1", "2.0.0-rc.1", "rc.tgz" },
        { block, "web", ">=3", NULL, NULL },
        { block, "zoo", "*", "1.0", "zoo.tgz" },
        { block, "web-extra", "9.x", "9.9.9", "x.tgz" },
        { block, "nothing", "*", NULL, NULL },
        { json, "web", "*", "1.10.0", "b.tgz" },
        { json, "zoo", "*", NULL, NULL },
        { indented, "web", "*", "1.10.0", "b.tgz" },
        { indented, "x", "*", "3.0.0", "x.tgz" },
        { indented, "none", "*", NULL, NULL },
        { flow, "web", "*", "1.10.0", "b.tgz" },
        { anchors, "web", "*", "1.10.0", "a.tgz" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_chart_entry e;
        struct hc_err err;
        enum hc_rc rc = look_up(a, rows[i].index, rows[i].chart, rows[i].range, &e, &err);
        if (!rows[i].version) {
            assert_int_equal(rc, HC_E_NOTFOUND);
            continue;
        }
        if (rc != HC_OK)
            fail_msg("%s %s: %s", rows[i].chart, rows[i].range, err.msg);
        assert_string_equal(e.version.p, rows[i].version);
        assert_string_equal(e.url.p, rows[i].url);
    }
}

static void errors_tell_what_is_wrong(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_chart_entry e;
    struct hc_err err;
    assert_int_equal(look_up(a, block, "web", "nonsense", &e, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "improper constraint: \"nonsense\""));
    assert_int_equal(look_up(a, "entries:\n  web:\n  - {version: [\n", "web", "*", &e, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "yaml: line"));
    assert_int_equal(look_up(a, "<html>no\n", "web", "*", &e, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "no 'entries'"));
    assert_int_equal(look_up(a, "{\"apiVersion\": \"v1\", \"entries\": {\"web\": [{]", "web", "*", &e, &err),
                     HC_E_INPUT);
}

/* Helm's loadIndex: YAML is read strictly, JSON is not, and neither does without an apiVersion. */
static void what_helm_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *index, *says; /* NULL: it is taken */
    } rows[] = {
#define ENTRY "entries:\n  web:\n  - {name: web, version: 1.0.0, urls: [a.tgz]}\n"
        { "apiVersion: v1\n" ENTRY, NULL },
        { ENTRY "apiVersion: v1 # one\n", NULL },
        { ENTRY, "no API version specified" },
        { "apiVersion: ''\n" ENTRY, "no API version specified" },
        { "apiVersion:\n" ENTRY, "no API version specified" },
        { "apiVersion: # none\n" ENTRY, "no API version specified" },
        { "APIVersion: v1\n" ENTRY, NULL },
        { "---\n# made by hand\napiVersion: v1\r\n" ENTRY, NULL },
        { "apiVersion: v1\npublicKeys:\n- a\nannotations:\n  b: c\nserverInfo: {}\n" ENTRY
          "generated: 2026-01-01T00:00:00Z\n",
          NULL },
        { "\"apiVersion\": v1\n" ENTRY, NULL },
        { "apiVersion: v1\nfoo: bar\n" ENTRY, "unknown field \"foo\"" },
        { "\"apiVersion\": v1\nfoo: bar\n" ENTRY, "unknown field \"foo\"" },
        { "apiVersion: v1\napiVersion: v1\n" ENTRY, "key \"apiVersion\" already set" },
        { "apiVersion: v1\n" ENTRY "foo:\n- a\n", "unknown field \"foo\"" },
        { "apiVersion: v1\n" ENTRY "  - {name: web, version: 2.0.0, foo: 1}\n",
          "unknown field \"foo\", of a version of chart web" },
        { "apiVersion: v1\n" ENTRY "  - {name: web, version: 2.0.0, urls: [b.tgz], engine: gotpl, URL: x}\n",
          NULL },
        { "apiVersion: v1\n" ENTRY "  - name: web\n    version: 2.0.0\n    version: 3.0.0\n", "version" },
        { "{\"apiVersion\":\"v1\",\"foo\":1,\"entries\":{\"web\":[{\"name\":\"web\",\"version\":\"1.0.0\",\"foo\":"
          "1,\"urls\":[\"a.tgz\"]}]}}",
          NULL },
        { "{\"entries\":{\"web\":[{\"name\":\"web\",\"version\":\"1.0.0\",\"urls\":[\"a.tgz\"]}]}}",
          "no API version specified" },
        { "{apiVersion: v1, foo: 1, entries: {web: [{name: web, version: 1.0.0, urls: [a.tgz]}]}}",
          "unknown field \"foo\"" },
#undef ENTRY
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_chart_entry e;
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = look_up(a, rows[i].index, "web", "*", &e, &err);
        if (rc != (rows[i].says ? HC_E_INPUT : HC_OK) || (rows[i].says && !strstr(err.msg, rows[i].says)))
            fail_msg("row %zu: %d %s", i, rc, err.msg);
    }
}

/* ---- every reader says the same ---- */

struct list {
    struct hc_buf text;
};

static void list_begin(void *ctx)
{
    hc_buf_reset(&((struct list *)ctx)->text);
}

static enum hc_rc list_row(void *ctx, hc_str chart, const struct hc_index_row *r, struct hc_err *err)
{
    struct hc_buf *b = &((struct list *)ctx)->text;
    (void)err;
    hc_buf_printf(b, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%d\n", HC_P(chart), HC_P(r->version), HC_P(r->app_version),
                  HC_P(r->description), HC_P(r->created), HC_P(r->url), HC_P(r->digest), r->deprecated);
    return HC_OK;
}

/* `charts` charts, by name, of a few versions each: as Helm writes them (0), as JSON (1), all on one line of flow style (2). */
static void make_index(struct hc_buf *b, int charts, int style)
{
    static const char *const item[] = {
        "  - apiVersion: v2\n    appVersion: \"%d\"\n    created: \"2026-01-01T00:00:0%dZ\"\n"
        "    deprecated: true\n    description: 'says \"x\": [%d], - and'\n    digest: \"%064d\"\n"
        "    name: chart-%04d\n    urls:\n    - https://example.com/c-%d.tgz\n    version: %d.0.0\n",
        "%s{\"apiVersion\":\"v2\",\"appVersion\":\"%d\",\"created\":\"2026-01-01T00:00:0%dZ\",\"deprecated\":true,"
        "\"description\":\"says \\\"x\\\": [%d], - and\",\"digest\":\"%064d\",\"name\":\"chart-%04d\","
        "\"urls\":[\"https://example.com/c-%d.tgz\"],\"version\":\"%d.0.0\"}",
    };
    hc_buf_puts(b, style ? "{\"apiVersion\":\"v1\",\n\"entries\": {" : "apiVersion: v1\nentries:\n");
    for (int c = 0; c < charts; c++) {
        hc_buf_printf(b, style ? "%s\"chart-%04d\":[" : "%s  chart-%04d:\n", c && style ? "," : "", c);
        for (int v = 0; v < 3 + c % 3; v++)
            if (style)
                hc_buf_printf(b, item[1], v ? "," : "", v, v, v, v, c, v, v);
            else
                hc_buf_printf(b, item[0], v, v, v, v, c, v, v);
        hc_buf_puts(b, style ? "]" : "");
    }
    /* a plain word is no JSON: the whole is flow style */
    hc_buf_puts(b, style == 2 ? "},\"generated\": now}"
                   : style    ? "},\"generated\":\"now\"}\n"
                              : "generated: now\n");
}

static void readers_agree(void **state)
{
    (void)state;
    struct list lists[3];
    struct hc_err err = HC_ERR_INIT;
    for (int style = 0; style < 3; style++) {
        HC_AUTO(hc_buf) struct hc_buf text;
        hc_buf_init(&text, 0);
        hc_buf_init(&lists[style].text, 0);
        make_index(&text, 40, style);
        const struct hc_index_sink sink = { &lists[style], list_begin, list_row };
        if (hc_index_read_text(hc_buf_str(&text), (hc_str){ NULL, 0 }, &sink, &err) != HC_OK)
            fail_msg("style %d: %s", style, err.msg);
    }
    assert_true(hc_str_find_str(hc_buf_str(&lists[0].text), HC_S("chart-0039|2.0.0|2|says \"x\": [2], - and|")) !=
                SIZE_MAX);
    for (int style = 1; style < 3; style++)
        if (!hc_str_eq(hc_buf_str(&lists[0].text), hc_buf_str(&lists[style].text)))
            fail_msg("style %d: %.300s\n%.300s", style, lists[style].text.p, lists[0].text.p);
    for (int style = 0; style < 3; style++)
        hc_buf_done(&lists[style].text);
}

/* ---- tables ---- */

static const char *temp_dir(struct hc_arena *a)
{
    char dir[] = "/tmp/hc-index.XXXXXX";
    assert_non_null(mkdtemp(dir));
    return hc_arena_strz(a, hc_str_of(dir));
}

#ifdef __SANITIZE_THREAD__ /* one thread, and each of them is a whole reading */
#define DAMAGES 7
#else
#define DAMAGES 97
#endif

static void a_table_is_made_once(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf text;
    const char *dir = temp_dir(a), *table;
    struct hc_store *store;
    struct hc_err err = HC_ERR_INIT;
    struct hc_index_rows rows;
    struct list whole, again;
    const struct hc_index_sink of_whole = { &whole, list_begin, list_row },
                               of_again = { &again, list_begin, list_row };
    hc_str digest;
    hc_buf_init(&text, 0);
    hc_buf_init(&whole.text, 0);
    hc_buf_init(&again.text, 0);
    make_index(&text, 99, 0);
    assert_int_equal(hc_store_open(dir, 0, &store, &err), HC_OK);
    assert_int_equal(hc_store_put(store, a, hc_buf_str(&text), &digest, &err), HC_OK);
    uint64_t before = hc_index_tables_built();
    for (int c = 0; c < 99; c += 7) {
        hc_str name = hc_arena_printf(a, "chart-%04d", c);
        assert_int_equal(hc_index_versions(store, a, digest, name, &rows, &err), HC_OK);
        assert_int_equal(rows.n, 3 + c % 3);
        assert_string_equal(hc_arena_strz(a, rows.rows[2].version), "2.0.0");
    }
    assert_int_equal(hc_index_versions(store, a, digest, HC_S("chart-9999"), &rows, &err), HC_OK);
    assert_int_equal(rows.n, 0);
    assert_int_equal(hc_index_tables_built() - before, 1);
    assert_int_equal(hc_index_read_text(hc_buf_str(&text), (hc_str){ NULL, 0 }, &of_whole, &err), HC_OK);
    assert_int_equal(hc_index_each(store, digest, &of_again, &err), HC_OK);
    assert_true(hc_str_eq(hc_buf_str(&whole.text), hc_buf_str(&again.text)));

    /* damage anywhere is found, and mended from the index */
    assert_int_equal(hc_store_derived(store, a, digest, "index1", &table, &err), HC_OK);
    hc_str good;
    assert_int_equal(hc_read_file(a, AT_FDCWD, table, SIZE_MAX, &good, &err), HC_OK);
    for (size_t at = 0; at < good.n; at += 1 + good.n / DAMAGES) {
        int fd = open(table, O_WRONLY);
        char wrong = (char)(good.p[at] ^ 0x55);
        assert_int_equal(pwrite(fd, &wrong, 1, (off_t)at), 1);
        close(fd);
        if (hc_index_each(store, digest, &of_again, &err) != HC_OK)
            fail_msg("byte %zu: %s", at, err.msg);
        assert_true(hc_str_eq(hc_buf_str(&whole.text), hc_buf_str(&again.text)));
    }
    assert_int_equal(truncate(table, (off_t)good.n / 2), 0);
    assert_int_equal(hc_index_versions(store, a, digest, HC_S("chart-0001"), &rows, &err), HC_OK);
    assert_int_equal(rows.n, 4);

    /* and it goes with its index */
    const char *blob;
    assert_int_equal(hc_store_path(store, a, digest, &blob, &err), HC_OK);
    assert_int_equal(unlink(blob), 0);
    hc_store_collect(store, false);
    assert_int_not_equal(access(table, F_OK), 0);
    hc_store_close(store);
    hc_remove_tree(dir, NULL);
    hc_buf_done(&whole.text);
    hc_buf_done(&again.text);
}

/* ---- an index is transferred once ---- */

static const char small[] =
    "apiVersion: v1\nentries:\n  web:\n  - name: web\n    version: 1.0.0\n    urls: [web.tgz]\n";

/* /etag names its index by an ETag, /date by a time, /plain not at all. */
static bool serve_index(struct loopback *s, const struct loopback_request *r, int fd)
{
    bool etag = strncmp(r->path, "/etag", 5) == 0, date = strncmp(r->path, "/date", 5) == 0;
    const char *named = etag ? "ETag: \"one\"\r\n" : date ? "Last-Modified: Thu, 26 Nov 2026 10:00:00 GMT\r\n" : "";
    (void)s;
    if ((etag && strcasestr(r->headers, "If-None-Match: \"one\"\r\n")) ||
        (date && strcasestr(r->headers, "If-Modified-Since: Thu, 26 Nov 2026 10:00:00 GMT\r\n")))
        return loopback_answer(fd, 304, named, "", 0);
    return loopback_answer(fd, 200, named, small, sizeof(small) - 1);
}

static void an_unchanged_index_is_not_sent_again(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool transferred; /* the second time */
    } rows[] = { { "/etag", false }, { "/date", false }, { "/plain", true } };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct loopback server;
    struct hc_err err = HC_ERR_INIT;
    const char *dir = temp_dir(a);
    loopback_start(&server, serve_index);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_source_env env = { .http = hc_http_new(&err) };
        const struct hc_source_auth auth = { 0 };
        const char *url = hc_arena_printf(a, "%s%s", server.base, rows[i].path).p;
        struct hc_artifact one, two, other;
        assert_int_equal(hc_store_open(dir, 0, &env.store, &err), HC_OK);
        assert_int_equal(hc_helmrepo_index(&env, a, url, &auth, (hc_str){ NULL, 0 }, &one, &err), HC_OK);
        assert_false(one.unchanged);
        assert_int_equal(one.size, sizeof(small) - 1);
        hc_store_close(env.store); /* a new start knows it, too */
        assert_int_equal(hc_store_open(dir, 0, &env.store, &err), HC_OK);
        assert_int_equal(hc_helmrepo_index(&env, a, url, &auth, one.digest, &two, &err), HC_OK);
        assert_true(two.unchanged);
        assert_true(hc_str_eq(two.revision, one.digest));
        assert_int_equal(two.size, rows[i].transferred ? sizeof(small) - 1 : 0);
        /* the name is this address's alone, and of no use when the blob is gone */
        url = hc_arena_printf(a, "%s%s/other", server.base, rows[i].path).p;
        assert_int_equal(hc_helmrepo_index(&env, a, url, &auth, one.digest, &other, &err), HC_OK);
        assert_int_equal(other.size, sizeof(small) - 1);
        const char *blob;
        assert_int_equal(hc_store_path(env.store, a, one.digest, &blob, &err), HC_OK);
        unlink(blob);
        assert_int_equal(hc_helmrepo_index(&env, a, url, &auth, one.digest, &other, &err), HC_OK);
        assert_int_equal(other.size, sizeof(small) - 1);
        hc_http_free(env.http);
        hc_store_close(env.store);
    }
    loopback_stop(&server);
    hc_remove_tree(dir, NULL);
}

/* ---- a chart goes to its file as it comes ---- */

#define CHART_BYTES 200000
static char chart_bytes[CHART_BYTES];
static atomic_int cuts; /* so many answers end in their middle */

static bool serve_chart(struct loopback *s, const struct loopback_request *r, int fd)
{
    char head[128];
    (void)s, (void)r;
    int n = snprintf(head, sizeof(head), "HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n", CHART_BYTES);
    bool cut = atomic_fetch_sub(&cuts, 1) > 0;
    return loopback_send(fd, head, (size_t)n) && loopback_send(fd, chart_bytes, cut ? 1000 : CHART_BYTES) && !cut;
}

static void a_chart_is_streamed(void **state)
{
    (void)state;
    char hex[HC_SHA256_HEX + 1];
    memset(chart_bytes, 'c', sizeof(chart_bytes));
    hc_sha256_of(hc_str_n(chart_bytes, CHART_BYTES), hex);
    const struct {
        const char *name, *digest;
        int cuts;
        size_t most;
        enum hc_rc rc;
        const char *words;
    } rows[] = {
        { "whole", hex, 0, 0, HC_OK, "" },
        { "cut twice", hex, 2, 0, HC_OK, "" },
        { "cut each time", hex, 100, 0, HC_E_AGAIN, "reading the answer" },
        { "another digest", "00000000000000000000000000000000000000000000000000000000000000ff", 0, 0, HC_E_INPUT,
          "the index says" },
        { "larger than allowed", hex, 0, 1000, HC_E_LIMIT, "1000 bytes" },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct loopback server;
    struct hc_err err = HC_ERR_INIT;
    const char *dir = temp_dir(a);
    loopback_start(&server, serve_chart);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_source_env env = { .http = hc_http_new(&err), .max_bytes = rows[i].most };
        const struct hc_source_auth auth = { 0 };
        const struct hc_chart_entry entry = { .name = HC_S("web"),
                                              .version = HC_S("1.0.0"),
                                              .url = HC_S("web.tgz"),
                                              .digest = hc_str_of(rows[i].digest) };
        struct hc_artifact got;
        hc_str body;
        atomic_store(&cuts, rows[i].cuts);
        assert_int_equal(hc_store_open(dir, 0, &env.store, &err), HC_OK);
        enum hc_rc rc = hc_helmrepo_chart(&env, a, server.base, &auth, &entry, &got, &err);
        if (rc != rows[i].rc || (rc != HC_OK && !strstr(err.msg, rows[i].words)))
            fail_msg("%s: %d '%s'", rows[i].name, rc, err.msg);
        if (rc == HC_OK) {
            assert_int_equal(got.size, CHART_BYTES);
            assert_int_equal(hc_store_get(env.store, a, got.digest, CHART_BYTES, &body, &err), HC_OK);
            assert_true(hc_str_eq(body, hc_str_n(chart_bytes, CHART_BYTES)));
        }
        assert_int_equal(rmdir(hc_arena_printf(a, "%s/tmp", dir).p), 0); /* nothing partial stays */
        hc_http_free(env.http);
        hc_store_close(env.store);
    }
    loopback_stop(&server);
    hc_remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(look_ups),
                                        cmocka_unit_test(errors_tell_what_is_wrong),
                                        cmocka_unit_test(what_helm_refuses),
                                        cmocka_unit_test(readers_agree),
                                        cmocka_unit_test(a_table_is_made_once),
                                        cmocka_unit_test(an_unchanged_index_is_not_sent_again),
                                        cmocka_unit_test(a_chart_is_streamed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
