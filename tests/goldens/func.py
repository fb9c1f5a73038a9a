"""What JAX makes of transformations of random functions: python tests/goldens/func.py, with jax 0.10. It rewrites func.json: for each
case a function of a vector as a list of steps, the name of a composition of transformations, the points, and the result. The same
tables of steps and compositions stand in tests/api/func-goldens.test.ts."""
import json
import random
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

steps = {
    "sin": lambda x, c: jnp.sin(x * c),
    "tanh": lambda x, c: jnp.tanh(x) + c,
    "exp": lambda x, c: jnp.exp(-x * x * 0.5) * c,
    "log": lambda x, c: jnp.log1p(x * x) * c,
    "sqrt": lambda x, c: jnp.sqrt(x * x + 1 + c),
    "square": lambda x, c: x * x * 0.5 - c,
    "quotient": lambda x, c: x / (1 + c + x * x),
    "atan2": lambda x, c: jnp.arctan2(x, c + 1),
    "softmax": lambda x, c: jax.nn.softmax(x * c) * 2,
    "logsumexp": lambda x, c: x - jax.nn.logsumexp(x) * c,
    "cumsum": lambda x, c: jnp.cumsum(x) * c,
    "cumprod": lambda x, c: jnp.cumprod(x * 0.5 + c),
    "flip": lambda x, c: x[::-1] * x + c,
    "roll": lambda x, c: jnp.roll(x, 1) * c + x,
    "where": lambda x, c: jnp.where(x > 0, x * c, jnp.sin(x)),
    "mean": lambda x, c: x - jnp.mean(x) * c,
    "norm": lambda x, c: x / jnp.sqrt(jnp.sum(x * x) + c),
    "sort": lambda x, c: jnp.sort(x) * c + x,
    "matmul": lambda x, c: jnp.outer(x, jnp.cos(x)) @ x * c * 0.5,
    "cat": lambda x, c: jnp.concatenate([x[1:] * c, x[:1]]),
    "max": lambda x, c: jnp.maximum(x, c - x),
    "gather": lambda x, c: x[jnp.argsort(x)] * c,
    "solve": lambda x, c: jnp.linalg.solve(jnp.eye(x.shape[0]) * (2 + c) + jnp.outer(jnp.sin(x), jnp.cos(x)) * 0.3, x),
    "det": lambda x, c: x * jnp.linalg.det(jnp.eye(x.shape[0]) * 2 + jnp.outer(x, x)) * 0.1,
}


def function_of(program):
    def f(x):
        for name, c in program:
            x = steps[name](x, c)
        return x

    return f


def weights(y):
    return jnp.cos(1 + 0.7 * jnp.arange(y.size)).reshape(y.shape)


def scalar(f):
    return lambda x: jnp.sum(f(x) * weights(f(x)))


# x and t are vectors, xs and ts two vectors each.
compositions = {
    "grad": lambda f, x, t, xs, ts: jax.grad(scalar(f))(x),
    "jvp": lambda f, x, t, xs, ts: jax.jvp(f, (x,), (t,))[1],
    "vjp": lambda f, x, t, xs, ts: jax.vjp(f, x)[1](t)[0],
    "jacrev": lambda f, x, t, xs, ts: jax.jacrev(f)(x),
    "jacfwd": lambda f, x, t, xs, ts: jax.jacfwd(f)(x),
    "hessian": lambda f, x, t, xs, ts: jax.hessian(scalar(f))(x),
    "hvp": lambda f, x, t, xs, ts: jax.jvp(jax.grad(scalar(f)), (x,), (t,))[1],
    "linearize": lambda f, x, t, xs, ts: jax.linearize(f, x)[1](t),
    "vmap": lambda f, x, t, xs, ts: jax.vmap(f)(xs),
    "vmap of grad": lambda f, x, t, xs, ts: jax.vmap(jax.grad(scalar(f)))(xs),
    "vmap of hessian": lambda f, x, t, xs, ts: jax.vmap(jax.hessian(scalar(f)))(xs),
    "vmap of jvp": lambda f, x, t, xs, ts: jax.vmap(lambda a, b: jax.jvp(f, (a,), (b,))[1])(xs, ts),
    "vmap of vjp": lambda f, x, t, xs, ts: jax.vmap(lambda b: jax.vjp(f, x)[1](b)[0])(ts),
    "vmap of vmap": lambda f, x, t, xs, ts: jax.vmap(lambda a: jax.vmap(lambda b: f(a * b))(ts))(xs),
    "grad of vmap": lambda f, x, t, xs, ts: jax.grad(lambda a: jnp.sum(jax.vmap(scalar(f))(a)))(xs),
    "hessian of vmap": lambda f, x, t, xs, ts: jax.hessian(lambda a: jnp.sum(jax.vmap(scalar(f))(a * xs)))(x),
    "jacfwd of jacrev": lambda f, x, t, xs, ts: jax.jacfwd(jax.jacrev(f))(x),
    "jacrev of jacfwd": lambda f, x, t, xs, ts: jax.jacrev(jax.jacfwd(f))(x),
    "jvp of vjp": lambda f, x, t, xs, ts: jax.jvp(lambda a: jax.vjp(f, a)[1](t)[0], (x,), (t,))[1],
    "grad of grad": lambda f, x, t, xs, ts: jax.grad(lambda a: jnp.sum(jax.grad(scalar(f))(a) * t))(x),
    "third derivative": lambda f, x, t, xs, ts: jax.grad(
        lambda a: jnp.sum(jax.jvp(jax.grad(scalar(f)), (a,), (t,))[1] * t)
    )(x),
    "jacrev of vmap": lambda f, x, t, xs, ts: jax.jacrev(lambda a: jax.vmap(lambda b: f(a * b))(xs))(x),
    "vmap of linearize": lambda f, x, t, xs, ts: jax.vmap(jax.linearize(f, x)[1])(ts),
    "vmap of vmap of grad": lambda f, x, t, xs, ts: jax.vmap(
        lambda a: jax.vmap(lambda b: jax.grad(lambda q: scalar(f)(q * b))(a))(ts)
    )(xs),
}

random.seed(7)
cases = []
names = list(compositions)
while len(cases) < 240:
    program = [[name, round(random.uniform(0.2, 1.2), 3)] for name in random.choices(list(steps), k=random.randint(1, 4))]
    size = random.randint(2, 4)
    draw = lambda *shape: np.round(np.random.default_rng(len(cases)).uniform(-1.5, 1.5, shape), 3)
    x, t, xs, ts = (np.round(one, 6) for one in (draw(size), draw(size) * 0.5 + 0.1, draw(2, size), draw(2, size) * 0.7 - 0.1))
    of = names[len(cases) % len(names)]
    result = np.asarray(compositions[of](function_of(program), *map(jnp.asarray, (x, t, xs, ts))))
    if not np.isfinite(result).all() or np.abs(result).max() > 1e6:
        continue
    flat = [float(f"{value:.13g}") for value in result.reshape(-1)]
    points = [[round(float(value), 6) for value in one.reshape(-1)] for one in (x, t, xs, ts)]
    cases.append({"steps": program, "of": of, "points": points, "shape": list(result.shape), "result": flat})
path = Path(__file__).with_name("func.json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
