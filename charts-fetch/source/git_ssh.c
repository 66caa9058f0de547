/*
 * Git over SSH: one channel that runs git-upload-pack, through libssh2 with a deadline on every step. The host key is
 * checked against the Secret's known_hosts before any credential is sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

struct ssh_state {
    int fd;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
};

static void start_library(void)
{
    libssh2_init(0);
}

/* ssh://[user@]host[:port]/path */
struct ssh_url {
    hc_str user, host, path;
    int port;
};

static bool split_url(const char *url, struct ssh_url *out)
{
    hc_str s = hc_str_of(url);
    if (!hc_str_starts(s, HC_S("ssh://")))
        return false;
    s = hc_str_sub(s, 6, s.n);
    size_t slash = hc_str_find(s, '/');
    hc_str who = hc_str_sub(s, 0, slash);
    out->path = slash == SIZE_MAX ? HC_S("") : hc_str_sub(s, slash, s.n);
    size_t at = hc_str_rfind(who, '@');
    out->user = at == SIZE_MAX ? HC_S("git") : hc_str_sub(who, 0, at);
    who = at == SIZE_MAX ? who : hc_str_sub(who, at + 1, who.n);
    size_t colon = hc_str_find(out->user, ':');
    out->user = hc_str_sub(out->user, 0, colon);
    colon = hc_str_rfind(who, ':');
    int64_t port = 22;
    if (who.n && who.p[0] == '[') {
        size_t close_ = hc_str_find(who, ']');
        if (close_ == SIZE_MAX)
            return false;
        out->host = hc_str_sub(who, 1, close_);
        if (close_ + 1 < who.n && !hc_str_to_i64(hc_str_sub(who, close_ + 2, who.n), &port))
            return false;
    } else {
        out->host = hc_str_sub(who, 0, colon);
        if (colon != SIZE_MAX && !hc_str_to_i64(hc_str_sub(who, colon + 1, who.n), &port))
            return false;
    }
    out->port = (int)port;
    return out->host.n && out->path.n > 1 && port > 0 && port < 65536;
}

static enum hc_rc connect_to(struct git_peer *p, const struct ssh_url *u, int *out_fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    char port[16];
    const char *host = hc_arena_strz(p->a, u->host);
    snprintf(port, sizeof(port), "%d", u->port);
    int rc = host ? getaddrinfo(host, port, &hints, &list) : EAI_MEMORY;
    if (rc != 0)
        return hc_fail(p->err, HC_E_AGAIN, "look up host '%.*s': %s", HC_P(u->host), gai_strerror(rc));
    int fd = -1, why = 0;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            continue;
        struct pollfd pfd = { .fd = fd, .events = POLLOUT };
        socklen_t len = sizeof(why);
        if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
            break;
        why = errno;
        if (why == EINPROGRESS) {
            why = ETIMEDOUT;
            if (poll(&pfd, 1, (int)HC_MIN(git_time_left(p), (int64_t)10000)) > 0)
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
        }
        if (why == 0)
            break;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd < 0) {
        char text[128];
        return hc_fail(p->err, HC_E_AGAIN, "connect to %.*s port %d: %s", HC_P(u->host), u->port,
                       strerror_r(why, text, sizeof(text)));
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    *out_fd = fd;
    return HC_OK;
}

static enum hc_rc ssh_fail(struct git_peer *p, const char *phase)
{
    struct ssh_state *s = p->state;
    char *msg = NULL;
    int code = s->session ? libssh2_session_last_error(s->session, &msg, NULL, 0) : 0;
    bool timeout = code == LIBSSH2_ERROR_TIMEOUT;
    return hc_fail(p->err, HC_E_AGAIN, "%s with %.*s: %s", phase, HC_P(p->host),
                   timeout       ? "no answer in time"
                   : msg && *msg ? msg
                                 : "the connection broke");
}

static const char *key_type_name(int type)
{
    switch (type) {
    case LIBSSH2_HOSTKEY_TYPE_RSA:
        return "ssh-rsa";
    case LIBSSH2_HOSTKEY_TYPE_DSS:
        return "ssh-dss";
    case LIBSSH2_HOSTKEY_TYPE_ECDSA_256:
        return "ecdsa-sha2-nistp256";
    case LIBSSH2_HOSTKEY_TYPE_ECDSA_384:
        return "ecdsa-sha2-nistp384";
    case LIBSSH2_HOSTKEY_TYPE_ECDSA_521:
        return "ecdsa-sha2-nistp521";
    case LIBSSH2_HOSTKEY_TYPE_ED25519:
        return "ssh-ed25519";
    default:
        return "unknown";
    }
}

