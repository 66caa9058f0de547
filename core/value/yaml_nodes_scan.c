/*
 * Comments to tokens, as yaml.v3 does it.
 *
 * A step of the scan: white space and comments up to the next token (between), the ends of the blocks that are left, the
 * token, the comment beside it (beside). Where a comment goes:
 *   beside a token     line comment of what begins at that token; of a key, if the token is its ':'
 *   above a token      head comment of it
 *   below the last one, at once or less indented, with an empty line behind it: foot comment of what came before
 */
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/value/yaml_chars.h"
#include "core/value/yaml_nodes_impl.h"

#define LOOKAHEAD 512 /* how far yaml.v3 looks for a comment over white space */

/* ---- libyaml's tokens -------------------------------------------------------------------------------- */

static enum hc_rc scan_failed(const yaml_parser_t *p, struct hc_err *err)
{
    if (p->error == YAML_MEMORY_ERROR)
        return hc_fail_nomem(err);
    const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";
    size_t line = p->context_mark.line   ? p->context_mark.line + 1
                  : p->problem_mark.line ? p->problem_mark.line + 1
                                         : 0;
    if (p->error == YAML_READER_ERROR)
        line = 0;
    int at = (int)(p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line) + 1;
    if (line)
        return hc_fail_at(err, HC_E_INPUT, (hc_str){ NULL, 0 }, at, -1, "yaml: line %zu: %s", line, problem);
    return hc_fail_at(err, HC_E_INPUT, (hc_str){ NULL, 0 }, at, -1, "yaml: %s", problem);
}

static bool add_token(struct yn_scan *s, const yaml_token_t *t)
{
    if (s->n == s->cap) {
        size_t cap = HC_MAX(s->cap * 2, (size_t)64);
        struct yn_token *more = HC_NEW_N(s->a, struct yn_token, cap);
        if (!more)
            return false;
        if (s->n)
            memcpy(more, s->tokens, s->n * sizeof(*more));
        s->tokens = more;
        s->cap = cap;
    }
    s->tokens[s->n++] = (struct yn_token){ .t = *t };
    return true;
}

static bool is_physical(const yaml_token_t *t)
{
    switch (t->type) {
    case YAML_BLOCK_SEQUENCE_START_TOKEN:
    case YAML_BLOCK_MAPPING_START_TOKEN:
    case YAML_BLOCK_END_TOKEN:
        return false;
    case YAML_KEY_TOKEN:
        return t->start_mark.index != t->end_mark.index; /* a written '?' */
    default:
        return true;
    }
}

/* Characters to bytes, and which step of the scan brings which token: a block's start and the mark of a key come with
 * the ':' behind that key, everything else with the token that follows. */
static void place_tokens(struct yn_scan *s)
{
    size_t chars = 0, bytes = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct yn_token *t = &s->tokens[i];
        for (; chars < t->t.start_mark.index && bytes < s->text.n; chars++)
            bytes += yc_width((unsigned char)s->text.p[bytes]);
        t->start = HC_MIN(bytes, s->text.n);
        size_t end = bytes, at = chars;
        for (; at < t->t.end_mark.index && end < s->text.n; at++)
            end += yc_width((unsigned char)s->text.p[end]);
        t->end = HC_MIN(end, s->text.n);
    }
    uint32_t step = 0;
    for (size_t i = 0; i < s->n; i++)
        if (is_physical(&s->tokens[i].t))
            s->tokens[i].fetched = ++step;
    s->steps = step;
    uint32_t value = step;
    for (size_t i = s->n; i-- > 0;) {
        struct yn_token *t = &s->tokens[i];
        if (t->fetched)
            value = t->fetched;
        else if (t->t.type == YAML_BLOCK_END_TOKEN || t->t.type == YAML_BLOCK_SEQUENCE_START_TOKEN)
            t->fetched = value;
    }
    /* A key: from its mark to the ':' on the same level. */
    for (size_t i = 0; i < s->n; i++) {
        struct yn_token *t = &s->tokens[i];
        if (t->fetched)
            continue;
        size_t k = i + 1;
        unsigned open = 0;
        for (; k < s->n; k++) {
            yaml_token_type_t type = s->tokens[k].t.type;
            if (type == YAML_FLOW_SEQUENCE_START_TOKEN || type == YAML_FLOW_MAPPING_START_TOKEN)
                open++;
            if (type == YAML_FLOW_SEQUENCE_END_TOKEN || type == YAML_FLOW_MAPPING_END_TOKEN)
                open -= open > 0;
            if (!open && type == YAML_VALUE_TOKEN)
                break;
        }
        t->fetched = k < s->n ? s->tokens[k].fetched : s->steps;
    }
}

