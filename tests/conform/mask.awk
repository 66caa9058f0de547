# mask.awk HELM1 HELM2 HELM3 OURS: equal but for what differs between Helm's own runs?
#
# Outputs are cut into documents. A document that Helm prints the same three times must be the same in ours. In one that
# varies, lines that vary are random values: when the line counts agree, the others must be equal in place; when they do
# not, or the order varies (maps), the lines common to Helm's runs must all be in ours, and as many lines as in one run.
# Exit 0: equal; the last line says how much was masked. Exit 1: the first line says where.
FNR == 1 { run++; docs[run] = 0; lines[run, 0] = 0 }
/^---/ { docs[run]++; lines[run, docs[run]] = 0 }
{ d = docs[run]; text[run, d, ++lines[run, d]] = $0; if (/^# Source: / && !((run, d) in name)) name[run, d] = $0 }

function same(x, y, d,    i) {
    if (lines[x, d] != lines[y, d]) return 0
    for (i = 1; i <= lines[x, d]; i++)
        if (text[x, d, i] != text[y, d, i]) return 0
    return 1
}
function fail(why) { print why; failed = 1; exit 1 }
function masked_in_place(d,    i, n, t) {
    if (lines[1, d] != lines[2, d] || lines[1, d] != lines[3, d] || lines[1, d] != lines[4, d]) return 0
    for (i = 1; i <= lines[1, d]; i++) {
        t = text[1, d, i]
        if (t == text[2, d, i] && t == text[3, d, i]) {
            if (t != text[4, d, i]) return 0
        } else n++
    }
    masked += n
    return 1
}
function masked_sorted(d,    x, i, t, count, least, n) {
    if (lines[4, d] != lines[1, d] && lines[4, d] != lines[2, d] && lines[4, d] != lines[3, d]) return 0
    for (x = 1; x <= 4; x++)
        for (i = 1; i <= lines[x, d]; i++) { count[x, text[x, d, i]]++; seen[d, text[x, d, i]] = text[x, d, i] }
    for (i = 1; i <= lines[1, d]; i++) {
        t = text[1, d, i]
        if ((1, t) in done) continue
        done[1, t] = 1
        least = count[1, t]
        if (count[2, t] + 0 < least) least = count[2, t] + 0
        if (count[3, t] + 0 < least) least = count[3, t] + 0
        if (count[4, t] + 0 < least) { delete done; return 0 }
        n += count[1, t] - least
    }
    delete done
    masked += n
    return 1
}
END {
    if (failed) exit 1
    if (docs[4] != docs[1]) fail(docs[4] " documents, Helm prints " docs[1])
    for (d = 0; d <= docs[1]; d++) {
        if (same(1, 2, d) && same(1, 3, d)) {
            if (!same(1, 4, d)) fail("differs in " name[1, d])
        } else if (!masked_in_place(d) && !masked_sorted(d)) fail("differs in (varying) " name[1, d])
    }
    print masked + 0 " lines that vary"
}
