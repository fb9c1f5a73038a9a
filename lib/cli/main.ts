#!/usr/bin/env node
import { parseArgs } from "node:util";
import { diagnose, inWords } from "./doctor.js";

const usage = `Usage: adjoint doctor [--device NAME] [--json]
       adjoint race [--function NAME] [--optimizers NAME,NAME...] [--start X,Y] [--steps N] [--lr R] [--out PREFIX] [--json]

  doctor            says what was found (addon, driver, GPUs) and tests every device for a moment;
                    the exit code is 0 if all that was found works, 1 otherwise
  --device NAME     tests this device alone: cpu, cuda, cuda:1 ...
  --json            the same as JSON

  race              runs optimizers and methods of minimize on a test function, says how they did, and draws
                    their paths, their values and an animation (for which the package vega is needed)
  --function NAME   himmelblau (the usual one), rosenbrock, rastrigin, ackley, beale ...
  --optimizers ...  sgd,adam,rmsprop,bfgs,lbfgs,nelder-mead (the usual ones), and others
  --start X,Y       where they begin; the function's usual start by default
  --steps N         the most steps; 300 by default
  --lr R            learning rates: one for all, or adam=0.1,sgd=0.01; by default the best of some
  --out PREFIX      where the pictures go: PREFIX-paths.svg, PREFIX-loss.svg, PREFIX.html; with .png behind it as
                    PNG; "none" draws nothing
`;

/** Says how to call the program, and ends it. */
function refuse(message: string): never {
  console.error(`adjoint: ${message}\n\n${usage}`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        device: { type: "string" },
        json: { type: "boolean", default: false },
        function: { type: "string" },
        optimizers: { type: "string" },
        start: { type: "string" },
        steps: { type: "string" },
        lr: { type: "string" },
        out: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** The options that each command knows; every one knows --help and --json. */
const optionsOf = {
  doctor: ["device"],
  race: ["function", "optimizers", "start", "steps", "lr", "out"],
};

const { values, positionals } = parse();
const [command] = positionals;

async function doctor(): Promise<void> {
  const report = await diagnose(values.device);
  console.log(values.json ? JSON.stringify(report, null, 2) : inWords(report));
  process.exitCode = report.isWell ? 0 : 1;
}

async function runRace(): Promise<void> {
  const { draw, inTable, race, UnknownWord } = await import("./race.js");
  let result;
  try {
    result = race(values);
  } catch (error) {
    if (error instanceof UnknownWord) refuse(error.message);
    throw error;
  }
  console.log(values.json ? JSON.stringify(result, null, 2) : inTable(result));
  if (values.out === "none" || (values.json && values.out === undefined)) return;
  try {
    const files = await draw(result, values.out ?? `race-${values.function ?? "himmelblau"}`);
    if (!values.json) console.log(`\n${files.join("\n")}`);
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_MISSING_PACKAGE") throw error;
    console.error(`\nThere are no pictures: ${(error as Error).message}`);
  }
}

if (values.help) {
  console.log(usage);
} else if (positionals.length !== 1 || (command !== "doctor" && command !== "race")) {
  refuse(positionals.length === 0 ? "a command is needed" : `unknown command '${positionals.join(" ")}'`);
} else {
  for (const name of Object.keys(values))
    if (!["json", "help", ...optionsOf[command]].includes(name)) refuse(`${command} has no option --${name}`);
  await (command === "doctor" ? doctor() : runRace());
}
