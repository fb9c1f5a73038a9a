"""What SciPy's least_squares and curve_fit say: python squares.py > squares.json"""
import json
import numpy as np
import scipy
from scipy.optimize import curve_fit, least_squares


def peak(t, p):
    return p[0] * np.exp(-((t - p[1]) ** 2) / (2 * p[2] ** 2)) + p[3]


def peak_jacobian(t, p):
    e = np.exp(-((t - p[1]) ** 2) / (2 * p[2] ** 2))
    return np.array([e, p[0] * e * (t - p[1]) / p[2] ** 2, p[0] * e * (t - p[1]) ** 2 / p[2] ** 3, np.ones_like(t)]).T


def said(result):
    return {
        "x": result.x.tolist(),
        "cost": float(result.cost),
        "optimality": float(result.optimality),
        "nfev": int(result.nfev),
        "mask": result.active_mask.tolist(),
    }


if __name__ == "__main__":
    t = np.linspace(-4, 4, 40)
    y = peak(t, [2.5, 0.7, 0.9, 0.3]) + 0.1 * np.sin(7.3 * np.arange(40))
    y[5] += 3
    y[30] -= 2
    sigma = 0.05 + 0.1 * np.abs(np.sin(np.arange(40)))
    noise = np.exp(-np.abs(np.subtract.outer(np.arange(40), np.arange(40))) / 3) * 0.02
    p0 = [1.0, 0.0, 1.0, 0.0]
    f, j = lambda p: peak(t, p) - y, lambda p: peak_jacobian(t, p)
    bounds = ([0, -1, 0.5, 0], [2, 0.5, 3, 1])
    cases = []
    for method in ["lm", "trf"]:
        for x_scale in [1.0, "jac"]:
            cases.append({"options": {"method": method, "xScale": x_scale}, **said(least_squares(f, p0, j, method=method, x_scale=x_scale))})
    for loss, name in [("soft_l1", "softL1"), ("huber", "huber"), ("cauchy", "cauchy"), ("arctan", "arctan")]:
        for scale in [0.1, 1.0]:
            cases.append({"options": {"loss": name, "fScale": scale}, **said(least_squares(f, p0, j, loss=loss, f_scale=scale))})
    start = [1.0, 0.0, 1.0, 0.5]
    for loss, name in [("linear", "linear"), ("soft_l1", "softL1")]:
        given = {"loss": name, "bounds": [list(pair) for pair in zip(*bounds)]}
        cases.append({"options": given, "start": start, **said(least_squares(f, start, j, bounds=bounds, loss=loss))})
    wide = ([0, -1, 0.5, 0], [4, 2, 3, 1])
    for x_scale in [1.0, "jac"]:
        given = {"method": "dogbox", "xScale": x_scale}
        cases.append({"options": given, **said(least_squares(f, p0, j, method="dogbox", x_scale=x_scale))})
        for around in [bounds, wide]:
            for loss, name in [("linear", "linear"), ("soft_l1", "softL1"), ("cauchy", "cauchy")]:
                result = least_squares(f, start, j, bounds=around, loss=loss, method="dogbox", x_scale=x_scale)
                within = {"loss": name, "bounds": [list(pair) for pair in zip(*around)]}
                cases.append({"options": {**given, **within}, "start": start, **said(result)})
    fits = []
    for options in [{}, {"sigma": sigma}, {"sigma": sigma, "absolute_sigma": True}, {"sigma": noise, "absolute_sigma": True}]:
        x, covariance = curve_fit(lambda t, *p: peak(t, p), t, y, p0, jac=lambda t, *p: peak_jacobian(t, p), ftol=1e-14, xtol=1e-14, **options)
        ours = {
            ("absoluteSigma" if key == "absolute_sigma" else key): (value if isinstance(value, bool) else value.tolist())
            for key, value in options.items()
        }
        fits.append({"options": ours, "x": x.tolist(), "covariance": covariance.tolist()})
    print(json.dumps({"scipy": scipy.__version__, "t": t.tolist(), "y": y.tolist(), "p0": p0, "cases": cases, "fits": fits}))
