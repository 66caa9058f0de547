#pragma once
/*
 * templating/lint/lint_impl.h - what the rules share
 */
#include "core/base/buf.h"
#include "lua/funcs/gofmt.h"
#include "templating/lint/lint.h"

struct lint {
    struct hc_arena *a;
    const struct hc_lint_input *in;
    struct hc_lint_output *out;
    hc_str dir; /* absolute */
    int64_t kube_major, kube_minor;
};

void lint_say(struct lint *l, enum hc_lint_level level, hc_str path, const char *fmt, ...) HC_PRINTF(4, 5);
/* The whole text of a file of the chart; its error says "VERB PATH: why" as Go does. */
enum hc_rc lint_read(struct lint *l, const char *name, hc_str *out, struct hc_err *err);
/* 0: not there, 'f', 'd'. */
char lint_kind_of(struct lint *l, const char *name);

void lint_chartfile(struct lint *l);
/* One rendered file, or a file of crds/. False: no YAML, and the rule ends. */
bool lint_manifests(struct lint *l, hc_str path, hc_str text, bool crds);

/* ---- texts ------------------------------------------------------------------------------------------- */

bool lint_is_email(hc_str s);
bool lint_is_url(hc_str s);         /* of a maintainer */
bool lint_is_request_url(hc_str s); /* with a scheme */
/* Helm's complaint about metadata.name, or false: it fits its kind. */
bool lint_object_name(struct hc_buf *b, hc_str kind, hc_str name);
/* Kubernetes' warning about a deprecated type at a version, or false. */
bool lint_deprecation(struct hc_buf *b, hc_str api_version, hc_str kind, int64_t major, int64_t minor);
