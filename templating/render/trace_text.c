/*
 * Spans of texts, and what functions do to them.
 *
 * A function that makes a text out of texts is followed byte by byte where that is plain (indent, trim, quote,
 * printf, ...): the bytes it took over keep their spans. Others are followed line by line, and what is left came from
 * all arguments. toYaml and toJson are read back with positions, so each line knows the value that stands in it;
 * fromYaml and fromJson go the same way in the other direction.
 */
#include <stdlib.h>

#include "core/value/json.h"
#include "core/value/yaml.h"
#include "lua/funcs/gofmt.h"
#include "templating/render/trace_impl.h"

/* ---- spans ------------------------------------------------------------------------------------------- */

void spans_of(struct hc_trace *t, const struct hc_val *v, const struct hc_node *node, struct spans *out)
{
    const struct rec *rec = rec_of(t, v);
    if (rec && rec->spans_n) {
        *out = (struct spans){ .p = (const struct span *)t->spans.p + rec->span, .n = rec->spans_n };
        return;
    }
    uint32_t dep = dep_of(t, v);
    *out = (struct spans){ .n = dep ? 1 : 0, .one = { 0, dep ? cell_new(t, node, dep) : 0, 0 } };
}

static const struct span *span_list(const struct spans *s)
{
    return s->p ? s->p : &s->one;
}

static bool is_mark(const struct hc_trace *t, const struct span *s)
{
    return AT(t, cells, const struct cell, s->cell)->mark;
}

void spans_copy(struct hc_trace *t, struct vec *out, const struct spans *src, size_t from, size_t n, size_t to)
{
    const struct span *list = span_list(src);
    const struct span *under = NULL;
    size_t i = 0, lo = 0, hi = src->n;
    while (lo < hi) { /* the first behind `from` */
        size_t mid = (lo + hi) / 2;
        if (list[mid].at <= from)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (i = lo; i-- > 0;) {
        if (list[i].at == from && is_mark(t, &list[i]))
            continue;
        if (!is_mark(t, &list[i])) {
            under = &list[i];
            break;
        }
    }
    for (i = lo; i > 0 && list[i - 1].at == from; i--)
        ;
    for (; i < lo; i++)
        if (is_mark(t, &list[i]))
            span_add(t, out, to, list[i].cell, 0);
    if (under)
        span_add(t, out, to, under->cell, under->off + from - under->at);
    for (i = lo; i < src->n && list[i].at <= from + n; i++)
        if (list[i].at < from + n || is_mark(t, &list[i]))
            span_add(t, out, to + list[i].at - from, list[i].cell, list[i].off);
}

void spans_align(struct hc_trace *t, struct vec *out, const struct spans *src, hc_str text, hc_str clean)
{
    static const hc_str gone = { "<no value>", 10 };
    size_t from = 0, to = 0;
    while (from < text.n) {
        hc_str rest = hc_str_sub(text, from, text.n);
        size_t n = hc_str_find_str(rest, gone);
        n = HC_MIN(n, rest.n);
        if (to + n > clean.n)
            return;
        spans_copy(t, out, src, from, n, to);
        from += n + gone.n;
        to += n;
    }
}

/* ---- a text in the making ---------------------------------------------------------------------------- */

struct maker {
    struct run *r;
    struct hc_trace *t;
    struct vec out; /* struct span */
    hc_str text;    /* the result */
    size_t at;      /* how far it is explained */
    uint32_t rest;  /* dep of what could not be found */
    uint32_t also;  /* what all of the arguments' texts came from besides their spans */
    const struct hc_val *noted;
};

/* A piece of the result that came from bytes of an argument. */
static void piece(struct maker *m, const struct hc_val *arg, size_t from, size_t n, size_t to)
{
    struct spans s;
    const struct rec *rec = rec_of(m->t, arg);
    if (rec && rec->spans_n && arg != m->noted) {
        m->noted = arg;
        m->also = dep_join(m->t, m->also, rec->dep);
    }
    spans_of(m->t, arg, m->r->at, &s);
    if (s.n)
        spans_copy(m->t, &m->out, &s, from, n, to);
    else
        span_add(m->t, &m->out, to, cell_new(m->t, m->r->at, 0), 0);
    m->at = to + n;
}

static hc_str text_of_scalar(struct maker *m, const struct hc_val *v)
{
    if (!v)
        return HC_S("");
    if (v->kind == HC_STR)
        return hc_get_str(v);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 4096);
    hc_go_print(&b, v);
    return b.spent ? HC_S("") : hc_arena_str(m->r->a, hc_buf_str(&b));
}

