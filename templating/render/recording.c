/*
 * Recording and replay: a door between the engine and the outside world.
 *
 * Generated values are kept by their result, not by the random bytes behind it: a certificate costs nothing to replay, and
 * a recording does not depend on how many bytes an algorithm draws. The clock is read once and stands still, as if the
 * render took no time. What a function asks on its way (clock, zones) is known to belong to the call at hand, so that a
 * question without an answer can be told with its place.
 */
#include "templating/render/recording.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "lua/funcs/asked.h"
#include "lua/funcs/certs.h"
#include "lua/funcs/time.h"
#include "templating/render/recording_impl.h"
#include "templating/render/render_impl.h"

struct hc_recorder {
    struct hc_arena *a;
    struct hc_recorder_opts o;
    struct hc_door door, inner;
    struct hc_val *counts, *asked; /* by identity: how often; the known ones that were asked for */
    struct hc_val *inputs, *generated, *lookups, *zones, *hosts;
    bool has_clock, generating;
    int64_t clock_ns;
    const struct hc_asked *at; /* the call that is running */
    hc_str problem;            /* what went wrong in a part of the door that cannot say so itself */
    struct hc_capabilities caps;
};

static bool keeps(const struct hc_recorder *r, enum hc_asked_kind kind)
{
    return r->o.known && (r->o.keep & (unsigned)kind);
}

static const char *file_name(const struct hc_recorder *r)
{
    return r->o.known && r->o.known->name.p ? r->o.known->name.p : "the recording";
}

#define ADVICE                                                                                                     \
    "Record anew with --record, or give --record beside --replay: then what is known is kept and the rest is "     \
    "asked"

/* ---- generated values -------------------------------------------------------------------------------- */

/* What the recording knows of the same function in the same file, for the message. */
static hc_str alike(struct hc_recorder *r, const struct hc_place *p, const char *func)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 400);
    size_t n = strlen(func), told = 0, all = 0;
    const struct hc_val *list = r->o.known->generated;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *e = hc_list_at(list, i);
        hc_str call = hc_get_str(hc_map_getz(e, "call"));
        bool same = hc_str_starts(call, hc_str_n(func, n)) && (call.n == n || call.p[n] == ' ') &&
                    hc_str_eq(hc_get_str(hc_map_getz(e, "in")), p->in);
        all += same;
        if (!same || told == 3)
            continue;
        hc_str text = recording_entry_text(r->a, e);
        hc_buf_printf(&b, "%s%.*s", told++ ? "; " : "", (int)HC_MIN(text.n, (size_t)110), text.p);
    }
    if (!all)
        return hc_arena_printf(r->a, "it knows no %s in %.*s", func, HC_P(p->in));
    hc_str known = hc_buf_to_arena(&b, r->a);
    return hc_arena_printf(r->a, "it knows %.*s%s", HC_P(known), all > told ? " and more" : "");
}

static enum hc_rc not_known(struct hc_recorder *r, const struct hc_place *p, struct hc_fcall *c,
                            struct hc_val *const *argv, size_t argc, int64_t n)
{
    HC_AUTO(hc_buf) struct hc_buf call;
    hc_buf_init(&call, 0);
    hc_func_write_call(&call, c, r->at->func, argv, argc, true);
    hc_str text = hc_buf_str(&call), known = alike(r, p, r->at->func->name);
    char which[48] = "";
    if (n > 1)
        snprintf(which, sizeof(which), " (call %" PRId64 " of its kind)", n);
    return hc_fail(c->err, HC_E_INPUT, "%.*s%s%.*s%s is asked, and recording %s has no answer to it: %.*s. " ADVICE,
                   (int)HC_MIN(text.n, (size_t)120), text.p, p->label.n ? " for " : "", HC_P(p->label), which,
                   file_name(r), HC_P(known));
}

/* Less than a third of its life is left: a certificate that was kept for ever would one day end. */
static bool runs_out(struct hc_recorder *r, const struct hc_val *answer)
{
    int64_t from, to;
    hc_str pem = hc_get_str(hc_map_getz(answer, "Cert"));
    if (!pem.n || !hc_cert_life(pem, &from, &to))
        return false;
    int64_t now = (r->inner.now_ns ? r->inner.now_ns(r->inner.ctx) : hc_now_ns()) / 1000000000;
    return to - now < (to - from) / 3;
}

