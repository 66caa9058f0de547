/*
 * `format`, for the drafts in which it asserts something: the formats of the library and its reasons. Of URLs only
 * the parts that tell a URL from other text are looked at.
 */
#include "templating/overlay/schema_impl.h"

#include <arpa/inet.h>

static bool no(struct hc_buf *why, const char *text)
{
    hc_buf_puts(why, text);
    return false;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool bad_char(struct hc_buf *why, hc_str s, size_t i)
{
    uint32_t rune;
    size_t n = hc_utf8_decode(hc_str_sub(s, i, s.n), &rune);
    hc_buf_printf(why, "invalid character '%s%.*s'", rune == '\'' || rune == '\\' ? "\\" : "", (int)n, s.p + i);
    return false;
}

static bool ipv4(hc_str s, struct hc_buf *why)
{
    hc_str rest = s, part;
    int n = 0;
    while (hc_str_split(&rest, '.', &part))
        n++;
    if (n != 4)
        return no(why, "expected four decimals");
    rest = s;
    while (hc_str_split(&rest, '.', &part)) {
        uint64_t v;
        if (part.n > 1 && part.p[0] == '0')
            return no(why, "leading zeros");
        if (!hc_str_to_u64(part, &v)) {
            hc_buf_printf(why, "strconv.Atoi: parsing \"%.*s\": invalid syntax", HC_P(part));
            return false;
        }
        if (v > 255)
            return no(why, "decimal must be between 0 and 255");
    }
    return true;
}

static bool ipv6(hc_str s, struct hc_buf *why)
{
    char z[64];
    struct in6_addr addr;
    if (hc_str_find(s, ':') == SIZE_MAX)
        return no(why, "missing colon");
    if (hc_str_find(s, '%') != SIZE_MAX)
        return no(why, "zone id is not a part of ipv6 address");
    if (s.n < sizeof(z)) {
        memcpy(z, s.p, s.n);
        z[s.n] = '\0';
        if (memchr(z, 0, s.n) == NULL && inet_pton(AF_INET6, z, &addr) == 1)
            return true;
    }
    hc_buf_printf(why, "ParseAddr(\"%.*s\"): unable to parse IP", HC_P(s));
    return false;
}

static bool hostname(hc_str s, struct hc_buf *why)
{
    hc_str label;
    if (hc_str_ends(s, HC_S(".")))
        s.n--;
    if (s.n > 253)
        return no(why, "more than 253 characters long");
    hc_str rest = s;
    while (hc_str_split(&rest, '.', &label)) {
        if (label.n < 1 || label.n > 63)
            return no(why, "label must be 1 to 63 characters long");
        if (label.p[0] == '-')
            return no(why, "label starts with hyphen");
        if (label.p[label.n - 1] == '-')
            return no(why, "label ends with hyphen");
        for (size_t i = 0; i < label.n; i++)
            if (!digit(label.p[i]) && !is_letter(label.p[i]) && label.p[i] != '-')
                return bad_char(why, label, i);
    }
    return true;
}

static bool email(hc_str s, struct hc_buf *why)
{
    if (s.n > 254)
        return no(why, "more than 255 characters long");
    size_t sign = hc_str_rfind(s, '@');
    if (sign == SIZE_MAX)
        return no(why, "missing @");
    hc_str local = hc_str_sub(s, 0, sign), domain = hc_str_sub(s, sign + 1, s.n);
    if (local.n > 64)
        return no(why, "local part more than 64 characters long");
    if (local.n > 1 && local.p[0] == '"' && local.p[local.n - 1] == '"') {
        hc_str in = hc_str_sub(local, 1, local.n - 1);
        if (hc_str_find(in, '\\') != SIZE_MAX || hc_str_find(in, '"') != SIZE_MAX)
            return no(why, "backslash and quote are not allowed within quoted local part");
    } else {
        if (hc_str_starts(local, HC_S(".")))
            return no(why, "starts with dot");
        if (hc_str_ends(local, HC_S(".")))
            return no(why, "ends with dot");
        if (hc_str_find_str(local, HC_S("..")) != SIZE_MAX)
            return no(why, "consecutive dots");
        for (size_t i = 0; i < local.n; i++)
            if (!digit(local.p[i]) && !is_letter(local.p[i]) &&
                (!local.p[i] || !strchr(".!#$%&'*+-/=?^_`{|}~", local.p[i])))
                return bad_char(why, local, i);
    }
    if (domain.n > 1 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']') {
        domain = hc_str_sub(domain, 1, domain.n - 1);
        bool six = hc_str_starts(domain, HC_S("IPv6:"));
        size_t before = why->n;
        if (six ? ipv6(hc_str_sub(domain, 5, domain.n), why) : ipv4(domain, why))
            return true;
        why->n = before;
        return no(why, six ? "invalid ipv6 address" : "invalid ipv4 address");
    }
    hc_buf_puts(why, "invalid domain: ");
    if (!hostname(domain, why))
        return false;
    hc_buf_reset(why);
    return true;
}

static bool date(hc_str s, struct hc_buf *why)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool form = s.n == 10 && s.p[4] == '-' && s.p[7] == '-';
    for (size_t i = 0; form && i < 10; i++)
        form = i == 4 || i == 7 || digit(s.p[i]);
    if (!form) {
        hc_buf_printf(why, "parsing time \"%.*s\" as \"2006-01-02\": cannot parse \"%.*s\" as \"2006\"", HC_P(s),
                      HC_P(s));
        return false;
    }
    int year = (s.p[0] - '0') * 1000 + (s.p[1] - '0') * 100 + (s.p[2] - '0') * 10 + (s.p[3] - '0');
    int month = (s.p[5] - '0') * 10 + (s.p[6] - '0'), day = (s.p[8] - '0') * 10 + (s.p[9] - '0');
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12) {
        hc_buf_printf(why, "parsing time \"%.*s\": month out of range", HC_P(s));
        return false;
    }
    if (day < 1 || day > days[month - 1] + (month == 2 && leap)) {
        hc_buf_printf(why, "parsing time \"%.*s\": day out of range", HC_P(s));
        return false;
    }
    return true;
}

