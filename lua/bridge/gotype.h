#pragma once
/*
 * lua/bridge/gotype.h - Go's types over the value tree, for the template run time
 *
 * The template run time works on `struct hc_val *` throughout: Lua only glues, it holds values as light
 * userdata and calls C. nil is a NULL pointer or a node of kind HC_NULL. Nodes live in the render's arena and
 * maps and lists are shared by reference and may be changed in place, as in Go (templating-facts F7).
 *
 * `val->type` keeps apart what Go keeps apart (F1). 0 is the ordinary type of the kind:
 * HC_INT int64 · HC_UINT uint64 · HC_FLOAT float64 · HC_STR string · HC_LIST []interface {} ·
 * HC_MAP map[string]interface {}.
 */
#include "core/value/value.h"

enum hc_gotype {
    HC_GO_PLAIN = 0,
    /* kind HC_INT */
    HC_GO_INT = 1,
    HC_GO_UINT8,
    HC_GO_INT32,
    HC_GO_DURATION, /* time.Duration, nanoseconds */
    HC_GO_MONTH,
    HC_GO_WEEKDAY,
    /* kind HC_STR */
    HC_GO_BYTES = 16, /* []uint8 */
    /* kind HC_LIST: the elements are nodes of the element type */
    HC_GO_STRINGS = 32, /* []string */
    HC_GO_INTS,         /* []int */
    HC_GO_LISTS,        /* [][]interface {} */
    HC_GO_VERSIONS,     /* common.VersionSet: []string with method Has */
    HC_GO_MAPS,         /* []map[string]interface {} */
    HC_GO_DEPS3,        /* Helm 3: []*chart.Dependency */
    HC_GO_PEOPLE3,      /* Helm 3: []*chart.Maintainer */
    /* kind HC_MAP */
    HC_GO_MAPSTR = 48, /* map[string]string */
    HC_GO_VALUES,      /* common.Values (chartutil.Values in Helm 3) */
    HC_GO_FILES,       /* engine.files: map[string][]byte with methods */
    /* kind HC_MAP, but a struct in Go: fields are the entries, unknown fields are errors, never empty */
    HC_GO_CAPABILITIES = 64, /* *common.Capabilities */
    HC_GO_KUBEVERSION,       /* common.KubeVersion: String, GitVersion */
    HC_GO_HELMVERSION,       /* version.BuildInfo */
    HC_GO_CERT,              /* sprig certificate: Cert, Key */
    HC_GO_CHART3,            /* Helm 3: struct { chart.Metadata; IsRoot bool } */
    HC_GO_DEP3,              /* Helm 3: *chart.Dependency */
    HC_GO_PERSON3,           /* Helm 3: *chart.Maintainer */
    HC_GO_KUBEVALUE,         /* common.KubeVersion as a function passes it on: a copy, which has no methods */
    /* kind HC_OBJ: val->obj */
    HC_GO_TIME = 80, /* struct hc_time of lua/funcs/time.h */
    HC_GO_SEMVER,    /* *semver.Version: struct hc_semver */
    HC_GO_VERSION, /* semver.Version, what its Inc and Set methods give: of them pointers alone have some methods */
    HC_GO_COMPLEX, /* complex128: double[2] */
};

/* A nil list is a HC_LIST node with this in list->flags; nil map likewise (prints [] / map[], encodes null). */
#define HC_LIST_NIL 1u
