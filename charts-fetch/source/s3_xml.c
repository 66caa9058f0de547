/*
 * The XML that S3 servers answer with: elements and text. Attributes, comments and processing instructions are passed
 * over; a document type is refused, so there are no entities but the five of XML and characters by number.
 */
#include "charts-fetch/source/s3_impl.h"
#include "core/base/digest.h"
#include "core/base/limits.h"

enum { MAX_DEPTH = 16, MAX_PATH = 1024 };

struct reader {
    struct hc_arena *a;
    hc_str rest;
    char path[MAX_PATH];
    size_t ends[MAX_DEPTH], depth, path_n; /* of the names in `path` */
    bool leaf;                             /* nothing but text since the last start */
    struct hc_buf text;
    s3_xml_fn told;
    void *ctx;
    struct hc_err *err;
};

static enum hc_rc bad(struct reader *r, const char *what)
{
    return hc_fail(r->err, HC_E_INPUT, "the answer is no XML of S3: %s", what);
}

static bool skip_past(hc_str *s, const char *end)
{
    size_t at = hc_str_find_str(*s, hc_str_of(end));
    if (at == SIZE_MAX)
        return false;
    *s = hc_str_sub(*s, at + strlen(end), s->n);
    return true;
}

/* "&amp;" and the like, `s` behind the '&'; moves past the ';'. */
static bool entity(struct reader *r, hc_str *s)
{
    static const struct {
        const char *name;
        char c;
    } known[] = { { "amp;", '&' }, { "lt;", '<' }, { "gt;", '>' }, { "quot;", '"' }, { "apos;", '\'' } };
    for (size_t i = 0; i < HC_LEN(known); i++)
        if (hc_str_starts(*s, hc_str_of(known[i].name))) {
            hc_buf_putc(&r->text, known[i].c);
            *s = hc_str_sub(*s, strlen(known[i].name), s->n);
            return true;
        }
    bool hex = s->n > 1 && s->p[0] == '#' && s->p[1] == 'x';
    size_t i = hex ? 2 : 1;
    uint32_t rune = 0;
    if (!s->n || s->p[0] != '#')
        return false;
    for (; i < s->n && i < 12 && s->p[i] != ';'; i++) {
        char c = s->p[i];
        int d = hc_hex_digit(c);
        if (d < 0 || (d > 9 && !hex))
            return false;
        rune = rune * (hex ? 16 : 10) + (uint32_t)d;
        if (rune > 0x10ffff)
            return false;
    }
    if (i >= s->n || s->p[i] != ';' || i == (hex ? 2u : 1u) || rune == 0 || (rune >= 0xd800 && rune < 0xe000))
        return false;
    char utf8[4];
    size_t n = 0;
    if (rune < 0x80) {
        utf8[n++] = (char)rune;
    } else if (rune < 0x800) {
        utf8[n++] = (char)(0xc0 | (rune >> 6));
        utf8[n++] = (char)(0x80 | (rune & 63));
    } else if (rune < 0x10000) {
        utf8[n++] = (char)(0xe0 | (rune >> 12));
        utf8[n++] = (char)(0x80 | ((rune >> 6) & 63));
        utf8[n++] = (char)(0x80 | (rune & 63));
    } else {
        utf8[n++] = (char)(0xf0 | (rune >> 18));
        utf8[n++] = (char)(0x80 | ((rune >> 12) & 63));
        utf8[n++] = (char)(0x80 | ((rune >> 6) & 63));
        utf8[n++] = (char)(0x80 | (rune & 63));
    }
    hc_buf_put(&r->text, hc_str_n(utf8, n));
    *s = hc_str_sub(*s, i + 1, s->n);
    return true;
}

static enum hc_rc end_element(struct reader *r)
{
    hc_str path = { r->path, r->path_n };
    enum hc_rc rc = HC_OK;
    if (r->leaf) {
        if (hc_buf_check(&r->text, r->err, "answer") != HC_OK)
            return r->err->code;
        hc_str text = hc_buf_to_arena(&r->text, r->a);
        rc = r->told(r->ctx, path, text.p ? text : HC_S(""), r->err);
    }
    if (rc == HC_OK)
        rc = r->told(r->ctx, path, (hc_str){ NULL, 0 }, r->err);
    r->leaf = false;
    r->depth--;
    r->path_n = r->depth ? r->ends[r->depth - 1] : 0;
    return rc;
}

