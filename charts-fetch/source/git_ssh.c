/*
 * Git over SSH: one channel that runs git-upload-pack. The host key is checked against the Secret's known_hosts before
 * any credential is sent.
 *
 * Through libssh and not the libssh2 that libgit2 and curl bring along: Debian's libssh2 1.10 signs with RSA keys by
 * SHA-1 only, which servers have refused since OpenSSH 8.8. The session is non-blocking and every step waits on the
 * socket here, because a blocking libssh waits for some answers without end.
 */
#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

#define IDLE_MS 30000 /* no byte for so long: the server is gone */

struct ssh_state {
    int fd, lent; /* `lent` is a duplicate: libssh closes what it was given, but not always */
    ssh_session session;
    ssh_channel channel;
    int64_t quiet_since;
    bool late; /* an answer did not come in time */
};

/* Waits until the socket has something, or a second is over: what libssh could not write yet it tries again when it is
 * called. False: the deadline, or nothing for too long. */
static bool wait_more(struct git_peer *p)
{
    struct ssh_state *s = p->state;
    struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
    int64_t left = HC_MIN(git_time_left(p), IDLE_MS - (hc_mono_ms() - s->quiet_since));
    if (hc_mono_ms() >= p->deadline_ms || left <= 0) {
        s->late = true;
        return false;
    }
    int n = poll(&pfd, 1, (int)HC_MIN(left, (int64_t)1000));
    if (n > 0)
        s->quiet_since = hc_mono_ms();
    return n >= 0 || errno == EINTR;
}

/* A step that says AGAIN is repeated until it has an answer. */
#define STEP(p, s, again, rc, call)                                                                                \
    do {                                                                                                           \
        (s)->quiet_since = hc_mono_ms();                                                                           \
        while (((rc) = (call)) == (again) && wait_more(p)) {                                                       \
        }                                                                                                          \
    } while (0)

static enum hc_rc ssh_fail(struct git_peer *p, const char *phase)
{
    struct ssh_state *s = p->state;
    const char *msg = s->session ? ssh_get_error(s->session) : "";
    return hc_fail(p->err, HC_E_AGAIN, "%s with %.*s: %s", phase, HC_P(p->host),
                   s->late       ? "no answer in time"
                   : msg && *msg ? msg
                                 : "the connection broke");
}

/* The order of host keys to ask for: the kinds that known_hosts has for this host first, so that the server does not
 * show another one of its keys; the others behind, so that a missing line can be told from a server that is too old. */
static void prefer_known_kinds(ssh_session session, hc_str known_hosts, const struct git_address *u)
{
    static const char *const kinds[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                         "ecdsa-sha2-nistp521", "ssh-rsa" };
    HC_AUTO(hc_buf) struct hc_buf known;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&known, 4096);
    hc_buf_init(&b, 4096);
    git_known_kinds(known_hosts, u->host, u->port, &known);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < HC_LEN(kinds); i++) {
            hc_str rest = hc_buf_str(&known), kind;
            bool has = false;
            while (hc_str_split(&rest, ',', &kind))
                has |= hc_str_eqz(kind, kinds[i]);
            if (has == (pass == 0))
                hc_buf_printf(&b, "%s%s", b.n ? "," : "",
                              strcmp(kinds[i], "ssh-rsa") == 0 ? "rsa-sha2-512,rsa-sha2-256" : kinds[i]);
        }
    hc_buf_putc(&b, '\0');
    if (!b.spent)
        ssh_options_set(session, SSH_OPTIONS_HOSTKEYS, b.p);
}

static enum hc_rc check_host(struct git_peer *p, const struct git_address *u)
{
    struct ssh_state *s = p->state;
    ssh_key key = NULL;
    char *b64 = NULL;
    if (ssh_get_server_publickey(s->session, &key) != SSH_OK || ssh_pki_export_pubkey_base64(key, &b64) != SSH_OK) {
        ssh_key_free(key);
        return ssh_fail(p, "SSH host key");
    }
    const char *kind = ssh_key_type_to_char(ssh_key_type(key));
    hc_str blob = hc_base64_decode(p->a, hc_str_of(b64), NULL);
    ssh_string_free_char(b64);
    /* The blob begins with the exact name: libssh says "ecdsa-sha2-nistp256" or just "ssh-ecdsa". */
    size_t n = blob.n > 4 ? (size_t)(unsigned char)blob.p[3] : 0;
    hc_str name = n && n + 4 < blob.n ? hc_str_sub(blob, 4, 4 + n) : hc_str_of(kind);
    const char *namez = hc_arena_strz(p->a, name);
    ssh_key_free(key);
    if (!namez || !blob.p)
        return hc_arena_check(p->a, p->err, "git fetch");
    return git_check_host_key(p->auth->known_hosts, u->host, u->port, namez, blob, p->err);
}

