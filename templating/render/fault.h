#pragma once
/*
 * templating/render/fault.h - where a render failed, as data: for those who show errors to a person
 *
 * The error's text (struct hc_err) is Helm's; this is what it was made of.
 */
#include "core/base/arena.h"

struct hc_fault_frame {
    hc_str file; /* "c/templates/x.yaml" */
    hc_str name; /* of the template: the file's, or that of a define */
    hc_str expr; /* what was being worked out, in Go's writing */
    hc_str text; /* the line of the file */
    int line;    /* from 1 */
    int col;     /* in bytes from 0, as Helm counts it: of a chain of fields the second one */
};

struct hc_fault {
    hc_str message;                /* the innermost one, as Go has it */
    struct hc_fault_frame *frames; /* innermost first; the last is the file */
    size_t frames_n;
    const hc_str
        *path; /* the fields that the innermost expression reads, from the root on ("Values", "image"); or NULL */
    size_t path_n;
};

/* A copy in `a`, texts included; NULL: no memory. */
struct hc_fault *hc_fault_clone(struct hc_arena *a, const struct hc_fault *f);
