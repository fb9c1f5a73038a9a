"""What SciPy's minimize says of problems with and without bounds: python minimize.py > minimize.json"""
import json
import numpy as np
import scipy
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess


def quadratic(seed, n):
    """A random convex problem with a quartic, and bounds of which some are active."""
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(n, n))
    a = m @ m.T + np.eye(n)
    b = rng.normal(size=n) * 3
    bounds = [
        [None if rng.random() < 0.3 else float(-rng.random()), None if rng.random() < 0.3 else float(rng.random())]
        for _ in range(n)
    ]
    f = lambda x: x @ a @ x / 2 - b @ x + (x ** 4).sum() / 4
    g = lambda x: a @ x - b + x ** 3
    h = lambda x: a + np.diag(3 * x ** 2)
    return {"a": a.tolist(), "b": b.tolist(), "bounds": bounds}, f, g, h


def counts(result):
    return {"x": result.x.tolist(), "fun": float(result.fun), "nit": int(result.nit), "nfev": int(result.nfev)}


def all_methods(f, g, h, x0):
    methods = {
        "bfgs": ("BFGS", {"jac": g}),
        "cg": ("CG", {"jac": g}),
        "lbfgs": ("L-BFGS-B", {"jac": g}),
        "newton-cg": ("Newton-CG", {"jac": g, "hess": h}),
        "trust-ncg": ("trust-ncg", {"jac": g, "hess": h}),
        "trust-exact": ("trust-exact", {"jac": g, "hess": h}),
        "nelder-mead": ("Nelder-Mead", {}),
    }
    return {ours: counts(minimize(f, x0, method=theirs, **given)) for ours, (theirs, given) in methods.items()}


if __name__ == "__main__":
    problems = []
    for seed, n in enumerate([2, 3, 5, 8, 12]):
        said, f, g, h = quadratic(seed, n)
        x0 = np.zeros(n)
        bounded = minimize(f, x0, jac=g, method="L-BFGS-B", bounds=said["bounds"])
        problems.append({**said, "methods": all_methods(f, g, h, x0), "bounded": counts(bounded)})
    starts = [[-1.2, 1.0], [2.0, 2.0], [0.5, -0.5, 1.5, -1.5]]
    valleys = [{"x0": x0, "methods": all_methods(rosen, rosen_der, rosen_hess, x0)} for x0 in starts]
    print(json.dumps({"scipy": scipy.__version__, "problems": problems, "rosenbrock": valleys}))
