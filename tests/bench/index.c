/*
 * What a large index costs (tests/bench/sources.sh): each in a process of its own, which prints its seconds of processor
 * time and how much its memory grew.
 *
 *   index scan FILE                      libyaml's scanner reads the file: what reading it at all costs
 *   index table DIR FILE                 the store in DIR takes the file and makes its table; prints the digest
 *   index find DIR DIGEST CHART RANGE    a look-up by the table
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <yaml.h>

#include "charts-fetch/source/index.h"
#include "core/base/fs.h"

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int scan(const char *path)
{
    yaml_parser_t parser;
    FILE *f = fopen(path, "rb");
    size_t tokens = 0;
    if (!f || !yaml_parser_initialize(&parser))
        return 1;
    yaml_parser_set_input_file(&parser, f);
    for (bool end = false; !end; tokens++) {
        yaml_token_t t;
        if (!yaml_parser_scan(&parser, &t))
            return 1;
        end = t.type == YAML_STREAM_END_TOKEN;
        yaml_token_delete(&t);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    printf("%zu tokens", tokens);
    return 0;
}

static int fails(const struct hc_err *err)
{
    fprintf(stderr, "%s\n", err->msg);
    return 1;
}

static int table(struct hc_store *store, struct hc_arena *a, const char *path)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_index_rows rows;
    hc_str digest;
    uint64_t size;
    if (hc_store_adopt(store, a, path, &digest, &size, &err) != HC_OK ||
        hc_index_versions(store, a, digest, HC_S(""), &rows, &err) != HC_OK)
        return fails(&err);
    printf("%.*s", HC_P(digest));
    return 0;
}

static int find(struct hc_store *store, struct hc_arena *a, char **words)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_chart_entry e;
    if (hc_helmrepo_find(store, a, hc_str_of(words[0]), hc_str_of(words[1]), hc_str_of(words[2]), &e, &err) !=
        HC_OK)
        return fails(&err);
    printf("%.*s tables-built=%d", HC_P(e.version), (int)hc_index_tables_built());
    return 0;
}

int main(int argc, char **argv)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_store *store = NULL;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    int rc = 2;
    if (!a || argc < 3)
        return 2;
    if (strcmp(argv[1], "scan") != 0 && hc_store_open(argv[2], 0, &store, &err) != HC_OK)
        return fails(&err);
    long kib = peak_kib();
    double cpu = cpu_seconds();
    if (!store)
        rc = scan(argv[2]);
    else if (strcmp(argv[1], "table") == 0 && argc == 4)
        rc = table(store, a, argv[3]);
    else if (strcmp(argv[1], "find") == 0 && argc == 6)
        rc = find(store, a, argv + 3);
    printf("\t%.4f\t%ld\n", cpu_seconds() - cpu, peak_kib() - kib);
    hc_store_close(store);
    return rc;
}
