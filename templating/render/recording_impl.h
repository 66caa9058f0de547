#pragma once
/*
 * templating/render/recording_impl.h - a recording in memory
 */
#include "templating/render/recording.h"

#define RECORDING_FORMAT "helmctl.dev/recording/v1"
#define RECORDING_FAMILY "helmctl.dev/recording/"

struct hc_recording {
    hc_str name; /* of its file */
    const struct hc_val *root;
    const struct hc_val *generated; /* list of entries, as in the file */
    struct hc_val *by_id;           /* identity of an entry: the entry */
    struct hc_val *lookups;         /* what was asked for: the entry */
    const struct hc_val *zones, *hosts;
    bool has_clock;
    int64_t clock_ns;
};

/* What makes a generated value the one it is; `n` is the how-manieth of its kind. */
hc_str recording_id(struct hc_arena *a, hc_str in, hc_str via, hc_str label, hc_str call, int64_t n);
hc_str recording_lookup_id(struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns, hc_str name);
/* An entry for people, without its answer: "web/templates/a.yaml:3: randAlpha 5 for password". */
hc_str recording_entry_text(struct hc_arena *a, const struct hc_val *entry);

/* The answer of a function as JSON can hold it, and back; NULL: it is none. */
struct hc_val *recording_encode(struct hc_arena *a, const struct hc_val *answer);
struct hc_val *recording_decode(struct hc_arena *a, const struct hc_val *answer);
