import { cat } from "../joining.js";
import { tensor, zeros } from "../creation.js";
import { native } from "../native.js";
import { handleOf, type Tensor } from "../tensor.js";

// The last updates of the parameters, s, and of the gradient, y, are rows of two matrices. The two-loop recursion (Nocedal
// and Wright, "Numerical Optimization", algorithm 7.4) needs of them nothing but inner products: with each other, which are
// kept here as numbers, and with the gradient, which come with it. So the host finds the coefficients, and the direction is
// one product of these with each matrix. All inner products are sums in double.

/** Inner products of the rows, by slot, with the gradient and with its last change. */
export interface Products {
  readonly stepsByGrad: ArrayLike<number>;
  readonly changesByGrad: ArrayLike<number>;
  readonly stepsByChange: ArrayLike<number>;
  readonly changesByChange: ArrayLike<number>;
}

/** An update, and the inner products of its rows with each other and the gradient. */
export interface Update {
  readonly step: Tensor;
  readonly change: Tensor;
  readonly ys: number;
  readonly yy: number;
  readonly stepByGrad: number;
  readonly changeByGrad: number;
  readonly products: Products;
}

/** A history at a moment: the slots of its rows from the oldest on, and the scale of the first guess of the inverse Hessian. */
export interface Moment {
  readonly slots: readonly number[];
  readonly hDiag: number;
}

/** The sum of products of elements, in double whatever their dtype. */
export const inner = (a: Tensor, b: Tensor): Tensor => a.to("float64").mul(b.to("float64")).sum(-1);

/** The updates that approximate the Hessian. */
export class History {
  /** From the oldest to the newest. */
  #moment: Moment = { slots: [], hDiag: 1 };
  /** The rows that a step that fails needs again. */
  #protected: readonly number[] = [];
  #capacity = 0;
  /** s_i . y_j for j not older than i, and y_i . y_j, by slot. */
  #curvatures: Float64Array[] = [];
  #squares: Float64Array[] = [];

  /** The matrices, which hold nothing yet. They stay the same tensors, whatever becomes of their values. */
  constructor(
    private readonly steps: Tensor,
    private readonly changes: Tensor,
  ) {}

  get moment(): Moment {
    return this.#moment;
  }

  /** The number of rows of the matrices. */
  get capacity(): number {
    return this.#capacity;
  }

  /** 1 / y . s of the rows, from the oldest on. */
  get ro(): number[] {
    return this.#moment.slots.map((slot) => 1 / this.#curvatures[slot]![slot]!);
  }

  /** The rows of one of the matrices, from the oldest on. */
  rows(which: "steps" | "changes"): Tensor[] {
    return this.#moment.slots.map((slot) => this[which].select(0, slot));
  }

  /** From now on, what there is can be had back. */
  protect(): Moment {
    this.#protected = this.#moment.slots;
    return this.#moment;
  }

  /** Goes back to a protected moment. */
  restore(moment: Moment): void {
    this.#moment = moment;
  }

  /** Takes over rows that came from elsewhere. */
  load(steps: readonly Tensor[], changes: readonly Tensor[], hDiag: number): void {
    this.#moment = { slots: steps.map((_, slot) => slot), hDiag };
    this.#protected = [];
    this.#curvatures = [];
    this.#squares = [];
    this.#capacity = 0;
    if (steps.length === 0) return;
    this.#growTo(steps.length);
    put(
      this.steps,
      cat(
        steps.map((row) => row.unsqueeze(0)),
        0,
      ),
    );
    put(
      this.changes,
      cat(
        changes.map((row) => row.unsqueeze(0)),
        0,
      ),
    );
    changes.forEach((change, j) => {
      // As they are computed when a row is taken, so that a run that is resumed goes on with the same bits.
      const [curvatures, squares] = [this.steps, this.changes].map((rows) => inner(rows, change).dataSync());
      for (let i = 0; i <= j; ++i) {
        this.#curvatures[i]![j] = curvatures![i] as number;
        this.#squares[i]![j] = this.#squares[j]![i] = squares![i] as number;
      }
    });
  }

