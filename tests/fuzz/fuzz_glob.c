/*
 * File patterns: a name, NUL, then a pattern of Go's filepath.Match, lines of .helmignore and lines of .sourceignore.
 */
#include "charts-fetch/chart/ignore.h"
#include "charts-fetch/source/sourceignore.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    hc_str rest = fuzz_text(data, size), name = fuzz_part(&rest);
    struct hc_ignore *rules = NULL;
    struct hc_err err = HC_ERR_INIT;
    bool bad = false;
    if (!rest.p)
        return 0;
    (void)hc_path_match(rest, name, &bad);
    if (hc_ignore_parse(a, rest, &rules, &err) == HC_OK) {
        (void)hc_ignored(rules, name, false);
        (void)hc_ignored(rules, name, true);
    } else if (!err.msg[0]) {
        abort();
    }
    struct hc_sourceignore *g = hc_sourceignore_new(a);
    hc_sourceignore_add(g, HC_S("a/b"), rest);
    hc_sourceignore_end(g, rest);
    if (hc_sourceignore_prunes(g, name) && !hc_sourceignored(g, name, true))
        abort();
    (void)hc_sourceignored(g, name, false);
    (void)hc_sourceignored(g, name, true);
    return 0;
}
