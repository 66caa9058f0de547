#pragma once
/*
 * helmctl/cli/faults.h - an error of a verb that renders, shown to a person, to a script or to a program
 *
 * "person": the innermost message, the line it is about with a caret, who called it, the value that was wrong and where
 * it came from. "helm": Helm's own text, byte for byte. "json": one object on one line. Without --error-format and
 * HELMCTL_ERROR_FORMAT a terminal gets "person", anything else "helm", which scripts look for. Whatever the form, the
 * innermost message stands in it as Helm has it. Texts that may be secrets are not shown.
 */
#include "core/base/err.h"
#include "helmctl/cli/chartref.h"
#include "templating/render/render.h"

enum hc_fault_format { HC_FAULT_HELM, HC_FAULT_PERSON, HC_FAULT_JSON };

/* Of the flag's text, the environment and stderr. */
enum hc_rc hc_cli_fault_format(const char *flag, enum hc_fault_format *out, struct hc_err *err);

struct hc_cli_fault {
    enum hc_fault_format format;
    const struct hc_err *err;
    hc_str text; /* Helm's, whole */
    /* What more is known; each may be NULL or absent. */
    const struct hc_fault *fault;         /* of a template */
    const struct hc_chart *chart;         /* to find the line in */
    const struct hc_documents *rendered;  /* files whole: the line is one of a rendered file */
    const struct hc_chart_source *source; /* of a chart that could not be loaded */
    const struct hc_values_flags *values; /* to tell the layer of the wrong value */
    const char *what; /* "UPGRADE", in front of the message as it is in front of `text`; or NULL */
    bool of_values;   /* no template has run yet: the values may not fit a schema */
    bool debug_hint;  /* Helm's "Use --debug flag" belongs behind its text */
};
#define HC_FAULT_HELP "how errors are told: person (on a terminal), helm (elsewhere), json"

/* The same for later, when what it points to is gone: a copy in `a` that needs its chart, values and source only. NULL:
 * no memory. */
struct hc_cli_fault *hc_cli_fault_keep(struct hc_arena *a, const struct hc_cli_fault *f);

/* For a verb without the flag: a chart that could not be loaded, in the form that the environment asks for. */
int hc_cli_fault_loading(struct hc_arena *a, const struct hc_chart_source *source, const struct hc_err *err);

/* Prints it on stderr; gives the exit code, 1. */
int hc_cli_fault(struct hc_arena *a, const struct hc_cli_fault *f);