static struct hc_val *known_answer(struct hc_recorder *r, hc_str id)
{
    const struct hc_val *e = keeps(r, HC_ASKED_GENERATED) ? hc_map_get(r->o.known->by_id, id) : NULL;
    if (!e)
        return NULL;
    hc_map_put_ref(r->a, r->asked, id, hc_null_val(r->a));
    struct hc_val *v = recording_decode(r->a, hc_map_getz(e, "answer"));
    return v && !r->o.strict && runs_out(r, v) ? NULL : v;
}

static void add_generated(struct hc_recorder *r, const struct hc_place *p, hc_str call, int64_t n,
                          const struct hc_val *answer)
{
    struct hc_arena *a = r->a;
    struct hc_val *e = hc_map_new(a);
    hc_map_put_str(a, e, "in", p->in);
    if (p->via.n)
        hc_map_put_str(a, e, "via", p->via);
    if (p->label.n)
        hc_map_put_str(a, e, "for", p->label);
    hc_map_put_str(a, e, "call", call);
    if (n > 1)
        hc_map_put_int(a, e, "n", n);
    hc_map_put_str(a, e, "at", hc_arena_printf(a, "%.*s:%d", HC_P(p->file), p->line));
    hc_map_put_ref(a, e, HC_S("answer"), recording_encode(a, answer));
    hc_list_add(a, r->generated, e);
}

static enum hc_rc generate(struct hc_recorder *r, struct hc_fcall *c, struct hc_val *const *argv, size_t argc,
                           struct hc_val **out)
{
    struct hc_place p = { 0 };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    r->at->place(r->at->at, &p);
    hc_func_write_call(&b, c, r->at->func, argv, argc, false);
    hc_str call = hc_buf_to_arena(&b, r->a), kind = recording_id(r->a, p.in, p.via, p.label, call, 0);
    struct hc_val *count = hc_map_get(r->counts, kind);
    if (!count) {
        count = hc_int_val(r->a, 0);
        hc_map_put_ref(r->a, r->counts, kind, count);
    }
    if (hc_arena_spent(r->a) || !count)
        return hc_arena_check(r->a, c->err, "render");
    int64_t n = ++count->i;
    struct hc_val *v = known_answer(r, recording_id(r->a, p.in, p.via, p.label, call, n));
    enum hc_rc rc = HC_OK;
    if (!v) {
        if (r->o.strict)
            return not_known(r, &p, c, argv, argc, n);
        r->generating = true;
        rc = r->at->func->fn(c, argv, argc, &v);
        r->generating = false;
    }
    if (rc != HC_OK)
        return rc;
    if (hc_list_len(r->generated) >= HC_MAX_RECORDING_ANSWERS)
        return hc_fail(c->err, HC_E_LIMIT, "more than %u generated values in one recording",
                       HC_MAX_RECORDING_ANSWERS);
    add_generated(r, &p, call, n, v);
    *out = v;
    return HC_OK;
}

/* ---- the door ---------------------------------------------------------------------------------------- */

/* `question` is said by the return of the call at hand. */
static void unanswered(struct hc_recorder *r, const char *question)
{
    if (!r->problem.p)
        r->problem = hc_arena_printf(r->a, "%s asks for %s, and recording %s has no answer to it. " ADVICE,
                                     r->at ? r->at->func->name : "the render", question, file_name(r));
}

static int64_t door_now(void *ctx)
{
    struct hc_recorder *r = ctx;
    if (r->has_clock)
        return r->clock_ns;
    if (keeps(r, HC_ASKED_CLOCK) && r->o.known->has_clock) {
        r->clock_ns = r->o.known->clock_ns;
    } else if (r->o.strict) {
        unanswered(r, "the time");
        return 0;
    } else {
        r->clock_ns = r->inner.now_ns ? r->inner.now_ns(r->inner.ctx) : hc_now_ns();
    }
    r->has_clock = true;
    return r->clock_ns;
}

static bool door_random(void *ctx, void *out, size_t n)
{
    struct hc_recorder *r = ctx;
    if (!r->generating) {
        /* A function that lua/funcs/asked.c does not know of: its answer would be in no recording. */
        unanswered(r, "random numbers, which it is not known to use,");
        return false;
    }
    return r->inner.random ? r->inner.random(r->inner.ctx, out, n) : hc_random_bytes(out, n);
}

