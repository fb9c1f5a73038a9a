"""Writes values of special functions to many digits, rounded to float64: python special.py OUT.json. It needs mpmath.

Each function has a list of arguments and values, and a bound in units of the last place that is kept by the library.
Arguments are float64 numbers; zeros of a function are left out, near which only its absolute error is small."""
import json
import random
import sys

import mpmath as mp

mp.mp.dps = 320
random.seed(7)


def spread(low, high, count):
    """Numbers between low and high whose logarithms are spread evenly."""
    return [float(mp.mpf(low) * (mp.mpf(high) / low) ** random.random()) for _ in range(count)]


def uniform(low, high, count):
    return [random.uniform(low, high) for _ in range(count)]


def polygamma_tail(s, q):
    """Hurwitz zeta for q of either sign and a whole s where it is negative."""
    if q > 0:
        return mp.zeta(s, q)
    steps = int(mp.ceil(-q)) + 1
    return mp.fsum((mp.mpf(q) + k) ** -int(s) for k in range(steps)) + mp.zeta(s, mp.mpf(q) + steps)


def erfcinv(y):
    root = mp.sqrt(max(mp.mpf("0.1"), -mp.log(mp.mpf(y) * mp.sqrt(-mp.log(mp.mpf(y)) * mp.pi))))
    for _ in range(60):
        value = mp.erfc(root)
        step = (mp.log(value) - mp.log(mp.mpf(y))) * value * mp.sqrt(mp.pi) / 2 / mp.exp(-root * root)
        root += step
        if abs(step) < mp.mpf(10) ** -50:
            break
    return root


def erfinv(x):
    return mp.erfinv(x) if abs(x) < 0.9 else mp.sign(x) * erfcinv(1 - abs(mp.mpf(x)))


def ndtri(p):
    if p < 0.05:
        return -mp.sqrt(2) * erfcinv(2 * mp.mpf(p))
    return mp.sqrt(2) * erfinv(2 * mp.mpf(p) - 1)


def log_ndtr(x):
    return mp.log1p(-mp.erfc(mp.mpf(x) / mp.sqrt(2)) / 2) if x > 0 else mp.log(mp.erfc(-mp.mpf(x) / mp.sqrt(2)) / 2)


def upper(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def lower(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def pairs():
    """Shapes and arguments around them, whose shares are no tinier than 1e-250."""
    made = []
    while len(made) < 160:
        a = spread(1e-3, 3e5, 1)[0]
        width = random.choice([0.05, 1, 3, 8])
        x = float(abs(a + random.gauss(0, 1) * width * a**0.5))
        if random.random() < 0.3:
            x = spread(1e-3, 100, 1)[0]
        if x == 0 or abs(x - a) > 20 * a**0.5 + 100:
            continue
        made.append([a, x])
    return made


gammas = spread(1e-10, 1e10, 60) + uniform(0, 12, 80) + uniform(-1, 0, 10)
bessels = uniform(-30, 30, 80) + spread(1e-8, 600, 40)
scales = uniform(-6, 30, 100) + spread(1e-6, 1e6, 40)
quantiles = uniform(0, 1, 80) + spread(1e-300, 0.5, 60)
functions = {
    "lgamma": (8, mp.loggamma, [[x] for x in gammas if x > 0 or x > -1]),
    "digamma": (8, mp.digamma, [[x] for x in gammas if x > 0 or abs(mp.digamma(x)) > 0.5]),
    "erfinv": (4, erfinv, [[x] for x in uniform(-1, 1, 100) + spread(1e-10, 0.5, 20) + [1 - e for e in spread(1e-15, 0.1, 20)]]),
    "special.ndtri": (6, ndtri, [[x] for x in quantiles]),
    "special.erfcx": (4, lambda x: mp.exp(mp.mpf(x) ** 2) * mp.erfc(x), [[x] for x in scales]),
    "special.logNdtr": (16, log_ndtr, [[x] for x in uniform(-30, 5, 80) + spread(1e-5, 30, 30)]),
    "i0": (8, lambda x: mp.besseli(0, x), [[x] for x in bessels]),
    "special.i0e": (8, lambda x: mp.exp(-abs(mp.mpf(x))) * mp.besseli(0, x), [[x] for x in bessels]),
    "special.i1": (8, lambda x: mp.besseli(1, x), [[x] for x in bessels]),
    "special.i1e": (8, lambda x: mp.exp(-abs(mp.mpf(x))) * mp.besseli(1, x), [[x] for x in bessels]),
    "special.zeta": (
        8,
        polygamma_tail,
        [[s, q] for s, q in zip(spread(1.01, 40, 60), spread(1e-2, 1e4, 60))]
        + [[float(random.randint(2, 6)), q] for q in uniform(0, 20, 30)]
        + [[float(random.choice([2, 4])), q] for q in uniform(-8, 0, 30)],
    ),
    "igamma": (200, lower, [pair for pair in pairs() if lower(*pair) > 1e-250]),
    "igammac": (200, upper, [pair for pair in pairs() if upper(*pair) > 1e-250]),
    "logit": (4, lambda p: mp.log(mp.mpf(p) / (1 - mp.mpf(p))), [[x] for x in quantiles]),
    "logaddexp": (4, lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), [list(p) for p in zip(uniform(1, 50, 40), uniform(-50, 50, 40))]),
}
made = {
    name: {"bound": bound, "cases": [[*arguments, float(mp.re(f(*map(mp.mpf, arguments))))] for arguments in cases]}
    for name, (bound, f, cases) in functions.items()
}
with open(sys.argv[1], "w") as out:
    json.dump({"mpmath": mp.__version__, "functions": made}, out)
