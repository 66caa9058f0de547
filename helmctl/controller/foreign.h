#pragma once
/*
 * helmctl/controller/foreign.h - artifacts that another controller made, fetched without holding a worker
 *
 * With --controllers=helm the artifacts come from somebody else's server, which may be slow. Releases and Kustomizations
 * have a thread each while they work; waiting there would hold up the others.
 */
#include "helmctl/controller/ctl_impl.h"

struct ctl_foreign *ctl_foreign_new(struct ctl *c);
void ctl_foreign_stop(struct ctl_foreign *f); /* waits for what is under way */
void ctl_foreign_free(struct ctl_foreign *f);

/* True: `object`'s artifact is not here, and is being fetched; who refers to it is woken when that ended. The pass is to
 * end with CTL_AT, INT64_MAX and no change. False: it is here, it is our own kind's, or fetching it failed: reading it says
 * so. */
bool ctl_foreign_comes(struct pass *p, const struct hc_val *object);
/* Why the last fetch of it failed, once; HC_OK: it did not. */
enum hc_rc ctl_foreign_failed(struct ctl *c, hc_str digest, struct hc_err *err);
/* Into the store, here and now. */
enum hc_rc ctl_foreign_fetch(struct ctl *c, struct hc_arena *a, const struct hc_val *object, struct hc_err *err);
