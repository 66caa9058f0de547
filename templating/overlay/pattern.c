/*
 * Parser to tree, tree to program, program simulated with a set of threads (Thompson). Repetitions with counts are
 * written out in the program, which has a ceiling; so has nesting.
 */
#include "templating/overlay/pattern.h"

#include <stdlib.h>

#include "core/base/mem.h"

#define MAX_PROGRAM 100000u
#define MAX_NESTING 200
#define MAX_REPEAT  1000 /* RE2's own limit */
#define MAX_RUNE    0x10ffffu

/* N_FLAGS, "(?i)", is in no tree: a repetition behind it repeats what stands before it (Go regexp/syntax: parse). */
enum node_kind { N_EMPTY, N_FLAGS, N_CLASS, N_CAT, N_ALT, N_REPEAT, N_ASSERT };
enum assert_kind { A_LINE_START, A_LINE_END, A_TEXT_START, A_TEXT_END, A_WORD, A_NOT_WORD };

struct range {
    uint32_t from, to;
};

struct class
{
    struct range *ranges;
    size_t n, cap;
};

struct node {
    enum node_kind kind;
    struct node *a, *b;
    struct class *class;
    enum assert_kind assert;
    int min, max;     /* max -1: no end */
    uint32_t repeats; /* the largest product of counts inside; 0: no repeat */
};

enum op { OP_CLASS, OP_SPLIT, OP_JUMP, OP_ASSERT, OP_MATCH };

struct inst {
    enum op op;
    uint32_t x, y; /* targets */
    const struct class *class;
    enum assert_kind assert;
};

struct hc_pattern {
    struct inst *code;
    uint32_t n;
    uint32_t *work; /* for matching: two lists, two tables of steps, a stack of at most two per state */
    uint32_t step;  /* never repeats in `work`, so that nothing has to be cleared between matches */
};

struct parser {
    struct hc_arena *a;
    hc_str rest;
    bool fold, multi, dot_nl, no_memory;
    hc_pattern_property property;
    int depth;
    const char *why;
    struct inst *code;
    uint32_t n, cap;
};

static struct node *parse_alt(struct parser *p);

/* ---- classes ------------------------------------------------------------------------------------- */

static struct class *class_new(struct parser *p)
{
    return HC_NEW(p->a, struct class);
}

static void add_range(struct parser *p, struct class *c, uint32_t from, uint32_t to)
{
    if (!c)
        return;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 4;
        struct range *r = HC_NEW_N(p->a, struct range, cap);
        if (!r)
            return;
        if (c->n)
            memcpy(r, c->ranges, c->n * sizeof(*r));
        c->ranges = r;
        c->cap = cap;
    }
    c->ranges[c->n++] = (struct range){ from, to };
}

/* The same letters in the other case. */
static void add_folded(struct parser *p, struct class *c, uint32_t from, uint32_t to)
{
    add_range(p, c, from, to);
    if (!p->fold)
        return;
    for (int upper = 0; upper < 2; upper++) {
        uint32_t base = upper ? 'A' : 'a', lo = HC_MAX(from, base), hi = HC_MIN(to, base + 25);
        if (lo <= hi)
            add_range(p, c, lo ^ 0x20, hi ^ 0x20);
    }
}

static int by_from(const void *x, const void *y)
{
    const struct range *a = x, *b = y;
    return a->from < b->from ? -1 : a->from > b->from;
}

static struct class *negated(struct parser *p, struct class *c)
{
    struct class *out = class_new(p);
    uint32_t next = 0;
    if (!c || !out)
        return NULL;
    if (c->n)
        qsort(c->ranges, c->n, sizeof(*c->ranges), by_from);
    for (size_t i = 0; i < c->n; i++) {
        if (c->ranges[i].from > next)
            add_range(p, out, next, c->ranges[i].from - 1);
        next = HC_MAX(next, c->ranges[i].to + 1);
    }
    if (next <= MAX_RUNE)
        add_range(p, out, next, MAX_RUNE);
    return out;
}

