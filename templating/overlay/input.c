/*
 * User input in Helm's order (D1): files, then --set-json, --set, --set-string, --set-file, --set-literal, each
 * group left to right, into one tree.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include <stdio.h>

#include "templating/overlay/overlay_impl.h"

/* "open x: no such file or directory", as Go says it. */
static enum hc_rc go_errno(struct hc_err *err, const char *verb, hc_str path, int no)
{
    char text[128] = "";
    const char *z = strerrordesc_np(no);
    for (size_t i = 0; z && z[i] && i + 1 < sizeof(text); i++)
        text[i] = (char)(i == 0 ? tolower((unsigned char)z[i]) : z[i]);
    return hc_fail(err, HC_E_INPUT, "%s %.*s: %s", verb, HC_P(path), text);
}

enum hc_rc hc_values_read_local(struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err)
{
    if (hc_str_eqz(hc_str_trim(path), "-"))
        return hc_read_fd(a, STDIN_FILENO, "stdin", HC_MAX_VALUES_BYTES, out, err);
    char *z = hc_arena_strz(a, path);
    if (!z)
        return hc_arena_check(a, err, "values file");
    HC_AUTO(hc_fd) int fd = open(z, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return go_errno(err, "open", path, errno);
    char probe;
    if (read(fd, &probe, 0) < 0)
        return go_errno(err, "read", path, errno);
    return hc_read_fd(a, fd, z, HC_MAX_VALUES_BYTES, out, err);
}

static enum hc_rc read_local(void *ctx, struct hc_arena *a, hc_str path, hc_str *out, struct hc_err *err)
{
    (void)ctx;
    return hc_values_read_local(a, path, out, err);
}

static const struct hc_values_port local_files = { read_local, NULL };

/* A layer of its own; what was applied to the whole does not change it. */
static void add_layer(struct hc_arena *a, struct hc_layers *layers, uint32_t origin, const struct hc_val *tree)
{
    if (!layers)
        return;
    if (layers->n == layers->cap) {
        size_t cap = layers->cap ? layers->cap * 2 : 8;
        struct hc_layer_tree *list = HC_NEW_N(a, struct hc_layer_tree, cap);
        if (!list)
            return;
        if (layers->n)
            memcpy(list, layers->list, layers->n * sizeof(*list));
        layers->list = list;
        layers->cap = cap;
    }
    layers->list[layers->n++] = (struct hc_layer_tree){ origin, tree };
}

static enum hc_rc add_file(struct hc_arena *a, const struct hc_setargs *args, const struct hc_values_port *port,
                           hc_str path, struct hc_origins *origins, struct hc_val **tree, struct hc_err *err)
{
    hc_str text = { NULL, 0 };
    struct hc_val *v = NULL;
    enum hc_rc rc = port->read(port->ctx, a, path, &text, err);
    if (rc != HC_OK)
        return rc;
    rc = hc_values_read(a, text, path, args->helm3, &v, err);
    if (rc != HC_OK)
        return hc_wrap(err, "failed to parse %.*s", HC_P(path));
    if (origins) {
        const struct hc_origin origin = { HC_LAYER_FILE, path, { NULL, 0 } };
        uint32_t number = hc_origins_add(origins, &origin);
        hc_val_set_origin(v, number);
        if (args->layers)
            add_layer(a, args->layers, number, hc_val_copy(a, v));
    }
    *tree = hc_map_len(*tree) ? hc_val_overlay(a, *tree, v) : v;
    return HC_OK;
}

/* --set-json '{...}': a whole object, laid over like a file. */
static enum hc_rc add_object(struct hc_arena *a, hc_str text, hc_str trimmed, uint32_t origin, struct hc_val **tree,
                             struct hc_err *err)
{
    struct hc_val *v = NULL;
    if (hc_json_parse(a, trimmed, HC_JSON_ALL_FLOAT | (origin ? 0 : HC_JSON_NO_POSITIONS), &v, err) != HC_OK)
        return hc_fail(err, HC_E_INPUT, "failed parsing --set-json data JSON: %.*s", HC_P(text));
    if (origin)
        hc_val_set_origin(v, origin);
    *tree = hc_val_overlay(a, *tree, v);
    return HC_OK;
}

static enum hc_rc add_set(struct hc_arena *a, const struct hc_setargs *args, const struct hc_set_arg *arg,
                          const struct hc_values_port *port, uint32_t origin, struct hc_val **tree,
                          struct hc_err *err)
{
    hc_str trimmed = hc_str_trim(arg->text);
    if (arg->kind == HC_SET_JSON && !args->helm3 && trimmed.n && trimmed.p[0] == '{')
        return add_object(a, arg->text, trimmed, origin, tree, err);
    return hc_set_apply(a, *tree, arg, args->helm3, port, origin, err);
}

enum hc_rc hc_setargs_merge(struct hc_arena *a, const struct hc_setargs *args, struct hc_origins *origins,
                            struct hc_val **out, struct hc_err *err)
{
    static const char *const flags[] = { "--set-json", "--set", "--set-string", "--set-file", "--set-literal" };
    const struct hc_values_port *port = args->port ? args->port : &local_files;
    struct hc_val *tree = hc_map_new(a);
    for (size_t i = 0; i < args->files_n; i++) {
        enum hc_rc rc = add_file(a, args, port, args->files[i], origins, &tree, err);
        if (rc != HC_OK)
            return rc;
    }
    for (int kind = HC_SET_JSON; kind <= HC_SET_LITERAL; kind++) {
        int nth = 0; /* of the flags of this kind */
        for (size_t i = 0; i < args->sets_n; i++) {
            const struct hc_set_arg *arg = &args->sets[i];
            uint32_t origin = 0;
            if ((int)arg->kind != kind)
                continue;
            nth++;
            if (origins) {
                const struct hc_origin o = { HC_LAYER_SET, hc_str_of(flags[kind]), { NULL, 0 } };
                origin = hc_origins_add(origins, &o);
            }
            enum hc_rc rc = add_set(a, args, arg, port, origin, &tree, err);
            if (rc == HC_OK && args->layers) {
                struct hc_val *alone = hc_map_new(a);
                rc = add_set(a, args, arg, port, origin, &alone, err);
                add_layer(a, args->layers, origin, alone);
            }
            if (rc != HC_OK && err && kind != HC_SET_JSON) { /* of which only the whole is told */
                snprintf(err->file, sizeof(err->file), "%s", flags[kind]);
                err->line = nth;
            }
            if (rc != HC_OK)
                return rc;
        }
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "values");
    *out = tree;
    return HC_OK;
}
