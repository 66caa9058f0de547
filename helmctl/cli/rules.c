/*
 * Health rules from files and folders.
 */
#include "helmctl/cli/rules.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/limits.h"

struct rules {
    struct hc_arena *a;
    struct hc_health_rule *list;
    size_t n;
};

static enum hc_rc add(struct rules *r, const char *path, struct hc_err *err)
{
    hc_str text;
    if (r->n == HC_MAX_RULES)
        return hc_fail(err, HC_E_LIMIT, "more than %u health rules", HC_MAX_RULES);
    enum hc_rc rc = hc_read_file(r->a, AT_FDCWD, path, HC_MAX_RULE_TEXT, &text, err);
    if (rc == HC_OK)
        rc = hc_health_rule_of(hc_str_of(path), text, &r->list[r->n], err);
    r->n += rc == HC_OK;
    return rc;
}

static int is_rule(const struct dirent *e)
{
    return hc_str_ends(hc_str_of(e->d_name), HC_S(".lua"));
}

static enum hc_rc add_folder(struct rules *r, const char *path, struct hc_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_rule, alphasort);
    enum hc_rc rc = n < 0 ? hc_fail_errno(err, "read folder", path) : HC_OK;
    for (int i = 0; i < n; i++) {
        hc_str file = hc_arena_printf(r->a, "%s/%s", path, names[i]->d_name);
        if (rc == HC_OK)
            rc = file.p ? add(r, file.p, err) : hc_arena_check(r->a, err, "health rules");
        free(names[i]);
    }
    free(names);
    return rc == HC_OK && n == 0 ? hc_fail(err, HC_E_INPUT, "folder %s has no health rule (*.lua)", path) : rc;
}

enum hc_rc hc_cli_rules(struct hc_arena *a, const struct hc_strings *paths, struct hc_health_rule **out,
                        size_t *out_n, struct hc_err *err)
{
    struct rules r = { .a = a };
    struct stat st;
    *out = NULL;
    *out_n = 0;
    if (paths->n == 0)
        return HC_OK;
    r.list = HC_NEW_N(a, struct hc_health_rule, HC_MAX_RULES);
    if (!r.list)
        return hc_arena_check(a, err, "health rules");
    for (size_t i = 0; i < paths->n; i++) {
        bool folder = stat(paths->items[i], &st) == 0 && S_ISDIR(st.st_mode);
        enum hc_rc rc = folder ? add_folder(&r, paths->items[i], err) : add(&r, paths->items[i], err);
        if (rc != HC_OK)
            return hc_wrap(err, "--health-rules");
    }
    *out = r.list;
    *out_n = r.n;
    return HC_OK;
}
