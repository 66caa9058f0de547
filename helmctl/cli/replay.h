#pragma once
/*
 * helmctl/cli/replay.h - --record and --replay of the verbs that render
 */
#include "helmctl/cli/flags.h"
#include "templating/render/recording.h"

struct hc_replay_flags {
    const char *record, *replay; /* files; NULL: not given */
};
#define HC_REPLAY_FLAGS(f)                                                                                         \
    { "record",                                                                                                    \
      0,                                                                                                           \
      HC_FLAG_STR,                                                                                                 \
      &(f).record,                                                                                                 \
      "write what the render asked (clock, random values, keys, lookups, ...) and was answered",                   \
      NULL,                                                                                                        \
      "file" },                                                                                                    \
    {                                                                                                              \
        "replay", 0, HC_FLAG_STR, &(f).replay,                                                                     \
            "answer from such a file; with --record: keep its generated values, ask the rest anew", NULL, "file"   \
    }

struct hc_cli_replay {
    const struct hc_replay_flags *flags;
    struct hc_recording *known;   /* of --replay */
    struct hc_recorder *recorder; /* NULL: neither flag was given */
    bool strict;                  /* everything is answered from the file */
};

/* Reads the file of --replay. `inner` answers what is asked anew; `cluster`: there is one to look things up in, so with
 * both flags lookups and capabilities are asked anew, too. */
enum hc_rc hc_cli_replay_open(struct hc_cli_replay *r, struct hc_arena *a, const struct hc_replay_flags *flags,
                              const struct hc_door *inner, bool cluster, struct hc_err *err);
/* Before hc_render; does nothing without a flag. */
enum hc_rc hc_cli_replay_begin(struct hc_cli_replay *r, struct hc_render_input *in, struct hc_err *err);
/* Behind a render that went well: writes the file of --record, mode 0600, whole or not at all; says on stderr which
 * known values nobody asked for. */
enum hc_rc hc_cli_replay_end(struct hc_cli_replay *r, struct hc_arena *a, struct hc_err *err);

/* --name-template: a release's name out of a template; `door` may be NULL. (template.c) */
enum hc_rc hc_cli_name_of(struct hc_arena *a, const char *text, const struct hc_door *door, hc_str *out,
                          struct hc_err *err);

/* getHostByName with --enable-dns: hc_door.resolve. */
hc_str hc_cli_resolve(void *ctx, struct hc_arena *a, hc_str host);
