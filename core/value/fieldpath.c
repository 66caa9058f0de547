/*
 * A path is read into parts first (keys, numbers, name=value filters); walking is one loop over them.
 */
#include "core/value/fieldpath.h"

#include "core/base/buf.h"
#include "core/value/json.h"

enum part_kind { PART_KEY, PART_INDEX, PART_FILTER };

struct part {
    enum part_kind kind;
    hc_str key; /* PART_FILTER: the name */
    hc_str val; /* of a filter */
    int64_t index;
    bool bare;   /* a key that points end: "a" and "b" may be one key "a.b" */
    bool either; /* of a pointer: a key or an index, as what is there wants it */
};

struct parts {
    struct hc_arena *a;
    hc_str path;
    struct part list[HC_MAX_FIELD_STEPS];
    size_t n;
    struct hc_err *err;
};

static enum hc_rc unreadable(struct parts *p, size_t at, const char *what)
{
    return hc_fail(p->err, HC_E_INPUT,
                   "the path '%.*s' cannot be read: %s at character %zu. Write it like spec.containers[0].image, "
                   "spec.containers[name=app].image, or /spec/containers/0/image",
                   HC_P(p->path), what, at + 1);
}

static struct part *add(struct parts *p)
{
    if (p->n == HC_MAX_FIELD_STEPS) {
        hc_fail(p->err, HC_E_INPUT, "the path '%.*s' has more than %d steps", HC_P(p->path), HC_MAX_FIELD_STEPS);
        return NULL;
    }
    p->list[p->n] = (struct part){ 0 };
    return &p->list[p->n++];
}

static enum hc_rc read_pointer(struct parts *p)
{
    hc_str rest = hc_str_sub(p->path, 1, p->path.n), one;
    while (hc_str_split(&rest, '/', &one)) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        for (size_t i = 0; i < one.n; i++) {
            if (one.p[i] == '~' && i + 1 < one.n && (one.p[i + 1] == '0' || one.p[i + 1] == '1'))
                hc_buf_putc(&b, one.p[++i] == '0' ? '~' : '/');
            else
                hc_buf_putc(&b, one.p[i]);
        }
        struct part *to = add(p);
        if (!to)
            return HC_E_INPUT;
        to->key = hc_buf_to_arena(&b, p->a);
        to->either = true;
    }
    return HC_OK;
}

/* What stands between brackets; the opening one is at `at`. Gives the position behind the closing one, 0: failed. */
static size_t read_brackets(struct parts *p, hc_str s, size_t at)
{
    size_t i = at + 1;
    struct part *to = add(p);
    if (!to)
        return 0;
    if (i < s.n && (s.p[i] == '\'' || s.p[i] == '"')) {
        char q = s.p[i++];
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        for (; i < s.n && s.p[i] != q; i++) {
            if (s.p[i] == '\\' && i + 1 < s.n)
                i++;
            hc_buf_putc(&b, s.p[i]);
        }
        to->key = hc_buf_to_arena(&b, p->a);
        i += i < s.n;
        if (i < s.n && s.p[i] == ']')
            return i + 1;
        unreadable(p, i, "a closing bracket is missing");
        return 0;
    }
    size_t end = hc_str_find(hc_str_sub(s, i, s.n), ']');
    if (end == SIZE_MAX) {
        unreadable(p, at, "the bracket is not closed");
        return 0;
    }
    hc_str in = hc_str_trim(hc_str_sub(s, i, i + end));
    /* ?(@.name=="app") is name=app */
    if (in.n > 3 && in.p[0] == '?')
        in = hc_str_trim(hc_str_sub(in, 2, in.n - 1));
    if (hc_str_starts(in, HC_S("@.")))
        in = hc_str_sub(in, 2, in.n);
    size_t eq = hc_str_find(in, '=');
    if (eq != SIZE_MAX) {
        to->kind = PART_FILTER;
        to->key = hc_str_trim(hc_str_sub(in, 0, eq));
        to->val = hc_str_trim(hc_str_sub(in, eq + 1 + (eq + 1 < in.n && in.p[eq + 1] == '='), in.n));
        if (to->val.n > 1 && (to->val.p[0] == '"' || to->val.p[0] == '\''))
            to->val = hc_str_sub(to->val, 1, to->val.n - 1);
        return i + end + 1;
    }
    to->kind = PART_INDEX;
    if (!hc_str_to_i64(in, &to->index)) {
        unreadable(p, i, "a number, 'key' or name=value belongs in the brackets");
        return 0;
    }
    return i + end + 1;
}

