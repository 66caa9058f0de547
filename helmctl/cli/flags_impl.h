#pragma once
/*
 * helmctl/cli/flags_impl.h - what the parser, help and completion share: one walk over a command line
 */
#include "helmctl/cli/flags.h"

#define CLI_GLOBALS_MAX 20

struct walk {
    struct hc_arena *a;
    struct hc_cli *cli;
    struct hc_flag globals[CLI_GLOBALS_MAX];
    size_t globals_n;
    int argc, at;
    char **argv;
};

/* ---- flags.c ---- */

/* By name, or by letter when that is not 0; the command's own first, those of another verb below it not at all. */
const struct hc_flag *cli_find(const struct walk *w, hc_str name, char letter);
/* What a flag without "=value" stands for; NULL: the next word is its value. */
const char *cli_bare_value(const struct hc_flag *f);
/* Whether a flag may be given with the verb below that was named; with none, always. */
bool cli_flag_fits(const struct hc_cli *cli, const struct hc_flag *f);
/* The flag whose value is the word behind `arg`; NULL: none. *out_known false: `arg` holds a flag nobody knows. */
const struct hc_flag *cli_wants_next(const struct walk *w, const char *arg, bool *out_known);
/* Takes the flag at w->at, and the word behind it if that is its value. -1: go on; else the exit code. */
int cli_take_flag(struct walk *w, const char *arg);

/* ---- help.c: all give an exit code ---- */

int cli_help(const struct walk *w);
int cli_unknown_flag(const struct walk *w, hc_str name);
int cli_unknown_sub(const struct hc_cli *cli, const char *verb, const char *word);
/* -1: there are as many arguments as there may be. */
int cli_check_args(const struct hc_cli *cli, const char *verb);
