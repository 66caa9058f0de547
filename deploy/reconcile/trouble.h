#pragma once
/*
 * deploy/reconcile/trouble.h - a refusal of the API server, sorted by what a person can do about it
 *
 * Pure: from the error of a request (its status and the server's words) to kind of trouble, field and remedy. The words
 * are those of Kubernetes 1.36's API server and of its admission; others are HC_TROUBLE_OTHER, with the server's words.
 */
#include "deploy/kube/client.h"

enum hc_trouble {
    HC_TROUBLE_BUSY,     /* another operation is in progress */
    HC_TROUBLE_KIND,     /* a kind that is not served (any more) */
    HC_TROUBLE_FOREIGN,  /* somebody else's object */
    HC_TROUBLE_CONFLICT, /* another field manager */
    HC_TROUBLE_IMMUTABLE,
    HC_TROUBLE_INVALID,
    HC_TROUBLE_RIGHTS,
    HC_TROUBLE_QUOTA,     /* ResourceQuota, LimitRange */
    HC_TROUBLE_NAMESPACE, /* it does not exist, or is on its way out */
    HC_TROUBLE_MISSING,   /* another object it needs does not exist */
    HC_TROUBLE_DENIED,    /* by admission: a webhook, a policy, Pod Security */
    HC_TROUBLE_SIZE,      /* of the record, of the object */
    HC_TROUBLE_VERSIONS,  /* a CRD loses a version that objects are stored in */
    HC_TROUBLE_DATA,      /* a delete that takes data along */
    HC_TROUBLE_UNTRIED,   /* a webhook that does not answer or knows no dry run: nobody can say */
    HC_TROUBLE_MOMENT,    /* a server, or a webhook, that has a bad moment: 429, 5xx, no answer */
    HC_TROUBLE_OTHER,
};
const char *hc_trouble_name(enum hc_trouble t); /* "immutable field", ... */

struct hc_refusal {
    enum hc_trouble what;
    hc_str field; /* as the server names it; absent: it names none */
    hc_str about; /* the field of the object to look at: that one, or what the kind of trouble is about (kind, name,
                     serviceAccountName, ...); for hc_field_nearest */
    const char
        *is; /* what the field is said to be where it should be something else (hc_kind_name); NULL: not said */
    hc_str needs_kind,
        needs_name; /* what does not exist or decides: "ServiceAccount" "web"; absent: nothing is named */
    hc_str remedy;
};
/* Texts live as long as the arena. */
struct hc_refusal hc_refusal_of(struct hc_arena *a, const struct hc_ref *ref, const struct hc_err *err);

/* Where a field of an object was written. */
struct hc_written {
    hc_str
        at; /* "web/templates/deployment.yaml:12"; of what is only recorded: "web/templates/deployment.yaml, line 34 of
                    the manifest" */
    hc_str
        from; /* the value that was written there and who set it: "replicas, set by prod.yaml:3"; absent: not known */
};
/* "web/templates/deployment.yaml:12, from replicas, set by prod.yaml:3"; absent when there is nothing. */
hc_str hc_written_str(struct hc_arena *a, const struct hc_written *w);
/*
 * The error of a request becomes what a person needs: the server's words (cut where all of it would not fit into
 * `most` bytes), where it was written, what is to be done, and `done` (may be absent): what was and was not done.
 */
void hc_refusal_tell(const struct hc_refusal *why, const struct hc_written *w, hc_str done, size_t most,
                     struct hc_err *err);

/* A reason why an operation is not begun. */
struct hc_problem {
    enum hc_trouble what;
    struct hc_ref ref; /* kind absent: of no object */
    hc_str source, field, message, remedy;
    struct hc_written written;
    bool unsure; /* it may well work: told, but nothing is refused for it */
};
/* "Deployment apps/web (web/templates/all.yaml:3): spec.selector: field is immutable; keep the old value, or ...". */
hc_str hc_problem_str(struct hc_arena *a, const struct hc_problem *p);