/* Looks for the argument's text in the result, from where the last one ended. */
static void find_piece(struct maker *m, const struct hc_val *arg)
{
    if (arg && (arg->kind == HC_MAP || arg->kind == HC_OBJ)) {
        m->rest = dep_join(m->t, m->rest, dep_of(m->t, arg));
        return;
    }
    for (size_t i = 0; i < hc_list_len(arg) && i < 1000; i++)
        find_piece(m, hc_list_at(arg, i));
    if (!arg || arg->kind == HC_LIST) {
        m->rest = dep_join(m->t, m->rest, dep_of_node(m->t, arg));
        return;
    }
    if (!dep_of_node(m->t, arg))
        return;
    hc_str s = text_of_scalar(m, arg), rest = hc_str_sub(m->text, m->at, m->text.n);
    size_t at = s.n ? hc_str_find_str(rest, s) : SIZE_MAX;
    if (at == SIZE_MAX)
        m->rest = dep_join(m->t, m->rest, dep_of(m->t, arg));
    else
        piece(m, arg, 0, s.n, m->at + at);
}

static hc_str next_line(hc_str *rest)
{
    size_t end = hc_str_find(*rest, '\n');
    hc_str line = hc_str_sub(*rest, 0, end == SIZE_MAX ? rest->n : end);
    *rest = hc_str_sub(*rest, end == SIZE_MAX ? rest->n : end + 1, rest->n);
    return line;
}

/* indent and nindent: lines with something in front. Empty lines too. */
static void indented(struct maker *m, const struct hc_val *arg, size_t pad, size_t lead)
{
    hc_str src = hc_get_str(arg), rest = src;
    size_t to = lead, from = 0;
    while (from <= src.n) {
        hc_str line = next_line(&rest);
        piece(m, arg, from, line.n + (from + line.n < src.n), to + pad);
        to += pad + line.n + 1;
        from += line.n + 1;
    }
}

/* Each line of the result is looked for in the argument, in order. */
static void by_lines(struct maker *m, const struct hc_val *arg)
{
    hc_str src = hc_get_str(arg), out = m->text, line;
    size_t to = 0, from = 0;
    for (hc_str rest = out; to < out.n; to += line.n + 1) {
        line = next_line(&rest);
        hc_str bare = hc_str_trim(line);
        hc_str behind = hc_str_sub(src, from, src.n);
        size_t at = bare.n ? hc_str_find_str(behind, bare) : SIZE_MAX;
        if (at == SIZE_MAX) {
            if (bare.n)
                span_add(m->t, &m->out, to, cell_new(m->t, m->r->at, dep_of(m->t, arg)), 0);
            continue;
        }
        piece(m, arg, from + at, bare.n, to + (size_t)(bare.p - line.p));
        from += at + bare.n;
    }
}

/* One argument's bytes, cut at both ends. */
static void sliced(struct maker *m, const struct hc_val *arg)
{
    hc_str src = hc_get_str(arg);
    size_t at;
    if (m->text.p >= src.p && m->text.p + m->text.n <= src.p + src.n)
        at = (size_t)(m->text.p - src.p);
    else
        at = hc_str_find_str(src, m->text);
    if (at != SIZE_MAX && m->text.n)
        piece(m, arg, at, m->text.n, 0);
    else
        by_lines(m, arg);
}

