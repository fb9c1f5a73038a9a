// Products on a GPU, or the stand-in for one. The argument names a case, whose result is printed as JSON.
import {
  autograd,
  cuda,
  explain,
  getFloat32MatmulPrecision,
  manualSeed,
  noGrad,
  optim,
  rand,
  realize,
  setFloat32MatmulPrecision,
  tensor,
} from "adjoint";

/** Whole numbers from a linear congruential generator, so that sums are exact in any order. */
let state = 1;
const below = (n) => (state = (state * 48271) % 2147483647) % n;
const pick = (list) => list[below(list.length)];

/** What lies in memory, and the view of it that is a factor. */
const layouts = {
  plain: (batch, rows, columns) => [[...batch, rows, columns], (x) => x],
  transposed: (batch, rows, columns) => [[...batch, columns, rows], (x) => x.transpose(-1, -2)],
  sliced: (batch, rows, columns) => [
    [...batch, rows + 2, columns + 3],
    (x) => x.at("...", `1:${rows + 1}`, `2:${columns + 2}`),
  ],
  wide: (batch, rows, columns) => [[...batch, rows, columns * 2], (x) => x.at("...", "::2")],
  flipped: (batch, rows, columns) => [[...batch, rows, columns], (x) => x.flip([-2])],
  broadcast: (batch, rows, columns) => [[rows, columns], (x) => x.expand([...batch, rows, columns])],
  // Along one axis of the batch only.
  partly: (batch, rows, columns) => [
    [...batch.map((extent, axis) => (axis === 0 ? extent : 1)), rows, columns],
    (x) => x.expand([...batch, rows, columns]),
  ],
  backwards: (batch, rows, columns) => [
    [...batch, rows, columns],
    (x) => (batch.length > 0 ? x.flip([batch.length - 1]) : x),
  ],
  // The batch within the rows.
  moved: (batch, rows, columns) => [
    batch.length === 1 ? [rows, ...batch, columns] : [...batch, rows, columns],
    (x) => (batch.length === 1 ? x.transpose(0, 1) : x),
  ],
};

/** A factor by views of a tensor on the CPU and of the same one on the GPU. */
function factor(batch, rows, columns, dtype) {
  const layout = pick(Object.keys(layouts));
  const [stored, view] = layouts[layout](batch, rows, columns);
  const count = stored.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: count }, () => below(17) - 8);
  const host = tensor(values, { dtype, device: "cpu" }).reshape(stored);
  const there = host.to("cuda");
  realize(there);
  return [view(host), view(there)];
}

const bits = (x) => Array.from(new Uint32Array(x.dataSync().buffer));
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

/** The worst distance to the product in float64, over the sum of magnitudes. */
function distance(product, a, b) {
  const [wideA, wideB] = [a.cpu().to("float64"), b.cpu().to("float64")];
  const magnitude = wideA.abs().matmul(wideB.abs());
  return product.cpu().to("float64").sub(wideA.matmul(wideB)).abs().div(magnitude).max().item();
}

