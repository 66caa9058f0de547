#pragma once
/*
 * charts-fetch/source/git_impl.h - the fetch side of Git's pack protocol
 *
 * Why not libgit2's own transports: 1.5 knows no shallow fetch, so a repository of a gigabyte would cost all of its
 * history at every start; its SSH has no deadline; and its HTTP goes past our one loop, with its deadlines, proxies and
 * certificates. The protocol's part that we need is small: a list of the refs we ask about (gitprotocol-v2(5): with
 * 100,000 pull requests the whole list is 8 MB at every look), one request for one commit with "deepen 1", one pack
 * back. Servers that speak only version 0 (gitprotocol-pack(5)) are asked in that. libgit2 reads the pack.
 */
#include "charts-fetch/source/source.h"
#include "core/base/buf.h"

#define GIT_OID_HEX 40
typedef char git_hex[GIT_OID_HEX + 1];

struct git_ref {
    hc_str name; /* "refs/heads/main", "refs/tags/v1" */
    git_hex oid;
    git_hex peeled; /* what an annotated tag stands for; "": it is none */
};

struct git_refs {
    struct git_ref *list;
    size_t n;
    bool v2;         /* list holds what was asked for, not all */
    bool shallow;    /* "deepen" may be said */
    bool any_commit; /* any reachable commit may be asked for, not tips alone */
    bool sideband, ofs_delta, filter, multi_ack, no_progress;
};

/* One conversation with one server. */
struct git_peer {
    const struct hc_source_env *env;
    struct hc_arena *a;
    const struct hc_source_auth *auth;
    struct hc_err *err;
    const char *url;
    hc_str host;              /* for messages */
    int64_t deadline_ms;      /* monotonic */
    size_t received;          /* bytes of packs, over all conversations of one fetch */
    struct hc_git_news *news; /* what this conversation learns, too; NULL: nobody asks */
    struct git_refs refs;
    const struct git_transport *t;
    void *state;
};

/* What HTTP and SSH do differently. */
struct git_transport {
    /* The server's greeting as raw bytes: the list of refs, or in version 2 what it can do. */
    enum hc_rc (*open)(struct git_peer *p, hc_str *out);
    /* Version 2: sends a command and gives its answer up to the flush. */
    enum hc_rc (*ask)(struct git_peer *p, hc_str command, hc_str *out);
    /* Sends the last request and gives the answer as a file, positioned at its start. `last`: nothing is asked after. */
    enum hc_rc (*request)(struct git_peer *p, hc_str request, bool last, int *out_fd);
    void (*close)(struct git_peer *p);
};
extern const struct git_transport git_http_transport, git_ssh_transport;

int64_t git_time_left(const struct git_peer *p); /* ms, at least 1 */
/* For work that no server holds up, between its steps: HC_E_LIMIT when the time of the whole fetch is over. */
struct git_fetcher;
enum hc_rc git_in_time(const struct git_fetcher *f);
/* A file without a name below the store. */
enum hc_rc git_spool(struct git_peer *p, int *out_fd);

/* ---- git_proto.c */

/* What the server said at first; version 0 lists its refs with it. */
enum hc_rc git_parse_greeting(struct git_peer *p, hc_str raw);
/* Version 2: lists the refs that begin with one of the prefixes. */
void git_build_ls_refs(struct hc_buf *b, const hc_str *prefixes, size_t n);
enum hc_rc git_parse_ls_refs(struct git_peer *p, hc_str raw);
const struct git_ref *git_find_ref(const struct git_refs *refs, hc_str name);

struct git_want {
    const git_hex *oids;
    size_t n;
    bool shallow;  /* without history */
    bool no_blobs; /* the trees alone; only when refs->filter */
};
void git_build_want(struct hc_buf *b, const struct git_refs *refs, const struct git_want *w);
/* Finds the flush that ends an answer while it comes in pieces. */
struct git_pkt_end {
    char head[4];
    size_t have, skip;
    bool ended;
};
bool git_pkt_ended(struct git_pkt_end *e, const char *bytes, size_t n);
/* Takes the pack out of an answer: calls `on_pack` with its pieces. */
enum hc_rc git_read_pack(struct git_peer *p, int fd, bool (*on_pack)(void *ctx, const char *bytes, size_t n),
                         void *ctx);

/* ---- git_ref.c */

