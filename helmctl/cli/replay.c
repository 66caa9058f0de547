/*
 * Files of recordings, and what the two flags mean together:
 *
 *   --record          a render as always, written down
 *   --replay          everything from the file; what is not in it is an error
 *   --replay --record generated values from the file where it has them, the rest asked anew, all written down
 */
#include "helmctl/cli/replay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

#include "core/base/fs.h"
#include "core/base/limits.h"

enum hc_rc hc_cli_replay_open(struct hc_cli_replay *r, struct hc_arena *a, const struct hc_replay_flags *flags,
                              const struct hc_door *inner, bool cluster, struct hc_err *err)
{
    *r = (struct hc_cli_replay){ .flags = flags };
    if (!flags->record && !flags->replay)
        return HC_OK;
    if (flags->replay) {
        hc_str text;
        enum hc_rc rc = hc_read_file(a, AT_FDCWD, flags->replay, HC_MAX_RECORDING_BYTES, &text, err);
        if (rc == HC_OK)
            rc = hc_recording_parse(a, text, hc_str_of(flags->replay), &r->known, err);
        if (rc != HC_OK)
            return rc;
    }
    r->strict = flags->replay && !flags->record;
    const unsigned from_cluster = HC_ASKED_LOOKUPS | HC_ASKED_HOSTS | HC_ASKED_INPUTS;
    const struct hc_recorder_opts opts = {
        .known = r->known,
        .keep = r->strict ? HC_ASKED_ALL
                : cluster ? HC_ASKED_GENERATED
                          : HC_ASKED_GENERATED | from_cluster,
        .strict = r->strict,
        .inner = inner,
    };
    r->recorder = hc_recorder_new(a, &opts);
    return r->recorder ? HC_OK : hc_fail_nomem(err);
}

enum hc_rc hc_cli_replay_begin(struct hc_cli_replay *r, struct hc_render_input *in, struct hc_err *err)
{
    return r->recorder ? hc_recorder_begin(r->recorder, in, err) : HC_OK;
}

enum hc_rc hc_cli_replay_end(struct hc_cli_replay *r, struct hc_arena *a, struct hc_err *err)
{
    if (!r->recorder)
        return HC_OK;
    hc_str *unasked = NULL;
    size_t n = hc_recorder_unasked(r->recorder, a, &unasked);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "level=WARN msg=\"recording: a value of it was not asked for\" value=\"%.*s\"\n",
                HC_P(unasked[i]));
    if (!r->flags->record)
        return HC_OK;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    enum hc_rc rc = hc_recorder_write(r->recorder, &b, err);
    return rc == HC_OK ? hc_write_file(r->flags->record, hc_buf_str(&b), 0600, err) : rc;
}

hc_str hc_cli_resolve(void *ctx, struct hc_arena *a, hc_str host)
{
    (void)ctx;
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char text[INET6_ADDRSTRLEN] = "";
    char *name = hc_arena_strz(a, host);
    if (!name || strlen(name) != host.n || getaddrinfo(name, NULL, &hints, &found) != 0)
        return HC_S("");
    if (found && found->ai_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, text, sizeof(text));
    else if (found && found->ai_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr, text, sizeof(text));
    freeaddrinfo(found);
    return hc_arena_str(a, hc_str_of(text));
}
