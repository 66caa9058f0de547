/*
 * A rendered chart as the record of an install that is only tried: the engine composes it, and says what is refused.
 */
#include "helmctl/cli/template_server.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "deploy/compose/compose.h"
#include "helmctl/cli/release.h"

struct hc_cli_server {
    struct hc_cli_release r;
};

static void server_close(struct hc_cli_server *s)
{
    if (s)
        hc_cli_release_close(&s->r);
    free(s);
}

static enum hc_rc server_open(struct hc_arena *a, const struct hc_globals *g,
                              struct hc_capabilities *out_capabilities, struct hc_door *out_door, hc_str *out_ns,
                              struct hc_cli_server **out, struct hc_err *err)
{
    struct hc_cli_server *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_cli_release_open(&s->r, a, g, err);
    if (rc == HC_OK)
        rc = hc_compose_capabilities(s->r.cluster.kube, a, out_capabilities, err);
    if (rc != HC_OK) {
        server_close(s);
        return rc;
    }
    *out_door = (struct hc_door){ .ctx = &s->r, .lookup = hc_cli_release_lookup };
    *out_ns = s->r.ns;
    *out = s;
    return HC_OK;
}

static enum hc_rc server_check(struct hc_cli_server *s, hc_str name, struct hc_chart *chart,
                               const struct hc_val *values, const struct hc_render_output *rendered, bool any_owner,
                               struct hc_err *err)
{
    struct hc_cli_release *r = &s->r;
    struct hc_action_flags f;
    struct hc_reconcile_spec spec;
    struct hc_record tried = { .name = name,
                               .ns = r->ns,
                               .revision = 1,
                               .chart = hc_compose_chart(r->a, chart, rendered),
                               .config = hc_val_clone(r->a, values),
                               .manifest = hc_documents_manifest(r->a, &rendered->docs) };
    tried.hooks = hc_compose_hooks(r->a, &rendered->docs, &tried.hooks_n);
    hc_action_flags_init(&f);
    f.dry_run = "server";
    f.take_ownership = any_owner;
    r->name = name;
    r->stored = &tried;
    hc_cli_release_spec(r, &f, &spec);
    spec.must_not_exist = true;
    enum hc_rc rc = hc_arena_check(r->a, err, "render");
    if (rc == HC_OK)
        rc = hc_cli_release_run(r, &spec, NULL, err);
    r->stored = NULL;
    return rc;
}

const struct hc_cli_server_port hc_cli_server_port = { server_open, server_check, server_close };