enum hc_rc yn_open(struct yn_scan *s, struct hc_arena *a, hc_str text, struct hc_err *err)
{
    *s = (struct yn_scan){ .a = a, .text = text };
    yaml_parser_t p;
    if (!yaml_parser_initialize(&p))
        return hc_fail_nomem(err);
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p, (const unsigned char *)(text.p ? text.p : ""), text.n);
    enum hc_rc rc = HC_OK;
    for (bool more = true; more && rc == HC_OK;) {
        yaml_token_t t;
        if (!yaml_parser_scan(&p, &t)) {
            rc = scan_failed(&p, err);
            break;
        }
        more = t.type != YAML_STREAM_END_TOKEN;
        if (!add_token(s, &t)) {
            yaml_token_delete(&t);
            rc = hc_arena_check(a, err, "YAML document");
        }
    }
    yaml_parser_delete(&p);
    if (rc == HC_OK)
        place_tokens(s);
    return rc;
}

void yn_done(struct yn_scan *s)
{
    for (size_t i = 0; i < s->n; i++)
        yaml_token_delete(&s->tokens[i].t);
    s->n = 0;
}

/* ---- where the scan is ------------------------------------------------------------------------------- */

static size_t break_width(hc_str s, size_t i)
{
    return s.p[i] == '\r' && yc_at(s, i + 1) == '\n' ? 2 : yc_width((unsigned char)s.p[i]);
}

/* Line breaks before `at` with nothing but blanks between. */
static int newlines_before(hc_str s, size_t at)
{
    int n = 0;
    while (at > 0 && (s.p[at - 1] == ' ' || s.p[at - 1] == '\t' || s.p[at - 1] == '\n')) {
        n += s.p[at - 1] == '\n';
        at--;
    }
    return n;
}

static size_t column_of(hc_str s, size_t at)
{
    size_t n = 0;
    while (at > 0 && s.p[at - 1] != '\n') {
        at--;
        n += ((unsigned char)s.p[at] & 0xc0) != 0x80;
    }
    return n;
}

/* From 0; counted from where it was last asked for. */
static size_t line_of(struct yn_scan *s, size_t at)
{
    at = HC_MIN(at, s->text.n);
    for (; s->line_at < at; s->line_at++)
        s->line_no += s->text.p[s->line_at] == '\n';
    for (; s->line_at > at; s->line_at--)
        s->line_no -= s->text.p[s->line_at - 1] == '\n';
    return s->line_no;
}

static struct yn_comment *add_comment(struct yn_scan *s)
{
    if (s->comments_n == s->comments_cap) {
        size_t cap = HC_MAX(s->comments_cap * 2, (size_t)16);
        struct yn_comment *more = HC_NEW_N(s->a, struct yn_comment, cap);
        if (!more)
            return NULL;
        if (s->comments_n)
            memcpy(more, s->comments, s->comments_n * sizeof(*more));
        s->comments = more;
        s->comments_cap = cap;
    }
    struct yn_comment *c = &s->comments[s->comments_n++];
    *c = (struct yn_comment){ .scan = 0 };
    return c;
}

static size_t end_of_line(hc_str s, size_t at)
{
    while (at < s.n && !yc_break(s, at))
        at++;
    return at;
}

static int indent_now(const struct yn_scan *s)
{
    return s->depth ? s->indents[s->depth - 1] : -1;
}

/* The last token of the queue, as far as the scan has come; *before is the one ahead of it. What is put before a key
 * comes later than the key. */