/* Called when a private key is encrypted and no password was given. */
static int note_asked(const char *prompt, char *buf, size_t len, int echo, int verify, void *userdata)
{
    (void)prompt, (void)buf, (void)len, (void)echo, (void)verify;
    *(bool *)userdata = true;
    return -1;
}

static enum hc_rc log_in(struct git_peer *p, const char *user)
{
    struct ssh_state *s = p->state;
    const struct hc_source_auth *auth = p->auth;
    ssh_key key = NULL;
    bool asked = false;
    int rc;
    if (auth->ssh_key.n) {
        const char *pem = hc_arena_strz(p->a, auth->ssh_key), *phrase = hc_arena_strz(p->a, auth->ssh_key_password);
        if (!pem || !phrase)
            return hc_arena_check(p->a, p->err, "git fetch");
        rc = ssh_pki_import_privkey_base64(pem, *phrase ? phrase : NULL, *phrase ? NULL : note_asked, &asked, &key);
        if (asked && p->news)
            p->news->key_locked = true;
        if (rc != SSH_OK || !key)
            return hc_fail(p->err, HC_E_INPUT, "the private key 'identity' in the Secret of spec.secretRef %s",
                           asked     ? "is encrypted: add its passphrase under the key 'password'"
                           : *phrase ? "cannot be read: 'password' is not its passphrase, or it is no private key"
                                     : "cannot be read: it is no private key in OpenSSH or PEM form");
        STEP(p, s, SSH_AUTH_AGAIN, rc, ssh_userauth_publickey(s->session, NULL, key));
        ssh_key_free(key);
    } else {
        const char *pass = hc_arena_strz(p->a, auth->password);
        if (!pass)
            return hc_arena_check(p->a, p->err, "git fetch");
        STEP(p, s, SSH_AUTH_AGAIN, rc, ssh_userauth_password(s->session, NULL, pass));
    }
    if (rc == SSH_AUTH_SUCCESS)
        return HC_OK;
    if (rc != SSH_AUTH_DENIED && rc != SSH_AUTH_PARTIAL)
        return ssh_fail(p, "SSH login");
    return hc_fail(
        p->err, HC_E_INPUT, "%.*s does not let user '%s' in: %s", HC_P(p->host), user,
        rc == SSH_AUTH_PARTIAL ? "it wants more than one proof (a second factor), which a controller has not"
        : auth->ssh_key.n      ? "it does not accept the key; add its public half to the repository's deploy keys"
                               : "it does not accept the password");
}

