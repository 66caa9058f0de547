/*
 * Recording and replay: the same bytes, answers that stay with their places, questions that nobody has an answer to,
 * damaged files.
 */
#include "templating/render/recording.h"

#include <stdio.h>

#include "core/base/digest.h"
#include "core/base/limits.h"
#include "tests/unit/unit.h"

/* ---- a world that is never the same twice ------------------------------------------------------------- */

static int64_t world_now = 1700000000123456789;
static unsigned lookups;

static int64_t w_now(void *ctx)
{
    (void)ctx;
    return world_now += 1000000007;
}
static enum hc_rc w_lookup(void *ctx, struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns, hc_str name,
                           struct hc_val **out, struct hc_err *err)
{
    (void)ctx, (void)api_version, (void)kind, (void)ns, (void)err;
    lookups++;
    *out = NULL;
    if (hc_str_eqz(name, "gone"))
        return HC_E_NOTFOUND;
    *out = hc_map_new(a);
    hc_map_put_int(a, *out, "seen", lookups);
    return HC_OK;
}
static hc_str w_resolve(void *ctx, struct hc_arena *a, hc_str host)
{
    (void)ctx, (void)host;
    return hc_arena_printf(a, "10.0.0.%u", ++lookups);
}
static const struct hc_door world = { .now_ns = w_now, .lookup = w_lookup, .resolve = w_resolve };

/* ---- charts of one template ---------------------------------------------------------------------------- */

struct shot {
    struct hc_arena *a;
    struct hc_recording *rec; /* what was recorded; NULL when the render failed */
    hc_str text, file;        /* of the first document; of the recording */
    size_t unasked;
    enum hc_rc rc;
    struct hc_err err;
};

static struct shot take_of(const char *chart, const char *release, const char *template, const char *values,
                           const struct hc_recording *known, unsigned keep, bool strict)
{
    struct shot s = { .a = hc_arena_new(0), .err = HC_ERR_INIT };
    hc_str meta = hc_arena_printf(s.a, "apiVersion: v2\nname: %s\nversion: 1.0.0\n", chart);
    const struct hc_chart_file files[] = {
        { HC_S("Chart.yaml"), meta },
        { HC_S("templates/_h.tpl"), HC_S("{{ define \"pw\" }}{{ randAlphaNum 16 }}{{ end }}") },
        { HC_S("templates/a.yaml"), hc_str_of(template) },
    };
    const struct hc_chart_port port = { .no_digest = true };
    struct hc_chart *c = NULL;
    struct hc_val *v = NULL;
    struct hc_render_output out;
    assert_int_equal(hc_chart_load_files(hc_arena_new(0), files, HC_LEN(files), &port, &c, &s.err), HC_OK);
    assert_int_equal(hc_values_parse(s.a, hc_str_of(values), HC_S("v.yaml"), &v, &s.err), HC_OK);
    struct hc_render_input in = { .chart = c,
                                  .values = v,
                                  .release_name = hc_str_of(release),
                                  .release_namespace = HC_S("shop"),
                                  .revision = 3 };
    const struct hc_recorder_opts o = { .known = known, .keep = keep, .strict = strict, .inner = &world };
    struct hc_recorder *r = hc_recorder_new(s.a, &o);
    s.rc = hc_recorder_begin(r, &in, &s.err);
    if (s.rc == HC_OK)
        s.rc = hc_render(s.a, &in, &out, &s.err);
    if (s.rc == HC_OK) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_str *unasked;
        s.text = hc_arena_str(s.a, out.docs.manifests[0].text);
        s.unasked = hc_recorder_unasked(r, s.a, &unasked);
        assert_int_equal(hc_recorder_write(r, &b, &s.err), HC_OK);
        s.file = hc_buf_to_arena(&b, s.a);
        if (hc_recording_parse(s.a, s.file, HC_S("rec.json"), &s.rec, &s.err) != HC_OK)
            fail_msg("%s\n%.*s", s.err.msg, HC_P(s.file));
    }
    hc_chart_unref(c);
    return s;
}

static struct shot take(const char *template, const char *values, const struct hc_recording *known, unsigned keep,
                        bool strict)
{
    return take_of("web", "rel", template, values, known, keep, strict);
}
static void drop(struct shot *s)
{
    hc_arena_free(s->a);
}

static hc_str line_of(const struct shot *s, const char *key)
{
    size_t at = hc_str_find_str(s->text, hc_str_of(key));
    assert_true(at != SIZE_MAX);
    hc_str rest = hc_str_sub(s->text, at, s->text.n);
    return hc_str_sub(rest, 0, hc_str_find(rest, '\n'));
}

