#pragma once
/*
 * deploy/reconcile/preview.h - what an install or upgrade would do, and what would refuse it; nothing is written
 *
 * By the code that acts: the same render, the same comparison with the revision before, the same requests, sent as dry
 * runs. What the server cannot try (an object of a kind or in a namespace that the release itself brings) is taken as it
 * stands in the manifest. All results live as long as the engine they came from.
 */
#include "core/value/merge.h"
#include "deploy/reconcile/reconcile.h"

enum hc_preview_change {
    HC_PREVIEW_NONE,
    HC_PREVIEW_CREATE,
    HC_PREVIEW_CHANGE,
    HC_PREVIEW_REPLACE, /* --force-replace: by PUT; what others set goes */
    HC_PREVIEW_DELETE,
    HC_PREVIEW_KEEP, /* left the manifest, but stays */
};
const char *hc_preview_change_name(enum hc_preview_change c); /* "unchanged", "create", "change", ... */

struct hc_preview_object {
    struct hc_ref ref;
    hc_str source; /* its template's path, where the manifest says it */
    enum hc_preview_change change;
    hc_str why;                       /* of a replace, a delete, an object that stays or is taken over */
    const struct hc_val *live, *then; /* now and afterwards, as the server has them; NULL: does not exist */
    struct hc_diff *fields;           /* without what the server keeps for itself */
    size_t fields_n;
    bool secret;  /* values under data and stringData are for nobody's eyes */
    bool untried; /* the server could not try it */
    int wave;     /* 1, 2, ...: those of a wave are ready (gone) before the next; 0: the chart asks for no order */
};
struct hc_preview_hook {
    const struct hc_record_hook *hook;
    const char *event; /* "pre-upgrade" */
};
struct hc_preview {
    enum hc_action action;
    int64_t from, revision;         /* from: 0, nothing is installed */
    const struct hc_record *record; /* as it would be stored */
    hc_str head_version;            /* resourceVersion of the newest record; absent: there is none */
    struct hc_crd_file *crds;       /* files of crds/ that would be looked at */
    size_t crds_n;
    struct hc_preview_object *objects; /* in the order they are sent, then deletes in theirs */
    size_t objects_n;
    int waves;                     /* how many, deletions of what left included; 0: none are asked for */
    struct hc_preview_hook *hooks; /* in the order they run */
    size_t hooks_n;
    struct hc_problem *problems;
    size_t problems_n;
    bool changes; /* an object changes, or the manifest or a hook is another than the newest revision's */
};
/* How many of the problems are sure: with one of them it would be refused. */
size_t hc_preview_refusals(const struct hc_preview *p);
enum { HC_PREVIEW_DATA_MAY_GO = 1 << 0 /* deletes of claims, volumes, namespaces, definitions are no problem */ };
/* A field (JSON pointer) that the server keeps for itself: it may change without anybody changing the object. */
bool hc_reconcile_servers_own(hc_str path);
/* Errors are of the kind that a step would tell: a template that fails, a server that does not answer. */
enum hc_rc hc_reconcile_preview(struct hc_reconcile *r, unsigned flags, struct hc_preview *out, struct hc_err *err);
