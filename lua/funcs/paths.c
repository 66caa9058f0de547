/*
 * Slash paths (A11.4). The os forms are the same functions: Helm runs where slashes separate.
 */
#include "core/base/fs.h"
#include "lua/funcs/funcs_impl.h"

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
