/*
 * Files with registry logins (oras-go registry/remote/credentials), and the helpers they name.
 *
 * What we do not know in such a file stays as it is. It is written whole or not at all, mode 0600, as Helm writes it:
 * tabs, names sorted.
 */
#include "helmctl/cli/logins.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "helmctl/cli/helmhome.h"

enum { HELPER_MS = 30000, HELPER_BYTES = 64 * 1024 };

extern char **environ;

struct file {
    const char *path;
    struct hc_val *doc;   /* a map */
    struct hc_val *auths; /* a map; in `doc` once it is written */
    const char *found;    /* a helper on this machine, for a file that says nothing of logins yet */
};

struct search {
    const struct hc_globals *g;
};

/* ---- files -------------------------------------------------------------------------------------------------- */

static const char *helm_file(struct hc_arena *a, const struct hc_globals *g)
{
    return g && g->registry_config ? g->registry_config : hc_helm_config(a, "registry/config.json");
}

static const char *docker_file(struct hc_arena *a)
{
    const char *home = hc_cli_env("DOCKER_CONFIG");
    if (home)
        return hc_arena_printf(a, "%s/config.json", home).p;
    home = hc_cli_env("HOME");
    return hc_arena_printf(a, "%s/.docker/config.json", home ? home : "").p;
}

static bool in_path(struct hc_arena *a, const char *name)
{
    const char *at = hc_child_find(a, name);
    return at && strchr(at, '/');
}

/* What this machine keeps secrets in, where a helper for it is there. */
static const char *machines_helper(struct hc_arena *a)
{
    const char *name = in_path(a, "pass") ? "pass" : "secretservice";
    const char *program = hc_arena_printf(a, "docker-credential-%s", name).p;
    return program && in_path(a, program) ? name : NULL;
}

/* A file that is not there is empty. */
static enum hc_rc load(struct hc_arena *a, const char *path, struct file *out, struct hc_err *err)
{
    hc_str text = { NULL, 0 };
    struct hc_err own = HC_ERR_INIT;
    *out = (struct file){ .path = path, .doc = hc_map_new(a) };
    if (!path)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_read_file(a, AT_FDCWD, path, 4 * HC_MIB, &text, &own);
    if (rc != HC_OK && rc != HC_E_NOTFOUND)
        return hc_err_copy(err, &own);
    if (hc_str_trim(text).n) {
        struct hc_val *v = NULL;
        rc = hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, &own);
        if (rc != HC_OK || !hc_is_map(v))
            return hc_fail(err, HC_E_INPUT, "failed to decode config file %s: invalid config format%s%s", path,
                           rc == HC_OK ? "" : ": ", rc == HC_OK ? "" : own.msg);
        out->doc = v;
    }
    out->auths = hc_map_getz(out->doc, "auths");
    if (!hc_is_map(out->auths))
        out->auths = hc_map_new(a);
    bool says = hc_get_str(hc_map_getz(out->doc, "credsStore")).n || hc_map_len(out->auths) ||
                hc_map_len(hc_map_getz(out->doc, "credHelpers"));
    out->found = says ? NULL : machines_helper(a);
    return hc_arena_check(a, err, "registry logins");
}

static int by_name(const void *x, const void *y)
{
    return hc_str_cmp(((const struct hc_entry *)x)->key, ((const struct hc_entry *)y)->key);
}

/* Go prints maps by name; what is below stays as it was. */
static struct hc_val *sorted(struct hc_arena *a, const struct hc_val *map)
{
    size_t n = hc_map_len(map);
    struct hc_entry *list = HC_NEW_N(a, struct hc_entry, n + 1);
    struct hc_val *out = hc_map_new(a);
    for (size_t i = 0; i < n && list; i++)
        list[i] = *hc_map_at(map, i);
    if (list)
        qsort(list, n, sizeof(*list), by_name);
    for (size_t i = 0; i < n && list; i++)
        hc_map_put(a, out, list[i].key, list[i].val);
    return out;
}

static enum hc_rc save(struct hc_arena *a, struct file *f, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf two, tabs;
    hc_buf_init(&two, 16 * HC_MIB);
    hc_buf_init(&tabs, 16 * HC_MIB);
    if (!hc_get_str(hc_map_getz(f->doc, "credsStore")).n)
        (void)hc_map_del(f->doc, HC_S("credsStore"));
    hc_map_put(a, f->doc, HC_S("auths"), sorted(a, f->auths));
    hc_json_write(&two, sorted(a, f->doc), HC_JSON_HTML | HC_JSON_INDENT2);
    for (hc_str rest = hc_buf_str(&two), line; hc_str_split(&rest, '\n', &line);) {
        if (tabs.n)
            hc_buf_putc(&tabs, '\n');
        size_t blanks = 0;
        while (blanks < line.n && line.p[blanks] == ' ')
            blanks++;
        for (size_t i = 0; i < blanks / 2; i++)
            hc_buf_putc(&tabs, '\t');
        hc_buf_put(&tabs, hc_str_sub(line, blanks, line.n));
    }
    size_t slash = hc_str_rfind(hc_str_of(f->path), '/');
    char *dir = hc_arena_strz(a, slash == SIZE_MAX ? HC_S(".") : hc_str_n(f->path, slash ? slash : 1));
    if (hc_arena_spent(a) || hc_buf_check(&tabs, err, "registry logins") != HC_OK)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_mkdirs(dir, 0700, err);
    if (rc == HC_OK)
        rc = hc_write_file(f->path, hc_buf_str(&tabs), 0600, err);
    return rc == HC_OK ? HC_OK : hc_wrap(err, "failed to save config file");
}

