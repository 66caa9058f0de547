"""What varies between Helm's own runs of one case, as a rule that can be laid over any single output.

A rule is text, `LINE:HEAD,TAIL,BYTES` for each line that varies: of that line the first HEAD and the last TAIL bytes are
kept; what is between them is masked, and was so many bytes in Helm's runs (`~BYTES`: about so many). Masked are whole words:
that two random words happen to begin alike must not make a rule of it. A number that varies tells the time, so the numbers
beside it, the hour beside the minute, are masked too. Words of no more than 128 bytes have a length of their own, longer ones
are keys and certificates, whose lengths vary by a few bytes. Where a random word should be, nothing but such a word passes.
"""
import re

WORD = rb"A-Za-z0-9+/=_"
HEAD = re.compile(rb"[%s]*\Z" % WORD)
TAIL = re.compile(rb"[%s]*" % WORD)
CLOCK = re.compile(rb"[0-9]+(?:[-T:. ][0-9]+)*\Z"), re.compile(rb"(?:[-T:. ][0-9]+)*")
MASKED = re.compile(rb"[%s.$: -]+\Z" % WORD)


def common(texts):
    """How many bytes all texts begin with."""
    first, n = texts[0], min(map(len, texts))
    for i in range(n):
        if any(t[i] != first[i] for t in texts):
            return i
    return n


def line_rule(number, lines):
    head = common(lines)
    tail = min(common([l[::-1] for l in lines]), min(map(len, lines)) - head)
    before, behind = lines[0][:head], lines[0][len(lines[0]) - tail:]
    head = HEAD.search(before).start()
    tail -= TAIL.match(behind).end()
    middles = [l[head:len(l) - tail] for l in lines]
    exact = max(map(len, middles)) <= 128 and len(set(map(len, middles))) == 1
    if all(re.fullmatch(rb"[0-9.:T-]+", m) for m in middles):
        before, behind = lines[0][:len(lines[0]) - tail], lines[0][len(lines[0]) - tail:]
        head = min(head, CLOCK[0].search(before).start())
        tail -= CLOCK[1].match(behind).end()
        exact = False
    return "%d:%d,%d,%s%d" % (number, head, tail, "" if exact else "~", len(lines[0]) - tail - head)


def rule_of(runs):
    """The rule for outputs of one case; "-" when they are the same; None when no rule can be laid over one of them."""
    lines = [r.split(b"\n") for r in runs]
    if len(set(map(len, lines))) != 1:
        return None
    rules = [line_rule(i + 1, ls) for i, ls in enumerate(zip(*lines)) if len(set(ls)) != 1]
    rule = " ".join(rules) or "-"
    return rule if len({laid(rule, r) for r in runs}) == 1 and laid(rule, runs[0]) is not None else None


def laid(rule, output):
    """The output with what varies masked; None when something else stands where a random word should."""
    if rule == "-":
        return output
    lines = output.split(b"\n")
    for one in rule.split():
        number, rest = one.split(":")
        head, tail, size = rest.split(",")
        at, head, tail, about = int(number) - 1, int(head), int(tail), size[0] == "~"
        size = int(size.lstrip("~"))
        if at >= len(lines):
            return None
        line = lines[at]
        middle = line[head:len(line) - tail]
        slack = max(8, size // 10) if about else 0
        if not MASKED.match(middle) or abs(len(middle) - size) > slack:
            return None
        lines[at] = line[:head] + b"\0" + line[len(line) - tail:]
    return b"\n".join(lines)


def count(rule):
    return 0 if rule == "-" else len(rule.split())
