/*
 * warm ARCHIVE [ROUNDS [TIMES]]: loads a chart and renders it with its defaults, then renders it again with other values as the
 * controller does, all in one process. Prints: CPU microseconds of loading and the first render, of the second render
 * (medians over the rounds, each with a cold cache of compiled charts), and how many parses and compilations the second
 * renders did. Exit 2: the chart does not render so. TIMES (1): how many more renders there are of each second one; it makes
 * a profile of the whole process one of second renders.
 *
 * warm --check ARCHIVE...: whether renders of a chart give, after others in the same process, the bytes that each gives
 * when nothing is kept. Exit 1: one does not. CHANGES=N: with N single values of its values.yaml changed, too, one in each.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "charts-fetch/source/local.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "templating/render/render.h"

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_size(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static enum hc_rc render_in(struct hc_arena *a, struct hc_chart *c, struct hc_val *values,
                            const struct hc_door *door, struct hc_render_output *out, struct hc_err *err)
{
    const struct hc_render_input in = { .chart = c,
                                        .values = values,
                                        .release_name = HC_S("rel"),
                                        .release_namespace = HC_S("default"),
                                        .door = door,
                                        .revision = 1 };
    return hc_render(a, &in, out, err);
}

static struct hc_val *values_of(struct hc_arena *a, const char *key, const char *value)
{
    struct hc_val *values = hc_map_new(a);
    if (key)
        hc_map_put_strz(a, values, key, value);
    return values;
}

static enum hc_rc render(struct hc_chart *c, const char *key, const char *value, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_render_output out;
    return render_in(a, c, values_of(a, key, value), NULL, &out, err);
}

/* ---- --check: what an earlier render left changes nothing ------------------------------------------------- */

static int64_t no_time(void *ctx)
{
    (void)ctx;
    return 1700000000000000000;
}

static bool no_random(void *ctx, void *out, size_t n)
{
    uint64_t *x = ctx;
    for (size_t i = 0; i < n; i++) {
        *x = *x * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(*x >> 56);
    }
    return true;
}

/* The manifest, or the error. */
static hc_str all_with(struct hc_arena *a, struct hc_chart *c, struct hc_val *values)
{
    uint64_t seed = 1;
    const struct hc_door door = { .ctx = &seed, .now_ns = no_time, .random = no_random };
    struct hc_err err = HC_ERR_INIT;
    struct hc_render_output out;
    if (render_in(a, c, values, &door, &out, &err) != HC_OK)
        return hc_arena_str(a, hc_str_of(err.msg));
    hc_str parts[] = { hc_documents_manifest(a, &out.docs), out.docs.notes };
    return hc_arena_cat(a, parts[1].p ? 2 : 1, parts);
}

static hc_str all_of(struct hc_arena *a, struct hc_chart *c, const char *key, const char *value)
{
    return all_with(a, c, values_of(a, key, value));
}

/* Of the scalars below a value, the one that *nth counts down to, changed, in maps as it stands there; NULL: there are fewer. */
static struct hc_val *changed(struct hc_arena *a, const struct hc_val *v, size_t *nth)
{
    if (!hc_is_map(v)) {
        if (hc_is_list(v) || (*nth)-- != 0)
            return NULL;
        if (v->kind == HC_BOOL)
            return hc_bool_val(a, !v->b);
        if (v->kind == HC_STR) {
            const hc_str parts[] = { hc_get_str(v), HC_S("x") };
            return hc_str_val_ref(a, hc_arena_cat(a, HC_LEN(parts), parts));
        }
        return v->kind == HC_FLOAT ? hc_float_val(a, v->f + 1) : hc_str_val(a, HC_S("some"));
    }
    for (size_t i = 0; i < hc_map_len(v); i++) {
        struct hc_val *to = changed(a, hc_map_at(v, i)->val, nth), *map = to ? hc_map_new(a) : NULL;
        if (!to)
            continue;
        hc_map_put_ref(a, map, hc_map_at(v, i)->key, to);
        return map;
    }
    return NULL;
}

/* The same for renders that differ in one value each, which others than this and the next do not have. */
static int check_changes(struct hc_chart *c, size_t most)
{
    size_t all = SIZE_MAX, differ = 0;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    (void)changed(a, c->values, &all);
    all = SIZE_MAX - all;
    size_t n = HC_MIN(all, most);
    hc_str *warm = HC_NEW_N(a, hc_str, n + 1);
    for (int cold = 0; warm && cold < 2; cold++)
        for (size_t i = 0; i < n; i++) {
            HC_AUTO(hc_arena) struct hc_arena *step = hc_arena_new(0);
            size_t nth = i * all / n;
            if (cold)
                hc_render_cache_clear();
            hc_str text = all_with(step, c, changed(step, c->values, &nth));
            if (!cold)
                warm[i] = hc_arena_str(a, text);
            else
                differ += !hc_str_eq(warm[i], text);
        }
    printf("%zu of %zu changes differ\n", differ, n);
    return (int)differ;
}

