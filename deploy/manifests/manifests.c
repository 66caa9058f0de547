/*
 * The files of this folder, as the build embeds them (hc_module EMBED).
 */
#include "deploy/manifests/manifests.h"

#define EACH(X)                                                                                                    \
    X(crd_buckets)                                                                                                 \
    X(crd_externalartifacts)                                                                                       \
    X(crd_gitrepositories)                                                                                         \
    X(crd_helmcharts)                                                                                              \
    X(crd_helmreleases)                                                                                            \
    X(crd_helmrepositories)                                                                                        \
    X(crd_kustomizations)                                                                                          \
    X(crd_ocirepositories)                                                                                         \
    X(install)

#define DECLARE(n)                                                                                                 \
    extern const char hc_embed_##n##_yaml[];                                                                       \
    extern const size_t hc_embed_##n##_yaml_size;
EACH(DECLARE)

#define ROW(n) { #n ".yaml", hc_embed_##n##_yaml, &hc_embed_##n##_yaml_size },
static const struct {
    const char *name, *text;
    const size_t *size;
} files[] = { EACH(ROW) };

const size_t hc_manifests_n = HC_LEN(files);

struct hc_manifest hc_manifest_at(size_t i)
{
    return (struct hc_manifest){ files[i].name, { files[i].text, *files[i].size } };
}

bool hc_manifest_is_crd(const struct hc_manifest *m)
{
    return strncmp(m->name, "crd_", 4) == 0;
}