/* printf: what stands between the verbs has to be there; a verb's argument is looked for behind it. */
static void formatted(struct maker *m, struct hc_val *const *args, size_t n)
{
    hc_str f = hc_get_str(args[0]);
    size_t arg = 1;
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] != '%')
            continue;
        if (i + 1 < f.n && f.p[i + 1] == '%') {
            i++;
            continue;
        }
        if (arg >= n)
            break;
        while (i + 1 < f.n && !((f.p[i + 1] | 0x20) >= 'a' && (f.p[i + 1] | 0x20) <= 'z'))
            i++;
        i++;
        find_piece(m, args[arg++]);
    }
    for (; arg < n; arg++)
        m->rest = dep_join(m->t, m->rest, dep_of(m->t, args[arg]));
    uint32_t own = dep_of_node(m->t, args[0]);
    m->rest = dep_join(m->t, m->rest, own);
}

static void replaced(struct maker *m, hc_str old, hc_str new, const struct hc_val *arg)
{
    hc_str src = hc_get_str(arg);
    size_t from = 0, to = 0;
    if (!old.n) {
        by_lines(m, arg);
        return;
    }
    while (from < src.n) {
        size_t n = hc_str_find_str(hc_str_sub(src, from, src.n), old);
        n = HC_MIN(n, src.n - from);
        if (n)
            piece(m, arg, from, n, to);
        to += n;
        from += n;
        if (from < src.n) {
            piece(m, arg, from, 0, to);
            to += new.n;
            from += old.n;
        }
    }
}

static struct hc_val *made(struct maker *m, const struct hc_val *v)
{
    struct vec spans = { 0 };
    struct hc_val *out;
    const struct span *first = m->out.p;
    if (m->rest || !m->out.n || first->at > 0) {
        uint32_t cell = cell_new(m->t, m->r->at, m->rest);
        span_add(m->t, &spans, 0, cell, 0);
    }
    for (size_t i = 0; i < m->out.n; i++)
        span_add(m->t, &spans, first[i].at, first[i].cell, first[i].off);
    out = marked_spans(m->r, v, m->also, &spans);
    free(spans.p);
    free(m->out.p);
    return out;
}

/* ---- trees as texts ---------------------------------------------------------------------------------- */

/* Offsets of lines. */
struct lines {
    size_t *at;
    size_t n;
};

static bool lines_of(struct run *r, hc_str text, struct lines *out)
{
    size_t n = 1;
    for (const char *p = text.p, *end = text.p + text.n; p && p < end; p++)
        n += *p == '\n';
    out->at = HC_NEW_N(r->a, size_t, n + 1);
    check_arena(r);
    out->n = 0;
    out->at[out->n++] = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n')
            out->at[out->n++] = i + 1;
    return true;
}

static size_t offset_of(const struct lines *l, uint32_t line, uint32_t col)
{
    return line >= 1 && line <= l->n && col >= 1 ? l->at[line - 1] + col - 1 : SIZE_MAX;
}

struct dumper {
    struct maker *m;
    struct lines lines;
    uint32_t whole;
};

/* A cell like `writer`, where a Lua template set what stands there; 0: the function at hand writes it. */
static uint32_t dumped_cell(struct dumper *d, uint32_t writer, uint32_t dep)
{
    struct hc_trace *t = d->m->t;
    uint32_t i = cell_new(t, d->m->r->at, dep);
    if (i && writer) {
        const struct cell w = *AT(t, cells, const struct cell, writer);
        *AT(t, cells, struct cell, i) = (struct cell){ w.inst, dep, w.cond, false, w.node };
    }
    return i;
}

/* `is`: what was written; `read`: the same, read back, with positions; `through`: what chose the
 * containers around; `writer`: what set them. */