static hc_str door_zone(void *ctx, struct hc_arena *a, hc_str name)
{
    struct hc_recorder *r = ctx;
    struct hc_val *known = hc_map_get(r->zones, name);
    if (!known && keeps(r, HC_ASKED_ZONES)) {
        const struct hc_val *there = hc_map_get(r->o.known->zones, name);
        if (there && !hc_is_null(there)) {
            size_t bad;
            known = hc_str_val_ref(r->a, hc_base64_decode(r->a, hc_get_str(there), &bad));
        } else if (there) {
            known = hc_null_val(r->a);
        }
    }
    if (!known && r->o.strict) {
        unanswered(r, "a time zone");
        return (hc_str){ NULL, 0 };
    }
    if (!known) {
        hc_str body = r->inner.zone ? r->inner.zone(r->inner.ctx, a, name) : hc_zone_read(a, name);
        known = body.p ? hc_str_val(r->a, body) : hc_null_val(r->a);
    }
    hc_map_put(r->a, r->zones, name, known);
    return hc_get_str(known);
}

static hc_str door_host(void *ctx, struct hc_arena *a, hc_str host)
{
    struct hc_recorder *r = ctx;
    const struct hc_val *known = hc_map_get(r->hosts, host);
    if (!known && keeps(r, HC_ASKED_HOSTS))
        known = hc_map_get(r->o.known->hosts, host);
    if (!known && r->o.strict) {
        unanswered(r, "the address of a host");
        return HC_S("");
    }
    hc_str ip = known ? hc_get_str(known) : HC_S("");
    if (!known && r->inner.resolve)
        ip = r->inner.resolve(r->inner.ctx, a, host);
    hc_map_put(r->a, r->hosts, host, hc_str_val(r->a, ip));
    return ip;
}

static enum hc_rc door_lookup(void *ctx, struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns,
                              hc_str name, struct hc_val **out, struct hc_err *err)
{
    struct hc_recorder *r = ctx;
    hc_str id = recording_lookup_id(r->a, api_version, kind, ns, name);
    struct hc_val *known = hc_map_get(r->lookups, id);
    if (!known && keeps(r, HC_ASKED_LOOKUPS))
        known = hc_map_get(r->o.known->lookups, id);
    if (!known && r->o.strict)
        return hc_fail(
            err, HC_E_INPUT,
            "lookup of %.*s %.*s%s%.*s in namespace \"%.*s\" is asked, and recording %s has no answer to it "
            "(it knows %zu lookups). " ADVICE,
            HC_P(api_version), HC_P(kind), name.n ? " " : "", HC_P(name), HC_P(ns), file_name(r),
            hc_map_len(r->o.known->lookups));
    if (!known) {
        struct hc_val *found = NULL;
        enum hc_rc rc = r->inner.lookup ? r->inner.lookup(r->inner.ctx, a, api_version, kind, ns, name, &found, err)
                                        : HC_OK;
        if (rc != HC_OK && rc != HC_E_NOTFOUND)
            return rc;
        known = hc_map_new(r->a);
        hc_map_put_str(r->a, known, "apiVersion", api_version);
        hc_map_put_str(r->a, known, "kind", kind);
        hc_map_put_str(r->a, known, "namespace", ns);
        hc_map_put_str(r->a, known, "name", name);
        hc_map_put_ref(r->a, known, HC_S("answer"),
                       rc == HC_OK && hc_is_map(found) ? hc_val_clone(r->a, found) : hc_null_val(r->a));
    }
    hc_map_put_ref(r->a, r->lookups, id, known);
    const struct hc_val *answer = hc_map_getz(known, "answer");
    /* The render may change what it gets. */
    *out = hc_is_map(answer) ? hc_val_copy(a, answer) : NULL;
    return hc_arena_check(r->a, err, "render");
}

