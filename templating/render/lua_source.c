/*
 * Tokens, then one walk down Lua's grammar that notes units and builds nothing. The text compiles, so what may follow what is
 * never asked: a statement ends where the next word or name cannot go on with it.
 */
#include "templating/render/lua_source.h"

#include <ctype.h>

#include "core/base/limits.h"

struct reader {
    struct hc_arena *a;
    struct lua_source *s;
    uint32_t toks_cap, units_cap, sets_cap;
    uint32_t at;
    uint32_t head, up; /* around, as in struct lua_unit */
    bool held, broken;
    int function_line, depth;
};

static void *more(struct reader *r, void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    uint32_t grown = *cap ? *cap * 2 : 256;
    char *to = hc_arena_alloc(r->a, grown * size, 16);
    if (!to) {
        r->broken = true;
        return NULL;
    }
    if (n)
        memcpy(to, p, n * size);
    *cap = grown;
    return to;
}

/* ---- tokens ------------------------------------------------------------------------------------------- */

static bool is_word(hc_str s)
{
    static const char *const words[] = { "and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
                                         "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
                                         "repeat",   "return", "then", "true", "until",  "while" };
    for (size_t i = 0; i < HC_LEN(words); i++)
        if (hc_str_eqz(s, words[i]))
            return true;
    return false;
}

/* The length of "[==[ ... ]==]" at p, 0: there is none; *in: of its opening. */
static size_t long_bracket(hc_str s, size_t *in)
{
    size_t level = 0;
    if (s.n < 2 || s.p[0] != '[')
        return 0;
    while (1 + level < s.n && s.p[1 + level] == '=')
        level++;
    if (1 + level >= s.n || s.p[1 + level] != '[')
        return 0;
    *in = level + 2;
    for (size_t i = *in; i + level + 1 < s.n; i++) {
        size_t k = 0;
        if (s.p[i] != ']')
            continue;
        while (k < level && s.p[i + 1 + k] == '=')
            k++;
        if (k == level && s.p[i + 1 + level] == ']')
            return i + level + 2;
    }
    return s.n;
}

static size_t quoted_end(hc_str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == s.p[0])
            return i + 1;
    }
    return s.n;
}

