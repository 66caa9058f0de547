/*
 * Releases on stdout, in Helm's formats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "deploy/compose/compose.h"
#include "helmctl/cli/release.h"

static void out(const struct hc_buf *b)
{
    hc_str s = hc_buf_str(b);
    fwrite(s.p, 1, s.n, stdout);
}

int hc_cli_print_value(const struct hc_val *v, const char *output)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (strcmp(output, "json") == 0) {
        hc_json_write(&b, v, HC_JSON_HTML | HC_JSON_GO_FLOAT);
        hc_buf_putc(&b, '\n');
    } else {
        hc_yaml_write(&b, v);
    }
    out(&b);
    return 0;
}

static size_t line_width(hc_str s)
{
    size_t width = 0;
    hc_str line;
    while (hc_str_split(&s, '\n', &line))
        width = HC_MAX(width, hc_utf8_count(line));
    return width;
}

/* The first n code points. */
static hc_str first(hc_str s, size_t n)
{
    size_t at = 0;
    uint32_t rune;
    for (; n > 0 && at < s.n; n--)
        at += HC_MAX(hc_utf8_decode(hc_str_sub(s, at, s.n), &rune), (size_t)1);
    return hc_str_sub(s, 0, at);
}

void hc_cli_print_cut_table(const hc_str *cells, size_t columns, size_t rows, size_t most)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            hc_str cell = cells[y * columns + x];
            size_t width = 0, have = hc_utf8_count(cell);
            for (size_t i = 0; i < rows; i++)
                width = HC_MAX(width, line_width(cells[i * columns + x]));
            width = most ? HC_MIN(width, most) : width;
            if (have > width) /* a text of several lines is cut to the width of its longest */
                hc_buf_printf(&b, "%.*s...", HC_P(first(cell, width > 3 ? width - 3 : 0)));
            else
                hc_buf_put(&b, cell);
            hc_buf_fill(&b, ' ', have > width ? 0 : width - have);
            hc_buf_putc(&b, x + 1 < columns ? '\t' : '\n');
        }
    out(&b);
}

void hc_cli_print_table(const hc_str *cells, size_t columns, size_t rows)
{
    hc_cli_print_cut_table(cells, columns, rows, 0);
}

/* ---- times ------------------------------------------------------------------------------------------------- */

/* The clock as it was written, in its own zone. */
static bool civil(hc_str t, struct tm *tm, hc_str *zone)
{
    int64_t ms = hc_time_parse_ms(t), offset = 0;
    if (ms < 0 || t.n < 20)
        return false;
    *zone = HC_S("");
    if (t.p[t.n - 1] != 'Z' && t.n > 6) {
        *zone = hc_str_sub(t, t.n - 6, t.n);
        offset = ((zone->p[1] - '0') * 10 + (zone->p[2] - '0')) * 60 + (zone->p[4] - '0') * 10 + (zone->p[5] - '0');
        if (zone->p[0] == '-')
            offset = -offset;
    }
    time_t s = (time_t)(ms / 1000 + offset * 60);
    return gmtime_r(&s, tm) != NULL;
}

hc_str hc_cli_time_ansic(struct hc_arena *a, hc_str t)
{
    struct tm tm;
    hc_str zone;
    char text[64];
    if (!civil(t, &tm, &zone))
        return HC_S("Mon Jan  1 00:00:00 0001");
    size_t n = strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
    return hc_arena_str(a, hc_str_n(text, n));
}

hc_str hc_cli_time_string(struct hc_arena *a, hc_str t)
{
    struct tm tm;
    hc_str zone, fraction = HC_S("");
    char text[64];
    if (!civil(t, &tm, &zone))
        return HC_S("-");
    size_t n = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    size_t dot = hc_str_find(t, '.');
    if (dot != SIZE_MAX) {
        size_t end = dot + 1;
        while (end < t.n && t.p[end] >= '0' && t.p[end] <= '9')
            end++;
        fraction = hc_str_sub(t, dot, end);
    }
    if (zone.n == 0)
        return hc_arena_printf(a, "%.*s%.*s +0000 UTC", (int)n, text, HC_P(fraction));
    hc_str hhmm = hc_arena_printf(a, "%c%.2s%.2s", zone.p[0], zone.p + 1, zone.p + 4);
    return hc_arena_printf(a, "%.*s%.*s %.*s %.*s", (int)n, text, HC_P(fraction), HC_P(hhmm), HC_P(hhmm));
}

/* ---- parts ------------------------------------------------------------------------------------------------- */

hc_str hc_cli_chart_label(struct hc_arena *a, const struct hc_record *r)
{
    const struct hc_val *m = hc_map_getz(r->chart, "metadata");
    if (!m)
        return HC_S("MISSING");
    return hc_arena_printf(a, "%.*s-%.*s", HC_P(hc_get_str(hc_map_getz(m, "name"))),
                           HC_P(hc_get_str(hc_map_getz(m, "version"))));
}

hc_str hc_cli_app_version(const struct hc_record *r)
{
    const struct hc_val *m = hc_map_getz(r->chart, "metadata");
    hc_str s = hc_get_str(hc_map_getz(m, "appVersion"));
    return m ? (s.p ? s : HC_S("")) : HC_S("MISSING");
}

static bool has_event(const struct hc_record_hook *h, const char *event)
{
    for (size_t i = 0; i < hc_list_len(h->events); i++)
        if (hc_str_eqz(hc_get_str(hc_list_at(h->events, i)), event))
            return true;
    return false;
}

