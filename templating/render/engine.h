#pragma once
/*
 * templating/render/engine.h - a set of templates, compiled once, run often
 *
 * A program is what all template files of a chart and its sub-charts compile to: immutable, shared by
 * reference between threads and releases. A run gives it data. The Lua state is made per run (or taken from a
 * pool) and never leaves this folder.
 */
#include "core/base/buf.h"
#include "core/base/limits.h"
#include "lua/funcs/funcs.h"
#include "templating/render/fault.h"

struct hc_program;

struct hc_template_file {
    hc_str name;      /* "<chart>/templates/x.yaml", as in # Source and error texts */
    hc_str base_path; /* "<chart>/templates", for .Template.BasePath */
    hc_str text;
    bool partial;  /* parsed, not rendered: base name starts with _ (or a library chart's file) */
    bool borrowed; /* the text outlives the program, which then keeps no copy of it */
    bool lua;      /* a Lua template, of a chart that asks for them */
};

/* What a render may take of its arena when chart and values took `input` bytes. */
static inline size_t hc_render_room(size_t input, bool traced)
{
    return (HC_MAX_RENDER_BYTES + HC_MAX_RENDER_RATIO * input) * (traced ? HC_MAX_RENDER_TRACED : 1);
}

/* Parses all files in Helm's order (B7.2: callers pass them in any order) and keeps what it needs of them.
 * Gives a program with one reference. Parse errors carry Helm's text: "parse error at (FILE:LINE): ...";
 * `out_error` (may be NULL) gets the whole of it, which may be longer than err->msg. */
enum hc_rc hc_program_compile(const struct hc_template_file *files, size_t n, bool helm3, struct hc_program **out,
                              struct hc_buf *out_error, struct hc_err *err);
struct hc_program *hc_program_ref(struct hc_program *p);
void hc_program_unref(struct hc_program *p);
/* Bytes it holds, for caches. */
size_t hc_program_bytes(const struct hc_program *p);

struct hc_run {
    /* One context per file, same order and length as the files given to compile: the map that is `.` for the file
     * (Values, Chart, Release, Capabilities, Files, Subcharts); the engine adds .Template itself. Files of one
     * chart share one map: what `set` does is seen by all files rendered later. */
    struct hc_val **contexts;
    const struct hc_door *door; /* NULL: the real clock and random, no cluster */
    bool helm3, strict;         /* strict: missing keys are errors (lint) */
    bool keeps;                 /* large results of functions may be kept for later renders */
    bool lint;                  /* fail and required do not stop it */
    bool by_lua;                /* templates run by Lua from the first on (tests: it must make no difference) */
    struct hc_val *lint_log;    /* a list that gets what Helm logs instead then; may be NULL */
    uint64_t max_steps;         /* 0: HC_MAX_RENDER_STEPS */
    struct hc_trace *trace;     /* NULL: none (templating/render/trace.h) */
    struct hc_fault *fault;     /* NULL, or gets where it failed (in `a`) */
    hc_str *out_error;          /* NULL, or gets the whole error text (in `a`): it may be longer than err->msg */
};

/*
 * Renders every file that is not partial, in Helm's order, into out_texts[i] (index as given to compile; p is
 * NULL for partials); texts live in `a`. All-or-nothing. The error's msg is exactly what Helm 4.3.1 prints
 * behind "Error: " (B13), its file, line and col the innermost position. HC_E_AGAIN: the next run may well end (keys took
 * unusually long). One thread a run; any number of runs of one
 * program at a time.
 */
enum hc_rc hc_program_run(struct hc_program *p, struct hc_arena *a, const struct hc_run *run, hc_str *out_texts,
                          struct hc_err *err);

/* How often template files were parsed and their Lua was compiled since the process started: proof of the cache.
 * Texts given to tpl are not counted, they are part of the values. */
uint64_t hc_program_parses(void);
/* How often texts given to tpl were parsed to be kept for later runs. */
uint64_t hc_program_text_parses(void);
/* How often an include was not run, as what it prints was known. */
uint64_t hc_program_recalls(void);
/* Likewise, as what it had read in an earlier run was still the same. */
uint64_t hc_program_finds(void);
/* How often one was not run, as it had run before in the same run. */
uint64_t hc_program_repeats(void);

/* The Lua that one template compiles to, with the template's words as comments. */
enum hc_rc hc_program_lua(struct hc_program *p, hc_str name, struct hc_arena *a, hc_str *out, struct hc_err *err);

/* Every name that a Lua template can reach, one a line, sorted: what is really there, for a test and for people. */
enum hc_rc hc_lua_template_names(struct hc_buf *b, struct hc_err *err);
