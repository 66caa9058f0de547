#!/usr/bin/env python3
"""Writes helmctl/cli/main/front.ld: which functions renders run, so that the linker puts them side by side.

  layout.py            renders the public charts with their defaults and overlays, and writes the list anew (a minute)
  layout.py --check    whether the list still fits: most of what it names is there, most of what a render runs is named

The kernel maps a program in pieces of 64 KiB around what is touched. Renders run a fifth of what `helmctl` holds, and as
the linker leaves it that lies in four of five pieces: 4.3 MiB of functions instead of 1.8 for a large chart, 2.3 instead of
0.7 for a small one.

A function counts as run when a breakpoint at its first byte was met; each is met once, so it costs a render no more than
a moment. Functions of our own stand in sections of their own, archives of others are taken by object. What runs in nearly
all renders stands first, what runs in few last. A name that is gone or new costs its page and nothing else: the list
need not follow every change.

HC_SHARED as in tests/conform, HC_BUILD (build/release). Linux on x86-64.
"""
import bisect
import collections
import ctypes
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HC_BUILD", os.path.join(ROOT, "build/release"))
SHARED = os.environ.get("HC_SHARED", os.path.join(ROOT, "../shared"))
SCRIPT = os.path.join(ROOT, "helmctl/cli/main/front.ld")
BANDS = (0.9, 0.25, 0.08, 0)  # the least part of all renders that run what stands in a group
FRESH = 0.9  # the least part of the functions in the list that must exist, and of those of a render that must be in it
WIDTH = 118
PTRACE_TRACEME, PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SETOPTIONS, RIP = 0, 7, 12, 13, 0x4200, 16
PTRACE_O_TRACECLONE, WALL = 8, 0x40000000
# archive: None for what is our own, "" for what belongs to neither
Section = collections.namedtuple("Section", "at size name archive object")


def ptrace(what, pid, data=None):
    if LIBC.ptrace(what, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def met(program, args, entries):
    """The addresses among `entries` that a run of the program comes to."""
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            ptrace(PTRACE_TRACEME, 0)
            os.execv(program, [program] + args)
        finally:
            os._exit(1)
    if not os.WIFSTOPPED(os.waitpid(pid, 0)[1]):
        raise OSError("processes may not be traced here")
    regs, found, wanted, deliver = (ctypes.c_ulonglong * 27)(), set(), set(entries), 0
    low = entries[0]
    with open("/proc/%d/mem" % pid, "r+b", buffering=0) as memory:
        memory.seek(low)
        text = memory.read(entries[-1] + 1 - low)
        trapped = bytearray(text)
        for at in entries:
            trapped[at - low] = 0xCC
        memory.seek(low)
        memory.write(trapped)
        ptrace(PTRACE_SETOPTIONS, pid, PTRACE_O_TRACECLONE)
        stopped = pid
        while True:
            ptrace(PTRACE_CONT, stopped, deliver)
            stopped, status = os.waitpid(-1, WALL)
            while not os.WIFSTOPPED(status):
                if stopped == pid:
                    return found
                stopped, status = os.waitpid(-1, WALL)  # a thread ended
            deliver = os.WSTOPSIG(status)
            if deliver == signal.SIGSTOP or status >> 16:  # a thread begins
                deliver = 0
                continue
            ptrace(PTRACE_GETREGS, stopped, ctypes.addressof(regs))
            at = regs[RIP] - 1
            if deliver == signal.SIGTRAP and at in wanted:
                found.add(at)
                memory.seek(at)
                memory.write(text[at - low:at - low + 1])
                regs[RIP] = at
                ptrace(PTRACE_SETREGS, stopped, ctypes.addressof(regs))
                deliver = 0


def linked(program):
    """Links helmctl once more, with a map: its sections by address."""
    command = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", "bin/helmctl"], check=True, capture_output=True,
                             text=True).stdout.strip().split("\n")[-1]
    if " -o bin/helmctl " not in command:
        sys.exit("layout.py: no command that links bin/helmctl in " + BUILD)
    told = program + ".map"
    command = command.replace(" -o bin/helmctl ", " -o %s -Wl,-Map=%s " % (program, told))
    subprocess.run(command, shell=True, check=True, cwd=BUILD)
    found, name = [], None
    for line in open(told, errors="replace"):
        alone = re.match(r"^ (\.\S+)$", line)
        whole = re.match(r"^ (\.\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", line)
        if alone:
            name = alone.group(1)
        elif whole and int(whole.group(2), 16) and int(whole.group(3), 16):
            file = whole.group(4)
            inside = re.search(r"([^/]+\.a)\((.*)\)$", file)
            archive, member = inside.groups() if inside else (None if "CMakeFiles/" in file else "", "")
            found.append(Section(int(whole.group(2), 16), int(whole.group(3), 16), whole.group(1) or name, archive, member))
    return sorted(found, key=lambda s: s.at)


