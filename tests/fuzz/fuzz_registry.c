/*
 * What registries and token servers answer, and pull secrets, by the first byte: m a manifest or an index, t a page of
 * tags, a the answer of a token server, d a .dockerconfigjson.
 */
#include "charts-fetch/source/oci_impl.h"
#include "core/value/json.h"
#include "tests/fuzz/fuzz.h"

static void manifest(struct hc_arena *a, hc_str text)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_oci o = { .a = a, .host = HC_S("r.io"), .repo = HC_S("app") };
    struct oci_found found = { 0 };
    struct hc_val *doc = NULL;
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &doc, &err) != HC_OK)
        return;
    hc_str digest = oci_platform_of(doc);
    if (digest.n && !hc_oci_is_digest(digest))
        abort();
    const struct hc_val *chart = oci_pick_layer(doc, (hc_str){ NULL, 0 }, true);
    const struct hc_val *any = oci_pick_layer(doc, (hc_str){ NULL, 0 }, false);
    if (chart && chart != any)
        abort();
    (void)oci_pick_layer(doc, HC_S("x"), false);
    enum hc_rc rc = oci_add_referrers(&o, doc, (hc_str){ NULL, 0 }, &found, &err);
    for (size_t i = 0; rc == HC_OK && i < found.n; i++)
        if (!hc_oci_is_digest(found.items[i].digest))
            abort();
}

static void tags(struct hc_arena *a, hc_str text)
{
    struct hc_err err = HC_ERR_INIT;
    struct oci_tag_list list = { 0 };
    hc_str tag;
    if (oci_add_tags(a, text, &list, &err) != HC_OK)
        return;
    if (hc_oci_newest(a, list.items, list.n, HC_S(">=0-0"), HC_OCI_PLUS | HC_OCI_V_TOO, &tag, &err) == HC_OK &&
        !oci_good_tag(tag))
        abort();
}

static void answer(struct hc_arena *a, hc_str text)
{
    hc_str token, refresh;
    int64_t lives = 0;
    if (!oci_token_of(a, text, &token, &refresh, &lives))
        return;
    if (!token.n || lives <= 0)
        abort();
    for (size_t i = 0; i < token.n; i++) /* it goes into a header line */
        if ((unsigned char)token.p[i] <= ' ')
            abort();
}

static void docker(struct hc_arena *a, hc_str text)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_registry_login login = { 0 };
    enum hc_rc rc = oci_docker_config(a, text, HC_S("r.io"), HC_S("org/app"), &login, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    hc_str text = fuzz_text(data, size), rest = hc_str_sub(text, 1, text.n);
    switch (size ? data[0] : 0) {
    case 'm':
        manifest(a, rest);
        break;
    case 't':
        tags(a, rest);
        break;
    case 'a':
        answer(a, rest);
        break;
    case 'd':
        docker(a, rest);
        break;
    default:
        break;
    }
    return 0;
}
