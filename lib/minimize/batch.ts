// Many problems at once: every row has its own method at work, and whatever they ask is answered for all rows in one run. A
// row that has ended stays where it is; the function gets all rows every time, for it may know something of each.
import * as autograd from "../gradients.js";
import { tensor } from "../creation.js";
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { isFloating } from "../dtype.js";
import { cat } from "../joining.js";
import { describe } from "../options.js";
import { flag } from "../optim/checks.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { Status } from "./outcome.js";
import { type Start } from "./layout.js";
import { secondOrder } from "./problem.js";
import type { Question, Vector } from "./questions.js";
import type { Run } from "./run.js";

/** The result of a batch: of every row what `MinimizeResult` says. */
export interface BatchResult {
  /** The best points, of the start's shape. */
  x: Tensor;
  /** The function's values there. */
  fun: Tensor;
  /** The numbers of iterations and evaluations of every row. */
  nit: number[];
  nfev: number[];
  njev: number[];
  nhev: number[];
  status: Status[];
  message: string[];
  success: boolean[];
}

interface Pending {
  readonly packed: Tensor;
}

type Ask = Question["ask"];

/** Whether options ask for a batch, and the others. */
export function withoutBatch<O extends object>(what: string, options: (O & { batch?: boolean }) | undefined) {
  if (typeof options !== "object" || (options as unknown) === null || !Object.hasOwn(options, "batch"))
    return { batch: false, rest: options as O | undefined };
  const { batch, ...rest } = options;
  flag(what, "batch", batch ?? false);
  return { batch: batch === true, rest: rest as unknown as O };
}

/** Refuses what is no start of a batch. */
export function checkBatch(what: string, start: unknown): asserts start is Tensor {
  if (isTensor(start) && start.shape.length > 0 && isFloating(start.dtype) && start.numel() > 0) return;
  throw makeError(
    TypeError,
    `${what}: with batch, x0 must be a floating Tensor whose first dimension counts the problems, but got ` +
      (isTensor(start) ? `shape [${start.shape.join(", ")}] of ${start.dtype}` : describe(start)),
    { code: "ERR_ARGUMENT", op: what },
  );
}

