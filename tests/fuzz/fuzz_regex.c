/*
 * Regular expressions: RE2's syntax to PCRE2's, and the matcher of schemas. What both take and is plain enough for both
 * must match the same texts; every sixteenth input is compiled for that, which takes long.
 */
#include "lua/funcs/regex.h"
#include "templating/overlay/pattern.h"
#include "tests/fuzz/fuzz.h"

static bool plain(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80 || s.p[i] == '\0')
            return false;
    return true;
}

static void compare(struct hc_arena *a, hc_str expression, struct hc_pattern *p)
{
    static const char *const texts[] = { "", "a", "abc", "aab\n", "0 _-", "A.b" };
    HC_AUTO(hc_regex) struct hc_regex *r = NULL;
    struct hc_err err = HC_ERR_INIT;
    size_t made;
    if (hc_regex_get(expression, &r, &made, &err) != HC_OK)
        return;
    for (size_t i = 0; i < HC_LEN(texts); i++) {
        HC_AUTO(hc_search) struct hc_search s = { 0 };
        bool found = false;
        if (hc_search_init(&s, r, hc_str_of(texts[i]), &err) != HC_OK ||
            hc_search_next(&s, 0, &found, &err) != HC_OK)
            continue;
        if (found != hc_pattern_matches(p, hc_str_of(texts[i]), NULL))
            abort();
    }
    (void)a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf pattern = { .ceiling = 1 << 20 }, names = { .ceiling = 1 << 20 };
    static unsigned turn;
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_pattern *p = NULL;
    size_t groups = 0;
    hc_str text = fuzz_text(data, size);
    hc_buf_reset(&pattern);
    hc_buf_reset(&names);
    enum hc_rc rc = hc_regex_translate(text, &pattern, &names, &groups, &err);
    if (rc != HC_OK && !err.msg[0])
        abort();
    enum hc_rc own = hc_pattern_compile(a, text, NULL, &p, &err);
    if (own == HC_OK)
        (void)hc_pattern_matches(p, HC_S("some text of a-z 0_9\n"), NULL);
    if (rc == HC_OK && own == HC_OK && plain(text) && turn++ % 16 == 0)
        compare(a, text, p);
    return 0;
}
