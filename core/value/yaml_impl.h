#pragma once
/*
 * core/value/yaml_impl.h - what a plain scalar means in YAML 1.1 as the Go library reads it
 */
#include "core/base/buf.h"
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

/*
 * Where the scanner of Go's library and libyaml part (yaml_go.c). Characters of private use stand for what libyaml takes
 * otherwise: a ':' that it refuses, and a byte order mark that it skips at the beginning of a line.
 */
#define HC_YAML_COLON "\xef\xa3\xbf"
#define HC_YAML_MARK  "\xef\xa3\xbe"
/* None of them is in the text. */
bool hc_yaml_standins_free(hc_str text);
/* A copy of what was read, with what they stand for. */
hc_str hc_yaml_standins_out(struct hc_arena *a, hc_str s);
/* There is a byte order mark behind the very beginning, which Go takes for text; and the text with stand-ins for them. */
bool hc_yaml_marks_in(hc_str text);
void hc_yaml_hide_marks(hc_str text, struct hc_buf *out);
/* The byte at character `at`: libyaml counts characters. */
size_t hc_yaml_byte_of(hc_str s, size_t at);
/* "{}" or "[]" stands at this character, with nothing but space in it. */
bool hc_yaml_empty_flow(hc_str text, size_t character);
/* The comma or bracket at which libyaml ends a tag, and Go does not, for properties that begin at `from`; 0: none. */
size_t hc_yaml_tag_stop(hc_str text, size_t from);
/* The plain scalar at this character has a '?': the bracket that Go wants instead, and the line it names (0: none). */
char hc_yaml_question(hc_str text, size_t character, size_t *out_line);
/* The first number without end, or NaN, in the order in which Go writes JSON; NULL: there is none. */
const struct hc_val *hc_yaml_infinite(const struct hc_val *v);