/* The name a registry's login is kept by: Docker's own has a historic one. */
static hc_str key_of(hc_str host)
{
    return hc_str_eqz(host, "docker.io") || hc_str_eqz(host, "registry-1.docker.io")
               ? HC_S("https://index.docker.io/v1/")
               : host;
}

/* ---- helpers ------------------------------------------------------------------------------------------------ */

/* The helper that keeps `key`, "": the file itself does. */
static hc_str helper_of(const struct file *f, hc_str key)
{
    hc_str name = hc_get_str(hc_map_get(hc_map_getz(f->doc, "credHelpers"), key));
    if (!name.n)
        name = hc_get_str(hc_map_getz(f->doc, "credsStore"));
    return name.n ? name : hc_str_of(f->found ? f->found : "");
}

/* *out_none: it says that it keeps no login for that registry. */
static enum hc_rc run_helper(struct hc_arena *a, hc_str name, const char *action, hc_str input, hc_str *out,
                             bool *out_none, struct hc_err *err)
{
    char *program = hc_arena_strz(a, hc_arena_printf(a, "docker-credential-%.*s", HC_P(name)));
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '/' || name.p[i] == '\0')
            return hc_fail(err, HC_E_INPUT, "the credential helper '%.*s' has a slash in its name", HC_P(name));
    char *argv[] = { program, hc_arena_strz(a, hc_str_of(action)), NULL };
    const struct hc_child c = {
        .argv = argv, .env = environ, .input = input, .max_bytes = HELPER_BYTES, .deadline_ms = HELPER_MS
    };
    struct hc_child_end end = { 0 };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_child_run(&c, &b, &end, err);
    if (rc != HC_OK)
        return hc_wrap(err, "credential helper %s %s", program, action);
    if (end.start_errno)
        return hc_fail(
            err, HC_E_INPUT,
            "credential helper %s cannot be started: %s; it is named by credHelpers or credsStore of a file "
            "with registry logins",
            program, strerror(end.start_errno));
    *out = hc_buf_to_arena(&b, a);
    hc_str said = hc_str_trim(*out);
    *out_none = end.exit_code != 0 && hc_str_eqz(said, "credentials not found in native keychain");
    if (end.exit_code == 0 || *out_none)
        return hc_arena_check(a, err, "credential helper");
    if (end.exit_code < 0)
        return hc_fail(err, HC_E_INPUT, "credential helper %s %s was ended by signal %d", program, action,
                       end.signal);
    return hc_fail(err, HC_E_INPUT, "credential helper %s %s ended with %d: %.*s", program, action, end.exit_code,
                   HC_P(hc_str_sub(said.n ? said : hc_str_of(end.said), 0, 300)));
}

static enum hc_rc ask_helper(struct hc_arena *a, hc_str name, hc_str key, struct hc_registry_login *out,
                             struct hc_err *err)
{
    hc_str text;
    bool none = false;
    enum hc_rc rc = run_helper(a, name, "get", key, &text, &none, err);
    return rc != HC_OK || none ? rc : hc_logins_read_helper(a, name, text, out, err);
}

enum hc_rc hc_logins_read_helper(struct hc_arena *a, hc_str name, hc_str text, struct hc_registry_login *out,
                                 struct hc_err *err)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK || !hc_is_map(v))
        return hc_fail(err, HC_E_INPUT, "credential helper docker-credential-%.*s get: it prints no JSON",
                       HC_P(name));
    hc_str user = hc_get_str(hc_map_getz(v, "Username")), secret = hc_get_str(hc_map_getz(v, "Secret"));
    out->from = hc_arena_printf(a, "what docker-credential-%.*s has for it", HC_P(name)).p;
    if (hc_str_eqz(user, "<token>")) {
        out->identity_token = secret;
    } else {
        out->username = user;
        out->password = secret;
    }
    return hc_arena_check(a, err, "registry login");
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

/* "https://registry.example.com/v1/" stands for its host too. */
static hc_str host_of(hc_str key)
{
    if (hc_str_starts(key, HC_S("http://")))
        key = hc_str_sub(key, 7, key.n);
    if (hc_str_starts(key, HC_S("https://")))
        key = hc_str_sub(key, 8, key.n);
    return hc_str_sub(key, 0, hc_str_find(key, '/'));
}

