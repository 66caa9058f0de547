#pragma once
/*
 * tests/unit/lua/funcs/eval.h - the smallest evaluator that can call every row of the table
 *
 * Reads `name arg arg | name arg`, parentheses, literals, .Values paths and methods behind a parenthesis. It is
 * not the template language: no variables, no control, and arguments are checked just enough to reach the rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "lua/funcs/fmtnum.h"
#include "lua/funcs/funcs.h"
#include "lua/funcs/gofmt.h"

struct eval {
    struct hc_fcall c;
    struct hc_err err;
    struct hc_val *values, *files;
    const char *p;
    char name[64]; /* of the function that failed */
    bool failed;
};

#define EVAL_MAX_ARGS 64

static struct hc_val *eval_pipeline(struct eval *e);

static void eval_space(struct eval *e)
{
    while (*e->p == ' ')
        e->p++;
}

static struct hc_val *eval_stop(struct eval *e, const char *text)
{
    if (!e->failed && text)
        hc_fail(&e->err, HC_E_INPUT, "%s", text);
    e->failed = true;
    return NULL;
}

/* "..." with Go's escapes, `...`. */
static struct hc_val *eval_string(struct eval *e)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    char quote = *e->p++, utf8[4];
    hc_buf_init(&b, 0);
    while (*e->p && *e->p != quote) {
        if (quote == '`' || *e->p != '\\') {
            hc_buf_putc(&b, *e->p++);
            continue;
        }
        char ch = e->p[1], hex[9] = "";
        e->p += 2;
        size_t n = ch == 'x' ? 2 : ch == 'u' ? 4 : ch == 'U' ? 8 : 0;
        if (n) {
            memcpy(hex, e->p, n);
            e->p += n;
            unsigned long v = strtoul(hex, NULL, 16);
            if (ch == 'x')
                hc_buf_putc(&b, (char)v);
            else
                hc_buf_put(&b, hc_str_n(utf8, hc_utf8_encode((uint32_t)v, utf8)));
        } else {
            const char *from = "abfnrtv0", *to = "\a\b\f\n\r\t\v", *at = strchr(from, ch);
            hc_buf_putc(&b, ch == '0' ? '\0' : at ? to[at - from] : ch);
            e->p += ch == '0' ? 2 : 0; /* \000 */
        }
    }
    if (*e->p)
        e->p++;
    return hc_str_val(e->c.a, hc_buf_str(&b));
}

static struct hc_val *eval_number(struct eval *e)
{
    char *end;
    size_t n = strcspn(e->p, " )|");
    bool is_float = memchr(e->p, '.', n) || (memchr(e->p, 'e', n) && e->p[1] != 'x');
    struct hc_val *v;
    if (is_float) {
        v = hc_float_val(e->c.a, strtod(e->p, &end));
    } else {
        v = hc_int_val(e->c.a, strtoll(e->p, &end, 0));
        v->type = HC_GO_INT;
    }
    v->line = 1; /* marks a literal */
    e->p = end;
    return v;
}

static struct hc_val *eval_path(struct eval *e, struct hc_val *v)
{
    while (*e->p == '.') {
        size_t n = strcspn(++e->p, ". )|");
        v = hc_map_get(v, hc_str_n(e->p, n));
        e->p += n;
    }
    return v;
}

/* Arguments up to the end of the command. */
static size_t eval_args(struct eval *e, struct hc_val **args);

static struct hc_val *eval_method(struct eval *e, struct hc_val *recv)
{
    struct hc_val *args[EVAL_MAX_ARGS], *out = NULL;
    hc_str name = { ++e->p, strcspn(e->p, " )|") };
    e->p += name.n;
    if (hc_is_map(recv) && hc_map_find(recv, name))
        return hc_map_get(recv, name);
    size_t n = eval_args(e, args);
    bool found;
    snprintf(e->name, sizeof(e->name), "%.*s", HC_P(name));
    if (e->failed)
        return NULL;
    if (hc_func_method(&e->c, recv, name, args, n, &found, &out) != HC_OK)
        return eval_stop(e, NULL);
    return found ? out : eval_stop(e, "no such method");
}

