/*
 * Runs the code in the documentation. A block's output is compared with the `text` block that follows
 * it, or else with the comments behind its console.log calls. Examples in docstrings show a call in the
 * middle of somebody's program, so they find a few names ready.
 */
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside the package, so that it can import itself by name.
const built = join(root, "dist");
if (!existsSync(join(built, "lib", "index.js"))) throw new Error("nothing is built: npm run build");
const folder = mkdtempSync(join(built, "documentation-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Block {
  where: string;
  language: string;
  code: string;
  /** What it must print; nothing where undefined. */
  output: string | undefined;
}

/** The files below a folder whose names match. */
function filesIn(name: string, pattern: RegExp): string[] {
  const files = readdirSync(join(root, name), { recursive: true, encoding: "utf8" });
  return files.filter((file) => pattern.test(file)).map((file) => `${name}/${file}`);
}

const pages = ["README.md", ...filesIn("docs", /\.md$/)];

/** The fenced blocks of a page. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), "utf8");
  const fences = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return fences.map((fence, i) => {
    const [, language, code] = fence as unknown as [string, string, string];
    const next = fences[i + 1];
    const between = next && text.slice(fence.index + fence[0].length, next.index);
    const hasOutput = next?.[1] === "text" && between?.trim() === "";
    const line = text.slice(0, fence.index).split("\n").length;
    const output = hasOutput ? next[2]! : commentsOf(code);
    return { where: `${page}:${line}`, language, code, output };
  });
}

/** The comments behind console.log calls, a line each. */
function commentsOf(code: string): string | undefined {
  const comments = [...code.matchAll(/^.*console\.log\(.*\);\s*\/\/ (.*)$/gm)].map(
    (match) => `${match[1]}\n`,
  );
  return comments.length > 0 ? comments.join("") : undefined;
}

const program: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ["node"],
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
};

/** Runs code as a module in an empty folder, and gives back what it prints. */
async function run(code: string, name: string): Promise<string> {
  const directory = join(folder, name);
  mkdirSync(directory);
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: false,
    },
  });
  const file = join(directory, "block.mjs");
  writeFileSync(file, outputText);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: directory });
  expect(stderr).toBe("");
  return stdout;
}

const programs = pages
  .flatMap(blocksOf)
  .filter(({ language }) => /^(ts|js|typescript|javascript|mjs)$/.test(language));

describe("blocks of code", () => {
  it("are found", () => {
    expect(programs.length).toBeGreaterThanOrEqual(5);
    // An unlabelled block would not be run.
    expect(pages.flatMap(blocksOf).filter(({ language }) => language === "")).toEqual([]);
  });

  it.each(programs)("$where prints what it says", async ({ where, code, output }) => {
    expect(await run(code, where.replace(/\W/g, "-"))).toBe(output ?? "");
  });

  it("have no errors of type", () => {
    const files = programs.map(({ code }, i) => {
      const file = join(folder, `types-${i}.mts`);
      writeFileSync(file, code);
      return file;
    });
    const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(files, program));
    const messages = diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    expect(messages).toEqual([]);
  });
});

/** What examples take for granted. */
const before = `
import * as adjoint from "adjoint";
import * as plot from "adjoint/plot";
const { arange, autograd, cartesianProd, cat, cdist, cuda, einsum, engineStats, explain, eye, func, hstack, linalg, linspace, manualSeed, meshgrid, multinomial, nn, noGrad, optim, pow, randint, randn, randperm, searchsorted, setDefaultDevice, setFloat32MatmulPrecision, setPrintOptions, softmax, stack, tensor, tensordot, tidy, trapezoid, varMean, where, zeros } = adjoint;
const { Adam, AdamW, LBFGS, SGD, rule, RuleOptimizer } = optim;
const { option, learningRate } = optim.checks;
const { ReduceLROnPlateau } = optim.lrScheduler;
const { figure, animatePath } = plot;
const loss = (x) => x.pow(2).div(20).add(x.sin().tanh()).sum();
const x = tensor([8], { requiresGrad: true });
const [validationLoss, adamPoints, sgdPoints] = [0.5, [[1, 1]], [[0, 1]]];
const optimizer = new SGD([x], { lr: 0.1 });
`;

