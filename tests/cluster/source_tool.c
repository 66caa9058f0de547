/*
 * One fetch from the command line, for the tests that have real servers: prints what the source gave as lines
 * "key value", or the error as "error CODE message", and the files of the artifact as "file NAME".
 *
 *   source_tool STORE git URL [branch=..] [tag=..] [semver=..] [name=..] [commit=..] [known=..] [ignore=..]
 *               [sparse=A,B] [submodules=1] [include=DIGEST:FROM:TO] [verify=HEAD|Tag|TagAndHEAD] [pgp=FILE] [ssh=FILE]
 *               [proxy=URL] [max=BYTES] [repeat=N] (then prints "rss KIB" of the first fetches and at the end)
 *               [user=..] [password=..] [bearer=..] [identity=FILE] [phrase=..] [known_hosts=FILE] [timeout=MS]
 *   source_tool STORE oci URL [tag=..] [semver=..] [filter=..] [digest=..] [media=..] [copy=1] [docker=FILE]
 *               (prints "peak KIB" of memory, too)
 *   source_tool STORE ocichart URL [range=..]
 *   source_tool STORE index URL [known=..]        source_tool STORE chart URL NAME RANGE
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "charts-fetch/source/source.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

static hc_str option(int argc, char **argv, const char *key)
{
    size_t n = strlen(key);
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], key, n) == 0 && argv[i][n] == '=')
            return hc_str_of(argv[i] + n + 1);
    return (hc_str){ NULL, 0 };
}

static hc_str file_option(struct hc_arena *a, int argc, char **argv, const char *key)
{
    hc_str path = option(argc, argv, key), body = { NULL, 0 };
    if (path.p && hc_read_file(a, AT_FDCWD, path.p, HC_MIB, &body, NULL) != HC_OK)
        fprintf(stderr, "cannot read %s\n", path.p);
    return body;
}

static int report(struct hc_store *store, struct hc_arena *a, enum hc_rc rc, const struct hc_artifact *out,
                  const struct hc_err *err)
{
    struct hc_unpacked *files;
    size_t n;
    hc_str body;
    struct hc_err why;
    if (rc != HC_OK) {
        printf("error %s %s\n", hc_rc_name(rc), err->msg);
        return 1;
    }
    printf("revision %.*s\nunchanged %d\n", HC_P(out->revision), out->unchanged);
    if (out->unchanged)
        return 0;
    printf("digest %.*s\nsize %" PRIu64 "\n", HC_P(out->digest), out->size);
    if (hc_store_get(store, a, out->digest, HC_MAX_ARTIFACT_BYTES, &body, &why) == HC_OK &&
        hc_unpack_memory(a, body, NULL, &files, &n, &why) == HC_OK)
        for (size_t i = 0; i < n; i++)
            printf("file %.*s\n", HC_P(files[i].name));
    return 0;
}

static size_t words(hc_str text, hc_str *out, size_t most)
{
    size_t n = 0;
    while (n < most && hc_str_split(&text, ',', &out[n]))
        n++;
    return n;
}

static long rss_kib(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static long peak_kib(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss : 0;
}

static enum hc_rc fetch_git(int argc, char **argv, const struct hc_source_env *env, struct hc_arena *a,
                            const struct hc_source_auth *auth, struct hc_artifact *out, struct hc_err *err)
{
    hc_str sparse[8], pgp = file_option(a, argc, argv, "pgp"), ssh = file_option(a, argc, argv, "ssh");
    hc_str mode = option(argc, argv, "verify"), inc = option(argc, argv, "include"), part;
    struct hc_git_include include = { .name = HC_S("other") };
    struct hc_git_news news;
    struct hc_git_verify verify = { .head = !hc_str_eqz(mode, "Tag"),
                                    .tag = !hc_str_eqz(mode, "HEAD"),
                                    .pgp_keys = &pgp,
                                    .pgp_n = pgp.n > 0,
                                    .ssh_keys = &ssh,
                                    .ssh_n = ssh.n > 0 };
    struct hc_git_spec spec = { .url = argv[3],
                                .branch = option(argc, argv, "branch"),
                                .tag = option(argc, argv, "tag"),
                                .semver = option(argc, argv, "semver"),
                                .name = option(argc, argv, "name"),
                                .commit = option(argc, argv, "commit"),
                                .ignore = option(argc, argv, "ignore"),
                                .sparse = sparse,
                                .sparse_n = words(option(argc, argv, "sparse"), sparse, HC_LEN(sparse)),
                                .submodules = option(argc, argv, "submodules").n > 0,
                                .includes = &include,
                                .includes_n = inc.n > 0,
                                .verify = mode.n ? &verify : NULL,
                                .news = &news };
    int64_t repeat = 1;
    if (inc.n) { /* sha256:HEX:FROM:TO */
        include.digest = hc_str_sub(inc, 0, 71);
        inc = hc_str_sub(inc, 72, inc.n);
        if (hc_str_split(&inc, ':', &part))
            include.from = part;
        include.to = inc;
    }
    hc_str_to_i64(option(argc, argv, "repeat"), &repeat);
    hc_str known = option(argc, argv, "known");
    enum hc_rc rc = hc_git_fetch(env, a, &spec, auth, known, out, err);
    for (int64_t i = 1; i < repeat && rc == HC_OK; i++) {
        HC_AUTO(hc_arena) struct hc_arena *tmp = hc_arena_new(0);
        struct hc_artifact again;
        if (i == repeat / 4)
            printf("rss-early %ld\n", rss_kib());
        /* every other one finds nothing new */
        rc = hc_git_fetch(env, tmp, &spec, auth, i % 2 ? out->revision : known, &again, err);
    }
    if (repeat > 1)
        printf("rss-late %ld\n", rss_kib());
    if (news.unverified)
        printf("reason %s%s\n", news.unverified, news.stalled ? " stalled" : "");
    if (rc == HC_OK && news.subject.p)
        printf("subject %.*s\nreceived %zu\n", HC_P(news.subject), news.received);
    while (rc == HC_OK && hc_str_split(&news.verified, '\n', &part))
        printf("verified %.*s\n", HC_P(hc_str_trim(part)));
    return rc;
}

