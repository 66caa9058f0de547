/*
 * Objects as JSON text in SQLite. One table of objects, one that says who owns whom, one number: the last
 * resourceVersion, kept in the same transaction as what it numbers. WAL without a flush per commit: a killed
 * process loses nothing, a power cut may lose the last writes but never the file's consistency.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum sql {
    SQL_GET,
    SQL_PUT,
    SQL_DEL,
    SQL_LIST_NS,
    SQL_LIST_ALL,
    SQL_COUNT_NS,
    SQL_COUNT_ALL,
    SQL_SET_RV,
    SQL_OWN_ADD,
    SQL_OWN_DEL,
    SQL_OWNED,
    SQL_UID,
    SQL_IN_NS,
    SQL_EVERY,
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_N
};

static const char *const texts[SQL_N] = {
    [SQL_GET] = "SELECT body FROM objects WHERE key=?1 AND ns=?2 AND name=?3",
    [SQL_PUT] = ("INSERT INTO objects(key,ns,name,uid,rv,body) VALUES(?1,?2,?3,?4,?5,?6)"
                 " ON CONFLICT(key,ns,name) DO UPDATE SET uid=excluded.uid, rv=excluded.rv, body=excluded.body"),
    [SQL_DEL] = "DELETE FROM objects WHERE key=?1 AND ns=?2 AND name=?3",
    [SQL_LIST_NS] = "SELECT ns,name,rv,body FROM objects WHERE key=?1 AND ns=?2 AND name>?4 ORDER BY name LIMIT ?5",
    [SQL_LIST_ALL] =
        "SELECT ns,name,rv,body FROM objects WHERE key=?1 AND (ns,name)>(?3,?4) ORDER BY ns,name LIMIT ?5",
    [SQL_COUNT_NS] = "SELECT count(*) FROM objects WHERE key=?1 AND ns=?2 AND name>?4",
    [SQL_COUNT_ALL] = "SELECT count(*) FROM objects WHERE key=?1 AND (ns,name)>(?3,?4)",
    [SQL_SET_RV] = "UPDATE meta SET value=?1 WHERE name='rv'",
    [SQL_OWN_ADD] = "INSERT OR IGNORE INTO owners(owner,key,ns,name) VALUES(?1,?2,?3,?4)",
    [SQL_OWN_DEL] = "DELETE FROM owners WHERE key=?1 AND ns=?2 AND name=?3",
    [SQL_OWNED] = "SELECT key,ns,name FROM owners WHERE owner=?1 ORDER BY key,ns,name",
    [SQL_UID] = "SELECT 1 FROM objects WHERE uid=?1",
    [SQL_IN_NS] = "SELECT key,ns,name FROM objects WHERE ns=?1 ORDER BY key,name",
    [SQL_EVERY] = "SELECT key,ns,name FROM objects ORDER BY key,ns,name",
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS objects(key TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,"
    " rv INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(key,ns,name)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS objects_uid ON objects(uid);"
    "CREATE INDEX IF NOT EXISTS objects_ns ON objects(ns);"
    "CREATE TABLE IF NOT EXISTS owners(owner TEXT NOT NULL, key TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT "
    "NULL,"
    " PRIMARY KEY(owner,key,ns,name)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS owners_of ON owners(key,ns,name);"
    "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta VALUES('rv', 1);"
    "INSERT OR IGNORE INTO meta VALUES('format', 1);";

struct hc_sb_store {
    sqlite3 *db;
    sqlite3_stmt *st[SQL_N];
    int64_t rv, rv_saved;
    int depth;
};

static void bind(sqlite3_stmt *st, int at, hc_str s)
{
    sqlite3_bind_text(st, at, s.p ? s.p : "", (int)s.n, SQLITE_STATIC);
}

static hc_str column(struct hc_arena *a, sqlite3_stmt *st, int at)
{
    const char *p = (const char *)sqlite3_column_text(st, at);
    return hc_arena_str(a, hc_str_n(p ? p : "", (size_t)sqlite3_column_bytes(st, at)));
}

static bool run(struct hc_sb_store *s, enum sql which)
{
    int rc = sqlite3_step(s->st[which]);
    sqlite3_reset(s->st[which]);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

static enum hc_rc fail_db(struct hc_err *err, struct hc_sb_store *s, const char *path)
{
    return hc_fail(err, HC_E_INPUT, "sandbox database '%s': %s. Is it another program's, or is the disk full?",
                   path, s->db ? sqlite3_errmsg(s->db) : "no memory");
}

enum hc_rc hc_sb_store_open(const char *path, struct hc_sb_store **out, struct hc_err *err)
{
    struct hc_sb_store *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return hc_fail_nomem(err);
    enum hc_rc rc = HC_OK;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        rc = fail_db(err, s, path);
    if (rc == HC_OK)
        sqlite3_busy_timeout(s->db, 200);
    if (rc == HC_OK &&
        sqlite3_exec(s->db,
                     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                     "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;",
                     NULL, NULL, NULL) != SQLITE_OK)
        rc = fail_db(err, s, path);
    if (rc == HC_OK && sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        rc = fail_db(err, s, path);
    for (size_t i = 0; rc == HC_OK && i < SQL_N; i++)
        if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
            rc = fail_db(err, s, path);
    sqlite3_stmt *q = NULL;
    if (rc == HC_OK &&
        sqlite3_prepare_v2(s->db, "SELECT value FROM meta WHERE name='rv'", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        s->rv = s->rv_saved = sqlite3_column_int64(q, 0);
    else if (rc == HC_OK)
        rc = fail_db(err, s, path);
    sqlite3_finalize(q);
    if (rc != HC_OK) {
        hc_sb_store_close(s);
        return rc;
    }
    *out = s;
    return HC_OK;
}

void hc_sb_store_close(struct hc_sb_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SQL_N; i++)
        sqlite3_finalize(s->st[i]);
    sqlite3_close(s->db);
    free(s);
}

int64_t hc_sb_store_rv(const struct hc_sb_store *s)
{
    return s->rv;
}

int64_t hc_sb_store_next_rv(struct hc_sb_store *s)
{
    return ++s->rv;
}

bool hc_sb_store_begin(struct hc_sb_store *s)
{
    if (s->depth++ > 0)
        return true;
    return run(s, SQL_BEGIN);
}

bool hc_sb_store_commit(struct hc_sb_store *s)
{
    if (s->depth > 1) {
        s->depth--;
        return true;
    }
    if (s->rv != s->rv_saved) {
        sqlite3_bind_int64(s->st[SQL_SET_RV], 1, s->rv);
        if (!run(s, SQL_SET_RV))
            return false;
    }
    if (!run(s, SQL_COMMIT))
        return false;
    s->rv_saved = s->rv;
    s->depth = 0;
    return true;
}

void hc_sb_store_rollback(struct hc_sb_store *s)
{
    /* The numbers given are not taken back: nobody has seen them, and a gap harms nobody. */
    if (s->depth > 0)
        run(s, SQL_ROLLBACK);
    s->depth = 0;
}

