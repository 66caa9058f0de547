/*
 * The object becomes Lua's own tables (null is absent in a map and false in a list, for a hole would end it), the rule runs,
 * and what it gave is read without calling anything. Whatever goes wrong is an answer, too.
 */
#include "lua/rules/health.h"

#include <lauxlib.h>
#include <stdio.h>
#include <strings.h>

#include "core/base/limits.h"
#include "lua/sandbox/sandbox.h"

#define ARGO_KEY "resource.customizations.health."

/* ---- names ------------------------------------------------------------------------------------------------- */

static int load_text(lua_State *l, const struct hc_health_rule *rule)
{
    char name[HC_MAX_PATH_BYTES + 2];
    snprintf(name, sizeof(name), "@%.*s", HC_P(rule->file));
    return luaL_loadbufferx(l, rule->text.p ? rule->text.p : "", rule->text.n, name, "t");
}

static enum hc_rc check(const struct hc_health_rule *rule, struct hc_err *err)
{
    if (rule->text.n > HC_MAX_RULE_TEXT)
        return hc_fail(err, HC_E_LIMIT, "health rule %.*s is over %zu bytes", HC_P(rule->file), HC_MAX_RULE_TEXT);
    struct hc_luabox *box = hc_luabox_new(HC_MAX_RULE_BYTES);
    if (!box)
        return hc_fail_nomem(err);
    hc_luabox_for_people(box, HC_MAX_RULE_BYTES, NULL);
    lua_State *l = hc_luabox_lua(box);
    enum hc_rc rc = HC_OK;
    if (load_text(l, rule) != LUA_OK) {
        const char *msg = lua_type(l, -1) == LUA_TSTRING ? lua_tostring(l, -1) : "it needs too much memory";
        rc = hc_fail(err, HC_E_INPUT, "health rule %s", msg);
    }
    hc_luabox_free(box);
    return rc;
}

enum hc_rc hc_health_rule_of(hc_str file, hc_str text, struct hc_health_rule *out, struct hc_err *err)
{
    size_t slash = hc_str_rfind(file, '/');
    hc_str base = slash == SIZE_MAX ? file : hc_str_sub(file, slash + 1, file.n);
    if (hc_str_starts(base, HC_S(ARGO_KEY)))
        base = hc_str_sub(base, sizeof(ARGO_KEY) - 1, base.n);
    if (hc_str_ends(base, HC_S(".lua")))
        base = hc_str_sub(base, 0, base.n - 4);
    size_t bar = hc_str_rfind(base, '_');
    struct hc_health_rule r = { .file = file, .text = text };
    r.group = bar == SIZE_MAX ? HC_S("") : hc_str_sub(base, 0, bar);
    r.kind = bar == SIZE_MAX ? base : hc_str_sub(base, bar + 1, base.n);
    if (r.kind.n == 0 || r.kind.p[0] < 'A' || r.kind.p[0] > 'Z' || file.n >= HC_MAX_PATH_BYTES)
        return hc_fail(err, HC_E_INPUT,
                       "health rule %.*s: its name does not say of what: GROUP_KIND.lua, as in "
                       "cert-manager.io_Certificate.lua, or KIND.lua for a core kind",
                       HC_P(file));
    enum hc_rc rc = check(&r, err);
    if (rc == HC_OK)
        *out = r;
    return rc;
}

const struct hc_health_rule *hc_health_rule_for(const struct hc_health_rule *rules, size_t n, hc_str api_version,
                                                hc_str kind)
{
    size_t slash = hc_str_find(api_version, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash);
    for (size_t i = 0; i < n; i++)
        if (hc_str_eq(rules[i].kind, kind) && hc_str_eq(rules[i].group, group))
            return &rules[i];
    return NULL;
}

/* ---- the object -------------------------------------------------------------------------------------------- */

static void push_raises(lua_State *l, const struct hc_val *v, unsigned depth)
{
    struct hc_luabox *box = hc_luabox_of(l);
    double f = 0;
    int64_t i = 0;
    if (depth > HC_MAX_SCRIPT_DEPTH)
        luaL_error(l, "the object is nested more than %d deep", (int)HC_MAX_SCRIPT_DEPTH);
    luaL_checkstack(l, 4, "object");
    hc_luabox_charge_raises(box, 1);
    switch (v ? v->kind : HC_NULL) {
    case HC_BOOL:
        lua_pushboolean(l, v->b);
        return;
    case HC_STR:
        lua_pushlstring(l, v->s ? v->s : "", v->n);
        return;
    case HC_LIST:
        lua_createtable(l, (int)HC_MIN(hc_list_len(v), (size_t)1000000), 0);
        for (size_t k = 0; k < hc_list_len(v); k++) {
            push_raises(l, hc_list_at(v, k), depth + 1);
            lua_rawseti(l, -2, (lua_Integer)k + 1);
        }
        return;
    case HC_MAP:
        lua_createtable(l, 0, (int)HC_MIN(hc_map_len(v), (size_t)1000000));
        for (size_t k = 0; k < hc_map_len(v); k++) {
            const struct hc_entry *e = hc_map_at(v, k);
            if (hc_is_null(e->val))
                continue;
            lua_pushlstring(l, e->key.p ? e->key.p : "", e->key.n);
            push_raises(l, e->val, depth + 1);
            lua_rawset(l, -3);
        }
        return;
    default:
        break;
    }
    if (v && v->kind != HC_NULL && hc_get_i64(v, &i))
        lua_pushinteger(l, (lua_Integer)i);
    else if (v && v->kind != HC_NULL && hc_get_f64(v, &f))
        lua_pushnumber(l, f);
    else
        lua_pushboolean(l, false);
}

