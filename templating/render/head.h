#pragma once
/*
 * templating/render/head.h - what Helm reads of a manifest: apiVersion, kind, name, annotations
 */
#include "core/value/value.h"

struct hc_head {
    hc_str api_version, kind, name, ns; /* empty: not there */
    const struct hc_val *annotations; /* map of texts, or NULL; always there when one of them is helm.sh/hook... */
};

/* Reads the first YAML document of `text`; all of it must be YAML. Errors carry Helm's text behind "YAML parse error on
 * PATH: ", the line counted from 1 within `text`. */
enum hc_rc hc_head_read(struct hc_arena *a, hc_str text, bool helm3, struct hc_head *out, struct hc_err *err);

/* Always with the YAML reader; annotations are complete then. */
enum hc_rc hc_head_read_whole(struct hc_arena *a, hc_str text, struct hc_head *out, struct hc_err *err);

/* The same for what is plain enough to be read without a YAML parser; texts point into `text`, annotations are there for a
 * hook alone. False: hc_head_read must look. */
bool hc_head_read_fast(struct hc_arena *a, hc_str text, struct hc_head *out);
