/*
 * Lua templates: every name they can reach, ways out of the sandbox that are none, errors with their places, values both
 * ways, files that do not see each other.
 */
#include <stdio.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "templating/render/engine.h"
#include "tests/unit/arena.h"

#include <fcntl.h>

/* ---- programs of a few files ---------------------------------------------------------------------------- */

struct result {
    enum hc_rc rc;
    struct hc_err err;
    hc_str texts[8], error;
};

static struct hc_val *context(void)
{
    struct hc_val *ctx = hc_map_new(arena), *values = hc_map_new(arena), *image = hc_map_new(arena);
    struct hc_val *release = hc_map_new(arena), *ports = hc_list_new(arena);
    hc_map_put_strz(arena, image, "repository", "nginx");
    hc_list_add(arena, ports, hc_float_val(arena, 80));
    hc_list_add(arena, ports, hc_float_val(arena, 443));
    hc_map_put(arena, values, HC_S("image"), image);
    hc_map_put(arena, values, HC_S("ports"), ports);
    hc_map_put(arena, values, HC_S("half"), hc_float_val(arena, 0.5));
    hc_map_put(arena, values, HC_S("nothing"), hc_null_val(arena));
    values->type = HC_GO_VALUES;
    hc_map_put_strz(arena, release, "Name", "web");
    hc_map_put(arena, ctx, HC_S("Values"), values);
    hc_map_put(arena, ctx, HC_S("Release"), release);
    ctx->type = HC_GO_VALUES;
    return ctx;
}

static struct hc_program *compile(const struct hc_template_file *files, size_t n, struct hc_err *err)
{
    struct hc_program *p = NULL;
    return hc_program_compile(files, n, false, &p, NULL, err) == HC_OK ? p : NULL;
}

static void run(struct hc_program *p, size_t n, uint64_t steps, struct result *out)
{
    struct hc_val *ctx = context(), *contexts[8];
    for (size_t i = 0; i < n; i++)
        contexts[i] = ctx;
    const struct hc_run in = { .contexts = contexts, .max_steps = steps, .out_error = &out->error };
    out->err = (struct hc_err)HC_ERR_INIT;
    out->rc = hc_program_run(p, arena, &in, out->texts, &out->err);
}

#define LUA(name, text)                                                                                            \
    {                                                                                                              \
        HC_S("c/templates/" name), HC_S("c/templates"), HC_S(text), false, false, true                             \
    }
#define PARTIAL(name, text)                                                                                        \
    {                                                                                                              \
        HC_S("c/templates/" name), HC_S("c/templates"), HC_S(text), true, false, true                              \
    }
#define GO(name, text)                                                                                             \
    {                                                                                                              \
        HC_S("c/templates/" name), HC_S("c/templates"), HC_S(text), false, false, false                            \
    }
#define GO_PARTIAL(name, text)                                                                                     \
    {                                                                                                              \
        HC_S("c/templates/" name), HC_S("c/templates"), HC_S(text), true, false, false                             \
    }