static const struct yn_token *last_token(const struct yn_scan *s, const struct yn_token **before)
{
    size_t last = s->next; /* behind it */
    for (size_t i = s->next; i < s->n; i++) {
        if (s->tokens[i].fetched <= s->steps_done)
            last = i + 1;
        else if (is_physical(&s->tokens[i].t))
            break;
    }
    *before = last > 1 ? &s->tokens[last - 2] : NULL;
    return last > 0 ? &s->tokens[last - 1] : NULL;
}

/* ---- comments above and below ------------------------------------------------------------------------ */

/* What a run of comment lines has gathered so far. */
struct run {
    struct yn_scan *s;
    struct hc_buf text;
    size_t scan, token;
    size_t start, start_line, start_col;
};

static void flush(struct run *r, size_t end, bool head)
{
    if (!r->text.n)
        return;
    struct yn_comment *c = add_comment(r->s);
    if (!c)
        return;
    hc_str text = hc_buf_to_arena(&r->text, r->s->a);
    *c = (struct yn_comment){ .scan = r->scan,
                              .token = head ? r->start : r->token,
                              .start = r->start,
                              .end = end,
                              .start_line = r->start_line,
                              .start_col = r->start_col };
    if (head)
        c->head = text;
    else
        c->foot = text;
    hc_buf_reset(&r->text);
    if (!head)
        r->scan = r->token = end;
}

/* The comments from a '#' at s->mark on; leaves the mark behind the last of them. */
static void comments_here(struct yn_scan *s, size_t scan_mark)
{
    const hc_str t = s->text;
    const struct yn_token *before, *token = last_token(s, &before);
    if (token && token->t.type == YAML_FLOW_ENTRY_TOKEN && before)
        token = before;
    int newlines = newlines_before(t, s->mark);
    size_t line = line_of(s, s->mark), column = column_of(t, s->mark);
    const size_t indent = (size_t)HC_MAX(indent_now(s), 0);
    bool recent_empty = false, first_empty = newlines <= 1;
    size_t foot_line = SIZE_MAX;
    if (line_of(s, scan_mark) > 0) {
        foot_line = line - (size_t)newlines + 1;
        if (newlines == 0 && column > 1)
            foot_line++;
    }
    struct run r = { .s = s, .scan = scan_mark, .token = token ? token->start : 0 };
    hc_buf_init(&r.text, 0);
    size_t peek = 0;
    for (; peek < LOOKAHEAD; peek++) {
        size_t at = s->mark + peek;
        char c = (char)yc_at(t, at);
        column++;
        if (c == ' ' || c == '\t')
            continue;
        bool closes = s->flow > 0 && (c == ']' || c == '}'), ends = at >= t.n || c == 0, brk = yc_break(t, at);
        if (closes || brk || ends) {
            if (closes || !recent_empty) {
                bool dedented = r.start_col == 0 || r.start_col - 1 < indent;
                if (closes ||
                    (first_empty &&
                     ((r.start_line == foot_line && token && token->t.type != YAML_VALUE_TOKEN) || dedented))) {
                    if (r.text.n && dedented)
                        r.token = r.start;
                    flush(&r, at, false);
                } else if (r.text.n && !ends) {
                    hc_buf_putc(&r.text, '\n');
                }
            }
            if (!brk)
                break;
            first_empty = false;
            recent_empty = true;
            column = 0;
            line++;
            continue;
        }
        if (r.text.n && column - 1 < indent && column != r.start_col)
            flush(&r, at, false);
        if (c != '#')
            break;
        if (!r.text.n) {
            r.start = at;
            r.start_line = line;
            r.start_col = column;
        } else {
            hc_buf_putc(&r.text, '\n');
        }
        recent_empty = false;
        size_t end = end_of_line(t, at);
        hc_buf_put(&r.text, hc_str_sub(t, at, end));
        s->mark = end;
        peek = column = 0;
        line = line_of(s, end);
    }
    flush(&r, s->mark + (peek ? peek - 1 : 0), true);
    hc_buf_done(&r.text);
}