/* Ask for the kinds of host key that known_hosts has, so that the server does not show another one of its keys. */
static void prefer_known_keys(struct git_peer *p)
{
    static const char *const kinds[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                         "ecdsa-sha2-nistp521" };
    struct ssh_state *s = p->state;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 1024);
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_find_str(p->auth->known_hosts, hc_str_of(kinds[i])) != SIZE_MAX)
            hc_buf_printf(&b, "%s%s", b.n ? "," : "", kinds[i]);
    if (hc_str_find_str(p->auth->known_hosts, HC_S("ssh-rsa")) != SIZE_MAX)
        hc_buf_printf(&b, "%srsa-sha2-512,rsa-sha2-256,ssh-rsa", b.n ? "," : "");
    hc_buf_putc(&b, '\0');
    if (b.n > 1 && !b.spent)
        libssh2_session_method_pref(s->session, LIBSSH2_METHOD_HOSTKEY, b.p);
}

static enum hc_rc log_in(struct git_peer *p, const struct ssh_url *u)
{
    struct ssh_state *s = p->state;
    const struct hc_source_auth *auth = p->auth;
    if (!auth || (!auth->ssh_key.n && !auth->password.n))
        return hc_fail(p->err, HC_E_INPUT,
                       "'%s' needs a key: name a Secret with identity and known_hosts in spec.secretRef", p->url);
    if (!auth->known_hosts.n)
        return hc_fail(p->err, HC_E_INPUT,
                       "the Secret of spec.secretRef has no known_hosts: add the lines of "
                       "'ssh-keyscan %.*s' after checking them",
                       HC_P(u->host));
    size_t len;
    int type;
    prefer_known_keys(p);
    if (libssh2_session_handshake(s->session, s->fd) != 0)
        return ssh_fail(p, "SSH handshake");
    const char *key = libssh2_session_hostkey(s->session, &len, &type);
    if (!key)
        return ssh_fail(p, "SSH host key");
    if (git_check_host_key(auth->known_hosts, u->host, u->port, key_type_name(type), hc_str_n(key, len), p->err) !=
        HC_OK)
        return p->err->code;
    const char *user = hc_arena_strz(p->a, auth->username.n ? auth->username : u->user);
    const char *pass = hc_arena_strz(p->a, auth->ssh_key.n ? auth->ssh_key_password : auth->password);
    if (!user || !pass)
        return hc_arena_check(p->a, p->err, "git fetch");
    int rc;
    if (auth->ssh_key.n)
        rc = libssh2_userauth_publickey_frommemory(s->session, user, strlen(user), NULL, 0, auth->ssh_key.p,
                                                   auth->ssh_key.n, *pass ? pass : NULL);
    else
        rc = libssh2_userauth_password(s->session, user, pass);
    if (rc == LIBSSH2_ERROR_TIMEOUT || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT)
        return ssh_fail(p, "SSH login");
    if (rc != 0) {
        char *msg = NULL;
        libssh2_session_last_error(s->session, &msg, NULL, 0);
        bool unread = msg && (strstr(msg, "Unable to extract") || strstr(msg, "wrong passphrase"));
        return hc_fail(p->err, HC_E_INPUT, "%.*s does not let user '%s' in: %s", HC_P(p->host), user,
                       unread ? "the private key 'identity' cannot be read (is its password in the Secret?)"
                              : "it does not accept the key; add its public half to the repository's deploy keys");
    }
    return HC_OK;
}

static enum hc_rc read_refs(struct git_peer *p, hc_str *out)
{
    struct ssh_state *s = p->state;
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t at = 0;
    hc_buf_init(&b, HC_MAX_RESPONSE_BYTES);
    for (;;) {
        /* Whole pkt-lines up to the first flush. */
        while (b.n - at >= 4) {
            int n = hc_hex4(b.p + at);
            if (n == 0) {
                *out = hc_buf_to_arena(&b, p->a);
                return hc_arena_check(p->a, p->err, "git fetch");
            }
            if (n < 4 || n > 65520)
                return hc_fail(p->err, HC_E_AGAIN, "%.*s did not answer as a Git server", HC_P(p->host));
            if (b.n - at < (size_t)n)
                break;
            at += (size_t)n;
        }
        char *room = hc_buf_room(&b, 32768);
        if (!room)
            return hc_buf_check(&b, p->err, "list of refs");
        ssize_t got = libssh2_channel_read(s->channel, room, 32768);
        if (got < 0)
            return ssh_fail(p, "list refs");
        if (got == 0) {
            char why[512];
            ssize_t n = libssh2_channel_read_stderr(s->channel, why, sizeof(why));
            hc_str text = n > 0 ? hc_str_trim(hc_str_n(why, (size_t)n)) : HC_S("the server closed the connection");
            return hc_fail(p->err, HC_E_INPUT, "no Git repository at '%s': %.*s", p->url, HC_P(text));
        }
        b.n += (size_t)got;
    }
}

