/*
 * Completion from the tables of the commands: a walk over the words that stand, then what may stand next.
 */
#include "helmctl/cli/complete.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "helmctl/cli/flags_impl.h"

/* Names come from clusters and indexes of strangers, and a shell puts them on the command line as they are. */
static bool is_plain(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127 || strchr(";&|<>()$`\"'\\", s.p[i]))
            return false;
    return s.n > 0;
}

void hc_complete_add(struct hc_completion *c, hc_str word, hc_str help)
{
    if (!hc_str_starts(word, hc_str_of(c->word)) || !is_plain(word))
        return;
    hc_buf_put(&c->out, word);
    if (c->describe && help.n)
        hc_buf_putc(&c->out, '\t');
    for (size_t i = 0; c->describe && i < help.n; i++)
        hc_buf_putc(&c->out, (unsigned char)help.p[i] < ' ' || help.p[i] == 127 ? ' ' : help.p[i]);
    hc_buf_putc(&c->out, '\n');
}

static void add(struct hc_completion *c, const char *word, const char *help)
{
    hc_complete_add(c, hc_str_of(word), hc_str_of(help));
}

const char **hc_complete_args(const struct hc_cli *cli, size_t *out_n)
{
    size_t skip = cli->sub && !cli->open && cli->args_n ? 1 : 0;
    *out_n = cli->args_n - skip;
    return cli->args + skip;
}

/* ---- flags -------------------------------------------------------------------------------------------- */

static const struct hc_flag *flag_at(const struct walk *w, size_t i)
{
    return i < w->cli->flags_n ? &w->cli->flags[i] : &w->globals[i - w->cli->flags_n];
}

static size_t index_of(const struct walk *w, const struct hc_flag *f)
{
    bool own = w->cli->flags_n && f >= w->cli->flags && f < w->cli->flags + w->cli->flags_n;
    return own ? (size_t)(f - w->cli->flags) : w->cli->flags_n + (size_t)(f - w->globals);
}

static void flag_names(struct hc_completion *c, const struct walk *w, const bool *given)
{
    c->directive = HC_WORDS_NO_FILES;
    for (size_t i = 0; i < w->cli->flags_n + w->globals_n; i++) {
        const struct hc_flag *f = flag_at(w, i);
        bool again = f->kind >= HC_FLAG_LIST;
        if (!f->help || f->deprecated || !cli_flag_fits(w->cli, f) || (given[i] && !again) ||
            cli_find(w, hc_str_of(f->name), 0) != f)
            continue;
        hc_complete_add(c, hc_arena_printf(c->a, "--%s", f->name), hc_str_of(f->help));
        if (f->letter)
            hc_complete_add(c, hc_arena_printf(c->a, "-%c", f->letter), hc_str_of(f->help));
    }
    add(c, "--help", "print this");
    add(c, "-h", "print this");
}

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; word && i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static void flag_value(struct hc_completion *c, const struct walk *w, const struct hc_flag *f)
{
    static const char *const files[] = { "file", "FILE", "path", "PATH", "key=path" };
    static const char *const folders[] = { "folder", "DIR" };
    hc_str rest = hc_str_of(f->type && strchr(f->type, '|') ? f->type : NULL), choice;
    c->directive = HC_WORDS_NO_FILES;
    if (f->kind == HC_FLAG_BOOL) {
        add(c, "true", NULL);
        add(c, "false", NULL);
    } else if (is_one_of(f->type, folders, HC_LEN(folders))) {
        c->directive = HC_WORDS_FOLDERS;
    } else if (rest.n || is_one_of(f->type, files, HC_LEN(files))) {
        c->directive = rest.n ? HC_WORDS_NO_FILES : 0;
        while (hc_str_split(&rest, '|', &choice))
            hc_complete_add(c, choice, HC_S(""));
    } else if (!hc_cli_ports.complete || !hc_cli_ports.complete(c, w->cli, f->name)) {
        /* A text that nothing is known of may be a path, as with Helm. */
        c->directive = f->type || (f->kind >= HC_FLAG_INT && f->kind <= HC_FLAG_DURATION) ? HC_WORDS_NO_FILES : 0;
    }
}