/* Renders with defaults, other values, and defaults again; then each anew with nothing kept. */
static int check(struct hc_chart *c, const char *name, const char *const *keys)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const char *const values[] = { "a", "a-much-longer-name", "a", "b" };
    hc_str warm[1 + HC_LEN(values)][4];
    int differ = 0;
    uint64_t recalls = hc_program_recalls(), finds = hc_program_finds();
    hc_render_cache_clear();
    for (size_t i = 0; i <= HC_LEN(values); i++)
        for (size_t k = 0; keys[k]; k++)
            warm[i][k] = all_of(a, c, i ? keys[k] : NULL, i ? values[i - 1] : NULL);
    recalls = hc_program_recalls() - recalls;
    finds = hc_program_finds() - finds;
    for (size_t i = 0; i <= HC_LEN(values); i++)
        for (size_t k = 0; keys[k]; k++) {
            hc_render_cache_clear();
            differ += !hc_str_eq(warm[i][k], all_of(a, c, i ? keys[k] : NULL, i ? values[i - 1] : NULL));
        }
    printf("%s: %d differ, %llu includes recalled, %llu found\n", name, differ, (unsigned long long)recalls,
           (unsigned long long)finds);
    return differ;
}

int main(int argc, char **argv)
{
    enum { MOST = 100 };
    static int64_t first[MOST], second[MOST];
    /* What nearly every chart takes, schema or not; a release renamed is other values enough where none is taken. */
    static const char *const keys[] = { "fullnameOverride", "nameOverride", "fullNameOverride", NULL };
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 7;
    long times = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str archive;
    if (argc > 2 && strcmp(argv[1], "--check") == 0) {
        int differ = 0;
        for (int i = 2; i < argc; i++) {
            struct hc_chart *c = NULL;
            if (hc_read_file(a, AT_FDCWD, argv[i], HC_MAX_CHART_PACKED, &archive, &err) != HC_OK ||
                hc_chart_load_archive(archive, &hc_chart_archives, &c, &err) != HC_OK) {
                fprintf(stderr, "%s: %s\n", argv[i], err.msg);
                return 2;
            }
            differ += check(c, argv[i], keys);
            if (getenv("CHANGES"))
                differ += check_changes(c, strtoul(getenv("CHANGES"), NULL, 10));
            hc_chart_unref(c);
        }
        return differ > 0;
    }
    if (argc < 2 || rounds < 1 || rounds > MOST ||
        hc_read_file(a, AT_FDCWD, argv[1], HC_MAX_CHART_PACKED, &archive, &err) != HC_OK) {
        fprintf(stderr, "usage: warm ARCHIVE [ROUNDS [TIMES]] %s\n", err.msg);
        return 1;
    }
    uint64_t parsed = 0;
    for (long i = 0; i < rounds; i++) {
        struct hc_chart *c = NULL;
        hc_render_cache_clear();
        int64_t from = cpu_us();
        if (hc_chart_load_archive(archive, &hc_chart_archives, &c, &err) != HC_OK ||
            render(c, NULL, NULL, &err) != HC_OK) {
            fprintf(stderr, "%s\n", err.msg);
            return 2;
        }
        first[i] = cpu_us() - from;
        uint64_t before = hc_program_parses();
        from = cpu_us();
        size_t k = 0;
        while (render(c, keys[k], "other", &err) != HC_OK) {
            if (!keys[k++])
                return 2;
            from = cpu_us();
        }
        for (long n = 1; n < times; n++) {
            char another[32];
            snprintf(another, sizeof(another), "other%ld", n); /* nothing that depends on it is known already */
            if (render(c, keys[k], another, &err) != HC_OK)
                return 2;
        }
        second[i] = (cpu_us() - from) / HC_MAX(times, 1L);
        parsed += hc_program_parses() - before;
        hc_chart_unref(c);
    }
    qsort(first, (size_t)rounds, sizeof(*first), by_size);
    qsort(second, (size_t)rounds, sizeof(*second), by_size);
    printf("%lld %lld %llu\n", (long long)first[rounds / 2], (long long)second[rounds / 2],
           (unsigned long long)parsed);
    return 0;
}
