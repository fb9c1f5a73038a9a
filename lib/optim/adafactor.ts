import { zeros } from "../creation.js";
import { finfo } from "../dtype.js";
import { describe } from "../options.js";
import type { Tensor } from "../tensor.js";
import { type Check, finite, flag, type Given, option, optionError } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `Adafactor`. */
export interface AdafactorOptions {
  /** The largest relative step; 0.01 by default. */
  lr: number;
  /** The power of the step's number with which the averages' decay approaches 1; -0.8 by default. */
  beta2Decay: number;
  /**
   * A lower bound of the squares' root, null for the dtype's distance from 1 to the next number, and one of the parameter's size; [null, 1e-3]
   * by default.
   */
  eps: [number | null, number];
  /** The root mean square from which on an update is scaled down; 1 by default. */
  d: number;
  /** Shrinkage by lr * weightDecay; 0 by default. */
  weightDecay: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const first = finite("epsilon1 should be >= 0 but is", { min: 0 });
const second = finite("epsilon2 should be >= 0 but is", { min: 0 });
const epsilons: Check = (what, name, value) => {
  if (!Array.isArray(value) || value.length !== 2)
    throw optionError(
      TypeError,
      `${what}: ${name} must be an array of two, [number or null, number], but got ${describe(value)}`,
    );
  if (value[0] !== null) first(what, `${name}[0]`, value[0]);
  second(what, `${name}[1]`, value[1]);
};

/** The root of the mean of squares. */
const rootMeanSquare = (x: Tensor) => x.norm().div(Math.sqrt(x.numel()));

/** Averages along the last dimension but `from`, for the parameters that have rows and columns. */
const averages = (from: 1 | 2) => ({
  begin(param: Tensor) {
    const shape = param.shape.map((size, dim, { length }) => (dim === length - from ? 1 : size));
    return zeros(shape, { dtype: param.dtype, device: param.device });
  },
  when: (_: AdafactorOptions, param: Tensor) => param.shape.length > 1,
});

const adafactor = rule({
  options: {
    lr: option<number>(1e-2, finite("Learning rate should be >= 0 but is", { min: 0 })),
    beta2Decay: option<number>(-0.8, finite("beta2_decay should be <= 0 but is", { max: 0 })),
    eps: option<[number | null, number]>([null, 1e-3], epsilons),
    d: option<number>(1, finite("Clipping threshold d should be >= 1 but is", { min: 1 })),
    weightDecay: option<number>(0, finite("weight_decay should be >= 0 but is", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  state: {
    rowVar: averages(1),
    colVar: averages(2),
    variance: { ...zeroed, when: (_: AdafactorOptions, param) => param.shape.length <= 1 },
  },
  flags: ({ eps, weightDecay, maximize }) => ({
    usesMachineEpsilon: eps[0] === null,
    shrinks: weightDecay !== 0,
    maximize,
  }),
  scalars: ({ lr, beta2Decay, eps, d, weightDecay }, { step }) => ({
    fresh: step ** beta2Decay,
    epsilon1: eps[0] ?? 0,
    epsilon1Squared: (eps[0] ?? 0) ** 2,
    epsilon2: eps[1],
    relativeStep: Math.min(lr, 1 / Math.sqrt(step)),
    d,
    shrink: 1 - lr * weightDecay,
  }),
  update({ param, grad, rowVar, colVar, variance }, scalars, flags) {
    const { fresh, epsilon1, epsilon1Squared, epsilon2, relativeStep, d, shrink } = scalars;
    const machine = finfo(param.dtype).eps;
    const g = flags.maximize ? grad.neg() : grad;
    const size = rootMeanSquare(param).maximum(epsilon2).mul(relativeStep);
    const x = flags.shrinks ? param.mul(shrink) : param;
    const averageOf = (before: Tensor, dim: number) =>
      before.lerp(g.square().mean(dim, { keepdim: true }), fresh);
    const row = rowVar && averageOf(rowVar, -1);
    const column = colVar && averageOf(colVar, -2);
    const whole = variance?.lerp(g.square(), fresh);
    const spread =
      row && column
        ? row
            .mul(column)
            .div(row.mean(-2, { keepdim: true }).maximum(flags.usesMachineEpsilon ? machine : epsilon1))
        : whole!;
    const step = spread
      .maximum(flags.usesMachineEpsilon ? machine * machine : epsilon1Squared)
      .rsqrt()
      .mul(g);
    const scale = rootMeanSquare(step).div(d).maximum(1);
    return {
      param: x.sub(step.mul(size.div(scale))),
      rowVar: row,
      colVar: column,
      variance: whole,
    };
  },
});

/**
 * Adafactor, whose averages of squares take a row and a column of memory for a matrix: Shazeer and Stern, "Adafactor:
 * Adaptive Learning Rates with Sublinear Memory Cost", arXiv:1804.04235. As in PyTorch the relative step is at most `lr`.
 */
export class Adafactor extends RuleOptimizer<AdafactorOptions> {
  constructor(params: Params<AdafactorOptions>, options?: Given<AdafactorOptions>) {
    super(params, options, adafactor);
  }
}
