/*
 * What is printed from the table of a command: its help, and what is wrong with a command line, with what may have been meant.
 */
#include <stdio.h>

#include "helmctl/cli/flags_impl.h"
#include "helmctl/cli/words.h"

enum { COLUMNS = 100, LEFT = 40 /* of these for a flag's name */, GAP = 3 };

static const char *kind_word(const struct hc_flag *f)
{
    static const char *const words[] = { "",         "string",      "int",     "uint",          "float",
                                         "duration", "stringArray", "strings", "stringToString" };
    return f->type ? f->type : words[f->kind];
}

/* From column `at` on, broken between words and gone on with below. */
static void put_wrapped(const char *text, size_t at)
{
    hc_str rest = hc_str_of(text), word;
    for (size_t column = at; hc_str_split(&rest, ' ', &word);) {
        if (column > at && column + 1 + word.n > COLUMNS) {
            printf("\n%*s", (int)at, "");
            column = at;
        }
        column += word.n + (size_t)printf("%s%.*s", column > at ? " " : "", HC_P(word)) - word.n;
    }
    putchar('\n');
}

/* Lines of prose are one paragraph and broken anew; those that are indented stay as they are. */
static void put_about(struct hc_arena *a, const char *text)
{
    hc_str rest = hc_str_of(text), line, paragraph = { NULL, 0 };
    for (bool more = true; more;) {
        more = hc_str_split(&rest, '\n', &line);
        bool prose = more && line.n && line.p[0] != ' ';
        if (prose)
            paragraph = paragraph.n ? hc_arena_printf(a, "%.*s %.*s", HC_P(paragraph), HC_P(line)) : line;
        else if (paragraph.n)
            put_wrapped(hc_arena_strz(a, paragraph), 0);
        if (prose)
            continue;
        paragraph.n = 0;
        if (more)
            printf("%.*s\n", HC_P(line));
    }
}

/* Those of the command, or the global ones that it has no meaning of its own for. */
static void print_flags(const struct walk *w, const char *title, const struct hc_flag *t, size_t n)
{
    const struct hc_cli *cli = w->cli;
    char left[128];
    size_t width = 0;
    bool any = false;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && any)
            printf("\n%s:\n", title);
        for (size_t i = 0; i < n; i++) {
            if (!t[i].help || !cli_flag_fits(cli, &t[i]) ||
                (t == w->globals && cli_find(w, hc_str_of(t[i].name), 0) != &t[i]) ||
                (t[i].of && cli->subs && !cli->sub && !cli->open))
                continue;
            int len = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s%s%s%s", t[i].letter ? '-' : ' ',
                               t[i].letter ? t[i].letter : ' ', t[i].letter ? ',' : ' ', t[i].name,
                               t[i].kind == HC_FLAG_BOOL ? "" : " ", kind_word(&t[i]), t[i].bare ? "[=" : "",
                               t[i].bare ? t[i].bare : "", t[i].bare ? "]" : "");
            any = true;
            if (len > 0)
                width = HC_MIN(HC_MAX(width, (size_t)len), (size_t)LEFT);
            if (!pass)
                continue;
            printf("%-*s%*s", (int)width, left, GAP, "");
            if (strlen(left) > width)
                printf("\n%*s", (int)width + GAP, "");
            put_wrapped(t[i].help, width + GAP);
        }
    }
}

static void print_subs(const struct hc_cli *cli)
{
    size_t width = 0;
    for (size_t i = 0; i < cli->subs_n; i++)
        width = HC_MAX(width, strlen(cli->subs[i].name));
    if (cli->subs_n)
        fputs("\nCommands:\n", stdout);
    for (size_t i = 0; i < cli->subs_n; i++) {
        printf("  %-*s%*s", (int)width, cli->subs[i].name, GAP, "");
        put_wrapped(cli->subs[i].help, width + 2 + GAP);
    }
}