static void add_class(struct parser *p, struct class *to, const struct class *c)
{
    for (size_t i = 0; c && i < c->n; i++)
        add_range(p, to, c->ranges[i].from, c->ranges[i].to);
}

/* \d \w \s and their opposites; NULL: the letter is none of these. */
static struct class *perl_class(struct parser *p, uint32_t letter)
{
    struct class *c = class_new(p);
    switch (letter | 0x20) {
    case 'd':
        add_range(p, c, '0', '9');
        break;
    case 'w':
        add_range(p, c, '0', '9');
        add_range(p, c, 'A', 'Z');
        add_range(p, c, 'a', 'z');
        add_range(p, c, '_', '_');
        break;
    case 's':
        add_range(p, c, '\t', '\n');
        add_range(p, c, '\f', '\r');
        add_range(p, c, ' ', ' ');
        break;
    default:
        return NULL;
    }
    return letter & 0x20 ? c : negated(p, c);
}

static const struct {
    const char *name, *ranges; /* pairs of characters */
} posix_classes[] = {
    { "alnum", "09AZaz" }, { "alpha", "AZaz" }, { "blank", "\t\t  " },   { "digit", "09" },
    { "lower", "az" },     { "upper", "AZ" },   { "punct", "!/:@[`{~" }, { "word", "09AZaz__" },
    { "print", " ~" },     { "graph", "!~" },   { "space", "\t\r  " },   { "xdigit", "09AFaf" },
};

/* ---- reading ------------------------------------------------------------------------------------- */

static bool more(const struct parser *p)
{
    return p->rest.n > 0;
}

static bool at(const struct parser *p, char c)
{
    return p->rest.n && p->rest.p[0] == c;
}

static void skip(struct parser *p, size_t n)
{
    p->rest = hc_str_sub(p->rest, n, p->rest.n);
}

static uint32_t take(struct parser *p)
{
    uint32_t r = 0;
    skip(p, hc_utf8_decode(p->rest, &r));
    return r;
}

static void *fail(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return NULL;
}

static void *fail_memory(struct parser *p)
{
    p->no_memory = true;
    return fail(p, "out of memory");
}

static struct node *node_new(struct parser *p, enum node_kind kind)
{
    struct node *n = HC_NEW(p->a, struct node);
    if (!n)
        return fail_memory(p);
    n->kind = kind;
    return n;
}

static struct node *class_node(struct parser *p, struct class *c)
{
    struct node *n = c ? node_new(p, N_CLASS) : fail_memory(p);
    if (n)
        n->class = c;
    return n;
}

static struct node *assert_node(struct parser *p, enum assert_kind kind)
{
    struct node *n = node_new(p, N_ASSERT);
    if (n)
        n->assert = kind;
    return n;
}

/* What follows a backslash and stands for one character; false: it is none. */
static bool escaped_char(struct parser *p, uint32_t *out)
{
    static const char names[] = "afnrtv", codes[] = "\a\f\n\r\t\v";
    uint32_t c = take(p);
    const char *named = c && c < 0x80 ? strchr(names, (int)c) : NULL;
    if (named) {
        *out = (uint32_t)codes[named - names];
        return true;
    }
    if (c == 'x') {
        uint32_t v = 0;
        int d, n = 0;
        bool braces = at(p, '{');
        if (braces)
            skip(p, 1);
        while (more(p) && (braces || n < 2) && (d = hc_hex_digit(p->rest.p[0])) >= 0 && v <= MAX_RUNE) {
            v = v * 16 + (uint32_t)d;
            skip(p, 1);
            n++;
        }
        if (n == 0 || (!braces && n < 2) || (braces && !at(p, '}')) || v > MAX_RUNE)
            return false;
        if (braces)
            skip(p, 1);
        *out = v;
        return true;
    }
    if (c >= '0' && c <= '7') {
        uint32_t v = c - '0';
        if (c != '0' && !(more(p) && p->rest.p[0] >= '0' && p->rest.p[0] <= '7'))
            return false; /* a back reference */
        for (int i = 0; i < 2 && more(p) && p->rest.p[0] >= '0' && p->rest.p[0] <= '7'; i++)
            v = v * 8 + (take(p) - '0');
        *out = v;
        return true;
    }
    *out = c;
    return c < 0x80 && c != 0 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ", (int)c) != NULL;
}