/** The rows of a batch at work: `next` begins to answer their questions, `answer` goes on with the numbers. */
export function batched(
  what: string,
  f: unknown,
  start: Start,
  forRows: (n: number) => (x0: Vector) => Run,
): { next(): Pending | undefined; answer(values: ArrayLike<number>): void; result(): BatchResult } {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: f must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
  checkBatch(what, start);
  const { shape, dtype, device } = start;
  const count = shape[0]!;
  const n = start.numel() / count;
  const points = Float64Array.from(start.detach().dataSync() as ArrayLike<number>);
  const begin = forRows(n);
  const runs = Array.from({ length: count }, (_, i) => begin(points.slice(i * n, (i + 1) * n)));
  const options = { dtype, device } as never;
  const directions = new Float64Array(count * n);
  let asked: Ask = "gradient";

  const valueAt = (leaf: Tensor): Tensor => {
    const value: unknown = (f as (x: Tensor) => unknown)(leaf.reshape(...shape));
    refusePromise(`${what}: f`, value);
    if (isTensor(value) && value.numel() === count && value.shape.length <= 1) return value.reshape(-1);
    throw makeError(
      TypeError,
      `${what}: with batch, f must return a Tensor of shape [${count}], a value for each problem, but got ` +
        (isTensor(value) ? `shape [${value.shape.join(", ")}]` : describe(value)),
      { code: "ERR_ARGUMENT", op: what },
    );
  };
  const evaluate = (createGraph: boolean) => {
    const leaf = tensor(points, { dtype, device, requiresGrad: true });
    const value = valueAt(leaf);
    if (!value.requiresGrad)
      throw makeError(
        Error,
        `${what}: the result of f does not depend on x by operations of tensors, so it has no gradient`,
        { code: "ERR_AUTOGRAD", op: what },
      );
    return { leaf, value, grad: autograd.grad(value.sum(), leaf, { createGraph })[0]! };
  };

  /** The values and gradients of all rows, or products with their Hessians along directions. */
  const begins: Partial<Record<Ask, () => Tensor>> = {
    value: () => valueAt(tensor(points, options)).detach(),
    gradient() {
      const { value, grad } = evaluate(false);
      return cat([value.detach().to(dtype), grad], 0);
    },
    product() {
      const { leaf, grad } = evaluate(true);
      return secondOrder(grad.mul(tensor(directions, options)).sum(), leaf, [count * n]);
    },
    hessian() {
      const { leaf, grad } = evaluate(true);
      // A column of all Hessians at a time: no row's value depends on another row.
      const columns = Array.from({ length: n }, (_, k) => {
        const of = grad.reshape(count, n).select(1, k).sum();
        if (!of.requiresGrad) return leaf.detach().mul(0);
        return (
          autograd.grad(of, leaf, { retainGraph: k + 1 < n, allowUnused: true })[0] ?? leaf.detach().mul(0)
        );
      });
      return cat(columns, 0);
    },
  };

  const isAnswered = (question: Question) =>
    question.ask === asked || (asked === "gradient" && question.ask === "value");
  let active = runs.map((run, row) => ({ run, row }));

  return {
    next() {
      active = active.filter(({ run }) => run.question !== undefined);
      if (active.length === 0) return undefined;
      // Values come with gradients, where some rows ask for these.
      const open = new Set(active.map(({ run }) => run.question!.ask));
      asked = (["gradient", "product", "hessian", "value"] as const).find((ask) => open.has(ask))!;
      if (asked === "product") directions.fill(0);
      for (const { run, row } of active) {
        const question = run.question!;
        if (!("x" in question) || !isAnswered(question)) continue;
        put(points, row * n, question.x);
        if (question.ask === "product") put(directions, row * n, question.v);
      }
      return { packed: autograd.enableGrad(() => begins[asked]!()) };
    },
    answer(values) {
      for (const { run, row } of active) {
        const question = run.question!;
        if (!isAnswered(question)) continue;
        if (question.ask === "value") run.answer(values[row]!);
        else if (question.ask === "gradient")
          run.answer({ fun: values[row]!, grad: part(values, count + row * n, n) });
        else if (question.ask === "product") run.answer(part(values, row * n, n));
        else {
          const rows = new Float64Array(n * n);
          for (let k = 0; k < n; ++k) put(rows, k * n, part(values, (k * count + row) * n, n));
          run.answer(rows);
        }
      }
    },
    result() {
      const outcomes = runs.map(({ outcome }) => outcome!);
      const x = new Float64Array(count * n);
      outcomes.forEach((outcome, i) => {
        x.set(outcome.x, i * n);
      });
      const each = <K extends "nit" | "nfev" | "njev" | "nhev">(name: K) => runs.map((run) => run[name]);
      return {
        x: tensor(x, options).reshape(...shape),
        fun: tensor(
          Float64Array.from(outcomes, ({ fun }) => fun),
          options,
        ),
        nit: each("nit"),
        nfev: each("nfev"),
        njev: each("njev"),
        nhev: each("nhev"),
        status: outcomes.map(({ status }) => status),
        message: outcomes.map(({ message }) => message),
        success: outcomes.map(({ status }) => status === "converged"),
      };
    },
  };
}

/** Writes a vector into a longer one. Of a few elements, this is faster than what the language has for it. */
export function put(into: Float64Array, at: number, from: Vector): void {
  for (let i = 0; i < from.length; ++i) into[at + i] = from[i]!;
}

/** A part of a longer vector. */
export function part(values: ArrayLike<number>, from: number, n: number): Vector {
  const result = new Float64Array(n);
  for (let i = 0; i < n; ++i) result[i] = values[from + i]!;
  return result;
}
