#!/usr/bin/env node
import { parseArgs } from "node:util";
import { diagnose, inWords } from "./doctor.js";

const usage = `Usage: adjoint doctor [--device NAME] [--json]

  doctor            says what was found (addon, driver, GPUs) and tests every device for a moment;
                    the exit code is 0 if all that was found works, 1 otherwise
  --device NAME     tests this device alone: cpu, cuda, cuda:1 ...
  --json            the same as JSON
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
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const { values, positionals } = parse();
if (values.help) {
  console.log(usage);
} else if (positionals.length !== 1 || positionals[0] !== "doctor") {
  refuse(positionals.length === 0 ? "a command is needed" : `unknown command '${positionals.join(" ")}'`);
} else {
  const report = await diagnose(values.device);
  console.log(values.json ? JSON.stringify(report, null, 2) : inWords(report));
  process.exitCode = report.isWell ? 0 : 1;
}