def symbols(program):
    text = subprocess.run(["nm", "-S", "--defined-only", program], check=True, capture_output=True, text=True).stdout
    words = (line.split() for line in text.split("\n"))
    return [(int(w[0], 16), w[3]) for w in words if len(w) == 4 and w[2] in "tTwWi" and int(w[1], 16)]


def renders(folder):
    """Charts with their defaults out of the archive, with overlays out of a folder."""
    charts = os.path.join(SHARED, "charts")
    for line in open(os.path.join(charts, "index.tsv")):
        file, name = line.split("\t")[:2]
        archive = os.path.join(charts, file)
        if not os.path.exists(archive):
            continue
        yield ["template", "rel", archive]
        overlays = sorted(glob.glob(os.path.join(charts, "values", name, "*.yaml")))
        if overlays:
            subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
        for overlay in overlays:
            yield ["template", "rel", os.path.join(folder, name), "-f", overlay]


def own_name(section):
    """Without what the compiler puts behind a name when it makes a function smaller or special."""
    return re.sub(r"(\.(isra|constprop|part)\.\d+)+$", ".*", section)


def places(program, table, folder):
    """How many renders run a place: (None, section) or (archive, object); and how many there were."""
    text = [s for s in table if s.name.startswith(".text")]
    starts, entries, count, n = [s.at for s in text], sorted({at for at, _ in symbols(program)}), collections.Counter(), 0
    for args in renders(folder):
        hit = set()
        for at in met(program, args, entries):
            s = text[max(bisect.bisect_right(starts, at) - 1, 0)]
            if s.archive != "" and s.at <= at < s.at + s.size:
                hit.add((s.archive, s.object if s.archive else own_name(s.name)))
        count.update(hit)
        n += 1
    return count, n


def wrapped(words, indent):
    lines, line = [], indent
    for word in words:
        if len(line) + 1 + len(word) > WIDTH and line != indent:
            lines.append(line)
            line = indent
        line += (" " if line != indent else "") + word
    return "\n".join(lines + [line] * (line != indent))


HEAD = """/*
 * What renders run of helmctl, first what nearly all of them run, and what that reads: side by side, so that few pages of the
 * program are mapped. tests/tool/layout.py writes it and says more. What is not named here is put where the linker always
 * puts it.
 */
"""
# What other processors run instead of what the list was made on.
OTHERS = ("*libc.a:*-avx2*.o *libc.a:*-evex*.o *libc.a:*-sse2*.o *libm*.a:*-fma.o *libcrypto.a:*rsaz*.o").split()
# Tables that functions of other objects read: in many renders, in some.
READ_OFTEN = ("*libc.a:itoa-digits.o *libc.a:errlist*.o *libc.a:setlocale.o *libc.a:SYS_libc.o *libc.a:mktime.o "
              "*libc.a:fpioconst.o").split()
READ = ("*libc.a:C-ctype.o *libc.a:C-numeric.o *libpcre2-8.a:*pcre2_tables.o *libpcre2-8.a:*pcre2_ucd.o "
        "*libpcre2-8.a:*pcre2_chartables.o *libcrypto.a:*_kmgmt.o *libcrypto.a:*_ameth.o *libcrypto.a:*-baseprov.o "
        "*libcrypto.a:*rsa_mp_names.o *libcrypto.a:*der_rsa_gen.o").split()