describe("examples in docstrings", () => {
  const examples = filesIn("lib", /\.ts$/).flatMap((file): Block[] => {
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/^ *\* @example\n((?: *\* (?!@).*\n| *\*\n)+)/gm)].map((match) => {
      const code = match[1]!.replace(/^ *\* ?/gm, "");
      const line = text.slice(0, match.index).split("\n").length;
      return { where: `${file}:${line}`, language: "ts", code, output: commentsOf(code) };
    });
  });

  it("are found", () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
  });

  it.each(examples)("$where runs", async ({ where, code, output }) => {
    const imports = [...code.matchAll(/^import .*$/gm)].map(([line]) => line).join("\n");
    const rest = code.replace(/^import .*$/gm, "");
    const f = "const f = loss;";
    const printed = await run(`${before}${imports}\n${f}\n{\n${rest}\n}`, where.replace(/\W/g, "-"));
    expect(printed).toBe(output ?? "");
  });
});

describe("tables", () => {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const tables = [...text.matchAll(/^\| (?:PyTorch|tfjs) \| adjoint \|\n\|[-|]+\|\n((?:\|.*\|\n)+)/gm)];
  const cells = tables.flatMap(([, rows]) => rows!.trim().split("\n").map((row) => row.split(" | ")[1]!)); // prettier-ignore
  const snippets = cells.flatMap((cell) => {
    return [...cell.matchAll(/(`+)(.+?)\1(?!`)/g)].map((match) => match[2]!.trim());
  });

  it("have both languages' code in every row", () => {
    expect(tables).toHaveLength(2);
    for (const cell of cells) expect(cell).toContain("`");
  });

  it("hold code that works", async () => {
    const tried = snippets.map(
      (code) => `try {
  setDefaultDevice("cpu");
  optimizer.zeroGrad();
  const f = loss(x);
  loss(x).backward();
  const y = arange(12).reshape(4, 3).clone(), a = y.gt(3), b = y.lt(5), v = tensor([1]), A = eye(3), c = x.gt(3);
  const places = y.argsort(1), rows = tensor([2n, 0n]), columns = tensor([1n, 2n]), L = linalg.cholesky(A);
  const images = zeros([1, 1, 28, 28]), patches = nn.functional.unfold(images, 3, { padding: 1 });
  const kernels = zeros([4, 1, 3, 3]), bias = zeros([4]);
  ${code};
} catch (error) {
  // Without a GPU, saying so is what works.
  if (error.code !== "ERR_NO_CUDA" || cuda.isAvailable())
    failed.push(${JSON.stringify(code)} + ": " + error.message);
}`,
    );
    const silent = `const console = { log: (...args) => String(args) };`;
    const code = `${before}\n${silent}\nconst failed = [];\n${tried.join("\n")}\nprocess.stdout.write(failed.join("\\n"));`;
    expect(snippets.length).toBeGreaterThan(40);
    expect(await run(code, "tables")).toBe("");
  });
});

describe("commands and links", () => {
  const text = pages.map((page) => readFileSync(join(root, page), "utf8")).join("\n");
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  let commands: string[];
  beforeAll(() => {
    const shell = pages.flatMap(blocksOf).filter(({ language }) => language === "sh");
    const inline = [...text.matchAll(/`((?:npm|node) [^`]+)`/g)].map((match) => match[1]!);
    commands = [...shell.flatMap(({ code }) => code.split(/&&|\n/)), ...inline].map((line) => line.trim());
  });

  it("name npm scripts that exist", () => {
    expect(commands).toContain("npm ci");
    for (const command of commands) {
      const name = /^npm (?:run (\S+)|(test)\b)/.exec(command);
      if (name) expect(scripts, command).toHaveProperty([name[1] ?? name[2]!]);
    }
  });

  it("name files that exist", () => {
    for (const command of commands) {
      const file = /^node dist\/(\S+)\.js/.exec(command)?.[1];
      if (file !== undefined) expect(existsSync(join(root, `${file}.ts`)), command).toBe(true);
    }
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)|src="([^"]+)"/g)].map(
      (match) => match[1] ?? match[2]!,
    );
    for (const link of links.filter((one) => !/^\w+:/.test(one))) {
      expect(existsSync(join(root, link)), link).toBe(true);
    }
  });

  it("lists every lesson", () => {
    for (const file of filesIn("examples", /^\d.*\.ts$/)) expect(text).toContain(`(${file})`);
  });

  it("shows the essentials on the first screen", () => {
    const first = readFileSync(join(root, "README.md"), "utf8").split("\n").slice(0, 40).join("\n");
    for (const part of [
      "npm ci && npm run demo",
      "npm ci && npm test",
      "tensor([-0.2749])",
      "❌",
      "adam-loop",
    ]) {
      expect(first).toContain(part);
    }
  });
});