static void says(const struct shot *s, const char *text)
{
    if (s->rc != HC_E_INPUT || !strstr(s->err.msg, text))
        fail_msg("rc %d, wanted \"%s\" in: %s", (int)s->rc, text, s->err.msg);
}

#define HEAD "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n"

/* ---- tests --------------------------------------------------------------------------------------------- */

static void same_bytes_again(void **state)
{
    (void)state;
    static const char all[] =
        "{{- $pw := randAlphaNum 12 }}{{ $ca := genCAWithKey \"c\" 9 (genPrivateKey \"ecdsa\") }}\n" HEAD
        "  a: {{ $pw }}\n  b: {{ include \"pw\" . }}\n  c: {{ now | quote }}\n  d: {{ uuidv4 }}\n"
        "  e: {{ $ca.Cert | b64enc }}\n  f: {{ randInt 1 1000000000 }}\n  g: {{ shuffle \"abcdefghijklmnop\" }}\n"
        "  h: {{ lookup \"v1\" \"Secret\" \"shop\" \"x\" | toJson }}\n  i: {{ lookup \"v1\" \"Pod\" \"shop\" "
        "\"gone\" | toJson }}\n"
        "  j: {{ getHostByName \"db\" }}\n  k: {{ dateInZone \"15:04 MST\" now \"Asia/Tokyo\" }}\n"
        "  l: {{ ago (toDate \"2006\" \"2020\") }}\n  m: {{ encryptAES \"k\" \"text\" }}\n  n: {{ randBytes 16 }}\n"
        "  o: {{ randAscii 9 | quote }}\n  o2: {{ randAlpha 9 }}{{ randNumeric 9 }}\n  p: {{ .Release.Revision }}\n"
        "  q: {{ bcrypt \"x\" }}\n  r: {{ $ca.Key | sha256sum }}\n  s: {{ date \"15:04:05\" \"no time\" }}\n";
    struct shot first = take(all, "", NULL, 0, false);
    if (first.rc != HC_OK)
        fail_msg("%s", first.err.msg);
    struct shot other = take(all, "", NULL, 0, false);
    assert_false(hc_str_eq(first.text, other.text));
    unsigned asked = lookups;
    for (int i = 0; i < 3; i++) {
        struct shot again = take(all, "", first.rec, HC_ASKED_ALL, true);
        if (again.rc != HC_OK)
            fail_msg("%s", again.err.msg);
        assert_true(hc_str_eq(first.text, again.text));
        assert_true(hc_str_eq(first.file, again.file));
        drop(&again);
    }
    assert_int_equal(lookups, asked); /* the world was not asked */
    drop(&first);
    drop(&other);
}

static void answers_stay_with_their_places(void **state)
{
    (void)state;
    struct shot old = take(HEAD "  db: {{ randAlphaNum 16 }}\n  admin: {{ include \"pw\" . }}\n"
                                "{{- range .Values.users }}\n  {{ . }}: {{ randAlphaNum 16 }}\n{{- end }}\n",
                           "users: [ann, carol]", NULL, 0, false);
    static const char more[] =
        "{{- $new := randAlphaNum 16 }}\n" HEAD "  fresh: {{ randAlphaNum 16 }}\n"
        "  first: {{ include \"pw\" . }}\n    # moved, with more around it\n"
        "  admin:   {{ include \"pw\" . | quote | trimAll \"\\\"\" }}\n  db: {{ randAlphaNum 16 }}\n"
        "{{- range .Values.users }}\n  {{ . }}: {{ randAlphaNum 16 }}\n{{- end }}\n  n: {{ $new }}\n";
    struct shot new = take(more, "users: [bob, carol, ann]", old.rec, HC_ASKED_GENERATED, false);
    if (new.rc != HC_OK)
        fail_msg("%s", new.err.msg);
    static const char *const keys[] = { "  db: ", "  ann: ", "  carol: " };
    for (size_t i = 0; i < HC_LEN(keys); i++)
        assert_true(hc_str_eq(line_of(&old, keys[i]), line_of(&new, keys[i])));
    assert_true(hc_str_ends(line_of(&new, "  admin: "), hc_str_sub(line_of(&old, "  admin: "), 9, 100)));
    assert_false(
        hc_str_eq(hc_str_sub(line_of(&new, "  bob: "), 7, 100), hc_str_sub(line_of(&old, "  ann: "), 7, 100)));
    /* and what was new is known from then on */
    struct shot third = take(more, "users: [bob, carol, ann]", new.rec, HC_ASKED_ALL, true);
    assert_true(hc_str_eq(new.text, third.text));
    drop(&old);
    drop(&new);
    drop(&third);
}

