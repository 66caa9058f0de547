/*
 * The Release struct of Helm as JSON, both ways. Field order, the omitted zero values and the escaping are those of
 * Go's encoder over Helm's struct tags, because digests are taken over these bytes and other programs read them.
 */
#include "deploy/release/record.h"

#include "charts-fetch/unpack/unpack.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"

#include <stdio.h>
#include <time.h>

enum { LASTING_LEAST = 4096 }; /* bytes of a record for which it pays to keep them packed */

static const char *const status_names[] = {
    [HC_STATUS_UNKNOWN] = "unknown",
    [HC_STATUS_DEPLOYED] = "deployed",
    [HC_STATUS_UNINSTALLED] = "uninstalled",
    [HC_STATUS_SUPERSEDED] = "superseded",
    [HC_STATUS_FAILED] = "failed",
    [HC_STATUS_UNINSTALLING] = "uninstalling",
    [HC_STATUS_PENDING_INSTALL] = "pending-install",
    [HC_STATUS_PENDING_UPGRADE] = "pending-upgrade",
    [HC_STATUS_PENDING_ROLLBACK] = "pending-rollback",
};

const char *hc_status_name(enum hc_status s)
{
    return (size_t)s < HC_LEN(status_names) ? status_names[s] : "unknown";
}

enum hc_status hc_status_of(hc_str name)
{
    for (size_t i = 0; i < HC_LEN(status_names); i++)
        if (hc_str_eqz(name, status_names[i]))
            return (enum hc_status)i;
    return HC_STATUS_UNKNOWN;
}

hc_str hc_record_storage_name(struct hc_arena *a, hc_str name, int64_t revision)
{
    return hc_arena_printf(a, "sh.helm.release.v1.%.*s.v%" PRId64, HC_P(name), revision);
}

hc_str hc_record_time(struct hc_arena *a, int64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    int64_t rest = ns % 1000000000;
    struct tm tm;
    char text[64], fraction[16] = "";
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest > 0) {
        snprintf(fraction, sizeof(fraction), ".%09" PRId64, rest);
        for (size_t end = strlen(fraction); end > 0 && fraction[end - 1] == '0'; end--)
            fraction[end - 1] = '\0';
    }
    return hc_arena_printf(a, "%.*s%sZ", (int)n, text, fraction);
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

struct writer {
    struct hc_buf *b;
    bool first;
};

static void key(struct writer *w, const char *name)
{
    hc_buf_putc(w->b, w->first ? '{' : ',');
    w->first = false;
    hc_buf_putc(w->b, '"');
    hc_buf_puts(w->b, name);
    hc_buf_puts(w->b, "\":");
}
static void text(struct writer *w, const char *name, hc_str s)
{
    if (s.n == 0)
        return;
    key(w, name);
    hc_json_write_str(w->b, s, true);
}
static void number(struct writer *w, const char *name, int64_t i)
{
    if (i == 0)
        return;
    key(w, name);
    hc_buf_printf(w->b, "%" PRId64, i);
}
static void list(struct writer *w, const char *name, const struct hc_val *v)
{
    if (hc_list_len(v) == 0)
        return;
    key(w, name);
    hc_json_write(w->b, v, HC_JSON_HTML);
}
/* An object that is there even when nothing is in it. */
static void close_object(struct writer *w)
{
    if (w->first)
        hc_buf_putc(w->b, '{');
    hc_buf_putc(w->b, '}');
}

static bool zero_time(hc_str s)
{
    return s.n == 0 || hc_str_starts(s, HC_S("0001-01-01T00:00:00"));
}
static void when(struct writer *w, const char *name, hc_str s)
{
    if (!zero_time(s))
        text(w, name, s);
}

static void write_hook(struct hc_buf *b, const struct hc_record_hook *h)
{
    struct writer w = { b, true }, run = { b, true };
    text(&w, "name", h->name);
    text(&w, "kind", h->kind);
    text(&w, "path", h->path);
    text(&w, "manifest", h->manifest);
    list(&w, "events", h->events);
    key(&w, "last_run");
    when(&run, "started_at", h->started_at);
    when(&run, "completed_at", h->completed_at);
    key(&run, "phase");
    hc_json_write_str(b, h->phase, true);
    close_object(&run);
    number(&w, "weight", h->weight);
    list(&w, "delete_policies", h->delete_policies);
    list(&w, "output_log_policies", h->log_policies);
    close_object(&w);
}

