/*
 * From an archive's files to the chart's: the first path part is cut off, as Helm does.
 *
 * What is no archive is called what Go's http.DetectContentType calls it, where that helps: a login page is text/html.
 */
#include "charts-fetch/source/local.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

static enum hc_rc unpack_as(struct hc_arena *a, hc_str archive, bool helm3, struct hc_chart_file **out,
                            size_t *out_n, struct hc_err *err)
{
    struct hc_unpacked *files = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_unpack_memory(a, archive, NULL, &files, &n, err);
    if (rc != HC_OK)
        return rc;
    struct hc_chart_file *in_chart = HC_NEW_N(a, struct hc_chart_file, n + 1);
    if (!in_chart)
        return hc_arena_check(a, err, "chart archive");
    for (size_t i = 0; i < n; i++) {
        /* "tar -C chart ." says "./Chart.yaml": the part to cut off is the dot, as for Helm */
        size_t slash = files[i].dot ? 0 : hc_str_find(files[i].name, '/');
        if (slash == SIZE_MAX && hc_str_eqz(files[i].name, "Chart.yaml"))
            return hc_fail(err, HC_E_INPUT, "chart yaml not in base directory");
        if (slash == SIZE_MAX)
            return hc_fail(err, HC_E_INPUT, "chart illegally contains content outside the base directory: \"%.*s\"",
                           HC_P(files[i].name));
        if (helm3 && files[i].body.n > 5242880) /* Helm 3's ceiling for one file; Helm 4 has none */
            return hc_fail(err, HC_E_LIMIT,
                           "decompressed chart file \"%.*s\" is larger than the maximum file size 5242880",
                           HC_P(files[i].name));
        in_chart[i] = (struct hc_chart_file){ files[i].dot ? files[i].name
                                                           : hc_str_sub(files[i].name, slash + 1, files[i].name.n),
                                              files[i].body };
    }
    if (n == 0)
        return hc_fail(err, HC_E_INPUT, "no files in chart archive");
    *out = in_chart;
    *out_n = n;
    return HC_OK;
}

enum hc_rc hc_chart_archive_files(struct hc_arena *a, hc_str archive, struct hc_chart_file **out, size_t *out_n,
                                  struct hc_err *err)
{
    return unpack_as(a, archive, false, out, out_n, err);
}

const struct hc_chart_port hc_chart_archives = { .unpack = hc_chart_archive_files };
const struct hc_chart_port hc_chart_archives_once = { .unpack = hc_chart_archive_files, .no_digest = true };

static bool is_gzip(hc_str s)
{
    return s.n >= 3 && memcmp(s.p, "\x1f\x8b\x08", 3) == 0;
}

enum hc_rc hc_chart_load_archive(hc_str archive, const struct hc_chart_port *port, struct hc_chart **out,
                                 struct hc_err *err)
{
    struct hc_chart_file *files = NULL;
    size_t n = 0;
    /* What is packed inside what is packed can multiply; so one ceiling for all of it. */
    struct hc_arena *a = hc_arena_new(
        HC_MIN(HC_MAX_ARENA, HC_MAX_CHART_ARENA_BASE + HC_MAX_CHART_ARENA_RATIO * archive.n));
    if (!a)
        return hc_fail_nomem(err);
    enum hc_rc rc = is_gzip(archive) ? unpack_as(a, archive, port->helm3, &files, &n, err)
                                     : hc_fail(err, HC_E_INPUT, "it does not appear to be a gzipped archive");
    if (rc != HC_OK) {
        hc_arena_free(a);
        return port->helm3 ? rc : hc_wrap(err, "unable to load chart archive");
    }
    bool found = !port->detect;
    for (size_t i = 0; i < n && !found; i++)
        found = hc_str_eqz(files[i].name, "Chart.yaml");
    if (!found) {
        hc_arena_free(a);
        return hc_fail(err, HC_E_INPUT, "unable to detect chart version, no Chart.yaml found");
    }
    struct hc_chart_port once = *port;
    once.no_digest = true; /* that of the packed bytes is the one the world knows, and cheaper */
    rc = hc_chart_load_files(a, files, n, &once, out, err);
    if (rc == HC_OK && !port->no_digest) {
        char hex[HC_SHA256_HEX + 1];
        hc_sha256_of(archive, hex);
        (*out)->digest = hc_arena_printf((*out)->arena, "sha256:%s", hex);
    }
    return rc;
}

static const char *content_type(hc_str s)
{
    enum { LOOKED_AT = 512 };
    hc_str head = hc_str_sub(s, 0, HC_MIN(s.n, (size_t)LOOKED_AT)), text = head;
    while (text.n && strchr("\t\n\f\r ", text.p[0]))
        text = hc_str_sub(text, 1, text.n);
    hc_str tag = hc_str_starts_nocase(text, HC_S("<!DOCTYPE HTML")) ? HC_S("<!DOCTYPE HTML") : HC_S("<HTML");
    if (hc_str_starts_nocase(text, tag) && text.n > tag.n && (text.p[tag.n] == ' ' || text.p[tag.n] == '>'))
        return "text/html; charset=utf-8";
    if (hc_str_starts(text, HC_S("<?xml")))
        return "text/xml; charset=utf-8";
    if (hc_str_starts(head, HC_S("PK\3\4")))
        return "application/zip";
    bool binary = head.n < LOOKED_AT; /* Helm's buffer goes on with NULs */
    for (size_t i = 0; i < head.n; i++) {
        unsigned char c = (unsigned char)head.p[i];
        binary |= c <= 8 || c == 11 || (c >= 14 && c <= 26) || (c >= 28 && c <= 31);
    }
    return binary ? "application/octet-stream" : "text/plain; charset=utf-8";
}

enum hc_rc hc_chart_load_path(const char *path, const struct hc_chart_port *port, struct hc_chart **out,
                              struct hc_err *err)
{
    struct stat st;
    HC_AUTO(hc_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return hc_fail_errno(err, "open chart", path);
    if (S_ISDIR(st.st_mode))
        return hc_chart_load_dir(path, port, out, err);
    char whole[PATH_MAX + 16];
    if (!realpath(path, whole))
        return hc_fail_errno(err, "open chart", path);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(HC_MAX_CHART_PACKED + HC_MIB);
    hc_str archive;
    enum hc_rc rc = hc_read_fd(a, fd, path, HC_MAX_CHART_PACKED, &archive, err);
    if (rc != HC_OK)
        return rc;
    hc_str name = hc_str_of(path);
    if (!is_gzip(archive) && (hc_str_ends(name, HC_S(".yaml")) || hc_str_ends(name, HC_S(".yml"))))
        return hc_fail(err, HC_E_INPUT, "file '%s' seems to be a YAML file, but expected a gzipped archive", whole);
    if (!is_gzip(archive))
        return hc_fail(err, HC_E_INPUT, "file '%s' does not appear to be a gzipped archive; got '%s'", whole,
                       content_type(archive));
    return hc_chart_load_archive(archive, port, out, err);
}
