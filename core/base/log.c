/*
 * One write(2) a line, so that lines of several threads never mix.
 */
#include "core/base/log.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"

static atomic_int threshold = HC_LOG_INFO;
static atomic_bool as_json;

void hc_log_setup(enum hc_log_level level, bool json)
{
    atomic_store(&threshold, (int)level);
    atomic_store(&as_json, json);
}

bool hc_log_enabled(enum hc_log_level level)
{
    return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

static void put_json(struct hc_buf *b, hc_str s)
{
    hc_buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            hc_buf_putc(b, '\\');
            hc_buf_putc(b, (char)c);
        } else if (c == '\n') {
            hc_buf_puts(b, "\\n");
        } else if (c < 0x20) {
            hc_buf_printf(b, "\\u%04x", c);
        } else {
            hc_buf_putc(b, (char)c);
        }
    }
    hc_buf_putc(b, '"');
}

static void put_text(struct hc_buf *b, hc_str s)
{
    bool plain = s.n > 0;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = s.p[i] > ' ' && s.p[i] != '"' && s.p[i] != '=';
    if (plain)
        hc_buf_put(b, s);
    else
        put_json(b, s);
}

void hc_log(enum hc_log_level level, const char *msg, size_t n, const struct hc_log_field *fields)
{
    static const char *const names[] = { "error", "info", "debug", "trace" };
    if (!hc_log_enabled(level))
        return;
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    char stamp[32];
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);

    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 1 << 16);
    bool json = atomic_load(&as_json);
    if (json) {
        hc_buf_printf(&b, "{\"level\":\"%s\",\"ts\":\"%s.%03ldZ\",\"msg\":", names[level], stamp,
                      now.tv_nsec / 1000000);
        put_json(&b, hc_str_of(msg));
    } else {
        hc_buf_printf(&b, "%s.%03ldZ %-5s %s", stamp, now.tv_nsec / 1000000, names[level], msg);
    }
    for (size_t i = 0; i < n; i++) {
        if (json) {
            hc_buf_putc(&b, ',');
            put_json(&b, hc_str_of(fields[i].key));
            hc_buf_putc(&b, ':');
            put_json(&b, fields[i].val);
        } else {
            hc_buf_printf(&b, " %s=", fields[i].key);
            put_text(&b, fields[i].val);
        }
    }
    hc_buf_puts(&b, json ? "}\n" : "\n");
    hc_str line = hc_buf_str(&b);
    if (write(STDERR_FILENO, line.p, line.n) < 0)
        return; /* nobody reads the log; there is nowhere to say so */
}

hc_str hc_log_value(struct hc_arena *a, hc_str s)
{
    bool plain = s.n > 0;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = (unsigned char)s.p[i] > ' ' && s.p[i] != '"' && s.p[i] != '=' && s.p[i] != 0x7f;
    if (plain)
        return s;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_putc(&b, '"');
    for (size_t i = 0; i < s.n; i++) {
        static const char letters[] = "abtnvfr"; /* of 7 to 13 */
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 7 && c <= 13)
            hc_buf_printf(&b, "\\%c", letters[c - 7]);
        else if (c < ' ' || c == 0x7f)
            hc_buf_printf(&b, "\\x%02x", c);
        else
            hc_buf_printf(&b, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    hc_buf_putc(&b, '"');
    return hc_buf_to_arena(&b, a);
}
