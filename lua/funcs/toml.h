#pragma once
/*
 * lua/funcs/toml.h - keys and strings as TOML has them
 */
#include "core/base/buf.h"

/* In double quotes, escaped. */
void hc_toml_quote(struct hc_buf *b, hc_str s);
/* As it is when it may stand bare. */
void hc_toml_key(struct hc_buf *b, hc_str s);
