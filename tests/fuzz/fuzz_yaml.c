/*
 * What the YAML reader takes both writers write; what toYaml wrote of plain ASCII is read again as the same tree.
 */
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "core/value/yaml_nodes.h"
#include "tests/fuzz/fuzz.h"

static bool is_ascii(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf b = { .ceiling = (size_t)16 << 20 };
    struct hc_arena *a = fuzz_arena();
    struct hc_val *v, *again, *all;
    struct hc_err err;
    hc_str text = fuzz_text(data, size);
    struct hc_ydoc *doc = NULL, *doc_again = NULL;
    if (size % 3 == 0) { /* as it was written, there and back */
        static struct hc_buf c = { .ceiling = (size_t)16 << 20 };
        hc_buf_reset(&b);
        hc_buf_reset(&c);
        if (hc_ydoc_parse(a, text, &doc, &err) != HC_OK || !doc)
            return 0;
        hc_ydocs_write(&b, &doc, 1);
        if (hc_ydoc_parse(a, hc_buf_str(&b), &doc_again, &err) == HC_OK && doc_again)
            hc_ydocs_write(&c, &doc_again, 1);
        return 0;
    }
    if (size % 2) /* the other way to read every second time: libyaml is what takes long here */
        (void)hc_yaml_parse_all(a, text, HC_S("f"), HC_YAML_STRICT_KEYS, &all, &err);
    else if (hc_yaml_parse(a, text, HC_S("f"), HC_YAML_JSON_NUMBERS, &v, &err) == HC_OK) {
        hc_buf_reset(&b);
        (void)hc_yaml_write_pretty(&b, v);
        hc_buf_reset(&b);
        hc_json_write(&b, v, 0);
        bool ascii = is_ascii(hc_buf_str(&b));
        hc_buf_reset(&b);
        if (!hc_yaml_write(&b, v) || !ascii)
            return 0; /* some other characters do not survive Helm's own toYaml */
        if (hc_str_find_str(hc_buf_str(&b), HC_S("<<")) != SIZE_MAX)
            return 0; /* nor does "<<" as a text: Helm writes it plain, and reads a merge */
        enum hc_rc rc = hc_yaml_parse(a, hc_buf_str(&b), HC_S("f"), HC_YAML_JSON_NUMBERS, &again, &err);
        if (rc != HC_E_LIMIT && rc != HC_E_NOMEM && (rc != HC_OK || !hc_val_equal(v, again)))
            abort();
    }
    return 0;
}