struct git_choice {
    git_hex oid;     /* the commit */
    git_hex want;    /* what to ask for: the commit, or the annotated tag that points to it */
    hc_str revision; /* "main@sha1:<oid>" */
    hc_str branch;   /* to be searched when the server does not hand out the commit by itself */
    hc_str tag;      /* that was asked for, by tag, semver or name; absent: none */
    bool listed;     /* the server said so itself: the commit is the tip of a ref */
};
/* What ref.commit says alone, without the server. True: *out is whole. */
bool git_choose_alone(struct hc_arena *a, const struct hc_git_spec *s, struct git_choice *out);
/* Lists what is needed and chooses. */
enum hc_rc git_choose(struct git_peer *p, const struct hc_git_spec *s, struct git_choice *out);
enum hc_rc git_no_ref(struct git_peer *p, const char *kind, hc_str name);

/* ---- git.c: one fetch, from one server or, with sub-modules, more */

struct git_repository; /* libgit2's */
struct git_fetcher {
    const struct hc_source_env *env;
    struct hc_arena *a;
    const struct hc_git_spec *spec;
    const struct hc_source_auth *auth;
    struct hc_err *err;
    struct git_peer *peer;       /* the conversation with spec->url */
    struct git_repository *repo; /* below the store, for the length of the call; takes all packs */
    bool partial;                /* it has no files yet, only folders */
};
/* A conversation that shares deadline and ceiling with the fetcher's first. The caller opens and closes it. */
enum hc_rc git_peer_init(struct git_peer *p, const struct git_fetcher *f, const char *url,
                         const struct hc_source_auth *auth);
/* Opens it and reads the greeting. */
enum hc_rc git_peer_open(struct git_peer *p);
/* One pack into f->repo. `last`: nothing is asked of this peer after. */
enum hc_rc git_fetch_pack(struct git_fetcher *f, struct git_peer *p, const struct git_want *w, bool last);
/* The commit without its history, or, where the server hands out tips alone, with the history of `branch`. */
enum hc_rc git_fetch_commit(struct git_fetcher *f, struct git_peer *p, struct git_choice *c);
/* Error of libgit2. */
enum hc_rc git_lib_fail(struct hc_err *err, const char *what);

/* ---- git_tree.c: a commit's files into an archive */
enum hc_rc git_pack_commit(struct git_fetcher *f, const char *commit, const char *file);

/* ---- git_modules.c */

struct git_module {
    hc_str name, path, url;
};
/* .gitmodules: the entries that have a path and a URL. */
enum hc_rc git_parse_modules(struct hc_arena *a, hc_str text, struct git_module **out, size_t *out_n);
/* A sub-module's URL as the repository at `parent` means it: relative ones, and git@host:path as ssh. Absent: neither
 * http, https nor ssh. */
hc_str git_module_url(struct hc_arena *a, hc_str parent, hc_str url);

/* ---- git_object.c: what was signed */

struct git_signed {
    hc_str payload;   /* the object without its signature */
    hc_str signature; /* armored; absent: not signed */
    hc_str subject;   /* first line of the message */
    hc_str tag_name;  /* of a tag */
};
/* A commit's or tag's raw text. Both kinds are cut the way git verifies them. */
enum hc_rc git_parse_signed(struct hc_arena *a, hc_str raw, bool is_tag, struct git_signed *out,
                            struct hc_err *err);
/* Checks what spec->verify wants; fills spec->news. */
enum hc_rc git_verify(struct git_fetcher *f, const struct git_choice *c);

/* ---- known_hosts.c */

/* Is this key right for the host? HC_E_INPUT tells both fingerprints and what to do. */
enum hc_rc git_check_host_key(hc_str known_hosts, hc_str host, int port, const char *key_type, hc_str key,
                              struct hc_err *err);
/* The kinds of key that known_hosts has for the host, each once, with commas between ("" when none). */
void git_known_kinds(hc_str known_hosts, hc_str host, int port, struct hc_buf *out);

/* ---- git_dial.c */

struct git_address {
    hc_str user, host, path; /* user absent when the URL names none */
    int port;
};
/* ssh://[user@]host[:port]/path */
bool git_split_ssh_url(hc_str url, struct git_address *out);
/* A socket to host and port within the deadline, through the HTTP proxy of p->env if there is one. */
enum hc_rc git_dial(struct git_peer *p, hc_str host, int port, int *out_fd);
