/*
 * Printing as package fmt does it: one printer state, one function for a value of each kind, and the format
 * reader. Methods take part as in Go: a time, a duration and a version print themselves for the verbs v, s, q and
 * x, unless a "%!verb(type=value)" complaint is being written.
 */
#include "lua/funcs/gofmt.h"

#include <math.h>
#include <stdio.h>

#include "lua/funcs/fmtnum.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/gounicode.h"
#include "lua/funcs/time.h"
#include "lua/funcs/version.h"

#define MAX_DEPTH 500 /* nested lists and maps; a map that holds itself would never end */

struct pp {
    struct hc_buf *b;
    struct hc_fmt f;
    bool helm3; /* names of types */
    bool erroring;
    int depth;
    bool deep; /* MAX_DEPTH was reached: the text is cut, and memory was not what it lacked */
};

static void print_arg(struct pp *p, const struct hc_val *v, uint32_t verb);
static void print_value(struct pp *p, const struct hc_val *v, uint32_t verb, int depth);

static void put_rune(struct hc_buf *b, uint32_t r)
{
    char utf8[4];
    hc_buf_put(b, hc_str_n(utf8, hc_utf8_encode(r, utf8)));
}

static void bad_verb(struct pp *p, const struct hc_val *v, uint32_t verb)
{
    bool was = p->erroring;
    p->erroring = true;
    hc_buf_puts(p->b, "%!");
    put_rune(p->b, verb);
    hc_buf_putc(p->b, '(');
    if (fn_nil(v)) {
        hc_buf_puts(p->b, "<nil>");
    } else {
        hc_buf_puts(p->b, hc_go_type_name(v, p->helm3));
        hc_buf_putc(p->b, '=');
        print_value(p, v, 'v', 0);
    }
    hc_buf_putc(p->b, ')');
    p->erroring = was;
}

static void fmt_integer(struct pp *p, const struct hc_val *v, uint64_t u, bool is_signed, uint32_t verb)
{
    switch (verb) {
    case 'v':
        if (p->f.sharp_v && !is_signed) {
            bool sharp = p->f.sharp;
            p->f.sharp = true;
            hc_fmt_int(p->b, &p->f, u, 16, false, 'v', false);
            p->f.sharp = sharp;
            break;
        }
        hc_fmt_int(p->b, &p->f, u, 10, is_signed, verb, false);
        break;
    case 'd':
        hc_fmt_int(p->b, &p->f, u, 10, is_signed, verb, false);
        break;
    case 'b':
        hc_fmt_int(p->b, &p->f, u, 2, is_signed, verb, false);
        break;
    case 'o':
    case 'O':
        hc_fmt_int(p->b, &p->f, u, 8, is_signed, verb, false);
        break;
    case 'x':
    case 'X':
        hc_fmt_int(p->b, &p->f, u, 16, is_signed, verb, verb == 'X');
        break;
    case 'c':
    case 'q':
        hc_fmt_rune(p->b, &p->f, u, verb == 'q');
        break;
    case 'U':
        hc_fmt_unicode(p->b, &p->f, u);
        break;
    default:
        bad_verb(p, v, verb);
    }
}

static void fmt_string(struct pp *p, const struct hc_val *v, hc_str s, uint32_t verb)
{
    switch (verb) {
    case 'v':
        if (p->f.sharp_v)
            hc_fmt_quoted(p->b, &p->f, s);
        else
            hc_fmt_text(p->b, &p->f, s);
        break;
    case 's':
        hc_fmt_text(p->b, &p->f, s);
        break;
    case 'x':
    case 'X':
        hc_fmt_hex(p->b, &p->f, s, verb == 'X');
        break;
    case 'q':
        hc_fmt_quoted(p->b, &p->f, s);
        break;
    default:
        bad_verb(p, v, verb);
    }
}

