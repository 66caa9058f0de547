/*
 * From a chart reference to the chart, as Helm resolves it: "oci://host/path/chart", "https://host/chart.tgz", a name
 * with --repo, or REPO/NAME out of Helm's repositories.yaml. What is fetched passes through a store in a temporary
 * folder that goes with the call.
 */
#include "helmctl/cli/fetch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/source.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/yaml.h"

struct fetch {
    struct hc_arena *a;
    struct hc_source_env env;
    struct hc_source_auth auth;
    const struct hc_chart_source *s;
    hc_str range;
};

static enum hc_rc read_pem(struct fetch *f, const char *path, hc_str *out, struct hc_err *err)
{
    return path && *path ? hc_read_file(f->a, AT_FDCWD, path, HC_MIB, out, err) : HC_OK;
}

/* "<folder of the variable or its default>/<name>"; NULL: nowhere. */
static const char *config_path(struct hc_arena *a, const char *given, const char *name)
{
    const char *base = getenv("HELM_CONFIG_HOME"), *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (given && *given)
        return given;
    if (base && *base)
        return hc_arena_printf(a, "%s/%s", base, name).p;
    if (xdg && *xdg)
        return hc_arena_printf(a, "%s/helm/%s", xdg, name).p;
    return home && *home ? hc_arena_printf(a, "%s/.config/helm/%s", home, name).p : NULL;
}

static enum hc_rc read_auth(struct fetch *f, struct hc_err *err)
{
    const struct hc_chart_source *s = f->s;
    f->auth.username = hc_str_of(s->username);
    f->auth.password = hc_str_of(s->password);
    f->auth.pass_credentials = s->pass_credentials;
    f->auth.plain_http = s->plain_http;
    if (s->insecure)
        return hc_fail(err, HC_E_INPUT,
                       "--insecure-skip-tls-verify is not supported: give the server's authority with --ca-file");
    enum hc_rc rc = read_pem(f, s->ca_file, &f->auth.ca_pem, err);
    if (rc == HC_OK)
        rc = read_pem(f, s->cert_file, &f->auth.cert_pem, err);
    if (rc == HC_OK)
        rc = read_pem(f, s->key_file, &f->auth.key_pem, err);
    const char *logins = config_path(f->a, s->globals ? s->globals->registry_config : NULL, "registry/config.json");
    if (rc == HC_OK && logins && !f->auth.username.n) {
        rc = hc_read_file(f->a, AT_FDCWD, logins, HC_MIB, &f->auth.docker_config, err);
        if (rc == HC_E_NOTFOUND)
            rc = HC_OK;
    }
    return rc;
}

static enum hc_rc from_repository(struct fetch *f, const char *url, hc_str name, struct hc_artifact *out,
                                  struct hc_err *err)
{
    struct hc_artifact index = { 0 };
    struct hc_chart_entry entry;
    hc_str text;
    enum hc_rc rc = hc_helmrepo_index(&f->env, f->a, url, &f->auth, HC_S(""), NULL, &index, err);
    if (rc == HC_OK)
        rc = hc_store_get(f->env.store, f->a, index.digest, HC_MAX_INDEX_BYTES, &text, err);
    if (rc == HC_OK)
        rc = hc_helmrepo_find(f->a, text, name, f->range, &entry, err);
    return rc == HC_OK ? hc_helmrepo_chart(&f->env, f->a, url, &f->auth, &entry, out, err) : rc;
}

static hc_str repo_text(const struct hc_val *repo, const char *key, hc_str otherwise)
{
    hc_str s = hc_get_str(hc_map_getz(repo, key));
    return otherwise.n || !s.n ? otherwise : s;
}