static int two_digits(const char *p)
{
    return digit(p[0]) && digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

static bool time_of_day(hc_str s, struct hc_buf *why)
{
    if (s.n < 9)
        return no(why, "less than 9 characters long");
    if (s.p[2] != ':' || s.p[5] != ':')
        return no(why, "missing colon in correct place");
    int h = two_digits(s.p), m = two_digits(s.p + 3), sec = two_digits(s.p + 6);
    if (h < 0 || m < 0 || sec < 0)
        return no(why, "invalid hour/min/sec");
    if (h > 23 || m > 59 || sec > 60)
        return no(why, "hour/min/sec out of range");
    s = hc_str_sub(s, 8, s.n);
    if (s.p[0] == '.') {
        size_t n = 1;
        while (n < s.n && digit(s.p[n]))
            n++;
        if (n == 1)
            return no(why, "no digits in second fraction");
        s = hc_str_sub(s, n, s.n);
    }
    if (!hc_str_eqz(s, "z") && !hc_str_eqz(s, "Z")) {
        if (s.n != 6)
            return no(why, "offset must be 6 characters long");
        if (s.p[0] != '+' && s.p[0] != '-')
            return no(why, "offset must begin with plus/minus");
        if (s.p[3] != ':')
            return no(why, "missing colon in offset in correct place");
        int zh = two_digits(s.p + 1), zm = two_digits(s.p + 4);
        if (zh < 0 || zm < 0)
            return no(why, "invalid hour/min in offset");
        if (zh > 23 || zm > 59)
            return no(why, "hour/min in offset out of range");
        int at = h * 60 + m + (s.p[0] == '+' ? -1 : 1) * (zh * 60 + zm);
        at += at < 0 ? 24 * 60 : 0;
        h = at / 60;
        m = at % 60;
    }
    if (sec >= 60 && (h != 23 || m != 59))
        return no(why, "invalid leap second");
    return true;
}

static bool date_time(hc_str s, struct hc_buf *why)
{
    if (s.n < 20)
        return no(why, "less than 20 characters long");
    if (s.p[10] != 't' && s.p[10] != 'T')
        return no(why, "11th character must be t or T");
    hc_buf_puts(why, "invalid date element: ");
    if (!date(hc_str_sub(s, 0, 10), why))
        return false;
    hc_buf_reset(why);
    hc_buf_puts(why, "invalid time element: ");
    if (!time_of_day(hc_str_sub(s, 11, s.n), why))
        return false;
    hc_buf_reset(why);
    return true;
}

static bool uuid(hc_str s, struct hc_buf *why)
{
    static const size_t lengths[] = { 8, 4, 4, 4, 12 };
    hc_str rest = s, group;
    size_t n = 0;
    while (hc_str_split(&rest, '-', &group))
        n++;
    if (n != HC_LEN(lengths))
        return no(why, "must have 5 elements");
    rest = s;
    for (size_t i = 0; hc_str_split(&rest, '-', &group); i++) {
        if (group.n != lengths[i]) {
            hc_buf_printf(why, "element %zu must be %zu characters long", i + 1, lengths[i]);
            return false;
        }
        for (size_t k = 0; k < group.n; k++)
            if (!digit(group.p[k]) && !((group.p[k] | 0x20) >= 'a' && (group.p[k] | 0x20) <= 'f')) {
                hc_buf_printf(why, "non-hex character '%c'", group.p[k]);
                return false;
            }
    }
    return true;
}

/* A scheme and a colon at the start; no white space or control characters. */
static bool uri(hc_str s, struct hc_buf *why)
{
    size_t i = 0;
    for (size_t k = 0; k < s.n; k++)
        if ((unsigned char)s.p[k] < 0x20 || s.p[k] == 0x7f)
            return no(why, "net/url: invalid control character in URL");
    if (s.n && is_letter(s.p[0]))
        while (i < s.n && (is_letter(s.p[i]) || digit(s.p[i]) || strchr("+-.", s.p[i])))
            i++;
    if (i > 0 && i < s.n && s.p[i] == ':')
        return true;
    return no(why, "relative url");
}

static bool json_pointer(hc_str s, struct hc_buf *why)
{
    if (s.n == 0)
        return true;
    if (s.p[0] != '/')
        return no(why, "not starting with /");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' && (i + 1 >= s.n || (s.p[i + 1] != '0' && s.p[i + 1] != '1')))
            return no(why, "~ must be followed by 0 or 1");
    return true;
}

bool hc_schema_format(struct hc_schema_run *r, hc_str format, hc_str s, struct hc_buf *why)
{
    static const struct {
        const char *name;
        bool (*valid)(hc_str s, struct hc_buf *why);
    } formats[] = {
        { "ipv4", ipv4 }, { "ipv6", ipv6 },        { "hostname", hostname },         { "email", email },
        { "date", date }, { "time", time_of_day }, { "date-time", date_time },       { "uuid", uuid },
        { "uri", uri },   { "iri", uri },          { "json-pointer", json_pointer },
    };
    if (hc_str_eqz(format, "regex")) {
        struct hc_pattern *p = NULL;
        struct hc_err err = HC_ERR_INIT;
        if (hc_schema_compile(r, s, &p, &err) == HC_OK)
            return true;
        return no(why, err.msg);
    }
    for (size_t i = 0; i < HC_LEN(formats); i++)
        if (hc_str_eqz(format, formats[i].name))
            return formats[i].valid(s, why);
    return true;
}
