import { tensor } from "adjoint";
import { spread, spread64 } from "../data.js";
import { keeping, tf } from "../tfjs.js";
import { realizing, workload } from "../workload.js";

interface Size {
  dtype: "float32" | "float64";
  n: number;
}

const sizes = (...counts: number[]): Size[] =>
  (["float32", "float64"] as const).flatMap((dtype) => counts.map((n) => ({ dtype, n })));

// tfjs has no float64.
export const matmul = workload(
  "matmul",
  "the product of two square matrices",
  { cpu: { all: sizes(64, 256, 1024), tiny: sizes(5) } },
  ({ dtype, n }) => ({
    label: `${dtype}, ${n} x ${n}`,
    parameters: { dtype, n },
    adjoint: () => {
      const make = dtype === "float32" ? spread : spread64;
      const a = tensor(make(n * n, -1, 1)).reshape(n, n);
      const b = tensor(make(n * n, -1, 1, 1)).reshape(n, n);
      return realizing(() => [a.matmul(b)]);
    },
    ...(dtype === "float32" && {
      tfjs: () => {
        const a = tf.tensor2d(spread(n * n, -1, 1), [n, n]);
        const b = tf.tensor2d(spread(n * n, -1, 1, 1), [n, n]);
        return keeping([a, b], () => [tf.matMul(a, b)]);
      },
    }),
    targets: [
      { peers: ["PyTorch"], must: 1.2, aim: 1 },
      { peers: ["tfjs cpu", "tfjs wasm"], must: 0.1 },
      { peers: ["tfjs-node"], must: 1.1 },
    ],
    tolerance: dtype === "float32" ? 1e-4 : 1e-10,
  }),
);