static void put_tests(struct hc_buf *b, struct hc_arena *a, const struct hc_record *r)
{
    bool any = false;
    for (size_t i = 0; i < r->hooks_n; i++) {
        const struct hc_record_hook *h = &r->hooks[i];
        if (!has_event(h, "test"))
            continue;
        any = true;
        if (h->started_at.n == 0)
            continue;
        hc_buf_printf(b, "TEST SUITE:     %.*s\nLast Started:   %.*s\nLast Completed: %.*s\nPhase:          %.*s\n",
                      HC_P(h->name), HC_P(hc_cli_time_ansic(a, h->started_at)),
                      HC_P(hc_cli_time_ansic(a, h->completed_at)), HC_P(h->phase));
    }
    if (!any)
        hc_buf_puts(b, "TEST SUITE: None\n");
}

static void put_resource(struct hc_buf *b, struct hc_arena *a, const struct hc_val *o, size_t width)
{
    int64_t made = hc_time_parse_ms(hc_get_str_at(o, "metadata.creationTimestamp"));
    hc_str age = hc_duration_str(a, made < 0 ? 0 : (hc_now_ms() - made) / 1000 * 1000);
    hc_buf_printf(b, "%-*.*s   %.*s\n", (int)width, HC_P(hc_get_str_at(o, "metadata.name")), HC_P(age));
}

static void put_resources(struct hc_buf *b, struct hc_arena *a, const struct hc_val *resources)
{
    if (hc_map_len(resources) == 0)
        return;
    hc_buf_puts(b, "RESOURCES:\n");
    for (size_t i = 0; i < hc_map_len(resources); i++) {
        const struct hc_entry *e = hc_map_at(resources, i);
        struct hc_val *flat = hc_list_new(a);
        size_t width = 4;
        for (size_t j = 0; j < hc_list_len(e->val); j++) {
            struct hc_val *o = hc_list_at(e->val, j), *items = hc_map_getz(o, "items");
            if (!items)
                hc_list_add(a, flat, o);
            for (size_t k = 0; k < hc_list_len(items); k++)
                hc_list_add(a, flat, hc_list_at(items, k));
        }
        for (size_t j = 0; j < hc_list_len(flat); j++)
            width = HC_MAX(width, hc_get_str_at(hc_list_at(flat, j), "metadata.name").n);
        hc_buf_printf(b, "==> %.*s\n%-*s   AGE\n", HC_P(e->key), (int)width, "NAME");
        for (size_t j = 0; j < hc_list_len(flat); j++)
            put_resource(b, a, hc_list_at(flat, j), width);
        hc_buf_putc(b, '\n');
    }
    hc_buf_putc(b, '\n');
}

static int print_text(struct hc_arena *a, const struct hc_record *r, const struct hc_cli_status *s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str notes = hc_str_trim(r->notes);
    const struct hc_val *m = hc_map_getz(r->chart, "metadata");
    hc_buf_init(&b, 0);
    hc_buf_printf(&b, "NAME: %.*s\n", HC_P(r->name));
    if (r->last_deployed.n > 0)
        hc_buf_printf(&b, "LAST DEPLOYED: %.*s\n", HC_P(hc_cli_time_ansic(a, r->last_deployed)));
    hc_buf_printf(&b, "NAMESPACE: %.*s\nSTATUS: %s\nREVISION: %" PRId64 "\n", HC_P(r->ns),
                  hc_status_name(r->status), r->revision);
    if (s->metadata)
        hc_buf_printf(&b, "CHART: %.*s\nVERSION: %.*s\nAPP_VERSION: %.*s\n",
                      HC_P(hc_get_str(hc_map_getz(m, "name"))), HC_P(hc_get_str(hc_map_getz(m, "version"))),
                      HC_P(hc_cli_app_version(r)));
    hc_buf_printf(&b, "DESCRIPTION: %.*s\n", HC_P(r->description));
    put_resources(&b, a, r->resources);
    put_tests(&b, a, r);
    bool dry = hc_str_eq_nocase(r->description, HC_S("Dry run complete"));
    if (s->debug) {
        hc_buf_puts(&b, "USER-SUPPLIED VALUES:\n");
        hc_yaml_write(&b, r->config ? r->config : hc_null_val(a));
        hc_buf_puts(&b, "\nCOMPUTED VALUES:\n");
        hc_yaml_write(&b, hc_compose_computed(a, r));
        hc_buf_putc(&b, '\n');
    }
    if (dry || s->debug) {
        hc_buf_puts(&b, "HOOKS:\n");
        for (size_t i = 0; i < r->hooks_n; i++)
            hc_buf_printf(&b, "---\n# Source: %.*s\n%.*s\n", HC_P(r->hooks[i].path), HC_P(r->hooks[i].manifest));
        hc_buf_printf(&b, "MANIFEST:\n%.*s\n", HC_P(r->manifest));
    }
    if (!s->hide_notes && notes.n > 0)
        hc_buf_printf(&b, "NOTES:\n%.*s\n", HC_P(notes));
    out(&b);
    return 0;
}

int hc_cli_print_release(struct hc_arena *a, const struct hc_record *r, const char *output,
                         const struct hc_cli_status *s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    hc_buf_init(&b, 0);
    if (strcmp(output, "table") == 0)
        return print_text(a, r, s);
    if (hc_record_json(r, &b, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (strcmp(output, "json") == 0) {
        hc_buf_putc(&b, '\n');
        out(&b);
        return 0;
    }
    if (hc_json_parse(a, hc_buf_str(&b), HC_JSON_NO_POSITIONS, &v, &err) != HC_OK)
        return hc_cli_fail(&err);
    return hc_cli_print_value(v, "yaml");
}
