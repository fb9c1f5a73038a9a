"""What SciPy says of minima along a line, of roots, and of Powell's method: python lines.py > lines.json

Functions are expressions in x, a number, or p, an array; the test reads them as JavaScript."""
import json

import numpy as np
import scipy
from scipy.optimize import minimize, minimize_scalar, root

scalars = ["(x-2)**2", "(x-2)*x*(x+2)**2", "sin(x)+(0.1*x)**2", "x**4-x**3", "exp(x)-5*x", "abs(x-0.3)", "(x-1)**4"]
searches = [{}, {"method": "golden"}, {"method": "bounded", "bounds": [-3, 4]}, {"bracket": [2, 3]},
            {"bracket": [-1, 0.4, 3]}, {"xtol": 1e-3}]

# start, equations
systems = {
    "circle and line": ([1, 0], ["p[0]**2+p[1]**2-4", "p[0]-p[1]"]),
    "Powell's badly scaled": ([0, 1], ["10000*p[0]*p[1]-1", "exp(-p[0])+exp(-p[1])-1.0001"]),
    "Rosenbrock's": ([-1.2, 1], ["1-p[0]", "10*(p[1]-p[0]**2)"]),
    "Powell's singular": ([3, -1, 0, 1], ["p[0]+10*p[1]", "2.23606797749979*(p[2]-p[3])", "(p[1]-2*p[2])**2",
                                          "3.1622776601683795*(p[0]-p[3])**2"]),
    "Freudenstein and Roth's": ([6, 5], ["-13+p[0]+((5-p[1])*p[1]-2)*p[1]", "-29+p[0]+((p[1]+1)*p[1]-14)*p[1]"]),
    "chain": ([-1] * 5, [f"(3-2*p[{i}])*p[{i}]" + (f"-p[{i - 1}]" if i > 0 else "") +
                         (f"-2*p[{i + 1}]" if i < 4 else "") + "+1" for i in range(5)]),
}

# start, value, bounds
lines = [
    ([-1.2, 1], "100*(p[1]-p[0]**2)**2+(1-p[0])**2", None),
    ([2, 2], "100*(p[1]-p[0]**2)**2+(1-p[0])**2", None),
    ([0, 0], "(p[0]+2*p[1]-7)**2+(2*p[0]+p[1]-5)**2", None),
    ([0, 0], "(p[0]+2*p[1]-7)**2+(2*p[0]+p[1]-5)**2", [[-2, 0.5], [-1, 5]]),
    ([1, 1, 1], "(p[0]-3)**4+(p[1]+1)**2*(1+p[2]**2)+(p[2]-0.5)**2", None),
    ([1, 1, 1], "(p[0]-3)**4+(p[1]+1)**2*(1+p[2]**2)+(p[2]-0.5)**2", [[0, None], [None, 2], [-2, 2]]),
]


def function(text):
    code = compile(text, text, "eval")
    names = {"log": np.log, "exp": np.exp, "sin": np.sin, "abs": np.abs}
    return lambda p: eval(code, {"p": p, "x": p, **names})


def jacobian(equations):
    def jac(x):
        columns = []
        for i in range(len(x)):
            z = np.array(x, dtype=complex)
            z[i] += 1e-30j
            columns.append([f(z).imag / 1e-30 for f in equations])
        return np.array(columns).T
    return jac


def on_scalars():
    for text in scalars:
        f = function(text)
        for options in searches:
            if text == "abs(x-0.3)" and "bracket" in options and len(options["bracket"]) == 3:
                continue
            given = {k: v for k, v in options.items() if k != "xtol"}
            if "xtol" in options:
                given["options"] = {"xtol": options["xtol"]}
            try:
                r = minimize_scalar(f, **given)
            except ValueError:
                continue
            yield {"f": text, "options": options, "x": float(r.x), "fun": float(r.fun), "nit": int(r.nit),
                   "nfev": int(r.nfev)}


def on_systems():
    for name, (x0, texts) in systems.items():
        fs = [function(t) for t in texts]
        f = lambda x: np.array([g(x) for g in fs], dtype=float)
        methods = {}
        for method in ["hybr", "lm"]:
            r = root(f, np.array(x0, dtype=float), jac=jacobian(fs), method=method)
            methods[method] = {"x": r.x.tolist(), "norm": float(np.linalg.norm(r.fun)), "nfev": int(r.nfev),
                               "njev": int(r.njev), "success": bool(r.success)}
        yield {"name": name, "x0": x0, "equations": texts, "methods": methods}


def on_lines():
    for x0, text, bounds in lines:
        r = minimize(function(text), np.array(x0, dtype=float), method="Powell", bounds=bounds)
        yield {"x0": x0, "value": text, "bounds": bounds, "x": r.x.tolist(), "fun": float(r.fun), "nit": int(r.nit),
               "nfev": int(r.nfev)}


if __name__ == "__main__":
    print(json.dumps({"scipy": scipy.__version__, "scalars": list(on_scalars()), "systems": list(on_systems()),
                      "powell": list(on_lines())}))
