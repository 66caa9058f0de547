/*
 * Provenance files on this machine: pkg/downloader VerifyChart and pkg/action Package.Clearsign in their order, with
 * their messages.
 */
#include "helmctl/cli/provenance.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "charts-fetch/verify/pgp_sign.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/yaml.h"
#include "helmctl/cli/cli.h"

#define MAX_KEYRING (32 * HC_MIB)

const char *hc_cli_keyring(struct hc_arena *a, const char *flag)
{
    struct stat st;
    if (flag)
        return flag;
    const char *home = getenv("GNUPGHOME"), *own = hc_cli_env("HOME");
    if (!home)
        home = hc_arena_printf(a, "%s/.gnupg", own ? own : "").p;
    const char *old = hc_arena_printf(a, "%s/pubring.gpg", home ? home : "").p;
    const char *box = hc_arena_printf(a, "%s/pubring.kbx", home ? home : "").p;
    return old && box && stat(old, &st) < 0 && stat(box, &st) == 0 ? box : old;
}

static enum hc_rc open_ring(struct hc_arena *a, const char *path, struct hc_pgp_ring **out, struct hc_err *err)
{
    hc_str bytes;
    enum hc_rc rc = path ? hc_read_file(a, AT_FDCWD, path, MAX_KEYRING, &bytes, err) : hc_fail_nomem(err);
    if (rc == HC_E_NOTFOUND)
        return hc_fail(err, HC_E_INPUT, "open %s: no such file or directory", path);
    if (rc != HC_OK)
        return rc;
    *out = hc_pgp_ring_new(a);
    if (!*out)
        return hc_fail_nomem(err);
    rc = hc_pgp_ring_add(*out, bytes, err);
    return rc == HC_OK ? rc : hc_wrap(err, "reading keyring %s", path);
}

static enum hc_rc check(struct hc_arena *a, const char *keyring, hc_str archive, hc_str prov, hc_str file,
                        struct hc_prov *out, struct hc_err *err)
{
    struct hc_pgp_ring *ring = NULL;
    if (open_ring(a, hc_cli_keyring(a, keyring), &ring, err) != HC_OK)
        return hc_wrap(err, "failed to load keyring");
    return hc_prov_verify(a, ring, archive, prov, file, hc_now_ms() / 1000, out, err);
}

enum hc_rc hc_cli_verify_path(struct hc_arena *a, const char *path, const char *keyring, struct hc_prov *out,
                              struct hc_err *err)
{
    struct stat st;
    hc_str archive, text;
    const char *prov = hc_arena_printf(a, "%s.prov", path).p;
    if (!prov)
        return hc_fail_nomem(err);
    if (stat(path, &st) < 0)
        return hc_fail(err, HC_E_INPUT, "stat %s: no such file or directory", path);
    if (S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "unpacked charts cannot be verified");
    hc_str name = hc_str_of(path);
    if (!hc_str_ends_nocase(name, HC_S(".tgz")))
        return hc_fail(err, HC_E_INPUT, "chart must be a tgz file");
    if (stat(prov, &st) < 0)
        return hc_fail(err, HC_E_INPUT, "could not load provenance file %s: stat %s: no such file or directory",
                       prov, prov);
    if (hc_read_file(a, AT_FDCWD, path, HC_MAX_CHART_PACKED, &archive, err) != HC_OK)
        return hc_wrap(err, "failed to read chart archive");
    if (hc_read_file(a, AT_FDCWD, prov, HC_PROV_MAX_BYTES, &text, err) != HC_OK)
        return hc_wrap(err, "failed to read provenance file");
    return check(a, keyring, archive, text, hc_path_base(name), out, err);
}

enum hc_rc hc_cli_verify_fetched(struct hc_arena *a, const struct hc_fetched *got, const char *keyring,
                                 struct hc_prov *out, struct hc_err *err)
{
    return check(a, keyring, got->archive, got->prov, got->file, out, err);
}

enum hc_rc hc_cli_verify_chart(const struct hc_chart_source *s, struct hc_err *err)
{
    struct hc_prov p;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    char *path = realpath(s->ref, NULL); /* Helm names the absolute path */
    if (!a || !path) {
        free(path);
        return a ? hc_fail_errno(err, "look up", s->ref) : hc_fail_nomem(err);
    }
    enum hc_rc rc = hc_cli_verify_path(a, path, s->keyring, &p, err);
    free(path);
    return rc;
}

/* ---- signing ------------------------------------------------------------------------------------- */