static hc_str without_prefix(hc_str name)
{
    size_t colon = hc_str_find(name, ':');
    return colon == SIZE_MAX ? name : hc_str_sub(name, colon + 1, name.n);
}

/* What stands behind '<' up to '>', with quoted attributes in between. */
static bool take_tag(hc_str *s, hc_str *out)
{
    char quote = 0;
    for (size_t i = 0; i < s->n; i++) {
        char c = s->p[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            *out = hc_str_sub(*s, 0, i);
            *s = hc_str_sub(*s, i + 1, s->n);
            return true;
        }
    }
    return false;
}

static enum hc_rc element(struct reader *r)
{
    hc_str tag;
    if (!take_tag(&r->rest, &tag) || !tag.n)
        return bad(r, "a tag does not end");
    bool closes = tag.p[0] == '/', empty = tag.p[tag.n - 1] == '/';
    if (closes) {
        hc_str name = without_prefix(hc_str_trim(hc_str_sub(tag, 1, tag.n)));
        size_t from = r->depth > 1 ? r->ends[r->depth - 2] + 1 : 0;
        if (!r->depth || !hc_str_eq(name, hc_str_n(r->path + from, r->path_n - from)))
            return bad(r, "a tag is closed that is not open");
        return end_element(r);
    }
    size_t n = 0;
    while (n < tag.n && tag.p[n] != '/' && (unsigned char)tag.p[n] > ' ')
        n++;
    hc_str name = without_prefix(hc_str_sub(tag, 0, n));
    if (!name.n || hc_str_find(name, '<') != SIZE_MAX)
        return bad(r, "a tag without a name");
    if (r->depth == MAX_DEPTH || r->path_n + name.n + 2 > MAX_PATH)
        return hc_fail(r->err, HC_E_LIMIT, "the answer's XML is more than %d elements deep", MAX_DEPTH);
    if (r->depth)
        r->path[r->path_n++] = '/';
    memcpy(r->path + r->path_n, name.p, name.n);
    r->path_n += name.n;
    r->ends[r->depth++] = r->path_n;
    r->leaf = true;
    hc_buf_reset(&r->text);
    return empty ? end_element(r) : HC_OK;
}

static enum hc_rc read_all(struct reader *r)
{
    bool began = false;
    if (hc_str_starts(r->rest, HC_S("\xef\xbb\xbf")))
        r->rest = hc_str_sub(r->rest, 3, r->rest.n);
    while (r->rest.n) {
        enum hc_rc rc = HC_OK;
        char c = r->rest.p[0];
        if (c != '<') {
            r->rest = hc_str_sub(r->rest, 1, r->rest.n);
            if (!r->depth && !strchr(" \t\r\n", c))
                return bad(r, "text outside of the root");
            if (r->depth && c == '&' && !entity(r, &r->rest))
                return bad(r, "an entity that is not known");
            if (r->depth && c != '&')
                hc_buf_putc(&r->text, c);
            continue;
        }
        r->rest = hc_str_sub(r->rest, 1, r->rest.n);
        if (hc_str_starts(r->rest, HC_S("![CDATA["))) {
            hc_str body = hc_str_sub(r->rest, 8, r->rest.n), all = body;
            if (!r->depth || !skip_past(&body, "]]>"))
                return bad(r, "CDATA that does not end");
            hc_buf_put(&r->text, hc_str_sub(all, 0, all.n - body.n - 3));
            r->rest = body;
        } else if (hc_str_starts(r->rest, HC_S("!--"))) {
            if (!skip_past(&r->rest, "-->"))
                return bad(r, "a comment does not end");
        } else if (hc_str_starts(r->rest, HC_S("!"))) {
            return bad(r, "a document type");
        } else if (hc_str_starts(r->rest, HC_S("?"))) {
            if (!skip_past(&r->rest, "?>"))
                return bad(r, "an instruction does not end");
        } else {
            if (began && !r->depth)
                return bad(r, "more than one root");
            began = true;
            rc = element(r);
        }
        if (rc != HC_OK)
            return rc;
    }
    return began && !r->depth ? HC_OK : bad(r, "it ends too soon");
}

enum hc_rc s3_xml_read(struct hc_arena *a, hc_str doc, s3_xml_fn told, void *ctx, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct reader r = { .a = a, .rest = doc, .told = told, .ctx = ctx, .err = err ? err : &own };
    hc_buf_init(&r.text, 1 << 20);
    enum hc_rc rc = read_all(&r);
    hc_buf_done(&r.text);
    return rc == HC_OK ? hc_arena_check(a, r.err, "answer") : rc;
}