static enum hc_rc read_parts(struct parts *p)
{
    hc_str s = hc_str_trim(p->path);
    if (s.n > 1 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        s = hc_str_sub(s, 1, s.n - 1);
    if (s.n && s.p[0] == '/') {
        p->path = s;
        return read_pointer(p);
    }
    size_t i = s.n && s.p[0] == '$';
    while (i < s.n) {
        if (s.p[i] == '[') {
            i = read_brackets(p, s, i);
            if (!i)
                return HC_E_INPUT;
            continue;
        }
        if (s.p[i] == '.' && i + 1 < s.n && s.p[i + 1] == '[') {
            i++;
            continue;
        }
        if (s.p[i] == '.' && i + 1 < s.n && s.p[i + 1] == '.')
            return unreadable(p, i, "searches (..) are not known");
        i += s.p[i] == '.';
        if (i == s.n)
            break;
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        for (; i < s.n && s.p[i] != '.' && s.p[i] != '['; i++) {
            if (s.p[i] == '\\' && i + 1 < s.n)
                i++;
            hc_buf_putc(&b, s.p[i]);
        }
        struct part *to = add(p);
        if (!to)
            return HC_E_INPUT;
        to->key = hc_buf_to_arena(&b, p->a);
        to->bare = true;
    }
    return HC_OK;
}

/* ---- names that are near ----------------------------------------------------------------------------- */

static unsigned cost(char x, char y)
{
    if (x == y)
        return 0;
    return (x ^ y) == 0x20 && (x | 0x20) >= 'a' && (x | 0x20) <= 'z' ? 1 : 2;
}

unsigned hc_name_distance(hc_str x, hc_str y)
{
    enum { MOST = 64 };
    unsigned rows[3][MOST + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    if (x.n > MOST || y.n > MOST)
        return UINT32_MAX / 2;
    for (size_t k = 0; k <= y.n; k++)
        above[k] = (unsigned)k * 2;
    for (size_t i = 1; i <= x.n; i++) {
        row[0] = (unsigned)i * 2;
        for (size_t k = 1; k <= y.n; k++) {
            unsigned d = HC_MIN(above[k], row[k - 1]) + 2;
            d = HC_MIN(d, above[k - 1] + cost(x.p[i - 1], y.p[k - 1]));
            if (i > 1 && k > 1 && x.p[i - 1] == y.p[k - 2] && x.p[i - 2] == y.p[k - 1])
                d = HC_MIN(d, before[k - 2] + 2);
            row[k] = d;
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[y.n];
}

bool hc_name_near(hc_str written, hc_str name)
{
    size_t n = HC_MAX(written.n, name.n);
    return hc_name_distance(written, name) <= HC_MAX(n / 3, (size_t)1) * 2;
}

/* ", did you mean a or b?", or what there is. */
static hc_str hint(struct hc_arena *a, const struct hc_val *map, hc_str key)
{
    const struct hc_entry *best = NULL;
    unsigned least = UINT32_MAX;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < hc_map_len(map); i++) {
        unsigned d = hc_name_distance(key, hc_map_at(map, i)->key);
        if (d < least && hc_name_near(key, hc_map_at(map, i)->key)) {
            least = d;
            best = hc_map_at(map, i);
        }
    }
    if (best)
        return hc_arena_printf(a, "did you mean %.*s?", HC_P(best->key));
    for (size_t i = 0; i < hc_map_len(map) && i < 20; i++)
        hc_buf_printf(&b, "%s%.*s", i ? ", " : "there is ", HC_P(hc_map_at(map, i)->key));
    if (hc_map_len(map) > 20)
        hc_buf_puts(&b, ", ...");
    return hc_map_len(map) ? hc_buf_to_arena(&b, a) : HC_S("it is empty");
}

/* ---- walking ----------------------------------------------------------------------------------------- */

/* "base['key']": for what would be read as something else without quotes. */
static hc_str quoted_key(struct hc_arena *a, hc_str base, hc_str key)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_put(&b, base);
    hc_buf_puts(&b, "['");
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '\'' || key.p[i] == '\\')
            hc_buf_putc(&b, '\\');
        hc_buf_putc(&b, key.p[i]);
    }
    hc_buf_puts(&b, "']");
    return hc_buf_to_arena(&b, a);
}

hc_str hc_field_path_key(struct hc_arena *a, hc_str base, hc_str key)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (key.n == 0 || hc_str_trim(key).n != key.n || (base.n == 0 && strchr("$/{", key.p[0])))
        return quoted_key(a, base, key);
    hc_buf_put(&b, base);
    if (base.n)
        hc_buf_putc(&b, '.');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '.' || key.p[i] == '\\' || key.p[i] == '[')
            hc_buf_putc(&b, '\\');
        hc_buf_putc(&b, key.p[i]);
    }
    return hc_buf_to_arena(&b, a);
}