static void dumped(struct dumper *d, const struct hc_val *is, const struct hc_val *read, size_t key_at,
                   uint32_t through, uint32_t writer, int depth)
{
    struct hc_trace *t = d->m->t;
    if (depth > 200 || t->spent)
        return;
    uint32_t set_at = is ? ptrmap_get(&t->set_at, is) : 0;
    if (set_at) {
        writer = set_at;
        uint32_t cond = AT(t, cells, const struct cell, set_at)->cond;
        if (cond && (is->kind == HC_MAP || is->kind == HC_LIST))
            through = dep_join(t, through, dep_new(t, DEP_COND, cond, 0, 0, NULL));
    }
    if (is && is->origin & HC_TRACED && (is->kind == HC_MAP || is->kind == HC_LIST))
        through = dep_join(t, through, dep_of_node(t, is));
    bool filled = is && ((hc_is_map(is) && hc_is_map(read) && hc_map_len(read)) ||
                         (hc_is_list(is) && hc_is_list(read) && hc_list_len(read)));
    if (filled && key_at != SIZE_MAX)
        span_add(t, &d->m->out, key_at, dumped_cell(d, writer, dep_join(t, dep_of_node(t, is), through)), 0);
    if (filled && hc_is_map(is)) {
        for (size_t i = 0; i < hc_map_len(read); i++) {
            const struct hc_entry *e = hc_map_at(read, i), *from = hc_map_find(is, e->key);
            size_t at = offset_of(&d->lines, e->line, e->col);
            if (at == SIZE_MAX)
                at = offset_of(&d->lines, e->val->line, e->val->col);
            if (from)
                dumped(d, from->val, e->val, at, through, writer, depth + 1);
            else if (at != SIZE_MAX)
                span_add(t, &d->m->out, at, dumped_cell(d, writer, d->whole), 0);
        }
        return;
    }
    if (filled) {
        for (size_t i = 0; i < hc_list_len(read); i++) {
            const struct hc_val *v = hc_list_at(read, i);
            size_t at = offset_of(&d->lines, v->line, v->col);
            dumped(d, hc_list_at(is, i), v, at, through, writer, depth + 1);
        }
        return;
    }
    if (key_at == SIZE_MAX)
        return;
    span_add(t, &d->m->out, key_at, dumped_cell(d, writer, dep_join(t, dep_of(t, is), through)), 0);
}

static int by_offset(const void *x, const void *y)
{
    uint32_t a = ((const struct span *)x)->at, b = ((const struct span *)y)->at;
    return a < b ? -1 : a > b;
}

static struct hc_val *dump_result(struct run *r, const struct hc_val *is, const struct hc_val *text)
{
    struct hc_trace *t = r->trace;
    struct maker m = { .r = r, .t = t, .text = hc_get_str(text) };
    struct dumper d = { .m = &m };
    struct hc_val *read = NULL;
    value_read_whole(t, is);
    if (!is || (is->kind != HC_MAP && is->kind != HC_LIST) || !m.text.n ||
        hc_yaml_parse(r->a, m.text, HC_S("toYaml"), 0, &read, NULL) != HC_OK)
        return marked(r, text, dep_of(t, is));
    check_arena(r);
    d.whole = dep_of(t, is);
    lines_of(r, m.text, &d.lines);
    dumped(&d, is, read, SIZE_MAX, 0, 0, 0);
    if (m.out.n)
        qsort(m.out.p, m.out.n, sizeof(struct span), by_offset);
    if (!m.out.n)
        m.rest = d.whole;
    return made(&m, text);
}

/* Where a scalar that begins at `from` ends, more or less: at the line's end, or further when it is a block. */
static size_t scalar_end(hc_str text, size_t from, bool flow)
{
    hc_str s = hc_str_sub(text, from, text.n);
    if (s.n && (s.p[0] == '"' || s.p[0] == '\'')) {
        for (size_t i = 1; i < s.n; i++) {
            if (s.p[i] == '\\' && s.p[0] == '"')
                i++;
            else if (s.p[i] == s.p[0])
                return from + i + 1;
        }
    }
    for (size_t i = 0; flow && i < s.n; i++)
        if (strchr(",]}\n", s.p[i]))
            return from + i;
    size_t end = hc_str_find(s, '\n');
    if (s.n && (s.p[0] == '|' || s.p[0] == '>') && end != SIZE_MAX) {
        size_t pad = 0, line = from;
        while (line > 0 && text.p[line - 1] != '\n')
            line--;
        while (line + pad < text.n && text.p[line + pad] == ' ')
            pad++;
        size_t at = from + end + 1;
        while (at < text.n) {
            size_t in = 0, stop;
            while (at + in < text.n && text.p[at + in] == ' ')
                in++;
            bool blank = at + in < text.n && text.p[at + in] == '\n';
            if (in <= pad && !blank)
                break;
            stop = hc_str_find(hc_str_sub(text, at, text.n), '\n');
            at = stop == SIZE_MAX ? text.n : at + stop + 1;
        }
        return at;
    }
    return end == SIZE_MAX ? text.n : from + end;
}

