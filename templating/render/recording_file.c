/*
 * The text of a recording: read and compared. Written in recording.c. No message holds an answer.
 */
#include <stdio.h>

#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "lua/bridge/gotype.h"
#include "lua/funcs/time.h"
#include "templating/render/recording_impl.h"

/* ---- identities -------------------------------------------------------------------------------------- */

hc_str recording_id(struct hc_arena *a, hc_str in, hc_str via, hc_str label, hc_str call, int64_t n)
{
    return hc_arena_printf(a, "%.*s\n%.*s\n%.*s\n%.*s\n%" PRId64, HC_P(in), HC_P(via), HC_P(label), HC_P(call), n);
}

hc_str recording_lookup_id(struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns, hc_str name)
{
    return hc_arena_printf(a, "%.*s\n%.*s\n%.*s\n%.*s", HC_P(api_version), HC_P(kind), HC_P(ns), HC_P(name));
}

static hc_str text(const struct hc_val *e, const char *key)
{
    return hc_get_str(hc_map_getz(e, key));
}

static hc_str id_of(struct hc_arena *a, const struct hc_val *e)
{
    return recording_id(a, text(e, "in"), text(e, "via"), text(e, "for"), text(e, "call"),
                        hc_get_int_at(e, "n", 1));
}

/* Digests of arguments hide passwords, and a short password can be found behind its digest. */
static hc_str without_digests(struct hc_arena *a, hc_str call)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t at; (at = hc_str_find_str(call, HC_S(" sha256:"))) != SIZE_MAX;) {
        hc_buf_put(&b, hc_str_sub(call, 0, at));
        hc_buf_puts(&b, " ***");
        at++;
        while (at < call.n && call.p[at] != ' ')
            at++;
        call = hc_str_sub(call, at, call.n);
    }
    hc_buf_put(&b, call);
    return hc_buf_to_arena(&b, a);
}

hc_str recording_entry_text(struct hc_arena *a, const struct hc_val *e)
{
    hc_str at = text(e, "at"), label = text(e, "for"), in = text(e, "in");
    hc_str call = without_digests(a, text(e, "call"));
    bool inside = !hc_str_starts(at, in);
    return hc_arena_printf(a, "%.*s: %.*s%s%.*s%s%.*s", HC_P(at), HC_P(call), label.n ? " for " : "", HC_P(label),
                           inside ? " in " : "", HC_P(inside ? in : HC_S("")));
}

/* ---- answers ----------------------------------------------------------------------------------------- */

struct hc_val *recording_encode(struct hc_arena *a, const struct hc_val *v)
{
    hc_str s = hc_get_str(v);
    if (hc_is_str(v) && !hc_utf8_valid(s)) {
        struct hc_val *m = hc_map_new(a);
        hc_map_put_ref(a, m, HC_S("base64"), hc_str_val_ref(a, hc_base64(a, s)));
        return m;
    }
    struct hc_val *copy = v ? HC_NEW(a, struct hc_val) : hc_null_val(a);
    if (copy && v) {
        *copy = *v;
        copy->type = HC_GO_PLAIN;
    }
    return copy;
}

struct hc_val *recording_decode(struct hc_arena *a, const struct hc_val *v)
{
    if (hc_is_str(v))
        return hc_str_val_ref(a, hc_get_str(v));
    if (v && v->kind == HC_INT) {
        struct hc_val *i = hc_int_val(a, v->i);
        if (i)
            i->type = HC_GO_INT;
        return i;
    }
    if (hc_is_map(v) && hc_map_len(v) == 1 && hc_is_str(hc_map_getz(v, "base64"))) {
        size_t bad;
        hc_str raw = hc_base64_decode(a, text(v, "base64"), &bad);
        return raw.p ? hc_str_val_ref(a, raw) : NULL;
    }
    if (hc_is_map(v) && hc_map_len(v) == 2 && hc_is_str(hc_map_getz(v, "Cert")) &&
        hc_is_str(hc_map_getz(v, "Key"))) {
        struct hc_val *cert = hc_val_copy(a, v);
        if (cert)
            cert->type = HC_GO_CERT;
        return cert;
    }
    return NULL;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

struct reader {
    struct hc_arena *a;
    struct hc_recording *r;
    struct hc_err *err;
};

static enum hc_rc damaged(struct reader *w, const struct hc_val *at, const char *what)
{
    return hc_fail_at(w->err, HC_E_INPUT, w->r->name, at ? (int)at->line : 0, at ? at->col : 0,
                      "recording %.*s:%d: %s: it was changed by hand or damaged; restore it, or record anew",
                      HC_P(w->r->name), at ? (int)at->line : 1, what);
}

static enum hc_rc read_generated(struct reader *w)
{
    const struct hc_val *list = w->r->generated;
    if (list && !hc_is_list(list))
        return damaged(w, list, "\"generated\" is no list");
    if (hc_list_len(list) > 2 * HC_MAX_RECORDING_ANSWERS)
        return hc_fail(w->err, HC_E_LIMIT, "recording %.*s has more than %u generated values", HC_P(w->r->name),
                       2 * HC_MAX_RECORDING_ANSWERS);
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *e = hc_list_at(list, i);
        if (!text(e, "in").n || !text(e, "call").n || !recording_decode(w->a, hc_map_getz(e, "answer")))
            return damaged(w, e,
                           "an entry of \"generated\" has no \"in\", \"call\" or \"answer\" of the right kind");
        hc_str id = id_of(w->a, e);
        if (hc_map_find(w->r->by_id, id))
            return damaged(w, e, "two entries of \"generated\" are for the same call");
        hc_map_put_ref(w->a, w->r->by_id, id, e);
    }
    return HC_OK;
}