static enum hc_rc advertise(struct git_peer *p, hc_str *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ssh_url u;
    struct ssh_state *s = HC_NEW(p->a, struct ssh_state);
    pthread_once(&once, start_library);
    if (!s)
        return hc_arena_check(p->a, p->err, "git fetch");
    s->fd = -1;
    p->state = s;
    if (!split_url(p->url, &u))
        return hc_fail(p->err, HC_E_INPUT, "'%s' is not of the form ssh://user@host:port/path", p->url);
    if (connect_to(p, &u, &s->fd) != HC_OK)
        return p->err->code;
    s->session = libssh2_session_init();
    if (!s->session)
        return hc_fail_nomem(p->err);
    libssh2_session_set_blocking(s->session, 1);
    libssh2_session_set_timeout(s->session, (long)HC_MIN(git_time_left(p), (int64_t)30000));
    if (log_in(p, &u) != HC_OK)
        return p->err->code;
    s->channel = libssh2_channel_open_session(s->session);
    if (!s->channel)
        return ssh_fail(p, "open SSH channel");
    HC_AUTO(hc_buf) struct hc_buf cmd;
    hc_buf_init(&cmd, 8192);
    hc_buf_puts(&cmd, "git-upload-pack '");
    for (size_t i = 0; i < u.path.n; i++) {
        if (u.path.p[i] == '\'')
            hc_buf_puts(&cmd, "'\\''");
        else
            hc_buf_putc(&cmd, u.path.p[i]);
    }
    hc_buf_puts(&cmd, "'");
    hc_buf_putc(&cmd, '\0');
    if (cmd.spent)
        return hc_fail(p->err, HC_E_INPUT, "the path of '%s' is too long", p->url);
    if (libssh2_channel_exec(s->channel, cmd.p) != 0)
        return ssh_fail(p, "start git-upload-pack");
    return read_refs(p, out);
}

static enum hc_rc send_all(struct git_peer *p, hc_str bytes)
{
    struct ssh_state *s = p->state;
    while (bytes.n) {
        ssize_t put = libssh2_channel_write(s->channel, bytes.p, bytes.n);
        if (put < 0)
            return ssh_fail(p, "request the commit");
        bytes = hc_str_sub(bytes, (size_t)put, bytes.n);
    }
    return HC_OK;
}

/* The server answers the shallow part before it hears "done", but does not wait for us to read it: the pipe holds
 * those few lines, so both can be sent at once here too. */
static enum hc_rc request(struct git_peer *p, hc_str wants, hc_str more, int *out_fd)
{
    struct ssh_state *s = p->state;
    char buf[32768];
    size_t total = 0, most = p->env->max_bytes ? p->env->max_bytes : HC_MAX_ARTIFACT_BYTES;
    int fd;
    if (send_all(p, wants) != HC_OK || send_all(p, more) != HC_OK || git_spool(p, &fd) != HC_OK)
        return p->err->code;
    libssh2_channel_send_eof(s->channel);
    enum hc_rc rc = HC_OK;
    for (;;) {
        if (hc_mono_ms() >= p->deadline_ms) {
            rc = hc_fail(p->err, HC_E_AGAIN, "fetch from %.*s: not done within spec.timeout", HC_P(p->host));
            break;
        }
        libssh2_session_set_timeout(s->session, (long)HC_MIN(git_time_left(p), (int64_t)30000));
        ssize_t got = libssh2_channel_read(s->channel, buf, sizeof(buf));
        if (got < 0)
            rc = ssh_fail(p, "fetch");
        else if (got > 0 && (total += (size_t)got) > most)
            rc = hc_fail(p->err, HC_E_LIMIT, "the pack of '%s' is larger than the %zu bytes allowed", p->url, most);
        else if (got > 0 && hc_write_fd(fd, hc_str_n(buf, (size_t)got), p->err) != HC_OK)
            rc = hc_wrap(p->err, "storage path");
        if (rc != HC_OK || got == 0)
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
    if (s->session)
        libssh2_session_set_timeout(s->session, 1000);
    if (s->channel)
        libssh2_channel_free(s->channel);
    if (s->session) {
        libssh2_session_disconnect(s->session, "done");
        libssh2_session_free(s->session);
    }
    if (s->fd >= 0)
        close(s->fd);
}

const struct git_transport git_ssh_transport = { advertise, request, ssh_close };