int main(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_store *store = NULL;
    struct hc_artifact out = { 0 };
    if (argc < 4)
        return 2;
    struct hc_http *http = hc_http_new(&err);
    if (!http || hc_store_open(argv[1], 0, &store, &err) != HC_OK) {
        printf("error %s\n", err.msg);
        return 1;
    }
    int64_t timeout = 20000;
    hc_str_to_i64(option(argc, argv, "timeout"), &timeout);
    struct hc_source_env env = { .http = http, .store = store, .timeout_ms = timeout };
    hc_str proxy = option(argc, argv, "proxy");
    int64_t max = 0;
    hc_str_to_i64(option(argc, argv, "max"), &max);
    env.max_bytes = (size_t)max;
    env.proxy = proxy.n ? proxy.p : NULL;
    struct hc_source_auth auth = {
        .username = option(argc, argv, "user"),
        .password = option(argc, argv, "password"),
        .bearer = option(argc, argv, "bearer"),
        .ssh_key = file_option(a, argc, argv, "identity"),
        .ssh_key_password = option(argc, argv, "phrase"),
        .known_hosts = file_option(a, argc, argv, "known_hosts"),
        .ca_pem = file_option(a, argc, argv, "ca"),
        .cert_pem = file_option(a, argc, argv, "cert"),
        .key_pem = file_option(a, argc, argv, "key"),
        .docker_config = file_option(a, argc, argv, "docker"),
        .insecure_registry = option(argc, argv, "insecure").n > 0,
        .plain_http = option(argc, argv, "plain").n > 0,
        .pass_credentials = option(argc, argv, "pass").n > 0,
    };
    hc_str known = option(argc, argv, "known");
    enum hc_rc rc = HC_E_BUG;
    if (strcmp(argv[2], "git") == 0) {
        rc = fetch_git(argc, argv, &env, a, &auth, &out, &err);
    } else if (strcmp(argv[2], "oci") == 0) {
        struct hc_oci_spec spec = { .url = argv[3],
                                    .tag = option(argc, argv, "tag"),
                                    .semver = option(argc, argv, "semver"),
                                    .semver_filter = option(argc, argv, "filter"),
                                    .digest = option(argc, argv, "digest"),
                                    .media_type = option(argc, argv, "media"),
                                    .copy = option(argc, argv, "copy").n > 0,
                                    .ignore = option(argc, argv, "ignore") };
        rc = hc_oci_fetch(&env, a, &spec, &auth, known, &out, &err);
        printf("peak %ld\n", peak_kib());
    } else if (strcmp(argv[2], "ocichart") == 0) {
        rc = hc_oci_chart(&env, a, argv[3], option(argc, argv, "range"), &auth, known, &out, &err);
    } else if (strcmp(argv[2], "index") == 0) {
        rc = hc_helmrepo_index(&env, a, argv[3], &auth, known, &out, &err);
    } else if (strcmp(argv[2], "chart") == 0 && argc > 5) {
        struct hc_chart_entry entry;
        rc = hc_helmrepo_index(&env, a, argv[3], &auth, known, &out, &err);
        if (rc == HC_OK)
            rc = hc_helmrepo_find(store, a, out.digest, hc_str_of(argv[4]), hc_str_of(argv[5]), &entry, &err);
        if (rc == HC_OK)
            rc = hc_helmrepo_chart(&env, a, argv[3], &auth, &entry, &out, &err);
    }
    int code = report(store, a, rc, &out, &err);
    hc_http_free(http);
    hc_store_close(store);
    return code;
}
