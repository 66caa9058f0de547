/*
 * helmctl completion: scripts for shells. They are small and ask helmctl itself (`helmctl __complete`, complete.h), so that
 * they never fall behind; the name they complete is the one helmctl was called by.
 */
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"

static const char about[] =
    "Prints the completion script for a shell: commands, flags and their values, releases, revisions,\n"
    "namespaces, contexts, charts and versions, GitOps objects.\n"
    "\n"
    "  source <(helmctl completion bash)           for this shell; in ~/.bashrc for every one\n"
    "  helmctl completion zsh > \"${fpath[1]}/_helmctl\"\n"
    "  helmctl completion fish > ~/.config/fish/completions/helmctl.fish\n"
    "  helmctl completion powershell | Out-String | Invoke-Expression";

#define SHELL(name) extern const char hc_embed_completion_##name[]
SHELL(bash);
SHELL(fish);
SHELL(powershell);
SHELL(zsh);

static const struct hc_sub subs[] = {
    { "bash", "", "print the script for bash",
      .about = "Prints the completion script for bash (3.2 or newer; no other package is needed).\n\n"
               "  source <(helmctl completion bash)                                for this shell\n"
               "  helmctl completion bash > /etc/bash_completion.d/helmctl         for every shell, of everybody\n"
               "  echo 'source <(helmctl completion bash)' >> ~/.bashrc            for every shell, yours" },
    { "fish", "", "print the script for fish",
      .about = "Prints the completion script for fish.\n\n"
               "  helmctl completion fish | source                                      for this shell\n"
               "  helmctl completion fish > ~/.config/fish/completions/helmctl.fish     for every shell" },
    { "powershell", "", "print the script for PowerShell",
      .about = "Prints the completion script for PowerShell.\n\n"
               "  helmctl completion powershell | Out-String | Invoke-Expression        for this shell\n"
               "\n"
               "To have it in every shell, put the output into your profile ($PROFILE)." },
    { "zsh", "", "print the script for zsh",
      .about = "Prints the completion script for zsh.\n\n"
               "  source <(helmctl completion zsh)                          for this shell\n"
               "  helmctl completion zsh > \"${fpath[1]}/_helmctl\"           for every shell; compinit must run "
               "in ~/.zshrc" },
};

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* `helm` where helmctl stands under that name. The name is written into a script: only of what is plain there. */
static hc_str program_name(const char *path)
{
    hc_str name = hc_str_of(path);
    size_t slash = hc_str_rfind(name, '/');
    name = slash == SIZE_MAX ? name : hc_str_sub(name, slash + 1, name.n);
    bool plain = name.n > 0 && letter(name.p[0]);
    for (size_t i = 0; i < name.n; i++)
        plain = plain && (letter(name.p[i]) || strchr("-.+", name.p[i]));
    return plain ? name : HC_S("helmctl");
}

/* @P@: the program; @F@: the same for names of functions; @C@: the verb that is asked. */
static void fill_in(struct hc_buf *b, hc_str text, hc_str program, bool plain)
{
    for (size_t i = 0; i < text.n; i++) {
        char mark = i + 2 < text.n && text.p[i] == '@' && text.p[i + 2] == '@' ? text.p[i + 1] : '\0';
        if (mark == 'P')
            hc_buf_put(b, program);
        else if (mark == 'C')
            hc_buf_puts(b, plain ? "__completeNoDesc" : "__complete");
        for (size_t k = 0; mark == 'F' && k < program.n; k++)
            hc_buf_putc(b, letter(program.p[k]) ? program.p[k] : '_');
        if (mark == 'P' || mark == 'C' || mark == 'F')
            i += 2;
        else
            hc_buf_putc(b, text.p[i]);
    }
}

int hc_cmd_completion(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *const scripts[] = { hc_embed_completion_bash, hc_embed_completion_fish,
                                    hc_embed_completion_powershell, hc_embed_completion_zsh };
    _Static_assert(HC_LEN(scripts) == HC_LEN(subs), "a script for each shell");
    bool plain = false;
    const struct hc_flag flags[] = { { "no-descriptions", 0, HC_FLAG_BOOL, &plain, "offer words without their help",
                                       .of = "bash fish powershell zsh" } };
    struct hc_cli cli = { .use = "completion SHELL [flags]",
                          .about = about,
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .subs = subs,
                          .subs_n = HC_LEN(subs) };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    fill_in(&b, hc_str_of(scripts[cli.sub - subs]), program_name(argv[-1]), plain);
    if (hc_buf_check(&b, &err, "script") != HC_OK || hc_write_fd(1, hc_buf_str(&b), &err) != HC_OK)
        return hc_cli_fail(&err);
    return 0;
}
