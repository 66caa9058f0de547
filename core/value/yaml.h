#pragma once
/*
 * core/value/yaml.h - YAML in and out of the value tree
 *
 * Reading: plain text by a reader of our own, the rest by libyaml's events, resolved by the YAML 1.1 rules of the Go library Helm uses (templating-facts
 * C2): y/n/on/off are bools, also as keys; merge keys; duplicate keys, last wins; aliases copied under a
 * budget. Error texts are that library's ("yaml: line 3: did not find expected key").
 * Writing: the bytes of sigs.k8s.io/yaml (toYaml, C4) or of yaml.v3 (toYamlPretty, C5).
 */
#include "core/base/buf.h"
#include "core/value/value.h"

enum {
    HC_YAML_PLAIN = 0,
    HC_YAML_JSON_NUMBERS = 1 << 0, /* numbers become HC_FLOAT as after sigs.k8s.io/yaml's JSON step (values,
                                      fromYaml); else integers stay integers (objects for the API server)  */
    HC_YAML_TRUE_FALSE =
        1 << 2, /* only true and false are bools; y, n, yes, no, on, off stay text: yaml.v3, kustomize */
    HC_YAML_BY_EVENTS = 1 << 3,   /* libyaml reads it, plain as it may be (tests: it must make no difference)     */
    HC_YAML_STRICT_KEYS = 1 << 1, /* duplicate keys are an error (kustomize, our own configuration)       */
};

/* The first document of `text`; an empty text gives HC_NULL. `name` is put into the error's file. */
enum hc_rc hc_yaml_parse(struct hc_arena *a, hc_str text, hc_str name, unsigned flags, struct hc_val **out,
                         struct hc_err *err);

/* All documents one after the other (kubectl apply files): empty ones are left out. Gives a list of them. */
enum hc_rc hc_yaml_parse_all(struct hc_arena *a, hc_str text, hc_str name, unsigned flags, struct hc_val **out_list,
                             struct hc_err *err);

/* Whether the bytes need no second look by a reader of plain YAML: no control but LF and tab, valid UTF-8 without breaks,
 * marks or C1. */
bool hc_yaml_bytes_clean(hc_str s);

/* toYaml of Helm with the final newline still there. False: the value cannot be written (C4.1). */
bool hc_yaml_write(struct hc_buf *b, const struct hc_val *v);
/* The same with keys sorted by their bytes (digests of Flux). */
bool hc_yaml_write_bytewise(struct hc_buf *b, const struct hc_val *v);
/* The type of a HC_STR that hc_yaml_write_pretty puts as it is: a timestamp, which needs no quotes. */
#define HC_YAML_WORD 2
/* In map->flags: its entries are written in their order, as a struct's fields. */
#define HC_YAML_FIELDS 2u

/* toYamlPretty. */
bool hc_yaml_write_pretty(struct hc_buf *b, const struct hc_val *v);
/* True when the plain scalar would be read as something other than a string (C2): needs quotes. */
bool hc_yaml_resolves(hc_str plain);
/* The natural key order of Go's YAML libraries (C4.2): <0, 0, >0. */
int hc_yaml_key_cmp(hc_str x, hc_str y);
