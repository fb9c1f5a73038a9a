// A bar in the terminal, while something is minimised.
import { createRequire } from "node:module";
import type * as Progress from "cli-progress";
import { makeError } from "../errors.js";

/** A bar under way. */
export interface Bar {
  /** After so many iterations, at a value. */
  update(nit: number, fun: number): void;
  /** Leaves it as it is. */
  stop(): void;
}

/** Draws on standard error, which has to be a terminal. */
type Terminal = Pick<NodeJS.WriteStream, "isTTY">;

const shown = (fun: number) =>
  fun === 0 || (Math.abs(fun) >= 1e-3 && Math.abs(fun) < 1e6) ? fun.toPrecision(6) : fun.toExponential(3);

/**
 * A bar of at most so many iterations; none where there is no terminal.
 * @throws Error (`ERR_MISSING_PACKAGE`) where there is one, and the package that draws is not installed.
 */
export function progressBar(
  what: string,
  most: number,
  terminal: Terminal = process.stderr,
): Bar | undefined {
  if (!terminal.isTTY) return undefined;
  let library: typeof Progress;
  try {
    library = createRequire(import.meta.url)("cli-progress") as typeof Progress;
  } catch {
    throw makeError(
      Error,
      `${what}: cli-progress draws the bar of \`progress: true\`, but is not installed; install it with npm install cli-progress`,
      { code: "ERR_MISSING_PACKAGE", op: what },
    );
  }
  const isOpen = !Number.isFinite(most);
  const bar = new library.SingleBar({
    format: isOpen
      ? `${what} {value} iterations, f = {fun}, {duration_formatted}`
      : `${what} {bar} {value}/{total}, f = {fun}, {duration_formatted}`,
    barsize: 24,
    barCompleteChar: "\u2588",
    barIncompleteChar: "\u2591",
    stream: terminal as NodeJS.WriteStream,
    fps: 10,
    etaBuffer: 1,
  });
  bar.start(isOpen ? 0 : most, 0, { fun: "?" });
  return {
    update(nit, fun) {
      bar.update(nit, { fun: shown(fun) });
    },
    stop() {
      bar.stop();
    },
  };
}
