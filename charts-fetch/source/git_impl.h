#pragma once
/*
 * charts-fetch/source/git_impl.h - the fetch side of Git's pack protocol
 *
 * Why not libgit2's own transports: 1.5 knows no shallow fetch, so a repository of a gigabyte would cost all of its
 * history at every start; its SSH has no deadline; and its HTTP goes past our one loop, with its deadlines, proxies and
 * certificates. The protocol's part that we need is small (gitprotocol-pack(5), version 0): one list of refs, one
 * request for one commit with "deepen 1", one pack back. libgit2 reads the pack.
 */
#include "charts-fetch/source/source.h"

#define GIT_OID_HEX 40

struct git_ref {
    hc_str name;               /* "refs/heads/main", "refs/tags/v1^{}" */
    char oid[GIT_OID_HEX + 1]; /* hex */
};

struct git_refs {
    struct git_ref *list;
    size_t n;
    bool shallow, deepen_any; /* capabilities: "shallow"; any commit may be asked for */
    bool sideband, ofs_delta;
};

/* One conversation with one server. */
struct git_peer {
    const struct hc_source_env *env;
    struct hc_arena *a;
    const struct hc_source_auth *auth;
    struct hc_err *err;
    const char *url;
    hc_str host;         /* for messages */
    int64_t deadline_ms; /* monotonic */
    const struct git_transport *t;
    void *state;
};

/* What HTTP and SSH do differently. */
struct git_transport {
    /* The server's list of refs, as raw bytes. */
    enum hc_rc (*advertise)(struct git_peer *p, hc_str *out);
    /* Sends a request and gives the answer as a file, positioned at its start. `more`: sent after the server answered
     * the first part (SSH talks in turns; HTTP sends both at once). */
    enum hc_rc (*request)(struct git_peer *p, hc_str wants, hc_str more, int *out_fd);
    void (*close)(struct git_peer *p);
};
extern const struct git_transport git_http_transport, git_ssh_transport;

int64_t git_time_left(const struct git_peer *p); /* ms, at least 1 */
/* A file without a name below the store. */
enum hc_rc git_spool(struct git_peer *p, int *out_fd);

/* git_proto.c */
enum hc_rc git_parse_refs(struct git_peer *p, hc_str raw, struct git_refs *out);
const struct git_ref *git_find_ref(const struct git_refs *refs, hc_str name);
void git_build_wants(struct hc_buf *wants, struct hc_buf *more, const struct git_refs *refs, const char *oid,
                     bool shallow);
/* Takes the pack out of an answer: calls `on_pack` with its pieces. */
enum hc_rc git_read_pack(struct git_peer *p, int fd, bool sideband,
                         bool (*on_pack)(void *ctx, const char *bytes, size_t n), void *ctx);

/* known_hosts.c: is this key right for the host? HC_E_INPUT tells both fingerprints and what to do. */
enum hc_rc git_check_host_key(hc_str known_hosts, hc_str host, int port, const char *key_type, hc_str key,
                              struct hc_err *err);
