#pragma once
/*
 * templating/render/lua_source.h - the text of a Lua template as a trace sees it
 *
 * Not a tree: which tokens make up each thing that sets something (a field of a table, an assignment, what is returned) or
 * decides (the head of an if, a loop), what lies in what, and on which lines. The text was checked by Lua before. Lives in
 * the arena it was made in; immutable.
 */
#include "core/base/arena.h"
#include "core/base/str.h"

enum lua_tok_kind { LUA_TOK_NAME, LUA_TOK_WORD, LUA_TOK_TEXT, LUA_TOK_NUMBER, LUA_TOK_SIGN };
struct lua_tok {
    uint8_t kind;
    bool reads;    /* the name or text asks a value for something, or is called */
    bool calls;    /* it is called */
    bool variable; /* a name by itself */
    uint32_t
        match; /* of an opening bracket, and of "function": the token that closes it; of a call: its last token */
    uint32_t nth; /* of the tokens with the same text on its line that read, from 0 */
    uint32_t pos; /* in the text */
    int line;
    hc_str s; /* of a text: what is in it, as it is written */
};

enum lua_unit_kind {
    LUA_UNIT_HEAD,   /* of if, elseif, while, for, until                                       */
    LUA_UNIT_SET,    /* an assignment or `local`: `sets`                                       */
    LUA_UNIT_CALL,   /* a call whose result nobody wants                                       */
    LUA_UNIT_RETURN, /* of a function or file                                                  */
    LUA_UNIT_FIELD,  /* of a table: one set, its target the key (empty: by position, see below) */
};
/* Tokens [to, to_end) get what tokens [from, from_end) give. */
struct lua_set {
    uint32_t to, to_end, from, from_end;
};
struct lua_unit {
    uint8_t kind;
    bool held;      /* it is there when the head around it holds, else when it does not */
    bool loop;      /* HEAD: of for                                               */
    bool assigns;   /* HEAD: a variable from outside is assigned under it             */
    uint32_t head;  /* 1 + the head around it, in the same function               */
    uint32_t up;    /* FIELD: 1 + the field whose value is the table it stands in */
    uint32_t place; /* FIELD: its position from 1, when it has no key             */
    uint32_t from, end;
    uint32_t set, sets_n;
    int first, last;   /* lines                                                */
    int function_line; /* of the function it stands in; 0: the file itself     */
};

struct lua_source {
    hc_str text;
    struct lua_tok *toks;
    struct lua_unit *units;
    struct lua_set *sets;
    uint32_t toks_n, units_n, sets_n;
    /* The units with something on a line: of line i, by_line[lines[i]] to by_line[lines[i + 1] - 1]. */
    uint32_t *lines, *by_line;
    int lines_n;
};

/* Whether it assigns to what is there already. */
bool lua_unit_assigns(const struct lua_source *s, const struct lua_unit *u);
/* NULL: no memory, or a text that is no Lua after all. */
struct lua_source *lua_source_read(struct hc_arena *a, hc_str text);
