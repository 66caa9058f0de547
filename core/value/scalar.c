/*
 * Scalars as Go's decoder sees them when the field they go to is text, and the names it has for kinds.
 */
#include "core/value/json.h"

bool hc_scalar_text(struct hc_arena *a, const struct hc_val *v, hc_str *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    switch (hc_kind_of(v)) {
    case HC_NULL:
        *out = HC_S("");
        return true;
    case HC_STR:
        *out = hc_get_str(v);
        return true;
    case HC_BOOL:
        *out = v->b ? HC_S("true") : HC_S("false");
        return true;
    case HC_INT:
        hc_buf_printf(&b, "%" PRId64, v->i);
        break;
    case HC_UINT:
        hc_buf_printf(&b, "%" PRIu64, v->u);
        break;
    case HC_FLOAT:
        hc_float_shortest(&b, v->f, 32, 6); /* strconv 'g' with -1 digits of a float32 */
        break;
    default:
        return false;
    }
    *out = hc_buf_to_arena(&b, a);
    return true;
}

const char *hc_json_kind_name(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_LIST:
        return "array";
    case HC_MAP:
        return "object";
    default:
        return hc_kind_name(v);
    }
}
