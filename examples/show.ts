/* How lessons are shown: their words and numbers in the terminal, their pictures in a folder. */
import { mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setDefaultDevice, type Device } from "adjoint";
import { Figure } from "adjoint/plot";
import { isMain, type Lesson, type Run } from "./lesson.js";

/** The folder for pictures where none is named. */
export const defaultFolder = "demo-output";

/**
 * The folder that the arguments name, made where it is missing; undefined where they ask for help. What is computed from
 * then on is computed on the device that they name.
 */
export async function readArguments(args: string[]): Promise<string | undefined> {
  const { values } = parseArgs({
    args,
    options: { out: { type: "string" }, device: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help === true) return undefined;
  if (values.out === "") throw new Error("Option '--out <value>' needs the name of a folder");
  if (values.device !== undefined) setDefaultDevice(values.device as Device);
  const folder = resolve(values.out ?? defaultFolder);
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) throw new Error(`${folder} is not a folder`);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Shows a lesson whose file was started by itself, with its pictures in the folder that `--out` names. */
export async function showAlone(moduleUrl: string, lesson: () => Lesson): Promise<void> {
  if (!isMain(moduleUrl)) return;
  const usage = `Usage: node ${process.argv[1]} [--out DIR] [--device NAME]   (default: ./${defaultFolder}, cpu)`;
  let folder: string | undefined;
  try {
    folder = await readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 1;
    return;
  }
  if (folder === undefined) {
    console.log(usage);
    return;
  }
  const { title, lines, runs, pictures } = lesson();
  console.log([title, "", ...lines].join("\n"));
  if (runs.length > 0) console.log(`\n${formatTable(runs)}`);
  const problem = await tryToSave(pictures, folder);
  console.log(problem === undefined ? `\nPictures are in ${folder}` : `\nNo pictures: ${problem}`);
}

/**
 * Saves pictures as .svg and .png, animations as .html and .svg. Plots are optional: where their
 * packages are not installed, the reason is returned.
 */
export async function tryToSave(pictures: Lesson["pictures"], folder: string): Promise<string | undefined> {
  await mkdir(folder, { recursive: true });
  try {
    for (const [name, picture] of Object.entries(pictures)) {
      const endings = picture instanceof Figure ? [".svg", ".png"] : [".html", ".svg"];
      for (const ending of endings) await picture.save(join(folder, name + ending));
    }
    return undefined;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === "ERR_MISSING_PACKAGE" || code === "ERR_NO_FONTS") return message;
    throw error;
  }
}

const headings = ["optimizer", "start", "steps", "final x", "final f", "best f", "time per step"];

/** The runs, a line each; final x and f are those of the last evaluation, before the last update. */
export function formatTable(runs: readonly Run[]): string {
  const rows = runs.map((run) => [
    run.name,
    run.start.map(short).join(", "),
    String(run.steps),
    run.final.x.map(short).join(", "),
    short(run.final.f),
    short(run.bestF),
    Number.isNaN(run.microsecondsPerStep) ? "-" : `${run.microsecondsPerStep.toFixed(0)} µs`,
  ]);
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return [line(headings), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** A number in four digits. */
export function short(number: number): string {
  const size = Math.abs(number);
  if (!Number.isFinite(number) || size === 0) return String(number);
  return size < 1e-3 || size >= 1e4 ? number.toExponential(2) : String(Number(number.toFixed(4)));
}