/* "--name=..." and "-x=...": the flag, and c->word becomes what stands behind the "=". */
static const struct hc_flag *joined_flag(struct hc_completion *c, const struct walk *w)
{
    hc_str word = hc_str_of(c->word);
    size_t eq = hc_str_find(word, '=');
    if (eq == SIZE_MAX || eq < 2)
        return NULL;
    c->word += eq + 1;
    return word.p[1] == '-' ? cli_find(w, hc_str_sub(word, 2, eq), 0) : cli_find(w, word, word.p[eq - 1]);
}

/* ---- arguments ---------------------------------------------------------------------------------------- */

/* "[NAME]" to "NAME"; *out_more: any number of them. */
static hc_str bare_word(hc_str token, bool *out_more)
{
    static const hc_str dots = { "...", 3 };
    size_t at = hc_str_find_str(token, dots);
    *out_more = at != SIZE_MAX;
    token = at == SIZE_MAX ? token : hc_str_sub(token, 0, at);
    while (token.n && strchr("[(", token.p[0]))
        token = hc_str_sub(token, 1, token.n);
    while (token.n && strchr("])", token.p[token.n - 1]))
        token.n--;
    return token;
}

/* The word of `use` that the next argument stands for; absent: none may follow. */
static hc_str next_word(const struct hc_cli *cli, size_t at, bool unnamed)
{
    bool below = cli->sub && !cli->open, more = false;
    hc_str rest = hc_str_of(below ? cli->sub->args : cli->use), token, word = { NULL, 0 };
    if (!below)
        hc_str_split(&rest, ' ', &token);
    for (size_t i = 0; hc_str_split(&rest, ' ', &token) && !hc_str_eqz(token, "[flags]"); i++) {
        if (i == 0 && unnamed && hc_str_eqz(token, "[NAME]")) {
            at++; /* --generate-name: what is left out is the name */
            continue;
        }
        hc_str bare = bare_word(token, &more);
        word = bare.n ? bare : word;
        bool last = rest.n == 0 || hc_str_eqz(rest, "[flags]");
        if (i == at || (more && last))
            return word;
    }
    return (hc_str){ NULL, 0 };
}

static void argument(struct hc_completion *c, const struct walk *w, bool unnamed)
{
    static const char *const files[] = { "FILE", "PATH", "DIR", "CHART_PATH", "PLAN" };
    const struct hc_cli *cli = w->cli;
    size_t n;
    (void)hc_complete_args(cli, &n);
    c->directive = HC_WORDS_NO_FILES;
    for (size_t i = 0; !cli->args_n && i < cli->subs_n; i++)
        add(c, cli->subs[i].name, cli->subs[i].help);
    if ((cli->subs && !cli->open && !cli->sub) || (cli->complete && cli->complete(c, cli)))
        return;
    const char *what = hc_arena_strz(c->a, next_word(cli, n, unnamed));
    if (!what || !*what)
        return;
    if (strcmp(what, "FOLDER") == 0)
        c->directive = HC_WORDS_FOLDERS;
    else if (is_one_of(what, files, HC_LEN(files)))
        c->directive = 0;
    else if (hc_cli_ports.complete)
        (void)hc_cli_ports.complete(c, cli, what);
}

/* ---- the walk ----------------------------------------------------------------------------------------- */

