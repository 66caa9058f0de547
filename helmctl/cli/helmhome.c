/*
 * Helm's folders (pkg/helmpath), repositories.yaml (pkg/repo/v1/repo.go), and what a command on the network works with.
 */
#include "helmctl/cli/helmhome.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/cli/leftovers.h"

#define TEMPORARY "helmctl-chart-" /* folders that live as long as a command */

enum { TIMEOUT_MS = 120000, /* Helm pkg/getter: DefaultHTTPTimeout */ LOCK_MS = 30000, LOCK_STEP_US = 50000 };

static const char *below(struct hc_arena *a, const char *helm, const char *xdg, const char *fallback,
                         const char *name)
{
    const char *home = hc_cli_env(helm), *mark = *name ? "/" : "";
    if (home)
        return hc_arena_printf(a, "%s%s%s", home, mark, name).p;
    if ((home = hc_cli_env(xdg)))
        return hc_arena_printf(a, "%s/helm%s%s", home, mark, name).p;
    home = hc_cli_env("HOME");
    return hc_arena_printf(a, "%s/%s/helm%s%s", home ? home : "", fallback, mark, name).p;
}

const char *hc_helm_config(struct hc_arena *a, const char *name)
{
    return below(a, "HELM_CONFIG_HOME", "XDG_CONFIG_HOME", ".config", name);
}

const char *hc_helm_cache(struct hc_arena *a, const char *name)
{
    return below(a, "HELM_CACHE_HOME", "XDG_CACHE_HOME", ".cache", name);
}

const char *hc_helm_data(struct hc_arena *a, const char *name)
{
    return below(a, "HELM_DATA_HOME", "XDG_DATA_HOME", ".local/share", name);
}

const char *hc_helm_repositories_file(struct hc_arena *a, const struct hc_globals *g)
{
    return g && g->repository_config ? g->repository_config : hc_helm_config(a, "repositories.yaml");
}

const char *hc_helm_indexes(struct hc_arena *a, const struct hc_globals *g)
{
    return g && g->repository_cache ? g->repository_cache : hc_helm_cache(a, "repository");
}

static const char *cached(struct hc_arena *a, const struct hc_globals *g, hc_str name, const char *file)
{
    return hc_arena_printf(a, "%s/%.*s%s%s", hc_helm_indexes(a, g), HC_P(name), name.n ? "-" : "", file).p;
}

const char *hc_helm_index_file(struct hc_arena *a, const struct hc_globals *g, hc_str name)
{
    return cached(a, g, name, "index.yaml");
}

const char *hc_helm_charts_file(struct hc_arena *a, const struct hc_globals *g, hc_str name)
{
    return cached(a, g, name, "charts.txt");
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

static const char *const texts[] = { "caFile", "certFile", "keyFile", "name", "password", "url", "username" };
static const char *const flags[] = { "insecure_skip_tls_verify", "pass_credentials_all" };

/* As Go reads fields: the exact name before others that differ in case. */
static const struct hc_val *field(const struct hc_val *entry, const char *name)
{
    const struct hc_val *v = hc_map_getz(entry, name);
    for (size_t i = 0; !v && i < hc_map_len(entry); i++) {
        const struct hc_entry *e = hc_map_at(entry, i);
        if (hc_str_eq_nocase(e->key, hc_str_of(name)))
            v = e->val;
    }
    return v;
}

/* An entry with Helm's fields, each a text or a bool; numbers become texts, as sigs.k8s.io/yaml makes them: a password of
 * digits alone is a password. */
static struct hc_val *entry_of(struct hc_arena *a, const struct hc_val *had)
{
    struct hc_val *e = hc_map_new(a);
    for (size_t i = 0; i < HC_LEN(texts); i++) {
        const struct hc_val *v = field(had, texts[i]);
        hc_str text = HC_S("");
        if (v && v->kind != HC_NULL && !hc_scalar_text(a, v, &text))
            return NULL;
        hc_map_put(a, e, hc_str_of(texts[i]), hc_str_val(a, text.p ? text : HC_S("")));
    }
    for (size_t i = 0; i < HC_LEN(flags); i++) {
        const struct hc_val *v = field(had, flags[i]);
        if (v && v->kind != HC_NULL && v->kind != HC_BOOL)
            return NULL;
        hc_map_put_bool(a, e, flags[i], v && v->kind == HC_BOOL && v->b);
    }
    return e;
}

/* What is not understood is refused here: to write the list anew without it would be to lose it. */
static enum hc_rc shape(struct hc_arena *a, struct hc_val *doc, const char *path, struct hc_err *err)
{
    const struct hc_val *list = field(doc, "repositories");
    struct hc_val *out = hc_list_new(a);
    if (list && !hc_is_list(list) && list->kind != HC_NULL)
        return hc_fail(err, HC_E_INPUT, "repositories in '%s': 'repositories' is no list", path);
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *e = hc_is_map(hc_list_at(list, i)) ? entry_of(a, hc_list_at(list, i)) : NULL;
        if (!e && !hc_arena_spent(a))
            return hc_fail(err, HC_E_INPUT,
                           "repositories in '%s': entry %zu is no map of texts with the fields that Helm writes",
                           path, i + 1);
        hc_list_add(a, out, e);
    }
    hc_map_put(a, doc, HC_S("repositories"), out);
    return hc_arena_check(a, err, "repositories");
}

