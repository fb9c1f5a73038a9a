"""Writes derivatives to many digits, at numbers from the tiniest to the largest: python derivatives.py. It needs mpmath.

It rewrites derivatives.json: for each function and each of the two floating dtypes the columns of its arguments, and for each
argument that has a derivative the column of that. Arguments are numbers of the dtype; derivatives may lie beyond all doubles.
Left out are points where a derivative does not exist or where the function's own value is infinite."""
import json
import random
import struct
from pathlib import Path

import mpmath as mp

mp.mp.dps = 80
random.seed(11)
inf = float("inf")


class Format:
    """A floating dtype: its name, the bits of its fractions and the exponents of its numbers."""

    def __init__(self, name, bits, smallest, largest, rounded):
        self.name, self.bits, self.smallest, self.largest, self.rounded = name, bits, smallest, largest, rounded
        self.max = float((mp.mpf(2) - mp.mpf(2) ** -bits) * mp.mpf(2) ** largest)
        self.min = 2.0**smallest


def single(x):
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return inf if x > 0 else -inf


formats = [Format("float64", 52, -1074, 1023, float), Format("float32", 23, -149, 127, single)]


def sizes(f):
    """Positive numbers from the smallest subnormal one to the largest, densest around 1."""
    low, high = f.smallest, f.largest
    exponents = [low, low + 3, low + f.bits, low * 3 // 4, low // 2, low // 3, low // 6, -f.bits - 3, -f.bits // 2, -f.bits // 4]
    exponents += [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, f.bits // 4, f.bits // 2, f.bits + 3]
    exponents += [high // 6, high // 3, high // 2, high // 2 + 1, high * 3 // 4, high - 1]
    return [f.rounded((1 if e < low + f.bits else 1 + random.random()) * 2.0**e) for e in exponents] + [1.0, f.max]


def above(f, x, steps=(1, 3, 1000)):
    """Numbers a few places of the dtype above x."""
    return [f.rounded(x + n * 2.0 ** (mp.floor(mp.log(abs(x), 2)) - f.bits)) for n in steps]


def below(f, x, steps=(1, 3, 1000)):
    return [f.rounded(x - n * 2.0 ** (mp.floor(mp.log(abs(x), 2)) - f.bits - 1)) for n in steps]


def signed(points):
    return [s * x for x in points for s in (1, -1)]


def line(*more):
    return lambda f: signed(sizes(f)) + [f.rounded(x) for x in more]


def between(low, high, *more):
    """The whole range of sizes inside the open interval."""
    return lambda f: [x for x in signed(sizes(f)) + [f.rounded(x) for x in more] if low < x < high]


def positive(*more):
    return between(0, inf, *more)


def near_one(f):
    """Inside (-1, 1), close to both ends as well."""
    return [x for x in signed(sizes(f) + below(f, 1.0) + [0.25, f.rounded(0.9), f.rounded(0.99)]) if abs(x) < 1]


def share(f):
    """Inside (0, 1), close to both ends as well."""
    return [x for x in sizes(f) + below(f, 1.0) + [f.rounded(x) for x in (0.25, 0.3, 0.5, 0.7, 0.9, 0.99)] if 0 < x < 1]


def beyond_one(f):
    return [x for x in sizes(f) + above(f, 1.0) + [f.rounded(1.1), 1.5] if x > 1]


def steady(limit, *more):
    return lambda f: [x for x in line(*more)(f) if abs(x) <= limit]


tails = signed([0.3, 0.7, 1.5, 3, 5, 7, 9.010913848876953, 12, 17, 20, 30, 40, 43, 50, 80, 87, 100, 300, 350, 700, 744])


def largest_left_out(f):
    return [x for x in line(*tails)(f) if abs(x) < f.max / 2]


root_two, root_pi = mp.sqrt(2), mp.sqrt(mp.pi)



def logistic(x):
    return 1 / (1 + mp.exp(-x)) if x > 0 else mp.exp(x) / (1 + mp.exp(x))


def bell(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def cdf(x):
    return mp.erfc(-x / root_two) / 2


def mills(x):
    """bell(x) / cdf(x), by a continued fraction far below 0."""
    if x > -200:
        return bell(x) / cdf(x)
    tail = mp.mpf(0)
    for n in range(300, 0, -1):
        tail = n / (-x + tail)
    return -x + tail


def erfcinv(y):
    root = mp.sqrt(max(mp.mpf("0.1"), -mp.log(y * mp.sqrt(max(-mp.log(y), mp.mpf("0.1")) * mp.pi))))
    for _ in range(200):
        value = mp.erfc(root)
        step = (mp.log(value) - mp.log(y)) * value * root_pi / 2 / mp.exp(-root * root)
        root += step
        if abs(step) < mp.mpf(10) ** -60:
            break
    return root


def erfinv(x):
    return mp.erfinv(x) if abs(x) < 0.9 else mp.sign(x) * erfcinv(1 - abs(x))


def ndtri(p):
    return -root_two * erfcinv(2 * p) if p < 0.05 else root_two * erfinv(2 * p - 1)


def erfcx_slope(x):
    """By the asymptotic series far above 0, where the two terms cancel."""
    if x < 300:
        with mp.workdps(300):
            return 2 * x * mp.exp(x * x) * mp.erfc(x) - 2 / root_pi
    term = total = mp.mpf(1)
    for n in range(1, 40):
        term *= -(2 * n + 1) / (2 * x * x)
        total += term
    return -total / (root_pi * x * x)


def scaled_bessel(order, x):
    return mp.exp(-abs(x)) * mp.besseli(order, x)


def sinc_slope(x):
    t = mp.pi * x
    if abs(x) < mp.mpf("1e-10"):
        return mp.pi * (-t / 3 + t**3 / 30)
    return (mp.cos(t) - mp.sin(t) / t) / x


def mish_slope(x):
    # tanh(softplus(x)) = (u^2 - 1) / (u^2 + 1) with u = 1 + e^x, whose parts would be too large for large x.
    z = mp.exp(-abs(x))
    value = (z * z + 2 * z) / (z * z + 2 * z + 2) if x < 0 else (1 + 2 * z) / (1 + 2 * z + 2 * z * z)
    rest = 2 / (z * z + 2 * z + 2) if x < 0 else 2 * z * z / (1 + 2 * z + 2 * z * z)
    return value + x * rest * (1 + value) * logistic(x)


def gelu_tanh_slope(x):
    c = mp.sqrt(2 / mp.pi)
    inner = c * (x + mp.mpf(0.044715) * x**3)
    return logistic(2 * inner) + x / 2 * mp.sech(inner) ** 2 * c * (1 + 3 * mp.mpf(0.044715) * x * x)


one = {
    "abs": (line(), mp.sign),
    "square": (line(), lambda x: 2 * x),
    "sqrt": (positive(), lambda x: 1 / (2 * mp.sqrt(x))),
    "rsqrt": (positive(3.5e-206, 5e-26), lambda x: -1 / (2 * x * mp.sqrt(x))),
    "reciprocal": (line(), lambda x: -1 / x**2),
    "exp": (steady(700, *tails[:-2]), mp.exp),
    "exp2": (steady(1000, *tails), lambda x: mp.mpf(2) ** x * mp.log(2)),
    "expm1": (steady(700, *tails), mp.exp),
    "log": (positive(), lambda x: 1 / x),
    "log2": (positive(), lambda x: 1 / (x * mp.log(2))),
    "log10": (positive(), lambda x: 1 / (x * mp.log(10))),
    "log1p": (lambda f: [x for x in near_one(f) + sizes(f)], lambda x: 1 / (1 + x)),
    "sin": (line(), mp.cos),
    "cos": (line(), lambda x: -mp.sin(x)),
    "tan": (line(1.57079632679, 1.5, 3), lambda x: mp.sec(x) ** 2),
    "asin": (near_one, lambda x: 1 / mp.sqrt((1 - x) * (1 + x))),
    "acos": (near_one, lambda x: -1 / mp.sqrt((1 - x) * (1 + x))),
    "atan": (line(), lambda x: 1 / (1 + x * x)),
    "sinh": (steady(700, *tails), mp.cosh),
    "cosh": (steady(700, *tails), mp.sinh),
    "tanh": (line(*tails), lambda x: mp.sech(x) ** 2),
    "asinh": (line(1e20, 1e10, 1e15), lambda x: 1 / mp.sqrt(1 + x * x)),
    "acosh": (beyond_one, lambda x: 1 / mp.sqrt((x - 1) * (x + 1))),
    "atanh": (near_one, lambda x: 1 / ((1 - x) * (1 + x))),
    "sigmoid": (line(*tails), lambda x: logistic(x) * logistic(-x)),
    "logisticDensity": (line(*tails), lambda x: -logistic(x) * logistic(-x) * mp.tanh(x / 2)),
    "erf": (line(*tails), lambda x: 2 / root_pi * mp.exp(-x * x)),
    "erfc": (line(*tails), lambda x: -2 / root_pi * mp.exp(-x * x)),
    "erfinv": (near_one, lambda x: root_pi / 2 * mp.exp(erfinv(x) ** 2)),
    "erfcx": (lambda f: [x for x in steady(50, *tails)(f) if -9 < x], erfcx_slope),
    "ndtri": (share, lambda p: 1 / bell(ndtri(p))),
    "normalCdf": (line(*tails), bell),
    "normalDensity": (line(*tails), lambda x: -x * bell(x)),
    "ndtr": (line(*tails), bell),
    "logNdtr": (largest_left_out, mills),
    "gelu": (steady(1e30, *tails), lambda x: cdf(x) + x * bell(x)),
    "logit": (share, lambda x: 1 / (x * (1 - x))),
    "entr": (positive(), lambda x: -1 - mp.log(x)),
    "lgamma": (lambda f: [x for x in steady(1e6, 0.5, 1.3, 2.5, -0.5, -1.5, -2.3)(f) if x > -3 and (x > 0 or x != int(x))], mp.digamma),
    "digamma": (lambda f: [x for x in steady(1e6, 0.5, 1.3, 2.5, -0.5, -1.5, -2.3)(f) if x > -3 and (x > 0 or x != int(x))], lambda x: mp.polygamma(1, x)),
    "polygamma2": (lambda f: [x for x in steady(1e6, 0.5, 1.3, 2.5)(f) if x > 0], lambda x: mp.polygamma(3, x)),
    "i0": (steady(80, *tails), lambda x: mp.besseli(1, x)),
    "i0e": (steady(1e5, *tails), lambda x: scaled_bessel(1, x) - mp.sign(x) * scaled_bessel(0, x)),
    "i1": (steady(80, *tails), lambda x: (mp.besseli(0, x) + mp.besseli(2, x)) / 2),
    "i1e": (
        steady(1e5, *tails),
        lambda x: (scaled_bessel(0, x) + scaled_bessel(2, x)) / 2 - mp.sign(x) * scaled_bessel(1, x),
    ),
    "sinc": (steady(1e3, 1e-200, 1e-20, 1e-5, 1e-3, 0.01, 0.1, 0.4, 2.4), sinc_slope),
    "softplus": (line(*tails), logistic),
    "logsigmoid": (line(*tails), lambda x: logistic(-x)),
    "silu": (steady(1e30, *tails), lambda x: logistic(x) + x * logistic(x) * logistic(-x)),
    "mish": (steady(1e30, *tails), mish_slope),
    "geluTanh": (steady(1e30, *tails), gelu_tanh_slope),
    "elu": (line(*tails), lambda x: mp.mpf(1) if x > 0 else mp.exp(x)),
    "softsign": (steady(1e3), lambda x: 1 / (1 + abs(x)) ** 2),
    "x ** 1.5": (positive(), lambda x: 3 * mp.sqrt(x) / 2),
    "x ** -2.5": (between(1e-9, 1e9), lambda x: -5 / (2 * x**3 * mp.sqrt(x))),
    "length of x and 1": (line(), lambda x: x / mp.sqrt(x * x + 1)),
    "length of x and x": (largest_left_out, lambda x: root_two * mp.sign(x)),
    "length of order 3": (largest_left_out, lambda x: mp.cbrt(2) * mp.sign(x)),
    "std of x and 0": (lambda f: [x for x in line()(f) if 1e-15 < abs(x) < 1e15], lambda x: mp.sign(x) / root_two),
    "product with 2": (line(), lambda x: mp.mpf(2)),
    "logcumsumexp of x and 0": (line(*tails), logistic),
    "cross entropy of logit x": (line(*tails), logistic),
    "cross entropy of logit x, hit": (line(*tails), lambda x: -logistic(-x)),
    "logsumexp of x and 0": (line(*tails), logistic),
}


def pairs(*more):
    """Sizes against sizes, of both signs."""

    def made(f):
        few = sizes(f)[::3] + [1.0, f.max / 4]
        return [(a * random.choice([1, -1]), b * random.choice([1, -1])) for a in few for b in few] + [
            tuple(map(f.rounded, pair)) for pair in more
        ]

    return made


def positive_pairs(*more):
    return lambda f: [(abs(a), abs(b)) for a, b in pairs(*more)(f)]


def hypot_points(f):
    # Of subnormal numbers the length itself has few digits; beyond the largest number it has none.
    return [p for p in pairs((3, 4), (1e-160, 1e-160))(f) if f.min * 2.0**f.bits < abs(mp.hypot(*map(mp.mpf, p))) < f.max]


def quotient(a, b):
    return mp.mpf(int(abs(a) / abs(b))) * mp.sign(a) * mp.sign(b)


few_numbers = [0.3, 0.7, 1.1, 2.5, 7.3, 30.1]
quotients = [(0.8, 0.1), (0.6, 0.1), (7, 2), (-7, 2), (7.5, -2), (1, 0.1), (1e5, 0.3), (3, 5), (0.7, 0.1), (-0.8, 0.1), (5, 1.6)]
two = {
    "mul": (pairs(), lambda a, b: b, lambda a, b: a),
    "div": (pairs(), lambda a, b: 1 / b, lambda a, b: -a / (b * b)),
    "pow": (
        lambda f: [(f.rounded(a), f.rounded(b)) for a in few_numbers + [1e-30, 1e-5, 1e5, 1e30] for b in [-2.5, -1, -0.3, 0.3, 0.5, 1, 1.1, 2, 3, 3.7]
                   if max(abs(b * mp.log(a)), abs((b - 1) * mp.log(a))) < (700 if f.bits == 52 else 80)],
        lambda a, b: b * a ** (b - 1),
        lambda a, b: a**b * mp.log(a),
    ),
    "atan2": (pairs((1e25, 1e25), (1e-25, 2e-25), (3, -4)), lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)),
    "hypot": (hypot_points, lambda a, b: a / mp.hypot(a, b), lambda a, b: b / mp.hypot(a, b)),
    "fmod": (lambda f: [tuple(map(f.rounded, p)) for p in quotients], lambda a, b: mp.mpf(1), lambda a, b: -quotient(a, b)),
    "remainder": (lambda f: [tuple(map(f.rounded, p)) for p in quotients], lambda a, b: mp.mpf(1), lambda a, b: -mp.floor(a / b)),
    "copysign": (pairs(), lambda a, b: mp.sign(a) * mp.sign(b), None),
    "logaddexp": (
        lambda f: [(f.rounded(a), f.rounded(b)) for a in signed(few_numbers + [1e-30, 80, 1e20]) for b in signed([0.1, 3, 1e-30, 50, 1e20])],
        lambda a, b: logistic(a - b),
        lambda a, b: logistic(b - a),
    ),
    "logaddexp2": (
        lambda f: [(f.rounded(a), f.rounded(b)) for a in signed(few_numbers + [1e-30, 80, 1e20]) for b in signed([0.1, 3, 1e-30, 50, 1e20])],
        lambda a, b: logistic((a - b) * mp.log(2)),
        lambda a, b: logistic((b - a) * mp.log(2)),
    ),
    "xlogy": (positive_pairs(), lambda a, b: mp.log(b), lambda a, b: a / b),
    "xlog1py": (positive_pairs((1, -0.99), (2, -1e-20)), lambda a, b: mp.log1p(b), lambda a, b: a / (b + 1)),
    "zeta": (
        lambda f: [(f.rounded(s), f.rounded(q)) for s in [1.1, 2, 3.5, 10] for q in [1e-3, 0.3, 1, 2.5, 30, 1e4]],
        None,
        lambda s, q: -s * mp.zeta(s + 1, q),
    ),
    "igamma": (
        lambda f: [(f.rounded(a), f.rounded(x)) for a in [0.1, 0.5, 1, 2.5, 10, 50] for x in [1e-20, 1e-3, 0.3, 1, 2.5, 12, 45, 80]],
        None,
        lambda a, x: mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a)),
    ),
    "igammac": (
        lambda f: [(f.rounded(a), f.rounded(x)) for a in [0.1, 0.5, 1, 2.5, 10, 50] for x in [1e-20, 1e-3, 0.3, 1, 2.5, 12, 45, 80]],
        None,
        lambda a, x: -mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a)),
    ),
}


