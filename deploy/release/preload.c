/*
 * Records out of a YAML list (HELM_MEMORY_DRIVER_DATA) into a storage.
 */
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "deploy/release/storage.h"

enum hc_rc hc_storage_preload(struct hc_storage *s, hc_str yaml, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *all = NULL;
    if (!a)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_yaml_parse(a, yaml, HC_S("HELM_MEMORY_DRIVER_DATA"), HC_YAML_JSON_NUMBERS, &all, err);
    for (size_t i = 0; rc == HC_OK && i < hc_list_len(all); i++) {
        HC_AUTO(hc_buf) struct hc_buf json;
        struct hc_record r;
        hc_buf_init(&json, 0);
        hc_json_write(&json, hc_list_at(all, i), HC_JSON_GO_FLOAT);
        rc = hc_record_of_json(a, hc_buf_to_arena(&json, a), &r, err);
        if (rc == HC_OK)
            rc = hc_storage_create(s, a, &r, err);
    }
    return rc;
}
