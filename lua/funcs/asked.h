#pragma once
/*
 * lua/funcs/asked.h - functions that ask something which is not the same on every run
 */
#include "core/base/buf.h"
#include "lua/funcs/funcs.h"

enum hc_asks {
    HC_ASKS_NOTHING, /* but maybe the clock or a zone, through the door */
    HC_ASKS_RANDOM,  /* its result is made of random numbers */
    HC_ASKS_LOOKUP,
    HC_ASKS_HOST,
};
enum hc_asks hc_func_asks(const struct hc_func *f);

/*
 * A call in writing, as it would stand in a template: "randAlphaNum 16". An argument that may be a secret (passwords,
 * keys, what is encrypted) is written as the start of its digest, or as *** for messages; a long one as its digest.
 */
void hc_func_write_call(struct hc_buf *b, struct hc_fcall *c, const struct hc_func *f, struct hc_val *const *argv,
                        size_t argc, bool for_message);