static size_t sign_length(hc_str s)
{
    static const char *const signs[] = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" };
    for (size_t i = 0; i < HC_LEN(signs); i++)
        if (hc_str_starts(s, hc_str_of(signs[i])))
            return strlen(signs[i]);
    return 1;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* One token or comment (*token false) at the front of `s`; gives its length. */
static size_t scan(hc_str s, struct lua_tok *t, bool *token)
{
    size_t n = 0, in = 0;
    *token = true;
    if (s.p[0] == '-' && s.n > 1 && s.p[1] == '-') {
        *token = false;
        n = long_bracket(hc_str_sub(s, 2, s.n), &in);
        return n ? n + 2 : HC_MIN(hc_str_find(s, '\n'), s.n);
    }
    if (is_name_char(s.p[0]) && !isdigit((unsigned char)s.p[0])) {
        while (n < s.n && is_name_char(s.p[n]))
            n++;
        t->s = hc_str_sub(s, 0, n);
        t->kind = is_word(t->s) ? LUA_TOK_WORD : LUA_TOK_NAME;
        return n;
    }
    if (isdigit((unsigned char)s.p[0]) || (s.p[0] == '.' && s.n > 1 && isdigit((unsigned char)s.p[1]))) {
        while (n < s.n && (is_name_char(s.p[n]) || (s.p[n] == '.' && !(n + 1 < s.n && s.p[n + 1] == '.')) ||
                           (n > 0 && strchr("+-", s.p[n]) && strchr("eEpP", s.p[n - 1]) && s.p[1] != 'x')))
            n++;
        t->kind = LUA_TOK_NUMBER;
        t->s = hc_str_sub(s, 0, n);
        return n;
    }
    if (s.p[0] == '"' || s.p[0] == '\'') {
        n = quoted_end(s);
        t->kind = LUA_TOK_TEXT;
        t->s = hc_str_sub(s, 1, HC_MAX(n, (size_t)2) - 1);
        return n;
    }
    n = long_bracket(s, &in);
    t->kind = n ? LUA_TOK_TEXT : LUA_TOK_SIGN;
    if (!n)
        n = sign_length(s);
    t->s = hc_str_sub(s, in, t->kind == LUA_TOK_TEXT ? n - HC_MIN(in, n - in) : n);
    return n;
}

static void read_tokens(struct reader *r)
{
    struct lua_source *s = r->s;
    int line = 1;
    for (size_t at = 0; at < s->text.n && !r->broken;) {
        hc_str rest = hc_str_sub(s->text, at, s->text.n);
        if (rest.p[0] == '\n' || isspace((unsigned char)rest.p[0])) {
            line += rest.p[0] == '\n';
            at++;
            continue;
        }
        struct lua_tok t = { .pos = (uint32_t)at, .line = line };
        bool token;
        size_t n = scan(rest, &t, &token);
        if (token) {
            s->toks = more(r, s->toks, s->toks_n, &r->toks_cap, sizeof(t));
            if (!s->toks)
                return;
            s->toks[s->toks_n++] = t;
        }
        for (size_t i = 0; i < n; i++)
            line += rest.p[i] == '\n';
        at += n;
    }
    s->lines_n = line;
}

/* ---- the grammar --------------------------------------------------------------------------------------- */

static const struct lua_tok *tok(const struct reader *r)
{
    static const struct lua_tok end = { .kind = LUA_TOK_SIGN };
    return r->at < r->s->toks_n ? &r->s->toks[r->at] : &end;
}

static bool is(const struct reader *r, const char *what)
{
    const struct lua_tok *t = tok(r);
    return (t->kind == LUA_TOK_WORD || t->kind == LUA_TOK_SIGN) && hc_str_eqz(t->s, what);
}

static bool skip(struct reader *r, const char *what)
{
    bool there = is(r, what);
    r->at += there;
    return there;
}

static uint32_t unit_open(struct reader *r, enum lua_unit_kind kind)
{
    struct lua_source *s = r->s;
    s->units = more(r, s->units, s->units_n, &r->units_cap, sizeof(*s->units));
    if (!s->units)
        return 0;
    s->units[s->units_n] = (struct lua_unit){ .kind = (uint8_t)kind,
                                              .held = r->held,
                                              .head = r->head,
                                              .from = r->at,
                                              .first = tok(r)->line,
                                              .function_line = r->function_line };
    return s->units_n++;
}

/* It ends before the token at hand. */
static void unit_close(struct reader *r, uint32_t unit)
{
    if (r->broken)
        return;
    struct lua_unit *u = &r->s->units[unit];
    u->end = r->at;
    u->last = r->at > u->from ? r->s->toks[r->at - 1].line : u->first;
}

static void add_set(struct reader *r, uint32_t unit, struct lua_set set)
{
    struct lua_source *s = r->s;
    s->sets = more(r, s->sets, s->sets_n, &r->sets_cap, sizeof(set));
    if (!s->sets)
        return;
    struct lua_unit *u = &s->units[unit];
    if (u->sets_n++ == 0) /* those of what lies in it came before */
        u->set = s->sets_n;
    s->sets[s->sets_n++] = set;
}

static void block(struct reader *r);
static void expression(struct reader *r);

/* From the parameters on. */
static void function_body(struct reader *r, uint32_t start)
{
    uint32_t head = r->head, up = r->up;
    int line = r->function_line;
    bool held = r->held;
    while (r->at < r->s->toks_n && !skip(r, ")"))
        r->at++;
    r->head = r->up = 0;
    r->held = true;
    r->function_line = r->s->toks[start].line;
    block(r);
    r->s->toks[start].match = r->at;
    skip(r, "end");
    r->head = head;
    r->up = up;
    r->held = held;
    r->function_line = line;
}

static void table(struct reader *r)
{
    uint32_t open = r->at++, place = 0, up = r->up;
    while (r->at < r->s->toks_n && !is(r, "}") && !r->broken) {
        uint32_t unit = unit_open(r, LUA_UNIT_FIELD), from = r->at;
        struct lua_set set = { from, from, from, from };
        if (r->broken)
            return;
        const struct lua_tok *next = r->at + 1 < r->s->toks_n ? tok(r) + 1 : tok(r);
        r->up = 0;
        if (is(r, "[")) {
            r->at++;
            expression(r);
            set = (struct lua_set){ from + 1, r->at, r->at + 2, 0 };
            r->at += 2; /* ] = */
        } else if (tok(r)->kind == LUA_TOK_NAME && next->kind == LUA_TOK_SIGN && hc_str_eqz(next->s, "=")) {
            r->s->toks[r->at].variable = false;
            set = (struct lua_set){ from, from + 1, from + 2, 0 };
            r->at += 2;
        } else {
            r->s->units[unit].place = ++place;
        }
        r->s->units[unit].up = up;
        r->up = is(r, "{") ? unit + 1 : 0;
        expression(r);
        if (r->broken)
            return;
        set.from_end = r->at;
        add_set(r, unit, set);
        unit_close(r, unit);
        if (!skip(r, ","))
            skip(r, ";");
    }
    r->up = up;
    r->s->toks[open].match = r->at;
    skip(r, "}");
}

static void list_of_expressions(struct reader *r)
{
    do
        expression(r);
    while (skip(r, ",") && !r->broken);
}

/* A name, call, index, ...: what may be assigned to. True: it ends in a call. */
static bool suffixed(struct reader *r)
{
    bool call = false;
    uint32_t named = r->at, open = r->at;
    if (skip(r, "(")) {
        expression(r);
        r->s->toks[open].match = r->at;
        skip(r, ")");
    } else {
        r->s->toks[r->at].variable = tok(r)->kind == LUA_TOK_NAME;
        r->at++;
    }
    while (r->at < r->s->toks_n && !r->broken) {
        uint32_t at = r->at;
        bool args = is(r, "(") || is(r, "{") || tok(r)->kind == LUA_TOK_TEXT;
        if (is(r, ".") || is(r, ":")) {
            r->at += 2;
            named = r->at - 1;
            if (named < r->s->toks_n)
                r->s->toks[named].reads = true;
        } else if (skip(r, "[")) {
            if (tok(r)->kind == LUA_TOK_TEXT && at + 2 < r->s->toks_n)
                r->s->toks[at + 1].reads = true;
            expression(r);
            r->s->toks[at].match = r->at;
            skip(r, "]");
            named = at + 1; /* fn["repeat"](...) */
        } else if (args) {
            uint32_t up = r->up;
            r->up = 0;
            if (is(r, "{"))
                table(r);
            else if (!skip(r, "("))
                r->at++;
            else if (!is(r, ")"))
                list_of_expressions(r);
            if (r->s->toks[at].kind == LUA_TOK_SIGN && hc_str_eqz(r->s->toks[at].s, "(")) {
                r->s->toks[at].match = r->at;
                skip(r, ")");
            }
            r->up = up;
            if (named < r->s->toks_n) {
                struct lua_tok *f = &r->s->toks[named];
                f->calls = f->reads = f->kind == LUA_TOK_NAME || f->kind == LUA_TOK_TEXT;
                f->match = r->at - 1;
            }
        } else {
            return call;
        }
        call = args;
    }
    return call;
}

static void operand(struct reader *r)
{
    uint32_t at = r->at;
    while (is(r, "not") || is(r, "-") || is(r, "#") || is(r, "~"))
        r->at++;
    if (skip(r, "function"))
        function_body(r, r->at - 1);
    else if (is(r, "{"))
        table(r);
    else if (tok(r)->kind == LUA_TOK_NAME || is(r, "("))
        suffixed(r);
    else
        r->at++;
    r->broken |= r->at == at;
}

static bool is_operator(const struct reader *r)
{
    static const char *const signs[] = { "+", "-", "*", "/",  "//", "%",  "^",  "..", "==",  "~=", "<",
                                         ">", "&", "|", "<=", ">=", "<<", ">>", "~",  "and", "or" };
    for (size_t i = 0; i < HC_LEN(signs); i++)
        if (is(r, signs[i]))
            return true;
    return false;
}

static void expression(struct reader *r)
{
    if (++r->depth > 400) /* Lua allows 200 */
        r->broken = true;
    for (bool go = !r->broken; go && !r->broken;) {
        operand(r);
        go = is_operator(r);
        r->at += go;
    }
    r->depth--;
}

/* Up to and with the word that ends the head; what follows stands under it. Gives 1 + its number. */
static uint32_t head(struct reader *r, const char *until, bool loop)
{
    uint32_t unit = unit_open(r, LUA_UNIT_HEAD);
    r->at++;
    uint32_t names = r->at;
    if (loop) {
        while (r->at < r->s->toks_n && !is(r, "=") && !is(r, "in")) {
            r->s->toks[r->at].variable = false;
            r->at++;
        }
        struct lua_set set = { names, r->at, r->at + 1, 0 };
        r->at++;
        list_of_expressions(r);
        set.from_end = r->at;
        if (!r->broken)
            add_set(r, unit, set);
    } else {
        expression(r);
    }
    if (r->broken)
        return 0;
    unit_close(r, unit);
    r->s->units[unit].loop = loop;
    skip(r, until);
    return unit + 1;
}

static void under(struct reader *r, uint32_t unit, bool held)
{
    uint32_t was = r->head;
    bool was_held = r->held;
    r->head = unit;
    r->held = held;
    block(r);
    r->head = was;
    r->held = was_held;
}

static void if_statement(struct reader *r)
{
    uint32_t around = r->head, unit = 0;
    bool held = r->held;
    do {
        unit = head(r, "then", false);
        under(r, unit, true);
        r->head = unit; /* an elseif is asked when this one does not hold */
        r->held = false;
    } while (is(r, "elseif") && !r->broken);
    if (skip(r, "else"))
        under(r, unit, false);
    skip(r, "end");
    r->head = around;
    r->held = held;
}

/* Splits [from, end) at the commas outside of brackets; gives the piece number i. */
static bool piece_of(const struct lua_source *s, uint32_t from, uint32_t end, uint32_t i, uint32_t *out_from,
                     uint32_t *out_end)
{
    for (;;) {
        uint32_t k = from;
        while (k < end && !(s->toks[k].kind == LUA_TOK_SIGN && hc_str_eqz(s->toks[k].s, ",")))
            k = (s->toks[k].match > k && !s->toks[k].calls ? s->toks[k].match : k) + 1;
        *out_from = from;
        *out_end = HC_MIN(k, end);
        if (i-- == 0)
            return from < end;
        if (k >= end)
            return false;
        from = k + 1;
    }
}

static void add_sets(struct reader *r, uint32_t unit, uint32_t to, uint32_t to_end, uint32_t from, uint32_t end)
{
    struct lua_set set, last = { 0, 0, from, end };
    for (uint32_t i = 0; !r->broken && piece_of(r->s, to, to_end, i, &set.to, &set.to_end); i++) {
        if (piece_of(r->s, from, end, i, &set.from, &set.from_end))
            last = set;
        set.from = last.from;
        set.from_end = last.from_end;
        add_set(r, unit, set);
    }
}

static void local_statement(struct reader *r, uint32_t unit)
{
    uint32_t to = r->at, to_end = r->at, from;
    while (tok(r)->kind == LUA_TOK_NAME) {
        r->at++;
        to_end = r->at;
        if (is(r, "<")) /* an attribute */
            r->at += 3;
        if (!skip(r, ","))
            break;
    }
    from = r->at;
    if (skip(r, "=")) {
        from = r->at;
        list_of_expressions(r);
    }
    unit_close(r, unit);
    add_sets(r, unit, to, to_end, from, r->at);
}

static void statement(struct reader *r)
{
    uint32_t start = r->at, unit;
    if (skip(r, ";") || skip(r, "break"))
        return;
    if (is(r, "if")) {
        if_statement(r);
    } else if (is(r, "while")) {
        under(r, head(r, "do", false), true);
        skip(r, "end");
    } else if (is(r, "for")) {
        under(r, head(r, "do", true), true);
        skip(r, "end");
    } else if (skip(r, "repeat")) {
        block(r);
        if (is(r, "until"))
            head(r, "", false);
    } else if (skip(r, "do")) {
        block(r);
        skip(r, "end");
    } else if (skip(r, "goto") || skip(r, "::")) {
        r->at++;
        skip(r, "::");
    } else if (skip(r, "function")) {
        while (r->at < r->s->toks_n && !is(r, "("))
            r->at++;
        function_body(r, start);
    } else if (skip(r, "return")) {
        r->at = start;
        unit = unit_open(r, LUA_UNIT_RETURN);
        r->at++;
        if (!is(r, "end") && !is(r, "else") && !is(r, "elseif") && !is(r, "until") && !is(r, ";") &&
            r->at < r->s->toks_n)
            list_of_expressions(r);
        unit_close(r, unit);
    } else if (is(r, "local")) {
        unit = unit_open(r, LUA_UNIT_SET);
        r->at++;
        if (skip(r, "function")) {
            r->at++;
            function_body(r, r->at - 2);
            unit_close(r, unit);
        } else if (!r->broken) {
            local_statement(r, unit);
        }
    } else {
        unit = unit_open(r, LUA_UNIT_CALL);
        bool call = suffixed(r);
        while (skip(r, ","))
            suffixed(r);
        uint32_t end = r->at;
        if (skip(r, "=")) {
            uint32_t from = r->at;
            list_of_expressions(r);
            if (!r->broken) {
                r->s->units[unit].kind = LUA_UNIT_SET;
                unit_close(r, unit);
                add_sets(r, unit, start, end, from, r->at);
            }
        } else {
            unit_close(r, unit);
            r->broken |= !call; /* it is no statement at all */
        }
    }
    r->broken |= r->at == start;
}

static void block(struct reader *r)
{
    if (++r->depth > 400)
        r->broken = true;
    while (r->at < r->s->toks_n && !r->broken && !is(r, "end") && !is(r, "else") && !is(r, "elseif") &&
           !is(r, "until"))
        statement(r);
    r->depth--;
}

/* ---- lines -------------------------------------------------------------------------------------------- */

static void number_tokens(struct lua_source *s)
{
    for (uint32_t i = 0; i < s->toks_n; i++) {
        struct lua_tok *t = &s->toks[i];
        for (uint32_t k = i; t->reads && k-- > 0 && s->toks[k].line == t->line;)
            t->nth += s->toks[k].reads && hc_str_eq(s->toks[k].s, t->s);
    }
}

bool lua_unit_assigns(const struct lua_source *s, const struct lua_unit *u)
{
    return u->kind == LUA_UNIT_SET && !hc_str_eqz(s->toks[u->from].s, "local");
}

static void note_assigns(struct lua_source *s)
{
    for (uint32_t i = 0; i < s->units_n; i++)
        for (uint32_t h = lua_unit_assigns(s, &s->units[i]) ? s->units[i].head : 0; h; h = s->units[h - 1].head)
            s->units[h - 1].assigns = true;
}

static bool index_lines(struct reader *r)
{
    struct lua_source *s = r->s;
    size_t n = 0;
    s->lines = HC_NEW_N(r->a, uint32_t, (size_t)s->lines_n + 3);
    for (uint32_t i = 0; s->lines && i < s->units_n; i++) {
        for (int line = s->units[i].first; line <= s->units[i].last; line++, n++)
            s->lines[line + 1]++;
    }
    s->by_line = HC_NEW_N(r->a, uint32_t, n + 1);
    uint32_t *next = HC_NEW_N(r->a, uint32_t, (size_t)s->lines_n + 3);
    if (!s->lines || !s->by_line || !next)
        return false;
    for (int line = 1; line <= s->lines_n + 1; line++)
        next[line] = s->lines[line] += s->lines[line - 1];
    for (uint32_t i = 0; i < s->units_n; i++)
        for (int line = s->units[i].first; line <= s->units[i].last; line++)
            s->by_line[next[line]++] = i;
    return true;
}

struct lua_source *lua_source_read(struct hc_arena *a, hc_str text)
{
    struct lua_source *s = HC_NEW(a, struct lua_source);
    struct reader r = { .a = a, .s = s, .held = true };
    if (!s)
        return NULL;
    s->text = text;
    read_tokens(&r);
    if (!r.broken)
        block(&r);
    if (r.broken || r.at < s->toks_n)
        return NULL;
    number_tokens(s);
    note_assigns(s);
    return index_lines(&r) ? s : NULL;
}
