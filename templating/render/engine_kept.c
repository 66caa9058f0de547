/*
 * What a run leaves for the next one of the same program (core/value/kept.h): texts of tpl as they were parsed, and what
 * includes printed.
 *
 * What an include prints may be kept when it depends on nothing but the data that it got. That is seen while it runs: it
 * must not change anything older than itself, ask the outside world, or look into a context (`.` of a file, .Values). Such
 * a context may be part of its data, as charts hand it on for the case that it is needed; then what holds it is marked,
 * and whoever looks into either spoils what is being kept. So a chart whose one value changed evaluates what depends on it.
 *
 * Steps are charged as if it had run. Whether it is worth it is learnt by template: what spoils, costs little, or has more
 * data than is cheap to look at is soon left alone.
 */
#include "core/base/limits.h"
#include "core/value/kept.h"
#include "lua/bridge/gotype.h"
#include "templating/render/engine_impl.h"

/* ---- texts of tpl ------------------------------------------------------------------------------------ */

enum {
    MAX_TEXTS = 1000, /* of a run: each may have a block of memory of its own */
    MAX_TEXT_BYTES = 64 << 10,
};

/* In the memory of what is kept. */
struct parsed {
    hc_str text;
    struct tmpl *tmpls; /* their trees are shared, the rest belongs to a run */
    size_t n, bytes;
};

static _Atomic uint64_t parses, recalls;

uint64_t hc_program_text_parses(void)
{
    return atomic_load_explicit(&parses, memory_order_relaxed);
}

uint64_t hc_program_recalls(void)
{
    return atomic_load_explicit(&recalls, memory_order_relaxed);
}

static const struct hc_kept *parse_for_all(struct run *r, struct hc_kept_key key, hc_str s, size_t bytes_max)
{
    struct hc_err e = HC_ERR_INIT;
    struct hc_arena *a = hc_arena_new(bytes_max);
    struct parsed *p = HC_NEW(a, struct parsed);
    if (p)
        p->text = hc_arena_str(a, s);
    if (!p || program_parse(r->p, a, HC_S("gotpl"), p->text, 1, &p->tmpls, &p->n, NULL, &e) != HC_OK) {
        hc_arena_free(a);
        return NULL;
    }
    atomic_fetch_add_explicit(&parses, 1, memory_order_relaxed);
    p->bytes = hc_arena_used(a);
    return hc_kept_share(key, &(struct hc_kept){ .arena = a, .root = p });
}

bool kept_text(struct run *r, struct hc_arena *a, hc_str s, struct text *out)
{
    if (!r->fc.keeps || r->texts_n >= MAX_TEXTS || s.n > MAX_TEXT_BYTES)
        return false;
    size_t ceiling = hc_arena_ceiling(r->a), left = ceiling - hc_arena_used(r->a);
    struct hc_kept_key key = hc_kept_key_and(hc_kept_key('T', s), r->p->serial);
    const struct hc_kept *kept = hc_kept_find(key);
    if (!kept && left > 0)
        kept = parse_for_all(r, key, s, left);
    const struct parsed *p = kept ? kept->root : NULL;
    struct tmpl *t = p && p->bytes < left ? HC_NEW_N(a, struct tmpl, p->n) : NULL;
    if (!t) {
        hc_kept_release(kept);
        return false;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        t[i].tree = p->tmpls[i].tree;
        t[i].slots = p->tmpls[i].slots;
        t[i].index = r->tmpls_n + 1 + i;
        t[i].nth = i;
    }
    (void)hc_arena_limit(r->a, ceiling - p->bytes); /* it counts as if it were this run's */
    *out = (struct text){ .text = p->text, .tmpls = t, .n = p->n, .kept = kept };
    return true;
}

/* ---- includes ---------------------------------------------------------------------------------------- */

enum {
    MAX_COST = 4096,       /* of looking at the data of an include */
    STEPS_PER_COST = 8,    /* so that looking is a small part of running */
    MIN_STEPS = 500,       /* what costs less is run as fast as it is found */
    MAX_KEPT_FRAMES = 300, /* far below the budgets of depth: whether one is met must not depend on what is kept */
    LOST = -4,             /* of tmpl.worth: not tried any more */
    WON = 8,
};

/* Among the flags of a list or map: one of its entries is a context, or has this mark. */
#define HOLDS_CONTEXT 0x100u

static bool is_context(const struct hc_val *v)
{
    return v && v->kind == HC_MAP && v->type == HC_GO_VALUES;
}

static uint32_t *flags_of(const struct hc_val *v)
{
    if (v && v->kind == HC_MAP && v->map)
        return &v->map->flags;
    return v && v->kind == HC_LIST && v->list ? &v->list->flags : NULL;
}

