// From measurements to the rows of a table, and verdicts on the targets.
import { median, type Measurement, type Result } from "./harness.js";
import type { Case, Target } from "./workload.js";

/** Whether a target was reached, and by what; `isMet` is null where no peer was there to compare with. */
export interface Verdict {
  workload: string;
  size: string;
  kind: "must" | "aim";
  /** The target in words, as in `must 0.6 of JAX jit`. */
  target: string;
  /** Against whom it was decided; ourselves for times. */
  peer: string;
  isMet: boolean | null;
}

const mark = (isMet: boolean | null) => (isMet === null ? "?" : isMet ? "✔" : "✘");

/** The fastest of those that were measured. */
function fastest(measurements: readonly Measurement[], names: readonly string[]): Measurement | undefined {
  return measurements
    .filter(({ peer }) => names.includes(peer))
    .sort((a, b) => median(a.seconds) - median(b.seconds))[0];
}

function verdictsOn(target: Target, { workload, size, measurements }: Result): Verdict[] {
  const rival = fastest(measurements, target.peers);
  const ratio = rival && median(measurements[0]!.seconds) / median(rival.seconds);
  return (["must", "aim"] as const).flatMap((kind): Verdict[] => {
    const bound = target[kind];
    if (bound === undefined) return [];
    return [
      {
        workload,
        size,
        kind,
        target: `${kind} ${bound} of ${target.peers.join(" or ")}`,
        peer: rival?.peer ?? target.peers[0]!,
        isMet: ratio === undefined ? null : ratio <= bound,
      },
    ];
  });
}

/** The bandwidth of a copy on the device, in bytes a second. */
export type CopyBandwidth = number | undefined;

/** The best that a case of copies has reached, whoever copied. */
export function copyBandwidth({ bytes, measurements }: Result): CopyBandwidth {
  const best = Math.min(...measurements.map(({ seconds }) => median(seconds)));
  return bytes === undefined || measurements.length === 0 ? undefined : bytes / best;
}

/** What has become of the targets of a case. */
export function judge(of: Case, result: Result, copy?: CopyBandwidth): Verdict[] {
  const { workload, size, measurements } = result;
  const own = measurements[0];
  if (own === undefined) return [];
  const verdicts = of.targets.flatMap((target) => verdictsOn(target, result));
  const about = { workload, size, peer: own.peer };
  if (of.variantsWithin !== undefined) {
    const names = [own.peer, ...Object.keys(of.variants ?? {})];
    const medians = measurements
      .filter(({ peer }) => names.includes(peer))
      .map(({ seconds }) => median(seconds));
    const apart = Math.max(...medians) / Math.min(...medians);
    const target = `must ${of.variantsWithin} of each other`;
    verdicts.push({ ...about, kind: "must", target, isMet: apart <= of.variantsWithin });
  }
  for (const kind of ["must", "aim"] as const) {
    const part = of.ofCopy?.[kind];
    if (part !== undefined) {
      const isMet = copy === undefined ? null : of.bytes! / median(own.seconds) >= part * copy;
      verdicts.push({ ...about, kind, target: `${kind} ${percent(part)} of copy`, isMet });
    }
    const seconds = kind === "must" ? of.mustSeconds : of.aimSeconds;
    if (seconds !== undefined) {
      const target = `${kind} ${duration(seconds)}`;
      verdicts.push({ ...about, kind, target, isMet: median(own.seconds) <= seconds });
    }
  }
  return verdicts;
}

const percent = (part: number) => `${Math.round(100 * part)} %`;

/** A time with three digits and a unit. */
export function duration(seconds: number): string {
  const [unit, factor] =
    seconds >= 1 ? ["s", 1] : seconds >= 1e-3 ? ["ms", 1e3] : seconds >= 1e-6 ? ["µs", 1e6] : ["ns", 1e9];
  return `${digits(seconds * factor)} ${unit}`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function ratioText(ratio: number): string {
  return ratio < 0.01 ? ratio.toFixed(4) : ratio < 1 ? ratio.toFixed(3) : digits(ratio);
}

/** The names of the columns; that of the bandwidth is for devices whose copies are measured. */
export const columns = ["workload", "size", "library", "median", "spread", "ours / theirs", "targets"];
export const gpuColumns = [...columns.slice(0, 6), "bandwidth", "targets"];

/** `2.5 TB/s, 96 % of copy`, if it is known how many bytes a step moves. */
function bandwidthText(bytes: number | undefined, seconds: number, copy: CopyBandwidth): string {
  if (bytes === undefined) return "";
  const rate = bytes / seconds;
  const [unit, factor] = rate >= 1e12 ? ["TB/s", 1e12] : rate >= 1e9 ? ["GB/s", 1e9] : ["MB/s", 1e6];
  return `${digits(rate / factor)} ${unit}${copy === undefined ? "" : `, ${percent(rate / copy)} of copy`}`;
}

/** A row for each peer of a case; with the `bandwidth` of each, where a device's copy was to be measured. */
export function rowsOf(
  { workload, size, bytes, measurements }: Result,
  verdicts: readonly Verdict[],
  bandwidth?: { copy: CopyBandwidth },
): string[][] {
  return measurements.map(({ peer, seconds }, i) => {
    const own = median(measurements[0]!.seconds);
    const marks = verdicts
      .filter((verdict) => verdict.peer === peer && verdict.isMet !== null)
      .map(({ target, isMet }) => `${mark(isMet)} ${target.replace(/ of (?!each|copy).*/, "")}`);
    return [
      i === 0 ? workload : "",
      i === 0 ? size : "",
      peer,
      duration(median(seconds)),
      `${duration(Math.min(...seconds))} to ${duration(Math.max(...seconds))}`,
      i === 0 ? "" : ratioText(own / median(seconds)),
      ...(bandwidth ? [bandwidthText(bytes, median(seconds), bandwidth.copy)] : []),
      marks.join(", "),
    ];
  });
}

/** Rows as text, in columns of a few fixed widths, so that they can be printed as they come. */
export function lines(rows: readonly string[][]): string {
  // Only tables with a bandwidth have an eighth column.
  const widths = [11, 39, 17, 8, 20, 13, 27];
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 3 || i === 5 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Rows as a table in Markdown, below their heading. */
export function markdown(heading: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = heading.map((_, i) => (i === 3 || i === 5 ? "--:" : "---"));
  return [line(heading), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}

/** How many targets were met, and which were not. */
export function summary(verdicts: readonly Verdict[]): string {
  return (["must", "aim"] as const)
    .map((kind) => {
      const asked = verdicts.filter((verdict) => verdict.kind === kind);
      const decided = asked.filter(({ isMet }) => isMet !== null);
      const missed = decided.filter(({ isMet }) => !isMet);
      const open = asked.length - decided.length;
      return [
        `${kind}: ${decided.length - missed.length} of ${decided.length} met` +
          (open > 0 ? `; ${open} had no library here to compare with` : ""),
        ...missed.map(({ workload, size, target, peer }) => {
          return `  ✘ ${workload}, ${size}: ${target}${target.includes(" or ") ? ` (${peer})` : ""}`;
        }),
      ].join("\n");
    })
    .join("\n");
}

/** A page with another table between its two marks: a page has one table for the CPU, and may have one for a GPU. */
export function withTable(page: string, table: string, name: "table" | "GPU table" = "table"): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place between ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n${table}\n${page.slice(to)}`;
}
