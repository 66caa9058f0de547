/*
 * helmctl repo: Helm's list of chart repositories and their cached indexes (pkg/cmd/repo_*.go), on the files that the real
 * Helm reads and writes too.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/source/index.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/scrub.h"
#include "core/value/value.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/release.h"
#include "helmctl/cli/repo_index.h"

static const char about[] = "Keeps the list of chart repositories that REPO/CHART names stand for. The list and "
                            "the cached indexes are those of\n"
                            "the real Helm: both may be used on one home folder.\n"
                            "\n"
                            "  helmctl repo add NAME URL\n"
                            "  helmctl repo list [-o json|yaml] [--no-headers]\n"
                            "  helmctl repo update [NAME...]       fetches the indexes anew\n"
                            "  helmctl repo remove NAME...\n"
                            "  helmctl repo index DIR [--url URL] [--merge FILE]   index.yaml over packed charts\n"
                            "\n"
                            "Output and exit code are those of `helm repo` (Helm 4.3).";

struct repo {
    struct hc_arena *a;
    const struct hc_globals *g;
    struct hc_val *doc;
    bool there; /* repositories.yaml */
    const char *username, *password, *ca_file, *cert_file, *key_file, *output;
    bool password_stdin, force_update, insecure, pass_credentials, allow_deprecated, no_headers;
    int64_t timeout_ms;
    struct hc_err err;
};

/* ---- add -------------------------------------------------------------------------------------------------------- */

/* What Helm refuses since they are gone (pkg/cmd/repo_add.go). */
static const char *const gone[] = { "//kubernetes-charts.storage.googleapis.com",
                                    "//kubernetes-charts-incubator.storage.googleapis.com" };

static struct hc_val *new_entry(struct repo *r, const char *name, const char *url)
{
    struct hc_val *e = hc_map_new(r->a);
    const struct {
        const char *key, *text;
    } texts[] = { { "name", name },
                  { "url", url },
                  { "username", r->username },
                  { "password", r->password },
                  { "certFile", r->cert_file },
                  { "keyFile", r->key_file },
                  { "caFile", r->ca_file } };
    for (size_t i = 0; i < HC_LEN(texts); i++)
        hc_map_put(r->a, e, hc_str_of(texts[i].key),
                   hc_str_val(r->a, hc_str_of(texts[i].text ? texts[i].text : "")));
    hc_map_put(r->a, e, HC_S("insecure_skip_tls_verify"), hc_bool_val(r->a, r->insecure));
    hc_map_put(r->a, e, HC_S("pass_credentials_all"), hc_bool_val(r->a, r->pass_credentials));
    return e;
}

static bool same_entry(const struct hc_val *have, const struct hc_val *want)
{
    for (size_t i = 0; i < hc_map_len(want); i++) {
        const struct hc_entry *w = hc_map_at(want, i);
        const struct hc_val *h = hc_map_get(have, w->key);
        bool same = hc_is_str(w->val) ? hc_str_eq(hc_get_str(h), hc_get_str(w->val))
                                      : (hc_kind_of(h) == HC_BOOL && h->b) == w->val->b;
        if (!same)
            return false;
    }
    return true;
}

/* The password of --username: from stdin, or asked for where somebody can answer. */
static enum hc_rc take_password(struct repo *r)
{
    if (!r->username || !*r->username || (r->password && *r->password))
        return HC_OK;
    hc_str text;
    if (r->password_stdin) {
        if (hc_read_fd(r->a, STDIN_FILENO, "the password on stdin", 65536, &text, &r->err) != HC_OK)
            return r->err.code;
        if (hc_str_ends(text, HC_S("\n")))
            text.n--;
        if (hc_str_ends(text, HC_S("\r")))
            text.n--;
        r->password = hc_arena_strz(r->a, text);
        return r->password ? HC_OK : hc_fail_nomem(&r->err);
    }
    char *typed = isatty(STDIN_FILENO) ? getpass("Password: ") : NULL;
    if (!typed)
        return hc_fail(&r->err, HC_E_INPUT, "--username without a password: give --password or --password-stdin");
    r->password = hc_arena_strz(r->a, hc_str_of(typed));
    explicit_bzero(typed, strlen(typed));
    return r->password ? HC_OK : hc_fail_nomem(&r->err);
}

