/*
 * A refusal as a person needs it: where the object and its field were written, what to do, what was done and what was
 * not. All of it is found out when something was refused; an operation that goes well pays nothing.
 */
#include <stdio.h>

#include "core/base/buf.h"
#include "core/value/fieldpath.h"
#include "core/value/yaml.h"
#include "deploy/reconcile/reconcile_impl.h"

enum {
    TOLD = 860, /* of the 1024 bytes of an event, in which more stands around it */
    NAMED = 4,  /* objects by name, the others by number */
};

/* ---- where it was written ---------------------------------------------------------------------------------- */

static const struct hc_plan_object *at_line(const struct hc_plan_object *all, size_t n, uint32_t line)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].line == line)
            return &all[i];
    return NULL;
}

/* The line in what was recorded: of the field, else of the object. Entries of objects that were made ours have lost
 * theirs, so the text is read once more. */
static uint32_t recorded_line(struct hc_reconcile *r, const struct hc_rec_source *src, const struct hc_refusal *why)
{
    struct hc_plan_object *all = NULL;
    struct hc_field f;
    size_t n = 0;
    if (hc_plan_read(r->step, src->text, &all, &n, NULL) != HC_OK)
        return src->line;
    const struct hc_plan_object *o = at_line(all, n, src->line);
    if (!o || !why->about.n || !hc_field_nearest(r->step, o->object, why->about, why->is, &f, NULL))
        return src->line;
    return f.entry && f.entry->line ? f.entry->line : f.val->line ? f.val->line : src->line;
}

static bool in_template(struct hc_reconcile *r, const struct hc_ref *ref, const struct hc_rec_source *src,
                        const struct hc_refusal *why, struct hc_written *out)
{
    const struct hc_whence whence = {
        .record = src->rec, .source = src->path, .ref = ref, .field = why->about, .is = why->is
    };
    *out = (struct hc_written){ .at = { NULL, 0 } };
    return src->rec && src->path.n > 0 && r->spec.port.whence &&
           r->spec.port.whence(r->spec.port.ctx, r->step, &whence, out);
}

static struct hc_written in_text(struct hc_reconcile *r, const struct hc_rec_source *src,
                                 const struct hc_refusal *why)
{
    if (!src->text.p || src->line == 0)
        return (struct hc_written){ .at = src->path };
    uint32_t line = recorded_line(r, src, why);
    if (!src->what)
        return (struct hc_written){ .at = hc_arena_printf(r->step, "%.*s:%u", HC_P(src->path), line) };
    return (struct hc_written){ .at = hc_arena_printf(r->step, "%.*s%sline %u of the %s", HC_P(src->path),
                                                      src->path.n ? ", " : "", line, src->what) };
}

struct hc_written hc_rec_written(struct hc_reconcile *r, const struct hc_record *rec, const struct hc_problem *p)
{
    struct hc_err said = HC_ERR_INIT;
    struct hc_written w = { .at = { NULL, 0 } };
    struct hc_plan_object *all = NULL, wanted = { .api_version = p->ref.api_version, .kind = p->ref.kind };
    size_t n = 0;
    hc_fail(&said, HC_E_INPUT, "%.*s", HC_P(p->message));
    struct hc_refusal why = hc_refusal_of(r->step, &p->ref, &said);
    if (p->source.n == 0 || !p->ref.kind.n)
        return w;
    if (p->field.n > 0 && !why.about.n && p->what != HC_TROUBLE_QUOTA)
        why.about = p->field;
    if (p->what == HC_TROUBLE_FOREIGN)
        why.about = HC_S("metadata.name");
    struct hc_rec_source src = { .rec = rec, .path = p->source, .what = "manifest" };
    if (in_template(r, &p->ref, &src, &why, &w))
        return w;
    if (hc_plan_read(r->step, rec->manifest, &all, &n, NULL) == HC_OK)
        for (size_t i = 0; i < n && src.line == 0; i++) {
            wanted.name = p->ref.name;
            wanted.ns = all[i].ns; /* the manifest names none where it is the release's */
            bool there = hc_plan_same(&all[i], &wanted) && (!all[i].ns.n || hc_str_eq(all[i].ns, p->ref.ns)) &&
                         hc_str_eq(hc_plan_source(rec->manifest, all[i].line), p->source);
            if (there) {
                src.text = rec->manifest;
                src.line = all[i].line;
            }
        }
    return in_text(r, &src, &why);
}

/* ---- what was done ----------------------------------------------------------------------------------------- */

struct names {
    struct hc_buf b;
    size_t n;
};

static void add_name(struct names *l, const struct hc_ref *ref)
{
    if (l->n++ < NAMED)
        hc_buf_printf(&l->b, "%s%.*s/%.*s", l->b.n ? ", " : "", HC_P(ref->kind), HC_P(ref->name));
}

