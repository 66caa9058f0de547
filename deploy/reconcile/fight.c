/*
 * Fights: another controller writes a field again each time that it is put back. After a few rounds it is named and the
 * object is left alone for a while, because both writing on without end helps nobody: it costs the API server, and
 * restarts pods. A new revision of the release or the end of the pause begins anew. Only this process remembers: a
 * restart costs a few more rounds.
 */
#include "deploy/reconcile/reconcile_impl.h"

static struct hc_drift_fight *fight_of(struct hc_reconcile *r, uint64_t field)
{
    for (size_t i = 0; i < HC_LEN(r->memo.fights); i++)
        if (r->memo.fights[i].rounds > 0 && r->memo.fights[i].field == field &&
            r->memo.fights[i].revision == r->head.revision)
            return &r->memo.fights[i];
    return NULL;
}

void hc_rec_fight_round(struct hc_reconcile *r, uint64_t field)
{
    const int64_t now = hc_rec_now(r);
    struct hc_drift_fight *f = fight_of(r, field);
    if (!f) { /* the place of the one that was touched first */
        f = &r->memo.fights[0];
        for (size_t i = 1; i < HC_LEN(r->memo.fights); i++)
            if (r->memo.fights[i].since_ms < f->since_ms)
                f = &r->memo.fights[i];
        *f = (struct hc_drift_fight){ .field = field, .revision = r->head.revision };
    }
    if (f->rounds == 0 || now - f->since_ms > HC_FIGHT_WINDOW_MS) {
        f->since_ms = now;
        f->rounds = 0;
    }
    f->rounds++;
}

enum hc_fight hc_rec_fight_look(struct hc_reconcile *r, uint64_t field, int64_t *out_took_ms)
{
    const int64_t now = hc_rec_now(r);
    struct hc_drift_fight *f = fight_of(r, field);
    if (!f)
        return HC_FIGHT_NONE;
    if (f->until_ms > now)
        return HC_FIGHT_ON;
    if (f->until_ms > 0) { /* the pause is over: from the start */
        f->rounds = 0;
        return HC_FIGHT_NONE;
    }
    if (f->rounds < HC_FIGHT_ROUNDS || now - f->since_ms > HC_FIGHT_WINDOW_MS)
        return HC_FIGHT_NONE;
    f->until_ms = now + HC_FIGHT_PAUSE_MS;
    *out_took_ms = now - f->since_ms;
    return HC_FIGHT_BEGINS;
}

/* Whether a set of fields (fieldsV1) holds the field of a JSON pointer. Items of lists are named by their keys there: what
 * is within a list counts when the list does. */
static bool holds(const struct hc_val *fields, hc_str pointer)
{
    hc_str part, rest = pointer;
    hc_str_split(&rest, '/', &part); /* what stands before the first slash: nothing */
    while (rest.p && hc_str_split(&rest, '/', &part)) {
        char key[256] = { 'f', ':' };
        size_t n = 2;
        for (size_t i = 0; i < part.n && n < sizeof(key); i++) { /* RFC 6901: ~1 is a slash, ~0 a tilde */
            bool escaped = part.p[i] == '~' && i + 1 < part.n;
            key[n++] = !escaped ? part.p[i] : part.p[++i] == '1' ? '/' : '~';
        }
        const struct hc_val *next = hc_map_get(fields, (hc_str){ key, n });
        if (!next)
            return part.n > 0 && part.p[0] >= '0' && part.p[0] <= '9';
        fields = next;
    }
    return true;
}

hc_str hc_rec_writer(const struct hc_reconcile *r, const struct hc_val *live, hc_str pointer)
{
    const struct hc_val *list = hc_get(live, "metadata.managedFields");
    hc_str who = { NULL, 0 }, when = { NULL, 0 };
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *f = hc_list_at(list, i);
        hc_str manager = hc_get_str_at(f, "manager"), time = hc_get_str_at(f, "time");
        if (hc_str_eqz(manager, r->spec.manager) || hc_str_eqz(hc_get_str_at(f, "subresource"), "status") ||
            !holds(hc_map_getz(f, "fieldsV1"), pointer) || (who.p && hc_str_cmp(time, when) < 0))
            continue;
        who = manager;
        when = time;
    }
    return who;
}
