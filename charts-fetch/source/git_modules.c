/*
 * .gitmodules (gitmodules(5)), which is written as Git's configuration: sections [submodule "NAME"], keys path and url.
 */
#include "charts-fetch/source/git_impl.h"

#define MAX_MODULES 1000u

/* A value: quotes and backslashes undone, comments and spaces behind it gone. */
static hc_str value_of(struct hc_arena *a, hc_str s)
{
    char *out = HC_NEW_N(a, char, s.n + 1);
    size_t n = 0, end = 0;
    bool quoted = false;
    for (size_t i = 0; out && i < s.n; i++) {
        char c = s.p[i];
        if (c == '"') {
            quoted = !quoted;
            end = n;
            continue;
        }
        if (!quoted && (c == '#' || c == ';'))
            break;
        if (c == '\\' && i + 1 < s.n)
            c = s.p[++i];
        out[n++] = c;
        if (quoted || (c != ' ' && c != '\t' && c != '\r'))
            end = n;
    }
    return hc_str_n(out, end);
}

enum hc_rc git_parse_modules(struct hc_arena *a, hc_str text, struct git_module **out, size_t *out_n)
{
    struct git_module *list = NULL, *m = NULL;
    size_t n = 0, cap = 0;
    hc_str line;
    while (hc_str_split(&text, '\n', &line)) {
        line = hc_str_trim(line);
        if (!line.n || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[') {
            m = NULL;
            size_t open = hc_str_find(line, '"'), close_ = hc_str_rfind(line, '"');
            if (!hc_str_starts(line, HC_S("[submodule")) || open == SIZE_MAX || close_ <= open || n >= MAX_MODULES)
                continue;
            if (n == cap) {
                cap = cap ? cap * 2 : 8;
                struct git_module *more = HC_NEW_N(a, struct git_module, cap);
                if (!more)
                    return HC_E_LIMIT;
                if (n)
                    memcpy(more, list, n * sizeof(*more));
                list = more;
            }
            m = &list[n++];
            *m = (struct git_module){ .name = hc_str_sub(line, open + 1, close_) };
            continue;
        }
        size_t eq = hc_str_find(line, '=');
        if (!m || eq == SIZE_MAX)
            continue;
        hc_str key = hc_str_trim(hc_str_sub(line, 0, eq)),
               value = value_of(a, hc_str_trim(hc_str_sub(line, eq + 1, line.n)));
        if (hc_str_eq_nocase(key, HC_S("path"))) {
            while (hc_str_ends(value, HC_S("/")))
                value.n--;
            m->path = value;
        } else if (hc_str_eq_nocase(key, HC_S("url"))) {
            m->url = value;
        }
    }
    *out = list;
    *out_n = n;
    return HC_OK;
}

static bool known_scheme(hc_str url)
{
    return hc_str_starts(url, HC_S("https://")) || hc_str_starts(url, HC_S("http://")) ||
           hc_str_starts(url, HC_S("ssh://"));
}

hc_str git_module_url(struct hc_arena *a, hc_str parent, hc_str url)
{
    static const hc_str none = { NULL, 0 };
    if (hc_str_starts(url, HC_S("./")) || hc_str_starts(url, HC_S("../"))) {
        size_t host = hc_str_find_str(parent, HC_S("://"));
        if (host == SIZE_MAX)
            return none;
        while (hc_str_ends(parent, HC_S("/")))
            parent.n--;
        while (hc_str_starts(url, HC_S("./")) || hc_str_starts(url, HC_S("../"))) {
            bool up = url.p[1] == '.';
            url = hc_str_sub(url, up ? 3 : 2, url.n);
            if (!up)
                continue;
            size_t slash = hc_str_rfind(parent, '/');
            if (slash == SIZE_MAX || slash < host + 3)
                return none; /* above the host */
            parent = hc_str_sub(parent, 0, slash);
        }
        return hc_arena_printf(a, "%.*s/%.*s", HC_P(parent), HC_P(url));
    }
    if (hc_str_find_str(url, HC_S("://")) != SIZE_MAX)
        return known_scheme(url) ? url : none;
    /* git@host:path */
    size_t colon = hc_str_find(url, ':'), slash = hc_str_find(url, '/');
    if (colon == SIZE_MAX || colon == 0 || slash < colon || colon + 1 == url.n)
        return none;
    hc_str path = hc_str_sub(url, colon + 1, url.n);
    return hc_arena_printf(a, "ssh://%.*s%s%.*s", HC_P(hc_str_sub(url, 0, colon)), path.p[0] == '/' ? "" : "/",
                           HC_P(path));
}
