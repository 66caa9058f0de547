/*
 * Files of cases. A line that starts with a tab is text of the file named last; any other line is a word and what it is
 * about: case NAME, file NAME, args WORDS, want TEXT, link NAME TARGET, takes MILLISECONDS, lua (the chart asks for Lua
 * templates). Lines that start with # and empty ones are not read. Repetitions are written as such (hostile_expand), so
 * that the largest bomb is a line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "tests/hostile/hostile.h"

/* Where the repetition that starts behind `at` ends, counting those inside it. */
static size_t closing(hc_str s, size_t at)
{
    for (size_t depth = 1; at + 1 < s.n; at++) {
        if (s.p[at] == '>' && s.p[at + 1] == '@') {
            if (--depth == 0)
                return at;
            at++;
        } else if (s.p[at] == '@' && s.p[at + 1] >= '0' && s.p[at + 1] <= '9') {
            depth++;
        }
    }
    return SIZE_MAX;
}

static bool expand(struct hc_buf *b, hc_str s, bool counted, long i)
{
    for (size_t k = 0; k < s.n; k++) {
        if (counted && s.p[k] == '#') {
            long off = k + 1 < s.n && s.p[k + 1] == '-' ? -1 : k + 1 < s.n && s.p[k + 1] == '+' ? 1 : 0;
            hc_buf_printf(b, "%ld", i + off);
            k += off != 0;
        } else if (s.p[k] != '@' || k + 1 == s.n) {
            hc_buf_putc(b, s.p[k]);
        } else if (s.p[k + 1] == 'x' && k + 3 < s.n) {
            const char hex[] = { s.p[k + 2], s.p[k + 3], '\0' };
            hc_buf_putc(b, (char)strtoul(hex, NULL, 16));
            k += 3;
        } else if (s.p[k + 1] == '@' || s.p[k + 1] == '#') {
            hc_buf_putc(b, s.p[++k]);
        } else {
            char *end;
            long times = strtol(s.p + k + 1, &end, 10);
            size_t from = (size_t)(end - s.p), to;
            if (from >= s.n || *end != '<' || (to = closing(s, from + 1)) == SIZE_MAX)
                return false;
            for (long t = 0; t < times; t++)
                if (!expand(b, hc_str_sub(s, from + 1, to), true, t))
                    return false;
            k = to + 1;
        }
    }
    return !b->spent;
}

bool hostile_expand(struct hc_arena *a, hc_str text, hc_str *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (!expand(&b, text, false, 0))
        return false;
    *out = hc_buf_to_arena(&b, a);
    return out->p != NULL;
}

/* Words behind `args`, divided by spaces. */
static size_t words(struct hc_arena *a, hc_str rest, const char ***out)
{
    size_t n = 0, cap = 1;
    for (size_t i = 0; i < rest.n; i++)
        cap += rest.p[i] == ' ';
    const char **list = HC_NEW_N(a, const char *, cap);
    hc_str word, text;
    while (list && hc_str_split(&rest, ' ', &word)) {
        if (word.n && hostile_expand(a, word, &text))
            list[n++] = text.p;
    }
    *out = list;
    return n;
}

enum { MOST_FILES = 64, MOST_WANTS = 8 };

static bool directive(struct hc_arena *a, struct hostile_case *c, hc_str word, hc_str rest)
{
    struct hostile_file *files = (struct hostile_file *)(uintptr_t)c->files;
    hc_str *want = (hc_str *)(uintptr_t)c->want;
    if (hc_str_eqz(word, "file") && c->files_n < MOST_FILES) {
        hc_str parts[] = { hc_str_starts(rest, HC_S("/")) ? HC_S("") : HC_S("c/"), rest };
        files[c->files_n++] = (struct hostile_file){ hc_arena_cat(a, HC_LEN(parts), parts), HC_S("") };
        return true;
    }
    if (hc_str_eqz(word, "want") && c->want_n < MOST_WANTS) {
        want[c->want_n++] = rest;
        return true;
    }
    if (hc_str_eqz(word, "lua")) {
        c->lua = true;
        return rest.n == 0;
    }
    if (hc_str_eqz(word, "again")) {
        c->again = true;
        return rest.n == 0;
    }
    if (hc_str_eqz(word, "takes")) {
        c->takes_ms = strtol(rest.p, NULL, 10);
        return c->takes_ms > 0;
    }
    if (hc_str_eqz(word, "args")) {
        const char **list;
        c->args_n = words(a, rest, &list);
        c->args = list;
        return c->args_n > 0;
    }
    if (hc_str_eqz(word, "link")) {
        const char **list;
        if (words(a, rest, &list) != 2)
            return false;
        c->link = list[0];
        c->link_target = list[1];
        return true;
    }
    return false;
}

bool hostile_read(struct hc_arena *a, const char *path, struct hostile_case **out, size_t *out_n)
{
    hc_str text, line, word;
    struct hc_err err;
    if (hc_read_file(a, AT_FDCWD, path, (size_t)16 << 20, &text, &err) != HC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return false;
    }
    size_t cap = 1, n = 0;
    for (size_t i = 0; i < text.n; i++)
        cap += text.p[i] == '\n';
    struct hostile_case *all = HC_NEW_N(a, struct hostile_case, cap);
    for (int number = 1; all && hc_str_split(&text, '\n', &line); number++) {
        struct hostile_case *c = n ? &all[n - 1] : NULL;
        if (line.n && line.p[0] == '\t' && c && c->files_n) {
            struct hostile_file *f = (struct hostile_file *)(uintptr_t)&c->files[c->files_n - 1];
            hc_str parts[] = { f->body, hc_str_sub(line, 1, line.n), HC_S("\n") };
            f->body = hc_arena_cat(a, HC_LEN(parts), parts);
            continue;
        }
        if (!line.n || line.p[0] == '#')
            continue;
        if (!hc_str_split(&line, ' ', &word))
            goto bad;
        if (hc_str_eqz(word, "case")) {
            all[n++] = (struct hostile_case){ .name = line,
                                              .files = HC_NEW_N(a, struct hostile_file, MOST_FILES),
                                              .want = HC_NEW_N(a, hc_str, MOST_WANTS) };
        } else if (!c || !directive(a, c, word, line)) {
            goto bad;
        }
        continue;
    bad:
        fprintf(stderr, "%s:%d: not a line of a case\n", path, number);
        return false;
    }
    *out = all;
    *out_n = n;
    return n > 0;
}
