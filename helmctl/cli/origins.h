#pragma once
/*
 * helmctl/cli/origins.h - where the values of a release came from
 */
#include "deploy/release/record.h"
#include "helmctl/cli/connect.h"

/*
 * Prints every value a user gave for the release: what it is, the layer that said so (object and file, line, revision in
 * Git), and what the chart says by itself. The layers are read again from the HelmRelease that owns the release and its
 * sources as they are now. Values out of Secrets are shown as ***. Gives the exit code.
 */
int hc_cli_print_origins(struct hc_arena *a, struct hc_cli_cluster *c, const struct hc_record *record,
                         const char *output);
