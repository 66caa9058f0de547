#pragma once
/*
 * helmctl/controller/clients.h - API clients of other identities and other clusters, made once
 *
 * There are as many as there are service accounts and kubeconfigs in use; they live as long as the controller, because
 * discovery is what costs. Any thread.
 */
#include "helmctl/controller/ctl_impl.h"

/* `kubeconfig` empty: our own cluster. `user` empty: our own identity. Borrowed. */
enum hc_rc ctl_client_of(struct ctl *c, hc_str kubeconfig, hc_str user, struct hc_kube **out, struct hc_err *err);
void ctl_clients_free(void);

/* The kubeconfig a secretRef {name, key} points to. Files and programs it names are refused (Flux 1.6.4: a kubeconfig
 * must be self-contained). HC_E_NOTFOUND: no such Secret. */
enum hc_rc ctl_kubeconfig_of(struct ctl *c, struct hc_arena *a, hc_str ns, const struct hc_val *ref, hc_str *out,
                             struct hc_err *err);
