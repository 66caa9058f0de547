/*
 * YAML nodes out, as yaml.v3 writes them.
 *
 * yaml.v3's writer is a state machine over events; it is walked as a tree here, in the order of those events, because
 * comments depend on it: an event leaves its comments in the writer (announce), and whichever step comes next and takes
 * comments of that kind writes them. So the comments of a value that is a list or map are written where its first entry
 * begins. Lines are never folded.
 */
#include "core/value/yaml_chars.h"
#include "core/value/yaml_nodes.h"

#define SIMPLE_KEY_MAX 128 /* longer keys are written with a '?' */
#define INDENT         2

struct out {
    struct hc_buf *b;
    int column, indent, foot_indent; /* foot_indent: an empty line is due before text as deep as this; -1: none */
    bool whitespace, indention;      /* the last character was white space; the line is only indentation so far */
    bool open_ended;                 /* the text may go on: "..." closes it */
    unsigned flow;                   /* how many [ and { are open */
    hc_str head, line, foot, tail, key_line;
};

/* What stands around a node. */
struct place {
    bool root, mapping, simple_key;
    bool list_item; /* of a list in block form */
};

static void put(struct out *o, char c)
{
    hc_buf_putc(o->b, c);
    o->column++;
}

static void put_break(struct out *o)
{
    hc_buf_putc(o->b, '\n');
    o->column = 0;
    o->indention = true;
}

static size_t put_char(struct out *o, hc_str s, size_t i)
{
    size_t n = HC_MIN(yc_width((unsigned char)s.p[i]), s.n - i);
    hc_buf_put(o->b, hc_str_n(s.p + i, n));
    o->column++;
    return n;
}

static size_t copy_break(struct out *o, hc_str s, size_t i)
{
    if (s.p[i] == '\n') {
        put_break(o);
        return 1;
    }
    size_t n = put_char(o, s, i);
    o->column = 0;
    o->indention = true;
    return n;
}

static void write_indent(struct out *o)
{
    int indent = HC_MAX(o->indent, 0);
    if (!o->indention || o->column > indent || (o->column == indent && !o->whitespace))
        put_break(o);
    if (o->foot_indent == indent)
        put_break(o);
    while (o->column < indent)
        put(o, ' ');
    o->whitespace = true;
    o->foot_indent = -1;
}

static void indicator(struct out *o, const char *what, bool spaced, bool is_space, bool is_indention)
{
    if (spaced && !o->whitespace)
        put(o, ' ');
    hc_buf_puts(o->b, what);
    o->column += (int)strlen(what);
    o->whitespace = is_space;
    o->indention = o->indention && is_indention;
    o->open_ended = false;
}

/* ---- comments ---------------------------------------------------------------------------------------- */

static void announce(struct out *o, hc_str head, hc_str line, hc_str foot, hc_str tail)
{
    if (head.n)
        o->head = head;
    if (line.n)
        o->line = line;
    if (foot.n)
        o->foot = foot;
    if (tail.n)
        o->tail = tail;
}

static void announce_node(struct out *o, const struct hc_ynode *n, hc_str tail)
{
    static const hc_str none = { NULL, 0 };
    bool whole = n->kind == HC_YNODE_SCALAR || n->kind == HC_YNODE_ALIAS; /* else its end brings the others */
    announce(o, n->head, whole ? n->line : none, whole ? n->foot : none, tail);
}

static bool waits(const struct out *o)
{
    return o->line.n || o->foot.n || o->tail.n;
}

static void write_comment(struct out *o, hc_str s)
{
    bool breaks = false, pound = false;
    for (size_t i = 0; i < s.n;) {
        if (yc_break(s, i)) {
            i += copy_break(o, s, i);
            breaks = true;
            pound = false;
            continue;
        }
        if (breaks)
            write_indent(o);
        if (!pound && s.p[i] != '#') {
            put(o, '#');
            put(o, ' ');
        }
        pound = true;
        i += put_char(o, s, i);
        o->indention = false;
        breaks = false;
    }
    if (!breaks)
        put_break(o);
    o->whitespace = true;
}

