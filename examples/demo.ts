/* Runs the notebook from its first section to its last: `npm run demo`. */
import { isMain, type Lesson, type Run } from "./lesson.js";
import { defaultFolder, formatTable, readArguments, tryToSave } from "./show.js";
import { lesson as curve } from "./01-curve.js";
import { lesson as byHand } from "./02-descent-by-hand.js";
import { lesson as manyMinima } from "./03-many-minima.js";
import { lesson as optimizers } from "./04-optimizers.js";
import { lesson as lbfgs } from "./05-lbfgs.js";
import { lesson as schedulers } from "./06-schedulers.js";
import { lesson as stopping } from "./07-stopping.js";
import { lesson as learningRates } from "./08-learning-rates.js";
import { lesson as maximum } from "./09-maximum.js";
import { lesson as localAndGlobal } from "./10-local-and-global.js";
import { lesson as saddles } from "./11-saddles.js";
import { lesson as valley } from "./12-valley.js";

const lessons: (() => Lesson)[] = [
  curve,
  byHand,
  manyMinima,
  optimizers,
  lbfgs,
  schedulers,
  stopping,
  learningRates,
  maximum,
  localAndGlobal,
  saddles,
  valley,
];

const usage = `Usage: npm run demo -- [--out DIR] [--device NAME]

Runs the notebook 'Optimization with PyTorch' section by section, prints what each optimizer
reached, and draws plots (.svg, .png) and animations (.html, .svg).

  --out DIR   where to put the drawings (default: ./${defaultFolder})
  --device    where to compute: cpu, cuda, cuda:1 ... (default: cpu)
  --help      print this`;

async function runAll(folder: string): Promise<void> {
  const runs: Run[] = [];
  let [problem, files] = [undefined as string | undefined, 0];
  for (const [i, lesson] of lessons.entries()) {
    const started = performance.now();
    const { title, lines, runs: more, pictures } = lesson();
    console.log(`[${i + 1}/${lessons.length}] ${title}`);
    for (const line of lines) console.log(`    ${line}`);
    runs.push(...more);
    problem ??= await tryToSave(pictures, folder);
    files += 2 * Object.keys(pictures).length;
    console.log(`    ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  }
  console.log(formatTable(runs));
  console.log("\nx and f of the last evaluation; the median time of a step, reading x and f included.");
  console.log("Runs of few steps are mostly warm-up: in longer ones a step takes less.");
  console.log(
    problem === undefined
      ? `\n${files} plots and animations are in ${folder}\nOpen 04-adam-path.html there to see Adam at work.`
      : `\nNo plots: ${problem}`,
  );
}

/** Runs the demo, and returns the exit code. */
export async function main(args: string[]): Promise<number> {
  let folder: string | undefined;
  try {
    folder = await readArguments(args);
  } catch (error) {
    console.error(`demo: ${(error as Error).message}\n\n${usage}`);
    return 1;
  }
  if (folder === undefined) console.log(usage);
  else await runAll(folder);
  return 0;
}

if (isMain(import.meta.url)) {
  // Whoever reads may stop reading, as head does.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });
  process.exitCode = await main(process.argv.slice(2));
}