static enum hc_rc door_ask(void *ctx, const struct hc_asked *what, struct hc_fcall *c, struct hc_val *const *argv,
                           size_t argc, struct hc_val **out)
{
    struct hc_recorder *r = ctx;
    r->at = what;
    enum hc_rc rc = hc_func_asks(what->func) == HC_ASKS_RANDOM ? generate(r, c, argv, argc, out)
                                                               : what->func->fn(c, argv, argc, out);
    r->at = NULL;
    if (r->problem.p)
        return hc_fail(c->err, HC_E_INPUT, "%.*s", HC_P(r->problem));
    return rc;
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct hc_recorder *hc_recorder_new(struct hc_arena *a, const struct hc_recorder_opts *opts)
{
    struct hc_recorder *r = HC_NEW(a, struct hc_recorder);
    if (!r)
        return NULL;
    *r = (struct hc_recorder){ .a = a, .o = *opts };
    if (opts->inner)
        r->inner = *opts->inner;
    r->door = (struct hc_door){ .ctx = r,
                                .now_ns = door_now,
                                .random = door_random,
                                .lookup = door_lookup,
                                .resolve = door_host,
                                .zone = door_zone,
                                .ask = door_ask };
    r->counts = hc_map_new(a);
    r->asked = hc_map_new(a);
    r->inputs = hc_map_new(a);
    r->generated = hc_list_new(a);
    r->lookups = hc_map_new(a);
    r->zones = hc_map_new(a);
    r->hosts = hc_map_new(a);
    return hc_arena_spent(a) ? NULL : r;
}

const struct hc_door *hc_recorder_door(struct hc_recorder *r)
{
    return &r->door;
}

static enum hc_rc check_owner(const struct hc_recorder *r, const struct hc_render_input *in, struct hc_err *err)
{
    const struct hc_recording *k = r->o.known;
    static const char advice[] = "its generated values would go to something they were not made for";
    if (!hc_str_eq(hc_recording_chart(k), in->chart->name))
        return hc_fail(err, HC_E_INPUT, "recording %s is of chart \"%.*s\", not of \"%.*s\": %s", file_name(r),
                       HC_P(hc_recording_chart(k)), HC_P(in->chart->name), advice);
    if (!hc_str_eq(hc_recording_release(k), in->release_name) ||
        !hc_str_eq(hc_recording_namespace(k), in->release_namespace))
        return hc_fail(err, HC_E_INPUT,
                       "recording %s is of release \"%.*s\" in namespace \"%.*s\", not of \"%.*s\" in \"%.*s\": %s",
                       file_name(r), HC_P(hc_recording_release(k)), HC_P(hc_recording_namespace(k)),
                       HC_P(in->release_name), HC_P(in->release_namespace), advice);
    return HC_OK;
}

static hc_str const *texts_of(struct hc_arena *a, const struct hc_val *list)
{
    hc_str *out = HC_NEW_N(a, hc_str, hc_list_len(list) + 1);
    for (size_t i = 0; out && i < hc_list_len(list); i++)
        out[i] = hc_get_str(hc_list_at(list, i));
    return out;
}

/* What the caller said itself stays. */
static enum hc_rc take_inputs(struct hc_recorder *r, struct hc_render_input *in, struct hc_err *err)
{
    const struct hc_val *root = r->o.known->root, *caps = hc_map_getz(root, "capabilities");
    const struct hc_val *list = hc_map_getz(caps, "apiVersions"), *more = hc_map_getz(caps, "extraApiVersions");
    int64_t revision = hc_get_int_at(root, "release.revision", 1);
    in->revision = revision > 0 && revision <= INT32_MAX ? (int)revision : 1;
    in->is_upgrade |= hc_get_bool_at(root, "release.isUpgrade", false);
    in->helm3 |= hc_get_int_at(root, "helm", 4) == 3;
    if (!r->caps.kube_version.n)
        r->caps.kube_version = hc_get_str(hc_map_getz(caps, "kubeVersion"));
    if (!r->caps.api_versions && hc_is_list(list)) {
        r->caps.api_versions = texts_of(r->a, list);
        r->caps.api_versions_n = hc_list_len(list);
    } else if (!r->caps.api_versions) {
        struct hc_kube_version built_in;
        enum hc_rc rc = hc_kube_version_parse(r->a, (hc_str){ NULL, 0 }, &built_in, err);
        if (rc != HC_OK)
            return rc;
        if (!hc_str_eq(hc_get_str(list), built_in.version))
            return hc_fail(err, HC_E_INPUT,
                           "recording %s was made with the API list that helmctl has for Kubernetes %.*s, and this "
                           "helmctl has one for %.*s: record anew, or name the APIs with --api-versions",
                           file_name(r), HC_P(hc_get_str(list)), HC_P(built_in.version));
    }
    if (!r->caps.extra_api_versions_n) {
        r->caps.extra_api_versions = texts_of(r->a, more);
        r->caps.extra_api_versions_n = hc_list_len(more);
    }
    return hc_arena_check(r->a, err, "recording");
}

static struct hc_val *list_of(struct hc_arena *a, const hc_str *texts, size_t n)
{
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < n; i++)
        hc_list_add(a, list, hc_str_val(a, texts[i]));
    return list;
}

