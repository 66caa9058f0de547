#pragma once
/*
 * core/value/yaml_impl.h - what a plain scalar means in YAML 1.1 as the Go library reads it
 */
#include "core/value/value.h"

enum hc_yaml_tag {
    HC_TAG_STR,
    HC_TAG_NULL,
    HC_TAG_BOOL,
    HC_TAG_INT,
    HC_TAG_FLOAT,
    HC_TAG_TIMESTAMP, /* stays text, but is quoted when written */
};

struct hc_yaml_scalar {
    enum hc_yaml_tag tag;
    bool big; /* HC_TAG_INT: `u` counts, not `i` */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
    };
};

/* `timestamps`: look for them too (the scalar has no tag, or that one). */
struct hc_yaml_scalar hc_yaml_resolve(hc_str s, bool timestamps);

/* The plain part of YAML without libyaml. False: nothing is said about the text, libyaml is to read it. */
bool hc_yaml_read_fast(struct hc_arena *a, hc_str text, unsigned flags, struct hc_val **out);

/* The key order of yaml.v3. */
int hc_yaml_key_cmp_v3(hc_str x, hc_str y);
