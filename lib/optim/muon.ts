import type { OpaqueScalar } from "../opaque.js";
import type { Tensor } from "../tensor.js";
import { finite, flag, type Given, oneOf, option, tuple } from "./checks.js";
import { type ParamGroup } from "./optimizer.js";
import { paramsError, type Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `Muon`. */
export interface MuonOptions {
  /** Learning rate; 0.001 by default. */
  lr: number;
  /** Shrinkage by lr * weightDecay; 0.1 by default. */
  weightDecay: number;
  /** Decay of the running average of the gradient; 0.95 by default. */
  momentum: number;
  /** Nesterov momentum; true by default. */
  nesterov: boolean;
  /** The coefficients of the iteration's x, x^3 and x^5; [3.4445, -4.775, 2.0315] by default. */
  nsCoefficients: [number, number, number];
  /** A lower bound of the norm that the update is divided by; 1e-7 by default. */
  eps: number;
  /** The number of iterations that orthogonalise an update, below 100; 5 by default. */
  nsSteps: number;
  /**
   * What the rate of a matrix is multiplied by: "original" (null, the default, means the same) for the root of rows per column where that is above
   * 1, "match_rms_adamw" for an update as large as AdamW's.
   */
  adjustLrFn: "original" | "match_rms_adamw" | null;
}

/** In bfloat16, as PyTorch computes it, but for the sums. */
const rounded = (x: Tensor) => x.to("bfloat16").to("float32");

/**
 * An orthogonal matrix near to `update`: Newton and Schulz's iteration with a polynomial of degree five, which brings
 * the singular values to between 0.5 and 1.5.
 */
function orthogonalised(
  update: Tensor,
  steps: number,
  [a, b, c]: readonly [OpaqueScalar, OpaqueScalar, OpaqueScalar],
  eps: OpaqueScalar,
): Tensor {
  const isTall = update.shape[0]! > update.shape[1]!;
  let x = rounded(isTall ? update.mT : update);
  x = rounded(x.div(rounded(x.norm()).maximum(eps)));
  for (let i = 0; i < steps; ++i) {
    const gram = rounded(x.matmul(x.mT));
    const factor = rounded(gram.matmul(gram).mul(c).add(gram.mul(b)));
    x = rounded(factor.matmul(x).add(x.mul(a)));
  }
  return isTall ? x.mT : x;
}

const muon = rule({
  options: {
    lr: option<number>(1e-3, finite("Learning rate should be >= 0 but is", { min: 0 })),
    weightDecay: option<number>(0.1, finite("weight decay should be >= 0 but is", { min: 0 })),
    momentum: option<number>(0.95, finite("momentum should be >= 0 but is", { min: 0 })),
    nesterov: option<boolean>(true, flag),
    nsCoefficients: option<[number, number, number]>(
      [3.4445, -4.775, 2.0315],
      tuple(Array.from({ length: 3 }, () => ["Invalid coefficient", {}])),
    ),
    eps: option<number>(1e-7, finite("Invalid epsilon value", { min: 0 })),
    nsSteps: option<number>(
      5,
      finite("Number of steps must be less than 100 for computational efficiency", {
        min: 0,
        below: 100,
        integer: true,
      }),
    ),
    adjustLrFn: option<"original" | "match_rms_adamw" | null>(
      null,
      oneOf(["original", "match_rms_adamw", null], "Adjust learning rate function is not supported"),
    ),
  },
  counts: false,
  state: { momentumBuffer: zeroed },
  flags: ({ nesterov, nsSteps, adjustLrFn }: MuonOptions) => ({
    nesterov,
    nsSteps,
    matchesAdamW: adjustLrFn === "match_rms_adamw",
  }),
  scalars: ({ lr, weightDecay, momentum, nsCoefficients, eps }) => ({
    lr,
    shrink: 1 - lr * weightDecay,
    momentum,
    fresh: 1 - momentum,
    a: nsCoefficients[0],
    b: nsCoefficients[1],
    c: nsCoefficients[2],
    eps,
  }),
  update({ param, grad, momentumBuffer }, { lr, shrink, momentum, fresh, a, b, c, eps }, flags) {
    const average = momentumBuffer.lerp(grad, fresh);
    const update = flags.nesterov ? grad.lerp(average, momentum) : average;
    const [rows, columns] = param.shape as [number, number];
    const adjustment = flags.matchesAdamW
      ? 0.2 * Math.sqrt(Math.max(rows, columns))
      : Math.sqrt(Math.max(1, rows / columns));
    const step = orthogonalised(update, flags.nsSteps, [a, b, c], eps).to(param.dtype);
    return {
      param: param.mul(shrink).sub(step.mul(adjustment).mul(lr)),
      momentumBuffer: average,
    };
  },
});

/**
 * Muon, whose updates are orthogonal matrices: Jordan et al., "Muon: An optimizer for hidden layers in neural
 * networks", 2024, https://kellerjordan.github.io/posts/muon. For matrices only; give vectors to AdamW.
 */
export class Muon extends RuleOptimizer<MuonOptions> {
  constructor(params: Params<MuonOptions>, options?: Given<MuonOptions>) {
    super(params, options, muon);
  }

  protected override admit(group: ParamGroup<MuonOptions>): void {
    for (const { shape } of group.params)
      if (shape.length !== 2)
        throw paramsError(
          `Muon only supports 2D parameters whereas we found a parameter with size: [${shape.join(", ")}] (give it to AdamW)`,
        );
    super.admit(group);
  }
}
