#pragma once
/*
 * templating/render/recording.h - what a render asked the outside world, and what it was answered
 *
 * A recording is everything besides chart and values that a render's bytes depend on: the release's name and revision,
 * the Kubernetes version and API list, the clock, zone files, looked-up objects, host names, and every generated value
 * (random texts, keys, certificates, salted hashes). With it the same chart and values give the same bytes anywhere,
 * offline. It is a secret: it holds the generated passwords and keys themselves.
 *
 * A generated value belongs to the place that asked for it, not to its turn: see hc_recorder_opts.keep. The file is
 * JSON, one answer a line, described in helmctl/docs/recordings.md.
 *
 * One recorder serves one render and lives in its arena; a recording is immutable and may be shared by any number.
 */
#include "core/base/buf.h"
#include "templating/render/render.h"

struct hc_recording;
struct hc_recorder;

/* Reads the text of a recording; `name` is the file's, for messages. The recording lives in `a` and may point into
 * `text`. HC_E_INPUT: cut short, damaged, no recording, or of a later format. Answers are in no message. */
enum hc_rc hc_recording_parse(struct hc_arena *a, hc_str text, hc_str name, struct hc_recording **out,
                              struct hc_err *err);

/* Who the recording is of; texts are borrowed. */
hc_str hc_recording_chart(const struct hc_recording *r);
hc_str hc_recording_release(const struct hc_recording *r);
hc_str hc_recording_namespace(const struct hc_recording *r);

/* What can be asked for. */
enum hc_asked_kind {
    HC_ASKED_GENERATED = 1 << 0, /* random values, keys, certificates, salted hashes */
    HC_ASKED_CLOCK = 1 << 1,
    HC_ASKED_ZONES = 1 << 2,
    HC_ASKED_LOOKUPS = 1 << 3,
    HC_ASKED_HOSTS = 1 << 4,
    HC_ASKED_INPUTS = 1 << 5, /* release, Helm generation, capabilities */
    HC_ASKED_ALL = (1 << 6) - 1,
};

struct hc_recorder_opts {
    const struct hc_recording *known; /* NULL: nothing is known yet */
    /*
     * Which kinds are answered from `known`. A generated value is found by: the file being rendered, the named templates
     * in between, the variable or YAML key that gets it, the function with its arguments, and the how-manieth such call
     * it is. So a new call elsewhere moves no other answer. Lookups, hosts and zones are found by what is asked alone.
     */
    unsigned keep;
    bool strict;                 /* what is asked and not known is an error; else it is asked anew */
    const struct hc_door *inner; /* who answers then; NULL: the real clock and random, no cluster */
};

/* NULL: no memory. */
struct hc_recorder *hc_recorder_new(struct hc_arena *a, const struct hc_recorder_opts *opts);
/* For what is rendered before the chart is (a name template); hc_recorder_begin gives it to the render. */
const struct hc_door *hc_recorder_door(struct hc_recorder *r);

/*
 * Before hc_render: puts the door into the input and, with HC_ASKED_INPUTS kept, the recorded capabilities, revision and
 * is_upgrade. HC_E_INPUT: the recording is of another chart, release or namespace.
 */
enum hc_rc hc_recorder_begin(struct hc_recorder *r, struct hc_render_input *in, struct hc_err *err);

/* The recording of what this render asked, behind it. Values that were known and not asked for are kept a while
 * (HC_MAX_RECORDING_UNASKED). HC_E_LIMIT: over HC_MAX_RECORDING_BYTES. */
enum hc_rc hc_recorder_write(const struct hc_recorder *r, struct hc_buf *b, struct hc_err *err);

/* Generated values that were known and that nobody asked for, as texts for people ("web/templates/a.yaml:3: randAlpha 5
 * for password"); gives how many. */
size_t hc_recorder_unasked(const struct hc_recorder *r, struct hc_arena *a, hc_str **out);

/* How two recordings differ, one line a difference; no answer is in it. Gives how many differences. `old` NULL: all that
 * is in `new`, without a mark. */
size_t hc_recording_diff(const struct hc_recording *old, const struct hc_recording *new, struct hc_buf *out);
