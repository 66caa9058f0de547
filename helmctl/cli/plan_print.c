/*
 * A preview in words and as JSON. Values of a Secret are never shown; that they differ is.
 */
#include <stdio.h>

#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/cli/plan.h"

#define SHOWN_BYTES 160 /* of a value on a line */

static bool hidden(const struct hc_preview_object *o, hc_str path)
{
    return o->secret && (hc_str_starts(path, HC_S("/data")) || hc_str_starts(path, HC_S("/stringData")));
}

hc_str hc_plan_shown(struct hc_arena *a, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (!v)
        return HC_S("(none)");
    hc_json_write(&b, v, 0);
    if (b.n > SHOWN_BYTES)
        return hc_arena_printf(a, "%.*s... (%zu bytes)", SHOWN_BYTES, b.p, b.n);
    return hc_buf_to_arena(&b, a);
}

/* The object as it would be made, for reading: no values of Secrets. */
static struct hc_val *readable(struct hc_arena *a, const struct hc_preview_object *o, const struct hc_val *v)
{
    static const char *const servers[] = { "managedFields", "uid", "resourceVersion", "generation",
                                           "creationTimestamp" };
    static const char *const secret[] = { "data", "stringData" };
    struct hc_val *out = hc_val_copy(a, v), *meta = hc_map_getz(out, "metadata");
    for (size_t i = 0; i < HC_LEN(servers) && hc_is_map(meta); i++)
        (void)hc_map_del(meta, hc_str_of(servers[i]));
    (void)hc_map_del(out, HC_S("status"));
    for (size_t i = 0; o->secret && i < HC_LEN(secret); i++) {
        struct hc_val *values = hc_map_getz(out, secret[i]);
        for (size_t j = 0; j < hc_map_len(values); j++)
            hc_map_at(values, j)->val = hc_strz_val(a, "***");
    }
    return out;
}

static void print_object(struct hc_arena *a, const struct hc_preview_object *o)
{
    static const char marks[] = { '=', '+', '~', '!', '-', '=' };
    printf("%c %s %.*s", marks[o->change], hc_preview_change_name(o->change), HC_P(hc_ref_str(a, &o->ref)));
    if (o->source.n > 0)
        printf("  (%.*s)", HC_P(o->source));
    printf("%s%.*s%s\n", o->why.n > 0 ? "  # " : "", HC_P(o->why),
           o->untried && o->change != HC_PREVIEW_NONE ? " [not tried on the server]" : "");
    for (size_t i = 0; i < o->fields_n && o->live; i++) {
        const struct hc_diff *d = &o->fields[i];
        if (hidden(o, d->path))
            printf("    %.*s: *** -> *** (%s)\n", HC_P(d->path),
                   !d->from ? "added"
                   : !d->to ? "removed"
                            : "changed");
        else
            printf("    %.*s: %.*s -> %.*s\n", HC_P(d->path), HC_P(hc_plan_shown(a, d->from)),
                   HC_P(hc_plan_shown(a, d->to)));
    }
    if (o->change == HC_PREVIEW_CREATE && o->then) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_yaml_write(&b, readable(a, o, o->then));
        hc_str rest = hc_buf_str(&b), line;
        while (rest.n > 0 && hc_str_split(&rest, '\n', &line))
            if (line.n > 0)
                printf("    + %.*s\n", HC_P(line));
    }
}

static void print_problem(FILE *to, struct hc_arena *a, const struct hc_problem *p)
{
    fprintf(to, "%c %s", p->unsure ? '?' : 'x', hc_trouble_name(p->what));
    if (p->ref.kind.n > 0)
        fprintf(to, ": %.*s", HC_P(hc_ref_str(a, &p->ref)));
    if (p->written.at.n > 0 || p->source.n > 0)
        fprintf(to, "  (%.*s)", HC_P(p->written.at.n > 0 ? p->written.at : p->source));
    if (p->written.from.n > 0)
        fprintf(to, "\n    from:   %.*s", HC_P(p->written.from));
    if (p->field.n > 0)
        fprintf(to, "\n    field:  %.*s", HC_P(p->field));
    fprintf(to, "\n    why:    %.*s\n    remedy: %.*s\n", HC_P(p->message), HC_P(p->remedy));
}

void hc_plan_print_problems(struct hc_arena *a, const struct hc_preview *p)
{
    for (size_t i = 0; i < p->problems_n; i++)
        print_problem(stderr, a, &p->problems[i]);
}

