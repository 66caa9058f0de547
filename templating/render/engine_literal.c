/*
 * Literals as values: of the type that the parameter wants which they stand for, made once when a chart is compiled. Those
 * that are written alike share one.
 */
#include "lua/bridge/gotype.h"
#include "templating/render/engine_impl.h"

static bool is_hex_int(hc_str s)
{
    return s.n > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x' && hc_str_find(s, 'p') == SIZE_MAX &&
           hc_str_find(s, 'P') == SIZE_MAX;
}

static struct hc_val *complex_val(struct hc_arena *a, double re, double im)
{
    struct hc_val *v = hc_null_val(a);
    double *z = HC_NEW_N(a, double, 2);
    if (!v || !z)
        return NULL;
    z[0] = re;
    z[1] = im;
    v->kind = HC_OBJ;
    v->type = HC_GO_COMPLEX;
    v->obj = z;
    return v;
}

/* Go's idealConstant: what a number is when nothing says otherwise. NULL: over int. */
static struct hc_val *ideal(struct hc_arena *a, const struct hc_node *n)
{
    const struct hc_number *num = n->lit.number;
    hc_str s = hc_node_written(n);
    if (num->is_complex)
        return complex_val(a, num->f, num->im);
    bool floating = false;
    for (size_t i = 0; i < s.n; i++)
        floating |= strchr(".eEpP", s.p[i]) != NULL;
    if (num->is_float && floating && !is_hex_int(s) && s.p[0] != '\'')
        return hc_float_val(a, num->f);
    if (!num->is_int)
        return NULL;
    struct hc_val *v = hc_int_val(a, num->i);
    if (v)
        v->type = HC_GO_INT;
    return v;
}

struct hc_val *literal_val(struct hc_arena *a, const struct hc_node *n, char type)
{
    const struct hc_number *num = n->kind == HC_NODE_NUMBER ? n->lit.number : NULL;
    struct hc_val *v;
    switch (type) {
    case 'b':
        return n->kind == HC_NODE_BOOL ? hc_bool_val(a, n->flags & HC_NODE_TRUE) : NULL;
    case 's':
        return n->kind == HC_NODE_STRING ? hc_str_val_ref(a, hc_node_string(n)) : NULL;
    case 'i':
    case 'I':
    case 'd':
        if (!num || !num->is_int)
            return NULL;
        v = hc_int_val(a, num->i);
        if (v)
            v->type = type == 'i' ? HC_GO_INT : type == 'd' ? HC_GO_DURATION : HC_GO_PLAIN;
        return v;
    case 'u':
        if (!num || !num->is_int || num->i < 0)
            return NULL;
        v = hc_int_val(a, num->i);
        if (v)
            v->type = HC_GO_INT32;
        return v;
    case 'f':
        return num && num->is_float ? hc_float_val(a, num->f) : NULL;
    case 'a':
    case 'r':
    case 0:
        if (num)
            return ideal(a, n);
        if (n->kind == HC_NODE_BOOL)
            return hc_bool_val(a, n->flags & HC_NODE_TRUE);
        return hc_str_val_ref(a, hc_node_string(n));
    default:
        return NULL;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_literal(const struct hc_node *n)
{
    return n->kind == HC_NODE_BOOL || n->kind == HC_NODE_NUMBER || n->kind == HC_NODE_STRING;
}

char param_type(const char *params, size_t i)
{
    for (size_t k = 0; params[k]; k++)
        if (k == i || params[k + 1] == '*')
            return params[k];
    return 'a';
}

/* By its length and both ends: names of templates begin alike. */
static size_t quick_hash(hc_str s)
{
    uint64_t first, last;
    if (s.n < sizeof(first))
        return (size_t)hc_str_hash(s);
    memcpy(&first, s.p, sizeof(first));
    memcpy(&last, s.p + s.n - sizeof(last), sizeof(last));
    return (size_t)((first ^ last * 0x9e3779b97f4a7c15u ^ s.n) * 0xd6e8feb86659fd93u >> 32);
}

/* Where the value of this literal is kept for all that are written the same; NULL: nowhere. */
static const struct hc_val **known_place(struct literals *known, const struct hc_node *n, char type)
{
    if (n->kind == HC_NODE_STRING && (type == 's' || type == 'a' || type == 'r'))
        return &known->texts[quick_hash(hc_node_string(n)) % HC_LEN(known->texts)];
    hc_str w = hc_node_written(n);
    bool plain = n->kind == HC_NODE_NUMBER && w.n <= 2 && is_digit(w.p[0]) && is_digit(w.p[w.n - 1]);
    if (plain && (type == 'i' || type == 'a' || type == 'r') && n->lit.number->i < (int64_t)HC_LEN(known->ints))
        return &known->ints[n->lit.number->i];
    return NULL;
}

static const struct hc_val *constant(struct bind_ctx *b, const struct hc_node *n, char type)
{
    const struct hc_val **place = b->known ? known_place(b->known, n, type) : NULL, *v = place ? *place : NULL;
    if (v && (v->kind != HC_STR || hc_str_eq(hc_get_str(v), hc_node_string(n))))
        return v;
    v = literal_val(b->a, n, type);
    if (place)
        *place = v;
    return v;
}

void eval_bind(void *ctx, struct hc_node *cmd)
{
    struct bind_ctx *b = ctx;
    struct hc_node *head = cmd->items[0];
    const struct hc_func *f = head->kind == HC_NODE_IDENT ? head->ident.func : NULL;
    if (is_literal(head))
        head->lit.constant = constant(b, head, 'a');
    for (uint32_t i = 1; i < cmd->n; i++) {
        if (is_literal(cmd->items[i]))
            cmd->items[i]->lit.constant = constant(b, cmd->items[i], f ? param_type(f->params, i - 1) : 'a');
    }
    enum own_func own = f ? own_func_of(f) : OWN_NONE;
    if (own == OWN_INCLUDE && cmd->n > 1 && cmd->items[1]->kind == HC_NODE_STRING) {
        uint32_t entry;
        if (program_find(b->p, hc_node_string(cmd->items[1]), &entry))
            head->n = entry + 1;
    }
}
