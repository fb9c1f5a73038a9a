"""The Python peers of the benchmarks: answers JSON lines, a question and an answer a line.

    peers.py THREADS DEVICE                               cpu, cuda:0, ...

    {"ask": "peers"}                                      -> {"peers": [...], "versions": {...}, "absent": {...}}
    {"ask": "check", "peer", "workload", "parameters"}    -> {"summaries": [[...], ...]}, null where it has no such thing
    {"ask": "time", ..., "count": 10}                     -> {"seconds": 0.5}

A task is made by a function registered for a peer and a workload. It gets the case's parameters, and returns two
functions: one does a step, the other returns what the last step has computed, once that is there. Data, workloads and
names are those of the TypeScript files beside this one.
"""

import functools
import gc
import json
import math
import os
import sys
import time

threads = int(sys.argv[1])
device = sys.argv[2]
on_gpu = device != "cpu"
ordinal = int(device.partition(":")[2] or 0)
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + f" --xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    + f" intra_op_parallelism_threads={threads}"
)
os.environ.setdefault("JAX_PLATFORMS", "cuda" if on_gpu else "cpu")
# Several libraries share the GPU's memory: nobody takes most of it beforehand.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

# Answers go out alone; what libraries print goes to where errors go.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402

versions = {"python": sys.version.split()[0], "numpy": np.__version__}
absent = {}
try:
    import torch
    import torch.nn.functional as F

    if on_gpu and not torch.cuda.is_available():
        absent["PyTorch"] = f"{torch.__version__} finds no GPU"
        torch = None
    else:
        torch.set_num_threads(threads)
        if on_gpu:
            torch.cuda.set_device(ordinal)
        versions["torch"] = torch.__version__
except ImportError:
    torch = None
try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    try:
        if on_gpu:
            jax.config.update("jax_default_device", jax.devices()[ordinal])
        versions["jax"] = jax.__version__
    except Exception as error:  # noqa: BLE001: without a GPU it is one of many
        absent["JAX"] = f"{jax.__version__} finds no GPU ({type(error).__name__})"
        jax = None
except ImportError:
    jax = None
try:
    if not on_gpu:
        raise ImportError("CuPy computes on GPUs alone")
    import cupy

    try:
        cupy.cuda.Device(ordinal).use()
        versions["cupy"] = cupy.__version__
    except cupy.cuda.runtime.CUDARuntimeError as error:
        absent["CuPy"] = str(error)
        cupy = None
except ImportError:
    cupy = None

try:
    if on_gpu:
        raise ImportError("SciPy computes on the CPU alone")
    import scipy.optimize

    versions["scipy"] = scipy.__version__
except ImportError:
    scipy = None

NUMPY, SCIPY, CUPY, TORCH, FOREACH, FUSED, COMPILE, JAX = (
    "NumPy",
    "SciPy",
    "CuPy",
    "PyTorch",
    "PyTorch foreach",
    "PyTorch fused",
    "torch.compile",
    "JAX jit",
)
peers = [
    *([] if on_gpu else [NUMPY]),
    *([SCIPY] if scipy else []),
    *([CUPY] if cupy else []),
    *([TORCH, FOREACH, FUSED, COMPILE] if torch else []),
    *([JAX] if jax else []),
]
# CuPy has NumPy's functions: what is written with them serves both.
ARRAYS = {NUMPY: np, CUPY: cupy}
tasks = {}


def task(workload, *names):
    """Registers a maker of tasks; with several peers it is told which."""

    def register(make):
        for name in names:
            tasks[name, workload] = functools.partial(make, name) if len(names) > 1 else make
        return make

    return register


# --- Data -------------------------------------------------------------------------------------------------------------

GOLDEN = 0.6180339887498949
PLASTIC = 0.7548776662466927


@functools.lru_cache(maxsize=None)
def spread(count, low, high, seed=0, dtype="float32"):
    """The numbers that spread() of the TypeScript side gives."""
    positions = (np.arange(1, count + 1, dtype=np.float64) * GOLDEN + seed * PLASTIC) % 1
    return (low + (high - low) * positions).astype(dtype)


@functools.lru_cache(maxsize=None)
def mixed(count, low, high, seed=0):
    """The numbers that mixed() of the TypeScript side gives."""
    positions = np.arange(1, count + 1, dtype=np.float64)
    return low + (high - low) * ((positions * positions % (2**31 - 1) * GOLDEN + seed * PLASTIC) % 1)


