import { tensor, zeros } from "../creation.js";
import { cat, stack } from "../joining.js";
import type { Tensor } from "../tensor.js";

// The last updates of the parameters, s, and of the gradient, y, are rows of matrices. The two-loop recursion (Nocedal and
// Wright, "Numerical Optimization", algorithm 7.4) needs of them nothing but inner products: with each other, which are
// kept here as numbers, and with the gradient, which come with it. So the host finds the coefficients, and the direction
// is their product with the matrices. All inner products are sums in double. A row is written by writing its matrix
// anew, so there are several of a few rows.

/** An update: the change of the parameters, and that of the gradient. */
export interface Update {
  readonly step: Tensor;
  readonly change: Tensor;
}

/** Inner products of all rows. */
export interface Products {
  readonly withGrad: ArrayLike<number>;
  /** With the gradient's last change. */
  readonly withChange: ArrayLike<number>;
}

/** A history at a moment: the slots of its updates from the oldest on, and the scale of the first guess of the inverse Hessian. */
export interface Moment {
  readonly slots: readonly number[];
  readonly hDiag: number;
}

const empty: Moment = { slots: [], hDiag: 1 };
/** Updates of less curvature would spoil the history. */
const leastCurvature = 1e-10;

/** The sum of products of elements along the last dimension, in double whatever their dtype. */
export const inner = (a: Tensor, b: Tensor): Tensor => a.to("float64").mul(b.to("float64")).sum(-1);

/** The rows of a slot, among those of all blocks. */
const stepRow = (slot: number) => 2 * slot;
const changeRow = (slot: number) => 2 * slot + 1;

/** The updates that approximate the Hessian. */
export class History {
  /** Twice `height` rows each, made with the history: what is made in a tidy ends with it. */
  readonly #blocks: Tensor[] = [];
  /** The number of slots of a block. */
  readonly #height: number;
  /** How many of the blocks have rows that are in use. */
  #inUse = 0;
  /** A number in the parameters' dtype, as PyTorch has it, unless it is too large for that. */
  readonly #round: (value: number) => number;
  #limit = 0;
  #moment = empty;
  /** The slots that a step that fails needs again. */
  #protected: readonly number[] = [];
  /** The update that has been written last, and where. */
  #staged: { readonly update: Update; readonly slot: number } | undefined;
  /** s_i . y_j for j not older than i, and y_i . y_j, by slot. */
  readonly #curvatures: number[][] = [];
  readonly #squares: number[][] = [];

  constructor(
    private readonly like: Tensor,
    limit: number,
  ) {
    this.#height = Math.min(Math.max(2, Math.floor(2 ** 18 / Math.max(1, like.numel()))), 16);
    this.#round =
      like.dtype === "float64"
        ? (value) => value
        : (value) => {
            const rounded = Math.fround(value);
            return Number.isFinite(rounded) ? rounded : value;
          };
    this.keep(limit);
  }

