/*
 * Methods by the type of their value, and the check of their arguments in Go's words.
 */
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/version.h"

static const struct {
    char letter;
    const char *type;
} letters[] = { { 's', "string" },          { 'i', "int" },      { 'I', "int64" }, { 'd', "time.Duration" },
                { 'v', "*semver.Version" }, { 'T', "time.Time" } };

static const char *type_of_letter(char letter)
{
    for (size_t i = 0; i < HC_LEN(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].type;
    return "interface {}";
}

enum hc_rc fn_method_args(struct hc_fcall *c, hc_str name, const char *params, struct hc_val *const *argv,
                          size_t argc)
{
    size_t want = strlen(params);
    if (argc != want)
        return fn_fail(c, "wrong number of args for %.*s: want %zu got %zu", HC_P(name), want, argc);
    for (size_t i = 0; i < want; i++) {
        const char *type = type_of_letter(params[i]), *got = hc_go_type_name(argv[i], c->helm3);
        if (fn_nil(argv[i]))
            return fn_fail(c, "wrong type for value; expected %s; got interface {}", type);
        if (strcmp(type, got) != 0)
            return fn_fail(c, "wrong type for value; expected %s; got %s", type, got);
    }
    return HC_OK;
}

/* APIVersions.Has */
static enum hc_rc versions_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                                  size_t argc, bool *out_found, struct hc_val **out)
{
    if (!hc_str_eqz(name, "Has"))
        return HC_OK;
    *out_found = true;
    enum hc_rc rc = fn_method_args(c, name, "s", argv, argc);
    if (rc != HC_OK)
        return rc;
    bool has = false;
    for (uint32_t i = 0; i < recv->list->n && !has; i++)
        has = hc_str_eq(fn_s(recv->list->items[i]), fn_s(argv[0]));
    return fn_bool(c, has, out);
}

/* KubeVersion: Version and GitVersion say the whole text, String the normalised one (B14.4). */
static enum hc_rc kube_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                              size_t argc, bool *out_found, struct hc_val **out)
{
    if (!hc_str_eqz(name, "String") && !hc_str_eqz(name, "GitVersion"))
        return HC_OK;
    *out_found = true;
    enum hc_rc rc = fn_method_args(c, name, "", argv, argc);
    if (rc != HC_OK)
        return rc;
    struct hc_val *text = hc_str_eqz(name, "String") ? hc_map_getz(recv, "normalizedVersion") : NULL;
    if (!fn_is_string(text) || text->n == 0)
        text = hc_map_getz(recv, "Version");
    return fn_done(c, text ? text : hc_strz_val(c->a, ""), out);
}

enum hc_rc hc_func_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                          size_t argc, bool *out_found, struct hc_val **out)
{
    *out_found = false;
    if (!recv)
        return HC_OK;
    if (recv->kind == HC_MAP && recv->type == HC_GO_FILES)
        return fn_files_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_MAP && recv->type == HC_GO_VALUES)
        return fn_values_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_MAP && recv->type == HC_GO_KUBEVERSION)
        return kube_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_LIST && recv->type == HC_GO_VERSIONS)
        return versions_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_OBJ && recv->type == HC_GO_SEMVER)
        return fn_semver_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_OBJ && recv->type == HC_GO_TIME)
        return fn_time_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_INT && recv->type == HC_GO_DURATION)
        return fn_duration_method(c, recv, name, argv, argc, out_found, out);
    return HC_OK;
}
