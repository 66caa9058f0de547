#pragma once
/*
 * deploy/manifests/manifests.h - what installs helmctl itself, carried inside the program
 */
#include "core/base/str.h"

struct hc_manifest {
    const char *name; /* "crd-helmreleases.yaml" */
    hc_str text;      /* YAML, one or several documents */
};
/* The CRDs first, then namespace, rights, Service and Deployment. */
extern const size_t hc_manifests_n;
struct hc_manifest hc_manifest_at(size_t i);
bool hc_manifest_is_crd(const struct hc_manifest *m);