/* What of a revision never changes again, whatever becomes of it: from its chart to its manifest. */
struct lasting {
    size_t from, to;
};

static enum hc_rc write_json(const struct hc_record *r, struct hc_buf *out, struct lasting *l, struct hc_err *err)
{
    struct writer w = { out, true }, info = { out, true };
    text(&w, "name", r->name);
    key(&w, "info");
    when(&info, "first_deployed", r->first_deployed);
    when(&info, "last_deployed", r->last_deployed);
    when(&info, "deleted", r->deleted);
    text(&info, "description", r->description);
    text(&info, "status", hc_str_of(hc_status_name(r->status)));
    number(&info, "rollback_revision", r->rollback_revision);
    text(&info, "notes", r->notes);
    if (hc_map_len(r->resources) > 0) {
        key(&info, "resources");
        hc_json_write(out, r->resources, HC_JSON_HTML | HC_JSON_SORT);
    }
    close_object(&info);
    l->from = out->n;
    if (hc_is_map(r->chart)) {
        key(&w, "chart");
        hc_json_write(out, r->chart, HC_JSON_HTML | HC_JSON_GO_FLOAT);
    }
    if (hc_map_len(r->config) > 0) {
        key(&w, "config");
        hc_json_write(out, r->config, HC_JSON_HTML | HC_JSON_GO_FLOAT | HC_JSON_SORT);
    }
    text(&w, "manifest", r->manifest);
    l->to = out->n;
    if (r->hooks_n > 0) {
        key(&w, "hooks");
        for (size_t i = 0; i < r->hooks_n; i++) {
            hc_buf_putc(out, i == 0 ? '[' : ',');
            write_hook(out, &r->hooks[i]);
        }
        hc_buf_putc(out, ']');
    }
    number(&w, "version", r->revision);
    text(&w, "namespace", r->ns);
    text(&w, "apply_method", r->apply_method);
    for (size_t i = 0; i < hc_map_len(r->extra); i++) {
        const struct hc_entry *e = hc_map_at(r->extra, i);
        hc_buf_putc(out, ',');
        hc_json_write_str(out, e->key, true);
        hc_buf_putc(out, ':');
        hc_json_write(out, e->val, HC_JSON_HTML);
    }
    close_object(&w);
    return hc_buf_check(out, err, "release record");
}

enum hc_rc hc_record_json(const struct hc_record *r, struct hc_buf *out, struct hc_err *err)
{
    struct lasting l;
    return write_json(r, out, &l, err);
}

static size_t json_size(const struct hc_val *v)
{
    struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, HC_JSON_HTML);
    size_t n = b.n;
    hc_buf_done(&b);
    return n;
}

static enum hc_rc too_large(const struct hc_record *r, size_t payload, size_t most, struct hc_err *err)
{
    size_t hooks = 0;
    for (size_t i = 0; i < r->hooks_n; i++)
        hooks += r->hooks[i].manifest.n;
    return hc_fail(
        err, HC_E_LIMIT,
        "the record of release %.*s revision %" PRId64
        " is %zu bytes packed, and an object may hold %zu. Before packing: chart templates %zu, chart values "
        "%zu, chart files %zu, chart schema %zu, values %zu, manifest %zu, hooks %zu, notes %zu bytes. Leave out "
        "what "
        "the chart does not need (.helmignore) or split it",
        HC_P(r->name), r->revision, payload, most, json_size(hc_map_getz(r->chart, "templates")),
        json_size(hc_map_getz(r->chart, "values")), json_size(hc_map_getz(r->chart, "files")),
        json_size(hc_map_getz(r->chart, "schema")), json_size(r->config), r->manifest.n, hooks, r->notes.n);
}

