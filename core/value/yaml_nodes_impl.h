#pragma once
/*
 * core/value/yaml_nodes_impl.h - libyaml's tokens with the comments that lie between them
 *
 * yaml.v3 finds comments while it scans, and which token a comment goes to depends on how far it had scanned when its
 * parser asked. Here libyaml scans the whole text first; then the scan is gone through once more, token by token, as the
 * parser asks for them (yn_peek), and looks for comments where yaml.v3 looks.
 */
#include <yaml.h>

#include "core/value/yaml_nodes.h"

struct yn_token {
    yaml_token_t t;
    size_t start, end; /* bytes; a BLOCK-END may stand before the comments it was found behind */
    uint32_t fetched;  /* with which step of the scan it came */
};

/* Positions are bytes of the text. A comment belongs to the first token that starts at or behind `token`. */
struct yn_comment {
    size_t scan, token, start, end;
    size_t start_line, start_col; /* from 0; column from 1, as yaml.v3 has it */
    hc_str head, line, foot;
};

struct yn_scan {
    struct hc_arena *a;
    hc_str text;
    struct yn_token *tokens;
    size_t n, cap, next; /* next: what the parser is at */
    struct yn_comment *comments;
    size_t comments_n, comments_cap, comments_next;
    uint32_t steps, steps_done;
    /* where the scan is */
    size_t mark;
    size_t line_at, line_no;  /* a line number that is known */
    int indents[1024], depth; /* columns of the open blocks */
    unsigned flow;
    /* comments for the next node of the parser */
    hc_str head, line, foot, stem;
};

/* Everything libyaml finds; yn_done in any case. */
enum hc_rc yn_open(struct yn_scan *s, struct hc_arena *a, hc_str text, struct hc_err *err);
void yn_done(struct yn_scan *s);
/* The token the parser is at, with the comments before it taken in; yn_skip goes on to the next. */
const struct yn_token *yn_peek(struct yn_scan *s);
void yn_skip(struct yn_scan *s);
