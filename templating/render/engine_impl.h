#pragma once
/*
 * templating/render/engine_impl.h - what the files of the engine share
 *
 * engine_program.c  parsing, names, the pool of Lua states
 * engine_run.c      one run: frames, calls of templates, what the emitted Lua calls
 * engine_walk.c     a template walked in C, which is how nearly all of them run
 * engine_eval.c     pipelines: fields, methods, functions, literals
 * engine_error.c    Helm's error texts
 * engine_memory.c   what a statement made is given back behind it
 * engine_again.c    an include that ran before in this run
 * engine_kept.c     what a run leaves for the next one
 * engine_trail.c    includes known from an earlier run by what they read
 * engine_door.c     where a question to the outside world is asked
 * lua_*.c           Lua templates (lua_impl.h)
 * trace_*.c         a traced run: where each byte of the output came from
 *
 * Functions that may leave by a Lua error end in _raises or are hc_run_fail*; nothing in a run owns memory but the
 * run itself, so leaving is free.
 */
#include <lua.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include "core/value/kept.h"
#include "lua/bridge/tvalue.h"
#include "lua/funcs/funcs.h"
#include "lua/sandbox/sandbox.h"
#include "templating/emit/emit.h"
#include "templating/render/engine.h"

/*
 * A named template. Its tree is what C walks. Where Lua runs it, it does so by a twin with a tree of its own, since
 * the emitter writes into the nodes and others may be walking these. Those of a tpl text belong to one run.
 */
struct tmpl {
    struct hc_tree tree;
    uint32_t slots;             /* places for its variables */
    uint32_t index;             /* of its function in the state's table */
    uint32_t nth;               /* in its file or text */
    uint32_t script;            /* 1 + its file, when it is a Lua template; 0: Go's */
    uint32_t active;            /* tpl only: how deep include is in it */
    atomic_int worth;           /* of keeping what its includes print (engine_kept.c) */
    atomic_int trail_worth;     /* likewise (engine_trail.c) */
    atomic_bool trailed;        /* somebody wants it kept so */
    _Atomic(struct tmpl *) lua; /* the twin, NULL until Lua first runs it */
    struct hc_code *code;       /* twins only */
    atomic_bool ready;          /* `code` is there */
};

struct name_entry {
    hc_str name;
    struct tmpl *tmpl; /* the definition that won */
};

/* A Lua state with the run time and the functions of one program in it. */
struct machine {
    struct hc_luabox *sandbox;
    lua_State *l;
    struct machine *next;
};

struct hc_program {
    atomic_uint refs;
    uint64_t serial; /* no two programs of a process have the same */
    struct hc_arena *a;
    bool helm3;
    struct hc_template_file *files;
    uint32_t *order; /* of rendering */
    size_t files_n;
    struct name_entry *names;
    uint32_t *index; /* of names: open addressing, 1 + position */
    size_t names_n, index_cap;
    uint32_t tmpls_n;
    uint32_t scripts_n;     /* Lua templates */
    atomic_int trail_worth; /* of following what its includes read (engine_trail.c); 0: nobody knows */
    struct hc_syntax_port port;
    pthread_mutex_t lock; /* the arena after compiling, `code` of the templates, the pool */
    struct machine *pool;
    unsigned pool_n;
};

/* What a tpl text parsed to; kept for the run, since charts give the same text again and again. */
struct text {
    hc_str text;
    uint64_t hash;
    struct tmpl *tmpls; /* its definitions, the text itself last */
    size_t n;
    const struct hc_kept *kept; /* what holds the trees, borrowed; NULL: the run does */
};

/* Names that a tpl text defines, seen while it runs. */
struct env {
    const struct env *outer;
    struct text *text;
};

enum frame_kind {
    FRAME_FILE,
    FRAME_INCLUDE,
    FRAME_TPL,
    FRAME_TEMPLATE,
    FRAME_SCRIPT, /* only in errors: a function of a Lua template, called by the frame before */
};