/* The comment beside the token that ends at the mark. */
static void comment_beside(struct yn_scan *s, size_t token)
{
    if (newlines_before(s->text, s->mark) > 0)
        return;
    size_t at = s->mark;
    while (at < s->mark + LOOKAHEAD && yc_blank(s->text, at))
        at++;
    if (yc_at(s->text, at) != '#')
        return;
    size_t end = end_of_line(s->text, at);
    struct yn_comment *c = add_comment(s);
    if (c)
        *c = (struct yn_comment){ .token = token,
                                  .start = at,
                                  .start_line = line_of(s, at),
                                  .start_col = column_of(s->text, at),
                                  .line = hc_str_sub(s->text, at, end) };
    s->mark = end;
}

/*
 * - # a comment
 *   - some data
 * looks like a line comment and is one above the data.
 */
static void line_to_head(struct yn_scan *s)
{
    const struct yn_token *before, *last = last_token(s, &before);
    if (!s->comments_n || !last || !before || before->t.type != YAML_BLOCK_SEQUENCE_START_TOKEN ||
        last->t.type != YAML_BLOCK_ENTRY_TOKEN)
        return;
    struct yn_comment *c = &s->comments[s->comments_n - 1];
    if (!c->line.n || yc_break(s->text, s->mark))
        return;
    c->head = c->line;
    c->line.n = 0;
    if (c->start_line + 1 == line_of(s, s->mark))
        c->token = s->mark;
}

static void between(struct yn_scan *s, size_t until)
{
    const size_t scan_mark = s->mark;
    for (;;) {
        while (yc_blank(s->text, s->mark))
            s->mark++;
        line_to_head(s);
        if (yc_at(s->text, s->mark) == '#' && s->mark < until)
            comments_here(s, scan_mark);
        if (s->mark >= s->text.n || !yc_break(s->text, s->mark))
            return;
        s->mark += break_width(s->text, s->mark);
    }
}

/* The ends of blocks go before comments that stood as deep as the block. Those that only the end of the document closes
 * look back from where it is. */
static void leave_blocks(struct yn_scan *s, size_t from, size_t to, size_t scan_mark, bool document_ends)
{
    const int column = (int)column_of(s->text, s->mark);
    size_t mark = scan_mark ? scan_mark - 1 : 0;
    for (size_t i = from; i < to; i++) {
        if (s->tokens[i].t.type != YAML_BLOCK_END_TOKEN)
            continue;
        if (document_ends && indent_now(s) <= column) {
            mark = s->mark ? s->mark - 1 : 0;
            document_ends = false;
        }
        size_t stop = mark;
        for (size_t k = s->comments_n; k-- > 0 && s->comments[k].end >= stop;) {
            const struct yn_comment *c = &s->comments[k];
            if ((int)c->start_col == indent_now(s) + 1)
                mark = c->start;
            stop = c->scan;
        }
        s->tokens[i].start = mark;
        s->depth -= s->depth > 0;
    }
}

/* ---- a step ------------------------------------------------------------------------------------------ */