static enum hc_rc add_entry(struct repo *r, const char *name, const char *url)
{
    struct hc_val *entry, *have = hc_helm_repository(r->doc, hc_str_of(name));
    enum hc_rc rc = take_password(r);
    if (rc != HC_OK)
        return rc;
    entry = new_entry(r, name, url);
    if (strchr(name, '/'))
        return hc_fail(&r->err, HC_E_INPUT,
                       "repository name (%s) contains '/', please specify a different name without '/'", name);
    if (have && !r->force_update) {
        if (!same_entry(have, entry))
            return hc_fail(&r->err, HC_E_INPUT,
                           "repository name (%s) already exists, please specify a different name", name);
        printf("\"%s\" already exists with the same configuration, skipping\n", name);
        return HC_OK;
    }
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return hc_fail(&r->err, HC_E_INPUT, "could not find protocol handler for: %.*s",
                       HC_P(hc_str_sub(hc_str_of(url), 0, hc_str_find(hc_str_of(url), ':'))));
    if (hc_helm_fetch_index(r->a, r->g, entry, r->timeout_ms, &r->err) != HC_OK)
        return hc_wrap(&r->err, "looks like \"%s\" is not a valid chart repository or cannot be reached", url);
    struct hc_val *list = hc_map_getz(r->doc, "repositories");
    if (!hc_is_list(list))
        hc_map_put(r->a, r->doc, HC_S("repositories"), list = hc_list_new(r->a));
    if (have)
        *have = *entry;
    else
        hc_list_add(r->a, list, entry);
    if (hc_helm_write_repositories(r->a, r->g, r->doc, &r->err) != HC_OK)
        return r->err.code;
    printf("\"%s\" has been added to your repositories\n", name);
    return HC_OK;
}

static enum hc_rc add(struct repo *r, const char **args)
{
    for (size_t i = 0; i < HC_LEN(gone) && !r->allow_deprecated; i++)
        if (strstr(args[1], gone[i]))
            return hc_fail(&r->err, HC_E_INPUT,
                           "repo \"%s\" is no longer available; it was given up in 2020, its charts have moved",
                           args[1]);
    HC_AUTO(hc_fd) int lock = hc_helm_lock(r->a, r->g, &r->err);
    if (lock < 0 || hc_helm_repositories(r->a, r->g, &r->doc, &r->there, &r->err) != HC_OK)
        return r->err.code;
    return add_entry(r, args[0], args[1]);
}

/* ---- list, remove, update ------------------------------------------------------------------------------------------- */

static enum hc_rc list(struct repo *r)
{
    if (hc_cli_check_output(r->output, &r->err) != HC_OK)
        return r->err.code;
    const struct hc_val *entries = hc_map_getz(r->doc, "repositories");
    size_t n = hc_list_len(entries);
    if (strcmp(r->output, "table") != 0) {
        struct hc_val *out = hc_list_new(r->a);
        for (size_t i = 0; i < n; i++) {
            struct hc_val *e = hc_map_new(r->a);
            hc_map_put(r->a, e, HC_S("name"), hc_str_val(r->a, hc_get_str_at(hc_list_at(entries, i), "name")));
            hc_map_put(r->a, e, HC_S("url"), hc_str_val(r->a, hc_get_str_at(hc_list_at(entries, i), "url")));
            hc_list_add(r->a, out, e);
        }
        if (hc_arena_spent(r->a))
            return hc_fail_nomem(&r->err);
        return hc_cli_print_value(out, r->output) == 0 ? HC_OK : hc_fail(&r->err, HC_E_INPUT, "output");
    }
    if (!n) {
        fputs("no repositories to show\n", stderr);
        return HC_OK;
    }
    hc_str *cells = HC_NEW_N(r->a, hc_str, 2 * (n + 1));
    if (!cells)
        return hc_fail_nomem(&r->err);
    cells[0] = HC_S("NAME");
    cells[1] = HC_S("URL");
    for (size_t i = 0; i < n; i++) {
        cells[2 * i + 2] = hc_get_str_at(hc_list_at(entries, i), "name");
        cells[2 * i + 3] = hc_get_str_at(hc_list_at(entries, i), "url");
    }
    size_t head = r->no_headers ? 1 : 0;
    hc_cli_print_table(cells + 2 * head, 2, n + 1 - head);
    return HC_OK;
}