enum hc_rc hc_helm_repositories(struct hc_arena *a, const struct hc_globals *g, struct hc_val **out,
                                bool *out_there, struct hc_err *err)
{
    hc_str text = HC_S("");
    *out = NULL;
    const char *path = hc_helm_repositories_file(a, g);
    enum hc_rc rc = path ? hc_read_file(a, AT_FDCWD, path, 16 * HC_MIB, &text, err) : hc_fail_nomem(err);
    *out_there = rc == HC_OK;
    if (rc == HC_E_NOTFOUND) {
        hc_err_clear(err);
        text = HC_S("");
    } else if (rc != HC_OK) {
        return rc;
    }
    if (hc_yaml_parse(a, text, hc_str_of(path), HC_YAML_PLAIN, out, err) != HC_OK)
        return hc_wrap(err, "repositories in '%s'", path);
    if (*out && !hc_is_map(*out) && (*out)->kind != HC_NULL)
        return hc_fail(err, HC_E_INPUT, "repositories in '%s': it is no map with a list 'repositories'", path);
    if (hc_is_map(*out))
        return shape(a, *out, path, err);
    *out = hc_map_new(a);
    return hc_arena_check(a, err, "repositories");
}

struct hc_val *hc_helm_repository(const struct hc_val *doc, hc_str name)
{
    const struct hc_val *list = hc_map_getz(doc, "repositories");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eq(hc_get_str_at(hc_list_at(list, i), "name"), name))
            return hc_list_at(list, i);
    return NULL;
}

enum hc_rc hc_helm_read_pem(struct hc_arena *a, const char *what, const char *path, hc_str *out, struct hc_err *err)
{
    if (!path || !*path)
        return HC_OK;
    if (hc_read_file(a, AT_FDCWD, path, HC_MIB, out, err) != HC_OK)
        return hc_wrap(err, "can't read %s", what);
    return HC_OK;
}

