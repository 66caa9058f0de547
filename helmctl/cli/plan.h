#pragma once
/*
 * helmctl/cli/plan.h - a preview on paper: printed, kept in a file, and compared with what has become of things
 */
#include "deploy/reconcile/preview.h"
#include "helmctl/cli/release.h"

/* For a person, with every field; values of Secrets are "***". */
void hc_plan_print(struct hc_arena *a, const struct hc_cli_release *r, const struct hc_preview *p);
/* Only what would refuse it, on stderr. */
void hc_plan_print_problems(struct hc_arena *a, const struct hc_preview *p);
/* The same as one JSON object a program reads. */
struct hc_val *hc_plan_json(struct hc_arena *a, const struct hc_cli_release *r, const struct hc_preview *p);

/* A value on one line, cut where it grows long; NULL: "(none)". */
hc_str hc_plan_shown(struct hc_arena *a, const struct hc_val *v);

/* What a plan file holds: the record to be stored and the objects as they were; secrets, too, so it is written for its
 * owner alone (mode 0600). */
enum hc_rc hc_plan_save(struct hc_arena *a, const struct hc_cli_release *r, const struct hc_preview *p,
                        const struct hc_action_flags *f, const char *path, struct hc_err *err);
struct hc_plan_file {
    hc_str name, ns, head_version;
    int64_t from, revision;
    struct hc_record record;
    struct hc_crd_file *crds;
    size_t crds_n;
    const struct hc_val *objects, *flags;
};
enum hc_rc hc_plan_load(struct hc_arena *a, const char *path, struct hc_plan_file *out, struct hc_err *err);
