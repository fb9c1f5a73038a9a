// Minimisation along a line: what `minimizeScalar` does, and what Powell's method does along its directions. All of them
// ask for values only.
import type { Asking } from "../questions.js";

/** A function of one number. */
export type Along = (t: number) => Asking<number>;

/** The lowest point that was found, and how. */
export interface Lowest {
  readonly t: number;
  readonly fun: number;
  readonly status: "converged" | "maxIterations" | "nonFinite";
}

/** Three points, the middle one lower than the others. */
export interface Bracket {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** The value in the middle. */
  readonly fb: number;
  /** Whether the middle really is the lowest; otherwise it is the lowest point that was met. */
  readonly isValid: boolean;
}

/** Told of the lowest point after every iteration. */
export type Told = (t: number, fun: number) => Asking<void>;

const golden = (1 + Math.sqrt(5)) / 2;
/** The smaller part of a line that is cut by the golden ratio. */
const smallerPart = (3 - Math.sqrt(5)) / 2;
// SciPy's, to the digit: its steps are these.
const growth = 1.618034;
const mostGrowth = 110;
const mostBracketSteps = 1000;

/**
 * Goes downhill from two points until it is uphill again, with steps that grow by the golden ratio, or lead to the minimum of
 * a parabola: mnbrak of Press et al., "Numerical Recipes", 10.1, with SciPy's numbers.
 */
export function* bracketed(f: Along, from: number, to: number): Asking<Bracket> {
  let [a, b] = [from, to];
  let fa = yield* f(a);
  let fb = yield* f(b);
  if (fa < fb) {
    [a, b] = [b, a];
    [fa, fb] = [fb, fa];
  }
  let c = b + growth * (b - a);
  let fc = yield* f(c);
  for (let step = 0; fc < fb && step <= mostBracketSteps; ++step) {
    const first = (b - a) * (fb - fc);
    const second = (b - c) * (fb - fa);
    const difference = second - first;
    const divisor = 2 * (Math.abs(difference) < 1e-21 ? 1e-21 : difference);
    let w = b - ((b - c) * second - (b - a) * first) / divisor;
    const limit = b + mostGrowth * (c - b);
    let fw: number;
    if ((w - c) * (b - w) > 0) {
      fw = yield* f(w);
      if (fw < fc) {
        [a, b, fa, fb] = [b, w, fb, fw];
        break;
      }
      if (fw > fb) {
        [c, fc] = [w, fw];
        break;
      }
      w = c + growth * (c - b);
      fw = yield* f(w);
    } else if ((w - limit) * (limit - c) >= 0) {
      w = limit;
      fw = yield* f(w);
    } else if ((w - limit) * (c - w) > 0) {
      fw = yield* f(w);
      if (fw < fc) {
        [b, c, fb, fc] = [c, w, fc, fw];
        w = c + growth * (c - b);
        fw = yield* f(w);
      }
    } else {
      w = c + growth * (c - b);
      fw = yield* f(w);
    }
    [a, b, c, fa, fb, fc] = [b, c, w, fb, fc, fw];
  }
  const isLow = (fb < fc && fb <= fa) || (fb <= fc && fb < fa);
  const isValid = isLow && (b - a) * (c - b) > 0 && Number.isFinite(a) && Number.isFinite(c);
  if (isValid || isLow) return { a, b, c, fb, isValid };
  return { a, b: fc < fb ? c : b, c, fb: Math.min(fb, fc), isValid };
}

/**
 * Brent's method: the minimum of a parabola through the three lowest points where that is good, a golden section otherwise
 * ("Algorithms for Minimization Without Derivatives", 1973, chapter 5), from a bracket on, with SciPy's rules of stopping.
 */
export function* brent(
  f: Along,
  { a: from, b, c: to, fb }: Bracket,
  tolerance: number,
  most: number,
  told: Told,
): Asking<Lowest> {
  let [a, c] = from < to ? [from, to] : [to, from];
  // The lowest point, the second lowest, and the one that was this before.
  let [x, w, v] = [b, b, b];
  let [fx, fw, fv] = [fb, fb, fb];
  let before = 0;
  let step = 0;
  let status: Lowest["status"] = "maxIterations";
  for (let iteration = 0; iteration < most; ++iteration) {
    const least = tolerance * Math.abs(x) + 1e-11;
    const middle = 0.5 * (a + c);
    if (Math.abs(x - middle) < 2 * least - 0.5 * (c - a)) {
      status = "converged";
      break;
    }
    const section = () => {
      before = x >= middle ? a - x : c - x;
      step = smallerPart * before;
    };
    if (Math.abs(before) <= least) section();
    else {
      const first = (x - w) * (fx - fv);
      const second = (x - v) * (fx - fw);
      const divisor = Math.abs(2 * (second - first));
      const p = ((x - v) * second - (x - w) * first) * (second - first > 0 ? -1 : 1);
      const beforeThat = before;
      before = step;
      if (
        p > divisor * (a - x) &&
        p < divisor * (c - x) &&
        Math.abs(p) < Math.abs(0.5 * divisor * beforeThat)
      ) {
        step = p / divisor;
        const u = x + step;
        if (u - a < 2 * least || c - u < 2 * least) step = middle - x >= 0 ? least : -least;
      } else section();
    }
    const u = x + (Math.abs(step) < least ? (step >= 0 ? least : -least) : step);
    const fu = yield* f(u);
    if (Number.isNaN(fu)) return { t: x, fun: fx, status: "nonFinite" };
    if (fu > fx) {
      if (u < x) a = u;
      else c = u;
      if (fu <= fw || w === x) [v, w, fv, fw] = [w, u, fw, fu];
      else if (fu <= fv || v === x || v === w) [v, fv] = [u, fu];
    } else {
      if (u >= x) a = x;
      else c = x;
      [v, w, x, fv, fw, fx] = [w, x, u, fw, fx, fu];
    }
    yield* told(x, fx);
  }
  return { t: x, fun: fx, status };
}