static void put_names(struct hc_buf *to, const char *what, struct names *l)
{
    if (l->n > 0)
        hc_buf_printf(to, "; %s %.*s", what, HC_P(hc_buf_str(&l->b)));
    if (l->n > NAMED)
        hc_buf_printf(to, " and %zu more", l->n - NAMED);
    hc_buf_done(&l->b);
}

static struct names names_of(void)
{
    struct names l = { .n = 0 };
    hc_buf_init(&l.b, 0);
    return l;
}

hc_str hc_rec_done_text(struct hc_reconcile *r, const struct object *refused)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t applied = 0;
    hc_buf_init(&b, 0);
    struct names too = names_of(), not_sent = names_of();
    for (size_t i = 0; i < r->objects_n; i++) {
        const struct object *o = &r->objects[i];
        bool done = o->sent == HC_SENT_OK || o->plan.group < r->mark.wave;
        applied += done;
        if (!done && o != refused)
            add_name(o->sent == HC_SENT_REFUSED ? &too : &not_sent, &o->ref);
    }
    hc_buf_printf(&b, "Applied: %zu of %zu objects", applied, r->objects_n);
    put_names(&b, "refused, too:", &too);
    put_names(&b, "not sent:", &not_sent);
    if (r->left_n > 0)
        hc_buf_printf(&b, "; not deleted: %zu that left the manifest", r->left_n);
    hc_buf_putc(&b, '.');
    return hc_buf_to_arena(&b, r->step);
}

hc_str hc_rec_deleted_text(struct hc_reconcile *r, const struct hc_plan_object *all, const bool *gone, size_t n,
                           size_t refused)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t away = 0;
    hc_buf_init(&b, 0);
    struct names left = names_of();
    for (size_t i = 0; i < n; i++) {
        const struct hc_ref ref = { all[i].api_version, all[i].kind, all[i].ns, all[i].name };
        away += gone[i];
        if (!gone[i] && i != refused)
            add_name(&left, &ref);
    }
    hc_buf_printf(&b, "Deleted: %zu of %zu objects", away, n);
    put_names(&b, "not deleted:", &left);
    hc_buf_putc(&b, '.');
    return hc_buf_to_arena(&b, r->step);
}

/* ---- telling ----------------------------------------------------------------------------------------------- */

void hc_rec_refused(struct hc_reconcile *r, const struct hc_ref *ref, const struct hc_rec_source *src, hc_str done,
                    struct hc_err *err)
{
    if (!err || err->code == HC_E_NOMEM)
        return;
    struct hc_refusal why = hc_refusal_of(r->step, ref, err);
    struct hc_written w;
    if (!in_template(r, ref, src, &why, &w))
        w = in_text(r, src, &why);
    hc_refusal_tell(&why, &w, done, TOLD, err);
    r->explained = true;
}

struct hc_rec_source hc_rec_source_of(const struct hc_record *rec, const struct hc_plan_object *o)
{
    return (struct hc_rec_source){ .rec = rec,
                                   .path = hc_plan_source(rec->manifest, o->line),
                                   .text = rec->manifest,
                                   .line = o->line,
                                   .what = "manifest" };
}

void hc_rec_object_refused(struct hc_reconcile *r, const struct object *o, struct hc_err *err)
{
    struct hc_rec_source src = hc_rec_source_of(&r->head, &o->plan);
    hc_rec_refused(r, &o->ref, &src, hc_rec_done_text(r, o), err);
}

void hc_rec_object_busy(struct hc_reconcile *r, const struct object *o, struct hc_err *err)
{
    hc_str source = hc_plan_source(r->head.manifest, o->plan.line);
    size_t n = err ? strlen(err->msg) : 0;
    if (err && source.n > 0)
        snprintf(err->msg + n, sizeof(err->msg) - n, " (%.*s)", HC_P(source));
}

void hc_rec_own_refused(struct hc_reconcile *r, bool operating, struct hc_err *err)
{
    struct hc_ref none = { .kind = HC_S("Secret") };
    if (r->explained || !err || err->http_status == 0 || err->code == HC_E_NOMEM)
        return;
    struct hc_refusal why = hc_refusal_of(r->step, &none, err);
    const struct hc_written nowhere = { .at = { NULL, 0 } };
    hc_str done = operating ? hc_arena_printf(r->step,
                                              "Revision %" PRId64 " stays %s, and is gone on with when it is asked "
                                              "for again.",
                                              r->head.revision, hc_status_name(r->head.status))
                            : HC_S("No revision was recorded, no object of the release touched.");
    why.about = (hc_str){ NULL, 0 };
    hc_refusal_tell(&why, &nowhere, done, TOLD, err);
    r->explained = true;
}
