/*
 * What the lessons share: a record of what an optimizer passed through, and the shape that the demo
 * and the tests expect of a lesson. The lessons themselves need nothing else beyond the library.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { tensor, type Tensor } from "adjoint";
import type { Animation, Figure } from "adjoint/plot";

/** A section of the notebook, run: what it says, what its optimizers did, and its pictures by file name. */
export interface Lesson {
  title: string;
  lines: string[];
  runs: Run[];
  pictures: Record<string, Figure | Animation>;
}

/** Where one optimizer has been. */
export class Run {
  /** The coordinates and then f, at every evaluation, before the update that follows it. */
  readonly points: number[][] = [];
  readonly #times: number[] = [];

  constructor(
    readonly name: string,
    readonly goal: "lowest" | "highest" = "lowest",
  ) {}

  /** Writes down where the optimizer is. */
  note(x: Tensor, f: Tensor): void {
    this.points.push([...Array.from(x.dataSync(), Number), f.item()]);
    this.#times.push(performance.now());
  }

  get start(): number[] {
    return this.points[0]!.slice(0, -1);
  }
  /** One coordinate of all points. */
  along(axis: number): number[] {
    return this.points.map((point) => point[axis]!);
  }
  /** f at all points. */
  get heights(): number[] {
    return this.points.map((point) => point.at(-1)!);
  }
  /** The number of evaluations. */
  get steps(): number {
    return this.points.length;
  }
  /** The point of the last evaluation. */
  get final(): { x: number[]; f: number } {
    const last = this.points.at(-1)!;
    return { x: last.slice(0, -1), f: last.at(-1)! };
  }
  get bestF(): number {
    return this.goal === "lowest" ? Math.min(...this.heights) : Math.max(...this.heights);
  }
  /** The median of the times from one evaluation to the next, since the first are slow; reading x and f is included. */
  get microsecondsPerStep(): number {
    const times = this.#times.slice(1).map((time, i) => (time - this.#times[i]!) * 1000);
    return times.sort((a, b) => a - b)[times.length >> 1] ?? NaN;
  }
}

/** A function of tensors as one of plain numbers, which is what plots ask for. */
export function onNumbers(f: (x: Tensor) => Tensor): (x: number) => number {
  return (x) => f(tensor(x)).item();
}

/** Whether node was started with this module rather than with one that imports it. */
export function isMain(moduleUrl: string): boolean {
  const [, started] = process.argv;
  if (started === undefined) return false;
  try {
    return createRequire(moduleUrl).resolve(started) === fileURLToPath(moduleUrl);
  } catch {
    return false;
  }
}
