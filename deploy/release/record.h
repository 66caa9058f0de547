#pragma once
/*
 * deploy/release/record.h - the release record: Helm's own, byte for byte where it counts
 *
 * Source: Helm pkg/release/v1, pkg/storage/driver/{secrets,util}.go. A record is the JSON of Helm's Release struct,
 * gzipped, base64, in a Secret of type helm.sh/release.v1 named sh.helm.release.v1.NAME.vN with Helm's labels, so that
 * helm list, history, status, get and rollback read ours and we theirs. Lives in the arena it was read into.
 */
#include "core/value/value.h"
#include "deploy/kube/client.h"

/* In Helm's spelling: unknown deployed uninstalled superseded failed uninstalling pending-install pending-upgrade
 * pending-rollback. */
enum hc_status {
    HC_STATUS_UNKNOWN,
    HC_STATUS_DEPLOYED,
    HC_STATUS_UNINSTALLED,
    HC_STATUS_SUPERSEDED,
    HC_STATUS_FAILED,
    HC_STATUS_UNINSTALLING,
    HC_STATUS_PENDING_INSTALL,
    HC_STATUS_PENDING_UPGRADE,
    HC_STATUS_PENDING_ROLLBACK,
};
const char *hc_status_name(enum hc_status s);
enum hc_status hc_status_of(hc_str name);

/* A hook's last run, as Helm keeps it; phase "" Unknown Running Succeeded Failed. Times RFC 3339 with nanoseconds. */
struct hc_record_hook {
    hc_str name, kind, path, manifest;
    struct hc_val *events, *delete_policies, *log_policies; /* lists of text */
    int64_t weight;
    hc_str started_at, completed_at, phase;
};

struct hc_record {
    hc_str name, ns;
    int64_t revision;
    enum hc_status status;
    hc_str first_deployed, last_deployed, deleted; /* as written (RFC 3339 with zone), absent or zero kept apart */
    hc_str description, notes, manifest;
    struct hc_record_hook *hooks;
    size_t hooks_n;
    struct hc_val *chart;      /* Helm's chart JSON: metadata, lock, templates, values, schema, files */
    struct hc_val *config;     /* the user's values */
    hc_str apply_method;       /* "ssa", "csa" or absent (Helm 3) */
    int64_t rollback_revision; /* what a rollback went back to (Helm 4.3); 0: none */
    struct hc_val *labels;     /* user labels, map or NULL */
    struct hc_val *resources;  /* info.resources: live objects by "v1/ConfigMap", only in what `status` prints */
    struct hc_val *extra;      /* unknown top-level fields, kept over a round trip */
    hc_str recording; /* of the render it was made by (templating/render/recording.h), in the same object but
                                  not in Helm's payload: Helm reads past it, and drops it when it writes; absent: none */
    hc_str
        lasting; /* deflate of the JSON from chart to manifest, which is packed once (hc_gzip_around); absent: not yet */
    size_t lasting_n; /* of that JSON, in bytes */
    /* storage */
    hc_str storage_name, resource_version; /* of the object it was read from; absent: never stored */
    int64_t created_at, modified_at;       /* labels, seconds; 0: none */
    hc_str
        mark; /* our annotation on that object: how far the operation has come (deploy/reconcile); Helm drops it */
};

/* The label and payload forms, shared by the drivers. */
#define HC_RECORD_TYPE "helm.sh/release.v1"
#define HC_RECORD_MARK "release.helmctl.dev/progress"
hc_str hc_record_storage_name(struct hc_arena *a, hc_str name, int64_t revision);

/* JSON of Helm 4.3.1's Release struct: its field order, escaping and zero rules. */
enum hc_rc hc_record_json(const struct hc_record *r, struct hc_buf *out, struct hc_err *err);
enum hc_rc hc_record_of_json(struct hc_arena *a, hc_str json, struct hc_record *out, struct hc_err *err);
/* Helm's payload: base64 of gzip of the JSON (the Secret's own base64 comes on top). Records made before Helm 3's
 * compression are read too. HC_E_LIMIT: larger than an object may be, with the size by part; of one that was never
 * stored, also when there is no room for what its end adds. What of it lasts is kept packed in `keep`, the arena it lives
 * in, and is found by the next call; NULL: not kept. */
enum hc_rc hc_record_encode(struct hc_arena *a, struct hc_record *r, struct hc_arena *keep, hc_str *out,
                            struct hc_err *err);
enum hc_rc hc_record_decode(struct hc_arena *a, hc_str payload, struct hc_record *out, struct hc_err *err);
/* Base64 of gzip and back, for what lies beside the payload. */
enum hc_rc hc_record_pack(struct hc_arena *a, hc_str raw, int level, hc_str *out, struct hc_err *err);
enum hc_rc hc_record_unpack(struct hc_arena *a, hc_str packed, size_t ceiling, hc_str *out, struct hc_err *err);
/* RFC 3339 with nanoseconds as Go prints time.Time: "2026-01-02T15:04:05.123456789Z". */
hc_str hc_record_time(struct hc_arena *a, int64_t ns);