/* What a revision grows by until its end: a description of 2 KiB, and of each hook when it ran and how. One that would not
 * fit then could be neither finished nor marked as failed, so it is refused while nothing was done yet. */
static size_t growth(const struct hc_record *r)
{
    return r->storage_name.n > 0 ? 0 : 4096 + 256 * r->hooks_n;
}

/*
 * Helm packs at level 9, which takes three times as long for a hundredth of the size: here it is 6, and 9 only where it decides
 * whether the record fits. What of a revision lasts is packed once and taken over into all its states, and into the
 * revision that a rollback to it makes. One that is about to be deleted, and was not packed by us, is packed fast.
 */
static enum hc_rc pack(struct hc_arena *a, const struct hc_record *r, hc_str json, const struct lasting *l,
                       struct hc_piece *io_piece, hc_str *out, struct hc_err *err)
{
    if (l->to - l->from < LASTING_LEAST)
        return hc_gzip_fast(a, json, 6, out, err);
    if (r->status == HC_STATUS_UNINSTALLING && !io_piece->packed.n)
        return hc_gzip_fast(a, json, 1, out, err);
    return hc_gzip_around(a, json, l->from, l->to, 6, io_piece, out, err);
}

enum hc_rc hc_record_encode(struct hc_arena *a, struct hc_record *r, struct hc_arena *keep, hc_str *out,
                            struct hc_err *err)
{
    size_t room = growth(r), most = HC_MAX_RECORD_BYTES > room ? HC_MAX_RECORD_BYTES - room : 0;
    HC_AUTO(hc_buf) struct hc_buf json;
    struct hc_piece piece = { r->lasting, r->lasting_n };
    struct lasting l = { 0, 0 };
    hc_str packed;
    hc_buf_init(&json, 0);
    enum hc_rc rc = write_json(r, &json, &l, err);
    if (rc == HC_OK)
        rc = pack(a, r, hc_buf_str(&json), &l, &piece, &packed, err);
    if (rc == HC_OK && packed.n / 3 * 4 + 4 > most)
        rc = hc_gzip_fast(a, hc_buf_str(&json), 9, &packed, err);
    if (rc != HC_OK)
        return rc;
    if (keep && piece.packed.p != r->lasting.p) {
        r->lasting = hc_arena_str(keep, piece.packed);
        r->lasting_n = piece.raw_n;
    }
    *out = hc_base64(a, packed);
    if (!out->p)
        return hc_arena_check(a, err, "release record");
    if (out->n > most)
        return too_large(r, out->n, most, err);
    return HC_OK;
}

enum hc_rc hc_record_pack(struct hc_arena *a, hc_str raw, int level, hc_str *out, struct hc_err *err)
{
    hc_str packed;
    enum hc_rc rc = hc_gzip_fast(a, raw, level, &packed, err);
    if (rc != HC_OK)
        return rc;
    *out = hc_base64(a, packed);
    return hc_arena_check(a, err, "release record");
}