def summarize(values):
    """The mean, the mean magnitude, and 16 elements."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    elements = [float(flat[i * (flat.size - 1) // 15]) for i in range(16)]
    return [float(flat.mean()), float(np.abs(flat).mean()), *elements]


def leaf(values, shape=None, grad=False):
    """A tensor of PyTorch with a copy of the values."""
    tensor = torch.tensor(values, device=device)
    return (tensor if shape is None else tensor.reshape(shape)).requires_grad_(grad)


def array(values, shape=None):
    """An array of JAX with a copy of the values."""
    return jnp.array(values if shape is None else values.reshape(shape), copy=True)


def moments(optimizer, params):
    return [optimizer.state[p][key] for key in ("exp_avg", "exp_avg_sq") for p in params]


class Last:
    """What the last step has computed."""

    value = ()


def remembering(compute):
    """A task whose steps compute results from nothing but its data."""
    last = Last()

    def step():
        last.value = compute()

    return step, lambda: last.value


def ready(compute):
    """The same, for JAX, whose calls return before there is anything. A GPU does them one after the other anyway."""
    if not on_gpu:
        return remembering(lambda: jax.block_until_ready(compute()))
    step, results = remembering(compute)
    return step, lambda: jax.block_until_ready(results())


@functools.lru_cache(maxsize=None)
def compiled(function, *sizes):
    """A function compiled for one size."""
    return torch.compile(function, dynamic=False)


@functools.lru_cache(maxsize=None)
def jitted(function, *donated):
    return jax.jit(function, donate_argnums=donated)


# --- Functions --------------------------------------------------------------------------------------------------------


def wave(x):
    return (x**2 / 20 + torch.tanh(torch.sin(x))).sum()


def valley(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def jax_wave(x):
    return (x**2 / 20 + jnp.tanh(jnp.sin(x))).sum()


def jax_adam(x, m, v, g, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """A step of Adam; t counts from 1, in double."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    size = (lr / (1 - beta1**t)).astype(x.dtype)
    correction = jnp.sqrt(1 - beta2**t).astype(x.dtype)
    return x - size * m / (jnp.sqrt(v) / correction + eps), m, v


# --- adam-loop --------------------------------------------------------------------------------------------------------


@task("adam-loop", TORCH)
def _(_):
    x = torch.tensor([8.0], requires_grad=True, device=device)
    optimizer = torch.optim.Adam([x], lr=0.01)
    last = Last()

    def step():
        optimizer.zero_grad()
        f = x**2 / 20 + torch.tanh(torch.sin(x))
        f.backward()
        optimizer.step()
        x.item(), f.item()
        last.value = f

    return step, lambda: [last.value, x, *moments(optimizer, [x])]


def jax_loop(x, m, v, t):
    f, g = jax.value_and_grad(jax_wave)(x)
    return (*jax_adam(x, m, v, g, t, lr=0.01), t + 1, f)


@task("adam-loop", JAX)
def _(_):
    update = jitted(jax_loop)
    x = jnp.array([8.0], jnp.float32)
    state = x, jnp.zeros_like(x), jnp.zeros_like(x), jnp.array(1.0)
    last = Last()

    def step():
        nonlocal state
        *state, last.value = update(*state)
        state[0].item(), last.value.item()

    return step, lambda: [last.value, *state[:3]]


# --- value-grad, rosenbrock -------------------------------------------------------------------------------------------


def torch_value_and_grad(function, x):
    def compute():
        x.grad = None
        f = function(x)
        f.backward()
        return f, x.grad

    return remembering(compute)


for name, f, low, high in [("value-grad", wave, -4, 4), ("rosenbrock", valley, -2, 2)]:

    @task(name, TORCH)
    def _(p, f=f, low=low, high=high):
        return torch_value_and_grad(f, leaf(spread(p["n"], low, high), grad=True))

    @task(name, COMPILE)
    def _(p, f=f, low=low, high=high):
        return torch_value_and_grad(compiled(f, p["n"]), leaf(spread(p["n"], low, high), grad=True))


def jax_value_and_wave(x):
    return jax.value_and_grad(jax_wave)(x)


def jax_value_and_valley(x):
    return jax.value_and_grad(valley)(x)


