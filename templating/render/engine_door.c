/*
 * Where a question to the outside world is asked: for recordings, which keep answers by place.
 *
 * A place has to survive edits elsewhere in the chart, so there is no line number in what it is known by: the file being
 * rendered, the named templates in between, and a label. The label is the variable that gets the answer, else the YAML
 * key that stands before it on the line being written; keys that a loop writes tell its turns apart that way.
 */
#include "templating/render/engine_impl.h"
#include "templating/render/lua_impl.h"

enum { VIA_MOST = 8, LABEL_MOST = 128 };

struct at {
    struct run *r;
    const struct hc_func *func;
    const struct hc_node *node;
};

static hc_str frame_name(const struct frame *f)
{
    return f->kind == FRAME_TPL ? HC_S("tpl") : f->t->tree.name;
}

/* The innermost ones, when there are many. */
static hc_str via(struct run *r)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    size_t from = r->frames_n > VIA_MOST + 1 ? r->frames_n - VIA_MOST : 1;
    if (from > 1)
        hc_buf_puts(&b, "... > ");
    for (size_t i = from; i < r->frames_n; i++) {
        hc_buf_puts(&b, i > from ? " > " : "");
        hc_buf_put(&b, frame_name(&r->frames[i]));
    }
    return hc_buf_to_arena(&b, r->a);
}

static bool key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '/';
}

/* "$pw" of {{- $pw := ... }}, from the text between the braces and the call. */
static hc_str variable(hc_str text, size_t pos)
{
    size_t at = HC_MIN(pos, text.n), end;
    while (at >= 2 && !(text.p[at - 2] == '{' && text.p[at - 1] == '{'))
        at--;
    if (at < 2)
        return HC_S("");
    hc_str s = hc_str_trim_left(hc_str_sub(text, at + (at < text.n && text.p[at] == '-'), pos));
    if (!s.n || s.p[0] != '$')
        return HC_S("");
    for (end = 1; end < s.n && key_char(s.p[end]); end++)
        ;
    hc_str rest = hc_str_trim_left(hc_str_sub(s, end, s.n));
    bool stored = hc_str_starts(rest, HC_S("=")) || hc_str_starts(rest, HC_S(":="));
    return stored && end > 1 ? hc_str_sub(s, 0, end) : HC_S("");
}

/* The key of "  key: " on the line that is being written. */
static hc_str yaml_key(hc_str out)
{
    size_t line = hc_str_rfind(out, '\n');
    hc_str s = hc_str_trim_left(hc_str_sub(out, line == SIZE_MAX ? 0 : line + 1, out.n));
    while (hc_str_starts(s, HC_S("- ")))
        s = hc_str_trim_left(hc_str_sub(s, 2, s.n));
    size_t colon = hc_str_find(s, ':');
    if (colon == SIZE_MAX || (colon + 1 < s.n && s.p[colon + 1] != ' '))
        return HC_S("");
    s.n = colon;
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        s = hc_str_sub(s, 1, s.n - 1);
    for (size_t i = 0; i < s.n; i++)
        if (!key_char(s.p[i])) /* no key of a map, perhaps part of a secret */
            return HC_S("");
    return s;
}

/* In Lua the label is what stands before the call on its line: "password =", "local pw =". */
static void script_place(struct run *r, const struct hc_func *f, struct hc_place *out)
{
    hc_str line;
    if (!script_position(r, &out->file, &out->line, &line))
        return;
    size_t at = hc_str_find_str(line, hc_str_of(f->name));
    hc_str label = hc_str_trim(hc_str_sub(line, 0, at == SIZE_MAX ? 0 : at));
    out->label = label.n <= LABEL_MOST ? hc_arena_str(r->a, label) : HC_S("");
}

static void place(void *ctx, struct hc_place *out)
{
    const struct at *at = ctx;
    struct run *r = at->r;
    if (!r->f)
        return;
    const struct hc_tree *t = &r->f->t->tree;
    out->in = r->frames[0].t->tree.name;
    out->via = via(r);
    if (r->f->t->script) {
        script_place(r, at->func, out);
        return;
    }
    hc_syntax_where(t, at->node, &out->line, &out->col);
    out->file = t->file;
    hc_str label = variable(t->text, at->node->pos);
    if (!label.n)
        label = yaml_key(hc_buf_str(&r->out));
    out->label = label.n <= LABEL_MOST ? hc_arena_str(r->a, label) : HC_S("");
}

enum hc_rc engine_ask(struct run *r, const struct hc_func *f, const struct hc_node *node,
                      struct hc_val *const *argv, size_t argc, struct hc_val **out)
{
    struct at at = { r, f, node };
    const struct hc_asked what = { f, place, &at };
    return r->fc.door->ask(r->fc.door->ctx, &what, &r->fc, argv, argc, out);
}