/* A template that is running. */
struct frame {
    enum frame_kind kind;
    struct tmpl *t;
    const struct hc_node *call;     /* the command that called it, in the frame before */
    const struct hc_node *saved_at; /* where the frame before was */
    const struct env *saved_env;
    uint32_t *active; /* the counter to give back */
    hc_str text;      /* tpl: its text */
    size_t mark;      /* where its output begins */
    uint32_t slots;   /* where its variables begin */
    uint32_t depth;   /* of {{template}} in {{template}} */
};

/*
 * A stretch of a run, a statement or a call, whose memory is given back at its end: what it made is dead then, unless
 * it was put into something older, a map or a variable. Stands on the C stack of who opened it.
 */
struct stretch {
    struct stretch *outer;
    struct hc_arena_mark mark;
    size_t frames; /* how many templates ran when it began */
    bool opened, held;
};

/* An include whose result may be kept. Stands on the C stack of who runs it. */
struct memo {
    struct memo *outer;
    struct hc_arena_mark mark;
    struct hc_kept_key key;
    uint32_t cost, asked, dear; /* of looking at its data; of struct hc_fcall when it began */
    uint64_t steps_left;
    bool open, spoilt, all_spoilt; /* all: the outer ones too */
};

/* An include whose result may be known again later in the run (engine_again.c). Likewise. */
struct again {
    struct again *outer;
    struct hc_map *map; /* its data, of which single entries are noted; NULL: all of it counts, which is `data` */
    struct hc_kept_key data;
    const struct hc_map *said; /* older than it, and `said_key` is what it says */
    struct hc_kept_key said_key;
    unsigned said_left; /* how many values are in it */
    struct hc_arena_mark mark;
    size_t reads, deepest;    /* of the run, when it began; deepest: to be put back */
    size_t trail_reads;       /* likewise, of struct trails */
    struct hc_kept_key trail; /* what it can be found by in another run */
    const struct hc_node *trail_site;
    const struct hc_val *trail_data;
    uint32_t asked, dear, looks; /* likewise */
    uint64_t steps;
    uint8_t type; /* of the data */
    bool open;
    bool lost;        /* what it depends on is not known */
    bool changed;     /* it changed something older than itself */
    bool in_file;     /* it depends on the file at hand */
    bool notes;       /* worth being known again in this run */
    bool trailed;     /* worth being known in another one */
    bool untold;      /* what it read cannot be told to another one */
    bool trail_needs; /* which entries of its data were read has to be told */
    bool deaf;        /* nobody wants to know which */
};

struct again_read {
    struct hc_map *map;
    hc_str key; /* .p NULL: how many entries there are */
};

struct known_of;

struct run {
    struct hc_program *p;
    struct hc_arena *a;
    struct hc_arena *texts_a;     /* what tpl texts parsed to, NULL: nothing or `keeps`; counts as part of `a` */
    size_t texts_before;          /* of it used, before the text at hand */
    struct stretch *stretch;      /* the innermost; NULL: none */
    bool keeps;                   /* nothing is given back: others hold on to what was made */
    bool memos;                   /* what includes print may be kept */
    struct memo *memo;            /* the innermost; NULL: none */
    uint32_t looks;               /* how often what is kept would have been spoilt */
    bool agains, again_off;       /* what includes print may be known again in this run; not any more */
    struct again *again;          /* the innermost that runs; NULL: none */
    struct known_of *again_known; /* by template */
    struct hc_arena *again_a;     /* what is known */
    struct hc_kept_key again_seed;
    struct hc_arena_mark again_since; /* what is older changes only with again_epoch */
    uint32_t again_epoch, again_file;
    const struct hc_map *again_made; /* by dict, and nobody else has it yet */
    struct trails *trails;           /* what running includes have read of values; NULL: nobody wants to know */
    bool trails_on, trails_wanted;   /* wanted: from the next file on */
    bool trails_changing;            /* a context changes, and nobody has said yet how */
    struct again_read *reads;        /* stack of what running includes have read of their data */
    size_t reads_n, reads_cap;
    size_t deepest;      /* most frames at a time */
    uint64_t text_steps; /* what parsing texts of tpl cost */
    struct machine *m;   /* NULL until Lua is needed */
    bool in_lua;         /* running: errors leave by Lua, steps are counted there */
    bool stopped;        /* the budget of steps is spent */
    uint64_t steps_left;
    const char *stack; /* where the C stack stood when the run began */
    jmp_buf out_of_run;
    const struct hc_run *in;
    struct hc_trace *trace; /* NULL: nobody asks where things come from */
    hc_str *out_texts;
    struct hc_fcall fc;
    struct hc_err func_err;
    const struct hc_func *checked; /* of a call out of Lua, while its arguments are checked: whose, and which */
    size_t checked_arg;
    struct hc_buf out;
    struct frame *frames, *f; /* f: the running one */
    size_t frames_n, frames_cap;
    hc_tv *slots;
    size_t slots_n, slots_cap;
    struct hc_val **args; /* stack of arguments being gathered */
    size_t args_n, args_cap;
    bool invalid;             /* the last argument gathered was Go's invalid value, not a nil in an interface */
    const struct hc_node *at; /* Go's s.node: what an error is about */
    const struct env *env;
    uint32_t *active;        /* per name of the program */
    const struct walk *walk; /* the innermost loop */
    struct text **texts;
    size_t texts_n, texts_cap;
    uint32_t tmpls_n;            /* of the program and of all tpl texts */
    struct script_run *script;   /* NULL: the program has no Lua templates */
    uint64_t calls, deadline_ns; /* of processor time */
    int64_t look_ms;             /* before, it cannot have come: two threads at most spend it */
    enum hc_rc rc;               /* HC_OK until it failed */
    struct hc_err *err;
    struct hc_buf error; /* the whole text */
};

