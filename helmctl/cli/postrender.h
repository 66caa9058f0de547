#pragma once
/*
 * helmctl/cli/postrender.h - --post-renderer and --post-renderer-args
 *
 * With Helm 4's ways the name is that of a plugin of type postrenderer/v1 (plugin.yaml, runtime "subprocess") under
 * HELM_PLUGINS, and gets hooks too; with --helm-version 3 it is a program, which gets the manifests alone.
 */
#include "helmctl/cli/flags.h"
#include "templating/render/postrender.h"

struct hc_post_flags {
    struct hc_strings names, args;
};
#define HC_POST_FLAGS(f)                                                                                           \
    { "post-renderer",                                                                                             \
      0,                                                                                                           \
      HC_FLAG_LIST,                                                                                                \
      &(f).names,                                                                                                  \
      "plugin (with --helm-version 3: program) that gets what was rendered and gives what is used instead",        \
      NULL,                                                                                                        \
      "name" },                                                                                                    \
    {                                                                                                              \
        "post-renderer-args", 0, HC_FLAG_LIST, &(f).args, "argument for it (may be repeated)"                      \
    }

struct hc_cli_post {
    struct hc_post_renderer port; /* port.run is NULL when none was asked for */
    const char *name, *program;
    char **argv, **env;
    int64_t deadline_ms;
    bool helm3;
};

/* Finds it. The error is Helm's for a wrong flag. Lives as long as the arena. */
enum hc_rc hc_cli_post_open(struct hc_arena *a, const struct hc_post_flags *f, bool helm3, int64_t deadline_ms,
                            struct hc_cli_post *out, struct hc_err *err);
