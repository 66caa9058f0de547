/*
 * charts-fetch/source: buckets. Signatures as the documentation of S3 works them out, answers in every shape, and a whole
 * bucket off a loopback server: pages, what is left out, what changed, what is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/bucket.h"
#include "charts-fetch/source/s3_impl.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

/* "Signature Calculations for the Authorization Header", examples of GET: 24 May 2013, 00:00 UTC. */
static void test_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *path, *query, *range, *signature;
    } rows[] = {
        { "/test.txt", "", "bytes=0-9", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
        { "/", "lifecycle=", "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
        { "/", "max-keys=2&prefix=J", "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
    };
    struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const struct s3_signing s = { .method = "GET",
                                      .host = HC_S("examplebucket.s3.amazonaws.com"),
                                      .path = hc_str_of(rows[i].path),
                                      .query = hc_str_of(rows[i].query),
                                      .range = hc_str_of(rows[i].range),
                                      .region = HC_S("us-east-1"),
                                      .access_key = HC_S("AKIAIOSFODNN7EXAMPLE"),
                                      .secret_key = HC_S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                      .now_s = 1369353600 };
        const char *headers[5];
        struct hc_err err = HC_ERR_INIT;
        assert_int_equal(s3_sign(a, &s, headers, &err), HC_OK);
        assert_string_equal(headers[0], "x-amz-date: 20130524T000000Z");
        assert_non_null(strstr(headers[2], rows[i].signature));
        assert_non_null(strstr(headers[2], "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"));
        assert_null(headers[3]);
    }
    const struct s3_signing with = { .method = "GET",
                                     .host = HC_S("h"),
                                     .path = HC_S("/"),
                                     .region = HC_S("r"),
                                     .access_key = HC_S("a"),
                                     .secret_key = HC_S("planted"),
                                     .token = HC_S("T") };
    const char *headers[5];
    assert_int_equal(s3_sign(a, &with, headers, NULL), HC_OK);
    assert_string_equal(headers[2], "x-amz-security-token: T");
    assert_non_null(strstr(headers[3], "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
    assert_null(headers[4]);
    hc_str e = s3_encode(a, HC_S("a b/\xc3\xa4+~."), true);
    assert_true(hc_str_eqz(e, "a%20b/%C3%A4%2B~."));
    assert_true(hc_str_eqz(s3_encode(a, HC_S("a/b="), false), "a%2Fb%3D"));
    hc_arena_free(a);
}

#define LIST(body)                                                                                                 \
    "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" body           \
    "</ListBucketResult>"

static void test_pages(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *want; /* "KEY ETAG SIZE;" of each, then "+TOKEN" */
        enum hc_rc rc;
    } rows[] = {
        { LIST("<Contents><Key>a&amp;b&#x20AC;</Key><ETag>&quot;e1&quot;</ETag><Size>7</Size></Contents>"
               "<Contents><Size>1</Size><ETag>\"e2\"</ETag><Key><![CDATA[<x>]]></Key><Owner><ID>9</ID></Owner></"
               "Contents>"),
          "a&b\xe2\x82\xac e1 7;<x> e2 1;", HC_OK },
        { LIST("<EncodingType>url</EncodingType><Contents><Key>a%2Fb+c%25</Key><ETag>e</ETag></Contents>"),
          "a/b c% e 0;", HC_OK },
        { LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>t/1=</NextContinuationToken>"),
          "+t/1=", HC_OK },
        { LIST("<IsTruncated>true</IsTruncated>"), NULL, HC_E_INPUT },
        { LIST(""), "", HC_OK },
        { "<s3:ListBucketResult a='>'><!-- x > y --><s3:KeyCount/></s3:ListBucketResult>", "", HC_OK },
        { "<Error><Code>NoSuchBucket</Code></Error>", NULL, HC_E_INPUT },
        { "<!DOCTYPE x [<!ENTITY e 'x'>]><ListBucketResult/>", NULL, HC_E_INPUT },
        { LIST("<Contents><Key>&e;</Key></Contents>"), NULL, HC_E_INPUT },
        { LIST("<Contents><Key>a</Contents></Key>"), NULL, HC_E_INPUT },
        { LIST("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"), NULL, HC_E_LIMIT },
        { "<ListBucketResult><Contents>", NULL, HC_E_INPUT },
        { "<ListBucketResult/><ListBucketResult/>", NULL, HC_E_INPUT },
        { "x<ListBucketResult/>", NULL, HC_E_INPUT },
        { LIST("&#0;"), NULL, HC_E_INPUT },
        { LIST("&#xD800;"), NULL, HC_E_INPUT },
        { "", NULL, HC_E_INPUT },
        { "<html><body>not S3", NULL, HC_E_INPUT },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_arena *a = hc_arena_new(0);
        struct s3_page p = { .n = 0 };
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = s3_read_page(a, hc_str_of(rows[i].doc), &p, &err);
        if (rc != rows[i].rc)
            fail_msg("row %zu: %d '%s'", i, rc, err.msg);
        hc_str got = HC_S("");
        for (size_t k = 0; k < p.n; k++)
            got = hc_arena_printf(a, "%.*s%.*s %.*s %d;", HC_P(got), HC_P(p.objects[k].key),
                                  HC_P(p.objects[k].etag), (int)p.objects[k].size);
        if (p.truncated)
            got = hc_arena_printf(a, "%.*s+%.*s", HC_P(got), HC_P(p.next));
        if (rc == HC_OK && !hc_str_eqz(got, rows[i].want))
            fail_msg("row %zu: %.*s", i, HC_P(got));
        hc_arena_free(a);
    }
    struct hc_arena *a = hc_arena_new(0);
    struct s3_fault f;
    s3_read_fault(a, HC_S("<Error><Code>AccessDenied</Code><Message>No.</Message><Region>eu-1</Region></Error>"),
                  &f);
    assert_true(hc_str_eqz(f.code, "AccessDenied") && hc_str_eqz(f.message, "No.") && hc_str_eqz(f.region, "eu-1"));
    s3_read_fault(a, HC_S("<html>"), &f);
    assert_false(f.code.p);
    hc_arena_free(a);
}

/* ---- a bucket ---- */

struct bucket_server {
    const char *list[2]; /* pages */
    const char *ignore;  /* .sourceignore, NULL: none */
    const char *region;  /* requests signed for another one are refused */
    const char *fault;   /* Code of every answer to a list, with 403; NULL: none */
    const char *gone;    /* this key is listed and not there */
    bool bare;           /* what is not there is a 404 without S3's words */
    atomic_int lists, objects, signed_requests;
    char last_list[1024];
};

static bool answer_fault(int fd, int status, const char *code, const char *region)
{
    char body[512], header[128] = "";
    int n = snprintf(body, sizeof(body), "<Error><Code>%s</Code><Message>because</Message></Error>", code);
    if (region)
        snprintf(header, sizeof(header), "x-amz-bucket-region: %s\r\n", region);
    return loopback_answer(fd, status, header, body, (size_t)n);
}

static bool serve_bucket(struct loopback *s, const struct loopback_request *r, int fd)
{
    struct bucket_server *b = s->ctx;
    if (strstr(r->headers, "AWS4-HMAC-SHA256") || strstr(r->headers, "aws4_request"))
        atomic_fetch_add(&b->signed_requests, 1);
    char scope[64];
    snprintf(scope, sizeof(scope), "/%s/s3/aws4_request", b->region ? b->region : "us-east-1");
    if (b->region && !strstr(r->headers, scope))
        return answer_fault(fd, 400, "AuthorizationHeaderMalformed", b->region);
    if (strncmp(r->path, "/charts/?", 9) == 0) {
        atomic_fetch_add(&b->lists, 1);
        if (b->fault)
            return answer_fault(fd, 403, b->fault, NULL);
        snprintf(b->last_list, sizeof(b->last_list), "%s", r->path);
        const char *page = b->list[strstr(r->path, "continuation-token=next%2F1") ? 1 : 0];
        return loopback_answer(fd, 200, "", page, strlen(page));
    }
    if (strcmp(r->path, "/charts/.sourceignore") == 0) {
        if (!b->ignore && b->bare)
            return loopback_answer(fd, 404, "", "<html>", 6);
        if (!b->ignore)
            return answer_fault(fd, 404, "NoSuchKey", NULL);
        return loopback_answer(fd, 200, "", b->ignore, strlen(b->ignore));
    }
    atomic_fetch_add(&b->objects, 1);
    if (b->gone && b->bare && strstr(r->path, b->gone))
        return loopback_answer(fd, 404, "", "<html>", 6);
    if (b->gone && strstr(r->path, b->gone))
        return answer_fault(fd, 404, "NoSuchKey", NULL);
    return loopback_answer(fd, 200, "ETag: \"e\"\r\n", r->path, strlen(r->path));
}

#define OBJECT(k) "<Contents><Key>" k "</Key><ETag>\"e\"</ETag></Contents>"

struct rig {
    struct loopback server;
    struct bucket_server bucket;
    struct hc_source_env env;
    struct hc_arena *a;
    char dir[64], endpoint[64];
};

static void rig_up(struct rig *r)
{
    struct hc_err err = HC_ERR_INIT;
    snprintf(r->dir, sizeof(r->dir), "/tmp/hc-s3-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    r->a = hc_arena_new(0);
    r->server.ctx = &r->bucket;
    loopback_start(&r->server, serve_bucket);
    snprintf(r->endpoint, sizeof(r->endpoint), "127.0.0.1:%d", r->server.port);
    assert_int_equal(hc_store_open(r->dir, 0, &r->env.store, &err), HC_OK);
    r->env.http = hc_http_new(&err);
    r->env.timeout_ms = 20000;
}

static void rig_down(struct rig *r)
{
    hc_http_free(r->env.http);
    loopback_stop(&r->server);
    hc_store_close(r->env.store);
    hc_remove_tree(r->dir, NULL);
    hc_arena_free(r->a);
}

static enum hc_rc fetch(struct rig *r, struct hc_bucket_spec s, hc_str known, struct hc_artifact *out,
                        struct hc_err *err)
{
    const struct hc_source_auth none = { 0 };
    struct hc_bucket_news news;
    *err = (struct hc_err)HC_ERR_INIT;
    s.name = s.name.p ? s.name : HC_S("charts");
    s.endpoint = hc_str_of(r->endpoint);
    s.insecure = true;
    return hc_bucket_fetch(&r->env, r->a, &s, &none, known, out, &news, err);
}

/* Names in the archive, each followed by its body. */
static hc_str unpacked(struct rig *r, hc_str digest)
{
    hc_str archive, got = HC_S("");
    struct hc_unpacked *files;
    size_t n;
    assert_int_equal(hc_store_get(r->env.store, r->a, digest, HC_MIB, &archive, NULL), HC_OK);
    assert_int_equal(hc_unpack_memory(r->a, archive, NULL, &files, &n, NULL), HC_OK);
    for (size_t i = 0; i < n; i++)
        got = hc_arena_printf(r->a, "%.*s%.*s=%.*s\n", HC_P(got), HC_P(files[i].name), HC_P(files[i].body));
    return got;
}

static void test_bucket(void **state)
{
    (void)state;
    struct rig r = { .bucket = { .list = { LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>next/1"
                                                "</NextContinuationToken>" OBJECT("web/b c.yaml") OBJECT("web/")
                                                    OBJECT("docs/x.md") OBJECT(".sourceignore")),
                                           LIST(OBJECT("web/a.yaml") OBJECT("tmp/t") OBJECT("lost")) },
                                 .ignore = "docs/\n",
                                 .gone = "lost" } };
    struct hc_artifact art, again;
    struct hc_err err;
    rig_up(&r);
    const struct hc_bucket_spec keys = { .access_key = HC_S("ann"),
                                         .secret_key = HC_S("planted-secret"),
                                         .ignore = HC_S("/tmp\n"),
                                         .prefix = HC_S("a/b") };
    if (fetch(&r, keys, (hc_str){ NULL, 0 }, &art, &err) != HC_OK)
        fail_msg("%s", err.msg);
    hc_str got = unpacked(&r, art.digest);
    if (!hc_str_eqz(got, "web/a.yaml=/charts/web/a.yaml\nweb/b c.yaml=/charts/web/b%20c.yaml\n"))
        fail_msg("%.*s", HC_P(got));
    /* sha256 of "web/a.yaml e\nweb/b c.yaml e\n": what went away between list and fetch does not count */
    assert_true(
        hc_str_eqz(art.revision, "sha256:6f76c921ea324c46bf07bc338e3bd1a6f1437b421705eef5a99a0ae99a23cdd5"));
    assert_non_null(strstr(r.bucket.last_list, "encoding-type=url&list-type=2&max-keys=1000&prefix=a%2Fb"));
    assert_int_equal(atomic_load(&r.bucket.lists), 2);
    assert_int_equal(atomic_load(&r.bucket.objects), 3);
    assert_int_equal(atomic_load(&r.bucket.signed_requests), atomic_load(&r.server.requests));
    /* the same list once more: nothing is fetched */
    r.bucket.list[1] = LIST(OBJECT("web/a.yaml") OBJECT("tmp/t"));
    assert_int_equal(fetch(&r, keys, art.revision, &again, &err), HC_OK);
    assert_true(again.unchanged);
    assert_int_equal(atomic_load(&r.bucket.objects), 3);
    /* unsigned without keys */
    int before = atomic_load(&r.bucket.signed_requests);
    assert_int_equal(
        fetch(&r, (struct hc_bucket_spec){ .ignore = HC_S("tmp/") }, (hc_str){ NULL, 0 }, &again, &err), HC_OK);
    assert_true(hc_str_eq(again.digest, art.digest) && hc_str_eq(again.revision, art.revision));
    assert_int_equal(atomic_load(&r.bucket.signed_requests), before);
    rig_down(&r);
}

/* A server, or what stands before it, that says 404 and no more: there is no .sourceignore, and an object that was listed is
 * not taken for gone. */
static void test_bare_404(void **state)
{
    (void)state;
    struct rig r = { .bucket = { .list = { LIST(OBJECT("a") OBJECT("b")), "" }, .bare = true } };
    struct hc_artifact art;
    struct hc_err err;
    rig_up(&r);
    if (fetch(&r, (struct hc_bucket_spec){ 0 }, (hc_str){ NULL, 0 }, &art, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_true(hc_str_eqz(unpacked(&r, art.digest), "a=/charts/a\nb=/charts/b\n"));
    r.bucket.gone = "b";
    assert_int_equal(fetch(&r, (struct hc_bucket_spec){ 0 }, (hc_str){ NULL, 0 }, &art, &err), HC_E_AGAIN);
    if (!strstr(err.msg, "object 'b': ") || !strstr(err.msg, "answers 404") || strstr(err.msg, "bucket"))
        fail_msg("%s", err.msg);
    rig_down(&r);
}

static void test_region(void **state)
{
    (void)state;
    struct rig r = { .bucket = { .list = { LIST(OBJECT("a")), "" }, .region = "mars-1" } };
    struct hc_artifact art;
    struct hc_err err;
    rig_up(&r);
    struct hc_bucket_spec keys = { .access_key = HC_S("ann"), .secret_key = HC_S("s") };
    if (fetch(&r, keys, (hc_str){ NULL, 0 }, &art, &err) != HC_OK)
        fail_msg("the server names its region: %s", err.msg);
    keys.region = HC_S("venus-1"); /* what the object says stands */
    assert_int_not_equal(fetch(&r, keys, (hc_str){ NULL, 0 }, &art, &err), HC_OK);
    assert_non_null(strstr(err.msg, "AuthorizationHeaderMalformed"));
    rig_down(&r);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *list, *fault, *want;
        const char *name;
    } rows[] = {
        { LIST(OBJECT("../x")), NULL, "no path below the bucket", "charts" },
        { LIST(OBJECT("/etc/x")), NULL, "no path below the bucket", "charts" },
        { LIST(OBJECT("a//b")), NULL, "no path below the bucket", "charts" },
        { LIST(OBJECT("a/./b")), NULL, "no path below the bucket", "charts" },
        { LIST(OBJECT("a") OBJECT("a/b")), NULL, "a file and a folder", "charts" },
        { LIST(OBJECT("a") OBJECT("a")), NULL, "twice", "charts" },
        { LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"), NULL,
          "same page", "charts" },
        { "garbage", NULL, "no XML of S3", "charts" },
        { "", "NoSuchBucket", "bucket 'charts' not found", "charts" },
        { "", "SignatureDoesNotMatch", "check accesskey and secretkey", "charts" },
        { "", "RequestTimeTooSkewed", "clock", "charts" },
        { "", "AccessDenied", "403 AccessDenied: because", "charts" },
        { "", NULL, "no name of a bucket", "../x" },
        { "", NULL, "no name of a bucket", "a?b" },
    };
    struct rig r = { .bucket = { .region = NULL } };
    rig_up(&r);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_artifact art;
        struct hc_err err;
        r.bucket.list[0] = rows[i].list;
        r.bucket.fault = rows[i].fault;
        const struct hc_bucket_spec s = { .name = hc_str_of(rows[i].name),
                                          .access_key = HC_S("ann"),
                                          .secret_key = HC_S("planted-secret") };
        enum hc_rc rc = fetch(&r, s, (hc_str){ NULL, 0 }, &art, &err);
        if (rc == HC_OK || !strstr(err.msg, rows[i].want) || strstr(err.msg, "planted-secret"))
            fail_msg("row %zu: %d '%s'", i, rc, err.msg);
    }
    rig_down(&r);
}

/* ---- who one is, without a Secret ---- */

struct machine {
    char asked[8][1200]; /* "METHOD PATH BODY" */
    atomic_int n;
    const char *fault; /* every answer to a login is this with 403 */
};

static bool serve_machine(struct loopback *s, const struct loopback_request *r, int fd)
{
    struct machine *m = s->ctx;
    int n = atomic_fetch_add(&m->n, 1);
    const char *body = "", *keys = "{\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"planted-key\",\"Token\":\"T/1\"}";
    if (n < 8)
        snprintf(m->asked[n], sizeof(m->asked[n]), "%s %s %.*s", r->method, r->path, (int)r->body_n,
                 r->body ? r->body : "");
    if (m->fault && strncmp(r->path, "/charts", 7) != 0)
        return answer_fault(fd, 403, m->fault, NULL);
    if (strcmp(r->path, "/latest/api/token") == 0)
        body = strstr(r->headers, "x-aws-ec2-metadata-token-ttl-seconds: ") || strstr(r->headers, "X-aws-ec2")
                   ? "session"
                   : "";
    else if (strcmp(r->path, "/latest/meta-data/iam/security-credentials/") == 0)
        body = strstr(r->headers, "session") ? "my role\n" : "";
    else if (strcmp(r->path, "/latest/meta-data/iam/security-credentials/my%20role") == 0)
        body = strstr(r->headers, "session") ? keys : "";
    else if (strcmp(r->path, "/creds") == 0)
        body = strstr(r->headers, "planted-container") ? keys : "";
    else if (strncmp(r->path, "/charts/?", 9) == 0 && strstr(r->headers, "Credential=AK/") &&
             strstr(r->headers, "T/1"))
        body = LIST(OBJECT("a"));
    else if (strcmp(r->path, "/charts/.sourceignore") == 0)
        return answer_fault(fd, 404, "NoSuchKey", NULL);
    else if (strcmp(r->path, "/charts/a") == 0)
        return loopback_answer(fd, 200, "ETag: \"e\"\r\n", "x", 1);
    return loopback_answer(fd, 200, "", body, strlen(body));
}

static void test_machine_keys(void **state)
{
    (void)state;
    struct machine m = { .fault = NULL };
    struct rig r = { .server = { .ctx = &m } };
    struct hc_artifact art;
    struct hc_err err = HC_ERR_INIT;
    char base[80];
    const hc_str none = { NULL, 0 };
    snprintf(r.dir, sizeof(r.dir), "/tmp/hc-s3-XXXXXX");
    assert_non_null(mkdtemp(r.dir));
    r.a = hc_arena_new(0);
    loopback_start(&r.server, serve_machine);
    snprintf(r.endpoint, sizeof(r.endpoint), "127.0.0.1:%d", r.server.port);
    assert_int_equal(hc_store_open(r.dir, 0, &r.env.store, &err), HC_OK);
    r.env.http = hc_http_new(&err);
    r.env.timeout_ms = 20000;
    const struct hc_bucket_spec aws = { .provider = HC_BUCKET_AWS };
    /* the machine's metadata, by a session */
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", r.server.base, 1);
    if (fetch(&r, aws, none, &art, &err) != HC_OK)
        fail_msg("machine: %s", err.msg);
    assert_string_equal(m.asked[0], "PUT /latest/api/token ");
    assert_string_equal(m.asked[2], "GET /latest/meta-data/iam/security-credentials/my%20role ");
    /* a container's address, with its token */
    snprintf(base, sizeof(base), "%s/creds", r.server.base);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", base, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "planted-container", 1);
    atomic_store(&m.n, 0);
    if (fetch(&r, aws, none, &art, &err) != HC_OK)
        fail_msg("container: %s", err.msg);
    assert_string_equal(m.asked[0], "GET /creds ");
    /* nobody else is told that token in the clear */
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/creds", 1);
    assert_int_equal(fetch(&r, aws, none, &art, &err), HC_E_INPUT);
    assert_null(strstr(err.msg, "planted"));
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    /* the environment's keys ask nobody, and a Secret goes before everything */
    setenv("AWS_ACCESS_KEY_ID", "AK", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "planted-key", 1);
    setenv("AWS_SESSION_TOKEN", "T/1", 1);
    atomic_store(&m.n, 0);
    assert_int_equal(fetch(&r, aws, none, &art, &err), HC_OK);
    assert_string_equal(m.asked[0], "GET /charts/.sourceignore ");
    unsetenv("AWS_ACCESS_KEY_ID");
    struct hc_bucket_spec own = aws;
    own.secret = true;
    own.access_key = HC_S("AK");
    own.secret_key = HC_S("other");
    own.token = HC_S("T/1");
    atomic_store(&m.n, 0);
    assert_int_equal(fetch(&r, own, none, &art, &err), HC_OK);
    assert_string_equal(m.asked[0], "GET /charts/.sourceignore ");
    /* a login that is refused says by whom, and not what was shown */
    const struct hc_bucket_spec ldap = { .sts_endpoint = hc_str_of(r.server.base),
                                         .ldap_user = HC_S("ann"),
                                         .ldap_password = HC_S("planted&word") };
    m.fault = "AccessDenied";
    atomic_store(&m.n, 0);
    assert_int_equal(fetch(&r, ldap, none, &art, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "AssumeRoleWithLDAPIdentity) answers 403 AccessDenied"));
    assert_null(strstr(err.msg, "planted"));
    assert_non_null(strstr(m.asked[0], "LDAPUsername=ann&LDAPPassword=planted%26word"));
    rig_down(&r);
}

/* Cut in the middle once: that object is asked for again, the others are not. More objects than are under way at once keep
 * their order; one that is not as long as the list says is no object. */
struct cutter {
    atomic_int cuts_left, asked;
    int most_open;
    const char *size;
};

static bool serve_cut(struct loopback *s, const struct loopback_request *r, int fd)
{
    struct cutter *c = s->ctx;
    char body[8192];
    size_t n = 0;
    if (strcmp(r->path, "/charts/.sourceignore") == 0)
        return answer_fault(fd, 404, "NoSuchKey", NULL);
    if (strncmp(r->path, "/charts/?", 9) == 0) {
        n = (size_t)snprintf(body, sizeof(body), "<ListBucketResult>");
        for (int i = 0; i < 30; i++)
            n += (size_t)snprintf(body + n, sizeof(body) - n,
                                  "<Contents><Key>f%02d</Key><ETag>\"e\"</ETag><Size>%s</Size></Contents>", i,
                                  c->size);
        n += (size_t)snprintf(body + n, sizeof(body) - n, "</ListBucketResult>");
        return loopback_answer(fd, 200, "", body, n);
    }
    atomic_fetch_add(&c->asked, 1);
    if (strcmp(r->path, "/charts/f07") == 0 && atomic_fetch_sub(&c->cuts_left, 1) > 0) {
        static const char half[] = "HTTP/1.1 200 X\r\nContent-Length: 10\r\nETag: \"e\"\r\n\r\n/char";
        loopback_send(fd, half, sizeof(half) - 1);
        return false;
    }
    return loopback_answer(fd, 200, "ETag: \"e\"\r\n", r->path, strlen(r->path));
}

static void test_many_objects(void **state)
{
    (void)state;
    struct cutter c = { .size = "11" };
    struct rig r = { .bucket = { .region = NULL } };
    struct hc_artifact art;
    struct hc_err err;
    const hc_str none = { NULL, 0 };
    rig_up(&r);
    loopback_stop(&r.server);
    r.server = (struct loopback){ .ctx = &c };
    loopback_start(&r.server, serve_cut);
    snprintf(r.endpoint, sizeof(r.endpoint), "127.0.0.1:%d", r.server.port);
    atomic_store(&c.cuts_left, 1);
    if (fetch(&r, (struct hc_bucket_spec){ .prefix = HC_S("") }, none, &art, &err) != HC_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(atomic_load(&c.asked), 31);
    hc_str got = unpacked(&r, art.digest);
    char want[4096];
    size_t n = 0;
    for (int i = 0; i < 30; i++)
        n += (size_t)snprintf(want + n, sizeof(want) - n, "f%02d=/charts/f%02d\n", i, i);
    assert_true(hc_str_eqz(got, want));
    atomic_store(&c.cuts_left, 99);
    assert_int_equal(fetch(&r, (struct hc_bucket_spec){ .prefix = HC_S("") }, none, &art, &err), HC_E_AGAIN);
    assert_non_null(strstr(err.msg, "object 'f07'"));
    atomic_store(&c.cuts_left, 0);
    c.size = "12";
    assert_int_equal(fetch(&r, (struct hc_bucket_spec){ .prefix = HC_S("") }, none, &art, &err), HC_E_AGAIN);
    assert_non_null(strstr(err.msg, "object 'f00': 11 bytes came, 12 are listed"));
    rig_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),   cmocka_unit_test(test_pages),        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_bare_404),     cmocka_unit_test(test_region),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_machine_keys), cmocka_unit_test(test_many_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