static inline struct run *run_of(lua_State *l)
{
    return hc_luabox_user(hc_luabox_of(l));
}

/* What work costs beside Lua's own instructions; a step is some two nanoseconds. */
enum { STEPS_NODE = 20, STEPS_CALL = 60, STEPS_TURN = 40, STEPS_TEXT = 2000, STEPS_TEXT_BYTE = 40 };

HC_NORETURN void run_steps_spent(struct run *r);

static inline void run_charge(struct run *r, uint64_t steps)
{
    if (__builtin_expect(r->in_lua, 0))
        hc_luabox_charge_raises(r->m->sandbox, steps);
    else if (__builtin_expect(r->steps_left > steps, 1))
        r->steps_left -= steps;
    else
        run_steps_spent(r);
}

/* ---- engine_program.c ------------------------------------------------------------------------------ */

struct tmpl *program_find(const struct hc_program *p, hc_str name, uint32_t *out_entry);
/* The twin that Lua runs, its Lua emitted: of a template of the program, or of a tpl text in the run's arena. */
enum hc_rc program_lua(struct hc_program *p, struct tmpl *t, struct tmpl **out, struct hc_err *err);
enum hc_rc text_lua(struct hc_program *p, struct hc_arena *a, struct tmpl *t, struct tmpl **out,
                    struct hc_err *err);
/* Parses a file or text to templates that C can walk, numbered from `index` on; the text itself is the last one. */
enum hc_rc program_parse(struct hc_program *p, struct hc_arena *a, hc_str name, hc_str text, uint32_t index,
                         struct tmpl **out, size_t *out_n, struct hc_buf *out_error, struct hc_err *err);
void program_count(void);
struct machine *machine_take(struct hc_program *p);
void machine_give(struct hc_program *p, struct machine *m, bool good);
/* The engine's own functions, which have no row in lua/funcs. */
enum own_func { OWN_NONE, OWN_INCLUDE, OWN_TPL, OWN_AND, OWN_OR, OWN_CALL, OWN_FAIL, OWN_REQUIRED };
enum own_func own_func_of(const struct hc_func *f);
const char *own_func_name(enum own_func f);

/* ---- engine_run.c ---------------------------------------------------------------------------------- */

/* What the emitted Lua may call, and only that. */
void engine_open_raises(lua_State *l);
/* The registry's name for the table of template functions. */
#define FUNCS_KEY "hc.templates"
/* The key of a template in it, and of the bodies of its blocks. */
static inline lua_Integer func_key(uint32_t index, uint32_t block)
{
    return (lua_Integer)index << 20 | block;
}
/* `.` of a file. */
hc_tv file_context(struct run *r, uint32_t file);