/* REPO/NAME: the repository's address and login stand in Helm's own file. */
static enum hc_rc from_named_repository(struct fetch *f, hc_str repo, hc_str name, struct hc_artifact *out,
                                        struct hc_err *err)
{
    const char *path = config_path(f->a, f->s->globals ? f->s->globals->repository_config : NULL,
                                   "repositories.yaml");
    hc_str text = { 0 };
    struct hc_val *doc = NULL;
    enum hc_rc rc = path ? hc_read_file(f->a, AT_FDCWD, path, HC_MIB, &text, err) : HC_E_NOTFOUND;
    if (rc == HC_E_NOTFOUND)
        return hc_fail(err, HC_E_NOTFOUND, "repo %.*s not found", HC_P(repo));
    if (rc == HC_OK)
        rc = hc_yaml_parse(f->a, text, hc_str_of(path), HC_YAML_PLAIN, &doc, err);
    if (rc != HC_OK)
        return hc_wrap(err, "%s", path ? path : "repositories.yaml");
    const struct hc_val *list = hc_map_getz(doc, "repositories");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *r = hc_list_at(list, i);
        if (!hc_str_eq(hc_get_str(hc_map_getz(r, "name")), repo))
            continue;
        f->auth.username = repo_text(r, "username", f->auth.username);
        f->auth.password = repo_text(r, "password", f->auth.password);
        const char *url = hc_arena_strz(f->a, hc_get_str(hc_map_getz(r, "url")));
        const char *files[] = { "caFile", "certFile", "keyFile" };
        hc_str *to[] = { &f->auth.ca_pem, &f->auth.cert_pem, &f->auth.key_pem };
        for (size_t k = 0; k < HC_LEN(files) && rc == HC_OK; k++)
            if (!to[k]->n)
                rc = read_pem(f, hc_arena_strz(f->a, hc_get_str(hc_map_getz(r, files[k]))), to[k], err);
        return rc == HC_OK ? from_repository(f, url, name, out, err) : rc;
    }
    return hc_fail(err, HC_E_NOTFOUND, "repo %.*s not found", HC_P(repo));
}

static enum hc_rc get(struct fetch *f, struct hc_artifact *out, struct hc_err *err)
{
    const char *ref = f->s->ref;
    hc_str r = hc_str_of(ref);
    if (f->s->verify)
        return hc_fail(err, HC_E_INPUT, "--verify: signatures of charts are not checked yet; leave the flag out");
    if (hc_str_starts(r, HC_S("oci://")))
        return hc_oci_chart(&f->env, f->a, ref, f->range, &f->auth, HC_S(""), out, err);
    if (f->s->repo_url && *f->s->repo_url)
        return from_repository(f, f->s->repo_url, r, out, err);
    if (hc_str_find_str(r, HC_S("://")) != SIZE_MAX) {
        const struct hc_chart_entry entry = { .name = r, .version = HC_S(""), .url = r };
        return hc_helmrepo_chart(&f->env, f->a, ref, &f->auth, &entry, out, err);
    }
    size_t slash = hc_str_find(r, '/');
    if (slash == SIZE_MAX || slash == 0 || slash + 1 == r.n)
        return hc_fail(err, HC_E_INPUT, "non-absolute URLs should be in form of repo_name/path_to_chart, got: %s",
                       ref);
    return from_named_repository(f, hc_str_sub(r, 0, slash), hc_str_sub(r, slash + 1, r.n), out, err);
}

static enum hc_rc fetch_and_load(struct fetch *f, struct hc_chart **out, struct hc_err *err)
{
    struct hc_artifact artifact = { 0 };
    hc_str bytes;
    enum hc_rc rc = read_auth(f, err);
    if (rc == HC_OK)
        rc = get(f, &artifact, err);
    if (rc == HC_OK)
        rc = hc_store_get(f->env.store, f->a, artifact.digest, HC_MAX_CHART_PACKED, &bytes, err);
    if (rc != HC_OK)
        return rc;
    return hc_chart_load_archive(bytes, f->s->no_digest ? &hc_chart_archives_once : &hc_chart_archives, out, err);
}

enum hc_rc hc_cli_fetch_chart(const struct hc_chart_source *s, struct hc_chart **out, struct hc_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char dir[512], id[37];
    hc_uuid4(id);
    snprintf(dir, sizeof(dir), "%.400s/helmctl-%s", tmp && *tmp ? tmp : "/tmp", id);
    if (mkdir(dir, 0700) < 0)
        return hc_fail_errno(err, "make folder", dir);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct fetch f = { .a = a, .s = s };
    f.range = s->version && *s->version ? hc_str_of(s->version) : s->devel ? HC_S(">0.0.0-0") : HC_S("");
    enum hc_rc rc = hc_store_open(dir, 0, &f.env.store, err);
    f.env.http = rc == HC_OK ? hc_http_new(err) : NULL;
    if (rc == HC_OK)
        rc = f.env.http ? fetch_and_load(&f, out, err) : hc_fail_nomem(err);
    if (f.env.http)
        hc_http_free(f.env.http);
    if (f.env.store)
        hc_store_close(f.env.store);
    hc_remove_tree(dir, NULL);
    return rc;
}