enum hc_rc hc_helm_repository_auth(struct hc_arena *a, const struct hc_val *entry, struct hc_source_auth *auth,
                                   struct hc_err *err)
{
    hc_str user = hc_get_str_at(entry, "username"), password = hc_get_str_at(entry, "password");
    const struct {
        const char *name;
        hc_str *to;
    } files[] = { { "caFile", &auth->ca_pem }, { "certFile", &auth->cert_pem }, { "keyFile", &auth->key_pem } };
    if (user.n && password.n) {
        auth->username = user;
        auth->password = password;
    }
    auth->pass_credentials = auth->pass_credentials || hc_get_bool_at(entry, "pass_credentials_all", false);
    auth->insecure_skip_verify = auth->insecure_skip_verify ||
                                 hc_get_bool_at(entry, "insecure_skip_tls_verify", false);
    for (size_t i = 0; i < HC_LEN(files); i++) {
        const char *path = hc_arena_strz(a, hc_get_str_at(entry, files[i].name));
        enum hc_rc rc = path ? hc_helm_read_pem(a, files[i].name, path, files[i].to, err) : hc_fail_nomem(err);
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

/* ---- writing it --------------------------------------------------------------------------------------------------- */

static char *folder_of(struct hc_arena *a, const char *path)
{
    size_t slash = hc_str_rfind(hc_str_of(path), '/');
    return hc_arena_strz(a, slash == SIZE_MAX ? HC_S(".") : hc_str_sub(hc_str_of(path), 0, slash ? slash : 1));
}

int hc_helm_lock(struct hc_arena *a, const struct hc_globals *g, struct hc_err *err)
{
    const char *path = hc_helm_repositories_file(a, g);
    char *dir = path ? folder_of(a, path) : NULL;
    if (!dir) {
        hc_fail_nomem(err);
        return -1;
    }
    if (hc_mkdirs(dir, 0755, err) != HC_OK)
        return -1;
    /* pkg/cmd/repo_add.go: the extension is replaced, or ".lock" added where there is none */
    hc_str stem = hc_str_of(path);
    size_t dot = hc_str_rfind(hc_path_base(stem), '.');
    if (dot != SIZE_MAX && dot > 0)
        stem.n -= hc_path_base(stem).n - dot;
    const char *lock = hc_arena_printf(a, "%.*s.lock", HC_P(stem)).p;
    int fd = lock ? open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        hc_fail_errno(err, "lock", lock ? lock : path);
        return -1;
    }
    for (int64_t until = hc_mono_ms() + LOCK_MS; flock(fd, LOCK_EX | LOCK_NB) < 0; usleep(LOCK_STEP_US))
        if (errno != EWOULDBLOCK || hc_mono_ms() > until) {
            hc_fail(err, HC_E_AGAIN, "another command has had '%s' locked for %d s; is it still at work?", lock,
                    LOCK_MS / 1000);
            close(fd);
            return -1;
        }
    return fd;
}

/* Absent texts are written too, empty. */
static struct hc_val *text_val(struct hc_arena *a, hc_str s)
{
    return hc_str_val(a, s.p ? s : HC_S(""));
}

/* Where links lead: a list that is kept elsewhere (a folder of settings under version control) is written there, as Helm
 * writes it. */
static const char *behind_links(struct hc_arena *a, const char *path)
{
    char to[PATH_MAX];
    for (int links = 0; path && links < 40; links++) {
        ssize_t n = readlink(path, to, sizeof(to) - 1);
        if (n < 0)
            return path;
        to[n] = '\0';
        path = to[0] == '/' ? hc_arena_strz(a, hc_str_of(to))
                            : hc_arena_printf(a, "%s/%s", folder_of(a, path), to).p;
    }
    return path;
}

/* Beside the file no other one can be made, or it cannot be renamed over: it is a mount of its own, as containers get single
 * files. */
static bool only_in_place(struct hc_arena *a, const char *path)
{
    struct statx st;
    const char *folder = folder_of(a, path);
    if (access(path, W_OK) < 0 || !folder)
        return false;
    return access(folder, W_OK) < 0 ||
           (statx(AT_FDCWD, path, 0, STATX_INO, &st) == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
}

static enum hc_rc write_list(struct hc_arena *a, const char *path, hc_str text, struct hc_err *err)
{
    struct stat st;
    path = behind_links(a, path);
    if (!path)
        return hc_fail_nomem(err);
    if (!only_in_place(a, path))
        return hc_write_file(path, text, stat(path, &st) == 0 ? st.st_mode & 0777 : 0600, err);
    HC_AUTO(hc_fd) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return hc_fail_errno(err, "write", path);
    enum hc_rc rc = hc_write_fd(fd, text, err);
    return rc == HC_OK && fsync(fd) < 0 ? hc_fail_errno(err, "write", path) : rc;
}

enum hc_rc hc_helm_write_repositories(struct hc_arena *a, const struct hc_globals *g, const struct hc_val *doc,
                                      struct hc_err *err)
{
    const struct hc_val *list = hc_map_getz(doc, "repositories");
    struct hc_val *out = hc_map_new(a), *entries = hc_list_new(a);
    hc_str generated = hc_get_str_at(doc, "generated");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *e = hc_map_new(a);
        for (size_t k = 0; k < HC_LEN(texts); k++)
            hc_map_put(a, e, hc_str_of(texts[k]), text_val(a, hc_get_str_at(hc_list_at(list, i), texts[k])));
        for (size_t k = 0; k < HC_LEN(flags); k++)
            hc_map_put_bool(a, e, flags[k], hc_get_bool_at(hc_list_at(list, i), flags[k], false));
        hc_list_add(a, entries, e);
    }
    hc_map_put(a, out, HC_S("apiVersion"), text_val(a, hc_get_str_at(doc, "apiVersion")));
    hc_map_put_str(a, out, "generated", generated.n ? generated : HC_S("0001-01-01T00:00:00Z"));
    hc_map_put(a, out, HC_S("repositories"), entries);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (!hc_yaml_write(&b, out) || hc_buf_check(&b, err, "repositories") != HC_OK || hc_arena_spent(a))
        return hc_fail_nomem(err);
    return write_list(a, hc_helm_repositories_file(a, g), hc_buf_str(&b), err);
}

/* ---- the network ----------------------------------------------------------------------------------------------------- */

/* A name that nobody has, and the folder's lock. */
static enum hc_rc make_folder(struct hc_arena *a, const char *parent, struct hc_cli_net *out, struct hc_err *err)
{
    unsigned char name[12];
    if (!hc_random_bytes(name, sizeof(name)))
        return hc_fail(err, HC_E_AGAIN, "no random bytes for the name of a temporary folder");
    hc_str hex = hc_hex(a, hc_str_n((const char *)name, sizeof(name)));
    const char *dir = hc_arena_printf(a, "%s/" TEMPORARY "%.*s", parent, HC_P(hex)).p;
    if (!dir)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_cli_lock_folder(dir, &out->lock, err);
    if (rc != HC_OK)
        return rc;
    out->dir = dir;
    out->leftover = hc_cli_leave_nothing(dir);
    return HC_OK;
}

static enum hc_rc make_one(struct hc_arena *a, const char *parent, struct hc_cli_net *out, struct hc_err *err)
{
    enum hc_rc rc = HC_E_CONFLICT;
    for (int tries = 0; rc == HC_E_CONFLICT && tries < 4; tries++) {
        hc_err_clear(err);
        rc = make_folder(a, parent, out, err);
    }
    return rc;
}

enum hc_rc hc_cli_net_open(struct hc_arena *a, const char *parent, struct hc_cli_net *out, struct hc_err *err)
{
    const char *tmp = hc_cli_env("TMPDIR");
    *out = (struct hc_cli_net){
        .env = { .timeout_ms = TIMEOUT_MS,
                 .one_lookup = true,
                 .login = "it wants a login; name it with --username and --password, or for a registry log in with "
                          "`helm registry login`" },
        .lock = -1,
        .leftover = -1,
    };
    if (parent)
        hc_cli_sweep(parent, TEMPORARY);
    enum hc_rc rc = make_one(a, parent ? parent : tmp ? tmp : "/tmp", out, err);
    const char *cache = rc != HC_OK && !parent ? hc_helm_cache(a, "") : NULL;
    if (cache && hc_mkdirs(cache, 0755, NULL) == HC_OK) { /* containers may have no writable folder but that */
        hc_cli_sweep(cache, TEMPORARY);
        rc = make_one(a, cache, out, NULL) == HC_OK ? HC_OK : rc;
    }
    if (rc == HC_OK)
        hc_err_clear(err);
    if (rc == HC_OK)
        rc = hc_store_open(out->dir, 0, &out->env.store, err);
    if (rc == HC_OK && !(out->env.http = hc_http_new(err)))
        rc = err ? err->code : HC_E_NOMEM;
    if (rc != HC_OK)
        hc_cli_net_close(out);
    return rc;
}

void hc_cli_net_close(struct hc_cli_net *n)
{
    hc_http_free(n->env.http);
    hc_store_close(n->env.store);
    if (n->dir)
        hc_remove_tree(n->dir, NULL);
    hc_cli_leave(n->dir ? n->leftover : -1);
    if (n->dir && n->lock >= 0)
        close(n->lock);
    *n = (struct hc_cli_net){ .lock = -1, .leftover = -1 };
}
