/*
 * helmctl deploy: installs helmctl itself into a cluster, or prints what it would install; and applies the first
 * objects a person has (a GitRepository, a Kustomization), so that nothing but helmctl is needed to begin.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/yaml.h"
#include "deploy/manifests/manifests.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/connect.h"

struct job {
    struct hc_arena *a;
    struct hc_err err;
    const char *image, *ns;
    struct hc_val *objects; /* list, in the order to apply */
};

static bool is_kind(const struct hc_val *o, const char *kind)
{
    return hc_str_eqz(hc_get_str(hc_map_getz(o, "kind")), kind);
}

/* Our own objects follow --image and the namespace. */
static void adapt(struct job *j, struct hc_val *o)
{
    static const hc_str built_in = { "flux-system", 11 };
    struct hc_val *m = hc_map_getz(o, "metadata"), *subjects = hc_map_getz(o, "subjects");
    hc_str ns = hc_str_of(j->ns);
    if (is_kind(o, "Namespace") && hc_str_eq(hc_get_str(hc_map_getz(m, "name")), built_in))
        hc_map_put_str(j->a, m, "name", ns);
    if (hc_str_eq(hc_get_str(hc_map_getz(m, "namespace")), built_in))
        hc_map_put_str(j->a, m, "namespace", ns);
    for (size_t i = 0; i < hc_list_len(subjects); i++)
        if (hc_map_getz(hc_list_at(subjects, i), "namespace"))
            hc_map_put_str(j->a, hc_list_at(subjects, i), "namespace", ns);
    if (is_kind(o, "Deployment"))
        hc_map_put_strz(j->a, hc_get(o, "spec.template.spec.containers[0]"), "image", j->image);
}

static enum hc_rc add_documents(struct job *j, hc_str text, const char *name, bool ours)
{
    struct hc_val *docs;
    if (hc_yaml_parse_all(j->a, text, hc_str_of(name), HC_YAML_PLAIN, &docs, &j->err) != HC_OK)
        return hc_wrap(&j->err, "%s", name);
    for (size_t i = 0; i < hc_list_len(docs); i++) {
        struct hc_val *o = hc_list_at(docs, i);
        if (!hc_is_map(o) || !hc_get_str_at(o, "kind").n || !hc_get_str_at(o, "metadata.name").n)
            return hc_fail_at(&j->err, HC_E_INPUT, hc_str_of(name), (int)o->line, -1,
                              "%s:%u: is not a Kubernetes object (kind and metadata.name are needed)", name,
                              o->line);
        if (ours)
            adapt(j, o);
        hc_list_add(j->a, j->objects, o);
    }
    return hc_arena_check(j->a, &j->err, name);
}

static enum hc_rc add_file(struct job *j, const char *path)
{
    hc_str text;
    enum hc_rc rc = strcmp(path, "-") == 0
                        ? hc_read_fd(j->a, STDIN_FILENO, "standard input", HC_MAX_RESPONSE_BYTES, &text, &j->err)
                        : hc_read_file(j->a, AT_FDCWD, path, HC_MAX_RESPONSE_BYTES, &text, &j->err);
    return rc == HC_OK ? add_documents(j, text, path, false) : rc;
}

static int print_all(struct job *j)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < hc_list_len(j->objects); i++) {
        hc_buf_puts(&b, "---\n");
        if (!hc_yaml_write(&b, hc_list_at(j->objects, i)))
            return hc_cli_error("%s", "an object cannot be written as YAML");
    }
    if (hc_buf_check(&b, &j->err, "manifests") != HC_OK)
        return hc_cli_fail(&j->err);
    return fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0
               ? 0
               : hc_cli_error("%s", "standard output is closed");
}