static void head_comment(struct out *o)
{
    if (o->tail.n) {
        write_indent(o);
        write_comment(o, o->tail);
        o->tail.n = 0;
        o->foot_indent = HC_MAX(o->indent, 0);
    }
    if (o->head.n) {
        write_indent(o);
        write_comment(o, o->head);
        o->head.n = 0;
    }
}

static void line_comment(struct out *o, bool or_break)
{
    if (!o->line.n) {
        if (or_break)
            put_break(o);
        return;
    }
    if (!o->whitespace)
        put(o, ' ');
    write_comment(o, o->line);
    o->line.n = 0;
}

static void foot_comment(struct out *o)
{
    if (!o->foot.n)
        return;
    write_indent(o);
    write_comment(o, o->foot);
    o->foot.n = 0;
    o->foot_indent = HC_MAX(o->indent, 0);
}

static void line_and_foot(struct out *o)
{
    line_comment(o, false);
    foot_comment(o);
}

/* ---- scalars ----------------------------------------------------------------------------------------- */

struct analysis {
    bool multiline, flow_plain, block_plain, single, block;
};

/* Which characters at the start, or further on, mean something to a reader. */
static void indicators(hc_str s, size_t i, bool after_blank, bool before_blank, bool *flow, bool *block)
{
    char c = s.p[i];
    if (i == 0 && c && strchr("#,[]{}&*!|>'\"%@`", c))
        *flow = *block = true;
    else if ((i == 0 && c == '?') || c == ':') {
        *flow = true;
        *block = *block || before_blank;
    } else if (i == 0 && c == '-' && before_blank)
        *flow = *block = true;
    else if (i > 0 && c && strchr(",?[]{}", c))
        *flow = true;
    else if (i > 0 && c == '#' && after_blank)
        *flow = *block = true;
}

static struct analysis analyse(hc_str s)
{
    if (!s.n)
        return (struct analysis){ .block_plain = true, .single = true };
    bool flow = hc_str_starts(s, HC_S("---")) || hc_str_starts(s, HC_S("...")), block = flow;
    bool breaks = false, special = false, tabs = false, break_space = false, space_break = false;
    bool after_blank = true, was_space = false, was_break = false;
    for (size_t i = 0; i < s.n;) {
        size_t w = HC_MIN(yc_width((unsigned char)s.p[i]), s.n - i);
        indicators(s, i, after_blank, i + w >= s.n || yc_blank(s, i + w), &flow, &block);
        tabs |= s.p[i] == '\t';
        special |= s.p[i] != '\t' && !yc_printable(s, i);
        bool space = s.p[i] == ' ', brk = !space && yc_break(s, i);
        breaks |= brk;
        break_space |= space && was_break;
        space_break |= brk && was_space;
        was_space = space;
        was_break = brk;
        after_blank = space || brk || s.p[i] == '\t' || s.p[i] == 0;
        i += w;
    }
    bool leads = s.p[0] == ' ' || yc_break(s, 0), ends = was_space || was_break;
    bool odd = space_break || tabs || special;
    bool plain = !leads && !ends && !break_space && !odd && !breaks;
    return (struct analysis){ .multiline = breaks,
                              .flow_plain = plain && !flow,
                              .block_plain = plain && !block,
                              .single = !break_space && !odd,
                              .block = !was_space && !space_break && !special };
}

static enum hc_ynode_style style_of(const struct out *o, const struct hc_ynode *n, const struct place *p,
                                    const struct analysis *a)
{
    enum hc_ynode_style s = n->style;
    if (s == HC_YNODE_PLAIN && hc_str_find(n->value, '\n') != SIZE_MAX)
        s = HC_YNODE_LITERAL;
    if (p->simple_key && a->multiline)
        s = HC_YNODE_DOUBLE;
    if (s == HC_YNODE_PLAIN &&
        ((o->flow ? !a->flow_plain : !a->block_plain) || (!n->value.n && (o->flow || p->simple_key))))
        s = HC_YNODE_SINGLE;
    if (s == HC_YNODE_SINGLE && !a->single)
        s = HC_YNODE_DOUBLE;
    if ((s == HC_YNODE_LITERAL || s == HC_YNODE_FOLDED) && (!a->block || o->flow || p->simple_key))
        s = HC_YNODE_DOUBLE;
    return s;
}

