/*
 * Distances between words (Levenshtein's), for "did you mean". Words longer than a verb or flag can be are far from all.
 */
#include "helmctl/cli/words.h"

#include "core/base/defs.h"

enum { LONGEST = 40, NEAR = 2 /* cobra: SuggestionsMinimumDistance */ };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

size_t hc_cli_distance(hc_str a, hc_str b, size_t most)
{
    size_t row[LONGEST + 1];
    if (a.n > LONGEST || b.n > LONGEST)
        return most + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 0; i < a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.n; j++) {
            size_t change = diagonal + (lower(a.p[i]) == lower(b.p[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = HC_MIN(change, HC_MIN(row[j], row[j + 1]) + 1);
        }
    }
    return HC_MIN(row[b.n], most + 1);
}

bool hc_cli_is_near(hc_str word, hc_str name)
{
    if (hc_cli_distance(word, name, NEAR) <= NEAR)
        return true;
    return word.n && hc_str_starts_nocase(name, word);
}