/*
 * A tree that was read out of a text: each scalar came from the bytes where it stands, each container that has a key from
 * the first byte of it. Changes the fresh tree. `twin`: the same with positions.
 */
static void loaded(struct run *r, struct hc_val *v, const struct hc_val *twin, uint32_t rec, hc_str text,
                   const struct lines *l, size_t key_at, int depth)
{
    if (depth > 200 || r->trace->spent || !twin || twin->kind != v->kind || hc_list_len(v) != hc_list_len(twin) ||
        hc_map_len(v) != hc_map_len(twin))
        return;
    for (size_t i = 0; i < hc_list_len(v); i++) {
        /* An item begins with the first thing in it, which is not what it came from. */
        loaded(r, v->list->items[i], hc_list_at(twin, i), rec, text, l, SIZE_MAX, depth + 1);
    }
    for (size_t i = 0; i < hc_map_len(v); i++) {
        const struct hc_entry *e = hc_map_at(twin, i);
        loaded(r, v->map->entries[i].val, e->val, rec, text, l, offset_of(l, e->line, e->col), depth + 1);
    }
    bool filled = hc_list_len(v) || hc_map_len(v);
    size_t at = filled ? key_at : offset_of(l, twin->line, twin->col);
    if (at == SIZE_MAX || at > text.n)
        return;
    size_t end = filled ? at + 1 : scalar_end(text, at, text.p[0] == '{' || text.p[0] == '[');
    uint32_t dep = dep_new(r->trace, DEP_RANGE, rec, (uint32_t)at, (uint32_t)end, NULL);
    v->origin = marked(r, v, dep)->origin;
}

static void loaded_whole(struct run *r, struct hc_val *v, uint32_t dep, int depth)
{
    if (depth > 200 || r->trace->spent || !dep)
        return;
    for (size_t i = 0; i < hc_list_len(v); i++)
        loaded_whole(r, v->list->items[i], dep, depth + 1);
    for (size_t i = 0; i < hc_map_len(v); i++)
        loaded_whole(r, v->map->entries[i].val, dep, depth + 1);
    if (!hc_list_len(v) && !hc_map_len(v))
        v->origin = marked(r, v, dep)->origin;
}

static struct hc_val *load_result(struct run *r, const struct hc_val *text, const struct hc_val *v)
{
    struct hc_trace *t = r->trace;
    struct hc_val *tree = (struct hc_val *)(uintptr_t)v; /* fresh from its reader */
    const struct rec *rec = rec_of(t, text);
    struct lines lines;
    if (!text || (tree->kind != HC_MAP && tree->kind != HC_LIST))
        return marked(r, v, dep_of(t, text));
    if (rec && rec->spans_n) {
        lines_of(r, hc_get_str(text), &lines);
        struct hc_val *twin = tree;
        if (!tree->line && hc_json_parse(r->a, hc_get_str(text), HC_JSON_ALL_FLOAT, &twin, NULL) != HC_OK)
            return tree;
        check_arena(r);
        loaded(r, tree, twin, text->origin & ~HC_TRACED, hc_get_str(text), &lines, SIZE_MAX, 0);
        if (!hc_map_len(tree) && !hc_list_len(tree))
            tree->origin = marked(r, tree, dep_of(t, text))->origin;
    } else {
        loaded_whole(r, tree, dep_of(t, text), 0);
    }
    return tree;
}

/* ---- functions --------------------------------------------------------------------------------------- */

enum how { HOW_SLICE, HOW_INDENT, HOW_FIND, HOW_SAME, HOW_LINES, HOW_PRINTF, HOW_REPLACE, HOW_DUMP, HOW_LOAD };

