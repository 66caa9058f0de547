#pragma once
/*
 * lua/funcs/funcs.h - the template functions in C: one table, one row per function
 *
 * A function gets its arguments already checked against its row (count, Go type; F5 of the templating facts)
 * and gives its result or an error text. It holds nothing that needs releasing, bounds its own work (repeats,
 * ranges, regexes), and reaches anything impure (clock, random, cluster, DNS) through the door.
 */
#include "lua/bridge/gotype.h"

struct hc_fcall;
struct hc_func;

/* Where in the chart a question is asked. Texts live in the render's arena or longer. */
struct hc_place {
    hc_str file; /* the template file at hand, "<chart>/templates/x.yaml" */
    int line, col;
    hc_str in;    /* the file being rendered */
    hc_str via;   /* the named templates in between, outermost first, joined by " > "; may be empty */
    hc_str label; /* the variable that gets the answer ("$pw") or the YAML key it is written behind; may be empty */
};

/* One call of a template function whose answer is not the same on every run. */
struct hc_asked {
    const struct hc_func *func;
    /* Tells the place; costs something, so only who needs it asks. */
    void (*place)(void *at, struct hc_place *out);
    void *at;
};

/* What is not the same on every run goes through here (architecture D10). All may be NULL: then the clock, random
 * numbers and zone files are the real ones, lookup finds nothing, DNS answers "". */
struct hc_door {
    void *ctx;
    int64_t (*now_ns)(void *ctx);
    bool (*random)(void *ctx, void *out, size_t n);
    /* An object, a List when `name` is empty, NULL when it is not there. */
    enum hc_rc (*lookup)(void *ctx, struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns, hc_str name,
                         struct hc_val **out, struct hc_err *err);
    hc_str (*resolve)(void *ctx, struct hc_arena *a, hc_str host);
    /* The zone file of that name, "Local" is the process's own zone. Absent: there is none. */
    hc_str (*zone)(void *ctx, struct hc_arena *a, hc_str name);
    /* When there: stands between the engine and every function, and calls it or answers itself. Gives what the function
     * gives. For recording and replay (templating/render/recording.h). */
    enum hc_rc (*ask)(void *ctx, const struct hc_asked *what, struct hc_fcall *c, struct hc_val *const *argv,
                      size_t argc, struct hc_val **out);
};

struct hc_fcall {
    struct hc_arena *a;         /* of the render */
    struct hc_err *err;         /* on failure: msg is Go's error text, without "error calling NAME: " */
    const struct hc_door *door; /* never NULL */
    bool helm3;                 /* semantics of Helm 3.22 where they differ */
    bool panicked;              /* set when Go's function would panic instead of returning an error */
    hc_str long_error;          /* on failure: the whole text where msg could not hold it, else absent */
    /* Steps this call did beyond what its arguments and result weigh, and how many are left (0: HC_MAX_RENDER_STEPS);
     * the caller charges them, and fails the render when there were too few, whatever the function gave. */
    uint64_t work, work_max;
    /* Both NULL, or told of every map that a function is about to change and did not make itself. */
    void (*on_change)(void *ctx, const struct hc_map *map);
    /* NULL, or how often the loops around this call run it in all; 0: nobody knows. */
    uint32_t (*turns)(void *ctx);
    void *ctx;       /* of both */
    bool slow_regex; /* a search of this render took long */
    bool
        keeps; /* large results may be kept for the next render (core/value/kept.h): nobody asks where they came from */
    uint32_t
        asked; /* how often the clock, random numbers, the cluster or DNS were asked: what may differ next time */
    uint32_t dear;             /* keys and password hashes of the render so far, see HC_MAX_RENDER_DEAR */
    uint32_t dear_cpu_ms;      /* the processor time that they may take */
    uint32_t long_keys;        /* those that take a prime of 2048 bits, the one at hand too */
    uint64_t dear_from_ns;     /* processor time when the first of all that began; 0: none did */
    uint64_t dear_beside_ns;   /* processor time that other threads took for them */
    uint32_t random_n;         /* what is left of `random`: the kernel is asked for many bytes at once */
    unsigned char random[256]; /* what was taken is zero */
    bool unlucky;              /* the budget that is spent is one that the next render may well keep */
};

/*
 * Parameter types, one character each, result not described:
 *   s string   i int   I int64   f float64   b bool   m map[string]interface {} (also .Values)
 *   l []interface {}   a interface {} (anything, nil too)   r reflect.Value (Go builtins)   t []string   e error
 *   d time.Duration   T time.Time   c sprig.certificate   u uint32 (only a literal can be one)
 *   v *semver.Version
 * The last one may be followed by '*': variadic. So "si*" is func(string, ...int).
 */
struct hc_func {
    const char *name;
    const char *params;
    enum hc_rc (*fn)(struct hc_fcall *c, struct hc_val *const *argv, size_t argc, struct hc_val **out);
};

/* NULL: no such function. include, tpl, and, or, template control are the engine's own and not in here. */
const struct hc_func *hc_func_find(hc_str name, bool helm3);
/* All rows, sorted by name, for listings and tests. */
const struct hc_func *hc_func_table(size_t *out_n);

/* What a method of this value takes, in the letters of struct hc_func; NULL: it has no such method. */
const char *hc_func_method_params(const struct hc_val *recv, hc_str name);

/*
 * A method of a Go value: {{ .Files.Get "x" }}, {{ (semver "1.2").Major }}. `recv` is the value, `argv` what
 * follows the name, not checked yet: the method checks count and types with Go's texts. *out_found false: the type
 * has no such method (then nothing else happened). Fields of structs are map entries and no methods.
 */
enum hc_rc hc_func_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                          size_t argc, bool *out_found, struct hc_val **out);