/* Pushes a frame for the template and pops it. `text`: of tpl. */
struct frame *frame_enter(struct run *r, enum frame_kind kind, struct tmpl *t, const struct hc_node *call,
                          hc_tv dot, const struct hc_val *text);
void frame_leave(struct run *r);
/* What Lua runs in place of the template, and running it: the top frame's. */
struct tmpl *lua_twin(struct run *r, struct tmpl *t);
void run_by_lua(struct run *r);
/* Runs `f` in the state of Lua, protected; an error leaves the run. */
void run_in_lua(struct run *r, lua_CFunction f);
/* Pushes the function and the data of the top frame: the two results of an *_enter. */
int push_body(struct run *r, lua_State *l);

/* The template that include, tpl or template means, checked; *out_active: the counter of include. `cmd` may be NULL:
 * a Lua template calls. */
struct tmpl *include_target(struct run *r, const struct hc_node *cmd, hc_str name, uint32_t **out_active);
struct tmpl *template_target(struct run *r, const struct hc_node *n);
struct text *text_of(struct run *r, const struct hc_node *cmd, hc_str s);
/* Pushes the frame of tpl; `t` is the text's template or its twin. */
void tpl_frame(struct run *r, const struct hc_node *cmd, struct text *text, struct tmpl *t, const struct hc_val *s,
               hc_tv data);
/* The value of a tpl text without an action, NULL: it has one. */
struct hc_val *tpl_plain(struct run *r, const struct hc_val *text);
/* Pops the frame and gives what was printed in it: the value of include and tpl. */
struct hc_val *include_result(struct run *r);
struct hc_val *tpl_result(struct run *r);
void check_output(struct run *r);

/* What a loop goes over: a snapshot, so that a map may change meanwhile. */
struct walk {
    const struct hc_node *node;
    const struct walk *around;  /* the loop around it, in whichever template */
    struct hc_val **items;      /* list */
    struct hc_entry *entries;   /* map, sorted */
    const unsigned char *bytes; /* []byte */
    int64_t i, n;
    uint8_t kind, type; /* of an int */
    bool boxed, is_uint;
};
/* Begins a range over the value of its pipeline; NULL: there is nothing to go over. */
struct walk *range_start(struct run *r, const struct hc_node *n, hc_tv value);
/* The next turn: sets the loop's variables and *out_elem. */
bool range_turn(struct run *r, struct walk *w, hc_tv *out_elem);
/* Behind the last one, and before a loop is left by a break. */
void range_end(struct run *r, const struct walk *w);

/* ---- engine_walk.c --------------------------------------------------------------------------------- */

/* struct hc_fcall's turns: 0 behind Lua templates, and where templates are in each other again and again. */
uint32_t run_turns(void *run);

/* How statements ended. */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
enum flow walk_items(struct run *r, hc_tv dot, struct hc_node *const *items, size_t n);
/* include and tpl from C, with their checked arguments. */
hc_tv walk_include(struct run *r, const struct hc_node *cmd, const struct hc_val *name, hc_tv data);
hc_tv walk_tpl(struct run *r, const struct hc_node *cmd, const struct hc_val *text, hc_tv data);
/* Prints the value of an action. */
void walk_print(struct run *r, hc_tv v);
/* Runs the template of a file to its end; the output is in r->out. */
void walk_file(struct run *r, struct tmpl *t, hc_tv dot);

/* ---- engine_memory.c ------------------------------------------------------------------------------- */

void stretch_begin(struct run *r, struct stretch *s);
void stretch_end(struct run *r, struct stretch *s);
/* struct hc_fcall's on_change; `ctx` is the run. */
void stretch_change(void *ctx, const struct hc_map *map);
/* A variable of the running template got a value that may outlive the statement at hand. */
void stretch_assign(struct run *r);
/* Somebody beside the run has a value out of the statements at hand. */
void stretch_hold(struct run *r);
/* Memory for what is kept to the end of the run; between the two calls, or at once when it fails. */
struct hc_arena *texts_arena(struct run *r);
void texts_arena_done(struct run *r);

/* ---- engine_kept.c ---------------------------------------------------------------------------------- */

/* The text as an earlier run parsed it, or parsed now for all; false: it is this run's own matter, mistakes and all. */
bool kept_text(struct run *r, struct hc_arena *a, hc_str s, struct text *out);

