/*
 * Compiled expressions and searches, over PCRE2. The table has one slot for each hash value: a newcomer takes the
 * slot of another, which dies when its last user has put it back. No JIT: charts are rendered once, and compiling
 * would cost more than it saves.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lua/funcs/regex.h"

#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

enum {
    FIRST_STEPS = 5000,      /* of backtracking at one start; most need a dozen      */
    WINDOW_STARTS = 256,     /* tried in one go ...                                  */
    WINDOW_BYTES = 16000000, /* ... fewer when each may read so much text            */
    SEARCH_STEPS = 100,      /* what an easy search costs                            */
    SLOW_NS = 200000,
};
#define SLOTS       256u
#define MAX_PATTERN ((size_t)1 << 20)

struct hc_regex {
    hc_str expression;
    char *names; /* "number name\n" ... */
    pcre2_code *code;
    size_t groups;
    unsigned refs;
    bool anchored;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hc_regex *slots[SLOTS];

static void *take(size_t n, void *ctx)
{
    (void)ctx;
    return hc_malloc(n);
}

static void give(void *p, void *ctx)
{
    (void)ctx;
    free(p);
}

static pcre2_code *compile(const char *p, size_t n, uint32_t options, int *error)
{
    size_t at;
    pcre2_general_context *g = pcre2_general_context_create(take, give, NULL);
    pcre2_compile_context *cc = g ? pcre2_compile_context_create(g) : NULL;
    pcre2_code *code = NULL;
    *error = PCRE2_ERROR_NOMEMORY;
    if (cc) {
        pcre2_set_parens_nest_limit(cc, 4000);
        code = pcre2_compile((PCRE2_SPTR)p, n,
                             PCRE2_UTF | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY |
                                 options,
                             error, &at, cc);
    }
    pcre2_compile_context_free(cc);
    pcre2_general_context_free(g);
    return code;
}

static void regex_free(struct hc_regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free((char *)(uintptr_t)r->expression.p);
    free(r->names);
    free(r);
}

static enum hc_rc make(hc_str expression, struct hc_regex **out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf pattern;
    HC_AUTO(hc_buf) struct hc_buf names;
    hc_buf_init(&pattern, MAX_PATTERN);
    hc_buf_init(&names, MAX_PATTERN);
    size_t groups;
    int error;
    enum hc_rc rc = hc_regex_translate(expression, &pattern, &names, &groups, err);
    if (rc != HC_OK)
        return rc;
    hc_buf_putc(&names, '\0');
    struct hc_regex *r = hc_calloc(1, sizeof(*r));
    if (!r)
        return hc_fail_nomem(err);
    r->expression = hc_str_n(hc_strdup_n(expression.p, expression.n), expression.n);
    r->names = hc_strdup_n(hc_buf_str(&names).p, names.n);
    r->groups = groups;
    r->refs = 1;
    r->code = compile(hc_buf_str(&pattern).p, pattern.n, 0, &error);
    uint32_t options = 0;
    if (r->code)
        pcre2_pattern_info(r->code, PCRE2_INFO_ALLOPTIONS, &options);
    r->anchored = (options & PCRE2_ANCHORED) != 0;
    if (!r->code || !r->names || !r->expression.p) {
        bool memory = !r->names || !r->expression.p || error == PCRE2_ERROR_NOMEMORY;
        regex_free(r);
        if (memory)
            return hc_fail_nomem(err);
        return hc_fail(err, HC_E_INPUT, "error parsing regexp: expression too large: `%.*s`", HC_P(expression));
    }
    *out = r;
    return HC_OK;
}

static void unref_locked(struct hc_regex *r)
{
    if (r && --r->refs == 0)
        regex_free(r);
}

enum hc_rc hc_regex_get(hc_str expression, struct hc_regex **out, size_t *out_made, struct hc_err *err)
{
    *out_made = 0;
    size_t slot = hc_str_hash(expression) % SLOTS;
    struct hc_regex *r = NULL;
    pthread_mutex_lock(&lock);
    if (slots[slot] && hc_str_eq(slots[slot]->expression, expression)) {
        r = slots[slot];
        r->refs++;
    }
    pthread_mutex_unlock(&lock);
    if (!r) {
        enum hc_rc rc = make(expression, &r, err);
        if (rc != HC_OK)
            return rc;
        pcre2_pattern_info(r->code, PCRE2_INFO_SIZE, out_made);
        pthread_mutex_lock(&lock);
        unref_locked(slots[slot]);
        slots[slot] = r;
        r->refs++;
        pthread_mutex_unlock(&lock);
    }
    *out = r;
    return HC_OK;
}

void hc_regex_put(struct hc_regex *r)
{
    pthread_mutex_lock(&lock);
    unref_locked(r);
    pthread_mutex_unlock(&lock);
}

void hc_regex_put_auto(struct hc_regex **r)
{
    if (*r)
        hc_regex_put(*r);
}

/* Go sees each byte that is no UTF-8 as one U+FFFD; PCRE2 would refuse the text. */
static bool clean_subject(struct hc_search *s)
{
    hc_str rest = s->subject;
    if (rest.n > UINT32_MAX / 3)
        return false;
    s->clean = hc_malloc(rest.n * 3 + 1);
    s->origin = hc_malloc((rest.n * 3 + 1) * sizeof(*s->origin));
    if (!s->clean || !s->origin)
        return false;
    while (rest.n) {
        uint32_t rune;
        size_t width = hc_utf8_decode(rest, &rune), at = s->subject.n - rest.n;
        size_t n = hc_utf8_encode(rune, s->clean + s->clean_n);
        for (size_t i = 0; i < n; i++)
            s->origin[s->clean_n++] = (uint32_t)(at + (n == width ? i : 0));
        rest = hc_str_sub(rest, width, rest.n);
    }
    s->origin[s->clean_n] = (uint32_t)s->subject.n;
    return true;
}

/* The first place in `clean` that stands for byte `at` of the subject. */
static size_t clean_at(const struct hc_search *s, size_t at)
{
    size_t lo = 0, hi = s->clean_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->origin[mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

enum hc_rc hc_search_init(struct hc_search *s, struct hc_regex *r, hc_str subject, struct hc_err *err)
{
    *s = (struct hc_search){ .regex = r, .subject = subject, .groups = r->groups };
    if (!s->subject.p)
        s->subject.p = "";
    if (!hc_utf8_valid(subject) && !clean_subject(s)) {
        hc_search_done(s);
        return hc_fail_nomem(err);
    }
    pcre2_general_context *g = pcre2_general_context_create(take, give, NULL);
    pcre2_match_context *limits = g ? pcre2_match_context_create(g) : NULL;
    s->limits = limits;
    s->data = g ? pcre2_match_data_create((uint32_t)r->groups + 1, g) : NULL;
    pcre2_general_context_free(g);
    s->at = hc_calloc(2 * (r->groups + 1), sizeof(*s->at));
    if (!s->data || !s->limits || !s->at)
        return hc_fail_nomem(err);
    pcre2_set_heap_limit(limits, HC_MAX_REGEX_KIB);
    return HC_OK;
}

void hc_search_done(struct hc_search *s)
{
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->limits);
    free(s->at);
    free(s->clean);
    free(s->origin);
    *s = (struct hc_search){ 0 };
}

static uint64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Tries the starts from `from` to `last`. PCRE2 bounds the steps of one start and nothing else, so a search goes on by
 * windows that are small enough to be stopped behind.
 */
static int match_window(struct hc_search *s, hc_str text, size_t from, size_t last, uint32_t steps)
{
    bool exact = s->work && *s->slow;
    uint64_t began = exact ? hc_thread_cpu_ns() : 0;
    pcre2_set_match_limit(s->limits, steps);
    pcre2_set_offset_limit(s->limits, last);
    int n = pcre2_match(s->regex->code, (PCRE2_SPTR)text.p, text.n, from, PCRE2_NO_UTF_CHECK, s->data, s->limits);
    if (exact)
        *s->work += (hc_thread_cpu_ns() - began) / 2; /* a step is two nanoseconds */
    return n;
}

static size_t next_start(hc_str subject, size_t at)
{
    while (at < subject.n && ((unsigned char)subject.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* PCRE2's answer; `from` is a start of a character. The clock that costs nothing tells whether the one that is exact is
 * worth its price. */
static int search(struct hc_search *s, hc_str text, size_t from)
{
    uint64_t began = s->work ? mono_ns() : 0;
    const size_t end = text.n;
    uint32_t steps = FIRST_STEPS;
    size_t width = HC_MAX(HC_MIN(WINDOW_BYTES / (end + 1), (size_t)WINDOW_STARTS), (size_t)1), wide = width;
    for (;;) {
        int n = match_window(s, text, from, HC_MIN(from + width - 1, end), steps);
        if (s->work && !*s->slow && mono_ns() - began > SLOW_NS)
            *s->slow = true;
        if (s->work && *s->work > s->work_max)
            return n > 0 ? n : PCRE2_ERROR_MATCHLIMIT;
        if (n == PCRE2_ERROR_MATCHLIMIT && width > 1) {
            width = 1; /* start by start, to give more to the one that needs it */
        } else if (n == PCRE2_ERROR_MATCHLIMIT && steps < HC_MAX_REGEX_STEPS) {
            steps = HC_MIN(steps * 10, HC_MAX_REGEX_STEPS);
        } else if (n == PCRE2_ERROR_NOMATCH && !s->regex->anchored && from + width <= end) {
            from = next_start(text, from + width);
            width = wide;
            steps = FIRST_STEPS;
        } else {
            return n;
        }
    }
}

enum hc_rc hc_search_next(struct hc_search *s, size_t from, bool *out_found, struct hc_err *err)
{
    hc_str text = s->clean ? hc_str_n(s->clean, s->clean_n) : s->subject;
    int n = search(s, text, s->clean ? clean_at(s, from) : from);
    if (s->work)
        *s->work += SEARCH_STEPS;
    *out_found = n > 0;
    if (n == PCRE2_ERROR_NOMATCH)
        return HC_OK;
    if (n < 0)
        return hc_fail(
            err, HC_E_LIMIT,
            "regular expression `%.*s` takes more than %u steps or %u KiB on a text of %zu bytes; write it "
            "without nested repeats",
            HC_P(s->regex->expression), HC_MAX_REGEX_STEPS, HC_MAX_REGEX_KIB, s->subject.n);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
    for (size_t i = 0; i <= s->groups; i++) {
        bool part = i < (size_t)n && at[2 * i] != PCRE2_UNSET;
        for (size_t k = 2 * i; k <= 2 * i + 1; k++)
            s->at[k] = !part ? SIZE_MAX : s->clean ? s->origin[at[k]] : at[k];
    }
    return HC_OK;
}

size_t hc_regex_group(const struct hc_regex *r, hc_str name)
{
    hc_str rest = hc_str_of(r->names), line, number;
    size_t found = SIZE_MAX;
    while (hc_str_split(&rest, '\n', &line)) {
        uint64_t k;
        if (hc_str_split(&line, ' ', &number) && hc_str_eq(line, name) && hc_str_to_u64(number, &k))
            found = (size_t)k;
    }
    return found;
}