static void after_token(struct yn_scan *s, const struct yn_token *t, size_t comment_mark)
{
    s->mark = t->end;
    bool block = t->t.type == YAML_SCALAR_TOKEN && (t->t.data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                                                    t->t.data.scalar.style == YAML_FOLDED_SCALAR_STYLE);
    if (block) { /* the comment is beside its head */
        size_t head = end_of_line(s->text, t->start), pound = t->start;
        while (pound < head && s->text.p[pound] != '#')
            pound++;
        if (pound < head) {
            size_t end = s->mark;
            s->mark = pound;
            comment_beside(s, t->start);
            s->mark = end;
        }
    }
    while (block && yc_space(s->text, s->mark)) /* and the next line was looked at */
        s->mark++;
    if (t->t.type == YAML_SCALAR_TOKEN && t->t.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        while (s->mark < s->text.n && (yc_blank(s->text, s->mark) || yc_break(s->text, s->mark)))
            s->mark++; /* it was looked whether the text goes on */
    if (t->t.type != YAML_BLOCK_ENTRY_TOKEN && t->t.type != YAML_DOCUMENT_START_TOKEN &&
        t->t.type != YAML_DOCUMENT_END_TOKEN && t->t.type != YAML_STREAM_START_TOKEN &&
        t->t.type != YAML_STREAM_END_TOKEN)
        comment_beside(s, comment_mark);
}

static void step(struct yn_scan *s)
{
    uint32_t now = s->steps_done + 1;
    size_t from = s->next, at;
    while (from < s->n && s->tokens[from].fetched < now)
        from++;
    at = from;
    while (at < s->n && !(s->tokens[at].fetched == now && is_physical(&s->tokens[at].t)))
        at++;
    if (at >= s->n) {
        s->steps_done = now;
        return;
    }
    const struct yn_token *t = &s->tokens[at], *before, *last = last_token(s, &before);
    size_t scan_mark = s->mark;
    if (t->t.type != YAML_STREAM_START_TOKEN)
        between(s, t->start);
    for (size_t i = from; i < at; i++)
        if (s->tokens[i].t.type == YAML_BLOCK_END_TOKEN && s->tokens[i].fetched == now) {
            leave_blocks(s, i, at, scan_mark,
                         t->t.type == YAML_STREAM_END_TOKEN || t->t.type == YAML_DOCUMENT_START_TOKEN ||
                             t->t.type == YAML_DOCUMENT_END_TOKEN);
            break;
        }
    /* what opens a block: its column is the new indentation */
    for (size_t i = from; i < at; i++)
        if (s->tokens[i].fetched == now && (s->tokens[i].t.type == YAML_BLOCK_SEQUENCE_START_TOKEN ||
                                            s->tokens[i].t.type == YAML_BLOCK_MAPPING_START_TOKEN)) {
            if (s->depth < (int)HC_LEN(s->indents))
                s->indents[s->depth++] = (int)s->tokens[i].t.start_mark.column;
        }
    size_t comment_mark = t->start;
    char c = (char)yc_at(s->text, t->start);
    if (last && ((!s->flow && c == ':') || (s->flow && c == ',')))
        comment_mark = last->start;
    switch (t->t.type) {
    case YAML_FLOW_SEQUENCE_START_TOKEN:
    case YAML_FLOW_MAPPING_START_TOKEN:
        s->flow++;
        break;
    case YAML_FLOW_SEQUENCE_END_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
        s->flow -= s->flow > 0;
        break;
    default:
        break;
    }
    s->steps_done = now;
    after_token(s, t, comment_mark);
}

/* ---- for the parser ---------------------------------------------------------------------------------- */

static void join(struct yn_scan *s, hc_str *to, hc_str more)
{
    if (!more.n)
        return;
    if (!to->n) {
        *to = more;
        return;
    }
    hc_str parts[] = { *to, HC_S("\n"), more };
    *to = hc_arena_cat(s->a, HC_LEN(parts), parts);
}

static void take_comments(struct yn_scan *s, const struct yn_token *t)
{
    for (; s->comments_next < s->comments_n; s->comments_next++) {
        struct yn_comment *c = &s->comments[s->comments_next];
        if (t->start < c->token || (c->head.n && t->t.type == YAML_BLOCK_END_TOKEN))
            return;
        join(s, &s->head, c->head);
        join(s, &s->foot, c->foot);
        join(s, &s->line, c->line);
        c->head.n = c->line.n = c->foot.n = 0;
    }
}

/* yaml.v3 looks two tokens ahead before it gives one out. */
static bool ready(const struct yn_scan *s)
{
    size_t there = 0;
    if (s->tokens[s->next].fetched > s->steps_done)
        return false;
    for (size_t i = s->next; i < s->n && there < 3 && i < s->next + 16; i++)
        there += s->tokens[i].fetched <= s->steps_done;
    return there > 2;
}

const struct yn_token *yn_peek(struct yn_scan *s)
{
    if (s->next >= s->n)
        return NULL;
    while (s->steps_done < s->steps && !ready(s))
        step(s);
    take_comments(s, &s->tokens[s->next]);
    return &s->tokens[s->next];
}

void yn_skip(struct yn_scan *s)
{
    s->next++;
}
