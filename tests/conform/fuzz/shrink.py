"""Makes a case that differs smaller for as long as it still differs."""
import peer


def differs(differ, case):
    before = differ.differences
    if isinstance(case, peer.Chart):
        differ.chart(case)
    else:
        differ.alone(case)
    return differ.differences > before


def shrink_text(text, still, budget):
    size = max(1, len(text) // 2)
    while budget > 0:
        at, done = 0, False
        while at < len(text) and budget > 0:
            t = text[:at] + text[at + size:]
            budget -= 1
            if len(t) < len(text) and still(t):
                text, done = t, True
            else:
                at += size
        if size == 1 and not done:
            break
        size = max(1, size // 2)
    return text


def shrink(helm, ours, case, budget=100):
    d = peer.Differ(helm, ours)
    try:
        if isinstance(case, peer.Chart):
            for name in sorted(case.files, key=lambda n: -len(case.files[n])):
                if name in ("Chart.yaml",) or name.startswith("templates/"):
                    continue
                make = lambda t: peer.Chart(case.gen, dict(case.files, **{name: t}), case.args, case.warnings)
                case.files = dict(case.files, **{name: shrink_text(case.files[name], lambda t: differs(d, make(t)), budget // 2)})
            return case
        for k in range(len(case.data)):
            make = lambda t: peer.Expr(case.gen, case.text, *(case.data[:k] + [t] + case.data[k + 1:]))
            case.data[k] = shrink_text(case.data[k], lambda t: differs(d, make(t)), budget)
        return case
    finally:
        d.close()
