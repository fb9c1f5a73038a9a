import { tensor } from "adjoint";
import { spread } from "../data.js";
import { power, realizing, workload } from "../workload.js";

/** What a GPU's memory gives at best: the bandwidths of other workloads are told as parts of this one's. */
export const copy = workload("copy", "a copy of an array", { cuda: { all: [1e8], tiny: [100] } }, (n) => ({
  label: power(n),
  parameters: { n },
  adjoint: () => {
    const x = tensor(spread(n, -1, 1));
    return realizing(() => [x.clone()], { disposes: true });
  },
  targets: [],
  bytes: 8 * n,
}));