for name, f, low, high in [
    ("value-grad", jax_value_and_wave, -4, 4),
    ("rosenbrock", jax_value_and_valley, -2, 2),
]:

    @task(name, JAX)
    def _(p, f=f, low=low, high=high):
        x = array(spread(p["n"], low, high))
        return ready(lambda: jitted(f)(x))


# --- copy -------------------------------------------------------------------------------------------------------------


@task("copy", TORCH)
def _(p):
    x = leaf(spread(p["n"], -1, 1))
    y = torch.empty_like(x)
    return remembering(lambda: [y.copy_(x)])


@task("copy", *ARRAYS)
def _(peer, p):
    xp = ARRAYS[peer]
    x = xp.array(spread(p["n"], -1, 1))
    y = xp.empty_like(x)

    def compute():
        xp.copyto(y, x)
        return [y]

    return remembering(compute)


# --- adam, adam-lists, adamw-lists ------------------------------------------------------------------------------------

LOOPS = {
    TORCH: {"foreach": False, "fused": False},
    FOREACH: {"foreach": True},
    FUSED: {"fused": True},
}


@task("adam", *LOOPS)
def _(peer, p):
    x = leaf(spread(p["n"], -1, 1), grad=True)
    x.grad = leaf(spread(p["n"], -0.1, 0.1, 1))
    optimizer = torch.optim.Adam([x], **LOOPS[peer])
    return optimizer.step, lambda: [x, *moments(optimizer, [x])]


@task("adam", JAX)
def _(p):
    # The buffers of x, m and v are given away, so that the update is in place.
    update = jitted(jax_adam_step, 0, 1, 2, 4)
    x, g = array(spread(p["n"], -1, 1)), array(spread(p["n"], -0.1, 0.1, 1))
    state = x, jnp.zeros_like(x), jnp.zeros_like(x)
    t = jnp.array(1.0)

    def step():
        nonlocal state, t
        *state, t = update(*state, g, t)

    return step, lambda: jax.block_until_ready(state)


def jax_adam_step(x, m, v, g, t):
    return (*jax_adam(x, m, v, g, t), t + 1)


@task("adam", *ARRAYS)
def _(peer, p):
    xp = ARRAYS[peer]
    x, g = xp.array(spread(p["n"], -1, 1)), xp.array(spread(p["n"], -0.1, 0.1, 1))
    m, v, scratch = xp.zeros_like(x), xp.zeros_like(x), xp.empty_like(x)
    t = 0

    def step():
        nonlocal t
        t += 1
        xp.multiply(m, 0.9, out=m)
        xp.multiply(g, 0.1, out=scratch)
        xp.add(m, scratch, out=m)
        xp.multiply(v, 0.999, out=v)
        xp.multiply(g, g, out=scratch)
        xp.multiply(scratch, 0.001, out=scratch)
        xp.add(v, scratch, out=v)
        xp.sqrt(v, out=scratch)
        xp.divide(scratch, math.sqrt(1 - 0.999**t), out=scratch)
        xp.add(scratch, 1e-8, out=scratch)
        xp.divide(m, scratch, out=scratch)
        xp.multiply(scratch, 1e-3 / (1 - 0.9**t), out=scratch)
        xp.subtract(x, scratch, out=x)

    return step, lambda: [x, m, v]


def with_gradients(shapes):
    """Parameters of these shapes with their gradients."""

    def made(low, high, seed, grad):
        return [
            leaf(spread(math.prod(shape), low, high, seed + i % 8), shape, grad)
            for i, shape in enumerate(shapes)
        ]

    params = made(-1, 1, 0, True)
    for param, grad in zip(params, made(-0.1, 0.1, 10, False)):
        param.grad = grad
    return params


for name, kind in [("adam-lists", "Adam"), ("adamw-lists", "AdamW")]:

    @task(name, *LOOPS)
    def _(peer, p, kind=kind):
        params = with_gradients(p["shapes"])
        optimizer = getattr(torch.optim, kind)(params, **LOOPS[peer])
        return optimizer.step, lambda: [*params, *moments(optimizer, params)]


@task("optimizers", FOREACH, FUSED)
def _(peer, p):
    make = getattr(torch.optim, p["kind"], None)
    is_fused = p["kind"] in ("Adagrad", "Adam", "AdamW", "SGD")
    if make is None or is_fused != (peer == FUSED):
        return None
    params = with_gradients(p["shapes"])
    return make(params, **LOOPS[peer]).step, lambda: params