/** Golden sections of a bracket, with SciPy's rule of stopping. */
export function* goldenSections(
  f: Along,
  { a, b, c }: Bracket,
  tolerance: number,
  most: number,
  told: Told,
): Asking<Lowest> {
  const larger = golden - 1;
  const smaller = 1 - larger;
  let [low, high] = [a, c];
  let [left, right] =
    Math.abs(c - b) > Math.abs(b - a) ? [b, b + smaller * (c - b)] : [b - smaller * (b - a), b];
  let fl = yield* f(left);
  let fr = yield* f(right);
  let status: Lowest["status"] = "maxIterations";
  for (let iteration = 0; iteration < most; ++iteration) {
    if (Math.abs(high - low) <= tolerance * (Math.abs(left) + Math.abs(right))) {
      status = "converged";
      break;
    }
    if (Number.isNaN(fl) || Number.isNaN(fr)) {
      status = "nonFinite";
      break;
    }
    if (fr < fl) {
      [low, left, right, fl] = [left, right, larger * right + smaller * high, fr];
      fr = yield* f(right);
    } else {
      [high, right, left, fr] = [right, left, larger * left + smaller * low, fl];
      fl = yield* f(left);
    }
    yield* told(fl < fr ? left : right, Math.min(fl, fr));
  }
  return fl < fr ? { t: left, fun: fl, status } : { t: right, fun: fr, status };
}

/**
 * Brent's method within an interval, whose ends are never evaluated: fminbnd of Forsythe, Malcolm and Moler, "Computer
 * Methods for Mathematical Computations", 1977, with SciPy's rules of stopping.
 */
export function* bounded(
  f: Along,
  lower: number,
  upper: number,
  tolerance: number,
  most: number,
  told: Told,
): Asking<Lowest> {
  const rounding = Math.sqrt(2.2e-16);
  let [a, b] = [lower, upper];
  let x = a + smallerPart * (b - a);
  let [w, v] = [x, x];
  let fx = yield* f(x);
  let [fw, fv] = [fx, fx];
  let [step, before] = [0, 0];
  for (let count = 1; ;) {
    const middle = 0.5 * (a + b);
    const least = rounding * Math.abs(x) + tolerance / 3;
    if (Math.abs(x - middle) <= 2 * least - 0.5 * (b - a))
      return { t: x, fun: fx, status: Number.isNaN(fx) ? "nonFinite" : "converged" };
    if (count >= most) return { t: x, fun: fx, status: "maxIterations" };
    let isParabola = false;
    if (Math.abs(before) > least) {
      const r = (x - w) * (fx - fv);
      const q = (x - v) * (fx - fw);
      const divisor = Math.abs(2 * (q - r));
      const p = ((x - v) * q - (x - w) * r) * (q - r > 0 ? -1 : 1);
      const beforeThat = before;
      before = step;
      if (
        Math.abs(p) < Math.abs(0.5 * divisor * beforeThat) &&
        p > divisor * (a - x) &&
        p < divisor * (b - x)
      ) {
        isParabola = true;
        step = p / divisor;
        const u = x + step;
        if (u - a < 2 * least || b - u < 2 * least) step = middle - x >= 0 ? least : -least;
      }
    }
    if (!isParabola) {
      before = x >= middle ? a - x : b - x;
      step = smallerPart * before;
    }
    const u = x + (step >= 0 ? 1 : -1) * Math.max(Math.abs(step), least);
    const fu = yield* f(u);
    ++count;
    if (Number.isNaN(fu)) return { t: x, fun: fx, status: "nonFinite" };
    if (fu <= fx) {
      if (u >= x) a = x;
      else b = x;
      [v, w, x, fv, fw, fx] = [w, x, u, fw, fx, fu];
    } else {
      if (u < x) a = u;
      else b = u;
      if (fu <= fw || w === x) [v, w, fv, fw] = [w, u, fw, fu];
      else if (fu <= fv || v === x || v === w) [v, fv] = [u, fu];
    }
    yield* told(x, fx);
  }
}