static enum hc_rc note_inputs(struct hc_recorder *r, const struct hc_render_input *in, struct hc_err *err)
{
    struct hc_arena *a = r->a;
    struct hc_kube_version kube, built_in;
    enum hc_rc rc = hc_kube_version_parse(a, r->caps.kube_version, &kube, err);
    if (rc == HC_OK)
        rc = hc_kube_version_parse(a, (hc_str){ NULL, 0 }, &built_in, err);
    if (rc != HC_OK)
        return hc_wrap(err, "invalid kube version '%.*s'", HC_P(r->caps.kube_version));
    struct hc_val *to = r->inputs, *chart = hc_map_sub(a, to, "chart"), *release = hc_map_sub(a, to, "release");
    hc_map_put_str(a, chart, "name", in->chart->name);
    hc_map_put_str(a, chart, "version", in->chart->version);
    hc_map_put_str(a, release, "name", in->release_name);
    hc_map_put_str(a, release, "namespace", in->release_namespace);
    hc_map_put_int(a, release, "revision", in->revision > 0 ? in->revision : 1);
    hc_map_put_bool(a, release, "isUpgrade", in->is_upgrade);
    hc_map_put_int(a, to, "helm", in->helm3 ? 3 : 4);
    struct hc_val *caps = hc_map_sub(a, to, "capabilities");
    hc_map_put_str(a, caps, "kubeVersion", kube.version);
    hc_map_put(a, caps, HC_S("apiVersions"),
               r->caps.api_versions ? list_of(a, r->caps.api_versions, r->caps.api_versions_n)
                                    : hc_str_val(a, built_in.version));
    if (r->caps.extra_api_versions_n)
        hc_map_put(a, caps, HC_S("extraApiVersions"),
                   list_of(a, r->caps.extra_api_versions, r->caps.extra_api_versions_n));
    return hc_arena_check(a, err, "recording");
}

enum hc_rc hc_recorder_begin(struct hc_recorder *r, struct hc_render_input *in, struct hc_err *err)
{
    enum hc_rc rc = r->o.known ? check_owner(r, in, err) : HC_OK;
    if (in->capabilities)
        r->caps = *in->capabilities;
    if (rc == HC_OK && keeps(r, HC_ASKED_INPUTS))
        rc = take_inputs(r, in, err);
    if (rc == HC_OK)
        rc = note_inputs(r, in, err);
    in->door = &r->door;
    in->capabilities = &r->caps;
    return rc;
}

/* ---- what is written --------------------------------------------------------------------------------- */

static void put_json(struct hc_buf *b, const char *before, const struct hc_val *v)
{
    hc_buf_puts(b, before);
    hc_json_write(b, v, 0);
}

static void put_lines(struct hc_buf *b, const char *name, const struct hc_val *list, const struct hc_val *more)
{
    hc_buf_printf(b, ",\n  \"%s\": [", name);
    size_t n = hc_list_len(list);
    for (size_t i = 0; i < n + hc_list_len(more); i++)
        put_json(b, i ? ",\n    " : "\n    ", i < n ? hc_list_at(list, i) : hc_list_at(more, i - n));
    hc_buf_puts(b, n + hc_list_len(more) ? "\n  ]" : "]");
}

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp(((const struct hc_entry *)x)->key, ((const struct hc_entry *)y)->key);
}

/* Entries of a map by key, so that the order of asking makes no difference between two files. */
static struct hc_entry *sorted(struct hc_arena *a, const struct hc_val *map)
{
    size_t n = hc_map_len(map);
    struct hc_entry *e = HC_NEW_N(a, struct hc_entry, n + 1);
    if (e && n) {
        memcpy(e, map->map->entries, n * sizeof(*e));
        qsort(e, n, sizeof(*e), by_key);
    }
    return e;
}