/* What the include prints, known from an earlier run; NULL: it has to run, between this and memo_end. */
struct hc_val *memo_begin(struct run *r, struct memo *m, struct tmpl *t, const struct hc_val *data);
void memo_end(struct run *r, struct memo *m, struct tmpl *t, const struct hc_val *v);
/* Whether what the template prints for such data may be found or kept by it. */
bool memo_tries(const struct run *r, struct tmpl *t, const struct hc_val *data);
/* What runs now depends on more than its data. The others only with r->memo: all of the value is looked at; one of its
 * fields or their number is; the map is about to change; the function was called. */
void memo_spoil(struct run *r);
void memo_look(struct run *r, const struct hc_val *v);
void memo_enter(struct run *r, const struct hc_val *v);
void memo_change(struct run *r, const struct hc_map *map);
void memo_call(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n,
               const struct hc_val *out);

/* Whether anybody wants to be told of what is looked at. */
static inline bool is_watched(const struct run *r)
{
    return r->memo || r->again;
}

/* ---- engine_again.c --------------------------------------------------------------------------------- */

/* Before all files, and before each. */
void again_start(struct run *r);
void again_file(struct run *r, const struct hc_val *dot);
/* What the include prints, known from earlier in the run; NULL: it has to run, between this and again_end. */
struct hc_val *again_begin(struct run *r, struct again *g, struct tmpl *t, const struct hc_node *cmd,
                           const struct hc_val *data);
void again_end(struct run *r, struct again *g, struct tmpl *t, const struct hc_val *v);
/* What merge made of `.` of a file: large, and another one in each. */
bool again_is_copy(const struct hc_val *data);
/* What runs now depends on nobody knows what. */
void again_lose(struct run *r);
/* Only with r->agains: a field of the value is read; what was found; whether it is empty counts; all of it is looked at; its
 * entries are gone through; a function was called; the map is about to change. */
void again_field(struct run *r, const struct hc_val *v, hc_str name);
void again_taken(struct run *r, const struct hc_val *from, const struct hc_val *v);
void again_truth(struct run *r, hc_tv value);
void again_look(struct run *r, const struct hc_val *v);
void again_range(struct run *r, const struct hc_val *v);
void again_call(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n,
                const struct hc_val *out);
void again_change(struct run *r, const struct hc_map *map);

/* ---- engine_trail.c --------------------------------------------------------------------------------- */

/* Among the flags of a map: what is read of it is noted here; it has a number that is the same in all runs; one of those
 * can be reached from it (of lists, too); it is the context of a chart, which has the two before this, too. */
#define TRAIL_ROOT    0x2000u
#define TRAIL_NAMED   0x4000u
#define TRAIL_HOLDS   0x8000u
#define TRAIL_CONTEXT 0x10000u

/* Before each file. */
void trail_file(struct run *r, const struct hc_val *dot);
void trail_done(struct run *r);
/* An include ran again, for the n-th time in the run, only as the file is another one. */
void trail_learn(struct run *r, struct tmpl *t, uint64_t steps, uint32_t n);
/* No more of it in this run. */
void trail_off(struct run *r);
/* What is read of a root or context: an entry, all of it, whether there is any. Of a context all means what it holds
 * beyond what it was made of. */
void trail_read(struct run *r, const struct hc_map *map, hc_str key);
void trail_field(struct run *r, const struct hc_map *map, hc_str name); /* by a template's own name for it */
void trail_whole(struct run *r, const struct hc_map *map);
void trail_count(struct run *r, const struct hc_map *map);
/* A map that existed before the file at hand changes. */
void trail_change(struct run *r, const struct hc_map *map);
/* The function did that. */
void trail_changed(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n);

/* Whether an include of the template may be known from an earlier run; this one. */
bool trail_may(const struct run *r, struct tmpl *t);
/* How much of the notes belongs to what runs already. */
size_t trail_reads(const struct run *r);
bool trail_wants(struct run *r, struct again *g, struct tmpl *t, const struct hc_node *cmd,
                 const struct hc_val *data);
