/*
 * Which functions ask, and how a call of theirs is written. The writing is part of what recordings are keyed by
 * (templating/render/recording.h): changing it loses the passwords of every recorded release.
 */
#include "lua/funcs/asked.h"

#include "core/base/digest.h"
#include "core/value/json.h"
#include "lua/funcs/funcs_impl.h"

enum { LONGEST_ARG = 200 };

static const struct {
    const char *name;
    enum hc_asks asks;
    unsigned secret; /* bit i: argument i may be one */
} asking[] = {
    { "bcrypt", HC_ASKS_RANDOM, 1 },
    { "encryptAES", HC_ASKS_RANDOM, 3 },
    { "genCA", HC_ASKS_RANDOM, 0 },
    { "genCAWithKey", HC_ASKS_RANDOM, 4 },
    { "genPrivateKey", HC_ASKS_RANDOM, 0 },
    { "genSelfSignedCert", HC_ASKS_RANDOM, 0 },
    { "genSelfSignedCertWithKey", HC_ASKS_RANDOM, 16 },
    { "genSignedCert", HC_ASKS_RANDOM, 16 },
    { "genSignedCertWithKey", HC_ASKS_RANDOM, 48 },
    { "getHostByName", HC_ASKS_HOST, 0 },
    { "htpasswd", HC_ASKS_RANDOM, 2 },
    { "lookup", HC_ASKS_LOOKUP, 0 },
    { "randAlpha", HC_ASKS_RANDOM, 0 },
    { "randAlphaNum", HC_ASKS_RANDOM, 0 },
    { "randAscii", HC_ASKS_RANDOM, 0 },
    { "randBytes", HC_ASKS_RANDOM, 0 },
    { "randInt", HC_ASKS_RANDOM, 0 },
    { "randNumeric", HC_ASKS_RANDOM, 0 },
    { "shuffle", HC_ASKS_RANDOM, 1 },
    { "uuidv4", HC_ASKS_RANDOM, 0 },
};

static size_t row_of(const struct hc_func *f)
{
    for (size_t i = 0; i < HC_LEN(asking); i++)
        if (f->name[0] == asking[i].name[0] && strcmp(f->name, asking[i].name) == 0)
            return i;
    return SIZE_MAX;
}

enum hc_asks hc_func_asks(const struct hc_func *f)
{
    size_t row = row_of(f);
    return row == SIZE_MAX ? HC_ASKS_NOTHING : asking[row].asks;
}

static void write_digest(struct hc_buf *b, hc_str text)
{
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(text, hex);
    hc_buf_printf(b, "sha256:%.24s", hex);
}

void hc_func_write_call(struct hc_buf *b, struct hc_fcall *c, const struct hc_func *f, struct hc_val *const *argv,
                        size_t argc, bool for_message)
{
    size_t row = row_of(f);
    unsigned secret = row == SIZE_MAX ? 0 : asking[row].secret;
    HC_AUTO(hc_buf) struct hc_buf one;
    hc_buf_init(&one, 0);
    hc_buf_puts(b, f->name);
    for (size_t i = 0; i < argc; i++) {
        bool hidden = i < 32 && (secret >> i & 1) != 0;
        hc_buf_putc(b, ' ');
        if (hidden && for_message) {
            hc_buf_puts(b, "***");
            continue;
        }
        hc_buf_reset(&one);
        if (fn_nil(argv[i]))
            hc_buf_puts(&one, "null");
        else if (fn_json(c, &one, argv[i], HC_JSON_SORT) != HC_OK)
            hc_go_print(&one, argv[i]);
        if (hidden || one.n > LONGEST_ARG)
            write_digest(b, hc_buf_str(&one));
        else
            hc_buf_put(b, hc_buf_str(&one));
    }
}