static void a_new_question_says_so(void **state)
{
    (void)state;
    struct shot old = take(HEAD "  db: {{ randAlphaNum 16 }}\n", "", NULL, 0, false);
    hc_str secret = hc_str_sub(line_of(&old, "  db: "), 6, 100);
    static const struct {
        const char *template, *want;
    } rows[] = {
        { HEAD "  db: {{ randAlphaNum 16 }}\n  web: {{ randAlphaNum 24 }}\n",
          "randAlphaNum 24 for web is asked, and recording rec.json has no answer to it: it "
          "knows web/templates/a.yaml:5: randAlphaNum 16 for db. Record anew" },
        { HEAD "  db: {{ randAlphaNum 16 }}{{ randAlphaNum 16 }}\n", "(call 2 of its kind)" },
        { HEAD "  db: {{ include \"pw\" . }}\n", "randAlphaNum 16 for db is asked" },
        { HEAD "  db: {{ htpasswd \"me\" .Values.pw }}\n",
          "htpasswd \"me\" *** for db is asked, and recording rec.json has no answer to it: it knows no htpasswd "
          "in" },
        { HEAD "  t: {{ now }}\n", "now asks for the time, and recording rec.json has no" },
        { HEAD "  t: {{ dateInZone \"15\" 0 \"Asia/Tokyo\" }}\n", "dateInZone asks for a time zone" },
        { HEAD "  t: {{ getHostByName \"db\" }}\n", "getHostByName asks for the address of a host" },
        { HEAD "  t: {{ lookup \"v1\" \"Pod\" \"shop\" \"p\" | toJson }}\n",
          "lookup of v1 Pod p in namespace \"shop\" is asked, and recording rec.json has no answer" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct shot s = take(rows[i].template, "pw: hunter2", old.rec, HC_ASKED_ALL, true);
        says(&s, rows[i].want);
        assert_true(s.err.line > 0 && s.err.file[0]);
        assert_null(strstr(s.err.msg, "hunter2"));
        assert_int_equal(hc_str_find_str(hc_str_of(s.err.msg), secret), SIZE_MAX);
        drop(&s);
    }
    drop(&old);
}

static void of_another(void **state)
{
    (void)state;
    static const char t[] = HEAD "  db: {{ randAlphaNum 16 }}\n";
    struct shot old = take(t, "", NULL, 0, false), s;
    s = take_of("other", "rel", t, "", old.rec, HC_ASKED_ALL, true);
    says(&s, "recording rec.json is of chart \"web\", not of \"other\"");
    drop(&s);
    s = take_of("web", "rel2", t, "", old.rec, HC_ASKED_GENERATED, false);
    says(&s, "is of release \"rel\" in namespace \"shop\", not of \"rel2\" in \"shop\"");
    drop(&s);
    drop(&old);
}

static void unasked_values_are_kept_a_while(void **state)
{
    (void)state;
    static const char on[] = HEAD "  db: {{ randAlphaNum 16 }}\n", off[] = HEAD "  db: none\n";
    struct shot first = take(on, "", NULL, 0, false), s = take(off, "", first.rec, HC_ASKED_GENERATED, false);
    assert_int_equal(s.unasked, 1);
    for (unsigned i = 1; i < HC_MAX_RECORDING_UNASKED; i++) {
        struct shot next = take(off, "", s.rec, HC_ASKED_GENERATED, false);
        assert_int_equal(next.unasked, 0); /* told once */
        drop(&s);
        s = next;
    }
    struct shot back = take(on, "", s.rec, HC_ASKED_GENERATED, false);
    assert_true(hc_str_eq(back.text, first.text));
    struct shot gone = take(off, "", s.rec, HC_ASKED_GENERATED, false);
    struct shot anew = take(on, "", gone.rec, HC_ASKED_GENERATED, false);
    assert_false(hc_str_eq(anew.text, first.text));
    drop(&first);
    drop(&s);
    drop(&back);
    drop(&gone);
    drop(&anew);
}

static void certificates_do_not_run_out(void **state)
{
    (void)state;
    static const char t[] = "{{ $ca := genCAWithKey \"c\" 90 (genPrivateKey \"ecdsa\") }}\n" HEAD
                            "  crt: {{ $ca.Cert | b64enc }}\n  key: {{ $ca.Key | sha256sum }}\n";
    struct shot first = take(t, "", NULL, 0, false);
    world_now += 50 * 86400 * 1000000000LL;
    struct shot young = take(t, "", first.rec, HC_ASKED_GENERATED, false);
    assert_true(hc_str_eq(first.text, young.text));
    world_now += 20 * 86400 * 1000000000LL;
    struct shot old = take(t, "", young.rec, HC_ASKED_GENERATED, false);
    assert_true(hc_str_eq(line_of(&first, "  key: "), line_of(&old, "  key: "))); /* the key was given */
    assert_false(hc_str_eq(first.text, old.text));
    struct shot same = take(t, "", first.rec, HC_ASKED_ALL, true); /* a replay looks at no clock */
    assert_true(hc_str_eq(first.text, same.text));
    drop(&first);
    drop(&young);
    drop(&old);
    drop(&same);
}

static void damaged_files(void **state)
{
    (void)state;
    struct shot s = take(HEAD "  db: {{ randAlphaNum 16 }}\n  at: {{ now }}\n", "", NULL, 0, false);
    hc_str secret = hc_str_sub(line_of(&s, "  db: "), 6, 100);
    struct hc_recording *r;
    struct hc_err err = HC_ERR_INIT;
    hc_str end = hc_str_trim_right(s.file);
    for (size_t n = 0; n < end.n; n++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        assert_int_equal(hc_recording_parse(a, hc_str_sub(end, 0, n), HC_S("rec.json"), &r, &err), HC_E_INPUT);
        assert_true(strstr(err.msg, "cut short") || strstr(err.msg, "is empty"));
    }
    /* any byte changed: an error or another recording, and no secret told */
    for (size_t i = 0; i < end.n; i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        char *copy = hc_arena_strz(a, end);
        copy[i] = copy[i] == 'x' ? '"' : 'x';
        if (hc_recording_parse(a, hc_str_of(copy), HC_S("rec.json"), &r, &err) != HC_OK)
            assert_int_equal(hc_str_find_str(hc_str_of(err.msg), secret), SIZE_MAX);
    }
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "{}", "rec.json is no recording: it has no \"format\"" },
        { "[1]", "is no recording" },
        { "a: b", "is no recording" },
        { "{\"a\" 1}", "rec.json:1:6 is no JSON" },
        { "{\"format\":\"helmctl.dev/recording/v2\",\"program\":\"helmctl 9\"}",
          "has the format helmctl.dev/recording/v2 (written by helmctl 9), and this helmctl reads" },
        { "{\"format\":\"helmctl.dev/recording/v1\"}", "it does not say which chart and release it is of" },
        { "{\"format\":\"helmctl.dev/recording/v1\",\"chart\":{\"name\":\"a\"},\"release\":{\"name\":\"b\"},"
          "\n\"generated\":[\n{\"in\":\"x\",\"call\":\"y\",\"answer\":[]}]}",
          "rec.json:3: an entry of \"generated\" has no" },
        { "{\"format\":\"helmctl.dev/recording/v1\",\"chart\":{\"name\":\"a\"},\"release\":{\"name\":\"b\"},"
          "\"clock\":\"yesterday\"}",
          "\"clock\" is no time" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        assert_int_equal(hc_recording_parse(s.a, hc_str_of(rows[i].text), HC_S("rec.json"), &r, &err), HC_E_INPUT);
        if (!strstr(err.msg, rows[i].want))
            fail_msg("wanted \"%s\" in: %s", rows[i].want, err.msg);
    }
    drop(&s);
}

static void compared(void **state)
{
    (void)state;
    struct shot x = take(HEAD "  a: {{ randAlphaNum 16 }}\n  b: {{ randAlphaNum 16 }}\n", "", NULL, 0, false);
    struct shot y = take(HEAD "  b: {{ randAlphaNum 16 }}\n  c: {{ randAlphaNum 16 }}\n", "", x.rec, 0, false);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    assert_int_equal(hc_recording_diff(x.rec, x.rec, &b), 0);
    assert_int_equal(hc_recording_diff(x.rec, y.rec, &b), 3);
    assert_true(hc_str_eqz(hc_buf_str(&b), "- web/templates/a.yaml:5: randAlphaNum 16 for a\n"
                                           "~ web/templates/a.yaml:6: randAlphaNum 16 for b\n"
                                           "+ web/templates/a.yaml:6: randAlphaNum 16 for c\n"));
    drop(&x);
    drop(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_again),
        cmocka_unit_test(answers_stay_with_their_places),
        cmocka_unit_test(a_new_question_says_so),
        cmocka_unit_test(of_another),
        cmocka_unit_test(unasked_values_are_kept_a_while),
        cmocka_unit_test(certificates_do_not_run_out),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