hc_str hc_field_path_entry(struct hc_arena *a, hc_str base, const struct hc_val *map, const struct hc_entry *e)
{
    hc_str key = e->key;
    for (size_t i = 0; hc_is_map(e->val) && i < hc_map_len(map); i++) {
        hc_str other = hc_map_at(map, i)->key;
        if (other.n > key.n && other.p[key.n] == '.' && hc_str_starts(other, key))
            return quoted_key(a, base, key);
    }
    return hc_field_path_key(a, base, key);
}

hc_str hc_field_path_item(struct hc_arena *a, hc_str base, size_t index)
{
    return hc_arena_printf(a, "%.*s[%zu]", HC_P(base), index);
}

static hc_str text_of(struct hc_arena *a, const struct hc_val *v)
{
    hc_str s = { NULL, 0 };
    if (hc_is_str(v))
        return hc_get_str(v);
    hc_scalar_text(a, v, &s);
    return s;
}

static hc_str shown(hc_str path)
{
    return path.n ? path : HC_S("the object");
}

/* The entry of a key; bare parts behind it that belong to the key are taken along. */
static const struct hc_entry *entry_of(struct parts *p, const struct hc_val *map, size_t i, size_t *taken)
{
    hc_str key = p->list[i].key;
    const struct hc_entry *e = hc_map_find(map, key);
    *taken = 1;
    for (size_t k = i + 1; p->list[i].bare && k < p->n && p->list[k].bare; k++) {
        const hc_str parts[] = { key, HC_S("."), p->list[k].key };
        key = hc_arena_cat(p->a, HC_LEN(parts), parts);
        const struct hc_entry *longer = hc_map_find(map, key);
        if (longer) {
            e = longer;
            *taken = k - i + 1;
        }
    }
    return e;
}

static enum hc_rc find_item(struct parts *p, const struct hc_val *at, const struct part *part, hc_str path,
                            size_t *out)
{
    size_t n = hc_list_len(at);
    int64_t index = part->index;
    if (part->kind == PART_FILTER) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        for (size_t i = 0; i < n; i++) {
            hc_str is = text_of(p->a, hc_map_get(hc_list_at(at, i), part->key));
            if (hc_str_eq(is, part->val)) {
                *out = i;
                return HC_OK;
            }
            hc_buf_printf(&b, "%s%.*s", i ? ", " : "", HC_P(is));
        }
        return hc_fail(p->err, HC_E_NOTFOUND, "no item of %.*s has %.*s=%.*s; there is %.*s", HC_P(shown(path)),
                       HC_P(part->key), HC_P(part->val), HC_P(b.n ? hc_buf_str(&b) : HC_S("none")));
    }
    if (part->either && !hc_str_to_i64(part->key, &index))
        return hc_fail(p->err, HC_E_NOTFOUND,
                       "%.*s is a list of %zu items: a number or [name=value] belongs behind it, not '%.*s'",
                       HC_P(shown(path)), n, HC_P(part->key));
    if (index < 0)
        index += (int64_t)n;
    if (index < 0 || (size_t)index >= n)
        return hc_fail(p->err, HC_E_NOTFOUND, "%.*s has %zu item%s, and no [%" PRId64 "]", HC_P(shown(path)), n,
                       n == 1 ? "" : "s", part->index);
    *out = (size_t)index;
    return HC_OK;
}

enum hc_rc hc_field_find(struct hc_arena *a, const struct hc_val *doc, hc_str path, struct hc_field *out,
                         struct hc_field_way *way, struct hc_err *err)
{
    struct parts p = { .a = a, .path = path, .err = err };
    struct hc_field f = { doc, NULL, HC_S("") };
    size_t steps = 0, taken = 1;
    enum hc_rc rc = read_parts(&p);
    for (size_t i = 0; rc == HC_OK && i < p.n; i += taken) {
        const struct part *part = &p.list[i];
        struct hc_field_step step = { f.val, 0 };
        taken = 1;
        if (hc_is_map(f.val) && (part->kind == PART_KEY || part->either)) {
            const struct hc_entry *e = entry_of(&p, f.val, i, &taken);
            if (!e)
                return hc_fail(err, HC_E_NOTFOUND, "%.*s has no field %.*s: %.*s", HC_P(shown(f.path)),
                               HC_P(part->key), HC_P(hint(a, f.val, part->key)));
            step.index = (size_t)(e - f.val->map->entries);
            f = (struct hc_field){ e->val, e, hc_field_path_entry(a, f.path, f.val, e) };
        } else if (hc_is_list(f.val) && (part->kind != PART_KEY || part->either)) {
            rc = find_item(&p, f.val, part, f.path, &step.index);
            if (rc == HC_OK)
                f = (struct hc_field){ hc_list_at(f.val, step.index), NULL,
                                       hc_field_path_item(a, f.path, step.index) };
        } else if (hc_is_list(f.val)) {
            return hc_fail(err, HC_E_NOTFOUND,
                           "%.*s is a list of %zu items: write %.*s[0].%.*s or %.*s[name=...].%.*s",
                           HC_P(shown(f.path)), hc_list_len(f.val), HC_P(f.path), HC_P(part->key), HC_P(f.path),
                           HC_P(part->key));
        } else {
            return hc_fail(err, HC_E_NOTFOUND, "%.*s is a %s: there is nothing below it", HC_P(shown(f.path)),
                           hc_kind_name(f.val));
        }
        if (way)
            way->steps[steps++] = step;
    }
    if (rc != HC_OK)
        return rc;
    if (way)
        way->n = steps;
    *out = f;
    return hc_arena_check(a, err, "path of a field");
}