static void put_usage(FILE *to, const struct hc_cli *cli)
{
    hc_str use = hc_str_of(cli->use), verb;
    hc_str_split(&use, ' ', &verb);
    if (cli->sub)
        fprintf(to, "  helmctl %.*s %s%s%s [flags]\n", HC_P(verb), cli->sub->name, *cli->sub->args ? " " : "",
                cli->sub->args);
    else
        fprintf(to, "  helmctl %s\n", cli->use);
}

int cli_help(const struct walk *w)
{
    static const struct hc_flag help = { "help", 'h', HC_FLAG_BOOL, NULL, "print this" };
    const struct hc_cli *cli = w->cli;
    if (cli->sub && !cli->open && cli->sub->about)
        put_about(w->a, cli->sub->about);
    else if (cli->sub && !cli->open)
        printf("%c%s.\n", cli->sub->help[0] & ~0x20, cli->sub->help + 1);
    else if (cli->about)
        put_about(w->a, cli->about);
    fputs(cli->about || cli->sub ? "\nUsage:\n" : "Usage:\n", stdout);
    put_usage(stdout, cli);
    if (cli->sub && cli->sub->alias)
        printf("\nAlso: %s\n", cli->sub->alias);
    if (!cli->sub)
        print_subs(cli);
    print_flags(w, "Flags", cli->flags, cli->flags_n);
    print_flags(w, cli->flags_n ? "Help" : "Flags", &help, 1);
    print_flags(w, "Global Flags", w->globals, w->globals_n);
    return 0;
}

/* The flag that is nearest to it. Helm leaves it at the first half. */
int cli_unknown_flag(const struct walk *w, hc_str name)
{
    enum { NEAR = 2 };
    const struct hc_flag *nearest = NULL;
    size_t best = HC_MIN((size_t)NEAR, name.n / 3) + 1;
    for (size_t i = 0; i < w->cli->flags_n + w->globals_n; i++) {
        const struct hc_flag *f = i < w->cli->flags_n ? &w->cli->flags[i] : &w->globals[i - w->cli->flags_n];
        size_t far = hc_cli_distance(name, hc_str_of(f->name), NEAR);
        if (!f->help || far >= best || !cli_flag_fits(w->cli, f))
            continue;
        nearest = f;
        best = far;
    }
    if (nearest)
        return hc_cli_error("unknown flag: --%.*s; did you mean --%s?", HC_P(name), nearest->name);
    return hc_cli_error("unknown flag: --%.*s", HC_P(name));
}

int cli_unknown_sub(const struct hc_cli *cli, const char *verb, const char *word)
{
    bool any = false;
    fprintf(stderr, "Error: unknown command \"%s\" for \"helmctl %s\"\n", word, verb);
    for (size_t i = 0; i < cli->subs_n; i++)
        if (hc_cli_is_near(hc_str_of(word), hc_str_of(cli->subs[i].name))) {
            fprintf(stderr, "%s\t%s\n", any ? "" : "\nDid you mean this?\n", cli->subs[i].name);
            any = true;
        }
    fprintf(stderr, "\nRun 'helmctl %s --help' for usage.\n", verb);
    return 1;
}

int cli_check_args(const struct hc_cli *cli, const char *verb)
{
    const struct hc_sub *sub = cli->open ? NULL : cli->sub;
    int min = sub ? sub->min_args : cli->min_args, max = sub ? sub->max_args : cli->max_args;
    size_t least = min > 0 ? (size_t)min : 0, n = cli->args_n - (sub ? 1 : 0);
    if (n >= least && (max < 0 || n <= (size_t)max))
        return -1;
    fprintf(stderr, "Error: \"helmctl %s%s%s\" ", verb, sub ? " " : "", sub ? sub->name : "");
    if (max == 0)
        fputs("accepts no arguments", stderr);
    else if (n < least || max == min)
        fprintf(stderr, "requires %s%zu argument%s", max == min ? "" : "at least ", least, least == 1 ? "" : "s");
    else
        fprintf(stderr, "accepts at most %d argument%s, \"%s\" is too many", max, max == 1 ? "" : "s",
                cli->args[max + (sub ? 1 : 0)]);
    fputs("\n\nUsage:", stderr);
    put_usage(stderr, cli);
    return 1;
}
