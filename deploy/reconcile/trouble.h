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
    HC_TROUBLE_OTHER,
};
const char *hc_trouble_name(enum hc_trouble t); /* "immutable field", ... */

struct hc_refusal {
    enum hc_trouble what;
    hc_str field; /* as the server names it; absent: it names none */
    hc_str needs_kind,
        needs_name; /* what does not exist or decides: "ServiceAccount" "web"; absent: nothing is named */
    hc_str remedy;
};
/* Texts live as long as the arena. */
struct hc_refusal hc_refusal_of(struct hc_arena *a, const struct hc_ref *ref, const struct hc_err *err);

/* A reason why an operation is not begun. */
struct hc_problem {
    enum hc_trouble what;
    struct hc_ref ref; /* kind absent: of no object */
    hc_str source, field, message, remedy;
    bool unsure; /* it may well work: told, but nothing is refused for it */
};
/* "Deployment apps/web (web/templates/all.yaml): spec.selector: field is immutable; keep the old value, or ...". */
hc_str hc_problem_str(struct hc_arena *a, const struct hc_problem *p);