static void fmt_byte_list(struct pp *p, const struct hc_val *v, uint32_t verb)
{
    const unsigned char *u = (const unsigned char *)v->s;
    bool go = p->f.sharp_v;
    hc_buf_puts(p->b, go ? "[]byte{" : "[");
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0)
            hc_buf_puts(p->b, go ? ", " : " ");
        struct hc_val byte = { .kind = HC_INT, .type = HC_GO_UINT8, .i = u[i] };
        fmt_integer(p, &byte, u[i], false, verb);
    }
    hc_buf_putc(p->b, go ? '}' : ']');
}

/* What String() gives, for values that have one. */
static bool stringer(const struct hc_val *v, struct hc_buf *b)
{
    if (v->kind == HC_OBJ && v->type == HC_GO_TIME)
        hc_time_string(b, v->obj);
    else if (v->kind == HC_OBJ && (v->type == HC_GO_SEMVER || v->type == HC_GO_VERSION))
        hc_semver_put(b, v->obj);
    else if (v->kind == HC_INT && v->type == HC_GO_DURATION)
        hc_duration_string(b, v->i);
    else if (v->kind == HC_INT && v->type == HC_GO_MONTH)
        hc_buf_puts(b, hc_month_name(v->i));
    else if (v->kind == HC_INT && v->type == HC_GO_WEEKDAY)
        hc_buf_puts(b, hc_weekday_name(v->i));
    else
        return false;
    return true;
}

static bool handle_methods(struct pp *p, const struct hc_val *v, uint32_t verb)
{
    if (p->erroring || p->f.sharp_v)
        return false;
    if (verb != 'v' && verb != 's' && verb != 'x' && verb != 'X' && verb != 'q')
        return false;
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    if (!stringer(v, &text))
        return false;
    fmt_string(p, v, hc_buf_str(&text), verb);
    return true;
}

static void put_open(struct pp *p, const struct hc_val *v, const char *plain)
{
    if (p->f.sharp_v) {
        hc_buf_puts(p->b, hc_go_type_name(v, p->helm3));
        hc_buf_putc(p->b, '{');
    } else {
        hc_buf_puts(p->b, plain);
    }
}

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp((*(const struct hc_entry *const *)x)->key, (*(const struct hc_entry *const *)y)->key);
}