def write():
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "helmctl")
        table = linked(program)
        count, n = places(program, table, folder)
    reads = {(s.archive, s.object) for s in table if s.archive and s.name.startswith(".rodata")}
    text, data = [], []
    for least in BANDS:
        group = sorted(k for k in count if count[k] >= least * n and (k[0] is None))
        objects = sorted(k for k in count if count[k] >= least * n and k[0])
        text.append("    /* run by %s */" % ("%d %% of them or more" % (least * 100) if least else "fewer"))
        if group:
            text.append("    *(\n%s)" % wrapped([name for _, name in group], "      "))
        text.append(wrapped(["*%s:%s(.text .text.*)" % k for k in objects], "    "))
        data.append(wrapped(["*%s:%s(.rodata .rodata.*)" % k for k in objects if k in reads], "    "))
        for k in group + objects:
            del count[k]
    text.append("    /* other processors */\n" + wrapped([o + "(.text .text.*)" for o in OTHERS], "    "))
    data[0] += "\n" + wrapped([o + "(.rodata .rodata.*)" for o in READ_OFTEN], "    ")
    data.append(wrapped([o + "(.rodata .rodata.*)" for o in READ], "    "))
    def section(name, lines):
        return "  %s :\n  {\n%s\n  }\n" % (name, "\n".join(filter(None, lines)))

    def script(sections, where):
        return "SECTIONS\n{\n%s}\nINSERT %s;\n" % (sections, where)

    own = "    *CMakeFiles*.o(%s %s.*)"
    with open(SCRIPT, "w") as f:
        f.write(HEAD)
        f.write(script(section(".text.render", text), "BEFORE .text"))
        # Texts that are equal are kept once in each of these: what renders read must not lie among what is seldom read.
        f.write(script(section(".rodata.seldom", reversed(data[1:])) +
                       section(".rodata.render", [own % (".rodata", ".rodata"), data[0]]), "AFTER .rodata"))
        f.write(script(section(".data.rel.ro.render", ["    *libc.a:*(.data.rel.ro .data.rel.ro.*)",
                                                       own % (".data.rel.ro", ".data.rel.ro")]), "AFTER .data.rel.ro"))
    print("%d renders" % n)


def placed(program, args):
    """What part of the functions that a run comes to stands in the list's section."""
    headers = subprocess.run(["readelf", "-SW", program], check=True, capture_output=True, text=True).stdout
    at, size = (int(x, 16) for x in re.search(r" \.text\.render +\S+ +(\S+) +\S+ +(\S+)", headers).groups())
    found = met(program, args, sorted({a for a, _ in symbols(program)}))
    return sum(at <= f < at + size for f in found) / len(found)


def check():
    program = os.path.join(BUILD, "bin/helmctl")
    names = set(re.findall(r"(?<= )\.text\.(?:startup\.)?([A-Za-z_0-9]+)(?=[ .)\n])", open(SCRIPT).read()))
    there = {name.split(".")[0] for _, name in symbols(program)}
    gone = sorted(names - there)
    print("%d of %d functions in helmctl/cli/main/front.ld are in the program" % (len(names) - len(gone), len(names)))
    with tempfile.TemporaryDirectory() as folder:
        chart = os.path.join(folder, "chart")
        subprocess.run([program, "create", chart], check=True, stdout=subprocess.DEVNULL)
        try:
            share = placed(program, ["template", chart])
            print("%.0f %% of what a render of a new chart runs is named there" % (100 * share))
        except OSError as e:
            share = 1
            print("SKIP what a render runs: %s" % e)
    if len(gone) > len(names) * (1 - FRESH) or share < FRESH:
        print("too few: tests/tool/layout.py writes the list anew" + (". Gone are " + " ".join(gone) if gone else ""))
        sys.exit(1)


check() if "--check" in sys.argv else write()
