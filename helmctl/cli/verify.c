/*
 * helmctl verify: was this archive signed by somebody whose key is in the keyring?
 */
#include <stdio.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/provenance.h"

static const char about[] =
    "Checks that an archive has a provenance file beside it (PATH.prov), that it was signed by a key of the\n"
    "keyring, and that the archive is the one that was signed.\n"
    "\n"
    "  helmctl verify web-1.2.3.tgz --keyring team.asc\n"
    "\n"
    "A keyring may be armoured (gpg --export --armor), binary (gpg --export) or GnuPG's keybox. Output and exit "
    "code\n"
    "are those of `helm verify` (Helm 4.3); SHA-1 signatures and keys under 2048 bits are refused besides.";

int hc_cmd_verify(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *keyring = NULL;
    const struct hc_flag flags[] = {
        { "keyring", 0, HC_FLAG_STR, &keyring, "public keys (default GnuPG's pubring.gpg, or pubring.kbx)", NULL,
          "file" },
    };
    struct hc_cli cli = {
        .use = "verify PATH [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = 1,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    struct hc_err err = HC_ERR_INIT;
    struct hc_prov p;
    if (hc_cli_verify_path(a, cli.args[0], keyring, &p, &err) != HC_OK)
        return hc_cli_fail(&err);
    hc_str report = hc_prov_report(a, &p);
    printf("%.*s", HC_P(report));
    return 0;
}