/* One file of Lua beside two partials. */
static void run_one(const char *code, uint64_t steps, struct result *out)
{
    const struct hc_template_file files[] = {
        { HC_S("c/templates/x.lua"), HC_S("c/templates"), hc_str_of(code), false, false, true },
        GO_PARTIAL("_g.tpl", "{{ define \"go\" }}<{{ .x }}>{{ end }}{{ define \"bad\" }}{{ fail \"no\" }}{{ end }}"
                             "{{ define \"back\" }}{{ include \"lua\" . }}{{ end }}"),
        PARTIAL("_l.lua", "define(\"lua\", function(d) return d.y.z end)\n"
                          "return { deep = function(f) local r = f() return r end, n = 1 }"),
    };
    struct hc_err err = HC_ERR_INIT;
    struct hc_program *p = compile(files, HC_LEN(files), &err);
    if (!p) {
        *out = (struct result){ .rc = err.code, .err = err, .error = hc_arena_str(arena, hc_str_of(err.msg)) };
        return;
    }
    run(p, HC_LEN(files), steps, out);
    hc_program_unref(p);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

static void every_name(void **state)
{
    (void)state;
    hc_str want;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    static const char path[] = HC_TEST_SOURCE_DIR "/tests/unit/templating/render/lua_names.txt";
    assert_int_equal(hc_read_file(arena, AT_FDCWD, path, HC_MIB, &want, &err), HC_OK);
    assert_int_equal(hc_lua_template_names(&b, &err), HC_OK);
    if (!hc_str_eq(want, hc_buf_str(&b))) {
        printf("%.*s", HC_P(hc_buf_str(&b)));
        fail_msg("the names a Lua template can reach (above) are not those of %s", path);
    }
    /* And the globals of a file are what the list says of them. */
    struct result r;
    run_one("local t = {} for k in pairs(_ENV) do t[#t + 1] = k end return { a = table.concat(t, \" \") }", 0, &r);
    assert_int_equal(r.rc, HC_OK);
    assert_true(hc_str_eqz(r.texts[0],
                           "a: Capabilities Chart Files Release Subcharts Template Values define dot require\n"));
}

/* ---- ways out that are none -------------------------------------------------------------------------------- */

static void no_way_out(void **state)
{
    (void)state;
    static const struct {
        const char *code, *want;
    } rows[] = {
        { "while true do end",
          "c/templates/x.lua:1:0: rendering stopped in template \"c/templates/x.lua\": the budget of" },
        { "\n\nlocal function f() return f() end f()", "c/templates/x.lua:3:0: rendering stopped" },
        { "local function f() return 1 + f() end f()", "functions call each other too deeply" },
        { "local function f(x) return include(\"go\", f(x)) end f(1)", "functions call each other too deeply" },
        { "for i = 1, 1e12 do end", "the budget of" },
        { "for i = 1, 1e12 do include(\"go\", {}) end", "the budget of" },
        { "for i = 1, 1e12 do tpl(\"{{ . }}\", 1) end", "the budget of" },
        { "for i = 1, 1e12 do local x = Values.image.repository end", "the budget of" },
        { "for i = 1, 1e12 do fn[\"repeat\"](10000, \"x\") end", "the budget of" },
        { "local t = list() while true do t[#t + 1] = \"x\" end", "the budget of" },
        { "local s = \"x\" while true do s = s .. s end", "a text or table of more than" },
        { "return string.rep(\"x\", 1 << 40)", "string.rep would give a text of more than" },
        { "return (\"x\"):rep(1 << 62, \"yy\")", "string.rep would give a text of more than" },
        { "local t = {} for i = 1, 1e9 do t[i] = i end", "a text or table of more than" },
        { "local s = (\"x\"):rep(1e6) local t = {} for i = 1, 1e4 do t[i] = s end return table.concat(t)",
          "a text or table of more than" },
        { "local s = (\"x\"):rep(1e6) local t = {} for i = 1, 1e4 do t[i] = s .. i end",
          "the memory budget of the" },
        { "local s = (\"x\"):rep(4e6) local a, b = s .. \"a\", s .. \"b\" while a < b do end", "the budget of" },
        { "local s = (\"x\"):rep(4e6) local t = {} for i = 1, 1e5 do t[i] = s end table.sort(t)", "the budget of" },
        { "local t = {} for i = 1, 1e5 do table.insert(t, 1, i) end", "the budget of" },
        { "local t = {} t[1] = t return t", "tables are nested more than 200 deep, or one is inside itself" },
        { "return pcall(error)", "attempt to call a nil value (global 'pcall')" },
        { "return xpcall(error, error)", "global 'xpcall'" },
        { "return load(\"return 1\")", "global 'load'" },
        { "return loadstring(\"return 1\")", "global 'loadstring'" },
        { "return dofile(\"/etc/passwd\")", "global 'dofile'" },
        { "return loadfile(\"/etc/passwd\")", "global 'loadfile'" },
        { "return require(\"os\")", "there is no Lua file c/templates/os.lua" },
        { "return require(\"../../../etc/passwd\")", "there is no Lua file" },
        { "return debug.traceback()", "global 'debug'" },
        { "return os.getenv(\"HOME\")", "global 'os'" },
        { "return io.open(\"/etc/passwd\")", "global 'io'" },
        { "return package.loaded", "global 'package'" },
        { "return coroutine.wrap(function() end)", "global 'coroutine'" },
        { "return setmetatable({}, {})", "global 'setmetatable'" },
        { "return getmetatable(\"\")", "global 'getmetatable'" },
        { "return rawset(string, \"sub\", 1)", "global 'rawset'" },
        { "return collectgarbage()", "global 'collectgarbage'" },
        { "return next({})", "global 'next'" },
        { "return _G.x", "global '_G'" },
        { "return go(1, 2, 3)", "global 'go'" },
        { "return include_enter(1)", "global 'include_enter'" },
        { "return string.dump(print)", "field 'dump'" },
        { "return string.find(\"a\", \"a\")", "field 'find'" },
        { "return (\"a\"):gsub(\"a\", \"b\")", "method 'gsub'" },
        { "return string.format(\"%d\", 1)", "field 'format'" },
        { "return math.random()", "field 'random'" },
        { "string.upper = nil", "the libraries of Lua templates cannot be changed" },
        { "fn.upper = nil", "the libraries of Lua templates cannot be changed" },
        { "for k in pairs(string) do end", "pairs wants a table, a map or a list" },
        { "local x <close> = Values", "variable 'x' got a non-closable value" },
        { "return \"\\27Lua\"", "a document is a map" },
        { "\33Lua", "parse error at (c/templates/x.lua:" },
        { "return fn.call(1)", "call can not be called here" },
        { "goto x", "parse error at (c/templates/x.lua:1): no visible label 'x' for" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct result r;
        /* A step is ten nanoseconds at most: slow programs (sanitizers) get the whole budget where steps are not asked about. */
        run_one(rows[i].code, strstr(rows[i].want, "budget of") || strstr(rows[i].want, "stopped") ? 3000000 : 0,
                &r);
        if (r.rc == HC_OK || !hc_str_starts(r.error, HC_S("c/templates/")) ||
            hc_str_find_str(r.error, hc_str_of(rows[i].want)) == SIZE_MAX) {
            if (r.rc == HC_OK || hc_str_find_str(r.error, hc_str_of(rows[i].want)) == SIZE_MAX)
                fail_msg("%s\nrc %d, wanted \"%s\" in: %.*s", rows[i].code, (int)r.rc, rows[i].want, HC_P(r.error));
        }
    }
}

/* ---- errors and their places -------------------------------------------------------------------------------- */

static void places(void **state)
{
    (void)state;
    static const struct {
        const char *code, *want;
    } rows[] = {
        { "local x = Values\nreturn { a = x.foo.bar }",
          "c/templates/x.lua:2:0\n  executing \"c/templates/x.lua\" at <return { a = x.foo.bar }>:\n"
          "    attempt to index a nil value (field 'foo')" },
        /* Lua calls Lua */
        { "local function inner(v)\n  return v.a.b\nend\nlocal function outer(v)\n  return inner(v) + 1\nend\n"
          "return { a = outer({}) }",
          "c/templates/x.lua:7:0\n  executing \"c/templates/x.lua\" at <return { a = outer({}) }>:\n"
          "    error calling outer:\nc/templates/x.lua:5:2\n  executing \"outer\" at <return inner(v) + 1>:\n"
          "    error calling inner:\nc/templates/x.lua:2:2\n  executing \"inner\" at <return v.a.b>:\n"
          "    attempt to index a nil value (field 'a')" },
        /* Lua includes Go includes Lua */
        { "\nreturn { a = include(\"back\", { y = 1 }) }",
          "c/templates/x.lua:2:0\n  executing \"c/templates/x.lua\" at <return { a = include(\"back\", { y = 1 }) "
          "}>:\n"
          "    error calling include:\nc/templates/_g.tpl:1:100\n  executing \"back\" at <include \"lua\" .>:\n"
          "    error calling include:\nc/templates/_l.lua:1:0\n  executing \"lua\" at <define(\"lua\", function(d) "
          "return d.y.z end)>:\n    attempt to index a number value (field 'y')" },
        /* Lua includes Go that fails */
        { "return { a = include(\"bad\", null) }", "execution error at (c/templates/x.lua:1:0): no" },
        { "return { a = required(\"give x\", Values.x) }", "execution error at (c/templates/x.lua:1:0): give x" },
        /* a function of another file */
        { "local m = require \"_l\"\nlocal v = m.deep(function()\n  error(\"oh: dear\")\nend)\nreturn v",
          "executing \"deep\" at <return { deep = function(f) local r = f() return r end, n = 1 }>:" },
        { "return { a = randAlphaNum(\"x\") }",
          "wrong type for value; expected int; got string (argument 1 of randAlphaNum)" },
        { "return { a = replace(\"a\", Values.ports, \"x\") }", " (argument 2 of replace)" },
        { "return { a = randAlphaNum() }", "wrong number of args for randAlphaNum: want 1 got 0" },
        { "return { a = mustFromJson(\"{\") }", "error calling mustFromJson: unexpected end of JSON input" },
        { "return { a = include(\"nowhere\", dot) }",
          "template: no template \"nowhere\" associated with template \"gotpl\"" },
        { "return { a = tpl(\"{{ .x.y.z }}\", { x = 1 }) }", "error during tpl function execution for" },
        { "return { spec = { c = { { n = print } } } }",
          "what the file returns: spec.c[1].n: a function is no value: only texts" },
        { "return { a = { 1, nil, 3 } }",
          "what the file returns: a: a list has holes: 2 entries, and the last is at 3" },
        { "return { a = { [8080] = 1 } }", "a list has holes: 1 entries, and the last is at 8080" },
        { "return { a = { [0] = 1 } }", "a table with the key 0 is neither a list nor a map" },
        { "return { a = { 1, b = 2 } }", "a table has both positions and names as keys" },
        { "return { a = { [true] = 2 } }", "a table has a boolean as key" },
        { "return \"text\"",
          "what the file returns is a string, and a document is a map; fromYaml makes one of a text" },
        { "return { {}, 5 }", "entry 2 of what the file returns is a number, and a document is a map" },
        { "return {}, 5", "value 2 of what the file returns is a number" },
        { "define(\"x\", print)", "define is for files whose name begins with _" },
        { "error({})", "error() was given a table; give it a text" },
        { "error()", "nil" },
        { "Values.ports[9] = 1", "a list of 2 entries has no place 9 to store to" },
        { "Values.ports.x = 1", "a list has places, 1 to 2, and no names to store to" },
        { "Values[1] = 1", "a map has texts as keys, not a number" },
        { "return { a = now():Nope() }", "there is no field or method Nope here" },
        { "return Values.image .. \"x\"", "attempt to concatenate a chart value (field 'image')" },
        { "x = = 1", "parse error at (c/templates/x.lua:1): unexpected symbol near '='" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct result r;
        run_one(rows[i].code, 0, &r);
        if (r.rc != HC_E_INPUT || hc_str_find_str(r.error, hc_str_of(rows[i].want)) == SIZE_MAX)
            fail_msg("%s\nrc %d, wanted \"%s\" in:\n%.*s", rows[i].code, (int)r.rc, rows[i].want, HC_P(r.error));
        bool in_tpl = strcmp(r.err.file, "gotpl") == 0;
        if ((strncmp(r.err.file, "c/templates/", 12) != 0 && !in_tpl) || r.err.line < 1)
            fail_msg("%s: position %s:%d", rows[i].code, r.err.file, r.err.line);
    }
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static void values(void **state)
{
    (void)state;
    static const struct {
        const char *code, *want;
    } rows[] = {
        { "return { a = 3, b = 3.0, c = 0.5, d = 1e300 }", "a: 3\nb: 3\nc: 0.5\nd: 1e+300\n" },
        { "return { a = typeOf(3), b = typeOf(3.0), c = kindOf({}), d = kindOf({1}), e = kindOf(null) }",
          "a: int\nb: float64\nc: map\nd: slice\ne: invalid\n" },
        { "return { a = append({}, 1), b = join(\",\", {}), c = concat({}, {1}, {}), d = has(1, {}), e = first({}) "
          "== null, "
          "f = uniq({}), g = set({}, \"x\", 1), h = sortAlpha({}), i = prepend({}, 1), j = without({}, 1), k = "
          "chunk(2, {}) }",
          "a:\n- 1\nb: \"\"\nc:\n- 1\nd: false\ne: true\nf: []\ng:\n  x: 1\nh: []\ni:\n- 1\nj: []\nk: []\n" },
        { "return { a = null, b = {}, c = list(), d = dict(), e = aslist{}, f = asmap{}, g = { {}, null } }",
          "a: null\nb: {}\nc: []\nd: {}\ne: []\nf: {}\ng:\n- {}\n- null\n" },
        { "return { a = Values.nothing == null, b = Values.missing == nil, c = Values.nothing == nil }",
          "a: true\nb: true\nc: false\n" },
        { "return { a = type(Values), b = type(null), c = type(Values.ports), d = type(Values.half), e = "
          "type(now()) }",
          "a: table\nb: \"null\"\nc: table\nd: number\ne: userdata\n" },
        { "return { z = 1, a = 1, m = 1, [\"10\"] = 1, [\"9\"] = 1 }", "\"9\": 1\n\"10\": 1\na: 1\nm: 1\nz: 1\n" },
        { "local t = {} for k, v in pairs({ b = 1, a = 2, c = 3, 7, 8 }) do t[#t + 1] = k .. \"=\" .. v end "
          "return { a = join(\",\", t) }",
          "a: 1=7,2=8,a=2,b=1,c=3\n" },
        { "local t = {} for i, p in ipairs(Values.ports) do t[i] = p + 1 end return { a = t, n = #Values.ports }",
          "a:\n- 81\n- 444\n\"n\": 2\n" },
        { "local t = {} for k in pairs(Values.image) do t[#t + 1] = k end return { a = t }", "a:\n- repository\n" },
        { "Values.image.tag = \"2\" Values.ports[3] = { x = 1 } Values.ports[1] = nil Values.half = nil return "
          "Values",
          NULL },
        { "Values.image.tag = \"2\" Values.ports[3] = { x = 1 } Values.half = nil return Values",
          "image:\n  repository: nginx\n  tag: \"2\"\nnothing: null\nports:\n- 80\n- 443\n- x: 1\n" },
        { "local t = { 5, 3, 9, 1 } table.sort(t) return { a = t }", "a:\n- 1\n- 3\n- 5\n- 9\n" },
        { "local t = { {1, \"a\"}, {0, \"b\"}, {1, \"c\"}, {0, \"d\"} } table.sort(t, function(x, y) return x[1] < "
          "y[1] end) "
          "return { a = t[1][2] .. t[2][2] .. t[3][2] .. t[4][2] }",
          "a: bdac\n" },
        { "local l = list(3, 1, 2) table.sort(l, function(x, y) return x > y end) return { a = l }",
          "a:\n- 3\n- 2\n- 1\n" },
        { "return { a = tostring({}), b = tostring(print), c = tostring(null), d = tostring(string), e = "
          "tostring(1.0) }",
          "a: table\nb: function\nc: \"null\"\nd: library\ne: \"1.0\"\n" },
        { "return { a = tostring(Values.image), b = tostring(list(1, \"x\")) }",
          "a: map[repository:nginx]\nb: '[1 x]'\n" },
        { "return { a = include(\"go\", { x = 5 }), b = tpl(\"{{ .a }}{{ .b | len }}\", { a = 1, b = { 1, 2 } }), "
          "c = tpl(\"plain\", null) }",
          "a: <5>\nb: \"12\"\nc: plain\n" },
        { "return { a = include(\"back\", { y = { z = { k = \"v\" } } }) }", "a: 'k: v'\n" },
        { "return { a = fn[\"and\"](1, 0, 2), b = fn[\"or\"](\"\", \"x\"), c = fn[\"not\"](true), d = "
          "fn[\"repeat\"](2, \"ab\") }",
          "a: 0\nb: x\nc: false\nd: abab\n" },
        { "return { a = semver(\"1.2.3\").Minor, b = semver(\"1.2.3\"):Compare(semver(\"1.2.4\")), c = "
          "toDate(\"2006\", \"2020\").Year }",
          "a: 2\nb: -1\nc: 2020\n" },
        { "return { a = substr(0, 2, \"abc\"), b = until_ == nil, c = fn[\"until\"](3), d = splitList(\",\", "
          "\"a,b\") }",
          "a: ab\nb: true\nc:\n- 0\n- 1\n- 2\nd:\n- a\n- b\n" },
        { "return { a = has(2, { 1, 2 }), b = dict(\"x\", { 1 }).x[1], c = join(\"-\", Values.ports), d = first({ "
          "7 }) }",
          "a: true\nb: 1\nc: 80-443\nd: 7\n" },
        { "return { a = require(\"_l\").n, b = require(\"_l.lua\") == require(\"_l\") }", "a: 1\nb: true\n" },
        { "return { { a = 1 }, null, { a = 2 } }", "a: 1\n---\na: 2\n" },
        { "return { a = 1 }, { { a = 2 } }, nil, null", "a: 1\n---\na: 2\n" },
        { "", "" },
        { "return", "" },
        { "return list()", "" },
        { "return null", "" },
        { "#!/usr/bin/lua\nreturn { a = 1 }", NULL },
        { "return { a = (\"abc\"):sub(2), b = (\"x\"):rep(3, \"-\"), c = #\"abc\" }", "a: bc\nb: x-x-x\nc: 3\n" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct result r;
        run_one(rows[i].code, 0, &r);
        if (!rows[i].want ? r.rc == HC_OK : r.rc != HC_OK || !hc_str_eqz(r.texts[0], rows[i].want))
            fail_msg("%s\nrc %d, wanted:\n%s\ngot:\n%.*s\n%.*s", rows[i].code, (int)r.rc,
                     rows[i].want ? rows[i].want : "an error", HC_P(r.texts[0]), HC_P(r.error));
    }
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static void files_are_apart(void **state)
{
    (void)state;
    static const struct hc_template_file files[] = {
        LUA("a.lua", "x = (x or 0) + 1 upper = function() return \"mine\" end return { a = x, u = upper(\"b\"), t "
                     "= Template.Name }"),
        LUA("b.lua", "x = (x or 0) + 1 Values.n = (Values.n or 0) + 1 return { b = x, u = upper(\"b\"), m = "
                     "require(\"_m\")() }"),
        PARTIAL("_m.lua", "local n = 0 return function() n = n + 1 return n end"),
        GO("c.yaml", "{{ include \"c/templates/b.lua\" . }}n: {{ .Values.n }}"),
    };
    struct hc_err err = HC_ERR_INIT;
    struct hc_program *p = compile(files, HC_LEN(files), &err);
    if (!p)
        fail_msg("%s", err.msg);
    uint64_t parses = 0;
    for (int i = 0; i < 3; i++) {
        struct result r;
        run(p, HC_LEN(files), 0, &r);
        if (r.rc != HC_OK)
            fail_msg("%s", r.err.msg);
        assert_true(hc_str_eqz(r.texts[0], "a: 1\nt: c/templates/a.lua\nu: mine\n"));
        assert_true(hc_str_eqz(r.texts[1], "b: 1\nm: 2\nu: B\n")); /* c.yaml ran before, and included it */
        assert_true(hc_str_eqz(r.texts[3], "b: 1\nm: 1\nu: B\nn: 1"));
        assert_true(i == 0 || parses == hc_program_parses()); /* nothing is compiled again */
        parses = hc_program_parses();
    }
    hc_program_unref(p);
}

static void the_last_definition_wins(void **state)
{
    (void)state;
    /* Files are read by descending names: _z before _a. */
    static const struct hc_template_file files[] = {
        GO("x.yaml", "{{ include \"n\" . }} {{ include \"m\" . }} {{ include \"o\" . }}"),
        GO_PARTIAL("_b.tpl", "{{ define \"n\" }}go{{ end }}{{ define \"m\" }}go{{ end }}"),
        PARTIAL("_a.lua",
                "define(\"n\", function() return \"lua\" end) define(\"o\", function() return { k = 1 } end)"),
        PARTIAL("_c.lua",
                "define(\"m\", function() return \"lua\" end) define(\"o\", function() return \"first\" end)"),
    };
    struct hc_err err = HC_ERR_INIT;
    struct hc_program *p = compile(files, HC_LEN(files), &err);
    assert_non_null(p);
    struct result r;
    run(p, HC_LEN(files), 0, &r);
    if (r.rc != HC_OK)
        fail_msg("%s", r.err.msg);
    if (!hc_str_eqz(r.texts[0], "lua go k: 1"))
        fail_msg("%.*s", HC_P(r.texts[0]));
    hc_program_unref(p);
}

static void modules_in_a_circle(void **state)
{
    (void)state;
    static const struct hc_template_file files[] = {
        PARTIAL("_a.lua", "\nrequire \"_b\""),
        PARTIAL("_b.lua", "return require \"_a\""),
    };
    struct hc_err err = HC_ERR_INIT;
    struct hc_program *p = compile(files, HC_LEN(files), &err);
    assert_non_null(p);
    struct result r;
    run(p, HC_LEN(files), 0, &r);
    assert_int_equal(r.rc, HC_E_INPUT);
    assert_non_null(strstr(r.err.msg, "requires itself, over one or more files"));
    hc_program_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name),
        cmocka_unit_test(no_way_out),
        cmocka_unit_test(places),
        cmocka_unit_test(values),
        cmocka_unit_test(files_are_apart),
        cmocka_unit_test(the_last_definition_wins),
        cmocka_unit_test(modules_in_a_circle),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
