/*
 * helmctl values: the values a chart is rendered with, where each came from, and those that nothing reads.
 */
#include <stdio.h>

#include "core/value/fieldpath.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/traced.h"
#include "templating/render/unread.h"

struct options {
    struct hc_traced_flags traced;
    const char *output;
    bool origins, unread;
};

static const char about[] =
    "Prints the values a chart is rendered with: its defaults, those of its sub-charts, and what -f and --set say "
    "over\n"
    "them.\n"
    "\n"
    "  helmctl values web ./chart -f production.yaml\n"
    "  helmctl values web ./chart -f production.yaml --origins  each value, and the line that set it\n"
    "  helmctl values web ./chart -f production.yaml --unread   what was set and no template reads\n"
    "\n"
    "What looks like a secret is shown as *** with --origins (--show-secrets).";

struct rows {
    struct hc_arena *a;
    hc_str *cells;
    size_t columns, n, cap; /* n, cap: in rows */
};

static void add_row(struct rows *r, const hc_str *cells)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        hc_str *grown = HC_NEW_N(r->a, hc_str, cap * r->columns);
        if (!grown)
            return;
        if (r->n)
            memcpy(grown, r->cells, r->n * r->columns * sizeof(*grown));
        r->cells = grown;
        r->cap = cap;
    }
    memcpy(r->cells + r->n * r->columns, cells, r->columns * sizeof(*cells));
    r->n++;
}

static int print_rows(const struct rows *r, const char *const *header, const char *output)
{
    if (strcmp(output, "table") != 0) {
        struct hc_val *list = hc_list_new(r->a);
        for (size_t i = 0; i < r->n; i++) {
            struct hc_val *m = hc_map_new(r->a);
            for (size_t k = 0; k < r->columns; k++) {
                char key[32];
                size_t n = 0;
                for (; header[k][n] && n < sizeof(key) - 1; n++)
                    key[n] = header[k][n] == ' ' ? '_' : (char)(header[k][n] | 0x20);
                hc_map_put(r->a, m, hc_str_n(key, n), hc_str_val(r->a, r->cells[i * r->columns + k]));
            }
            hc_list_add(r->a, list, m);
        }
        return hc_traced_print(list, output);
    }
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    size_t width[8] = { 0 };
    for (size_t k = 0; k < r->columns; k++)
        width[k] = strlen(header[k]);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k + 1 < r->columns; k++)
            width[k] = HC_MAX(width[k], hc_utf8_count(r->cells[i * r->columns + k]));
    for (size_t i = 0; i <= r->n; i++) {
        for (size_t k = 0; k < r->columns; k++) {
            hc_str cell = i ? r->cells[(i - 1) * r->columns + k] : hc_str_of(header[k]);
            hc_buf_put(&b, cell);
            if (k + 1 < r->columns)
                hc_buf_fill(&b, ' ', width[k] + 2 - HC_MIN(hc_utf8_count(cell), width[k]));
        }
        hc_buf_putc(&b, '\n');
    }
    fwrite(b.p, 1, b.n, stdout);
    return 0;
}

/* ---- origins -------------------------------------------------------------------------------------------- */

struct walk {
    const struct options *o;
    const struct hc_traced *t;
    struct rows rows;
};

/* What the layers below the one that counts said. */
static hc_str below(struct walk *w, hc_str path, const struct hc_val *v, bool secret)
{
    struct hc_said *said = NULL;
    size_t n = hc_values_said(w->rows.a, w->t->out.charts, &w->t->layers, w->t->origins, path, v, &said);
    bool behind = false;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        if (behind) {
            hc_str line = said[i].layer == HC_LAYER_SET ? HC_S("")
                                                        : hc_arena_printf(w->rows.a, ":%u", said[i].v->line);
            hc_buf_printf(&b, "%s%.*s (%.*s%.*s)", b.n ? ", " : "",
                          HC_P(hc_traced_scalar(w->rows.a, said[i].v, secret)), HC_P(said[i].name), HC_P(line));
        }
        behind |= said[i].won;
    }
    return b.n ? hc_buf_to_arena(&b, w->rows.a) : HC_S("-");
}