/* The first line, as Go's ReadLine gives it. */
static enum hc_rc first_line(struct hc_arena *a, int fd, const char *name, hc_str *out, struct hc_err *err)
{
    hc_str text;
    enum hc_rc rc = hc_read_fd(a, fd, name, HC_MIB, &text, err);
    if (rc != HC_OK)
        return rc;
    if (!text.n)
        return hc_fail(err, HC_E_INPUT, "EOF: there is no passphrase in it");
    *out = hc_str_sub(text, 0, hc_str_find(text, '\n'));
    if (out->n && out->p[out->n - 1] == '\r')
        out->n--;
    return HC_OK;
}

/* Asked for at the terminal, without showing what is typed. */
static enum hc_rc ask(struct hc_arena *a, hc_str user_id, hc_str *out, struct hc_err *err)
{
    struct termios old, quiet;
    char line[1024];
    printf("Password for key \"%.*s\" >  ", HC_P(user_id));
    fflush(stdout);
    if (tcgetattr(STDIN_FILENO, &old) < 0) {
        printf("\n");
        return hc_fail(
            err, HC_E_INPUT,
            "inappropriate ioctl for device: the passphrase is asked for at a terminal; without one give "
            "--passphrase-file");
    }
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    char *got = fgets(line, sizeof(line), stdin);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    printf("\n");
    *out = got ? hc_arena_str(a, hc_str_sub(hc_str_of(line), 0, strcspn(line, "\r\n"))) : HC_S("");
    explicit_bzero(line, sizeof(line));
    return out->p ? HC_OK : hc_fail_nomem(err);
}

static enum hc_rc passphrase(struct hc_arena *a, struct hc_passphrase *p, hc_str user_id, bool needed,
                             struct hc_err *err)
{
    struct stat st;
    if (p->text.p)
        return HC_OK;
    if (!p->file)
        return needed ? ask(a, user_id, &p->text, err) : HC_OK;
    if (strcmp(p->file, "-") == 0) {
        if (fstat(STDIN_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
            return hc_fail(err, HC_E_INPUT, "specified reading passphrase from stdin, without input on stdin");
        return first_line(a, STDIN_FILENO, "stdin", &p->text, err);
    }
    HC_AUTO(hc_fd) int fd = open(p->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hc_fail(err, HC_E_INPUT, "open %s: no such file or directory, or not readable", p->file);
    return first_line(a, fd, p->file, &p->text, err);
}

enum hc_rc hc_cli_sign(struct hc_arena *a, const char *path, const struct hc_val *metadata, const char *keyring,
                       const char *id, struct hc_passphrase *pass, struct hc_err *err)
{
    struct hc_pgp_ring *ring = NULL;
    struct hc_pgp_secret *key = NULL;
    hc_str archive, text;
    int64_t now_s = hc_now_ms() / 1000;
    HC_AUTO(hc_buf) struct hc_buf yaml;
    hc_buf_init(&yaml, 0);
    enum hc_rc rc = open_ring(a, hc_cli_keyring(a, keyring), &ring, err);
    /* Helm takes any key of an empty id's first match for granted; the id is asked for before it comes here. The
     * passphrase's file is read before the key is looked at. */
    if (rc == HC_OK && pass->file)
        rc = passphrase(a, pass, HC_S(""), true, err);
    if (rc == HC_OK)
        rc = hc_pgp_secret_find(a, ring, hc_str_of(id), now_s, &key, err);
    if (rc == HC_OK && hc_pgp_secret_locked(key))
        rc = passphrase(a, pass, hc_pgp_secret_user_id(key), true, err);
    if (rc == HC_OK)
        rc = hc_pgp_secret_open(key, pass->text, err);
    if (rc == HC_OK && hc_read_file(a, AT_FDCWD, path, HC_MAX_CHART_PACKED, &archive, err) != HC_OK)
        rc = hc_wrap(err, "failed to read chart archive");
    if (rc == HC_OK) {
        hc_yaml_write(&yaml, metadata);
        text = hc_prov_text(a, hc_buf_str(&yaml), archive, hc_path_base(hc_str_of(path)));
        rc = hc_pgp_clearsign(a, key, text, now_s, &text, err);
    }
    const char *prov = hc_arena_printf(a, "%s.prov", path).p;
    if (rc == HC_OK)
        rc = prov ? hc_write_file(prov, text, 0644, err) : hc_fail_nomem(err);
    hc_pgp_secret_close(key);
    return rc;
}
