"""How often SciPy's global methods find the least minimum, and by how many evaluations: python global.py > global.json"""
import json
import numpy as np
import scipy
from scipy.optimize import basinhopping, differential_evolution, dual_annealing

PI = np.pi


def goldstein_price(p):
    x, y = p
    left = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x * x - 14 * y + 6 * x * y + 3 * y * y)
    return left * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x * x + 48 * y - 36 * x * y + 27 * y * y))


def levy(x):
    w = 1 + (x - 1) / 4
    middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(PI * w[:-1] + 1) ** 2))
    return np.sin(PI * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * PI * w[-1]) ** 2)


def branin(p):
    x, y = p
    valley = y - 5.1 / (4 * PI ** 2) * x ** 2 + 5 / PI * x - 6
    return valley ** 2 + 10 * (1 - 1 / (8 * PI)) * np.cos(x) + 10


def griewank(x):
    return np.sum(x * x) / 4000 - np.prod(np.cos(x / np.sqrt([1, 2]))) + 1


def ackley(x):
    return -20 * np.exp(-0.2 * np.sqrt(np.mean(x * x))) - np.exp(np.mean(np.cos(2 * PI * x))) + 20 + np.e


def easom(p):
    return -np.cos(p[0]) * np.cos(p[1]) * np.exp(-(p[0] - PI) ** 2 - (p[1] - PI) ** 2)


FUNCTIONS = {
    "ackley": (ackley, -32.768, 32.768, 0),
    "branin": (branin, -5, 15, 0.39788735772973816),
    "easom": (easom, -100, 100, -1),
    "goldsteinPrice": (goldstein_price, -2, 2, 3),
    "griewank": (griewank, -600, 600, 0),
    "himmelblau": (lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2, -5, 5, 0),
    "levy": (levy, -10, 10, 0),
    "rastrigin": (lambda x: np.sum(x * x - 10 * np.cos(2 * PI * x) + 10), -5.12, 5.12, 0),
    "rosenbrock": (lambda p: 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2, -5, 10, 0),
    "styblinskiTang": (lambda x: np.sum(x ** 4 - 16 * x * x + 5 * x) / 2, -5, 5, -78.33233140754282),
}
SEEDS = 20


def evolve(f, x0, bounds, seed):
    result = differential_evolution(f, bounds, x0=x0, rng=seed, updating="deferred")
    return result.fun, 30 * (result.nit + 1)


def anneal(f, x0, bounds, seed):
    result = dual_annealing(f, bounds, x0=x0, rng=seed, maxiter=300)
    return result.fun, result.nfev


def gradient(f):
    """To the last digits: by steps along the imaginary axis."""
    h = 1e-30
    return lambda x: np.array([f(x + 1j * h * e).imag / h for e in np.eye(2)])


def hop(f, x0, bounds, seed):
    local = {"method": "L-BFGS-B", "bounds": bounds, "jac": gradient(f)}
    result = basinhopping(f, x0, niter=30, rng=seed, minimizer_kwargs=local)
    return result.fun, result.nfev


METHODS = {"differential-evolution": evolve, "dual-annealing": anneal, "basin-hopping": hop}


def said(method, f, low, high, least, starts):
    runs = [method(f, np.array(x0), [(low, high)] * 2, seed) for seed, x0 in enumerate(starts)]
    return {
        "found": sum(bool(fun <= least + 1e-4) for fun, _ in runs),
        "evaluations": float(np.mean([count for _, count in runs])),
    }


def problem(name):
    f, low, high, least = FUNCTIONS[name]
    starts = np.random.default_rng(1).uniform(low, high, (SEEDS, 2)).round(3).tolist()
    methods = {key: said(method, f, low, high, least, starts) for key, method in METHODS.items()}
    return {"name": name, "starts": starts, "methods": methods}


print(json.dumps({"scipy": scipy.__version__, "problems": [problem(name) for name in FUNCTIONS]}))
