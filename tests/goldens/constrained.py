"""What SciPy's slsqp says of problems of Hock and Schittkowski, "Test Examples for Nonlinear Programming Codes", 1981:
python constrained.py > constrained.json

Each is written once, as expressions in p, an array, which the test reads as JavaScript: ** is a power in both."""
import json
import math

import numpy as np
import scipy
from scipy.optimize import minimize

# number: start, value, equations, inequalities (not negative), bounds
problems = {
    6: ([-1.2, 1], "(1-p[0])**2", ["10*(p[1]-p[0]**2)"], [], None),
    7: ([2, 2], "log(1+p[0]**2)-p[1]", ["(1+p[0]**2)**2+p[1]**2-4"], [], None),
    10: ([-10, 10], "p[0]-p[1]", [], ["-3*p[0]**2+2*p[0]*p[1]-p[1]**2+1"], None),
    12: ([0, 0], "0.5*p[0]**2+p[1]**2-p[0]*p[1]-7*p[0]-7*p[1]", [], ["25-4*p[0]**2-p[1]**2"], None),
    14: ([2, 2], "(p[0]-2)**2+(p[1]-1)**2", ["p[0]-2*p[1]+1"], ["-0.25*p[0]**2-p[1]**2+1"], None),
    21: ([2, -1], "0.01*p[0]**2+p[1]**2-100", [], ["10*p[0]-p[1]-10"], [[2, 50], [-50, 50]]),
    22: ([2, 2], "(p[0]-2)**2+(p[1]-1)**2", [], ["-p[0]-p[1]+2", "-1*p[0]**2+p[1]"], None),
    26: ([-2.6, 2, 2], "(p[0]-p[1])**2+(p[1]-p[2])**4", ["(1+p[1]**2)*p[0]+p[2]**4-3"], [], None),
    27: ([2, 2, 2], "0.01*(p[0]-1)**2+(p[1]-p[0]**2)**2", ["p[0]+p[2]**2+1"], [], None),
    28: ([-4, 1, 1], "(p[0]+p[1])**2+(p[1]+p[2])**2", ["p[0]+2*p[1]+3*p[2]-1"], [], None),
    29: ([1, 1, 1], "-p[0]*p[1]*p[2]", [], ["-1*p[0]**2-2*p[1]**2-4*p[2]**2+48"], None),
    35: ([0.5, 0.5, 0.5], "9-8*p[0]-6*p[1]-4*p[2]+2*p[0]**2+2*p[1]**2+p[2]**2+2*p[0]*p[1]+2*p[0]*p[2]", [],
         ["3-p[0]-p[1]-2*p[2]"], [[0, None], [0, None], [0, None]]),
    39: ([2, 2, 2, 2], "-p[0]", ["p[1]-p[0]**3-p[2]**2", "p[0]**2-p[1]-p[3]**2"], [], None),
    40: ([0.8, 0.8, 0.8, 0.8], "-p[0]*p[1]*p[2]*p[3]",
         ["p[0]**3+p[1]**2-1", "p[0]**2*p[3]-p[2]", "p[3]**2-p[1]"], [], None),
    43: ([0, 0, 0, 0], "p[0]**2+p[1]**2+2*p[2]**2+p[3]**2-5*p[0]-5*p[1]-21*p[2]+7*p[3]", [],
         ["8-p[0]**2-p[1]**2-p[2]**2-p[3]**2-p[0]+p[1]-p[2]+p[3]",
          "10-p[0]**2-2*p[1]**2-p[2]**2-2*p[3]**2+p[0]+p[3]",
          "5-2*p[0]**2-p[1]**2-p[2]**2-2*p[0]+p[1]+p[3]"], None),
    48: ([3, 5, -3, 2, -2], "(p[0]-1)**2+(p[1]-p[2])**2+(p[3]-p[4])**2",
         ["p[0]+p[1]+p[2]+p[3]+p[4]-5", "p[2]-2*p[3]-2*p[4]+3"], [], None),
    50: ([35, -31, 11, 5, -5], "(p[0]-p[1])**2+(p[1]-p[2])**2+(p[2]-p[3])**4+(p[3]-p[4])**2",
         ["p[0]+2*p[1]+3*p[2]-6", "p[1]+2*p[2]+3*p[3]-6", "p[2]+2*p[3]+3*p[4]-6"], [], None),
    71: ([1, 5, 5, 1], "p[0]*p[3]*(p[0]+p[1]+p[2])+p[2]", ["p[0]**2+p[1]**2+p[2]**2+p[3]**2-40"],
         ["p[0]*p[1]*p[2]*p[3]-25"], [[1, 5], [1, 5], [1, 5], [1, 5]]),
    76: ([0.5, 0.5, 0.5, 0.5],
         "p[0]**2+0.5*p[1]**2+p[2]**2+0.5*p[3]**2-p[0]*p[2]+p[2]*p[3]-p[0]-3*p[1]+p[2]-p[3]", [],
         ["5-p[0]-2*p[1]-p[2]-p[3]", "4-3*p[0]-p[1]-2*p[2]+p[3]", "p[1]+4*p[2]-1.5"],
         [[0, None], [0, None], [0, None], [0, None]]),
    100: ([1, 2, 0, 4, 0, 1, 1],
          "(p[0]-10)**2+5*(p[1]-12)**2+p[2]**4+3*(p[3]-11)**2+10*p[4]**6+7*p[5]**2+p[6]**4-4*p[5]*p[6]-10*p[5]-8*p[6]",
          [],
          ["127-2*p[0]**2-3*p[1]**4-p[2]-4*p[3]**2-5*p[4]", "282-7*p[0]-3*p[1]-10*p[2]**2-p[3]+p[4]",
           "196-23*p[0]-p[1]**2-6*p[5]**2+8*p[6]", "-4*p[0]**2-p[1]**2+3*p[0]*p[1]-2*p[2]**2-5*p[5]+11*p[6]"], None),
}


def differences(f):
    """A derivative to many digits, by steps into the complex plane."""
    def jac(x):
        rows = []
        for i in range(len(x)):
            z = np.array(x, dtype=complex)
            z[i] += 1e-30j
            rows.append(f(z).imag / 1e-30)
        return np.array(rows)
    return jac


def function(text):
    code = compile(text, text, "eval")
    return lambda p: np.asarray(eval(code, {"p": p, "log": np.log}))


if __name__ == "__main__":
    said = []
    for number, (x0, value, equations, inequalities, bounds) in problems.items():
        f = function(value)
        constraints = []
        for kind, texts in [("eq", equations), ("ineq", inequalities)]:
            for text in texts:
                g = function(text)
                constraints.append({"type": kind, "fun": lambda x, g=g: float(g(x)), "jac": differences(g)})
        r = minimize(lambda x: float(f(x)), np.array(x0, dtype=float), jac=differences(f), method="SLSQP",
                     constraints=constraints, bounds=bounds)
        assert r.success or number in (), (number, r)
        said.append({"number": number, "x0": x0, "value": value, "equations": equations,
                     "inequalities": inequalities, "bounds": bounds, "x": r.x.tolist(), "fun": float(r.fun),
                     "nit": int(r.nit), "nfev": int(r.nfev), "njev": int(r.njev)})
    print(json.dumps({"scipy": scipy.__version__, "problems": said}))