const cases = {
  /** Random shapes and layouts through cuBLAS, amid other work, each several times. */
  shapes() {
    cuda.preferredBlasLibrary("cublas");
    const wrong = [];
    for (let i = 0; i < 500; ++i) {
      const dtype = pick(["float32", "float64"]);
      const batch = pick([[], [], [3], [2, 3], [1, 4]]);
      const [rows, columns, inner] = [below(9) + 1, below(9) + 1, below(12) + 1];
      const [a, x] = factor(batch, rows, inner, dtype);
      const [b, y] = factor(batch, inner, columns, dtype);
      const expected = a.matmul(b).add(1).toArray();
      for (let run = 0; run < 3; ++run) {
        const got = x.matmul(y).add(1).toArray();
        if (JSON.stringify(got) !== JSON.stringify(expected))
          wrong.push({ i, dtype, a: a.shape, b: b.shape, got, expected });
      }
    }
    const integers = tensor([[1, 2]], { dtype: "int64", device: "cuda" });
    const product = Number(integers.matmul(integers.T).sum().item());
    return { wrong: wrong.slice(0, 3), product };
  },

  /** The same work again and again, with who takes part. */
  repeated(library) {
    cuda.preferredBlasLibrary(library);
    const a = rand([4, 4], { device: "cuda" });
    realize(a);
    for (let i = 0; i < 6; ++i) realize(a.add(1).matmul(a.mul(2)).mul(3));
    return cuda.preferredBlasLibrary();
  },

  /** What the settings give to the same products, one after the other. */
  precisions() {
    manualSeed(3);
    const a = rand([70, 90], { device: "cuda" }).sub(0.5);
    const b = rand([90, 50], { device: "cuda" }).sub(0.5);
    realize([a, b]);
    const read = (precision) => {
      setFloat32MatmulPrecision(precision);
      const product = a.matmul(b);
      return { bits: bits(product), distance: distance(product, a, b), plan: explain(a.matmul(b)) };
    };
    const [first, high, again, medium] = ["highest", "high", "highest", "medium"].map(read);
    const present = getFloat32MatmulPrecision();
    // What counts is the setting when a product is recorded.
    setFloat32MatmulPrecision("highest");
    const late = a.matmul(b);
    setFloat32MatmulPrecision("high");
    const isLateExact = same(bits(late), first.bits);
    const early = a.matmul(b);
    setFloat32MatmulPrecision("highest");
    const isEarlyRounded = same(bits(early), high.bits);
    // Other dtypes, and products of few rows, are as they were; so are those on the CPU.
    const exact = (x, y) => {
      setFloat32MatmulPrecision("highest");
      const before = bits(x.matmul(y));
      setFloat32MatmulPrecision("high");
      return same(bits(x.matmul(y)), before);
    };
    const wide = [a.to("float64"), b.to("float64")];
    // Terms that are all positive.
    const [c, d] = [rand([40, 90], { device: "cuda" }), rand([90, 40], { device: "cuda" })];
    setFloat32MatmulPrecision("high");
    const bias = distance(c.matmul(d), c, d);
    return {
      bias,
      distances: [first.distance, high.distance],
      plans: [first.plan, high.plan].map((plan) => plan.includes("TF32 allowed")),
      isSameAgain: same(again.bits, first.bits),
      isMediumHigh: same(medium.bits, high.bits),
      differs: !same(high.bits, first.bits),
      present,
      isLateExact,
      isEarlyRounded,
      float64: exact(...wide),
      few: exact(a.narrow(0, 0, 5), b),
      cpu: exact(a.cpu(), b.cpu()),
      planOnCpu: explain(a.cpu().matmul(b.cpu())).includes("TF32"),
    };
  },

  /** Gradients and updates of an optimizer follow the setting as well. */
  recorded() {
    const run = (precision) => {
      setFloat32MatmulPrecision(precision);
      manualSeed(5);
      const x = rand([40, 40], { device: "cuda" }).requiresGrad_();
      const c = rand([40, 40], { device: "cuda" });
      const [gradient] = autograd.grad(x.matmul(c).sum().square(), x);
      return bits(gradient);
    };
    const exact = run("highest");
    const gradients = { changes: !same(run("high"), exact), returns: same(run("highest"), exact) };
    class Whitened extends optim.RuleOptimizer {
      constructor(params, options) {
        const rule = optim.rule({
          options: { lr: optim.checks.option(0.5, optim.checks.learningRate) },
          scalars: ({ lr }) => ({ lr }),
          update: ({ param, grad }, { lr }) => ({ param: param.sub(param.matmul(grad).mul(lr)) }),
        });
        super(params, options, rule);
      }
    }
    manualSeed(6);
    const start = rand([40, 40], { device: "cuda" });
    realize(start);
    const x = start.clone().requiresGrad_();
    const optimizer = new Whitened([x], { lr: 0.01 });
    const step = (precision) => {
      setFloat32MatmulPrecision(precision);
      noGrad(() => x.copy_(start));
      optimizer.zeroGrad();
      x.mul(start.detach()).sum().backward();
      optimizer.step();
      return bits(x.detach());
    };
    const before = step("highest");
    const updates = { changes: !same(step("high"), before), returns: same(step("highest"), before) };
    return { gradients, updates };
  },

  /** TF32 by cuBLAS: what it is asked for is in its log. */
  rounded() {
    cuda.preferredBlasLibrary("cublas");
    const a = tensor([[1, 2]], { device: "cuda" });
    setFloat32MatmulPrecision("high");
    realize(a.matmul(a.T));
    realize(a.to("float64").matmul(a.to("float64").T));
    setFloat32MatmulPrecision("highest");
    realize(a.matmul(a.T));
    return null;
  },

  /** Asks for cuBLAS, and says what became of it and of the present choice. */
  asked() {
    try {
      cuda.preferredBlasLibrary("cublas");
    } catch (error) {
      return { code: error.code, message: error.message, present: cuda.preferredBlasLibrary() };
    }
    return { present: cuda.preferredBlasLibrary() };
  },

  /** cuBLAS fails, alone in a run; then without it. */
  failing() {
    cuda.preferredBlasLibrary("cublas");
    const a = tensor([[1, 2]], { device: "cuda" });
    realize(a);
    const messages = [];
    for (let i = 0; i < 2; ++i)
      try {
        messages.push(a.matmul(a.T).toArray());
      } catch (error) {
        messages.push(`${error.code}: ${error.message}`);
      }
    cuda.preferredBlasLibrary("default");
    return { messages, without: a.matmul(a.T).toArray() };
  },

  /** cuBLAS fails in the middle of a run, when other kernels have written. */
  failingLate() {
    cuda.preferredBlasLibrary("cublas");
    const a = tensor([[1, 2]], { device: "cuda" });
    const messages = [];
    for (let i = 0; i < 2; ++i)
      try {
        messages.push(a.add(i).matmul(a.T).toArray());
      } catch (error) {
        messages.push(`${error.code}: ${error.message}`);
      }
    return messages;
  },
};

const [name, ...rest] = process.argv.slice(2);
console.log(JSON.stringify(cases[name](...rest)));
