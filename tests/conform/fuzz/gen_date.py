"""Dates, layouts, zones, durations."""
from peer import Expr

STD = ["2006-01-02T15:04:05Z07:00", "2006-01-02", "Jan 2, 2006", "Mon Jan _2 15:04:05 2006", "02 Jan 06 15:04 MST", "Monday, 02-Jan-06 15:04:05 MST", "3:04PM", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05 -0700", "2006/1/2", "15:04:05.000", "20060102150405"]
BITS = ["2006", "06", "01", "1", "Jan", "January", "02", "2", "_2", "002", "__2", "Mon", "Monday", "15", "03", "3", "04", "4", "05", "5", "PM", "pm", ".000", ".999", ",000", ",999999", ".0", ".9", "000", "MST", "Z0700", "Z07:00", "Z07", "Z070000", "Z07:00:00", "-0700", "-07:00", "-07", "-070000", "-07:00:00"]
ZONES = ["UTC", "Local", "", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Africa/Monrovia", "Pacific/Apia", "Europe/Dublin", "Antarctica/Troll", "America/Caracas", "Asia/Tokyo", "Etc/GMT+5", "EST", "EST5EDT", "CET", "Nope/Nope", "../etc/passwd", "Africa/Casablanca", "America/Godthab", "Asia/Tehran", "Pacific/Chatham", "UCT", "Zulu", "GMT", "europe/berlin", "Europe/London", "Africa/Cairo", "America/Sao_Paulo", "Pacific/Kiritimati"]


def layout(r):
    if r.random() < .35:
        return r.choice(STD)
    return "".join(r.choice(BITS) + r.choice(["-", " ", ":", "/", ".", ",", "T", "", "", "x", "é", "_", "\n"]) for _ in range(r.randint(1, 8)))


def epoch(r):
    return r.choice([0, 1, -1, 86399, 951782400, 1583020800, 1710054000, 1729990800, 1e9, 1711846799, 1711846800, 1729990799, 253402300799, 253402300800, -62135596800, -62135596801, -62167219200, 4102444800, -2208988800, 2**31, 2**33, -2**40, 2**40, 2**50, -2**50] +
                    [r.randint(-2**31, 2**32), r.randint(0, 2**32), r.randint(-10**11, 10**12), r.randint(1600000000, 1800000000)] * 6)


def when(r):
    k = r.random()
    if k < .6:
        return "(int64 %d)" % epoch(r)
    if k < .8:
        y, m, d = r.choice([1, 1900, 1970, 1999, 2000, 2020, 2024, 9999, r.randint(0, 9999)]), r.randint(1, 12), r.randint(1, 28)
        return '(toDate "2006-01-02" "%04d-%02d-%02d")' % (y, m, d)
    if k < .9:
        return '(toDate "2006-01-02T15:04:05Z07:00" "20%02d-%02d-%02dT%02d:%02d:%02d%s")' % (r.randint(0, 99), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59), r.choice(["Z", "+05:30", "-08:00", "+00:00", "+14:00", "+02:00", "+01:00"]))
    return '(fromToml "a = %04d-%02d-%02d%s").a' % (r.randint(0, 9999), r.randint(1, 12), r.randint(1, 28), r.choice(["", "T10:11:12", "T10:11:12Z", "T10:11:12.123456789+05:30"]))


def quoted(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def duration(r):
    d = lambda: r.choice(["0", "1", "5", "90", "1.5", ".5", "0.000000001", "100", "36", "999999", "2562047", "1.", "292"])
    s = r.choice(["", "", "-", "+"]) + "".join(d() + r.choice(["h", "m", "s", "ms", "us", "µs", "μs", "ns", "h", "m", "s"]) for _ in range(r.randint(1, 3)))
    if r.random() < .15:
        s = r.choice(["", "0", "1", "abc", "1h 30m", " 1h ", "1d", "1w", "h", "-", "+", ".", "1.h", ".s", "1e3", "1_000", "0x1p4", "NaN", "Inf", "-inf", "9223372036", "9223372037", "-9223372036.9", "1e10", "3.7", "9223372036854775807ns", "9223372036854775808ns", "-9223372036854775808ns", "2562048h", "90", "1h1", "1µ", "3000000h", "1y", "0.3333333333333333333h", "1S", "1H"])
    return s


def date_out(r):
    f = r.choice(["date @0 %s", "date @0 %s", "dateInZone @0 %s @1", "dateInZone @0 %s @1", "date_in_zone @0 %s @1", "htmlDate %s", "htmlDateInZone %s @1", "unixEpoch %s", "dateModify @2 %s", "date @0 (dateModify @2 %s)", "date_modify @2 %s", "mustDateModify @2 %s",
                  "toJson %s", "toYaml %s", "toString %s", "(%s).Year", "(%s).Weekday", "(%s).YearDay", "(%s).Unix", "(%s).UTC", "(%s).Format @0", "(%s).Nanosecond", "(%s).IsZero", "(%s).Month", '(%s).AddDate 0 1 1', "(%s).ISOWeek", "(%s).String", "(%s).Truncate 3600000000000"])
    w = when(r)
    if "int64" in w and not f.startswith(("date", "html")):
        w = '(toDate "2006-01-02 15:04:05" "%04d-%02d-%02d %02d:%02d:%02d")' % (r.randint(0, 9999), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59))
    if ("odify" in f or "unixEpoch" in f) and "int64" in w:
        w = '(toDate "2006-01-02" "2024-02-29")'
    return Expr("date_out", f % w, layout(r), r.choice(ZONES), duration(r))


def date_in(r):
    """Layout and text that mostly fit."""
    lay = layout(r)
    k = r.random()
    if k < .5:
        return Expr("date_in", 'toDate @0 (dateInZone @0 (int64 %d) @1) | printf "%%s %%v"  @1' % epoch(r) if False else r.choice(["toDate @0 (dateInZone @0 (int64 %d) @1)", "mustToDate @0 (dateInZone @0 (int64 %d) @1)"]) % epoch(r), lay, r.choice(ZONES))
    text = r.choice(["2020-01-02", "2020-13-02", "2020-02-30", "2020-2-3", "20-01-02", "2020-01-02T10:11:12Z", "2020-01-02T10:11:12.5+01:00", "2020-01-02T24:00:00Z", "2020-01-02T10:60:00Z", "2020-01-02T10:11:12,123Z", "Jan 2, 2020", "jan 2, 2020", "Foo 2, 2020", "Mon Jan  2 15:04:05 2006", "02 Jan 06 15:04 CET", "02 Jan 06 15:04 FOO", "02 Jan 06 15:04 GMT+3",
                     "02 Jan 06 15:04 +03", "02 Jan 20 15:04 CEST", "3:04AM", "13:04PM", "0:04am", "12:04PM", "", "x", "2020-01-02 ", " 2020-01-02", "2020-01-02x", "20200102030405", "2020/1/2", "2020/01/02", "366", "000", "2023 366", "2020-01-02 15:04:05 -0700", "2020-01-02 15:04:05 +2500", "2020-01-02T10:11:12-24:00", "10:11:12.000", "10:11:12.1234567890", "Tuesday, 02-Jan-06 15:04:05 UTC",
                     "2024-03-31T02:30:00", "2024-10-27T02:30:00"])
    return Expr("date_in", r.choice(["toDate @0 @1", "mustToDate @0 @1"]), lay, text)


def durations(r):
    v = r.choice(["@0", "@0", "@0", "@0", "(int64 %d)" % r.choice([0, 1, -1, 90, 3600, 86400, 9223372036, 9223372037, -9223372036, 2**63 - 1, -2**63]), str(r.choice([90, 1.5, -0.5, 1e10, 1e-10, 9223372036.8, 3.0000000001, -1e300])), "true", "nil", "(list)", "(dict)", '(index "a" 0)', "(mustToDuration @0)", '(float64 "nan")', '(float64 "inf")', "(int 5)", "(toDate \"2006\" \"2020\")"])
    f = r.choice(["durationSeconds %s", "durationMilliseconds %s", "durationMicroseconds %s", "durationNanoseconds %s", "durationMinutes %s", "durationHours %s", "durationDays %s", "durationWeeks %s", "mustToDuration %s", "durationRoundTo %s @1", "durationTruncateTo %s @1", "duration %s", "durationRound %s",
                  "toJson (mustToDuration %s)", "(mustToDuration %s).Hours", "(mustToDuration %s).Round 1000000000", "(mustToDuration %s).String", 'printf "%%v %%d %%s %%x" (mustToDuration %s) (mustToDuration @1) (mustToDuration @1) 1', "durationRoundTo %s 7", "toYaml (list (mustToDuration %s))", "durationRound (mustToDuration %s)"])
    return Expr("duration", f % v, duration(r), duration(r))


GENERATORS = {"date_out": (date_out, 40), "date_in": (date_in, 30), "duration": (durations, 30)}
