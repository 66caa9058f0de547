/*
 * Memory of a run. Nearly all that templates make is text on its way into the output: once a statement has ended, what
 * was made for it is dead, and the arena takes it back. What lives on was put into something older: a map, by one of
 * the functions that change one (they tell, see fn_changes), or a variable that was declared outside. Such a stretch
 * keeps its memory, and the one around it is asked again when it ends.
 *
 * A traced run, one with Lua templates, and one whose door writes down what it answers keep everything: there,
 * others than the run hold values.
 */
#include "core/base/limits.h"
#include "templating/render/engine_impl.h"

void stretch_begin(struct run *r, struct stretch *s)
{
    s->opened = !r->keeps && !r->in_lua;
    if (!s->opened)
        return;
    s->outer = r->stretch;
    s->mark = hc_arena_mark(r->a);
    s->frames = r->frames_n;
    s->held = false;
    r->stretch = s;
}

void stretch_end(struct run *r, struct stretch *s)
{
    if (!s->opened)
        return;
    r->stretch = s->outer;
    if (!s->held)
        hc_arena_release(r->a, &s->mark);
}

void stretch_change(void *ctx, const struct hc_map *map)
{
    struct run *r = ctx;
    if (r->memo)
        memo_change(r, map);
    if (r->agains)
        again_change(r, map);
    for (struct stretch *s = r->stretch; s && !hc_arena_is_newer(r->a, &s->mark, map); s = s->outer)
        s->held = true;
}

void stretch_hold(struct run *r)
{
    for (struct stretch *s = r->stretch; s; s = s->outer)
        s->held = true;
}

void stretch_assign(struct run *r)
{
    for (struct stretch *s = r->stretch; s && s->frames == r->frames_n; s = s->outer)
        s->held = true;
}

struct hc_arena *texts_arena(struct run *r)
{
    if (r->keeps)
        return r->a;
    size_t left = hc_arena_ceiling(r->a) - hc_arena_used(r->a);
    if (!r->texts_a)
        r->texts_a = hc_arena_new(HC_MAX(left, (size_t)1));
    else
        hc_arena_limit(r->texts_a, hc_arena_used(r->texts_a) + left);
    if (!r->texts_a)
        hc_run_fail_limit(r, "memory");
    r->texts_before = hc_arena_used(r->texts_a);
    return r->texts_a;
}

void texts_arena_done(struct run *r)
{
    if (r->keeps) {
        check_arena(r);
        return;
    }
    size_t more = hc_arena_used(r->texts_a) - r->texts_before, ceiling = hc_arena_ceiling(r->a);
    if (hc_arena_spent(r->texts_a))
        hc_run_fail_limit(r, "memory");
    hc_arena_limit(r->a, ceiling - HC_MIN(more, ceiling));
}