static enum hc_rc remove_one(struct repo *r, const char *name)
{
    struct hc_val *list = hc_map_getz(r->doc, "repositories"), *rest = hc_list_new(r->a);
    if (!hc_helm_repository(r->doc, hc_str_of(name)))
        return hc_fail(&r->err, HC_E_NOTFOUND, "no repo named \"%s\" found", name);
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (!hc_str_eqz(hc_get_str_at(hc_list_at(list, i), "name"), name))
            hc_list_add(r->a, rest, hc_list_at(list, i));
    hc_map_put(r->a, r->doc, HC_S("repositories"), rest);
    if (hc_helm_write_repositories(r->a, r->g, r->doc, &r->err) != HC_OK)
        return r->err.code;
    const char *const files[] = { hc_helm_index_file(r->a, r->g, hc_str_of(name)),
                                  hc_helm_charts_file(r->a, r->g, hc_str_of(name)) };
    for (size_t i = 0; i < HC_LEN(files); i++)
        if (!files[i] || (unlink(files[i]) < 0 && errno != ENOENT))
            return files[i] ? hc_fail_errno(&r->err, "remove", files[i]) : hc_fail_nomem(&r->err);
    printf("\"%s\" has been removed from your repositories\n", name);
    return HC_OK;
}

static enum hc_rc remove_all(struct repo *r, const char **args, size_t n)
{
    HC_AUTO(hc_fd) int lock = hc_helm_lock(r->a, r->g, &r->err);
    if (lock < 0 || hc_helm_repositories(r->a, r->g, &r->doc, &r->there, &r->err) != HC_OK)
        return r->err.code;
    if (!hc_list_len(hc_map_getz(r->doc, "repositories")))
        return hc_fail(&r->err, HC_E_NOTFOUND, "no repositories configured");
    for (size_t i = 0; i < n; i++)
        if (remove_one(r, args[i]) != HC_OK)
            return r->err.code;
    return HC_OK;
}

static bool asked_for(const char **args, size_t n, hc_str name)
{
    for (size_t i = 0; i < n; i++)
        if (hc_str_eqz(name, args[i]))
            return true;
    return n == 0;
}

/* Without what people put in front of the host, and behind a "?". */
static const char *shown(struct hc_arena *a, hc_str url)
{
    char *text = hc_arena_strz(a, url);
    if (text)
        hc_scrub_urls(text, true);
    return text ? text : "";
}

struct updated {
    struct repo *r;
    const struct hc_val *entries;
    bool *failed; /* of each */
};

static void tell_updated(void *ctx, size_t at, enum hc_rc rc, const struct hc_err *err)
{
    struct updated *u = ctx;
    hc_str name = hc_get_str_at(hc_list_at(u->entries, at), "name");
    hc_str url = hc_get_str_at(hc_list_at(u->entries, at), "url");
    if (rc == HC_OK)
        printf("...Successfully got an update from the \"%.*s\" chart repository\n", HC_P(name));
    else
        printf("...Unable to get an update from the \"%.*s\" chart repository (%s):\n\t%s\n", HC_P(name),
               shown(u->r->a, url), err->msg);
    u->failed[at] = rc != HC_OK;
    fflush(stdout);
}

static enum hc_rc update(struct repo *r, const char **args, size_t n)
{
    const struct hc_val *all = hc_map_getz(r->doc, "repositories");
    struct hc_val *entries = hc_list_new(r->a);
    hc_str failed = HC_S("");
    if (!hc_list_len(all))
        return hc_fail(&r->err, HC_E_NOTFOUND, "no repositories found. You must add one before updating");
    for (size_t i = 0; i < n; i++)
        if (!hc_helm_repository(r->doc, hc_str_of(args[i])))
            return hc_fail(&r->err, HC_E_NOTFOUND, "no repositories found matching '%s'.  Nothing will be updated",
                           args[i]);
    for (size_t i = 0; i < hc_list_len(all); i++)
        if (asked_for(args, n, hc_get_str_at(hc_list_at(all, i), "name")))
            hc_list_add(r->a, entries, hc_list_at(all, i));
    struct updated u = { r, entries, HC_NEW_N(r->a, bool, hc_list_len(entries) + 1) };
    if (hc_arena_spent(r->a))
        return hc_fail_nomem(&r->err);
    puts("Hang tight while we grab the latest from your chart repositories...");
    fflush(stdout);
    hc_helm_fetch_indexes(r->a, r->g, entries, r->timeout_ms, tell_updated, &u);
    for (size_t i = 0; i < hc_list_len(entries); i++)
        if (u.failed[i])
            failed = hc_arena_printf(r->a, "%.*s%s%.*s", HC_P(failed), failed.n ? " " : "",
                                     HC_P(hc_get_str_at(hc_list_at(entries, i), "url")));
    if (failed.n)
        return hc_fail(&r->err, HC_E_AGAIN, "failed to update the following repositories: [%.*s]", HC_P(failed));
    puts("Update Complete. ⎈Happy Helming!⎈");
    return HC_OK;
}

