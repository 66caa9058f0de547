/*
 * Signed commits and tags (gitformat-signature(5)). A commit carries its signature as a header "gpgsig", whatever made
 * it, the lines after the first one moved in by a space; a tag carries it behind its message.
 */
#include "charts-fetch/source/git_impl.h"

#define MAX_SIGNATURE ((size_t)64 * 1024)

static enum hc_rc bad_object(struct hc_err *err, bool is_tag, const char *why)
{
    return hc_fail(err, HC_E_INPUT, "the %s object is malformed: %s", is_tag ? "tag" : "commit", why);
}

static bool begins_signature(hc_str line)
{
    return hc_str_starts(line, HC_S("-----BEGIN PGP SIGNATURE-----")) ||
           hc_str_starts(line, HC_S("-----BEGIN PGP MESSAGE-----")) ||
           hc_str_starts(line, HC_S("-----BEGIN SSH SIGNATURE-----")) ||
           hc_str_starts(line, HC_S("-----BEGIN SIGNED MESSAGE-----"));
}

/* A line with its end; absent at the end of the text. */
static hc_str next_line(hc_str *rest)
{
    size_t eol = hc_str_find(*rest, '\n');
    hc_str line = hc_str_sub(*rest, 0, eol == SIZE_MAX ? rest->n : eol + 1);
    *rest = hc_str_sub(*rest, line.n, rest->n);
    return line.n ? line : (hc_str){ NULL, 0 };
}

/* The header without signatures into `payload`, what is in "gpgsig" into `signature`. */
static enum hc_rc cut_header(hc_str *rest, struct hc_buf *payload, struct hc_buf *signature, struct git_signed *out,
                             bool is_tag, struct hc_err *err)
{
    hc_str line;
    enum { KEPT, OURS, OTHER } in = KEPT;
    bool had = false;
    while ((line = next_line(rest)).p) {
        if (line.p[0] == ' ') {
            if (in == OURS)
                hc_buf_put(signature, hc_str_sub(line, 1, line.n));
            else if (in == KEPT)
                hc_buf_put(payload, line);
            continue;
        }
        in = hc_str_starts(line, HC_S("gpgsig "))          ? OURS
             : hc_str_starts(line, HC_S("gpgsig-sha256 ")) ? OTHER
                                                           : KEPT;
        if (in == OURS && is_tag)
            in = OTHER;
        if (in == OURS) {
            if (had)
                return bad_object(err, is_tag, "it has more than one signature");
            had = true;
            hc_buf_put(signature, hc_str_sub(line, 7, line.n));
        } else if (in == KEPT) {
            hc_buf_put(payload, line);
            if (is_tag && hc_str_starts(line, HC_S("tag ")))
                out->tag_name = hc_str_trim_right(hc_str_sub(line, 4, line.n));
            if (line.n == 1)
                return HC_OK; /* the empty line before the message */
        }
    }
    return HC_OK;
}

/* At most 50 characters, as Flux shows them in events. */
static hc_str short_subject(struct hc_arena *a, hc_str message)
{
    hc_str line = hc_str_sub(message, 0, hc_str_find(message, '\n'));
    size_t at = 0;
    for (size_t n = 0; at < line.n && n < 50; n++) {
        size_t end = HC_MIN(at + 4, line.n); /* what is no UTF-8 does not go on for ever */
        for (at++; at < end && ((unsigned char)line.p[at] & 0xc0) == 0x80;)
            at++;
    }
    return at < line.n ? hc_arena_printf(a, "%.*s...", HC_P(hc_str_sub(line, 0, at))) : hc_arena_str(a, line);
}

enum hc_rc git_parse_signed(struct hc_arena *a, hc_str raw, bool is_tag, struct git_signed *out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf payload;
    HC_AUTO(hc_buf) struct hc_buf signature;
    hc_str rest = raw;
    hc_buf_init(&payload, raw.n + 1);
    hc_buf_init(&signature, MAX_SIGNATURE);
    *out = (struct git_signed){ 0 };
    if (!hc_str_starts(raw, is_tag ? HC_S("object ") : HC_S("tree ")))
        return bad_object(err, is_tag, "it does not begin as one");
    if (cut_header(&rest, &payload, &signature, out, is_tag, err) != HC_OK)
        return err ? err->code : HC_E_INPUT;
    out->subject = short_subject(a, rest);
    if (is_tag) {
        size_t cut = SIZE_MAX;
        hc_str look = rest, line;
        while ((line = next_line(&look)).p)
            if (begins_signature(line))
                cut = (size_t)(line.p - rest.p);
        if (cut != SIZE_MAX) {
            hc_buf_put(&signature, hc_str_sub(rest, cut, rest.n));
            rest = hc_str_sub(rest, 0, cut);
        }
    }
    hc_buf_put(&payload, rest);
    if (signature.spent)
        return bad_object(err, is_tag, "its signature is too large");
    out->payload = hc_buf_to_arena(&payload, a);
    if (signature.n)
        out->signature = hc_buf_to_arena(&signature, a);
    return hc_arena_check(a, err, "Git object");
}