/* What it prints, and what it read is noted in `g`, which is open; {NULL, 0}: it has to run. */
hc_str trail_find(struct run *r, struct again *g, struct tmpl *t, uint64_t *out_steps);
/* It ran in so many steps and may be found by other runs; `good`: it can be told what it depends on. */
void trail_put(struct run *r, struct again *g, struct tmpl *t, hc_str text, uint64_t steps, bool good);
/* What it read, what runs around it did. */
void trail_end(struct run *r, struct again *g);
/* What the one that runs has read, as numbers in `a` that trail_again notes; false: no memory. */
bool trail_told(struct run *r, struct hc_arena *a, const uint32_t **out, uint32_t *out_n);
void trail_again(struct run *r, const uint32_t *ids, uint32_t n);

/* A function was called. Whoever watches needs to be told of collections only: what is one value was looked at when it was
 * read. */
static inline void watch_call(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n,
                              const struct hc_val *out)
{
    bool has = out && out->kind >= HC_LIST;
    for (size_t i = 0; i < n; i++)
        has |= args[i] && args[i]->kind >= HC_LIST;
    if (has && (r->memo ? !r->memo->all_spoilt : r->again != NULL))
        memo_call(r, f, args, n, out);
    if (has && r->agains)
        again_call(r, f, args, n, out);
}

/* ---- engine_eval.c --------------------------------------------------------------------------------- */

/* Arguments that Lua got: the values from stack position `next` on, or the table there. */
struct given {
    lua_State *l;
    int next, top;
    int in_table; /* the last one taken out of a table; 0: none */
    const struct hc_node *at;
};

hc_tv eval_pipe(struct run *r, hc_tv dot, const struct hc_node *pipe);
hc_tv eval_arg(struct run *r, hc_tv dot, char type, const struct hc_node *n);
/* The type of parameter i (from 0) in struct hc_func's letters. */
char param_type(const char *params, size_t i);
/* The value as a parameter of that type gets it; raises when it does not fit. */
hc_tv eval_fit(struct run *r, hc_tv value, char type);
/* With what Lua handed over from stack position 3 on. */
hc_tv eval_command_given(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *cmd);
/* The same for a field or chain when its value does not take the arguments; false: it has such a method, and wants them. */
bool eval_command_spares(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *cmd, hc_tv *out);
/* Gathers and checks the arguments of include or tpl: two of them. */
void eval_two_args(struct run *r, lua_State *l, hc_tv dot, const struct hc_node *cmd, const char *name,
                   struct hc_val **out_text, struct hc_val **out_data);
hc_tv eval_chain_base(struct run *r, hc_tv dot, const struct hc_node *chain, hc_tv base);
/* What the pipeline declares or assigns gets the value. */
void eval_declare(struct run *r, const struct hc_node *pipe, hc_tv v);
void eval_store(struct run *r, const struct hc_node *var, hc_tv v);
bool eval_truth(hc_tv v);
/*
 * Calls a function with the values r->args[base...], which are checked against its parameters and popped. `node`: where
 * an error is; NULL in a Lua template.
 */
hc_tv eval_call_with(struct run *r, const struct hc_func *f, const struct hc_node *node, size_t base);
void eval_push_arg(struct run *r, struct hc_val *v);
char eval_param_type(const char *params, size_t i);
/* Go's complaint when the number of arguments is wrong. */
void eval_count_args(struct run *r, hc_str name, const char *params, size_t args);
/* The literal as a value of the parameter's type; NULL: it is none. */
struct hc_val *literal_val(struct hc_arena *a, const struct hc_node *n, char type);
/* The emitter's bind: ctx is a struct bind_ctx. */
struct bind_ctx {
    struct hc_program *p;
    struct hc_arena *a;
    struct literals *known; /* NULL: each literal gets a value of its own */
};
/* Values of literals that stand in many places of a chart: one is enough, as nobody changes them. */
struct literals {
    const struct hc_val *ints[32];
    const struct hc_val *texts[512]; /* by hash, the last one seen */
};
void eval_bind(void *ctx, struct hc_node *cmd);
/* A slot that was not declared yet. */
extern struct hc_val eval_unset;

/* ---- engine_door.c --------------------------------------------------------------------------------- */

