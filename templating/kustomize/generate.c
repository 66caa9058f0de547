/*
 * ConfigMaps and Secrets out of files, literals and env files, and the digest their names carry: ten characters of
 * the SHA-256 of the object's JSON, with the digits and vowels swapped that could spell a word (kustomize api/hasher).
 */
#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "templating/kustomize/kustomize_impl.h"

struct gen {
    struct kctx *k;
    struct hc_val *data, *binary;
    bool secret;
    hc_str dir, file, name;
};

static enum hc_rc put_datum(struct gen *g, hc_str key, hc_str value)
{
    struct kctx *k = g->k;
    if (!key.n)
        return hc_fail(k->err, HC_E_INPUT, "%.*s: generator '%.*s' has an entry without a key", HC_P(g->file),
                       HC_P(g->name));
    if (hc_map_get(g->data, key) || hc_map_get(g->binary, key))
        return hc_fail(k->err, HC_E_INPUT, "%.*s: generator '%.*s' has the key '%.*s' twice", HC_P(g->file),
                       HC_P(g->name), HC_P(key));
    if (g->secret)
        hc_map_put(k->a, g->data, key, hc_str_val_ref(k->a, hc_base64(k->a, value)));
    else if (hc_utf8_valid(value))
        hc_map_put(k->a, g->data, key, hc_str_val_ref(k->a, value));
    else
        hc_map_put(k->a, g->binary, key, hc_str_val_ref(k->a, hc_base64(k->a, value)));
    return HC_OK;
}

static enum hc_rc from_files(struct gen *g, const struct hc_val *files)
{
    for (size_t i = 0; i < hc_list_len(files); i++) {
        hc_str entry = hc_get_str(hc_list_at(files, i)), body, rel;
        size_t eq = hc_str_find(entry, '=');
        hc_str path = eq == SIZE_MAX ? entry : hc_str_sub(entry, eq + 1, entry.n);
        size_t slash = hc_str_rfind(path, '/');
        hc_str key = eq != SIZE_MAX ? hc_str_sub(entry, 0, eq)
                                    : hc_str_sub(path, slash == SIZE_MAX ? 0 : slash + 1, path.n);
        if (k_read(g->k, g->dir, path, &body, &rel) != HC_OK)
            return hc_wrap(g->k->err, "%.*s: generator '%.*s'", HC_P(g->file), HC_P(g->name));
        if (put_datum(g, key, body) != HC_OK)
            return g->k->err->code;
    }
    return HC_OK;
}

static hc_str unquoted(hc_str s)
{
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        return hc_str_sub(s, 1, s.n - 1);
    return s;
}

static enum hc_rc from_literals(struct gen *g, const struct hc_val *literals)
{
    for (size_t i = 0; i < hc_list_len(literals); i++) {
        hc_str entry = hc_get_str(hc_list_at(literals, i));
        size_t eq = hc_str_find(entry, '=');
        if (eq == SIZE_MAX || eq == 0)
            return hc_fail(g->k->err, HC_E_INPUT, "%.*s: generator '%.*s': literal %zu is not key=value",
                           HC_P(g->file), HC_P(g->name), i + 1);
        if (put_datum(g, hc_str_sub(entry, 0, eq), unquoted(hc_str_sub(entry, eq + 1, entry.n))) != HC_OK)
            return g->k->err->code;
    }
    return HC_OK;
}

static enum hc_rc from_env(struct gen *g, hc_str path)
{
    hc_str body, rel, line;
    if (k_read(g->k, g->dir, path, &body, &rel) != HC_OK)
        return hc_wrap(g->k->err, "%.*s: generator '%.*s'", HC_P(g->file), HC_P(g->name));
    int n = 0;
    while (hc_str_split(&body, '\n', &line)) {
        n++;
        line = hc_str_trim_left(line);
        if (hc_str_ends(line, HC_S("\r")))
            line.n--;
        if (!line.n || line.p[0] == '#')
            continue;
        size_t eq = hc_str_find(line, '=');
        if (eq == SIZE_MAX || eq == 0)
            return hc_fail_at(g->k->err, HC_E_INPUT, rel, n, -1, "%.*s:%d: the line is not KEY=value", HC_P(rel),
                              n);
        if (put_datum(g, hc_str_sub(line, 0, eq), hc_str_sub(line, eq + 1, line.n)) != HC_OK)
            return g->k->err->code;
    }
    return HC_OK;
}