enum hc_rc hc_record_unpack(struct hc_arena *a, hc_str packed, size_t ceiling, hc_str *out, struct hc_err *err)
{
    hc_str raw = hc_base64_decode(a, packed, NULL);
    if (!raw.p)
        return hc_fail(err, HC_E_INPUT, "release record: illegal base64 data");
    return hc_gunzip(a, raw, ceiling, out, err);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static hc_str time_of(const struct hc_val *v, const char *name)
{
    hc_str s = hc_get_str(hc_map_getz(v, name));
    return zero_time(s) ? (hc_str){ NULL, 0 } : s;
}

static void read_hook(struct hc_record_hook *h, const struct hc_val *v)
{
    const struct hc_val *run = hc_map_getz(v, "last_run");
    h->name = hc_get_str(hc_map_getz(v, "name"));
    h->kind = hc_get_str(hc_map_getz(v, "kind"));
    h->path = hc_get_str(hc_map_getz(v, "path"));
    h->manifest = hc_get_str(hc_map_getz(v, "manifest"));
    h->events = hc_map_getz(v, "events");
    h->delete_policies = hc_map_getz(v, "delete_policies");
    h->log_policies = hc_map_getz(v, "output_log_policies");
    (void)hc_get_i64(hc_map_getz(v, "weight"), &h->weight);
    h->started_at = time_of(run, "started_at");
    h->completed_at = time_of(run, "completed_at");
    h->phase = hc_get_str(hc_map_getz(run, "phase"));
}

static bool known(hc_str name)
{
    static const char *const names[] = { "name",  "info",    "chart",     "config",      "manifest",
                                         "hooks", "version", "namespace", "apply_method" };
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (hc_str_eqz(name, names[i]))
            return true;
    return false;
}

enum hc_rc hc_record_of_json(struct hc_arena *a, hc_str json, struct hc_record *out, struct hc_err *err)
{
    struct hc_val *v = NULL;
    struct hc_record r = { 0 };
    enum hc_rc rc = hc_json_parse(a, json, HC_JSON_REF | HC_JSON_NO_POSITIONS, &v, err);
    if (rc != HC_OK)
        return hc_wrap(err, "release record");
    if (!hc_is_map(v))
        return hc_fail(err, HC_E_INPUT, "release record: a %s where an object belongs", hc_kind_name(v));
    const struct hc_val *info = hc_map_getz(v, "info"), *hooks = hc_map_getz(v, "hooks");
    r.name = hc_get_str(hc_map_getz(v, "name"));
    r.ns = hc_get_str(hc_map_getz(v, "namespace"));
    (void)hc_get_i64(hc_map_getz(v, "version"), &r.revision);
    r.status = hc_status_of(hc_get_str(hc_map_getz(info, "status")));
    r.first_deployed = time_of(info, "first_deployed");
    r.last_deployed = time_of(info, "last_deployed");
    r.deleted = time_of(info, "deleted");
    r.description = hc_get_str(hc_map_getz(info, "description"));
    r.notes = hc_get_str(hc_map_getz(info, "notes"));
    (void)hc_get_i64(hc_map_getz(info, "rollback_revision"), &r.rollback_revision);
    r.chart = hc_map_getz(v, "chart");
    r.config = hc_map_getz(v, "config");
    r.manifest = hc_get_str(hc_map_getz(v, "manifest"));
    r.apply_method = hc_get_str(hc_map_getz(v, "apply_method"));
    r.hooks_n = hc_list_len(hooks);
    r.hooks = HC_NEW_N(a, struct hc_record_hook, r.hooks_n + 1);
    for (size_t i = 0; r.hooks && i < r.hooks_n; i++)
        read_hook(&r.hooks[i], hc_list_at(hooks, i));
    for (size_t i = 0; i < hc_map_len(v); i++) {
        const struct hc_entry *e = hc_map_at(v, i);
        if (known(e->key))
            continue;
        if (!r.extra)
            r.extra = hc_map_new(a);
        hc_map_put_ref(a, r.extra, e->key, e->val);
    }
    rc = hc_arena_check(a, err, "release record");
    if (rc == HC_OK)
        *out = r;
    return rc;
}

enum hc_rc hc_record_decode(struct hc_arena *a, hc_str payload, struct hc_record *out, struct hc_err *err)
{
    size_t bad = 0;
    struct hc_piece piece = { { NULL, 0 }, 0 };
    hc_str raw = hc_base64_decode(a, payload, &bad);
    if (!raw.p && hc_arena_spent(a))
        return hc_arena_check(a, err, "release record");
    if (!raw.p)
        return hc_fail(err, HC_E_INPUT, "release record: illegal base64 data at input byte %zu", bad);
    if (hc_str_starts(raw, HC_S("\x1f\x8b\x08"))) {
        (void)hc_gzip_piece(raw, &piece);
        enum hc_rc rc = hc_gunzip(a, raw, HC_MAX_BUF, &raw, err);
        if (rc != HC_OK)
            return hc_wrap(err, "release record");
    }
    enum hc_rc rc = hc_record_of_json(a, raw, out, err);
    if (rc == HC_OK) {
        out->lasting = piece.packed;
        out->lasting_n = piece.raw_n;
    }
    return rc;
}
