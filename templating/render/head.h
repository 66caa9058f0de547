#pragma once
/*
 * templating/render/head.h - what Helm reads of a manifest: apiVersion, kind, name, annotations
 */
#include "core/value/value.h"

struct hc_head {
    hc_str api_version, kind, name, ns; /* empty: not there */
    const struct hc_val *annotations;   /* map of texts, or NULL */
};

/* Reads the first YAML document of `text`; all of it must be YAML. Errors carry Helm's text behind "YAML parse error on
 * PATH: ", the line counted from 1 within `text`. */
enum hc_rc hc_head_read(struct hc_arena *a, hc_str text, struct hc_head *out, struct hc_err *err);