bool hc_sb_store_get(struct hc_sb_store *s, struct hc_arena *a, hc_str key, hc_str ns, hc_str name, hc_str *out)
{
    sqlite3_stmt *st = s->st[SQL_GET];
    bind(st, 1, key);
    bind(st, 2, ns);
    bind(st, 3, name);
    bool found = sqlite3_step(st) == SQLITE_ROW;
    if (found)
        *out = column(a, st, 0);
    sqlite3_reset(st);
    return found;
}

bool hc_sb_store_put(struct hc_sb_store *s, hc_str key, hc_str ns, hc_str name, hc_str uid, int64_t rv, hc_str body,
                     const struct hc_val *owners)
{
    sqlite3_stmt *st = s->st[SQL_PUT];
    bind(st, 1, key);
    bind(st, 2, ns);
    bind(st, 3, name);
    bind(st, 4, uid);
    sqlite3_bind_int64(st, 5, rv);
    bind(st, 6, body);
    if (!run(s, SQL_PUT))
        return false;
    st = s->st[SQL_OWN_DEL];
    bind(st, 1, key);
    bind(st, 2, ns);
    bind(st, 3, name);
    if (!run(s, SQL_OWN_DEL))
        return false;
    for (size_t i = 0; i < hc_list_len(owners); i++) {
        st = s->st[SQL_OWN_ADD];
        bind(st, 1, hc_get_str(hc_list_at(owners, i)));
        bind(st, 2, key);
        bind(st, 3, ns);
        bind(st, 4, name);
        if (!run(s, SQL_OWN_ADD))
            return false;
    }
    return true;
}