/* ---- as a server names them -------------------------------------------------------------------------- */

/* Where the step that ends at `n` begins: at its point or its bracket. */
static size_t last_step(hc_str path)
{
    bool quoted = false;
    size_t at = 0, depth = 0;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c == '\\')
            i++;
        else if (depth > 0 && (c == '"' || c == '\''))
            quoted = !quoted;
        else if (!quoted && c == '[')
            at = depth++ == 0 ? i : at;
        else if (!quoted && c == ']')
            depth -= depth > 0;
        else if (c == '.' && depth == 0)
            at = i;
    }
    return at;
}

/* What stands in brackets as fieldpath reads it: of several keys the first, a plain word in quotes. */
static void put_bracket(struct hc_buf *b, hc_str in)
{
    int64_t number;
    size_t eq = hc_str_find(in, '='), comma = hc_str_find(in, ',');
    bool quoted = in.n > 0 && (in.p[0] == '"' || in.p[0] == '\'');
    if (!quoted && eq != SIZE_MAX && eq > 0)
        in = hc_str_sub(in, 0, comma);
    bool plain = !quoted && (eq == SIZE_MAX || eq == 0) && !hc_str_to_i64(in, &number);
    hc_buf_printf(b, plain ? "['%.*s']" : "[%.*s]", HC_P(in));
}

static hc_str as_we_write(struct hc_arena *a, hc_str path)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = path.n > 0 && path.p[0] == '.'; i < path.n; i++) {
        size_t end = path.p[i] == '[' ? hc_str_find(hc_str_sub(path, i, path.n), ']') : SIZE_MAX;
        if (end == SIZE_MAX) {
            hc_buf_putc(&b, path.p[i]);
        } else {
            put_bracket(&b, hc_str_sub(path, i + 1, i + end));
            i += end;
        }
    }
    return hc_buf_to_arena(&b, a);
}

/* By keys alone, through whatever items there are. */
static bool through_items(struct hc_arena *a, const struct hc_val *v, hc_str rest, const char *kind, hc_str path,
                          unsigned depth, hc_str *out)
{
    hc_str key;
    if (hc_is_list(v) && rest.p) {
        for (size_t i = 0; i < hc_list_len(v); i++)
            if (through_items(a, hc_list_at(v, i), rest, kind, hc_field_path_item(a, path, i), depth, out))
                return true;
        return false;
    }
    if (!rest.p) {
        *out = path;
        return !kind || strcmp(hc_kind_name(v), kind) == 0;
    }
    if (!hc_is_map(v) || depth > HC_MAX_FIELD_STEPS || !hc_str_split(&rest, '.', &key))
        return false;
    const struct hc_entry *e = hc_map_find(v, key);
    return e && through_items(a, e->val, rest, kind, hc_field_path_entry(a, path, v, e), depth + 1, out);
}

bool hc_field_nearest(struct hc_arena *a, const struct hc_val *doc, hc_str path, const char *kind,
                      struct hc_field *out, bool *out_exact)
{
    hc_str p = hc_str_starts(path, HC_S("/")) ? path : as_we_write(a, path), found;
    while (p.n > 1 && p.p[0] == '/' && p.p[p.n - 1] == '/')
        p = hc_str_sub(p, 0, p.n - 1);
    bool exact = true, pointer = p.n > 0 && p.p[0] == '/';
    if (p.n > 0 && !pointer && hc_str_find(p, '[') == SIZE_MAX &&
        (through_items(a, doc, p, kind, HC_S(""), 0, &found) ||
         through_items(a, doc, p, NULL, HC_S(""), 0, &found)))
        p = found;
    for (; p.n > 0; exact = false) {
        if (hc_field_find(a, doc, p, out, NULL, NULL) == HC_OK) {
            if (out_exact)
                *out_exact = exact;
            return true;
        }
        size_t slash = pointer ? hc_str_rfind(p, '/') : 0;
        p = hc_str_sub(p, 0, pointer ? slash : last_step(p));
    }
    return false;
}
