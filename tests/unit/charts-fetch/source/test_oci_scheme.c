/*
 * charts-fetch/source/oci_scheme.c: whether a registry of spec.insecure speaks TLS is found out once, until it fails.
 */
#include "charts-fetch/source/oci_impl.h"
#include "tests/unit/loopback.h"
#include "tests/unit/unit.h"

static struct loopback registry;
static struct hc_http *http;
static struct hc_arena *arena;
static struct hc_oci_logins *logins;
static struct hc_err err;
static atomic_int probes, probe_status;

static bool handle(struct loopback *s, const struct loopback_request *r, int fd)
{
    (void)s;
    if (strcmp(r->path, "/v2/") == 0) {
        atomic_fetch_add(&probes, 1);
        return loopback_answer(fd, atomic_load(&probe_status), "", "{}", 2);
    }
    return loopback_answer(fd, 200, "", "{\"tags\":[\"1.0.0\"]}", 18);
}

static int setup(void **state)
{
    (void)state;
    arena = hc_arena_new(0);
    loopback_start(&registry, handle);
    http = hc_http_new(&err);
    logins = hc_oci_logins_new();
    return http && logins ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hc_http_free(http);
    hc_oci_logins_free(logins);
    loopback_stop(&registry);
    hc_arena_free(arena);
    return 0;
}

/* One conversation; `fails`: its last request gets no answer. */
static enum hc_rc ask(const struct hc_source_auth *auth, struct hc_oci_logins *memory, bool fails)
{
    HC_AUTO(hc_oci) struct hc_oci *o = NULL;
    const struct hc_source_env env = { .http = http, .timeout_ms = 10000, .logins = memory };
    hc_str *tags;
    size_t n;
    err = (struct hc_err)HC_ERR_INIT;
    const char *url = hc_arena_printf(arena, "oci://127.0.0.1:%d/app", registry.port).p;
    enum hc_rc rc = hc_oci_open(&env, arena, url, auth, &o, &err);
    if (rc == HC_OK)
        rc = hc_oci_tags(o, &tags, &n, &err);
    if (o && fails)
        oci_scheme_failed(o);
    return rc;
}

static void plain_http_is_found_out_once(void **state)
{
    (void)state;
    static const struct hc_source_auth insecure = { .insecure_registry = true };
    static const struct {
        const char *name;
        bool remembers, fails;
        int status, probes;
        enum hc_rc rc;
    } rows[] = {
        { "found out", true, false, 200, 1, HC_OK },
        { "known", true, false, 200, 0, HC_OK },
        { "known, and fails", true, true, 200, 0, HC_OK },
        { "found out again, it wants a login", true, false, 401, 1, HC_OK },
        { "known again", true, false, 200, 0, HC_OK },
        { "nothing remembers", false, false, 200, 1, HC_OK },
        { "no registry there: TLS is what is asked", false, false, 404, 1, HC_E_AGAIN },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        atomic_store(&probes, 0);
        atomic_store(&probe_status, rows[i].status);
        enum hc_rc rc = ask(&insecure, rows[i].remembers ? logins : NULL, rows[i].fails);
        if (rc != rows[i].rc || atomic_load(&probes) != rows[i].probes)
            fail_msg("%s: %d '%s', %d probes", rows[i].name, rc, err.msg, atomic_load(&probes));
    }
}

static void without_spec_insecure_nothing_falls_back(void **state)
{
    (void)state;
    atomic_store(&probes, 0);
    atomic_store(&probe_status, 200);
    assert_int_not_equal(ask(&(const struct hc_source_auth){ 0 }, logins, false), HC_OK);
    assert_int_equal(atomic_load(&probes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_http_is_found_out_once),
        cmocka_unit_test(without_spec_insecure_nothing_falls_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
