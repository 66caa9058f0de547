#pragma once
/*
 * helmctl/cli/logins.h - registry logins in files, shared with the real Helm and with Docker
 *
 * Helm's file (--registry-config, HELM_REGISTRY_CONFIG, <config>/registry/config.json) comes first, Docker's
 * (DOCKER_CONFIG, ~/.docker/config.json) after it and is only read. Both have Docker's form: auths, credHelpers,
 * credsStore. A helper is the program docker-credential-NAME; it gets a deadline and may print so much and no more.
 * Which entry is a registry's is decided as by ORAS, which Helm uses.
 */
#include "charts-fetch/source/source.h"
#include "helmctl/cli/flags.h"

/* Makes `auth` ask for a login here when a registry wants one and the flags gave no name and password. `g` must outlive
 * it. HC_E_NOMEM only. */
enum hc_rc hc_logins_use(struct hc_arena *a, const struct hc_globals *g, struct hc_source_auth *auth,
                         struct hc_err *err);
/* Keeps a login for the registry `host` in Helm's file, or gives it to the helper that keeps them. */
enum hc_rc hc_logins_store(struct hc_arena *a, const struct hc_globals *g, hc_str host, hc_str username,
                           hc_str password, struct hc_err *err);
/* What the helper docker-credential-NAME printed for "get". */
enum hc_rc hc_logins_read_helper(struct hc_arena *a, hc_str name, hc_str text, struct hc_registry_login *out,
                                 struct hc_err *err);
/* Takes it out; none there is fine. */
enum hc_rc hc_logins_erase(struct hc_arena *a, const struct hc_globals *g, hc_str host, struct hc_err *err);