static void put_map(struct hc_arena *a, struct hc_buf *b, const char *name, const struct hc_val *map, bool base64)
{
    size_t n = hc_map_len(map);
    const struct hc_entry *e = sorted(a, map);
    if (!n || !e)
        return;
    hc_buf_printf(b, ",\n  \"%s\": {", name);
    for (size_t i = 0; i < n; i++) {
        hc_buf_puts(b, i ? ",\n    " : "\n    ");
        hc_json_write_str(b, e[i].key, false);
        const struct hc_val *v = e[i].val;
        put_json(b, ": ", base64 && hc_is_str(v) ? hc_str_val_ref(a, hc_base64(a, hc_get_str(v))) : v);
    }
    hc_buf_puts(b, "\n  }");
}

/* Known generated values that this render did not ask for, with one more render on their counter. */
static struct hc_val *carried(const struct hc_recorder *r, struct hc_arena *a)
{
    struct hc_val *list = hc_list_new(a);
    if (!keeps(r, HC_ASKED_GENERATED))
        return list;
    const struct hc_val *by_id = r->o.known->by_id;
    for (size_t i = 0; i < hc_map_len(by_id); i++) {
        const struct hc_entry *e = hc_map_at(by_id, i);
        int64_t unasked = hc_get_int_at(e->val, "unasked", 0) + 1;
        if (hc_map_find(r->asked, e->key) || unasked > HC_MAX_RECORDING_UNASKED)
            continue;
        struct hc_val *one = hc_val_copy(a, e->val);
        hc_map_put_int(a, one, "unasked", unasked);
        hc_list_add(a, list, one);
    }
    return list;
}

enum hc_rc hc_recorder_write(const struct hc_recorder *r, struct hc_buf *b, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(err);
    size_t before = b->n;
    hc_buf_puts(b, "{\n  \"format\": \"" RECORDING_FORMAT "\",\n  \"program\": \"helmctl " HC_VERSION "\"");
    for (size_t i = 0; i < hc_map_len(r->inputs); i++) {
        hc_buf_puts(b, ",\n  ");
        hc_json_write_str(b, hc_map_at(r->inputs, i)->key, false);
        put_json(b, ": ", hc_map_at(r->inputs, i)->val);
    }
    if (r->has_clock) {
        const struct hc_time t = { .sec = r->clock_ns / 1000000000, .nsec = (int32_t)(r->clock_ns % 1000000000) };
        hc_buf_puts(b, ",\n  \"clock\": \"");
        hc_time_json(b, &t);
        hc_buf_putc(b, '"');
    }
    put_map(a, b, "zones", r->zones, true);
    put_map(a, b, "hosts", r->hosts, false);
    struct hc_val *lookups = hc_list_new(a);
    const struct hc_entry *e = sorted(a, r->lookups);
    for (size_t i = 0; e && i < hc_map_len(r->lookups); i++)
        hc_list_add(a, lookups, e[i].val);
    put_lines(b, "lookups", lookups, NULL);
    put_lines(b, "generated", r->generated, carried(r, a));
    hc_buf_puts(b, "\n}\n");
    if (!b->spent && b->n - before > HC_MAX_RECORDING_BYTES)
        return hc_fail(err, HC_E_LIMIT,
                       "the recording is over %zu bytes (%zu objects looked up, %zu values generated)",
                       HC_MAX_RECORDING_BYTES, hc_map_len(r->lookups), hc_list_len(r->generated));
    enum hc_rc rc = hc_buf_check(b, err, "recording");
    return rc == HC_OK ? hc_arena_check(a, err, "recording") : rc;
}

size_t hc_recorder_unasked(const struct hc_recorder *r, struct hc_arena *a, hc_str **out)
{
    size_t n = 0, most = r->o.known ? hc_map_len(r->o.known->by_id) : 0;
    *out = HC_NEW_N(a, hc_str, most + 1);
    for (size_t i = 0; *out && i < most; i++) {
        const struct hc_entry *e = hc_map_at(r->o.known->by_id, i);
        if (!hc_map_find(r->asked, e->key) && hc_get_int_at(e->val, "unasked", 0) == 0)
            (*out)[n++] = recording_entry_text(a, e->val);
    }
    return n;
}