static enum hc_rc make_index(struct repo *r, struct hc_repo_index *o, const char **args)
{
    o->dir = args[0];
    return hc_cli_repo_index(r->a, o, &r->err);
}

static const struct hc_sub subs[] = {
    { "add", "NAME URL", "add a repository to the list, and fetch its index", 2, 2 },
    { "index", "DIR", "write index.yaml over a folder of packed charts", 1, 1 },
    { "list", "", "print the list", 0, 0, "ls" },
    { "remove", "REPO...", "take repositories off the list", 1, -1, "rm" },
    { "update", "[REPO...]", "fetch the indexes of all repositories, or of some, anew", 0, -1, "up" },
};

int hc_cmd_repo(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct repo r = { .a = a, .output = "table", .timeout_ms = 120000, .err = HC_ERR_INIT };
    struct hc_repo_index index = { .dir = NULL };
    const struct hc_flag flags[] = {
        { "username", 0, HC_FLAG_STR, &r.username, "user name for the repository", .of = "add" },
        { "password", 0, HC_FLAG_STR, &r.password, "password for the repository", .of = "add" },
        { "password-stdin", 0, HC_FLAG_BOOL, &r.password_stdin, "read the password from stdin", .of = "add" },
        { "ca-file", 0, HC_FLAG_STR, &r.ca_file, "certificate authority of the repository", NULL, "file",
          .of = "add" },
        { "cert-file", 0, HC_FLAG_STR, &r.cert_file, "client certificate for the repository", NULL, "file",
          .of = "add" },
        { "key-file", 0, HC_FLAG_STR, &r.key_file, "key of the client certificate", NULL, "file", .of = "add" },
        { "insecure-skip-tls-verify", 0, HC_FLAG_BOOL, &r.insecure, "do not check the certificate", .of = "add" },
        { "pass-credentials", 0, HC_FLAG_BOOL, &r.pass_credentials, "send the login to other hosts too",
          .of = "add" },
        { "force-update", 0, HC_FLAG_BOOL, &r.force_update, "replace a repository of that name", .of = "add" },
        { "allow-deprecated-repos", 0, HC_FLAG_BOOL, &r.allow_deprecated,
          "take addresses of repositories that were given up", .of = "add" },
        { "timeout", 0, HC_FLAG_DURATION, &r.timeout_ms, "for one index (default 2m0s)", .of = "add update" },
        { "output", 'o', HC_FLAG_STR, &r.output, "print as table, json or yaml", NULL, "table|json|yaml",
          .of = "list" },
        { "no-headers", 0, HC_FLAG_BOOL, &r.no_headers, "the table without its first line", .of = "list" },
        { "url", 0, HC_FLAG_STR, &index.url, "address of the folder, in front of the charts' names",
          .of = "index" },
        { "merge", 0, HC_FLAG_STR, &index.merge, "keep the versions that only this index has", NULL, "file",
          .of = "index" },
        { "json", 0, HC_FLAG_BOOL, &index.json, "write JSON", .of = "index" },
    };
    struct hc_cli cli = {
        .use = "repo add|list|update|remove|index [NAME...] [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .subs = subs,
        .subs_n = HC_LEN(subs),
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    const char *verb = cli.sub->name, **args = cli.args + 1;
    size_t n = cli.args_n - 1;
    r.g = &cli.globals;
    r.timeout_ms = HC_MAX(r.timeout_ms, 0);
    enum hc_rc rc;
    if (strcmp(verb, "add") == 0)
        rc = add(&r, args);
    else if (strcmp(verb, "remove") == 0)
        rc = remove_all(&r, args, n);
    else if (strcmp(verb, "index") == 0)
        rc = make_index(&r, &index, args);
    else if ((rc = hc_helm_repositories(a, r.g, &r.doc, &r.there, &r.err)) == HC_OK)
        rc = verb[0] == 'l' ? list(&r) : update(&r, args, n);
    hc_scrub_urls(r.err.msg, true);
    return rc == HC_OK ? 0 : hc_cli_fail(&r.err);
}