static void put_options(struct kctx *k, struct hc_val *obj, const struct hc_val *options)
{
    static const char *const maps[] = { "labels", "annotations" };
    for (size_t m = 0; m < HC_LEN(maps); m++) {
        const struct hc_val *pairs = hc_map_getz(options, maps[m]);
        for (size_t i = 0; i < hc_map_len(pairs); i++)
            hc_map_put(k->a, hc_map_sub(k->a, hc_map_sub(k->a, obj, "metadata"), maps[m]), hc_map_at(pairs, i)->key,
                       hc_map_at(pairs, i)->val);
    }
    if (hc_get_bool_at(options, "immutable", false))
        hc_map_put_bool(k->a, obj, "immutable", true);
}

static enum hc_rc place(struct gen *g, struct kset *set, struct hc_val *obj, bool hash, hc_str behavior)
{
    struct kctx *k = g->k;
    struct kres *old = NULL;
    for (size_t i = 0; i < set->n && !old; i++)
        if (hc_str_eq(kres_kind(&set->items[i]), hc_get_str(hc_map_getz(obj, "kind"))) &&
            (hc_str_eq(set->items[i].first_name, g->name) || hc_str_eq(kres_name(&set->items[i]), g->name)))
            old = &set->items[i];
    bool merge = hc_str_eqz(behavior, "merge"), replace = hc_str_eqz(behavior, "replace");
    if (!merge && !replace) {
        if (old)
            return hc_fail(k->err, HC_E_INPUT,
                           "%.*s: generator '%.*s': the object is there already; say behavior: merge or replace",
                           HC_P(g->file), HC_P(g->name));
        struct kres *r = kset_add(k, set, obj);
        if (r)
            r->hash = hash;
        return hc_arena_check(k->a, k->err, "kustomize build");
    }
    if (!old)
        return hc_fail(k->err, HC_E_INPUT, "%.*s: generator '%.*s': behavior %.*s, but no such object is there",
                       HC_P(g->file), HC_P(g->name), HC_P(behavior));
    struct hc_val *named = hc_map_new(k->a), *m = hc_map_new(k->a);
    hc_map_put_str(k->a, m, "name", kres_name(old));
    hc_map_put(k->a, named, HC_S("metadata"), m);
    struct hc_val *after = merge ? hc_val_overlay(k->a, hc_val_overlay(k->a, old->obj, obj), named)
                                 : hc_val_overlay(k->a, obj, named);
    old->obj = hc_val_copy(k->a, after);
    old->hash = old->hash && hash;
    return hc_arena_check(k->a, k->err, "kustomize build");
}