void hc_plan_print(struct hc_arena *a, const struct hc_cli_release *r, const struct hc_preview *p)
{
    size_t n[6] = { 0 };
    int wave = 0;
    printf("%s of release %.*s in namespace %.*s: revision %" PRId64, hc_action_name(p->action), HC_P(r->name),
           HC_P(r->ns), p->revision);
    if (p->action == HC_ACTION_ROLLBACK)
        printf(", with the content of %" PRId64, p->record->rollback_revision);
    if (p->action == HC_ACTION_UNINSTALL)
        fputs(" and all before it are deleted\n\n", stdout);
    else if (p->from > 0)
        printf(", after %" PRId64, p->from);
    if (p->action != HC_ACTION_UNINSTALL)
        printf(", objects sent by the %s\n\n", hc_str_eqz(p->record->apply_method, "ssa") ? "server" : "client");
    for (size_t i = 0; i < p->hooks_n; i++)
        printf("%zu. hook %s %.*s %.*s (weight %" PRId64 ")  (%.*s)\n", i + 1, p->hooks[i].event,
               HC_P(p->hooks[i].hook->kind), HC_P(p->hooks[i].hook->name), p->hooks[i].hook->weight,
               HC_P(p->hooks[i].hook->path));
    if (p->hooks_n > 0)
        putchar('\n');
    for (size_t i = 0; i < p->objects_n; i++) {
        n[p->objects[i].change]++;
        if (p->objects[i].change == HC_PREVIEW_NONE)
            continue;
        if (p->objects[i].wave != wave)
            printf("wave %d of %d:\n", p->objects[i].wave, p->waves);
        wave = p->objects[i].wave;
        print_object(a, &p->objects[i]);
    }
    for (size_t i = 0; i < p->problems_n; i++)
        print_problem(stdout, a, &p->problems[i]);
    printf("%zu to create, %zu to change, %zu to replace, %zu to delete, %zu stay behind, %zu unchanged\n",
           n[HC_PREVIEW_CREATE], n[HC_PREVIEW_CHANGE], n[HC_PREVIEW_REPLACE], n[HC_PREVIEW_DELETE],
           n[HC_PREVIEW_KEEP], n[HC_PREVIEW_NONE]);
    size_t refusals = hc_preview_refusals(p);
    if (p->problems_n > refusals)
        printf("%zu doubt(s): nobody can tell beforehand\n", p->problems_n - refusals);
    if (refusals > 0)
        printf("%zu problem(s): it would be refused, or do harm\n", refusals);
    else if (!p->changes)
        puts("nothing would change");
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void put_ref(struct hc_arena *a, struct hc_val *to, const struct hc_ref *ref)
{
    hc_map_put_str(a, to, "apiVersion", ref->api_version);
    hc_map_put_str(a, to, "kind", ref->kind);
    hc_map_put_str(a, to, "namespace", ref->ns);
    hc_map_put_str(a, to, "name", ref->name);
}

static struct hc_val *field_json(struct hc_arena *a, const struct hc_preview_object *o, const struct hc_diff *d)
{
    struct hc_val *v = hc_map_new(a);
    bool hide = hidden(o, d->path);
    hc_map_put_str(a, v, "path", d->path);
    if (d->from)
        hc_map_put(a, v, HC_S("from"), hide ? hc_strz_val(a, "***") : hc_val_copy(a, d->from));
    if (d->to)
        hc_map_put(a, v, HC_S("to"), hide ? hc_strz_val(a, "***") : hc_val_copy(a, d->to));
    return v;
}

static struct hc_val *object_json(struct hc_arena *a, const struct hc_preview_object *o)
{
    struct hc_val *v = hc_map_new(a), *fields = hc_list_new(a);
    put_ref(a, v, &o->ref);
    hc_map_put_strz(a, v, "change", hc_preview_change_name(o->change));
    if (o->source.n)
        hc_map_put_str(a, v, "source", o->source);
    if (o->why.n)
        hc_map_put_str(a, v, "reason", o->why);
    if (o->untried)
        hc_map_put_bool(a, v, "untried", true);
    if (o->wave > 0)
        hc_map_put_int(a, v, "wave", o->wave);
    for (size_t i = 0; i < o->fields_n; i++)
        hc_list_add(a, fields, field_json(a, o, &o->fields[i]));
    if (o->fields_n > 0)
        hc_map_put(a, v, HC_S("fields"), fields);
    if (o->change == HC_PREVIEW_CREATE && o->then)
        hc_map_put(a, v, HC_S("object"), readable(a, o, o->then));
    return v;
}

static struct hc_val *problem_json(struct hc_arena *a, const struct hc_problem *p)
{
    struct hc_val *v = hc_map_new(a);
    hc_map_put_strz(a, v, "problem", hc_trouble_name(p->what));
    hc_map_put_bool(a, v, "sure", !p->unsure);
    put_ref(a, v, &p->ref);
    hc_map_put_str(a, v, "source", p->source);
    if (p->written.at.n > 0)
        hc_map_put_str(a, v, "written", p->written.at);
    if (p->written.from.n > 0)
        hc_map_put_str(a, v, "from", p->written.from);
    hc_map_put_str(a, v, "field", p->field);
    hc_map_put_str(a, v, "message", p->message);
    hc_map_put_str(a, v, "remedy", p->remedy);
    return v;
}

struct hc_val *hc_plan_json(struct hc_arena *a, const struct hc_cli_release *r, const struct hc_preview *p)
{
    struct hc_val *out = hc_map_new(a), *hooks = hc_list_new(a), *objects = hc_list_new(a),
                  *problems = hc_list_new(a);
    hc_map_put_str(a, out, "release", r->name);
    hc_map_put_str(a, out, "namespace", r->ns);
    hc_map_put_strz(a, out, "action", hc_action_name(p->action));
    hc_map_put_int(a, out, "from", p->from);
    hc_map_put_int(a, out, "revision", p->revision);
    hc_map_put_str(a, out, "applyMethod", p->record->apply_method);
    hc_map_put_bool(a, out, "changes", p->changes);
    for (size_t i = 0; i < p->hooks_n; i++) {
        struct hc_val *h = hc_map_new(a);
        hc_map_put_strz(a, h, "event", p->hooks[i].event);
        hc_map_put_str(a, h, "kind", p->hooks[i].hook->kind);
        hc_map_put_str(a, h, "name", p->hooks[i].hook->name);
        hc_map_put_str(a, h, "source", p->hooks[i].hook->path);
        hc_map_put_int(a, h, "weight", p->hooks[i].hook->weight);
        hc_list_add(a, hooks, h);
    }
    for (size_t i = 0; i < p->objects_n; i++)
        hc_list_add(a, objects, object_json(a, &p->objects[i]));
    for (size_t i = 0; i < p->problems_n; i++)
        hc_list_add(a, problems, problem_json(a, &p->problems[i]));
    hc_map_put(a, out, HC_S("hooks"), hooks);
    hc_map_put(a, out, HC_S("objects"), objects);
    hc_map_put(a, out, HC_S("problems"), problems);
    return out;
}