static enum hc_rc read_lookups(struct reader *w)
{
    const struct hc_val *list = hc_map_getz(w->r->root, "lookups");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *e = hc_list_at(list, i), *answer = hc_map_getz(e, "answer");
        if (!hc_is_str(hc_map_getz(e, "kind")) || !answer || !(hc_is_map(answer) || hc_is_null(answer)))
            return damaged(w, e, "an entry of \"lookups\" has no \"kind\" or \"answer\" of the right kind");
        hc_map_put_ref(w->a, w->r->lookups,
                       recording_lookup_id(w->a, text(e, "apiVersion"), text(e, "kind"), text(e, "namespace"),
                                           text(e, "name")),
                       e);
    }
    return HC_OK;
}

static enum hc_rc read_clock(struct reader *w)
{
    const struct hc_val *v = hc_map_getz(w->r->root, "clock");
    struct hc_time t;
    if (!v)
        return HC_OK;
    /* What no 64 bits of nanoseconds hold was never read from a clock. */
    if (hc_time_parse(w->a, HC_S("2006-01-02T15:04:05.999999999Z07:00"), hc_get_str(v), NULL, &t, NULL) != HC_OK ||
        t.sec < INT64_MIN / 1000000000 + 1 || t.sec > INT64_MAX / 1000000000 - 1)
        return damaged(w, v, "\"clock\" is no time");
    w->r->has_clock = true;
    w->r->clock_ns = t.sec * 1000000000 + t.nsec;
    return HC_OK;
}

static enum hc_rc read_texts(struct reader *w, const struct hc_val *map, const char *what, bool base64)
{
    for (size_t i = 0; i < hc_map_len(map); i++) {
        const struct hc_val *v = hc_map_at(map, i)->val;
        size_t bad;
        if (!hc_is_str(v) && !(base64 && hc_is_null(v)))
            return damaged(w, v, what);
        if (base64 && hc_is_str(v) && !hc_base64_decode(w->a, hc_get_str(v), &bad).p)
            return damaged(w, v, what);
    }
    return HC_OK;
}

static enum hc_rc check_format(struct reader *w)
{
    hc_str format = text(w->r->root, "format"), program = text(w->r->root, "program");
    if (hc_str_eqz(format, RECORDING_FORMAT))
        return HC_OK;
    if (hc_str_starts(format, HC_S(RECORDING_FAMILY)))
        return hc_fail(
            w->err, HC_E_INPUT,
            "recording %.*s has the format %.*s (written by %.*s), and this helmctl reads " RECORDING_FORMAT
            ": use that program, or record anew",
            HC_P(w->r->name), HC_P(format), HC_P(program));
    return hc_fail(w->err, HC_E_INPUT, "%.*s is no recording: it has no \"format\": \"" RECORDING_FORMAT "\"",
                   HC_P(w->r->name));
}

enum hc_rc hc_recording_parse(struct hc_arena *a, hc_str body, hc_str name, struct hc_recording **out,
                              struct hc_err *err)
{
    struct hc_err why = HC_ERR_INIT;
    struct hc_val *root = NULL;
    struct hc_recording *r = HC_NEW(a, struct hc_recording);
    if (body.n > HC_MAX_RECORDING_BYTES)
        return hc_fail(err, HC_E_LIMIT, "recording %.*s is over %zu bytes", HC_P(name), HC_MAX_RECORDING_BYTES);
    if (!r)
        return hc_fail_nomem(err);
    hc_str all = hc_str_trim(body);
    if (!all.n)
        return hc_fail(err, HC_E_INPUT, "%.*s is no recording: it is empty", HC_P(name));
    if (*all.p != '{')
        return hc_fail(err, HC_E_INPUT, "%.*s is no recording: it does not begin with {", HC_P(name));
    enum hc_rc rc = hc_json_parse(a, body, HC_JSON_REF, &root, &why);
    if (rc == HC_E_INPUT && (strstr(why.msg, "unexpected end") || !hc_str_ends(all, HC_S("}"))))
        return hc_fail(err, rc,
                       "recording %.*s is cut short: its JSON ends in the middle of something; restore it, or "
                       "record anew",
                       HC_P(name));
    if (rc == HC_E_INPUT)
        return hc_fail_at(
            err, rc, name, why.line, why.col,
            "recording %.*s:%d:%d is no JSON: it was changed by hand or damaged; restore it, or record "
            "anew",
            HC_P(name), why.line, why.col);
    if (rc != HC_OK)
        return hc_err_copy(err, &why);
    *r = (struct hc_recording){ .name = hc_arena_str(a, name), .root = root };
    r->generated = hc_map_getz(root, "generated");
    r->by_id = hc_map_new(a);
    r->lookups = hc_map_new(a);
    r->zones = hc_map_getz(root, "zones");
    r->hosts = hc_map_getz(root, "hosts");
    struct reader w = { a, r, err };
    rc = check_format(&w);
    if (rc == HC_OK && (!hc_recording_chart(r).n || !hc_recording_release(r).n))
        rc = damaged(&w, root, "it does not say which chart and release it is of");
    if (rc == HC_OK)
        rc = read_generated(&w);
    if (rc == HC_OK)
        rc = read_lookups(&w);
    if (rc == HC_OK)
        rc = read_clock(&w);
    if (rc == HC_OK)
        rc = read_texts(&w, r->zones, "a zone is no zone file in base64", true);
    if (rc == HC_OK)
        rc = read_texts(&w, r->hosts, "the address of a host is no text", false);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "recording");
    if (rc == HC_OK)
        *out = r;
    return rc;
}

