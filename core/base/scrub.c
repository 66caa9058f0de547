/*
 * In place. What looks like a URL is one: a star too many hurts nobody.
 */
#include "core/base/scrub.h"

#include <stddef.h>
#include <string.h>

/* Where a URL in running text ends. */
static char *end_of(char *p)
{
    return p + strcspn(p, " \t\r\n\"'`<>|,;)]}");
}

/* At most three stars instead of the n bytes at p. */
static char *stars(char *p, size_t n)
{
    size_t keep = n < 3 ? n : 3;
    memset(p, '*', keep);
    memmove(p + keep, p + n, strlen(p + n) + 1);
    return p + keep;
}

void hc_scrub_urls(char *text, bool queries)
{
    for (char *p = text; (p = strstr(p, "://")) != NULL;) {
        p += 3;
        char *host_end = p + strcspn(p, "/?# \t\r\n\"`<>"), *at = NULL;
        for (char *q = p; q < host_end; q++)
            if (*q == '@')
                at = q;
        if (at)
            p = stars(p, (size_t)(at - p));
        char *end = end_of(p), *query = memchr(p, '?', (size_t)(end - p));
        if (queries && query && query + 1 < end)
            p = stars(query + 1, (size_t)(end - query - 1));
    }
}