static bool posix_class(struct parser *p, struct class *c)
{
    size_t end = hc_str_find_str(p->rest, HC_S(":]"));
    if (end == SIZE_MAX)
        return false;
    hc_str name = hc_str_sub(p->rest, 2, end);
    bool no = name.n && name.p[0] == '^';
    name = hc_str_sub(name, no, name.n);
    for (size_t i = 0; i < HC_LEN(posix_classes); i++) {
        if (!hc_str_eqz(name, posix_classes[i].name))
            continue;
        struct class *own = class_new(p);
        for (const char *r = posix_classes[i].ranges; *r; r += 2)
            add_folded(p, own, (unsigned char)r[0], (unsigned char)r[1]);
        add_class(p, c, no ? negated(p, own) : own);
        skip(p, end + 2);
        return true;
    }
    fail(p, "invalid character class range");
    return false;
}

struct filling {
    struct parser *p;
    struct class *c;
};

static void fill(void *to, uint32_t first, uint32_t last)
{
    struct filling *f = to;
    add_range(f->p, f->c, first, last);
}

/* \pL \p{Greek} \P{Greek} \p{^Greek}; the backslash is behind us. NULL: it is none, and told. */
static struct class *property_class(struct parser *p)
{
    bool no = p->rest.p[0] == 'P';
    hc_str name;
    skip(p, 1);
    if (at(p, '{')) {
        size_t end = hc_str_find(p->rest, '}');
        if (end == SIZE_MAX)
            return fail(p, "invalid character class range");
        name = hc_str_sub(p->rest, 1, end);
        skip(p, end + 1);
    } else {
        const char *from = p->rest.p;
        (void)take(p);
        name = hc_str_n(from, (size_t)(p->rest.p - from));
    }
    if (name.n && name.p[0] == '^') {
        no = !no;
        name = hc_str_sub(name, 1, name.n);
    }
    struct filling f = { p, class_new(p) };
    if (!p->property)
        return fail(p, "classes of Unicode properties (\\p) are not supported here");
    if (!f.c || !p->property(name, p->fold, fill, &f))
        return fail(p, "invalid character class range");
    return no ? negated(p, f.c) : f.c;
}

/* "[...]", the bracket is behind us. */
static struct node *parse_class(struct parser *p)
{
    struct class *c = class_new(p);
    bool no = at(p, '^'), first = true;
    if (no)
        skip(p, 1);
    for (;; first = false) {
        if (!more(p))
            return fail(p, "missing closing ]");
        if (at(p, ']') && !first) {
            skip(p, 1);
            return class_node(p, no ? negated(p, c) : c);
        }
        if (hc_str_starts(p->rest, HC_S("[:")) && posix_class(p, c))
            continue;
        if (p->why)
            return NULL;
        uint32_t from = take(p), to;
        if (from == '\\') {
            struct class *perl = more(p) ? perl_class(p, (unsigned char)p->rest.p[0]) : NULL;
            if (perl) {
                skip(p, 1);
                add_class(p, c, perl);
                continue;
            }
            if (at(p, 'p') || at(p, 'P')) {
                struct class *named = property_class(p);
                if (!named)
                    return NULL;
                add_class(p, c, named);
                continue;
            }
            if (!escaped_char(p, &from))
                return fail(p, "invalid escape sequence");
        }
        to = from;
        if (p->rest.n > 1 && p->rest.p[0] == '-' && p->rest.p[1] != ']') {
            skip(p, 1);
            to = take(p);
            if (to == '\\' && !escaped_char(p, &to))
                return fail(p, "invalid escape sequence");
            if (to < from)
                return fail(p, "invalid character class range");
        }
        add_folded(p, c, from, to);
    }
}

