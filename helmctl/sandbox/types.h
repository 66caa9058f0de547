#pragma once
/*
 * helmctl/sandbox/types.h - the fields of the built-in types
 *
 * types.fields (made by tests/tool/type_fields.py from Go's struct tags) has a line per type: its name ("!" behind
 * it: server-side apply takes it as one value), then its fields as NAME MARK NUMBER TYPE [@MERGE] [~PATCH].
 * MARK: ":" a plain Go field, whose zero value JSON leaves out; "#" one that is always written; "=" a pointer, which
 * is kept when it is there; "^" an inlined struct. TYPE: s text, i integer, t bool, b bytes, Q quantity, I int-or-string, T time, U time with
 * microseconds, R any JSON, ".name" a type; "*" before it: a list, "%": a map with text keys.
 * MERGE of lists: the keys of its items, or "*" for a set; "!": one value. PATCH is what strategic merge patches do: the
 * key of a list's items, "*" for a list of plain values, "!" replaced as a whole; "+" behind it: retainKeys.
 * Read-only, any thread.
 */
#include "core/value/merge.h"

struct hc_sb_field {
    hc_str name, type, merge, patch; /* merge.p, patch.p NULL: nothing is said */
    char mark;
};

/* What stands behind the name of the type; {NULL,0}: not in the table. */
hc_str hc_sb_type_line(hc_str name);
/* "apps/v1", "Deployment" give "apps.v1.Deployment" in `to`; false when that type is not in the table. */
bool hc_sb_type_name(hc_str api_version, hc_str kind, char *to, size_t cap, hc_str *out);
bool hc_sb_type_by_number(hc_str line, uint64_t number, struct hc_sb_field *out);
/* Also finds fields of inlined structs. */
bool hc_sb_type_by_name(hc_str line, hc_str name, struct hc_sb_field *out);
/* Calls `each` for every field, those of inlined structs too. */
void hc_sb_type_fields(hc_str line, void (*each)(void *ctx, const struct hc_sb_field *f), void *ctx);
/* How the fields of a kind merge in strategic merge patches; false: the kind is not in the table. */
bool hc_sb_merge_types(hc_str api_version, hc_str kind, struct hc_merge_types *out);
/* The type's own "!". */
bool hc_sb_type_is_atomic(hc_str line);