  /** From now on, `limit` updates are kept. */
  keep(limit: number): void {
    this.#limit = limit;
    // A step that fails needs as many again.
    while (this.#blocks.length * this.#height < 2 * limit) this.#blocks.push(this.#block());
  }

  get moment(): Moment {
    return this.#moment;
  }

  /** 1 / y . s of the updates, from the oldest on. */
  get ro(): number[] {
    return this.#moment.slots.map((slot) => 1 / this.#curvatures[slot]![slot]!);
  }

  /** The changes of the gradient, from the oldest on. */
  get changes(): Tensor[] {
    return this.#moment.slots.map((slot) => this.#row(changeRow(slot)));
  }

  /** The changes of the parameters, from the oldest on. */
  get steps(): Tensor[] {
    return this.#moment.slots.map((slot) => this.#row(stepRow(slot)));
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

  /** Forgets all updates. */
  forget(): void {
    this.#moment = empty;
  }

  /** Takes over updates that came from elsewhere. */
  load(updates: readonly Update[], hDiag: number): void {
    this.forget();
    this.keep(Math.max(this.#limit, updates.length));
    this.#protected = [];
    for (const update of updates) {
      this.stage(update);
      // As they are computed when an update is taken, so that a run that is resumed goes on with the same bits.
      const withChange = cat(this.#products(update.change, this.#wideRows()), 0).dataSync<Float64Array>();
      this.#accept({ withGrad: [], withChange });
    }
    this.#moment = { ...this.#moment, hDiag };
  }

  /** Writes an update where nothing is that is needed. */
  stage(update: Update): void {
    const taken = new Set([...this.#moment.slots, ...this.#protected]);
    let slot = 0;
    while (taken.has(slot)) ++slot;
    const block = Math.floor(slot / this.#height);
    this.#inUse = Math.max(this.#inUse, block + 1);
    const first = stepRow(slot % this.#height);
    const rows = tensor([first, first + 1], { dtype: "int64", device: this.like.device });
    this.#blocks[block]!.indexCopy_(0, rows, stack([update.step, update.change], 0));
    this.#staged = { update, slot };
  }

  /** The products of all rows with the gradient and with its change, to be read one after the other. */
  products(grad: Tensor, change: Tensor): { withGrad: Tensor; withChange: Tensor } {
    // Rows are converted once for both.
    const rows = this.#wideRows();
    return { withGrad: cat(this.#products(grad, rows), 0), withChange: cat(this.#products(change, rows), 0) };
  }

  /** Makes an update part of the history, unless its curvature is too small; `products` were read when it was staged. */
  take(update: Update, products: Products): void {
    if (this.#staged?.update !== update) this.stage(update);
    const { slot } = this.#staged!;
    const [ys, yy] = [products.withChange[stepRow(slot)]!, products.withChange[changeRow(slot)]!];
    if (ys > leastCurvature && Number.isFinite(ys) && Number.isFinite(yy)) this.#accept(products);
  }

  /** The two-loop recursion applied to -grad: the direction, and its inner product with grad. */
  direction(grad: Tensor, squaredGrad: number, withGrad: ArrayLike<number>): { d: Tensor; slope: number } {
    const { slots, hDiag } = this.#moment;
    const { length } = slots;
    const round = this.#round;
    const alphas = new Float64Array(length);
    const differences = new Float64Array(length);
    for (let i = length - 1; i >= 0; --i) {
      const slot = slots[i]!;
      const row = this.#curvatures[slot]!;
      let product = -withGrad[stepRow(slot)]!;
      for (let j = length - 1; j > i; --j) product -= alphas[j]! * row[slots[j]!]!;
      alphas[i] = round(round(product) * round(1 / row[slot]!));
    }
    for (let i = 0; i < length; ++i) {
      const slot = slots[i]!;
      const row = this.#squares[slot]!;
      let rest = -withGrad[changeRow(slot)]!;
      for (let j = length - 1; j >= 0; --j) rest -= alphas[j]! * row[slots[j]!]!;
      let product = rest * hDiag;
      for (let j = 0; j < i; ++j) product += differences[j]! * this.#curvatures[slots[j]!]![slot]!;
      differences[i] = round(alphas[i]! - round(round(product) * round(1 / this.#curvatures[slot]![slot]!)));
    }
    let d = grad.mul(-hDiag);
    let slope = -hDiag * squaredGrad;
    if (length === 0) return { d, slope };
    const coefficients = new Float64Array(2 * this.#height * this.#inUse);
    slots.forEach((slot, i) => {
      coefficients[stepRow(slot)] = differences[i]!;
      coefficients[changeRow(slot)] = -hDiag * alphas[i]!;
      slope += differences[i]! * withGrad[stepRow(slot)]! - hDiag * alphas[i]! * withGrad[changeRow(slot)]!;
    });
    const { dtype, device } = this.like;
    const all = tensor(coefficients, { dtype, device });
    for (let block = 0; block < this.#inUse; ++block) {
      const rows = 2 * this.#height;
      d = d.add(all.narrow(0, block * rows, rows).matmul(this.#blocks[block]!));
    }
    return { d, slope };
  }

  #accept({ withChange }: Products): void {
    const { slot } = this.#staged!;
    const { slots } = this.#moment;
    const kept = slots.slice(Math.max(0, slots.length + 1 - this.#limit));
    this.#curvatures[slot] ??= [];
    this.#squares[slot] ??= [];
    for (const other of kept) {
      this.#curvatures[other]![slot] = withChange[stepRow(other)]!;
      this.#squares[other]![slot] = this.#squares[slot][other] = withChange[changeRow(other)]!;
    }
    const [ys, yy] = [withChange[stepRow(slot)]!, withChange[changeRow(slot)]!];
    this.#curvatures[slot][slot] = ys;
    this.#squares[slot][slot] = yy;
    this.#moment = { slots: [...kept, slot], hDiag: this.#round(this.#round(ys) / this.#round(yy)) };
    this.#staged = undefined;
  }

  #wideRows(): Tensor[] {
    return this.#blocks.slice(0, this.#inUse).map((block) => block.to("float64"));
  }

  #products(vector: Tensor, rows: readonly Tensor[]): Tensor[] {
    const wide = vector.to("float64");
    return rows.map((some) => inner(some, wide));
  }

  #row(row: number): Tensor {
    const rows = 2 * this.#height;
    return this.#blocks[Math.floor(row / rows)]!.select(0, row % rows);
  }

  #block(): Tensor {
    const { dtype, device } = this.like;
    return zeros([2 * this.#height, this.like.numel()], { dtype, device });
  }
}
