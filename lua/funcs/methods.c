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
        if (fn_nil(argv[i]) && params[i] == 'v')
            return fn_panic(c, "runtime error: invalid memory address or nil pointer dereference");
        if (fn_nil(argv[i]))
            return fn_fail(c, "wrong type for value; expected %s; got interface {}", type);
        /* a literal number has become an int on its way, and a duration takes one */
        if (strcmp(type, got) != 0 && !(params[i] == 'd' && argv[i]->kind == HC_INT && argv[i]->type == HC_GO_INT))
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

static const struct {
    uint8_t kind, type;
    const char *name, *params;
} methods[] = {
    { HC_MAP, HC_GO_FILES, "Get", "s" },
    { HC_MAP, HC_GO_FILES, "GetBytes", "s" },
    { HC_MAP, HC_GO_FILES, "Glob", "s" },
    { HC_MAP, HC_GO_FILES, "Lines", "s" },
    { HC_MAP, HC_GO_FILES, "AsConfig", "" },
    { HC_MAP, HC_GO_FILES, "AsSecrets", "" },
    { HC_MAP, HC_GO_VALUES, "AsMap", "" },
    { HC_MAP, HC_GO_VALUES, "Encode", "w" },
    { HC_MAP, HC_GO_VALUES, "YAML", "" },
    { HC_MAP, HC_GO_VALUES, "Table", "s" },
    { HC_MAP, HC_GO_VALUES, "PathValue", "s" },
    { HC_LIST, HC_GO_VERSIONS, "Has", "s" },
    { HC_MAP, HC_GO_KUBEVERSION, "String", "" },
    { HC_MAP, HC_GO_KUBEVERSION, "GitVersion", "" },
    { HC_OBJ, HC_GO_SEMVER, "Compare", "v" },
    { HC_OBJ, HC_GO_SEMVER, "LessThan", "v" },
    { HC_OBJ, HC_GO_SEMVER, "LessThanEqual", "v" },
    { HC_OBJ, HC_GO_SEMVER, "GreaterThan", "v" },
    { HC_OBJ, HC_GO_SEMVER, "GreaterThanEqual", "v" },
    { HC_OBJ, HC_GO_SEMVER, "Equal", "v" },
    { HC_OBJ, HC_GO_SEMVER, "SetPrerelease", "s" },
    { HC_OBJ, HC_GO_SEMVER, "SetMetadata", "s" },
    { HC_OBJ, HC_GO_VERSION, "SetPrerelease", "s" },
    { HC_OBJ, HC_GO_VERSION, "SetMetadata", "s" },
    { HC_OBJ, HC_GO_TIME, "Format", "s" },
    { HC_OBJ, HC_GO_TIME, "Add", "d" },
    { HC_OBJ, HC_GO_TIME, "AddDate", "iii" },
    { HC_OBJ, HC_GO_TIME, "Round", "d" },
    { HC_OBJ, HC_GO_TIME, "Truncate", "d" },
    { HC_OBJ, HC_GO_TIME, "Sub", "T" },
    { HC_OBJ, HC_GO_TIME, "After", "T" },
    { HC_OBJ, HC_GO_TIME, "Before", "T" },
    { HC_OBJ, HC_GO_TIME, "Equal", "T" },
    { HC_OBJ, HC_GO_TIME, "Compare", "T" },
    { HC_INT, HC_GO_DURATION, "Round", "d" },
    { HC_INT, HC_GO_DURATION, "Truncate", "d" },
};

/* Those that take nothing. */
static const char *const getters_semver[] = { "Major",    "Minor",    "Patch",  "Prerelease",
                                              "Metadata", "Original", "String", "IncMajor",
                                              "IncMinor", "IncPatch", NULL };
static const char *const getters_version[] = { "Major",  "Minor",    "Patch",    "Prerelease", "Metadata",
                                               "String", "IncMajor", "IncMinor", "IncPatch",   NULL };
static const char *const getters_time[] = { "Year",      "Month",      "Day",      "Hour",        "Minute",
                                            "Second",    "Nanosecond", "Weekday",  "YearDay",     "Unix",
                                            "UnixMilli", "UnixMicro",  "UnixNano", "String",      "IsZero",
                                            "UTC",       "Local",      "IsDST",    "MarshalJSON", "MarshalText",
                                            "Date",      "Clock",      "Zone",     "ZoneBounds",  "ISOWeek",
                                            NULL };
static const char *const getters_duration[] = { "Nanoseconds", "Microseconds", "Milliseconds", "Seconds", "Minutes",
                                                "Hours",       "String",       "Abs",          NULL };

const char *hc_func_method_params(const struct hc_val *recv, hc_str name)
{
    static const char *const none[] = { NULL };
    if (!recv)
        return NULL;
    if (recv->kind == HC_INT && (recv->type == HC_GO_MONTH || recv->type == HC_GO_WEEKDAY))
        return hc_str_eqz(name, "String") ? "" : NULL;
    const char *const *getters = recv->kind == HC_OBJ && recv->type == HC_GO_SEMVER     ? getters_semver
                                 : recv->kind == HC_OBJ && recv->type == HC_GO_VERSION  ? getters_version
                                 : recv->kind == HC_OBJ && recv->type == HC_GO_TIME     ? getters_time
                                 : recv->kind == HC_INT && recv->type == HC_GO_DURATION ? getters_duration
                                                                                        : none;
    for (; *getters; getters++)
        if (hc_str_eqz(name, *getters))
            return "";
    for (size_t i = 0; i < HC_LEN(methods); i++)
        if (methods[i].kind == recv->kind && methods[i].type == recv->type && hc_str_eqz(name, methods[i].name))
            return methods[i].params;
    return NULL;
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
    if (recv->kind == HC_OBJ && (recv->type == HC_GO_SEMVER || recv->type == HC_GO_VERSION))
        return fn_semver_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_OBJ && recv->type == HC_GO_TIME)
        return fn_time_method(c, recv, name, argv, argc, out_found, out);
    if (recv->kind == HC_INT && (recv->type == HC_GO_MONTH || recv->type == HC_GO_WEEKDAY)) {
        *out_found = hc_str_eqz(name, "String");
        return *out_found ? fn_str(c, hc_go_strval(c->a, recv), out) : HC_OK;
    }
    if (recv->kind == HC_INT && recv->type == HC_GO_DURATION)
        return fn_duration_method(c, recv, name, argv, argc, out_found, out);
    return HC_OK;
}
