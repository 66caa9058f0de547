"""Conversions and arithmetic with every mixture of types."""
from peer import Expr
import gen_yaml

LIT = ["0", "1", "-1", "2", "3", "7", "10", "-10", "100", "1000000", "9223372036854775807", "-9223372036854775808", "0.0", "1.0", "1.5", "-1.5", "2.5", "0.1", "0.2", "0.3", "1e3", "1e6", "1e20", "1e300", "-1e300", "1e-7", "9007199254740993.0", "1234567.891", "0.5", "-0.5", "'a'", "true", "false", "nil", "(list)", "(list 1)", "(dict)", '""', '"abc"',
       "(int64 5)", "(int 5)", "(float64 5)", '(float64 "inf")', '(float64 "-inf")', '(float64 "nan")', ".Values.nope", '(index "z" 0)', "(mustToDuration 90)", "(toDecimal 777)", "0x10", "0b11", "017", "0o17", "1_000", "33.333333333333336", "1.005", "2.675", "4.35", "1e15", "123456789012345678"]
TEXTS = ["1", "1.0", "1.00", "1.9", "-1", "+5", " 5", "5 ", "010", "08", "0x1F", "0X1f", "0b11", "0B1", "0o17", "0O7", "1_000", "1__0", "_1", "1_", "1e3", "1E3", "1.", ".5", "-.5", "inf", "Inf", "+Inf", "-inf", "infinity", "nan", "NaN", "0x1p4", "0x1.8p1", "0x.8p0", "0x1p-1074", "1e400", "1e-400", "", " ", "abc", "true", "1.0.0", "0.0", "-0", "00", "0.", "0.0x", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
         "18446744073709551616", "777", "888", "1,000", "1 000", "１", "1a", "--1", "+-1", "0x", "0b", "0b2", "0_8", "0_7", "0x_1", "1.0e0", "1.5e1", ".0", "1..0", "1.000000", "-1.0", "+1.0", "0x1.0", "١", "1e", "e1", "1p4", "4.9e-324", "1.7976931348623157e308", "1.7976931348623159e308", "2.5e-324", "0.1e1", "10.0", "010.0", "0x10.0", "1.0_0", "12.00000", "12.50", "0x1P+4", "0x1_0p1_0"]


def arg(r):
    k = r.random()
    return r.choice(LIT) if k < .55 else "@0" if k < .8 else "@1"


def text(r):
    return r.choice(TEXTS) if r.random() < .6 else gen_yaml.number(r)


def number(r):
    one = ["int", "int64", "float64", "toDecimal", "toString", "add1", "add1f", "floor", "ceil", "kindOf", "typeOf", "toJson", "not", "empty", "atoi", "toYaml", "until", "seq", "len", "print"]
    many = ["add", "mul", "max", "min", "biggest", "maxf", "minf", "addf", "subf", "mulf", "divf", "seq"]
    two = ["sub", "div", "mod", "divf", "subf", "eq", "ne", "lt", "le", "gt", "ge", "seq"]
    k = r.random()
    if k < .35:
        f = r.choice(one)
        a = arg(r)
        if f == "until":
            a = "(int (mod (int64 %s) 9))" % a
        if f == "seq":
            a = "(int (mod (int64 %s) 9))" % a
        e = "%s %s" % (f, a)
    elif k < .65:
        f = r.choice(many)
        args = [arg(r) for _ in range(r.randint(1 if f not in ("add", "addf") else 0, 4))]
        if f == "seq":
            args = ["(int (mod (int64 %s) 9))" % a for a in args]
        e = f + " " + " ".join(args)
    elif k < .85:
        f = r.choice(two)
        args = [arg(r), arg(r)]
        if f == "seq":
            args = ["(int (mod (int64 %s) 9))" % a for a in args]
        e = f + " " + " ".join(args)
    elif k < .95:
        e = "round %s %s" % (arg(r), r.choice(["0", "1", "2", "3", "-1", "-3", "10", "15", "20", "308", "2 0.3", "0 0.9", "1 0", "400"]))
    else:
        e = "untilStep (int (mod (int64 %s) 20)) (int (mod (int64 %s) 20)) (int (mod (int64 %s) 5))" % (arg(r), arg(r), arg(r))
    return Expr("number", e, text(r), text(r))


def decimals(r):
    def d():
        s = r.choice(["", "", "-"]) + "".join(r.choice("0123456789") for _ in range(r.choice([1, 2, 6, 15, 20]))) + r.choice(["", "", "." + "".join(r.choice("0123456789") for _ in range(r.choice([1, 2, 5, 17, 25])))]) + r.choice(["", "", "", "e%d" % r.randint(-30, 30)])
        return s
    args = [r.choice(["@0", "@1", "@2", "(float64 @0)", "(float64 @1)", "(int64 @2)", "3", "0.1", "1e-7"]) for _ in range(r.randint(1, 4))]
    f = r.choice(["addf", "mulf", "subf", "divf", "add1f", "maxf", "minf", "round", "floor", "ceil"])
    if f in ("add1f", "floor", "ceil"):
        args = args[:1]
    if f == "round":
        args = args[:1] + [str(r.randint(-3, 18))]
    if f == "divf" and len(args) == 1:
        args.append("7")
    return Expr("decimals", f + " " + " ".join(args), d(), d(), d())


GENERATORS = {"number": (number, 40), "decimals": (decimals, 60)}