bool hc_sb_store_del(struct hc_sb_store *s, hc_str key, hc_str ns, hc_str name, int64_t rv)
{
    (void)rv;
    for (int i = 0; i < 2; i++) {
        enum sql which = i ? SQL_OWN_DEL : SQL_DEL;
        bind(s->st[which], 1, key);
        bind(s->st[which], 2, ns);
        bind(s->st[which], 3, name);
        if (!run(s, which))
            return false;
    }
    return true;
}

static sqlite3_stmt *ranged(struct hc_sb_store *s, enum sql in_ns, hc_str key, hc_str ns, hc_str after_ns,
                            hc_str after_name)
{
    sqlite3_stmt *st = s->st[ns.p ? in_ns : in_ns + 1];
    bind(st, 1, key);
    if (ns.p)
        bind(st, 2, ns);
    else
        bind(st, 3, after_ns);
    bind(st, 4, after_name);
    return st;
}

/* Room for one row behind the first `n`: `rows` itself, or its copy twice as big (`first` rows at the start). NULL:
 * the arena is spent, and the rows are as they were. */
static void *room(struct hc_arena *a, void *rows, size_t n, size_t *cap, size_t first, size_t size)
{
    if (n < *cap)
        return rows;
    size_t more = *cap ? *cap * 2 : first;
    void *grown = hc_arena_alloc_n(a, more, size, _Alignof(max_align_t));
    if (!grown)
        return NULL;
    if (n)
        memcpy(grown, rows, n * size);
    *cap = more;
    return grown;
}

size_t hc_sb_store_list(struct hc_sb_store *s, struct hc_arena *a, hc_str key, hc_str ns, hc_str after_ns,
                        hc_str after_name, size_t max, struct hc_sb_row **out)
{
    sqlite3_stmt *st = ranged(s, SQL_LIST_NS, key, ns, after_ns, after_name);
    sqlite3_bind_int64(st, 5, max ? (int64_t)max : -1);
    size_t n = 0, cap = 0;
    struct hc_sb_row *rows = NULL;
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct hc_sb_row *grown = room(a, rows, n, &cap, 32, sizeof(*rows));
        if (!grown)
            break;
        rows = grown;
        rows[n++] = (struct hc_sb_row){ .key = key,
                                        .ns = column(a, st, 0),
                                        .name = column(a, st, 1),
                                        .rv = sqlite3_column_int64(st, 2),
                                        .body = column(a, st, 3) };
    }
    sqlite3_reset(st);
    *out = rows;
    return hc_arena_spent(a) ? 0 : n;
}

int64_t hc_sb_store_count(struct hc_sb_store *s, hc_str key, hc_str ns, hc_str after_ns, hc_str after_name)
{
    sqlite3_stmt *st = ranged(s, SQL_COUNT_NS, key, ns, after_ns, after_name);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return n;
}

static size_t refs(sqlite3_stmt *st, struct hc_arena *a, struct hc_sb_ref **out)
{
    size_t n = 0, cap = 0;
    struct hc_sb_ref *rows = NULL;
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct hc_sb_ref *grown = room(a, rows, n, &cap, 16, sizeof(*rows));
        if (!grown)
            break;
        rows = grown;
        rows[n++] = (struct hc_sb_ref){ column(a, st, 0), column(a, st, 1), column(a, st, 2) };
    }
    sqlite3_reset(st);
    *out = rows;
    return hc_arena_spent(a) ? 0 : n;
}

size_t hc_sb_store_owned(struct hc_sb_store *s, struct hc_arena *a, hc_str uid, struct hc_sb_ref **out)
{
    bind(s->st[SQL_OWNED], 1, uid);
    return refs(s->st[SQL_OWNED], a, out);
}

bool hc_sb_store_uid_exists(struct hc_sb_store *s, hc_str uid)
{
    bind(s->st[SQL_UID], 1, uid);
    bool found = sqlite3_step(s->st[SQL_UID]) == SQLITE_ROW;
    sqlite3_reset(s->st[SQL_UID]);
    return found;
}

size_t hc_sb_store_all(struct hc_sb_store *s, struct hc_arena *a, hc_str ns, struct hc_sb_ref **out)
{
    if (!ns.p)
        return refs(s->st[SQL_EVERY], a, out);
    bind(s->st[SQL_IN_NS], 1, ns);
    return refs(s->st[SQL_IN_NS], a, out);
}
