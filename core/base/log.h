#pragma once
/*
 * core/base/log.h - one sink for what a process says of itself
 *
 * Thread-safe, one line a call, on stderr: text for a terminal or JSON (Flux's own fields: level, ts, msg,
 * controller, namespace, name). Library code does not log; the command or worker that gives up does, once.
 */
#include "core/base/str.h"

enum hc_log_level { HC_LOG_ERROR, HC_LOG_INFO, HC_LOG_DEBUG, HC_LOG_TRACE };

struct hc_log_field {
    const char *key;
    hc_str val;
};

void hc_log_setup(enum hc_log_level level, bool json);
bool hc_log_enabled(enum hc_log_level level);
/* `fields` may be NULL when n is 0. */
void hc_log(enum hc_log_level level, const char *msg, size_t n, const struct hc_log_field *fields);
#define HC_LOG(level, msg, ...)                                                                                    \
    do {                                                                                                           \
        if (hc_log_enabled(level)) {                                                                               \
            const struct hc_log_field hc_f_[] = { __VA_ARGS__ };                                                   \
            hc_log(level, msg, HC_LEN(hc_f_), hc_f_);                                                              \
        }                                                                                                          \
    } while (0)

/* Text as Go's log handler writes it behind "key=": in quotes where it needs them. */
struct hc_arena;
hc_str hc_log_value(struct hc_arena *a, hc_str s);