static void walk(struct walk *w, const struct hc_val *v, hc_str path, int depth)
{
    if (depth < 100 && (hc_map_len(v) || hc_list_len(v))) {
        for (size_t i = 0; i < hc_map_len(v); i++)
            walk(w, hc_map_at(v, i)->val, hc_field_path_key(w->rows.a, path, hc_map_at(v, i)->key), depth + 1);
        for (size_t i = 0; i < hc_list_len(v); i++)
            walk(w, hc_list_at(v, i), hc_field_path_item(w->rows.a, path, i), depth + 1);
        return;
    }
    bool secret = !w->o->traced.show_secrets && hc_traced_is_secret(path);
    const hc_str cells[] = { path, hc_traced_scalar(w->rows.a, v, secret),
                             hc_traced_layer(w->rows.a, w->t->origins, v), below(w, path, v, secret) };
    add_row(&w->rows, cells);
}

static int print_origins(struct hc_arena *a, const struct options *o, const struct hc_traced *t)
{
    static const char *const header[] = { "VALUE", "IS", "FROM", "OVER" };
    struct walk w = { o, t, { .a = a, .columns = 4 } };
    walk(&w, t->out.values, HC_S(""), 0);
    return print_rows(&w.rows, header, o->output[0] ? o->output : "table");
}

/* ---- unread --------------------------------------------------------------------------------------------- */

static int print_unread(struct hc_arena *a, const struct options *o, const struct hc_traced *t)
{
    static const char *const header[] = { "VALUE", "FROM", "WHY" };
    struct hc_err err = HC_ERR_INIT;
    struct hc_unread *list = NULL;
    struct rows rows = { .a = a, .columns = 3 };
    size_t n = 0;
    if (hc_unread_find(a, t->trace, t->origins, &t->out, &list, &n, &err) != HC_OK)
        return hc_cli_fail(&err);
    for (int known = 0; known < 2; known++) /* what is wrong first */
        for (size_t i = 0; i < n; i++) {
            const struct hc_unread *u = &list[i];
            if (u->unknown == known)
                continue;
            hc_str why = u->why;
            if (u->unknown)
                why = u->meant.p ? hc_arena_printf(a, "no template knows it; did you mean %.*s?", HC_P(u->meant))
                                 : HC_S("no template knows it");
            const hc_str cells[] = { u->path, hc_traced_layer(a, t->origins, u->v), why };
            add_row(&rows, cells);
        }
    if (!rows.n && !o->output[0]) {
        puts("Every value that was set is read.");
        return 0;
    }
    return print_rows(&rows, header, o->output[0] ? o->output : "table");
}

static int print_values(const struct hc_traced *t, const char *output)
{
    return hc_traced_print(t->out.values, output[0] ? output : "yaml");
}

int hc_cmd_values(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { .traced.source.no_digest = true, .output = "" };
    const struct hc_flag flags[] = {
        { "origins", 0, HC_FLAG_BOOL, &o.origins, "each value with the file and line that set it" },
        { "unread", 0, HC_FLAG_BOOL, &o.unread, "only what was set and no template read" },
        { "output", 'o', HC_FLAG_STR, &o.output, "print as yaml, json or table", NULL, "yaml|json|table" },
        HC_TRACED_FLAGS(o.traced),
    };
    struct hc_cli cli = {
        .use = "values [NAME] CHART [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = 2,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    bool table = strcmp(o.output, "table") == 0;
    if (o.output[0] && !table && strcmp(o.output, "json") != 0 && strcmp(o.output, "yaml") != 0)
        return hc_cli_error("--output is yaml, json or table, not '%s'", o.output);
    if (table && !o.origins && !o.unread)
        return hc_cli_error("--output table goes with --origins and --unread");
    if (o.origins && o.unread)
        return hc_cli_error("--origins and --unread are two questions: ask one at a time");
    o.traced.source.ref = cli.args[cli.args_n - 1];
    if (hc_cli_ports.hand_over &&
        !(hc_cli_chart_is_local(&o.traced.source) && hc_cli_values_are_local(&o.traced.values)))
        return hc_cli_ports.hand_over(argc, argv);
    struct hc_traced t = { 0 };
    hc_str name = cli.args_n == 2 ? hc_str_of(cli.args[0]) : HC_S("release-name");
    code = hc_traced_render(a, &o.traced, &cli.globals, name, &t);
    if (code == 0)
        code = o.origins  ? print_origins(a, &o, &t)
               : o.unread ? print_unread(a, &o, &t)
                          : print_values(&t, o.output);
    hc_traced_done(&t);
    return code;
}
