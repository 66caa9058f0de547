#pragma once
/*
 * helmctl/cli/provenance.h - provenance files of charts: signing archives, checking them (cluster only)
 *
 * Messages begin as Helm's. What was not signed by a key of the keyring is never loaded.
 */
#include "charts-fetch/verify/prov.h"
#include "helmctl/cli/chartref.h"

/* `flag`, or Helm's default: pubring.gpg of GnuPG's home, pubring.kbx where only that is there; NULL: no memory. */
const char *hc_cli_keyring(struct hc_arena *a, const char *flag);

/* The archive `path` by PATH.prov. */
enum hc_rc hc_cli_verify_path(struct hc_arena *a, const char *path, const char *keyring, struct hc_prov *out,
                              struct hc_err *err);
/* One that was fetched: `file` is the name it has at its source. */
enum hc_rc hc_cli_verify_fetched(struct hc_arena *a, const struct hc_fetched *got, const char *keyring,
                                 struct hc_prov *out, struct hc_err *err);
/* The port verify_chart: a chart on this machine. */
enum hc_rc hc_cli_verify_chart(const struct hc_chart_source *s, struct hc_err *err);

/* A passphrase for signing: read once. `file` NULL: asked for at the terminal; "-": a pipe on stdin. */
struct hc_passphrase {
    const char *file;
    hc_str text; /* absent: not read yet */
};
/* Writes PATH.prov beside the archive `path`, signed by the key that `id` names in `keyring`. `metadata`: the chart's,
 * as Chart.yaml in the archive has it. */
enum hc_rc hc_cli_sign(struct hc_arena *a, const char *path, const struct hc_val *metadata, const char *keyring,
                       const char *id, struct hc_passphrase *pass, struct hc_err *err);