# --- lbfgs, bfgs, curve-fit -------------------------------------------------------------------------------------------


@task("lbfgs", TORCH)
def _(p):
    n = p["n"]
    start = leaf(spread(n, 0.8, 1.2).astype("float64" if n < 1e6 else "float32"))

    def compute():
        x = start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            f = valley(x)
            f.backward()
            return f

        optimizer.step(closure)
        return [x]

    return remembering(compute)


def valley_gradient(x):
    gradient = np.zeros_like(x)
    steep = x[1:] - x[:-1] ** 2
    gradient[:-1] = -400 * x[:-1] * steep - 2 * (1 - x[:-1])
    gradient[1:] += 200 * steep
    return gradient


@task("bfgs", SCIPY)
def _(p):
    start = np.where(np.arange(p["n"]) % 2 == 0, -1.2, 1.0)
    return remembering(lambda: [scipy.optimize.minimize(valley, start, jac=valley_gradient, method="BFGS").x])


def peak(t, height, place, width):
    return height * np.exp(-((t - place) ** 2) / (2 * width**2))


@task("curve-fit", SCIPY)
def _(p):
    t = np.linspace(-4, 4, p["n"])
    y = peak(t, 2.5, 0.7, 0.9) + spread(p["n"], -0.1, 0.1).astype("float64")
    return remembering(lambda: scipy.optimize.curve_fit(peak, t, y, [1.0, 0.0, 1.0]))


# --- reductions -------------------------------------------------------------------------------------------------------

TORCH_REDUCTIONS = {
    "sum": lambda x, dim: x.sum(dim),
    "mean": lambda x, dim: x.mean(dim),
    "var": lambda x, dim: x.var(dim),
    "amax": lambda x, dim: x.amax(() if dim is None else dim),
    "logsumexp": lambda x, dim: x.logsumexp((0, 1) if dim is None else dim),
    "softmax": lambda x, dim: x.softmax(dim),
    "log_softmax": lambda x, dim: x.log_softmax(dim),
}


# np.exp and np.log of an array of CuPy are CuPy's.
def array_logsumexp(x, dim):
    largest = x.max(axis=dim, keepdims=True)
    total = np.log(np.exp(x - largest).sum(axis=dim, keepdims=True)) + largest
    return total.reshape(()) if dim is None else total.squeeze(dim)


