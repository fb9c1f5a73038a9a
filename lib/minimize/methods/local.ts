import { defaultsOf } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import type { Outcome } from "../outcome.js";
import type { Asking, Vector } from "../questions.js";
import { lbfgsb, type LbfgsOptions, lbfgsRows } from "./lbfgsb.js";

/** The search for a local minimum with which global methods go on from a point. */
export function localSearch(x: Vector, bounds: Bounds | undefined): Asking<Outcome> {
  return lbfgsb(x, defaultsOf<LbfgsOptions>(lbfgsRows), bounds);
}
