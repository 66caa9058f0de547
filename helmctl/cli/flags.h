#pragma once
/*
 * helmctl/cli/flags.h - flags of all commands: one table a command, one parser, one --help
 *
 * The conventions and error texts are those of Helm's own parser: --name value, --name=value, -x value, -xvalue,
 * -abc for switches, "--" ends the flags, flags and arguments in any order. Texts borrow from argv and the
 * environment; lists live in the arena. Exit codes and "Error: ..." lines on stderr are Helm's.
 *
 *     struct my { bool wait; const char *out; struct hc_strings set; int64_t timeout_ms; } o = { ... defaults };
 *     const struct hc_flag flags[] = {
 *         { "wait", 0, HC_FLAG_BOOL, &o.wait, "wait until all objects are ready" },
 *         { "output", 'o', HC_FLAG_STR, &o.out, "print as table, json or yaml", NULL, "table|json|yaml" },
 *         { "set", 0, HC_FLAG_LIST, &o.set, "set values on the command line" },
 *         { "timeout", 0, HC_FLAG_DURATION, &o.timeout_ms, "how long to wait" },
 *     };
 *     struct hc_cli cli = { .use = "thing [NAME]", .about = "What it does.", .flags = flags, .flags_n = HC_LEN(flags),
 *                           .min_args = 1, .max_args = 1 };
 *     int rc = hc_cli_parse(a, &cli, argc, argv);
 *     if (rc >= 0)
 *         return rc;                          // --help was printed (0), or the flags are wrong (1)
 *     ... cli.args[0], cli.globals.ns ...
 */
#include "core/base/arena.h"

struct hc_strings {
    const char **items;
    size_t n;
};

enum hc_flag_kind {
    HC_FLAG_BOOL,     /* bool *: --x, --x=true, --x=false                                              */
    HC_FLAG_STR,      /* const char **                                                                 */
    HC_FLAG_INT,      /* int64_t *; Go's forms (10, 0x10, 0b1, 1_000)                                  */
    HC_FLAG_UINT,     /* int64_t *, not below 0                                                        */
    HC_FLAG_FLOAT,    /* const char **: the text of a number                                           */
    HC_FLAG_DURATION, /* int64_t *, milliseconds; Go's form (5m0s, -1s)                                */
    HC_FLAG_LIST,     /* struct hc_strings *: each use adds one text as it is                          */
    HC_FLAG_CSV,      /* struct hc_strings *: each use adds the pieces between commas (CSV with quotes) */
    HC_FLAG_MAP,      /* struct hc_strings *: "key=value" pieces; one with one "=" is not cut at commas */
};

struct hc_flag {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum hc_flag_kind kind;
    void *to; /* keeps its default when the flag is not given; NULL: taken and left unused (say so in help) */
    const char *help; /* NULL: not shown (old names) */
    const char *bare; /* value when the flag stands without "=value" (--wait, --dry-run); NULL: it must have one */
    const char
        *type;   /* shown in help instead of the kind's name, and what completes it: "file", "folder", "a|b|c" */
    bool *given; /* set when the flag was used; may be NULL */
    const char *deprecated; /* what to use instead: told when it is used; NULL: it is not */
    const char *of;         /* verbs below the verb that take it, "add update"; NULL: all of them */
};

/* The flags every command takes, with their defaults from the environment (HELM_NAMESPACE, HELM_KUBECONTEXT, ...).
 * Texts are NULL when they were not given. */
struct hc_globals {
    const char *kubeconfig, *kube_context, *ns;
    const char *kube_apiserver, *kube_token, *kube_as_user, *kube_ca_file, *kube_tls_server_name;
    struct hc_strings kube_as_group;
    bool kube_insecure_skip_tls_verify, debug;
    const char *registry_config, *repository_config, *repository_cache, *content_cache, *color;
    int argc; /* the command line as the verb got it */
    char **argv;
};

/* A verb below a verb: `repo add NAME URL`. */
struct hc_sub {
    const char *name, *args, *help; /* args: as in `use`, "NAME URL" */
    int min_args, max_args;         /* without its own name; max -1: any number */
    const char *alias;              /* another name; NULL: none */
    const char *about;              /* shown instead of `help` above its usage; NULL: that is all */
};

struct hc_completion;
struct hc_cli {
    const char
        *use; /* "template [NAME] [CHART] [flags]"; its words say what an argument is completed with (complete.h) */
    const char *about; /* shown above the usage: what it does, an example */
    const struct hc_flag *flags;
    size_t flags_n;
    int min_args, max_args;    /* max -1: any number */
    const struct hc_sub *subs; /* verbs below it: without one its help is printed, and that is no error */
    size_t subs_n;
    bool open; /* other words than these may stand there, too: the verb sees to it, and min_args, max_args hold */
    /* Words for the argument behind args; false: none of its own. NULL: what `use` says is all. */
    bool (*complete)(struct hc_completion *c, const struct hc_cli *cli);
    /* filled in by hc_cli_parse: */
    const struct hc_sub *sub; /* the verb below; args[0] is its name as it was typed */
    struct hc_globals globals;
    const char **args; /* what is not a flag, NULL-closed */
    size_t args_n;
};

/* -1: go on; else the exit code, and all was said. argv[0] is the verb. */
int hc_cli_parse(struct hc_arena *a, struct hc_cli *cli, int argc, char **argv);

/* A whole number in base 10, as Go's strconv.Atoi; NULL: it is one, else what Go says of it. */
const char *hc_cli_number(const char *text, int64_t *out);

/* "Error: <message>" on stderr; gives 1. */
int hc_cli_fail(const struct hc_err *err);
int hc_cli_error(const char *fmt, ...) HC_PRINTF(1, 2);

/* Moves global flags that stand before the verb behind it: `helmctl -n web list` is `helmctl list -n web`.
 * Gives argc; argv is changed in place. */
int hc_cli_verb_first(int argc, char **argv);

/* A variable of the environment; NULL when it is not set or empty. */
const char *hc_cli_env(const char *name);

/* The namespace to work in when no cluster is asked: -n, HELM_NAMESPACE, that of the kubeconfig's context, of the pod, else
 * "default". */
hc_str hc_cli_namespace(struct hc_arena *a, const struct hc_globals *g);
