/*
 * The check against values.schema.json. So far it accepts everything: the validator comes with the next change.
 */
#include "templating/overlay/overlay.h"

enum hc_rc hc_schema_check(struct hc_arena *a, hc_str schema, const struct hc_val *values, struct hc_buf *lines,
                           struct hc_err *err)
{
    (void)a, (void)schema, (void)values, (void)lines, (void)err;
    return HC_OK;
}
