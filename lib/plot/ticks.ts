/* Numbers along axes and beside maps, written alike within one axis or legend. */
import type { Range } from "./data.js";

/** D3's format for an axis that its own choice does not suit, or else none. */
export function axisFormat(range: Range): string | undefined {
  const size = Math.max(Math.abs(range[0]), Math.abs(range[1]));
  // By default all digits are written, whatever the exponent.
  return size < 1e9 && size > 1e-5 ? undefined : ".12~e";
}

/** D3's format for a logarithmic axis. */
export function logFormat([from, to]: Range): string {
  return from > 0.9e-4 && to < 2e6 ? ".12~f" : ".12~e";
}

/** The ticks of a logarithmic axis: powers of ten, or 1, 2 and 5 times them; none where those are too few. */
export function logTicks([from, to]: Range, count: number): number[] | undefined {
  const [low, high] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
  const every = Math.max(1, Math.ceil((high - low) / count));
  const digits = (high - low) * 3.4 <= count ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.ceil(low / every) * every; power <= high; power += every) {
    // Read from text, for 10 ** power is not always the nearest double.
    for (const digit of digits) ticks.push(Number(`${digit}e${power}`));
  }
  const shown = ticks.filter((tick) => tick >= from && tick <= to);
  return shown.length < 2 ? undefined : shown;
}

/** Levels as text: equally many decimals, or digits where they span many powers of ten. */
export function levelTexts(levels: readonly number[]): string[] {
  const rounded = levels.map((level) => Number(level.toPrecision(6)));
  const sizes = rounded.map(Math.abs).filter((size) => size > 0);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const digits = Math.max(1, ...rounded.map(digitsOf));
  const decimals = Math.max(0, ...rounded.map((level) => digitsOf(level) - 1 - exponentOf(level)));
  const write = (level: number): string => {
    const isExtreme = largest >= 1e6 || largest < 1e-4;
    if (!isExtreme && largest < 1000 * smallest) return level.toFixed(decimals);
    if (level === 0) return "0";
    return isExtreme
      ? level.toExponential(digits - 1)
      : level.toFixed(Math.max(0, digits - 1 - exponentOf(level)));
  };
  return rounded.map((level) => write(level).replaceAll("-", "−"));
}

/** How many digits a number needs, zeros at its ends aside. */
function digitsOf(value: number): number {
  return value.toExponential().replace("-", "").split("e")[0]!.replace(".", "").length;
}

function exponentOf(value: number): number {
  return Number(value.toExponential().split("e")[1]);
}
