// Workloads of single ops beside PyTorch's: a row says the op in both languages, and what goes in.
import { autograd, eye, isTensor, realize, tensor, type Tensor } from "adjoint";
import { mixed } from "../data.js";
import { realizing, workload, type Workload } from "../workload.js";

/** A tensor that goes in: numbers that {@link mixed} spreads over [low, high), rounded down for int64. */
export interface Input {
  shape: readonly number[];
  low: number;
  high: number;
  dtype: "float32" | "float64" | "int64";
  seed: number;
  /** Matrices of these plus their transposes, and plus 2n at the diagonal. */
  kind?: "symmetric" | "definite";
}

/** Numbers from -1 to 1, or as told. */
export function numbers(shape: readonly number[], options: Partial<Omit<Input, "shape">> = {}): Input {
  return { shape, low: -1, high: 1, dtype: "float32", seed: 0, ...options };
}

/** Positions from 0 to below `below`. */
export function positions(shape: readonly number[], below: number, seed = 1): Input {
  return { shape, low: 0, high: below, dtype: "int64", seed };
}

/** Several results, in PyTorch's order. */
type Results = Readonly<Record<string, Tensor>>;

/** An op in both languages. */
export interface Row {
  /** The op, and its size. */
  label: string;
  inputs: readonly Input[];
  adjoint: (...inputs: Tensor[]) => Tensor | Results;
  /** The same as an expression of Python over `torch`, `F` and the inputs `a`, `b`, `c`, `d`. */
  torch: string;
  /** Which inputs' gradients are computed too, of the first result. */
  gradients?: readonly number[];
  /** What the time over PyTorch's has to be. */
  must: number;
  aim?: number;
  tolerance?: number;
}

function made({ shape, low, high, dtype, seed, kind }: Input): Tensor {
  const values = mixed(
    shape.reduce((product, extent) => product * extent, 1),
    low,
    high,
    seed,
  );
  const all = tensor(dtype === "int64" ? values.map(Math.floor) : values, { dtype }).reshape([...shape]);
  const symmetric = kind === undefined ? all : all.add(all.mT);
  const size = shape.at(-1)!;
  return kind === "definite" ? symmetric.add(eye(size, { dtype }).mul(2 * size)) : symmetric;
}

const asList = (results: Tensor | Results): readonly Tensor[] =>
  isTensor(results) ? [results] : Object.values(results);

// Python frees a result when its name is bound to the next one, JavaScript when it next collects its garbage. What is
// compared here are ops, on the same memory again and again, so that ours are freed by hand.
const disposes = { disposes: true };

/** A workload of such rows. */
export function beside(name: string, what: string, all: readonly Row[], tiny: readonly Row[]): Workload {
  return workload(name, what, { cpu: { all, tiny } }, (row) => {
    const { label, inputs, adjoint, torch, gradients, must, aim, tolerance } = row;
    return {
      label,
      parameters: { torch, inputs, gradients: gradients ?? [] },
      adjoint: () => {
        const given = inputs.map(made);
        if (gradients === undefined) {
          realize(given);
          return realizing(() => asList(adjoint(...given)), disposes);
        }
        for (const index of gradients) given[index] = given[index]!.detach().requiresGrad_();
        const sought = gradients.map((index) => given[index]!);
        const { shape, dtype } = asList(adjoint(...given))[0]!;
        const dy = made(numbers(shape, { seed: 9, dtype: dtype as Input["dtype"] }));
        realize([...given, dy]);
        return realizing(() => {
          const results = asList(adjoint(...given));
          return [...results, ...autograd.grad(results[0]!, sought, { gradOutputs: dy }).map((g) => g!)];
        }, disposes);
      },
      targets: [{ peers: ["PyTorch"], must, ...(aim !== undefined && { aim }) }],
      ...(tolerance !== undefined && { tolerance }),
    };
  });
}
