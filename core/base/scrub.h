#pragma once
/*
 * core/base/scrub.h - URLs in texts that others read
 */

#include <stdbool.h>

/* Writes over what is between "://" and "@" in every URL of the text, where people put passwords, and with `queries`
 * over what follows "?", where they put tokens. The text never grows. */
void hc_scrub_urls(char *text, bool queries);
