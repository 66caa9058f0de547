/*
 * Slash paths (A11.4). The os forms are the same functions: Helm runs where slashes separate.
 */
#include "lua/funcs/paths.h"
#include "lua/funcs/funcs_impl.h"

/* path.Clean, in place of a stack: `..` cuts the last element of what is written so far. */
hc_str hc_path_clean(struct hc_arena *a, hc_str s)
{
    char *o = hc_arena_alloc(a, s.n + 2, 1);
    if (!o)
        return HC_S("");
    bool rooted = s.n > 0 && s.p[0] == '/';
    size_t w = 0, floor = 0; /* elements before `floor` stay */
    if (s.n == 0)
        return HC_S(".");
    if (rooted)
        o[w++] = '/', floor = 1;
    for (size_t r = rooted; r < s.n;) {
        size_t end = r;
        while (end < s.n && s.p[end] != '/')
            end++;
        hc_str part = hc_str_sub(s, r, end);
        r = end + 1;
        if (part.n == 0 || hc_str_eqz(part, "."))
            continue;
        if (hc_str_eqz(part, "..")) {
            if (w > floor) {
                w--;
                while (w > floor && o[w] != '/')
                    w--;
            } else if (!rooted) {
                if (w > 0)
                    o[w++] = '/';
                o[w++] = '.';
                o[w++] = '.';
                floor = w;
            }
            continue;
        }
        if ((rooted && w != 1) || (!rooted && w != 0))
            o[w++] = '/';
        memcpy(o + w, part.p, part.n);
        w += part.n;
    }
    if (w == 0)
        return HC_S(".");
    return hc_str_n(o, w);
}

hc_str hc_path_base(hc_str s)
{
    if (s.n == 0)
        return HC_S(".");
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    size_t slash = hc_str_rfind(s, '/');
    if (slash != SIZE_MAX)
        s = hc_str_sub(s, slash + 1, s.n);
    return s.n == 0 ? HC_S("/") : s;
}

FN(fn_base)
{
    (void)argc;
    return fn_ref(c, hc_path_base(fn_s(argv[0])), out);
}

FN(fn_dir)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    size_t slash = hc_str_rfind(s, '/');
    return fn_ref(c, hc_path_clean(c->a, hc_str_sub(s, 0, slash == SIZE_MAX ? 0 : slash + 1)), out);
}

FN(fn_clean)
{
    (void)argc;
    return fn_ref(c, hc_path_clean(c->a, fn_s(argv[0])), out);
}

FN(fn_ext)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    for (size_t i = s.n; i > 0 && s.p[i - 1] != '/'; i--)
        if (s.p[i - 1] == '.')
            return fn_ref(c, hc_str_sub(s, i - 1, s.n), out);
    return fn_ref(c, HC_S(""), out);
}

FN(fn_is_abs)
{
    (void)argc;
    hc_str s = fn_s(argv[0]);
    return fn_bool(c, s.n > 0 && s.p[0] == '/', out);
}