/* A CRD is served only after the server says so: what comes next may need it. */
static enum hc_rc wait_established(struct job *j, struct hc_kube *k, const struct hc_val *crd)
{
    struct hc_ref ref = hc_ref_of(crd);
    int64_t until = hc_mono_ms() + 30000;
    for (;;) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_val *now = NULL;
        if (!a)
            return hc_fail_nomem(&j->err);
        if (hc_kube_get(k, a, &ref, &now, &j->err) != HC_OK)
            return j->err.code;
        const struct hc_val *conditions = hc_get(now, "status.conditions");
        for (size_t i = 0; i < hc_list_len(conditions); i++)
            if (hc_str_eqz(hc_get_str_at(hc_list_at(conditions, i), "type"), "Established") &&
                hc_str_eqz(hc_get_str_at(hc_list_at(conditions, i), "status"), "True"))
                return HC_OK;
        if (hc_mono_ms() > until)
            return hc_fail(&j->err, HC_E_AGAIN, "%.*s is not established after 30 s", HC_P(ref.name));
        usleep(50000); /* the one thing to ask is whether time has helped */
    }
}

static enum hc_rc apply_all(struct job *j, struct hc_kube *k)
{
    bool crds = false;
    for (size_t i = 0; i < hc_list_len(j->objects); i++) {
        const struct hc_val *o = hc_list_at(j->objects, i);
        struct hc_ref ref = hc_ref_of(o);
        struct hc_val *out;
        if (hc_kube_apply(k, j->a, o, "helmctl", HC_KUBE_FORCE, &out, &j->err) != HC_OK)
            return j->err.code;
        printf("applied %.*s\n", HC_P(hc_ref_str(j->a, &ref)));
        crds = crds || is_kind(o, "CustomResourceDefinition");
        bool last = i + 1 == hc_list_len(j->objects) ||
                    !is_kind(hc_list_at(j->objects, i + 1), "CustomResourceDefinition");
        if (!crds || !last)
            continue;
        for (size_t c = 0; c <= i; c++)
            if (is_kind(hc_list_at(j->objects, c), "CustomResourceDefinition") &&
                wait_established(j, k, hc_list_at(j->objects, c)) != HC_OK)
                return j->err.code;
        hc_kube_discovery_reset(k);
        crds = false;
    }
    return HC_OK;
}

int hc_cmd_deploy(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct job j = { .a = a, .image = "helmctl:" HC_VERSION, .ns = "flux-system" };
    bool export_ = false, crds_only = false;
    struct hc_strings files = { 0 };
    const struct hc_flag flags[] = {
        { "export", 0, HC_FLAG_BOOL, &export_, "print the manifests and change nothing" },
        { "crds-only", 0, HC_FLAG_BOOL, &crds_only, "only the CRDs: the controller runs elsewhere" },
        { "image", 0, HC_FLAG_STR, &j.image, "image of the controller", .type = "IMAGE" },
        { "filename", 'f', HC_FLAG_LIST, &files,
          "apply these manifests too, after the others (- is standard input)", .type = "FILE" },
    };
    struct hc_cli cli = {
        .use = "deploy [flags]",
        .about = "Installs helmctl into a cluster: CRDs, rights and the controller's Deployment.\n"
                 "Safe to repeat; an installation of Flux keeps its objects, because the kinds are the same.\n\n"
                 "  helmctl deploy --export > helmctl.yaml     look at it first, or keep it in Git\n"
                 "  helmctl deploy -f fleet.yaml               and begin with a GitRepository and a Kustomization",
        .flags = flags,
        .flags_n = HC_LEN(flags),
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.globals.ns)
        j.ns = cli.globals.ns;
    j.objects = hc_list_new(a);
    for (size_t i = 0; i < hc_manifests_n; i++) {
        struct hc_manifest m = hc_manifest_at(i);
        if ((!crds_only || hc_manifest_is_crd(&m)) && add_documents(&j, m.text, m.name, true) != HC_OK)
            return hc_cli_fail(&j.err);
    }
    for (size_t i = 0; i < files.n; i++)
        if (add_file(&j, files.items[i]) != HC_OK)
            return hc_cli_fail(&j.err);
    if (export_)
        return print_all(&j);
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster c = { 0 };
    if (hc_cli_connect(&cli.globals, &c, &j.err) != HC_OK || apply_all(&j, c.kube) != HC_OK)
        return hc_cli_fail(&j.err);
    return 0;
}