static struct node *literal(struct parser *p, uint32_t rune)
{
    struct class *c = class_new(p);
    add_folded(p, c, rune, rune);
    return class_node(p, c);
}

static struct node *parse_escape(struct parser *p)
{
    if (!more(p))
        return fail(p, "trailing backslash at end of expression");
    char c = p->rest.p[0];
    struct class *perl = perl_class(p, (unsigned char)c);
    if (perl) {
        skip(p, 1);
        return class_node(p, perl);
    }
    switch (c) {
    case 'A':
        skip(p, 1);
        return assert_node(p, A_TEXT_START);
    case 'z':
        skip(p, 1);
        return assert_node(p, A_TEXT_END);
    case 'b':
    case 'B':
        skip(p, 1);
        return assert_node(p, c == 'b' ? A_WORD : A_NOT_WORD);
    case 'p':
    case 'P': {
        struct class *named = property_class(p);
        return named ? class_node(p, named) : NULL;
    }
    default:
        break;
    }
    uint32_t rune;
    return escaped_char(p, &rune) ? literal(p, rune) : fail(p, "invalid escape sequence");
}

/* "(?flags)" and "(?flags:"; false: bad. *out_group: a group follows. */
static bool parse_flags(struct parser *p, bool *out_group)
{
    bool on = true;
    for (;;) {
        if (!more(p))
            return false;
        uint32_t c = take(p);
        switch (c) {
        case 'i':
            p->fold = on;
            break;
        case 'm':
            p->multi = on;
            break;
        case 's':
            p->dot_nl = on;
            break;
        case 'U':
            break;
        case '-':
            on = false;
            break;
        case ':':
        case ')':
            *out_group = c == ':';
            return true;
        default:
            return false;
        }
    }
}

static struct node *parse_group(struct parser *p)
{
    bool fold = p->fold, multi = p->multi, dot_nl = p->dot_nl, group = true;
    if (hc_str_starts(p->rest, HC_S("?P<")) ||
        (hc_str_starts(p->rest, HC_S("?<")) && p->rest.n > 2 && p->rest.p[2] != '=' && p->rest.p[2] != '!')) {
        size_t end = hc_str_find(p->rest, '>');
        if (end == SIZE_MAX)
            return fail(p, "invalid named capture");
        skip(p, end + 1);
    } else if (at(p, '?')) {
        skip(p, 1);
        if (!parse_flags(p, &group))
            return fail(p, "invalid or unsupported Perl syntax");
    }
    if (!group)
        return node_new(p, N_FLAGS); /* they hold to the end of the group around */
    if (++p->depth > MAX_NESTING)
        return fail(p, "expression nests too deeply");
    struct node *n = parse_alt(p);
    p->depth--;
    if (!n)
        return NULL;
    if (!at(p, ')'))
        return fail(p, "missing closing )");
    skip(p, 1);
    p->fold = fold;
    p->multi = multi;
    p->dot_nl = dot_nl;
    return n;
}

static struct node *parse_atom(struct parser *p)
{
    uint32_t c = take(p);
    struct class *any;
    switch (c) {
    case '(':
        return parse_group(p);
    case '[':
        return parse_class(p);
    case '\\':
        return parse_escape(p);
    case '^':
        return assert_node(p, p->multi ? A_LINE_START : A_TEXT_START);
    case '$':
        return assert_node(p, p->multi ? A_LINE_END : A_TEXT_END);
    case '.':
        any = class_new(p);
        if (p->dot_nl) {
            add_range(p, any, 0, MAX_RUNE);
        } else {
            add_range(p, any, 0, '\n' - 1);
            add_range(p, any, '\n' + 1, MAX_RUNE);
        }
        return class_node(p, any);
    default:
        return literal(p, c);
    }
}

