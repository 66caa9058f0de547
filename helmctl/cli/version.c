/*
 * helmctl version
 */
#include <stdio.h>

#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"
#include "templating/render/render.h"

/* Fields as Helm's version.BuildInfo names them; what is not known of a build is empty. */
static int print_template(struct hc_arena *a, const char *text)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_program *p = NULL;
    struct hc_val *data = hc_map_new(a), *contexts[] = { data };
    hc_str texts[1] = { { NULL, 0 } };
    const struct hc_template_file file = { HC_S("_"), HC_S(""), hc_str_of(text), false };
    const struct hc_run run = { .contexts = contexts };
    static const char *const empty[] = { "GitCommit", "GitTreeState", "GoVersion", "KubeClientVersion" };
    hc_map_put_strz(a, data, "Version", "v" HC_VERSION);
    hc_map_put_strz(a, data, "HelmVersion", "v4.3.1");
    for (size_t i = 0; i < HC_LEN(empty); i++)
        hc_map_put_strz(a, data, empty[i], "");
    enum hc_rc rc = hc_program_compile(&file, 1, false, &p, NULL, &err);
    if (rc == HC_OK)
        rc = hc_program_run(p, a, &run, texts, &err);
    hc_program_unref(p);
    if (rc != HC_OK)
        return hc_cli_fail(&err);
    fwrite(texts[0].p, 1, texts[0].n, stdout);
    return 0;
}

int hc_cmd_version(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *text = NULL;
    bool brief = false;
    const struct hc_flag flags[] = {
        { "short", 0, HC_FLAG_BOOL, &brief, "the number alone" },
        { "template", 0, HC_FLAG_STR, &text, "what this Go template gives: .Version, .HelmVersion (rendered as)",
          NULL, "template" },
    };
    struct hc_cli cli = { .use = "version [flags]",
                          .about = "Prints the version of helmctl.\n\n"
                                   "  helmctl version --template 'helmctl {{.Version}}, as Helm {{.HelmVersion}}'",
                          .flags = flags,
                          .flags_n = HC_LEN(flags) };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    if (text && *text)
        return print_template(a, text);
    puts(brief ? "v" HC_VERSION : "helmctl v" HC_VERSION " (renders as Helm v4.3.1)");
    return 0;
}