static void print_map(struct pp *p, const struct hc_val *v, uint32_t verb, int depth)
{
    const char *between = p->f.sharp_v ? ", " : " ";
    uint32_t n = v->map->n;
    bool is_struct = fn_is_struct(v);
    bool embedded = v->type == HC_GO_CHART3; /* the metadata are a struct in it */
    if (is_struct && p->f.sharp_v && fn_is_pointer(v)) {
        hc_buf_puts(p->b, hc_go_type_name(v, p->helm3) + 1); /* the & stands there already */
        hc_buf_putc(p->b, '{');
    } else {
        put_open(p, v, is_struct ? "{" : "map[");
    }
    const struct hc_entry **order = hc_malloc(sizeof(*order) * (n ? n : 1));
    if (!order) {
        p->b->spent = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        order[i] = &v->map->entries[i];
    if (!is_struct)
        qsort(order, n, sizeof(*order), by_key);
    if (embedded)
        hc_buf_puts(p->b, p->f.plus_v || p->f.sharp_v ? "Metadata:{" : "{");
    for (uint32_t i = 0; i < n; i++) {
        if (embedded && i + 1 == n)
            hc_buf_putc(p->b, '}');
        if (i > 0)
            hc_buf_puts(p->b, between);
        if (!is_struct) {
            struct hc_val key = { .kind = HC_STR, .s = order[i]->key.p, .n = (uint32_t)order[i]->key.n };
            fmt_string(p, &key, order[i]->key, verb);
            hc_buf_putc(p->b, ':');
        } else if (p->f.plus_v || p->f.sharp_v) {
            hc_buf_put(p->b, order[i]->key);
            hc_buf_putc(p->b, ':');
        }
        print_value(p, order[i]->val, verb, depth + 1);
    }
    free(order);
    hc_buf_putc(p->b, !is_struct && !p->f.sharp_v ? ']' : '}');
}

static void print_list(struct pp *p, const struct hc_val *v, uint32_t verb, int depth)
{
    if (p->f.sharp_v && (v->list->flags & HC_LIST_NIL)) {
        hc_buf_puts(p->b, hc_go_type_name(v, p->helm3));
        hc_buf_puts(p->b, "(nil)");
        return;
    }
    put_open(p, v, "[");
    for (uint32_t i = 0; i < v->list->n; i++) {
        if (i > 0)
            hc_buf_puts(p->b, p->f.sharp_v ? ", " : " ");
        print_value(p, v->list->items[i], verb, depth + 1);
    }
    hc_buf_putc(p->b, p->f.sharp_v ? '}' : ']');
}

static void print_pointer(struct pp *p, const struct hc_val *v, uint32_t verb)
{
    const void *at = v->kind == HC_MAP    ? (const void *)v->map
                     : v->kind == HC_LIST ? (const void *)v->list
                     : v->kind == HC_STR  ? (const void *)v->s
                                          : v->obj;
    bool sharp = p->f.sharp;
    switch (verb) {
    case 'v':
    case 'p':
        p->f.sharp = !sharp;
        hc_fmt_int(p->b, &p->f, (uintptr_t)at, 16, false, 'v', false);
        p->f.sharp = sharp;
        break;
    default:
        fmt_integer(p, v, (uintptr_t)at, false, verb);
    }
}

/* fmt's fmtComplex: both parts by the same verb, the second with its sign. */
static void print_complex(struct pp *p, const struct hc_val *v, uint32_t verb)
{
    const double *z = v->obj;
    if (verb != 'v' && (verb > 0x7f || !strchr("beEfFgGxX", (int)verb))) {
        bad_verb(p, v, verb);
        return;
    }
    struct hc_fmt f = p->f;
    hc_buf_putc(p->b, '(');
    hc_fmt_float(p->b, &f, z[0], verb);
    f.plus = true;
    hc_fmt_float(p->b, &f, z[1], verb);
    hc_buf_puts(p->b, "i)");
}

static void print_obj(struct pp *p, const struct hc_val *v, uint32_t verb, int depth)
{
    if (v->type == HC_GO_COMPLEX) {
        print_complex(p, v, verb);
        return;
    }
    if (v->type == HC_GO_SEMVER || v->type == HC_GO_VERSION) {
        const struct hc_semver *s = v->obj;
        size_t skip = v->type == HC_GO_VERSION; /* of the & that stands before a pointer's struct */
        if (depth > 0 && !skip) {
            print_pointer(p, v, verb);
            return;
        }
        const uint64_t numbers[] = { s->major, s->minor, s->patch };
        const char *const fields[] = { "&semver.Version{major:", ", minor:", ", patch:" };
        for (size_t i = 0; i < HC_LEN(numbers); i++) {
            struct hc_val part = { .kind = HC_UINT, .u = numbers[i] };
            hc_buf_puts(p->b, i > 0 ? p->f.sharp_v ? fields[i] : " " : (p->f.sharp_v ? fields[0] : "&{") + skip);
            fmt_integer(p, &part, numbers[i], false, verb);
        }
        hc_buf_puts(p->b, p->f.sharp_v ? ", pre:" : " ");
        const char *const names[] = { "", ", metadata:", ", original:" };
        const hc_str parts[] = { s->pre, s->meta, s->original };
        for (size_t i = 0; i < HC_LEN(parts); i++) {
            struct hc_val part = { .kind = HC_STR, .s = parts[i].p, .n = (uint32_t)parts[i].n };
            hc_buf_puts(p->b, p->f.sharp_v ? names[i] : i > 0 ? " " : "");
            fmt_string(p, &part, parts[i], verb);
        }
        hc_buf_putc(p->b, '}');
        return;
    }
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    bool go = v->type == HC_GO_TIME && p->f.sharp_v;
    if (go)
        hc_time_go_string(&text, v->obj);
    if (go || stringer(v, &text))
        hc_fmt_text(p->b, &p->f, hc_buf_str(&text));
    else
        print_pointer(p, v, verb);
}

static void print_kind(struct pp *p, const struct hc_val *v, uint32_t verb, int depth)
{
    switch ((enum hc_kind)v->kind) {
    case HC_NULL: /* reached through an interface */
        hc_buf_puts(p->b, p->f.sharp_v ? "interface {}(nil)" : "<nil>");
        break;
    case HC_BOOL:
        if (verb == 't' || verb == 'v')
            hc_fmt_pad(p->b, &p->f, v->b ? HC_S("true") : HC_S("false"));
        else
            bad_verb(p, v, verb);
        break;
    case HC_INT:
        fmt_integer(p, v, (uint64_t)v->i, v->type != HC_GO_UINT8, verb);
        break;
    case HC_UINT:
        fmt_integer(p, v, v->u, false, verb);
        break;
    case HC_FLOAT:
        if (!hc_fmt_float(p->b, &p->f, v->f, verb))
            bad_verb(p, v, verb);
        break;
    case HC_STR:
        if (v->type != HC_GO_BYTES)
            fmt_string(p, v, hc_get_str(v), verb);
        else if (verb == 's' || verb == 'q' || verb == 'x' || verb == 'X')
            fmt_string(p, v, hc_get_str(v), verb);
        else
            fmt_byte_list(p, v, verb);
        break;
    case HC_LIST:
        print_list(p, v, verb, depth);
        break;
    case HC_MAP:
        if (fn_is_pointer(v)) {
            if (depth > 0) {
                print_pointer(p, v, verb);
                break;
            }
            hc_buf_putc(p->b, '&');
        }
        print_map(p, v, verb, depth);
        break;
    case HC_OBJ:
        print_obj(p, v, verb, depth);
        break;
    }
}

static void print_value(struct pp *p, const struct hc_val *v, uint32_t verb, int depth)
{
    static const struct hc_val nothing = { .kind = HC_NULL };
    if (p->depth >= MAX_DEPTH)
        p->deep = p->b->spent = true;
    if (p->b->spent)
        return;
    if (!v)
        v = &nothing;
    if (depth > 0 && handle_methods(p, v, verb))
        return;
    p->depth++;
    print_kind(p, v, verb, depth);
    p->depth--;
}

static void print_arg(struct pp *p, const struct hc_val *v, uint32_t verb)
{
    if (fn_nil(v)) {
        if (verb == 'v' || verb == 'T')
            hc_fmt_pad(p->b, &p->f, HC_S("<nil>"));
        else
            bad_verb(p, NULL, verb);
        return;
    }
    if (verb == 'T') {
        hc_fmt_text(p->b, &p->f, hc_str_of(hc_go_type_name(v, p->helm3)));
        return;
    }
    if (verb == 'p') {
        bool pointer = v->kind == HC_OBJ   ? v->type == HC_GO_SEMVER
                       : v->kind == HC_MAP ? !fn_is_struct(v) || fn_is_pointer(v)
                                           : v->kind == HC_LIST || fn_is_bytes(v);
        if (pointer)
            print_pointer(p, v, verb);
        else
            bad_verb(p, v, verb);
        return;
    }
    if (verb == 'w' && (v->kind == HC_MAP || v->kind == HC_LIST || v->kind == HC_OBJ)) {
        bad_verb(p, v,
                 verb); /* of all, and not of each entry: only Errorf has it, fmt says before it looks inside */
        return;
    }
    if (!handle_methods(p, v, verb))
        print_value(p, v, verb, 0);
}

/* ---- the entry points -------------------------------------------------------------------------- */

void hc_go_print(struct hc_buf *b, const struct hc_val *v)
{
    struct pp p = { .b = b };
    print_arg(&p, v, 'v');
}

void hc_go_sprint(struct hc_buf *b, struct hc_val *const *argv, size_t argc)
{
    bool prev_string = false;
    for (size_t i = 0; i < argc; i++) {
        bool is_string = fn_is_string(argv[i]);
        if (i > 0 && !is_string && !prev_string)
            hc_buf_putc(b, ' ');
        hc_go_print(b, argv[i]);
        prev_string = is_string;
    }
}

void hc_go_sprintln(struct hc_buf *b, struct hc_val *const *argv, size_t argc)
{
    for (size_t i = 0; i < argc; i++) {
        if (i > 0)
            hc_buf_putc(b, ' ');
        hc_go_print(b, argv[i]);
    }
    hc_buf_putc(b, '\n');
}

/* Where the format reader stands. */
struct reader {
    hc_str fmt;
    size_t i;
    struct hc_val *const *argv;
    size_t argc, arg;
    bool reordered, good_arg, after_index;
};

#define TOO_LARGE 1000000 /* fmt: widths, precisions and indexes beyond it are none */

/* Digits from r->i up to `end`; false when there is none. */
static bool parse_num(struct reader *r, size_t end, int64_t *out)
{
    int64_t n = 0;
    bool some = false;
    for (; r->i < end && r->fmt.p[r->i] >= '0' && r->fmt.p[r->i] <= '9'; r->i++) {
        if (n > TOO_LARGE) {
            *out = 0;
            r->i = end; /* as Go: an overflow eats the rest */
            return false;
        }
        n = n * 10 + (r->fmt.p[r->i] - '0');
        some = true;
    }
    *out = n;
    return some;
}

/* "[3]" at r->i chooses the next argument. */
static bool arg_number(struct reader *r)
{
    if (r->i >= r->fmt.n || r->fmt.p[r->i] != '[')
        return false;
    r->reordered = true;
    size_t start = r->i, close = SIZE_MAX;
    for (size_t k = start + 1; k < r->fmt.n && r->fmt.n - start >= 3; k++) {
        if (r->fmt.p[k] == ']') {
            close = k;
            break;
        }
    }
    if (close == SIZE_MAX) {
        r->good_arg = false;
        r->i = start + 1;
        return false;
    }
    int64_t n;
    r->i = start + 1;
    bool ok = parse_num(r, close, &n) && r->i == close;
    r->i = close + 1;
    if (ok && n >= 1 && (uint64_t)n <= r->argc) {
        r->arg = (size_t)(n - 1);
        return true;
    }
    r->good_arg = false;
    return ok;
}

/* The argument a '*' takes. */
static bool int_from_arg(struct reader *r, int64_t *out)
{
    *out = 0;
    if (r->arg >= r->argc)
        return false;
    const struct hc_val *v = r->argv[r->arg++];
    if (!v || (v->kind != HC_INT && v->kind != HC_UINT))
        return false;
    if (v->i > TOO_LARGE || v->i < -TOO_LARGE)
        return false;
    *out = v->i;
    return true;
}

static void read_width(struct pp *p, struct reader *r)
{
    int64_t n;
    if (r->i < r->fmt.n && r->fmt.p[r->i] == '*') {
        r->i++;
        p->f.has_width = int_from_arg(r, &n);
        if (!p->f.has_width)
            hc_buf_puts(p->b, "%!(BADWIDTH)");
        if (n < 0) {
            n = -n;
            p->f.minus = true;
            p->f.zero = false;
        }
        p->f.width = n;
        r->after_index = false;
        return;
    }
    p->f.has_width = parse_num(r, r->fmt.n, &n);
    p->f.width = n;
    if (r->after_index && p->f.has_width)
        r->good_arg = false;
}

static void read_precision(struct pp *p, struct reader *r)
{
    int64_t n;
    if (r->i + 1 >= r->fmt.n || r->fmt.p[r->i] != '.')
        return;
    r->i++;
    if (r->after_index)
        r->good_arg = false;
    r->after_index = arg_number(r);
    if (r->i < r->fmt.n && r->fmt.p[r->i] == '*') {
        r->i++;
        p->f.has_prec = int_from_arg(r, &n);
        if (n < 0) {
            n = 0;
            p->f.has_prec = false;
        }
        if (!p->f.has_prec)
            hc_buf_puts(p->b, "%!(BADPREC)");
        r->after_index = false;
    } else if (!parse_num(r, r->fmt.n, &n)) {
        n = 0;
        p->f.has_prec = true;
    } else {
        p->f.has_prec = true;
    }
    p->f.prec = n;
}

static void read_flags(struct pp *p, struct reader *r)
{
    for (; r->i < r->fmt.n; r->i++) {
        switch (r->fmt.p[r->i]) {
        case '#':
            p->f.sharp = true;
            break;
        case '0':
            p->f.zero = true;
            break;
        case '+':
            p->f.plus = true;
            break;
        case '-':
            p->f.minus = true;
            break;
        case ' ':
            p->f.space = true;
            break;
        default:
            return;
        }
    }
}

/* One directive, r->i behind its percent sign. False: the format ended. */
static bool directive(struct pp *p, struct reader *r)
{
    p->f = (struct hc_fmt){ 0 };
    read_flags(p, r);
    char next = r->i < r->fmt.n ? r->fmt.p[r->i] : '\0';
    if (!(next >= 'a' && next <= 'z' && r->arg < r->argc)) {
        r->after_index = arg_number(r);
        read_width(p, r);
        read_precision(p, r);
        if (!r->after_index)
            r->after_index = arg_number(r);
    }
    if (r->i >= r->fmt.n) {
        hc_buf_puts(p->b, "%!(NOVERB)");
        return false;
    }
    uint32_t verb;
    r->i += hc_utf8_decode(hc_str_sub(r->fmt, r->i, r->fmt.n), &verb);
    if (verb == '%') {
        hc_buf_putc(p->b, '%');
    } else if (!r->good_arg || r->arg >= r->argc) {
        hc_buf_puts(p->b, "%!");
        put_rune(p->b, verb);
        hc_buf_puts(p->b, !r->good_arg ? "(BADINDEX)" : "(MISSING)");
    } else {
        if (verb == 'v' || verb == 'w') {
            p->f.sharp_v = p->f.sharp;
            p->f.sharp = false;
            p->f.plus_v = p->f.plus;
            p->f.plus = false;
        }
        print_arg(p, r->argv[r->arg++], verb);
    }
    return true;
}

void hc_go_sprintf(struct hc_buf *b, hc_str format, struct hc_val *const *argv, size_t argc, bool helm3)
{
    struct pp p = { .b = b, .helm3 = helm3 };
    struct reader r = { .fmt = format, .argv = argv, .argc = argc };
    while (r.i < format.n) {
        size_t from = r.i;
        r.good_arg = true;
        while (r.i < format.n && format.p[r.i] != '%')
            r.i++;
        hc_buf_put(b, hc_str_sub(format, from, r.i));
        if (r.i >= format.n)
            break;
        r.i++;
        if (!directive(&p, &r))
            break;
    }
    if (r.reordered || r.arg >= argc)
        return;
    p.f = (struct hc_fmt){ 0 };
    hc_buf_puts(b, "%!(EXTRA ");
    for (size_t i = r.arg; i < argc; i++) {
        if (i > r.arg)
            hc_buf_puts(b, ", ");
        if (fn_nil(argv[i])) {
            hc_buf_puts(b, "<nil>");
            continue;
        }
        hc_buf_puts(b, hc_go_type_name(argv[i], helm3));
        hc_buf_putc(b, '=');
        print_arg(&p, argv[i], 'v');
    }
    hc_buf_putc(b, ')');
}

hc_str hc_go_strval(struct hc_arena *a, const struct hc_val *v)
{
    if (v && v->kind == HC_STR)
        return fn_s(v);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    struct pp p = { .b = &b };
    print_arg(&p, v, 'v');
    b.spent &= !p.deep; /* what holds itself is cut: fmt of Go would not come to an end */
    return hc_buf_to_arena(&b, a);
}