/* No zero before another digit (Go regexp/syntax: parseInt). */
static bool read_count(hc_str *s, int *out)
{
    int v = 0;
    size_t n = 0;
    if (s->n > 1 && s->p[0] == '0' && s->p[1] >= '0' && s->p[1] <= '9')
        return false;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9' && v <= MAX_REPEAT)
        v = v * 10 + (s->p[n++] - '0');
    *s = hc_str_sub(*s, n, s->n);
    *out = v;
    return n > 0;
}

/* "{n}", "{n,}", "{n,m}"; anything else is literal text. */
static bool parse_counts(struct parser *p, int *out_min, int *out_max)
{
    hc_str s = hc_str_sub(p->rest, 1, p->rest.n);
    if (!read_count(&s, out_min))
        return false;
    *out_max = *out_min;
    if (s.n && s.p[0] == ',') {
        s = hc_str_sub(s, 1, s.n);
        if (!read_count(&s, out_max))
            *out_max = -1;
    }
    if (!s.n || s.p[0] != '}')
        return false;
    p->rest = hc_str_sub(s, 1, s.n);
    return true;
}

/* "*", "+", "?" and counts, with the "?" behind: whether it is lazy changes nothing of whether there is a match. */
static bool parse_repetition(struct parser *p, int *out_min, int *out_max)
{
    char c = p->rest.p[0];
    *out_min = c == '+';
    *out_max = c == '?' ? 1 : -1;
    if (c == '*' || c == '+' || c == '?')
        skip(p, 1);
    else if (c != '{' || !parse_counts(p, out_min, out_max))
        return false;
    if (at(p, '?'))
        skip(p, 1);
    return true;
}

static struct node *repeat(struct parser *p, struct node *n, int min, int max)
{
    if (!n)
        return fail(p, "missing argument to repetition operator");
    /* Repeats of repeats count together (Go regexp/syntax: repeatIsValid). */
    uint32_t times = (uint32_t)HC_MAX(HC_MAX(min, max), 1), inside = HC_MAX(n->repeats, 1u);
    if (times * inside > MAX_REPEAT)
        return fail(p, "invalid repeat count");
    struct node *r = node_new(p, N_REPEAT);
    if (r) {
        r->a = n;
        r->repeats = times * inside;
        r->min = min;
        r->max = max;
    }
    return r;
}

static struct node *join(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
    struct node *n = a && b ? node_new(p, kind) : NULL;
    if (n) {
        n->a = a;
        n->b = b;
        n->repeats = HC_MAX(a->repeats, b->repeats);
    }
    return n;
}

static struct node *parse_cat(struct parser *p)
{
    struct node *n = node_new(p, N_EMPTY), *last = NULL; /* `last` joins the others once nothing can repeat it */
    int repeats = 0;                                     /* of `last`, with flags between them */
    bool repeated = false;
    while (n && !p->why && more(p) && !at(p, '|') && !at(p, ')')) {
        int min, max;
        if (parse_repetition(p, &min, &max)) {
            if (min > MAX_REPEAT || max > MAX_REPEAT || (max >= 0 && max < min))
                return fail(p, "invalid repeat count");
            if (repeated)
                return fail(p, "invalid nested repetition operator");
            if (++repeats > MAX_NESTING)
                return fail(p, "expression nests too deeply");
            last = repeat(p, last, min, max);
            repeated = true;
            continue;
        }
        struct node *atom = parse_atom(p);
        repeated = false;
        if (!atom || atom->kind == N_FLAGS)
            continue;
        if (last)
            n = join(p, N_CAT, n, last);
        last = atom;
        repeats = 0;
    }
    return p->why ? NULL : last ? join(p, N_CAT, n, last) : n;
}

