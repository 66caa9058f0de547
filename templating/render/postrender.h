#pragma once
/*
 * templating/render/postrender.h - rendered files through a program of the user's
 *
 * Helm 4 sends all files, hooks too, as one stream of documents; each carries the name of its file in an annotation, by
 * which the answer is taken apart again. A document without it comes from the program itself and gets a name of its own.
 * Files are re-written by the way (core/value/yaml_nodes.h).
 */
#include "templating/render/documents.h"

/* A port: text in, text out. The error begins as Helm's ("failed to invoke post-renderer plugin ..."). */
struct hc_post_renderer {
    void *ctx;
    enum hc_rc (*run)(void *ctx, struct hc_arena *a, hc_str in, hc_str *out, struct hc_err *err);
};

/* Replaces files and n. Errors have Helm's words. */
enum hc_rc hc_post_render(struct hc_arena *a, const struct hc_post_renderer *p, struct hc_rendered **files,
                          size_t *n, struct hc_err *err);