/* A text in one line or several, breaks doubled; quotes are the caller's. */
static void put_flowing(struct out *o, hc_str s, bool quoted)
{
    bool breaks = false;
    for (size_t i = 0; i < s.n;) {
        if (yc_break(s, i)) {
            if (!breaks && s.p[i] == '\n')
                put_break(o);
            i += copy_break(o, s, i);
            breaks = true;
            continue;
        }
        if (s.p[i] == ' ') {
            i += put_char(o, s, i);
            continue;
        }
        if (breaks)
            write_indent(o);
        if (quoted && s.p[i] == '\'')
            put(o, '\'');
        i += put_char(o, s, i);
        o->indention = breaks = false;
    }
}

static void put_plain(struct out *o, hc_str s, bool root)
{
    if (s.n && !o->whitespace)
        put(o, ' ');
    put_flowing(o, s, false);
    if (s.n)
        o->whitespace = false;
    o->indention = false;
    o->open_ended = o->open_ended || root;
}

static void put_escape(struct out *o, uint32_t r)
{
    static const struct {
        uint32_t rune;
        char c;
    } names[] = { { 0, '0' },     { 7, 'a' },    { 8, 'b' },    { 9, 't' },      { 10, 'n' },
                  { 11, 'v' },    { 12, 'f' },   { 13, 'r' },   { 27, 'e' },     { '"', '"' },
                  { '\\', '\\' }, { 0x85, 'N' }, { 0xa0, '_' }, { 0x2028, 'L' }, { 0x2029, 'P' } };
    size_t before = o->b->n;
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (names[i].rune == r) {
            put(o, '\\');
            put(o, names[i].c);
            return;
        }
    hc_buf_printf(o->b, r <= 0xff ? "\\x%02X" : r <= 0xffff ? "\\u%04X" : "\\U%08X", (unsigned)r);
    o->column += (int)(o->b->n - before);
}

static void put_double(struct out *o, hc_str s)
{
    indicator(o, "\"", true, false, false);
    for (size_t i = 0; i < s.n;) {
        if (yc_printable(s, i) && !yc_break(s, i) && s.p[i] != '"' && s.p[i] != '\\') {
            i += put_char(o, s, i);
            continue;
        }
        uint32_t r;
        i += hc_utf8_decode(hc_str_sub(s, i, s.n), &r);
        put_escape(o, r);
    }
    indicator(o, "\"", false, false, false);
    o->whitespace = o->indention = false;
}

/* '2' where the first line is indented, '-' and '+' for the breaks at the end. */
static void block_hints(struct out *o, hc_str s)
{
    if (yc_space(s, 0) || yc_break(s, 0))
        indicator(o, "2", false, false, false);
    o->open_ended = false;
    size_t last = s.n;
    const char *chomp = NULL;
    while (last > 0 && ((unsigned char)s.p[--last] & 0xc0) == 0x80)
        ;
    if (!s.n || !yc_break(s, last)) {
        chomp = "-";
    } else if (last == 0) {
        chomp = "+";
    } else {
        while (last > 0 && ((unsigned char)s.p[--last] & 0xc0) == 0x80)
            ;
        if (yc_break(s, last))
            chomp = "+";
    }
    if (chomp)
        indicator(o, chomp, false, false, false);
    if (chomp && *chomp == '+')
        o->open_ended = true;
}

static void put_literal(struct out *o, hc_str s)
{
    indicator(o, "|", true, false, false);
    block_hints(o, s);
    line_comment(o, true);
    o->whitespace = true;
    bool breaks = true;
    for (size_t i = 0; i < s.n;) {
        if (yc_break(s, i)) {
            i += copy_break(o, s, i);
            breaks = true;
            continue;
        }
        if (breaks)
            write_indent(o);
        i += put_char(o, s, i);
        o->indention = breaks = false;
    }
}

