#pragma once
/*
 * helmctl/cli/jsonpath_impl.h - the tree of a JSONPath template
 */
#include "helmctl/cli/jsonpath.h"

enum jp_type {
    JP_TEXT,
    JP_LIST, /* an action: each node works on what the one before gave */
    JP_FIELD,
    JP_ARRAY,
    JP_FILTER,
    JP_VALUE, /* a number or bool of the template */
    JP_WILDCARD,
    JP_RECURSIVE,
    JP_UNION,
    JP_RANGE,
    JP_END,
    JP_UNKNOWN, /* a word that is none of the two */
};

struct jp_param {
    int64_t value;
    bool known, derived; /* derived: the end of "[n]", one behind its start */
};

struct jp_list {
    struct jp_node *p;
    size_t n, cap;
};

struct jp_node {
    enum jp_type type;
    hc_str text;              /* of a text, field or word; the operator of a filter */
    struct jp_list list;      /* of an action; of a union its actions; of a filter left and right side */
    struct jp_param param[3]; /* of [from:to:step] */
    struct hc_val *value;
};

struct hc_jsonpath {
    struct jp_list root;
};