def text(x):
    """17 digits, that JSON takes as a number; what is far beyond doubles becomes infinite or 0 there."""
    bounded = mp.sign(x) * min(max(abs(x), mp.mpf("1e-400")), mp.mpf("1e400"))
    return mp.nstr(bounded, 17, min_fixed=0, max_fixed=0).replace(".e", "e").replace(".0e", "e").replace("e+", "e")


def columns(points, f, slopes):
    seen = sorted({p if isinstance(p, tuple) else (p,) for p in points(f)})
    seen = [p for p in seen if all(x == x and abs(x) <= f.max and x for x in p)]
    exact = [tuple(map(mp.mpf, p)) for p in seen]
    arguments = ["[" + ",".join(map(repr, column)) + "]" for column in zip(*seen)]
    made = ["null" if slope is None else "[" + ",".join(text(slope(*p)) for p in exact) + "]" for slope in slopes]
    return f'{{"arguments":[{",".join(arguments)}],"derivatives":[{",".join(made)}]}}'


entries = []
for name, (points, *slopes) in (one | two).items():
    entries.append(f'{json.dumps(name)}: {{' + ",\n ".join(f'"{f.name}": {columns(points, f, slopes)}' for f in formats) + "}")
Path(__file__).with_name("derivatives.json").write_text("{" + ",\n".join(entries) + "}\n")
