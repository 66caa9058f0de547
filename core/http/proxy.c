/*
 * The proxy that the environment names, by the rules of Go's golang.org/x/net/http/httpproxy: the library's own differ in
 * what NO_PROXY may hold (ports, "*.zone", what a leading dot means) and in which of two spellings counts.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/http/http_impl.h"

struct address {
    unsigned char ip[16]; /* of version 4: its first four */
    unsigned bits;        /* how many it has; 0: it is none */
};

static struct address address_of(hc_str text)
{
    struct address a = { .bits = 0 };
    char z[INET6_ADDRSTRLEN];
    if (text.n >= sizeof(z))
        return a;
    snprintf(z, sizeof(z), "%.*s", HC_P(text));
    if (inet_pton(AF_INET6, z, a.ip) == 1) {
        static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
        a.bits = 128;
        if (memcmp(a.ip, mapped, sizeof(mapped)) == 0) {
            memmove(a.ip, a.ip + 12, 4);
            a.bits = 32;
        }
    } else if (inet_pton(AF_INET, z, a.ip) == 1) {
        a.bits = 32;
    }
    return a;
}

static bool same_start(const struct address *a, const struct address *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return a->bits == b->bits && bits <= a->bits && memcmp(a->ip, b->ip, whole) == 0 &&
           (!rest || (a->ip[whole] ^ b->ip[whole]) >> (8 - rest) == 0);
}

bool hc_http_in_network(hc_str network, hc_str host)
{
    size_t slash = hc_str_find(network, '/');
    uint64_t bits;
    if (slash == SIZE_MAX || !hc_str_to_u64(hc_str_sub(network, slash + 1, network.n), &bits))
        return false;
    const struct address net = address_of(hc_str_sub(network, 0, slash)), at = address_of(host);
    return net.bits && bits <= net.bits && same_start(&net, &at, (unsigned)bits);
}

/* "host:port" or "[address]:port" taken apart as Go does it; anything else is a host as it stands. */
static hc_str split_port(hc_str entry, hc_str *out_port)
{
    size_t colon = hc_str_rfind(entry, ':');
    *out_port = HC_S("");
    if (colon == SIZE_MAX)
        return entry;
    hc_str host = hc_str_sub(entry, 0, colon);
    bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (brackets)
        host = hc_str_sub(host, 1, host.n - 1);
    else if (hc_str_find(host, ':') != SIZE_MAX) /* an address of version 6 */
        return entry;
    *out_port = hc_str_sub(entry, colon + 1, entry.n);
    return host;
}

static bool entry_fits(hc_str entry, hc_str host, hc_str port)
{
    hc_str want;
    if (hc_str_eqz(entry, "*") || hc_http_in_network(entry, host))
        return true;
    hc_str name = split_port(entry, &want);
    if (!name.n || (want.n && !hc_str_eq(want, port)))
        return false;
    const struct address mine = address_of(host), its = address_of(name);
    if (mine.bits || its.bits)
        return mine.bits && same_start(&mine, &its, mine.bits);
    if (hc_str_starts(name, HC_S("*.")))
        name = hc_str_sub(name, 1, name.n);
    if (name.p[0] == '.')
        return hc_str_ends_nocase(host, name);
    return hc_str_eq_nocase(host, name) ||
           (host.n > name.n && host.p[host.n - name.n - 1] == '.' && hc_str_ends_nocase(host, name));
}

static hc_str env_of(const char *large, const char *small)
{
    const char *v = getenv(large);
    v = v && *v ? v : getenv(small);
    return hc_str_of(v ? v : "");
}

hc_str http_env_proxy(hc_str scheme, hc_str host, hc_str port)
{
    /* Who serves CGI has HTTP_PROXY from a header of whoever asked. */
    bool tls = hc_str_eqz(scheme, "https"), cgi = getenv("REQUEST_METHOD") != NULL;
    hc_str proxy = tls ? env_of("HTTPS_PROXY", "https_proxy")
                       : env_of(cgi ? "http_proxy" : "HTTP_PROXY", "http_proxy");
    hc_str none = env_of("NO_PROXY", "no_proxy"), entry;
    if (host.n > 2 && host.p[0] == '[')
        host = hc_str_sub(host, 1, host.n - 1);
    const struct address at = address_of(host);
    static const struct address six = { .ip = { [15] = 1 }, .bits = 128 };
    if (!proxy.n || hc_str_eq_nocase(host, HC_S("localhost")) || (at.bits == 32 && at.ip[0] == 127) ||
        same_start(&at, &six, 128))
        return HC_S("");
    while (none.n && hc_str_split(&none, ',', &entry)) {
        entry = hc_str_trim(entry);
        if (entry.n && entry_fits(entry, host, port))
            return HC_S("");
    }
    return proxy;
}