static enum hc_rc ask_file(struct hc_arena *a, const struct file *f, hc_str key, struct hc_registry_login *out,
                           struct hc_err *err)
{
    hc_str helper = helper_of(f, key);
    if (helper.n)
        return ask_helper(a, helper, key, out, err);
    const struct hc_val *v = hc_map_get(f->auths, key);
    for (size_t i = 0; i < hc_map_len(f->auths) && !v; i++)
        if (hc_str_eq(host_of(hc_map_at(f->auths, i)->key), key))
            v = hc_map_at(f->auths, i)->val;
    hc_str auth = hc_get_str(hc_map_getz(v, "auth"));
    struct hc_registry_login got = { .username = hc_get_str(hc_map_getz(v, "username")),
                                     .password = hc_get_str(hc_map_getz(v, "password")),
                                     .identity_token = hc_get_str(hc_map_getz(v, "identitytoken")),
                                     .registry_token = hc_get_str(hc_map_getz(v, "registrytoken")) };
    if (auth.n) {
        hc_str pair = hc_base64_decode(a, auth, NULL);
        size_t colon = hc_str_find(pair, ':');
        if (!pair.p || colon == SIZE_MAX)
            return hc_fail(err, HC_E_INPUT, "the login for %.*s in '%s': auth is not the base64 of user:password",
                           HC_P(key), f->path);
        got.username = hc_str_sub(pair, 0, colon);
        got.password = hc_str_sub(pair, colon + 1, pair.n);
    }
    got.from = hc_arena_printf(a, "the login for it in '%s'", f->path).p;
    *out = got;
    return hc_arena_check(a, err, "registry login");
}

static bool is_login(const struct hc_registry_login *l)
{
    return l->username.n || l->password.n || l->identity_token.n || l->registry_token.n;
}

static enum hc_rc find(void *ctx, struct hc_arena *a, hc_str host, struct hc_registry_login *out,
                       struct hc_err *err)
{
    const struct search *s = ctx;
    const char *const paths[] = { helm_file(a, s->g), docker_file(a) };
    for (size_t i = 0; i < HC_LEN(paths); i++) {
        struct file f;
        struct hc_registry_login got = { 0 };
        enum hc_rc rc = load(a, paths[i], &f, err);
        if (rc == HC_OK)
            rc = ask_file(a, &f, key_of(host), &got, err);
        if (rc != HC_OK)
            return rc;
        if (is_login(&got)) {
            *out = got;
            return HC_OK;
        }
    }
    return HC_OK;
}

enum hc_rc hc_logins_use(struct hc_arena *a, const struct hc_globals *g, struct hc_source_auth *auth,
                         struct hc_err *err)
{
    struct search *s = HC_NEW(a, struct search);
    if (!s)
        return hc_fail_nomem(err);
    *s = (struct search){ g };
    auth->find_login = find;
    auth->find_ctx = s;
    if (auth->username.n && auth->password.n)
        auth->from = "--username and --password";
    else
        auth->username = auth->password = (hc_str){ NULL, 0 };
    return HC_OK;
}

/* ---- keeping ------------------------------------------------------------------------------------------------ */

enum hc_rc hc_logins_store(struct hc_arena *a, const struct hc_globals *g, hc_str host, hc_str username,
                           hc_str password, struct hc_err *err)
{
    struct file f;
    hc_str key = key_of(host);
    enum hc_rc rc = load(a, helm_file(a, g), &f, err);
    if (rc != HC_OK)
        return rc;
    hc_str helper = helper_of(&f, key);
    struct hc_val *entry = hc_map_new(a);
    if (helper.n) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_str said;
        bool none;
        hc_buf_init(&b, HC_MIB);
        hc_map_put_str(a, entry, "ServerURL", key);
        hc_map_put_str(a, entry, "Username", username.p ? username : HC_S(""));
        hc_map_put_str(a, entry, "Secret", password.p ? password : HC_S(""));
        hc_json_write(&b, entry, HC_JSON_HTML);
        rc = run_helper(a, helper, "store", hc_buf_str(&b), &said, &none, err);
        if (rc != HC_OK || !f.found)
            return rc;
        hc_map_put_str(a, f.doc, "credsStore", hc_str_of(f.found));
        return save(a, &f, err);
    }
    if (hc_str_find(username, ':') != SIZE_MAX)
        return hc_fail(err, HC_E_INPUT, "bad credential format: colons(:) are not allowed in username");
    if (username.n || password.n)
        hc_map_put_str(a, entry, "auth",
                       hc_base64(a, hc_arena_printf(a, "%.*s:%.*s", HC_P(username), HC_P(password))));
    hc_map_put(a, f.auths, key, entry);
    return save(a, &f, err);
}

enum hc_rc hc_logins_erase(struct hc_arena *a, const struct hc_globals *g, hc_str host, struct hc_err *err)
{
    struct file f;
    hc_str key = key_of(host), said;
    bool none;
    enum hc_rc rc = load(a, helm_file(a, g), &f, err);
    if (rc != HC_OK)
        return rc;
    hc_str helper = helper_of(&f, key);
    if (helper.n)
        return run_helper(a, helper, "erase", key, &said, &none, err);
    if (!hc_map_del(f.auths, key))
        return HC_OK;
    return save(a, &f, err);
}