def array_softmax(x, dim):
    e = np.exp(x - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def array_log_softmax(x, dim):
    shifted = x - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


ARRAY_REDUCTIONS = {
    "sum": lambda x, dim: x.sum(axis=dim),
    "mean": lambda x, dim: x.mean(axis=dim),
    "var": lambda x, dim: x.var(axis=dim, ddof=1),
    "amax": lambda x, dim: x.max(axis=dim),
    "logsumexp": array_logsumexp,
    "softmax": array_softmax,
    "log_softmax": array_log_softmax,
}


def reduction(p):
    """The op, whether with its gradient, the dimension, and the data."""
    op, _, backward = p["op"].partition(" ")
    shape = p["rows"], p["columns"]
    x, dy = (spread(math.prod(shape), -1, high, seed).reshape(shape) for high, seed in ((3, 0), (1, 1)))
    return op, backward == "backward", None if p["dim"] == "all" else p["dim"], x, dy


@task("reductions", TORCH)
def _(p):
    op, backward, dim, x, dy = reduction(p)
    f = TORCH_REDUCTIONS[op]
    x, dy = leaf(x, grad=backward), leaf(dy)
    if not backward:
        return remembering(lambda: [f(x, dim)])

    def compute():
        y = f(x, dim)
        return [y, *torch.autograd.grad(y, x, dy)]

    return remembering(compute)


@task("reductions", *ARRAYS)
def _(peer, p):
    op, backward, dim, x, _ = reduction(p)
    f, x = ARRAY_REDUCTIONS[op], ARRAYS[peer].array(x)
    return None if backward else remembering(lambda: [f(x, dim)])


@functools.lru_cache(maxsize=None)
def jax_reduction(op, backward, dim):
    f = {
        "sum": jnp.sum,
        "mean": jnp.mean,
        "var": functools.partial(jnp.var, ddof=1),
        "amax": jnp.max,
        "logsumexp": jax.nn.logsumexp,
        "softmax": jax.nn.softmax,
        "log_softmax": jax.nn.log_softmax,
    }[op]

    def forward(x, dy):
        return [f(x, axis=dim)]

    def both(x, dy):
        y, pull = jax.vjp(lambda x: f(x, axis=dim), x)
        return [y, *pull(dy)]

    return jax.jit(both if backward else forward)


@task("reductions", JAX)
def _(p):
    op, backward, dim, x, dy = reduction(p)
    f = jax_reduction(op, backward, dim)
    x, dy = array(x), array(dy)
    return ready(lambda: f(x, dy))


# --- matmul -----------------------------------------------------------------------------------------------------------


def factors(p):
    n = p["n"]
    return (spread(n * n, -1, 1, seed, p["dtype"]).reshape(n, n) for seed in (0, 1))


@task("matmul", TORCH)
def _(p):
    a, b = map(leaf, factors(p))
    return remembering(lambda: [a @ b])


@task("matmul", NUMPY)
def _(p):
    a, b = factors(p)
    return remembering(lambda: [a @ b])


def jax_matmul(a, b):
    return [a @ b]


@task("matmul", JAX)
def _(p):
    a, b = map(array, factors(p))
    return ready(lambda: jitted(jax_matmul)(a, b))


# --- ops beside PyTorch's ---------------------------------------------------------------------------------------------


def made(input, grad=False):
    """A tensor of the numbers that a row asks for."""
    shape, kind = input["shape"], input.get("kind")
    values = mixed(math.prod(shape), input["low"], input["high"], input["seed"]).reshape(shape)
    values = (np.floor(values) if input["dtype"] == "int64" else values).astype(input["dtype"])
    if kind is not None:
        values = values + values.swapaxes(-1, -2)
    if kind == "definite":
        values += np.eye(shape[-1], dtype=values.dtype) * values.dtype.type(2 * shape[-1])
    return leaf(values, grad=grad)


@task("beside", TORCH)
def _(p):
    inputs = [made(input, i in p["gradients"]) for i, input in enumerate(p["inputs"])]
    given = ", ".join("abcd"[: len(inputs)])
    op = eval(f"lambda {given}: {p['torch']}", {"torch": torch, "F": F})
    sought = [inputs[i] for i in p["gradients"]]

    def results():
        values = op(*inputs)
        return [values] if isinstance(values, torch.Tensor) else list(values)

    if not sought:
        return remembering(results)
    first = results()[0].detach()
    dtype = str(first.dtype).removeprefix("torch.")
    dy = made({"shape": first.shape, "low": -1, "high": 1, "seed": 9, "dtype": dtype})

    def compute():
        values = results()
        return [*values, *torch.autograd.grad(values[0], sought, dy)]

    return remembering(compute)


# --- logistic, network ------------------------------------------------------------------------------------------------


def torch_training(optimizer, params, loss_of, state=lambda: ()):
    last = Last()

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        loss.item()
        last.value = loss

    return step, lambda: [last.value, *params, *state()]


def logistic_data(p):
    batch, features = p["batch"], p["features"]
    x = spread(batch * features, -1, 1).reshape(batch, features)
    y = (spread(batch, 0, 1, 1) > 0.5).astype("float32")
    return x, y, spread(features, -0.1, 0.1, 2), np.zeros(1, "float32")


@task("logistic", TORCH)
def _(p):
    x, y, w, b = logistic_data(p)
    x, y, w, b = leaf(x), leaf(y), leaf(w, grad=True), leaf(b, grad=True)
    optimizer = torch.optim.SGD([w, b], lr=0.1)
    return torch_training(optimizer, [w, b], lambda: F.binary_cross_entropy_with_logits(x @ w + b, y))


def jax_logistic(w, b, x, y):
    def loss_of(w, b):
        z = x @ w + b
        return jnp.mean(jax.nn.relu(z) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))

    loss, (dw, db) = jax.value_and_grad(loss_of, (0, 1))(w, b)
    return loss, w - 0.1 * dw, b - 0.1 * db


@task("logistic", JAX)
def _(p):
    x, y, w, b = map(array, logistic_data(p))
    update = jitted(jax_logistic)
    last = Last()

    def step():
        nonlocal w, b
        last.value, w, b = update(w, b, x, y)
        last.value.item()

    return step, lambda: jax.block_until_ready([last.value, w, b])