static int by_text(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

static void sort_words(struct hc_completion *c)
{
    hc_str text = hc_buf_to_arena(&c->out, c->a), rest = text, line;
    size_t n = 0;
    while (hc_str_split(&rest, '\n', &line))
        n++;
    hc_str *lines = HC_NEW_N(c->a, hc_str, n + 1);
    if (!lines || !n)
        return;
    rest = text;
    for (n = 0; hc_str_split(&rest, '\n', &line);)
        if (line.n)
            lines[n++] = line;
    qsort(lines, n, sizeof(*lines), by_text);
    hc_buf_reset(&c->out);
    for (size_t i = 0; i < n; i++) {
        hc_buf_put(&c->out, lines[i]);
        hc_buf_putc(&c->out, '\n');
    }
}

static int answer(struct hc_completion *c)
{
    struct hc_err err = HC_ERR_INIT;
    if (!(c->directive & HC_WORDS_ORDERED))
        sort_words(c);
    hc_buf_printf(&c->out, ":%u\n", c->directive);
    if (hc_buf_check(&c->out, &err, "words") != HC_OK)
        return 1;
    return hc_write_fd(STDOUT_FILENO, hc_buf_str(&c->out), &err) == HC_OK ? 0 : 1;
}

static int words(struct hc_completion *c, struct walk *w)
{
    struct hc_cli *cli = w->cli;
    bool *given = HC_NEW_N(c->a, bool, cli->flags_n + w->globals_n + 1), over = false, known = true;
    const struct hc_flag *pending = NULL;
    if (!given)
        return 1;
    for (; w->at < w->argc; w->at++) {
        const char *arg = w->argv[w->at];
        if (over || arg[0] != '-' || !arg[1]) {
            cli->args[cli->args_n++] = arg;
            continue;
        }
        over = strcmp(arg, "--") == 0;
        if (over)
            continue;
        const struct hc_flag *f = cli_wants_next(w, arg, &known);
        hc_str name = hc_str_of(arg + 2);
        name = arg[1] == '-' ? hc_str_sub(name, 0, HC_MIN(name.n, hc_str_find(name, '='))) : HC_S("");
        if (!known)
            return answer(c);
        c->directive = HC_WORDS_NO_FILES;
        if (hc_str_eqz(name, "help") || strcmp(arg, "-h") == 0)
            return answer(c);
        c->directive = 0;
        for (const char *p = name.n ? "" : arg + 1; *p && cli_find(w, name, *p) && p[0] != '='; p++)
            given[index_of(w, cli_find(w, name, *p))] = true;
        if (name.n)
            given[index_of(w, cli_find(w, name, 0))] = true;
        if (f && w->at + 1 >= w->argc)
            pending = f;
        else
            (void)cli_take_flag(w, arg);
    }
    bool dash = !over && c->word[0] == '-';
    const struct hc_flag *f = pending || !dash ? pending : joined_flag(c, w);
    const char *const unnaming[] = { "generate-name", "name-template" };
    bool unnamed = false;
    for (size_t i = 0; i < cli->flags_n; i++)
        unnamed = unnamed || (given[i] && is_one_of(cli->flags[i].name, unnaming, HC_LEN(unnaming)));
    if (f)
        flag_value(c, w, f);
    else if (dash && !strchr(c->word, '='))
        flag_names(c, w, given);
    else if (!dash)
        argument(c, w, unnamed);
    return answer(c);
}

/* ---- the root ----------------------------------------------------------------------------------------- */

static bool verbs(struct hc_completion *c, const struct hc_cli *cli)
{
    for (size_t i = 0; !cli->args_n && i < c->table_n; i++)
        if (c->table[i].help)
            add(c, c->table[i].name, c->table[i].help);
    if (!cli->args_n)
        add(c, "help", "tell of a command");
    return true;
}

int hc_cli_complete(int argc, char **argv, const struct hc_command *table, size_t n)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (argc < 2)
        return hc_cli_error("requires at least 1 arg(s), only received 0");
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC), code;
    if (quiet >= 0)
        (void)dup2(quiet, STDERR_FILENO);
    struct hc_completion c = { .a = a,
                               .word = argv[argc - 1],
                               .describe = strcmp(argv[0], "__complete") == 0,
                               .table = table,
                               .table_n = n,
                               .argv = argv - 1,
                               .words = words };
    char **line = HC_NEW_N(a, char *, (size_t)argc + 1);
    if (!line)
        return 1;
    hc_buf_init(&c.out, 0);
    memcpy(line, argv, (size_t)(argc - 1) * sizeof(*line));
    argc = hc_cli_verb_first(argc - 1, line);
    if (argc > 1 && strcmp(line[1], "help") == 0) {
        line[1] = line[0];
        line++;
        argc--;
    }
    hc_cli_completing = &c;
    const struct hc_command *verb = NULL;
    for (size_t i = 0; argc > 1 && i < n; i++)
        if (strcmp(line[1], table[i].name) == 0)
            verb = &table[i];
    struct hc_cli root = { .use = "COMMAND [flags]", .complete = verbs };
    if (verb)
        code = verb->run(argc - 1, line + 1);
    else if (argc > 1 && line[1][0] != '-')
        code = answer(&c); /* nobody knows what follows an unknown verb */
    else
        code = hc_cli_parse(a, &root, argc, line);
    hc_buf_done(&c.out);
    return code;
}