/* Calls the function through a door that has `ask`. */
enum hc_rc engine_ask(struct run *r, const struct hc_func *f, const struct hc_node *node,
                      struct hc_val *const *argv, size_t argc, struct hc_val **out);

/* ---- engine_error.c -------------------------------------------------------------------------------- */

/* Leave with Go's text for the node at hand; the second form wraps an error text of a function. */
HC_NORETURN HC_PRINTF(2, 3) void hc_run_fail(struct run *r, const char *fmt, ...);
HC_NORETURN void hc_run_fail_msg(struct run *r, hc_str msg);
HC_NORETURN void hc_run_fail_call(struct run *r, const struct hc_node *node, hc_str name, hc_str msg);
/* The same without leaving: for a Lua error that is on its way already. */
void hc_run_note_msg(struct run *r, hc_str msg);
void hc_run_note_limit(struct run *r, const char *what);
/* A budget is spent, or memory. */
HC_NORETURN void hc_run_fail_limit(struct run *r, const char *what);
/* The arguments on the stack; NULL while nobody had one yet. */
static inline struct hc_val *const *args_from(const struct run *r, size_t base)
{
    return r->args ? r->args + base : NULL;
}
/* After functions that may have spent the arena. */
static inline void check_arena(struct run *r)
{
    if (__builtin_expect(hc_arena_spent(r->a), 0))
        hc_run_fail_limit(r, "memory");
}
/* The node's canonical text, in the arena. */
hc_str node_text(struct run *r, const struct hc_node *n);
hc_str quoted(struct run *r, hc_str s);
/* Makes r->err of what the run left behind after a Lua error. */
enum hc_rc run_error(struct run *r);
/* Helm's cleanupParseError: of the parser's whole text in `whole`, into both. */
enum hc_rc clean_parse_error(hc_str file, struct hc_buf *whole, struct hc_err *err);

/* ---- trace_*.c --------------------------------------------------------------------------------------- */

/*
 * A traced run is told what happens. Everybody else pays one test for it: `if (TRACED(r)) trace_...`. Whoever gives
 * the engine a shorter way past one of these calls takes it only when the run is not traced.
 */
#define TRACED(r) (__builtin_expect((r)->trace != NULL, 0))

/* Before and after all files. */
void trace_start(struct run *r);
void trace_file(struct run *r, uint32_t file, hc_str printed, hc_str clean);
/* A frame was pushed; `text` is what tpl got. Before it is popped. */
void trace_enter(struct run *r, const struct hc_val *text);
void trace_leave(struct run *r);
/* A statement that C runs begins; text it is about to print. */
void trace_statement(struct run *r, const struct hc_node *n);
/* The action at r->at is about to print the value. */
void trace_print(struct run *r, hc_tv v);
/* The output since `mark` was cut off as `printed` and became the text of `v`, a new node. */
void trace_cut(struct run *r, size_t mark, hc_str printed, struct hc_val *v);
/* tpl gives back its text. */
void trace_same(struct run *r, const struct hc_val *text, struct hc_val *v);
/* The pipeline of an if, with or range has its value. */
void trace_condition(struct run *r, const struct hc_node *pipe, hc_tv v);
/* The next turn of a range; what the variable of the key will hold (NULL: it has none). */
hc_tv trace_turn(struct run *r, const struct hc_node *range, hc_tv elem, hc_tv key);
/* What a pipeline declares or assigns; gives what to store. */
hc_tv trace_declare(struct run *r, const struct hc_node *pipe, hc_tv v);
/* A variable that holds no value was read. */
void trace_empty(struct run *r, const struct hc_node *var);
/* A chain of names was followed from `from` and gave `v`; gives what to go on with. */
hc_tv trace_read(struct run *r, hc_tv from, const hc_str *names, size_t names_n, hc_tv v);
/* A function was called with r->args[base] to [base + n - 1] (the stack is popped already). */
struct hc_val *trace_call(struct run *r, const struct hc_func *f, size_t base, size_t n, struct hc_val *v);
/* and, or: one more argument was looked at; `seen` is what the call before gave, 0 at first. The result. */
uint32_t trace_also(struct run *r, uint32_t seen, hc_tv v);
hc_tv trace_chosen(struct run *r, uint32_t seen, hc_tv v);