static struct hc_val *eval_operand(struct eval *e)
{
    struct hc_val *v = NULL;
    eval_space(e);
    if (*e->p == '(') {
        e->p++;
        v = eval_pipeline(e);
        eval_space(e);
        if (*e->p == ')')
            e->p++;
        while (!e->failed && *e->p == '.')
            v = eval_method(e, v);
        return v;
    }
    if (*e->p == '"' || *e->p == '`')
        return eval_string(e);
    if (strncmp(e->p, ".Values", 7) == 0) {
        e->p += 7;
        return eval_path(e, e->values);
    }
    if (strncmp(e->p, ".Files", 6) == 0) {
        e->p += 6;
        return *e->p == '.' ? eval_method(e, e->files) : e->files;
    }
    if ((*e->p >= '0' && *e->p <= '9') || *e->p == '-' || *e->p == '+')
        return eval_number(e);
    size_t n = strcspn(e->p, " )|");
    hc_str word = { e->p, n };
    if (hc_str_eqz(word, "true") || hc_str_eqz(word, "false"))
        v = hc_bool_val(e->c.a, word.p[0] == 't');
    else if (!hc_str_eqz(word, "nil")) {
        const struct hc_func *f = hc_func_find(word, e->c.helm3); /* a function without arguments */
        e->p += n;
        snprintf(e->name, sizeof(e->name), "%.*s", HC_P(word));
        if (!f)
            return eval_stop(e, "unknown word");
        if (f->fn(&e->c, NULL, 0, &v) != HC_OK)
            return eval_stop(e, NULL);
        return v;
    }
    e->p += n;
    return v;
}

static size_t eval_args(struct eval *e, struct hc_val **args)
{
    size_t n = 0;
    for (;;) {
        eval_space(e);
        if (*e->p == '\0' || *e->p == ')' || *e->p == '|' || n == EVAL_MAX_ARGS || e->failed)
            return n;
        args[n++] = eval_operand(e);
    }
}

/* A literal number becomes what the parameter is. */
static void eval_adapt(struct eval *e, const struct hc_func *f, struct hc_val **args, size_t n)
{
    const char *last = f->params;
    for (size_t i = 0; i < n; i++) {
        char letter = i < strlen(f->params) && f->params[i] != '*' ? f->params[i] : last[strlen(last) - 2];
        struct hc_val *v = args[i];
        if (v && v->line == 1 && v->kind == HC_INT && letter == 'f') {
            args[i] = hc_float_val(e->c.a, (double)v->i);
        } else if (v && v->line == 1 && v->kind == HC_FLOAT && (letter == 'i' || letter == 'I')) {
            args[i] = hc_int_val(e->c.a, (int64_t)v->f);
            args[i]->type = HC_GO_INT;
        }
    }
}

static struct hc_val *eval_command(struct eval *e, struct hc_val *piped, bool has_piped)
{
    struct hc_val *args[EVAL_MAX_ARGS + 1], *out = NULL;
    eval_space(e);
    size_t n = strcspn(e->p, " )|");
    hc_str word = { e->p, n };
    const struct hc_func *f = hc_func_find(word, e->c.helm3);
    if (!f)
        return eval_operand(e);
    e->p += n;
    size_t argc = eval_args(e, args);
    if (has_piped)
        args[argc++] = piped;
    if (e->failed)
        return NULL;
    snprintf(e->name, sizeof(e->name), "%s", f->name);
    eval_adapt(e, f, args, argc);
    if (f->fn(&e->c, args, argc, &out) != HC_OK)
        return eval_stop(e, NULL);
    return out;
}

static struct hc_val *eval_pipeline(struct eval *e)
{
    struct hc_val *v = eval_command(e, NULL, false);
    for (eval_space(e); !e->failed && *e->p == '|'; eval_space(e)) {
        e->p++;
        v = eval_command(e, v, true);
    }
    return v;
}

/* "TYPE\t%q of what print gives", or "error\tTEXT". */
static void eval_line(struct eval *e, const char *expression, struct hc_buf *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_err_clear(&e->err);
    e->c.panicked = e->failed = false;
    e->c.err = &e->err;
    e->p = expression;
    struct hc_val *v = eval_pipeline(e);
    if (e->failed) {
        hc_buf_printf(out, "error\t%s", e->err.msg);
        return;
    }
    hc_buf_puts(out, hc_go_type_name(v, false));
    hc_buf_putc(out, '\t');
    hc_go_print(&b, v);
    hc_go_quote(out, hc_buf_str(&b));
}