static enum hc_rc connect_to(struct git_peer *p, const struct git_address *u)
{
    struct ssh_state *s = p->state;
    const struct hc_source_auth *auth = p->auth;
    int no = 0, rc;
    unsigned port = (unsigned)u->port;
    if (!auth || (!auth->ssh_key.n && !auth->password.n))
        return hc_fail(p->err, HC_E_INPUT,
                       "'%s' needs a key: name a Secret with identity and known_hosts in spec.secretRef", p->url);
    if (!auth->known_hosts.n)
        return hc_fail(p->err, HC_E_INPUT,
                       "the Secret of spec.secretRef has no known_hosts: add the lines of "
                       "'ssh-keyscan %.*s' after checking them",
                       HC_P(u->host));
    hc_str name = u->user.n ? u->user : auth->ssh_key.n || !auth->username.n ? HC_S("git") : auth->username;
    const char *user = hc_arena_strz(p->a, name), *host = hc_arena_strz(p->a, u->host);
    if (!user || !host)
        return hc_arena_check(p->a, p->err, "git fetch");
    if (git_dial(p, u->host, u->port, &s->fd) != HC_OK)
        return p->err->code;
    s->session = ssh_new();
    if (!s->session)
        return hc_fail_nomem(p->err);
    ssh_options_set(s->session, SSH_OPTIONS_PROCESS_CONFIG, &no); /* nothing of this machine's ~/.ssh has a say */
    ssh_options_set(s->session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    ssh_options_set(s->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    ssh_options_set(s->session, SSH_OPTIONS_HOST, host);
    ssh_options_set(s->session, SSH_OPTIONS_PORT, &port);
    ssh_options_set(s->session, SSH_OPTIONS_USER, user);
    prefer_known_kinds(s->session, auth->known_hosts, u);
    s->lent = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
    if (s->lent < 0)
        return hc_fail_errno(p->err, "connect to", host);
    ssh_options_set(s->session, SSH_OPTIONS_FD, &s->lent);
    ssh_set_blocking(s->session, 0);
    STEP(p, s, SSH_AGAIN, rc, ssh_connect(s->session));
    if (rc != SSH_OK)
        return ssh_fail(p, "SSH handshake");
    if (check_host(p, u) != HC_OK)
        return p->err->code;
    return log_in(p, user);
}

/* What has come, at most `n` bytes; 0 at the end, -1 when it failed or took too long. */
static ssize_t read_some(struct git_peer *p, void *out, size_t n)
{
    struct ssh_state *s = p->state;
    s->quiet_since = hc_mono_ms();
    for (;;) {
        int got = ssh_channel_read_nonblocking(s->channel, out, (uint32_t)n, 0);
        if (got > 0)
            return got;
        if (got == SSH_EOF || (got == 0 && ssh_channel_is_eof(s->channel)))
            return 0;
        if (got == SSH_ERROR || (!ssh_is_connected(s->session) && !ssh_channel_poll(s->channel, 0)))
            return -1;
        if (!wait_more(p))
            return -1;
    }
}

/* Whole pkt-lines up to the first flush. */
static enum hc_rc read_until_flush(struct git_peer *p, const char *what, hc_str *out)
{
    struct ssh_state *s = p->state;
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t at = 0;
    hc_buf_init(&b, HC_MAX_RESPONSE_BYTES);
    for (;;) {
        while (b.n - at >= 4) {
            int n = hc_hex4(b.p + at);
            if (n == 0) {
                *out = hc_buf_to_arena(&b, p->a);
                return hc_arena_check(p->a, p->err, "git fetch");
            }
            if (n < 0 || n == 2 || n == 3 || n > 65520)
                return hc_fail(p->err, HC_E_AGAIN, "%.*s did not answer as a Git server", HC_P(p->host));
            size_t whole = n == 1 ? 4 : (size_t)n;
            if (b.n - at < whole)
                break;
            at += whole;
        }
        char *room = hc_buf_room(&b, 32768);
        if (!room)
            return hc_buf_check(&b, p->err, "list of refs");
        ssize_t got = read_some(p, room, 32768);
        if (got < 0)
            return ssh_fail(p, what);
        if (got == 0) {
            char why[512];
            int n = ssh_channel_read_nonblocking(s->channel, why, sizeof(why), 1);
            hc_str text = n > 0 ? hc_str_trim(hc_str_n(why, (size_t)n)) : HC_S("the server closed the connection");
            return hc_fail(p->err, HC_E_INPUT, "no Git repository at '%s': %.*s", p->url, HC_P(text));
        }
        b.n += (size_t)got;
    }
}

static enum hc_rc open_(struct git_peer *p, hc_str *out)
{
    struct git_address u;
    int rc;
    struct ssh_state *s = HC_NEW(p->a, struct ssh_state);
    if (!s)
        return hc_arena_check(p->a, p->err, "git fetch");
    s->fd = s->lent = -1;
    p->state = s;
    if (!git_split_ssh_url(hc_str_of(p->url), &u))
        return hc_fail(p->err, HC_E_INPUT, "'%s' is not of the form ssh://user@host:port/path", p->url);
    HC_AUTO(hc_buf) struct hc_buf cmd;
    hc_buf_init(&cmd, 8192);
    hc_buf_puts(&cmd, "git-upload-pack '");
    for (size_t i = 0; i < u.path.n; i++) {
        if (u.path.p[i] == '\'' || u.path.p[i] == '!')
            hc_buf_printf(&cmd, "'\\%c'", u.path.p[i]);
        else
            hc_buf_putc(&cmd, u.path.p[i]);
    }
    hc_buf_puts(&cmd, "'");
    hc_buf_putc(&cmd, '\0');
    if (cmd.spent)
        return hc_fail(p->err, HC_E_INPUT, "the path of '%s' is too long", p->url);
    if (connect_to(p, &u) != HC_OK)
        return p->err->code;
    s->channel = ssh_channel_new(s->session);
    if (!s->channel)
        return hc_fail_nomem(p->err);
    STEP(p, s, SSH_AGAIN, rc, ssh_channel_open_session(s->channel));
    if (rc != SSH_OK)
        return ssh_fail(p, "open SSH channel");
    /* A server that takes no such variable speaks version 0. */
    STEP(p, s, SSH_AGAIN, rc, ssh_channel_request_env(s->channel, "GIT_PROTOCOL", "version=2"));
    if (rc == SSH_AGAIN)
        return ssh_fail(p, "open SSH channel");
    STEP(p, s, SSH_AGAIN, rc, ssh_channel_request_exec(s->channel, cmd.p));
    if (rc != SSH_OK)
        return ssh_fail(p, "start git-upload-pack");
    return read_until_flush(p, "list refs", out);
}

static enum hc_rc send_all(struct git_peer *p, hc_str bytes)
{
    struct ssh_state *s = p->state;
    s->quiet_since = hc_mono_ms();
    while (bytes.n) {
        int put = ssh_channel_write(s->channel, bytes.p, (uint32_t)HC_MIN(bytes.n, (size_t)32768));
        if (put > 0)
            bytes = hc_str_sub(bytes, (size_t)put, bytes.n);
        else if (put == SSH_ERROR || !wait_more(p))
            return ssh_fail(p, "request the commit");
    }
    int rc = ssh_blocking_flush(s->session, (int)HC_MIN(git_time_left(p), (int64_t)IDLE_MS));
    s->late = rc == SSH_AGAIN;
    return rc == SSH_OK ? HC_OK : ssh_fail(p, "request the commit");
}

static enum hc_rc ask(struct git_peer *p, hc_str command, hc_str *out)
{
    return send_all(p, command) == HC_OK ? read_until_flush(p, "list refs", out) : p->err->code;
}

static enum hc_rc request(struct git_peer *p, hc_str text, bool last, int *out_fd)
{
    struct ssh_state *s = p->state;
    HC_AUTO(hc_buf) struct hc_buf buf;
    size_t most = p->env->max_bytes ? p->env->max_bytes : HC_MAX_ARTIFACT_BYTES;
    int fd;
    char *room;
    hc_buf_init(&buf, 0);
    if (!(room = hc_buf_room(&buf, 65536)))
        return hc_fail_nomem(p->err);
    if (send_all(p, text) != HC_OK || git_spool(p, &fd) != HC_OK)
        return p->err->code;
    if (last)
        ssh_channel_send_eof(s->channel);
    enum hc_rc rc = HC_OK;
    struct git_pkt_end end = { 0 };
    for (;;) {
        if (hc_mono_ms() >= p->deadline_ms) {
            rc = hc_fail(p->err, HC_E_AGAIN, "fetch from %.*s: not done within spec.timeout", HC_P(p->host));
            break;
        }
        ssize_t got = read_some(p, room, 65536);
        if (got < 0)
            rc = ssh_fail(p, "fetch");
        else if (got > 0 && (p->received += (size_t)got) > most)
            rc = hc_fail(p->err, HC_E_LIMIT, "the pack of '%s' is larger than the %zu bytes allowed", p->url, most);
        else if (got > 0 && hc_write_fd(fd, hc_str_n(room, (size_t)got), p->err) != HC_OK)
            rc = hc_wrap(p->err, "storage path");
        if (rc != HC_OK || got == 0 || (!last && git_pkt_ended(&end, room, (size_t)got)))
            break;
    }
    if (rc == HC_OK && lseek(fd, 0, SEEK_SET) < 0)
        rc = hc_fail_errno(p->err, "read", "spooled pack");
    if (rc != HC_OK) {
        close(fd);
        return rc;
    }
    *out_fd = fd;
    return HC_OK;
}

static void ssh_close(struct git_peer *p)
{
    struct ssh_state *s = p->state;
    if (!s)
        return;
    if (s->channel)
        ssh_channel_free(s->channel);
    if (s->session) {
        ssh_disconnect(s->session);
        ssh_free(s->session);
    }
    struct stat mine, theirs;
    if (s->lent >= 0 && fstat(s->fd, &mine) == 0 && fstat(s->lent, &theirs) == 0 && mine.st_ino == theirs.st_ino &&
        mine.st_dev == theirs.st_dev)
        close(s->lent);
    if (s->fd >= 0)
        close(s->fd);
}

const struct git_transport git_ssh_transport = { open_, ask, request, ssh_close };