  /** The inner products of all rows with the gradient and with its change, to be read. */
  products(grad: Tensor, change: Tensor): Partial<Record<keyof Products, Tensor>> {
    if (this.#capacity === 0) return {};
    return {
      stepsByGrad: inner(this.steps, grad),
      changesByGrad: inner(this.changes, grad),
      stepsByChange: inner(this.steps, change),
      changesByChange: inner(this.changes, change),
    };
  }

  /** Those of rows that may be taken, summed as rows of a matrix are. */
  ownProducts(rows: { step: Tensor; change: Tensor }, grad: Tensor): Record<string, Tensor> {
    const [step, change] = [rows.step.unsqueeze(0), rows.change.unsqueeze(0)];
    return {
      ys: inner(step, rows.change),
      yy: inner(change, rows.change),
      stepByGrad: inner(step, grad),
      changeByGrad: inner(change, grad),
    };
  }

  /** Takes an update, of which `limit` are kept; the returned products include those of the new row. */
  push({ step, change, ys, yy, stepByGrad, changeByGrad, products }: Update, limit: number): Products {
    const { slots } = this.#moment;
    const kept = slots.slice(slots.length >= limit ? 1 : 0);
    const slot = this.#freeSlot(kept, limit);
    const at = tensor([slot], { dtype: "int64", device: step.device });
    this.steps.indexCopy_(0, at, step.unsqueeze(0));
    this.changes.indexCopy_(0, at, change.unsqueeze(0));
    for (const other of kept) {
      this.#curvatures[other]![slot] = products.stepsByChange[other]!;
      this.#squares[other]![slot] = this.#squares[slot]![other] = products.changesByChange[other]!;
    }
    this.#curvatures[slot]![slot] = ys;
    this.#squares[slot]![slot] = yy;
    this.#moment = { slots: [...kept, slot], hDiag: ys / yy };
    const extended = (values: ArrayLike<number> | undefined, value: number) => {
      const all = new Float64Array(this.#capacity);
      all.set(values ?? []);
      all[slot] = value;
      return all;
    };
    return {
      ...products,
      stepsByGrad: extended(products.stepsByGrad, stepByGrad),
      changesByGrad: extended(products.changesByGrad, changeByGrad),
    };
  }

  /** The two-loop recursion applied to -grad: the direction, and its inner product with grad. */
  direction(
    grad: Tensor,
    squaredGrad: number,
    { stepsByGrad, changesByGrad }: Products,
  ): { d: Tensor; slope: number } {
    const { slots, hDiag } = this.#moment;
    const { length } = slots;
    const alphas = new Float64Array(length);
    const differences = new Float64Array(length);
    for (let i = length - 1; i >= 0; --i) {
      const row = this.#curvatures[slots[i]!]!;
      let product = -stepsByGrad[slots[i]!]!;
      for (let j = length - 1; j > i; --j) product -= alphas[j]! * row[slots[j]!]!;
      alphas[i] = product / row[slots[i]!]!;
    }
    for (let i = 0; i < length; ++i) {
      const slot = slots[i]!;
      const row = this.#squares[slot]!;
      let scaled = -changesByGrad[slot]!;
      for (let j = length - 1; j >= 0; --j) scaled -= alphas[j]! * row[slots[j]!]!;
      let product = scaled * hDiag;
      for (let j = 0; j < i; ++j) product += differences[j]! * this.#curvatures[slots[j]!]![slot]!;
      differences[i] = alphas[i]! - product / this.#curvatures[slot]![slot]!;
    }
    const ofSteps = new Float64Array(this.#capacity);
    const ofChanges = new Float64Array(this.#capacity);
    let slope = -hDiag * squaredGrad;
    slots.forEach((slot, i) => {
      ofSteps[slot] = differences[i]!;
      ofChanges[slot] = -hDiag * alphas[i]!;
      slope += ofSteps[slot]! * stepsByGrad[slot]! + ofChanges[slot]! * changesByGrad[slot]!;
    });
    let d = grad.mul(-hDiag);
    if (length > 0) d = d.add(combined(ofChanges, this.changes)).add(combined(ofSteps, this.steps));
    return { d, slope };
  }

  /** A slot whose row nobody needs. */
  #freeSlot(kept: readonly number[], limit: number): number {
    const taken = new Set([...kept, ...this.#protected]);
    let slot = 0;
    while (taken.has(slot)) ++slot;
    if (slot >= this.#capacity) {
      const before = this.#capacity;
      this.#growTo(Math.min(Math.max(4, 2 * before), 2 * limit));
      for (const matrix of [this.steps, this.changes]) {
        const { dtype, device } = matrix;
        const fresh = zeros([this.#capacity - before, matrix.shape[1]!], { dtype, device });
        put(matrix, before === 0 ? fresh : cat([matrix, fresh], 0));
      }
    }
    return slot;
  }

  #growTo(capacity: number): void {
    this.#capacity = capacity;
    const grown = (rows: readonly Float64Array[]) =>
      Array.from({ length: capacity }, (_, slot) => {
        const row = new Float64Array(capacity);
        row.set(rows[slot] ?? []);
        return row;
      });
    this.#curvatures = grown(this.#curvatures);
    this.#squares = grown(this.#squares);
  }
}

/** The rows of a matrix times coefficients, added up. */
function combined(coefficients: Float64Array, rows: Tensor): Tensor {
  const { dtype, device } = rows;
  return tensor(coefficients, { dtype, device }).matmul(rows);
}

function put(cell: Tensor, value: Tensor): void {
  native.replace(handleOf(cell, "LBFGS"), handleOf(value, "LBFGS"));
}
