#pragma once
/*
 * templating/render/documents.h - rendered text to documents, hooks and notes, in Helm's order
 *
 * templating-facts E1 to E4. Documents point into the render's arena.
 */
#include "core/value/value.h"

enum hc_hook_event {
    HC_HOOK_PRE_INSTALL = 1 << 0,
    HC_HOOK_POST_INSTALL = 1 << 1,
    HC_HOOK_PRE_DELETE = 1 << 2,
    HC_HOOK_POST_DELETE = 1 << 3,
    HC_HOOK_PRE_UPGRADE = 1 << 4,
    HC_HOOK_POST_UPGRADE = 1 << 5,
    HC_HOOK_PRE_ROLLBACK = 1 << 6,
    HC_HOOK_POST_ROLLBACK = 1 << 7,
    HC_HOOK_TEST = 1 << 8,
};
enum hc_hook_delete {
    HC_HOOK_DELETE_SUCCEEDED = 1 << 0,
    HC_HOOK_DELETE_FAILED = 1 << 1,
    HC_HOOK_DELETE_BEFORE = 1 << 2, /* before-hook-creation; the default when none is named */
};

struct hc_document {
    hc_str path; /* "# Source:" path: "<chart>/templates/x.yaml" */
    hc_str text; /* as Helm prints it (E1.3) */
    hc_str api_version, kind, name, ns;
    uint32_t line; /* where it starts in its rendered file */
    /* hooks only: */
    unsigned events, delete_policies; /* enum hc_hook_event, hc_hook_delete bits; events 0: a manifest */
    hc_str const *event_names;        /* in the order written, for the record */
    size_t event_names_n;
    hc_str const *delete_names;
    size_t delete_names_n;
    hc_str const *log_names; /* hook-output-log-policy */
    size_t log_names_n;
    int weight;
};

/* A NOTES.txt within hc_documents.notes. */
struct hc_notes_part {
    hc_str path; /* "<chart>/templates/NOTES.txt" */
    size_t at, n;
};

struct hc_documents {
    struct hc_document *manifests; /* install order (E3) */
    size_t manifests_n;
    struct hc_document *hooks; /* install order by kind; weight is the release engine's business */
    size_t hooks_n;
    struct hc_document *crds; /* crds/ files whole, parents before children: path and text only */
    size_t crds_n;
    hc_str notes;                            /* absent: no NOTES.txt; sub-chart notes only when asked */
    const struct hc_notes_part *notes_parts; /* what it is made of, a line feed between any two */
    size_t notes_parts_n;
};

/* The manifest as the release record stores it: each document behind "---\n# Source: PATH\n" (E4.1). */
hc_str hc_documents_manifest(struct hc_arena *a, const struct hc_documents *d);
/* Positions in the install and uninstall orders (E3.2, E3.4); unknown kinds come last. */
int hc_kind_order_install(hc_str kind, bool helm3);
int hc_kind_order_uninstall(hc_str kind, bool helm3);

/* A rendered file: path as in "# Source:" and its whole text. */
struct hc_rendered {
    hc_str path, text;
};

/*
 * Splits, reads the heads and sorts. `files` in any order, NOTES.txt files already taken out. A text that is no YAML
 * is HC_E_INPUT with Helm's text ("YAML parse error on PATH: ..."), file and line. Dropped documents (unknown hooks)
 * are told in *out_warnings, a list of texts; it may be NULL.
 */
enum hc_rc hc_documents_sort(struct hc_arena *a, const struct hc_rendered *files, size_t n, bool helm3,
                             struct hc_documents *out, struct hc_val *out_warnings, struct hc_err *err);

/* One text into its documents (E1.3). Pieces point into `text`; gives how many. */
size_t hc_documents_split(struct hc_arena *a, hc_str text, bool helm3, hc_str **out);
