/*
 * A chart's files in Helm's order, then one tar of them.
 *
 * Times of files that came out of a packed sub-chart are those of that archive: Helm keeps the ones inside.
 */
#include "charts-fetch/source/save.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

struct saver {
    struct hc_arena *a;
    const struct hc_save_opts *o;
    struct hc_unpacked *files;
    size_t n, cap;
    struct hc_err *err;
};

static int64_t time_of(struct saver *s, hc_str on_disk)
{
    struct stat st;
    char path[4096];
    if (s->o->epoch >= 0)
        return s->o->epoch;
    if (s->o->dir) {
        int n = snprintf(path, sizeof(path), "%s/%.*s", s->o->dir, HC_P(on_disk));
        while (n > 0 && (size_t)n < sizeof(path) && stat(path, &st) < 0) { /* inside an archive: that one's */
            char *slash = strrchr(path, '/');
            if (!slash || slash == path)
                return time(NULL);
            *slash = '\0';
        }
        if (n > 0 && (size_t)n < sizeof(path) && !S_ISDIR(st.st_mode))
            return st.st_mtime;
    }
    return time(NULL);
}

static void add(struct saver *s, hc_str base, hc_str name, hc_str body, hc_str on_disk)
{
    if (s->n == s->cap) {
        size_t cap = HC_MAX(s->cap * 2, (size_t)64);
        struct hc_unpacked *more = HC_NEW_N(s->a, struct hc_unpacked, cap);
        if (!more)
            return;
        if (s->n)
            memcpy(more, s->files, s->n * sizeof(*more));
        s->files = more;
        s->cap = cap;
    }
    hc_str parts[] = { base, HC_S("/"), name };
    s->files[s->n++] = (struct hc_unpacked){
        .name = hc_arena_cat(s->a, HC_LEN(parts), parts), .body = body, .mode = 0644, .mtime = time_of(s, on_disk)
    };
}

/* Chart.yaml of a v1 chart names no dependencies: they are in requirements.yaml. */
static hc_str chart_yaml(struct saver *s, const struct hc_chart *c)
{
    struct hc_val *meta = hc_val_copy(s->a, c->metadata);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (!c->parent) {
        hc_map_put_str(s->a, meta, "version", s->o->version);
        hc_map_put_str(s->a, meta, "appVersion", hc_chart_clean_text(s->a, s->o->app_version));
    }
    if (hc_str_eqz(c->api_version, "v1"))
        hc_map_del(meta, HC_S("dependencies"));
    hc_yaml_write(&b, meta);
    return hc_buf_to_arena(&b, s->a);
}

static hc_str lock_yaml(struct saver *s, const struct hc_chart *c)
{
    struct hc_val *lock = hc_val_copy(s->a, c->lock_meta);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (s->o->epoch >= 0 && !s->o->keep_lock) {
        time_t at = (time_t)s->o->epoch;
        struct tm tm;
        char text[32] = "";
        if (gmtime_r(&at, &tm))
            strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        hc_map_put_strz(s->a, lock, "generated", text);
    }
    hc_yaml_write(&b, lock);
    return hc_buf_to_arena(&b, s->a);
}

static enum hc_rc add_chart(struct saver *s, const struct hc_chart *c, hc_str prefix, hc_str disk)
{
    hc_str parts[] = { prefix, prefix.n ? HC_S("/") : HC_S(""), c->name };
    hc_str base = hc_arena_cat(s->a, HC_LEN(parts), parts);
#define ON_DISK(file) hc_arena_cat(s->a, 3, (hc_str[]){ disk, disk.n ? HC_S("/") : HC_S(""), file })
    add(s, base, HC_S("Chart.yaml"), chart_yaml(s, c), ON_DISK(HC_S("Chart.yaml")));
    if (c->lock_meta && hc_str_eqz(c->api_version, "v2"))
        add(s, base, HC_S("Chart.lock"), lock_yaml(s, c), ON_DISK(HC_S("Chart.lock")));
    if (c->values_text.p)
        add(s, base, HC_S("values.yaml"), c->values_text, ON_DISK(HC_S("values.yaml")));
    if (c->schema.p) {
        struct hc_val *ignored = NULL;
        if (hc_json_parse(s->a, c->schema, HC_JSON_REF, &ignored, NULL) != HC_OK)
            return hc_fail(s->err, HC_E_INPUT, "%snvalid JSON in values.schema.json", s->o->helm3 ? "I" : "i");
        add(s, base, HC_S("values.schema.json"), c->schema, ON_DISK(HC_S("values.schema.json")));
    }
    for (size_t i = 0; i < c->templates_n; i++)
        add(s, base, c->templates[i].name, c->templates[i].body, ON_DISK(c->templates[i].name));
    for (size_t i = 0; i < c->files_n; i++)
        add(s, base, c->files[i].name, c->files[i].body, ON_DISK(c->files[i].name));
    hc_str below[] = { base, HC_S("/charts") };
    hc_str charts = hc_arena_cat(s->a, HC_LEN(below), below);
    for (size_t i = 0; i < c->subs_n; i++) {
        hc_str sub_disk[] = { disk, disk.n ? HC_S("/charts/") : HC_S("charts/"), c->subs[i]->name };
        enum hc_rc rc = add_chart(s, c->subs[i], charts, hc_arena_cat(s->a, HC_LEN(sub_disk), sub_disk));
        if (rc != HC_OK)
            return rc;
    }
#undef ON_DISK
    return HC_OK;
}

enum hc_rc hc_chart_pack(struct hc_arena *a, const struct hc_chart *c, const struct hc_save_opts *o, hc_str *out,
                         struct hc_err *err)
{
    struct saver s = { .a = a, .o = o, .err = err };
    enum hc_rc rc = add_chart(&s, c, HC_S(""), HC_S(""));
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "packed chart");
    return rc == HC_OK ? hc_pack_memory(a, s.files, s.n, o->epoch >= 0 ? o->epoch : time(NULL), out, err) : rc;
}

enum hc_rc hc_chart_save(struct hc_arena *a, const struct hc_chart *c, const struct hc_save_opts *o,
                         const char *dest, hc_str *out_path, struct hc_err *err)
{
    struct stat st;
    hc_str archive, version = o->version.n ? o->version : c->version;
    hc_str dir = hc_path_clean(a, hc_str_of(dest));
    bool here = hc_str_eqz(dir, "."); /* "" too */
    if (here)
        dest = ".";
    if (stat(dest, &st) == 0 && !S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "is not a directory: %s", dest);
    enum hc_rc rc = hc_chart_pack(a, c, o, &archive, err);
    if (rc == HC_OK)
        rc = hc_mkdirs(dest, 0755, err);
    if (rc != HC_OK)
        return rc;
    hc_str path = hc_arena_printf(a, "%.*s%s%.*s-%.*s.tgz", HC_P(here ? HC_S("") : dir),
                                  here || hc_str_ends(dir, HC_S("/")) ? "" : "/", HC_P(c->name), HC_P(version));
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "packed chart");
    *out_path = path;
    return hc_write_file(path.p, archive, 0666, err);
}
