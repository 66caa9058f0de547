#pragma once
/*
 * helmctl/cli/complete.h - what a shell offers for the word that is being typed
 *
 *     helmctl __complete ARGS... WORD      (__completeNoDesc: without what stands behind the tabs)
 *
 * answers in the form of Helm's programs (cobra): a word a line, a tab and a line of help behind it, and at last ":N", the sum of
 * the HC_WORDS_ below. Verbs and flags are those of the tables that parse them: the verb itself is run, and hc_cli_parse
 * completes instead of parsing. Values of flags come from their `type` ("a|b|c", "file", "folder") or name, arguments
 * from the words in `use`: RELEASE, REVISION, CHART, REPO, FILE, PATH, FOLDER. What of these needs a cluster or Helm's
 * files is in complete_words.c, behind hc_cli_ports.complete.
 */
#include "core/base/buf.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"

enum {
    HC_WORDS_ERROR = 1,
    HC_WORDS_NO_SPACE = 2, /* the word goes on */
    HC_WORDS_NO_FILES = 4, /* where there is none, no files are offered instead */
    HC_WORDS_FOLDERS = 16, /* offer folders */
    HC_WORDS_ORDERED = 32, /* leave them in this order */
};

struct walk;
struct hc_completion {
    struct hc_arena *a;
    const char *word; /* as far as it is typed */
    unsigned directive;
    bool describe;
    struct hc_buf out;
    /* What the root completes, and this command line as it came. */
    const struct hc_command *table;
    size_t table_n;
    char **argv;
    int (*words)(struct hc_completion *c, struct walk *w); /* hc_cli_parse's; gives the exit code */
};

/* Not NULL: a command line is completed, and hc_cli_parse does that. */
extern struct hc_completion *hc_cli_completing;

/* The verb: completes below `table`. Nothing goes to stderr. */
int hc_cli_complete(int argc, char **argv, const struct hc_command *table, size_t n);

/* Offers a word if it begins as what is typed, and holds nothing that a shell would take for more than a word. */
void hc_complete_add(struct hc_completion *c, hc_str word, hc_str help);
/* The arguments so far, without the verb below the verb. */
const char **hc_complete_args(const struct hc_cli *cli, size_t *out_n);

/* ---- complete_words.c (cluster only) ---- */

/* hc_cli_ports.complete: `what` is a word of `use` or a flag's name; false: nothing is known of it. */
bool hc_cli_complete_words(struct hc_completion *c, const struct hc_cli *cli, const char *what);
/* From here on a second is left: a cluster that does not answer gives no words. */
void hc_complete_deadline(void);