static bool holds_context(const struct hc_val *v)
{
    const uint32_t *flags = flags_of(v);
    return is_context(v) || (flags && *flags & HOLDS_CONTEXT);
}

/* What holds a context was made in this render, as contexts are: nobody else sees the mark. */
static void mark_holder(const struct hc_val *v)
{
    uint32_t n = hc_is_map(v) ? v->map->n : hc_is_list(v) ? v->list->n : 0;
    bool holds = false;
    for (uint32_t i = 0; i < n && !holds; i++)
        holds = holds_context(hc_is_map(v) ? v->map->entries[i].val : v->list->items[i]);
    if (holds)
        *flags_of(v) |= HOLDS_CONTEXT;
}

static void learn(struct tmpl *t, int by)
{
    int worth = atomic_load_explicit(&t->worth, memory_order_relaxed) + by;
    atomic_store_explicit(&t->worth, HC_MIN(worth, (int)WON), memory_order_relaxed);
}

void memo_spoil(struct run *r)
{
    r->looks++;
    for (struct memo *m = r->memo; m && !m->all_spoilt; m = m->outer)
        m->spoilt = m->all_spoilt = true;
}

void memo_look(struct run *r, const struct hc_val *v)
{
    if (holds_context(v))
        memo_spoil(r);
}

void memo_enter(struct run *r, const struct hc_val *v)
{
    if (is_context(v))
        memo_spoil(r);
}

void memo_change(struct run *r, const struct hc_map *map)
{
    for (struct memo *m = r->memo; m; m = m->outer)
        m->spoilt |= !hc_arena_is_newer(r->a, &m->mark, map);
}

/* dict and list hand on what they get, index takes out one entry; all others may look into it. */
void memo_call(struct run *r, const struct hc_func *f, struct hc_val *const *args, size_t n,
               const struct hc_val *out)
{
    bool holds = false;
    for (size_t i = 0; i < n && !holds; i++)
        holds = holds_context(args[i]);
    if (!holds)
        return;
    if (strcmp(f->name, "dict") == 0 || strcmp(f->name, "list") == 0)
        mark_holder(out);
    else if (n != 2 || is_context(args[0]) || strcmp(f->name, "index") != 0)
        memo_spoil(r);
}

bool memo_tries(const struct run *r, struct tmpl *t, const struct hc_val *data)
{
    return r->memos && !r->in_lua && !r->env && data && !is_context(data) && !again_is_copy(data) &&
           r->frames_n <= MAX_KEPT_FRAMES && atomic_load_explicit(&t->worth, memory_order_relaxed) > LOST;
}

struct hc_val *memo_begin(struct run *r, struct memo *m, struct tmpl *t, const struct hc_val *data)
{
    m->open = false;
    if (!memo_tries(r, t, data))
        return NULL;
    struct hc_kept_key key;
    uint32_t cost;
    if (!hc_kept_key_but('I', data, HC_GO_VALUES, MAX_COST, &key, &cost)) {
        learn(t, -1);
        return NULL;
    }
    key = hc_kept_key_and(hc_kept_key_and(key, r->p->serial), t->index);
    const struct hc_kept *kept = hc_kept_find(key);
    if (kept) {
        uint64_t steps = kept->extra[0] | (uint64_t)kept->extra[1] << 32;
        struct hc_val *v = hc_str_val(r->a, kept->text);
        hc_kept_release(kept);
        check_arena(r);
        learn(t, 2);
        atomic_fetch_add_explicit(&recalls, 1, memory_order_relaxed);
        run_charge(r, steps);
        return v;
    }
    mark_holder(data);
    *m = (struct memo){ .outer = r->memo,
                        .mark = hc_arena_mark(r->a),
                        .key = key,
                        .cost = cost,
                        .asked = r->fc.asked,
                        .dear = r->fc.dear,
                        .steps_left = r->steps_left,
                        .open = true };
    r->memo = m;
    return NULL;
}

void memo_end(struct run *r, struct memo *m, struct tmpl *t, const struct hc_val *v)
{
    if (!m->open)
        return;
    r->memo = m->outer;
    uint64_t steps = m->steps_left - r->steps_left;
    if (m->spoilt || r->fc.asked != m->asked || r->fc.dear != m->dear || r->fc.slow_regex || steps < MIN_STEPS ||
        steps / STEPS_PER_COST < m->cost) {
        learn(t, -1);
        return;
    }
    learn(t, 1);
    hc_kept_put(m->key,
                &(struct hc_kept){ .text = hc_get_str(v), .extra = { (uint32_t)steps, (uint32_t)(steps >> 32) } });
}