static struct node *parse_alt(struct parser *p)
{
    struct node *n = parse_cat(p);
    while (n && at(p, '|')) {
        skip(p, 1);
        n = join(p, N_ALT, n, parse_cat(p));
    }
    return n;
}

/* ---- program ------------------------------------------------------------------------------------- */

static uint32_t emit(struct parser *p, struct inst in)
{
    if (p->why)
        return 0;
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 32;
        struct inst *code = cap <= MAX_PROGRAM * 2 ? HC_NEW_N(p->a, struct inst, cap) : NULL;
        if (!code || p->n >= MAX_PROGRAM) {
            fail(p, "expression is too large");
            return 0;
        }
        if (p->n)
            memcpy(code, p->code, p->n * sizeof(*code));
        p->code = code;
        p->cap = cap;
    }
    p->code[p->n] = in;
    return p->n++;
}

static void generate(struct parser *p, const struct node *n)
{
    uint32_t split, jump;
    if (p->why)
        return;
    switch (n->kind) {
    case N_EMPTY:
    case N_FLAGS:
        return;
    case N_CLASS:
        emit(p, (struct inst){ .op = OP_CLASS, .class = n->class });
        return;
    case N_ASSERT:
        emit(p, (struct inst){ .op = OP_ASSERT, .assert = n->assert });
        return;
    case N_CAT: {
        /* a long text is a deep chain to the left: walk it without recursion on that side */
        const struct node *chain = n;
        size_t len = 0;
        while (chain->kind == N_CAT) {
            len++;
            chain = chain->a;
        }
        const struct node **right = hc_malloc((len + 1) * sizeof(*right));
        if (!right) {
            fail_memory(p);
            return;
        }
        for (size_t i = len; i-- > 0; n = n->a)
            right[i] = n->b;
        generate(p, n);
        for (size_t i = 0; i < len; i++)
            generate(p, right[i]);
        free(right);
        return;
    }
    case N_ALT:
        split = emit(p, (struct inst){ .op = OP_SPLIT });
        generate(p, n->a);
        jump = emit(p, (struct inst){ .op = OP_JUMP });
        if (p->why)
            return;
        p->code[split].x = split + 1;
        p->code[split].y = p->n;
        generate(p, n->b);
        if (!p->why)
            p->code[jump].x = p->n;
        return;
    case N_REPEAT:
        for (int i = 0; i < n->min; i++)
            generate(p, n->a);
        if (n->max < 0) {
            split = emit(p, (struct inst){ .op = OP_SPLIT });
            generate(p, n->a);
            emit(p, (struct inst){ .op = OP_JUMP, .x = split });
            if (p->why)
                return;
            p->code[split].x = split + 1;
            p->code[split].y = p->n;
            return;
        }
        for (int i = n->min; i < n->max; i++) {
            split = emit(p, (struct inst){ .op = OP_SPLIT });
            generate(p, n->a);
            if (p->why)
                return;
            p->code[split].x = split + 1;
            p->code[split].y = p->n; /* skipping one copy leaves the others to be skipped too */
        }
        return;
    }
}

enum hc_rc hc_pattern_compile(struct hc_arena *a, hc_str text, hc_pattern_property property,
                              struct hc_pattern **out, struct hc_err *err)
{
    struct parser p = { .a = a, .rest = text, .property = property };
    struct hc_pattern *pattern = HC_NEW(a, struct hc_pattern);
    struct node *n = parse_alt(&p);
    if (n && more(&p))
        fail(&p, "unexpected )");
    if (n && !p.why) {
        generate(&p, n);
        emit(&p, (struct inst){ .op = OP_MATCH });
    }
    uint32_t *work = n && !p.why ? HC_NEW_N(a, uint32_t, (size_t)p.n * 6 + 8) : NULL;
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "regular expression");
    if (p.no_memory)
        return hc_fail_nomem(err);
    if (p.why || !n)
        return hc_fail(err, HC_E_INPUT, "error parsing regexp: %s: `%.*s`", p.why ? p.why : "unknown", HC_P(text));
    pattern->code = p.code;
    pattern->n = p.n;
    pattern->work = work;
    *out = pattern;
    return HC_OK;
}

