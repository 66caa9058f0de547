#pragma once
/*
 * helmctl/cli/progress.h - what a verb is doing, on stderr: live on a terminal, as lines, or as JSON
 *
 * Results stay on stdout, as Helm prints them. One thread.
 */
#include "deploy/reconcile/reconcile.h"

#define HC_PROGRESS_MODES "auto|live|plain|json|none"
#define HC_PROGRESS_HELP  "progress on stderr: auto (live on a terminal, else none), live, plain, json or none"

enum hc_progress_mode { HC_PROGRESS_NONE, HC_PROGRESS_PLAIN, HC_PROGRESS_LIVE, HC_PROGRESS_JSON };

struct hc_progress_object;
struct hc_progress {
    enum hc_progress_mode mode;
    hc_str release, ns;
    struct hc_progress_object *objects; /* live: those that are not done, on the heap */
    size_t n, cap;
    size_t drawn; /* lines of the screen below the last that stays */
    size_t total, done;
    char wave[96];
};

/* "auto", "live", ..., NULL: auto. `debug`: auto means plain where there is no terminal. HC_E_INPUT: another word. */
enum hc_rc hc_progress_init(struct hc_progress *p, const char *mode, bool debug, struct hc_err *err);
void hc_progress_tell(struct hc_progress *p, const struct hc_tell *t);
/* What is drawn goes, memory too. */
void hc_progress_done(struct hc_progress *p);