hc_str hc_recording_chart(const struct hc_recording *r)
{
    return hc_get_str_at(r->root, "chart.name");
}
hc_str hc_recording_release(const struct hc_recording *r)
{
    return hc_get_str_at(r->root, "release.name");
}
hc_str hc_recording_namespace(const struct hc_recording *r)
{
    return hc_get_str_at(r->root, "release.namespace");
}

/* ---- comparing --------------------------------------------------------------------------------------- */

struct side {
    struct hc_arena *a;
    struct hc_buf *out;
    size_t n;
    bool alone; /* one recording is shown, nothing is compared */
};

static void tell(struct side *s, hc_str what, const struct hc_val *x, const struct hc_val *y, bool secret)
{
    struct hc_buf *b = s->out;
    if (x && y && hc_val_equal(x, y))
        return;
    if (!s->alone)
        hc_buf_printf(b, "%c ", x && y ? '~' : x ? '-' : '+');
    hc_buf_put(b, what);
    for (int i = 0; i < 2 && !secret; i++) {
        const struct hc_val *v = i ? y : x;
        if (!v)
            continue;
        hc_buf_puts(b, i && x ? " -> " : "  ");
        hc_json_write(b, v, HC_JSON_SORT);
    }
    hc_buf_putc(b, '\n');
    s->n++;
}

/* Both maps in one go, the old one's order first. `name` gives what a key is called. */
static void diff_maps(struct side *s, const struct hc_val *x, const struct hc_val *y, const char *member,
                      hc_str (*name)(struct hc_arena *a, const struct hc_entry *e), bool secret)
{
    for (int pass = 0; pass < 2; pass++) {
        const struct hc_val *from = pass ? y : x;
        for (size_t i = 0; i < hc_map_len(from); i++) {
            const struct hc_entry *e = hc_map_at(from, i);
            const struct hc_val *other = hc_map_get(pass ? x : y, e->key);
            if (pass && other)
                continue;
            const struct hc_val *mine = member ? hc_map_getz(e->val, member) : e->val;
            if (other && member)
                other = hc_map_getz(other, member);
            tell(s, name(s->a, e), pass ? NULL : mine, pass ? mine : other, secret);
        }
    }
}

static hc_str name_entry(struct hc_arena *a, const struct hc_entry *e)
{
    return recording_entry_text(a, e->val);
}
static hc_str name_lookup(struct hc_arena *a, const struct hc_entry *e)
{
    return hc_arena_printf(a, "lookup %.*s %.*s %.*s/%.*s", HC_P(text(e->val, "apiVersion")),
                           HC_P(text(e->val, "kind")), HC_P(text(e->val, "namespace")), HC_P(text(e->val, "name")));
}
static hc_str name_zone(struct hc_arena *a, const struct hc_entry *e)
{
    return hc_arena_printf(a, "zone %.*s", HC_P(e->key));
}
static hc_str name_host(struct hc_arena *a, const struct hc_entry *e)
{
    return hc_arena_printf(a, "host %.*s", HC_P(e->key));
}

size_t hc_recording_diff(const struct hc_recording *old, const struct hc_recording *new, struct hc_buf *out)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const char *const inputs[] = { "chart", "release", "helm", "capabilities", "clock" };
    static const struct hc_recording nothing;
    struct side s = { a, out, 0, !old };
    if (!old)
        old = &nothing;
    for (size_t i = 0; i < HC_LEN(inputs); i++) {
        const struct hc_val *x = hc_map_getz(old->root, inputs[i]), *y = hc_map_getz(new->root, inputs[i]);
        if (x || y)
            tell(&s, hc_str_of(inputs[i]), x, y, false);
    }
    diff_maps(&s, old->zones, new->zones, NULL, name_zone, true);
    diff_maps(&s, old->hosts, new->hosts, NULL, name_host, false);
    diff_maps(&s, old->lookups, new->lookups, "answer", name_lookup, true);
    diff_maps(&s, old->by_id, new->by_id, "answer", name_entry, true);
    return s.n;
}