enum hc_rc k_generate(struct kctx *k, struct kset *set, const char *kind, const struct hc_val *generators,
                      const struct hc_val *options, hc_str dir, hc_str file)
{
    for (size_t i = 0; i < hc_list_len(generators); i++) {
        const struct hc_val *spec = hc_list_at(generators, i), *own = hc_map_getz(spec, "options");
        struct gen g = { .k = k, .dir = dir, .file = file, .name = hc_get_str_at(spec, "name") };
        g.secret = strcmp(kind, "Secret") == 0;
        g.data = hc_map_new(k->a);
        g.binary = hc_map_new(k->a);
        if (!g.name.n)
            return hc_fail_at(k->err, HC_E_INPUT, file, (int)spec->line, -1, "%.*s:%u: a generator has no name",
                              HC_P(file), spec->line);
        const struct hc_val *envs = hc_map_getz(spec, "envs");
        if (from_literals(&g, hc_map_getz(spec, "literals")) != HC_OK ||
            from_files(&g, hc_map_getz(spec, "files")) != HC_OK)
            return k->err->code;
        for (size_t e = 0; e < hc_list_len(envs); e++)
            if (from_env(&g, hc_get_str(hc_list_at(envs, e))) != HC_OK)
                return k->err->code;
        if (hc_get_str_at(spec, "env").n && from_env(&g, hc_get_str_at(spec, "env")) != HC_OK)
            return k->err->code;

        struct hc_val *obj = hc_map_new(k->a), *m;
        hc_map_put_strz(k->a, obj, "apiVersion", "v1");
        hc_map_put_strz(k->a, obj, "kind", kind);
        m = hc_map_sub(k->a, obj, "metadata");
        hc_map_put_str(k->a, m, "name", g.name);
        hc_map_put_str(k->a, m, "namespace", hc_get_str_at(spec, "namespace"));
        if (g.secret) {
            hc_str type = hc_get_str_at(spec, "type");
            hc_map_put_str(k->a, obj, "type", type.n ? type : HC_S("Opaque"));
        }
        if (hc_map_len(g.data))
            hc_map_put(k->a, obj, HC_S("data"), g.data);
        if (hc_map_len(g.binary))
            hc_map_put(k->a, obj, HC_S("binaryData"), g.binary);
        put_options(k, obj, options);
        put_options(k, obj, own);
        bool hash = !hc_get_bool_at(own, "disableNameSuffixHash",
                                    hc_get_bool_at(options, "disableNameSuffixHash", false));
        if (place(&g, set, obj, hash, hc_get_str_at(spec, "behavior")) != HC_OK)
            return k->err->code;
    }
    return HC_OK;
}

static hc_str name_digest(struct kctx *k, const struct hc_val *obj)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    bool secret = hc_str_eqz(hc_get_str_at(obj, "kind"), "Secret");
    struct hc_val *m = hc_map_new(k->a), *empty = hc_strz_val(k->a, "");
    struct hc_val *data = hc_map_getz(obj, "data"), *extra = hc_map_getz(obj, secret ? "stringData" : "binaryData");
    hc_map_put_strz(k->a, m, "kind", secret ? "Secret" : "ConfigMap");
    hc_map_put(k->a, m, HC_S("name"), empty); /* the name itself does not count since kustomize 4 */
    hc_map_put(k->a, m, HC_S("data"), data ? data : empty);
    if (secret)
        hc_map_put(k->a, m, HC_S("type"), hc_map_getz(obj, "type") ? hc_map_getz(obj, "type") : empty);
    if (hc_is_map(extra))
        hc_map_put(k->a, m, secret ? HC_S("stringData") : HC_S("binaryData"), extra);
    hc_buf_init(&b, 0);
    hc_json_write(&b, m, HC_JSON_SORT | HC_JSON_HTML);
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(hc_buf_str(&b), hex);
    for (int i = 0; i < 10; i++) {
        static const char from[] = "013ae", to[] = "ghkmt";
        const char *at = strchr(from, hex[i]);
        if (at)
            hex[i] = to[at - from];
    }
    return hc_arena_str(k->a, hc_str_n(hex, 10));
}

void k_hash_names(struct kctx *k, struct kset *set)
{
    /* References inside a hashed object would change its digest; kustomize has none of those kinds either. */
    for (size_t i = 0; i < set->n; i++) {
        struct kres *r = &set->items[i];
        r->level_name = kres_name(r);
        if (!r->hash || r->gone)
            continue;
        hc_str digest = name_digest(k, r->obj);
        hc_map_put_str(k->a, hc_map_sub(k->a, r->obj, "metadata"), "name",
                       hc_arena_printf(k->a, "%.*s-%.*s", HC_P(r->level_name), HC_P(digest)));
    }
    k_fix_references(k, set);
}