def network_data(p):
    batch, features, hidden, classes = (p[key] for key in ("batch", "features", "hidden", "classes"))
    return (
        spread(batch * features, 0, 1).reshape(batch, features),
        np.arange(batch) % classes,
        spread(features * hidden, -0.05, 0.05, 1).reshape(features, hidden),
        spread(hidden, -0.05, 0.05, 2),
        spread(hidden * classes, -0.1, 0.1, 3).reshape(hidden, classes),
        spread(classes, -0.1, 0.1, 4),
    )


def network_loss(x, y, w1, b1, w2, b2):
    return F.nll_loss(F.log_softmax(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), 1), y)


@task("network", TORCH, FUSED, COMPILE)
def _(peer, p):
    x, y, w1, b1, w2, b2 = network_data(p)
    # torch.nn.Linear keeps its weights transposed.
    params = [leaf(np.ascontiguousarray(q.T), grad=True) for q in (w1, b1, w2, b2)]
    x, y = leaf(x), leaf(y)
    optimizer = torch.optim.Adam(params, fused=peer != TORCH)
    loss = compiled(network_loss, p["batch"], p["features"]) if peer == COMPILE else network_loss
    step, results = torch_training(
        optimizer, params, lambda: loss(x, y, *params), lambda: moments(optimizer, params)
    )
    return step, lambda: [result.T if result.ndim == 2 else result for result in results()]


def jax_network(params, m, v, t, x, y):
    def loss_of(params):
        w1, b1, w2, b2 = params
        logp = jax.nn.log_softmax(jax.nn.relu(x @ w1 + b1) @ w2 + b2, axis=1)
        return -jnp.take_along_axis(logp, y[:, None], axis=1).mean()

    loss, grads = jax.value_and_grad(loss_of)(params)
    updated = [jax_adam(*parts, t) for parts in zip(params, m, v, grads)]
    return loss, *(list(part) for part in zip(*updated)), t + 1


@task("network", JAX)
def _(p):
    x, y, *params = map(array, network_data(p))
    update = jitted(jax_network, 0, 1, 2, 3)
    zeros = lambda: [jnp.zeros_like(q) for q in params]  # noqa: E731
    state = params, zeros(), zeros(), jnp.array(1.0)
    last = Last()

    def step():
        nonlocal state
        last.value, *state = update(*state, x, y)
        last.value.item()

    return step, lambda: jax.block_until_ready([last.value, *state[0], *state[1], *state[2]])


# --- Questions --------------------------------------------------------------------------------------------------------


def values_of(result):
    if torch and isinstance(result, torch.Tensor):
        return result.detach().cpu().numpy()
    return cupy.asnumpy(result) if cupy and isinstance(result, cupy.ndarray) else np.asarray(result)


def finish(peer, results):
    """Returns when everything is done. Results of JAX wait for themselves."""
    results()
    if on_gpu and peer == CUPY:
        cupy.cuda.Device().synchronize()
    elif on_gpu and peer != JAX:
        torch.cuda.synchronize()


def give_back():
    """Lets go of the GPU's memory that nothing uses; others have need of it."""
    gc.collect()
    if torch:
        torch.cuda.empty_cache()
    if cupy:
        cupy.get_default_memory_pool().free_all_blocks()


def check(make, parameters):
    made = make(parameters)
    if made is None:
        return None
    step, results = made
    step()
    step()
    summaries = [summarize(values_of(result)) for result in results()]
    # What has been imported and compiled by now stays; collections need not look at it again.
    gc.collect()
    gc.freeze()
    return summaries


def measure(peer, make, parameters, count):
    gc.collect()
    step, results = make(parameters)
    step()
    finish(peer, results)
    start = time.perf_counter()
    for _ in range(count):
        step()
    finish(peer, results)
    return time.perf_counter() - start


current = None


def answer(question):
    global current
    if question["ask"] == "peers":
        return {"peers": peers, "versions": versions, "absent": absent}
    parameters = question["parameters"]
    workload = "beside" if "torch" in parameters else question["workload"]
    make = tasks.get((question["peer"], workload))
    if make is None:
        return {"summaries": None}
    if (question["workload"], parameters) != current:
        current = question["workload"], parameters
        spread.cache_clear()
        mixed.cache_clear()
        if on_gpu:
            give_back()
    if question["ask"] == "check":
        return {"summaries": check(make, parameters)}
    return {"seconds": measure(question["peer"], make, parameters, question["count"])}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:  # noqa: BLE001
        reply = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    print(json.dumps(reply), file=answers, flush=True)