/* Whether an empty line is due so that the break is not folded: the reader looks at the start of the whole text here,
 * which is what yaml.v3 does. */
static bool folds(hc_str s)
{
    size_t k = 0;
    while (yc_break(s, k))
        k += yc_width((unsigned char)s.p[k]);
    return !(k >= s.n || yc_blank(s, k));
}

static void put_folded(struct out *o, hc_str s)
{
    indicator(o, ">", true, false, false);
    block_hints(o, s);
    line_comment(o, true);
    o->whitespace = true;
    bool breaks = true, leading = true;
    for (size_t i = 0; i < s.n;) {
        if (yc_break(s, i)) {
            if (!breaks && !leading && s.p[i] == '\n' && folds(s))
                put_break(o);
            i += copy_break(o, s, i);
            breaks = true;
            continue;
        }
        if (breaks) {
            write_indent(o);
            leading = yc_blank(s, i);
        }
        i += put_char(o, s, i);
        o->indention = breaks = false;
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

static void anchor_and_tag(struct out *o, const struct hc_ynode *n)
{
    static const char core[] = "tag:yaml.org,2002:";
    if (n->kind == HC_YNODE_ALIAS || n->anchor.n) {
        hc_str name = n->kind == HC_YNODE_ALIAS ? n->value : n->anchor;
        indicator(o, n->kind == HC_YNODE_ALIAS ? "*" : "&", true, false, false);
        hc_buf_put(o->b, name);
        o->column += (int)name.n;
        o->whitespace = o->indention = false;
    }
    if (!n->tag.n || n->kind == HC_YNODE_ALIAS)
        return;
    bool known = hc_str_starts(n->tag, hc_str_of(core)), local = n->tag.p[0] == '!';
    size_t from = known ? strlen(core) : local ? 1 : 0, before = o->b->n;
    if (!o->whitespace)
        put(o, ' ');
    hc_buf_printf(o->b, "%s%.*s%s",
                  known   ? "!!"
                  : local ? "!"
                          : "!<",
                  HC_P(hc_str_sub(n->tag, from, n->tag.n)), known || local ? "" : ">");
    o->column += (int)(o->b->n - before);
    o->whitespace = o->indention = false;
}

static int deeper(const struct out *o, bool flow, const struct place *p, bool compact)
{
    if (o->indent < 0)
        return flow ? INDENT : 0;
    if (p->list_item)
        return o->indent + 2;
    return INDENT * ((o->indent + INDENT) / INDENT) - (compact ? 2 : 0);
}

static void put_scalar(struct out *o, const struct hc_ynode *n, const struct place *p)
{
    struct analysis a = analyse(n->value);
    enum hc_ynode_style style = style_of(o, n, p, &a);
    anchor_and_tag(o, n);
    int indent = o->indent;
    o->indent = deeper(o, true, p, false);
    switch (style) {
    case HC_YNODE_PLAIN:
        put_plain(o, n->value, p->root);
        break;
    case HC_YNODE_SINGLE:
        indicator(o, "'", true, false, false);
        put_flowing(o, n->value, true);
        indicator(o, "'", false, false, false);
        o->whitespace = o->indention = false;
        break;
    case HC_YNODE_DOUBLE:
        put_double(o, n->value);
        break;
    case HC_YNODE_LITERAL:
        put_literal(o, n->value);
        break;
    case HC_YNODE_FOLDED:
        put_folded(o, n->value);
        break;
    }
    o->indent = indent;
}

static bool simple_key(const struct hc_ynode *k)
{
    size_t length = k->anchor.n + k->tag.n;
    if (k->kind == HC_YNODE_SCALAR) {
        if (analyse(k->value).multiline)
            return false;
        length += k->value.n;
    } else if (k->kind == HC_YNODE_ALIAS) {
        length += k->value.n;
    } else if (k->n) {
        return false;
    }
    return length <= SIMPLE_KEY_MAX;
}

static void begin(struct out *o, const struct hc_ynode *n, const struct place *p)
{
    if (n->kind == HC_YNODE_SCALAR)
        put_scalar(o, n, p);
    else
        anchor_and_tag(o, n);
}

static void children(struct out *o, struct hc_ynode *n, const struct place *p);

static void flow_list(struct out *o, const struct hc_ynode *n, const struct place *p)
{
    static const struct place inside = { .root = false };
    int indent = o->indent;
    bool trail = false;
    for (size_t i = 0; i <= n->n; i++) {
        if (i < n->n)
            announce_node(o, n->items[i], (hc_str){ NULL, 0 });
        else
            announce(o, (hc_str){ NULL, 0 }, n->line, n->foot, (hc_str){ NULL, 0 });
        if (i == 0) {
            indicator(o, "[", true, true, false);
            o->indent = deeper(o, true, p, false);
            o->flow++;
        }
        if (i == n->n)
            break;
        if (i && !trail)
            indicator(o, ",", false, false, false);
        head_comment(o);
        if (o->column == 0)
            write_indent(o);
        trail = waits(o);
        begin(o, n->items[i], &inside);
        if (waits(o))
            indicator(o, ",", false, false, false);
        line_and_foot(o);
        children(o, n->items[i], &inside);
    }
    o->flow--;
    o->indent = indent;
    if (o->column == 0)
        write_indent(o);
    indicator(o, "]", false, false, false);
    line_and_foot(o);
}

static void flow_map_value(struct out *o, struct hc_ynode *v, bool simple, bool *trail)
{
    static const struct place inside = { .mapping = true };
    announce_node(o, v, (hc_str){ NULL, 0 });
    indicator(o, ":", !simple, false, false);
    *trail = waits(o);
    begin(o, v, &inside);
    if (waits(o))
        indicator(o, ",", false, false, false);
    line_and_foot(o);
    children(o, v, &inside);
}

static void flow_map(struct out *o, const struct hc_ynode *n, const struct place *p)
{
    int indent = o->indent;
    bool trail = false;
    hc_str tail = { NULL, 0 };
    for (size_t i = 0; i <= n->n; i += 2) {
        bool last = i + 1 >= n->n;
        struct hc_ynode *k = last ? NULL : n->items[i];
        if (k)
            announce(o, k->head, k->line, (hc_str){ NULL, 0 }, tail);
        else
            announce(o, (hc_str){ NULL, 0 }, n->line, n->foot, tail);
        if (i == 0) {
            indicator(o, "{", true, true, false);
            o->indent = deeper(o, true, p, false);
            o->flow++;
        }
        if (!k) {
            if ((o->head.n || o->foot.n || o->tail.n) && i && !trail)
                indicator(o, ",", false, false, false);
            break;
        }
        if (i && !trail)
            indicator(o, ",", false, false, false);
        head_comment(o);
        if (o->column == 0)
            write_indent(o);
        const struct place key = { .mapping = true, .simple_key = simple_key(k) };
        if (!key.simple_key)
            indicator(o, "?", true, false, false);
        begin(o, k, &key);
        children(o, k, &key);
        tail = k->foot;
        flow_map_value(o, n->items[i + 1], key.simple_key, &trail);
    }
    head_comment(o);
    o->flow--;
    o->indent = indent;
    indicator(o, "}", false, false, false);
    line_and_foot(o);
}

static void block_list(struct out *o, const struct hc_ynode *n, const struct place *p)
{
    static const struct place inside = { .list_item = true };
    int indent = o->indent;
    for (size_t i = 0; i < n->n; i++) {
        announce_node(o, n->items[i], (hc_str){ NULL, 0 });
        if (i == 0)
            o->indent = deeper(o, false, p, p->mapping && (o->column == 0 || !o->indention));
        head_comment(o);
        write_indent(o);
        indicator(o, "-", true, false, true);
        begin(o, n->items[i], &inside);
        line_and_foot(o);
        children(o, n->items[i], &inside);
    }
    announce(o, (hc_str){ NULL, 0 }, n->line, n->foot, (hc_str){ NULL, 0 });
    o->indent = indent;
}

static void block_map_value(struct out *o, struct hc_ynode *v, bool simple)
{
    static const struct place inside = { .mapping = true };
    announce_node(o, v, (hc_str){ NULL, 0 });
    if (simple) {
        indicator(o, ":", false, false, false);
    } else {
        write_indent(o);
        indicator(o, ":", true, false, true);
    }
    /* A comment beside the key: a scalar takes it along, before a block it is written at once. */
    bool block = (v->kind == HC_YNODE_SEQ || v->kind == HC_YNODE_MAP) && !v->flow;
    if (o->key_line.n && v->kind == HC_YNODE_SCALAR && !o->line.n) {
        o->line = o->key_line;
        o->key_line.n = 0;
    } else if (o->key_line.n && block) {
        hc_str line = o->line;
        o->line = o->key_line;
        line_comment(o, false);
        o->key_line.n = 0;
        o->line = line;
    }
    begin(o, v, &inside);
    line_and_foot(o);
    children(o, v, &inside);
}

static void block_map(struct out *o, const struct hc_ynode *n, const struct place *p)
{
    int indent = o->indent;
    hc_str tail = { NULL, 0 };
    for (size_t i = 0; i + 1 < n->n; i += 2) {
        const struct hc_ynode *k = n->items[i];
        struct hc_ynode shown = *k;
        shown.foot = (hc_str){ NULL, 0 };
        announce_node(o, &shown, tail);
        if (i == 0)
            o->indent = deeper(o, false, p, false);
        head_comment(o);
        write_indent(o);
        if (o->line.n) {
            o->key_line = o->line;
            o->line.n = 0;
        }
        const struct place key = { .mapping = true, .simple_key = simple_key(k) };
        if (!key.simple_key)
            indicator(o, "?", true, false, true);
        begin(o, &shown, &key);
        children(o, &shown, &key);
        tail = k->foot;
        block_map_value(o, n->items[i + 1], key.simple_key);
    }
    announce(o, (hc_str){ NULL, 0 }, n->line, n->foot, tail);
    head_comment(o);
    o->indent = indent;
}

static void children(struct out *o, struct hc_ynode *n, const struct place *p)
{
    if (n->kind != HC_YNODE_SEQ && n->kind != HC_YNODE_MAP)
        return;
    bool list = n->kind == HC_YNODE_SEQ, flow = o->flow || n->flow || !n->n;
    if (flow)
        (list ? flow_list : flow_map)(o, n, p);
    else
        (list ? block_list : block_map)(o, n, p);
}

static void put_document(struct out *o, const struct hc_ydoc *d, bool first)
{
    static const struct place root = { .root = true };
    announce(o, d->head, (hc_str){ NULL, 0 }, (hc_str){ NULL, 0 }, (hc_str){ NULL, 0 });
    if (!first) {
        write_indent(o);
        indicator(o, "---", true, false, false);
        write_indent(o);
    }
    if (o->head.n) {
        head_comment(o);
        put_break(o);
    }
    announce_node(o, d->root, (hc_str){ NULL, 0 });
    head_comment(o);
    begin(o, d->root, &root);
    line_and_foot(o);
    children(o, d->root, &root);
    announce(o, (hc_str){ NULL, 0 }, (hc_str){ NULL, 0 }, d->foot, (hc_str){ NULL, 0 });
    o->foot_indent = 0;
    foot_comment(o);
    o->foot_indent = -1;
    write_indent(o);
}

void hc_ydocs_write(struct hc_buf *b, struct hc_ydoc *const *docs, size_t n)
{
    struct out o = { .b = b, .indent = -1, .foot_indent = -1, .whitespace = true, .indention = true };
    for (size_t i = 0; i < n; i++)
        if (docs[i] && docs[i]->root)
            put_document(&o, docs[i], i == 0);
    if (o.open_ended) {
        indicator(&o, "...", true, false, false);
        write_indent(&o);
    }
}