struct job {
    const struct hc_health_rule *rule;
    const struct hc_val *object;
};

static int run(lua_State *l)
{
    const struct job *j = lua_touserdata(l, 1);
    hc_luabox_open_names_raises(hc_luabox_of(l));
    push_raises(l, j->object, 0);
    lua_setglobal(l, "obj");
    if (load_text(l, j->rule) != LUA_OK)
        lua_error(l);
    lua_call(l, 0, 1);
    return 1;
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static hc_str text_at(struct hc_arena *a, lua_State *l, const char *name)
{
    size_t n = 0;
    hc_str s = { NULL, 0 };
    lua_pushstring(l, name);
    lua_rawget(l, -2);
    if (lua_type(l, -1) == LUA_TSTRING) {
        const char *p = lua_tolstring(l, -1, &n);
        s = hc_arena_str(a, hc_str_n(p, HC_MIN(n, (size_t)HC_MAX_RULE_MESSAGE)));
    }
    lua_pop(l, 1);
    return s;
}

static const struct {
    const char *name;
    enum hc_health health;
} statuses[] = {
    { "Healthy", HC_HEALTH_HEALTHY },         { "Current", HC_HEALTH_HEALTHY },
    { "Progressing", HC_HEALTH_PROGRESSING }, { "InProgress", HC_HEALTH_PROGRESSING },
    { "Suspended", HC_HEALTH_PROGRESSING }, /* Argo CD: waits for a hand */
    { "Missing", HC_HEALTH_PROGRESSING },     { "Unknown", HC_HEALTH_PROGRESSING },
    { "Degraded", HC_HEALTH_DEGRADED },       { "Failed", HC_HEALTH_DEGRADED },
};

static struct hc_health_answer broken(struct hc_arena *a, const struct hc_health_rule *rule, const char *fmt,
                                      const char *text)
{
    hc_str said = hc_arena_printf(a, fmt, text);
    return (struct hc_health_answer){ HC_HEALTH_BROKEN,
                                      hc_arena_printf(a, "health rule %.*s: %.*s", HC_P(rule->file), HC_P(said)) };
}

static struct hc_health_answer read_answer(struct hc_arena *a, const struct hc_health_rule *rule, lua_State *l)
{
    char got[80];
    if (lua_type(l, -1) != LUA_TTABLE)
        return broken(a, rule, "it gave a %s where a table with status and message belongs",
                      lua_typename(l, lua_type(l, -1)));
    hc_str status = text_at(a, l, "status"), message = text_at(a, l, "message");
    for (size_t i = 0; i < HC_LEN(statuses); i++)
        if (hc_str_eq_nocase(status, hc_str_of(statuses[i].name)))
            return (struct hc_health_answer){ statuses[i].health,
                                              message.n > 0 ? message : hc_str_of(statuses[i].name) };
    snprintf(got, sizeof(got), "%.*s", HC_P(status));
    return broken(a, rule, "status \"%s\" is none of Healthy, Progressing and Degraded", got);
}

struct hc_health_answer hc_health_ask(struct hc_arena *a, const struct hc_health_rule *rule,
                                      const struct hc_val *object)
{
    struct job j = { rule, object };
    struct hc_health_answer out;
    struct hc_luabox *box = hc_luabox_new(HC_MAX_RULE_BYTES);
    if (!box)
        return (struct hc_health_answer){ HC_HEALTH_PROGRESSING, HC_S("no memory for its health rule") };
    hc_luabox_for_people(box, HC_MAX_RULE_BYTES, NULL);
    lua_State *l = hc_luabox_lua(box);
    hc_luabox_start(box, HC_MAX_RULE_STEPS);
    lua_pushcfunction(l, run);
    lua_pushlightuserdata(l, &j);
    int failed = lua_pcall(l, 1, 1, 0);
    if (hc_luabox_spent(box) == HC_SPENT_STEPS)
        out = broken(a, rule, "%s", "it was stopped after two million steps: it loops");
    else if (hc_luabox_spent(box) != HC_SPENT_NOTHING || failed == LUA_ERRMEM)
        out = broken(a, rule, "%s", "it needs more memory than a rule may have");
    else if (failed != LUA_OK) /* Lua's text begins with file and line */
        out = (struct hc_health_answer){ HC_HEALTH_BROKEN,
                                         hc_arena_printf(a, "health rule %.900s",
                                                         lua_type(l, -1) == LUA_TSTRING ? lua_tostring(l, -1)
                                                                                        : "raised no text") };
    else
        out = read_answer(a, rule, l);
    hc_luabox_free(box);
    return out;
}
