/*
 * What templates and post-renderers gave: a stream of documents becomes manifests, hooks and the manifest of a record;
 * that is read into objects and waves. Every third one goes through the post-renderers' way first.
 */
#include "deploy/plan/plan.h"
#include "templating/render/postrender.h"
#include "tests/fuzz/fuzz.h"

static enum hc_rc answer(void *ctx, struct hc_arena *a, hc_str in, hc_str *out, struct hc_err *err)
{
    (void)a, (void)in, (void)err;
    *out = *(const hc_str *)ctx;
    return HC_OK;
}

static void plan(struct hc_arena *a, hc_str manifest)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_plan_object *objects = NULL, *left = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_plan_read(a, manifest, &objects, &n, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    if (rc != HC_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        (void)hc_plan_source(manifest, objects[i].line);
        hc_plan_place(a, &objects[i], HC_S("n"));
        hc_plan_own(a, &objects[i], HC_S("r"), HC_S("n"));
        if (!hc_arena_spent(a) && !hc_plan_owned(a, objects[i].object, HC_S("r"), HC_S("n"), NULL))
            abort();
    }
    hc_plan_order(objects, n);
    for (size_t i = 1; i < n; i++)
        if (objects[i].wave < objects[i - 1].wave)
            abort();
    if (!hc_arena_spent(a) && hc_plan_left(a, objects, n, objects, n, &left) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_documents docs;
    hc_str text = fuzz_text(data, size);
    struct hc_rendered one[] = { { HC_S("c/templates/t.yaml"), text } }, *files = one;
    const struct hc_post_renderer p = { &text, answer };
    size_t n = 1;
    if (size % 3 == 0) {
        one[0].text = HC_S("kind: A\nmetadata: {name: a}\n");
        enum hc_rc rc = hc_post_render(a, &p, &files, &n, &err);
        if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
            abort();
        if (rc != HC_OK)
            return 0;
    }
    enum hc_rc rc = hc_documents_sort(a, files, n, size % 2, &docs, hc_list_new(a), &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    plan(a, rc == HC_OK ? hc_documents_manifest(a, &docs) : text);
    return 0;
}