/* ---- a page of a list ------------------------------------------------------------------------------------------- */

struct page {
    struct hc_arena *a;
    struct s3_page *out;
    struct s3_object now;
    bool url_encoded, seen;
};

enum hc_rc s3_page_add(struct hc_arena *a, struct s3_page *o, const struct s3_object *object, struct hc_err *err)
{
    if (!object->key.n) /* it would ask for the bucket itself */
        return hc_fail(err, HC_E_INPUT, "an object in the list has no name");
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 256;
        struct s3_object *more = HC_NEW_N(a, struct s3_object, cap);
        if (!more)
            return hc_fail_nomem(err);
        if (o->n)
            memcpy(more, o->objects, o->n * sizeof(*more));
        o->objects = more;
        o->cap = cap;
    }
    o->objects[o->n++] = *object;
    return HC_OK;
}

static enum hc_rc keep(struct page *p, struct hc_err *err)
{
    enum hc_rc rc = s3_page_add(p->a, p->out, &p->now, err);
    p->now = (struct s3_object){ 0 };
    return rc;
}

static enum hc_rc page_part(void *ctx, hc_str path, hc_str text, struct hc_err *err)
{
    struct page *p = ctx;
    int64_t size;
    size_t slash = hc_str_find(path, '/');
    if (!hc_str_eqz(hc_str_sub(path, 0, slash), "ListBucketResult"))
        return hc_fail(err, HC_E_INPUT, "the answer is no list of objects but <%.*s>",
                       HC_P(hc_str_sub(path, 0, slash)));
    p->seen = true;
    if (!text.p)
        return hc_str_eqz(path, "ListBucketResult/Contents") ? keep(p, err) : HC_OK;
    hc_str name = slash == SIZE_MAX ? HC_S("") : hc_str_sub(path, slash + 1, path.n);
    if (hc_str_eqz(name, "Contents/Key"))
        p->now.key = text;
    else if (hc_str_eqz(name, "Contents/ETag"))
        p->now.etag = text;
    else if (hc_str_eqz(name, "Contents/Size") && hc_str_to_i64(text, &size) && size >= 0)
        p->now.size = (uint64_t)size, p->now.sized = true;
    else if (hc_str_eqz(name, "IsTruncated"))
        p->out->truncated = hc_str_eqz(hc_str_trim(text), "true");
    else if (hc_str_eqz(name, "NextContinuationToken"))
        p->out->next = text;
    else if (hc_str_eqz(name, "EncodingType"))
        p->url_encoded = hc_str_eqz(hc_str_trim(text), "url");
    return HC_OK;
}

enum hc_rc s3_read_page(struct hc_arena *a, hc_str doc, struct s3_page *out, struct hc_err *err)
{
    struct page p = { .a = a, .out = out };
    size_t first = out->n;
    out->truncated = false;
    out->next = (hc_str){ NULL, 0 };
    enum hc_rc rc = s3_xml_read(a, doc, page_part, &p, err);
    if (rc != HC_OK)
        return rc;
    for (size_t i = first; i < out->n; i++) {
        struct s3_object *o = &out->objects[i];
        if (p.url_encoded)
            o->key = hc_percent_decode(a, o->key, true);
        while (o->etag.n && o->etag.p[0] == '"')
            o->etag = hc_str_sub(o->etag, 1, o->etag.n);
        while (hc_str_ends(o->etag, HC_S("\"")))
            o->etag.n--;
    }
    if (out->truncated && !out->next.n)
        return hc_fail(err, HC_E_INPUT, "the list goes on, and the answer does not say where");
    return hc_arena_check(a, err, "list of objects");
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static enum hc_rc fault_part(void *ctx, hc_str path, hc_str text, struct hc_err *err)
{
    struct s3_fault *f = ctx;
    (void)err;
    if (hc_str_eqz(path, "Error/Code"))
        f->code = text.p ? text : f->code;
    else if (hc_str_eqz(path, "Error/Message"))
        f->message = text.p ? text : f->message;
    else if (hc_str_eqz(path, "Error/Region"))
        f->region = text.p ? text : f->region;
    return HC_OK;
}

void s3_read_fault(struct hc_arena *a, hc_str doc, struct s3_fault *out)
{
    *out = (struct s3_fault){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    if (s3_xml_read(a, doc, fault_part, out, NULL) != HC_OK)
        *out = (struct s3_fault){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
}