static const struct text_func {
    const char *name;
    enum how how;
} text_funcs[] = {
    { "abbrev", HOW_LINES },       { "camelcase", HOW_LINES },    { "cat", HOW_FIND },
    { "fromJson", HOW_LOAD },      { "fromJsonArray", HOW_LOAD }, { "fromYaml", HOW_LOAD },
    { "fromYamlArray", HOW_LOAD }, { "indent", HOW_INDENT },      { "join", HOW_FIND },
    { "lower", HOW_SAME },         { "mustToJson", HOW_DUMP },    { "mustToPrettyJson", HOW_DUMP },
    { "mustToRawJson", HOW_DUMP }, { "mustToYaml", HOW_DUMP },    { "nindent", HOW_INDENT },
    { "nospace", HOW_LINES },      { "print", HOW_FIND },         { "printf", HOW_PRINTF },
    { "println", HOW_FIND },       { "quote", HOW_FIND },         { "regexReplaceAll", HOW_LINES },
    { "replace", HOW_REPLACE },    { "squote", HOW_FIND },        { "substr", HOW_SLICE },
    { "title", HOW_SAME },         { "toJson", HOW_DUMP },        { "toPrettyJson", HOW_DUMP },
    { "toRawJson", HOW_DUMP },     { "toString", HOW_FIND },      { "toYaml", HOW_DUMP },
    { "toYamlPretty", HOW_DUMP },  { "trim", HOW_SLICE },         { "trimAll", HOW_SLICE },
    { "trimPrefix", HOW_SLICE },   { "trimSuffix", HOW_SLICE },   { "trimall", HOW_SLICE },
    { "trunc", HOW_SLICE },        { "untitle", HOW_SAME },       { "upper", HOW_SAME },
    { "wrap", HOW_LINES },
};

static const struct text_func *text_func_of(hc_str name)
{
    size_t lo = 0, hi = HC_LEN(text_funcs);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int d = hc_str_cmp(name, hc_str_of(text_funcs[mid].name));
        if (d == 0)
            return &text_funcs[mid];
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

struct hc_val *text_result(struct run *r, hc_str name, struct hc_val *const *args, size_t n, const struct hc_val *v)
{
    const struct text_func *f = text_func_of(name);
    if (!f || n == 0)
        return NULL;
    const struct hc_val *last = args[n - 1];
    if (n == 3 && hc_str_eqz(name, "regexReplaceAll"))
        last = args[1]; /* pattern, text, replacement */
    if (f->how == HOW_LOAD)
        return load_result(r, args[0], v);
    if (v->kind != HC_STR)
        return NULL;
    if (f->how == HOW_DUMP)
        return dump_result(r, args[0], v);
    struct maker m = { .r = r, .t = r->trace, .text = hc_get_str(v) };
    for (size_t i = 0; i < n; i++) /* "how far", "what to trim" */
        if (args[i] != last && f->how != HOW_FIND && f->how != HOW_PRINTF)
            m.rest = dep_join(m.t, m.rest, dep_of(m.t, args[i]));
    bool nindent = hc_str_starts(name, HC_S("nindent"));
    switch (f->how) {
    case HOW_SLICE:
        sliced(&m, last);
        break;
    case HOW_INDENT:
        indented(&m, last, (size_t)HC_MAX(args[0]->i, 0), nindent);
        break;
    case HOW_FIND:
        for (size_t i = 0; i < n; i++)
            find_piece(&m, args[i]);
        break;
    case HOW_SAME:
        if (m.text.n == hc_get_str(last).n)
            piece(&m, last, 0, m.text.n, 0);
        else
            by_lines(&m, last);
        break;
    case HOW_LINES:
        by_lines(&m, last);
        break;
    case HOW_PRINTF:
        formatted(&m, args, n);
        break;
    case HOW_REPLACE:
        replaced(&m, hc_get_str(args[0]), hc_get_str(args[1]), last);
        break;
    default:
        break;
    }
    if (!m.out.n && !m.rest)
        for (size_t i = 0; i < n; i++)
            m.rest = dep_join(m.t, m.rest, dep_of(m.t, args[i]));
    if (!m.out.n && !m.rest) { /* all from the template */
        return (struct hc_val *)(uintptr_t)v;
    }
    return made(&m, v);
}