/* ---- matching ------------------------------------------------------------------------------------ */

struct threads {
    uint32_t *list, n;
    uint32_t *seen; /* step in which a state was added last */
};

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* `before` and `after` are runes, UINT32_MAX at the ends of the text. */
static bool holds(enum assert_kind kind, uint32_t before, uint32_t after)
{
    switch (kind) {
    case A_TEXT_START:
        return before == UINT32_MAX;
    case A_TEXT_END:
        return after == UINT32_MAX;
    case A_LINE_START:
        return before == UINT32_MAX || before == '\n';
    case A_LINE_END:
        return after == UINT32_MAX || after == '\n';
    case A_WORD:
        return is_word(before) != is_word(after);
    default:
        return is_word(before) == is_word(after);
    }
}

/* Adds a state and all it leads to without text; true: the end is among them. */
static bool add_thread(const struct hc_pattern *p, struct threads *t, uint32_t *stack, uint32_t step,
                       uint32_t state, uint32_t before, uint32_t after)
{
    uint32_t top = 0;
    stack[top++] = state;
    while (top) {
        state = stack[--top];
        if (t->seen[state] == step)
            continue;
        t->seen[state] = step;
        const struct inst *in = &p->code[state];
        switch (in->op) {
        case OP_MATCH:
            return true;
        case OP_CLASS:
            t->list[t->n++] = state;
            break;
        case OP_JUMP:
            stack[top++] = in->x;
            break;
        case OP_SPLIT:
            stack[top++] = in->y;
            stack[top++] = in->x;
            break;
        case OP_ASSERT:
            if (holds(in->assert, before, after))
                stack[top++] = state + 1;
            break;
        }
    }
    return false;
}

static bool in_class(const struct class *c, uint32_t rune)
{
    for (size_t i = 0; i < c->n; i++)
        if (rune >= c->ranges[i].from && rune <= c->ranges[i].to)
            return true;
    return false;
}

bool hc_pattern_matches(struct hc_pattern *p, hc_str text, uint64_t *steps_left)
{
    size_t n = p->n;
    struct threads now = { p->work, 0, p->work + n }, next = { p->work + 2 * n, 0, p->work + 3 * n };
    uint32_t *stack = p->work + 4 * n, before = UINT32_MAX;
    if (p->step > UINT32_MAX / 2 || text.n > UINT32_MAX / 4) {
        memset(p->work, 0, 4 * n * sizeof(*p->work));
        p->step = 0;
    }
    uint32_t step = p->step + 1;
    bool matched = false;
    uint64_t unbounded = UINT64_MAX;
    if (!steps_left)
        steps_left = &unbounded;
    for (;;) {
        /* Every state may be looked at twice for every rune: as one that is there and as one that was reached. */
        uint64_t cost = 2 * ((uint64_t)now.n + 1);
        if (*steps_left < cost) {
            *steps_left = 0;
            break;
        }
        *steps_left -= cost;
        uint32_t rune = UINT32_MAX, after = UINT32_MAX;
        size_t len = hc_utf8_decode(text, &rune);
        if (len == 0)
            rune = UINT32_MAX;
        matched = add_thread(p, &now, stack, step, 0, before, rune);
        if (matched || len == 0)
            break;
        text = hc_str_sub(text, len, text.n);
        if (hc_utf8_decode(text, &after) == 0)
            after = UINT32_MAX;
        next.n = 0;
        for (uint32_t i = 0; i < now.n && !matched; i++)
            if (in_class(p->code[now.list[i]].class, rune))
                matched = add_thread(p, &next, stack, step + 1, now.list[i] + 1, rune, after);
        if (matched)
            break;
        struct threads t = now;
        now = next;
        next = t;
        before = rune;
        step++;
    }
    p->step = step + 1;
    return matched;
}
