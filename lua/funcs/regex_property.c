/*
 * \p{...} of regular expressions: which names Go 1.26 knows, written as PCRE2 knows them.
 *
 * Go puts a name into its canonical form (one capital first, no '_', '-', ' ') and looks that up among the names
 * of categories and scripts as they are. So scripts of more than one word can not be named at all; the list below
 * holds those that can. Aliases of categories are compared in canonical form too.
 */
#include "lua/funcs/gounicode.h"
#include "lua/funcs/regex.h"

#define LAST_CASED 0x1f000u /* no letter with case from here on */

static const char categories[] =
    " C Cc Cf Cn Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs ";

static const char scripts[] =
    " Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese"
    " Buhid Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari"
    " Dogra Duployan Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han"
    " Hangul Hanunoo Hatran Hebrew Hiragana Inherited Javanese Kaithi Kannada Katakana Kharoshthi Khmer Khojki"
    " Khudawadi Lao Latin Lepcha Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen"
    " Medefaidrin Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari Newa Nko Nushu Ogham Oriya Osage"
    " Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham Sinhala Sogdian"
    " Soyombo Sundanese Syriac Tagalog Tagbanwa Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh"
    " Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Yezidi Yi ";

static const struct {
    const char *name, *category;
} aliases[] = {
    { "Casedletter", "L&" },
    { "Closepunctuation", "Pe" },
    { "Combiningmark", "M" },
    { "Connectorpunctuation", "Pc" },
    { "Control", "Cc" },
    { "Currencysymbol", "Sc" },
    { "Dashpunctuation", "Pd" },
    { "Decimalnumber", "Nd" },
    { "Enclosingmark", "Me" },
    { "Finalpunctuation", "Pf" },
    { "Format", "Cf" },
    { "Initialpunctuation", "Pi" },
    { "Letter", "L" },
    { "Letternumber", "Nl" },
    { "Lineseparator", "Zl" },
    { "Lowercaseletter", "Ll" },
    { "Mark", "M" },
    { "Mathsymbol", "Sm" },
    { "Modifierletter", "Lm" },
    { "Modifiersymbol", "Sk" },
    { "Nonspacingmark", "Mn" },
    { "Number", "N" },
    { "Openpunctuation", "Ps" },
    { "Other", "C" },
    { "Otherletter", "Lo" },
    { "Othernumber", "No" },
    { "Otherpunctuation", "Po" },
    { "Othersymbol", "So" },
    { "Paragraphseparator", "Zp" },
    { "Privateuse", "Co" },
    { "Punctuation", "P" },
    { "Separator", "Z" },
    { "Spaceseparator", "Zs" },
    { "Spacingmark", "Mc" },
    { "Surrogate", "Cs" },
    { "Symbol", "S" },
    { "Titlecaseletter", "Lt" },
    { "Unassigned", "Cn" },
    { "Uppercaseletter", "Lu" },
    { "Cntrl", "Cc" },
    { "Digit", "Nd" },
    { "Punct", "P" },
    { "Lc", "L&" },
};

static hc_str canonical(hc_str name, char *z, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < size; i++) {
        char c = name.p[i];
        if (c == '_' || c == '-' || c == ' ')
            continue;
        if (n == 0 && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (n > 0 && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        z[n++] = c;
    }
    return hc_str_n(z, n);
}

static bool listed(const char *list, hc_str name)
{
    for (const char *at = list; name.n > 0 && (at = strchr(at, ' ')) != NULL && at[1]; at++) {
        size_t n = strcspn(at + 1, " ");
        if (n == name.n && memcmp(at + 1, name.p, n) == 0)
            return true;
    }
    return false;
}

/* Is a letter that equals `r` but for its case of that class? Dotted and dotless i equal no other letter. */
static bool folds_into(uint32_t r, unsigned class)
{
    if (r == 0x130 || r == 0x131)
        return hc_rune_is(r, class);
    uint32_t upper = hc_rune_upper(r), lower = hc_rune_lower(r);
    const uint32_t same[] = { r, upper, lower, hc_rune_title(r), hc_rune_lower(upper), hc_rune_upper(lower) };
    for (size_t i = 0; i < HC_LEN(same); i++)
        if ((i == 0 || same[i] != r) && same[i] != 0x130 && same[i] != 0x131 && hc_rune_is(same[i], class))
            return true;
    return false;
}

/* Ideographs, syllables, private use: to ask for each of them is most of the time. */
static bool between_cased(uint32_t r)
{
    return (r >= 0x3400 && r < 0xa000) || (r >= 0xac00 && r < 0xfb00) || (r >= 0x12000 && r < 0x16e00) ||
           (r >= 0x17000 && r < 0x1d000);
}

/* Letters of one case where case does not count. */
static void put_folded(struct hc_buf *b, unsigned class, bool negate)
{
    uint32_t from = 0;
    bool in = false;
    for (uint32_t r = 0; r <= LAST_CASED; r++) {
        bool is = (!between_cased(r) && folds_into(r, class)) != negate;
        if (in && !is)
            hc_buf_printf(b, "\\x{%x}-\\x{%x}", from, r - 1);
        if (!in && is)
            from = r;
        in = is;
        if (r == 0xd7ff) { /* surrogates are no characters */
            if (in)
                hc_buf_printf(b, "\\x{%x}-\\x{d7ff}", from);
            in = false;
            r = 0xdfff;
        }
    }
    if (in)
        hc_buf_printf(b, "\\x{%x}-\\x{10ffff}", from);
}

bool hc_regex_put_property(struct hc_buf *b, hc_str name, bool negate, bool fold)
{
    char z[48];
    name = canonical(name, z, sizeof(z));
    if (memchr(name.p, '&', name.n)) /* PCRE2's own */
        return false;
    char p = negate ? 'P' : 'p';
    if (hc_str_eqz(name, "Any")) {
        hc_buf_printf(b, "\\%c{Any}", p);
        return true;
    }
    if (hc_str_eqz(name, "Assigned")) {
        hc_buf_printf(b, "\\%c{Cn}", negate ? 'p' : 'P');
        return true;
    }
    if (hc_str_eqz(name, "Ascii")) {
        /* long s and the Kelvin sign equal letters of ASCII */
        hc_buf_puts(b, !negate ? "\\x{0}-\\x{7f}"
                       : fold  ? "\\x{80}-\\x{17e}\\x{180}-\\x{2129}\\x{212b}-\\x{10ffff}"
                               : "\\x{80}-\\x{10ffff}");
        return true;
    }
    for (size_t i = 0; i < HC_LEN(aliases); i++)
        if (hc_str_eqz(name, aliases[i].name))
            name = hc_str_of(aliases[i].category);
    unsigned class = hc_str_eqz(name, "Lu")   ? HC_RUNE_UPPER
                     : hc_str_eqz(name, "Ll") ? HC_RUNE_LOWER
                     : hc_str_eqz(name, "Lt") ? HC_RUNE_TITLE
                                              : 0;
    if (fold && class) {
        put_folded(b, class, negate);
        return true;
    }
    if (hc_str_eqz(name, "L&") || listed(categories, name))
        hc_buf_printf(b, "\\%c{%.*s}", p, HC_P(name));
    else if (listed(scripts, name))
        hc_buf_printf(b, "\\%c{sc:%.*s}", p, HC_P(name));
    else
        return false;
    return true;
}
